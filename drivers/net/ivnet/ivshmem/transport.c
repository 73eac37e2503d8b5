// SPDX-License-Identifier: GPL-2.0
/* What the core asks of a shared-memory device. */

#include <linux/etherdevice.h>
#include <linux/module.h>
#include <linux/netdevice.h>
#include <linux/slab.h>

#include "shm.h"

static int shm_up(struct ivnet_dev *idev, struct netlink_ext_ack *extack)
{
	struct shm_dev *sd = ivnet_priv(idev);
	struct ivnet_limits *lim = &idev->limits;
	int err;

	err = shm_region_open(sd, extack);
	if (err)
		return err;

	sd->links = kvcalloc(sd->geo.ports, sizeof(*sd->links), GFP_KERNEL);
	if (!sd->links)
		return -ENOMEM;
	sd->ends = kvcalloc((size_t)sd->geo.ports * sd->geo.queues <<
			    sd->geo.order, sizeof(*sd->ends), GFP_KERNEL);
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
	};
	lim->mtu = min_t(u32, lim->max_mtu, ETH_DATA_LEN);
	idev->hw_features = NETIF_F_SG | NETIF_F_HW_CSUM | NETIF_F_TSO |
			    NETIF_F_TSO6 | NETIF_F_TSO_ECN |
			    NETIF_F_GSO_UDP_L4 | NETIF_F_RXCSUM |
			    NETIF_F_RXHASH;
	idev->features = idev->hw_features | NETIF_F_HIGHDMA |
			 NETIF_F_GSO_ROBUST;
	idev->tso_max = min_t(u32, sd->geo.max_frame, GSO_LEGACY_MAX_SIZE);
	idev->headroom = 0;
	shm_link_init(sd);

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

static struct ivnet_queue *shm_queue_alloc(struct ivnet_dev *idev,
					   const struct ivnet_queue_cfg *cfg,
					   u32 index)
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
	ivnet_queue_init(idev, &sq->q, index, shm_poll);
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

static void shm_queue_free(struct ivnet_dev *idev, struct ivnet_queue *q)
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
	shm_links_run(sd, qs->cfg.pairs);

	return 0;
}

static void shm_queues_stop(struct ivnet_dev *idev, struct ivnet_qset *qs)
{
	struct shm_dev *sd = ivnet_priv(idev);
	u32 i;

	shm_links_stop(sd);
	for (i = 0; i < qs->cfg.pairs; i++)
		WRITE_ONCE(sd->queues[i], NULL);
	synchronize_net();
}

static int shm_set_mac(struct ivnet_dev *idev, const u8 *addr)
{
	/* Announced with the next heartbeat, and learnt from the next frame. */
	return 0;
}

static int shm_set_features(struct ivnet_dev *idev, netdev_features_t features)
{
	return 0;
}

static u32 shm_rx_buf_min(struct ivnet_dev *idev, u32 mtu)
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

static void shm_diagnose(struct ivnet_dev *idev, struct devlink_fmsg *fmsg)
{
	struct shm_dev *sd = ivnet_priv(idev);
	const struct shm_link *link;
	u32 i;

	mutex_lock(&sd->lock);
	devlink_fmsg_u64_pair_put(fmsg, "region_bytes", sd->size);
	devlink_fmsg_u32_pair_put(fmsg, "ports", sd->geo.ports);
	devlink_fmsg_u32_pair_put(fmsg, "queues", sd->geo.queues);
	devlink_fmsg_u32_pair_put(fmsg, "ring", 1U << sd->geo.order);
	devlink_fmsg_u32_pair_put(fmsg, "data_bytes", sd->geo.data_size);
	devlink_fmsg_u32_pair_put(fmsg, "max_frame", sd->geo.max_frame);
	devlink_fmsg_u32_pair_put(fmsg, "position", sd->position);
	devlink_fmsg_u32_pair_put(fmsg, "incarnation", sd->incarnation);
	devlink_fmsg_arr_pair_nest_start(fmsg, "links");
	for (i = 0; sd->links && i < sd->geo.ports; i++) {
		link = &sd->links[i];
		if (i == sd->port)
			continue;
		devlink_fmsg_obj_nest_start(fmsg);
		devlink_fmsg_u32_pair_put(fmsg, "port", i);
		devlink_fmsg_string_pair_put(fmsg, "state",
					     shm_link_state_name(link->state));
		devlink_fmsg_bool_pair_put(fmsg, "run", link->run);
		devlink_fmsg_u32_pair_put(fmsg, "incarnation",
					  link->incarnation);
		devlink_fmsg_u64_pair_put(fmsg, "features", link->features);
		devlink_fmsg_u32_pair_put(fmsg, "error", link->error);
		devlink_fmsg_u32_pair_put(fmsg, "resets", link->resets);
		devlink_fmsg_obj_nest_end(fmsg);
	}
	devlink_fmsg_arr_pair_nest_end(fmsg);
	mutex_unlock(&sd->lock);
}

