// SPDX-License-Identifier: GPL-2.0
/*
 * Both sides of a lane against a peer that writes to all the memory they share:
 * between operations, and whenever they look at it or show something.
 *
 * A is the lane on which we send, B the one on which we receive. Each part of
 * the shared memory is an allocation of its own, so that the sanitizer sees a
 * step outside.
 */

#include "hooks.h"
#include "meta.h"

static __le32 look(const __le32 *p);
static void show(__le32 *p, __le32 value);
static void peer_acts(void);

#include <net/ivnet/shm_ring.h>

#define D_ALL	(IVNET_SHM_D_NEEDS_CSUM | IVNET_SHM_D_DATA_VALID |	\
		 IVNET_SHM_D_VLAN | IVNET_SHM_D_HASH)

/**
 * struct world - all there is in a run
 * @in: what is left of the input
 * @tx: our side of A
 * @rx: our side of B
 * @tx_data: A's data area
 * @rx_data: B's
 * @flight: frames on A that the peer may read, by position in the ring
 * @looked: what was read last
 * @avail: descriptors of B that may be fetched
 * @rules: what metadata was agreed on
 * @got: a frame was received
 */
static struct world {
	struct bytes in;
	struct ivnet_shm_tx tx;
	struct ivnet_shm_rx rx;
	u8 *tx_data;
	u8 *rx_data;
	struct {
		u32 offset;
		u32 len;
	} flight[64];
	u32 looked;
	u32 avail;
	struct ivnet_meta_rules rules;
	bool got;
} w;

/* Offsets and lengths at which something changes. */
static u32 awkward(u32 limit)
{
	u8 how = take8(&w.in);

	switch (how % 8) {
	case 0:
		return limit + (how >> 3) - 16;
	case 1:
		return (u32)(how >> 3) - 16;
	case 2:
		return 1U << (how >> 3);
	case 3:
		return take32(&w.in);
	case 4:
		return 13 + (how >> 3) % 3;
	case 5:
		return IVNET_SHM_GRANULE * (how >> 3);
	default:
		return limit ? take16(&w.in) % limit : 0;
	}
}

/* An index near those that count. */
static __le32 index_near(u32 tail, u32 head)
{
	u8 how = take8(&w.in);

	switch (how % 4) {
	case 0:
		return cpu_to_le32(tail + (how >> 2));
	case 1:
		return cpu_to_le32(head);
	case 2:
		return cpu_to_le32(head + (how >> 2) - 32);
	default:
		return cpu_to_le32(take32(&w.in));
	}
}

/* A descriptor that is right but for what the input breaks of it. */
static void peer_describes(u8 how)
{
	u32 n = w.rx.tail + how % 4;
	u32 len = take16(&w.in) % (w.rx.max_frame + 1);
	u32 offset = w.rx.data_size - len;
	struct ivnet_shm_desc d = {
		.offset	= cpu_to_le32(take16(&w.in) * 64U % (offset + 1) & ~63U),
		.len	= cpu_to_le32(len),
		.seq	= cpu_to_le16((u16)n),
	};

	if (how & 0x10) {
		d.flags = cpu_to_le16(take8(&w.in) & w.rx.flags);
		d.gso_type = take8(&w.in);
		d.gso_size = cpu_to_le16(take16(&w.in));
		d.csum_start = cpu_to_le16(take8(&w.in));
		d.csum_offset = cpu_to_le16(take8(&w.in));
	}
	switch (how >> 5) {
	case 1:
		d.len = cpu_to_le32(awkward(w.rx.max_frame));
		break;
	case 2:
		d.offset = cpu_to_le32(awkward(w.rx.data_size));
		break;
	case 3:
		d.flags = cpu_to_le16(take16(&w.in));
		break;
	case 4:
		d.seq = cpu_to_le16(take16(&w.in));
		break;
	case 5:
		d.len = cpu_to_le32(awkward(w.rx.data_size));
		d.offset = cpu_to_le32(w.rx.data_size - le32_to_cpu(d.len));
		break;
	}
	memcpy((void *)&w.rx.ring[n & w.rx.mask], &d, sizeof(d));
}

