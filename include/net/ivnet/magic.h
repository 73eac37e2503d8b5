/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Magic packets, which wake who sleeps: anywhere behind the Ethernet header six
 * bytes of 0xff, then sixteen times the address.
 *
 * Pure: the frame is a private copy.
 */
#ifndef _NET_IVNET_MAGIC_H
#define _NET_IVNET_MAGIC_H

#include <linux/if_ether.h>
#include <linux/string.h>
#include <linux/types.h>

#define IVNET_MAGIC_SYNC	6	/* bytes of 0xff */
#define IVNET_MAGIC_TIMES	16	/* addresses behind them */

/**
 * ivnet_magic_match() - is this a magic packet?
 * @frame: with its Ethernet header
 * @len: bytes of it
 * @mac: whom it shall wake; a unicast address
 *
 * Return: true if it is.
 */
static inline bool ivnet_magic_match(const u8 *frame, u32 len, const u8 *mac)
{
	u32 at, sync = 0, i;

	for (at = ETH_HLEN; at + IVNET_MAGIC_TIMES * ETH_ALEN <= len; at++) {
		/* No unicast address begins with 0xff. */
		if (frame[at] == 0xff) {
			sync++;
			continue;
		}
		if (sync >= IVNET_MAGIC_SYNC) {
			for (i = 0; i < IVNET_MAGIC_TIMES; i++)
				if (memcmp(frame + at + i * ETH_ALEN, mac,
					   ETH_ALEN))
					break;
			if (i == IVNET_MAGIC_TIMES)
				return true;
		}
		sync = 0;
	}

	return false;
}

#endif
