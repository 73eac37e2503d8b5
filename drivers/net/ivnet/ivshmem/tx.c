// SPDX-License-Identifier: GPL-2.0
/* Transmit: from the stack into our rings, one copy for each receiver. */

#include <linux/etherdevice.h>
#include <linux/netdevice.h>

#include "../core/tx.h"
#include "shm.h"

/* A full ring that does not move for this long no longer holds up the rest. */
#define SHM_TX_STUCK	msecs_to_jiffies(100)

/* Take back what the peer is done with; false if it lies. */
static bool lane_reclaim(struct shm_queue *sq, struct shm_link *link,
			 struct shm_lane *lane)
{
	int n = ivnet_shm_tx_reclaim(&lane->tx);

	if (unlikely(n < 0)) {
		ivnet_tx_stat_inc(&sq->q.stats->tx, IVNET_TX_ERR_RING);
		shm_link_broken(link, SHM_ERR_CONS);
		return false;
	}
	if (n)
		lane->stuck_at = 0;

	return true;
}

static void lane_flush(struct shm_queue *sq, struct shm_link *link,
		       struct shm_lane *lane)
{
	if (lane->tx.published == lane->tx.head)
		return;
	if (ivnet_shm_tx_publish(&lane->tx) && link->vectors) {
		link->sd->bus->ring(link->sd, link->position,
				    link->data_vector[sq->q.index]);
		ivnet_tx_stat_inc(&sq->q.stats->tx, IVNET_TX_NOTIFIES);
	}
}

/* Show every peer what was written for it. */
static void tx_flush(struct shm_queue *sq)
{
	struct shm_dev *sd = sq->sd;
	u32 i;

	for (i = 0; i < sd->geo.ports; i++)
		if (shm_link_usable(&sd->links[i]))
			lane_flush(sq, &sd->links[i],
				   &sd->links[i].lanes[sq->q.index]);
}

static bool lane_has_room(struct shm_queue *sq, struct shm_link *link,
			  struct shm_lane *lane, u32 len)
{
	u32 off;

	if (ivnet_shm_tx_alloc(&lane->tx, len, &off))
		return true;

	return lane_reclaim(sq, link, lane) &&
	       ivnet_shm_tx_alloc(&lane->tx, len, &off);
}

/* What a link has to have for a frame. */
static u64 features_of(const struct ivnet_shm_frame *f)
{
	u64 need = 0;

	if (f->flags & IVNET_SHM_D_NEEDS_CSUM)
		need |= IVNET_SHM_F_CSUM;
	if (f->flags & IVNET_SHM_D_HASH)
		need |= IVNET_SHM_F_HASH;
	if (f->gso_type & VIRTIO_NET_HDR_GSO_ECN)
		need |= IVNET_SHM_F_ECN;
	switch (f->gso_type & ~VIRTIO_NET_HDR_GSO_ECN) {
	case VIRTIO_NET_HDR_GSO_TCPV4:
		return need | IVNET_SHM_F_TSO4;
	case VIRTIO_NET_HDR_GSO_TCPV6:
		return need | IVNET_SHM_F_TSO6;
	case VIRTIO_NET_HDR_GSO_UDP_L4:
		return need | IVNET_SHM_F_USO;
	default:
		return need;
	}
}

/* Copy a frame for one receiver. */
static void tx_link(struct shm_queue *sq, struct shm_link *link,
		    const struct sk_buff *skb, const struct ivnet_shm_frame *f,
		    u64 need)
{
	struct ivnet_tx_stats *stats = &sq->q.stats->tx;
	struct shm_lane *lane = &link->lanes[sq->q.index];
	struct ivnet_shm_frame frame = *f;

	/* Every port that there is announces all; another one gets less. */
	if (unlikely(need & ~link->features)) {
		ivnet_tx_stat_inc(stats, IVNET_TX_ERR_GSO);
		return;
	}
	if (unlikely(f->len > link->max_frame)) {
		ivnet_tx_stat_inc(stats, IVNET_TX_ERR_LONG);
		return;
	}
	if (unlikely(!lane_has_room(sq, link, lane, f->len))) {
		ivnet_tx_stat_inc(stats, IVNET_TX_DROP_FULL);
		return;
	}
	ivnet_shm_tx_alloc(&lane->tx, f->len, &frame.offset);
	skb_copy_bits(skb, 0, lane->tx_data + frame.offset, f->len);
	ivnet_shm_tx_put(&lane->tx, &frame);
}

/*
 * Stop the queue ahead of a full ring. A peer that does not move for long gets
 * its frames dropped instead, so that it holds up nobody else.
 */
