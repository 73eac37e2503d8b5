/* SPDX-License-Identifier: GPL-2.0 */
/* Self test: what a transport makes its tests with. */
#ifndef _IVNET_SELFTEST_H
#define _IVNET_SELFTEST_H

#include <linux/ethtool.h>

/**
 * struct ivnet_selftest - a run through the list of tests
 * @n: tests so far
 * @names: where their names go; NULL if they are not asked for
 * @test: how they are made; NULL if they are only listed
 * @data: their results
 */
struct ivnet_selftest {
	u32 n;
	u8 *names;
	struct ethtool_test *test;
	u64 *data;
};

__printf(3, 4)
bool ivnet_selftest_next(struct ivnet_selftest *t, bool offline,
			 const char *fmt, ...);
void ivnet_selftest_result(struct ivnet_selftest *t, int err);

#endif
