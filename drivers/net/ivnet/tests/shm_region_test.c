// SPDX-License-Identifier: GPL-2.0
/* Header and ports: who formats, adopts, refuses, and who gets which port. */

#include <kunit/test.h>

#include "shm_sim.h"

#define SIZE	65536

static bool is_said(const struct sim_port *p, const char *text)
{
	return strnstr(p->said, text, sizeof(p->said));
}

static struct ivnet_shm_header *header_of(const struct sim *sim)
{
	return (void *)sim->base;
}

static void header_seal(struct ivnet_shm_header *h)
{
	h->crc = cpu_to_le32(ivnet_shm_crc(h, offsetof(typeof(*h), crc)));
}

/* ---- header ---- */

static void region_test_format(struct kunit *test)
{
	struct sim *sim = sim_new(test, SIZE);
	struct ivnet_shm_header *h = header_of(sim);
	struct sim_port *a = &sim->port[0], *b = &sim->port[1];
	struct ivnet_shm_geometry g;

	KUNIT_EXPECT_FALSE(test, shm_region_foreign(a->sd));
	KUNIT_ASSERT_EQ(test, sim_up(a), 0);
	KUNIT_EXPECT_FALSE(test, shm_region_foreign(a->sd));
	KUNIT_EXPECT_EQ(test, sim->slept, 10);
	KUNIT_EXPECT_EQ(test, le64_to_cpu(h->magic), IVNET_SHM_MAGIC);
	KUNIT_EXPECT_EQ(test, le16_to_cpu(h->max_ports), 2);
	KUNIT_EXPECT_EQ(test, le64_to_cpu(h->region_size), SIZE);
	KUNIT_ASSERT_EQ(test, ivnet_shm_geometry_check(&g, h, SIZE, ivnet_shm_crc(h, 64)),
			IVNET_SHM_GEOMETRY_OK);
	KUNIT_EXPECT_MEMEQ(test, &g, &a->sd->geo, sizeof(g));
	KUNIT_EXPECT_EQ(test, a->sd->port, 0);
	KUNIT_EXPECT_EQ(test, le64_to_cpu(*sim_claim(sim, 1)), 0);

	/* The next one adopts it, and waits for nobody. */
	KUNIT_ASSERT_EQ(test, sim_up(b), 0);
	KUNIT_EXPECT_EQ(test, sim->slept, 10);
	KUNIT_EXPECT_MEMEQ(test, &g, &b->sd->geo, sizeof(g));
	KUNIT_EXPECT_EQ(test, b->sd->port, 1);
	KUNIT_EXPECT_TRUE(test, shm_port_mine(a->sd));
}

static void region_test_defaults(struct kunit *test)
{
	static const struct {
		u64 size;
		u32 ports;
	} sizes[] = {
		{ 1 << 20, 2 }, { (16 << 20) - 1, 2 }, { 16 << 20, 4 },
		{ (64 << 20) - 1, 4 }, { 64 << 20, 8 }, { 1ULL << 30, 8 },
	};
	struct sim *sim = sim_new(test, SIZE);
	struct shm_dev *sd = sim->port[0].sd;
	u32 i;

	/* Only the first page is touched here. */
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		memset(sim->base, 0, SIZE);
		sd->size = sizes[i].size;
		KUNIT_ASSERT_EQ(test, shm_region_open(sd, NULL), 0);
		KUNIT_EXPECT_EQ(test, sd->geo.ports, sizes[i].ports);
		KUNIT_EXPECT_EQ(test, sd->geo.queues,
				min_t(u32, num_online_cpus(), IVNET_SHM_QUEUES_MAX));
	}

	memset(sim->base, 0, SIZE);
	sd->want_ports = 3;
	sd->want_queues = 2;
	KUNIT_ASSERT_EQ(test, shm_region_open(sd, NULL), 0);
	KUNIT_EXPECT_EQ(test, sd->geo.ports, 3);
	KUNIT_EXPECT_EQ(test, sd->geo.queues, 2);

	/* Too small at all, or for what is wanted: nothing is written. */
	memset(sim->base, 0, SIZE);
	sd->size = IVNET_SHM_REGION_MIN - 1;
	KUNIT_EXPECT_EQ(test, shm_region_open(sd, NULL), -EINVAL);
	sd->size = IVNET_SHM_REGION_MIN;
	sd->want_ports = 16;
	KUNIT_EXPECT_EQ(test, shm_region_open(sd, NULL), -EINVAL);
	KUNIT_EXPECT_NULL(test, memchr_inv(sim->base, 0, SIZE));
	sd->want_ports = 2;
	sd->want_queues = 1;
	KUNIT_EXPECT_EQ(test, shm_region_open(sd, NULL), 0);
}

