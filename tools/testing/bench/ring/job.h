/* SPDX-License-Identifier: GPL-2.0 */
/* One way to bring frames from one thread to another through shared memory. */
#ifndef _BENCH_RING_JOB_H
#define _BENCH_RING_JOB_H

#include <stdalign.h>
#include <net/ivnet/shm_region.h>

#define BATCH		32	/* frames */
#define GRANULE		IVNET_SHM_GRANULE
#define APART		128	/* bytes between what different threads write */

#define ARRAY_SIZE(x)	(sizeof(x) / sizeof((x)[0]))

/**
 * struct job - what the two threads work on
 * @base: the shared memory
 * @geo: how the ivnet-shm region is laid out; the others use as much of it
 * @len: bytes of each frame
 * @src: BATCH frames, private to the sender
 * @dst: room for BATCH frames, private to the receiver
 * @stride: bytes from one frame to the next in @src and @dst
 */
struct job {
	u8 *base;
	struct ivnet_shm_geometry geo;
	u32 len;
	u8 *src;
	u8 *dst;
	u32 stride;
};

/**
 * struct way - an implementation
 * @name: for people
 * @setup: prepare the shared memory; false if it is too small
 * @send: send as many of the first @n frames of &job.src as there is room for,
 *	and tell the other side; returns how many
 * @receive: receive up to BATCH frames to the start of &job.dst, and tell the
 *	other side; returns how many, or -1 if something is wrong
 */
struct way {
	const char *name;
	bool (*setup)(const struct job *job);
	u32 (*send)(const struct job *job, u32 n);
	int (*receive)(const struct job *job);
};

extern const struct way way_shm;
extern const struct way way_copy;
extern const struct way way_virtq;

static inline u8 *job_src(const struct job *job, u32 i)
{
	return job->src + (size_t)job->stride * i;
}

static inline u8 *job_dst(const struct job *job, u32 i)
{
	return job->dst + (size_t)job->stride * i;
}

#endif
