/* SPDX-License-Identifier: GPL-2.0 */
/*
 * ethtool by ioctl(): what its netlink family has no command for, at least in Linux
 * 6.1: the driver's name, tunables, receive side scaling, settings of single queues.
 */
#ifndef IOCTL_H
#define IOCTL_H

#include "link.h"

#define DRIVER_LEN 32

/* "" if the interface has none to name. False: it has been said why. */
bool driver_name(const struct link *link, char *name, size_t size);

/* For those below: 0 or -errno; @command begins with its number. */
int ethtool_ioctl(const struct link *link, void *command);

bool tunables_dump(const struct link *link);
bool rss_dump(const struct link *link);
bool queues_dump(const struct link *link);

#endif
