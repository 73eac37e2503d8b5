/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Rings of the ivnet-shm format: Documentation/networking/ivnet-shm.rst.
 *
 * Pure: no allocation, no logging, and nothing that the other side wrote is
 * used before it was copied and checked. Indices and the allocator live in
 * private memory; what this side wrote to shared memory is never read back.
 * The same code builds in user space.
 */
#ifndef _NET_IVNET_SHM_RING_H
#define _NET_IVNET_SHM_RING_H

#ifdef __KERNEL__
#include <linux/build_bug.h>
#include <linux/errno.h>
#include <linux/prefetch.h>
#include <linux/stddef.h>
#include <linux/string.h>
#include <linux/types.h>
#include <asm/barrier.h>

#define ivnet_shm_load(p)		READ_ONCE(*(p))
#define ivnet_shm_store(p, v)		WRITE_ONCE(*(p), v)
/*
 * Barriers towards another guest, which has CPUs of its own even if this kernel
 * has but one. Data before an index: release and acquire; an index before the
 * other side's event, or the reverse: a full barrier.
 */
#define ivnet_shm_load_acquire(p)	virt_load_acquire(p)	/* index */
#define ivnet_shm_store_release(p, v)	virt_store_release(p, v) /* index */
#define ivnet_shm_mb()			virt_mb()		/* event */
#define ivnet_shm_barrier()		barrier()
#define ivnet_shm_prefetchw(p)		prefetchw(p)
#else
#include "shm_user.h"
#endif

#include <linux/ivnet_shm.h>

/* About as many bytes as a CPU fetches at a time. */
#define IVNET_SHM_AHEAD		1024

static_assert(sizeof(struct ivnet_shm_header) == 72);
static_assert(offsetof(struct ivnet_shm_header, region_size) == 0x10);
static_assert(offsetof(struct ivnet_shm_header, first_section) == 0x18);
static_assert(offsetof(struct ivnet_shm_header, section_stride) == 0x20);
static_assert(offsetof(struct ivnet_shm_header, queues) == 0x28);
static_assert(offsetof(struct ivnet_shm_header, max_frame) == 0x2c);
static_assert(offsetof(struct ivnet_shm_header, features_must) == 0x30);
static_assert(offsetof(struct ivnet_shm_header, features_may) == 0x38);
static_assert(offsetof(struct ivnet_shm_header, crc) == 0x40);
static_assert(sizeof(struct ivnet_shm_port) == 64);
static_assert(sizeof(struct ivnet_shm_announce) == 128);
static_assert(offsetof(struct ivnet_shm_announce, features) == 0x10);
static_assert(offsetof(struct ivnet_shm_announce, mac) == 0x18);
static_assert(offsetof(struct ivnet_shm_announce, max_frame) == 0x20);
static_assert(offsetof(struct ivnet_shm_announce, ident) == 0x2e);
static_assert(offsetof(struct ivnet_shm_announce, wants) == 0x50);
static_assert(sizeof(struct ivnet_shm_link) == 128);
static_assert(sizeof(struct ivnet_shm_index) == 128);
static_assert(sizeof(struct ivnet_shm_desc) == 32);
static_assert(offsetof(struct ivnet_shm_desc, flags) == 8);
static_assert(offsetof(struct ivnet_shm_desc, csum_start) == 12);
static_assert(offsetof(struct ivnet_shm_desc, gso_size) == 16);
static_assert(offsetof(struct ivnet_shm_desc, gso_type) == 18);
static_assert(offsetof(struct ivnet_shm_desc, hdr_len) == 20);
static_assert(offsetof(struct ivnet_shm_desc, hash) == 24);

/**
 * struct ivnet_shm_frame - private copy of a descriptor, in CPU byte order
 * @offset: of the frame in the sender's data area, bytes
 * @len: bytes of the frame
 * @hash: flow hash, with %IVNET_SHM_D_HASH
 * @flags: IVNET_SHM_D_*
 * @csum_start: as in struct virtio_net_hdr
 * @csum_offset: as in struct virtio_net_hdr
 * @gso_size: as in struct virtio_net_hdr
 * @hdr_len: as in struct virtio_net_hdr
 * @vlan_tci: with %IVNET_SHM_D_VLAN
 * @gso_type: as in struct virtio_net_hdr
 */
struct ivnet_shm_frame {
	u32 offset;
	u32 len;
	u32 hash;
	u16 flags;
	u16 csum_start;
	u16 csum_offset;
	u16 gso_size;
	u16 hdr_len;
	u16 vlan_tci;
	u8 gso_type;
};