struct bad_header {
	const char *name;
	u32 off;
	u32 len;
	u64 value;
	const char *says;
};

#define BAD(field, bits, value, says)					\
	{ #field " " #value, offsetof(struct ivnet_shm_header, field),	\
	  (bits) / 8, value, says }

#define SAYS_RANGE	"out of range"
#define SAYS_FIT	"do not fit"

static const struct bad_header bad_headers[] = {
	BAD(major, 16, 0, "major version"),
	BAD(major, 16, 2, "major version"),
	BAD(header_len, 16, 64, "checksum"),
	BAD(header_len, 16, 72, "checksum"),
	BAD(features_must, 64, 1, "unknown feature"),
	BAD(features_must, 64, 1ULL << 63, "unknown feature"),
	BAD(region_size, 64, SIZE - 1, "region size"),
	BAD(region_size, 64, SIZE + 4096, "region size"),
	BAD(max_ports, 16, 0, SAYS_RANGE),
	BAD(max_ports, 16, 1, SAYS_RANGE),
	BAD(max_ports, 16, 17, SAYS_RANGE),
	BAD(queues, 16, 0, SAYS_RANGE),
	BAD(queues, 16, 5, SAYS_RANGE),
	BAD(ring_order, 16, 3, SAYS_RANGE),
	BAD(ring_order, 16, 16, SAYS_RANGE),
	BAD(ring_order, 16, 65535, SAYS_RANGE),
	BAD(max_frame, 32, 13, SAYS_RANGE),
	BAD(max_frame, 32, 65555, SAYS_RANGE),
	BAD(first_section, 32, 0, SAYS_FIT),
	BAD(first_section, 32, 4095, SAYS_FIT),
	BAD(first_section, 32, 4096 + 64, SAYS_FIT),
	BAD(first_section, 32, SIZE, SAYS_FIT),
	BAD(first_section, 32, SIZE + 4096, SAYS_FIT),
	BAD(first_section, 32, 0xfffff000, SAYS_FIT),
	BAD(section_stride, 64, 0, SAYS_FIT),
	BAD(section_stride, 64, 4096, SAYS_FIT),
	BAD(section_stride, 64, 8192 + 64, SAYS_FIT),
	BAD(section_stride, 64, 32768, SAYS_FIT),
	BAD(section_stride, 64, 1ULL << 63, SAYS_FIT),
	BAD(section_stride, 64, 0xfffffffffffff000, SAYS_FIT),
	BAD(ring_order, 16, 15, SAYS_FIT),
	BAD(max_frame, 32, 65554, SAYS_FIT),
};

