// SPDX-License-Identifier: GPL-2.0
/* Queue pairs in use, hashes and the table of queues, told to the device. */

#include <linux/log2.h>
#include <linux/netdevice.h>
#include <linux/string.h>

#include "virtio.h"

/* Types that have a bit (virtio 1.3, 5.1.6.4.3.1). */
#define VNET_HASH_TYPES		GENMASK(8, 0)

/**
 * vnet_rss_limits() - what the device can hash, and spread
 * @vd: the device
 * @lim: &ivnet_limits.rss_types and &ivnet_limits.rss_indir are filled in
 */
void vnet_rss_limits(struct vnet_dev *vd, struct ivnet_limits *lim)
{
	bool rss = vd->caps.features & BIT_ULL(VIRTIO_NET_F_RSS);
	struct virtio_device *vdev = vd->vdev;
	u8 key = 0;
	u16 len;

	lim->rss_types = 0;
	lim->rss_indir = 0;
	if (!rss && !(vd->caps.features & BIT_ULL(VIRTIO_NET_F_HASH_REPORT)))
		return;

	virtio_cread_le(vdev, struct virtio_net_config, rss_max_key_size, &key);
	if (key < IVNET_RSS_KEY) {
		dev_warn(&vdev->dev, "no hashes: keys of %u bytes, %u are needed\n",
			 key, IVNET_RSS_KEY);
		return;
	}
	virtio_cread_le(vdev, struct virtio_net_config, supported_hash_types,
			&lim->rss_types);
	lim->rss_types &= VNET_HASH_TYPES;
	if (!rss)
		return;

	virtio_cread_le(vdev, struct virtio_net_config,
			rss_max_indirection_table_length, &len);
	if (len)
		lim->rss_indir = min_t(u32, rounddown_pow_of_two(len),
				       IVNET_RSS_INDIR_MAX);
}

/* VIRTIO_NET_CTRL_MQ_RSS_CONFIG (virtio 1.3, 5.1.6.5.7.1) */
static int rss_send(struct vnet_dev *vd, const struct ivnet_rss *rss,
		    u32 entries, u32 pairs)
{
	struct virtio_net_rss_config *head;
	struct vnet_ctrl_buf *buf;
	__le16 *indir;
	u32 i;
	u8 *p;

	buf = vnet_ctrl_alloc(offsetof(struct virtio_net_rss_config,
				       indirection_table) +
			      entries * sizeof(*indir) + sizeof(__le16) + 1 +
			      sizeof(rss->key), GFP_KERNEL);
	if (!buf)
		return -ENOMEM;

	head = (void *)buf->data;
	head->hash_types = cpu_to_le32(rss->types);
	head->indirection_table_mask = cpu_to_le16(entries - 1);
	head->unclassified_queue = 0;
	indir = (__le16 *)(buf->data + offsetof(struct virtio_net_rss_config,
						indirection_table));
	for (i = 0; i < entries; i++)
		*indir++ = cpu_to_le16(rss->indir[i]);
	*indir++ = cpu_to_le16(pairs);
	p = (u8 *)indir;
	*p++ = sizeof(rss->key);
	memcpy(p, rss->key, sizeof(rss->key));

	return vnet_ctrl_send(vd, buf, VIRTIO_NET_CTRL_MQ,
			      VIRTIO_NET_CTRL_MQ_RSS_CONFIG);
}

/* VIRTIO_NET_CTRL_MQ_HASH_CONFIG (virtio 1.3, 5.1.6.5.6.4) */
static int hash_send(struct vnet_dev *vd, const struct ivnet_rss *rss)
{
	/* The key begins in what is padding to the compiler. */
	const size_t len = offsetof(struct virtio_net_hash_config,
				    hash_key_data);
	struct virtio_net_hash_config *head;
	struct vnet_ctrl_buf *buf;

	buf = vnet_ctrl_alloc(len + sizeof(rss->key), GFP_KERNEL);
	if (!buf)
		return -ENOMEM;

	head = (void *)buf->data;
	memset(head, 0, len);
	head->hash_types = cpu_to_le32(rss->types);
	head->hash_key_length = sizeof(rss->key);
	memcpy(head->hash_key_data, rss->key, sizeof(rss->key));

	return vnet_ctrl_send(vd, buf, VIRTIO_NET_CTRL_MQ,
			      VIRTIO_NET_CTRL_MQ_HASH_CONFIG);
}

/**
 * vnet_rss() - &ivnet_transport_ops.rss
 * @idev: the device
 * @rss: how to hash and spread
 * @pairs: queue pairs in use
 *
 * Return: 0 or an error, see vnet_ctrl_send().
 */
int vnet_rss(struct ivnet_dev *idev, const struct ivnet_rss *rss, u32 pairs)
{
	const struct ivnet_limits *lim = &idev->limits;
	struct vnet_dev *vd = ivnet_priv(idev);
	int err = 0;

	if (lim->rss_indir)
		return rss_send(vd, rss, lim->rss_indir, pairs);

	if (vd->caps.features & BIT_ULL(VIRTIO_NET_F_MQ))
		err = vnet_ctrl_set_pairs(vd, pairs);
	if (!err && lim->rss_types)
		err = hash_send(vd, rss);

	return err;
}
