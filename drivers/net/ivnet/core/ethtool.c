// SPDX-License-Identifier: GPL-2.0
/* ethtool: information, rings, channels, tunables, statistics. */

#include <linux/ethtool.h>
#include <linux/log2.h>
#include <linux/netdevice.h>
#include <linux/rtnetlink.h>

#include "ivnet.h"
#include "rxfh_ops.h"

static void ivnet_get_drvinfo(struct net_device *dev,
			      struct ethtool_drvinfo *info)
{
	const struct ivnet_net *net = netdev_priv(dev);

	strscpy(info->driver, dev_driver_string(net->idev->dev),
		sizeof(info->driver));
	strscpy(info->version, IVNET_VERSION, sizeof(info->version));
	strscpy(info->bus_info, net->idev->bus_name, sizeof(info->bus_info));
}

static u32 ivnet_get_msglevel(struct net_device *dev)
{
	const struct ivnet_net *net = netdev_priv(dev);

	return net->msg_enable;
}

static void ivnet_set_msglevel(struct net_device *dev, u32 level)
{
	struct ivnet_net *net = netdev_priv(dev);

	net->msg_enable = level;
}

static int ivnet_get_link_ksettings(struct net_device *dev,
				    struct ethtool_link_ksettings *cmd)
{
	const struct ivnet_net *net = netdev_priv(dev);

	cmd->base.speed = net->speed;
	cmd->base.duplex = net->duplex;
	cmd->base.port = PORT_OTHER;

	return 0;
}

static int ivnet_set_link_ksettings(struct net_device *dev,
				    const struct ethtool_link_ksettings *cmd)
{
	struct ivnet_net *net = netdev_priv(dev);

	return ethtool_virtdev_set_link_ksettings(dev, cmd, &net->speed,
						  &net->duplex);
}

static void ivnet_get_ringparam(struct net_device *dev,
				struct ethtool_ringparam *ring,
				struct kernel_ethtool_ringparam *kring,
				struct netlink_ext_ack *extack)
{
	const struct ivnet_net *net = netdev_priv(dev);

	ring->rx_max_pending = net->idev->limits.rx_ring_max;
	ring->tx_max_pending = net->idev->limits.tx_ring_max;
	ring->rx_pending = net->cfg.rx_ring;
	ring->tx_pending = net->cfg.tx_ring;
	kring->rx_buf_len = net->cfg.rx_buf_len;
}

/*
 * Rings are powers of two (virtio 1.3, 2.7): give at least as much. A packed
 * ring that came with another size keeps it.
 */
static u32 ring_size(u32 wanted, u32 now)
{
	if (!wanted || wanted == now)
		return wanted;

	return roundup_pow_of_two(wanted);
}

static int ivnet_set_ringparam(struct net_device *dev,
			       struct ethtool_ringparam *ring,
			       struct kernel_ethtool_ringparam *kring,
			       struct netlink_ext_ack *extack)
{
	struct ivnet_net *net = netdev_priv(dev);
	struct ivnet_queue_cfg cfg = net->cfg;

	if (ring->rx_mini_pending || ring->rx_jumbo_pending) {
		NL_SET_ERR_MSG_MOD(extack, "there is one receive ring per queue");
		return -EINVAL;
	}

	cfg.rx_ring = ring_size(ring->rx_pending, cfg.rx_ring);
	cfg.tx_ring = ring_size(ring->tx_pending, cfg.tx_ring);
	if (kring->rx_buf_len)
		cfg.rx_buf_len = kring->rx_buf_len;

	if (!memcmp(&cfg, &net->cfg, sizeof(cfg)))
		return 0;

	return ivnet_queues_replace(net->idev, &cfg, extack);
}

static void ivnet_get_channels(struct net_device *dev,
			       struct ethtool_channels *ch)
{
	const struct ivnet_net *net = netdev_priv(dev);

	ch->max_combined = net->idev->limits.max_pairs;
	ch->combined_count = net->cfg.pairs;
}

static int ivnet_set_channels(struct net_device *dev,
			      struct ethtool_channels *ch)
{
	struct ivnet_net *net = netdev_priv(dev);
	struct ivnet_queue_cfg cfg = net->cfg;

	if (ch->rx_count || ch->tx_count || ch->other_count)
		return -EINVAL;

	cfg.pairs = ch->combined_count;
	if (cfg.pairs == net->cfg.pairs)
		return 0;

	return ivnet_queues_replace(net->idev, &cfg, NULL);
}

