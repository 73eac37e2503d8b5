// SPDX-License-Identifier: GPL-2.0
/* IVSHMEM v2: what a device says, and ports that can write but their own section. */

#include <kunit/test.h>
#include <net/ivnet/shm_v2.h>

#include "shm_sim.h"

/* ---- what a device says ---- */

#define PAGE	0x1000ULL

/* A good device: 3 peers, a read/write section of two pages, an address. */
#define TABLE	PAGE
#define RW	(2 * PAGE)
#define OUTPUT	(16 * PAGE)
#define TOTAL	(TABLE + RW + 3 * OUTPUT)
#define ADDRESS	0x300000000ULL

static void put(u8 *cap, u32 off, u32 bytes, u64 v)
{
	while (bytes--) {
		cap[off++] = v;
		v >>= 8;
	}
}

static void good_cap(u8 *cap)
{
	memset(cap, 0, IVNET_V2_CAP_LONG);
	put(cap, 0, 1, 0x09);
	put(cap, IVNET_V2_CAP_LEN, 1, 0x20);
	put(cap, IVNET_V2_CAP_TABLE, 4, TABLE);
	put(cap, IVNET_V2_CAP_RW, 8, RW);
	put(cap, IVNET_V2_CAP_OUTPUT, 8, OUTPUT);
	put(cap, IVNET_V2_CAP_ADDRESS, 8, ADDRESS);
}

static void cap_test_good(struct kunit *test)
{
	struct ivnet_v2_layout l;
	u8 cap[IVNET_V2_CAP_LONG];

	good_cap(cap);
	KUNIT_ASSERT_EQ(test, ivnet_v2_check(&l, cap, 2, 3, 0, PAGE), IVNET_V2_OK);
	KUNIT_EXPECT_EQ(test, l.table, TABLE);
	KUNIT_EXPECT_EQ(test, l.rw, RW);
	KUNIT_EXPECT_EQ(test, l.output, OUTPUT);
	KUNIT_EXPECT_EQ(test, l.total, TOTAL);
	KUNIT_EXPECT_EQ(test, l.address, ADDRESS);
	KUNIT_EXPECT_TRUE(test, l.has_address);
	KUNIT_EXPECT_FALSE(test, l.one_shot);
	KUNIT_EXPECT_EQ(test, ivnet_v2_output(&l, 0), TABLE + RW);
	KUNIT_EXPECT_EQ(test, ivnet_v2_output(&l, 2), TOTAL - OUTPUT);

	/* A short one ends before the address, whatever follows it. */
	put(cap, IVNET_V2_CAP_LEN, 1, 0x18);
	put(cap, IVNET_V2_CAP_CONTROL, 1, 0xff);
	KUNIT_ASSERT_EQ(test, ivnet_v2_check(&l, cap, 0, 3, TOTAL, PAGE),
			IVNET_V2_OK);
	KUNIT_EXPECT_FALSE(test, l.has_address);
	KUNIT_EXPECT_EQ(test, l.address, 0);
	KUNIT_EXPECT_TRUE(test, l.one_shot);
	put(cap, IVNET_V2_CAP_CONTROL, 1, 0xfe);
	ivnet_v2_check(&l, cap, 0, 3, TOTAL, PAGE);
	KUNIT_EXPECT_FALSE(test, l.one_shot);
}

/**
 * struct broken - one thing that is not as it should be
 * @off: of the field in the capability; 0: none
 * @bytes: of the field
 * @v: what it says
 * @id: of the device
 * @peers: their number
 * @bar: bytes of the BAR
 * @err: what comes of it
 */
struct broken {
	u32 off;
	u32 bytes;
	u64 v;
	u32 id;
	u32 peers;
	u64 bar;
	enum ivnet_v2_err err;
};

