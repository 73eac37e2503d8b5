// SPDX-License-Identifier: GPL-2.0
/* The device's own statistics: read from it, and given to the core. */

#include <linux/netdevice.h>
#include <linux/rtnetlink.h>
#include <linux/slab.h>

#include "virtio.h"

/* Queue pairs that one command asks for: it takes less than two pages. */
#define VNET_STATS_PAIRS	16

/**
 * vnet_stats_up() - find out what statistics a device has
 * @vd: a device that runs
 * @pairs: queue pairs that can be used
 *
 * What there is stays the same as long as there is a net_device.
 */
void vnet_stats_up(struct vnet_dev *vd, u32 pairs)
{
	const struct ivnet_dev *idev = vd->vdev->priv;
	struct vnet_devstats *st = &vd->stats;
	struct vnet_ctrl_reply reply;
	__le64 types = 0;
	int err;

	if (idev->netdev)
		return;
	vnet_stats_free(vd);
	if (!(vd->caps.features & BIT_ULL(VIRTIO_NET_F_DEVICE_STATS)))
		return;

	reply = (struct vnet_ctrl_reply) { &types, sizeof(types) };
	err = vnet_ctrl_ask(vd, VIRTIO_NET_CTRL_STATS, VIRTIO_NET_CTRL_STATS_QUERY, NULL, 0,
			    &reply);
	if (!err && reply.len < sizeof(types)) {
		vnet_count(vd, IVNET_DEV_CTRL_BAD_REPLIES);
		err = -EPROTO;
	}
	if (err) {
		dev_warn(&vd->vdev->dev, "no statistics of the device: %d\n",
			 err);
		return;
	}
	st->pair = kvcalloc(pairs, sizeof(*st->pair), GFP_KERNEL);
	if (!st->pair)
		return;
	st->types = le64_to_cpu(types) & VNET_DEVSTAT_TYPES;
	st->pairs = pairs;
	st->ctrl_index = 2 * vd->dev_pairs;
}

/**
 * vnet_stats_free() - forget the statistics
 * @vd: the device
 */
void vnet_stats_free(struct vnet_dev *vd)
{
	kvfree(vd->stats.pair);
	memset(&vd->stats, 0, sizeof(vd->stats));
}

/* Those of some pairs; memory is there for all that may be asked. */
static int read_some(struct vnet_dev *vd, u32 first, u32 end,
		     struct vnet_devstat_query *query, void *memory)
{
	struct vnet_devstats *st = &vd->stats;
	struct vnet_ctrl_reply reply;
	u32 n, len;
	int err;

	n = vnet_devstats_query(st, first, end, query, &len);
	if (!n)
		return 0;
	reply = (struct vnet_ctrl_reply) { memory, len };
	err = vnet_ctrl_ask(vd, VIRTIO_NET_CTRL_STATS, VIRTIO_NET_CTRL_STATS_GET, query,
			    n * sizeof(*query), &reply);
	if (err)
		return err;

	err = vnet_devstats_parse(st, query, n, memory, reply.len);
	if (err) {
		vnet_count(vd, IVNET_DEV_CTRL_BAD_REPLIES);
		dev_err_ratelimited(&vd->vdev->dev, "the device's statistics make no sense\n");
	}

	return err;
}

/* What cannot be read stays as it was read last. */
static void stats_read(struct vnet_dev *vd)
{
	const struct vnet_devstats *st = &vd->stats;
	u32 len, first, end, n = min_t(u32, st->pairs, VNET_STATS_PAIRS);
	struct vnet_devstat_query *query;
	void *memory = NULL;
	int err = 0;

	if (!st->types || !vd->live || vd->ctrl_dead)
		return;

	query = kcalloc(2 * n + 1, sizeof(*query), GFP_KERNEL);
	if (!query)
		return;
	/* The first pairs take as much as any others, but for the last ones. */
	vnet_devstats_query(st, 0, n, query, &len);
	len += sizeof(struct vnet_devstat_hdr) + sizeof(st->ctrl);
	memory = kmalloc(len, GFP_KERNEL);

	for (first = 0; memory && !err && first < st->pairs; first = end) {
		end = min(first + n, st->pairs);
		err = read_some(vd, first, end, query, memory);
	}
	kfree(memory);
	kfree(query);
}