static void tx_stop(struct shm_queue *sq, struct shm_link *link)
{
	struct shm_lane *lane = &link->lanes[sq->q.index];
	u32 len = link->max_frame;
	u32 used;

	if (likely(lane_has_room(sq, link, lane, len)))
		return;
	lane_flush(sq, link, lane);
	if (!lane->stuck_at)
		lane->stuck_at = jiffies | 1;
	if (time_after(jiffies, lane->stuck_at + SHM_TX_STUCK))
		return;

	netif_tx_stop_queue(sq->q.txq);
	ivnet_tx_stat_inc(&sq->q.stats->tx, IVNET_TX_STOPS);
	used = lane->tx.published - lane->tx.tail;
	if (ivnet_shm_tx_arm(&lane->tx, max_t(u32, used / 2, 1)) &&
	    lane_has_room(sq, link, lane, len))
		netif_tx_start_queue(sq->q.txq);
}

/**
 * shm_xmit() - ndo_start_xmit
 * @skb: the frame
 * @dev: the net_device
 *
 * Return: NETDEV_TX_OK.
 */
netdev_tx_t shm_xmit(struct sk_buff *skb, struct net_device *dev)
{
	const struct ivnet_net *net = netdev_priv(dev);
	struct shm_queue *sq =
		to_shm_queue(net->qset->q[skb_get_queue_mapping(skb)]);
	struct ivnet_tx_stats *stats = &sq->q.stats->tx;
	struct ivnet_shm_frame f = { .len = skb->len };
	struct shm_dev *sd = sq->sd;
	struct ivnet_meta meta;
	struct shm_link *link;
	int port = -1;
	u64 need;
	u32 i;

	if (unlikely(skb->len < ETH_HLEN)) {
		ivnet_tx_stat_inc(stats, IVNET_TX_ERR_SHORT);
		goto drop;
	}
	if (unlikely(!ivnet_tx_meta(skb, &meta))) {
		ivnet_tx_stat_inc(stats, IVNET_TX_ERR_GSO);
		goto drop;
	}
	f.flags = meta.flags;
	f.csum_start = meta.csum_start;
	f.csum_offset = meta.csum_offset;
	f.gso_size = meta.gso_size;
	f.gso_type = meta.gso_type;
	f.hdr_len = meta.hdr_len;
	if (skb->l4_hash) {
		f.flags |= IVNET_SHM_D_HASH;
		f.hash = skb->hash;
	}

	need = features_of(&f);

	skb_tx_timestamp(skb);
	ivnet_tx_count(stats, skb, skb->len);

	if (!is_multicast_ether_addr(skb->data))
		port = shm_fdb_find(&sd->fdb, skb->data);
	if (port >= 0 && shm_link_usable(&sd->links[port])) {
		link = &sd->links[port];
		tx_link(sq, link, skb, &f, need);
		tx_stop(sq, link);
	} else {
		for (i = 0; i < sd->geo.ports; i++)
			if (shm_link_usable(&sd->links[i]))
				tx_link(sq, &sd->links[i], skb, &f, need);
	}
	dev_consume_skb_any(skb);

	if (!netdev_xmit_more() || netif_tx_queue_stopped(sq->q.txq))
		tx_flush(sq);

	return NETDEV_TX_OK;

drop:
	dev_kfree_skb_any(skb);
	if (!netdev_xmit_more())
		tx_flush(sq);

	return NETDEV_TX_OK;
}

/**
 * shm_tx_wake() - wake a stopped queue if there is room, or no use in waiting
 * @sq: the queue pair
 * @budget: NAPI's; 0 from netpoll
 */
void shm_tx_wake(struct shm_queue *sq, int budget)
{
	struct shm_dev *sd = sq->sd;
	struct shm_link *link;
	struct shm_lane *lane;
	bool wait = false;
	u32 i;

	if (likely(!netif_tx_queue_stopped(sq->q.txq)))
		return;

	/* netpoll may have interrupted the owner of the lock. */
	if (likely(budget))
		__netif_tx_lock(sq->q.txq, smp_processor_id());
	else if (!__netif_tx_trylock(sq->q.txq))
		return;

	for (i = 0; i < sd->geo.ports; i++) {
		link = &sd->links[i];
		lane = &link->lanes[sq->q.index];
		if (!shm_link_usable(link) || !lane->stuck_at)
			continue;
		if (!lane_has_room(sq, link, lane, link->max_frame) &&
		    shm_link_usable(link) &&
		    time_before(jiffies, lane->stuck_at + SHM_TX_STUCK)) {
			wait = true;
			ivnet_shm_tx_arm(&lane->tx, 1);
		}
	}
	if (!wait) {
		netif_tx_wake_queue(sq->q.txq);
		ivnet_tx_stat_inc(&sq->q.stats->tx, IVNET_TX_WAKES);
	}
	__netif_tx_unlock(sq->q.txq);
}
