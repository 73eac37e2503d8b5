// SPDX-License-Identifier: GPL-2.0
/* The table of statistics: names, classes, sums. */

#include <linux/netdevice.h>
#include <linux/string.h>

#include "ivnet.h"

#define DESC(id, text, cls)					\
	[id] = { .name = (text), .class = (cls) }

const struct ivnet_stat_desc ivnet_rx_stat_desc[IVNET_RX_STAT_NUM] = {
	DESC(IVNET_RX_PACKETS, "packets", IVNET_STAT_PACKETS),
	DESC(IVNET_RX_BYTES, "bytes", IVNET_STAT_BYTES),
	DESC(IVNET_RX_UCAST_PACKETS, "ucast_packets", IVNET_STAT_DETAIL),
	DESC(IVNET_RX_UCAST_BYTES, "ucast_bytes", IVNET_STAT_DETAIL),
	DESC(IVNET_RX_MCAST_PACKETS, "mcast_packets", IVNET_STAT_MCAST),
	DESC(IVNET_RX_MCAST_BYTES, "mcast_bytes", IVNET_STAT_DETAIL),
	DESC(IVNET_RX_BCAST_PACKETS, "bcast_packets", IVNET_STAT_DETAIL),
	DESC(IVNET_RX_BCAST_BYTES, "bcast_bytes", IVNET_STAT_DETAIL),
	DESC(IVNET_RX_CSUM_PARTIAL, "csum_partial", IVNET_STAT_DETAIL),
	DESC(IVNET_RX_CSUM_VALID, "csum_valid", IVNET_STAT_DETAIL),
	DESC(IVNET_RX_CSUM_COMPLETE, "csum_complete", IVNET_STAT_DETAIL),
	DESC(IVNET_RX_CSUM_NONE, "csum_none", IVNET_STAT_DETAIL),
	DESC(IVNET_RX_GSO_PACKETS, "gso_packets", IVNET_STAT_DETAIL),
	DESC(IVNET_RX_GSO_BYTES, "gso_bytes", IVNET_STAT_DETAIL),
	DESC(IVNET_RX_RSC_SEGMENTS, "rsc_segments", IVNET_STAT_DETAIL),
	DESC(IVNET_RX_RSC_DUP_ACKS, "rsc_dup_acks", IVNET_STAT_DETAIL),
	DESC(IVNET_RX_COPIED, "copied", IVNET_STAT_DETAIL),
	DESC(IVNET_RX_BUFFERS, "buffers", IVNET_STAT_DETAIL),
	DESC(IVNET_RX_POLLS, "polls", IVNET_STAT_DETAIL),
	DESC(IVNET_RX_INTERRUPTS, "interrupts", IVNET_STAT_DETAIL),
	DESC(IVNET_RX_NOTIFIES, "notifies", IVNET_STAT_DETAIL),
	DESC(IVNET_RX_REFILL_RETRIES, "refill_retries", IVNET_STAT_DETAIL),
	DESC(IVNET_RX_ALLOC_FAIL, "alloc_fail", IVNET_STAT_DETAIL),
	DESC(IVNET_RX_NO_SKB, "no_skb", IVNET_STAT_DROP),
	DESC(IVNET_RX_DROP_ASLEEP, "drop_asleep", IVNET_STAT_DROP),
	DESC(IVNET_RX_ERR_LEN_SHORT, "err_len_short", IVNET_STAT_ERROR),
	DESC(IVNET_RX_ERR_LEN_LONG, "err_len_long", IVNET_STAT_ERROR),
	DESC(IVNET_RX_ERR_NUM_BUFFERS, "err_num_buffers", IVNET_STAT_ERROR),
	DESC(IVNET_RX_ERR_MISSING_BUFFER, "err_missing_buffer",
	     IVNET_STAT_ERROR),
	DESC(IVNET_RX_ERR_FRAGS, "err_frags", IVNET_STAT_ERROR),
	DESC(IVNET_RX_ERR_FLAGS, "err_flags", IVNET_STAT_ERROR),
	DESC(IVNET_RX_ERR_CSUM, "err_csum", IVNET_STAT_ERROR),
	DESC(IVNET_RX_ERR_GSO_TYPE, "err_gso_type", IVNET_STAT_ERROR),
	DESC(IVNET_RX_ERR_GSO_SIZE, "err_gso_size", IVNET_STAT_ERROR),
	DESC(IVNET_RX_ERR_OFFSET, "err_offset", IVNET_STAT_ERROR),
	DESC(IVNET_RX_ERR_SEQ, "err_seq", IVNET_STAT_ERROR),
	DESC(IVNET_RX_ERR_RING, "err_ring", IVNET_STAT_ERROR),
};
EXPORT_SYMBOL_GPL(ivnet_rx_stat_desc);

