// SPDX-License-Identifier: GPL-2.0
/*
 * The classic format against a peer that is written here, by the description of
 * the format alone: its arithmetic shares nothing with shm_classic.h.
 */

#include <kunit/test.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include <net/ivnet/shm_classic.h>

/**
 * struct area - where things are in both areas, by hand
 * @size: of the region, or of a section
 * @v1: the region is IVSHMEM-NET's
 * @n: descriptors
 * @used: used ring, bytes from the start of the area
 * @ring: bytes of both rings, with padding
 * @mtu: by default
 * @max_mtu: the largest
 */
struct area {
	u64 size;
	bool v1;
	u32 n;
	u32 used;
	u32 ring;
	u32 mtu;
	u32 max_mtu;
};

/* Worked out on paper. */
static const struct area areas[] = {
	{ 0x7f000,  false, 2048, 36928,  53376, 16384, 65535 },
	{ 0x1ff000, false, 4096, 73792, 106624, 16384, 65535 },
	{ 0x10000,  false,  256,  4672,   6784,  3672, 14688 },
	/* Rings of 4096 take an eighth, and a little less. */
	{ 852992,   false, 2048, 36928,  53376, 16384, 65535 },
	{ 853056,   false, 4096, 73792, 106624, 16384, 65535 },
	{ 0x1000,   false,   32,   640,   1792,   144,   576 },
	{ 64 << 10,  true,  128,  2368,   3456,  1831,  7327 },
	{ 256 << 10, true,  512,  9280,  13440,  7351, 29407 },
	{ 1 << 20,   true, 2048, 36928,  53376, 16384, 65535 },
	{ 2 << 20,   true, 4096, 73792, 106624, 16384, 65535 },
	{ 4 << 20,   true, 4096, 73792, 106624, 16384, 65535 },
};

/* The region of 64 KiB. */
#define SMALL	6

/**
 * struct rig - our side of both directions, and the memory
 * @a: what is to be expected
 * @l: what is there
 * @base: the region on v1, two sections side by side on v2
 * @areas: each side's
 * @first: where the ring begins in an area
 * @tx: our sending side
 * @rx: our receiving side
 * @side: ours
 * @image: what our area shall be
 */
struct rig {
	const struct area *a;
	struct ivnet_classic_layout l;
	u8 *base;
	u8 *areas[2];
	u32 first;
	struct ivnet_classic_tx tx;
	struct ivnet_classic_rx rx;
	u32 side;
	u8 *image;
};

static u64 area_len(const struct area *a)
{
	return a->v1 ? a->size / 2 : a->size;
}

static void free_memory(void *p)
{
	vfree(p);
}

static void *memory(struct kunit *test, u64 size)
{
	void *p = vzalloc(size);

	KUNIT_ASSERT_NOT_NULL(test, p);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, free_memory, p), 0);

	return p;
}

static void rig_reset(struct rig *r)
{
	ivnet_classic_area_reset(&r->l, r->areas[r->side]);
	ivnet_classic_tx_reset(&r->tx, &r->l, r->areas, r->side);
	ivnet_classic_rx_reset(&r->rx, &r->l, r->areas, r->side);
}

static struct rig *rig_new(struct kunit *test, const struct area *a, u32 side)
{
	struct rig *r = kunit_kzalloc(test, sizeof(*r), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, r);
	r->a = a;
	r->side = side;
	r->first = a->v1 ? 4 : 0;
	KUNIT_ASSERT_TRUE(test, a->v1 ? ivnet_classic_layout_v1(&r->l, a->size) :
					ivnet_classic_layout_v2(&r->l, a->size));
	r->base = memory(test, 2 * area_len(a));
	r->areas[0] = r->base;
	r->areas[1] = r->base + area_len(a);
	r->image = memory(test, area_len(a));
	r->tx.end = kunit_kcalloc(test, a->n, sizeof(u64), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, r->tx.end);
	/* Stale content of an earlier life is the normal case. */
	memset(r->base, 0xa5, 2 * area_len(a));
	rig_reset(r);

	return r;
}

/* ---- words of the format, one byte at a time ---- */

static void put(u8 *p, u64 v, u32 bytes)
{
	while (bytes--) {
		*p++ = v;
		v >>= 8;
	}
}

static u64 get(const u8 *p, u32 bytes)
{
	u64 v = 0;

	while (bytes--)
		v = v << 8 | p[bytes];

	return v;
}

