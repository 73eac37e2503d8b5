// SPDX-License-Identifier: GPL-2.0
/* The core's module. */

#include <linux/module.h>

#include "ivnet.h"

static int __init ivnet_init(void)
{
	return ivnet_affinity_init();
}

static void __exit ivnet_exit(void)
{
	ivnet_affinity_exit();
}

module_init(ivnet_init);
module_exit(ivnet_exit);
MODULE_DESCRIPTION("Ethernet for guests: core");
MODULE_VERSION(IVNET_VERSION);
MODULE_LICENSE("GPL");
