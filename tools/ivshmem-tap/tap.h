/* SPDX-License-Identifier: GPL-2.0 */
/* The TAP device: one descriptor for each queue. */
#ifndef TAP_H
#define TAP_H

#include <linux/virtio_net.h>
#include <net/if.h>

#include <net/ivnet/shm_ring.h>

#define TAP_MAC		6

/**
 * struct tap - a TAP device
 * @name: its name when it was opened
 * @queues: number of descriptors
 * @fds: one for each queue
 * @lock: socket whose name keeps a second process away
 * @key: of this name, for who has the lock; 0: unknown
 * @features: IVNET_SHM_F_* of the frames that it takes
 */
struct tap {
	char name[IFNAMSIZ];
	u32 queues;
	int fds[IVNET_SHM_QUEUES_MAX];
	int lock;
	u64 key;
	u64 features;
};

/**
 * struct tap_options - what it shall be like
 * @name: its name; a %d in it stands for a number
 * @mac: its address; zero: by the name and the machine's id, or whatever a device
 *	has that was there before
 * @mtu: its MTU, bytes; 0: whatever it has
 * @up: set it up
 */
struct tap_options {
	const char *name;
	u8 mac[TAP_MAC];
	u32 mtu;
	bool up;
};

/* 0, or -1 after a message */
int tap_open(struct tap *tap, const struct tap_options *o, u32 queues);
void tap_close(struct tap *tap);
/* Hand out frames on the first @queues queues alone. */
int tap_use(struct tap *tap, u32 queues);
/* Is the device still there? */
bool tap_is_there(const struct tap *tap);
/* Is the device up? */
bool tap_is_up(const struct tap *tap);
void tap_carrier(const struct tap *tap, bool on);
bool tap_address(const struct tap *tap, u8 *mac);
/* The largest packet, bytes, as it was when the device was opened. */
u32 tap_mtu(const struct tap *tap);

#endif
