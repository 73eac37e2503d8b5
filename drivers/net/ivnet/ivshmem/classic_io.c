// SPDX-License-Identifier: GPL-2.0
/* The classic format's data path. */

#include <linux/etherdevice.h>
#include <linux/netdevice.h>
#include <linux/nospec.h>

#include "../core/tx.h"
#include "classic.h"
#include "copy.h"

/* Frames in flight from which on it pays to see how far the other side is. */
#define CLASSIC_RECLAIM		16

/*
 * The data path saw a rule broken, and leaves the rings alone from here on. True
 * if it was one: the rings of a side that began anew are no longer what they were.
 */
static bool set_broken(struct shm_classic *c, enum ivnet_classic_err err)
{
	if (READ_ONCE(c->broken))
		return false;
	WRITE_ONCE(c->broken, err);
	shm_work_kick(c->sd);

	return classic_peer_state(c) == IVNET_CLASSIC_RUN;
}

/* ---- transmit ---- */

static bool tx_stuck(const struct shm_classic *c)
{
	return time_after(jiffies, c->moved_at + SHM_SILENT);
}

/* Take back what the other side is done with; false if it lies. */
static bool tx_done(struct shm_queue *sq, struct shm_classic *c,
		    enum ivnet_classic_err err, u32 n)
{
	u32 sum;

	if (n) {
		c->moved_at = jiffies;
		sum = c->sum[(u16)(c->tx.tail - 1) & (c->tx.n - 1)];
		/* Not what classic_tx_forget() has taken back before. */
		if ((s32)(sum - c->completed) > 0) {
			netdev_tx_completed_queue(sq->q.txq, n,
						  sum - c->completed);
			WRITE_ONCE(c->completed, sum);
		}
	}
	if (unlikely(err) && set_broken(c, err))
		ivnet_tx_stat_inc(&sq->q.stats->tx, IVNET_TX_ERR_RING);

	return likely(!err);
}

static bool tx_reclaim(struct shm_queue *sq, struct shm_classic *c)
{
	enum ivnet_classic_err err;
	u32 n;

	err = ivnet_classic_tx_reclaim(&c->tx, &n);

	return tx_done(sq, c, err, n);
}

/**
 * classic_tx_forget() - what the other side does not take is no longer waited for
 * @sq: the queue pair
 * @c: the format's state
 *
 * Context: under the queue's transmit lock.
 */
void classic_tx_forget(struct shm_queue *sq, struct shm_classic *c)
{
	if (c->queued == c->completed)
		return;
	netdev_tx_completed_queue(sq->q.txq, 1, c->queued - c->completed);
	WRITE_ONCE(c->completed, c->queued);
}

static void tx_flush(struct shm_queue *sq, struct shm_classic *c)
{
	if (!classic_usable(c) || c->tx.published == c->tx.head)
		return;
	if ((u16)(c->tx.published - c->tx.tail) >= CLASSIC_RECLAIM &&
	    !tx_reclaim(sq, c))
		return;
	if (ivnet_classic_tx_publish(&c->tx)) {
		classic_ring(c);
		ivnet_tx_stat_inc(&sq->q.stats->tx, IVNET_TX_NOTIFIES);
	}
	shm_wake_soon(sq);
}

static bool tx_room(struct shm_queue *sq, struct shm_classic *c, u32 len,
		    u64 *offset)
{
	if (likely(ivnet_classic_tx_alloc(&c->tx, len, offset)))
		return true;

	return tx_reclaim(sq, c) && ivnet_classic_tx_alloc(&c->tx, len, offset);
}

static bool tx_has_room(struct shm_queue *sq, struct shm_classic *c)
{
	u32 len = READ_ONCE(sq->q.netdev->mtu) + IVNET_CLASSIC_HEADER;
	u64 offset;

	return tx_room(sq, c, len, &offset);
}

/*
 * Ask the other side to ring when it did half of the frames. What it did before
 * it saw that, it did without ringing: then there is room now, or it is asked
 * again. False if it broke a rule.
 */
static bool tx_arm(struct shm_queue *sq, struct shm_classic *c)
{
	enum ivnet_classic_err err;
	u16 used;
	u32 n;

	while ((used = c->tx.published - c->tx.tail)) {
		err = ivnet_classic_tx_arm(&c->tx, max(used / 2, 1), &n);
		if (!tx_done(sq, c, err, n))
			return false;
		if (!n || tx_has_room(sq, c))
			break;
	}

	return true;
}

/*
 * A stopped queue: ask the other side to ring when it did half of the frames, and
 * go on if there is room, or where waiting for it is of no use. One that does not
 * move for long gets its frames dropped.
 */
