/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The format of IVSHMEM-NET and of Jailhouse's Ethernet: two areas, a standard
 * split ring in each, of which the used rings change places, one frame for each
 * descriptor and nothing said about it. ivnet-shm.rst, "The classic format".
 *
 * Pure, like shm_ring.h: what the other side wrote is read once and checked, what
 * this side wrote is never read back. Descriptors are returned in order, so each
 * has the number of its ring position, and the free list is an index.
 */
#ifndef _NET_IVNET_SHM_CLASSIC_H
#define _NET_IVNET_SHM_CLASSIC_H

#include <net/ivnet/shm_ring.h>

#define IVNET_CLASSIC_ALIGN	64	/* bytes; of the used ring and of slots */
#define IVNET_CLASSIC_N_MAX	4096	/* descriptors */
#define IVNET_CLASSIC_N_MIN	32
#define IVNET_CLASSIC_SLACK	18	/* bytes added to a frame's slot */
#define IVNET_CLASSIC_FRAME_MIN	14	/* bytes; an Ethernet header */
#define IVNET_CLASSIC_HEADER	18	/* bytes; with an 802.1Q tag */
#define IVNET_CLASSIC_MTU	16384	/* bytes; by default, if it fits */
#define IVNET_CLASSIC_MTU_MAX	65535	/* bytes */
#define IVNET_CLASSIC_V1_MTU	1500	/* bytes; what any v1 peer takes */
#define IVNET_CLASSIC_V2_MTU	68	/* bytes; what an IPv4 host takes */

/**
 * enum ivnet_classic_state - where a side is; any larger value is none
 * @IVNET_CLASSIC_RESET: it begins; held until the other is below READY
 * @IVNET_CLASSIC_INIT: waiting for the other to leave RESET
 * @IVNET_CLASSIC_READY: its area is empty
 * @IVNET_CLASSIC_RUN: it sends and receives
 */
enum ivnet_classic_state {
	IVNET_CLASSIC_RESET,
	IVNET_CLASSIC_INIT,
	IVNET_CLASSIC_READY,
	IVNET_CLASSIC_RUN,
};

/**
 * enum ivnet_classic_err - which rule the other side broke
 * @IVNET_CLASSIC_OK: none
 * @IVNET_CLASSIC_ERR_FLAGS: a descriptor has flags; drop the frame
 * @IVNET_CLASSIC_ERR_SHORT: no Ethernet header; drop the frame
 * @IVNET_CLASSIC_ERR_LONG: longer than a frame can be; drop it
 * @IVNET_CLASSIC_ERR_ADDR: not within the sender's data area; drop the frame
 * @IVNET_CLASSIC_ERR_AVAIL_INDEX: more frames than descriptors; begin anew
 * @IVNET_CLASSIC_ERR_AVAIL_ID: no such descriptor; begin anew
 * @IVNET_CLASSIC_ERR_USED_INDEX: more returned than was sent; begin anew
 * @IVNET_CLASSIC_ERR_USED_ID: returned out of order; begin anew
 * @IVNET_CLASSIC_ERR_USED_LEN: returned with a length other than 1; begin anew
 */
enum ivnet_classic_err {
	IVNET_CLASSIC_OK,
	IVNET_CLASSIC_ERR_FLAGS,
	IVNET_CLASSIC_ERR_SHORT,
	IVNET_CLASSIC_ERR_LONG,
	IVNET_CLASSIC_ERR_ADDR,
	IVNET_CLASSIC_ERR_AVAIL_INDEX,
	IVNET_CLASSIC_ERR_AVAIL_ID,
	IVNET_CLASSIC_ERR_USED_INDEX,
	IVNET_CLASSIC_ERR_USED_ID,
	IVNET_CLASSIC_ERR_USED_LEN,
};

/**
 * struct ivnet_classic_desc - a descriptor
 * @addr: where the frame is, see &ivnet_classic_layout.origin
 * @len: bytes of it
 * @flags: 0
 * @next: the free list of those who keep it here; written once, never read
 *
 * At any multiple of 4, so it is copied, never accessed in place.
 */
struct ivnet_classic_desc {
	__le64 addr;
	__le32 len;
	__le16 flags;
	__le16 next;
};

