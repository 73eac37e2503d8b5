// SPDX-License-Identifier: GPL-2.0
/*
 * ivshmem-server: the server that QEMU's ivshmem-doorbell devices need. It
 * hands out the memory they share and an eventfd per client and vector; from
 * then on guests ring each other without it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

#include "listener.h"
#include "log.h"
#include "memory.h"
#include "options.h"
#include "process.h"
#include "server.h"
#include "systemd.h"

/* epoll, signals, log, locks, listener, memory, standard streams, a few more */
#define OTHER_DESCRIPTORS 24

static int serve(const struct options *o, int given, int ready_fd)
{
	struct listener listener = { .fd = -1, .lock.fd = -1 };
	struct lock_file pid_file = { .fd = -1 };
	struct memory memory = { .fd = -1 };
	int code = -1;

	if (memory_open(&memory, o))
		goto out;
	if (o->daemon.pid_file && lock_file_take(&pid_file, o->daemon.pid_file, "--pid-file"))
		goto out;
	/* Last, so that who finds the socket also finds a server. */
	if (listener_open(&listener, o, given))
		goto out;
	if (drop_privileges(o->daemon.user, o->daemon.group))
		goto out;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		pr_warn("PR_SET_NO_NEW_PRIVS: %s", strerror(errno));
	listener_check_removable(&listener);
	code = server_run(o, &listener, &memory, ready_fd);
out:
	listener_close(&listener);
	lock_file_release(&pid_file);
	memory_close(&memory);
	return code;
}

int main(int argc, char **argv)
{
	struct options options;
	int given, ready_fd = -1;
	char what[64];

	if (fill_standard_streams())
		return 1;
	options_parse(&options, argc, argv);
	given = systemd_socket();
	if (given == BAD_SOCKET)
		return 1;
	options_check_socket(&options, given != NO_SOCKET);
	if (options.daemon.log && log_open(options.daemon.log))
		return 1;
	set_signals();
	snprintf(what, sizeof(what), "%u clients with %u vectors", options.clients,
		 options.vectors);
	raise_descriptor_limit(options.clients * (options.vectors + 1) + OTHER_DESCRIPTORS, what);
	if (options.daemon.daemonize) {
		ready_fd = go_to_background();
		if (ready_fd < 0)
			return 1;
	}
	return serve(&options, given, ready_fd) ? 1 : 0;
}
