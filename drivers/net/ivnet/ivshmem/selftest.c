// SPDX-License-Identifier: GPL-2.0
/*
 * The self test of a device with shared memory. A port has no link to itself, so
 * frames cannot be tried without a peer.
 */

#include <linux/netdevice.h>

#include "../core/selftest.h"
#include "shm.h"

static int test_registers(struct shm_dev *sd)
{
	/* The first one has the doorbell address. */
	return sd->bus->reg(sd, sd->bus->regs[0]) == sd->position ? 0 : -EIO;
}

static int test_region(struct shm_dev *sd)
{
	int err = 0;

	mutex_lock(&sd->lock);
	if (!shm_region_kept(sd))
		err = -ESTALE;
	else if (sd->port < 0)
		err = -ENXIO;
	else if (!shm_port_mine(sd))
		err = -EBUSY;
	mutex_unlock(&sd->lock);

	return err;
}

/**
 * shm_selftest() - &ivnet_transport_ops.selftest
 * @idev: the device
 * @t: the run
 */
void shm_selftest(struct ivnet_dev *idev, struct ivnet_selftest *t)
{
	struct shm_dev *sd = ivnet_priv(idev);
	u32 i;

	if (sd->bus->n_regs && ivnet_selftest_next(t, false, "registers"))
		ivnet_selftest_result(t, test_registers(sd));
	if (sd->links && ivnet_selftest_next(t, false, "region"))
		ivnet_selftest_result(t, test_region(sd));
	for (i = 0; sd->bus->ring_self && i < sd->vectors; i++)
		if (ivnet_selftest_next(t, false, "vector %u", i))
			ivnet_selftest_result(t, sd->bus->ring_self(sd, i));
}
