// SPDX-License-Identifier: GPL-2.0
/*
 * Failover (STANDBY): this device stands by for a passed-through one with the
 * same address, which leaves while the guest migrates. The kernel's
 * net_failover joins both under a net_device of its own.
 */

#include <linux/netdevice.h>
#include <net/net_failover.h>

#include "virtio.h"

/**
 * vnet_failover_start() - put the net_device above this one and a primary
 * @idev: the device
 *
 * Without it the device still works, alone.
 *
 * Context: process, without rtnl; called after each start.
 */
void vnet_failover_start(struct ivnet_dev *idev)
{
	struct vnet_dev *vd = ivnet_priv(idev);
	struct failover *failover;

	if (!IS_ENABLED(CONFIG_NET_FAILOVER) || vd->failover ||
	    !(vd->caps.features & BIT_ULL(VIRTIO_NET_F_STANDBY)))
		return;

	failover = net_failover_create(idev->netdev);
	if (IS_ERR(failover))
		dev_warn(&vd->vdev->dev, "no failover: %ld\n",
			 PTR_ERR(failover));
	else
		vd->failover = failover;
}

/**
 * vnet_failover_stop() - undo vnet_failover_start()
 * @idev: the device
 *
 * Context: process, without rtnl; before the net_device is unregistered.
 */
void vnet_failover_stop(struct ivnet_dev *idev)
{
	struct vnet_dev *vd = ivnet_priv(idev);

	if (IS_ENABLED(CONFIG_NET_FAILOVER) && vd->failover)
		net_failover_destroy(vd->failover);
	vd->failover = NULL;
}

/**
 * vnet_phys_port_name() - ndo_get_phys_port_name
 * @dev: the net_device
 * @buf: where to
 * @len: bytes of @buf
 *
 * By this udev tells the names of a pair's net_devices apart.
 *
 * Return: 0 or an error.
 */
int vnet_phys_port_name(struct net_device *dev, char *buf, size_t len)
{
	const struct ivnet_net *net = netdev_priv(dev);
	const struct vnet_dev *vd = ivnet_priv(net->idev);

	if (!(vd->caps.features & BIT_ULL(VIRTIO_NET_F_STANDBY)))
		return -EOPNOTSUPP;

	return snprintf(buf, len, "sby") < len ? 0 : -EINVAL;
}
