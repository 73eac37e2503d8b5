// SPDX-License-Identifier: GPL-2.0
/*
 * The states of the classic format: every state that two sides can reach
 * together, whatever the order in which they look, come, go and crash.
 */

#include <kunit/test.h>
#include <net/ivnet/shm_classic.h>

#define RESET	IVNET_CLASSIC_RESET
#define INIT	IVNET_CLASSIC_INIT
#define READY	IVNET_CLASSIC_READY
#define RUN	IVNET_CLASSIC_RUN
#define NONE	4	/* a side that has not looked, or something that is no state */

/**
 * struct side - one side
 * @state: what it shows
 * @seen: what it read last of the other side; it has not acted on it
 * @up: its interface is up
 */
struct side {
	u8 state;
	u8 seen;
	bool up;
};

#define STATES	(4 * 5 * 2)

static u32 side_code(const struct side *s)
{
	return (s->state * 5 + s->seen) * 2 + s->up;
}

static struct side side_of(u32 code)
{
	return (struct side) {
		.state	= code / 10,
		.seen	= code / 2 % 5,
		.up	= code % 2,
	};
}

/* Act on what was seen; false if that may not be. */
static bool act(struct side *me, const struct side *peer)
{
	u8 next;

	if (me->seen == NONE)
		return true;
	next = ivnet_classic_next(me->state, me->seen, me->up);
	me->seen = NONE;
	if (next == me->state)
		return true;
	me->state = next;

	/* Our area is emptied: nobody may be using it. */
	return next != READY || peer->state != RUN;
}

/* Does looking in turn bring both up? */
static bool comes_up(struct side a, struct side b)
{
	u32 i;

	a.up = true;
	b.up = true;
	for (i = 0; i < 12; i++) {
		a.seen = b.state;
		act(&a, &b);
		b.seen = a.state;
		act(&b, &a);
	}

	return a.state == RUN && b.state == RUN;
}

enum event {
	EVENT_LOOK,
	EVENT_ACT,
	EVENT_UP,
	EVENT_CRASH,
	EVENTS,
};

static bool happen(struct side *me, const struct side *peer, enum event event)
{
	switch (event) {
	case EVENT_LOOK:
		me->seen = peer->state;
		return true;
	case EVENT_ACT:
		return act(me, peer);
	case EVENT_UP:
		me->up = !me->up;
		return true;
	default:
		*me = (struct side) { RESET, NONE, false };
		return true;
	}
}

static void classic_state_test_pairs(struct kunit *test)
{
	static bool known[STATES * STATES];
	static u16 todo[STATES * STATES];
	const struct side begin = { RESET, NONE, false };
	u32 first = 0, last = 0, i, code, both_run = 0;

	memset(known, 0, sizeof(known));
	todo[last++] = side_code(&begin) * STATES + side_code(&begin);
	known[todo[0]] = true;
	while (first < last) {
		const struct side a = side_of(todo[first] / STATES);
		const struct side b = side_of(todo[first] % STATES);

		first++;
		KUNIT_ASSERT_TRUE_MSG(test, comes_up(a, b),
				      "stuck: %u (saw %u) and %u (saw %u)",
				      a.state, a.seen, b.state, b.seen);
		both_run += a.state == RUN && b.state == RUN;
		for (i = 0; i < 2 * EVENTS; i++) {
			struct side s[2] = { a, b };

			KUNIT_ASSERT_TRUE_MSG(test, happen(&s[i % 2], &s[!(i % 2)], i / 2),
					      "event %u of side %u: %u (saw %u) and %u (saw %u)",
					      i / 2, i % 2, a.state, a.seen,
					      b.state, b.seen);
			code = side_code(&s[0]) * STATES + side_code(&s[1]);
			if (known[code])
				continue;
			known[code] = true;
			todo[last++] = code;
		}
	}
	KUNIT_EXPECT_GT(test, last, 100);
	KUNIT_EXPECT_GT(test, both_run, 0);
}

/* The table of the format, word for word. */
static void classic_state_test_table(struct kunit *test)
{
	static const struct {
		u8 own;
		bool up;
		u8 next[6];	/* by the peer: RESET INIT READY RUN, 4, garbage */
	} rows[] = {
		{ RESET, false, { INIT, INIT, RESET, RESET, RESET, RESET } },
		{ RESET, true,  { INIT, INIT, RESET, RESET, RESET, RESET } },
		{ INIT,  false, { INIT, READY, READY, READY, INIT, INIT } },
		{ INIT,  true,  { INIT, READY, READY, READY, INIT, INIT } },
		{ READY, false, { RESET, READY, READY, READY, RESET, RESET } },
		{ READY, true,  { RESET, READY, RUN, RUN, RESET, RESET } },
		{ RUN,   false, { RESET, RESET, RESET, RESET, RESET, RESET } },
		{ RUN,   true,  { RESET, RESET, RUN, RUN, RESET, RESET } },
	};
	static const u32 peers[] = { 0, 1, 2, 3, 4, 0x45564e49 };
	u32 i, k, next;

	for (i = 0; i < ARRAY_SIZE(rows); i++)
		for (k = 0; k < ARRAY_SIZE(peers); k++) {
			next = ivnet_classic_next(rows[i].own, peers[k],
						  rows[i].up);
			KUNIT_EXPECT_EQ_MSG(test, next, rows[i].next[k],
					    "own %u, peer %u", rows[i].own,
					    peers[k]);
		}
}

/* A peer that shows anything, as often as it likes: one step at a time. */
static void classic_state_test_liar(struct kunit *test)
{
	u32 own, peer, next, i, seed = 1;

	for (own = RESET, i = 0; i < 100000; i++) {
		seed = seed * 1664525 + 1013904223;
		peer = seed >> 28;
		next = ivnet_classic_next(own, peer, seed & 0x1000);
		KUNIT_ASSERT_LE(test, next, RUN);
		/* One step up, or down to RESET. */
		KUNIT_ASSERT_TRUE(test, next == own || next == own + 1 ||
				  next == RESET);
		own = next;
	}
}

static struct kunit_case classic_state_test_cases[] = {
	KUNIT_CASE(classic_state_test_pairs),
	KUNIT_CASE(classic_state_test_table),
	KUNIT_CASE(classic_state_test_liar),
	{}
};

static struct kunit_suite classic_state_test_suite = {
	.name = "ivnet_shm_classic_state",
	.test_cases = classic_state_test_cases,
};

kunit_test_suite(classic_state_test_suite);
