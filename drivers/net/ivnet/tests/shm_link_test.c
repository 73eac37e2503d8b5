// SPDX-License-Identifier: GPL-2.0
/* Links of shared memory: one rule of ivnet-shm.rst after the other. */

#include <kunit/test.h>
#include <linux/etherdevice.h>

#include "shm_sim.h"

#define SIZE	65536
#define SOON	SIM_SOON

static enum shm_link_state state_of(struct sim_port *p, struct sim_port *peer)
{
	return sim_link(p, peer)->state;
}

static void link_test_up(struct kunit *test)
{
	struct sim *sim = sim_new(test, SIZE);
	struct sim_port *a = &sim->port[0], *b = &sim->port[1];
	struct ivnet_shm_link *own;
	struct shm_link *link;

	KUNIT_ASSERT_EQ(test, sim_up(a), 0);
	KUNIT_ASSERT_EQ(test, sim_up(b), 0);
	link = sim_link(a, b);
	KUNIT_EXPECT_EQ(test, state_of(a, b), SHM_LINK_DOWN);
	sim_work(a);
	KUNIT_EXPECT_EQ(test, state_of(a, b), SHM_LINK_AGREE);
	KUNIT_EXPECT_GT(test, b->rung, 0);
	sim_pass(sim, SOON);
	KUNIT_EXPECT_EQ(test, state_of(a, b), SHM_LINK_UP);
	KUNIT_EXPECT_EQ(test, state_of(b, a), SHM_LINK_UP);
	KUNIT_EXPECT_STREQ(test, shm_link_state_name(link->state), "up");
	KUNIT_EXPECT_EQ(test, link->resets, 1);
	KUNIT_EXPECT_EQ(test, link->features, SHM_FEATURES);
	KUNIT_EXPECT_EQ(test, link->position, 11);
	KUNIT_EXPECT_EQ(test, link->max_frame, a->sd->geo.max_frame);

	/* Agreed, but no frame flows before both interfaces are up. */
	KUNIT_EXPECT_FALSE(test, link->run);
	sim_run(a);
	sim_pass(sim, SOON);
	KUNIT_EXPECT_FALSE(test, link->run);
	KUNIT_EXPECT_FALSE(test, netif_carrier_ok(a->netdev));
	KUNIT_EXPECT_EQ(test, le32_to_cpu(sim_announce(a)->state), IVNET_SHM_RUN);
	a->wakes = 0;
	b->wakes = 0;
	sim_run(b);
	/* Doorbells alone do it, without a heartbeat. */
	sim_pass(sim, SOON);
	KUNIT_EXPECT_TRUE(test, sim_usable(a, b));
	KUNIT_EXPECT_TRUE(test, sim_usable(b, a));
	KUNIT_EXPECT_GT(test, a->wakes, 0);
	KUNIT_EXPECT_GT(test, b->wakes, 0);
	KUNIT_EXPECT_EQ(test, link->resets, 1);

	own = sim_block(a, b);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(own->mine), link->life);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(own->yours), sim_link(b, a)->life);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(own->state), 1);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(own->features), SHM_FEATURES);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(own->resets), 1);
	KUNIT_EXPECT_EQ(test, shm_fdb_find(&a->sd->fdb, b->netdev->dev_addr), 1);
	KUNIT_EXPECT_EQ(test, shm_fdb_find(&b->sd->fdb, a->netdev->dev_addr), 0);
}

static void work_a(struct sim *sim)
{
	sim_work(&sim->port[0]);
}

