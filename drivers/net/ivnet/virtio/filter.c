// SPDX-License-Identifier: GPL-2.0
/* Receive filters of the device: modes, addresses, VLANs. */

#include <linux/bitmap.h>
#include <linux/etherdevice.h>
#include <linux/netdevice.h>
#include <linux/slab.h>

#include "virtio.h"

/* One of the two lists of a MAC table (virtio 1.3, 5.1.6.5.2); its end. */
static void *mac_list_put(struct vnet_dev *vd, void *p,
			  const struct netdev_hw_addr_list *list)
{
	struct virtio_net_ctrl_mac *table = p;
	struct netdev_hw_addr *ha;
	u32 n = 0;

	netdev_hw_addr_list_for_each(ha, list)
		ether_addr_copy(table->macs[n++], ha->addr);
	table->entries = cpu_to_virtio32(vd->vdev, n);

	return table->macs[n];
}

/* The net_device's lists, as they are now, into the device. */
static int mac_table_set(struct vnet_dev *vd, struct net_device *dev)
{
	struct vnet_ctrl_buf *buf;
	size_t len;
	void *p;

	netif_addr_lock_bh(dev);
	len = 2 * sizeof(struct virtio_net_ctrl_mac) +
	      (size_t)(netdev_uc_count(dev) + netdev_mc_count(dev)) * ETH_ALEN;
	buf = vnet_ctrl_alloc(len, GFP_ATOMIC | __GFP_NOWARN);
	if (buf) {
		p = mac_list_put(vd, buf->data, &dev->uc);
		mac_list_put(vd, p, &dev->mc);
	}
	netif_addr_unlock_bh(dev);
	if (!buf)
		return -ENOMEM;

	return vnet_ctrl_send(vd, buf, VIRTIO_NET_CTRL_MAC,
			      VIRTIO_NET_CTRL_MAC_TABLE_SET);
}

static void rx_mode_set(struct vnet_dev *vd, u8 mode, bool on)
{
	u8 val = on;

	if (vnet_ctrl_cmd(vd, VIRTIO_NET_CTRL_RX, mode, &val, sizeof(val)))
		dev_warn_ratelimited(&vd->vdev->dev, "receive mode %u could not be switched %s\n",
				     mode, on ? "on" : "off");
}

/**
 * vnet_rx_mode() - &ivnet_transport_ops.rx_mode
 * @idev: the device
 *
 * A table that the device does not take is replaced by a mode that lets more
 * through; the stack drops what nobody wants.
 */
void vnet_rx_mode(struct ivnet_dev *idev)
{
	struct vnet_dev *vd = ivnet_priv(idev);
	struct net_device *dev = idev->netdev;
	bool promisc = dev->flags & IFF_PROMISC;
	bool allmulti = dev->flags & IFF_ALLMULTI;
	bool alluni = false;

	if (!vd->live || vd->ctrl_dead ||
	    !(vd->caps.features & BIT_ULL(VIRTIO_NET_F_CTRL_RX)))
		return;

	if (mac_table_set(vd, dev)) {
		vnet_count(vd, IVNET_DEV_FILTER_FALLBACKS);
		alluni = !netdev_uc_empty(dev);
		allmulti |= !netdev_mc_empty(dev);
	}

	if (vd->caps.features & BIT_ULL(VIRTIO_NET_F_CTRL_RX_EXTRA))
		rx_mode_set(vd, VIRTIO_NET_CTRL_RX_ALLUNI, alluni);
	else
		promisc |= alluni;
	rx_mode_set(vd, VIRTIO_NET_CTRL_RX_ALLMULTI, allmulti);
	rx_mode_set(vd, VIRTIO_NET_CTRL_RX_PROMISC, promisc);
}

static int vlan_cmd(struct vnet_dev *vd, u16 vid, bool add)
{
	__virtio16 id = cpu_to_virtio16(vd->vdev, vid);

	return vnet_ctrl_cmd(vd, VIRTIO_NET_CTRL_VLAN,
			     add ? VIRTIO_NET_CTRL_VLAN_ADD :
				   VIRTIO_NET_CTRL_VLAN_DEL,
			     &id, sizeof(id));
}

static bool vlan_filters(const struct vnet_dev *vd)
{
	return vd->caps.features & BIT_ULL(VIRTIO_NET_F_CTRL_VLAN);
}

/**
 * vnet_vlan() - &ivnet_transport_ops.vlan
 * @idev: the device
 * @vid: the VLAN
 * @add: let its frames through, or no more
 *
 * A device that is reset is told when it starts.
 *
 * Return: 0 or an error, see vnet_ctrl_cmd(); the VLAN is not added then.
 */
int vnet_vlan(struct ivnet_dev *idev, u16 vid, bool add)
{
	struct vnet_dev *vd = ivnet_priv(idev);
	int err = 0;

	if (vd->live && vlan_filters(vd))
		err = vlan_cmd(vd, vid, add);
	if (!add)
		clear_bit(vid, vd->vlans);
	else if (!err)
		set_bit(vid, vd->vlans);

	return err;
}

/**
 * vnet_vlans_replay() - tell a device that starts of all VLANs
 * @vd: the device
 *
 * Return: 0 or an error, see vnet_ctrl_cmd().
 */
int vnet_vlans_replay(struct vnet_dev *vd)
{
	u16 vid;
	int err;

	if (!vlan_filters(vd))
		return 0;

	for_each_set_bit(vid, vd->vlans, VLAN_N_VID) {
		err = vlan_cmd(vd, vid, true);
		if (err)
			return err;
	}

	return 0;
}