static void bad_header_desc(const struct bad_header *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(bad_header, bad_headers, bad_header_desc);

static void region_test_refuse(struct kunit *test)
{
	const struct bad_header *c = test->param_value;
	struct sim *sim = sim_new(test, SIZE);
	struct sim_port *a = &sim->port[0], *b = &sim->port[1];
	__le64 value = cpu_to_le64(c->value);
	u8 *before;

	KUNIT_ASSERT_EQ(test, sim_up(a), 0);
	sim_down(a);
	memcpy(sim->base + c->off, &value, c->len);
	header_seal(header_of(sim));
	before = kunit_kmalloc(test, SIZE, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, before);
	memcpy(before, sim->base, SIZE);

	KUNIT_EXPECT_EQ(test, sim_up(b), -EBUSY);
	KUNIT_EXPECT_TRUE_MSG(test, is_said(b, c->says), "said: %s", b->said);
	KUNIT_EXPECT_TRUE(test, is_said(b, "format=B"));
	KUNIT_EXPECT_MEMEQ(test, sim->base, before, SIZE);
	/* It is ours all the same: no reason to leave the device alone. */
	KUNIT_EXPECT_FALSE(test, shm_region_foreign(b->sd));

	/* The user may insist, once. */
	b->sd->format = true;
	KUNIT_EXPECT_EQ(test, sim_up(b), 0);
	KUNIT_EXPECT_FALSE(test, b->sd->format);
}

static void region_test_crc(struct kunit *test)
{
	struct sim *sim = sim_new(test, SIZE);
	struct sim_port *a = &sim->port[0];
	u32 i;

	KUNIT_ASSERT_EQ(test, sim_up(a), 0);
	sim_down(a);
	/* A bit of any byte that is not looked at otherwise. */
	for (i = offsetof(struct ivnet_shm_header, minor); i < 68; i++) {
		sim->base[i] ^= 0x10;
		KUNIT_EXPECT_EQ_MSG(test, sim_up(a), -EBUSY, "byte %u", i);
		KUNIT_EXPECT_TRUE(test, is_said(a, "checksum"));
		sim->base[i] ^= 0x10;
	}
	/* A minor version and optional features are no obstacle. */
	header_of(sim)->minor = cpu_to_le16(7);
	header_of(sim)->features_may = cpu_to_le64(~0ULL);
	header_seal(header_of(sim));
	KUNIT_EXPECT_EQ(test, sim_up(a), 0);
	KUNIT_EXPECT_EQ(test, a->sd->port, 0);
}

static void region_test_foreign(struct kunit *test)
{
	static const u32 offs[] = { 0, 8, 0x400, 4095 };
	struct sim *sim = sim_new(test, SIZE);
	struct sim_port *a = &sim->port[0];
	u32 i;

	for (i = 0; i < ARRAY_SIZE(offs); i++) {
		sim_wipe(sim);
		sim->base[offs[i]] = 1;
		KUNIT_EXPECT_TRUE(test, shm_region_foreign(a->sd));
		KUNIT_EXPECT_EQ(test, sim_up(a), -EBUSY);
		KUNIT_EXPECT_TRUE(test, is_said(a, "something else"));
		KUNIT_EXPECT_EQ(test, sim->base[offs[i]], 1);
		sim->base[offs[i]] = 0;
		KUNIT_EXPECT_NULL(test, memchr_inv(sim->base, 0, SIZE));
	}
	/* Beyond the first page anything may lie around. */
	sim->base[4096] = 1;
	KUNIT_EXPECT_FALSE(test, shm_region_foreign(a->sd));
	KUNIT_EXPECT_EQ(test, sim_up(a), 0);

	/* What was there is gone where the user insists, claims with it. */
	sim_wipe(sim);
	memset(sim->base, 0x55, SIZE);
	a->sd->format = true;
	KUNIT_EXPECT_EQ(test, sim_up(a), 0);
	KUNIT_EXPECT_FALSE(test, a->sd->format);
	KUNIT_EXPECT_EQ(test, a->sd->port, 0);
	for (i = 1; i < IVNET_SHM_PORTS_MAX; i++)
		KUNIT_EXPECT_EQ(test, le64_to_cpu(*sim_claim(sim, i)), 0);
}

/* Somebody else formats at the same time. */

static void other_formats(struct sim *sim)
{
	struct ivnet_shm_header *h = header_of(sim);

	sim->sleep = NULL;
	h->ring_order = cpu_to_le16(4);
	h->max_frame = cpu_to_le32(100);
	header_seal(h);
}

static void other_garbles(struct sim *sim)
{
	sim->sleep = NULL;
	header_of(sim)->ring_order = cpu_to_le16(4);
}

static void other_erases(struct sim *sim)
{
	sim->sleep = NULL;
	header_of(sim)->magic = 0;
}

static void region_test_race(struct kunit *test)
{
	struct sim *sim = sim_new(test, SIZE);
	struct sim_port *a = &sim->port[0];

	sim->sleep = other_formats;
	KUNIT_EXPECT_EQ(test, sim_up(a), 0);
	KUNIT_EXPECT_EQ(test, a->sd->geo.order, 4);
	KUNIT_EXPECT_EQ(test, a->sd->geo.max_frame, 100);
	KUNIT_EXPECT_TRUE(test, shm_region_kept(a->sd));

	sim_wipe(sim);
	sim->sleep = other_garbles;
	KUNIT_EXPECT_EQ(test, sim_up(a), -EIO);
	sim_wipe(sim);
	sim->sleep = other_erases;
	KUNIT_EXPECT_EQ(test, sim_up(a), -EIO);
}

/* ---- another layout than the region has ---- */

static void other_claims(struct sim *sim)
{
	sim->sleep = NULL;
	*sim_claim(sim, 1) = cpu_to_le64(IVNET_SHM_CLAIM(5, 5, 1));
}

static void region_test_change(struct kunit *test)
{
	struct sim *sim = sim_new(test, SIZE);
	struct sim_port *a = &sim->port[0], *b = &sim->port[1];

	a->sd->want_ports = 2;
	a->sd->want_queues = 1;
	KUNIT_ASSERT_EQ(test, sim_up(a), 0);

	/* As it is: adopted, whoever lives there. */
	b->sd->want_ports = 2;
	b->sd->want_queues = 1;
	KUNIT_EXPECT_EQ(test, sim_up(b), 0);
	sim_down(b);

	/* In use with other numbers. */
	sim->slept = 0;
	b->sd->want_ports = 3;
	KUNIT_EXPECT_EQ(test, sim_up(b), -EBUSY);
	KUNIT_EXPECT_TRUE(test, is_said(b, "in use with 2 ports and 1 queues, not 3 and 1"));
	KUNIT_EXPECT_GT(test, sim->slept, 1000);
	b->sd->want_ports = 0;
	b->sd->want_queues = 2;
	KUNIT_EXPECT_EQ(test, sim_up(b), -EBUSY);
	KUNIT_EXPECT_TRUE(test, is_said(b, "in use with 2 ports and 1 queues, not 2 and 2"));
	KUNIT_EXPECT_TRUE(test, shm_region_kept(a->sd));

	/* Whoever crashed is not in the way. */
	sim_crash(a);
	KUNIT_EXPECT_EQ(test, sim_up(b), 0);
	KUNIT_EXPECT_EQ(test, b->sd->geo.queues, 2);
	KUNIT_EXPECT_EQ(test, b->sd->port, 0);

	/* Whoever left need not be waited for. */
	sim_down(b);
	sim->slept = 0;
	b->sd->want_ports = 3;
	b->sd->want_queues = 1;
	KUNIT_EXPECT_EQ(test, sim_up(b), 0);
	KUNIT_EXPECT_EQ(test, b->sd->geo.ports, 3);
	KUNIT_EXPECT_EQ(test, sim->slept, 10);

	/* Somebody comes while we watch a dead one. */
	sim_crash(b);
	a->sd->want_ports = 2;
	sim->sleep = other_claims;
	KUNIT_EXPECT_EQ(test, sim_up(a), -EBUSY);
	KUNIT_EXPECT_EQ(test, le64_to_cpu(*sim_claim(sim, 1)),
			IVNET_SHM_CLAIM(5, 5, 1));
}

/* The region is given another layout while a port lives in it. */
static void region_test_anew(struct kunit *test)
{
	struct sim *sim = sim_new(test, SIZE);
	struct sim_port *a = &sim->port[0];
	struct ivnet_shm_header h;

	KUNIT_ASSERT_EQ(test, sim_up(a), 0);
	sim_pass(sim, 100);
	h = *header_of(sim);
	memset(sim->base, 0, IVNET_SHM_PAGE);
	KUNIT_EXPECT_FALSE(test, shm_region_kept(a->sd));
	other_formats(sim);
	KUNIT_EXPECT_FALSE(test, shm_region_kept(a->sd));
	sim_work(a);
	KUNIT_EXPECT_LT(test, a->sd->port, 0);
	KUNIT_EXPECT_TRUE(test, a->sd->waiting);
	KUNIT_EXPECT_TRUE(test, is_said(a, "formatted anew"));
	KUNIT_EXPECT_EQ(test, le64_to_cpu(*sim_claim(sim, 0)), 0);
	a->n_said = 0;
	sim_pass(sim, 3000);
	KUNIT_EXPECT_EQ(test, a->n_said, 0);
	KUNIT_EXPECT_EQ(test, le64_to_cpu(*sim_claim(sim, 0)), 0);
	KUNIT_EXPECT_GT(test, a->works, 4);

	*header_of(sim) = h;
	sim_pass(sim, 600);
	KUNIT_EXPECT_EQ(test, a->sd->port, 0);
	KUNIT_EXPECT_FALSE(test, a->sd->waiting);
}

/* ---- claims ---- */

static void port_test_free(struct kunit *test)
{
	struct sim *sim = sim_new(test, SIZE);
	struct sim_port *a = &sim->port[0], *b = &sim->port[1], *c = &sim->port[2];
	u32 inc;

	KUNIT_ASSERT_EQ(test, sim_up(a), 0);
	KUNIT_ASSERT_EQ(test, sim_up(b), 0);
	KUNIT_EXPECT_EQ(test, a->sd->port, 0);
	KUNIT_EXPECT_EQ(test, b->sd->port, 1);
	KUNIT_EXPECT_NE(test, a->sd->incarnation, 0);
	KUNIT_EXPECT_EQ(test, le64_to_cpu(*sim_claim(sim, 1)),
			IVNET_SHM_CLAIM(b->sd->incarnation, 11, IVNET_SHM_CLAIM_TAKEN));
	KUNIT_EXPECT_EQ(test, le32_to_cpu(sim_announce(b)->incarnation),
			b->sd->incarnation);
	KUNIT_EXPECT_EQ(test, le16_to_cpu(sim_announce(b)->position), 11);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(sim_announce(b)->state), IVNET_SHM_READY);

	/* All are taken: said once, and tried again. */
	KUNIT_ASSERT_EQ(test, sim_up(c), 0);
	KUNIT_EXPECT_EQ(test, c->sd->port, -1);
	KUNIT_EXPECT_TRUE(test, c->sd->waiting);
	KUNIT_EXPECT_TRUE(test, is_said(c, "all 2 ports are taken"));
	c->n_said = 0;
	sim_pass(sim, 20000);
	KUNIT_EXPECT_EQ(test, c->sd->port, -1);
	KUNIT_EXPECT_EQ(test, c->n_said, 0);

	sim_down(a);
	KUNIT_EXPECT_EQ(test, le64_to_cpu(*sim_claim(sim, 0)), 0);
	sim_pass(sim, 600);
	KUNIT_EXPECT_EQ(test, c->sd->port, 0);
	KUNIT_EXPECT_FALSE(test, c->sd->waiting);
	KUNIT_EXPECT_TRUE(test, is_said(c, "port 0 of 2"));

	/* Each start is another incarnation. */
	inc = c->sd->incarnation;
	sim_down(c);
	KUNIT_ASSERT_EQ(test, sim_up(c), 0);
	KUNIT_EXPECT_EQ(test, c->sd->port, 0);
	KUNIT_EXPECT_NE(test, c->sd->incarnation, inc);
}

