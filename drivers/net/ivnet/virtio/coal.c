// SPDX-License-Identifier: GPL-2.0
/*
 * When the device interrupts (virtio 1.3, 5.1.6.5.9). What was set for all
 * rings holds for each of them until the ring itself is told otherwise, and
 * again when it was reset; a reset of the device takes everything back.
 */

#include <linux/netdevice.h>
#include <linux/string.h>

#include "virtio.h"

/* Frames wait so long at the most: far less than until a look at the device. */
#define VNET_COAL_USECS_MAX	10000

/* struct virtio_net_ctrl_coal, which old headers lack */
struct coal_cmd {
	__le32 max_packets;
	__le32 max_usecs;
};

/* struct virtio_net_ctrl_coal_vq */
struct coal_vq_cmd {
	__le16 vq_index;
	__le16 reserved;
	struct coal_cmd coal;
};

static_assert(sizeof(struct coal_vq_cmd) == 12);

/* From one pair up to another, which is not meant any more. */
struct pair_range {
	u32 first;
	u32 end;
};

static bool has_all(const struct vnet_dev *vd)
{
	return vd->caps.features & BIT_ULL(VIRTIO_NET_F_NOTF_COAL);
}

static bool has_vq(const struct vnet_dev *vd)
{
	return vd->caps.features & BIT_ULL(VIRTIO_NET_F_VQ_NOTF_COAL);
}

/**
 * vnet_coal_limits() - can the device delay interrupts?
 * @vd: the device
 * @lim: filled in
 */
void vnet_coal_limits(const struct vnet_dev *vd, struct ivnet_limits *lim)
{
	lim->moderates = has_all(vd) || has_vq(vd);
	lim->moderates_queues = has_vq(vd);
	lim->adapts = has_vq(vd) && IS_ENABLED(CONFIG_DIMLIB);
	lim->rx_usecs_max = lim->moderates ? VNET_COAL_USECS_MAX : 0;
}

static struct ivnet_coal_dir *dir_of(struct ivnet_coal *coal, bool tx)
{
	return tx ? &coal->tx : &coal->rx;
}

/* Without a delay the number of packets does not matter. */
static bool same_effect(const struct ivnet_coal_dir *a,
			const struct ivnet_coal_dir *b)
{
	return (a->usecs == b->usecs && a->frames == b->frames) ||
	       (!a->usecs && !b->usecs);
}

static int tell_all(struct vnet_dev *vd, bool tx,
		    const struct ivnet_coal_dir *dir)
{
	const struct coal_cmd cmd = {
		.max_packets = cpu_to_le32(dir->frames),
		.max_usecs = cpu_to_le32(dir->usecs),
	};
	int err;

	err = vnet_ctrl_cmd(vd, VIRTIO_NET_CTRL_NOTF_COAL,
			    tx ? VIRTIO_NET_CTRL_NOTF_COAL_TX_SET :
				 VIRTIO_NET_CTRL_NOTF_COAL_RX_SET,
			    &cmd, sizeof(cmd));
	if (!err)
		*dir_of(&vd->coal_all, tx) = *dir;

	return err;
}

/**
 * vnet_coal_ring() - tell the device when to interrupt for one ring
 * @vd: the device
 * @pair: number of the pair
 * @tx: the transmit ring
 * @dir: when
 *
 * Return: 0 or an error, see vnet_ctrl_cmd().
 */
int vnet_coal_ring(struct vnet_dev *vd, u32 pair, bool tx,
		   const struct ivnet_coal_dir *dir)
{
	const struct coal_vq_cmd cmd = {
		.vq_index = cpu_to_le16(2 * pair + tx),
		.coal.max_packets = cpu_to_le32(dir->frames),
		.coal.max_usecs = cpu_to_le32(dir->usecs),
	};

	return vnet_ctrl_cmd(vd, VIRTIO_NET_CTRL_NOTF_COAL,
			     VIRTIO_NET_CTRL_NOTF_COAL_VQ_SET, &cmd,
			     sizeof(cmd));
}

/* What the user has set, or what the load asks for. */
static struct ivnet_coal_dir ring_value(struct vnet_dev *vd, u32 pair, bool tx,
					const struct ivnet_coal_dir *dir)
{
	struct ivnet_coal_dir value = *dir;

	if (dir->adaptive)
		vnet_dim_value(vd, pair, tx, &value);

	return value;
}

static int tell_ring(struct vnet_dev *vd, u32 pair, bool tx,
		     const struct ivnet_coal_dir *dir)
{
	const struct ivnet_coal_dir value = ring_value(vd, pair, tx, dir);

	return vnet_coal_ring(vd, pair, tx, &value);
}

/* A ring that was reset has what was set for all. */
static int replay_ring(struct vnet_dev *vd, struct ivnet_net *net, u32 pair,
		       bool tx)
{
	const struct ivnet_coal_dir *dir = dir_of(&net->queue_coal[pair], tx);

	if (!has_vq(vd) ||
	    (!dir->adaptive && same_effect(dir, dir_of(&vd->coal_all, tx))))
		return 0;

	return tell_ring(vd, pair, tx, dir);
}

