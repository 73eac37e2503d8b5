// SPDX-License-Identifier: GPL-2.0
/*
 * Is it worth summing up a frame while it is copied out of shared memory?
 *
 *	sum BYTES AREA	copies frames of so many bytes from one area of AREA KiB to
 *			another; says how many ns each takes, copied and then summed
 *			up, and both in one
 *
 * The loops are as wide as those of the kernel for x86-64: csum_partial() adds in
 * two chains, csum_partial_copy_nocheck() in one, with 64 bytes in registers.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TOTAL	(100UL << 20)	/* bytes that a measurement copies */

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);

	return t.tv_sec * 1e9 + t.tv_nsec;
}

static uint64_t add(uint64_t a, uint64_t b)
{
	a += b;

	return a + (a < b);
}

static uint64_t rest(uint8_t *to, const uint8_t *from, size_t len, uint64_t sum)
{
	uint64_t word;

	for (; len; from += sizeof(word), to += sizeof(word)) {
		size_t part = len < sizeof(word) ? len : sizeof(word);

		word = 0;
		memcpy(&word, from, part);
		memcpy(to, &word, part);
		sum = add(sum, word);
		len -= part;
	}

	return sum;
}

static void copy(void *to, const void *from, size_t len)
{
	asm volatile("rep movsb" : "+D" (to), "+S" (from), "+c" (len) : : "memory");
}

static uint64_t sum_up(uint8_t *p, size_t len)
{
	uint64_t a = 0, b = 0;

	for (; len >= 80; len -= 80, p += 80)
		asm volatile("addq (%2), %0\n\tadcq 8(%2), %0\n\tadcq 16(%2), %0\n\t"
			     "adcq 24(%2), %0\n\tadcq 32(%2), %0\n\tadcq $0, %0\n\t"
			     "addq 40(%2), %1\n\tadcq 48(%2), %1\n\tadcq 56(%2), %1\n\t"
			     "adcq 64(%2), %1\n\tadcq 72(%2), %1\n\tadcq $0, %1"
			     : "+&r" (a), "+&r" (b) : "r" (p) : "memory", "cc");

	return rest(p, p, len, add(a, b));
}

static uint64_t copy_and_sum(uint8_t *to, const uint8_t *from, size_t len)
{
	uint64_t sum = 0;

	for (; len >= 64; len -= 64, from += 64, to += 64)
		asm volatile("movq (%1), %%r8\n\tmovq 8(%1), %%r9\n\t"
			     "movq 16(%1), %%r10\n\tmovq 24(%1), %%r11\n\t"
			     "movq 32(%1), %%r12\n\tmovq 40(%1), %%r13\n\t"
			     "movq 48(%1), %%r14\n\tmovq 56(%1), %%r15\n\t"
			     "addq %%r8, %0\n\tadcq %%r9, %0\n\tadcq %%r10, %0\n\t"
			     "adcq %%r11, %0\n\tadcq %%r12, %0\n\tadcq %%r13, %0\n\t"
			     "adcq %%r14, %0\n\tadcq %%r15, %0\n\tadcq $0, %0\n\t"
			     "movq %%r8, (%2)\n\tmovq %%r9, 8(%2)\n\t"
			     "movq %%r10, 16(%2)\n\tmovq %%r11, 24(%2)\n\t"
			     "movq %%r12, 32(%2)\n\tmovq %%r13, 40(%2)\n\t"
			     "movq %%r14, 48(%2)\n\tmovq %%r15, 56(%2)"
			     : "+&r" (sum) : "r" (from), "r" (to)
			     : "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
			       "memory", "cc");

	return rest(to, from, len, sum);
}

static uint16_t fold(uint64_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);

	return sum;
}

int main(int argc, char **argv)
{
	size_t len, area, at, n, i, slot;
	uint64_t sums[2] = { 0, 0 };
	uint8_t *from, *to;
	double took[2];
	int way;

	len = argc == 3 ? strtoul(argv[1], NULL, 0) : 0;
	area = argc == 3 ? strtoul(argv[2], NULL, 0) << 10 : 0;
	if (!len || area < len) {
		fprintf(stderr, "usage: sum BYTES AREA\n");
		return 2;
	}
	from = malloc(area);
	to = malloc(area);
	if (!from || !to) {
		perror("sum");
		return 1;
	}
	for (i = 0; i < area; i++)
		from[i] = i * 7 + (i >> 9);
	memset(to, 0, area);

	slot = (len + 63) & ~63UL;
	n = TOTAL / len;
	for (way = 0; way < 2; way++) {
		took[way] = now();
		for (i = 0, at = 0; i < n; i++, at += slot) {
			if (at + len > area)
				at = 0;
			if (way) {
				sums[way] += fold(copy_and_sum(to + at, from + at, len));
			} else {
				copy(to + at, from + at, len);
				sums[way] += fold(sum_up(to + at, len));
			}
		}
		took[way] = (now() - took[way]) / n;
	}
	if (sums[0] != sums[1]) {
		fprintf(stderr, "sum: the sums differ\n");
		return 1;
	}
	printf("%f %f\n", took[0], took[1]);

	return 0;
}
