/* SPDX-License-Identifier: GPL-2.0 */
/* The device's side of a virtqueue, split or packed (virtio 1.3, 2.7 and 2.8). */
#ifndef DEVICE_RING_H
#define DEVICE_RING_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "memory.h"

#define RING_SIZE_MAX 1024
/* More segments than descriptors there are none, except where maps end. */
#define RING_SEGMENTS (RING_SIZE_MAX + 16)

/**
 * struct element - a buffer of the driver
 * @id: what the driver knows it by
 * @descs: places in a packed ring that it takes
 * @out: segments that the device reads; they come first
 * @in: segments that it writes
 * @out_len: bytes
 * @in_len: bytes
 * @segments: where they are
 */
struct element {
	uint16_t id;
	uint16_t descs;
	unsigned int out;
	unsigned int in;
	uint32_t out_len;
	uint32_t in_len;
	struct iovec segments[RING_SEGMENTS];
};

/**
 * struct ring_position - how far the device has come in what the driver made available
 * @index: the next; free-running in a split ring, a place in a packed one
 * @wrap: the wrap counter of a packed ring
 */
struct ring_position {
	uint16_t index;
	bool wrap;
};

/**
 * struct ring - a virtqueue that is enabled
 * @memory: of the guest
 * @ops: split or packed
 * @size: entries
 * @event_idx: VIRTIO_F_EVENT_IDX
 * @indirect: VIRTIO_F_INDIRECT_DESC
 * @desc: guest address of the descriptors
 * @driver: guest address of what the driver writes
 * @device: guest address of what the device writes
 * @avail: the next that the driver makes available
 * @used: the next to be written
 * @pending: written, but not yet visible
 * @signalled: @used when the driver was last asked whether it wants an interrupt
 * @first: packed: where the flags that make @pending visible go
 * @first_flags: packed: these flags
 */
struct ring {
	struct memory *memory;
	const struct ring_ops *ops;
	uint16_t size;
	bool event_idx;
	bool indirect;
	uint64_t desc;
	uint64_t driver;
	uint64_t device;
	struct ring_position avail;
	struct ring_position used;
	uint16_t pending;
	struct ring_position signalled;
	uint16_t first;
	uint16_t first_flags;
};

/**
 * struct ring_ops - what the two kinds of rings do
 * @pop: take the next buffer: 1, 0 if there is none, -1 if the ring makes no sense
 * @push: write a buffer of that id and number of descriptors as used, not yet visibly
 * @publish: make all that was pushed visible
 * @wanted: does the driver want an interrupt for what was published since the last call?
 * @kicks: ask the driver for notifications, or for none
 * @empty: has the driver made nothing available?
 */
struct ring_ops {
	int (*pop)(struct ring *r, struct element *e);
	bool (*push)(struct ring *r, uint16_t id, uint16_t descs, uint32_t len);
	bool (*publish)(struct ring *r, uint16_t jump);
	bool (*wanted)(struct ring *r);
	bool (*kicks)(struct ring *r, bool on);
	bool (*empty)(struct ring *r);
};

extern const struct ring_ops split_ops;
extern const struct ring_ops packed_ops;

bool ring_add(struct ring *r, struct element *e, uint64_t address, uint32_t len, bool write);

/* Of vring_need_event(): was the event passed between two positions? */
static inline bool ring_passed(uint16_t event, uint16_t now, uint16_t before)
{
	return (uint16_t)(now - event - 1) < (uint16_t)(now - before);
}

/* The guest may write at any time: one access each. */
#define RING_READ(p) __atomic_load_n(p, __ATOMIC_ACQUIRE)
#define RING_WRITE(p, value) __atomic_store_n(p, value, __ATOMIC_RELEASE)

#endif
