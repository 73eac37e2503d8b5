// SPDX-License-Identifier: GPL-2.0
/*
 * The classic format, which IVSHMEM-NET speaks: one other side, one queue, bare
 * frames. ivnet-shm.rst, "The classic format".
 */

#include <linux/etherdevice.h>
#include <linux/netdevice.h>
#include <linux/slab.h>

#include "classic.h"

/* Rings are emptied no more often than this: it takes time. */
#define CLASSIC_PAUSE		msecs_to_jiffies(10)

/* From RESET to RUN, and back. */
#define CLASSIC_STEPS		4

/* Ring outside of the data path. */
static void ring_state(const struct shm_classic *c)
{
	local_bh_disable();
	c->sd->bus->ring(c->sd, c->peer, CLASSIC_VECTOR);
	local_bh_enable();
}

/* The data path lets go of the rings. */
static void classic_halt(struct shm_classic *c)
{
	struct shm_queue *sq = c->sd->queues[0];

	if (!c->run)
		return;
	WRITE_ONCE(c->run, false);
	if (c->sd->netdev)
		ivnet_carrier(c->sd->netdev, false);
	/* Polls and transmits run with bottom halves off. */
	synchronize_rcu_expedited();
	__netif_tx_lock_bh(sq->q.txq);
	classic_tx_forget(sq, c);
	__netif_tx_unlock_bh(sq->q.txq);
}

static void classic_enter(struct shm_classic *c, enum ivnet_classic_state state)
{
	switch (state) {
	case IVNET_CLASSIC_RESET:
		classic_halt(c);
		break;
	case IVNET_CLASSIC_READY:
		ivnet_classic_area_reset(&c->l, c->areas[c->side]);
		ivnet_classic_tx_reset(&c->tx, &c->l, c->areas, c->side);
		ivnet_classic_rx_reset(&c->rx, &c->l, c->areas, c->side);
		c->queued = 0;
		c->completed = 0;
		c->broken = IVNET_CLASSIC_OK;
		c->resets++;
		c->emptied_at = jiffies;
		break;
	default:
		break;
	}
	c->state = state;
	/* Whoever sees it may use the area, or find it unused. */
	if (!c->own_state) {
		c->sd->bus->state(c->sd, state);
		return;
	}
	ivnet_shm_store_release(c->own_state, cpu_to_le32(state));
	ring_state(c);
}

/* The other side broke a rule: begin anew, after a while. */
static void punish(struct shm_classic *c, u32 err)
{
	c->error = err;
	/* Forgiven after good conduct for as long as the longest pause. */
	if (time_after(jiffies, c->retry_at + SHM_RETRY_MAX * HZ))
		c->retry = SHM_RETRY_MIN;
	c->retry_at = jiffies + c->retry * HZ;
	c->retry = min_t(u32, 2 * c->retry, SHM_RETRY_MAX);
}

/* May a new life begin? */
static bool held(const struct shm_classic *c)
{
	return time_before(jiffies, c->retry_at) ||
	       time_before(jiffies, c->emptied_at + CLASSIC_PAUSE);
}

/* What to do about the other side's state. */
static enum ivnet_classic_state next_state(struct shm_classic *c, u32 peer)
{
	u32 broken = READ_ONCE(c->broken);

	if (c->state == IVNET_CLASSIC_RUN && (broken || c->run)) {
		/* One that leaves RUN without a RESET began anew as well. */
		if (peer != IVNET_CLASSIC_RUN)
			return IVNET_CLASSIC_RESET;
		if (broken) {
			punish(c, broken);
			return IVNET_CLASSIC_RESET;
		}
	}
	if (c->state == IVNET_CLASSIC_RESET && held(c))
		return c->state;

	return ivnet_classic_next(c->state, peer, c->up);
}

/* Follow the other side, one step for each look; it cannot keep us here. */
static void classic_follow(struct shm_classic *c)
{
	enum ivnet_classic_state next;
	u32 peer, steps;
	bool run;

	for (steps = 0; steps < CLASSIC_STEPS; steps++) {
		peer = classic_peer_state(c);
		WRITE_ONCE(c->seen, peer);
		next = next_state(c, peer);
		if (next == c->state)
			break;
		classic_enter(c, next);
	}

	run = c->state == IVNET_CLASSIC_RUN && peer == IVNET_CLASSIC_RUN;
	if (!run) {
		classic_halt(c);
		return;
	}
	if (c->run)
		return;
	/* The rings are complete before the data path may see them. */
	smp_store_release(&c->run, true);
	ivnet_carrier(c->sd->netdev, true);
	shm_wake_all(c->sd);
}

