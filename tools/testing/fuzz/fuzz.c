// SPDX-License-Identifier: GPL-2.0
/* Entry point of libFuzzer; the Makefile gives it the name it has to have. */

#include "meta.h"

int fuzz_one(const u8 *data, size_t size);

int fuzz_one(const u8 *data, size_t size)
{
	input_run(data, size);

	return 0;
}