const struct ivnet_stat_desc ivnet_tx_stat_desc[IVNET_TX_STAT_NUM] = {
	DESC(IVNET_TX_PACKETS, "packets", IVNET_STAT_PACKETS),
	DESC(IVNET_TX_BYTES, "bytes", IVNET_STAT_BYTES),
	DESC(IVNET_TX_UCAST_PACKETS, "ucast_packets", IVNET_STAT_DETAIL),
	DESC(IVNET_TX_UCAST_BYTES, "ucast_bytes", IVNET_STAT_DETAIL),
	DESC(IVNET_TX_MCAST_PACKETS, "mcast_packets", IVNET_STAT_DETAIL),
	DESC(IVNET_TX_MCAST_BYTES, "mcast_bytes", IVNET_STAT_DETAIL),
	DESC(IVNET_TX_BCAST_PACKETS, "bcast_packets", IVNET_STAT_DETAIL),
	DESC(IVNET_TX_BCAST_BYTES, "bcast_bytes", IVNET_STAT_DETAIL),
	DESC(IVNET_TX_CSUM_PARTIAL, "csum_partial", IVNET_STAT_DETAIL),
	DESC(IVNET_TX_GSO_PACKETS, "gso_packets", IVNET_STAT_DETAIL),
	DESC(IVNET_TX_GSO_BYTES, "gso_bytes", IVNET_STAT_DETAIL),
	DESC(IVNET_TX_COPIED, "copied", IVNET_STAT_DETAIL),
	DESC(IVNET_TX_STOPS, "stops", IVNET_STAT_DETAIL),
	DESC(IVNET_TX_WAKES, "wakes", IVNET_STAT_DETAIL),
	DESC(IVNET_TX_INTERRUPTS, "interrupts", IVNET_STAT_DETAIL),
	DESC(IVNET_TX_NOTIFIES, "notifies", IVNET_STAT_DETAIL),
	DESC(IVNET_TX_CANCELLED, "cancelled", IVNET_STAT_DROP),
	DESC(IVNET_TX_DROP_NO_MEMORY, "drop_no_memory", IVNET_STAT_DROP),
	DESC(IVNET_TX_DROP_FULL, "drop_full", IVNET_STAT_DROP),
	DESC(IVNET_TX_ERR_SHORT, "err_short", IVNET_STAT_ERROR),
	DESC(IVNET_TX_ERR_LONG, "err_long", IVNET_STAT_ERROR),
	DESC(IVNET_TX_ERR_GSO, "err_gso", IVNET_STAT_ERROR),
	DESC(IVNET_TX_ERR_RING, "err_ring", IVNET_STAT_ERROR),
};
EXPORT_SYMBOL_GPL(ivnet_tx_stat_desc);

const char * const ivnet_dev_stat_name[IVNET_DEV_STAT_NUM] = {
	[IVNET_DEV_CTRL_COMMANDS]	= "ctrl_commands",
	[IVNET_DEV_CTRL_REFUSED]	= "ctrl_refused",
	[IVNET_DEV_CTRL_UNKNOWN]	= "ctrl_unknown_answers",
	[IVNET_DEV_CTRL_TIMEOUTS]	= "ctrl_timeouts",
	[IVNET_DEV_CTRL_BAD_REPLIES]	= "ctrl_bad_replies",
	[IVNET_DEV_FILTER_FALLBACKS]	= "filter_fallbacks",
	[IVNET_DEV_ANNOUNCEMENTS]	= "announcements",
	[IVNET_DEV_RX_LOST_IRQS]	= "rx_lost_interrupts",
	[IVNET_DEV_TX_LOST_IRQS]	= "tx_lost_interrupts",
	[IVNET_DEV_QUEUE_RESETS]	= "queue_resets",
	[IVNET_DEV_QUEUE_RESET_TIMEOUTS] = "queue_reset_timeouts",
	[IVNET_DEV_RESETS]		= "device_resets",
	[IVNET_DEV_RESET_TIMEOUTS]	= "reset_timeouts",
	[IVNET_DEV_START_FAILURES]	= "start_failures",
};
EXPORT_SYMBOL_GPL(ivnet_dev_stat_name);

/**
 * ivnet_stats_init() - prepare the counters of a queue index
 * @s: zeroed counters
 */
