// SPDX-License-Identifier: GPL-2.0
/*
 * Frames from one thread to another, for a while; prints frames per second. Or a
 * word to and fro; prints the nanoseconds that it takes one way.
 *
 * usage: ring WAY BYTES MILLISECONDS REGION_KIB
 *        ring latency
 *
 * The threads are pinned to the first two processors that this process may use.
 * Before the clock runs each byte of some frames is compared.
 */

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <stdnoreturn.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "job.h"

#define WARM_MS		50
#define VERIFIED	1000	/* frames */
#define CLOCK_EVERY	16	/* batches */
#define BOUNCES		100000

static const struct way *const ways[] = { &way_shm, &way_copy, &way_virtq };

static struct job job;
static const struct way *way;
static bool stop;

static noreturn void die(const char *what)
{
	fprintf(stderr, "ring: %s\n", what);
	exit(1);
}

static u64 now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);

	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

/* What byte @k of frame @frame is while frames are compared. */
static u8 byte_of(u64 frame, u32 k)
{
	return (u8)(frame * 7 + k + (k >> 8));
}

static void *sender(void *arg)
{
	u64 sent = 0;
	u32 i, k, n;

	(void)arg;
	while (sent < VERIFIED) {
		for (i = 0; i < BATCH; i++)
			for (k = 0; k < job.len; k++)
				job_src(&job, i)[k] = byte_of(sent + i, k);
		for (n = 0; !n; )
			n = way->send(&job, BATCH);
		sent += n;
	}
	while (!ivnet_shm_load(&stop))
		way->send(&job, BATCH);

	return NULL;
}

static int receive(void)
{
	int n = way->receive(&job);

	if (n < 0)
		die("a frame was refused");

	return n;
}

static void verify(void)
{
	u64 got = 0;
	int i, n;
	u32 k;

	while (got < VERIFIED) {
		n = receive();
		for (i = 0; i < n; i++, got++)
			for (k = 0; got < VERIFIED && k < job.len; k++)
				if (job_dst(&job, i)[k] != byte_of(got, k))
					die("a frame was garbled");
	}
}

/* Returns frames per second. */
static double receiver(u32 ms)
{
	u64 begin, now, got = 0;
	u32 i;

	verify();
	begin = now_ns();
	do {
		for (i = 0; i < CLOCK_EVERY; i++)
			receive();
		now = now_ns();
	} while (now < begin + WARM_MS * 1000000ULL);

	begin = now;
	do {
		for (i = 0; i < CLOCK_EVERY; i++)
			got += receive();
		now = now_ns();
	} while (now < begin + ms * 1000000ULL);
	ivnet_shm_store(&stop, true);

	return got * 1e9 / (now - begin);
}

static void *bounce(void *arg)
{
	u32 *word = arg, i;

	for (i = 1; i < 2 * BOUNCES; i += 2) {
		while (ivnet_shm_load(word) != i)
			;
		ivnet_shm_store(word, i + 1);
	}

	return NULL;
}

/* Returns the nanoseconds that a word takes from one processor to the other. */
static double latency(u32 *word)
{
	u64 begin = now_ns();
	u32 i;

	for (i = 0; i < 2 * BOUNCES; i += 2) {
		while (ivnet_shm_load(word) != i)
			;
		ivnet_shm_store(word, i + 1);
	}

	return (now_ns() - begin) / (2.0 * BOUNCES);
}

static void pin(int which)
{
	cpu_set_t all, one;
	int cpu;

	sched_getaffinity(0, sizeof(all), &all);
	for (cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &all) && !which--)
			break;
	if (cpu == CPU_SETSIZE)
		die("two processors are needed");
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	/* Of this thread alone; those it makes inherit it. */
	if (sched_setaffinity(0, sizeof(one), &one))
		die("cannot be pinned");
}

static u8 *map(u64 size, int fd)
{
	u8 *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_POPULATE |
		     (fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED), fd, 0);

	if (p == MAP_FAILED)
		die("no memory");

	return p;
}

/* The other thread runs on the second processor, this one on the first. */
static pthread_t begin(void *(*other)(void *), void *arg)
{
	pthread_t thread;
	cpu_set_t all;

	sched_getaffinity(0, sizeof(all), &all);
	pin(1);
	if (pthread_create(&thread, NULL, other, arg))
		die("no thread");
	sched_setaffinity(0, sizeof(all), &all);
	pin(0);

	return thread;
}

static void setup(char **argv)
{
	u64 size = strtoull(argv[4], NULL, 0) << 10;
	u32 i;
	int fd;

	for (i = 0; i < ARRAY_SIZE(ways); i++)
		if (!strcmp(argv[1], ways[i]->name))
			way = ways[i];
	if (!way)
		die("no such way");
	job.len = strtoul(argv[2], NULL, 0);
	if (job.len < IVNET_SHM_FRAME_MIN || job.len > IVNET_SHM_FRAME_MAX)
		die("no such frame");
	if (ivnet_shm_geometry_default(&job.geo, size, 2, 1))
		die("no such region");

	fd = memfd_create("ring", MFD_CLOEXEC);
	if (fd < 0 || ftruncate(fd, size))
		die("no shared memory");
	job.base = map(size, fd);
	job.stride = (job.len + GRANULE - 1) & ~(GRANULE - 1);
	job.src = map((u64)job.stride * BATCH, -1);
	job.dst = map((u64)job.stride * BATCH, -1);
	if (!way->setup(&job))
		die("the region is too small");
}

int main(int argc, char **argv)
{
	static alignas(APART) u32 word;
	pthread_t thread;

	if (argc == 2 && !strcmp(argv[1], "latency")) {
		thread = begin(bounce, &word);
		printf("%.1f\n", latency(&word));
	} else if (argc == 5) {
		setup(argv);
		thread = begin(sender, NULL);
		printf("%.0f\n", receiver(strtoul(argv[3], NULL, 0)));
	} else {
		die("usage: ring latency | ring WAY BYTES MILLISECONDS REGION_KIB");
	}
	pthread_join(thread, NULL);

	return 0;
}
