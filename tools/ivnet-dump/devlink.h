/* SPDX-License-Identifier: GPL-2.0 */
/* What devlink sets of a device: parameters, with a reload, and health reporters. */
#ifndef DEVLINK_H
#define DEVLINK_H

#include "link.h"
#include "netlink.h"

/* Nothing where the kernel, or this network namespace, has no such device. */
bool devlink_dump(struct netlink *nl, const struct link *link);

#endif
