// SPDX-License-Identifier: GPL-2.0
/* Per-queue statistics of netdev-genl; built where the kernel has them. */

#include <linux/netdevice.h>
#include <net/netdev_queues.h>

#include "ivnet.h"

static void fill_rx(const struct ivnet_stat_sum *sum,
		    struct netdev_queue_stats_rx *rx)
{
	rx->packets = sum->rx[IVNET_RX_PACKETS];
	rx->bytes = sum->rx[IVNET_RX_BYTES];
	rx->alloc_fail = sum->rx[IVNET_RX_ALLOC_FAIL] +
			 sum->rx[IVNET_RX_NO_SKB];
	rx->csum_none = sum->rx[IVNET_RX_CSUM_NONE];
	rx->csum_unnecessary = sum->rx[IVNET_RX_CSUM_VALID] +
			       sum->rx[IVNET_RX_CSUM_PARTIAL];
	rx->hw_gro_packets = sum->rx[IVNET_RX_GSO_PACKETS];
	rx->hw_gro_bytes = sum->rx[IVNET_RX_GSO_BYTES];
}

static void fill_tx(const struct ivnet_stat_sum *sum,
		    struct netdev_queue_stats_tx *tx)
{
	tx->packets = sum->tx[IVNET_TX_PACKETS];
	tx->bytes = sum->tx[IVNET_TX_BYTES];
	tx->needs_csum = sum->tx[IVNET_TX_CSUM_PARTIAL];
	tx->csum_none = sum->tx[IVNET_TX_PACKETS] -
			sum->tx[IVNET_TX_CSUM_PARTIAL];
	tx->hw_gso_packets = sum->tx[IVNET_TX_GSO_PACKETS];
	tx->hw_gso_bytes = sum->tx[IVNET_TX_GSO_BYTES];
	tx->stop = sum->tx[IVNET_TX_STOPS];
	tx->wake = sum->tx[IVNET_TX_WAKES];
}

/* The device's own counts, where it has them. */
static void fill_drops(const struct ivnet_net *net, u32 first, u32 end,
		       struct netdev_queue_stats_rx *rx,
		       struct netdev_queue_stats_tx *tx)
{
	struct ivnet_dev *idev = net->idev;
	u64 drops[IVNET_DROP_NUM];

	if (!idev->ops->stats_count)
		return;
	/* All ones is what a field says that is not there. */
	memset(drops, 0xff, sizeof(drops));
	idev->ops->drops(idev, first, end, drops);
	if (rx) {
		rx->hw_drops = drops[IVNET_DROP_RX];
		rx->hw_drop_overruns = drops[IVNET_DROP_RX_OVERRUN];
		rx->csum_bad = drops[IVNET_DROP_RX_CSUM];
		rx->hw_drop_ratelimits = drops[IVNET_DROP_RX_OVER_RATE];
	}
	if (tx) {
		tx->hw_drops = drops[IVNET_DROP_TX];
		tx->hw_drop_errors = drops[IVNET_DROP_TX_MALFORMED];
		tx->hw_drop_ratelimits = drops[IVNET_DROP_TX_OVER_RATE];
	}
}

static void ivnet_queue_stats_rx(struct net_device *dev, int idx,
				 struct netdev_queue_stats_rx *rx)
{
	const struct ivnet_net *net = netdev_priv(dev);
	struct ivnet_stat_sum sum = {};

	ivnet_stat_add(&sum, &net->stats[idx]);
	fill_rx(&sum, rx);
	fill_drops(net, idx, idx + 1, rx, NULL);
}

static void ivnet_queue_stats_tx(struct net_device *dev, int idx,
				 struct netdev_queue_stats_tx *tx)
{
	const struct ivnet_net *net = netdev_priv(dev);
	struct ivnet_stat_sum sum = {};

	ivnet_stat_add(&sum, &net->stats[idx]);
	fill_tx(&sum, tx);
	fill_drops(net, idx, idx + 1, NULL, tx);
}

/* What belongs to queues that are not in use now. */
static void ivnet_base_stats(struct net_device *dev,
			     struct netdev_queue_stats_rx *rx,
			     struct netdev_queue_stats_tx *tx)
{
	const struct ivnet_net *net = netdev_priv(dev);
	struct ivnet_stat_sum sum = {};
	u32 i;

	for (i = dev->real_num_rx_queues; i < net->n_stats; i++)
		ivnet_stat_add(&sum, &net->stats[i]);
	fill_rx(&sum, rx);
	fill_tx(&sum, tx);
	fill_drops(net, dev->real_num_rx_queues, net->n_stats, rx, tx);
}

static const struct netdev_stat_ops ivnet_stat_ops = {
	.get_queue_stats_rx	= ivnet_queue_stats_rx,
	.get_queue_stats_tx	= ivnet_queue_stats_tx,
	.get_base_stats		= ivnet_base_stats,
};

void ivnet_qstats_init(struct net_device *dev)
{
	dev->stat_ops = &ivnet_stat_ops;
}
