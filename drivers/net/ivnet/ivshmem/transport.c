// SPDX-License-Identifier: GPL-2.0
/* What the core asks of a shared-memory device. */

#include <linux/dmi.h>
#include <linux/etherdevice.h>
#include <linux/module.h>
#include <linux/netdevice.h>
#include <linux/siphash.h>
#include <linux/slab.h>

#include <net/tcp.h>

#include "shm.h"

/* An MTU of at least what IPv4 asks for, with both headers in front of it. */
#define SHM_FRAME_LEAST	((u32)(ETH_MIN_MTU + ETH_HLEN + 4))

/* On IVSHMEM v2 the device says who is who, and its protocol the format. */
static int validate_given(const char *what, u32 value, u32 given,
			  struct netlink_ext_ack *extack)
{
	if (value == given)
		return 0;
	NL_SET_ERR_MSG_FMT_MOD(extack, "%s: the device says %u", what, given);

	return -EOPNOTSUPP;
}

static const struct shm_dev *v2_of(struct devlink *devlink)
{
	struct ivnet_dev *idev = devlink_priv(devlink);
	const struct shm_dev *sd = ivnet_priv(idev);

	return sd->states ? sd : NULL;
}

static int validate_ports(struct devlink *devlink, u32 id,
			  ivnet_param_arg_t val, struct netlink_ext_ack *extack)
{
	const struct shm_dev *sd = v2_of(devlink);
	u32 ports = ivnet_param_val(val)->vu32;

	if (sd)
		return validate_given("ports", ports, sd->want_ports, extack);
	if (ports && (ports < IVNET_SHM_PORTS_MIN ||
		      ports > IVNET_SHM_PORTS_MAX)) {
		NL_SET_ERR_MSG_FMT_MOD(extack,
				       "ports: %u to %u, or 0 for what the region has",
				       IVNET_SHM_PORTS_MIN, IVNET_SHM_PORTS_MAX);
		return -EINVAL;
	}

	return 0;
}

static int validate_queues(struct devlink *devlink, u32 id,
			   ivnet_param_arg_t val,
			   struct netlink_ext_ack *extack)
{
	if (ivnet_param_val(val)->vu32 > IVNET_SHM_QUEUES_MAX) {
		NL_SET_ERR_MSG_FMT_MOD(extack,
				       "queues: 1 to %u, or 0 for what the region has",
				       IVNET_SHM_QUEUES_MAX);
		return -EINVAL;
	}

	return 0;
}

static int validate_port(struct devlink *devlink, u32 id, ivnet_param_arg_t val,
			 struct netlink_ext_ack *extack)
{
	const struct shm_dev *sd = v2_of(devlink);
	u32 port = ivnet_param_val(val)->vu32;

	if (sd)
		return validate_given("port", port, sd->position, extack);
	if (port >= IVNET_SHM_PORTS_MAX && port != SHM_PORT_ANY) {
		NL_SET_ERR_MSG_FMT_MOD(extack, "port: 0 to %u, or %u for any",
				       IVNET_SHM_PORTS_MAX - 1, SHM_PORT_ANY);
		return -EINVAL;
	}

	return 0;
}

static int validate_wire_format(struct devlink *devlink, u32 id,
				ivnet_param_arg_t val,
				struct netlink_ext_ack *extack)
{
	const char *format = ivnet_param_val(val)->vstr;
	const struct shm_dev *sd = v2_of(devlink);

	if (strcmp(format, "native") && strcmp(format, "classic")) {
		NL_SET_ERR_MSG_MOD(extack, "wire_format: native or classic");
		return -EINVAL;
	}
	if (sd && sd->want_classic != !strcmp(format, "classic")) {
		NL_SET_ERR_MSG_FMT_MOD(extack,
				       "wire_format: the device's protocol says %s",
				       sd->want_classic ? "classic" : "native");
		return -EOPNOTSUPP;
	}

	return 0;
}

static int validate_peer_id(struct devlink *devlink, u32 id,
			    ivnet_param_arg_t val,
			    struct netlink_ext_ack *extack)
{
	const struct shm_dev *sd = v2_of(devlink);

	if (sd)
		return validate_given("peer_id", ivnet_param_val(val)->vu32,
				      sd->want_peer, extack);
	if (ivnet_param_val(val)->vu32 > SHM_PEER_NONE) {
		NL_SET_ERR_MSG_FMT_MOD(extack,
				       "peer_id: 0 to %u, or %u for none",
				       SHM_PEER_NONE - 1, SHM_PEER_NONE);
		return -EINVAL;
	}

