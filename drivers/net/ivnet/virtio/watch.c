// SPDX-License-Identifier: GPL-2.0
/*
 * Evidence of trouble: what rings, interrupts and the device's status say, looked
 * at every two seconds, away from the path of packets.
 */

#include <linux/log2.h>
#include <linux/netdevice.h>
#include <linux/virtio_config.h>

#include "../core/trace.h"
#include "virtio.h"

/* A device may be slow; a ring that stands still for two looks is stuck. */
#define VNET_STRIKES	2

/* Sooner, as changes of the configuration have it, a look proves nothing. */
#define VNET_LOOK_AFTER	HZ

/**
 * vnet_reset() - &ivnet_transport_ops.reset
 * @idev: the device
 */
void vnet_reset(struct ivnet_dev *idev)
{
	struct ivnet_net *net = netdev_priv(idev->netdev);
	struct vnet_dev *vd = ivnet_priv(idev);

	if (net->qset)
		vd->reset_next = true;
	else if (vd->live)
		vnet_dev_reset(vd);
}

/* Completed frames wait although nobody was told, or nothing moves at all. */
static void tx_look(struct vnet_dev *vd, struct vnet_queue *vq)
{
	struct ivnet_tx_stats *stats = &vq->q.stats->tx;
	struct vnet_tx *tx = &vq->tx;
	bool lost = false;
	u64 done;

	__netif_tx_lock_bh(vq->q.txq);
	done = u64_stats_read(&stats->v[IVNET_TX_PACKETS]) - tx->in_flight;
	if (!tx->in_flight || done != tx->done_seen) {
		tx->strikes = 0;
	} else {
		lost = virtqueue_poll(tx->vq,
				      virtqueue_enable_cb_prepare(tx->vq));
		tx->strikes += !lost;
	}
	tx->done_seen = done;
	__netif_tx_unlock_bh(vq->q.txq);

	if (lost) {
		vnet_count(vd, IVNET_DEV_TX_LOST_IRQS);
		trace_ivnet_lost_interrupt(vd->vdev->priv, vq->q.index, true);
		local_bh_disable();
		napi_schedule(&vq->q.napi);
		local_bh_enable();
	}
	if (tx->strikes >= VNET_STRIKES && is_power_of_2(tx->strikes))
		ivnet_trouble(vd->vdev->priv, IVNET_TROUBLE_TX);
}

static u64 rx_packets(const struct vnet_queue *vq)
{
	const struct ivnet_rx_stats *stats = &vq->q.stats->rx;
	unsigned int start;
	u64 packets;

	do {
		start = u64_stats_fetch_begin(&stats->syncp);
		packets = u64_stats_read(&stats->v[IVNET_RX_PACKETS]);
	} while (u64_stats_fetch_retry(&stats->syncp, start));

	return packets;
}

/*
 * A queue that had no interrupt since the last look and is not polled, either, is
 * polled now. If there are frames, their interrupt was lost. That some came in
 * the meantime proves nothing: transmission polls as well.
 */
static void rx_look(struct vnet_dev *vd, struct vnet_queue *vq)
{
	struct napi_struct *napi = &vq->q.napi;
	struct vnet_rx *rx = &vq->rx;
	u32 irqs = rx->irqs_look;
	u64 packets;

	rx->irqs_look = READ_ONCE(rx->irqs);
	/* With a timer of its own (gro_flush_timeout) it needs no interrupt. */
	if (rx->irqs_look != irqs || hrtimer_active(&napi->timer) ||
	    !napi_schedule_prep(napi))
		return;

	packets = rx_packets(vq);
	local_bh_disable();
	__napi_schedule(napi);
	local_bh_enable();
	/* One that was on its way has come by now. */
	rx->irqs_look = READ_ONCE(rx->irqs);
	if (rx_packets(vq) == packets || rx->irqs_look != irqs)
		return;

	vnet_count(vd, IVNET_DEV_RX_LOST_IRQS);
	trace_ivnet_lost_interrupt(vd->vdev->priv, vq->q.index, false);
}

/**
 * vnet_watch() - &ivnet_transport_ops.watch
 * @idev: the device
 */
void vnet_watch(struct ivnet_dev *idev)
{
	const struct ivnet_net *net = netdev_priv(idev->netdev);
	const struct ivnet_qset *qs = net->qset;
	struct vnet_dev *vd = ivnet_priv(idev);
	struct vnet_queue *vq;
	bool again;
	u8 status;
	u32 i;

	if (!vd->live || vnet_dev_gone(vd))
		return;

	status = vd->vdev->config->get_status(vd->vdev);
	if ((status & (VIRTIO_CONFIG_S_DRIVER_OK |
		       VIRTIO_CONFIG_S_NEEDS_RESET)) != VIRTIO_CONFIG_S_DRIVER_OK) {
		ivnet_trouble(idev, IVNET_TROUBLE_DEVICE);
		return;
	}

	if (qs)
		vnet_link_look(vd);

	again = time_before(jiffies, vd->looked_at + VNET_LOOK_AFTER);
	if (!again)
		vd->looked_at = jiffies;

	for (i = 0; qs && i < qs->cfg.pairs; i++) {
		vq = to_vnet_queue(qs->q[i]);
		if (virtqueue_is_broken(vq->rx.vq))
			ivnet_trouble(idev, IVNET_TROUBLE_RX_RING);
		else if (!again)
			rx_look(vd, vq);
		if (virtqueue_is_broken(vq->tx.vq))
			ivnet_trouble(idev, IVNET_TROUBLE_TX_RING);
		else if (!again && netif_carrier_ok(idev->netdev))
			tx_look(vd, vq);
	}
}

/**
 * vnet_tx_stuck() - &ivnet_transport_ops.tx_stuck
 * @q: the queue pair
 *
 * Return: true if its transmit ring has stood still for long.
 */
bool vnet_tx_stuck(struct ivnet_queue *q)
{
	const struct vnet_tx *tx = &to_vnet_queue(q)->tx;

	return tx->strikes >= VNET_STRIKES;
}

/**
 * vnet_tx_restart() - &ivnet_transport_ops.tx_restart
 * @idev: the device
 * @q: the queue pair
 *
 * For devices that reset single rings (virtio 1.3, 2.6.1).
 *
 * Return: 0 or the ring's error.
 */
int vnet_tx_restart(struct ivnet_dev *idev, struct ivnet_queue *q)
{
	const struct ivnet_net *net = netdev_priv(idev->netdev);
	struct vnet_queue *vq = to_vnet_queue(q);
	struct vnet_dev *vd = ivnet_priv(idev);
	int err;

	err = vnet_ring_reset(vd, vq->tx.vq, vnet_tx_recycle);
	if (err)
		return err;
	vnet_tx_stopped(vq);
	vq->tx.strikes = 0;
	/* As in queues_drain(): an interrupt may be on its way to the old ring. */
	synchronize_net();

	err = vnet_ring_resize(vd, vq->tx.vq, net->cfg.tx_ring,
			       vnet_tx_recycle);
	if (!err)
		vnet_coal_tx_start(vd, q->index);

	return err;
}