static void tx_wait(struct shm_queue *sq, struct shm_classic *c)
{
	bool wait = false;

	tx_flush(sq, c);
	if (classic_usable(c) && c->tx.head != c->tx.tail &&
	    tx_arm(sq, c)) {
		if (tx_stuck(c))
			classic_tx_forget(sq, c);
		else
			wait = !tx_has_room(sq, c);
	}
	if (netif_tx_queue_stopped(sq->q.txq) && !wait) {
		netif_tx_wake_queue(sq->q.txq);
		ivnet_tx_stat_inc(&sq->q.stats->tx, IVNET_TX_WAKES);
	}
	if (netif_xmit_stopped(sq->q.txq))
		shm_wake_within(sq, jiffies_to_usecs(SHM_SILENT));
}

/* Copy a frame; bytes that went into the ring. */
static u32 tx_put(struct shm_queue *sq, struct shm_classic *c,
		  const struct sk_buff *skb)
{
	struct ivnet_tx_stats *stats = &sq->q.stats->tx;
	u64 offset;
	u8 *to;

	if (unlikely(skb->len > c->rx.max_frame)) {
		ivnet_tx_stat_inc(stats, IVNET_TX_ERR_LONG);
		return 0;
	}
	if (unlikely(!tx_room(sq, c, skb->len, &offset))) {
		ivnet_tx_stat_inc(stats, IVNET_TX_DROP_FULL);
		return 0;
	}
	to = c->data[c->side] + offset;
	if (skb->ip_summed == CHECKSUM_PARTIAL)
		shm_copy_csum(skb, to, skb_checksum_start_offset(skb),
			      skb->csum_offset);
	else
		skb_copy_bits(skb, 0, to, skb->len);

	if (c->tx.head == c->tx.tail)
		c->moved_at = jiffies;
	WRITE_ONCE(c->queued, c->queued + skb->len);
	c->sum[c->tx.head & (c->tx.n - 1)] = c->queued;
	ivnet_classic_tx_put(&c->tx, offset, skb->len);

	return skb->len;
}

/**
 * classic_xmit() - ndo_start_xmit
 * @skb: the frame
 * @dev: the net_device
 *
 * Return: NETDEV_TX_OK.
 */
netdev_tx_t classic_xmit(struct sk_buff *skb, struct net_device *dev)
{
	const struct ivnet_net *net = netdev_priv(dev);
	u32 index = skb_get_queue_mapping(skb), sent = 0;
	bool more = netdev_xmit_more();
	struct ivnet_tx_stats *stats;
	struct shm_classic *c;
	struct shm_queue *sq;

	/* Some choose a queue themselves, and may be behind a change. */
	if (unlikely(index >= net->qset->cfg.pairs)) {
		dev_core_stats_tx_dropped_inc(dev);
		dev_kfree_skb_any(skb);
		return NETDEV_TX_OK;
	}
	sq = to_shm_queue(net->qset->q[index]);
	stats = &sq->q.stats->tx;
	c = sq->sd->classic;

	if (unlikely(skb->len < ETH_HLEN)) {
		ivnet_tx_stat_inc(stats, IVNET_TX_ERR_SHORT);
	} else if (unlikely(skb_is_gso(skb))) {
		ivnet_tx_stat_inc(stats, IVNET_TX_ERR_GSO);
	} else {
		skb_tx_timestamp(skb);
		ivnet_tx_count(stats, skb, skb->len);
		if (likely(classic_usable(c)))
			sent = tx_put(sq, c, skb);
	}
	dev_consume_skb_any(skb);

	/* Counted as sent before any look for completions. */
	if (sent) {
		netdev_tx_sent_queue(sq->q.txq, sent);
		if (unlikely(!tx_has_room(sq, c) && !tx_stuck(c))) {
			netif_tx_stop_queue(sq->q.txq);
			ivnet_tx_stat_inc(stats, IVNET_TX_STOPS);
		}
	}
	if (unlikely(netif_xmit_stopped(sq->q.txq)))
		tx_wait(sq, c);
	else if (!more)
		tx_flush(sq, c);

	return NETDEV_TX_OK;
}

/* ---- receive ---- */

static enum ivnet_rx_stat rx_stat(enum ivnet_classic_err err)
{
	switch (err) {
	case IVNET_CLASSIC_ERR_FLAGS:
		return IVNET_RX_ERR_FLAGS;
	case IVNET_CLASSIC_ERR_SHORT:
		return IVNET_RX_ERR_LEN_SHORT;
	case IVNET_CLASSIC_ERR_LONG:
		return IVNET_RX_ERR_LEN_LONG;
	case IVNET_CLASSIC_ERR_ADDR:
		return IVNET_RX_ERR_OFFSET;
	default:
		return IVNET_RX_ERR_RING;
	}
}

