// SPDX-License-Identifier: GPL-2.0
/* The virtio driver: probe, negotiation, what the core asks of the device. */

#include <linux/etherdevice.h>
#include <linux/module.h>
#include <linux/netdevice.h>
#include <linux/virtio_config.h>
#include <net/devlink.h>

#include "virtio.h"

/* A configuration that changed under each of so many looks is never read. */
#define VNET_CONFIG_TRIES	100

enum {
	VNET_PARAM_MERGEABLE_RX = IVNET_PARAM_OWN,
	VNET_PARAM_CONTRACT,
};

static int validate_contract(struct devlink *devlink, u32 id,
			     ivnet_param_arg_t val,
			     struct netlink_ext_ack *extack)
{
	if (vnet_contract_mode_parse(ivnet_param_val(val)->vstr) < 0) {
		NL_SET_ERR_MSG_MOD(extack, "contract: off, permissive or strict");
		return -EINVAL;
	}

	return 0;
}

static const struct devlink_param vnet_params[] = {
	DEVLINK_PARAM_DRIVER(VNET_PARAM_MERGEABLE_RX, "mergeable_rx",
			     DEVLINK_PARAM_TYPE_BOOL,
			     BIT(DEVLINK_PARAM_CMODE_DRIVERINIT),
			     NULL, NULL, NULL),
	DEVLINK_PARAM_DRIVER(VNET_PARAM_CONTRACT, "contract",
			     DEVLINK_PARAM_TYPE_STRING,
			     BIT(DEVLINK_PARAM_CMODE_DRIVERINIT),
			     NULL, NULL, validate_contract),
};

static void vnet_params_default(struct ivnet_dev *idev)
{
	const struct vnet_dev *vd = ivnet_priv(idev);

	ivnet_param_set_bool(idev, VNET_PARAM_MERGEABLE_RX, vd->mergeable_rx);
	ivnet_param_set_str(idev, VNET_PARAM_CONTRACT,
			    vnet_contract_mode_name(vd->contract.mode));
}

static void vnet_params_read(struct ivnet_dev *idev)
{
	char mode[__DEVLINK_PARAM_MAX_STRING_VALUE] = "off";
	struct vnet_dev *vd = ivnet_priv(idev);

	ivnet_param_get_bool(idev, VNET_PARAM_MERGEABLE_RX, &vd->mergeable_rx);
	ivnet_param_get_str(idev, VNET_PARAM_CONTRACT, mode);
	vd->contract.mode = vnet_contract_mode_parse(mode);
}

/* Feature bits that the device offers and the driver wants. */
static u64 vnet_wanted(const struct vnet_dev *vd)
{
	u64 features = vd->offered;

	if (!vd->mergeable_rx)
		features &= ~BIT_ULL(VIRTIO_NET_F_MRG_RXBUF);
	if (!vd->vlan_filter)
		features &= ~BIT_ULL(VIRTIO_NET_F_CTRL_VLAN);

	return vnet_features_refine(features);
}

static u64 vnet_known_features(void)
{
	unsigned int i;
	u64 known = 0;

	for (i = 0; i < VNET_FEATURE_COUNT; i++)
		known |= BIT_ULL(vnet_feature_table[i]);
	if (!IS_ENABLED(CONFIG_NET_FAILOVER))
		known &= ~BIT_ULL(VIRTIO_NET_F_STANDBY);

	return known;
}

static void vnet_put_features(struct virtio_device *vdev, u64 features)
{
	unsigned int i, bit;

	for (i = 0; i < VNET_FEATURE_COUNT; i++) {
		bit = vnet_feature_table[i];
		if (features & BIT_ULL(bit))
			__virtio_set_bit(vdev, bit);
		else
			__virtio_clear_bit(vdev, bit);
	}
}

/* All negotiated bits, the transport's among them. */
static u64 vnet_get_features(const struct virtio_device *vdev)
{
	unsigned int bit;
	u64 features = 0;

	for (bit = 0; bit < 64; bit++)
		if (__virtio_test_bit(vdev, bit))
			features |= BIT_ULL(bit);

	return features;
}