static const struct broken broken[] = {
	{ IVNET_V2_CAP_LEN, 1, 0x00, 0, 3, TOTAL, IVNET_V2_ERR_LENGTH },
	{ IVNET_V2_CAP_LEN, 1, 0x17, 0, 3, TOTAL, IVNET_V2_ERR_LENGTH },
	{ IVNET_V2_CAP_LEN, 1, 0x19, 0, 3, TOTAL, IVNET_V2_ERR_LENGTH },
	{ IVNET_V2_CAP_LEN, 1, 0x1f, 0, 3, TOTAL, IVNET_V2_ERR_LENGTH },
	{ IVNET_V2_CAP_LEN, 1, 0x21, 0, 3, TOTAL, IVNET_V2_ERR_LENGTH },
	{ IVNET_V2_CAP_LEN, 1, 0xff, 0, 3, TOTAL, IVNET_V2_ERR_LENGTH },
	{ IVNET_V2_CAP_LEN, 1, 0x18, 0, 3, 0, IVNET_V2_ERR_NOWHERE },
	{ 0, 0, 0, 0, 0, TOTAL, IVNET_V2_ERR_PEERS },
	{ 0, 0, 0, 0, 1, TOTAL, IVNET_V2_ERR_PEERS },
	{ 0, 0, 0, 0, 2, TOTAL, IVNET_V2_OK },
	{ 0, 0, 0, 15, 16, 1ULL << 40, IVNET_V2_OK },
	{ 0, 0, 0, 0, 17, 1ULL << 40, IVNET_V2_ERR_PEERS },
	{ 0, 0, 0, 0, ~0U, 1ULL << 40, IVNET_V2_ERR_PEERS },
	{ 0, 0, 0, 3, 3, TOTAL, IVNET_V2_ERR_ID },
	{ 0, 0, 0, ~0U, 3, TOTAL, IVNET_V2_ERR_ID },
	{ IVNET_V2_CAP_TABLE, 4, 0, 0, 3, TOTAL, IVNET_V2_ERR_TABLE },
	{ IVNET_V2_CAP_TABLE, 4, 12, 0, 3, TOTAL, IVNET_V2_ERR_TABLE },
	{ IVNET_V2_CAP_TABLE, 4, 0x1800, 0, 3, TOTAL, IVNET_V2_ERR_TABLE },
	{ IVNET_V2_CAP_TABLE, 4, 0xfffff000, 0, 3, TOTAL, IVNET_V2_ERR_BAR },
	{ IVNET_V2_CAP_RW, 8, 0, 0, 3, TOTAL, IVNET_V2_OK },
	{ IVNET_V2_CAP_RW, 8, 1, 0, 3, TOTAL, IVNET_V2_ERR_RW },
	{ IVNET_V2_CAP_RW, 8, RW + PAGE, 0, 3, TOTAL, IVNET_V2_ERR_BAR },
	{ IVNET_V2_CAP_RW, 8, -PAGE, 0, 3, TOTAL, IVNET_V2_ERR_TOTAL },
	{ IVNET_V2_CAP_OUTPUT, 8, 0, 0, 3, TOTAL, IVNET_V2_ERR_OUTPUT },
	{ IVNET_V2_CAP_OUTPUT, 8, OUTPUT - 4, 0, 3, TOTAL, IVNET_V2_ERR_OUTPUT },
	{ IVNET_V2_CAP_OUTPUT, 8, OUTPUT + PAGE, 0, 3, TOTAL, IVNET_V2_ERR_BAR },
	/* Three of these come to a page more than nothing. */
	{ IVNET_V2_CAP_OUTPUT, 8, 0x5555555555556000ULL, 0, 3, TOTAL,
	  IVNET_V2_ERR_TOTAL },
	{ IVNET_V2_CAP_OUTPUT, 8, -PAGE, 0, 3, TOTAL, IVNET_V2_ERR_TOTAL },
	{ 0, 0, 0, 0, 3, TOTAL, IVNET_V2_OK },
	{ 0, 0, 0, 0, 3, TOTAL - 1, IVNET_V2_ERR_BAR },
	{ 0, 0, 0, 0, 3, 1, IVNET_V2_ERR_BAR },
	{ IVNET_V2_CAP_ADDRESS, 8, 0, 0, 3, 0, IVNET_V2_ERR_ADDRESS },
	{ IVNET_V2_CAP_ADDRESS, 8, 0x800, 0, 3, 0, IVNET_V2_ERR_ADDRESS },
	{ IVNET_V2_CAP_ADDRESS, 8, ADDRESS + 4, 0, 3, 0, IVNET_V2_ERR_ADDRESS },
	{ IVNET_V2_CAP_ADDRESS, 8, -TOTAL, 0, 3, 0, IVNET_V2_OK },
	{ IVNET_V2_CAP_ADDRESS, 8, -TOTAL + PAGE, 0, 3, 0, IVNET_V2_ERR_ADDRESS },
	{ IVNET_V2_CAP_ADDRESS, 8, -PAGE, 0, 3, 0, IVNET_V2_ERR_ADDRESS },
	/* A BAR counts before an address, which may be anything then. */
	{ IVNET_V2_CAP_ADDRESS, 8, 4, 0, 3, TOTAL, IVNET_V2_OK },
};