/* It may write everywhere, to our side's blocks and ring as well. */
static void peer_scribbles(void)
{
	u8 where = take8(&w.in), *p;
	u32 size;

	switch (where % 4) {
	case 0:
		p = (u8 *)w.tx.ring;
		size = (w.tx.mask + 1) * sizeof(*w.tx.ring);
		break;
	case 1:
		p = (u8 *)w.rx.ring;
		size = (w.rx.mask + 1) * sizeof(*w.rx.ring);
		break;
	case 2:
		p = (u8 *)(where & 4 ? w.tx.own : w.tx.peer);
		size = sizeof(struct ivnet_shm_index);
		break;
	default:
		p = (u8 *)(where & 4 ? w.rx.own : w.rx.peer);
		size = sizeof(struct ivnet_shm_index);
		break;
	}
	if (where & 8)
		memset(p, take8(&w.in), size);
	else
		p[take16(&w.in) % size] = take8(&w.in);
}

static void peer_acts(void)
{
	struct ivnet_shm_index *cons = (void *)w.tx.peer;
	struct ivnet_shm_index *prod = (void *)w.rx.peer;

	switch (take8(&w.in) % 16) {
	case 0:
		cons->index = index_near(w.tx.tail, w.tx.published);
		break;
	case 1:
		cons->event = index_near(w.tx.published, w.tx.head);
		break;
	case 2:
	case 3:
		prod->index = index_near(w.rx.tail, w.rx.tail + w.rx.mask + 1);
		break;
	case 4:
		prod->event = index_near(w.rx.published, w.rx.tail);
		break;
	case 5:
	case 6:
	case 7:
		peer_describes(take8(&w.in));
		break;
	case 8:
		peer_scribbles();
		break;
	case 9:
		memset(w.rx_data, take8(&w.in), w.rx.data_size);
		break;
	}
}

/* Only what the peer writes is looked at, and each word counts as it was then. */
static __le32 look(const __le32 *p)
{
	__le32 value;

	MUST(p == &w.tx.peer->index || p == &w.tx.peer->event ||
	     p == &w.rx.peer->index || p == &w.rx.peer->event);
	peer_acts();
	value = *p;
	w.looked = le32_to_cpu(value);
	peer_acts();

	return value;
}

/* Our own words; the indices go forward, and never past what is ours. */
static void show(__le32 *p, __le32 value)
{
	u32 index = le32_to_cpu(value);

	MUST(p == &w.tx.own->index || p == &w.tx.own->event ||
	     p == &w.rx.own->index || p == &w.rx.own->event);
	if (p == &w.tx.own->index)
		MUST(index - w.tx.published <= w.tx.mask + 1 &&
		     index == w.tx.head);
	if (p == &w.rx.own->index)
		MUST(index - w.rx.published <= w.rx.mask + 1 &&
		     index == w.rx.tail);
	*p = value;
	peer_acts();
}

/* Does the move of an index from @old to @new pass @event? */
static bool passes(u32 event, u32 old, u32 new)
{
	for (; old != new; old++)
		if (old == event)
			return true;

	return false;
}

static void tx_send(u8 op)
{
	struct ivnet_shm_tx before = w.tx;
	struct ivnet_shm_frame f = {};
	u32 i, at, end;
	u64 used = 0;
	bool room;

	f.len = op & 8 ? 14U + take8(&w.in) : awkward(w.tx.data_size);
	if (!f.len)
		f.len = 1;
	room = ivnet_shm_tx_alloc(&w.tx, f.len, &f.offset);
	MUST(w.tx.head == before.head && w.tx.tail == before.tail);
	if (w.tx.head == w.tx.tail)
		MUST(room == (f.len <= w.tx.data_size));
	if (!room) {
		/* Free space is in two pieces, and some is lost at the end. */
		for (i = w.tx.tail; i != w.tx.head; i++)
			used += (w.flight[i & w.tx.mask].len + 63) & ~63U;
		MUST(w.tx.head - w.tx.tail > w.tx.mask ||
		     2 * (f.len + used) + 128 >= w.tx.data_size);
		return;
	}

	MUST(w.tx.head - w.tx.tail <= w.tx.mask);
	MUST(f.offset % IVNET_SHM_GRANULE == 0);
	MUST(f.len <= w.tx.data_size && f.offset <= w.tx.data_size - f.len);
	end = (f.offset + f.len + IVNET_SHM_GRANULE - 1) & ~63U;
	/* What the peer may still read stays as it is. */
	for (i = w.tx.tail; i != w.tx.head; i++) {
		at = i & w.tx.mask;
		MUST(f.offset >= w.flight[at].offset + w.flight[at].len ||
		     end <= w.flight[at].offset);
	}
	memset(w.tx_data + f.offset, 0x55, f.len);
	f.flags = take8(&w.in) & D_ALL;
	f.hash = f.len;
	at = w.tx.head & w.tx.mask;
	w.flight[at].offset = f.offset;
	w.flight[at].len = f.len;
	ivnet_shm_tx_put(&w.tx, &f);
	MUST(w.tx.head == before.head + 1 && w.tx.tail == before.tail);
	MUST(le16_to_cpu(w.tx.ring[at].seq) == (u16)before.head &&
	     le32_to_cpu(w.tx.ring[at].offset) == f.offset &&
	     le32_to_cpu(w.tx.ring[at].len) == f.len &&
	     le16_to_cpu(w.tx.ring[at].flags) == f.flags);
}