static void link_test_leave(struct kunit *test)
{
	struct sim_pair p = sim_pair_new(test);
	struct ivnet_shm_announce *announce = sim_announce(p.b);
	struct shm_link *link = sim_link(p.a, p.b);
	u32 life = link->life;

	/* The interface goes down and up: both begin with empty rings. */
	sim_stop(p.b);
	sim_pass(p.sim, SOON);
	KUNIT_EXPECT_FALSE(test, link->run);
	KUNIT_EXPECT_EQ(test, link->state, SHM_LINK_UP);
	sim_run(p.b);
	sim_pass(p.sim, SOON);
	sim_pair_expect_up(test, &p);
	KUNIT_EXPECT_NE(test, link->life, life);

	/* The device goes, while the other side looks all the time. */
	p.a->forgets = 0;
	p.sim->gap = work_a;
	sim_down(p.b);
	p.sim->gap = NULL;
	sim_pass(p.sim, SOON);
	KUNIT_EXPECT_EQ(test, link->state, SHM_LINK_DOWN);
	KUNIT_EXPECT_FALSE(test, link->run);
	KUNIT_EXPECT_EQ(test, p.a->forgets, 1);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(announce->state), IVNET_SHM_DOWN);
	KUNIT_EXPECT_EQ(test, le64_to_cpu(*sim_claim(p.sim, 1)), 0);
	KUNIT_EXPECT_LT(test, shm_fdb_find(&p.a->sd->fdb, p.b->sd->mac), 0);

	/* And comes, in a life whose number must not be 0. */
	link->life = U32_MAX;
	KUNIT_ASSERT_EQ(test, sim_up(p.b), 0);
	sim_run(p.b);
	sim_pass(p.sim, SOON);
	sim_pair_expect_up(test, &p);
	KUNIT_EXPECT_EQ(test, link->life, 1);
	KUNIT_EXPECT_GT(test, p.a->frames, 0);
	KUNIT_EXPECT_EQ(test, p.a->refused + p.b->refused, 0);
}

static void asleep(struct sim_port *p)
{
	p->sd->dozing = true;
	sim_stop(p);
}

static void awake(struct kunit *test, struct sim_port *p)
{
	p->sd->dozing = false;
	sim_down(p);
	KUNIT_ASSERT_EQ(test, sim_up(p), 0);
	sim_run(p);
}

static void link_test_sleep(struct kunit *test)
{
	struct sim_pair p = sim_pair_new(test);
	struct shm_link *link = sim_link(p.a, p.b);
	u32 life = link->life, mine;

	/* Without a heartbeat, for as long as it takes. */
	asleep(p.b);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(sim_announce(p.b)->state), IVNET_SHM_SLEEP);
	KUNIT_EXPECT_FALSE(test, sim_link(p.b, p.a)->run);
	KUNIT_EXPECT_EQ(test, sim_link(p.b, p.a)->state, SHM_LINK_UP);
	sim_pass(p.sim, 60000);
	KUNIT_EXPECT_TRUE(test, sim_usable(p.a, p.b));
	KUNIT_EXPECT_TRUE(test, netif_carrier_ok(p.a->netdev));
	KUNIT_EXPECT_EQ(test, link->life, life);
	awake(test, p.b);
	sim_pass(p.sim, SOON);
	sim_pair_expect_up(test, &p);
	KUNIT_EXPECT_NE(test, link->life, life);

	/* Who begins anew waits: there is nobody to agree with. */
	asleep(p.b);
	sim_stop(p.a);
	sim_run(p.a);
	mine = le32_to_cpu(sim_block(p.a, p.b)->mine);
	sim_pass(p.sim, 5000);
	KUNIT_EXPECT_EQ(test, link->state, SHM_LINK_DOWN);
	KUNIT_EXPECT_FALSE(test, link->run);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(sim_block(p.a, p.b)->mine), mine);
	KUNIT_EXPECT_FALSE(test, netif_carrier_ok(p.a->netdev));
	awake(test, p.b);
	sim_pass(p.sim, SOON);
	sim_pair_expect_up(test, &p);
}