/* The start of a device (virtio 1.3, 3.1.1, steps 1 to 6). */
static int vnet_negotiate(struct vnet_dev *vd, struct netlink_ext_ack *extack)
{
	struct virtio_device *vdev = vd->vdev;
	bool modern;
	u8 status;
	int err;

	/* The bus may have set DRIVER_OK after a start that failed. */
	err = vnet_reset_device(vd);
	if (err == -ENXIO)
		NL_SET_ERR_MSG_MOD(extack, "the device is gone");
	else if (err)
		NL_SET_ERR_MSG_MOD(extack, "the device does not end its reset");
	if (err)
		return err;
	virtio_add_status(vdev, VIRTIO_CONFIG_S_ACKNOWLEDGE);
	virtio_add_status(vdev, VIRTIO_CONFIG_S_DRIVER);
	vnet_put_features(vdev, vnet_wanted(vd));
	err = vdev->config->finalize_features(vdev);
	if (err)
		goto err_features;

	modern = virtio_has_feature(vdev, VIRTIO_F_VERSION_1);
	if (modern)
		virtio_add_status(vdev, VIRTIO_CONFIG_S_FEATURES_OK);
	status = vdev->config->get_status(vdev);
	if (modern && !(status & VIRTIO_CONFIG_S_FEATURES_OK)) {
		err = -ENODEV;
		goto err_features;
	}
	/* The kernel's helper for the last step WARNs of it. */
	if (status & VIRTIO_CONFIG_S_DRIVER_OK) {
		NL_SET_ERR_MSG_MOD(extack, "the device runs although it was reset");
		return -EPROTO;
	}
	vd->negotiated = true;

	return 0;

err_features:
	NL_SET_ERR_MSG_MOD(extack, "the device refused the features");
	return err;
}

static void read_caps(struct vnet_dev *vd)
{
	vnet_caps_init(&vd->caps, vnet_get_features(vd->vdev));
	if (vd->contract.mode != VNET_CONTRACT_OFF)
		vnet_caps_contract(&vd->caps);
}

/*
 * An address is the only thing that takes several reads (virtio 1.3, 2.5.1). The
 * kernel's helper would repeat them for as long as the device changes something.
 */
static int read_mac(struct virtio_device *vdev, u8 *addr)
{
	const struct virtio_config_ops *config = vdev->config;
	u32 now = config->generation ? config->generation(vdev) : 0, before;
	unsigned int tries, i;

	for (tries = 0; tries < VNET_CONFIG_TRIES; tries++) {
		before = now;
		for (i = 0; i < ETH_ALEN; i++)
			config->get(vdev, offsetof(struct virtio_net_config, mac) + i,
				    addr + i, 1);
		now = config->generation ? config->generation(vdev) : 0;
		if (now == before)
			return 0;
	}

	return -EPROTO;
}

/* Read what the configuration space says; fill in limits. */
static int vnet_read_config(struct vnet_dev *vd, struct ivnet_dev *idev)
{
	struct ivnet_limits *lim = &idev->limits;
	struct virtio_device *vdev = vd->vdev;
	u16 pairs = 1, mtu = 0;
	int err = 0;
	u32 max;

	if (virtio_has_feature(vdev, VIRTIO_NET_F_MQ) ||
	    virtio_has_feature(vdev, VIRTIO_NET_F_RSS))
		virtio_cread(vdev, struct virtio_net_config,
			     max_virtqueue_pairs, &pairs);
	if (pairs < VIRTIO_NET_CTRL_MQ_VQ_PAIRS_MIN ||
	    pairs > VIRTIO_NET_CTRL_MQ_VQ_PAIRS_MAX)
		pairs = 1;
	vd->dev_pairs = pairs;
	lim->max_pairs = min3((u32)pairs, idev->params.max_pairs,
			      (u32)num_possible_cpus());

	eth_zero_addr(idev->perm_addr);
	if (virtio_has_feature(vdev, VIRTIO_NET_F_MAC))
		err = read_mac(vdev, idev->perm_addr);
	if (err)
		return err;

	/* The largest MTU whose frames fit into a buffer. */
	max = ETH_MAX_MTU;
	while (vnet_rx_buf_min(&vd->caps, max) > IVNET_RX_BUF_MAX)
		max /= 2;
	if (virtio_has_feature(vdev, VIRTIO_NET_F_MTU))
		virtio_cread(vdev, struct virtio_net_config, mtu, &mtu);
	lim->max_mtu = mtu >= ETH_MIN_MTU ? min_t(u32, mtu, max) : max;
	lim->mtu = mtu >= ETH_MIN_MTU ? lim->max_mtu : ETH_DATA_LEN;

	return 0;
}