/* An index of the peer's is accepted if it says what can be. */
static void tx_reclaimed(const struct ivnet_shm_tx *before, int n)
{
	u32 moved = w.looked - before->tail;

	if (moved > before->published - before->tail) {
		MUST(n == -EPROTO);
		MUST(!memcmp(before, &w.tx, sizeof(w.tx)));
		return;
	}
	MUST(n == (int)moved);
	MUST(w.tx.tail == before->tail + moved && w.tx.head == before->head &&
	     w.tx.published == before->published);
}

static void tx_publish(void)
{
	u32 old = w.tx.published;
	bool ring = ivnet_shm_tx_publish(&w.tx);

	MUST(w.tx.published == w.tx.head);
	MUST(ring == passes(w.looked, old, w.tx.head));
}

static void tx_act(u8 op)
{
	struct ivnet_shm_tx before = w.tx;
	u32 flying = w.tx.published - w.tx.tail;
	int n;

	switch (op % 8) {
	case 0:
		tx_publish();
		break;
	case 1:
		n = ivnet_shm_tx_reclaim(&w.tx);
		tx_reclaimed(&before, n);
		break;
	case 2:
		if (!flying)
			break;
		n = ivnet_shm_tx_arm(&w.tx, 1 + take8(&w.in) % flying);
		tx_reclaimed(&before, n);
		break;
	default:
		tx_send(op);
		break;
	}
}

static void rx_avail(void)
{
	int n = ivnet_shm_rx_avail(&w.rx);
	u32 ahead = w.looked - w.rx.tail;

	MUST(n == (ahead <= w.rx.mask + 1 ? (int)ahead : -EPROTO));
	w.avail = n > 0 ? n : 0;
}

/* Which rules of ivnet-shm.rst a descriptor breaks, one bit each. */
static u32 rules_broken(const struct ivnet_shm_desc *d)
{
	u64 offset = le32_to_cpu(d->offset), len = le32_to_cpu(d->len);
	u32 broken = 0;

	if (offset % 64 || offset + len > w.rx.data_size)
		broken |= 1U << IVNET_SHM_ERR_OFFSET;
	if (len < 14 || len > w.rx.max_frame || len > w.rx.data_size)
		broken |= 1U << IVNET_SHM_ERR_LEN;
	if (le16_to_cpu(d->flags) & ~w.rx.flags)
		broken |= 1U << IVNET_SHM_ERR_FLAGS;
	if (le16_to_cpu(d->seq) != (u16)w.rx.tail)
		broken |= 1U << IVNET_SHM_ERR_SEQ;

	return broken;
}

/* The frame, copied to memory of its size, goes through the checks of metadata. */
static void rx_frame(const struct ivnet_shm_frame *f)
{
	u8 *copy = malloc(INPUT_HDR + f->len);

	MUST(copy);
	copy[0] = f->flags & (IVNET_SHM_D_NEEDS_CSUM | IVNET_SHM_D_DATA_VALID);
	copy[1] = f->gso_type;
	memcpy(copy + 2, &f->hdr_len, 2);
	memcpy(copy + 4, &f->gso_size, 2);
	memcpy(copy + 6, &f->csum_start, 2);
	memcpy(copy + 8, &f->csum_offset, 2);
	copy[10] = w.rules.flags;
	copy[11] = w.rules.gso_types;
	copy[12] = 0;
	copy[13] = 0;
	memcpy(copy + INPUT_HDR, w.rx_data + f->offset, f->len);
	input_run(copy, INPUT_HDR + f->len);
	free(copy);
	w.got = true;
}