/**
 * enum ivnet_shm_err - which rule a descriptor breaks
 * @IVNET_SHM_OK: none
 * @IVNET_SHM_ERR_OFFSET: offset not a multiple of 64, or outside the data area
 * @IVNET_SHM_ERR_LEN: shorter than a header, longer than was agreed on, or
 *	past the end of the data area
 * @IVNET_SHM_ERR_FLAGS: a flag that is unknown or not agreed on
 * @IVNET_SHM_ERR_SEQ: not the descriptor that belongs to this index
 */
enum ivnet_shm_err {
	IVNET_SHM_OK,
	IVNET_SHM_ERR_OFFSET,
	IVNET_SHM_ERR_LEN,
	IVNET_SHM_ERR_FLAGS,
	IVNET_SHM_ERR_SEQ,
};

/**
 * struct ivnet_shm_tx - sending side of a ring; private memory
 * @ring: descriptors, in our section
 * @own: producer block, in our section
 * @peer: consumer block, in the peer's section
 * @end: for each descriptor, where in the data area its frame ends
 * @mask: descriptors - 1
 * @data_size: bytes of the data area
 * @head: next descriptor to be written
 * @published: what the peer has been told
 * @tail: first descriptor that the peer is not done with
 * @data_head: where the next frame may begin
 * @data_tail: where the oldest frame that is in use begins, or before it
 */
struct ivnet_shm_tx {
	struct ivnet_shm_desc *ring;
	struct ivnet_shm_index *own;
	const struct ivnet_shm_index *peer;
	u32 *end;
	u32 mask;
	u32 data_size;
	u32 head;
	u32 published;
	u32 tail;
	u32 data_head;
	u32 data_tail;
};

/**
 * struct ivnet_shm_rx - receiving side of a ring; private memory
 * @ring: descriptors, in the peer's section
 * @own: consumer block, in our section
 * @peer: producer block, in the peer's section
 * @mask: descriptors - 1
 * @data_size: bytes of the peer's data area
 * @max_frame: longest frame that was agreed on, bytes
 * @flags: descriptor flags that were agreed on
 * @tail: next descriptor to be read
 * @published: what the peer has been told
 */
struct ivnet_shm_rx {
	const struct ivnet_shm_desc *ring;
	struct ivnet_shm_index *own;
	const struct ivnet_shm_index *peer;
	u32 mask;
	u32 data_size;
	u32 max_frame;
	u16 flags;
	u32 tail;
	u32 published;
};

/**
 * ivnet_shm_must_ring() - does a move of an index pass the other side's event?
 * @event: what the other side asked for
 * @old: index before
 * @new: index after
 *
 * Return: true if the other side is to be rung.
 */
static inline bool ivnet_shm_must_ring(u32 event, u32 old, u32 new)
{
	return (u32)(new - event - 1) < (u32)(new - old);
}

/**
 * ivnet_shm_tx_reset() - begin with an empty ring
 * @tx: the sending side; pointers and sizes are set
 *
 * Zeroes the producer block.
 */
static inline void ivnet_shm_tx_reset(struct ivnet_shm_tx *tx)
{
	tx->head = 0;
	tx->published = 0;
	tx->tail = 0;
	tx->data_head = 0;
	tx->data_tail = 0;
	ivnet_shm_store(&tx->own->index, 0);
	ivnet_shm_store(&tx->own->event, 0);
}

/**
 * ivnet_shm_tx_reclaim() - take back what the peer is done with
 * @tx: the sending side
 *
 * Return: number of descriptors, or -EPROTO if the peer's index moved by more
 * than was in flight.
 */
static inline int ivnet_shm_tx_reclaim(struct ivnet_shm_tx *tx)
{
	u32 cons = le32_to_cpu(ivnet_shm_load_acquire(&tx->peer->index));
	u32 n = cons - tx->tail;

	if (!n)
		return 0;
	if (n > (u32)(tx->published - tx->tail))
		return -EPROTO;

	tx->data_tail = tx->end[(cons - 1) & tx->mask];
	tx->tail = cons;

	return n;
}

/**
 * ivnet_shm_tx_alloc() - room for a frame
 * @tx: the sending side
 * @len: bytes, not 0
 * @offset: set to where the frame goes in the data area
 *
 * The room is not taken before ivnet_shm_tx_put().
 *
 * Return: false if there is no room.
 */