	return 0;
}

const struct devlink_param shm_params[SHM_PARAMS] = {
	DEVLINK_PARAM_DRIVER(SHM_PARAM_PORTS, "ports", DEVLINK_PARAM_TYPE_U32,
			     BIT(DEVLINK_PARAM_CMODE_DRIVERINIT),
			     NULL, NULL, validate_ports),
	DEVLINK_PARAM_DRIVER(SHM_PARAM_QUEUES, "queues", DEVLINK_PARAM_TYPE_U32,
			     BIT(DEVLINK_PARAM_CMODE_DRIVERINIT),
			     NULL, NULL, validate_queues),
	DEVLINK_PARAM_DRIVER(SHM_PARAM_PORT, "port", DEVLINK_PARAM_TYPE_U32,
			     BIT(DEVLINK_PARAM_CMODE_DRIVERINIT),
			     NULL, NULL, validate_port),
	DEVLINK_PARAM_DRIVER(SHM_PARAM_WIRE_FORMAT, "wire_format",
			     DEVLINK_PARAM_TYPE_STRING,
			     BIT(DEVLINK_PARAM_CMODE_DRIVERINIT),
			     NULL, NULL, validate_wire_format),
	DEVLINK_PARAM_DRIVER(SHM_PARAM_PEER_ID, "peer_id",
			     DEVLINK_PARAM_TYPE_U32,
			     BIT(DEVLINK_PARAM_CMODE_DRIVERINIT),
			     NULL, NULL, validate_peer_id),
};

/**
 * shm_params_default() - set the values that devlink shows
 * @idev: the device
 */
void shm_params_default(struct ivnet_dev *idev)
{
	const struct shm_dev *sd = ivnet_priv(idev);

	ivnet_param_set_u32(idev, SHM_PARAM_PORTS, sd->want_ports);
	ivnet_param_set_u32(idev, SHM_PARAM_QUEUES, sd->want_queues);
	ivnet_param_set_u32(idev, SHM_PARAM_PORT, sd->pin);
	ivnet_param_set_str(idev, SHM_PARAM_WIRE_FORMAT,
			    sd->want_classic ? "classic" : "native");
	ivnet_param_set_u32(idev, SHM_PARAM_PEER_ID, sd->want_peer);
}

/**
 * shm_dev_format() - choose the format of the next start
 * @sd: the device, which is down
 * @classic: IVSHMEM-NET's
 *
 * Each format has a data path of its own, so that no frame pays for the choice.
 */
void shm_dev_format(struct shm_dev *sd, bool classic)
{
	sd->want_classic = classic;
	sd->idev->ops = classic ? &shm_classic_ops : &shm_transport_ops;
}
EXPORT_SYMBOL_GPL(shm_dev_format);

/**
 * shm_params_read() - take over the values for the next start
 * @idev: the device, which is down
 */
void shm_params_read(struct ivnet_dev *idev)
{
	char format[__DEVLINK_PARAM_MAX_STRING_VALUE] = "";
	struct shm_dev *sd = ivnet_priv(idev);

	ivnet_param_get_u32(idev, SHM_PARAM_PORTS, &sd->want_ports);
	ivnet_param_get_u32(idev, SHM_PARAM_QUEUES, &sd->want_queues);
	ivnet_param_get_u32(idev, SHM_PARAM_PORT, &sd->pin);
	ivnet_param_get_u32(idev, SHM_PARAM_PEER_ID, &sd->want_peer);
	ivnet_param_get_str(idev, SHM_PARAM_WIRE_FORMAT, format);
	shm_dev_format(sd, !strcmp(format, "classic"));
}

/**
 * shm_address() - make an address for the interface
 * @sd: the device
 * @what: what distinguishes this side of the segment from the others
 * @number: and which it is
 * @addr: set
 *
 * The same at each start of the same guest.
 */
void shm_address(const struct shm_dev *sd, const char *what, u32 number,
		 u8 *addr)
{
	static const siphash_key_t key = { { 0x69766e6574ULL, 1 } };
	const char *id = dmi_get_system_info(DMI_PRODUCT_UUID);
	char text[128];
	u64 hash;
	int len;

	len = scnprintf(text, sizeof(text), "%s %s %s %u", id ?: "",
			dev_name(sd->idev->dev), what, number);
	hash = siphash(text, len, &key);
	u64_to_ether_addr(hash >> 16, addr);
	addr[0] = (addr[0] & ~0x01) | 0x02;
}

