// SPDX-License-Identifier: GPL-2.0
/* Queue sets: built beside the running one, swapped, freed. */

#include <linux/netdevice.h>
#include <linux/rtnetlink.h>
#include <linux/slab.h>

#include "ivnet.h"

/**
 * ivnet_check_cfg() - can the device do this configuration?
 * @idev: a device that is up
 * @cfg: the configuration
 * @extack: says what is wrong and what is allowed; may be NULL
 *
 * Return: 0, -EINVAL for what is out of range, -EOPNOTSUPP for what this
 * device cannot change.
 */
int ivnet_check_cfg(struct ivnet_dev *idev, const struct ivnet_queue_cfg *cfg,
		    struct netlink_ext_ack *extack)
{
	const u32 rx_buf_min = idev->ops->rx_buf_min(idev, cfg->mtu);
	const struct ivnet_limits *lim = &idev->limits;
	const struct ivnet_net *net;

	if (cfg->pairs < 1 || cfg->pairs > lim->max_pairs) {
		NL_SET_ERR_MSG_FMT_MOD(extack, "channels: 1 to %u",
				       lim->max_pairs);
		return -EINVAL;
	}

	if (lim->ring_fixed) {
		net = netdev_priv(idev->netdev);
		if (cfg->rx_ring != net->cfg.rx_ring ||
		    cfg->tx_ring != net->cfg.tx_ring) {
			NL_SET_ERR_MSG_FMT_MOD(extack,
					       "the device has fixed rings: rx %u, tx %u",
					       lim->rx_ring_max,
					       lim->tx_ring_max);
			return -EOPNOTSUPP;
		}
	} else {
		if (cfg->rx_ring < min_t(u32, IVNET_RING_MIN, lim->rx_ring_max) ||
		    cfg->rx_ring > lim->rx_ring_max) {
			NL_SET_ERR_MSG_FMT_MOD(extack,
					       "rx ring: %u to %u, a power of two",
					       min_t(u32, IVNET_RING_MIN,
						     lim->rx_ring_max),
					       lim->rx_ring_max);
			return -EINVAL;
		}
		if (cfg->tx_ring < min_t(u32, IVNET_RING_MIN, lim->tx_ring_max) ||
		    cfg->tx_ring > lim->tx_ring_max) {
			NL_SET_ERR_MSG_FMT_MOD(extack,
					       "tx ring: %u to %u, a power of two",
					       min_t(u32, IVNET_RING_MIN,
						     lim->tx_ring_max),
					       lim->tx_ring_max);
			return -EINVAL;
		}
	}

	if (cfg->rx_buf_len < rx_buf_min ||
	    cfg->rx_buf_len > IVNET_RX_BUF_MAX ||
	    !is_power_of_2(cfg->rx_buf_len)) {
		NL_SET_ERR_MSG_FMT_MOD(extack,
				       "rx-buf-len: %u to %u, a power of two",
				       rx_buf_min, IVNET_RX_BUF_MAX);
		return -EINVAL;
	}

	return 0;
}
EXPORT_SYMBOL_GPL(ivnet_check_cfg);

/**
 * ivnet_qset_alloc() - build a set of queues beside the running one
 * @idev: the device
 * @cfg: what to build
 *
 * Return: the set, or an ERR_PTR().
 */
struct ivnet_qset *ivnet_qset_alloc(struct ivnet_dev *idev,
				    const struct ivnet_queue_cfg *cfg)
{
	struct ivnet_queue *q;
	struct ivnet_qset *qs;
	int err;
	u32 i;

	qs = kzalloc(struct_size(qs, q, cfg->pairs), GFP_KERNEL);
	if (!qs)
		return ERR_PTR(-ENOMEM);
	qs->cfg = *cfg;

	for (i = 0; i < cfg->pairs; i++) {
		q = idev->ops->queue_alloc(idev, cfg, i);
		if (IS_ERR(q)) {
			err = PTR_ERR(q);
			goto err_free;
		}
		qs->q[i] = q;
	}
	/* Here there is most to be undone. */
	if (ivnet_fault(idev, IVNET_FAULT_ALLOC)) {
		err = -ENOMEM;
		goto err_free;
	}

	return qs;

err_free:
	ivnet_qset_free(idev, qs);
	return ERR_PTR(err);
}
EXPORT_SYMBOL_GPL(ivnet_qset_alloc);

/**
 * ivnet_qset_free() - free a set that is stopped, or was built in part
 * @idev: the device
 * @qs: the set
 */
void ivnet_qset_free(struct ivnet_dev *idev, struct ivnet_qset *qs)
{
	u32 i;

	for (i = 0; i < qs->cfg.pairs && qs->q[i]; i++)
		idev->ops->queue_free(idev, qs->q[i]);
	kfree(qs);
}
EXPORT_SYMBOL_GPL(ivnet_qset_free);

