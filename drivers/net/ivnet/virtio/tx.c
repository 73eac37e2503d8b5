// SPDX-License-Identifier: GPL-2.0
/* Transmit: from the stack to the ring, and completions. */

#include <linux/etherdevice.h>
#include <linux/netdevice.h>

#include "../core/tx.h"
#include "virtio.h"

/**
 * vnet_tx_init() - build the transmit side
 * @vd: the device
 * @vq: the queue pair
 * @cfg: what to build
 */
void vnet_tx_init(struct vnet_dev *vd, struct vnet_queue *vq,
		  const struct ivnet_queue_cfg *cfg)
{
	const struct ivnet_net *net = netdev_priv(vq->q.netdev);
	struct vnet_tx *tx = &vq->tx;

	tx->hdr_len = vd->caps.hdr_len;
	tx->any_layout = vd->caps.any_layout;
	tx->always_kick = vd->contract.always_kick;
	tx->clean_at = net->coal.tx.frames;
	tx->arm_at = 1;
	/*
	 * An indirect table takes one descriptor, but when there is no memory
	 * for it the ring falls back to direct ones.
	 */
	tx->max_sg = min_t(u32, ARRAY_SIZE(tx->sg), cfg->tx_ring);
	tx->room = tx->max_sg;
	sg_init_table(tx->sg, ARRAY_SIZE(tx->sg));
}

/*
 * Free what the device is done with and ask for an interrupt for the rest.
 * Under the txq's lock.
 */
static void tx_clean(struct vnet_queue *vq, int budget)
{
	const struct ivnet_net *net = netdev_priv(vq->q.netdev);
	struct ivnet_tx_stats *stats = &vq->q.stats->tx;
	u32 irqs, len, packets = 0, bytes = 0, tries;
	struct vnet_tx *tx = &vq->tx;
	struct sk_buff *skb;

	for (tries = 0; tries < 4; tries++) {
		while ((skb = virtqueue_get_buf(tx->vq, &len))) {
			packets++;
			bytes += skb->len;
			tx->in_flight--;
			napi_consume_skb(skb, budget);
		}
		if (!tx->in_flight || virtqueue_is_broken(tx->vq) ||
		    virtqueue_enable_cb_delayed(tx->vq))
			break;
	}
	/* A device that is faster than this loop is looked at again soon. */
	if (unlikely(tries == 4))
		napi_schedule(&vq->q.napi);
	tx->arm_at = max(2 * tx->in_flight, 1);
	tx->clean_at = tx->in_flight + READ_ONCE(net->coal.tx.frames);

	irqs = READ_ONCE(tx->irqs);
	if (irqs != tx->irqs_seen) {
		u64_stats_update_begin(&stats->syncp);
		u64_stats_add(&stats->v[IVNET_TX_INTERRUPTS],
			      irqs - tx->irqs_seen);
		u64_stats_update_end(&stats->syncp);
		tx->irqs_seen = irqs;
	}

	if (!packets)
		return;

	netdev_tx_completed_queue(vq->q.txq, packets, bytes);
	if (unlikely(netif_tx_queue_stopped(vq->q.txq)) &&
	    tx->vq->num_free >= tx->room) {
		netif_tx_wake_queue(vq->q.txq);
		ivnet_tx_stat_inc(stats, IVNET_TX_WAKES);
	}
}

/**
 * vnet_tx_poll() - completions, from NAPI
 * @vq: the queue pair
 * @budget: NAPI's; 0 from netpoll
 */
void vnet_tx_poll(struct vnet_queue *vq, int budget)
{
	if (!READ_ONCE(vq->tx.in_flight))
		return;

	/* netpoll may have interrupted the owner of the lock. */
	if (likely(budget))
		__netif_tx_lock(vq->q.txq, smp_processor_id());
	else if (!__netif_tx_trylock(vq->q.txq))
		return;

	tx_clean(vq, budget);
	if (unlikely(READ_ONCE(vq->tx.adaptive)))
		vnet_dim_tx(vq);
	__netif_tx_unlock(vq->q.txq);
}

/*
 * Let the device know of frames that were added. The interrupt comes at three
 * quarters of what was in flight when it was asked for: it is moved on when
 * that has doubled. A device that wakes up may be done at once: what it does
 * while the doorbell rings needs no interrupt, it is found here.
 */
