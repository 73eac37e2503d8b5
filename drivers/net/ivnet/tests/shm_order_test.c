// SPDX-License-Identifier: GPL-2.0
/*
 * Links of shared memory, over all orders of what can happen. Both data paths
 * run wherever the other guest may run, and see that no frame of another life
 * arrives and that no honest peer is taken for a liar.
 */

#include <kunit/test.h>

#include "shm_sim.h"

#define SIZE	65536

/* How long doorbells alone take to bring links up, ms. */
#define SOON	60

/* A quarantine ends with the next heartbeat after it. */
#define LATER	(1000 + 500 + SOON)

/*
 * What can happen. Letters are also what a failure is reported with:
 *
 *	a b	A's or B's work runs
 *	A B	the same, and the other's runs wherever it may in between
 *	s r	A's interface goes down or up
 *	l	A leaves, or comes back
 *	x	B breaks a rule towards A
 */
static const char events[] = "abABsrlx";

#define N_EVENTS	8

static void gap_a(struct sim *sim)
{
	if (sim->port[0].up)
		sim_work(&sim->port[0]);
}

static void gap_b(struct sim *sim)
{
	sim_work(&sim->port[1]);
}

static void lie(struct sim_port *p, struct sim_port *to)
{
	struct shm_link *link;

	if (!sim_usable(p, to) || !sim_usable(to, p))
		return;
	link = sim_link(p, to);
	WRITE_ONCE(link->lanes[0].tx.own->index,
		   cpu_to_le32(link->lanes[0].tx.published + 1000000));
	sim_data_path(to);
}

static void happen(struct sim *sim, char event)
{
	struct sim_port *a = &sim->port[0], *b = &sim->port[1];

	if (!a->up && strchr("aAsrx", event))
		return;

	switch (event) {
	case 'A':
		sim->gap = gap_b;
		fallthrough;
	case 'a':
		sim_work(a);
		break;
	case 'B':
		sim->gap = gap_a;
		fallthrough;
	case 'b':
		sim_work(b);
		break;
	case 's':
		sim_stop(a);
		break;
	case 'r':
		sim_run(a);
		break;
	case 'l':
		if (a->up)
			sim_down(a);
		else
			KUNIT_ASSERT_EQ(sim->test, sim_up(a), 0);
		break;
	case 'x':
		lie(b, a);
		break;
	}
	sim->gap = NULL;
	sim_check(sim);
}

static bool all_usable(struct sim *sim, u32 ports)
{
	u32 i, j;

	for (i = 0; i < ports; i++)
		for (j = 0; j < ports; j++)
			if (i != j && !sim_usable(&sim->port[i], &sim->port[j]))
				return false;

	return true;
}

/* Whoever is away comes back; true if all links run within @limit ms. */
static bool settle(struct sim *sim, u32 ports, u32 limit)
{
	struct sim_port *p;
	u32 ms;

	for (p = sim->port; p < sim->port + ports; p++) {
		if (!p->up)
			KUNIT_ASSERT_EQ(sim->test, sim_up(p), 0);
		if (!p->sd->running)
			sim_run(p);
	}
	for (ms = 0; ms <= limit; ms += 20) {
		sim_pass(sim, 20);
		sim_check(sim);
		if (all_usable(sim, ports))
			return true;
	}

	return false;
}

static void begin(struct sim *sim, u32 ports)
{
	struct sim_port *p;

	sim_wipe(sim);
	sim->fault[0] = 0;
	for (p = sim->port; p < sim->port + ports; p++) {
		p->refused = 0;
		p->frames = 0;
		KUNIT_ASSERT_EQ(sim->test, sim_up(p), 0);
		sim_run(p);
	}
}

static const char *state_name(struct sim_port *p, struct sim_port *peer)
{
	return shm_link_state_name(sim_link(p, peer)->state);
}