static void port_test_pinned(struct kunit *test)
{
	struct sim *sim = sim_new(test, SIZE);
	struct sim_port *a = &sim->port[0], *b = &sim->port[1];

	a->sd->pin = 1;
	KUNIT_ASSERT_EQ(test, sim_up(a), 0);
	KUNIT_EXPECT_EQ(test, a->sd->port, 1);

	b->sd->pin = 1;
	KUNIT_ASSERT_EQ(test, sim_up(b), 0);
	KUNIT_EXPECT_EQ(test, b->sd->port, -1);
	KUNIT_EXPECT_TRUE(test, b->sd->waiting);
	KUNIT_EXPECT_TRUE(test, is_said(b, "port 1 of 2 is taken"));
	sim_pass(sim, 2000);
	KUNIT_EXPECT_EQ(test, b->sd->port, -1);
	KUNIT_EXPECT_EQ(test, le64_to_cpu(*sim_claim(sim, 0)), 0);
	sim_down(a);
	sim_pass(sim, 600);
	KUNIT_EXPECT_EQ(test, b->sd->port, 1);
	sim_down(b);

	/* A port that the region does not have. */
	a->sd->pin = 2;
	KUNIT_ASSERT_EQ(test, sim_up(a), 0);
	sim_pass(sim, 600);
	KUNIT_EXPECT_EQ(test, a->sd->port, -1);
	KUNIT_EXPECT_EQ(test, le64_to_cpu(*sim_claim(sim, 2)), 0);
}

