// SPDX-License-Identifier: GPL-2.0
/*
 * Runs pseudo-random inputs, the same ones each time: most of their bytes are
 * small, as those choose what happens. Needs no fuzzer.
 *
 * usage: sweep RUNS
 */

#include "run.h"

#define INPUT_MAX	1024

static u32 rnd(void)
{
	static u64 state = 1;

	state = state * 6364136223846793005ULL + 1442695040888963407ULL;

	return state >> 33;
}

int main(int argc, char **argv)
{
	unsigned long i, runs = argc > 1 ? strtoul(argv[1], NULL, 0) : 0;
	unsigned long accepted = 0;
	size_t size, k;
	u8 *data;

	for (i = 0; i < runs; i++) {
		size = rnd() % INPUT_MAX;
		/* Of exactly this size: one byte too many is an error. */
		data = malloc(size ? size : 1);
		if (!data)
			return 1;
		for (k = 0; k < size; k++)
			data[k] = rnd() % 4 ? rnd() % 16 : rnd();
		accepted += FUZZ_RUN(data, size);
		free(data);
	}
	printf("%lu runs, %lu accepted\n", runs, accepted);

	/* Inputs of which nothing is accepted test nothing. */
	return accepted ? 0 : 1;
}
