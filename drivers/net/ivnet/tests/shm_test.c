// SPDX-License-Identifier: GPL-2.0
/* Layout and rings of shared memory, with an honest and a lying peer. */

#include <kunit/test.h>
#include <linux/random.h>
#include <net/ivnet/shm_region.h>

#define REGION	65536

/* Both sides of one lane over a private region. */
struct lane {
	u8 *base;
	struct ivnet_shm_geometry g;
	struct ivnet_shm_tx tx;
	struct ivnet_shm_rx rx;
	u8 *data;
};

static void lane_setup(struct kunit *test, struct lane *l)
{
	l->base = kunit_kzalloc(test, REGION, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, l->base);
	KUNIT_ASSERT_EQ(test, ivnet_shm_geometry_default(&l->g, REGION, 2, 1),
			IVNET_SHM_GEOMETRY_OK);

	l->tx = (struct ivnet_shm_tx) {
		.ring = (void *)(l->base + ivnet_shm_ring_off(&l->g, 0, 1, 0)),
		.own = (void *)(l->base + ivnet_shm_prod_off(&l->g, 0, 1, 0)),
		.peer = (void *)(l->base + ivnet_shm_cons_off(&l->g, 1, 0, 0)),
		.end = kunit_kcalloc(test, 1 << l->g.order, sizeof(u32),
				     GFP_KERNEL),
		.mask = (1 << l->g.order) - 1,
		.data_size = l->g.data_size,
	};
	KUNIT_ASSERT_NOT_NULL(test, l->tx.end);
	l->rx = (struct ivnet_shm_rx) {
		.ring = l->tx.ring,
		.own = (void *)l->tx.peer,
		.peer = l->tx.own,
		.mask = l->tx.mask,
		.data_size = l->g.data_size,
		.max_frame = l->g.max_frame,
		.flags = IVNET_SHM_D_NEEDS_CSUM,
	};
	l->data = l->base + ivnet_shm_data_off(&l->g, 0, 1, 0);
	ivnet_shm_tx_reset(&l->tx);
	ivnet_shm_rx_reset(&l->rx);
}

static bool lane_send(struct lane *l, u32 len, u8 fill)
{
	struct ivnet_shm_frame f = { .len = len };

	if (!ivnet_shm_tx_alloc(&l->tx, len, &f.offset))
		return false;
	memset(l->data + f.offset, fill, len);
	ivnet_shm_tx_put(&l->tx, &f);

	return true;
}

static void shm_test_layout(struct kunit *test)
{
	static const u64 sizes[] = { 32768, 65536, 1 << 20, 4 << 20, 64 << 20 };
	struct ivnet_shm_geometry g;
	u32 i, j, k, ports, queues;
	u64 end;

	for (i = 0; i < ARRAY_SIZE(sizes); i++)
		for (ports = 2; ports <= 16; ports++)
			for (queues = 1; queues <= 4; queues++) {
				if (ivnet_shm_geometry_default(&g, sizes[i],
							       ports, queues))
					continue;
				/* The last lane of the last section ends inside. */
				end = ivnet_shm_data_off(&g, ports - 1, ports - 2,
							 queues - 1) + g.data_size;
				KUNIT_EXPECT_LE(test, end, sizes[i]);
				KUNIT_EXPECT_GE(test, g.data_size / 4, g.max_frame);
				KUNIT_EXPECT_EQ(test, g.data_size % 64, 0);
				/* Blocks stay before the lanes, lanes apart. */
				end = ivnet_shm_cons_off(&g, 0, ports - 1, queues - 1);
				KUNIT_EXPECT_LE(test, end + 128, g.first + g.lanes_off);
				for (j = 0, k = 0; j < ports; j++)
					if (j != 1)
						KUNIT_EXPECT_EQ(test, ivnet_shm_lane(&g, 1, j, 0),
								k++ * queues);
			}

	/* 4 MiB for two: what ivnet-shm.rst promises. */
	KUNIT_ASSERT_EQ(test, ivnet_shm_geometry_default(&g, 4 << 20, 2, 1), 0);
	KUNIT_EXPECT_GE(test, g.data_size, 1900 * 1024);
	KUNIT_EXPECT_EQ(test, g.max_frame, IVNET_SHM_FRAME_MAX);
	KUNIT_EXPECT_NE(test, ivnet_shm_geometry_default(&g, 32767, 2, 1), 0);
	KUNIT_EXPECT_NE(test, ivnet_shm_geometry_default(&g, 1 << 20, 1, 1), 0);
	KUNIT_EXPECT_NE(test, ivnet_shm_geometry_default(&g, 1 << 20, 17, 1), 0);
	KUNIT_EXPECT_NE(test, ivnet_shm_geometry_default(&g, 1 << 20, 2, 5), 0);
}