static bool can_filter_vlans(const struct vnet_dev *vd)
{
	return vd->offered & BIT_ULL(VIRTIO_NET_F_CTRL_VLAN) &&
	       vd->caps.features & BIT_ULL(VIRTIO_NET_F_CTRL_VQ);
}

static void vnet_fill_limits(struct vnet_dev *vd, struct ivnet_dev *idev)
{
	struct ivnet_limits *lim = &idev->limits;

	lim->gathers = true;
	lim->ring_fixed = !virtio_has_feature(vd->vdev, VIRTIO_F_RING_RESET);
	lim->rx_ring_max = vnet_rvq(vd, 0)->num_max;
	lim->tx_ring_max = vnet_tvq(vd, 0)->num_max;
	lim->rx_buf_default = vnet_rx_buf_default(&vd->caps, lim->rx_ring_max);
	vnet_rss_limits(vd, lim);
	vnet_coal_limits(vd, lim);

	idev->hw_features = vd->caps.hw_features;
	if (can_filter_vlans(vd))
		idev->hw_features |= NETIF_F_HW_VLAN_CTAG_FILTER;
	idev->features = vd->caps.netdev_features;
	idev->tso_max = GSO_LEGACY_MAX_SIZE;
	idev->headroom = vd->caps.hdr_len;
}

static int vnet_up(struct ivnet_dev *idev, struct netlink_ext_ack *extack)
{
	struct vnet_dev *vd = ivnet_priv(idev);
	int err;

	if (!vd->negotiated) {
		err = vnet_negotiate(vd, extack);
		if (err)
			goto err_fail;
	}
	err = vnet_contract_apply(vd, extack);
	if (err)
		goto err_fail;
	read_caps(vd);
	err = vnet_read_config(vd, idev);
	if (err) {
		NL_SET_ERR_MSG_MOD(extack, "the device's configuration does not hold still");
		goto err_fail;
	}

	err = vnet_dev_start(vd);
	if (err) {
		NL_SET_ERR_MSG_MOD(extack, "the device's rings could not be set up");
		goto err_fail;
	}
	vnet_fill_limits(vd, idev);
	vnet_stats_up(vd, idev->limits.max_pairs);

	return 0;

err_fail:
	vnet_dev_reset(vd);
	return err;
}

static void vnet_down(struct ivnet_dev *idev)
{
	vnet_dev_reset(ivnet_priv(idev));
}

static int vnet_set_mac(struct ivnet_dev *idev, const u8 *addr)
{
	struct vnet_dev *vd = ivnet_priv(idev);
	struct virtio_device *vdev = vd->vdev;
	unsigned int i;

	/* Another address would be another pair. */
	if (vd->failover)
		return -EOPNOTSUPP;
	/* A device that was reset is told when it starts again. */
	if (virtio_has_feature(vdev, VIRTIO_NET_F_CTRL_MAC_ADDR))
		return vd->live ? vnet_ctrl_set_mac(vd, addr) : 0;
	if (virtio_has_feature(vdev, VIRTIO_F_VERSION_1) ||
	    !virtio_has_feature(vdev, VIRTIO_NET_F_MAC))
		return -EOPNOTSUPP;

	/* Only a legacy device's address can be written (virtio 1.3, 5.1.4.3). */
	for (i = 0; i < ETH_ALEN; i++)
		virtio_cwrite8(vdev, offsetof(struct virtio_net_config, mac) + i,
			       addr[i]);

	return 0;
}

/*
 * A device that filters VLANs has no command to stop it: only what was not
 * negotiated is off (virtio 1.3, 5.1.6.5.3).
 */
static int vlan_filter_switch(struct ivnet_dev *idev, bool on)
{
	struct vnet_dev *vd = ivnet_priv(idev);
	struct ivnet_net *net = netdev_priv(idev->netdev);
	int err = 0;

	vd->vlan_filter = on;
	if (!vd->live)
		return 0;

	vnet_reset(idev);
	if (net->qset)
		err = ivnet_queues_replace(idev, &net->cfg, NULL);
	if (err)
		vd->vlan_filter = !on;
	vd->reset_next = false;

	return err;
}

static int offloads_set(struct vnet_dev *vd, netdev_features_t features)
{
	u64 offloads = vnet_guest_offloads(&vd->caps, features);
	int err;

	if (!vd->live || offloads == vd->offloads ||
	    !(vd->caps.features & BIT_ULL(VIRTIO_NET_F_CTRL_GUEST_OFFLOADS)))
		return 0;

	err = vnet_ctrl_set_offloads(vd, offloads);
	if (err)
		return err;
	vd->offloads = offloads;

	return 0;
}