static void cap_test_broken(struct kunit *test)
{
	const struct broken *b;
	struct ivnet_v2_layout l;
	u8 cap[IVNET_V2_CAP_LONG];
	enum ivnet_v2_err err;

	for (b = broken; b < broken + ARRAY_SIZE(broken); b++) {
		good_cap(cap);
		if (b->off)
			put(cap, b->off, b->bytes, b->v);
		err = ivnet_v2_check(&l, cap, b->id, b->peers, b->bar, PAGE);
		KUNIT_EXPECT_EQ_MSG(test, err, b->err, "entry %td", b - broken);
		if (err)
			KUNIT_EXPECT_GT(test, strlen(ivnet_v2_err_text(err)), 10);
		else if (b->bar)
			KUNIT_EXPECT_LE(test, l.total, b->bar);
	}
}

/* Larger pages than the device was made for. */
static void cap_test_page(struct kunit *test)
{
	struct ivnet_v2_layout l;
	u8 cap[IVNET_V2_CAP_LONG];

	good_cap(cap);
	KUNIT_EXPECT_EQ(test, ivnet_v2_check(&l, cap, 0, 3, TOTAL, 0x10000),
			IVNET_V2_ERR_TABLE);
	put(cap, IVNET_V2_CAP_TABLE, 4, 0x10000);
	KUNIT_EXPECT_EQ(test, ivnet_v2_check(&l, cap, 0, 3, TOTAL, 0x10000),
			IVNET_V2_ERR_RW);
	put(cap, IVNET_V2_CAP_RW, 8, 0);
	put(cap, IVNET_V2_CAP_OUTPUT, 8, 0x11000);
	KUNIT_EXPECT_EQ(test, ivnet_v2_check(&l, cap, 0, 3, TOTAL, 0x10000),
			IVNET_V2_ERR_OUTPUT);
}

/* ---- the layout that follows from it ---- */

static void layout_test_fit(struct kunit *test)
{
	struct ivnet_shm_geometry g;
	u32 peers, queues, i, j, q;
	u64 output, end, off;

	for (output = 0x2000; output <= 0x400000; output *= 2) {
		for (peers = 2; peers <= 16; peers += 7) {
			for (queues = 1; queues <= 4; queues++) {
				if (ivnet_v2_geometry(&g, output, peers, queues, true))
					continue;
				KUNIT_EXPECT_EQ(test, g.first, 4096);
				KUNIT_EXPECT_EQ(test, g.stride, output - 4096);
				KUNIT_EXPECT_EQ(test, g.ports, peers);
				KUNIT_EXPECT_LE(test, g.queues, queues);
				i = peers - 1;
				j = peers - 2;
				q = g.queues - 1;
				/* Behind the header's page, up to the section's end. */
				off = ivnet_shm_data_off(&g, i, j, q) -
				      ivnet_shm_section(&g, i);
				end = 4096 + off + g.data_size;
				KUNIT_EXPECT_LE(test, end, output);
			}
		}
	}
	KUNIT_EXPECT_NE(test, ivnet_v2_geometry(&g, 4096, 2, 1, true),
			IVNET_SHM_GEOMETRY_OK);
	KUNIT_EXPECT_NE(test, ivnet_v2_geometry(&g, 0, 2, 1, false),
			IVNET_SHM_GEOMETRY_OK);
}