static void tx_kick(struct vnet_queue *vq)
{
	struct vnet_tx *tx = &vq->tx;

	if (virtqueue_kick_prepare(tx->vq) || unlikely(tx->always_kick)) {
		virtqueue_disable_cb(tx->vq);
		tx->arm_at = 1;
		if (virtqueue_notify(tx->vq))
			ivnet_tx_stat_inc(&vq->q.stats->tx, IVNET_TX_NOTIFIES);
	}
	if (tx->in_flight < tx->arm_at)
		return;

	tx->arm_at = 2 * tx->in_flight;
	if (!virtqueue_enable_cb_delayed(tx->vq) && !virtqueue_is_broken(tx->vq))
		napi_schedule(&vq->q.napi);
}

static __always_inline void tx_hdr_fill(const struct vnet_queue *vq,
					struct virtio_net_hdr_mrg_rxbuf *hdr,
					const struct ivnet_meta *m)
{
	struct virtio_device *vdev = vq->vdev;

	hdr->hdr.flags = m->flags;
	hdr->hdr.gso_type = m->gso_type;
	hdr->hdr.hdr_len = cpu_to_virtio16(vdev, m->hdr_len);
	hdr->hdr.gso_size = cpu_to_virtio16(vdev, m->gso_size);
	hdr->hdr.csum_start = cpu_to_virtio16(vdev, m->csum_start);
	hdr->hdr.csum_offset = cpu_to_virtio16(vdev, m->csum_offset);
	if (likely(vq->tx.hdr_len >= sizeof(*hdr)))
		hdr->num_buffers = 0;
	if (unlikely(vq->tx.hdr_len > sizeof(*hdr)))
		memset(hdr + 1, 0, vq->tx.hdr_len - sizeof(*hdr));
}

/*
 * Put a frame into the ring, with its header in the headroom if it can be
 * written there, else in the control block.
 */
static __always_inline int tx_add(struct vnet_queue *vq, struct sk_buff *skb,
				  const struct ivnet_meta *m)
{
	const struct skb_shared_info *shinfo = skb_shinfo(skb);
	struct vnet_tx *tx = &vq->tx;
	struct scatterlist *sg = tx->sg;
	u32 i, n = 0, nr_frags = shinfo->nr_frags;
	struct virtio_net_hdr_mrg_rxbuf *hdr;
	int err;

	BUILD_BUG_ON(sizeof(struct virtio_net_hdr_v1_hash) > sizeof(skb->cb));

	if (likely(tx->any_layout && skb_headroom(skb) >= tx->hdr_len &&
		   !skb_header_cloned(skb) &&
		   IS_ALIGNED((unsigned long)skb->data, __alignof__(*hdr)))) {
		hdr = (void *)(skb->data - tx->hdr_len);
		sg_set_buf(&sg[n++], hdr, tx->hdr_len + skb_headlen(skb));
	} else {
		hdr = (void *)skb->cb;
		sg_set_buf(&sg[n++], hdr, tx->hdr_len);
		sg_set_buf(&sg[n++], skb->data, skb_headlen(skb));
	}
	for (i = 0; i < nr_frags; i++) {
		const skb_frag_t *frag = &shinfo->frags[i];

		sg_set_page(&sg[n++], skb_frag_page(frag), skb_frag_size(frag),
			    skb_frag_off(frag));
	}

	tx_hdr_fill(vq, hdr, m);

	sg_mark_end(&sg[n - 1]);
	err = virtqueue_add_outbuf(tx->vq, sg, n, skb, GFP_ATOMIC);
	sg_unmark_end(&sg[n - 1]);

	return err;
}

/* Should a frame in pieces be made one? */
static bool tx_must_copy(const struct vnet_queue *vq, const struct sk_buff *skb,
			 u32 copybreak)
{
	return skb_has_frag_list(skb) || skb->len <= copybreak ||
	       skb_shinfo(skb)->nr_frags + 2 > vq->tx.max_sg;
}

/**
 * vnet_xmit() - ndo_start_xmit
 * @skb: the frame
 * @dev: the net_device
 *
 * Return: NETDEV_TX_OK; the queue is stopped before the ring is full.
 */
