/* SPDX-License-Identifier: GPL-2.0 */
/* Interfaces, and what "ip link" sets of them: mtu, address, flags, VLAN devices. */
#ifndef LINK_H
#define LINK_H

#include <linux/types.h>
#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>

#include "script.h"

#define ADDRESS_LEN 6
#define HANDLE_LEN 64

struct link {
	unsigned int index;
	char name[IFNAMSIZ];
	char word[WORD(IFNAMSIZ)];	/* the name, for a shell */
	char bus[HANDLE_LEN];		/* of the device below; "" if there is none */
	char device[HANDLE_LEN];
	unsigned int flags;
	__u32 mtu;
	__u32 queue_len;
	__u8 address[ADDRESS_LEN];
	__u8 permanent[ADDRESS_LEN];	/* 0: it has none */
	bool is_vlan;
	unsigned int below;		/* index of the interface below it */
	__u16 vid;
	__u16 protocol;
};

struct links {
	struct link *link;
	size_t count;
};

/* All interfaces of this network namespace. False: it has been said why. */
bool links_read(struct links *links);
void links_free(struct links *links);

/* Before the other settings: what queues depend on. */
void link_dump(const struct link *link);
/* After them: up or down, and the VLAN devices above. */
void link_dump_state(const struct link *link, const struct links *links);

#endif
