// SPDX-License-Identifier: GPL-2.0
/* The module of the unit tests; each *_test.c is a suite. */

#include <linux/module.h>

MODULE_DESCRIPTION("Ethernet for guests: unit tests");
MODULE_LICENSE("GPL");
