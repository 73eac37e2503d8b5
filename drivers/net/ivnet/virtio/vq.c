// SPDX-License-Identifier: GPL-2.0
/* Rings: found, filled, emptied; queue pairs started and stopped. */

#include <linux/bitops.h>
#include <linux/netdevice.h>
#include <linux/slab.h>
#include <linux/virtio_config.h>

#include "virtio.h"

static void vqs_free(struct vnet_dev *vd)
{
	kfree(vd->queues);
	kfree(vd->names);
	kfree(vd->vqs);
	vd->queues = NULL;
	vd->names = NULL;
	vd->vqs = NULL;
}

/*
 * All rings of the device: the control queue's index lies behind the last
 * pair. Pairs beyond those that can be used have no callback, so that they
 * take no interrupt vector.
 */
static int vqs_find(struct vnet_dev *vd, u32 used_pairs)
{
	bool ctrl = vd->caps.features & BIT_ULL(VIRTIO_NET_F_CTRL_VQ);
	struct virtqueue_info *info;
	int err = -ENOMEM;
	u32 i;

	vd->n_vqs = 2 * vd->dev_pairs + ctrl;
	vd->vqs = kcalloc(vd->n_vqs, sizeof(*vd->vqs), GFP_KERNEL);
	vd->names = kcalloc(vd->n_vqs, sizeof(*vd->names), GFP_KERNEL);
	vd->queues = kcalloc(vd->dev_pairs, sizeof(*vd->queues), GFP_KERNEL);
	info = kcalloc(vd->n_vqs, sizeof(*info), GFP_KERNEL);
	if (!vd->vqs || !vd->names || !vd->queues || !info)
		goto out;

	for (i = 0; i < vd->dev_pairs; i++) {
		snprintf(vd->names[2 * i], sizeof(*vd->names), "rx.%u", i);
		snprintf(vd->names[2 * i + 1], sizeof(*vd->names), "tx.%u", i);
		info[2 * i].name = vd->names[2 * i];
		info[2 * i + 1].name = vd->names[2 * i + 1];
		if (i >= used_pairs)
			continue;
		info[2 * i].callback = vnet_rx_interrupt;
		info[2 * i + 1].callback = vnet_tx_interrupt;
	}
	if (ctrl)
		info[2 * i].name = "control";

	err = virtio_find_vqs(vd->vdev, vd->n_vqs, vd->vqs, info, NULL);
	if (err)
		goto out;

	vd->dma_dev = ivnet_vq_dma_dev(vnet_rvq(vd, 0));
	for (i = 1; vd->dma_dev && i < used_pairs; i++)
		ivnet_vq_dma_dev(vnet_rvq(vd, i));
out:
	kfree(info);
	if (err)
		vqs_free(vd);

	return err;
}

/* Is every ring long enough for one request? (The device chose the sizes.) */
static bool rings_usable(const struct vnet_dev *vd)
{
	bool indirect = vd->caps.features & BIT_ULL(VIRTIO_RING_F_INDIRECT_DESC);
	u32 i, min = 4;

	if (vd->caps.mode == VNET_RX_CHAIN && !indirect)
		min = VNET_CHAIN_MAX + 2;
	for (i = 0; i < vd->n_vqs; i++) {
		if (virtqueue_get_vring_size(vd->vqs[i]) >= min)
			continue;
		dev_err(&vd->vdev->dev, "ring %u has %u entries, at least %u are needed\n",
			i, virtqueue_get_vring_size(vd->vqs[i]), min);
		return false;
	}

	return true;
}

/**
 * vnet_dev_start() - make a negotiated device run, with empty rings
 * @vd: the device
 *
 * Return: 0 or an error; then the device is as before.
 */
