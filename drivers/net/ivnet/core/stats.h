/* SPDX-License-Identifier: GPL-2.0 */
/* The one table of statistics; see stats.c for names and meaning. */
#ifndef _IVNET_STATS_H
#define _IVNET_STATS_H

#include <linux/types.h>
#include <linux/u64_stats_sync.h>

struct ivnet_net;
struct net_device;
struct rtnl_link_stats64;

/* Receive counters of a queue. Errors stand together: first to last. */
enum ivnet_rx_stat {
	IVNET_RX_PACKETS,
	IVNET_RX_BYTES,
	IVNET_RX_UCAST_PACKETS,
	IVNET_RX_UCAST_BYTES,
	IVNET_RX_MCAST_PACKETS,
	IVNET_RX_MCAST_BYTES,
	IVNET_RX_BCAST_PACKETS,
	IVNET_RX_BCAST_BYTES,
	IVNET_RX_CSUM_PARTIAL,
	IVNET_RX_CSUM_VALID,
	IVNET_RX_CSUM_COMPLETE,
	IVNET_RX_CSUM_NONE,
	IVNET_RX_GSO_PACKETS,
	IVNET_RX_GSO_BYTES,
	IVNET_RX_RSC_SEGMENTS,
	IVNET_RX_RSC_DUP_ACKS,
	IVNET_RX_COPIED,
	IVNET_RX_BUFFERS,
	IVNET_RX_POLLS,
	IVNET_RX_INTERRUPTS,
	IVNET_RX_NOTIFIES,
	IVNET_RX_REFILL_RETRIES,
	IVNET_RX_ALLOC_FAIL,
	IVNET_RX_NO_SKB,
	IVNET_RX_DROP_ASLEEP,
	IVNET_RX_ERR_LEN_SHORT,
	IVNET_RX_ERR_LEN_LONG,
	IVNET_RX_ERR_NUM_BUFFERS,
	IVNET_RX_ERR_MISSING_BUFFER,
	IVNET_RX_ERR_FRAGS,
	IVNET_RX_ERR_FLAGS,
	IVNET_RX_ERR_CSUM,
	IVNET_RX_ERR_GSO_TYPE,
	IVNET_RX_ERR_GSO_SIZE,
	IVNET_RX_ERR_OFFSET,
	IVNET_RX_ERR_SEQ,
	IVNET_RX_ERR_RING,
	IVNET_RX_STAT_NUM
};

/* Transmit counters of a queue. */
enum ivnet_tx_stat {
	IVNET_TX_PACKETS,
	IVNET_TX_BYTES,
	IVNET_TX_UCAST_PACKETS,
	IVNET_TX_UCAST_BYTES,
	IVNET_TX_MCAST_PACKETS,
	IVNET_TX_MCAST_BYTES,
	IVNET_TX_BCAST_PACKETS,
	IVNET_TX_BCAST_BYTES,
	IVNET_TX_CSUM_PARTIAL,
	IVNET_TX_GSO_PACKETS,
	IVNET_TX_GSO_BYTES,
	IVNET_TX_COPIED,
	IVNET_TX_STOPS,
	IVNET_TX_WAKES,
	IVNET_TX_INTERRUPTS,
	IVNET_TX_NOTIFIES,
	IVNET_TX_CANCELLED,
	IVNET_TX_DROP_NO_MEMORY,
	IVNET_TX_DROP_FULL,
	IVNET_TX_ERR_SHORT,
	IVNET_TX_ERR_LONG,
	IVNET_TX_ERR_GSO,
	IVNET_TX_ERR_RING,
	IVNET_TX_STAT_NUM
};

/* Counters of a device that belong to no queue; under rtnl. */
enum ivnet_dev_stat {
	IVNET_DEV_CTRL_COMMANDS,
	IVNET_DEV_CTRL_REFUSED,
	IVNET_DEV_CTRL_UNKNOWN,
	IVNET_DEV_CTRL_TIMEOUTS,
	IVNET_DEV_CTRL_BAD_REPLIES,
	IVNET_DEV_FILTER_FALLBACKS,
	IVNET_DEV_ANNOUNCEMENTS,
	IVNET_DEV_RX_LOST_IRQS,
	IVNET_DEV_TX_LOST_IRQS,
	IVNET_DEV_QUEUE_RESETS,
	IVNET_DEV_QUEUE_RESET_TIMEOUTS,
	IVNET_DEV_RESETS,
	IVNET_DEV_RESET_TIMEOUTS,
	IVNET_DEV_START_FAILURES,
	IVNET_DEV_STAT_NUM
};

/* What a device drops, for netdev-genl; receive first. */
enum ivnet_drop {
	IVNET_DROP_RX,
	IVNET_DROP_RX_OVERRUN,
	IVNET_DROP_RX_CSUM,
	IVNET_DROP_RX_OVER_RATE,
	IVNET_DROP_TX,
	IVNET_DROP_TX_MALFORMED,
	IVNET_DROP_TX_OVER_RATE,
	IVNET_DROP_NUM
};

