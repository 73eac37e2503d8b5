// SPDX-License-Identifier: GPL-2.0
/* Delay of interrupts of single queues, where it is not that of all. */
#include <errno.h>
#include <linux/ethtool.h>
#include <string.h>

#include "ioctl.h"

#define MASK_BITS 32

static int get_queue(const struct link *link, unsigned int queue, struct ethtool_coalesce *coal)
{
	union {
		struct ethtool_per_queue_op op;
		char room[sizeof(struct ethtool_per_queue_op) + sizeof(*coal)];
	} command = {
		.op = { .cmd = ETHTOOL_PERQUEUE, .sub_command = ETHTOOL_GCOALESCE },
	};
	int err;

	command.op.queue_mask[queue / MASK_BITS] = 1U << queue % MASK_BITS;
	err = ethtool_ioctl(link, &command);
	memcpy(coal, command.room + sizeof(command.op), sizeof(*coal));
	return err;
}

static void queue_dump(const struct link *link, unsigned int queue, const char *direction,
		       __u32 usecs, __u32 frames, bool adaptive)
{
	char mask[MAX_NUM_QUEUE / 4 + 1];
	unsigned int i = 0;

	mask[i++] = "1248"[queue % 4];
	for (; i <= queue / 4; i++)
		mask[i] = '0';
	mask[i] = '\0';

	/* What the load decides about cannot be set while it does. */
	script_add("ethtool -Q %s queue_mask 0x%s --coalesce", link->word, mask);
	script_add(" adaptive-%s off %s-usecs %u %s-frames %u\n", direction, direction, usecs,
		   direction, frames);
	if (adaptive)
		script_add("ethtool -Q %s queue_mask 0x%s --coalesce adaptive-%s on\n",
			   link->word, mask, direction);
}

/* What they are compared with is asked for in the same way. */
bool queues_dump(const struct link *link)
{
	struct ethtool_coalesce all = { .cmd = ETHTOOL_GCOALESCE }, one;
	struct ethtool_channels channels = { .cmd = ETHTOOL_GCHANNELS };
	unsigned int queue;
	int err;

	err = ethtool_ioctl(link, &all);
	if (!err)
		err = ethtool_ioctl(link, &channels);
	for (queue = 0; !err && queue < channels.combined_count && queue < MAX_NUM_QUEUE;
	     queue++) {
		err = get_queue(link, queue, &one);
		if (err)
			break;
		if (one.rx_coalesce_usecs != all.rx_coalesce_usecs ||
		    one.rx_max_coalesced_frames != all.rx_max_coalesced_frames ||
		    one.use_adaptive_rx_coalesce != all.use_adaptive_rx_coalesce)
			queue_dump(link, queue, "rx", one.rx_coalesce_usecs,
				   one.rx_max_coalesced_frames, one.use_adaptive_rx_coalesce);
		if (one.tx_coalesce_usecs != all.tx_coalesce_usecs ||
		    one.tx_max_coalesced_frames != all.tx_max_coalesced_frames ||
		    one.use_adaptive_tx_coalesce != all.use_adaptive_tx_coalesce)
			queue_dump(link, queue, "tx", one.tx_coalesce_usecs,
				   one.tx_max_coalesced_frames, one.use_adaptive_tx_coalesce);
	}
	if (!err || err == -EOPNOTSUPP)
		return true;
	pr_err("%s: its queues: %s", link->name, strerror(-err));
	return false;
}