/* All sequences of @n events, from a link that is up or from nothing. */
static void all_orders(struct kunit *test, u32 n, bool up)
{
	struct sim *sim = sim_new(test, SIZE);
	struct sim_port *a = &sim->port[0], *b = &sim->port[1];
	u32 i, k, rest, lies = 0, frames = 0;
	char order[16] = "";
	bool lied;

	sim->traffic = true;
	for (i = 0; i < 1U << (3 * n); i++) {
		begin(sim, 2);
		if (up)
			KUNIT_ASSERT_TRUE(test, settle(sim, 2, SOON));
		for (k = 0, rest = i; k < n; k++, rest /= N_EVENTS) {
			order[k] = events[rest % N_EVENTS];
			happen(sim, order[k]);
		}
		lied = a->refused;
		lies += lied;
		KUNIT_ASSERT_TRUE_MSG(test, settle(sim, 2, lied ? LATER : SOON),
				      "%s: not up, states %s and %s", order,
				      state_name(a, b), state_name(b, a));
		KUNIT_ASSERT_FALSE_MSG(test, sim->fault[0], "%s: %s", order, sim->fault);
		/* Honest ones are never refused, whatever they do when. */
		KUNIT_ASSERT_EQ_MSG(test, b->refused, 0, "%s", order);
		if (!strchr(order, 'x'))
			KUNIT_ASSERT_EQ_MSG(test, a->refused, 0, "%s", order);
		frames += a->frames + b->frames;
	}
	/* The test itself: it lied, and there was traffic to be lost. */
	KUNIT_EXPECT_GE(test, lies, up ? 100 : 0);
	KUNIT_EXPECT_GT(test, frames, i);
}

static void order_test_up(struct kunit *test)
{
	all_orders(test, 4, true);
}

static void order_test_nothing(struct kunit *test)
{
	all_orders(test, 4, false);
}

/* Works alone, in all orders, from nothing: never more than so many. */
static void order_test_work(struct kunit *test)
{
	struct sim *sim = sim_new(test, SIZE);
	struct sim_port *a = &sim->port[0], *b = &sim->port[1];
	u32 i, k, worst = 0, turns;

	sim->traffic = true;
	for (i = 0; i < 1U << 10; i++) {
		begin(sim, 2);
		turns = 0;
		for (k = 0; k < 10; k++)
			sim_work(&sim->port[i >> k & 1]);
		for (; !all_usable(sim, 2) && turns < 10; turns++) {
			sim_work(a);
			sim_work(b);
			sim_check(sim);
		}
		worst = max(worst, turns);
		KUNIT_ASSERT_FALSE_MSG(test, sim->fault[0], "%x: %s", i, sim->fault);
	}
	KUNIT_EXPECT_LE(test, worst, 3);
}

/* Three guests, and long sequences of everything; the same in each run. */
static void order_test_long(struct kunit *test)
{
	struct sim *sim = sim_new(test, SIZE);
	struct sim_port *p, *o;
	u32 seed = 1, i, k, n, lies = 0, frames = 0;

	sim->traffic = true;
	sim->port[0].sd->want_ports = 3;
	for (i = 0; i < 200; i++) {
		begin(sim, 3);
		for (k = 0; k < 60; k++) {
			seed = seed * 1664525 + 1013904223;
			n = seed >> 16;
			p = &sim->port[n % 3];
			o = &sim->port[(n + 1 + (n >> 2) % 2) % 3];
			switch ((n >> 4) % 16) {
			case 0:
				sim_pass(sim, 700);
				break;
			case 1:
				if (p->up)
					sim_down(p);
				break;
			case 2:
				if (p->up)
					sim_crash(p);
				break;
			case 3:
			case 4:
				if (!p->up)
					KUNIT_ASSERT_EQ(test, sim_up(p), 0);
				break;
			case 5:
				if (p->up)
					sim_stop(p);
				break;
			case 6:
			case 7:
				if (p->up)
					sim_run(p);
				break;
			case 8:
				lie(p, o);
				break;
			case 9:
				sim_pass(sim, 20);
				break;
			default:
				if (p->up)
					sim_work(p);
				break;
			}
			sim_check(sim);
		}
		/* Pauses grow with lies. */
		KUNIT_ASSERT_TRUE_MSG(test, settle(sim, 3, 62000), "round %u", i);
		KUNIT_ASSERT_FALSE_MSG(test, sim->fault[0], "round %u: %s", i, sim->fault);
		for (p = sim->port; p < sim->port + SIM_PORTS; p++) {
			lies += p->refused;
			frames += p->frames;
		}
	}
	KUNIT_EXPECT_GT(test, lies, 20);
	KUNIT_EXPECT_GT(test, frames, 10000);
}

static struct kunit_case shm_order_cases[] = {
	KUNIT_CASE(order_test_work),
	KUNIT_CASE_SLOW(order_test_up),
	KUNIT_CASE_SLOW(order_test_nothing),
	KUNIT_CASE_SLOW(order_test_long),
	{}
};

static struct kunit_suite shm_order_suite = {
	.name = "ivnet_shm_order",
	.exit = sim_exit,
	.test_cases = shm_order_cases,
};

kunit_test_suite(shm_order_suite);
