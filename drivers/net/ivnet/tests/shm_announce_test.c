// SPDX-License-Identifier: GPL-2.0
/* Links of shared memory: what is taken from a peer's announce block. */

#include <kunit/test.h>

#include "shm_sim.h"

/* What an announce block says counts only if all of it fits. */
static void announce_test_fits(struct kunit *test)
{
	struct sim_pair p = sim_pair_new(test);
	struct ivnet_shm_announce *b = sim_announce(p.b);
	struct shm_link *link = sim_link(p.a, p.b);
	u64 claim = le64_to_cpu(*sim_claim(p.sim, 1));
	u32 i;

	for (i = 0; i < 9; i++) {
		switch (i) {
		case 0:
			*sim_claim(p.sim, 1) = 0;
			break;
		case 1:
			*sim_claim(p.sim, 1) = cpu_to_le64(claim + (1ULL << 48));
			break;
		case 2:
			*sim_claim(p.sim, 1) = cpu_to_le64(claim + (1ULL << 32));
			break;
		case 3:
			*sim_claim(p.sim, 1) = cpu_to_le64(claim ^ 1);
			break;
		case 4:
			b->state = cpu_to_le32(IVNET_SHM_DOWN);
			break;
		case 5:
			b->state = cpu_to_le32(IVNET_SHM_INIT);
			break;
		case 6:
			b->state = cpu_to_le32(IVNET_SHM_SLEEP + 1);
			break;
		case 7:
			b->max_frame = cpu_to_le32(IVNET_SHM_FRAME_MIN - 1);
			break;
		case 8:
			b->position = cpu_to_le16(9);
			break;
		}
		sim_work(p.a);
		KUNIT_EXPECT_EQ_MSG(test, link->state, SHM_LINK_DOWN, "case %u", i);
		KUNIT_EXPECT_FALSE(test, link->run);
		KUNIT_EXPECT_EQ(test, le32_to_cpu(sim_block(p.a, p.b)->yours), 0);
		*sim_claim(p.sim, 1) = cpu_to_le64(claim);
		sim_pass(p.sim, 1100);
		sim_pair_expect_up(test, &p);
	}
}

/* What is taken over from a peer is brought into range. */
static void announce_test_limits(struct kunit *test)
{
	struct sim_pair p = sim_pair_new(test);
	struct shm_link *link = sim_link(p.a, p.b);
	struct ivnet_shm_announce *b;
	u32 q;

	sim_down(p.b);
	sim_work(p.a);
	KUNIT_ASSERT_EQ(test, sim_up(p.b), 0);
	p.b->frozen = true;
	b = sim_announce(p.b);
	b->max_frame = cpu_to_le32(U32_MAX);
	b->vectors = cpu_to_le16(3);
	b->control_vector = cpu_to_le16(3);
	for (q = 0; q < IVNET_SHM_QUEUES_MAX; q++)
		b->data_vectors[q] = cpu_to_le16(1 + q);
	b->features = cpu_to_le64(~0ULL);
	p.b->sd->vectors = 3;
	sim_work(p.a);
	KUNIT_EXPECT_EQ(test, link->max_frame, p.a->sd->geo.max_frame);
	KUNIT_EXPECT_EQ(test, link->control_vector, 0);
	for (q = 0; q < IVNET_SHM_QUEUES_MAX; q++)
		KUNIT_EXPECT_EQ(test, link->data_vector[q], q < 2 ? 1 + q : 0);
	KUNIT_EXPECT_EQ(test, link->features, SHM_FEATURES);

	b->max_frame = cpu_to_le32(IVNET_SHM_FRAME_MIN);
	b->incarnation = cpu_to_le32(1);
	*sim_claim(p.sim, 1) = cpu_to_le64(IVNET_SHM_CLAIM(1, 11, IVNET_SHM_CLAIM_TAKEN));
	b->control_vector = cpu_to_le16(2);
	sim_work(p.a);
	KUNIT_EXPECT_EQ(test, link->max_frame, IVNET_SHM_FRAME_MIN);
	KUNIT_EXPECT_EQ(test, link->control_vector, 2);
}

#define GSO(name)	IVNET_GSO_BIT(VIRTIO_NET_HDR_GSO_##name)

static void announce_test_features(struct kunit *test)
{
	static const struct {
		u64 features;
		u8 gso_types;
		u16 flags;
		u8 rules;
	} sets[] = {
		{ 0, 0, 0, 0 },
		{ IVNET_SHM_F_HASH, 0, IVNET_SHM_D_HASH, 0 },
		{ IVNET_SHM_F_VLAN, 0, 0, 0 },
		{ IVNET_SHM_F_CSUM, 0, 3, 3 },
		{ IVNET_SHM_F_CSUM | IVNET_SHM_F_TSO4, GSO(TCPV4), 3, 3 },
		{ IVNET_SHM_F_CSUM | IVNET_SHM_F_TSO6, GSO(TCPV6), 3, 3 },
		{ IVNET_SHM_F_CSUM | IVNET_SHM_F_USO, GSO(UDP_L4), 3, 3 },
		/* Nothing is segmented without sums. */
		{ IVNET_SHM_F_TSO4 | IVNET_SHM_F_TSO6 | IVNET_SHM_F_USO, 0, 0, 0 },
	};
	struct sim_pair p = sim_pair_new(test);
	struct shm_link *link = sim_link(p.a, p.b);
	u32 i;

	for (i = 0; i < ARRAY_SIZE(sets); i++) {
		sim_down(p.b);
		sim_work(p.a);
		KUNIT_ASSERT_EQ(test, sim_up(p.b), 0);
		sim_run(p.b);
		sim_announce(p.b)->features = cpu_to_le64(sets[i].features);
		p.b->sd->beat_at = jiffies;
		sim_work(p.a);
		KUNIT_EXPECT_EQ(test, link->features, sets[i].features & SHM_FEATURES);
		KUNIT_EXPECT_EQ(test, link->lanes[0].rx.flags, sets[i].flags);
		KUNIT_EXPECT_EQ(test, link->rules.gso_types, sets[i].gso_types);
		KUNIT_EXPECT_EQ(test, link->rules.flags, sets[i].rules);
		/* B counts more: no agreement. */
		sim_pass(p.sim, SIM_SOON);
		KUNIT_EXPECT_EQ(test, link->state, SHM_LINK_AGREE);
		KUNIT_EXPECT_EQ(test, sim_link(p.b, p.a)->state, SHM_LINK_AGREE);
	}
}

static struct kunit_case shm_announce_cases[] = {
	KUNIT_CASE(announce_test_fits),
	KUNIT_CASE(announce_test_limits),
	KUNIT_CASE(announce_test_features),
	{}
};

static struct kunit_suite shm_announce_suite = {
	.name = "ivnet_shm_announce",
	.exit = sim_exit,
	.test_cases = shm_announce_cases,
};

kunit_test_suite(shm_announce_suite);