/* Enable NAPI and poll once: an interrupt that came too early is made up for. */
static void queue_enable(struct ivnet_queue *q)
{
	napi_enable(&q->napi);
	netif_queue_set_napi(q->netdev, q->index, NETDEV_QUEUE_TYPE_RX,
			     &q->napi);
	netif_queue_set_napi(q->netdev, q->index, NETDEV_QUEUE_TYPE_TX,
			     &q->napi);

	local_bh_disable();
	napi_schedule(&q->napi);
	local_bh_enable();
}

static void queue_disable(struct ivnet_queue *q)
{
	netif_queue_set_napi(q->netdev, q->index, NETDEV_QUEUE_TYPE_RX, NULL);
	netif_queue_set_napi(q->netdev, q->index, NETDEV_QUEUE_TYPE_TX, NULL);
	napi_disable(&q->napi);
}

/**
 * ivnet_queues_count() - let the stack use so many queue pairs, and spread over them
 * @idev: the device
 * @pairs: their number
 *
 * Context: rtnl.
 * Return: 0; or an error, and nothing changed.
 */
int ivnet_queues_count(struct ivnet_dev *idev, u32 pairs)
{
	int err;

	err = netif_set_real_num_queues(idev->netdev, pairs, pairs);
	if (err)
		return err;
	ivnet_rss_spread(idev, pairs);

	return 0;
}

static int qset_start(struct ivnet_dev *idev, struct ivnet_qset *qs)
{
	struct ivnet_net *net = netdev_priv(idev->netdev);
	u32 i;
	int err;

	err = ivnet_queues_count(idev, qs->cfg.pairs);
	if (err)
		return err;

	if (ivnet_fault(idev, IVNET_FAULT_START))
		return -EIO;
	err = idev->ops->queues_start(idev, qs);
	if (err)
		return err;

	/* The first poll may transmit: the set has to be there by then. */
	net->cfg = qs->cfg;
	net->qset = qs;
	for (i = 0; i < qs->cfg.pairs; i++)
		queue_enable(qs->q[i]);
	ivnet_affinity_set(net);
	/* The kernel's watchdog also looks at those that are not in use. */
	netif_tx_wake_all_queues(idev->netdev);

	return 0;
}

/*
 * NAPI first: a poll may wake a transmit queue. Then the transmit queues, so
 * that nobody uses the set any more.
 */
static void qset_stop(struct ivnet_dev *idev)
{
	struct ivnet_net *net = netdev_priv(idev->netdev);
	struct ivnet_qset *qs = net->qset;
	u32 i;

	ivnet_affinity_clear(net);
	for (i = 0; i < qs->cfg.pairs; i++)
		queue_disable(qs->q[i]);
	netif_tx_disable(idev->netdev);
	idev->ops->queues_stop(idev, qs);
}

/**
 * ivnet_queues_up() - build queues from the current configuration and start
 * @idev: a device that is up and has none
 *
 * Return: 0 or an error; then there are still none.
 */
int ivnet_queues_up(struct ivnet_dev *idev)
{
	struct ivnet_net *net = netdev_priv(idev->netdev);
	struct ivnet_qset *qs;
	int err;

	qs = ivnet_qset_alloc(idev, &net->cfg);
	if (IS_ERR(qs))
		return PTR_ERR(qs);

	err = qset_start(idev, qs);
	if (err) {
		ivnet_qset_free(idev, qs);
		return err;
	}

	return 0;
}
EXPORT_SYMBOL_GPL(ivnet_queues_up);

/**
 * ivnet_queues_down() - stop the queues, if there are any, and free them
 * @idev: the device
 */
void ivnet_queues_down(struct ivnet_dev *idev)
{
	struct ivnet_net *net = netdev_priv(idev->netdev);
	struct ivnet_qset *qs = net->qset;

	if (!qs)
		return;

	qset_stop(idev);
	net->qset = NULL;
	ivnet_qset_free(idev, qs);
}
EXPORT_SYMBOL_GPL(ivnet_queues_down);

/* Only a device that fails twice gets here. */
static void qset_lost(struct ivnet_dev *idev, struct ivnet_qset *qs, int err)
{
	struct ivnet_net *net = netdev_priv(idev->netdev);

	net->qset = NULL;
	ivnet_qset_free(idev, qs);
	ivnet_carrier(idev->netdev, false);
	netif_device_detach(idev->netdev);
	idev->err = err;
	netdev_err(idev->netdev, "queues are gone: %d; devlink dev reload tries again\n",
		   err);
}