static inline bool ivnet_shm_tx_alloc(struct ivnet_shm_tx *tx, u32 len,
				      u32 *offset)
{
	if ((u32)(tx->head - tx->tail) > tx->mask)
		return false;

	if (tx->head == tx->tail) {
		tx->data_head = 0;
		tx->data_tail = 0;
		*offset = 0;
		return len <= tx->data_size;
	}

	/* Head and tail never meet while something is in use. */
	if (tx->data_head > tx->data_tail) {
		if (len <= tx->data_size - tx->data_head) {
			*offset = tx->data_head;
			return true;
		}
		*offset = 0;
		return len < tx->data_tail;
	}

	*offset = tx->data_head;
	return len < tx->data_tail - tx->data_head;
}

/*
 * A quarter of a descriptor in one store. Put together in memory and then copied
 * by wider loads, a descriptor would wait for every store before it, and these
 * are to lines that the peer's CPU holds.
 */
static inline void ivnet_shm_put_word(u8 *to, u32 low, u32 high)
{
	__le64 word = cpu_to_le64((u64)high << 32 | low);

	memcpy(to, &word, sizeof(word));
}

/*
 * Get what frames of @len bytes after the next one will overwrite, while there
 * is other work: the peer's CPU has read it last, and may be far away. What the
 * peer has still to read is left alone. The data area follows the ring.
 */
static inline void ivnet_shm_tx_ahead(const struct ivnet_shm_tx *tx, u32 len)
{
	const u8 *data = (const u8 *)(tx->ring + tx->mask + 1);
	u32 free = tx->data_head > tx->data_tail ? tx->data_size : tx->data_tail;
	u32 at, end;

	if (len > IVNET_SHM_AHEAD)
		len = IVNET_SHM_AHEAD;
	at = tx->data_head + len;
	end = at + len;
	for (; at < end && at < free; at += IVNET_SHM_GRANULE)
		ivnet_shm_prefetchw(data + at);
	ivnet_shm_prefetchw(&tx->ring[(tx->head + 4) & tx->mask]);
}

/**
 * ivnet_shm_tx_put() - write a descriptor
 * @tx: the sending side
 * @f: the frame, at an offset from ivnet_shm_tx_alloc()
 *
 * The frame is in the data area already. The peer sees it after
 * ivnet_shm_tx_publish().
 */
static inline void ivnet_shm_tx_put(struct ivnet_shm_tx *tx,
				    const struct ivnet_shm_frame *f)
{
	u32 end = f->offset + ((f->len + IVNET_SHM_GRANULE - 1) &
			       ~(u32)(IVNET_SHM_GRANULE - 1));
	u8 *d = (u8 *)&tx->ring[tx->head & tx->mask];

	ivnet_shm_put_word(d, f->offset, f->len);
	ivnet_shm_put_word(d + 8, f->flags | (u32)(u16)tx->head << 16,
			   f->csum_start | (u32)f->csum_offset << 16);
	ivnet_shm_put_word(d + 16, f->gso_size | (u32)f->gso_type << 16,
			   f->hdr_len | (u32)f->vlan_tci << 16);
	ivnet_shm_put_word(d + 24, f->hash, 0);

	/* The data area is a multiple of the granule: no end lies outside. */
	tx->end[tx->head & tx->mask] = end;
	tx->data_head = end;
	tx->head++;
	ivnet_shm_tx_ahead(tx, end - f->offset);
}

/**
 * ivnet_shm_tx_publish() - show the peer what was written
 * @tx: the sending side
 *
 * Return: true if the peer is to be rung.
 */
static inline bool ivnet_shm_tx_publish(struct ivnet_shm_tx *tx)
{
	u32 old = tx->published;

	ivnet_shm_store_release(&tx->own->index, cpu_to_le32(tx->head));
	tx->published = tx->head;
	ivnet_shm_mb();

	return ivnet_shm_must_ring(le32_to_cpu(ivnet_shm_load(&tx->peer->event)),
				   old, tx->head);
}

/**
 * ivnet_shm_tx_arm() - ask to be rung when there is room again
 * @tx: the sending side, with frames in flight
 * @done: number of frames in flight that the peer shall be done with, not 0
 *
 * Return: as ivnet_shm_tx_reclaim(); if not 0, look again instead of waiting.
 */
static inline int ivnet_shm_tx_arm(struct ivnet_shm_tx *tx, u32 done)
{
	ivnet_shm_store(&tx->own->event, cpu_to_le32(tx->tail + done - 1));
	ivnet_shm_mb();

	return ivnet_shm_tx_reclaim(tx);
}