/**
 * enum ivnet_stat_class - where a counter is added up for rtnl_link_stats64
 * @IVNET_STAT_DETAIL: nowhere, it explains another one
 * @IVNET_STAT_PACKETS: rx_packets or tx_packets
 * @IVNET_STAT_BYTES: rx_bytes or tx_bytes
 * @IVNET_STAT_MCAST: multicast (receive only)
 * @IVNET_STAT_ERROR: rx_errors or tx_errors
 * @IVNET_STAT_DROP: rx_dropped or tx_dropped
 */
enum ivnet_stat_class {
	IVNET_STAT_DETAIL,
	IVNET_STAT_PACKETS,
	IVNET_STAT_BYTES,
	IVNET_STAT_MCAST,
	IVNET_STAT_ERROR,
	IVNET_STAT_DROP,
};

/**
 * struct ivnet_stat_desc - a row of the table
 * @name: name behind the queue's prefix in ``ethtool -S``
 * @class: where it is added up
 */
struct ivnet_stat_desc {
	char name[24];
	enum ivnet_stat_class class;
};

extern const struct ivnet_stat_desc ivnet_rx_stat_desc[IVNET_RX_STAT_NUM];
extern const struct ivnet_stat_desc ivnet_tx_stat_desc[IVNET_TX_STAT_NUM];
extern const char * const ivnet_dev_stat_name[IVNET_DEV_STAT_NUM];

/**
 * struct ivnet_rx_stats - receive counters of one queue index
 * @syncp: lets 32-bit readers see whole values
 * @v: the counters; written by the queue's NAPI, or while that is disabled
 */
struct ivnet_rx_stats {
	struct u64_stats_sync syncp;
	u64_stats_t v[IVNET_RX_STAT_NUM];
};

/**
 * struct ivnet_tx_stats - transmit counters of one queue index
 * @syncp: lets 32-bit readers see whole values
 * @v: the counters; written under the queue's transmit lock
 */
struct ivnet_tx_stats {
	struct u64_stats_sync syncp;
	u64_stats_t v[IVNET_TX_STAT_NUM];
};

/**
 * struct ivnet_queue_stats - counters of a queue pair
 * @rx: receive side
 * @tx: transmit side
 *
 * Belongs to the queue's index, not to the queue object, so that counters
 * outlive every reconfiguration.
 */
struct ivnet_queue_stats {
	struct ivnet_rx_stats rx ____cacheline_aligned_in_smp;
	struct ivnet_tx_stats tx ____cacheline_aligned_in_smp;
};

/**
 * ivnet_rx_stat_inc() - count a rare event on the receive side
 * @s: the queue's counters
 * @i: which
 *
 * Context: the queue's NAPI, or while that is disabled.
 */
static inline void ivnet_rx_stat_inc(struct ivnet_rx_stats *s,
				     enum ivnet_rx_stat i)
{
	u64_stats_update_begin(&s->syncp);
	u64_stats_inc(&s->v[i]);
	u64_stats_update_end(&s->syncp);
}

/**
 * ivnet_rx_stat_add() - count rare events on the receive side
 * @s: the queue's counters
 * @i: which
 * @n: how many
 *
 * Context: as ivnet_rx_stat_inc().
 */
static inline void ivnet_rx_stat_add(struct ivnet_rx_stats *s,
				     enum ivnet_rx_stat i, u32 n)
{
	u64_stats_update_begin(&s->syncp);
	u64_stats_add(&s->v[i], n);
	u64_stats_update_end(&s->syncp);
}

/**
 * ivnet_tx_stat_inc() - count a rare event on the transmit side
 * @s: the queue's counters
 * @i: which
 *
 * Context: under the queue's transmit lock.
 */
static inline void ivnet_tx_stat_inc(struct ivnet_tx_stats *s,
				     enum ivnet_tx_stat i)
{
	u64_stats_update_begin(&s->syncp);
	u64_stats_inc(&s->v[i]);
	u64_stats_update_end(&s->syncp);
}

/**
 * struct ivnet_stat_sum - counters of a range of queues, added up
 * @rx: receive counters
 * @tx: transmit counters
 */
struct ivnet_stat_sum {
	u64 rx[IVNET_RX_STAT_NUM];
	u64 tx[IVNET_TX_STAT_NUM];
};

void ivnet_stat_add(struct ivnet_stat_sum *sum,
		    const struct ivnet_queue_stats *s);
u64 ivnet_stat_class_sum(const struct ivnet_stat_desc *desc, const u64 *v,
			 unsigned int n, enum ivnet_stat_class class);
void ivnet_stats_init(struct ivnet_queue_stats *s);
void ivnet_get_stats64(struct net_device *dev, struct rtnl_link_stats64 *st);

#ifdef IVNET_HAVE_STAT_OPS
void ivnet_qstats_init(struct net_device *dev);
#else
static inline void ivnet_qstats_init(struct net_device *dev)
{
}
#endif

#endif
