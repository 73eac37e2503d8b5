// SPDX-License-Identifier: GPL-2.0
/* The net_device: creation, open and stop, MTU, MAC, features. */

#include <linux/etherdevice.h>
#include <linux/ethtool.h>
#include <linux/if_vlan.h>
#include <linux/netdevice.h>
#include <linux/rtnetlink.h>
#include <linux/slab.h>

#include "ivnet.h"

/* Offloads that come and go with the device. */
#define IVNET_DEVICE_FEATURES						\
	(NETIF_F_SG | NETIF_F_HW_CSUM | NETIF_F_TSO | NETIF_F_TSO6 |	\
	 NETIF_F_TSO_ECN | NETIF_F_GSO_UDP_L4 | NETIF_F_RXCSUM |	\
	 NETIF_F_GRO_HW | NETIF_F_RXHASH | NETIF_F_HW_VLAN_CTAG_FILTER)

/* What also holds for frames with a VLAN tag in their data. */
#define IVNET_VLAN_FEATURES						\
	(NETIF_F_SG | NETIF_F_HW_CSUM | NETIF_F_TSO | NETIF_F_TSO6 |	\
	 NETIF_F_TSO_ECN | NETIF_F_GSO_UDP_L4)

/* Later than a watch of the transport, which looks for evidence, finds out. */
#define IVNET_WATCHDOG	(150 * HZ)

/**
 * ivnet_open() - ndo_open
 * @dev: the net_device
 *
 * Return: 0 or an error.
 */
int ivnet_open(struct net_device *dev)
{
	struct ivnet_net *net = netdev_priv(dev);
	struct ivnet_dev *idev = net->idev;
	int err;

	if (!idev->up)
		return -ENODEV;

	err = ivnet_queues_up(idev);
	if (err)
		return err;
	idev->ops->link(idev);

	return 0;
}
EXPORT_SYMBOL_GPL(ivnet_open);

/**
 * ivnet_stop() - ndo_stop
 * @dev: the net_device
 *
 * Return: 0.
 */
int ivnet_stop(struct net_device *dev)
{
	struct ivnet_net *net = netdev_priv(dev);

	ivnet_queues_down(net->idev);
	/* A link may have come up until then. */
	ivnet_carrier(dev, false);

	return 0;
}
EXPORT_SYMBOL_GPL(ivnet_stop);

/**
 * ivnet_change_mtu() - ndo_change_mtu
 * @dev: the net_device
 * @mtu: within min_mtu and max_mtu, bytes
 *
 * Return: 0; or an error, and nothing changed.
 */
int ivnet_change_mtu(struct net_device *dev, int mtu)
{
	struct ivnet_net *net = netdev_priv(dev);
	struct ivnet_queue_cfg cfg = net->cfg;
	int err;

	cfg.mtu = mtu;
	cfg.rx_buf_len = max(cfg.rx_buf_len,
			     net->idev->ops->rx_buf_min(net->idev, mtu));
	err = ivnet_queues_replace(net->idev, &cfg, NULL);
	if (err)
		return err;
	WRITE_ONCE(dev->mtu, mtu);

	return 0;
}
EXPORT_SYMBOL_GPL(ivnet_change_mtu);

/**
 * ivnet_set_mac() - ndo_set_mac_address
 * @dev: the net_device
 * @p: struct sockaddr
 *
 * Return: 0, -EADDRNOTAVAIL for an address that is no unicast address,
 * -EOPNOTSUPP if the device cannot be told, or the device's error.
 */
int ivnet_set_mac(struct net_device *dev, void *p)
{
	struct ivnet_net *net = netdev_priv(dev);
	struct sockaddr *addr = p;
	int err;

	err = eth_prepare_mac_addr_change(dev, p);
	if (err)
		return err;

	err = net->idev->ops->set_mac(net->idev, addr->sa_data);
	if (err)
		return err;
	eth_commit_mac_addr_change(dev, p);

	return 0;
}
EXPORT_SYMBOL_GPL(ivnet_set_mac);

/**
 * ivnet_filter_work() - tell the device what to receive
 * @work: &ivnet_dev.filter_work
 */
void ivnet_filter_work(struct work_struct *work)
{
	struct ivnet_dev *idev = container_of(work, struct ivnet_dev,
					      filter_work);

	rtnl_lock();
	if (idev->up && idev->netdev && netif_device_present(idev->netdev))
		idev->ops->rx_mode(idev);
	rtnl_unlock();
}

/**
 * ivnet_set_rx_mode() - ndo_set_rx_mode
 * @dev: the net_device
 *
 * Telling the device takes time, and here nobody may sleep.
 *
 * Context: under the net_device's address lock.
 */
void ivnet_set_rx_mode(struct net_device *dev)
{
	struct ivnet_net *net = netdev_priv(dev);

	schedule_work(&net->idev->filter_work);
}
EXPORT_SYMBOL_GPL(ivnet_set_rx_mode);

/**
 * ivnet_vlan_add() - ndo_vlan_rx_add_vid
 * @dev: the net_device
 * @proto: ETH_P_8021Q
 * @vid: the VLAN
 *
 * Return: 0 or the device's error.
 */