static void layout_test_queues(struct kunit *test)
{
	struct ivnet_shm_geometry g;

	KUNIT_ASSERT_EQ(test, ivnet_v2_geometry(&g, 1 << 20, 2, 4, true),
			IVNET_SHM_GEOMETRY_OK);
	KUNIT_EXPECT_EQ(test, g.queues, 4);
	/* Fewer, so that a frame of the usual length fits... */
	KUNIT_ASSERT_EQ(test, ivnet_v2_geometry(&g, 0x8000, 2, 4, true),
			IVNET_SHM_GEOMETRY_OK);
	KUNIT_EXPECT_LT(test, g.queues, 4);
	KUNIT_EXPECT_GE(test, g.max_frame, 1518);
	/* ... unless the user said how many. */
	KUNIT_ASSERT_EQ(test, ivnet_v2_geometry(&g, 0x8000, 2, 4, false),
			IVNET_SHM_GEOMETRY_OK);
	KUNIT_EXPECT_EQ(test, g.queues, 4);
	/* Here not even short frames fit, but for one queue. */
	KUNIT_EXPECT_EQ(test, ivnet_v2_geometry(&g, 0x4000, 8, 4, false),
			IVNET_SHM_GEOMETRY_FIT);
	KUNIT_ASSERT_EQ(test, ivnet_v2_geometry(&g, 0x4000, 8, 4, true),
			IVNET_SHM_GEOMETRY_OK);
	KUNIT_EXPECT_EQ(test, g.queues, 1);
}

static void layout_test_header(struct kunit *test)
{
	struct ivnet_shm_header own, h;
	struct ivnet_shm_geometry g;
	size_t i;

	KUNIT_ASSERT_EQ(test, ivnet_v2_geometry(&g, 1 << 20, 3, 2, true),
			IVNET_SHM_GEOMETRY_OK);
	ivnet_shm_header_fill(&own, &g);
	for (i = 0; i < sizeof(h); i++) {
		h = own;
		((u8 *)&h)[i] ^= 0x80;
		/* 0ah is the minor version, from 40h on the checksum. */
		KUNIT_EXPECT_EQ_MSG(test, ivnet_v2_header_same(&h, &own),
				    i == 0x0a || i == 0x0b || i >= 0x40,
				    "byte %zu", i);
	}
}

/* ---- ports ---- */

#define SECTION	0x10000

static struct sim_port *started(struct kunit *test, struct sim *sim, u32 i)
{
	KUNIT_ASSERT_EQ(test, sim_up(&sim->port[i]), 0);
	sim_run(&sim->port[i]);
	sim_pass(sim, SIM_SOON);

	return &sim->port[i];
}

static void port_test_up(struct kunit *test)
{
	struct sim *sim = sim_new_v2(test, SECTION);
	struct sim_port *a, *b, *c;

	sim->traffic = true;
	a = started(test, sim, 0);
	KUNIT_EXPECT_EQ(test, a->sd->port, 0);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(sim->states[0]), IVNET_SHM_RUN);
	c = started(test, sim, 2);
	KUNIT_EXPECT_EQ(test, c->sd->port, 2);
	KUNIT_EXPECT_TRUE(test, sim_usable(a, c));
	KUNIT_EXPECT_TRUE(test, sim_usable(c, a));
	b = started(test, sim, 1);
	KUNIT_EXPECT_TRUE(test, sim_usable(b, a));
	KUNIT_EXPECT_TRUE(test, sim_usable(c, b));
	KUNIT_EXPECT_EQ(test, sim->slept, 0);
	sim_pass(sim, 1000);
	KUNIT_EXPECT_GT(test, a->frames, 0);
	KUNIT_EXPECT_GT(test, b->frames, 0);
	KUNIT_EXPECT_GT(test, c->frames, 0);

	/* An orderly leave, and back. */
	sim_down(c);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(sim->states[2]), IVNET_SHM_DOWN);
	sim_pass(sim, SIM_SOON);
	KUNIT_EXPECT_EQ(test, a->sd->links[2].state, SHM_LINK_DOWN);
	KUNIT_EXPECT_TRUE(test, sim_usable(a, b));
	started(test, sim, 2);
	KUNIT_EXPECT_TRUE(test, sim_usable(a, c));
	sim_check(sim);
	KUNIT_EXPECT_STREQ(test, sim->fault, "");
	KUNIT_EXPECT_EQ(test, a->refused + b->refused + c->refused, 0);
}