/**
 * struct ivnet_classic_ring - what both rings begin with
 * @flags: 0
 * @index: of the next entry
 */
struct ivnet_classic_ring {
	__le16 flags;
	__le16 index;
};

/**
 * struct ivnet_classic_used - an entry of the used ring
 * @id: the descriptor
 * @len: 1
 */
struct ivnet_classic_used {
	__le32 id;
	__le32 len;
};

static_assert(sizeof(struct ivnet_classic_desc) == 16);
static_assert(sizeof(struct ivnet_classic_ring) == 4);
static_assert(sizeof(struct ivnet_classic_used) == 8);

/**
 * struct ivnet_classic_layout - an area; both sides' are alike
 * @n: descriptors
 * @area: bytes of the area
 * @origin: from what &ivnet_classic_desc.addr counts to the start of the area
 *	of side 0 and of side 1, bytes
 * @desc: descriptors, bytes from the start of the area like what follows
 * @avail: available ring, with used_event behind it
 * @used: used ring of the other direction, with avail_event behind it
 * @data: frames that this side sends
 * @data_size: bytes for them
 * @mtu: a good MTU, bytes
 * @max_mtu: the largest, bytes
 *
 * On v1 side 0 is the one with the lower half of the region; that is the one
 * with the larger id.
 */
struct ivnet_classic_layout {
	u32 n;
	u64 area;
	u64 origin[2];
	u32 desc;
	u32 avail;
	u32 used;
	u32 data;
	u64 data_size;
	u32 mtu;
	u32 max_mtu;
};

/**
 * struct ivnet_classic_frame - private copy of a descriptor that was checked
 * @offset: of the frame in the sender's data area, bytes
 * @len: bytes of it
 * @id: number of the descriptor; also set if the descriptor is refused
 */
struct ivnet_classic_frame {
	u64 offset;
	u32 len;
	u16 id;
};

/**
 * struct ivnet_classic_tx - sending side; private memory
 * @desc: our descriptors
 * @avail: our available ring
 * @used: the used ring, in the other side's area
 * @end: for each descriptor, where in the data area its slot ends
 * @n: descriptors
 * @data_size: bytes of the data area
 * @data_addr: address of its first byte, as descriptors have it
 * @head: next entry of the available ring to be written
 * @published: what the other side has been told
 * @tail: next entry of the used ring to be read
 * @data_head: where the next slot may begin
 * @data_tail: where the oldest slot that is in use begins, or before it
 */
struct ivnet_classic_tx {
	u8 *desc;
	u8 *avail;
	const u8 *used;
	u64 *end;
	u32 n;
	u64 data_size;
	u64 data_addr;
	u16 head;
	u16 published;
	u16 tail;
	u64 data_head;
	u64 data_tail;
};

/**
 * struct ivnet_classic_rx - receiving side; private memory
 * @desc: the other side's descriptors
 * @avail: its available ring
 * @used: the used ring, in our area
 * @n: descriptors
 * @data_size: bytes of the other side's data area
 * @data_addr: address of its first byte, as descriptors have it
 * @max_frame: longest frame that is taken, bytes
 * @tail: next entry of both rings
 * @published: what the other side has been told
 */
struct ivnet_classic_rx {
	const u8 *desc;
	const u8 *avail;
	u8 *used;
	u32 n;
	u64 data_size;
	u64 data_addr;
	u32 max_frame;
	u16 tail;
	u16 published;
};

static inline __le16 *ivnet_classic_avail_entry(const u8 *avail, u32 i)
{
	return (__le16 *)(avail + sizeof(struct ivnet_classic_ring)) + i;
}

static inline u8 *ivnet_classic_used_entry(const u8 *used, u32 i)
{
	return (u8 *)used + sizeof(struct ivnet_classic_ring) +
	       i * sizeof(struct ivnet_classic_used);
}

static inline __le16 *ivnet_classic_index(const u8 *ring)
{
	return &((struct ivnet_classic_ring *)ring)->index;
}

/* Each ring ends with the event of the one who writes it. */
static inline __le16 *ivnet_classic_used_event(const u8 *avail, u32 n)
{
	return ivnet_classic_avail_entry(avail, n);
}

static inline __le16 *ivnet_classic_avail_event(const u8 *used, u32 n)
{
	return (__le16 *)ivnet_classic_used_entry(used, n);
}