int vnet_dev_start(struct vnet_dev *vd)
{
	int err;

	err = vqs_find(vd, min_t(u32, vd->dev_pairs, num_possible_cpus()));
	if (err)
		return err;

	if (!rings_usable(vd)) {
		vd->vdev->config->del_vqs(vd->vdev);
		vqs_free(vd);
		return -EINVAL;
	}

	virtio_device_ready(vd->vdev);
	vnet_ctrl_init(vd);
	vd->live = true;
	vd->offloads = vnet_guest_offloads(&vd->caps, NETIF_F_RXCSUM |
					   NETIF_F_GRO_HW);
	memset(&vd->coal_all, 0, sizeof(vd->coal_all));

	err = vnet_vlans_replay(vd);
	if (err)
		dev_warn(&vd->vdev->dev, "VLAN filter refused: %d\n", err);

	return 0;
}

/**
 * vnet_dev_reset() - reset the device and free its rings
 * @vd: a device that is up
 *
 * Buffers that are still in the rings are handed to their queues.
 */
void vnet_dev_reset(struct vnet_dev *vd)
{
	struct virtqueue *vq;
	void *token;
	u32 i;

	vd->negotiated = false;
	vnet_reset_device(vd);
	if (!vd->live)
		return;
	vd->live = false;

	for (i = 0; i < 2 * vd->dev_pairs; i++) {
		vq = vd->vqs[i];
		while ((token = virtqueue_detach_unused_buf(vq))) {
			if (i % 2)
				vnet_tx_recycle(vq, token);
			else
				vnet_rx_recycle(vq, token);
		}
	}

	vnet_ctrl_exit(vd);
	vd->vdev->config->del_vqs(vd->vdev);
	vqs_free(vd);
}

/**
 * vnet_queue_alloc() - &ivnet_transport_ops.queue_alloc
 * @idev: the device
 * @cfg: what to build
 * @index: number of the pair
 *
 * Return: the pair, or an ERR_PTR().
 */
struct ivnet_queue *vnet_queue_alloc(struct ivnet_dev *idev,
				     const struct ivnet_queue_cfg *cfg,
				     u32 index)
{
	struct vnet_dev *vd = ivnet_priv(idev);
	struct vnet_queue *vq;
	int err;

	vq = kzalloc(sizeof(*vq), GFP_KERNEL);
	if (!vq)
		return ERR_PTR(-ENOMEM);
	vq->vdev = vd->vdev;
	ivnet_queue_init(idev, &vq->q, index, vnet_poll);
	vnet_tx_init(vd, vq, cfg);
	vnet_dim_init(vq);

	err = vnet_rx_alloc(vd, vq, cfg);
	if (err) {
		ivnet_queue_exit(&vq->q);
		kfree(vq);
		return ERR_PTR(err);
	}

	return &vq->q;
}

/**
 * vnet_queue_free() - &ivnet_transport_ops.queue_free
 * @idev: the device
 * @q: the pair
 */
void vnet_queue_free(struct ivnet_dev *idev, struct ivnet_queue *q)
{
	struct vnet_queue *vq = to_vnet_queue(q);

	vnet_rx_free(vq);
	ivnet_queue_exit(q);
	kfree(vq);
}

/* Give a pair its rings, in the wanted size, and its receive buffers. */
static int queue_attach(struct vnet_dev *vd, struct vnet_queue *vq,
			const struct ivnet_queue_cfg *cfg, bool can_resize)
{
	struct virtqueue *rvq = vnet_rvq(vd, vq->q.index);
	struct virtqueue *tvq = vnet_tvq(vd, vq->q.index);
	int err;

	WRITE_ONCE(vd->queues[vq->q.index], vq);
	vq->rx.vq = rvq;
	vq->tx.vq = tvq;
	if (can_resize) {
		err = vnet_ring_resize(vd, rvq, cfg->rx_ring, vnet_rx_recycle);
		if (err)
			return err;
		err = vnet_ring_resize(vd, tvq, cfg->tx_ring, vnet_tx_recycle);
		if (err)
			return err;
	}

	local_bh_disable();
	vnet_rx_fill(vq);
	local_bh_enable();
	if (!vq->rx.posted)
		return -ENOMEM;
	if (virtqueue_kick_prepare(rvq) || vq->rx.always_kick)
		virtqueue_notify(rvq);

	return 0;
}