/* One frame; false if it is not to be returned because the ring is broken. */
static bool rx_frame(struct shm_queue *sq, struct shm_classic *c, u32 copybreak,
		     struct ivnet_rx_batch *b)
{
	struct ivnet_rx_stats *stats = &sq->q.stats->rx;
	struct ivnet_classic_frame f;
	enum ivnet_classic_err err;
	struct sk_buff *skb;
	u64 offset;

	err = ivnet_classic_rx_fetch(&c->rx, &f);
	if (unlikely(err == IVNET_CLASSIC_ERR_AVAIL_ID)) {
		if (set_broken(c, err))
			ivnet_rx_stat_inc(stats, rx_stat(err));
		return false;
	}
	b->buffers++;
	if (unlikely(err)) {
		ivnet_rx_stat_inc(stats, rx_stat(err));
		goto out_return;
	}

	/* Checked above, but not for a processor that guesses ahead. */
	offset = array_index_nospec(f.offset, c->rx.data_size);
	skb = shm_copy_frame(sq, c->data[!c->side] + offset, f.len, copybreak,
			     sq->q.netdev->features & NETIF_F_RXCSUM, b);
	if (likely(skb))
		ivnet_rx_deliver(&sq->q, skb, f.len, b);
	else
		ivnet_rx_stat_inc(stats, IVNET_RX_NO_SKB);

out_return:
	/* Whatever it was: the sender gets its descriptor back. */
	ivnet_classic_rx_return(&c->rx, f.id);

	return true;
}

static int rx_frames(struct shm_queue *sq, struct shm_classic *c, int budget,
		     u32 copybreak, struct ivnet_rx_batch *b)
{
	enum ivnet_classic_err err;
	int done = 0;
	bool good;
	u32 n;

	while (done < budget) {
		err = ivnet_classic_rx_avail(&c->rx, &n);
		if (unlikely(err) && set_broken(c, err))
			ivnet_rx_stat_inc(&sq->q.stats->rx, rx_stat(err));
		if (!n)
			break;
		n = min3(n, (u32)(budget - done), (u32)SHM_RX_PUBLISH);
		for (good = true; n && good; n--) {
			good = rx_frame(sq, c, copybreak, b);
			done += good;
		}
		if (ivnet_classic_rx_publish(&c->rx)) {
			classic_ring(c);
			ivnet_rx_stat_inc(&sq->q.stats->rx, IVNET_RX_NOTIFIES);
		}
		if (unlikely(!good))
			break;
	}

	return done;
}

static int rx_poll(struct shm_queue *sq, struct shm_classic *c, int budget)
{
	const struct ivnet_net *net = netdev_priv(sq->q.netdev);
	struct ivnet_rx_batch b = {};
	int done = 0;
	u32 irqs;

	if (classic_usable(c))
		done = rx_frames(sq, c, budget, READ_ONCE(net->rx_copybreak),
				 &b);
	irqs = READ_ONCE(sq->irqs);
	ivnet_rx_batch_add(&sq->q.stats->rx, &b, irqs - sq->irqs_seen);
	sq->irqs_seen = irqs;

	return done;
}

/* See whether a stopped queue can go on. */
static void tx_wake(struct shm_queue *sq, struct shm_classic *c, int budget)
{
	if (!shm_tx_lock_stopped(sq, budget))
		return;

	tx_wait(sq, c);
	__netif_tx_unlock(sq->q.txq);
}

/* Nothing else to do: count as done what the other side is done with. */
static void tx_idle(struct shm_queue *sq, struct shm_classic *c)
{
	if (READ_ONCE(c->queued) == READ_ONCE(c->completed) || !classic_usable(c) ||
	    !__netif_tx_trylock(sq->q.txq))
		return;
	tx_reclaim(sq, c);
	__netif_tx_unlock(sq->q.txq);
}

/**
 * classic_poll() - NAPI poll
 * @napi: the queue pair's NAPI
 * @budget: most frames to receive; 0 from netpoll
 *
 * Return: frames received.
 */
int classic_poll(struct napi_struct *napi, int budget)
{
	struct shm_queue *sq = container_of(napi, struct shm_queue, q.napi);
	struct shm_classic *c = sq->sd->classic;
	int done;

	tx_wake(sq, c, budget);
	if (unlikely(!budget))
		return 0;

	done = rx_poll(sq, c, budget);
	if (!done)
		tx_idle(sq, c);
	/* The one vector may have meant this. */
	if (unlikely(classic_peer_state(c) != READ_ONCE(c->seen)))
		shm_work_kick(c->sd);
	if (done == budget || !napi_complete_done(napi, done))
		return done;
	if (!shm_wake_later(sq, done) && classic_usable(c) &&
	    ivnet_classic_rx_arm(&c->rx))
		napi_schedule(napi);

	return done;
}