static u32 avail_at(const struct rig *r)
{
	return r->first + r->a->n * 16;
}

static u32 data_at(const struct rig *r)
{
	return r->first + r->a->ring;
}

static u64 data_len(const struct rig *r)
{
	return area_len(r->a) - data_at(r);
}

/* What a descriptor of side @side says of the first byte of its data. */
static u64 data_addr(const struct rig *r, u32 side)
{
	return (r->a->v1 && side ? r->a->size / 2 : 0) + data_at(r);
}

static void put_desc(const struct rig *r, u8 *area, u32 id, u64 addr, u32 len,
		     u16 flags)
{
	u8 *d = area + r->first + 16 * id;

	put(d, addr, 8);
	put(d + 8, len, 4);
	put(d + 12, flags, 2);
}

static void put_avail(const struct rig *r, u8 *area, u16 index, u16 id)
{
	put(area + avail_at(r) + 4 + 2 * (index % r->a->n), id, 2);
	put(area + avail_at(r) + 2, (u16)(index + 1), 2);
}

static void put_used(const struct rig *r, u8 *area, u16 index, u32 id, u32 len)
{
	u8 *u = area + r->a->used + 4 + 8 * (index % r->a->n);

	put(u, id, 4);
	put(u + 4, len, 4);
	put(area + r->a->used + 2, (u16)(index + 1), 2);
}

/* The peer returns what we sent as entry @index. */
static void peer_returns(const struct rig *r, u16 index)
{
	const u8 *ours = r->areas[r->side];

	put_used(r, r->areas[!r->side], index,
		 get(ours + avail_at(r) + 4 + 2 * (index % r->a->n), 2), 1);
}

/* The peer sends, with the descriptor that comes next. */
static void peer_sends(const struct rig *r, u16 index, u64 offset, u32 len)
{
	u8 *theirs = r->areas[!r->side];

	memset(theirs + data_at(r) + offset, index, len);
	put_desc(r, theirs, index % r->a->n, data_addr(r, !r->side) + offset,
		 len, 0);
	put_avail(r, theirs, index, index % r->a->n);
}

/* ---- layout ---- */

static void classic_test_layout(struct kunit *test)
{
	struct ivnet_classic_layout l;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(areas); i++) {
		const struct area *a = &areas[i];
		u32 first = a->v1 ? 4 : 0;

		KUNIT_ASSERT_TRUE(test, a->v1 ? ivnet_classic_layout_v1(&l, a->size) :
						ivnet_classic_layout_v2(&l, a->size));
		KUNIT_EXPECT_EQ(test, l.n, a->n);
		KUNIT_EXPECT_EQ(test, l.area, area_len(a));
		KUNIT_EXPECT_EQ(test, l.desc, first);
		KUNIT_EXPECT_EQ(test, l.avail, first + 16 * a->n);
		KUNIT_EXPECT_EQ(test, l.used, a->used);
		KUNIT_EXPECT_EQ(test, l.data, first + a->ring);
		KUNIT_EXPECT_EQ(test, l.data + l.data_size, area_len(a));
		KUNIT_EXPECT_EQ(test, l.mtu, a->mtu);
		KUNIT_EXPECT_EQ(test, l.max_mtu, a->max_mtu);
		KUNIT_EXPECT_EQ(test, ivnet_classic_max_frame(&l), a->max_mtu + 18);
		KUNIT_EXPECT_EQ(test, l.origin[0], 0);
		KUNIT_EXPECT_EQ(test, l.origin[1], a->v1 ? a->size / 2 : 0);
	}

	/* With 32 descriptors: the room of 64 for rings, then four frames. */
	KUNIT_EXPECT_FALSE(test, ivnet_classic_layout_v2(&l, 0));
	KUNIT_EXPECT_FALSE(test, ivnet_classic_layout_v2(&l, 1792 + 4 * 68 - 1));
	KUNIT_EXPECT_TRUE(test, ivnet_classic_layout_v2(&l, 1792 + 4 * 68));
	KUNIT_EXPECT_FALSE(test, ivnet_classic_layout_v1(&l, 2 * (4 + 1792 + 6000) - 1));
	KUNIT_EXPECT_TRUE(test, ivnet_classic_layout_v1(&l, 2 * (4 + 1792 + 6000)));
	/* More than 32 bits say. */
	KUNIT_ASSERT_TRUE(test, ivnet_classic_layout_v1(&l, 1ULL << 34));
	KUNIT_EXPECT_EQ(test, l.data_size, (1ULL << 33) - 4 - 106624);
	KUNIT_EXPECT_EQ(test, l.origin[1], 1ULL << 33);
}