int ivnet_vlan_add(struct net_device *dev, __be16 proto, u16 vid)
{
	struct ivnet_net *net = netdev_priv(dev);

	return net->idev->ops->vlan(net->idev, vid, true);
}
EXPORT_SYMBOL_GPL(ivnet_vlan_add);

/**
 * ivnet_vlan_kill() - ndo_vlan_rx_kill_vid
 * @dev: the net_device
 * @proto: ETH_P_8021Q
 * @vid: the VLAN
 *
 * Return: 0 or the device's error.
 */
int ivnet_vlan_kill(struct net_device *dev, __be16 proto, u16 vid)
{
	struct ivnet_net *net = netdev_priv(dev);

	return net->idev->ops->vlan(net->idev, vid, false);
}
EXPORT_SYMBOL_GPL(ivnet_vlan_kill);

/**
 * ivnet_features_check() - ndo_features_check
 * @skb: a packet to be sent
 * @dev: the net_device
 * @features: what the device has to offer
 *
 * Return: what holds for this packet.
 */
netdev_features_t ivnet_features_check(struct sk_buff *skb,
				       struct net_device *dev,
				       netdev_features_t features)
{
	struct ivnet_net *net = netdev_priv(dev);

	if (skb->ip_summed == CHECKSUM_PARTIAL &&
	    unlikely(!(features & NETIF_F_CSUM_MASK)))
		this_cpu_inc(*net->tx_csum_fallback);

	return vlan_features_check(skb, features);
}
EXPORT_SYMBOL_GPL(ivnet_features_check);

/**
 * ivnet_fix_features() - ndo_fix_features
 * @dev: the net_device
 * @features: what is wanted
 *
 * Return: what the device can do of it.
 */
netdev_features_t ivnet_fix_features(struct net_device *dev,
				     netdev_features_t features)
{
	struct ivnet_net *net = netdev_priv(dev);

	features &= ~IVNET_DEVICE_FEATURES | net->idev->hw_features |
		    net->idev->features;

	/* Frames put together by the device come with unfinished sums. */
	if (!(features & NETIF_F_RXCSUM))
		features &= ~NETIF_F_GRO_HW;

	return features;
}
EXPORT_SYMBOL_GPL(ivnet_fix_features);

/**
 * ivnet_set_features() - ndo_set_features
 * @dev: the net_device
 * @features: what shall be on
 *
 * Return: 0 or the device's error.
 */
int ivnet_set_features(struct net_device *dev, netdev_features_t features)
{
	struct ivnet_net *net = netdev_priv(dev);

	/* While the device is away the next start takes it over. */
	if (!net->idev->up)
		return 0;

	return net->idev->ops->set_features(net->idev, features);
}
EXPORT_SYMBOL_GPL(ivnet_set_features);

/* Take over what the device says now; the user's choices stay if they can. */
static void apply_limits(struct ivnet_dev *idev)
{
	struct ivnet_limits *lim = &idev->limits;
	struct net_device *dev = idev->netdev;
	struct ivnet_net *net = netdev_priv(dev);
	struct ivnet_queue_cfg *cfg = &net->cfg;

	lim->max_pairs = min(lim->max_pairs, dev->num_tx_queues);
	dev->max_mtu = lim->max_mtu;
	cfg->mtu = min(dev->mtu, dev->max_mtu);

	if (lim->ring_fixed) {
		cfg->rx_ring = lim->rx_ring_max;
		cfg->tx_ring = lim->tx_ring_max;
	} else {
		cfg->rx_ring = min(cfg->rx_ring, lim->rx_ring_max);
		cfg->tx_ring = min(cfg->tx_ring, lim->tx_ring_max);
	}
	cfg->pairs = min(cfg->pairs, lim->max_pairs);
	if (!cfg->rx_buf_len)
		cfg->rx_buf_len = lim->rx_buf_default;
	cfg->rx_buf_len = max(cfg->rx_buf_len,
			      idev->ops->rx_buf_min(idev, cfg->mtu));

	dev->hw_features = idev->hw_features | (dev->hw_features &
						~IVNET_DEVICE_FEATURES);
	dev->vlan_features = idev->features & IVNET_VLAN_FEATURES;
	dev->needed_headroom = idev->headroom;
	netif_set_tso_max_size(dev, idev->tso_max);
}

/**
 * ivnet_netdev_refresh() - replay the configuration into a device that came up
 * @idev: the device, with a net_device
 *
 * Return: 0 or an error.
 */
