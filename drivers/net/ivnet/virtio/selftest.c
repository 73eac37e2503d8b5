// SPDX-License-Identifier: GPL-2.0
/* The self test of a virtio device. */

#include <linux/delay.h>
#include <linux/etherdevice.h>
#include <linux/netdevice.h>
#include <linux/virtio_config.h>

#include "../core/selftest.h"
#include "virtio.h"

/* How long an interrupt may take, and frames that are on their way, ms. */
#define VNET_TEST_MS	1000

static int test_registers(struct vnet_dev *vd)
{
	struct virtio_device *vdev = vd->vdev;
	u8 status, want = VIRTIO_CONFIG_S_DRIVER_OK;

	if (vnet_dev_gone(vd) || !vd->live)
		return -ENODEV;
	status = vdev->config->get_status(vdev);
	if ((status & (want | VIRTIO_CONFIG_S_NEEDS_RESET |
		       VIRTIO_CONFIG_S_FAILED)) != want)
		return -EIO;

	return 0;
}

/* Can this ring be true? Its indices and its free entries are not its size. */
static int test_ring(const struct vnet_dev *vd, struct virtqueue *vq)
{
	u32 size = virtqueue_get_vring_size(vq);
	const struct vring *vring;
	u16 avail, used;

	if (virtqueue_is_broken(vq) || READ_ONCE(vq->num_free) > size)
		return -EIO;
	/* The indices of packed rings are private to the bus. */
	if (virtio_has_feature(vd->vdev, VIRTIO_F_RING_PACKED))
		return 0;
	vring = virtqueue_get_vring(vq);
	/* In this order: the device only takes what there is. */
	used = virtio16_to_cpu(vd->vdev, READ_ONCE(vring->used->idx));
	virtio_rmb(false);
	avail = virtio16_to_cpu(vd->vdev, READ_ONCE(vring->avail->idx));

	return (u16)(avail - used) > size ? -EPROTO : 0;
}

static int test_rings(const struct vnet_dev *vd)
{
	u32 i;
	int err = 0;

	if (!vd->live)
		return -ENODEV;
	for (i = 0; !err && i < vd->n_vqs; i++)
		err = test_ring(vd, vd->vqs[i]);

	return err;
}

/* A command that changes nothing: the mode is told again. */
static int test_ctrl(struct vnet_dev *vd, const struct net_device *dev)
{
	u8 on = !!(dev->flags & IFF_PROMISC);

	return vnet_ctrl_cmd(vd, VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_PROMISC,
			     &on, sizeof(on));
}

/* A frame to ourselves, of a protocol that nobody answers. */
static struct sk_buff *test_frame(struct net_device *dev)
{
	struct sk_buff *skb = netdev_alloc_skb_ip_align(dev, ETH_ZLEN);
	struct ethhdr *eth;

	if (!skb)
		return NULL;
	eth = skb_put_zero(skb, ETH_ZLEN);
	ether_addr_copy(eth->h_dest, dev->dev_addr);
	ether_addr_copy(eth->h_source, dev->dev_addr);
	eth->h_proto = htons(ETH_P_LOOPBACK);

	return skb;
}

/*
 * The completion of a frame must interrupt. While NAPI is off and the queue is
 * stopped nobody else touches the ring, or says that no interrupt is wanted.
 */
static int test_tx_irq(struct vnet_queue *vq)
{
	struct sk_buff *skb = test_frame(vq->q.netdev);
	u32 ms, irqs = READ_ONCE(vq->tx.irqs);
	int err;

	if (!skb)
		return -ENOMEM;
	ivnet_queue_pause(&vq->q);
	for (ms = 0; ms < VNET_TEST_MS; ms++) {
		err = vnet_tx_probe(vq, skb, &irqs);
		if (err != -EAGAIN)
			break;
		usleep_range(1000, 1500);
	}
	if (err)
		dev_kfree_skb_any(skb);
	for (ms = 0; !err && READ_ONCE(vq->tx.irqs) == irqs; ms++) {
		if (ms == VNET_TEST_MS)
			err = -ETIMEDOUT;
		usleep_range(1000, 1500);
	}
	ivnet_queue_resume(&vq->q);

	return err;
}

/**
 * vnet_selftest() - &ivnet_transport_ops.selftest
 * @idev: the device
 * @t: the run
 *
 * The device interrupts for received frames and for changes of its configuration
 * when it wants to: only completions can be asked for.
 */
void vnet_selftest(struct ivnet_dev *idev, struct ivnet_selftest *t)
{
	const struct ivnet_net *net = netdev_priv(idev->netdev);
	const struct ivnet_qset *qs = net->qset;
	struct vnet_dev *vd = ivnet_priv(idev);
	u32 i;

	if (ivnet_selftest_next(t, false, "registers"))
		ivnet_selftest_result(t, test_registers(vd));
	if (ivnet_selftest_next(t, false, "rings"))
		ivnet_selftest_result(t, test_rings(vd));
	if (vd->caps.features & BIT_ULL(VIRTIO_NET_F_CTRL_RX) &&
	    ivnet_selftest_next(t, false, "control queue"))
		ivnet_selftest_result(t, test_ctrl(vd, idev->netdev));
	for (i = 0; qs && i < qs->cfg.pairs; i++)
		if (ivnet_selftest_next(t, true, "interrupt tx %u (offline)", i))
			ivnet_selftest_result(t, test_tx_irq(to_vnet_queue(qs->q[i])));
}