/*
 * Take everything out of the rings. Without RING_RESET (virtio 1.3, 2.6.1)
 * there is only one way: to reset the whole device. The same holds for a ring
 * that is broken, which no reset of the ring alone repairs.
 */
static void queues_drain(struct vnet_dev *vd, struct ivnet_qset *qs, bool reset)
{
	struct vnet_queue *vq;
	u32 i;

	if (!(vd->caps.features & BIT_ULL(VIRTIO_F_RING_RESET)) ||
	    vd->reset_next || vnet_dev_gone(vd))
		reset = true;
	vd->reset_next = false;
	for (i = 0; !reset && i < qs->cfg.pairs; i++) {
		vq = to_vnet_queue(qs->q[i]);
		if (!vq->rx.vq)
			continue;
		reset = virtqueue_is_broken(vq->rx.vq) ||
			virtqueue_is_broken(vq->tx.vq) ||
			vnet_ring_reset(vd, vq->rx.vq, vnet_rx_recycle) ||
			vnet_ring_reset(vd, vq->tx.vq, vnet_tx_recycle);
	}
	if (reset && vd->live)
		vnet_dev_reset(vd);
	/*
	 * The bus has waited for interrupts that run, not for those that are on
	 * their way. The next resize frees the ring that they would look at.
	 */
	else
		synchronize_net();

	for (i = 0; i < qs->cfg.pairs; i++) {
		vq = to_vnet_queue(qs->q[i]);
		vq->rx.vq = NULL;
		vq->tx.vq = NULL;
		vnet_tx_stopped(vq);
		if (vd->queues)
			WRITE_ONCE(vd->queues[i], NULL);
	}
}

/**
 * vnet_queues_start() - &ivnet_transport_ops.queues_start
 * @idev: the device
 * @qs: the set
 *
 * Return: 0 or an error.
 */
int vnet_queues_start(struct ivnet_dev *idev, struct ivnet_qset *qs)
{
	struct ivnet_net *net = netdev_priv(idev->netdev);
	struct vnet_dev *vd = ivnet_priv(idev);
	bool can_resize;
	u32 i;
	int err;

	if (!vd->live) {
		err = vnet_dev_revive(idev);
		if (err)
			return err;
	}

	can_resize = vd->caps.features & BIT_ULL(VIRTIO_F_RING_RESET);
	for (i = 0; i < qs->cfg.pairs; i++) {
		err = queue_attach(vd, to_vnet_queue(qs->q[i]), &qs->cfg,
				   can_resize);
		if (err)
			goto err_drain;
	}

	err = vnet_rss(idev, &net->rss, qs->cfg.pairs);
	if (err)
		goto err_drain;
	vnet_coal_start(vd, qs->cfg.pairs);
	vd->looked_at = jiffies;

	return 0;

err_drain:
	/* A ring that could not be given another size may not work any more. */
	queues_drain(vd, qs, err != -ENOMEM);
	return err;
}

/**
 * vnet_queues_stop() - &ivnet_transport_ops.queues_stop
 * @idev: the device
 * @qs: the set
 */
void vnet_queues_stop(struct ivnet_dev *idev, struct ivnet_qset *qs)
{
	struct vnet_queue *vq;
	u32 i;

	for (i = 0; i < qs->cfg.pairs; i++) {
		vq = to_vnet_queue(qs->q[i]);
		cancel_delayed_work_sync(&vq->rx.refill);
		vnet_dim_stop(vq);
		/* A hint left behind is a fault when the vector is freed. */
		virtqueue_set_affinity(vq->rx.vq, NULL);
		virtqueue_set_affinity(vq->tx.vq, NULL);
	}
	queues_drain(ivnet_priv(idev), qs, false);
}