static void link_test_silent(struct kunit *test)
{
	struct sim_pair p = sim_pair_new(test);
	struct shm_link *link = sim_link(p.a, p.b);
	u32 life = link->life, sent, got;

	sim_pass(p.sim, 1000);
	p.b->frozen = true;
	sim_pass(p.sim, 2400);
	KUNIT_EXPECT_TRUE(test, link->run);
	/* The last heartbeat may be seen late, and so may the silence. */
	sim_pass(p.sim, 1700);
	KUNIT_EXPECT_EQ(test, link->state, SHM_LINK_SILENT);
	KUNIT_EXPECT_FALSE(test, link->run);
	sent = link->lanes[0].tx.head;
	got = link->lanes[0].rx.tail;
	KUNIT_EXPECT_GT(test, sent, 0);
	sim_pass(p.sim, 60000);
	KUNIT_EXPECT_EQ(test, link->state, SHM_LINK_SILENT);

	/* Back: as if nothing had been. */
	p.b->frozen = false;
	p.sim->traffic = false;
	sim_work(p.b);
	sim_work(p.a);
	KUNIT_EXPECT_EQ(test, link->lanes[0].tx.head, sent);
	KUNIT_EXPECT_EQ(test, link->lanes[0].rx.tail, got);
	p.sim->traffic = true;
	p.b->frames = 0;
	sim_pass(p.sim, 1000);
	sim_pair_expect_up(test, &p);
	KUNIT_EXPECT_EQ(test, link->life, life);
	KUNIT_EXPECT_EQ(test, link->resets, 1);
	KUNIT_EXPECT_EQ(test, sim_link(p.b, p.a)->resets, 1);
	KUNIT_EXPECT_GT(test, p.b->frames, 0);

	/* Silent, and then another one: from the beginning. */
	p.b->frozen = true;
	sim_pass(p.sim, 5000);
	KUNIT_EXPECT_EQ(test, link->state, SHM_LINK_SILENT);
	sim_crash(p.b);
	KUNIT_ASSERT_EQ(test, sim_up(p.b), 0);
	sim_run(p.b);
	sim_pass(p.sim, SOON);
	sim_pair_expect_up(test, &p);
	KUNIT_EXPECT_NE(test, link->life, life);
}

static void link_test_quarantine(struct kunit *test)
{
	static const u32 pauses[] = { 1, 2, 4, 8, 16, 32, 60, 60 };
	struct sim_pair p = sim_pair_new(test);
	struct shm_link *link = sim_link(p.a, p.b);
	struct ivnet_shm_link *own = sim_block(p.a, p.b);
	u32 i, resets;

	for (i = 0; i < ARRAY_SIZE(pauses); i++) {
		sim_pair_lie(&p);
		KUNIT_EXPECT_EQ(test, p.a->refused, i + 1);
		KUNIT_EXPECT_FALSE(test, sim_usable(p.a, p.b));
		p.b->rung = 0;
		sim_work(p.a);
		KUNIT_EXPECT_EQ(test, link->state, SHM_LINK_QUARANTINE);
		KUNIT_EXPECT_FALSE(test, link->run);
		/* B is told, and stops as well. */
		KUNIT_EXPECT_EQ(test, p.b->rung, 1);
		sim_work(p.b);
		KUNIT_EXPECT_FALSE(test, sim_link(p.b, p.a)->run);
		KUNIT_EXPECT_EQ(test, le32_to_cpu(own->error), SHM_ERR_PROD);
		KUNIT_EXPECT_EQ(test, le32_to_cpu(own->state), 0);
		KUNIT_EXPECT_EQ(test, le32_to_cpu(own->yours), 0);
		resets = link->resets;
		sim_pass(p.sim, pauses[i] * 1000 - 100);
		KUNIT_EXPECT_EQ_MSG(test, link->state, SHM_LINK_QUARANTINE,
				    "the %u. one", i + 1);
		KUNIT_EXPECT_EQ(test, link->resets, resets);
		/* The end is seen with the next heartbeat. */
		sim_pass(p.sim, 100 + 500 + SOON);
		sim_pair_expect_up(test, &p);
		KUNIT_EXPECT_EQ(test, le32_to_cpu(own->error), 0);
	}

	/* Good conduct is rewarded. */
	sim_pass(p.sim, 300000);
	sim_pair_lie(&p);
	sim_pass(p.sim, 500 + 1000 + SOON);
	sim_pair_expect_up(test, &p);
	KUNIT_EXPECT_EQ(test, p.b->refused, 0);
}

