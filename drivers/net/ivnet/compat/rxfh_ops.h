/* SPDX-License-Identifier: GPL-2.0 */
/* What older kernels call for receive side scaling, turned into the newest form. */
#ifndef _IVNET_COMPAT_RXFH_OPS_H
#define _IVNET_COMPAT_RXFH_OPS_H

#include "rxfh.h"

#ifdef IVNET_HAVE_RXFH_PARAM
#define IVNET_RXFH_OPS							\
	.get_rxfh		= ivnet_get_rxfh,			\
	.set_rxfh		= ivnet_set_rxfh
#else
static int ivnet_get_rxfh_old(struct net_device *dev, u32 *indir, u8 *key,
			      u8 *hfunc)
{
	struct ethtool_rxfh_param p = { .indir = indir, .key = key };
	int err = ivnet_get_rxfh(dev, &p);

	if (hfunc)
		*hfunc = p.hfunc;

	return err;
}

static int ivnet_set_rxfh_old(struct net_device *dev, const u32 *indir,
			      const u8 *key, const u8 hfunc)
{
	/* Read, not written. */
	struct ethtool_rxfh_param p = {
		.indir = (u32 *)indir, .key = (u8 *)key, .hfunc = hfunc,
	};

	return ivnet_set_rxfh(dev, &p, NULL);
}

#define IVNET_RXFH_OPS							\
	.get_rxfh		= ivnet_get_rxfh_old,			\
	.set_rxfh		= ivnet_set_rxfh_old
#endif

#ifdef IVNET_HAVE_RX_RING_COUNT
static u32 ivnet_get_rx_ring_count(struct net_device *dev)
{
	return dev->real_num_rx_queues;
}

#define IVNET_RXNFC_OPS							\
	.get_rx_ring_count	= ivnet_get_rx_ring_count,		\
	.get_rxfh_fields	= ivnet_get_rxfh_fields,		\
	.set_rxfh_fields	= ivnet_set_rxfh_fields
#else
static int ivnet_get_rxnfc(struct net_device *dev, struct ethtool_rxnfc *info,
			   u32 *rules)
{
	struct ethtool_rxfh_fields fields = { .flow_type = info->flow_type };
	int err;

	switch (info->cmd) {
	case ETHTOOL_GRXRINGS:
		info->data = dev->real_num_rx_queues;
		return 0;
	case ETHTOOL_GRXFH:
		err = ivnet_get_rxfh_fields(dev, &fields);
		info->data = fields.data;
		return err;
	default:
		return -EOPNOTSUPP;
	}
}

#ifdef IVNET_HAVE_RXFH_FIELDS
#define IVNET_RXNFC_OPS							\
	.get_rxnfc		= ivnet_get_rxnfc,			\
	.get_rxfh_fields	= ivnet_get_rxfh_fields,		\
	.set_rxfh_fields	= ivnet_set_rxfh_fields
#else
static int ivnet_set_rxnfc(struct net_device *dev, struct ethtool_rxnfc *info)
{
	struct ethtool_rxfh_fields fields = {
		.flow_type = info->flow_type, .data = info->data,
	};

	if (info->cmd != ETHTOOL_SRXFH)
		return -EOPNOTSUPP;

	return ivnet_set_rxfh_fields(dev, &fields, NULL);
}

#define IVNET_RXNFC_OPS							\
	.get_rxnfc		= ivnet_get_rxnfc,			\
	.set_rxnfc		= ivnet_set_rxnfc
#endif
#endif

#endif
