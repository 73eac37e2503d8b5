// SPDX-License-Identifier: GPL-2.0
/* Trace events, and those that transports use. */

#define CREATE_TRACE_POINTS
#include "trace.h"

EXPORT_TRACEPOINT_SYMBOL_GPL(ivnet_lost_interrupt);
EXPORT_TRACEPOINT_SYMBOL_GPL(ivnet_ctrl);

/**
 * ivnet_carrier() - the link came or went
 * @dev: the net_device
 * @up: whether it is there
 */
void ivnet_carrier(struct net_device *dev, bool up)
{
	if (up != netif_carrier_ok(dev))
		trace_ivnet_link(dev, up);
	if (up)
		netif_carrier_on(dev);
	else
		netif_carrier_off(dev);
}
EXPORT_SYMBOL_GPL(ivnet_carrier);