/* A pause is served once and whole, whoever leaves and comes meanwhile. */
static void link_test_pause(struct kunit *test)
{
	struct sim_pair p = sim_pair_new(test);
	struct shm_link *link = sim_link(p.a, p.b);

	sim_pair_lie(&p);
	sim_work(p.a);
	sim_stop(p.a);
	sim_run(p.a);
	sim_pass(p.sim, SOON);
	KUNIT_EXPECT_EQ(test, link->state, SHM_LINK_QUARANTINE);
	sim_down(p.b);
	sim_pass(p.sim, SOON);
	KUNIT_ASSERT_EQ(test, sim_up(p.b), 0);
	sim_run(p.b);
	sim_pass(p.sim, SOON);
	KUNIT_EXPECT_EQ(test, link->state, SHM_LINK_QUARANTINE);
	KUNIT_EXPECT_EQ(test, link->retry, 2);
	sim_pass(p.sim, 1000 + 500);
	sim_pair_expect_up(test, &p);

	/* It is over, but nobody has looked. */
	sim_pair_lie(&p);
	sim_work(p.a);
	KUNIT_EXPECT_EQ(test, link->state, SHM_LINK_QUARANTINE);
	p.a->frozen = true;
	sim_pass(p.sim, 2500);
	p.a->frozen = false;
	sim_stop(p.a);
	sim_run(p.a);
	sim_pass(p.sim, SOON);
	sim_pair_expect_up(test, &p);
	KUNIT_EXPECT_EQ(test, link->retry, 4);
}

/* The other index: more is said to be done than was sent. */
static void link_test_cons(struct kunit *test)
{
	struct sim_pair p = sim_pair_new(test);
	struct shm_link *link = sim_link(p.a, p.b);
	u32 i;

	p.b->frozen = true;
	WRITE_ONCE(sim_link(p.b, p.a)->lanes[0].rx.own->index, cpu_to_le32(1000000));
	for (i = 0; i < 2 * link->lanes[0].tx.mask; i++)
		sim_data_path(p.a);
	KUNIT_EXPECT_EQ(test, p.a->refused, 1);
	KUNIT_EXPECT_EQ(test, link->broken, SHM_ERR_CONS);
	/* Counted once, as what was seen first. */
	KUNIT_EXPECT_FALSE(test, shm_link_broken(link, SHM_ERR_PROD));
	KUNIT_EXPECT_EQ(test, link->broken, SHM_ERR_CONS);
	sim_work(p.a);
	KUNIT_EXPECT_EQ(test, link->state, SHM_LINK_QUARANTINE);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(sim_block(p.a, p.b)->error), SHM_ERR_CONS);

	/* Who leaves and comes is another one, but the pause is kept. */
	sim_crash(p.b);
	KUNIT_ASSERT_EQ(test, sim_up(p.b), 0);
	sim_run(p.b);
	sim_pass(p.sim, 800);
	KUNIT_EXPECT_EQ(test, link->state, SHM_LINK_QUARANTINE);
	sim_pass(p.sim, 800);
	sim_pair_expect_up(test, &p);
}

/* Indices of a peer's next life are no lie. */
static void link_test_anew(struct kunit *test)
{
	struct sim_pair p = sim_pair_new(test);
	struct shm_link *link = sim_link(p.a, p.b);

	sim_pass(p.sim, 200);
	p.sim->traffic = false;
	KUNIT_ASSERT_GT(test, link->lanes[0].rx.tail, 0);
	p.a->frozen = true;
	sim_stop(p.b);
	sim_run(p.b);
	sim_pass(p.sim, SOON);
	KUNIT_EXPECT_EQ(test, state_of(p.b, p.a), SHM_LINK_AGREE);
	p.a->frozen = false;

	sim_data_path(p.a);
	KUNIT_EXPECT_EQ(test, p.a->refused, 0);
	KUNIT_EXPECT_EQ(test, p.a->anew, 1);
	KUNIT_EXPECT_FALSE(test, sim_usable(p.a, p.b));
	KUNIT_EXPECT_FALSE(test, shm_link_broken(link, SHM_ERR_PROD));
	KUNIT_EXPECT_EQ(test, link->broken, SHM_ERR_ANEW);
	sim_work(p.a);
	KUNIT_EXPECT_NE(test, link->state, SHM_LINK_QUARANTINE);
	KUNIT_EXPECT_EQ(test, link->resets, 2);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(sim_block(p.a, p.b)->error), 0);
	KUNIT_EXPECT_EQ(test, link->state, SHM_LINK_AGREE);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(sim_block(p.a, p.b)->state), 0);
	p.sim->traffic = true;
	sim_pass(p.sim, SOON);
	sim_pair_expect_up(test, &p);
	KUNIT_EXPECT_EQ(test, link->retry, SHM_RETRY_MIN);
}