/**
 * ivnet_shm_rx_reset() - begin with an empty ring
 * @rx: the receiving side; pointers and sizes are set
 *
 * Zeroes the consumer block.
 */
static inline void ivnet_shm_rx_reset(struct ivnet_shm_rx *rx)
{
	rx->tail = 0;
	rx->published = 0;
	ivnet_shm_store(&rx->own->index, 0);
	ivnet_shm_store(&rx->own->event, 0);
}

/**
 * ivnet_shm_rx_avail() - how many frames are there?
 * @rx: the receiving side
 *
 * Return: a number up to the size of the ring, or -EPROTO if the peer's index
 * says more.
 */
static inline int ivnet_shm_rx_avail(const struct ivnet_shm_rx *rx)
{
	u32 prod = le32_to_cpu(ivnet_shm_load_acquire(&rx->peer->index));
	u32 n = prod - rx->tail;

	return n <= rx->mask + 1 ? (int)n : -EPROTO;
}

/**
 * ivnet_shm_rx_fetch() - copy and check the next descriptor
 * @rx: the receiving side; ivnet_shm_rx_avail() was not 0
 * @f: filled in
 *
 * The metadata is still to be checked by ivnet_meta_check().
 *
 * Return: %IVNET_SHM_OK or the rule that is broken. In both cases go on with
 * ivnet_shm_rx_next().
 */
static inline enum ivnet_shm_err ivnet_shm_rx_fetch(const struct ivnet_shm_rx *rx,
						    struct ivnet_shm_frame *f)
{
	struct ivnet_shm_desc d;

	/* The barrier keeps the compiler from reading the original again. */
	memcpy(&d, &rx->ring[rx->tail & rx->mask], sizeof(d));
	ivnet_shm_barrier();

	*f = (struct ivnet_shm_frame) {
		.offset		= le32_to_cpu(d.offset),
		.len		= le32_to_cpu(d.len),
		.hash		= le32_to_cpu(d.hash),
		.flags		= le16_to_cpu(d.flags),
		.csum_start	= le16_to_cpu(d.csum_start),
		.csum_offset	= le16_to_cpu(d.csum_offset),
		.gso_size	= le16_to_cpu(d.gso_size),
		.hdr_len	= le16_to_cpu(d.hdr_len),
		.vlan_tci	= le16_to_cpu(d.vlan_tci),
		.gso_type	= d.gso_type,
	};

	if (le16_to_cpu(d.seq) != (u16)rx->tail)
		return IVNET_SHM_ERR_SEQ;
	if (f->flags & ~rx->flags)
		return IVNET_SHM_ERR_FLAGS;
	if (f->len < IVNET_SHM_FRAME_MIN || f->len > rx->max_frame ||
	    f->len > rx->data_size)
		return IVNET_SHM_ERR_LEN;
	if (f->offset % IVNET_SHM_GRANULE ||
	    f->offset > rx->data_size - f->len)
		return IVNET_SHM_ERR_OFFSET;

	return IVNET_SHM_OK;
}

/**
 * ivnet_shm_rx_next() - be done with a descriptor
 * @rx: the receiving side
 *
 * Its frame has been copied. The peer is told by ivnet_shm_rx_publish().
 */
static inline void ivnet_shm_rx_next(struct ivnet_shm_rx *rx)
{
	rx->tail++;
}

/**
 * ivnet_shm_rx_publish() - give descriptors back to the peer
 * @rx: the receiving side
 *
 * Return: true if the peer is to be rung.
 */
static inline bool ivnet_shm_rx_publish(struct ivnet_shm_rx *rx)
{
	u32 old = rx->published;

	if (old == rx->tail)
		return false;
	ivnet_shm_store_release(&rx->own->index, cpu_to_le32(rx->tail));
	rx->published = rx->tail;
	ivnet_shm_mb();

	return ivnet_shm_must_ring(le32_to_cpu(ivnet_shm_load(&rx->peer->event)),
				   old, rx->tail);
}

/**
 * ivnet_shm_rx_arm() - ask to be rung for the next frame
 * @rx: the receiving side
 *
 * Return: true if there are frames already: look again instead of waiting.
 */
static inline bool ivnet_shm_rx_arm(struct ivnet_shm_rx *rx)
{
	ivnet_shm_store(&rx->own->event, cpu_to_le32(rx->tail));
	ivnet_shm_mb();

	return le32_to_cpu(ivnet_shm_load(&rx->peer->index)) != rx->tail;
}

#endif
