// SPDX-License-Identifier: GPL-2.0
/* Split virtqueues (virtio 1.3, 2.7). */
#include <linux/virtio_ring.h>
#include <stddef.h>

#include "ring.h"

/**
 * ring_add() - append a segment to a buffer
 * @r: the ring
 * @e: the buffer
 * @address: the guest's
 * @len: bytes
 * @write: the device writes it
 *
 * Return: false if it is not in the guest's memory, or in the wrong order.
 */
bool ring_add(struct ring *r, struct element *e, uint64_t address, uint32_t len, bool write)
{
	unsigned int n = e->out + e->in;
	void *host;

	if (n == RING_SEGMENTS || (!write && e->in))
		return false;
	host = memory_at(r->memory, address, len, write);
	if (!host)
		return false;
	e->segments[n] = (struct iovec){ .iov_base = host, .iov_len = len };
	if (write) {
		e->in++;
		e->in_len += len;
	} else {
		e->out++;
		e->out_len += len;
	}

	return true;
}

static uint16_t *avail_word(struct ring *r, unsigned int index)
{
	return memory_at(r->memory, r->driver + 2 * index, 2, false);
}

/* Everything in the used ring, with used_event's counterpart at the end. */
static uint8_t *used_ring(struct ring *r)
{
	return memory_at(r->memory, r->device, 6 + 8u * r->size, true);
}

static int walk(struct ring *r, struct element *e, uint16_t head)
{
	uint64_t table = r->desc;
	unsigned int size = r->size, i = head, steps = 0;
	struct vring_desc desc;
	const void *at;

	for (;;) {
		if (i >= size || steps++ > size)
			return -1;
		at = memory_at(r->memory, table + i * sizeof(desc), sizeof(desc), false);
		if (!at)
			return -1;
		__builtin_memcpy(&desc, at, sizeof(desc));
		if (desc.flags & VRING_DESC_F_INDIRECT) {
			if (!r->indirect || table != r->desc || desc.flags & VRING_DESC_F_NEXT ||
			    !desc.len || desc.len % sizeof(desc) ||
			    desc.len / sizeof(desc) > RING_SIZE_MAX)
				return -1;
			table = desc.addr;
			size = desc.len / sizeof(desc);
			steps = 0;
			i = 0;
			continue;
		}
		if (!ring_add(r, e, desc.addr, desc.len, desc.flags & VRING_DESC_F_WRITE))
			return -1;
		if (!(desc.flags & VRING_DESC_F_NEXT))
			return 1;
		i = desc.next;
	}
}

static int split_pop(struct ring *r, struct element *e)
{
	const uint16_t *index = avail_word(r, 1);
	uint16_t waiting;

	if (!index)
		return -1;
	waiting = RING_READ(index) - r->avail.index;
	if (!waiting)
		return 0;
	if (waiting > r->size)
		return -1;
	index = avail_word(r, 2 + r->avail.index % r->size);
	if (!index)
		return -1;
	e->id = RING_READ(index);
	e->descs = 1;
	e->out = 0;
	e->in = 0;
	e->out_len = 0;
	e->in_len = 0;
	r->avail.index++;

	return walk(r, e, e->id);
}

static bool split_empty(struct ring *r)
{
	const uint16_t *index = avail_word(r, 1);

	return !index || RING_READ(index) == r->avail.index;
}

static bool split_push(struct ring *r, uint16_t id, uint16_t descs, uint32_t len)
{
	uint8_t *used = used_ring(r);
	uint32_t *entry;

	(void)descs;
	if (!used)
		return false;
	entry = (uint32_t *)(used + 4 + 8 * ((uint16_t)(r->used.index + r->pending) % r->size));
	entry[0] = id;
	entry[1] = len;
	r->pending++;

	return true;
}

static bool split_publish(struct ring *r, uint16_t jump)
{
	uint8_t *used = used_ring(r);

	if (!used)
		return false;
	r->used.index += r->pending + jump;
	r->pending = 0;
	RING_WRITE((uint16_t *)(used + 2), r->used.index);

	return true;
}

static bool split_wanted(struct ring *r)
{
	uint16_t before = r->signalled.index;
	const uint16_t *word;

	r->signalled = r->used;
	if (before == r->used.index)
		return false;
	/* The index must be visible before we look at what the driver wants. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	word = avail_word(r, r->event_idx ? 2 + r->size : 0);
	if (!word)
		return false;
	if (!r->event_idx)
		return !(RING_READ(word) & VRING_AVAIL_F_NO_INTERRUPT);

	return ring_passed(RING_READ(word), r->used.index, before);
}

static bool split_kicks(struct ring *r, bool on)
{
	const uint16_t *avail = avail_word(r, 1);
	uint8_t *used = used_ring(r);

	if (!used || !avail)
		return false;
	/* Not where we are: what is there may be too little. */
	if (!r->event_idx)
		RING_WRITE((uint16_t *)used, on ? 0 : VRING_USED_F_NO_NOTIFY);
	else if (on)
		RING_WRITE((uint16_t *)(used + 4 + 8u * r->size), RING_READ(avail));
	/* Who looks for more now sees what came before the driver saw this. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);

	return true;
}

const struct ring_ops split_ops = {
	.pop = split_pop,
	.push = split_push,
	.publish = split_publish,
	.wanted = split_wanted,
	.kicks = split_kicks,
	.empty = split_empty,
};
