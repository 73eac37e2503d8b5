/* SPDX-License-Identifier: GPL-2.0 */
/* What ethtool sets, by its netlink family. False: it has been said what failed. */
#ifndef ETHTOOL_H
#define ETHTOOL_H

#include "link.h"
#include "netlink.h"

/* Each but the first adds lines, or nothing where the device has no such setting. */
bool ethtool_open(struct netlink *nl);
bool channels_dump(struct netlink *nl, const struct link *link);
bool features_dump(struct netlink *nl, const struct link *link);
bool rings_dump(struct netlink *nl, const struct link *link);
bool coalesce_dump(struct netlink *nl, const struct link *link);
bool messages_dump(struct netlink *nl, const struct link *link);
bool wol_dump(struct netlink *nl, const struct link *link);
bool speed_dump(struct netlink *nl, const struct link *link);

#endif