/**
 * vnet_stats_work() - read the statistics for those who cannot wait
 * @work: &vnet_dev.stats_work
 */
void vnet_stats_work(struct work_struct *work)
{
	struct vnet_dev *vd = container_of(work, struct vnet_dev, stats_work);

	rtnl_lock();
	stats_read(vd);
	rtnl_unlock();
}

/**
 * vnet_stats_count() - &ivnet_transport_ops.stats_count
 * @idev: the device
 *
 * Return: how many values the device has.
 */
u32 vnet_stats_count(struct ivnet_dev *idev)
{
	const struct vnet_dev *vd = ivnet_priv(idev);

	return vnet_devstats_count(&vd->stats);
}

/**
 * vnet_stats_names() - &ivnet_transport_ops.stats_names
 * @idev: the device
 * @p: where names go
 */
void vnet_stats_names(struct ivnet_dev *idev, u8 **p)
{
	const struct vnet_dev *vd = ivnet_priv(idev);

	vnet_devstats_names(&vd->stats, p);
}

/**
 * vnet_stats_values() - &ivnet_transport_ops.stats_values
 * @idev: the device
 * @data: where values go
 */
void vnet_stats_values(struct ivnet_dev *idev, u64 *data)
{
	struct vnet_dev *vd = ivnet_priv(idev);

	stats_read(vd);
	vnet_devstats_values(&vd->stats, data);
}

/* Where the device says what it drops. */
static const struct {
	u8 type;
	u8 place;
} drop_places[IVNET_DROP_NUM] = {
	[IVNET_DROP_RX] = { VNET_DEVSTAT_RX_BASIC, VNET_DEVSTAT_RX_DROPS },
	[IVNET_DROP_RX_OVERRUN] = { VNET_DEVSTAT_RX_BASIC,
				    VNET_DEVSTAT_RX_OVERRUNS },
	[IVNET_DROP_RX_CSUM] = { VNET_DEVSTAT_RX_CSUM,
				 VNET_DEVSTAT_RX_CSUM_BAD },
	[IVNET_DROP_RX_OVER_RATE] = { VNET_DEVSTAT_RX_SPEED,
				      VNET_DEVSTAT_RX_OVER_RATE },
	[IVNET_DROP_TX] = { VNET_DEVSTAT_TX_BASIC, VNET_DEVSTAT_TX_DROPS },
	[IVNET_DROP_TX_MALFORMED] = { VNET_DEVSTAT_TX_BASIC,
				      VNET_DEVSTAT_TX_MALFORMED },
	[IVNET_DROP_TX_OVER_RATE] = { VNET_DEVSTAT_TX_SPEED,
				      VNET_DEVSTAT_TX_OVER_RATE },
};

/**
 * vnet_stats_drops() - &ivnet_transport_ops.drops
 * @idev: the device
 * @first: first queue pair
 * @end: the one behind the last
 * @drops: sums, of what the device counts
 *
 * As read last; they are read anew for who asks next.
 */
void vnet_stats_drops(struct ivnet_dev *idev, u32 first, u32 end, u64 *drops)
{
	struct vnet_dev *vd = ivnet_priv(idev);
	const struct vnet_devstats *st = &vd->stats;
	const struct vnet_devstat_pair *pair;
	u32 i, j;

	if (!st->types)
		return;
	schedule_work(&vd->stats_work);

	for (i = 0; i < IVNET_DROP_NUM; i++) {
		if (!(st->types & BIT_ULL(drop_places[i].type)))
			continue;
		drops[i] = 0;
		for (j = first; j < min(end, st->pairs); j++) {
			pair = &st->pair[j];
			drops[i] += READ_ONCE((i < IVNET_DROP_TX ? pair->rx :
					       pair->tx)[drop_places[i].place]);
		}
	}
}
