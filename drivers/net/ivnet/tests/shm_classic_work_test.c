// SPDX-License-Identifier: GPL-2.0
/*
 * The classic format's work: classic.c on one side, or on both, of a segment. What
 * the data path sees it is told here, and what it calls of the transport's other
 * files is here.
 */

#include <kunit/test.h>
#include <linux/etherdevice.h>
#include <net/ivnet/shm_classic.h>

#include "../ivshmem/classic.h"
#include "shm_sim.h"

#define SIZE	65536
#define SOON	SIM_SOON

#define RESET	IVNET_CLASSIC_RESET
#define INIT	IVNET_CLASSIC_INIT
#define READY	IVNET_CLASSIC_READY
#define RUN	IVNET_CLASSIC_RUN

/* Seconds of good conduct after which all is forgiven. */
#define FORGIVEN	(SHM_RETRY_MAX + 1)

/* ---- for the file under test ---- */

const struct devlink_param shm_params[SHM_PARAMS];

void shm_params_default(struct ivnet_dev *idev)
{
}

void shm_params_read(struct ivnet_dev *idev)
{
}

struct ivnet_queue *shm_queue_new(struct ivnet_dev *idev,
				  const struct ivnet_queue_cfg *cfg, u32 index,
				  int (*poll)(struct napi_struct *napi,
					      int budget))
{
	return ERR_PTR(-ENODEV);
}

void shm_queue_free(struct ivnet_dev *idev, struct ivnet_queue *q)
{
}

int shm_set_mac(struct ivnet_dev *idev, const u8 *addr)
{
	return 0;
}

void shm_set_rx_mode(struct net_device *dev)
{
}

u32 shm_rx_buf_min(struct ivnet_dev *idev, u32 mtu)
{
	return 0;
}

void shm_diagnose_rx(struct ivnet_queue *q, struct devlink_fmsg *fmsg)
{
}

void shm_diagnose_tx(struct ivnet_queue *q, struct devlink_fmsg *fmsg)
{
}

void shm_diagnose_v2(const struct shm_dev *sd, struct devlink_fmsg *fmsg)
{
}

void shm_regs(struct ivnet_dev *idev, struct ivnet_regs_out *out)
{
}

void shm_selftest(struct ivnet_dev *idev, struct ivnet_selftest *t)
{
}

void shm_address(const struct shm_dev *sd, const char *what, u32 number,
		 u8 *addr)
{
	eth_random_addr(addr);
}

void shm_wake_exit(struct shm_queue *sq)
{
}

netdev_tx_t classic_xmit(struct sk_buff *skb, struct net_device *dev)
{
	return NETDEV_TX_OK;
}

int classic_poll(struct napi_struct *napi, int budget)
{
	return 0;
}

void classic_tx_forget(struct shm_queue *sq, struct shm_classic *c)
{
	struct sim_port *p = c->sd->bus_priv;

	KUNIT_EXPECT_FALSE(p->sim->test, c->run);
	p->forgets++;
}

/* ---- two sides ---- */

/**
 * struct half - one side
 * @p: the guest
 * @qs: its queue
 * @up: its interface is
 */
struct half {
	struct sim_port *p;
	struct ivnet_qset *qs;
	bool up;
};

/**
 * struct duo - both; B may also be this test, by hand
 * @sim: their segment
 * @a: has the smaller position and the upper half
 * @b: the lower half
 */
struct duo {
	struct sim *sim;
	struct half a;
	struct half b;
};

static void half_init(struct kunit *test, struct half *h, struct sim_port *p,
		      u32 peer)
{
	struct shm_queue *sq = kunit_kzalloc(test, sizeof(*sq), GFP_KERNEL);

	h->p = p;
	h->qs = kunit_kzalloc(test, struct_size(h->qs, q, 1), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, sq);
	KUNIT_ASSERT_NOT_NULL(test, h->qs);
	sq->sd = p->sd;
	sq->q.netdev = p->netdev;
	sq->q.txq = netdev_get_tx_queue(p->netdev, 0);
	h->qs->q[0] = &sq->q;
	p->sd->want_peer = peer;
}