static inline u64 ivnet_classic_align(u64 v)
{
	return (v + IVNET_CLASSIC_ALIGN - 1) & ~(u64)(IVNET_CLASSIC_ALIGN - 1);
}

/* Bytes of a descriptor table and of the available ring behind it. */
static inline u32 ivnet_classic_sends(u32 n)
{
	return 16 * n + 2 * (3 + n);
}

/* Descriptors by the limit of what both rings may take, and what they take. */
static inline u32 ivnet_classic_entries(u64 limit, u64 *bytes)
{
	u32 n;

	for (n = IVNET_CLASSIC_N_MAX; n > IVNET_CLASSIC_N_MIN; n /= 2) {
		*bytes = ivnet_classic_align(ivnet_classic_align(ivnet_classic_sends(n)) +
					     6 + 8 * n);
		if (*bytes < limit)
			break;
	}
	/* Who runs out of sizes has 32 descriptors in the room of 64. */
	return n;
}

/* The used ring is aligned by its address in the region, not in the area. */
static inline bool ivnet_classic_layout_at(struct ivnet_classic_layout *l,
					   u64 area, u32 base, u64 limit,
					   u32 min_mtu)
{
	u64 bytes, data_size;

	l->n = ivnet_classic_entries(limit, &bytes);
	if (area < base + bytes)
		return false;
	data_size = area - base - bytes;
	if (data_size / 4 < min_mtu)
		return false;

	l->area = area;
	l->desc = base;
	l->avail = base + 16 * l->n;
	l->used = ivnet_classic_align(base + ivnet_classic_sends(l->n));
	l->data = base + bytes;
	l->data_size = data_size;
	l->mtu = IVNET_CLASSIC_MTU;
	if (data_size / 16 < l->mtu)
		l->mtu = data_size / 16;
	l->max_mtu = IVNET_CLASSIC_MTU_MAX;
	if (data_size / 4 < l->max_mtu)
		l->max_mtu = data_size / 4;

	return true;
}

/**
 * ivnet_classic_layout_v1() - areas of IVSHMEM-NET
 * @l: filled in
 * @size: bytes of the region
 *
 * Return: false if the region is too small.
 */
static inline bool ivnet_classic_layout_v1(struct ivnet_classic_layout *l,
					   u64 size)
{
	*l = (struct ivnet_classic_layout) { .origin = { 0, size / 2 } };

	return ivnet_classic_layout_at(l, size / 2, sizeof(__le32), size / 16,
				       IVNET_CLASSIC_V1_MTU);
}

/**
 * ivnet_classic_layout_v2() - areas of Jailhouse's Ethernet
 * @l: filled in
 * @size: bytes of an output section
 *
 * Return: false if the section is too small.
 */
static inline bool ivnet_classic_layout_v2(struct ivnet_classic_layout *l,
					   u64 size)
{
	*l = (struct ivnet_classic_layout) {};

	return ivnet_classic_layout_at(l, size, 0, size / 8,
				       IVNET_CLASSIC_V2_MTU);
}

/**
 * ivnet_classic_max_frame() - longest frame that a side can send
 * @l: the layout
 *
 * The MTU is not negotiated: whatever fits is taken.
 *
 * Return: bytes.
 */
static inline u32 ivnet_classic_max_frame(const struct ivnet_classic_layout *l)
{
	return l->max_mtu + IVNET_CLASSIC_HEADER;
}

/**
 * ivnet_classic_next() - what to do about the other side's state
 * @own: our state
 * @peer: the other side's, read once; may be anything
 * @up: our interface is up
 *
 * On the way to READY the own area has to be emptied, on the way to RESET the
 * data path has to be halted. Call again until the state no longer changes.
 *
 * A side that went through RESET unseen is back in INIT: then a side that runs
 * has to follow, or the other one empties its area under our hands. A state that
 * is none leads nowhere but down.
 *
 * Return: our new state.
 */