/* A guest that was killed gets its port back at once. */
static void port_test_position(struct kunit *test)
{
	struct sim *sim = sim_new(test, SIZE);
	struct sim_port *a = &sim->port[0], *b = &sim->port[1];
	struct ivnet_shm_link *block;
	u32 inc;

	KUNIT_ASSERT_EQ(test, sim_up(a), 0);
	KUNIT_ASSERT_EQ(test, sim_up(b), 0);
	sim_pass(sim, 1000);
	inc = b->sd->incarnation;
	block = sim_block(b, a);
	KUNIT_EXPECT_NE(test, le32_to_cpu(block->mine), 0);

	sim_crash(b);
	KUNIT_ASSERT_EQ(test, sim_up(b), 0);
	KUNIT_EXPECT_EQ(test, b->sd->port, 1);
	KUNIT_EXPECT_NE(test, b->sd->incarnation, inc);
	/* Nothing of its former life is left. */
	KUNIT_EXPECT_EQ(test, le32_to_cpu(block->mine), 0);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(block->yours), 0);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(sim_announce(b)->heartbeat), 0);

	/* Where nobody has interrupts, positions say nothing. */
	sim_crash(b);
	b->sd->vectors = 0;
	KUNIT_ASSERT_EQ(test, sim_up(b), 0);
	KUNIT_EXPECT_EQ(test, b->sd->port, -1);
	sim_pass(sim, 9000);
	KUNIT_EXPECT_EQ(test, b->sd->port, -1);
	sim_pass(sim, 2000);
	KUNIT_EXPECT_EQ(test, b->sd->port, 1);
}