static int vnet_set_features(struct ivnet_dev *idev, netdev_features_t features)
{
	bool filter = features & NETIF_F_HW_VLAN_CTAG_FILTER;
	struct vnet_dev *vd = ivnet_priv(idev);
	int err;

	if (can_filter_vlans(vd) && filter != vd->vlan_filter) {
		err = vlan_filter_switch(idev, filter);
		if (err)
			return err;
	}

	return offloads_set(vd, features);
}

/**
 * vnet_dev_revive() - start a device that was reset, replay its configuration
 * @idev: the device
 *
 * Return: 0 or an error; then the device is reset.
 */
int vnet_dev_revive(struct ivnet_dev *idev)
{
	struct vnet_dev *vd = ivnet_priv(idev);
	struct net_device *dev = idev->netdev;
	int err;

	err = vnet_negotiate(vd, NULL);
	if (err)
		goto err_reset;
	read_caps(vd);
	err = vnet_dev_start(vd);
	if (err)
		goto err_reset;
	if (!ether_addr_equal(dev->dev_addr, idev->perm_addr)) {
		err = vnet_set_mac(idev, dev->dev_addr);
		if (err && err != -EOPNOTSUPP)
			goto err_reset;
	}
	err = offloads_set(vd, dev->features);
	if (err)
		goto err_reset;
	vnet_rx_mode(idev);

	return 0;

err_reset:
	vnet_dev_reset(vd);
	return err;
}

static u32 vnet_rx_buf_min_op(struct ivnet_dev *idev, u32 mtu)
{
	struct vnet_dev *vd = ivnet_priv(idev);

	return vnet_rx_buf_min(&vd->caps, mtu);
}

static void vnet_set_affinity(struct ivnet_dev *idev, struct ivnet_queue *q,
			      const struct cpumask *mask)
{
	struct vnet_queue *vq = to_vnet_queue(q);

	if (!vq->rx.vq)
		return;
	virtqueue_set_affinity(vq->rx.vq, mask);
	virtqueue_set_affinity(vq->tx.vq, mask);
}

static int vnet_info_get(struct ivnet_dev *idev, struct devlink_info_req *req)
{
	struct vnet_dev *vd = ivnet_priv(idev);
	char id[32];
	int err;

	snprintf(id, sizeof(id), "%04x:%04x", vd->vdev->id.vendor,
		 vd->vdev->id.device);
	err = devlink_info_version_fixed_put(req, "virtio.id", id);
	if (err)
		return err;

	return devlink_info_version_running_put(req, "virtio.version",
						virtio_has_feature(vd->vdev, VIRTIO_F_VERSION_1) ?
						"1.x" : "legacy");
}

static void vnet_diagnose(struct ivnet_dev *idev, struct devlink_fmsg *fmsg)
{
	static const char * const modes[] = {
		[VNET_RX_SINGLE] = "single",
		[VNET_RX_MERGEABLE] = "mergeable",
		[VNET_RX_CHAIN] = "chain",
	};
	struct vnet_dev *vd = ivnet_priv(idev);

	devlink_fmsg_u64_pair_put(fmsg, "features_offered", vd->offered);
	devlink_fmsg_u64_pair_put(fmsg, "features", vd->caps.features);
	devlink_fmsg_u64_pair_put(fmsg, "guest_offloads", vd->offloads);
	devlink_fmsg_string_pair_put(fmsg, "rx_buffers", modes[vd->caps.mode]);
	devlink_fmsg_u32_pair_put(fmsg, "header_bytes", vd->caps.hdr_len);
	devlink_fmsg_u32_pair_put(fmsg, "device_queue_pairs", vd->dev_pairs);
	devlink_fmsg_u32_pair_put(fmsg, "device_status",
				  vd->vdev->config->get_status(vd->vdev));
	devlink_fmsg_bool_pair_put(fmsg, "rings_live", vd->live);
	vnet_contract_diagnose(vd, fmsg);
}

static void vnet_diagnose_ctrl(struct ivnet_dev *idev,
			       struct devlink_fmsg *fmsg)
{
	struct vnet_dev *vd = ivnet_priv(idev);
	unsigned int i;