netdev_tx_t vnet_xmit(struct sk_buff *skb, struct net_device *dev)
{
	const struct ivnet_net *net = netdev_priv(dev);
	u32 index = skb_get_queue_mapping(skb);
	bool full, more = netdev_xmit_more();
	struct ivnet_tx_stats *stats;
	struct ivnet_meta meta;
	u32 len = skb->len;
	struct vnet_queue *vq;
	struct vnet_tx *tx;

	/* Some choose a queue themselves, and may be behind a change. */
	if (unlikely(index >= net->qset->cfg.pairs)) {
		dev_core_stats_tx_dropped_inc(dev);
		dev_kfree_skb_any(skb);
		return NETDEV_TX_OK;
	}
	vq = to_vnet_queue(net->qset->q[index]);
	stats = &vq->q.stats->tx;
	tx = &vq->tx;

	if (tx->in_flight >= tx->clean_at)
		tx_clean(vq, 0);

	if (unlikely(len < ETH_HLEN)) {
		ivnet_tx_stat_inc(stats, IVNET_TX_ERR_SHORT);
		goto drop;
	}
	if (skb_is_nonlinear(skb) &&
	    tx_must_copy(vq, skb, READ_ONCE(net->tx_copybreak))) {
		if (unlikely(skb_linearize(skb))) {
			ivnet_tx_stat_inc(stats, IVNET_TX_DROP_NO_MEMORY);
			goto drop;
		}
		ivnet_tx_stat_inc(stats, IVNET_TX_COPIED);
	}
	if (unlikely(!ivnet_tx_meta(skb, &meta))) {
		ivnet_tx_stat_inc(stats, IVNET_TX_ERR_GSO);
		goto drop;
	}

	skb_tx_timestamp(skb);
	if (unlikely(tx_add(vq, skb, &meta))) {
		ivnet_tx_stat_inc(stats, IVNET_TX_ERR_RING);
		goto drop;
	}
	/* Completions are taken under the lock held here: skb is still ours. */
	tx->in_flight++;
	ivnet_tx_count(stats, skb, len);

	full = tx->vq->num_free < tx->room;
	if (unlikely(full)) {
		netif_tx_stop_queue(vq->q.txq);
		ivnet_tx_stat_inc(stats, IVNET_TX_STOPS);
	}
	/* Counted as sent before any look for completions. */
	if (__netdev_tx_sent_queue(vq->q.txq, len, more))
		tx_kick(vq);
	if (unlikely(full))
		tx_clean(vq, 0);

	return NETDEV_TX_OK;

drop:
	dev_kfree_skb_any(skb);
	/* Frames before this one may still wait for the doorbell. */
	if (!more)
		tx_kick(vq);

	return NETDEV_TX_OK;
}

/**
 * vnet_tx_recycle() - take a frame back from a ring that was reset
 * @tvq: the ring
 * @token: the frame
 */
void vnet_tx_recycle(struct virtqueue *tvq, void *token)
{
	struct vnet_queue *vq = vnet_ring_queue(tvq);

	local_bh_disable();
	ivnet_tx_stat_inc(&vq->q.stats->tx, IVNET_TX_CANCELLED);
	local_bh_enable();
	dev_kfree_skb_any(token);
}

/**
 * vnet_tx_stopped() - the ring is empty and nobody transmits
 * @vq: the queue pair
 */
void vnet_tx_stopped(struct vnet_queue *vq)
{
	vq->tx.in_flight = 0;
	vq->tx.arm_at = 1;
	netdev_tx_reset_queue(vq->q.txq);
}

/**
 * vnet_tx_probe() - send a frame whose completion is to interrupt
 * @vq: the queue pair, which is paused
 * @skb: the frame; belongs to the ring if it could be sent
 * @irqs: interrupts before
 *
 * Return: 0, -EAGAIN while other frames are in flight, or the ring's error.
 */
int vnet_tx_probe(struct vnet_queue *vq, struct sk_buff *skb, u32 *irqs)
{
	static const struct ivnet_meta plain;
	struct vnet_tx *tx = &vq->tx;
	int err = -EAGAIN;

	__netif_tx_lock_bh(vq->q.txq);
	tx_clean(vq, 0);
	/* Room may have woken it. */
	netif_tx_stop_queue(vq->q.txq);
	if (tx->in_flight || !virtqueue_enable_cb(tx->vq))
		goto out;
	*irqs = READ_ONCE(tx->irqs);
	err = tx_add(vq, skb, &plain);
	if (err)
		goto out;
	tx->in_flight++;
	ivnet_tx_count(&vq->q.stats->tx, skb, skb->len);
	netdev_tx_sent_queue(vq->q.txq, skb->len);
	if (virtqueue_kick_prepare(tx->vq) || tx->always_kick)
		virtqueue_notify(tx->vq);
out:
	__netif_tx_unlock_bh(vq->q.txq);

	return err;
}

/**
 * vnet_tx_interrupt() - the device is done with frames
 * @tvq: the ring
 *
 * Context: hard interrupt.
 */
void vnet_tx_interrupt(struct virtqueue *tvq)
{
	struct vnet_queue *vq = vnet_irq_queue(tvq);

	if (unlikely(!vq))
		return;

	WRITE_ONCE(vq->tx.irqs, vq->tx.irqs + 1);
	virtqueue_disable_cb(tvq);
	napi_schedule(&vq->q.napi);
}