static void port_test_stale(struct kunit *test)
{
	struct sim *sim = sim_new(test, SIZE);
	struct sim_port *a = &sim->port[0], *b = &sim->port[1], *c = &sim->port[2];
	u64 claim;

	KUNIT_ASSERT_EQ(test, sim_up(a), 0);
	KUNIT_ASSERT_EQ(test, sim_up(b), 0);
	sim_pass(sim, 15000);
	sim_crash(b);
	/* The heartbeat has stood still for long when we come: unknown to us. */
	sim_jiffies += 60 * HZ;
	KUNIT_ASSERT_EQ(test, sim_up(c), 0);
	sim_pass(sim, 9500);
	KUNIT_EXPECT_EQ(test, c->sd->port, -1);
	/* A sign of life, and the ten seconds begin again. */
	claim = le64_to_cpu(*sim_claim(sim, 1));
	*(__le32 *)(sim->base + ivnet_shm_section(&c->sd->geo, 1) +
		    offsetof(struct ivnet_shm_announce, heartbeat)) = cpu_to_le32(7777);
	sim_pass(sim, 9500);
	KUNIT_EXPECT_EQ(test, c->sd->port, -1);
	/* So they do when another one gets the port. */
	claim ^= 1;
	*sim_claim(sim, 1) = cpu_to_le64(claim);
	sim_pass(sim, 9500);
	KUNIT_EXPECT_EQ(test, c->sd->port, -1);
	KUNIT_EXPECT_EQ(test, le64_to_cpu(*sim_claim(sim, 1)), claim);
	sim_pass(sim, 1500);
	KUNIT_EXPECT_EQ(test, c->sd->port, 1);
	KUNIT_EXPECT_TRUE(test, shm_port_mine(a->sd));
	KUNIT_EXPECT_EQ(test, a->sd->port, 0);
}