/* ---- bytes ---- */

static void image_reset(const struct rig *r)
{
	u32 i;

	memset(r->image + r->first, 0, area_len(r->a) - r->first);
	/* The state word belongs to the driver. */
	memcpy(r->image, r->areas[r->side], r->first);
	for (i = 0; i < r->a->n; i++)
		put(r->image + r->first + 16 * i + 14, (i + 1) % r->a->n, 2);
}

static void expect_image(struct kunit *test, const struct rig *r)
{
	u64 i, len = area_len(r->a);

	if (!memcmp(r->image, r->areas[r->side], len))
		return;
	for (i = 0; r->image[i] == r->areas[r->side][i]; i++)
		;
	KUNIT_FAIL(test, "size %llu, side %u: byte %llu is %02x, not %02x",
		   r->a->size, r->side, i, r->areas[r->side][i], r->image[i]);
}

/* Where the next frame goes, as the format has it. */
static u64 bump(const struct rig *r, u64 *head, u32 len)
{
	u64 slot = DIV_ROUND_UP(18 + len, 64) * 64, at = *head;

	if (data_len(r) - at < slot)
		at = 0;
	*head = at + slot;

	return at;
}

static void send(struct kunit *test, struct rig *r, u16 index, u64 *head,
		 u32 len)
{
	u32 id = index % r->a->n;
	u64 at, offset;

	at = bump(r, head, len);
	KUNIT_ASSERT_TRUE(test, ivnet_classic_tx_alloc(&r->tx, len, &offset));
	KUNIT_ASSERT_EQ(test, offset, at);
	memset(r->areas[r->side] + data_at(r) + offset, index, len);
	ivnet_classic_tx_put(&r->tx, offset, len);
	ivnet_classic_tx_publish(&r->tx);

	memset(r->image + data_at(r) + at, index, len);
	put_desc(r, r->image, id, data_addr(r, r->side) + at, len, 0);
	put_avail(r, r->image, index, id);
}

static void receive(struct kunit *test, struct rig *r, u16 index, u64 at,
		    u32 len)
{
	struct ivnet_classic_frame f;
	u32 count;

	KUNIT_ASSERT_EQ(test, ivnet_classic_rx_avail(&r->rx, &count), 0);
	KUNIT_ASSERT_EQ(test, count, 1);
	KUNIT_ASSERT_EQ(test, ivnet_classic_rx_fetch(&r->rx, &f), 0);
	KUNIT_EXPECT_EQ(test, f.offset, at);
	KUNIT_EXPECT_EQ(test, f.len, len);
	KUNIT_EXPECT_EQ(test, f.id, index % r->a->n);
	ivnet_classic_rx_return(&r->rx, f.id);
	ivnet_classic_rx_publish(&r->rx);
	put_used(r, r->image, index, index % r->a->n, 1);
}

/* Every size of the table, both sides: the whole area, byte by byte. */
static void classic_test_bytes(struct kunit *test)
{
	static const u32 lens[] = { 14, 46, 47, 60, 110, 111, 576, 86 };
	u64 head, theirs;
	struct rig *r;
	u32 i, k, len, done;

	for (i = 0; i < 2 * ARRAY_SIZE(areas); i++) {
		r = rig_new(test, &areas[i / 2], i % 2);
		/* The peer's area is as a peer leaves it. */
		memset(r->areas[!r->side], 0, area_len(r->a));
		image_reset(r);
		memset(r->image, 0xa5, r->first);
		expect_image(test, r);

		head = 0;
		theirs = 0;
		for (k = 0; k < 2 * r->a->n + 5; k++) {
			len = k % 97 ? lens[k % ARRAY_SIZE(lens)] :
				       ivnet_classic_max_frame(&r->l);
			send(test, r, k, &head, len);
			if (k == 0 || k == 10)
				expect_image(test, r);
			peer_returns(r, k);
			KUNIT_ASSERT_EQ(test, ivnet_classic_tx_reclaim(&r->tx, &done), 0);
			KUNIT_ASSERT_EQ(test, done, 1);

			peer_sends(r, k, theirs, len);
			receive(test, r, k, theirs, len);
			bump(r, &theirs, len);
			/* The peer needs a whole frame's room as well. */
			if (theirs + ivnet_classic_max_frame(&r->l) > data_len(r))
				theirs = 0;
		}
		expect_image(test, r);

		ivnet_classic_rx_arm(&r->rx);
		put(r->image + r->a->used + 4 + 8 * r->a->n, k, 2);
		send(test, r, k, &head, 60);
		send(test, r, k + 1, &head, 60);
		ivnet_classic_tx_arm(&r->tx, 2, &done);
		put(r->image + avail_at(r) + 4 + 2 * r->a->n, k + 1, 2);
		expect_image(test, r);
	}
}