static void classic_work(struct work_struct *work)
{
	struct shm_dev *sd = container_of(work, struct shm_dev, work.work);
	struct shm_classic *c = sd->classic;
	unsigned long next;

	mutex_lock(&sd->lock);
	if (!c->alive) {
		mutex_unlock(&sd->lock);
		return;
	}
	shm_work_began(sd);
	classic_follow(c);

	if (time_after_eq(jiffies, sd->beat_at + SHM_BEAT)) {
		sd->beat_at = jiffies;
		if (!c->own_state)
			sd->bus->state(sd, c->state);
		/* A doorbell can be lost, ours as well as theirs. */
		if (c->run)
			shm_wake_all(sd);
		else
			ring_state(c);
	}
	next = SHM_BEAT;
	if (sd->polling && !c->run)
		next = SHM_POLL;
	if (c->state == IVNET_CLASSIC_RESET && held(c))
		next = CLASSIC_PAUSE;
	mutex_unlock(&sd->lock);
	queue_delayed_work(system_long_wq, &sd->work, next);
}

/* The interface goes up or down. */
static void set_up(struct shm_classic *c, bool up)
{
	mutex_lock(&c->sd->lock);
	c->up = up;
	/*
	 * While there is no queue to be polled, doorbells come to the work; those
	 * for states alone always do.
	 */
	WRITE_ONCE(c->sd->open, !up || c->vector != CLASSIC_VECTOR);
	classic_follow(c);
	mutex_unlock(&c->sd->lock);
}

/* ---- what the core asks ---- */

/* No work is there, and none will be: interrupts ask for it while @open. */
static void work_quiesce(struct shm_dev *sd)
{
	WRITE_ONCE(sd->open, false);
	synchronize_rcu();
	cancel_delayed_work_sync(&sd->work);
}

/* Both areas, and where states are; false if there is too little room. */
static bool areas_find(struct shm_classic *c, const struct shm_dev *sd)
{
	u32 side;

	if (sd->states) {
		if (!ivnet_classic_layout_v2(&c->l, sd->output_size))
			return false;
		c->side = sd->position;
		for (side = 0; side < 2; side++)
			c->areas[side] = sd->outputs[side];
		c->peer_state = &sd->states[!c->side];
	} else {
		if (!ivnet_classic_layout_v1(&c->l, sd->size))
			return false;
		/* The smaller position has the upper half. */
		c->side = sd->position < sd->want_peer;
		for (side = 0; side < 2; side++)
			c->areas[side] = sd->base + side * c->l.area;
		c->own_state = (__le32 *)c->areas[c->side];
		c->peer_state = (__le32 *)c->areas[!c->side];
	}
	for (side = 0; side < 2; side++)
		c->data[side] = c->areas[side] + c->l.data;

	return true;
}