static void shm_test_roomy(struct kunit *test)
{
	struct ivnet_shm_geometry g;
	u32 queues;

	/* Frames of 1,408 bytes with four queues, of 1,920 with three. */
	queues = 4;
	KUNIT_EXPECT_EQ(test, ivnet_shm_geometry_roomy(&g, 64 << 10, 2, &queues), 0);
	KUNIT_EXPECT_EQ(test, queues, 3);
	KUNIT_EXPECT_EQ(test, g.queues, 3);
	KUNIT_EXPECT_GE(test, g.max_frame, 1518);
	KUNIT_ASSERT_EQ(test, ivnet_shm_geometry_default(&g, 64 << 10, 2, 4), 0);
	KUNIT_EXPECT_LT(test, g.max_frame, 1518);

	/* One is the least, however short frames get; many stay many. */
	queues = 4;
	KUNIT_EXPECT_EQ(test, ivnet_shm_geometry_roomy(&g, 64 << 10, 4, &queues), 0);
	KUNIT_EXPECT_EQ(test, queues, 1);
	queues = 4;
	KUNIT_EXPECT_EQ(test, ivnet_shm_geometry_roomy(&g, 4 << 20, 2, &queues), 0);
	KUNIT_EXPECT_EQ(test, queues, 4);
	queues = 4;
	KUNIT_EXPECT_NE(test, ivnet_shm_geometry_roomy(&g, 32 << 10, 16, &queues), 0);
}

static void header_fill(struct ivnet_shm_header *h,
			const struct ivnet_shm_geometry *g)
{
	*h = (struct ivnet_shm_header) {
		.magic = cpu_to_le64(IVNET_SHM_MAGIC),
		.major = cpu_to_le16(1),
		.header_len = cpu_to_le16(0x44),
		.max_ports = cpu_to_le16(g->ports),
		.region_size = cpu_to_le64(g->region_size),
		.first_section = cpu_to_le32(g->first),
		.section_stride = cpu_to_le64(g->stride),
		.queues = cpu_to_le16(g->queues),
		.ring_order = cpu_to_le16(g->order),
		.max_frame = cpu_to_le32(g->max_frame),
	};
}

