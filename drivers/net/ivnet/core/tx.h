/* SPDX-License-Identifier: GPL-2.0 */
/* Transmit: what both transports do with a frame; inlined into their loops. */
#ifndef _IVNET_TX_H
#define _IVNET_TX_H

#include <linux/etherdevice.h>
#include <net/ivnet/tx.h>

#include "ivnet.h"

/**
 * ivnet_tx_count() - count a frame that is sent
 * @s: the queue's counters
 * @skb: the frame, with its destination address at data
 * @len: bytes of it
 *
 * Context: under the queue's transmit lock.
 */
static __always_inline void ivnet_tx_count(struct ivnet_tx_stats *s,
					   const struct sk_buff *skb, u32 len)
{
	u64_stats_update_begin(&s->syncp);
	u64_stats_inc(&s->v[IVNET_TX_PACKETS]);
	u64_stats_add(&s->v[IVNET_TX_BYTES], len);
	if (likely(!is_multicast_ether_addr(skb->data))) {
		u64_stats_inc(&s->v[IVNET_TX_UCAST_PACKETS]);
		u64_stats_add(&s->v[IVNET_TX_UCAST_BYTES], len);
	} else if (is_broadcast_ether_addr(skb->data)) {
		u64_stats_inc(&s->v[IVNET_TX_BCAST_PACKETS]);
		u64_stats_add(&s->v[IVNET_TX_BCAST_BYTES], len);
	} else {
		u64_stats_inc(&s->v[IVNET_TX_MCAST_PACKETS]);
		u64_stats_add(&s->v[IVNET_TX_MCAST_BYTES], len);
	}
	if (skb->ip_summed == CHECKSUM_PARTIAL) {
		u64_stats_inc(&s->v[IVNET_TX_CSUM_PARTIAL]);
		if (skb_is_gso(skb)) {
			u64_stats_inc(&s->v[IVNET_TX_GSO_PACKETS]);
			u64_stats_add(&s->v[IVNET_TX_GSO_BYTES], len);
		}
	}
	u64_stats_update_end(&s->syncp);
}

#endif
