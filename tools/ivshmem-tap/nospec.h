/* SPDX-License-Identifier: GPL-2.0 */
/* A peer's number as an index, for a processor that guesses ahead. */
#ifndef NOSPEC_H
#define NOSPEC_H

#include <net/ivnet/shm_ring.h>

/* @index, which is below @size; 0 where that is only guessed. */
static inline u32 nospec(u32 index, u32 size)
{
	u64 below = ((u64)index - size) >> 63;

	/* The compiler must not know that it is always the same. */
	__asm__ volatile("" : "+r"(below));
	return index & (u32)-below;
}

#endif
