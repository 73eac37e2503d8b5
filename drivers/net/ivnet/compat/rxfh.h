/* SPDX-License-Identifier: GPL-2.0 */
/* ethtool's operations on receive side scaling, in the newest form. */
#ifndef _IVNET_COMPAT_RXFH_H
#define _IVNET_COMPAT_RXFH_H

#include <linux/ethtool.h>
#include <linux/netdevice.h>

#include "compat.h"

#ifndef IVNET_HAVE_RXFH_PARAM
struct ethtool_rxfh_param {
	u8 hfunc;
	u32 *indir;
	u8 *key;
};
#endif

#ifndef IVNET_HAVE_RXFH_FIELDS
struct ethtool_rxfh_fields {
	u32 data;
	u32 flow_type;
};
#endif

int ivnet_get_rxfh(struct net_device *dev, struct ethtool_rxfh_param *p);
int ivnet_set_rxfh(struct net_device *dev, struct ethtool_rxfh_param *p,
		   struct netlink_ext_ack *extack);
int ivnet_get_rxfh_fields(struct net_device *dev,
			  struct ethtool_rxfh_fields *fields);
int ivnet_set_rxfh_fields(struct net_device *dev,
			  const struct ethtool_rxfh_fields *fields,
			  struct netlink_ext_ack *extack);

#endif