/* ---- rings ---- */

/* So many frames that indices, ring and data wrap, with up to all in flight. */
static void classic_test_wrap(struct kunit *test)
{
	struct rig *r = rig_new(test, &areas[SMALL], 1);
	u32 sent = 0, back = 0, taken = 0, done, count, len, i;
	struct ivnet_classic_frame f;
	u64 offset, at = 0, full = 0;

	memset(r->areas[!r->side], 0, area_len(r->a));
	while (back < 140000) {
		len = 60 + sent * 7 % 1400;
		if (ivnet_classic_tx_alloc(&r->tx, len, &offset)) {
			put(r->areas[r->side] + data_at(r) + offset, sent, 4);
			put(r->areas[r->side] + data_at(r) + offset + len - 4,
			    ~sent, 4);
			ivnet_classic_tx_put(&r->tx, offset, len);
			ivnet_classic_tx_publish(&r->tx);
			sent++;
			continue;
		}
		full++;
		/* No frame in flight may have been overwritten. */
		for (i = taken; i != sent; i++) {
			const u8 *d = r->areas[r->side] + r->first +
				      16 * (i % r->a->n);
			const u8 *p = r->base + get(d, 8);

			len = get(d + 8, 4);
			KUNIT_ASSERT_EQ(test, (u32)get(p, 4), i);
			KUNIT_ASSERT_EQ(test, (u32)get(p + len - 4, 4), ~i);
		}
		for (i = 0; i <= full % (sent - taken); i++)
			peer_returns(r, taken + i);
		taken += i;
		KUNIT_ASSERT_EQ(test, ivnet_classic_tx_reclaim(&r->tx, &done), 0);
		KUNIT_ASSERT_EQ(test, done, i);
		back += done;
	}
	KUNIT_EXPECT_GT(test, full, 1000);

	for (i = 0; i < 70000; i++) {
		peer_sends(r, i, at, 64);
		at = (at + 128) % 25600;
		KUNIT_ASSERT_EQ(test, ivnet_classic_rx_avail(&r->rx, &count), 0);
		KUNIT_ASSERT_EQ(test, count, 1);
		KUNIT_ASSERT_EQ(test, ivnet_classic_rx_fetch(&r->rx, &f), 0);
		KUNIT_ASSERT_EQ(test, r->areas[!r->side][data_at(r) + f.offset],
				(u8)i);
		ivnet_classic_rx_return(&r->rx, f.id);
		ivnet_classic_rx_publish(&r->rx);
	}
	KUNIT_EXPECT_EQ(test, get(r->areas[r->side] + r->a->used + 2, 2), (u16)i);
}

