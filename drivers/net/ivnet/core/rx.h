/* SPDX-License-Identifier: GPL-2.0 */
/* Receive: what both transports do with a frame; inlined into their loops. */
#ifndef _IVNET_RX_H
#define _IVNET_RX_H

#include <linux/etherdevice.h>
#include <linux/if_packet.h>
#include <net/ivnet/rx.h>

#include "ivnet.h"

/**
 * struct ivnet_rx_batch - what one poll adds to the statistics
 * @packets: received, by skb->pkt_type
 * @bytes: the same in bytes
 * @buffers: taken from the ring
 * @csum_partial: frames with a sum to be finished
 * @csum_valid: frames whose sum the other side checked
 * @csum_complete: frames that were summed up while they were copied
 * @gso: frames put together by the other side
 * @gso_bytes: the same in bytes
 * @copied: frames copied into an skb of their own
 */
struct ivnet_rx_batch {
	u32 packets[PACKET_OTHERHOST + 1];
	u32 bytes[PACKET_OTHERHOST + 1];
	u32 buffers;
	u32 csum_partial;
	u32 csum_valid;
	u32 csum_complete;
	u32 gso;
	u32 gso_bytes;
	u32 copied;
};

/**
 * ivnet_rx_batch_add() - add a poll to a queue's counters
 * @s: the counters
 * @b: the poll
 * @irqs: interrupts since the last one
 *
 * Context: the queue's NAPI.
 */
static inline void ivnet_rx_batch_add(struct ivnet_rx_stats *s,
				      const struct ivnet_rx_batch *b, u32 irqs)
{
	u32 packets, bytes, ucast, ucast_bytes;

	ucast = b->packets[PACKET_HOST] + b->packets[PACKET_OTHERHOST];
	ucast_bytes = b->bytes[PACKET_HOST] + b->bytes[PACKET_OTHERHOST];
	packets = ucast + b->packets[PACKET_MULTICAST] +
		  b->packets[PACKET_BROADCAST];
	bytes = ucast_bytes + b->bytes[PACKET_MULTICAST] +
		b->bytes[PACKET_BROADCAST];

	u64_stats_update_begin(&s->syncp);
	u64_stats_inc(&s->v[IVNET_RX_POLLS]);
	u64_stats_add(&s->v[IVNET_RX_INTERRUPTS], irqs);
	if (b->buffers) {
		u64_stats_add(&s->v[IVNET_RX_BUFFERS], b->buffers);
		u64_stats_add(&s->v[IVNET_RX_PACKETS], packets);
		u64_stats_add(&s->v[IVNET_RX_BYTES], bytes);
		u64_stats_add(&s->v[IVNET_RX_UCAST_PACKETS], ucast);
		u64_stats_add(&s->v[IVNET_RX_UCAST_BYTES], ucast_bytes);
		u64_stats_add(&s->v[IVNET_RX_MCAST_PACKETS],
			      b->packets[PACKET_MULTICAST]);
		u64_stats_add(&s->v[IVNET_RX_MCAST_BYTES],
			      b->bytes[PACKET_MULTICAST]);
		u64_stats_add(&s->v[IVNET_RX_BCAST_PACKETS],
			      b->packets[PACKET_BROADCAST]);
		u64_stats_add(&s->v[IVNET_RX_BCAST_BYTES],
			      b->bytes[PACKET_BROADCAST]);
		u64_stats_add(&s->v[IVNET_RX_CSUM_PARTIAL], b->csum_partial);
		u64_stats_add(&s->v[IVNET_RX_CSUM_VALID], b->csum_valid);
		u64_stats_add(&s->v[IVNET_RX_CSUM_COMPLETE], b->csum_complete);
		u64_stats_add(&s->v[IVNET_RX_CSUM_NONE],
			      packets - b->csum_partial - b->csum_valid -
			      b->csum_complete);
		u64_stats_add(&s->v[IVNET_RX_GSO_PACKETS], b->gso);
		u64_stats_add(&s->v[IVNET_RX_GSO_BYTES], b->gso_bytes);
		u64_stats_add(&s->v[IVNET_RX_COPIED], b->copied);
	}
	u64_stats_update_end(&s->syncp);
}

/**
 * ivnet_rx_meta_stat() - which counter a broken rule of metadata has
 * @err: the rule
 *
 * Return: the counter.
 */
static inline enum ivnet_rx_stat ivnet_rx_meta_stat(enum ivnet_meta_err err)
{
	switch (err) {
	case IVNET_META_FLAGS:
		return IVNET_RX_ERR_FLAGS;
	case IVNET_META_CSUM:
		return IVNET_RX_ERR_CSUM;
	case IVNET_META_GSO_SIZE:
		return IVNET_RX_ERR_GSO_SIZE;
	default:
		return IVNET_RX_ERR_GSO_TYPE;
	}
}

/**
 * ivnet_rx_meta_apply() - check metadata and apply it to a frame
 * @q: the queue
 * @skb: the frame; data points to the destination address
 * @meta: private copy of the metadata
 * @rules: what was negotiated
 * @b: what the poll has so far
 *
 * Return: false if the frame breaks a rule, which is counted; drop it.
 */
static inline bool ivnet_rx_meta_apply(struct ivnet_queue *q,
				       struct sk_buff *skb,
				       const struct ivnet_meta *meta,
				       const struct ivnet_meta_rules *rules,
				       struct ivnet_rx_batch *b)
{
	enum ivnet_meta_err err;

	err = ivnet_meta_check(meta, rules, skb->len);
	if (likely(!err))
		err = ivnet_rx_meta(skb, meta,
				    q->netdev->features & NETIF_F_RXCSUM);
	if (unlikely(err)) {
		ivnet_rx_stat_inc(&q->stats->rx, ivnet_rx_meta_stat(err));
		return false;
	}

	if (skb->ip_summed == CHECKSUM_PARTIAL)
		b->csum_partial++;
	else if (skb->ip_summed == CHECKSUM_UNNECESSARY)
		b->csum_valid++;
	if (skb_is_gso(skb)) {
		b->gso++;
		b->gso_bytes += skb->len;
	}

	return true;
}

/**
 * ivnet_rx_deliver() - hand a frame to the stack
 * @q: the queue
 * @skb: the frame; data points to the destination address
 * @len: bytes of it
 * @b: what the poll has so far
 */
static __always_inline void ivnet_rx_deliver(struct ivnet_queue *q,
					     struct sk_buff *skb, u32 len,
					     struct ivnet_rx_batch *b)
{
	skb_record_rx_queue(skb, q->index);
	skb->protocol = eth_type_trans(skb, q->netdev);
	b->packets[skb->pkt_type]++;
	b->bytes[skb->pkt_type] += len;
	napi_gro_receive(&q->napi, skb);
}

#endif