static inline enum ivnet_classic_state
ivnet_classic_next(enum ivnet_classic_state own, u32 peer, bool up)
{
	bool there = peer > IVNET_CLASSIC_RESET && peer <= IVNET_CLASSIC_RUN;

	switch (own) {
	case IVNET_CLASSIC_INIT:
		return there ? IVNET_CLASSIC_READY : own;
	case IVNET_CLASSIC_READY:
		if (!there)
			return IVNET_CLASSIC_RESET;
		return up && peer >= IVNET_CLASSIC_READY ? IVNET_CLASSIC_RUN :
							   own;
	case IVNET_CLASSIC_RUN:
		return up && there && peer >= IVNET_CLASSIC_READY ?
		       own : IVNET_CLASSIC_RESET;
	default:
		return peer < IVNET_CLASSIC_READY ? IVNET_CLASSIC_INIT : own;
	}
}

/**
 * ivnet_classic_must_ring() - does a move of an index pass the other's event?
 * @event: what the other side asked for
 * @old: index before
 * @new: index after
 *
 * Return: true if the other side is to be rung.
 */
static inline bool ivnet_classic_must_ring(u16 event, u16 old, u16 new)
{
	return (u16)(new - event - 1) < (u16)(new - old);
}

/**
 * ivnet_classic_area_reset() - empty our area
 * @l: the layout
 * @area: our area; its state word, if there is one, is left alone
 *
 * Nobody uses it: our state is INIT.
 */
static inline void ivnet_classic_area_reset(const struct ivnet_classic_layout *l,
					    u8 *area)
{
	struct ivnet_classic_desc d = {};
	u32 i;

	memset(area + l->desc, 0, l->area - l->desc);
	for (i = 0; i + 1 < l->n; i++) {
		d.next = cpu_to_le16(i + 1);
		memcpy(area + l->desc + i * sizeof(d), &d, sizeof(d));
	}
}

/**
 * ivnet_classic_tx_reset() - begin to send
 * @tx: filled in, but for @end, which is left alone
 * @l: the layout
 * @areas: where both sides' areas are
 * @side: ours
 */
static inline void ivnet_classic_tx_reset(struct ivnet_classic_tx *tx,
					  const struct ivnet_classic_layout *l,
					  u8 *const areas[2], u32 side)
{
	*tx = (struct ivnet_classic_tx) {
		.desc		= areas[side] + l->desc,
		.avail		= areas[side] + l->avail,
		.used		= areas[!side] + l->used,
		.end		= tx->end,
		.n		= l->n,
		.data_size	= l->data_size,
		.data_addr	= l->origin[side] + l->data,
	};
}

/**
 * ivnet_classic_tx_reclaim() - take back what the other side is done with
 * @tx: the sending side
 * @done: set to the number of descriptors, also if a rule was broken after them
 *
 * Return: %IVNET_CLASSIC_OK or the rule that is broken.
 */
static inline enum ivnet_classic_err
ivnet_classic_tx_reclaim(struct ivnet_classic_tx *tx, u32 *done)
{
	u16 index = le16_to_cpu(ivnet_shm_load_acquire(ivnet_classic_index(tx->used)));
	struct ivnet_classic_used u;
	u32 id;

	*done = 0;
	if ((u16)(index - tx->tail) > (u16)(tx->published - tx->tail))
		return IVNET_CLASSIC_ERR_USED_INDEX;

	while (tx->tail != index) {
		id = tx->tail & (tx->n - 1);
		/* The barrier keeps the compiler from reading it again. */
		memcpy(&u, ivnet_classic_used_entry(tx->used, id), sizeof(u));
		ivnet_shm_barrier();
		if (le32_to_cpu(u.id) != id)
			return IVNET_CLASSIC_ERR_USED_ID;
		if (le32_to_cpu(u.len) != 1)
			return IVNET_CLASSIC_ERR_USED_LEN;
		tx->data_tail = tx->end[id];
		tx->tail++;
		++*done;
	}

	return IVNET_CLASSIC_OK;
}

/* Bytes that a frame takes of the data area. */
static inline u64 ivnet_classic_slot(u32 len)
{
	return ivnet_classic_align((u64)len + IVNET_CLASSIC_SLACK);
}

/**
 * ivnet_classic_tx_alloc() - room for a frame
 * @tx: the sending side
 * @len: bytes
 * @offset: set to where the frame goes in the data area
 *
 * The room is not taken before ivnet_classic_tx_put().
 *
 * Return: false if there is no room.
 */
