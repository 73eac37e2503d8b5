// SPDX-License-Identifier: GPL-2.0
/* The register dump of a virtio device. Each value is read once. */

#include <linux/netdevice.h>
#include <linux/virtio_config.h>

#include "../core/regs.h"
#include "virtio.h"

static_assert(sizeof(struct ivnet_regs_virtio) == 48);
static_assert(sizeof(struct ivnet_regs_virtio_config) == 32);
static_assert(sizeof(struct ivnet_regs_virtio_ring) == 40);

static void device_regs(const struct vnet_dev *vd, bool gone,
			struct ivnet_regs_out *out)
{
	struct ivnet_regs_virtio *r = ivnet_regs_add(out, IVNET_REGS_VIRTIO,
						     sizeof(*r));
	struct virtio_device *vdev = vd->vdev;
	u32 flags = 0;

	if (!r)
		return;
	if (vd->live)
		flags |= IVNET_REGS_V_LIVE;
	if (gone)
		flags |= IVNET_REGS_V_GONE;
	if (vd->ctrl_dead)
		flags |= IVNET_REGS_V_CTRL_DEAD;
	r->offered = cpu_to_le64(vd->offered);
	r->features = cpu_to_le64(vd->caps.features);
	r->offloads = cpu_to_le64(vd->offloads);
	r->status = cpu_to_le32(gone ? 0xff : vdev->config->get_status(vdev));
	r->flags = cpu_to_le32(flags);
	r->hdr_len = cpu_to_le32(vd->caps.hdr_len);
	r->rx_mode = cpu_to_le32(vd->caps.mode);
	r->device_pairs = cpu_to_le32(vd->dev_pairs);
}

/*
 * Fields of the configuration space. virtio_cread() reads until the device's
 * generation counter rests, which a broken device's never does.
 */
static u8 config8(struct virtio_device *vdev, u32 off)
{
	u8 val;

	vdev->config->get(vdev, off, &val, sizeof(val));

	return val;
}

static __le16 config16(struct virtio_device *vdev, u32 off)
{
	__virtio16 val;

	vdev->config->get(vdev, off, &val, sizeof(val));

	return cpu_to_le16(virtio16_to_cpu(vdev, val));
}

#define CONFIG(field)	offsetof(struct virtio_net_config, field)

static void config_regs(const struct vnet_dev *vd, struct ivnet_regs_out *out)
{
	struct ivnet_regs_virtio_config *r =
		ivnet_regs_add(out, IVNET_REGS_VIRTIO_CONFIG, sizeof(*r));
	struct virtio_device *vdev = vd->vdev;
	u32 i, valid = 0;

	if (!r)
		return;
	/* A field is there if its feature is (virtio 1.3, 5.1.4). */
	if (virtio_has_feature(vdev, VIRTIO_NET_F_MAC)) {
		valid |= IVNET_REGS_C_MAC;
		for (i = 0; i < ETH_ALEN; i++)
			r->mac[i] = config8(vdev, CONFIG(mac) + i);
	}
	if (virtio_has_feature(vdev, VIRTIO_NET_F_STATUS)) {
		valid |= IVNET_REGS_C_STATUS;
		r->status = config16(vdev, CONFIG(status));
	}
	if (virtio_has_feature(vdev, VIRTIO_NET_F_MQ) ||
	    virtio_has_feature(vdev, VIRTIO_NET_F_RSS)) {
		valid |= IVNET_REGS_C_PAIRS;
		r->max_pairs = config16(vdev, CONFIG(max_virtqueue_pairs));
	}
	if (virtio_has_feature(vdev, VIRTIO_NET_F_MTU)) {
		valid |= IVNET_REGS_C_MTU;
		r->mtu = config16(vdev, CONFIG(mtu));
	}
	if (virtio_has_feature(vdev, VIRTIO_NET_F_SPEED_DUPLEX)) {
		valid |= IVNET_REGS_C_SPEED;
		vdev->config->get(vdev, CONFIG(speed), &r->speed,
				  sizeof(r->speed));
		r->duplex = config8(vdev, CONFIG(duplex));
	}
	if (virtio_has_feature(vdev, VIRTIO_NET_F_RSS) ||
	    virtio_has_feature(vdev, VIRTIO_NET_F_HASH_REPORT)) {
		valid |= IVNET_REGS_C_RSS;
		r->rss_max_key = config8(vdev, CONFIG(rss_max_key_size));
		r->rss_max_table =
			config16(vdev, CONFIG(rss_max_indirection_table_length));
		vdev->config->get(vdev, CONFIG(supported_hash_types),
				  &r->hash_types, sizeof(r->hash_types));
	}
	r->valid = cpu_to_le32(valid);
}

static void ring_regs(const struct vnet_dev *vd, u32 i,
		      struct ivnet_regs_out *out)
{
	struct ivnet_regs_virtio_ring *r =
		ivnet_regs_add(out, IVNET_REGS_VIRTIO_RING, sizeof(*r));
	struct virtqueue *vq = vd->vqs[i];
	const struct vnet_queue *q = NULL;
	const struct vring *vring;
	u32 flags = 0;

	if (!r)
		return;
	if (virtqueue_is_broken(vq))
		flags |= IVNET_REGS_R_BROKEN;
	/* Those of packed rings are private to the bus. */
	if (!virtio_has_feature(vd->vdev, VIRTIO_F_RING_PACKED)) {
		flags |= IVNET_REGS_R_INDICES;
		vring = virtqueue_get_vring(vq);
		r->avail = cpu_to_le32(virtio16_to_cpu(vd->vdev,
						       READ_ONCE(vring->avail->idx)));
		r->used = cpu_to_le32(virtio16_to_cpu(vd->vdev,
						      READ_ONCE(vring->used->idx)));
	}
	if (i < 2 * vd->dev_pairs)
		q = vd->queues[i / 2];
	if (q)
		flags |= IVNET_REGS_R_QUEUE;
	if (q && i % 2) {
		r->in_flight = cpu_to_le32(READ_ONCE(q->tx.in_flight));
		r->irqs = cpu_to_le32(READ_ONCE(q->tx.irqs));
		r->strikes = cpu_to_le32(q->tx.strikes);
	} else if (q) {
		r->in_flight = cpu_to_le32(READ_ONCE(q->rx.posted));
		r->irqs = cpu_to_le32(READ_ONCE(q->rx.irqs));
	}
	r->index = cpu_to_le32(i);
	r->flags = cpu_to_le32(flags);
	r->size = cpu_to_le32(virtqueue_get_vring_size(vq));
	r->free = cpu_to_le32(READ_ONCE(vq->num_free));
}

/**
 * vnet_regs() - &ivnet_transport_ops.regs
 * @idev: the device
 * @out: the dump
 */
void vnet_regs(struct ivnet_dev *idev, struct ivnet_regs_out *out)
{
	const struct vnet_dev *vd = ivnet_priv(idev);
	bool gone = vnet_dev_gone(vd);
	u32 i;

	device_regs(vd, gone, out);
	if (!gone)
		config_regs(vd, out);
	for (i = 0; vd->live && i < vd->n_vqs; i++)
		ring_regs(vd, i, out);
}