/* A guest that dies is gone with its state, long before it is silent. */
static void port_test_death(struct kunit *test)
{
	struct sim *sim = sim_new_v2(test, SECTION);
	struct sim_port *a = started(test, sim, 0), *b = started(test, sim, 1);

	KUNIT_ASSERT_TRUE(test, sim_usable(a, b));
	sim_crash(b);
	sim_pass(sim, 1);
	KUNIT_EXPECT_EQ(test, a->sd->links[1].state, SHM_LINK_DOWN);
	KUNIT_EXPECT_FALSE(test, a->sd->links[1].run);

	/* What it left in its section says nothing. */
	sim_pass(sim, 2000);
	KUNIT_EXPECT_EQ(test, a->sd->links[1].state, SHM_LINK_DOWN);
	started(test, sim, 1);
	KUNIT_EXPECT_TRUE(test, sim_usable(a, b));
	KUNIT_EXPECT_EQ(test, a->refused, 0);
}

/* Another layout: no link, said once, and nobody else is troubled. */
static void port_test_layout(struct kunit *test)
{
	struct sim *sim = sim_new_v2(test, SECTION);
	struct sim_port *a, *b = &sim->port[1], *c;
	__le16 *queues = (void *)(sim->base + SECTION +
				  offsetof(struct ivnet_shm_header, queues));
	u32 said, i;

	a = started(test, sim, 0);
	c = started(test, sim, 2);
	b->sd->want_queues = 2;
	started(test, sim, 1);
	KUNIT_EXPECT_EQ(test, a->sd->links[1].state, SHM_LINK_DOWN);
	KUNIT_EXPECT_EQ(test, b->sd->links[0].state, SHM_LINK_DOWN);
	KUNIT_EXPECT_TRUE(test, sim_usable(a, c));
	KUNIT_EXPECT_NOT_NULL(test, strnstr(a->said, "port 1", sizeof(a->said)));
	KUNIT_EXPECT_NOT_NULL(test, strnstr(a->said, "2 queues instead of 1",
					    sizeof(a->said)));
	said = a->n_said;
	sim_pass(sim, 5000);
	KUNIT_EXPECT_EQ(test, a->n_said, said);

	/* It is said again when one of the two starts. */
	sim_down(b);
	sim_pass(sim, SIM_SOON);
	started(test, sim, 1);
	KUNIT_EXPECT_EQ(test, a->n_said, said + 1);
	sim_down(a);
	started(test, sim, 0);
	KUNIT_EXPECT_NOT_NULL(test, strnstr(a->said, "2 queues instead of 1",
					    sizeof(a->said)));
	said = a->n_said;

	/* A new start with another mind. */
	sim_down(b);
	b->sd->want_queues = 0;
	started(test, sim, 1);
	KUNIT_EXPECT_TRUE(test, sim_usable(a, b));
	KUNIT_EXPECT_EQ(test, a->n_said, said);

	/* A port that changes its mind all the time. */
	for (i = 1; i < 3; i++) {
		*queues ^= cpu_to_le16(6);
		sim_pass(sim, 1000);
		KUNIT_EXPECT_EQ(test, a->sd->links[1].state, SHM_LINK_DOWN);
		KUNIT_EXPECT_EQ(test, a->n_said, said + i);
		*queues ^= cpu_to_le16(6);
		sim_pass(sim, 1000);
		KUNIT_EXPECT_TRUE(test, sim_usable(a, b));
	}

	/* Two of them. */
	*queues ^= cpu_to_le16(6);
	sim_pass(sim, 1000);
	sim_down(c);
	c->sd->want_queues = 2;
	started(test, sim, 2);
	KUNIT_EXPECT_NOT_NULL(test, strnstr(a->said, "port 2", sizeof(a->said)));
}

static void port_test_small(struct kunit *test)
{
	struct sim *sim = sim_new_v2(test, 0x2000);

	KUNIT_EXPECT_EQ(test, sim_up(&sim->port[0]), -EINVAL);
	KUNIT_EXPECT_NOT_NULL(test, strnstr(sim->port[0].said, "too small", 200));
}

/* The header is whole, and nothing of what was there before is left beside it. */
static void port_test_page(struct kunit *test)
{
	struct sim *sim = sim_new_v2(test, SECTION);
	const u32 len = sizeof(struct ivnet_shm_header);
	struct ivnet_shm_header h;

	memset(sim->base, 0xa5, SECTION);
	KUNIT_ASSERT_EQ(test, sim_up(&sim->port[0]), 0);
	memcpy(&h, sim->base, len);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(h.crc),
			ivnet_shm_crc(&h, offsetof(typeof(h), crc)));
	KUNIT_EXPECT_NULL(test, memchr_inv(sim->base + len, 0,
					   IVNET_SHM_PAGE - len));
}

