// SPDX-License-Identifier: GPL-2.0
/* What the device says of its link, and that the guest has moved. */

#include <linux/ethtool.h>
#include <linux/netdevice.h>
#include <linux/virtio_config.h>

#include "virtio.h"

/*
 * Without VIRTIO_NET_F_STATUS the link is up (virtio 1.3, 5.1.5). A bit whose
 * feature was not agreed on is not to be set.
 */
static u16 link_status(const struct vnet_dev *vd)
{
	struct virtio_device *vdev = vd->vdev;
	u16 known = VIRTIO_NET_S_LINK_UP;
	u16 status;

	if (!virtio_has_feature(vdev, VIRTIO_NET_F_STATUS))
		return VIRTIO_NET_S_LINK_UP;
	if (virtio_has_feature(vdev, VIRTIO_NET_F_GUEST_ANNOUNCE))
		known |= VIRTIO_NET_S_ANNOUNCE;
	virtio_cread(vdev, struct virtio_net_config, status, &status);

	return status & known;
}

/**
 * vnet_link() - &ivnet_transport_ops.link
 * @idev: the device
 */
void vnet_link(struct ivnet_dev *idev)
{
	struct vnet_dev *vd = ivnet_priv(idev);
	struct virtio_device *vdev = vd->vdev;
	struct net_device *dev = idev->netdev;
	struct ivnet_net *net = netdev_priv(dev);
	u16 status = link_status(vd);
	u32 speed;
	u8 duplex;

	if (virtio_has_feature(vdev, VIRTIO_NET_F_SPEED_DUPLEX)) {
		virtio_cread_le(vdev, struct virtio_net_config, speed, &speed);
		virtio_cread_le(vdev, struct virtio_net_config, duplex,
				&duplex);
		if (ethtool_validate_speed(speed))
			net->speed = speed;
		if (ethtool_validate_duplex(duplex))
			net->duplex = duplex;
	}

	ivnet_carrier(dev, status & VIRTIO_NET_S_LINK_UP);

	/* The guest has moved: let the network learn it (virtio 1.3, 5.1.6.5.4). */
	if (status & VIRTIO_NET_S_ANNOUNCE) {
		vnet_count(vd, IVNET_DEV_ANNOUNCEMENTS);
		__netdev_notify_peers(dev);
		vnet_ctrl_announced(vd);
	}
}

/**
 * vnet_link_look() - was an interrupt for a change of the link lost?
 * @vd: a device that runs
 *
 * Or the one that asks for an announcement.
 */
void vnet_link_look(struct vnet_dev *vd)
{
	struct ivnet_dev *idev = vd->vdev->priv;
	u16 status = link_status(vd);

	if (status & VIRTIO_NET_S_ANNOUNCE ||
	    !(status & VIRTIO_NET_S_LINK_UP) == netif_carrier_ok(idev->netdev))
		ivnet_link_changed(idev);
}