static struct duo *duo_new(struct kunit *test, struct sim *sim)
{
	struct duo *duo = kunit_kzalloc(test, sizeof(*duo), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, duo);
	duo->sim = sim;
	test->priv = duo;
	half_init(test, &duo->a, &sim->port[0], sim->port[1].sd->position);
	half_init(test, &duo->b, &sim->port[1], sim->port[0].sd->position);

	return duo;
}

static int half_start(struct half *h)
{
	int err = shm_classic_ops.up(h->p->sd->idev, NULL);

	h->p->up = !err;

	return err;
}

static void half_up(struct half *h)
{
	shm_classic_ops.queues_start(h->p->sd->idev, h->qs);
	h->up = true;
}

static void half_down(struct half *h)
{
	h->up = false;
	shm_classic_ops.queues_stop(h->p->sd->idev, h->qs);
}

static void half_end(struct half *h)
{
	if (h->up)
		half_down(h);
	shm_classic_ops.down(h->p->sd->idev);
	h->p->up = false;
}

static void work_test_exit(struct kunit *test)
{
	struct duo *duo = test->priv;

	if (duo && duo->a.p && duo->a.p->sd->classic)
		half_end(&duo->a);
	if (duo && duo->b.p && duo->b.p->sd->classic)
		half_end(&duo->b);
	sim_exit(test);
}

static struct shm_classic *of(const struct half *h)
{
	return h->p->sd->classic;
}

/* B's word, which is at the start of the region; and A's. */
static void show(struct duo *duo, u32 state)
{
	*(__le32 *)duo->sim->base = cpu_to_le32(state);
}

static u32 shown(struct duo *duo)
{
	return le32_to_cpu(*(__le32 *)(duo->sim->base + SIZE / 2));
}

/* B says so and rings; what then happens in some milliseconds. */
static void tell_for(struct duo *duo, u32 state, u32 ms)
{
	show(duo, state);
	shm_work_kick(duo->a.p->sd);
	sim_pass(duo->sim, ms);
}

static void tell(struct duo *duo, u32 state)
{
	tell_for(duo, state, SOON);
}

/* A alone, with B by hand, in RUN on both sides. */
static struct duo *duo_run(struct kunit *test)
{
	struct duo *duo = duo_new(test, sim_new(test, SIZE));

	KUNIT_ASSERT_EQ(test, half_start(&duo->a), 0);
	half_up(&duo->a);
	/* Rung, but with nothing to do. */
	duo->b.p->up = true;
	sim_pass(duo->sim, SOON);
	tell(duo, INIT);
	tell(duo, READY);
	tell(duo, RUN);
	KUNIT_ASSERT_TRUE(test, of(&duo->a)->run);
	duo->a.p->forgets = 0;
	duo->a.p->wakes = 0;

	return duo;
}

/* After whatever it was B behaves: RESET until A has left RUN, and so on. */
static void behave(struct duo *duo)
{
	tell(duo, RESET);
	tell(duo, INIT);
	tell(duo, READY);
	tell(duo, RUN);
}

static void expect_run(struct kunit *test, const struct half *h, bool run)
{
	KUNIT_EXPECT_EQ(test, of(h)->run, run);
	KUNIT_EXPECT_EQ(test, !!netif_carrier_ok(h->p->netdev), run);
}

/* ---- states ---- */