static void link_test_wants(struct kunit *test)
{
	struct sim_pair p = sim_pair_new(test);
	struct shm_link *link = sim_link(p.a, p.b);
	u16 all = IVNET_SHM_D_NEEDS_CSUM | IVNET_SHM_D_DATA_VALID |
		  IVNET_SHM_D_HASH;

	KUNIT_EXPECT_EQ(test, link->uses, SHM_FEATURES);
	KUNIT_EXPECT_EQ(test, link->lanes[0].flags, all);

	p.sim->slept = 0;
	shm_links_want(p.b->sd, IVNET_SHM_F_HASH);
	KUNIT_EXPECT_LE(test, p.sim->slept, 20);
	KUNIT_EXPECT_EQ(test, link->uses, IVNET_SHM_F_HASH);
	KUNIT_EXPECT_EQ(test, link->lanes[0].flags, IVNET_SHM_D_HASH);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(sim_block(p.a, p.b)->uses), IVNET_SHM_F_HASH);
	/* It is taken all the same, without a new life. */
	KUNIT_EXPECT_EQ(test, link->features, SHM_FEATURES);
	KUNIT_EXPECT_EQ(test, sim_link(p.b, p.a)->lanes[0].rx.flags, all);
	KUNIT_EXPECT_EQ(test, link->resets, 1);

	/* A new life does not forget it. */
	sim_stop(p.a);
	sim_run(p.a);
	sim_pass(p.sim, 600);
	KUNIT_EXPECT_EQ(test, link->uses, IVNET_SHM_F_HASH);

	/* Who does not hear it is not waited for. */
	p.a->frozen = true;
	p.sim->slept = 0;
	shm_links_want(p.b->sd, 0);
	KUNIT_EXPECT_GE(test, p.sim->slept, 200);
	KUNIT_EXPECT_LE(test, p.sim->slept, 220);
	p.a->frozen = false;
	shm_links_want(p.b->sd, SHM_FEATURES);
	sim_pass(p.sim, SOON);
	KUNIT_EXPECT_EQ(test, link->uses, SHM_FEATURES);
	KUNIT_EXPECT_EQ(test, link->lanes[0].flags, all);
	sim_pair_expect_up(test, &p);
}

static void link_test_mac(struct kunit *test)
{
	static const u8 new[ETH_ALEN] = { 2, 0, 0, 0, 1, 1 };
	struct sim_pair p = sim_pair_new(test);
	struct shm_link *link = sim_link(p.a, p.b);

	p.a->n_said = 0;
	eth_hw_addr_set(p.b->netdev, new);
	sim_pass(p.sim, 1100);
	KUNIT_EXPECT_MEMEQ(test, link->mac, new, ETH_ALEN);
	KUNIT_EXPECT_EQ(test, shm_fdb_find(&p.a->sd->fdb, new), 1);
	KUNIT_EXPECT_EQ(test, p.a->n_said, 0);

	/* The same as ours: once is enough. */
	eth_hw_addr_set(p.b->netdev, p.a->netdev->dev_addr);
	sim_pass(p.sim, 3000);
	KUNIT_EXPECT_EQ(test, p.a->n_said, 1);
	KUNIT_EXPECT_TRUE(test, strstr(p.a->said, "port 1 has our address"));
	sim_pair_expect_up(test, &p);
	KUNIT_EXPECT_EQ(test, link->resets, 1);
}

