// SPDX-License-Identifier: GPL-2.0
/* When interrupts come: what ethtool says, for all queue pairs or for one. */

#include <linux/ethtool.h>
#include <linux/netdevice.h>
#include <linux/rtnetlink.h>
#include <linux/slab.h>

#include "ivnet.h"

/**
 * ivnet_coal_init() - a net_device's first settings
 * @net: with &ivnet_net.n_stats
 *
 * Return: 0 or -ENOMEM.
 */
int ivnet_coal_init(struct ivnet_net *net)
{
	u32 i;

	net->queue_coal = kvcalloc(net->n_stats, sizeof(*net->queue_coal),
				   GFP_KERNEL);
	if (!net->queue_coal)
		return -ENOMEM;

	net->coal.rx.frames = IVNET_COAL_FRAMES_DEFAULT;
	net->coal.tx.frames = IVNET_COAL_FRAMES_DEFAULT;
	for (i = 0; i < net->n_stats; i++)
		net->queue_coal[i] = net->coal;

	return 0;
}
EXPORT_SYMBOL_GPL(ivnet_coal_init);

/**
 * ivnet_coal_exit() - undo ivnet_coal_init()
 * @net: the net_device's private part
 */
void ivnet_coal_exit(struct ivnet_net *net)
{
	kvfree(net->queue_coal);
}
EXPORT_SYMBOL_GPL(ivnet_coal_exit);

static bool can_coalesce(const struct ivnet_limits *lim)
{
	return lim->gathers || lim->rx_usecs_max;
}

static void coal_show(const struct ivnet_limits *lim,
		      const struct ivnet_coal *coal,
		      struct ethtool_coalesce *ec)
{
	ec->rx_coalesce_usecs = coal->rx.usecs;
	if (lim->moderates) {
		ec->rx_max_coalesced_frames = coal->rx.frames;
		ec->tx_coalesce_usecs = coal->tx.usecs;
		ec->use_adaptive_rx_coalesce = coal->rx.adaptive;
		ec->use_adaptive_tx_coalesce = coal->tx.adaptive;
	}
	if (lim->gathers)
		ec->tx_max_coalesced_frames = coal->tx.frames;
}

/* What stays as it is may have been set when rings were longer. */
static int check_in(const char *name, u32 old, u32 val, u32 min, u32 max,
		    struct netlink_ext_ack *extack)
{
	if (val == old || (val >= min && val <= max))
		return 0;
	NL_SET_ERR_MSG_FMT_MOD(extack, "%s: %u to %u", name, min, max);

	return -EINVAL;
}

/* What the load decides is not to be set. */
static bool fixed(const struct ivnet_coal_dir *old,
		  const struct ivnet_coal_dir *new)
{
	return new->adaptive &&
	       (old->usecs != new->usecs || old->frames != new->frames);
}

/* What ethtool asks for, if that can be; otherwise an error. */
static int coal_read(const struct ivnet_net *net,
		     const struct ethtool_coalesce *ec,
		     struct ivnet_coal *coal, struct netlink_ext_ack *extack)
{
	const struct ivnet_limits *lim = &net->idev->limits;
	u32 rx_frames = lim->moderates ? net->cfg.rx_ring / 2 : 0;
	u32 tx_frames = lim->gathers ? net->cfg.tx_ring / 2 : 0;
	u32 tx_usecs = lim->moderates ? lim->rx_usecs_max : 0;
	const struct ivnet_coal old = *coal;
	struct ethtool_coalesce was = {};
	int err;

	coal_show(lim, &old, &was);
	err = check_in("rx-usecs", was.rx_coalesce_usecs, ec->rx_coalesce_usecs,
		       0, lim->rx_usecs_max, extack);
	if (!err)
		err = check_in("rx-frames", was.rx_max_coalesced_frames,
			       ec->rx_max_coalesced_frames, lim->moderates,
			       rx_frames, extack);
	if (!err)
		err = check_in("tx-usecs", was.tx_coalesce_usecs,
			       ec->tx_coalesce_usecs, 0, tx_usecs, extack);
	if (!err)
		err = check_in("tx-frames", was.tx_max_coalesced_frames,
			       ec->tx_max_coalesced_frames, lim->gathers,
			       tx_frames, extack);
	if (err)
		return err;

	coal->rx.usecs = ec->rx_coalesce_usecs;
	coal->tx.usecs = ec->tx_coalesce_usecs;
	if (lim->moderates)
		coal->rx.frames = ec->rx_max_coalesced_frames;
	if (lim->gathers)
		coal->tx.frames = ec->tx_max_coalesced_frames;
	coal->rx.adaptive = ec->use_adaptive_rx_coalesce;
	coal->tx.adaptive = ec->use_adaptive_tx_coalesce;
	if ((coal->rx.adaptive || coal->tx.adaptive) && !lim->adapts) {
		NL_SET_ERR_MSG_MOD(extack, "the delay of single queues cannot be set");
		return -EOPNOTSUPP;
	}
	if (fixed(&old.rx, &coal->rx) || fixed(&old.tx, &coal->tx)) {
		NL_SET_ERR_MSG_MOD(extack, "adaptive is on: it sets usecs and frames");
		return -EINVAL;
	}

	return 0;
}