/**
 * ivnet_queues_restart() - stop the queues, if there are any, and start them
 * @idev: a device that is up
 *
 * Return: 0; or an error, and there are no queues any more.
 */
int ivnet_queues_restart(struct ivnet_dev *idev)
{
	struct ivnet_net *net = netdev_priv(idev->netdev);
	struct ivnet_qset *qs = net->qset;
	int err;

	if (!qs)
		return 0;

	qset_stop(idev);
	err = qset_start(idev, qs);
	if (err)
		qset_lost(idev, qs, err);

	return err;
}

/**
 * ivnet_queue_pause() - leave a queue pair to the caller
 * @q: the pair, in use
 *
 * Nobody polls it or transmits; the device goes on.
 *
 * Context: rtnl.
 */
void ivnet_queue_pause(struct ivnet_queue *q)
{
	queue_disable(q);
	__netif_tx_lock_bh(q->txq);
	netif_tx_stop_queue(q->txq);
	__netif_tx_unlock_bh(q->txq);
}
EXPORT_SYMBOL_GPL(ivnet_queue_pause);

/**
 * ivnet_queue_resume() - undo ivnet_queue_pause()
 * @q: the pair
 */
void ivnet_queue_resume(struct ivnet_queue *q)
{
	queue_enable(q);
	netif_tx_wake_queue(q->txq);
}
EXPORT_SYMBOL_GPL(ivnet_queue_resume);

/**
 * ivnet_queue_restart() - give up what a transmit queue has, and go on
 * @idev: the device
 * @q: a queue pair in use
 *
 * Return: 0; or an error, and the queue stays stopped.
 */
int ivnet_queue_restart(struct ivnet_dev *idev, struct ivnet_queue *q)
{
	int err;

	ivnet_queue_pause(q);
	err = idev->ops->tx_restart(idev, q);
	if (err)
		queue_enable(q);
	else
		ivnet_queue_resume(q);

	return err;
}

/**
 * ivnet_queues_replace() - change what the queues are built from
 * @idev: a device that is up
 * @cfg: the new configuration
 * @extack: says what is wrong; may be NULL
 *
 * The new queues are built first. Whatever fails, the old ones go on.
 *
 * Return: 0; or an error, and nothing changed.
 */
int ivnet_queues_replace(struct ivnet_dev *idev,
			 const struct ivnet_queue_cfg *cfg,
			 struct netlink_ext_ack *extack)
{
	struct ivnet_net *net = netdev_priv(idev->netdev);
	struct ivnet_qset *old = net->qset, *new;
	int err;

	ASSERT_RTNL();

	err = ivnet_check_cfg(idev, cfg, extack);
	if (err)
		return err;

	if (!old) {
		err = ivnet_queues_count(idev, cfg->pairs);
		if (!err)
			net->cfg = *cfg;
		return err;
	}

	new = ivnet_qset_alloc(idev, cfg);
	if (IS_ERR(new)) {
		NL_SET_ERR_MSG_MOD(extack,
				   "no memory for the new queues, the old ones keep running");
		return PTR_ERR(new);
	}

	qset_stop(idev);
	err = qset_start(idev, new);
	if (!err) {
		ivnet_qset_free(idev, old);
		return 0;
	}
	ivnet_qset_free(idev, new);

	NL_SET_ERR_MSG_MOD(extack, "the device refused the new queues");
	if (qset_start(idev, old))
		qset_lost(idev, old, err);

	return err;
}
EXPORT_SYMBOL_GPL(ivnet_queues_replace);

/**
 * ivnet_queue_init() - initialise the core's part of a queue pair
 * @idev: the device
 * @q: the queue pair
 * @index: its number
 * @poll: the transport's poll function
 *
 * NAPI is added here and stays disabled until the set is started.
 */
void ivnet_queue_init(struct ivnet_dev *idev, struct ivnet_queue *q, u32 index,
		      int (*poll)(struct napi_struct *napi, int budget))
{
	struct ivnet_net *net = netdev_priv(idev->netdev);

	q->netdev = idev->netdev;
	q->txq = netdev_get_tx_queue(idev->netdev, index);
	q->stats = &net->stats[index];
	q->index = index;
	netif_napi_add_config(q->netdev, &q->napi, poll, index);
}
EXPORT_SYMBOL_GPL(ivnet_queue_init);

/**
 * ivnet_queue_exit() - undo ivnet_queue_init()
 * @q: a queue pair whose NAPI is disabled
 */
void ivnet_queue_exit(struct ivnet_queue *q)
{
	netif_napi_del(&q->napi);
}
EXPORT_SYMBOL_GPL(ivnet_queue_exit);