static void shm_test_header(struct kunit *test)
{
	struct ivnet_shm_geometry g, got;
	struct ivnet_shm_header h;
	u32 crc;

	/* The published check value of CRC-32C. */
	KUNIT_EXPECT_EQ(test, ivnet_shm_crc("123456789", 9), 0xe3069283);

	KUNIT_ASSERT_EQ(test, ivnet_shm_geometry_default(&g, 1 << 20, 4, 2), 0);
	header_fill(&h, &g);
	crc = ivnet_shm_crc(&h, 64);
	h.crc = cpu_to_le32(crc);
	KUNIT_EXPECT_EQ(test, ivnet_shm_geometry_check(&got, &h, 1 << 20, crc),
			IVNET_SHM_GEOMETRY_OK);
	KUNIT_EXPECT_EQ(test, memcmp(&g, &got, sizeof(g)), 0);
	KUNIT_EXPECT_EQ(test, ivnet_shm_geometry_check(&got, &h, 1 << 20, crc + 1),
			IVNET_SHM_GEOMETRY_CRC);
	KUNIT_EXPECT_EQ(test, ivnet_shm_geometry_check(&got, &h, 2 << 20, crc),
			IVNET_SHM_GEOMETRY_SIZE);

	h.major = cpu_to_le16(2);
	KUNIT_EXPECT_EQ(test, ivnet_shm_geometry_check(&got, &h, 1 << 20, crc),
			IVNET_SHM_GEOMETRY_MAJOR);
	header_fill(&h, &g);
	h.crc = cpu_to_le32(crc);
	h.features_must = cpu_to_le64(1);
	KUNIT_EXPECT_EQ(test, ivnet_shm_geometry_check(&got, &h, 1 << 20, crc),
			IVNET_SHM_GEOMETRY_FEATURES);
	header_fill(&h, &g);
	h.crc = cpu_to_le32(crc);
	h.section_stride = cpu_to_le64(1ULL << 63);
	KUNIT_EXPECT_EQ(test, ivnet_shm_geometry_check(&got, &h, 1 << 20, crc),
			IVNET_SHM_GEOMETRY_FIT);
	header_fill(&h, &g);
	h.crc = cpu_to_le32(crc);
	h.max_frame = cpu_to_le32(g.max_frame + 1);
	KUNIT_EXPECT_EQ(test, ivnet_shm_geometry_check(&got, &h, 1 << 20, crc),
			IVNET_SHM_GEOMETRY_FIT);
	header_fill(&h, &g);
	h.crc = cpu_to_le32(crc);
	h.ring_order = cpu_to_le16(31);
	KUNIT_EXPECT_EQ(test, ivnet_shm_geometry_check(&got, &h, 1 << 20, crc),
			IVNET_SHM_GEOMETRY_RANGE);

	/* Sections begin at pages, even where others would have room as well. */
	header_fill(&h, &g);
	h.crc = cpu_to_le32(crc);
	h.max_frame = cpu_to_le32(1000);
	h.section_stride = cpu_to_le64(g.stride - 64);
	KUNIT_EXPECT_EQ(test, ivnet_shm_geometry_check(&got, &h, 1 << 20, crc),
			IVNET_SHM_GEOMETRY_FIT);
	h.section_stride = cpu_to_le64(g.stride - 4096);
	KUNIT_EXPECT_EQ(test, ivnet_shm_geometry_check(&got, &h, 1 << 20, crc),
			IVNET_SHM_GEOMETRY_OK);
}

/* Frames of random length, sent and received in random batches. */
static void shm_test_traffic(struct kunit *test)
{
	u32 sent = 0, got = 0, full = 0, len, i, n, round;
	struct ivnet_shm_frame f;
	u32 *lens;
	struct lane l;

	lane_setup(test, &l);
	lens = kunit_kcalloc(test, l.tx.mask + 1, sizeof(*lens), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, lens);

	/* Indices wrap while frames are under way. */
	l.tx.head = -20U;
	l.tx.tail = -20U;
	l.tx.published = -20U;
	l.rx.tail = -20U;
	l.rx.published = -20U;
	l.tx.own->index = cpu_to_le32(-20U);
	l.rx.own->index = cpu_to_le32(-20U);

	for (round = 0; round < 3000; round++) {
		for (n = get_random_u32() % 40; n; n--) {
			len = 14 + get_random_u32() % (l.g.max_frame - 13);
			if (round % 3)
				len = 14 + len % 200;
			if (!lane_send(&l, len, (u8)sent)) {
				full++;
				break;
			}
			lens[sent++ & l.tx.mask] = len;
		}
		ivnet_shm_tx_publish(&l.tx);

		n = get_random_u32() % 40;
		while (n-- && ivnet_shm_rx_avail(&l.rx) > 0) {
			KUNIT_ASSERT_EQ(test, ivnet_shm_rx_fetch(&l.rx, &f),
					IVNET_SHM_OK);
			KUNIT_ASSERT_EQ(test, f.len, lens[got & l.tx.mask]);
			for (i = 0; i < f.len; i += f.len - 1)
				KUNIT_ASSERT_EQ(test, l.data[f.offset + i], (u8)got);
			ivnet_shm_rx_next(&l.rx);
			got++;
		}
		ivnet_shm_rx_publish(&l.rx);
		KUNIT_ASSERT_GE(test, ivnet_shm_tx_reclaim(&l.tx), 0);
	}
	KUNIT_EXPECT_GT(test, full, 0);
	KUNIT_EXPECT_GT(test, got, 10000);
}