static u64 shm_wants(netdev_features_t features)
{
	/* Who wants no sums checked for him gets no unfinished ones. */
	return features & NETIF_F_RXCSUM ? SHM_FEATURES : IVNET_SHM_F_HASH;
}

static int shm_up(struct ivnet_dev *idev, struct netlink_ext_ack *extack)
{
	struct shm_dev *sd = ivnet_priv(idev);
	struct ivnet_limits *lim = &idev->limits;
	int err;

	if (sd->bus->start) {
		err = sd->bus->start(sd, extack);
		if (err)
			return err;
	}
	err = shm_region_open(sd, extack);
	if (err)
		return err;

	if (sd->geo.max_frame < SHM_FRAME_LEAST) {
		NL_SET_ERR_MSG_FMT_MOD(extack, "the region allows frames of %u bytes, not %u to %u",
				       sd->geo.max_frame, SHM_FRAME_LEAST,
				       IVNET_SHM_FRAME_MAX);
		return -EINVAL;
	}

	sd->links = kvcalloc(sd->geo.ports, sizeof(*sd->links), GFP_KERNEL);
	if (!sd->links)
		return -ENOMEM;
	sd->ends = kvcalloc((size_t)sd->geo.ports * sd->geo.queues <<
			    sd->geo.order, 2 * sizeof(*sd->ends), GFP_KERNEL);
	if (!sd->ends) {
		kvfree(sd->links);
		sd->links = NULL;
		return -ENOMEM;
	}

	*lim = (struct ivnet_limits) {
		.max_pairs	= min3(sd->geo.queues, idev->params.max_pairs,
				       (u32)num_possible_cpus()),
		.rx_ring_max	= 1U << sd->geo.order,
		.tx_ring_max	= 1U << sd->geo.order,
		.rx_buf_default	= IVNET_RX_BUF_MAX,
		.max_mtu	= min_t(u32, sd->geo.max_frame - ETH_HLEN - 4,
					ETH_MAX_MTU),
		.ring_fixed	= true,
		.rx_usecs_max	= SHM_RX_USECS_MAX,
	};
	lim->mtu = min_t(u32, lim->max_mtu, ETH_DATA_LEN);
	idev->hw_features = NETIF_F_SG | NETIF_F_HW_CSUM | NETIF_F_TSO |
			    NETIF_F_TSO6 | NETIF_F_TSO_ECN |
			    NETIF_F_GSO_UDP_L4 | NETIF_F_RXCSUM |
			    NETIF_F_RXHASH;
	idev->features = idev->hw_features | NETIF_F_HIGHDMA |
			 NETIF_F_GSO_ROBUST;
	/* TCP takes its headers off. What is longer than a frame is cut here. */
	idev->tso_max = clamp_t(u32, sd->geo.max_frame, MAX_TCP_HEADER + 1,
				GSO_LEGACY_MAX_SIZE);
	idev->headroom = 0;
	sd->mtu = idev->netdev ? idev->netdev->mtu : lim->mtu;
	sd->wants = shm_wants(idev->netdev ? idev->netdev->features :
			      idev->features);
	shm_link_init(sd);
	if (!is_valid_ether_addr(idev->perm_addr)) {
		/* Without a port the doorbell address, which no two share. */
		shm_address(sd, sd->port < 0 ? "position" : "port",
			    sd->port < 0 ? sd->position : sd->port,
			    idev->perm_addr);
		ether_addr_copy(sd->mac, idev->perm_addr);
	}

	return 0;
}

static void shm_down(struct ivnet_dev *idev)
{
	struct shm_dev *sd = ivnet_priv(idev);

	if (!sd->links)
		return;
	shm_links_exit(sd);
	kvfree(sd->ends);
	kvfree(sd->links);
	sd->links = NULL;
}

/**
 * shm_queue_new() - build a queue pair
 * @idev: the device
 * @cfg: what to build
 * @index: its number
 * @poll: the format's poll function
 *
 * Return: the pair, or an ERR_PTR().
 */