/* Another port takes ours: it is left alone with it, and we find another. */
static void port_test_lost(struct kunit *test)
{
	struct sim *sim = sim_new(test, SIZE);
	struct sim_port *a = &sim->port[0], *b = &sim->port[1], *c = &sim->port[2];
	u8 *section, *before;
	u32 len;

	KUNIT_ASSERT_EQ(test, sim_up(a), 0);
	KUNIT_ASSERT_EQ(test, sim_up(b), 0);
	sim_run(a);
	sim_run(b);
	sim_pass(sim, 1000);
	KUNIT_ASSERT_TRUE(test, sim_usable(a, b));

	/* A stands still for a minute, and C comes. */
	a->frozen = true;
	KUNIT_ASSERT_EQ(test, sim_up(c), 0);
	sim_run(c);
	sim_pass(sim, 12000);
	KUNIT_ASSERT_EQ(test, c->sd->port, 0);
	KUNIT_ASSERT_TRUE(test, sim_usable(b, c));
	len = 128 * (1 + c->sd->geo.ports);
	section = (u8 *)sim_announce(c);
	before = kunit_kmalloc(test, len, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, before);
	memcpy(before, section, len);

	a->frozen = false;
	a->n_said = 0;
	sim_work(a);
	KUNIT_EXPECT_EQ(test, a->sd->port, -1);
	KUNIT_EXPECT_TRUE(test, a->sd->waiting);
	KUNIT_EXPECT_EQ(test, a->sd->links[1].state, SHM_LINK_DOWN);
	KUNIT_EXPECT_FALSE(test, a->sd->links[1].run);
	KUNIT_EXPECT_EQ(test, shm_fdb_find(&a->sd->fdb, b->sd->mac), -1);
	KUNIT_EXPECT_EQ(test, a->n_said, 2);
	KUNIT_EXPECT_MEMEQ(test, section, before, len);
	KUNIT_EXPECT_TRUE(test, shm_port_mine(c->sd));

	/* The others do not notice, and a port that gets free is ours. */
	sim_pass(sim, 2000);
	KUNIT_EXPECT_EQ(test, sim_link(b, c)->resets, 2);
	sim_down(c);
	sim_pass(sim, 1000);
	KUNIT_EXPECT_EQ(test, a->sd->port, 0);
	KUNIT_EXPECT_TRUE(test, sim_usable(a, b));
}

/* The same, but the interface goes down, or leaves, before the work looks. */
static void port_test_lost_stop(struct kunit *test)
{
	struct sim *sim = sim_new(test, SIZE);
	struct sim_port *a = &sim->port[0];
	u8 *section, *before;
	u32 way, len;

	for (way = 0; way < 4; way++) {
		sim_wipe(sim);
		KUNIT_ASSERT_EQ(test, sim_up(a), 0);
		if (way != 1)
			sim_run(a);
		sim_pass(sim, 1000);
		*sim_claim(sim, 0) = cpu_to_le64(IVNET_SHM_CLAIM(4711, 7, IVNET_SHM_CLAIM_TAKEN));
		len = 128 * (1 + a->sd->geo.ports);
		section = (u8 *)sim_announce(a);
		memset(section, 0x5a, len);
		before = kunit_kmalloc(test, len, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, before);
		memcpy(before, section, len);

		if (way == 0)
			sim_stop(a);
		else if (way == 1)
			sim_run(a);
		else if (way == 2)
			shm_links_want(a->sd, 0);
		else
			sim_down(a);
		KUNIT_EXPECT_FALSE_MSG(test, memcmp(section, before, len),
				       "way %u", way);
		KUNIT_EXPECT_EQ(test, le64_to_cpu(*sim_claim(sim, 0)),
				IVNET_SHM_CLAIM(4711, 7, IVNET_SHM_CLAIM_TAKEN));
		a->sd->wants = SHM_FEATURES;
	}
}

static struct kunit_case shm_region_cases[] = {
	KUNIT_CASE(region_test_format),
	KUNIT_CASE(region_test_defaults),
	KUNIT_CASE_PARAM(region_test_refuse, bad_header_gen_params),
	KUNIT_CASE(region_test_crc),
	KUNIT_CASE(region_test_foreign),
	KUNIT_CASE(region_test_race),
	KUNIT_CASE(region_test_change),
	KUNIT_CASE(region_test_anew),
	KUNIT_CASE(port_test_free),
	KUNIT_CASE(port_test_pinned),
	KUNIT_CASE(port_test_position),
	KUNIT_CASE(port_test_stale),
	KUNIT_CASE(port_test_lost),
	KUNIT_CASE(port_test_lost_stop),
	{}
};

static struct kunit_suite shm_region_suite = {
	.name = "ivnet_shm_region",
	.exit = sim_exit,
	.test_cases = shm_region_cases,
};

kunit_test_suite(shm_region_suite);