	devlink_fmsg_bool_pair_put(fmsg, "exists", vd->caps.features &
				   BIT_ULL(VIRTIO_NET_F_CTRL_VQ));
	devlink_fmsg_bool_pair_put(fmsg, "dead", vd->ctrl_dead);
	for (i = IVNET_DEV_CTRL_COMMANDS; i <= IVNET_DEV_CTRL_BAD_REPLIES; i++)
		devlink_fmsg_u64_pair_put(fmsg, ivnet_dev_stat_name[i],
					  idev->stats[i]);
}

static void vnet_diagnose_ring(struct virtqueue *vq, struct devlink_fmsg *fmsg)
{
	devlink_fmsg_u32_pair_put(fmsg, "ring", virtqueue_get_vring_size(vq));
	devlink_fmsg_u32_pair_put(fmsg, "free", vq->num_free);
	devlink_fmsg_bool_pair_put(fmsg, "broken", virtqueue_is_broken(vq));
}

static void vnet_diagnose_rx(struct ivnet_queue *q, struct devlink_fmsg *fmsg)
{
	const struct vnet_rx *rx = &to_vnet_queue(q)->rx;

	vnet_diagnose_ring(rx->vq, fmsg);
	devlink_fmsg_u32_pair_put(fmsg, "buffers", rx->n_bufs);
	devlink_fmsg_u32_pair_put(fmsg, "posted", READ_ONCE(rx->posted));
	devlink_fmsg_u32_pair_put(fmsg, "page_bytes", rx->page_len);
	devlink_fmsg_bool_pair_put(fmsg, "premapped", rx->dma_dev);
}

static void vnet_diagnose_tx(struct ivnet_queue *q, struct devlink_fmsg *fmsg)
{
	const struct vnet_tx *tx = &to_vnet_queue(q)->tx;

	vnet_diagnose_ring(tx->vq, fmsg);
	devlink_fmsg_u32_pair_put(fmsg, "in_flight", READ_ONCE(tx->in_flight));
	devlink_fmsg_bool_pair_put(fmsg, "stopped",
				   netif_tx_queue_stopped(q->txq));
}

static const struct net_device_ops vnet_netdev_ops = {
	IVNET_NDO_COMMON,
	.ndo_start_xmit		= vnet_xmit,
	.ndo_tx_timeout		= ivnet_tx_timeout,
	.ndo_get_phys_port_name	= vnet_phys_port_name,
	.ndo_set_rx_mode	= ivnet_set_rx_mode,
	.ndo_vlan_rx_add_vid	= ivnet_vlan_add,
	.ndo_vlan_rx_kill_vid	= ivnet_vlan_kill,
};

static const struct ivnet_transport_ops vnet_transport_ops = {
	.priv_size	= sizeof(struct vnet_dev),
	.netdev_ops	= &vnet_netdev_ops,
	.params		= vnet_params,
	.n_params	= ARRAY_SIZE(vnet_params),
	.params_default	= vnet_params_default,
	.params_read	= vnet_params_read,
	.up		= vnet_up,
	.down		= vnet_down,
	.queue_alloc	= vnet_queue_alloc,
	.queue_free	= vnet_queue_free,
	.queues_start	= vnet_queues_start,
	.queues_stop	= vnet_queues_stop,
	.reset		= vnet_reset,
	.watch		= vnet_watch,
	.tx_stuck	= vnet_tx_stuck,
	.tx_restart	= vnet_tx_restart,
	.set_mac	= vnet_set_mac,
	.set_features	= vnet_set_features,
	.rx_mode	= vnet_rx_mode,
	.vlan		= vnet_vlan,
	.rss		= vnet_rss,
	.coalesce	= vnet_coalesce,
	.stats_count	= vnet_stats_count,
	.stats_names	= vnet_stats_names,
	.stats_values	= vnet_stats_values,
	.drops		= vnet_stats_drops,
	.rx_buf_min	= vnet_rx_buf_min_op,
	.started	= vnet_failover_start,
	.going		= vnet_failover_stop,
	.link		= vnet_link,
	.set_affinity	= vnet_set_affinity,
	.regs		= vnet_regs,
	.selftest	= vnet_selftest,
	.info_get	= vnet_info_get,
	.diagnose	= vnet_diagnose,
	.diagnose_ctrl	= vnet_diagnose_ctrl,
	.diagnose_rx	= vnet_diagnose_rx,
	.diagnose_tx	= vnet_diagnose_tx,
};