struct ivnet_queue *shm_queue_new(struct ivnet_dev *idev,
				  const struct ivnet_queue_cfg *cfg, u32 index,
				  int (*poll)(struct napi_struct *napi,
					      int budget))
{
	struct page_pool_params pp = {
		.flags		= PP_FLAG_PAGE_FRAG,
		.order		= get_order(cfg->rx_buf_len),
		.pool_size	= 256,
		.nid		= NUMA_NO_NODE,
		.dev		= idev->dev,
	};
	struct shm_queue *sq;
	int err;

	sq = kzalloc(sizeof(*sq), GFP_KERNEL);
	if (!sq)
		return ERR_PTR(-ENOMEM);
	sq->sd = ivnet_priv(idev);
	sq->page_len = cfg->rx_buf_len;
	ivnet_queue_init(idev, &sq->q, index, poll);
	shm_wake_init(sq);
	ivnet_page_pool_bind(&pp, idev->netdev, &sq->q.napi, index);

	sq->pool = page_pool_create(&pp);
	if (IS_ERR(sq->pool)) {
		err = PTR_ERR(sq->pool);
		ivnet_queue_exit(&sq->q);
		kfree(sq);
		return ERR_PTR(err);
	}

	return &sq->q;
}

static struct ivnet_queue *shm_queue_alloc(struct ivnet_dev *idev,
					   const struct ivnet_queue_cfg *cfg,
					   u32 index)
{
	return shm_queue_new(idev, cfg, index, shm_poll);
}

/**
 * shm_queue_free() - free a queue pair
 * @idev: the device
 * @q: the pair, which is stopped
 */
void shm_queue_free(struct ivnet_dev *idev, struct ivnet_queue *q)
{
	struct shm_queue *sq = to_shm_queue(q);

	page_pool_destroy(sq->pool);
	ivnet_queue_exit(q);
	kfree(sq);
}

static int shm_queues_start(struct ivnet_dev *idev, struct ivnet_qset *qs)
{
	struct shm_dev *sd = ivnet_priv(idev);
	u32 i;

	for (i = 0; i < qs->cfg.pairs; i++)
		WRITE_ONCE(sd->queues[i], to_shm_queue(qs->q[i]));
	shm_links_run(sd, idev->netdev, qs->cfg.pairs);

	return 0;
}

static void shm_queues_stop(struct ivnet_dev *idev, struct ivnet_qset *qs)
{
	struct shm_dev *sd = ivnet_priv(idev);
	u32 i;

	shm_links_stop(sd);
	for (i = 0; i < qs->cfg.pairs; i++)
		WRITE_ONCE(sd->queues[i], NULL);
	/* A poll that is about to end may still start its timer. */
	synchronize_net();
	for (i = 0; i < qs->cfg.pairs; i++) {
		shm_wake_exit(to_shm_queue(qs->q[i]));
		netdev_tx_reset_queue(qs->q[i]->txq);
	}
}

/**
 * shm_set_mac() - &ivnet_transport_ops.set_mac
 * @idev: the device
 * @addr: the new address
 *
 * Return: 0.
 */
int shm_set_mac(struct ivnet_dev *idev, const u8 *addr)
{
	/* Announced with the next heartbeat, and learnt from the next frame. */
	return 0;
}

static int shm_set_features(struct ivnet_dev *idev, netdev_features_t features)
{
	shm_links_want(ivnet_priv(idev), shm_wants(features));

	return 0;
}

/**
 * shm_rx_buf_min() - &ivnet_transport_ops.rx_buf_min
 * @idev: the device
 * @mtu: does not matter: longer frames are received as well
 *
 * Return: bytes.
 */
u32 shm_rx_buf_min(struct ivnet_dev *idev, u32 mtu)
{
	/* 64 KiB have to fit into the head and the fragments of an skb. */
	return max_t(u32, PAGE_SIZE, 8192);
}

static void shm_link(struct ivnet_dev *idev)
{
	shm_link_kick(ivnet_priv(idev));
}

static int shm_info_get(struct ivnet_dev *idev, struct devlink_info_req *req)
{
	struct shm_dev *sd = ivnet_priv(idev);
	char text[64];

	snprintf(text, sizeof(text), "%u.%u", IVNET_SHM_MAJOR, IVNET_SHM_MINOR);

	return sd->links ? devlink_info_version_running_put(req, "ivnet-shm", text) : 0;
}

/**
 * shm_diagnose_v2() - describe what IVSHMEM v2 has and others have not
 * @sd: the device
 * @fmsg: the answer
 */
void shm_diagnose_v2(const struct shm_dev *sd, struct devlink_fmsg *fmsg)
{
	if (!sd->states)
		return;
	devlink_fmsg_u64_pair_put(fmsg, "output_bytes", sd->output_size);
	devlink_fmsg_u32_pair_put(fmsg, "table_state",
				  le32_to_cpu(READ_ONCE(sd->states[sd->position])));
}