static int ivnet_get_tunable(struct net_device *dev,
			     const struct ethtool_tunable *tuna, void *data)
{
	const struct ivnet_net *net = netdev_priv(dev);

	switch (tuna->id) {
	case ETHTOOL_RX_COPYBREAK:
		*(u32 *)data = net->rx_copybreak;
		return 0;
	case ETHTOOL_TX_COPYBREAK:
		if (!net->idev->limits.gathers)
			return -EOPNOTSUPP;
		*(u32 *)data = net->tx_copybreak;
		return 0;
	default:
		return -EOPNOTSUPP;
	}
}

static int ivnet_set_tunable(struct net_device *dev,
			     const struct ethtool_tunable *tuna,
			     const void *data)
{
	struct ivnet_net *net = netdev_priv(dev);
	u32 val = *(const u32 *)data;

	if (val > IVNET_COPYBREAK_MAX)
		return -ERANGE;

	switch (tuna->id) {
	case ETHTOOL_RX_COPYBREAK:
		WRITE_ONCE(net->rx_copybreak, val);
		return 0;
	case ETHTOOL_TX_COPYBREAK:
		if (!net->idev->limits.gathers)
			return -EOPNOTSUPP;
		WRITE_ONCE(net->tx_copybreak, val);
		return 0;
	default:
		return -EOPNOTSUPP;
	}
}

/*
 * Whether the machine may be woken is the device's power/wakeup in sysfs as well:
 * one switch with two handles.
 */
static void ivnet_get_wol(struct net_device *dev, struct ethtool_wolinfo *wol)
{
	const struct ivnet_net *net = netdev_priv(dev);
	struct ivnet_dev *idev = net->idev;

	if (!idev->ops->can_wake || !idev->ops->can_wake(idev))
		return;
	wol->supported = WAKE_MAGIC;
	if (device_may_wakeup(idev->dev))
		wol->wolopts = WAKE_MAGIC;
}

static int ivnet_set_wol(struct net_device *dev, struct ethtool_wolinfo *wol)
{
	const struct ivnet_net *net = netdev_priv(dev);
	struct ivnet_dev *idev = net->idev;

	if (!idev->ops->can_wake || !idev->ops->can_wake(idev))
		return wol->wolopts ? -EOPNOTSUPP : 0;
	if (wol->wolopts & ~WAKE_MAGIC)
		return -EOPNOTSUPP;

	return device_set_wakeup_enable(idev->dev, wol->wolopts);
}

/*
 * The device has no parts: all that is this guest's alone is reset, or nothing.
 * Flags that are left say that the shared components were not.
 */
static int ivnet_reset(struct net_device *dev, u32 *flags)
{
	const struct ivnet_net *net = netdev_priv(dev);
	int err;

	if ((*flags & ETH_RESET_DEDICATED) != ETH_RESET_DEDICATED)
		return -EOPNOTSUPP;

	/* On its way out. */
	if (net->idev->parked)
		return -ENODEV;
	err = ivnet_dev_reset(net->idev, IVNET_TROUBLE_NUM, NULL);
	if (err)
		return err;
	*flags &= ~ETH_RESET_DEDICATED;

	return 0;
}

/*
 * Sums of both directions, what belongs to no queue, then each queue pair that
 * there can be, and what the device itself counts: the number never changes.
 */
#define IVNET_STATS_PER_PAIR	(IVNET_RX_STAT_NUM + IVNET_TX_STAT_NUM)
#define IVNET_STATS_DEV		(1 + IVNET_DEV_STAT_NUM)

static int ivnet_get_sset_count(struct net_device *dev, int sset)
{
	const struct ivnet_net *net = netdev_priv(dev);
	struct ivnet_dev *idev = net->idev;
	int n;

	if (sset == ETH_SS_TEST)
		return ivnet_selftest_count(dev);
	if (sset != ETH_SS_STATS)
		return -EOPNOTSUPP;

	n = (net->n_stats + 1) * IVNET_STATS_PER_PAIR + IVNET_STATS_DEV;
	if (idev->ops->stats_count)
		n += idev->ops->stats_count(idev);

	return n;
}