static void both_come_up(struct kunit *test, struct duo *duo,
			 struct half *first, struct half *second)
{
	KUNIT_ASSERT_EQ(test, half_start(first), 0);
	half_up(first);
	sim_pass(duo->sim, 1000);
	expect_run(test, first, false);
	KUNIT_ASSERT_EQ(test, half_start(second), 0);
	sim_pass(duo->sim, 1000);
	expect_run(test, first, false);
	first->p->wakes = 0;
	second->p->wakes = 0;
	half_up(second);
	/* Doorbells alone do it, without a heartbeat. */
	sim_pass(duo->sim, SOON);
	expect_run(test, first, true);
	expect_run(test, second, true);
	KUNIT_EXPECT_GT(test, first->p->wakes, 0);
	KUNIT_EXPECT_GT(test, second->p->wakes, 0);
	KUNIT_EXPECT_EQ(test, of(first)->resets, 1);
	KUNIT_EXPECT_EQ(test, of(second)->resets, 1);
	KUNIT_EXPECT_STREQ(test, duo->sim->fault, "");
}

static void work_test_up(struct kunit *test)
{
	struct duo *duo = duo_new(test, sim_new(test, SIZE));
	struct shm_dev *sd = duo->a.p->sd;

	both_come_up(test, duo, &duo->a, &duo->b);
	KUNIT_EXPECT_EQ(test, of(&duo->a)->side, 1);
	KUNIT_EXPECT_EQ(test, of(&duo->b)->side, 0);
	KUNIT_EXPECT_EQ(test, shown(duo), RUN);
	/* One vector is for all, and who polls needs no other interrupt. */
	KUNIT_EXPECT_EQ(test, sd->vectors, 1);
	KUNIT_EXPECT_FALSE(test, sd->open);
	KUNIT_EXPECT_EQ(test, sd->idev->limits.max_pairs, 1);
	KUNIT_EXPECT_EQ(test, sd->idev->limits.rx_ring_max, 128);
	KUNIT_EXPECT_TRUE(test, is_valid_ether_addr(sd->idev->perm_addr));

	/* The interface goes down and up: a new life, seen by both. */
	half_down(&duo->a);
	KUNIT_EXPECT_NE(test, shown(duo), RUN);
	KUNIT_EXPECT_FALSE(test, of(&duo->a)->run);
	KUNIT_EXPECT_TRUE(test, sd->open);
	sim_pass(duo->sim, SOON);
	expect_run(test, &duo->b, false);
	half_up(&duo->a);
	sim_pass(duo->sim, SOON);
	expect_run(test, &duo->a, true);
	expect_run(test, &duo->b, true);
	KUNIT_EXPECT_EQ(test, of(&duo->a)->resets, 2);
	KUNIT_EXPECT_EQ(test, of(&duo->b)->resets, 2);

	/* It goes for good, and leaves no state, no work and all vectors. */
	half_down(&duo->a);
	sim_pass(duo->sim, SOON);
	KUNIT_EXPECT_EQ(test, shown(duo), READY);
	half_end(&duo->a);
	KUNIT_EXPECT_EQ(test, shown(duo), RESET);
	KUNIT_EXPECT_FALSE(test, duo->a.p->queued);
	KUNIT_EXPECT_NULL(test, sd->classic);
	KUNIT_EXPECT_EQ(test, sd->vectors, 2);
	KUNIT_EXPECT_FALSE(test, sd->open);
	KUNIT_EXPECT_TRUE(test, sd->work.work.func == shm_link_work);
	sim_pass(duo->sim, SOON);
	expect_run(test, &duo->b, false);
	half_end(&duo->b);

	both_come_up(test, duo, &duo->b, &duo->a);
	KUNIT_EXPECT_STREQ(test, duo->sim->fault, "");
}