static void shm_diagnose(struct ivnet_dev *idev, struct devlink_fmsg *fmsg)
{
	struct shm_dev *sd = ivnet_priv(idev);

	mutex_lock(&sd->lock);
	devlink_fmsg_u64_pair_put(fmsg, "region_bytes", sd->size);
	devlink_fmsg_u32_pair_put(fmsg, "position", sd->position);
	devlink_fmsg_u32_pair_put(fmsg, "vectors", sd->vectors);
	shm_diagnose_v2(sd, fmsg);
	if (sd->links) {
		devlink_fmsg_u32_pair_put(fmsg, "ports", sd->geo.ports);
		devlink_fmsg_u32_pair_put(fmsg, "queues", sd->geo.queues);
		devlink_fmsg_u32_pair_put(fmsg, "ring", 1U << sd->geo.order);
		devlink_fmsg_u32_pair_put(fmsg, "data_bytes",
					  sd->geo.data_size);
		devlink_fmsg_u32_pair_put(fmsg, "max_frame",
					  sd->geo.max_frame);
		devlink_fmsg_bool_pair_put(fmsg, "polling", sd->polling);
		devlink_fmsg_bool_pair_put(fmsg, "has_port", sd->port >= 0);
		if (sd->port >= 0) {
			devlink_fmsg_u32_pair_put(fmsg, "port", sd->port);
			devlink_fmsg_u32_pair_put(fmsg, "incarnation",
						  sd->incarnation);
		}
	}
	mutex_unlock(&sd->lock);
}

static void diagnose_lane(const struct shm_lane *lane,
			  struct devlink_fmsg *fmsg)
{
	devlink_fmsg_obj_nest_start(fmsg);
	devlink_fmsg_u32_pair_put(fmsg, "tx_head", READ_ONCE(lane->tx.head));
	devlink_fmsg_u32_pair_put(fmsg, "tx_tail", READ_ONCE(lane->tx.tail));
	devlink_fmsg_u32_pair_put(fmsg, "rx_tail", READ_ONCE(lane->rx.tail));
	devlink_fmsg_obj_nest_end(fmsg);
}

static void diagnose_link(const struct shm_link *link, u32 queues,
			  struct devlink_fmsg *fmsg)
{
	char mac[3 * ETH_ALEN];
	u32 q;

	devlink_fmsg_obj_nest_start(fmsg);
	devlink_fmsg_u32_pair_put(fmsg, "port", link->peer);
	devlink_fmsg_string_pair_put(fmsg, "state",
				     shm_link_state_name(link->state));
	devlink_fmsg_bool_pair_put(fmsg, "run", link->run);
	devlink_fmsg_u32_pair_put(fmsg, "error", link->error);
	devlink_fmsg_u32_pair_put(fmsg, "resets", link->resets);
	devlink_fmsg_u32_pair_put(fmsg, "retry_seconds", link->retry);
	if (link->state != SHM_LINK_DOWN) {
		snprintf(mac, sizeof(mac), "%pM", link->mac);
		devlink_fmsg_string_pair_put(fmsg, "address", mac);
		devlink_fmsg_u32_pair_put(fmsg, "position", link->position);
		devlink_fmsg_u32_pair_put(fmsg, "vectors", link->vectors);
		devlink_fmsg_u32_pair_put(fmsg, "incarnation",
					  link->incarnation);
		devlink_fmsg_u64_pair_put(fmsg, "features", link->features);
		devlink_fmsg_u64_pair_put(fmsg, "uses", link->uses);
		devlink_fmsg_u32_pair_put(fmsg, "max_frame", link->max_frame);
		devlink_fmsg_arr_pair_nest_start(fmsg, "lanes");
		for (q = 0; q < queues; q++)
			diagnose_lane(&link->lanes[q], fmsg);
		devlink_fmsg_arr_pair_nest_end(fmsg);
	}
	devlink_fmsg_obj_nest_end(fmsg);
}

static void shm_diagnose_peers(struct ivnet_dev *idev,
			       struct devlink_fmsg *fmsg)
{
	struct shm_dev *sd = ivnet_priv(idev);
	u32 i;

