/* SPDX-License-Identifier: GPL-2.0 */
/* What the fuzzers have in common: an input that is used up, and demands. */
#ifndef _FUZZ_RUN_H
#define _FUZZ_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <linux/types.h>

#define ARRAY_SIZE(x)	(sizeof(x) / sizeof((x)[0]))

/* A property that holds whatever the input is. */
#define MUST(property)							\
	do {								\
		if (!(property)) {					\
			fprintf(stderr, "%s:%d: broken: %s\n",		\
				__FILE__, __LINE__, #property);		\
			abort();					\
		}							\
	} while (0)

/**
 * struct bytes - what is left of an input; zeroes follow it
 * @next: the next byte
 * @left: how many
 */
struct bytes {
	const u8 *next;
	size_t left;
};

static inline u8 take8(struct bytes *b)
{
	if (!b->left)
		return 0;
	b->left--;

	return *b->next++;
}

static inline u16 take16(struct bytes *b)
{
	u16 low = take8(b);

	return low | take8(b) << 8;
}

static inline u32 take32(struct bytes *b)
{
	u32 low = take16(b);

	return low | (u32)take16(b) << 16;
}

/* Each runs one input and tells whether it got past the checks. */
bool input_run(const u8 *data, size_t size);
bool ring_run(const u8 *data, size_t size);
bool classic_run(const u8 *data, size_t size);
bool region_run(const u8 *data, size_t size);

#endif