/* On v2 states are in the device, and data has a vector of its own. */
static void work_test_v2(struct kunit *test)
{
	struct sim *sim = sim_new_v2(test, SIZE);
	struct duo *duo = duo_new(test, sim);

	both_come_up(test, duo, &duo->a, &duo->b);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(sim->states[0]), RUN);
	KUNIT_EXPECT_EQ(test, of(&duo->a)->side, 0);
	KUNIT_EXPECT_EQ(test, of(&duo->a)->vector, CLASSIC_VECTOR_DATA);
	KUNIT_EXPECT_EQ(test, duo->a.p->sd->vectors, 2);
	/* Doorbells for states go to the work. */
	KUNIT_EXPECT_TRUE(test, duo->a.p->sd->open);
	half_end(&duo->a);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(sim->states[0]), RESET);
	half_end(&duo->b);
	/* One vector, or INTx. */
	duo->a.p->sd->vectors = 1;
	duo->b.p->sd->vectors = 1;
	both_come_up(test, duo, &duo->b, &duo->a);
	KUNIT_EXPECT_EQ(test, of(&duo->a)->vector, CLASSIC_VECTOR);
}

/* What leads out of RUN: everything but RUN. */
static void work_test_leave(struct kunit *test)
{
	static const u32 states[] = { RESET, INIT, READY, 4, 5, 0x80000003, U32_MAX };
	struct duo *duo = duo_run(test);
	struct half *a = &duo->a;
	u32 i, resets;

	for (i = 0; i < ARRAY_SIZE(states); i++) {
		resets = of(a)->resets + (states[i] == INIT);
		a->p->forgets = 0;
		a->p->wakes = 0;
		tell(duo, states[i]);
		expect_run(test, a, false);
		KUNIT_EXPECT_EQ_MSG(test, a->p->forgets, 1, "%x", states[i]);
		/* RESET is held until the other side is below READY. */
		KUNIT_EXPECT_EQ_MSG(test, shown(duo), states[i] == INIT ? READY :
				    states[i] == RESET ? INIT : RESET, "%x", states[i]);
		behave(duo);
		expect_run(test, a, true);
		KUNIT_EXPECT_EQ(test, of(a)->resets, resets + 1);
		KUNIT_EXPECT_GT(test, a->p->wakes, 0);
	}
	/* That was no offence. */
	KUNIT_EXPECT_EQ(test, of(a)->error, 0);
	KUNIT_EXPECT_EQ(test, of(a)->retry, SHM_RETRY_MIN);
}

/* The own area is emptied before READY is shown, the other one left alone. */
static void work_test_area(struct kunit *test)
{
	struct duo *duo = duo_run(test);
	u8 *own = duo->sim->base + SIZE / 2;
	u32 word;

	memset(duo->sim->base + 4, 0xaa, SIZE / 2 - 4);
	memset(own + 4, 0x55, SIZE / 2 - 4);
	tell(duo, RESET);
	KUNIT_EXPECT_EQ(test, shown(duo), INIT);
	KUNIT_EXPECT_EQ(test, own[SIZE / 2 - 1], 0x55);
	tell(duo, INIT);
	KUNIT_EXPECT_EQ(test, shown(duo), READY);
	KUNIT_EXPECT_EQ(test, own[SIZE / 2 - 1], 0);
	memcpy(&word, own + 4 + 8, sizeof(word));
	KUNIT_EXPECT_EQ(test, word, 0);
	KUNIT_EXPECT_NULL(test, memchr_inv(duo->sim->base + 4, 0xaa, SIZE / 2 - 4));
	KUNIT_EXPECT_EQ(test, of(&duo->a)->queued, 0);
}

/* ---- doorbells ---- */