	mutex_lock(&sd->lock);
	devlink_fmsg_arr_pair_nest_start(fmsg, "links");
	for (i = 0; sd->links && i < sd->geo.ports; i++)
		if (i != sd->port)
			diagnose_link(&sd->links[i], sd->geo.queues, fmsg);
	devlink_fmsg_arr_pair_nest_end(fmsg);
	mutex_unlock(&sd->lock);
}

/**
 * shm_diagnose_rx() - &ivnet_transport_ops.diagnose_rx
 * @q: the queue pair
 * @fmsg: the answer
 */
void shm_diagnose_rx(struct ivnet_queue *q, struct devlink_fmsg *fmsg)
{
	devlink_fmsg_u32_pair_put(fmsg, "page_bytes",
				  to_shm_queue(q)->page_len);
}

/**
 * shm_diagnose_tx() - &ivnet_transport_ops.diagnose_tx
 * @q: the queue pair
 * @fmsg: the answer
 */
void shm_diagnose_tx(struct ivnet_queue *q, struct devlink_fmsg *fmsg)
{
	devlink_fmsg_bool_pair_put(fmsg, "stopped",
				   netif_tx_queue_stopped(q->txq));
}

/**
 * shm_set_rx_mode() - ndo_set_rx_mode
 * @dev: the net_device
 *
 * Every frame comes, and the stack picks its own.
 */
void shm_set_rx_mode(struct net_device *dev)
{
}

static const struct net_device_ops shm_netdev_ops = {
	IVNET_NDO_COMMON,
	.ndo_set_rx_mode	= shm_set_rx_mode,
	.ndo_start_xmit		= shm_xmit,
	.ndo_fdb_dump		= shm_fdb_dump,
};

const struct ivnet_transport_ops shm_transport_ops = {
	SHM_OPS_COMMON,
	.netdev_ops	= &shm_netdev_ops,
	.up		= shm_up,
	.down		= shm_down,
	.queue_alloc	= shm_queue_alloc,
	.queues_start	= shm_queues_start,
	.queues_stop	= shm_queues_stop,
	.set_features	= shm_set_features,
	.link		= shm_link,
	.can_wake	= shm_can_wake,
	.info_get	= shm_info_get,
	.diagnose	= shm_diagnose,
	.diagnose_peers	= shm_diagnose_peers,
};
EXPORT_SYMBOL_GPL(shm_transport_ops);

/**
 * shm_dev_init() - initialise a device object
 * @sd: zeroed
 * @idev: the core's object, of which @sd is the private part
 */
void shm_dev_init(struct shm_dev *sd, struct ivnet_dev *idev)
{
	sd->idev = idev;
	sd->pin = SHM_PORT_ANY;
	sd->want_peer = SHM_PEER_NONE;
	sd->port = -1;
	mutex_init(&sd->lock);
	spin_lock_init(&sd->sleep_lock);
	INIT_DELAYED_WORK(&sd->work, shm_link_work);
}
EXPORT_SYMBOL_GPL(shm_dev_init);

/**
 * shm_dev_wanted() - is this a device for this driver?
 * @sd: the device; the region is mapped
 *
 * Others use IVSHMEM too: a region that is neither ours nor empty is theirs,
 * unless the user named the device as one of IVSHMEM-NET.
 *
 * Return: false if it is not; the log says why.
 */
bool shm_dev_wanted(const struct shm_dev *sd)
{
	struct device *dev = sd->idev->dev;

	if (sd->size < IVNET_SHM_REGION_MIN) {
		dev_err(dev, "not bound: a region of %llu bytes is too small, at least %u\n",
			sd->size, IVNET_SHM_REGION_MIN);
		return false;
	}
	if (!sd->want_classic && !sd->format && shm_region_foreign(sd)) {
		dev_err(dev, "not bound: the region holds something else; ivnet_ivshmem.format=%s lets it be overwritten, ivnet_ivshmem.classic=%s takes it as IVSHMEM-NET's\n",
			dev_name(dev), dev_name(dev));
		return false;
	}

	return true;
}
EXPORT_SYMBOL_GPL(shm_dev_wanted);

/**
 * shm_dev_exit() - before a device object is freed
 * @sd: the device; nobody can ring it any more
 */
void shm_dev_exit(struct shm_dev *sd)
{
	cancel_delayed_work_sync(&sd->work);
	mutex_destroy(&sd->lock);
}
EXPORT_SYMBOL_GPL(shm_dev_exit);

MODULE_DESCRIPTION("Ethernet for guests: transport over shared memory");
MODULE_VERSION(IVNET_VERSION);
MODULE_LICENSE("GPL");