static void shm_test_doorbells(struct kunit *test)
{
	struct ivnet_shm_frame f;
	struct lane l;
	u32 i;

	lane_setup(test, &l);
	/* Armed: the first frame rings, those after it do not. */
	KUNIT_EXPECT_FALSE(test, ivnet_shm_rx_arm(&l.rx));
	KUNIT_ASSERT_TRUE(test, lane_send(&l, 60, 1));
	KUNIT_EXPECT_TRUE(test, ivnet_shm_tx_publish(&l.tx));
	KUNIT_ASSERT_TRUE(test, lane_send(&l, 60, 2));
	KUNIT_EXPECT_FALSE(test, ivnet_shm_tx_publish(&l.tx));
	/* Nothing is slept through. */
	KUNIT_EXPECT_TRUE(test, ivnet_shm_rx_arm(&l.rx));

	/* A producer that waits for two frames is rung at the second. */
	KUNIT_EXPECT_EQ(test, ivnet_shm_tx_arm(&l.tx, 2), 0);
	for (i = 0; i < 2; i++) {
		KUNIT_EXPECT_EQ(test, ivnet_shm_rx_avail(&l.rx), 2 - i);
		KUNIT_EXPECT_EQ(test, ivnet_shm_rx_fetch(&l.rx, &f), 0);
		ivnet_shm_rx_next(&l.rx);
		KUNIT_EXPECT_EQ(test, ivnet_shm_rx_publish(&l.rx), i == 1);
	}
	KUNIT_EXPECT_EQ(test, ivnet_shm_tx_arm(&l.tx, 1), 2);
}