static int classic_up(struct ivnet_dev *idev, struct netlink_ext_ack *extack)
{
	struct shm_dev *sd = ivnet_priv(idev);
	struct ivnet_limits *lim = &idev->limits;
	struct shm_classic *c;
	int err;

	if (sd->bus->start) {
		err = sd->bus->start(sd, extack);
		if (err)
			return err;
	}
	if (sd->want_peer == SHM_PEER_NONE || sd->want_peer == sd->position) {
		NL_SET_ERR_MSG_FMT_MOD(extack,
				       "peer_id has to be the other side's position; ours is %u",
				       sd->position);
		return -EINVAL;
	}

	c = kvzalloc(sizeof(*c), GFP_KERNEL);
	if (!c)
		return -ENOMEM;
	if (!areas_find(c, sd)) {
		NL_SET_ERR_MSG_FMT_MOD(extack,
				       "a region of %llu bytes is too small",
				       sd->states ? sd->output_size : sd->size);
		err = -EINVAL;
		goto err_free;
	}
	c->tx.end = kvcalloc(c->l.n, sizeof(*c->tx.end), GFP_KERNEL);
	c->sum = kvcalloc(c->l.n, sizeof(*c->sum), GFP_KERNEL);
	if (!c->tx.end || !c->sum) {
		err = -ENOMEM;
		goto err_free_rings;
	}

	c->peer = sd->want_peer;
	c->sd = sd;
	c->rx.max_frame = ivnet_classic_max_frame(&c->l);
	c->retry = SHM_RETRY_MIN;
	c->retry_at = jiffies;
	c->emptied_at = jiffies - CLASSIC_PAUSE;
	c->alive = true;

	*lim = (struct ivnet_limits) {
		.max_pairs	= 1,
		.rx_ring_max	= c->l.n,
		.tx_ring_max	= c->l.n,
		.rx_buf_default	= IVNET_RX_BUF_MAX,
		.max_mtu	= c->l.max_mtu,
		.mtu		= c->l.mtu,
		.ring_fixed	= true,
		.rx_usecs_max	= SHM_RX_USECS_MAX,
	};
	/* Sums are computed while a frame is copied. */
	idev->hw_features = NETIF_F_SG | NETIF_F_HW_CSUM | NETIF_F_RXCSUM;
	idev->features = idev->hw_features | NETIF_F_HIGHDMA;
	idev->tso_max = GSO_LEGACY_MAX_SIZE;
	idev->headroom = 0;
	if (!is_valid_ether_addr(idev->perm_addr))
		shm_address(sd, c->own_state ? "half" : "port", c->side,
			    idev->perm_addr);

	/* Vector 0 wakes the queue if it is the only one. */
	c->vectors = sd->vectors;
	c->vector = sd->states && sd->vectors > CLASSIC_VECTOR_DATA ?
		    CLASSIC_VECTOR_DATA : CLASSIC_VECTOR;
	WRITE_ONCE(sd->vectors, min_t(u16, sd->vectors, 1 + c->vector));
	sd->classic = c;
	sd->polling = !sd->vectors;
	sd->beat_at = jiffies;
	work_quiesce(sd);
	INIT_DELAYED_WORK(&sd->work, classic_work);
	mutex_lock(&sd->lock);
	/* An earlier life may have ended in any state. */
	classic_enter(c, IVNET_CLASSIC_RESET);
	WRITE_ONCE(sd->open, true);
	mutex_unlock(&sd->lock);
	queue_delayed_work(system_long_wq, &sd->work, 0);

	return 0;

err_free_rings:
	kvfree(c->sum);
	kvfree(c->tx.end);
err_free:
	kvfree(c);
	return err;
}

static void classic_down(struct ivnet_dev *idev)
{
	struct shm_dev *sd = ivnet_priv(idev);
	struct shm_classic *c = sd->classic;

	if (!c)
		return;
	mutex_lock(&sd->lock);
	c->alive = false;
	classic_enter(c, IVNET_CLASSIC_RESET);
	mutex_unlock(&sd->lock);
	work_quiesce(sd);
	INIT_DELAYED_WORK(&sd->work, shm_link_work);
	WRITE_ONCE(sd->vectors, c->vectors);
	sd->classic = NULL;
	kvfree(c->sum);
	kvfree(c->tx.end);
	kvfree(c);
}

static struct ivnet_queue *classic_queue_alloc(struct ivnet_dev *idev,
					       const struct ivnet_queue_cfg *cfg,
					       u32 index)
{
	return shm_queue_new(idev, cfg, index, classic_poll);
}

static int classic_queues_start(struct ivnet_dev *idev, struct ivnet_qset *qs)
{
	struct shm_dev *sd = ivnet_priv(idev);

	WRITE_ONCE(sd->queues[0], to_shm_queue(qs->q[0]));
	WRITE_ONCE(sd->pairs, 1);
	sd->netdev = idev->netdev;
	set_up(sd->classic, true);

	return 0;
}

static void classic_queues_stop(struct ivnet_dev *idev, struct ivnet_qset *qs)
{
	struct shm_dev *sd = ivnet_priv(idev);

	set_up(sd->classic, false);
	sd->netdev = NULL;
	WRITE_ONCE(sd->queues[0], NULL);
	/* A poll that is about to end may still start its timer. */
	synchronize_net();
	shm_wake_exit(to_shm_queue(qs->q[0]));
	netdev_tx_reset_queue(qs->q[0]->txq);
}