/* Called by the bus between reading the offered bits and accepting them. */
static int vnet_validate(struct virtio_device *vdev)
{
	u64 features = vnet_get_features(vdev) & vnet_known_features();

	if (!vdev->config->get) {
		dev_err(&vdev->dev, "the device has no configuration space\n");
		return -EINVAL;
	}
	vnet_put_features(vdev, vnet_features_refine(features));
	/* The bus waits for its answers without end, at each start. */
	__virtio_clear_bit(vdev, VIRTIO_F_ADMIN_VQ);

	return 0;
}

static int vnet_probe(struct virtio_device *vdev)
{
	struct ivnet_dev *idev;
	struct vnet_dev *vd;
	int err;

	idev = ivnet_dev_alloc(&vdev->dev, &vnet_transport_ops);
	if (!idev)
		return -ENOMEM;
	idev->bus_name = virtio_bus_name(vdev);
	vd = ivnet_priv(idev);
	vd->vdev = vdev;
	vd->offered = vnet_get_features(vdev) & vnet_known_features();
	err = vnet_reset_init(vd);
	if (err) {
		dev_err(&vdev->dev, "its common configuration cannot be mapped: %d\n",
			err);
		goto err_free;
	}
	/* What was cut off has to be reset first. */
	vd->negotiated = !vnet_dev_cut_off(vd);
	vd->mergeable_rx = true;
	vd->vlan_filter = true;
	INIT_WORK(&vd->stats_work, vnet_stats_work);
	INIT_WORK(&vd->dim_work, vnet_dim_work);
	vdev->priv = idev;
	/* virtio_net switches them off when it stops, and leaves it at that. */
	virtio_config_driver_enable(vdev);

	err = ivnet_dev_register(idev);
	if (err)
		goto err_reset;

	return 0;

err_reset:
	vnet_reset_exit(vd);
err_free:
	ivnet_dev_free(idev);

	return err;
}

static void vnet_remove(struct virtio_device *vdev)
{
	struct ivnet_dev *idev = vdev->priv;
	struct vnet_dev *vd = ivnet_priv(idev);

	ivnet_dev_unregister(idev);
	cancel_work_sync(&vd->stats_work);
	cancel_work_sync(&vd->dim_work);
	vnet_stats_free(vd);
	vnet_reset_exit(vd);
	ivnet_dev_free(idev);
}

static void vnet_config_changed(struct virtio_device *vdev)
{
	ivnet_link_changed(vdev->priv);
	ivnet_look(vdev->priv);
}

#ifdef CONFIG_PM
/* In the wake-up the bus would wait for the end of a reset, however long. */
static int vnet_freeze(struct virtio_device *vdev)
{
	struct ivnet_dev *idev = vdev->priv;

	ivnet_dev_detach(idev);
	if (!vnet_dev_cut_off(ivnet_priv(idev)))
		return 0;
	dev_err(&vdev->dev, "no sleep before it has ended its reset\n");
	if (ivnet_dev_attach(idev, NULL))
		ivnet_trouble(idev, IVNET_TROUBLE_DEVICE);

	return -EBUSY;
}

/* The bus has negotiated the same features again. */
static int vnet_restore(struct virtio_device *vdev)
{
	struct ivnet_dev *idev = vdev->priv;
	struct vnet_dev *vd = ivnet_priv(idev);

	vd->negotiated = true;

	return ivnet_dev_attach(idev, NULL);
}
#endif

static const struct virtio_device_id vnet_ids[] = {
	{ VIRTIO_ID_NET, VIRTIO_DEV_ANY_ID },
	{ }
};

/*
 * No module alias: virtio_net stays the kernel's choice, this driver takes
 * devices that have no driver, or those that are bound to it by hand.
 */
static struct virtio_driver vnet_driver = {
	.driver.name		= KBUILD_MODNAME,
	.driver.owner		= THIS_MODULE,
	.feature_table		= vnet_feature_table,
	.feature_table_size	= VNET_FEATURE_COUNT,
	.id_table		= vnet_ids,
	.validate		= vnet_validate,
	.probe			= vnet_probe,
	.remove			= vnet_remove,
	.config_changed		= vnet_config_changed,
#ifdef CONFIG_PM
	.freeze			= vnet_freeze,
	.restore		= vnet_restore,
#endif
};

module_virtio_driver(vnet_driver);
MODULE_DESCRIPTION("Ethernet for guests: virtio-net");
MODULE_VERSION(IVNET_VERSION);
MODULE_LICENSE("GPL");