static void shm_test_lies(struct kunit *test)
{
	struct ivnet_shm_desc good, *d;
	struct ivnet_shm_frame f;
	struct lane l;

	lane_setup(test, &l);
	KUNIT_ASSERT_TRUE(test, lane_send(&l, 100, 1));
	ivnet_shm_tx_publish(&l.tx);
	d = l.tx.ring;
	good = *d;

	*d = good;
	d->flags = 0;
	KUNIT_EXPECT_EQ(test, ivnet_shm_rx_fetch(&l.rx, &f), IVNET_SHM_OK);
	*d = good;
	d->seq = cpu_to_le16(1);
	KUNIT_EXPECT_EQ(test, ivnet_shm_rx_fetch(&l.rx, &f), IVNET_SHM_ERR_SEQ);
	*d = good;
	d->flags = cpu_to_le16(IVNET_SHM_D_VLAN);
	KUNIT_EXPECT_EQ(test, ivnet_shm_rx_fetch(&l.rx, &f), IVNET_SHM_ERR_FLAGS);
	*d = good;
	d->flags = cpu_to_le16(0x8000);
	KUNIT_EXPECT_EQ(test, ivnet_shm_rx_fetch(&l.rx, &f), IVNET_SHM_ERR_FLAGS);
	*d = good;
	d->len = cpu_to_le32(13);
	KUNIT_EXPECT_EQ(test, ivnet_shm_rx_fetch(&l.rx, &f), IVNET_SHM_ERR_LEN);
	*d = good;
	d->len = cpu_to_le32(l.g.max_frame);
	KUNIT_EXPECT_EQ(test, ivnet_shm_rx_fetch(&l.rx, &f), IVNET_SHM_OK);
	*d = good;
	d->len = cpu_to_le32(l.g.max_frame + 1);
	KUNIT_EXPECT_EQ(test, ivnet_shm_rx_fetch(&l.rx, &f), IVNET_SHM_ERR_LEN);
	*d = good;
	d->len = cpu_to_le32(U32_MAX);
	KUNIT_EXPECT_EQ(test, ivnet_shm_rx_fetch(&l.rx, &f), IVNET_SHM_ERR_LEN);
	*d = good;
	d->offset = cpu_to_le32(63);
	KUNIT_EXPECT_EQ(test, ivnet_shm_rx_fetch(&l.rx, &f), IVNET_SHM_ERR_OFFSET);
	*d = good;
	d->offset = cpu_to_le32(l.g.data_size - 128);
	KUNIT_EXPECT_EQ(test, ivnet_shm_rx_fetch(&l.rx, &f), IVNET_SHM_OK);
	*d = good;
	d->offset = cpu_to_le32(l.g.data_size - 64);
	KUNIT_EXPECT_EQ(test, ivnet_shm_rx_fetch(&l.rx, &f), IVNET_SHM_ERR_OFFSET);
	*d = good;
	d->offset = cpu_to_le32(U32_MAX - 63);
	KUNIT_EXPECT_EQ(test, ivnet_shm_rx_fetch(&l.rx, &f), IVNET_SHM_ERR_OFFSET);
	*d = good;

	/* Indices that ran ahead. */
	l.tx.own->index = cpu_to_le32(l.tx.mask + 2);
	KUNIT_EXPECT_EQ(test, ivnet_shm_rx_avail(&l.rx), -EPROTO);
	l.tx.own->index = cpu_to_le32(l.tx.mask + 1);
	KUNIT_EXPECT_EQ(test, ivnet_shm_rx_avail(&l.rx), l.tx.mask + 1);
	l.rx.own->index = cpu_to_le32(2);
	KUNIT_EXPECT_EQ(test, ivnet_shm_tx_reclaim(&l.tx), -EPROTO);
	l.rx.own->index = cpu_to_le32(-1U);
	KUNIT_EXPECT_EQ(test, ivnet_shm_tx_reclaim(&l.tx), -EPROTO);
	l.rx.own->index = cpu_to_le32(1);
	KUNIT_EXPECT_EQ(test, ivnet_shm_tx_reclaim(&l.tx), 1);
}

/* All indices of a lane begin at @index, as if so many frames had passed. */
static void lane_begin(struct lane *l, u32 index)
{
	ivnet_shm_tx_reset(&l->tx);
	ivnet_shm_rx_reset(&l->rx);
	l->tx.head = index;
	l->tx.published = index;
	l->tx.tail = index;
	l->rx.tail = index;
	l->rx.published = index;
	l->tx.own->index = cpu_to_le32(index);
	l->rx.own->index = cpu_to_le32(index);
}

/* An event is passed if the index moves from it or before it to behind it. */
static void shm_test_event(struct kunit *test)
{
	static const u32 starts[] = { 0, 1, 100, 0x7fffffff, 0x80000000, -1U, -3U };
	u32 i, n, k, event, off, old;
	bool ring;

	for (i = 0; i < ARRAY_SIZE(starts); i++)
		for (n = 0; n < 8; n++)
			for (off = 0; off < 16; off++) {
				old = starts[i];
				event = old + off - 4;
				for (k = 0, ring = false; k < n; k++)
					ring |= old + k == event;
				KUNIT_EXPECT_EQ_MSG(test, ring,
						    ivnet_shm_must_ring(event, old, old + n),
						    "%u + %u, event %u", old, n, event);
			}
	/* The whole ring at once, and an event that is half the numbers away. */
	KUNIT_EXPECT_TRUE(test, ivnet_shm_must_ring(-1U, -16U, 16));
	KUNIT_EXPECT_FALSE(test, ivnet_shm_must_ring(0x80000000, 0, 32768));
	KUNIT_EXPECT_FALSE(test, ivnet_shm_must_ring(0x80000000, -16U, 16));
}