static void rx_fetch(void)
{
	struct ivnet_shm_frame f;
	struct ivnet_shm_desc d;
	enum ivnet_shm_err err;
	u32 broken;

	/* The peer changes the original as soon as it was copied. */
	memcpy(&d, &w.rx.ring[w.rx.tail & w.rx.mask], sizeof(d));
	broken = rules_broken(&d);
	err = ivnet_shm_rx_fetch(&w.rx, &f);
	if (err) {
		MUST(broken & 1U << err);
	} else {
		MUST(!broken);
		MUST(f.offset == le32_to_cpu(d.offset) &&
		     f.len == le32_to_cpu(d.len) &&
		     f.flags == le16_to_cpu(d.flags) &&
		     f.gso_type == d.gso_type &&
		     f.gso_size == le16_to_cpu(d.gso_size) &&
		     f.csum_start == le16_to_cpu(d.csum_start) &&
		     f.csum_offset == le16_to_cpu(d.csum_offset) &&
		     f.hash == le32_to_cpu(d.hash));
		rx_frame(&f);
	}
	ivnet_shm_rx_next(&w.rx);
	w.avail--;
}

static void rx_act(u8 op)
{
	u32 old = w.rx.published, tail = w.rx.tail;
	bool yes;

	/* The driver gives back what it has after 16 frames at the latest. */
	if (tail - old > w.rx.mask)
		op = 0;
	switch (op % 4) {
	case 0:
		yes = ivnet_shm_rx_publish(&w.rx);
		MUST(w.rx.published == tail && w.rx.tail == tail);
		MUST(yes == (old != tail && passes(w.looked, old, tail)));
		break;
	case 1:
		yes = ivnet_shm_rx_arm(&w.rx);
		MUST(yes == (w.looked != tail));
		break;
	default:
		if (w.avail)
			rx_fetch();
		else
			rx_avail();
		break;
	}
}

static void *zeroed(size_t size)
{
	void *p = calloc(1, size);

	MUST(p);

	return p;
}

static void world_make(const u8 *data, size_t size)
{
	u32 ring, start;

	w = (struct world) { .in = { data, size } };
	ring = 16U << take8(&w.in) % 3;
	w.tx.mask = ring - 1;
	w.rx.mask = ring - 1;
	w.tx.data_size = IVNET_SHM_GRANULE * (1 + take8(&w.in));
	w.rx.data_size = w.tx.data_size;
	w.rx.max_frame = 14 + take16(&w.in) % w.rx.data_size;
	if (w.rx.max_frame > w.rx.data_size)
		w.rx.max_frame = w.rx.data_size;
	w.rx.flags = take8(&w.in) & D_ALL;
	w.rules.flags = w.rx.flags & 3;
	w.rules.gso_types = take8(&w.in);

	w.tx.ring = zeroed(ring * sizeof(*w.tx.ring));
	w.rx.ring = zeroed(ring * sizeof(*w.rx.ring));
	w.tx.own = zeroed(sizeof(*w.tx.own));
	w.tx.peer = zeroed(sizeof(*w.tx.peer));
	w.rx.own = zeroed(sizeof(*w.rx.own));
	w.rx.peer = zeroed(sizeof(*w.rx.peer));
	w.tx.end = zeroed(ring * sizeof(*w.tx.end));
	w.tx_data = zeroed(w.tx.data_size);
	w.rx_data = zeroed(w.rx.data_size);

	ivnet_shm_tx_reset(&w.tx);
	ivnet_shm_rx_reset(&w.rx);
	/* Indices that wrap in the course of a run, or begin where others do. */
	start = take8(&w.in) & 1 ? take32(&w.in) : 0U - ring / 2;
	w.tx.head = start;
	w.tx.tail = start;
	w.tx.published = start;
	w.rx.tail = start;
	w.rx.published = start;
}

static void world_free(void)
{
	free(w.tx.ring);
	free((void *)w.rx.ring);
	free(w.tx.own);
	free((void *)w.tx.peer);
	free(w.rx.own);
	free((void *)w.rx.peer);
	free(w.tx.end);
	free(w.tx_data);
	free(w.rx_data);
}

/**
 * ring_run() - run an input
 * @data: what the ring looks like, and what both sides do
 * @size: bytes
 *
 * Return: was a frame received?
 */
bool ring_run(const u8 *data, size_t size)
{
	u8 op;

	world_make(data, size);
	while (w.in.left) {
		op = take8(&w.in);
		peer_acts();
		if (op & 1)
			tx_act(op >> 1);
		else
			rx_act(op >> 1);
		MUST(w.tx.published - w.tx.tail <= w.tx.head - w.tx.tail);
		MUST(w.tx.head - w.tx.tail <= w.tx.mask + 1);
		MUST(w.rx.tail - w.rx.published <= w.rx.mask + 1);
	}
	world_free();

	return w.got;
}