/* Data that fills up to the last byte, and a ring of short frames. */
static void classic_test_full(struct kunit *test)
{
	struct rig *r = rig_new(test, &areas[SMALL], 0);
	u64 size = r->l.data_size, offset;
	u32 i, done;

	memset(r->areas[!r->side], 0, area_len(r->a));
	for (i = 0; i < r->a->n; i++) {
		KUNIT_ASSERT_TRUE(test, ivnet_classic_tx_alloc(&r->tx, 60, &offset));
		KUNIT_EXPECT_EQ(test, offset, 128 * i);
		ivnet_classic_tx_put(&r->tx, offset, 60);
	}
	KUNIT_EXPECT_FALSE(test, ivnet_classic_tx_alloc(&r->tx, 60, &offset));
	ivnet_classic_tx_publish(&r->tx);
	for (i = 0; i < r->a->n; i++)
		peer_returns(r, i);
	KUNIT_ASSERT_EQ(test, ivnet_classic_tx_reclaim(&r->tx, &done), 0);
	KUNIT_EXPECT_EQ(test, done, r->a->n);

	/* The rest is too short, but nothing is in use: all from 0 on. */
	offset = 1;
	KUNIT_ASSERT_TRUE(test, ivnet_classic_tx_alloc(&r->tx, size - 18 - 64, &offset));
	KUNIT_EXPECT_EQ(test, offset, 0);
	ivnet_classic_tx_put(&r->tx, offset, size - 18 - 64);
	ivnet_classic_tx_publish(&r->tx);
	/* And now nothing is left, wherever the last frame was. */
	KUNIT_EXPECT_FALSE(test, ivnet_classic_tx_alloc(&r->tx, 60, &offset));
	KUNIT_EXPECT_FALSE(test, ivnet_classic_tx_alloc(&r->tx, size, &offset));
	peer_returns(r, r->a->n);
	KUNIT_ASSERT_EQ(test, ivnet_classic_tx_reclaim(&r->tx, &done), 0);
	KUNIT_EXPECT_EQ(test, done, 1);

	/* What the first of three gives back is there for a fourth. */
	for (i = 1; i <= 3; i++) {
		KUNIT_ASSERT_TRUE(test, ivnet_classic_tx_alloc(&r->tx, 7300, &offset));
		ivnet_classic_tx_put(&r->tx, offset, 7300);
	}
	ivnet_classic_tx_publish(&r->tx);
	KUNIT_EXPECT_FALSE(test, ivnet_classic_tx_alloc(&r->tx, 7250, &offset));
	peer_returns(r, r->a->n + 1);
	KUNIT_ASSERT_EQ(test, ivnet_classic_tx_reclaim(&r->tx, &done), 0);
	KUNIT_EXPECT_FALSE(test, ivnet_classic_tx_alloc(&r->tx, 7343, &offset));
	KUNIT_EXPECT_TRUE(test, ivnet_classic_tx_alloc(&r->tx, 7250, &offset));
}

/* ---- events ---- */

static void classic_test_events(struct kunit *test)
{
	struct rig *r = rig_new(test, &areas[SMALL], 0);
	u8 *theirs = r->areas[1];
	struct ivnet_classic_frame f;
	u32 old, step, event, i, done;
	u64 offset;
	bool ring;

	for (old = 65520; old < 65560; old++)
		for (step = 0; step < 20; step++)
			for (event = 65500; event < 65600; event++) {
				ring = false;
				for (i = 0; i < step; i++)
					ring |= (u16)(old + i) == (u16)event;
				KUNIT_ASSERT_EQ(test, ring,
						ivnet_classic_must_ring(event, old, old + step));
			}

	/* We send: they ask with avail_event, which is in their area. */
	memset(theirs, 0, area_len(r->a));
	for (i = 0; i < 6; i++) {
		put(theirs + r->a->used + 4 + 8 * r->a->n, i < 3 ? i : 99, 2);
		ivnet_classic_tx_alloc(&r->tx, 60, &offset);
		ivnet_classic_tx_put(&r->tx, offset, 60);
		KUNIT_EXPECT_EQ(test, ivnet_classic_tx_publish(&r->tx), i < 3);
	}
	/* Nothing new: nobody is rung. */
	KUNIT_EXPECT_FALSE(test, ivnet_classic_tx_publish(&r->tx));

	/* They send: they ask with used_event, which is in their area too. */
	for (i = 0; i < 6; i++) {
		put(theirs + avail_at(r) + 4 + 2 * r->a->n, i < 3 ? i : 99, 2);
		KUNIT_EXPECT_EQ(test, ivnet_classic_rx_arm(&r->rx), false);
		KUNIT_EXPECT_EQ(test, get(r->areas[0] + r->a->used + 4 + 8 * r->a->n, 2), i);
		peer_sends(r, i, 0, 60);
		/* Arming after the frame came says so. */
		KUNIT_EXPECT_EQ(test, ivnet_classic_rx_arm(&r->rx), true);
		KUNIT_ASSERT_EQ(test, ivnet_classic_rx_fetch(&r->rx, &f), 0);
		ivnet_classic_rx_return(&r->rx, f.id);
		KUNIT_EXPECT_EQ(test, ivnet_classic_rx_publish(&r->rx), i < 3);
	}
	KUNIT_EXPECT_FALSE(test, ivnet_classic_rx_publish(&r->rx));

	/* And so does arming for room. */
	KUNIT_EXPECT_EQ(test, ivnet_classic_tx_arm(&r->tx, 6, &done), 0);
	KUNIT_EXPECT_EQ(test, done, 0);
	KUNIT_EXPECT_EQ(test, get(r->areas[0] + avail_at(r) + 4 + 2 * r->a->n, 2), 5);
	peer_returns(r, 0);
	KUNIT_EXPECT_EQ(test, ivnet_classic_tx_arm(&r->tx, 3, &done), 0);
	KUNIT_EXPECT_EQ(test, done, 1);
}