/* Who waits is rung by exactly one move, also where the indices wrap. */
static void shm_test_arm(struct kunit *test)
{
	struct ivnet_shm_frame f;
	u32 start, done, i, rung;
	struct lane l;

	lane_setup(test, &l);
	for (start = -12U; start != 12; start++)
		for (done = 1; done <= 8; done++) {
			lane_begin(&l, start);
			KUNIT_EXPECT_FALSE(test, ivnet_shm_rx_arm(&l.rx));
			for (i = 0; i < 8; i++) {
				KUNIT_ASSERT_TRUE(test, lane_send(&l, 60, i));
				KUNIT_EXPECT_EQ(test, ivnet_shm_tx_publish(&l.tx), i == 0);
			}
			KUNIT_EXPECT_EQ(test, ivnet_shm_tx_arm(&l.tx, done), 0);
			for (i = 0, rung = 0; i < 8; i++) {
				KUNIT_EXPECT_EQ(test, ivnet_shm_rx_avail(&l.rx), 8 - i);
				KUNIT_ASSERT_EQ(test, ivnet_shm_rx_fetch(&l.rx, &f), IVNET_SHM_OK);
				ivnet_shm_rx_next(&l.rx);
				if (ivnet_shm_rx_publish(&l.rx))
					rung = rung * 10 + i + 1;
			}
			KUNIT_EXPECT_EQ(test, rung, done);
			/* Nothing new, nothing to say. */
			KUNIT_EXPECT_FALSE(test, ivnet_shm_rx_publish(&l.rx));
			KUNIT_EXPECT_EQ(test, ivnet_shm_tx_arm(&l.tx, 1), 8);
			KUNIT_EXPECT_FALSE(test, ivnet_shm_rx_arm(&l.rx));
		}
}

/* Indices that are wrong, where they wrap. */
static void shm_test_wrap(struct kunit *test)
{
	static const u32 starts[] = { -1U, -2U, -5U, 0, 0x7ffffffe };
	u32 i, size, start;
	struct lane l;

	lane_setup(test, &l);
	size = l.tx.mask + 1;
	for (i = 0; i < ARRAY_SIZE(starts); i++) {
		start = starts[i];
		lane_begin(&l, start);
		l.tx.own->index = cpu_to_le32(start + size);
		KUNIT_EXPECT_EQ(test, ivnet_shm_rx_avail(&l.rx), size);
		l.tx.own->index = cpu_to_le32(start + size + 1);
		KUNIT_EXPECT_EQ(test, ivnet_shm_rx_avail(&l.rx), -EPROTO);
		l.tx.own->index = cpu_to_le32(start - 1);
		KUNIT_EXPECT_EQ(test, ivnet_shm_rx_avail(&l.rx), -EPROTO);
		l.tx.own->index = cpu_to_le32(start + 0x80000000);
		KUNIT_EXPECT_EQ(test, ivnet_shm_rx_avail(&l.rx), -EPROTO);

		/* Three in flight, and a fourth that was not shown yet. */
		lane_begin(&l, start);
		KUNIT_ASSERT_TRUE(test, lane_send(&l, 60, 0));
		KUNIT_ASSERT_TRUE(test, lane_send(&l, 60, 0));
		KUNIT_ASSERT_TRUE(test, lane_send(&l, 60, 0));
		ivnet_shm_tx_publish(&l.tx);
		KUNIT_ASSERT_TRUE(test, lane_send(&l, 60, 0));
		l.rx.own->index = cpu_to_le32(start + 4);
		KUNIT_EXPECT_EQ(test, ivnet_shm_tx_reclaim(&l.tx), -EPROTO);
		l.rx.own->index = cpu_to_le32(start - 1);
		KUNIT_EXPECT_EQ(test, ivnet_shm_tx_reclaim(&l.tx), -EPROTO);
		KUNIT_EXPECT_EQ(test, l.tx.tail, start);
		l.rx.own->index = cpu_to_le32(start + 2);
		KUNIT_EXPECT_EQ(test, ivnet_shm_tx_reclaim(&l.tx), 2);
		/* Back is not possible either. */
		l.rx.own->index = cpu_to_le32(start + 1);
		KUNIT_EXPECT_EQ(test, ivnet_shm_tx_reclaim(&l.tx), -EPROTO);
		l.rx.own->index = cpu_to_le32(start + 3);
		KUNIT_EXPECT_EQ(test, ivnet_shm_tx_reclaim(&l.tx), 1);
	}
}