static void link_test_carrier(struct kunit *test)
{
	struct sim_pair p = sim_pair_new(test);

	KUNIT_EXPECT_TRUE(test, netif_carrier_ok(p.a->netdev));
	/* The other side changes its rings, say: the carrier stays. */
	sim_stop(p.b);
	sim_pass(p.sim, 200);
	KUNIT_EXPECT_FALSE(test, sim_usable(p.a, p.b));
	KUNIT_EXPECT_TRUE(test, netif_carrier_ok(p.a->netdev));
	sim_run(p.b);
	sim_pass(p.sim, 1000);
	KUNIT_EXPECT_TRUE(test, sim_usable(p.a, p.b));
	KUNIT_EXPECT_TRUE(test, netif_carrier_ok(p.a->netdev));
	/* It goes, and the carrier follows. */
	sim_stop(p.b);
	sim_pass(p.sim, 250);
	KUNIT_EXPECT_TRUE(test, netif_carrier_ok(p.a->netdev));
	sim_pass(p.sim, 200);
	KUNIT_EXPECT_FALSE(test, netif_carrier_ok(p.a->netdev));
	sim_run(p.b);
	sim_pass(p.sim, SOON);
	KUNIT_EXPECT_TRUE(test, netif_carrier_ok(p.a->netdev));
	/* While the interface is down nobody touches its carrier. */
	sim_stop(p.a);
	netif_carrier_on(p.a->netdev);
	sim_pass(p.sim, 2000);
	KUNIT_EXPECT_TRUE(test, netif_carrier_ok(p.a->netdev));
}

/* Nobody can ring B: both look by themselves, and it is left in peace. */
static void link_test_deaf(struct kunit *test)
{
	struct sim *sim = sim_new(test, SIZE);
	struct sim_pair p = { .sim = sim, .a = &sim->port[0], .b = &sim->port[1] };

	p.b->sd->vectors = 0;
	KUNIT_ASSERT_EQ(test, sim_up(p.a), 0);
	sim_run(p.a);
	sim_pass(sim, 1000);
	KUNIT_EXPECT_FALSE(test, p.a->sd->polling);
	p.a->works = 0;
	sim_pass(sim, 2000);
	KUNIT_EXPECT_LE(test, p.a->works, 5);

	KUNIT_ASSERT_EQ(test, sim_up(p.b), 0);
	sim_run(p.b);
	sim_pass(sim, 1000);
	sim_pair_expect_up(test, &p);
	KUNIT_EXPECT_TRUE(test, p.a->sd->polling);
	KUNIT_EXPECT_TRUE(test, p.b->sd->polling);
	KUNIT_EXPECT_EQ(test, p.b->rung, 0);
	p.a->works = 0;
	p.b->works = 0;
	sim_pass(sim, 2000);
	KUNIT_EXPECT_GE(test, p.a->works, 30);
	KUNIT_EXPECT_GE(test, p.b->works, 30);

	sim_down(p.b);
	sim_pass(sim, 200);
	KUNIT_EXPECT_FALSE(test, p.a->sd->polling);
}

/* Whoever rings without end does not keep us busy without end. */
static void link_test_storm(struct kunit *test)
{
	struct sim_pair p = sim_pair_new(test);
	u32 i;

	sim_jiffies++;
	for (i = 0; i < 8; i++) {
		shm_link_kick(p.a->sd);
		KUNIT_EXPECT_EQ(test, p.a->due, jiffies);
		sim_work(p.a);
	}
	shm_link_kick(p.a->sd);
	KUNIT_EXPECT_EQ(test, p.a->due, jiffies + 1);
	sim_jiffies++;
	shm_link_kick(p.a->sd);
	KUNIT_EXPECT_EQ(test, p.a->due, jiffies);

	/* Whoever is gone is not kicked any more. */
	sim_down(p.b);
	KUNIT_EXPECT_STREQ(test, p.sim->fault, "");
	shm_link_kick(p.b->sd);
	KUNIT_EXPECT_FALSE(test, p.b->queued);
}