/* ---- lies ---- */

static void classic_test_used_lies(struct kunit *test)
{
	struct rig *r = rig_new(test, &areas[SMALL], 1);
	u8 *theirs = r->areas[0];
	u64 offset;
	u32 i, done;

	memset(theirs, 0, area_len(r->a));
	for (i = 0; i < 8; i++) {
		ivnet_classic_tx_alloc(&r->tx, 60, &offset);
		ivnet_classic_tx_put(&r->tx, offset, 60);
	}
	/* Written, but not shown yet. */
	put(theirs + r->a->used + 2, 1, 2);
	KUNIT_EXPECT_EQ(test, ivnet_classic_tx_reclaim(&r->tx, &done),
			IVNET_CLASSIC_ERR_USED_INDEX);
	put(theirs + r->a->used + 2, 0, 2);
	ivnet_classic_tx_publish(&r->tx);

	peer_returns(r, 0);
	put_used(r, theirs, 1, 2, 1);
	KUNIT_EXPECT_EQ(test, ivnet_classic_tx_reclaim(&r->tx, &done),
			IVNET_CLASSIC_ERR_USED_ID);
	KUNIT_EXPECT_EQ(test, done, 1);
	put_used(r, theirs, 1, U32_MAX, 1);
	KUNIT_EXPECT_EQ(test, ivnet_classic_tx_reclaim(&r->tx, &done),
			IVNET_CLASSIC_ERR_USED_ID);
	put_used(r, theirs, 1, 1 + r->a->n, 1);
	KUNIT_EXPECT_EQ(test, ivnet_classic_tx_reclaim(&r->tx, &done),
			IVNET_CLASSIC_ERR_USED_ID);
	put_used(r, theirs, 1, 1, 0);
	KUNIT_EXPECT_EQ(test, ivnet_classic_tx_reclaim(&r->tx, &done),
			IVNET_CLASSIC_ERR_USED_LEN);
	put_used(r, theirs, 1, 1, 60);
	KUNIT_EXPECT_EQ(test, ivnet_classic_tx_reclaim(&r->tx, &done),
			IVNET_CLASSIC_ERR_USED_LEN);
	KUNIT_EXPECT_EQ(test, done, 0);
	for (i = 9; i < 65536; i++) {
		put(theirs + r->a->used + 2, i, 2);
		KUNIT_ASSERT_EQ(test, ivnet_classic_tx_reclaim(&r->tx, &done),
				IVNET_CLASSIC_ERR_USED_INDEX);
	}
	/* Back is as wrong as ahead. */
	put(theirs + r->a->used + 2, 0, 2);
	KUNIT_EXPECT_EQ(test, ivnet_classic_tx_arm(&r->tx, 1, &done),
			IVNET_CLASSIC_ERR_USED_INDEX);
	/* All that was refused changed nothing. */
	for (i = 1; i < 8; i++)
		peer_returns(r, i);
	KUNIT_EXPECT_EQ(test, ivnet_classic_tx_reclaim(&r->tx, &done), 0);
	KUNIT_EXPECT_EQ(test, done, 7);
}

