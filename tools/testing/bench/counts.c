// SPDX-License-Identifier: GPL-2.0
/*
 * QEMU plugin: how often is each piece of guest code run?
 *
 * Counts every translation block by its address. A client of the socket given
 * as "socket=PATH" writes the name of a file and gets the state there, lines of
 * "ADDRESS INSTRUCTIONS EXECUTIONS", and "ok" when it is complete. All code of
 * user space is one address, 0.
 *
 * Header files of QEMU come with its source only, so what is used of the first
 * version of its interface (QEMU 4.2 to 8.1) is declared here.
 */
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))
#define INLINE_ADD_U64 0
#define HASH_SIZE (1 << 16)
#define USER_END (1ULL << 63)

struct qemu_plugin_tb;
struct qemu_info_t;

void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id,
					   void (*cb)(uint64_t id,
						      struct qemu_plugin_tb *tb));
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);

void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *tb, int op,
					      void *ptr, uint64_t imm);

EXPORT int qemu_plugin_version = 1;

struct block {
	struct block *next;	/* of the same hash */
	struct block *older;
	uint64_t addr;
	uint64_t insns;
	uint64_t runs;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct block *table[HASH_SIZE];
static struct block *newest;
static int listener;

static struct block *find(uint64_t addr, uint64_t insns)
{
	struct block **head, *b;

	head = &table[(addr ^ addr >> 16 ^ insns << 8) % HASH_SIZE];
	for (b = *head; b; b = b->next)
		if (b->addr == addr && b->insns == insns)
			return b;
	b = calloc(1, sizeof(*b));
	if (!b)
		abort();
	b->addr = addr;
	b->insns = insns;
	b->next = *head;
	*head = b;
	b->older = newest;
	newest = b;
	return b;
}

static void translated(uint64_t id, struct qemu_plugin_tb *tb)
{
	uint64_t addr = qemu_plugin_tb_vaddr(tb);
	struct block *b;

	(void)id;
	pthread_mutex_lock(&lock);
	b = find(addr < USER_END ? 0 : addr, qemu_plugin_tb_n_insns(tb));
	pthread_mutex_unlock(&lock);
	qemu_plugin_register_vcpu_tb_exec_inline(tb, INLINE_ADD_U64, &b->runs, 1);
}

static bool dump(const char *name)
{
	FILE *file = fopen(name, "w");
	const struct block *b;
	uint64_t runs;

	if (!file)
		return false;
	pthread_mutex_lock(&lock);
	for (b = newest; b; b = b->older) {
		runs = __atomic_load_n(&b->runs, __ATOMIC_RELAXED);
		if (runs)
			fprintf(file, "%llx %llu %llu\n",
				(unsigned long long)b->addr,
				(unsigned long long)b->insns,
				(unsigned long long)runs);
	}
	pthread_mutex_unlock(&lock);
	return !fclose(file);
}

static void *serve(void *unused)
{
	char name[512];
	ssize_t len;
	int client;

	(void)unused;
	while ((client = accept(listener, NULL, NULL)) >= 0) {
		while ((len = read(client, name, sizeof(name) - 1)) > 0) {
			name[len] = 0;
			if (write(client, dump(name) ? "ok" : "no", 2) != 2)
				break;
		}
		close(client);
	}
	return NULL;
}

EXPORT int qemu_plugin_install(uint64_t id, const struct qemu_info_t *info,
			       int argc, char **argv)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	sigset_t all, old;
	pthread_t thread;
	int err;

	(void)info;
	if (argc != 1 || strncmp(argv[0], "socket=", 7) ||
	    strlen(argv[0] + 7) >= sizeof(addr.sun_path))
		return -1;
	memcpy(addr.sun_path, argv[0] + 7, strlen(argv[0] + 7));
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (listener < 0 ||
	    bind(listener, (struct sockaddr *)&addr, sizeof(addr)) ||
	    listen(listener, 1))
		return -1;

	/* QEMU's signals are for its own threads. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = pthread_create(&thread, NULL, serve, NULL);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (err)
		return -1;
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);

	return 0;
}