/* The device knows, or will when there are queues; or nothing changes. */
static int coal_tell(struct ivnet_net *net, u32 queue,
		     const struct ivnet_coal *coal,
		     struct netlink_ext_ack *extack)
{
	struct ivnet_dev *idev = net->idev;
	int err;

	if (!net->qset || !idev->limits.moderates)
		return 0;
	err = idev->ops->coalesce(idev, queue, coal);
	if (err)
		NL_SET_ERR_MSG_MOD(extack, "the device refused");

	return err;
}

/**
 * ivnet_coal_same() - are two settings of a direction the same?
 * @a: one
 * @b: the other
 *
 * Return: true if they are.
 */
bool ivnet_coal_same(const struct ivnet_coal_dir *a,
		     const struct ivnet_coal_dir *b)
{
	return a->usecs == b->usecs && a->frames == b->frames &&
	       a->adaptive == b->adaptive;
}
EXPORT_SYMBOL_GPL(ivnet_coal_same);

/**
 * ivnet_get_coalesce() - &ethtool_ops.get_coalesce
 * @dev: the net_device
 * @ec: filled in
 * @kec: unused
 * @extack: unused
 *
 * Return: 0, or -EOPNOTSUPP if there is nothing to set.
 */
int ivnet_get_coalesce(struct net_device *dev, struct ethtool_coalesce *ec,
		       struct kernel_ethtool_coalesce *kec,
		       struct netlink_ext_ack *extack)
{
	const struct ivnet_net *net = netdev_priv(dev);

	if (!can_coalesce(&net->idev->limits))
		return -EOPNOTSUPP;
	coal_show(&net->idev->limits, &net->coal, ec);

	return 0;
}

/**
 * ivnet_set_coalesce() - &ethtool_ops.set_coalesce
 * @dev: the net_device
 * @ec: what is wanted for all queue pairs
 * @kec: unused
 * @extack: says what is wrong; may be NULL
 *
 * A direction that does not change keeps what single queues have been told.
 *
 * Return: 0 or an error, and nothing changed.
 */
int ivnet_set_coalesce(struct net_device *dev, struct ethtool_coalesce *ec,
		       struct kernel_ethtool_coalesce *kec,
		       struct netlink_ext_ack *extack)
{
	struct ivnet_net *net = netdev_priv(dev);
	struct ivnet_coal new = net->coal;
	bool rx, tx;
	int err;
	u32 i;

	if (!can_coalesce(&net->idev->limits))
		return -EOPNOTSUPP;
	err = coal_read(net, ec, &new, extack);
	if (err)
		return err;
	err = coal_tell(net, IVNET_ALL_QUEUES, &new, extack);
	if (err)
		return err;

	rx = !ivnet_coal_same(&new.rx, &net->coal.rx);
	tx = !ivnet_coal_same(&new.tx, &net->coal.tx);
	for (i = 0; i < net->n_stats; i++) {
		if (rx)
			net->queue_coal[i].rx = new.rx;
		if (tx)
			net->queue_coal[i].tx = new.tx;
	}
	/* These two are read where packets are. */
	WRITE_ONCE(net->coal.rx.usecs, new.rx.usecs);
	WRITE_ONCE(net->coal.tx.frames, new.tx.frames);
	net->coal.rx.frames = new.rx.frames;
	net->coal.tx.usecs = new.tx.usecs;
	net->coal.rx.adaptive = new.rx.adaptive;
	net->coal.tx.adaptive = new.tx.adaptive;

	return 0;
}

/* Can this queue have settings of its own? */
static int queue_check(const struct ivnet_net *net, u32 queue)
{
	if (!net->idev->limits.moderates_queues)
		return -EOPNOTSUPP;

	return queue < net->cfg.pairs ? 0 : -EINVAL;
}

/**
 * ivnet_get_queue_coalesce() - &ethtool_ops.get_per_queue_coalesce
 * @dev: the net_device
 * @queue: number of the pair
 * @ec: filled in
 *
 * Return: 0, -EOPNOTSUPP if single queues cannot be told, or -EINVAL if there is
 * none of this number.
 */
int ivnet_get_queue_coalesce(struct net_device *dev, u32 queue,
			     struct ethtool_coalesce *ec)
{
	const struct ivnet_net *net = netdev_priv(dev);
	int err;

	err = queue_check(net, queue);
	if (!err)
		coal_show(&net->idev->limits, &net->queue_coal[queue], ec);

	return err;
}

/**
 * ivnet_set_queue_coalesce() - &ethtool_ops.set_per_queue_coalesce
 * @dev: the net_device
 * @queue: number of the pair
 * @ec: what is wanted for it
 *
 * Return: 0 or an error, and nothing changed.
 */
int ivnet_set_queue_coalesce(struct net_device *dev, u32 queue,
			     struct ethtool_coalesce *ec)
{
	struct ivnet_net *net = netdev_priv(dev);
	struct ivnet_coal new;
	int err;

	err = queue_check(net, queue);
	if (err)
		return err;
	new = net->queue_coal[queue];
	err = coal_read(net, ec, &new, NULL);
	if (!err)
		err = coal_tell(net, queue, &new, NULL);
	if (!err)
		net->queue_coal[queue] = new;

	return err;
}