static void shm_diagnose_rx(struct ivnet_queue *q, struct devlink_fmsg *fmsg)
{
	devlink_fmsg_u32_pair_put(fmsg, "page_bytes",
				  to_shm_queue(q)->page_len);
}

static void shm_diagnose_tx(struct ivnet_queue *q, struct devlink_fmsg *fmsg)
{
	devlink_fmsg_bool_pair_put(fmsg, "stopped",
				   netif_tx_queue_stopped(q->txq));
}

static const struct net_device_ops shm_netdev_ops = {
	IVNET_NDO_COMMON,
	.ndo_start_xmit		= shm_xmit,
};

const struct ivnet_transport_ops shm_transport_ops = {
	.name		= KBUILD_MODNAME,
	.priv_size	= sizeof(struct shm_dev),
	.netdev_ops	= &shm_netdev_ops,
	.up		= shm_up,
	.down		= shm_down,
	.queue_alloc	= shm_queue_alloc,
	.queue_free	= shm_queue_free,
	.queues_start	= shm_queues_start,
	.queues_stop	= shm_queues_stop,
	.set_mac	= shm_set_mac,
	.set_features	= shm_set_features,
	.rx_buf_min	= shm_rx_buf_min,
	.link		= shm_link,
	.info_get	= shm_info_get,
	.diagnose	= shm_diagnose,
	.diagnose_rx	= shm_diagnose_rx,
	.diagnose_tx	= shm_diagnose_tx,
};

/**
 * shm_dev_init() - initialise a device object
 * @sd: zeroed
 * @idev: the core's object, of which @sd is the private part
 */
void shm_dev_init(struct shm_dev *sd, struct ivnet_dev *idev)
{
	sd->idev = idev;
	sd->pin = -1;
	sd->want_queues = 1;
	mutex_init(&sd->lock);
	INIT_DELAYED_WORK(&sd->work, shm_link_work);
}

/**
 * shm_dev_exit() - before a device object is freed
 * @sd: the device; nobody can ring it any more
 */
void shm_dev_exit(struct shm_dev *sd)
{
	cancel_delayed_work_sync(&sd->work);
	mutex_destroy(&sd->lock);
}

/**
 * shm_interrupt() - somebody rang
 * @sd: the device
 * @vector: which; all ones: look at every queue
 *
 * Vector 0 is for changes of state, and for data too if there is no other.
 *
 * Context: any, with bottom halves off or in process context.
 */
void shm_interrupt(struct shm_dev *sd, u32 vector)
{
	struct shm_queue *sq;
	u32 i, q;

	if (!vector)
		shm_link_kick(sd);

	local_bh_disable();
	for (i = 0; i < IVNET_SHM_QUEUES_MAX; i++) {
		/* A vector beyond the pairs in use belongs to one of them. */
		q = sd->pairs ? i % sd->pairs : 0;
		if (vector != U32_MAX && sd->vectors > 1 &&
		    vector != 1 + i % (sd->vectors - 1))
			continue;
		sq = READ_ONCE(sd->queues[q]);
		if (sq)
			napi_schedule(&sq->q.napi);
	}
	local_bh_enable();
}
