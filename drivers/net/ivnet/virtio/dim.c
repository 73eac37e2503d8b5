// SPDX-License-Identifier: GPL-2.0
/*
 * Delay of interrupts by load (the kernel's lib/dim): a look with each
 * interrupt, a decision with each 64th, carried out by a work, as it takes a
 * command. All of it only for rings whose &vnet_rx.adaptive or
 * &vnet_tx.adaptive is set.
 */

#include <linux/dim.h>
#include <linux/netdevice.h>
#include <linux/rtnetlink.h>

#include "virtio.h"

/* The kernel's profiles count from the first event of a batch, as virtio does. */
#define VNET_DIM_MODE	DIM_CQ_PERIOD_MODE_START_FROM_EQE

static struct dim *dim_of(struct vnet_queue *vq, bool tx)
{
	return tx ? &vq->tx.dim : &vq->rx.dim;
}

static bool *flag_of(struct vnet_queue *vq, bool tx)
{
	return tx ? &vq->tx.adaptive : &vq->rx.adaptive;
}

/* The commands of all rings are given in turn, by the device's work. */
static void dim_decided(struct work_struct *work)
{
	struct dim *dim = container_of(work, struct dim, work);
	struct vnet_queue *vq = dim->priv;
	struct vnet_dev *vd = ivnet_priv(vq->vdev->priv);

	schedule_work(&vd->dim_work);
}

/**
 * vnet_dim_init() - prepare a queue pair
 * @vq: the pair
 */
void vnet_dim_init(struct vnet_queue *vq)
{
	u32 tx;

	for (tx = 0; tx < 2; tx++) {
		INIT_WORK(&dim_of(vq, tx)->work, dim_decided);
		dim_of(vq, tx)->mode = VNET_DIM_MODE;
		dim_of(vq, tx)->priv = vq;
	}
}

/**
 * vnet_dim_stop() - have nothing of a queue pair under way any more
 * @vq: the pair, which is not polled
 */
void vnet_dim_stop(struct vnet_queue *vq)
{
	u32 tx;

	for (tx = 0; tx < 2; tx++) {
		cancel_work_sync(&dim_of(vq, tx)->work);
		/* A decision that was under way is told by the next start. */
		dim_of(vq, tx)->state = DIM_START_MEASURE;
	}
}

/**
 * vnet_dim_value() - what a ring shall have, now or when it begins
 * @vd: the device
 * @pair: number of the pair
 * @tx: the transmit ring
 * @dir: filled in
 */
void vnet_dim_value(const struct vnet_dev *vd, u32 pair, bool tx,
		    struct ivnet_coal_dir *dir)
{
	struct vnet_queue *vq = vd->queues[pair];
	struct dim_cq_moder moder = {};
	int ix;

	ix = *flag_of(vq, tx) ? dim_of(vq, tx)->profile_ix : 0;
	if (IS_ENABLED(CONFIG_DIMLIB))
		moder = tx ? net_dim_get_tx_moderation(VNET_DIM_MODE, ix) :
			     net_dim_get_rx_moderation(VNET_DIM_MODE, ix);
	dir->usecs = moder.usec;
	dir->frames = moder.pkts;
}

/**
 * vnet_dim_switch() - let the load decide about a ring, or no more
 * @vd: the device
 * @pair: number of the pair
 * @tx: the transmit ring
 * @on: let it
 */
void vnet_dim_switch(struct vnet_dev *vd, u32 pair, bool tx, bool on)
{
	struct vnet_queue *vq = vd->queues[pair];
	bool *flag = flag_of(vq, tx);
	struct dim *dim = dim_of(vq, tx);

	if (*flag == on)
		return;
	if (on) {
		dim->profile_ix = 0;
		dim->state = DIM_START_MEASURE;
	}
	WRITE_ONCE(*flag, on);
}

static void dim_look(struct dim *dim, u32 irqs, u64 packets, u64 bytes)
{
	struct dim_sample sample = {};

	if (!IS_ENABLED(CONFIG_DIMLIB))
		return;
	dim_update_sample(irqs, packets, bytes, &sample);
	net_dim(dim, &sample);
}

/**
 * vnet_dim_rx() - look at what a receive ring brings
 * @vq: the queue pair
 *
 * Context: the pair's NAPI.
 */
void vnet_dim_rx(struct vnet_queue *vq)
{
	struct ivnet_rx_stats *stats = &vq->q.stats->rx;
	u32 irqs = READ_ONCE(vq->rx.irqs);

	if (irqs == vq->rx.irqs_dim)
		return;
	vq->rx.irqs_dim = irqs;
	dim_look(&vq->rx.dim, irqs, u64_stats_read(&stats->v[IVNET_RX_PACKETS]),
		 u64_stats_read(&stats->v[IVNET_RX_BYTES]));
}

/**
 * vnet_dim_tx() - look at what a transmit ring takes
 * @vq: the queue pair
 *
 * Context: the pair's NAPI, under the txq's lock.
 */
void vnet_dim_tx(struct vnet_queue *vq)
{
	struct ivnet_tx_stats *stats = &vq->q.stats->tx;
	u32 irqs = READ_ONCE(vq->tx.irqs);

	if (irqs == vq->tx.irqs_dim)
		return;
	vq->tx.irqs_dim = irqs;
	dim_look(&vq->tx.dim, irqs, u64_stats_read(&stats->v[IVNET_TX_PACKETS]),
		 u64_stats_read(&stats->v[IVNET_TX_BYTES]));
}

/* A command that fails is counted; the next decision may come through. */
static void dim_apply(struct vnet_dev *vd, struct vnet_queue *vq, bool tx)
{
	struct dim *dim = dim_of(vq, tx);
	struct ivnet_coal_dir dir;

	if (!*flag_of(vq, tx) || READ_ONCE(dim->state) != DIM_APPLY_NEW_PROFILE)
		return;
	vnet_dim_value(vd, vq->q.index, tx, &dir);
	vnet_coal_ring(vd, vq->q.index, tx, &dir);
	WRITE_ONCE(dim->state, DIM_START_MEASURE);
}

/**
 * vnet_dim_work() - tell the device what was decided
 * @work: &vnet_dev.dim_work
 */
void vnet_dim_work(struct work_struct *work)
{
	struct vnet_dev *vd = container_of(work, struct vnet_dev, dim_work);
	struct vnet_queue *vq;
	u32 i;

	rtnl_lock();
	for (i = 0; vd->live && i < vd->dev_pairs; i++) {
		vq = vd->queues[i];
		if (!vq)
			continue;
		dim_apply(vd, vq, false);
		dim_apply(vd, vq, true);
	}
	rtnl_unlock();
}
