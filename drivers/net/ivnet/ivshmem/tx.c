// SPDX-License-Identifier: GPL-2.0
/* Transmit: from the stack into our rings, one copy for each receiver. */

#include <linux/etherdevice.h>
#include <linux/netdevice.h>

#include "../core/tx.h"
#include "copy.h"
#include "shm.h"

/* A full ring that does not move for this long no longer holds up the rest. */
#define SHM_TX_STUCK	msecs_to_jiffies(100)

/* Frames in flight from which on it pays to see how far the peer is. */
#define SHM_TX_RECLAIM	16

/*
 * Has the peer been done with nothing for so long that it has to be ignored? A
 * peer whose CPU is not run for a while holds up nobody if it is the only one.
 */
static bool lane_stuck(const struct shm_queue *sq, const struct shm_lane *lane)
{
	unsigned long limit = READ_ONCE(sq->sd->n_run) > 1 ? SHM_TX_STUCK :
							     SHM_SILENT;

	return time_after(jiffies, lane->moved_at + limit);
}

/* The peer is done with @n frames more, or lies: then false. */
static bool lane_done(struct shm_queue *sq, struct shm_link *link,
		      struct shm_lane *lane, int n)
{
	u32 sum;

	if (unlikely(n < 0)) {
		if (shm_link_broken(link, SHM_ERR_CONS))
			ivnet_tx_stat_inc(&sq->q.stats->tx, IVNET_TX_ERR_RING);
		return false;
	}
	if (!n)
		return true;

	lane->moved_at = jiffies;
	sum = lane->sum[(lane->tx.tail - 1) & lane->tx.mask];
	/* Not what lane_forget() has taken back before. */
	if ((s32)(sum - lane->completed) > 0) {
		netdev_tx_completed_queue(sq->q.txq, n, sum - lane->completed);
		WRITE_ONCE(lane->completed, sum);
	}

	return true;
}

/* Take back what the peer is done with. */
static bool lane_reclaim(struct shm_queue *sq, struct shm_link *link,
			 struct shm_lane *lane)
{
	return lane_done(sq, link, lane, ivnet_shm_tx_reclaim(&lane->tx));
}

/* Frames that the peer does not take are no longer waited for. */
static void lane_forget(struct shm_queue *sq, struct shm_lane *lane)
{
	if (lane->queued == lane->completed)
		return;
	netdev_tx_completed_queue(sq->q.txq, 1, lane->queued - lane->completed);
	WRITE_ONCE(lane->completed, lane->queued);
}

static void lane_flush(struct shm_queue *sq, struct shm_link *link,
		       struct shm_lane *lane)
{
	if (lane->tx.published == lane->tx.head)
		return;
	if (lane->tx.published - lane->tx.tail >= SHM_TX_RECLAIM)
		lane_reclaim(sq, link, lane);
	if (ivnet_shm_tx_publish(&lane->tx) &&
	    shm_link_ring(link, link->data_vector[sq->q.index]))
		ivnet_tx_stat_inc(&sq->q.stats->tx, IVNET_TX_NOTIFIES);
}

/* Show every peer what was written for it. */
static void tx_flush(struct shm_queue *sq)
{
	struct shm_link *link;

	for (; sq->unpublished; sq->unpublished &= sq->unpublished - 1) {
		link = &sq->sd->links[__ffs(sq->unpublished)];
		if (shm_link_usable(link))
			lane_flush(sq, link, &link->lanes[sq->q.index]);
	}
	shm_wake_soon(sq);
}

/* Room for a frame, at @off. */
static bool lane_room(struct shm_queue *sq, struct shm_link *link,
		      struct shm_lane *lane, u32 len, u32 *off)
{
	if (likely(ivnet_shm_tx_alloc(&lane->tx, len, off)))
		return true;

	return lane_reclaim(sq, link, lane) &&
	       ivnet_shm_tx_alloc(&lane->tx, len, off);
}

/* Room for any frame that the link takes? */
static bool lane_has_room(struct shm_queue *sq, struct shm_link *link,
			  struct shm_lane *lane)
{
	u32 off;

	return lane_room(sq, link, lane, link->max_frame, &off);
}