static int replay(struct vnet_dev *vd, struct ivnet_net *net, bool tx,
		  u32 pairs)
{
	const struct ivnet_coal_dir *dir = dir_of(&net->coal, tx);
	int err = 0;
	u32 i;

	if (has_all(vd) && !same_effect(dir, dir_of(&vd->coal_all, tx)))
		err = tell_all(vd, tx, dir);
	for (i = 0; !err && i < pairs; i++)
		err = replay_ring(vd, net, i, tx);

	return err;
}

/* The pairs that a request of the user means. */
static struct pair_range pairs_of(const struct ivnet_net *net, u32 queue)
{
	if (queue == IVNET_ALL_QUEUES)
		return (struct pair_range) { 0, net->qset->cfg.pairs };

	return (struct pair_range) { queue, queue + 1 };
}

/* One ring, or all of a direction, those that are not in use yet as well. */
static int tell(struct vnet_dev *vd, struct ivnet_net *net, u32 queue, bool tx,
		const struct ivnet_coal_dir *dir)
{
	const struct pair_range range = pairs_of(net, queue);
	int err = 0;
	u32 i;

	if (queue == IVNET_ALL_QUEUES && has_all(vd) && !dir->adaptive)
		return tell_all(vd, tx, dir);

	for (i = range.first; !err && i < range.end; i++)
		err = tell_ring(vd, i, tx, dir);

	return err;
}

/* The device may have taken something of what it refused as a whole. */
static void restore(struct vnet_dev *vd, struct ivnet_net *net, u32 queue,
		    bool tx)
{
	const struct pair_range range = pairs_of(net, queue);
	int err = 0;
	u32 i;

	if (queue == IVNET_ALL_QUEUES && has_all(vd))
		err = tell_all(vd, tx, dir_of(&net->coal, tx));
	for (i = range.first; has_vq(vd) && !err && i < range.end; i++)
		err = tell_ring(vd, i, tx, dir_of(&net->queue_coal[i], tx));
	if (err)
		dev_warn_ratelimited(&vd->vdev->dev, "the old delay of interrupts is refused as well: %d\n",
				     err);
}

/* Who decides from now on, the user or the load. */
static void switch_rings(struct vnet_dev *vd, struct pair_range range, bool tx,
			 const struct ivnet_coal_dir *dir)
{
	u32 i;

	for (i = range.first; i < range.end; i++)
		vnet_dim_switch(vd, i, tx, dir->adaptive);
}

/**
 * vnet_coalesce() - &ivnet_transport_ops.coalesce
 * @idev: the device
 * @queue: number of a pair, or %IVNET_ALL_QUEUES
 * @coal: what it shall have
 *
 * Return: 0 or an error, see vnet_ctrl_cmd(); the device has the old settings
 * then.
 */
int vnet_coalesce(struct ivnet_dev *idev, u32 queue,
		  const struct ivnet_coal *coal)
{
	struct ivnet_net *net = netdev_priv(idev->netdev);
	struct vnet_dev *vd = ivnet_priv(idev);
	const struct pair_range range = pairs_of(net, queue);
	const struct ivnet_coal *old;
	int err = 0;
	bool rx, tx;

	old = queue == IVNET_ALL_QUEUES ? &net->coal : &net->queue_coal[queue];
	rx = !ivnet_coal_same(&coal->rx, &old->rx);
	tx = !ivnet_coal_same(&coal->tx, &old->tx);

	if (rx)
		err = tell(vd, net, queue, false, &coal->rx);
	if (!err && tx)
		err = tell(vd, net, queue, true, &coal->tx);
	if (!err) {
		if (rx)
			switch_rings(vd, range, false, &coal->rx);
		if (tx)
			switch_rings(vd, range, true, &coal->tx);
		return 0;
	}

	if (rx)
		restore(vd, net, queue, false);
	if (tx)
		restore(vd, net, queue, true);

	return err;
}

/**
 * vnet_coal_start() - tell a device whose rings start what the user has set
 * @vd: the device
 * @pairs: queue pairs in use
 *
 * Frames flow without it as well, so a refusal is no reason to stop.
 */
void vnet_coal_start(struct vnet_dev *vd, u32 pairs)
{
	const struct ivnet_dev *idev = vd->vdev->priv;
	struct ivnet_net *net = netdev_priv(idev->netdev);
	int err;
	u32 i;

	for (i = 0; i < pairs; i++) {
		vnet_dim_switch(vd, i, false, net->queue_coal[i].rx.adaptive);
		vnet_dim_switch(vd, i, true, net->queue_coal[i].tx.adaptive);
	}
	err = replay(vd, net, false, pairs);
	if (!err)
		err = replay(vd, net, true, pairs);
	if (err)
		dev_warn(&vd->vdev->dev, "interrupts are not delayed: %d\n",
			 err);
}

/**
 * vnet_coal_tx_start() - the same for a transmit ring that was reset
 * @vd: the device
 * @pair: number of the pair
 */
void vnet_coal_tx_start(struct vnet_dev *vd, u32 pair)
{
	const struct ivnet_dev *idev = vd->vdev->priv;
	struct ivnet_net *net = netdev_priv(idev->netdev);
	int err;

	err = replay_ring(vd, net, pair, true);
	if (err)
		dev_warn(&vd->vdev->dev, "interrupts of ring %u are not delayed: %d\n",
			 2 * pair + 1, err);
}