static inline bool ivnet_classic_tx_alloc(const struct ivnet_classic_tx *tx,
					  u32 len, u64 *offset)
{
	u64 slot = ivnet_classic_slot(len);
	bool restart = tx->data_size - tx->data_head < slot;

	*offset = restart ? 0 : tx->data_head;
	if (tx->head == tx->tail)
		return slot <= tx->data_size;
	if ((u16)(tx->head - tx->tail) >= tx->n)
		return false;

	/* Head and tail never meet while something is in use. */
	if (tx->data_head > tx->data_tail)
		return !restart || slot < tx->data_tail;

	return !restart && slot < tx->data_tail - tx->data_head;
}

/**
 * ivnet_classic_tx_put() - write a descriptor
 * @tx: the sending side
 * @offset: where the frame is, from ivnet_classic_tx_alloc()
 * @len: bytes of it
 *
 * The other side sees it after ivnet_classic_tx_publish().
 */
static inline void ivnet_classic_tx_put(struct ivnet_classic_tx *tx, u64 offset,
					u32 len)
{
	u32 id = tx->head & (tx->n - 1);
	struct ivnet_classic_desc d = {
		.addr	= cpu_to_le64(tx->data_addr + offset),
		.len	= cpu_to_le32(len),
		/* As the table was made. */
		.next	= cpu_to_le16(id + 1 < tx->n ? id + 1 : 0),
	};

	memcpy(tx->desc + id * sizeof(d), &d, sizeof(d));
	ivnet_shm_store(ivnet_classic_avail_entry(tx->avail, id),
			cpu_to_le16(id));
	if (tx->head == tx->tail)
		tx->data_tail = offset;
	tx->data_head = offset + ivnet_classic_slot(len);
	tx->end[id] = tx->data_head;
	tx->head++;
}

/**
 * ivnet_classic_tx_publish() - show the other side what was written
 * @tx: the sending side
 *
 * Return: true if it is to be rung.
 */
static inline bool ivnet_classic_tx_publish(struct ivnet_classic_tx *tx)
{
	u16 old = tx->published, event;

	if (old == tx->head)
		return false;
	ivnet_shm_store_release(ivnet_classic_index(tx->avail),
				cpu_to_le16(tx->head));
	tx->published = tx->head;
	ivnet_shm_mb();
	event = le16_to_cpu(ivnet_shm_load(ivnet_classic_avail_event(tx->used,
								     tx->n)));

	return ivnet_classic_must_ring(event, old, tx->head);
}

/**
 * ivnet_classic_tx_arm() - ask to be rung when there is room again
 * @tx: the sending side, with frames in flight
 * @frames: that the other side shall be done with, not 0
 * @done: as of ivnet_classic_tx_reclaim(); if not 0, look again
 *
 * Return: as ivnet_classic_tx_reclaim().
 */
static inline enum ivnet_classic_err
ivnet_classic_tx_arm(struct ivnet_classic_tx *tx, u16 frames, u32 *done)
{
	ivnet_shm_store(ivnet_classic_used_event(tx->avail, tx->n),
			cpu_to_le16((u16)(tx->tail + frames - 1)));
	ivnet_shm_mb();

	return ivnet_classic_tx_reclaim(tx, done);
}

/**
 * ivnet_classic_rx_reset() - begin to receive
 * @rx: filled in
 * @l: the layout
 * @areas: where both sides' areas are
 * @side: ours
 */
static inline void ivnet_classic_rx_reset(struct ivnet_classic_rx *rx,
					  const struct ivnet_classic_layout *l,
					  u8 *const areas[2], u32 side)
{
	*rx = (struct ivnet_classic_rx) {
		.desc		= areas[!side] + l->desc,
		.avail		= areas[!side] + l->avail,
		.used		= areas[side] + l->used,
		.n		= l->n,
		.data_size	= l->data_size,
		.data_addr	= l->origin[!side] + l->data,
		.max_frame	= ivnet_classic_max_frame(l),
	};
}

/**
 * ivnet_classic_rx_avail() - how many frames are there?
 * @rx: the receiving side
 * @count: set to their number; 0 if the rule is broken
 *
 * Return: %IVNET_CLASSIC_OK, or %IVNET_CLASSIC_ERR_AVAIL_INDEX.
 */