/* Queues that the user wants are taken; of those by default as many as there is room for. */
static void port_test_queues(struct kunit *test)
{
	struct sim *sim = sim_new_v2(test, 0x8000);
	struct shm_dev *sd = sim->port[0].sd;

	sd->own_queues = 4;
	KUNIT_ASSERT_EQ(test, sim_up(&sim->port[0]), 0);
	KUNIT_EXPECT_LT(test, sd->geo.queues, 4);
	KUNIT_EXPECT_GE(test, sd->geo.max_frame, 1518);
	sim_down(&sim->port[0]);
	sd->want_queues = 4;
	KUNIT_ASSERT_EQ(test, sim_up(&sim->port[0]), 0);
	KUNIT_EXPECT_EQ(test, sd->geo.queues, 4);
}

/* Whatever a port does, it is done in its own section. */
static void expect_own(struct kunit *test, struct sim *sim, const u8 *was, u32 i,
		       const char *what)
{
	u64 at;

	for (at = 0; at < sim->size; at++)
		if (at / SECTION != i && sim->base[at] != was[at])
			break;
	KUNIT_EXPECT_EQ_MSG(test, at, sim->size, "%s", what);
}

static void port_test_foreign(struct kunit *test)
{
	struct sim *sim = sim_new_v2(test, SECTION);
	struct sim_port *a = &sim->port[0], *b;
	u8 *was = kunit_kzalloc(test, sim->size, GFP_KERNEL);
	u32 i;

	KUNIT_ASSERT_NOT_NULL(test, was);
	b = started(test, sim, 1);
	for (i = 0; i < 12; i++) {
		memcpy(was, sim->base, sim->size);
		switch (i) {
		case 0:
			KUNIT_ASSERT_EQ(test, sim_up(a), 0);
			break;
		case 1:
			sim_run(a);
			break;
		case 7:
			KUNIT_EXPECT_TRUE(test, sim_usable(a, b));
			sim_stop(a);
			break;
		case 8:
			sim_run(a);
			break;
		case 11:
			sim_down(a);
			break;
		default:
			sim_work(a);
			sim_data_path(a);
			break;
		}
		expect_own(test, sim, was, 0, a->said);
		memcpy(was, sim->base, sim->size);
		sim_work(b);
		sim_data_path(b);
		expect_own(test, sim, was, 1, "the other one");
	}
	KUNIT_EXPECT_GT(test, b->frames, 0);
	KUNIT_EXPECT_GT(test, a->frames, 0);
}

/* A lie costs the liar's link alone. */
static void port_test_lie(struct kunit *test)
{
	struct sim *sim = sim_new_v2(test, SECTION);
	struct sim_pair pair = { .sim = sim };
	struct sim_port *c;

	sim->traffic = true;
	pair.a = started(test, sim, 0);
	pair.b = started(test, sim, 1);
	c = started(test, sim, 2);
	sim_pair_lie(&pair);
	sim_pass(sim, SIM_SOON);
	KUNIT_EXPECT_EQ(test, pair.a->sd->links[1].state, SHM_LINK_QUARANTINE);
	KUNIT_EXPECT_TRUE(test, sim_usable(pair.a, c));
	sim_pass(sim, 2000);
	KUNIT_EXPECT_TRUE(test, sim_usable(pair.a, pair.b));
}

static struct kunit_case shm_v2_cases[] = {
	KUNIT_CASE(cap_test_good),
	KUNIT_CASE(cap_test_broken),
	KUNIT_CASE(cap_test_page),
	KUNIT_CASE(layout_test_fit),
	KUNIT_CASE(layout_test_queues),
	KUNIT_CASE(layout_test_header),
	KUNIT_CASE(port_test_up),
	KUNIT_CASE(port_test_death),
	KUNIT_CASE(port_test_layout),
	KUNIT_CASE(port_test_small),
	KUNIT_CASE(port_test_page),
	KUNIT_CASE(port_test_queues),
	KUNIT_CASE(port_test_foreign),
	KUNIT_CASE(port_test_lie),
	{}
};

static struct kunit_suite shm_v2_suite = {
	.name = "ivnet_shm_v2",
	.exit = sim_exit,
	.test_cases = shm_v2_cases,
};

kunit_test_suite(shm_v2_suite);
