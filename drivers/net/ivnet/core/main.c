// SPDX-License-Identifier: GPL-2.0
/* The core's module. */

#include <linux/module.h>

#include "ivnet.h"

static int __init ivnet_init(void)
{
	int err;

	err = ivnet_affinity_init();
	if (err)
		return err;
	ivnet_debugfs_init();

	return 0;
}

static void __exit ivnet_exit(void)
{
	ivnet_debugfs_exit();
	ivnet_affinity_exit();
}

module_init(ivnet_init);
module_exit(ivnet_exit);
MODULE_DESCRIPTION("Ethernet for guests: core");
MODULE_VERSION(IVNET_VERSION);
MODULE_LICENSE("GPL");