static inline enum ivnet_classic_err
ivnet_classic_rx_avail(const struct ivnet_classic_rx *rx, u32 *count)
{
	u16 index = le16_to_cpu(ivnet_shm_load_acquire(ivnet_classic_index(rx->avail)));

	*count = (u16)(index - rx->tail);
	if (*count <= rx->n)
		return IVNET_CLASSIC_OK;
	*count = 0;

	return IVNET_CLASSIC_ERR_AVAIL_INDEX;
}

/**
 * ivnet_classic_rx_fetch() - copy and check the next descriptor
 * @rx: the receiving side; there is a frame
 * @f: filled in
 *
 * Return: %IVNET_CLASSIC_OK or the rule that is broken. Unless it is
 * %IVNET_CLASSIC_ERR_AVAIL_ID go on with ivnet_classic_rx_return(), or the other
 * side loses the descriptor.
 */
static inline enum ivnet_classic_err
ivnet_classic_rx_fetch(const struct ivnet_classic_rx *rx,
		       struct ivnet_classic_frame *f)
{
	u32 i = rx->tail & (rx->n - 1);
	u16 id = le16_to_cpu(ivnet_shm_load(ivnet_classic_avail_entry(rx->avail, i)));
	struct ivnet_classic_desc d;

	*f = (struct ivnet_classic_frame) { .id = id };
	if (id >= rx->n)
		return IVNET_CLASSIC_ERR_AVAIL_ID;
	/* The mask is for a processor that guesses ahead. */
	memcpy(&d, rx->desc + (id & (rx->n - 1)) * sizeof(d), sizeof(d));
	ivnet_shm_barrier();

	f->offset = le64_to_cpu(d.addr) - rx->data_addr;
	f->len = le32_to_cpu(d.len);
	if (d.flags)
		return IVNET_CLASSIC_ERR_FLAGS;
	if (f->len < IVNET_CLASSIC_FRAME_MIN)
		return IVNET_CLASSIC_ERR_SHORT;
	if (f->len > rx->max_frame)
		return IVNET_CLASSIC_ERR_LONG;
	/* The largest frame fits; an address before the area wraps around. */
	if (f->offset > rx->data_size - f->len)
		return IVNET_CLASSIC_ERR_ADDR;

	return IVNET_CLASSIC_OK;
}

/**
 * ivnet_classic_rx_return() - be done with a descriptor
 * @rx: the receiving side
 * @id: of the descriptor
 *
 * Its frame has been copied. The other side is told by
 * ivnet_classic_rx_publish().
 */
static inline void ivnet_classic_rx_return(struct ivnet_classic_rx *rx, u16 id)
{
	struct ivnet_classic_used u = {
		.id	= cpu_to_le32(id),
		.len	= cpu_to_le32(1),
	};

	memcpy(ivnet_classic_used_entry(rx->used, rx->tail & (rx->n - 1)), &u,
	       sizeof(u));
	rx->tail++;
}

/**
 * ivnet_classic_rx_publish() - give descriptors back to the other side
 * @rx: the receiving side
 *
 * Return: true if the other side is to be rung.
 */
static inline bool ivnet_classic_rx_publish(struct ivnet_classic_rx *rx)
{
	u16 old = rx->published, event;

	if (old == rx->tail)
		return false;
	ivnet_shm_store_release(ivnet_classic_index(rx->used),
				cpu_to_le16(rx->tail));
	rx->published = rx->tail;
	ivnet_shm_mb();
	event = le16_to_cpu(ivnet_shm_load(ivnet_classic_used_event(rx->avail,
								    rx->n)));

	return ivnet_classic_must_ring(event, old, rx->tail);
}

/**
 * ivnet_classic_rx_arm() - ask to be rung for the next frame
 * @rx: the receiving side
 *
 * Return: true if there are frames already: look again instead of waiting.
 */
static inline bool ivnet_classic_rx_arm(struct ivnet_classic_rx *rx)
{
	ivnet_shm_store(ivnet_classic_avail_event(rx->used, rx->n),
			cpu_to_le16(rx->tail));
	ivnet_shm_mb();

	return le16_to_cpu(ivnet_shm_load(ivnet_classic_index(rx->avail))) !=
	       rx->tail;
}

#endif
