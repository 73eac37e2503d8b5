// SPDX-License-Identifier: GPL-2.0
/*
 * Entry point of libFuzzer. The Makefile gives it the name it has to have, and
 * what it runs.
 */

#include "run.h"

int fuzz_one(const u8 *data, size_t size);

int fuzz_one(const u8 *data, size_t size)
{
	FUZZ_RUN(data, size);

	return 0;
}
