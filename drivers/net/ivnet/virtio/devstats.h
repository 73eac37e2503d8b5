/* SPDX-License-Identifier: GPL-2.0 */
/* Statistics that the device keeps itself (virtio 1.3, 5.1.6.5.10). */
#ifndef _IVNET_VIRTIO_DEVSTATS_H
#define _IVNET_VIRTIO_DEVSTATS_H

#include <linux/types.h>

/* Values of a receive ring, and of a transmit ring, one type after the other. */
enum vnet_devstat_rx {
	VNET_DEVSTAT_RX_DROPS		= 4,
	VNET_DEVSTAT_RX_OVERRUNS	= 5,
	VNET_DEVSTAT_RX_CSUM_BAD	= 9,
	VNET_DEVSTAT_RX_OVER_RATE	= 14,
	VNET_DEVSTAT_RX_NUM		= 16,
};

enum vnet_devstat_tx {
	VNET_DEVSTAT_TX_DROPS		= 4,
	VNET_DEVSTAT_TX_MALFORMED	= 5,
	VNET_DEVSTAT_TX_OVER_RATE	= 14,
	VNET_DEVSTAT_TX_NUM		= 16,
};

#define VNET_DEVSTAT_CTRL_NUM	2

/* Types, as bits of the capabilities and as numbers in a reply. */
#define VNET_DEVSTAT_RX_BASIC	0
#define VNET_DEVSTAT_RX_CSUM	1
#define VNET_DEVSTAT_RX_GSO	2
#define VNET_DEVSTAT_RX_SPEED	3
#define VNET_DEVSTAT_TX_BASIC	16
#define VNET_DEVSTAT_TX_CSUM	17
#define VNET_DEVSTAT_TX_GSO	18
#define VNET_DEVSTAT_TX_SPEED	19
#define VNET_DEVSTAT_CTRL	32

#define VNET_DEVSTAT_RX_TYPES	GENMASK_ULL(3, 0)
#define VNET_DEVSTAT_TX_TYPES	GENMASK_ULL(19, 16)
#define VNET_DEVSTAT_TYPES	(VNET_DEVSTAT_RX_TYPES |		\
				 VNET_DEVSTAT_TX_TYPES |		\
				 BIT_ULL(VNET_DEVSTAT_CTRL))

/**
 * struct vnet_devstat_pair - what the device says of a queue pair
 * @rx: receive ring
 * @tx: transmit ring
 */
struct vnet_devstat_pair {
	u64 rx[VNET_DEVSTAT_RX_NUM];
	u64 tx[VNET_DEVSTAT_TX_NUM];
};

/**
 * struct vnet_devstats - what the device says
 * @types: types that it has, bits
 * @pairs: queue pairs that it is asked for
 * @ctrl_index: number of the control queue's ring
 * @ctrl: commands, and those that it carried out
 * @pair: of each pair, @pairs of them; NULL if there are none
 *
 * Written under rtnl, read by anybody.
 */
struct vnet_devstats {
	u64 types;
	u32 pairs;
	u32 ctrl_index;
	u64 ctrl[VNET_DEVSTAT_CTRL_NUM];
	struct vnet_devstat_pair *pair;
};

/* One ring in VIRTIO_NET_CTRL_STATS_GET. */
struct vnet_devstat_query {
	__le16 vq_index;
	__le16 reserved[3];
	__le64 types;
};

/* What stands before the values of one type of one ring in the reply. */
struct vnet_devstat_hdr {
	u8 type;
	u8 reserved;
	__le16 vq_index;
	__le16 reserved1;
	__le16 size;
};

u32 vnet_devstats_count(const struct vnet_devstats *st);
void vnet_devstats_names(const struct vnet_devstats *st, u8 **p);
void vnet_devstats_values(const struct vnet_devstats *st, u64 *data);
u32 vnet_devstats_query(const struct vnet_devstats *st, u32 first, u32 end,
			struct vnet_devstat_query *query, u32 *reply);
int vnet_devstats_parse(struct vnet_devstats *st,
			struct vnet_devstat_query *query, u32 n,
			const u8 *reply, u32 len);

#endif