/* Copy a frame for one receiver, which has the features that it needs. */
static u32 lane_put(struct shm_queue *sq, struct shm_link *link,
		    const struct sk_buff *skb, const struct ivnet_shm_frame *f)
{
	struct ivnet_tx_stats *stats = &sq->q.stats->tx;
	struct shm_lane *lane = &link->lanes[sq->q.index];
	struct ivnet_shm_frame frame = *f;
	u8 *to;

	if (unlikely(f->len > link->max_frame)) {
		ivnet_tx_stat_inc(stats, IVNET_TX_ERR_LONG);
		return 0;
	}
	if (unlikely(!lane_room(sq, link, lane, f->len, &frame.offset))) {
		ivnet_tx_stat_inc(stats, IVNET_TX_DROP_FULL);
		return 0;
	}
	to = lane->tx_data + frame.offset;
	frame.flags &= READ_ONCE(lane->flags);
	if (unlikely(f->flags & ~frame.flags & IVNET_SHM_D_NEEDS_CSUM))
		shm_copy_csum(skb, to, f->csum_start, f->csum_offset);
	else
		skb_copy_bits(skb, 0, to, f->len);

	if (lane->tx.head == lane->tx.tail)
		lane->moved_at = jiffies;
	WRITE_ONCE(lane->queued, lane->queued + f->len);
	lane->sum[lane->tx.head & lane->tx.mask] = lane->queued;
	ivnet_shm_tx_put(&lane->tx, &frame);
	sq->unpublished |= 1U << link->peer;

	return f->len;
}

/* Describe a frame; false if it cannot be described. */
static bool frame_fill(const struct sk_buff *skb, struct ivnet_shm_frame *f)
{
	struct ivnet_meta meta;

	if (unlikely(!ivnet_tx_meta(skb, &meta)))
		return false;

	*f = (struct ivnet_shm_frame) {
		.len		= skb->len,
		.flags		= meta.flags,
		.csum_start	= meta.csum_start,
		.csum_offset	= meta.csum_offset,
		.gso_size	= meta.gso_size,
		.gso_type	= meta.gso_type,
		.hdr_len	= meta.hdr_len,
	};
	if (skb->l4_hash) {
		f->flags |= IVNET_SHM_D_HASH;
		f->hash = skb->hash;
	}

	return true;
}

/* A receiver that takes no frame of this kind gets its segments. */
static u32 tx_segments(struct shm_queue *sq, struct shm_link *link,
		       struct sk_buff *skb)
{
	struct ivnet_tx_stats *stats = &sq->q.stats->tx;
	struct sk_buff *segs, *seg, *next;
	struct ivnet_shm_frame f;
	u32 sent = 0;

	segs = skb_gso_segment(skb, NETIF_F_SG | NETIF_F_HW_CSUM);
	if (IS_ERR_OR_NULL(segs)) {
		ivnet_tx_stat_inc(stats, IVNET_TX_ERR_GSO);
		return 0;
	}
	skb_list_walk_safe(segs, seg, next) {
		skb_mark_not_on_list(seg);
		if (frame_fill(seg, &f))
			sent += lane_put(sq, link, seg, &f);
		dev_consume_skb_any(seg);
	}

	return sent;
}

/* Bytes that went to one receiver. */
static u32 tx_link(struct shm_queue *sq, struct shm_link *link,
		   struct sk_buff *skb, const struct ivnet_shm_frame *f)
{
	/* Ports of this driver take all; another one may take less. */
	if (f->gso_type && unlikely(ivnet_shm_gso_features(f->gso_type) &
				    ~READ_ONCE(link->uses) ||
				    f->len > link->max_frame))
		return tx_segments(sq, link, skb);

	return lane_put(sq, link, skb, f);
}

/* Where an address is; within a tick it stays there. */
static int tx_port(struct shm_queue *sq, const u8 *addr)
{
	if (sq->found_at == (u32)jiffies && ether_addr_equal(sq->sought, addr))
		return sq->found;

	sq->found = shm_fdb_find(&sq->sd->fdb, addr);
	sq->found_at = (u32)jiffies;
	ether_addr_copy(sq->sought, addr);

	return sq->found;
}

/* Stop the queue ahead of a full ring, unless waiting is of no use. */
static void tx_stop(struct shm_queue *sq, struct shm_link *link)
{
	struct shm_lane *lane = &link->lanes[sq->q.index];

	if (likely(lane_has_room(sq, link, lane)) ||
	    lane_stuck(sq, lane))
		return;

	netif_tx_stop_queue(sq->q.txq);
	ivnet_tx_stat_inc(&sq->q.stats->tx, IVNET_TX_STOPS);
}

/*
 * Ask a peer to ring when it did half of the frames. What it did before it saw
 * that, it did without ringing: then there is room now, or it is asked again.
 * False if it broke a rule.
 */
static bool lane_arm(struct shm_queue *sq, struct shm_link *link,
		     struct shm_lane *lane)
{
	u32 used;
	int n;

	while ((used = lane->tx.published - lane->tx.tail)) {
		n = ivnet_shm_tx_arm(&lane->tx, max(used / 2, 1U));
		if (!lane_done(sq, link, lane, n))
			return false;
		if (!n || lane_has_room(sq, link, lane))
			break;
	}

	return true;
}

/*
 * A stopped queue: ask each peer that has frames of it to ring when it did half
 * of them, and go on if there is room, or where waiting for it is of no use. A
 * peer that does not move for long gets its frames dropped instead, so that it
 * holds up nobody else.
 */