static void classic_test_avail_lies(struct kunit *test)
{
	struct rig *r = rig_new(test, &areas[SMALL], 1);
	const struct {
		u64 addr;
		u32 len;
		u16 flags;
		enum ivnet_classic_err err;
	} lies[] = {
		{ data_addr(r, 0), 60, 1, IVNET_CLASSIC_ERR_FLAGS },
		{ data_addr(r, 0), 60, 0x8000, IVNET_CLASSIC_ERR_FLAGS },
		{ data_addr(r, 0), 0, 0, IVNET_CLASSIC_ERR_SHORT },
		{ data_addr(r, 0), 13, 0, IVNET_CLASSIC_ERR_SHORT },
		{ data_addr(r, 0), 14, 0, IVNET_CLASSIC_OK },
		{ data_addr(r, 0), 7327 + 18, 0, IVNET_CLASSIC_OK },
		{ data_addr(r, 0), 7327 + 19, 0, IVNET_CLASSIC_ERR_LONG },
		{ data_addr(r, 0), U32_MAX, 0, IVNET_CLASSIC_ERR_LONG },
		{ data_addr(r, 0) - 1, 60, 0, IVNET_CLASSIC_ERR_ADDR },
		{ 0, 60, 0, IVNET_CLASSIC_ERR_ADDR },
		{ U64_MAX, 60, 0, IVNET_CLASSIC_ERR_ADDR },
		{ U64_MAX - 30, 60, 0, IVNET_CLASSIC_ERR_ADDR },
		{ 32768 - 60, 60, 0, IVNET_CLASSIC_OK },
		{ 32768 - 59, 60, 0, IVNET_CLASSIC_ERR_ADDR },
		{ 32768, 60, 0, IVNET_CLASSIC_ERR_ADDR },
		/* In our own half. */
		{ data_addr(r, 1), 60, 0, IVNET_CLASSIC_ERR_ADDR },
		{ (1ULL << 32) + data_addr(r, 0), 60, 0, IVNET_CLASSIC_ERR_ADDR },
	};
	u8 *theirs = r->areas[0];
	struct ivnet_classic_frame f;
	u32 i, count;

	memset(theirs, 0, area_len(r->a));
	for (i = 0; i < ARRAY_SIZE(lies); i++) {
		put_desc(r, theirs, 77, lies[i].addr, lies[i].len, lies[i].flags);
		put_avail(r, theirs, i, 77);
		KUNIT_ASSERT_EQ(test, ivnet_classic_rx_avail(&r->rx, &count), 0);
		KUNIT_ASSERT_EQ(test, count, 1);
		KUNIT_EXPECT_EQ_MSG(test, ivnet_classic_rx_fetch(&r->rx, &f),
				    lies[i].err, "descriptor %u", i);
		/* The sender gets it back all the same. */
		KUNIT_EXPECT_EQ(test, f.id, 77);
		ivnet_classic_rx_return(&r->rx, f.id);
		ivnet_classic_rx_publish(&r->rx);
		KUNIT_EXPECT_EQ(test, get(r->areas[1] + r->a->used + 4 + 8 * i, 4), 77);
	}

	put_avail(r, theirs, i, r->a->n);
	KUNIT_EXPECT_EQ(test, ivnet_classic_rx_fetch(&r->rx, &f),
			IVNET_CLASSIC_ERR_AVAIL_ID);
	put_avail(r, theirs, i, U16_MAX);
	KUNIT_EXPECT_EQ(test, ivnet_classic_rx_fetch(&r->rx, &f),
			IVNET_CLASSIC_ERR_AVAIL_ID);

	put(theirs + avail_at(r) + 2, i + r->a->n, 2);
	KUNIT_EXPECT_EQ(test, ivnet_classic_rx_avail(&r->rx, &count), 0);
	KUNIT_EXPECT_EQ(test, count, r->a->n);
	put(theirs + avail_at(r) + 2, i + r->a->n + 1, 2);
	KUNIT_EXPECT_EQ(test, ivnet_classic_rx_avail(&r->rx, &count),
			IVNET_CLASSIC_ERR_AVAIL_INDEX);
	KUNIT_EXPECT_EQ(test, count, 0);
	put(theirs + avail_at(r) + 2, i - 1, 2);
	KUNIT_EXPECT_EQ(test, ivnet_classic_rx_avail(&r->rx, &count),
			IVNET_CLASSIC_ERR_AVAIL_INDEX);
}

static struct kunit_case classic_test_cases[] = {
	KUNIT_CASE(classic_test_layout),
	KUNIT_CASE(classic_test_bytes),
	KUNIT_CASE(classic_test_wrap),
	KUNIT_CASE(classic_test_full),
	KUNIT_CASE(classic_test_events),
	KUNIT_CASE(classic_test_used_lies),
	KUNIT_CASE(classic_test_avail_lies),
	{}
};

static struct kunit_suite classic_test_suite = {
	.name = "ivnet_shm_classic",
	.test_cases = classic_test_cases,
};

kunit_test_suite(classic_test_suite);