static int classic_set_features(struct ivnet_dev *idev,
				netdev_features_t features)
{
	return 0;
}

static void classic_link(struct ivnet_dev *idev)
{
	shm_work_kick(ivnet_priv(idev));
}

static int classic_info_get(struct ivnet_dev *idev,
			    struct devlink_info_req *req)
{
	const struct shm_dev *sd = ivnet_priv(idev);

	return sd->classic ?
	       devlink_info_version_running_put(req, "ivshmem-net",
						sd->states ? "2" : "1") : 0;
}

static void classic_diagnose(struct ivnet_dev *idev, struct devlink_fmsg *fmsg)
{
	struct shm_dev *sd = ivnet_priv(idev);
	const struct shm_classic *c = sd->classic;

	devlink_fmsg_string_pair_put(fmsg, "wire_format", "classic");
	devlink_fmsg_u64_pair_put(fmsg, "region_bytes", sd->size);
	devlink_fmsg_u32_pair_put(fmsg, "position", sd->position);
	devlink_fmsg_u32_pair_put(fmsg, "vectors", sd->vectors);
	shm_diagnose_v2(sd, fmsg);
	if (!c)
		return;
	if (c->own_state)
		devlink_fmsg_string_pair_put(fmsg, "half",
					     c->side ? "upper" : "lower");
	devlink_fmsg_u32_pair_put(fmsg, "ring", c->l.n);
	devlink_fmsg_u64_pair_put(fmsg, "data_bytes", c->l.data_size);
	devlink_fmsg_u32_pair_put(fmsg, "max_frame", c->rx.max_frame);
	devlink_fmsg_bool_pair_put(fmsg, "polling", sd->polling);
}

static const char *state_name(u32 state)
{
	static const char * const names[] = { "reset", "init", "ready", "run" };

	return state < ARRAY_SIZE(names) ? names[state] : "unknown";
}

static void classic_diagnose_peers(struct ivnet_dev *idev,
				   struct devlink_fmsg *fmsg)
{
	struct shm_dev *sd = ivnet_priv(idev);
	const struct shm_classic *c = sd->classic;

	if (!c)
		return;
	mutex_lock(&sd->lock);
	devlink_fmsg_u32_pair_put(fmsg, "position", c->peer);
	devlink_fmsg_string_pair_put(fmsg, "own_state", state_name(c->state));
	devlink_fmsg_string_pair_put(fmsg, "state", state_name(classic_peer_state(c)));
	devlink_fmsg_bool_pair_put(fmsg, "run", c->run);
	devlink_fmsg_u32_pair_put(fmsg, "error", c->error);
	devlink_fmsg_u32_pair_put(fmsg, "resets", c->resets);
	devlink_fmsg_u32_pair_put(fmsg, "retry_seconds", c->retry);
	devlink_fmsg_u32_pair_put(fmsg, "tx_head", READ_ONCE(c->tx.head));
	devlink_fmsg_u32_pair_put(fmsg, "tx_tail", READ_ONCE(c->tx.tail));
	devlink_fmsg_u32_pair_put(fmsg, "rx_tail", READ_ONCE(c->rx.tail));
	mutex_unlock(&sd->lock);
}

static const struct net_device_ops classic_netdev_ops = {
	IVNET_NDO_COMMON,
	.ndo_set_rx_mode	= shm_set_rx_mode,
	.ndo_start_xmit		= classic_xmit,
};

const struct ivnet_transport_ops shm_classic_ops = {
	SHM_OPS_COMMON,
	.netdev_ops	= &classic_netdev_ops,
	.up		= classic_up,
	.down		= classic_down,
	.queue_alloc	= classic_queue_alloc,
	.queues_start	= classic_queues_start,
	.queues_stop	= classic_queues_stop,
	.set_features	= classic_set_features,
	.link		= classic_link,
	.info_get	= classic_info_get,
	.diagnose	= classic_diagnose,
	.diagnose_peers	= classic_diagnose_peers,
};