int ivnet_netdev_refresh(struct ivnet_dev *idev)
{
	struct net_device *dev = idev->netdev;
	const struct ivnet_net *net = netdev_priv(dev);
	int err;

	ASSERT_RTNL();

	/* A start may choose another data path; nobody uses the old one now. */
	dev->netdev_ops = idev->ops->netdev_ops;
	apply_limits(idev);
	netdev_update_features(dev);

	if (!ether_addr_equal(dev->dev_addr, idev->perm_addr)) {
		err = idev->ops->set_mac(idev, dev->dev_addr);
		if (err && err != -EOPNOTSUPP)
			return err;
	}

	err = idev->ops->set_features(idev, dev->features);
	if (err)
		return err;
	if (idev->ops->rx_mode)
		idev->ops->rx_mode(idev);

	if (netif_running(dev)) {
		err = ivnet_queues_up(idev);
	} else {
		/* There may be fewer than before. */
		err = ivnet_queues_count(idev, net->cfg.pairs);
	}
	if (err)
		return err;
	netif_device_attach(dev);
	/* The device takes less than before; users get to know. */
	if (dev->mtu > dev->max_mtu)
		dev_set_mtu(dev, dev->max_mtu);
	if (netif_running(dev))
		idev->ops->link(idev);

	return 0;
}

/**
 * ivnet_netdev_create() - make and register the net_device
 * @idev: a device that is up
 *
 * Context: rtnl.
 * Return: 0 or an error.
 */
int ivnet_netdev_create(struct ivnet_dev *idev)
{
	const struct ivnet_limits *lim = &idev->limits;
	struct net_device *dev;
	struct ivnet_net *net;
	int err;
	u32 i;

	dev = alloc_etherdev_mqs(sizeof(*net), lim->max_pairs, lim->max_pairs);
	if (!dev)
		return -ENOMEM;
	SET_NETDEV_DEV(dev, idev->dev);
	dev->netdev_ops = idev->ops->netdev_ops;
	dev->ethtool_ops = &ivnet_ethtool_ops;
	/* Whatever filters, the stack sorts out what is not for this machine. */
	dev->priv_flags |= IFF_LIVE_ADDR_CHANGE | IFF_UNICAST_FLT;
	if (idev->ops->watch)
		dev->watchdog_timeo = IVNET_WATCHDOG;
	dev->min_mtu = ETH_MIN_MTU;
	dev->mtu = lim->mtu;

	net = netdev_priv(dev);
	net->idev = idev;
	net->rx_copybreak = IVNET_COPYBREAK_DEFAULT;
	net->tx_copybreak = IVNET_COPYBREAK_DEFAULT;
	net->speed = SPEED_UNKNOWN;
	net->duplex = DUPLEX_UNKNOWN;
	net->msg_enable = NETIF_MSG_DRV | NETIF_MSG_PROBE;
	net->cfg = (struct ivnet_queue_cfg) {
		.pairs		= min(lim->max_pairs, num_online_cpus()),
		.rx_ring	= min_t(u32, lim->rx_ring_max,
					IVNET_RING_DEFAULT_MAX),
		.tx_ring	= min_t(u32, lim->tx_ring_max,
					IVNET_RING_DEFAULT_MAX),
	};

	net->n_stats = lim->max_pairs;
	net->stats = kvcalloc(net->n_stats, sizeof(*net->stats), GFP_KERNEL);
	if (!net->stats) {
		err = -ENOMEM;
		goto err_free_netdev;
	}
	for (i = 0; i < net->n_stats; i++)
		ivnet_stats_init(&net->stats[i]);

	err = ivnet_coal_init(net);
	if (err)
		goto err_free_stats;

	net->tx_csum_fallback = alloc_percpu(u64);
	if (!net->tx_csum_fallback) {
		err = -ENOMEM;
		goto err_coal_exit;
	}

	if (is_valid_ether_addr(idev->perm_addr)) {
		eth_hw_addr_set(dev, idev->perm_addr);
	} else {
		eth_hw_addr_random(dev);
		/* One that filters has to know; one that cannot be told does not. */
		idev->ops->set_mac(idev, dev->dev_addr);
		dev_info(idev->dev, "no valid MAC address from the device, using %pM\n",
			 dev->dev_addr);
	}

	dev->features = idev->features;
	idev->netdev = dev;
	apply_limits(idev);
	ivnet_rss_init(idev);
	ivnet_qstats_init(dev);

	err = ivnet_queues_count(idev, net->cfg.pairs);
	if (err)
		goto err_free_percpu;

	err = ivnet_affinity_add(net);
	if (err)
		goto err_free_percpu;

	netif_carrier_off(dev);
	err = register_netdevice(dev);
	if (err)
		goto err_affinity_del;

	return 0;

err_affinity_del:
	ivnet_affinity_del(net);
err_free_percpu:
	idev->netdev = NULL;
	free_percpu(net->tx_csum_fallback);
err_coal_exit:
	ivnet_coal_exit(net);
err_free_stats:
	kvfree(net->stats);
err_free_netdev:
	free_netdev(dev);

	return err;
}

/**
 * ivnet_netdev_destroy() - unregister and free the net_device
 * @idev: the device
 *
 * Context: process, without rtnl.
 */
void ivnet_netdev_destroy(struct ivnet_dev *idev)
{
	struct net_device *dev = idev->netdev;
	struct ivnet_net *net = netdev_priv(dev);

	rtnl_lock();
	unregister_netdevice(dev);
	idev->netdev = NULL;
	rtnl_unlock();
	ivnet_affinity_del(net);
	free_percpu(net->tx_csum_fallback);
	ivnet_coal_exit(net);
	kvfree(net->stats);
	free_netdev(dev);
}