/* A number in a descriptor has 16 bits, a position in the ring fewer. */
static void shm_test_seq(struct kunit *test)
{
	static const u32 starts[] = { 0xfffe, 0x1fffe, 0xfffffffe };
	struct ivnet_shm_frame f;
	struct lane l;
	u32 i, k;

	lane_setup(test, &l);
	for (i = 0; i < ARRAY_SIZE(starts); i++) {
		lane_begin(&l, starts[i]);
		for (k = 0; k < 4; k++)
			KUNIT_ASSERT_TRUE(test, lane_send(&l, 60 + k, 0));
		ivnet_shm_tx_publish(&l.tx);
		for (k = 0; k < 4; k++) {
			KUNIT_EXPECT_EQ(test, ivnet_shm_rx_fetch(&l.rx, &f), IVNET_SHM_OK);
			KUNIT_EXPECT_EQ(test, f.len, 60 + k);
			/* The one of the round before. */
			l.tx.ring[l.rx.tail & l.rx.mask].seq =
				cpu_to_le16((u16)(l.rx.tail - l.rx.mask - 1));
			KUNIT_EXPECT_EQ(test, ivnet_shm_rx_fetch(&l.rx, &f),
					IVNET_SHM_ERR_SEQ);
			ivnet_shm_rx_next(&l.rx);
		}
	}
}

/* Room: never more than there is, and head and tail never meet in use. */
static void shm_test_room(struct kunit *test)
{
	u32 size, half, off, i;
	struct lane l;

	lane_setup(test, &l);
	size = l.tx.data_size;
	half = size / 2 & ~63U;

	KUNIT_EXPECT_TRUE(test, ivnet_shm_tx_alloc(&l.tx, size, &off));
	KUNIT_EXPECT_FALSE(test, ivnet_shm_tx_alloc(&l.tx, size + 1, &off));
	KUNIT_ASSERT_TRUE(test, lane_send(&l, half, 0));
	KUNIT_EXPECT_TRUE(test, ivnet_shm_tx_alloc(&l.tx, size - half, &off));
	KUNIT_EXPECT_EQ(test, off, half);
	KUNIT_EXPECT_FALSE(test, ivnet_shm_tx_alloc(&l.tx, size - half + 1, &off));
	KUNIT_ASSERT_TRUE(test, lane_send(&l, size - half, 0));
	KUNIT_EXPECT_FALSE(test, ivnet_shm_tx_alloc(&l.tx, 1, &off));
	ivnet_shm_tx_publish(&l.tx);
	/* The first half is free: all of it but its last byte. */
	l.rx.own->index = cpu_to_le32(1);
	KUNIT_EXPECT_EQ(test, ivnet_shm_tx_reclaim(&l.tx), 1);
	KUNIT_EXPECT_FALSE(test, ivnet_shm_tx_alloc(&l.tx, half, &off));
	KUNIT_EXPECT_TRUE(test, ivnet_shm_tx_alloc(&l.tx, half - 1, &off));
	KUNIT_EXPECT_EQ(test, off, 0);
	KUNIT_ASSERT_TRUE(test, lane_send(&l, 64, 0));
	KUNIT_EXPECT_FALSE(test, ivnet_shm_tx_alloc(&l.tx, half - 64, &off));
	KUNIT_EXPECT_TRUE(test, ivnet_shm_tx_alloc(&l.tx, half - 65, &off));
	KUNIT_EXPECT_EQ(test, off, 64);

	/* As many frames as the ring has descriptors. */
	lane_begin(&l, -4U);
	for (i = 0; i <= l.tx.mask; i++)
		KUNIT_EXPECT_TRUE(test, lane_send(&l, 14, 0));
	KUNIT_EXPECT_FALSE(test, ivnet_shm_tx_alloc(&l.tx, 14, &off));
}

