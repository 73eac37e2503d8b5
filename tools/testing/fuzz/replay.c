// SPDX-License-Identifier: GPL-2.0
/*
 * Runs the files of the corpus, then variations of each: every truncation,
 * every byte with each of some awkward values, every 16-bit field of the
 * metadata around its limits. Needs no fuzzer.
 *
 * usage: replay FILE...
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "meta.h"

#define SIZE_MAX_INPUT	4096

struct counts {
	unsigned long runs;
	unsigned long accepted;
};

static void run(const u8 *data, size_t size, struct counts *c)
{
	u8 *exact = malloc(size ? size : 1);

	if (!exact)
		abort();
	memcpy(exact, data, size);
	c->runs++;
	c->accepted += input_run(exact, size);
	free(exact);
}

static void truncations(const u8 *data, size_t size, struct counts *c)
{
	size_t len;

	for (len = 0; len < size; len++)
		run(data, len, c);
}

static void bytes(u8 *data, size_t size, struct counts *c)
{
	static const u8 values[] = {
		0, 1, 4, 5, 6, 8, 14, 17, 43, 44, 60, 0x40, 0x44, 0x45, 0x4f,
		0x50, 0x5f, 0x60, 0x7f, 0x80, 0x81, 0x86, 0x88, 0xa8, 0xdd,
		0xf0, 0xfe, 0xff
	};
	size_t i, j;
	u8 old;

	for (i = 0; i < size && i < 200; i++) {
		old = data[i];
		for (j = 0; j < ARRAY_SIZE(values); j++) {
			data[i] = values[j];
			run(data, size, c);
		}
		data[i] = old;
	}
}

/* Two fields at a time: limits that depend on each other. */
static void fields(u8 *data, size_t size, struct counts *c)
{
	const u16 len = size - INPUT_HDR;
	const u16 values[] = {
		0, 1, 13, 14, 15, len - 3, len - 2, len - 1, len, len + 1,
		0x7fff, 0x8000, 0xfffe, 0xffff
	};
	u8 old[INPUT_HDR];
	size_t a, b, i, j;

	memcpy(old, data, INPUT_HDR);
	for (a = 2; a <= 8; a += 2)
		for (b = a + 2; b <= 12; b += 2 + 2 * (b == 8))
			for (i = 0; i < ARRAY_SIZE(values); i++)
				for (j = 0; j < ARRAY_SIZE(values); j++) {
					data[a] = values[i];
					data[a + 1] = values[i] >> 8;
					data[b] = values[j];
					data[b + 1] = values[j] >> 8;
					run(data, size, c);
					memcpy(data, old, INPUT_HDR);
				}
}

static int file(const char *name, struct counts *c)
{
	static u8 data[SIZE_MAX_INPUT];
	size_t size;
	FILE *f;

	f = fopen(name, "rb");
	if (!f) {
		perror(name);
		return -1;
	}
	size = fread(data, 1, sizeof(data), f);
	fclose(f);

	run(data, size, c);
	truncations(data, size, c);
	if (size >= INPUT_HDR) {
		bytes(data, size, c);
		fields(data, size, c);
	}

	return 0;
}

int main(int argc, char **argv)
{
	struct counts c = { 0, 0 };
	int i;

	for (i = 1; i < argc; i++)
		if (file(argv[i], &c))
			return 1;

	printf("%d files, %lu runs, %lu accepted\n", argc - 1, c.runs,
	       c.accepted);
	/* A corpus of which nothing is accepted tests nothing. */
	return c.accepted ? 0 : 1;
}