void ivnet_stats_init(struct ivnet_queue_stats *s)
{
	u64_stats_init(&s->rx.syncp);
	u64_stats_init(&s->tx.syncp);
}
EXPORT_SYMBOL_GPL(ivnet_stats_init);

/**
 * ivnet_stat_add() - add a queue's counters to a sum
 * @sum: the sum
 * @s: the queue's counters
 *
 * Context: any; does not sleep.
 */
void ivnet_stat_add(struct ivnet_stat_sum *sum,
		    const struct ivnet_queue_stats *s)
{
	u64 rx[IVNET_RX_STAT_NUM], tx[IVNET_TX_STAT_NUM];
	unsigned int i, start;

	do {
		start = u64_stats_fetch_begin(&s->rx.syncp);
		for (i = 0; i < IVNET_RX_STAT_NUM; i++)
			rx[i] = u64_stats_read(&s->rx.v[i]);
	} while (u64_stats_fetch_retry(&s->rx.syncp, start));

	do {
		start = u64_stats_fetch_begin(&s->tx.syncp);
		for (i = 0; i < IVNET_TX_STAT_NUM; i++)
			tx[i] = u64_stats_read(&s->tx.v[i]);
	} while (u64_stats_fetch_retry(&s->tx.syncp, start));

	for (i = 0; i < IVNET_RX_STAT_NUM; i++)
		sum->rx[i] += rx[i];
	for (i = 0; i < IVNET_TX_STAT_NUM; i++)
		sum->tx[i] += tx[i];
}
EXPORT_SYMBOL_GPL(ivnet_stat_add);

/**
 * ivnet_stat_class_sum() - add up the counters of one class
 * @desc: a direction's part of the table
 * @v: the values, in the table's order
 * @n: rows
 * @class: the class
 *
 * Return: the sum.
 */
u64 ivnet_stat_class_sum(const struct ivnet_stat_desc *desc, const u64 *v,
			 unsigned int n, enum ivnet_stat_class class)
{
	unsigned int i;
	u64 sum = 0;

	for (i = 0; i < n; i++)
		if (desc[i].class == class)
			sum += v[i];

	return sum;
}
EXPORT_SYMBOL_GPL(ivnet_stat_class_sum);

static u64 rx_class(const struct ivnet_stat_sum *sum,
		    enum ivnet_stat_class class)
{
	return ivnet_stat_class_sum(ivnet_rx_stat_desc, sum->rx,
				    IVNET_RX_STAT_NUM, class);
}

static u64 tx_class(const struct ivnet_stat_sum *sum,
		    enum ivnet_stat_class class)
{
	return ivnet_stat_class_sum(ivnet_tx_stat_desc, sum->tx,
				    IVNET_TX_STAT_NUM, class);
}

/**
 * ivnet_get_stats64() - ndo_get_stats64
 * @dev: the net_device
 * @st: filled in
 *
 * Context: any; does not sleep.
 */
void ivnet_get_stats64(struct net_device *dev, struct rtnl_link_stats64 *st)
{
	const struct ivnet_net *net = netdev_priv(dev);
	struct ivnet_stat_sum sum = {};
	u32 i;

	for (i = 0; i < net->n_stats; i++)
		ivnet_stat_add(&sum, &net->stats[i]);

	st->rx_packets = rx_class(&sum, IVNET_STAT_PACKETS);
	st->rx_bytes = rx_class(&sum, IVNET_STAT_BYTES);
	st->multicast = rx_class(&sum, IVNET_STAT_MCAST);
	st->rx_dropped = rx_class(&sum, IVNET_STAT_DROP);
	st->rx_errors = rx_class(&sum, IVNET_STAT_ERROR);
	st->rx_length_errors = sum.rx[IVNET_RX_ERR_LEN_SHORT] +
			       sum.rx[IVNET_RX_ERR_LEN_LONG];
	st->rx_frame_errors = sum.rx[IVNET_RX_ERR_CSUM] +
			      sum.rx[IVNET_RX_ERR_FLAGS] +
			      sum.rx[IVNET_RX_ERR_GSO_TYPE] +
			      sum.rx[IVNET_RX_ERR_GSO_SIZE];
	st->tx_packets = tx_class(&sum, IVNET_STAT_PACKETS);
	st->tx_bytes = tx_class(&sum, IVNET_STAT_BYTES);
	st->tx_dropped = tx_class(&sum, IVNET_STAT_DROP);
	st->tx_errors = tx_class(&sum, IVNET_STAT_ERROR);
}
EXPORT_SYMBOL_GPL(ivnet_get_stats64);
