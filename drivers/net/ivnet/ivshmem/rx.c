// SPDX-License-Identifier: GPL-2.0
/* Receive: from the peers' rings to the stack. */

#include <linux/netdevice.h>
#include <linux/nospec.h>
#include <linux/skbuff.h>

#include "copy.h"
#include "shm.h"

static enum ivnet_rx_stat desc_stat(enum ivnet_shm_err err)
{
	switch (err) {
	case IVNET_SHM_ERR_OFFSET:
		return IVNET_RX_ERR_OFFSET;
	case IVNET_SHM_ERR_LEN:
		return IVNET_RX_ERR_LEN_LONG;
	case IVNET_SHM_ERR_FLAGS:
		return IVNET_RX_ERR_FLAGS;
	default:
		return IVNET_RX_ERR_SEQ;
	}
}

static void rx_frame(struct shm_queue *sq, struct shm_link *link,
		     struct shm_lane *lane, u32 copybreak,
		     struct ivnet_rx_batch *b)
{
	struct ivnet_rx_stats *stats = &sq->q.stats->rx;
	struct ivnet_shm_frame f;
	enum ivnet_shm_err err;
	struct sk_buff *skb;
	const u8 *src;
	u32 offset;
	bool meta;

	b->buffers++;
	err = ivnet_shm_rx_fetch(&lane->rx, &f);
	if (unlikely(err)) {
		ivnet_rx_stat_inc(stats, desc_stat(err));
		return;
	}

	/* Checked above, but not for a processor that guesses ahead. */
	offset = array_index_nospec(f.offset, lane->rx.data_size);
	meta = f.flags & (IVNET_SHM_D_NEEDS_CSUM | IVNET_SHM_D_DATA_VALID) ||
	       f.gso_type;
	skb = shm_copy_frame(sq, lane->rx_data + offset, f.len, copybreak,
			     !meta && sq->q.netdev->features & NETIF_F_RXCSUM,
			     b);
	if (unlikely(!skb)) {
		ivnet_rx_stat_inc(stats, IVNET_RX_NO_SKB);
		return;
	}

	if (meta) {
		const struct ivnet_meta m = {
			.flags		= f.flags & (IVNET_SHM_D_NEEDS_CSUM |
						     IVNET_SHM_D_DATA_VALID),
			.gso_type	= f.gso_type,
			.hdr_len	= f.hdr_len,
			.gso_size	= f.gso_size,
			.csum_start	= f.csum_start,
			.csum_offset	= f.csum_offset,
		};

		if (unlikely(!ivnet_rx_meta_apply(&sq->q, skb, &m,
						  &link->rules, b))) {
			napi_consume_skb(skb, 1);
			return;
		}
	}
	if (f.flags & IVNET_SHM_D_HASH)
		skb_set_hash(skb, f.hash, PKT_HASH_TYPE_L4);

	/* Once per tick is enough to know where an address is. */
	src = ((struct ethhdr *)skb->data)->h_source;
	if (lane->learnt_at != (u32)jiffies ||
	    !ether_addr_equal(lane->learnt, src)) {
		lane->learnt_at = (u32)jiffies;
		ether_addr_copy(lane->learnt, src);
		shm_fdb_learn(&link->sd->fdb, src, link->peer);
	}
	ivnet_rx_deliver(&sq->q, skb, f.len, b);
}

/* Up to @budget frames of one queue of one link. */
static int rx_lane(struct shm_queue *sq, struct shm_link *link, u32 q,
		   int budget, u32 copybreak, struct ivnet_rx_batch *b)
{
	struct shm_lane *lane = &link->lanes[q];
	int done = 0, n;

	while (done < budget) {
		n = ivnet_shm_rx_avail(&lane->rx);
		if (unlikely(n < 0)) {
			if (shm_link_broken(link, SHM_ERR_PROD))
				ivnet_rx_stat_inc(&sq->q.stats->rx,
						  IVNET_RX_ERR_RING);
			break;
		}
		if (!n)
			break;
		for (n = min3(n, budget - done, SHM_RX_PUBLISH); n; n--) {
			rx_frame(sq, link, lane, copybreak, b);
			ivnet_shm_rx_next(&lane->rx);
			done++;
		}
		if (ivnet_shm_rx_publish(&lane->rx)) {
			shm_link_ring(link, link->data_vector[q]);
			ivnet_rx_stat_inc(&sq->q.stats->rx, IVNET_RX_NOTIFIES);
		}
	}

	return done;
}

/* All links in turn, beginning with another one each time. */
static int rx_links(struct shm_queue *sq, int budget)
{
	const struct ivnet_net *net = netdev_priv(sq->q.netdev);
	u32 copybreak = READ_ONCE(net->rx_copybreak);
	struct shm_dev *sd = sq->sd;
	struct ivnet_rx_batch b = {};
	u32 i, n, q, irqs, ports = sd->geo.ports;
	struct shm_link *link;
	int done = 0;

	if (++sq->next >= ports)
		sq->next = 0;
	for (i = sq->next, n = ports; n; n--) {
		link = &sd->links[i];
		if (++i >= ports)
			i = 0;
		if (!shm_link_usable(link))
			continue;
		for (q = sq->q.index; q < sd->geo.queues && done < budget;
		     q += sd->pairs)
			done += rx_lane(sq, link, q, budget - done, copybreak,
					&b);
	}
	irqs = READ_ONCE(sq->irqs);
	ivnet_rx_batch_add(&sq->q.stats->rx, &b, irqs - sq->irqs_seen);
	sq->irqs_seen = irqs;

	return done;
}

/* Ask each peer to ring; true if one of them has something already. */
static bool rx_arm(struct shm_queue *sq)
{
	struct shm_dev *sd = sq->sd;
	struct shm_link *link;
	bool more = false;
	u32 i, q;

	for (i = 0; i < sd->geo.ports; i++) {
		link = &sd->links[i];
		if (!shm_link_usable(link))
			continue;
		for (q = sq->q.index; q < sd->geo.queues; q += sd->pairs)
			more |= ivnet_shm_rx_arm(&link->lanes[q].rx);
	}

	return more;
}

/**
 * shm_poll() - NAPI poll of a queue pair
 * @napi: the pair's NAPI
 * @budget: most frames to receive; 0 from netpoll
 *
 * Return: frames received.
 */
int shm_poll(struct napi_struct *napi, int budget)
{
	struct shm_queue *sq = container_of(napi, struct shm_queue, q.napi);
	int done;

	shm_tx_wake(sq, budget);
	if (unlikely(!budget))
		return 0;

	done = rx_links(sq, budget);
	if (!done)
		shm_tx_idle(sq);
	if (done == budget)
		return done;

	if (!napi_complete_done(napi, done))
		return done;
	if (!shm_wake_later(sq, done) && rx_arm(sq))
		napi_schedule(napi);

	return done;
}
