// SPDX-License-Identifier: GPL-2.0
/* Register dump (ethtool -d): sections, see the layout in ivnet_regs.h. */

#include <linux/netdevice.h>

#include "ivnet.h"
#include "regs.h"

static_assert(sizeof(struct ivnet_regs_header) == 8);
static_assert(sizeof(struct ivnet_regs_section) == 8);
static_assert(sizeof(struct ivnet_regs_device) == 48);
static_assert(sizeof(struct ivnet_regs_queue) == 8);

/**
 * ivnet_regs_add() - begin a section
 * @out: the dump
 * @type: of the section
 * @len: its bytes, a multiple of 8
 *
 * Return: where its content goes, zeroed; or NULL while the dump is measured, or
 * if there is no room for it.
 */
void *ivnet_regs_add(struct ivnet_regs_out *out, enum ivnet_regs_type type,
		     u32 len)
{
	struct ivnet_regs_section *s = out->p;

	if (out->p && out->size - out->len < sizeof(*s) + len)
		return NULL;
	out->len += sizeof(*s) + len;
	if (!out->p)
		return NULL;

	out->p += sizeof(*s) + len;
	s->type = cpu_to_le32(type);
	s->len = cpu_to_le32(len);

	return s + 1;
}
EXPORT_SYMBOL_GPL(ivnet_regs_add);

static void device_regs(struct ivnet_dev *idev, struct ivnet_regs_out *out)
{
	struct ivnet_regs_device *r = ivnet_regs_add(out, IVNET_REGS_DEVICE,
						     sizeof(*r));
	const struct net_device *dev = idev->netdev;
	const struct ivnet_net *net = netdev_priv(dev);
	u32 flags = 0;

	if (!r)
		return;
	if (idev->up)
		flags |= IVNET_REGS_D_UP;
	if (idev->parked)
		flags |= IVNET_REGS_D_PARKED;
	if (netif_device_present(dev))
		flags |= IVNET_REGS_D_PRESENT;
	if (netif_running(dev))
		flags |= IVNET_REGS_D_RUNNING;
	if (netif_carrier_ok(dev))
		flags |= IVNET_REGS_D_CARRIER;
	r->flags = cpu_to_le32(flags);
	r->error = cpu_to_le32(-idev->err);
	r->troubles = cpu_to_le32(READ_ONCE(idev->troubles));
	r->pairs = cpu_to_le32(net->cfg.pairs);
	r->max_pairs = cpu_to_le32(idev->limits.max_pairs);
	r->rx_ring = cpu_to_le32(net->cfg.rx_ring);
	r->tx_ring = cpu_to_le32(net->cfg.tx_ring);
	r->rx_buf_len = cpu_to_le32(net->cfg.rx_buf_len);
	r->mtu = cpu_to_le32(dev->mtu);
	r->resets = cpu_to_le32(idev->stats[IVNET_DEV_RESETS]);
	r->features = cpu_to_le64(dev->features);
}

static void queue_regs(const struct ivnet_queue *q, struct ivnet_regs_out *out)
{
	struct ivnet_regs_queue *r = ivnet_regs_add(out, IVNET_REGS_QUEUE,
						    sizeof(*r));
	u32 flags = 0;

	if (!r)
		return;
	if (netif_tx_queue_stopped(q->txq))
		flags |= IVNET_REGS_Q_TX_STOPPED;
	else if (netif_xmit_stopped(q->txq))
		flags |= IVNET_REGS_Q_TX_LIMITED;
	if (test_bit(NAPI_STATE_SCHED, &q->napi.state))
		flags |= IVNET_REGS_Q_POLL;
	r->index = cpu_to_le32(q->index);
	r->flags = cpu_to_le32(flags);
}

static void regs_write(struct ivnet_dev *idev, struct ivnet_regs_out *out)
{
	const struct ivnet_net *net = netdev_priv(idev->netdev);
	const struct ivnet_qset *qs = net->qset;
	u32 i;

	device_regs(idev, out);
	for (i = 0; qs && i < qs->cfg.pairs; i++)
		queue_regs(qs->q[i], out);
	idev->ops->regs(idev, out);
}

/**
 * ivnet_get_regs_len() - &ethtool_ops.get_regs_len
 * @dev: the net_device
 *
 * Context: rtnl.
 * Return: bytes of a dump, until queues or links change.
 */
int ivnet_get_regs_len(struct net_device *dev)
{
	struct ivnet_regs_out out = { .len = sizeof(struct ivnet_regs_header) };
	const struct ivnet_net *net = netdev_priv(dev);

	regs_write(net->idev, &out);

	return out.len;
}

/**
 * ivnet_get_regs() - &ethtool_ops.get_regs
 * @dev: the net_device
 * @regs: its length is that of @p, or less
 * @p: zeroed
 *
 * Context: rtnl.
 */
void ivnet_get_regs(struct net_device *dev, struct ethtool_regs *regs, void *p)
{
	const struct ivnet_net *net = netdev_priv(dev);
	struct ivnet_regs_header *h = p;
	struct ivnet_regs_out out = {
		.p	= h + 1,
		.len	= sizeof(*h),
		.size	= regs->len,
	};

	regs->version = IVNET_REGS_VERSION;
	if (regs->len < sizeof(*h))
		return;
	h->magic = cpu_to_le32(IVNET_REGS_MAGIC);
	h->version = cpu_to_le32(IVNET_REGS_VERSION);
	regs_write(net->idev, &out);
}