static void tx_wait(struct shm_queue *sq)
{
	struct shm_dev *sd = sq->sd;
	struct shm_link *link;
	struct shm_lane *lane;
	bool wait = false;
	u32 i;

	for (i = 0; i < sd->geo.ports; i++) {
		link = &sd->links[i];
		lane = &link->lanes[sq->q.index];
		if (!shm_link_usable(link) || lane->tx.head == lane->tx.tail)
			continue;
		lane_flush(sq, link, lane);
		if (!lane_arm(sq, link, lane))
			continue;
		if (lane_stuck(sq, lane))
			lane_forget(sq, lane);
		else if (!lane_has_room(sq, link, lane))
			wait = true;
	}
	if (netif_tx_queue_stopped(sq->q.txq) && !wait) {
		netif_tx_wake_queue(sq->q.txq);
		ivnet_tx_stat_inc(&sq->q.stats->tx, IVNET_TX_WAKES);
	}
	/* A peer that stops taking frames rings nobody. */
	if (netif_xmit_stopped(sq->q.txq))
		shm_wake_within(sq, jiffies_to_usecs(SHM_TX_STUCK));
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
	u32 i, index = skb_get_queue_mapping(skb), sent = 0;
	bool more = netdev_xmit_more();
	struct ivnet_shm_frame f;
	struct ivnet_tx_stats *stats;
	struct shm_queue *sq;
	struct shm_link *link;
	struct shm_dev *sd;
	int port = -1;

	/* Some choose a queue themselves, and may be behind a change. */
	if (unlikely(index >= net->qset->cfg.pairs)) {
		dev_core_stats_tx_dropped_inc(dev);
		dev_kfree_skb_any(skb);
		return NETDEV_TX_OK;
	}
	sq = to_shm_queue(net->qset->q[index]);
	stats = &sq->q.stats->tx;
	sd = sq->sd;

	if (unlikely(skb->len < ETH_HLEN)) {
		ivnet_tx_stat_inc(stats, IVNET_TX_ERR_SHORT);
		goto drop;
	}
	if (unlikely(!frame_fill(skb, &f))) {
		ivnet_tx_stat_inc(stats, IVNET_TX_ERR_GSO);
		goto drop;
	}

	skb_tx_timestamp(skb);
	ivnet_tx_count(stats, skb, skb->len);

	if (!is_multicast_ether_addr(skb->data))
		port = tx_port(sq, skb->data);
	if (port >= 0 && shm_link_usable(&sd->links[port])) {
		link = &sd->links[port];
		sent = tx_link(sq, link, skb, &f);
	} else {
		link = NULL;
		for (i = 0; i < sd->geo.ports; i++)
			if (shm_link_usable(&sd->links[i]))
				sent += tx_link(sq, &sd->links[i], skb, &f);
	}
	dev_consume_skb_any(skb);

	/* Counted as sent before any look for completions. */
	if (sent)
		netdev_tx_sent_queue(sq->q.txq, sent);
	if (link)
		tx_stop(sq, link);
	if (unlikely(netif_xmit_stopped(sq->q.txq)))
		tx_wait(sq);
	else if (!more)
		tx_flush(sq);

	return NETDEV_TX_OK;

drop:
	dev_kfree_skb_any(skb);
	if (!more)
		tx_flush(sq);

	return NETDEV_TX_OK;
}

/**
 * shm_tx_forget() - the frames of a lane will not be taken any more
 * @sq: the queue pair
 * @lane: the lane; nobody transmits on it
 *
 * Context: process.
 */
void shm_tx_forget(struct shm_queue *sq, struct shm_lane *lane)
{
	__netif_tx_lock_bh(sq->q.txq);
	lane_forget(sq, lane);
	__netif_tx_unlock_bh(sq->q.txq);
}

/**
 * shm_tx_wake() - see whether a stopped queue can go on
 * @sq: the queue pair
 * @budget: NAPI's; 0 from netpoll
 */
void shm_tx_wake(struct shm_queue *sq, int budget)
{
	if (!shm_tx_lock_stopped(sq, budget))
		return;

	tx_wait(sq);
	__netif_tx_unlock(sq->q.txq);
}

/**
 * shm_tx_idle() - count as done what the peers are done with
 * @sq: the queue pair, which has nothing else to do
 *
 * Context: NAPI.
 */
void shm_tx_idle(struct shm_queue *sq)
{
	struct shm_dev *sd = sq->sd;
	struct shm_lane *lane;
	u32 i;

	for (i = 0; i < sd->geo.ports; i++) {
		lane = &sd->links[i].lanes[sq->q.index];
		if (READ_ONCE(lane->queued) == READ_ONCE(lane->completed) ||
		    !shm_link_usable(&sd->links[i]))
			continue;
		if (!__netif_tx_trylock(sq->q.txq))
			return;
		lane_reclaim(sq, &sd->links[i], lane);
		__netif_tx_unlock(sq->q.txq);
	}
}