/* One that was lost is made up for, as long as there is something to be seen. */
static void work_test_lost(struct kunit *test)
{
	struct duo *duo = duo_new(test, sim_new(test, SIZE));
	u32 rung;

	KUNIT_ASSERT_EQ(test, half_start(&duo->a), 0);
	half_up(&duo->a);
	duo->b.p->up = true;
	sim_pass(duo->sim, SOON);
	KUNIT_EXPECT_EQ(test, shown(duo), INIT);
	rung = duo->b.p->rung;
	sim_pass(duo->sim, 2600);
	KUNIT_EXPECT_GE(test, duo->b.p->rung, rung + 5);
	KUNIT_EXPECT_LE(test, duo->b.p->rung, rung + 6);

	/* And theirs: nobody rings. */
	show(duo, INIT);
	sim_pass(duo->sim, 600);
	KUNIT_EXPECT_EQ(test, shown(duo), READY);
	show(duo, RUN);
	sim_pass(duo->sim, 600);
	expect_run(test, &duo->a, true);

	/* While frames flow, the own queue is looked at instead. */
	rung = duo->b.p->rung;
	duo->a.p->wakes = 0;
	sim_pass(duo->sim, 2600);
	KUNIT_EXPECT_EQ(test, duo->b.p->rung, rung);
	KUNIT_EXPECT_GE(test, duo->a.p->wakes, 5);
	show(duo, RESET);
	sim_pass(duo->sim, 600);
	expect_run(test, &duo->a, false);
	KUNIT_EXPECT_EQ(test, shown(duo), INIT);

	/* A work that has begun shows nothing more after the end. */
	duo->a.p->begun = true;
	half_end(&duo->a);
	KUNIT_EXPECT_EQ(test, shown(duo), RESET);
}

/* ---- lies ---- */

/* As the data path does it. */
static void broken(struct duo *duo, enum ivnet_classic_err err)
{
	WRITE_ONCE(of(&duo->a)->broken, err);
	shm_work_kick(duo->a.p->sd);
	sim_pass(duo->sim, SOON);
}

/* B behaves at once, and has to wait; how long, in seconds, to the next. */
static u32 pause_of(struct kunit *test, struct duo *duo)
{
	struct shm_classic *c = of(&duo->a);
	u32 ms;

	for (ms = 0; ms < 100000 && !c->run; ms += SOON)
		tell(duo, c->state);
	expect_run(test, &duo->a, true);
	KUNIT_EXPECT_EQ(test, c->broken, 0);

	return DIV_ROUND_CLOSEST(ms, 1000);
}

static void work_test_lies(struct kunit *test)
{
	static const u32 seconds[] = { 1, 2, 4, 8, 16, 32, 60, 60 };
	struct duo *duo = duo_run(test);
	struct shm_classic *c = of(&duo->a);
	u32 i, resets;

	for (i = 0; i < ARRAY_SIZE(seconds); i++) {
		resets = c->resets;
		duo->a.p->forgets = 0;
		broken(duo, IVNET_CLASSIC_ERR_USED_ID);
		expect_run(test, &duo->a, false);
		KUNIT_EXPECT_EQ(test, duo->a.p->forgets, 1);
		KUNIT_EXPECT_EQ(test, shown(duo), RESET);
		KUNIT_EXPECT_EQ(test, c->error, IVNET_CLASSIC_ERR_USED_ID);
		KUNIT_EXPECT_EQ_MSG(test, pause_of(test, duo), seconds[i], "lie %u", i);
		KUNIT_EXPECT_EQ(test, c->resets, resets + 1);
	}
	sim_pass(duo->sim, FORGIVEN * 1000);
	broken(duo, IVNET_CLASSIC_ERR_AVAIL_ID);
	KUNIT_EXPECT_EQ(test, c->error, IVNET_CLASSIC_ERR_AVAIL_ID);

	/* Neither going down nor the other side's RESET makes it shorter. */
	half_down(&duo->a);
	tell(duo, RESET);
	tell(duo, INIT);
	half_up(&duo->a);
	tell(duo, INIT);
	KUNIT_EXPECT_EQ(test, shown(duo), RESET);
	KUNIT_EXPECT_EQ(test, pause_of(test, duo), 1);

	/* What is seen of rings that are no longer there is no lie. */
	show(duo, RESET);
	broken(duo, IVNET_CLASSIC_ERR_AVAIL_INDEX);
	KUNIT_EXPECT_EQ(test, c->error, IVNET_CLASSIC_ERR_AVAIL_ID);
	behave(duo);
	expect_run(test, &duo->a, true);
	KUNIT_EXPECT_EQ(test, c->broken, 0);
}