/* Each flag is refused unless it was agreed on; so is a frame beyond the area. */
static void shm_test_rules(struct kunit *test)
{
	struct ivnet_shm_desc *d;
	struct ivnet_shm_frame f;
	struct lane l;
	u32 i, k;

	lane_setup(test, &l);
	KUNIT_ASSERT_TRUE(test, lane_send(&l, 128, 1));
	ivnet_shm_tx_publish(&l.tx);
	d = l.tx.ring;
	for (i = 0; i < 16; i++)
		for (k = 0; k < 16; k++) {
			l.rx.flags = BIT(k);
			d->flags = cpu_to_le16(BIT(i));
			KUNIT_EXPECT_EQ(test, ivnet_shm_rx_fetch(&l.rx, &f),
					i == k ? IVNET_SHM_OK : IVNET_SHM_ERR_FLAGS);
		}
	d->flags = 0;
	for (i = 1; i < 64; i++) {
		d->offset = cpu_to_le32(i);
		KUNIT_EXPECT_EQ(test, ivnet_shm_rx_fetch(&l.rx, &f),
				IVNET_SHM_ERR_OFFSET);
	}
	d->offset = 0;
	d->len = cpu_to_le32(IVNET_SHM_FRAME_MIN);
	KUNIT_EXPECT_EQ(test, ivnet_shm_rx_fetch(&l.rx, &f), IVNET_SHM_OK);
	/* Whatever was agreed on, the data area is the limit. */
	l.rx.max_frame = U32_MAX;
	d->len = cpu_to_le32(l.rx.data_size);
	KUNIT_EXPECT_EQ(test, ivnet_shm_rx_fetch(&l.rx, &f), IVNET_SHM_OK);
	d->len = cpu_to_le32(l.rx.data_size + 1);
	KUNIT_EXPECT_EQ(test, ivnet_shm_rx_fetch(&l.rx, &f), IVNET_SHM_ERR_LEN);
	d->len = cpu_to_le32(l.rx.data_size);
	d->offset = cpu_to_le32(64);
	KUNIT_EXPECT_EQ(test, ivnet_shm_rx_fetch(&l.rx, &f), IVNET_SHM_ERR_OFFSET);
}

static struct kunit_case shm_cases[] = {
	KUNIT_CASE(shm_test_layout),
	KUNIT_CASE(shm_test_roomy),
	KUNIT_CASE(shm_test_header),
	KUNIT_CASE(shm_test_traffic),
	KUNIT_CASE(shm_test_doorbells),
	KUNIT_CASE(shm_test_lies),
	KUNIT_CASE(shm_test_event),
	KUNIT_CASE(shm_test_arm),
	KUNIT_CASE(shm_test_wrap),
	KUNIT_CASE(shm_test_seq),
	KUNIT_CASE(shm_test_room),
	KUNIT_CASE(shm_test_rules),
	{}
};

static struct kunit_suite shm_suite = {
	.name = "ivnet_shm",
	.test_cases = shm_cases,
};

kunit_test_suite(shm_suite);