static void ivnet_get_strings(struct net_device *dev, u32 sset, u8 *p)
{
	const struct ivnet_net *net = netdev_priv(dev);
	unsigned int i;
	u32 q;

	if (sset == ETH_SS_TEST)
		ivnet_selftest_names(dev, p);
	if (sset != ETH_SS_STATS)
		return;

	for (i = 0; i < IVNET_RX_STAT_NUM; i++)
		ethtool_sprintf(&p, "rx_%s", ivnet_rx_stat_desc[i].name);
	for (i = 0; i < IVNET_TX_STAT_NUM; i++)
		ethtool_sprintf(&p, "tx_%s", ivnet_tx_stat_desc[i].name);
	ethtool_puts(&p, "tx_csum_fallback");
	for (i = 0; i < IVNET_DEV_STAT_NUM; i++)
		ethtool_puts(&p, ivnet_dev_stat_name[i]);

	for (q = 0; q < net->n_stats; q++) {
		for (i = 0; i < IVNET_RX_STAT_NUM; i++)
			ethtool_sprintf(&p, "rx%u_%s", q,
					ivnet_rx_stat_desc[i].name);
		for (i = 0; i < IVNET_TX_STAT_NUM; i++)
			ethtool_sprintf(&p, "tx%u_%s", q,
					ivnet_tx_stat_desc[i].name);
	}
	if (net->idev->ops->stats_count)
		net->idev->ops->stats_names(net->idev, &p);
}

static void ivnet_get_ethtool_stats(struct net_device *dev,
				    struct ethtool_stats *stats, u64 *data)
{
	u64 *p = data + IVNET_STATS_PER_PAIR + IVNET_STATS_DEV;
	const struct ivnet_net *net = netdev_priv(dev);
	struct ivnet_stat_sum one;
	unsigned int cpu, i;
	u32 q;

	/* Totals come of what is shown of the queues, read once. */
	memset(data, 0, (IVNET_STATS_PER_PAIR + 1) * sizeof(*data));
	memcpy(data + IVNET_STATS_PER_PAIR + 1, net->idev->stats,
	       sizeof(net->idev->stats));
	for (q = 0; q < net->n_stats; q++) {
		memset(&one, 0, sizeof(one));
		ivnet_stat_add(&one, &net->stats[q]);
		memcpy(p, one.rx, sizeof(one.rx));
		memcpy(p + IVNET_RX_STAT_NUM, one.tx, sizeof(one.tx));
		for (i = 0; i < IVNET_STATS_PER_PAIR; i++)
			data[i] += p[i];
		p += IVNET_STATS_PER_PAIR;
	}

	for_each_possible_cpu(cpu)
		data[IVNET_STATS_PER_PAIR] +=
			*per_cpu_ptr(net->tx_csum_fallback, cpu);
	if (net->idev->ops->stats_count)
		net->idev->ops->stats_values(net->idev, p);
}

const struct ethtool_ops ivnet_ethtool_ops = {
	.supported_coalesce_params = ETHTOOL_COALESCE_USECS |
				     ETHTOOL_COALESCE_MAX_FRAMES |
				     ETHTOOL_COALESCE_USE_ADAPTIVE,
	.supported_ring_params	= ETHTOOL_RING_USE_RX_BUF_LEN,
	.get_drvinfo		= ivnet_get_drvinfo,
	.get_regs_len		= ivnet_get_regs_len,
	.get_regs		= ivnet_get_regs,
	.get_msglevel		= ivnet_get_msglevel,
	.set_msglevel		= ivnet_set_msglevel,
	.get_wol		= ivnet_get_wol,
	.set_wol		= ivnet_set_wol,
	.get_link		= ethtool_op_get_link,
	.get_link_ksettings	= ivnet_get_link_ksettings,
	.set_link_ksettings	= ivnet_set_link_ksettings,
	IVNET_RXNFC_OPS,
	IVNET_RXFH_OPS,
	.get_rxfh_key_size	= ivnet_get_rxfh_key_size,
	.get_rxfh_indir_size	= ivnet_get_rxfh_indir_size,
	.reset			= ivnet_reset,
	.self_test		= ivnet_self_test,
	.get_ringparam		= ivnet_get_ringparam,
	.set_ringparam		= ivnet_set_ringparam,
	.get_channels		= ivnet_get_channels,
	.set_channels		= ivnet_set_channels,
	.get_coalesce		= ivnet_get_coalesce,
	.set_coalesce		= ivnet_set_coalesce,
	.get_per_queue_coalesce	= ivnet_get_queue_coalesce,
	.set_per_queue_coalesce	= ivnet_set_queue_coalesce,
	.get_tunable		= ivnet_get_tunable,
	.set_tunable		= ivnet_set_tunable,
	.get_sset_count		= ivnet_get_sset_count,
	.get_strings		= ivnet_get_strings,
	.get_ethtool_stats	= ivnet_get_ethtool_stats,
	.get_ts_info		= ethtool_op_get_ts_info,
};
