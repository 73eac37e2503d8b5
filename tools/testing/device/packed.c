// SPDX-License-Identifier: GPL-2.0
/* Packed virtqueues (virtio 1.3, 2.8). */
#include <linux/virtio_ring.h>
#include <stddef.h>
#include <string.h>

#include "ring.h"

#define AVAIL (1u << VRING_PACKED_DESC_F_AVAIL)
#define USED (1u << VRING_PACKED_DESC_F_USED)
#define EVENT_WRAP (1u << VRING_PACKED_EVENT_F_WRAP_CTR)

static struct vring_packed_desc *desc_at(struct ring *r, unsigned int index, bool write)
{
	return memory_at(r->memory, r->desc + index * sizeof(struct vring_packed_desc),
			 sizeof(struct vring_packed_desc), write);
}

static void step(const struct ring *r, struct ring_position *at, unsigned int by)
{
	at->index += by;
	if (at->index < r->size)
		return;
	at->index -= r->size;
	at->wrap = !at->wrap;
}

static bool available(uint16_t flags, bool wrap)
{
	return !!(flags & AVAIL) == wrap && !!(flags & USED) != wrap;
}

static int pop_indirect(struct ring *r, struct element *e, const struct vring_packed_desc *table)
{
	unsigned int i, n = table->len / sizeof(*table);
	struct vring_packed_desc desc;
	const void *at;

	if (!r->indirect || !n || table->len % sizeof(*table) || n > RING_SIZE_MAX)
		return -1;
	for (i = 0; i < n; i++) {
		at = memory_at(r->memory, table->addr + i * sizeof(desc), sizeof(desc), false);
		if (!at)
			return -1;
		memcpy(&desc, at, sizeof(desc));
		if (!ring_add(r, e, desc.addr, desc.len, desc.flags & VRING_DESC_F_WRITE))
			return -1;
	}

	return 1;
}

static int packed_pop(struct ring *r, struct element *e)
{
	const struct vring_packed_desc *at = desc_at(r, r->avail.index, false);
	struct vring_packed_desc desc;
	uint16_t flags;

	if (!at)
		return -1;
	flags = RING_READ(&at->flags);
	if (!available(flags, r->avail.wrap))
		return 0;
	e->descs = 0;
	e->out = 0;
	e->in = 0;
	e->out_len = 0;
	e->in_len = 0;
	for (;;) {
		memcpy(&desc, at, sizeof(desc));
		step(r, &r->avail, 1);
		e->descs++;
		e->id = desc.id;
		if (desc.flags & VRING_DESC_F_INDIRECT)
			return e->descs == 1 ? pop_indirect(r, e, &desc) : -1;
		if (!ring_add(r, e, desc.addr, desc.len, desc.flags & VRING_DESC_F_WRITE))
			return -1;
		if (!(desc.flags & VRING_DESC_F_NEXT))
			return 1;
		at = desc_at(r, r->avail.index, false);
		if (!at || e->descs == r->size)
			return -1;
	}
}

static bool packed_empty(struct ring *r)
{
	const struct vring_packed_desc *at = desc_at(r, r->avail.index, false);

	return !at || !available(RING_READ(&at->flags), r->avail.wrap);
}

/* The first descriptor's flags make all of them visible, so they wait. */
static bool packed_push(struct ring *r, uint16_t id, uint16_t descs, uint32_t len)
{
	struct vring_packed_desc *at = desc_at(r, r->used.index, true);
	uint16_t flags = r->used.wrap ? AVAIL | USED : 0;

	if (!at)
		return false;
	if (len)
		flags |= VRING_DESC_F_WRITE;
	at->id = id;
	at->len = len;
	if (r->pending++) {
		RING_WRITE(&at->flags, flags);
	} else {
		r->first = r->used.index;
		r->first_flags = flags;
	}
	step(r, &r->used, descs);

	return true;
}

static bool packed_publish(struct ring *r, uint16_t jump)
{
	struct vring_packed_desc *at = desc_at(r, r->first, true);

	if (!at)
		return false;
	if (r->pending)
		RING_WRITE(&at->flags, r->first_flags);
	r->pending = 0;
	if (jump)
		step(r, &r->used, jump % r->size);

	return true;
}

static bool packed_wanted(struct ring *r)
{
	const struct vring_packed_desc_event *event;
	struct ring_position before = r->signalled;
	uint16_t flags, off_wrap, now, then, at;

	r->signalled = r->used;
	if (before.index == r->used.index && before.wrap == r->used.wrap)
		return false;
	/* What is used must be visible before we look at what the driver wants. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	event = memory_at(r->memory, r->driver, sizeof(*event), false);
	if (!event)
		return false;
	flags = RING_READ(&event->flags) & 3;
	if (flags != VRING_PACKED_EVENT_FLAG_DESC || !r->event_idx)
		return flags != VRING_PACKED_EVENT_FLAG_DISABLE;

	/* All as distances from the round that the ring is in. */
	off_wrap = RING_READ(&event->off_wrap);
	at = off_wrap & ~EVENT_WRAP;
	if (!!(off_wrap & EVENT_WRAP) != r->used.wrap)
		at -= r->size;
	now = r->used.index;
	then = before.index;
	if (before.wrap != r->used.wrap)
		then -= r->size;

	return ring_passed(at, now, then);
}

static bool packed_kicks(struct ring *r, bool on)
{
	uint16_t flags = on ? VRING_PACKED_EVENT_FLAG_ENABLE : VRING_PACKED_EVENT_FLAG_DISABLE;
	struct vring_packed_desc_event *event;

	event = memory_at(r->memory, r->device, sizeof(*event), true);
	if (!event)
		return false;
	/* Where there is something already, but too little, anything new is of interest. */
	if (on && r->event_idx && packed_empty(r)) {
		RING_WRITE(&event->off_wrap, (uint16_t)(r->avail.index |
							(r->avail.wrap ? EVENT_WRAP : 0)));
		flags = VRING_PACKED_EVENT_FLAG_DESC;
	}
	RING_WRITE(&event->flags, flags);
	/* Who looks for more now sees what came before the driver saw this. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);

	return true;
}

const struct ring_ops packed_ops = {
	.pop = packed_pop,
	.push = packed_push,
	.publish = packed_publish,
	.wanted = packed_wanted,
	.kicks = packed_kicks,
	.empty = packed_empty,
};