/* However fast the other side is, the area is emptied each 10 ms at most. */
static void work_test_flicker(struct kunit *test)
{
	struct duo *duo = duo_run(test);
	struct shm_classic *c = of(&duo->a);
	u32 resets = c->resets, works = duo->a.p->works, i;
	unsigned long start = jiffies;

	while (time_before(jiffies, start + HZ)) {
		for (i = 0; i < 100; i++)
			tell_for(duo, i % 6, 0);
		sim_jiffies++;
	}
	KUNIT_EXPECT_GT(test, c->resets, resets + 10);
	KUNIT_EXPECT_LE(test, c->resets, resets + 101);
	/* Nor does the work run without end. */
	KUNIT_EXPECT_LT(test, duo->a.p->works - works, 20 * HZ);
	behave(duo);
	expect_run(test, &duo->a, true);

	/* Who was held goes on when that is over, not with the next heartbeat. */
	tell(duo, RESET);
	tell_for(duo, INIT, 0);
	KUNIT_EXPECT_EQ(test, shown(duo), READY);
	tell_for(duo, RESET, 0);
	KUNIT_EXPECT_EQ(test, shown(duo), RESET);
	sim_pass(duo->sim, SOON);
	KUNIT_EXPECT_EQ(test, shown(duo), INIT);
	KUNIT_EXPECT_STREQ(test, duo->sim->fault, "");
}

/* ---- what is refused ---- */

static void expect_refused(struct kunit *test, struct half *h, const char *why)
{
	struct netlink_ext_ack extack = {};

	KUNIT_EXPECT_EQ(test, shm_classic_ops.up(h->p->sd->idev, &extack), -EINVAL);
	KUNIT_ASSERT_NOT_NULL(test, extack._msg);
	KUNIT_EXPECT_NOT_NULL_MSG(test, strstr(extack._msg, why), "%s", extack._msg);
	KUNIT_EXPECT_NULL(test, h->p->sd->classic);
}

static void work_test_refused(struct kunit *test)
{
	struct duo *duo = duo_new(test, sim_new(test, SIZE));
	struct half *a = &duo->a;

	a->p->sd->want_peer = SHM_PEER_NONE;
	expect_refused(test, a, "peer_id has to be the other side's position; ours is 10");
	a->p->sd->want_peer = a->p->sd->position;
	expect_refused(test, a, "ours is 10");
	a->p->sd->want_peer = duo->b.p->sd->position;
	a->p->sd->size = 8192;
	expect_refused(test, a, "a region of 8192 bytes is too small");
	KUNIT_EXPECT_NULL(test, memchr_inv(duo->sim->base, 0, SIZE));
	a->p->sd->size = SIZE;

	/* An earlier life may have ended in any state, on both sides. */
	show(duo, RUN);
	*(__le32 *)(duo->sim->base + SIZE / 2) = cpu_to_le32(RUN);
	KUNIT_EXPECT_EQ(test, half_start(a), 0);
	sim_pass(duo->sim, SOON);
	KUNIT_EXPECT_EQ(test, shown(duo), RESET);
}

static struct kunit_case classic_work_test_cases[] = {
	KUNIT_CASE(work_test_up),
	KUNIT_CASE(work_test_v2),
	KUNIT_CASE(work_test_leave),
	KUNIT_CASE(work_test_area),
	KUNIT_CASE(work_test_lost),
	KUNIT_CASE(work_test_lies),
	KUNIT_CASE(work_test_flicker),
	KUNIT_CASE(work_test_refused),
	{}
};

static struct kunit_suite classic_work_test_suite = {
	.name		= "ivnet_shm_classic_work",
	.exit		= work_test_exit,
	.test_cases	= classic_work_test_cases,
};

kunit_test_suite(classic_work_test_suite);
