// SPDX-License-Identifier: GPL-2.0
/*
 * The control queue (virtio 1.3, 5.1.6.5): one command at a time, under rtnl,
 * with a deadline. It has no interrupt; the answer is polled for, sleeping.
 */

#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/netdevice.h>
#include <linux/rtnetlink.h>
#include <linux/slab.h>

#include "virtio.h"

#define VNET_CTRL_DEADLINE	HZ

/* Toeplitz key from the RSS specification, as most drivers start with. */
static const u8 vnet_hash_key[40] = {
	0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67,
	0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb,
	0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30,
	0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa,
};

/* struct virtio_net_hash_config with room for a key */
struct vnet_hash_cmd {
	__le32 types;
	__le16 reserved[4];
	u8 key_len;
	u8 key[sizeof(vnet_hash_key)];
} __packed;

static struct virtqueue *vnet_cvq(const struct vnet_dev *vd)
{
	return vd->vqs[vd->n_vqs - 1];
}

/**
 * vnet_ctrl_init() - make the control queue usable
 * @vd: the device; its rings exist
 *
 * Return: 0 or -ENOMEM.
 */
int vnet_ctrl_init(struct vnet_dev *vd)
{
	vd->ctrl_dead = false;
	if (!(vd->caps.features & BIT_ULL(VIRTIO_NET_F_CTRL_VQ)))
		return 0;

	vd->ctrl = kzalloc(sizeof(*vd->ctrl), GFP_KERNEL);

	return vd->ctrl ? 0 : -ENOMEM;
}

/**
 * vnet_ctrl_exit() - undo vnet_ctrl_init()
 * @vd: the device; reset, so that no command is with it any more
 */
void vnet_ctrl_exit(struct vnet_dev *vd)
{
	if (!vd->ctrl)
		return;
	virtqueue_detach_unused_buf(vnet_cvq(vd));
	kfree(vd->ctrl);
	vd->ctrl = NULL;
}

/* Return: 0, -EIO if the queue is dead, -ETIMEDOUT, -EINVAL if refused. */
static int vnet_ctrl_cmd(struct vnet_dev *vd, u8 class, u8 cmd,
			 const void *data, size_t len)
{
	struct scatterlist hdr, out, in, *sgs[] = { &hdr, &out, &in };
	struct vnet_ctrl_buf *buf = vd->ctrl;
	unsigned long deadline;
	unsigned int used;
	int err;

	ASSERT_RTNL();

	if (!buf || len > sizeof(buf->data))
		return -EOPNOTSUPP;
	if (vd->ctrl_dead)
		return -EIO;

	buf->hdr.class = class;
	buf->hdr.cmd = cmd;
	buf->ack = ~VIRTIO_NET_OK;
	memcpy(buf->data, data, len);

	sg_init_one(&hdr, &buf->hdr, sizeof(buf->hdr));
	sg_init_one(&out, buf->data, len);
	sg_init_one(&in, &buf->ack, sizeof(buf->ack));
	err = virtqueue_add_sgs(vnet_cvq(vd), sgs, 2, 1, buf, GFP_KERNEL);
	if (err)
		return err;
	virtqueue_kick(vnet_cvq(vd));

	deadline = jiffies + VNET_CTRL_DEADLINE;
	while (!virtqueue_get_buf(vnet_cvq(vd), &used)) {
		if (virtqueue_is_broken(vnet_cvq(vd)) ||
		    time_after(jiffies, deadline)) {
			vd->ctrl_dead = true;
			dev_err(&vd->vdev->dev, "control command %u.%u was not answered, control queue given up until the next reset\n",
				class, cmd);
			return -ETIMEDOUT;
		}
		usleep_range(10, 50);
	}

	return READ_ONCE(buf->ack) == VIRTIO_NET_OK ? 0 : -EINVAL;
}

/**
 * vnet_ctrl_set_mac() - VIRTIO_NET_CTRL_MAC_ADDR_SET
 * @vd: the device
 * @addr: the address
 *
 * Return: 0 or an error, see vnet_ctrl_cmd().
 */
int vnet_ctrl_set_mac(struct vnet_dev *vd, const u8 *addr)
{
	return vnet_ctrl_cmd(vd, VIRTIO_NET_CTRL_MAC,
			     VIRTIO_NET_CTRL_MAC_ADDR_SET, addr, ETH_ALEN);
}

/**
 * vnet_ctrl_set_pairs() - VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET
 * @vd: the device
 * @pairs: queue pairs that the device shall use
 *
 * Return: 0 or an error, see vnet_ctrl_cmd().
 */
int vnet_ctrl_set_pairs(struct vnet_dev *vd, u32 pairs)
{
	struct virtio_net_ctrl_mq mq = {
		.virtqueue_pairs = cpu_to_virtio16(vd->vdev, pairs),
	};

	return vnet_ctrl_cmd(vd, VIRTIO_NET_CTRL_MQ,
			     VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET, &mq, sizeof(mq));
}

/**
 * vnet_ctrl_set_offloads() - VIRTIO_NET_CTRL_GUEST_OFFLOADS_SET
 * @vd: the device
 * @offloads: feature bits of what the device shall do to received frames
 *
 * Return: 0 or an error, see vnet_ctrl_cmd().
 */
int vnet_ctrl_set_offloads(struct vnet_dev *vd, u64 offloads)
{
	__virtio64 val = cpu_to_virtio64(vd->vdev, offloads);

	return vnet_ctrl_cmd(vd, VIRTIO_NET_CTRL_GUEST_OFFLOADS,
			     VIRTIO_NET_CTRL_GUEST_OFFLOADS_SET, &val,
			     sizeof(val));
}

/**
 * vnet_ctrl_set_hash() - VIRTIO_NET_CTRL_MQ_HASH_CONFIG
 * @vd: the device
 *
 * Every hash type that the device knows, with the usual key.
 *
 * Return: 0 or an error, see vnet_ctrl_cmd().
 */
int vnet_ctrl_set_hash(struct vnet_dev *vd)
{
	struct vnet_hash_cmd cmd = {};
	u8 max_key;
	u32 types;

	virtio_cread_le(vd->vdev, struct virtio_net_config,
			supported_hash_types, &types);
	virtio_cread_le(vd->vdev, struct virtio_net_config,
			rss_max_key_size, &max_key);

	cmd.types = cpu_to_le32(types);
	cmd.key_len = min_t(u8, max_key, sizeof(cmd.key));
	memcpy(cmd.key, vnet_hash_key, sizeof(cmd.key));

	return vnet_ctrl_cmd(vd, VIRTIO_NET_CTRL_MQ,
			     VIRTIO_NET_CTRL_MQ_HASH_CONFIG, &cmd,
			     offsetof(typeof(cmd), key) + cmd.key_len);
}