/* Heartbeats: counted up twice a second, whatever else is done. */
static void link_test_beat(struct kunit *test)
{
	struct sim_pair p = sim_pair_new(test);
	u32 beat, wakes;

	beat = le32_to_cpu(sim_announce(p.a)->heartbeat);
	wakes = p.a->wakes;
	sim_pass(p.sim, 10000);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(sim_announce(p.a)->heartbeat), beat + 20);
	/* A doorbell may be lost: the queues are looked at as well. */
	KUNIT_EXPECT_EQ(test, p.a->wakes, wakes + 20);
	/* Late work neither catches up nor comes too early afterwards. */
	p.a->frozen = true;
	sim_pass(p.sim, 2250);
	p.a->frozen = false;
	beat = le32_to_cpu(sim_announce(p.a)->heartbeat);
	sim_pass(p.sim, 10);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(sim_announce(p.a)->heartbeat), beat + 1);
	KUNIT_EXPECT_TRUE(test, p.a->queued);
	KUNIT_EXPECT_LE(test, p.a->due - jiffies, msecs_to_jiffies(500));
	KUNIT_EXPECT_GE(test, p.a->due - jiffies, msecs_to_jiffies(480));
}

/* One of two peers lies: the other does not notice. */
static void link_test_three(struct kunit *test)
{
	struct sim *sim = sim_new(test, SIZE);
	struct sim_pair p = { .sim = sim, .a = &sim->port[0], .b = &sim->port[1] };
	struct sim_port *c = &sim->port[2];
	u32 i;

	sim->traffic = true;
	p.a->sd->want_ports = 3;
	for (i = 0; i < 3; i++) {
		KUNIT_ASSERT_EQ(test, sim_up(&sim->port[i]), 0);
		sim_run(&sim->port[i]);
	}
	sim_pass(sim, SOON);
	KUNIT_EXPECT_TRUE(test, sim_usable(p.a, c));
	KUNIT_EXPECT_TRUE(test, sim_usable(c, p.b));
	sim_pair_lie(&p);
	sim_pass(sim, SOON);
	KUNIT_EXPECT_EQ(test, state_of(p.a, p.b), SHM_LINK_QUARANTINE);
	KUNIT_EXPECT_TRUE(test, sim_usable(p.a, c));
	KUNIT_EXPECT_TRUE(test, sim_usable(p.b, c));
	KUNIT_EXPECT_TRUE(test, netif_carrier_ok(p.a->netdev));
	sim_pass(sim, 2000);
	sim_pair_expect_up(test, &p);
	KUNIT_EXPECT_EQ(test, sim_link(p.a, c)->resets, 1);
	KUNIT_EXPECT_EQ(test, sim_link(c, p.a)->resets, 1);
	KUNIT_EXPECT_EQ(test, sim_link(c, p.b)->resets, 1);
}

static struct kunit_case shm_link_cases[] = {
	KUNIT_CASE(link_test_up),
	KUNIT_CASE(link_test_leave),
	KUNIT_CASE(link_test_silent),
	KUNIT_CASE(link_test_sleep),
	KUNIT_CASE(link_test_quarantine),
	KUNIT_CASE(link_test_pause),
	KUNIT_CASE(link_test_cons),
	KUNIT_CASE(link_test_anew),
	KUNIT_CASE(link_test_wants),
	KUNIT_CASE(link_test_mac),
	KUNIT_CASE(link_test_carrier),
	KUNIT_CASE(link_test_deaf),
	KUNIT_CASE(link_test_storm),
	KUNIT_CASE(link_test_beat),
	KUNIT_CASE(link_test_three),
	{}
};

static struct kunit_suite shm_link_suite = {
	.name = "ivnet_shm_link",
	.exit = sim_exit,
	.test_cases = shm_link_cases,
};

kunit_test_suite(shm_link_suite);
