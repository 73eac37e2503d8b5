// SPDX-License-Identifier: GPL-2.0
/* The forwarding table of shared memory. */

#include <kunit/test.h>
#include <linux/hash.h>

#include "shm_sim.h"

#define FDB_AGE_MS	300000

static struct shm_fdb *fdb_new(struct kunit *test)
{
	struct shm_fdb *fdb = kunit_kzalloc(test, sizeof(*fdb), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, fdb);
	/* The low half of jiffies, which ages are made of, wraps on the way. */
	sim_jiffies = (u32)(-100 * HZ);

	return fdb;
}

static void fdb_pass(u32 ms)
{
	sim_jiffies += msecs_to_jiffies(ms);
}

static void make_addr(u8 *addr, u32 n)
{
	u64_to_ether_addr(0x020000000000ULL + n, addr);
}

/* The bucket is the table's own business: find out where an address went. */
static u32 bucket_of(struct kunit *test, const u8 *addr)
{
	struct shm_fdb *fdb = fdb_new(test);
	u32 b, w, found = SHM_FDB_BUCKETS;

	shm_fdb_learn(fdb, addr, 0);
	for (b = 0; b < SHM_FDB_BUCKETS; b++)
		for (w = 0; w < SHM_FDB_WAYS; w++)
			if (fdb->entry[b][w])
				found = b;
	kunit_kfree(test, fdb);
	KUNIT_ASSERT_LT(test, found, SHM_FDB_BUCKETS);

	return found;
}

static void fdb_test_learn(struct kunit *test)
{
	static const u8 multicast[ETH_ALEN] = { 0x01, 0x00, 0x5e, 0, 0, 1 };
	static const u8 broadcast[ETH_ALEN] = { 255, 255, 255, 255, 255, 255 };
	static const u8 zero[ETH_ALEN];
	struct shm_fdb *fdb = fdb_new(test);
	u8 addr[ETH_ALEN];
	u32 i, known = 0;

	make_addr(addr, 1);
	KUNIT_EXPECT_LT(test, shm_fdb_find(fdb, addr), 0);
	for (i = 0; i < IVNET_SHM_PORTS_MAX; i++) {
		make_addr(addr, i);
		shm_fdb_learn(fdb, addr, i);
	}
	for (i = 0; i < IVNET_SHM_PORTS_MAX; i++) {
		make_addr(addr, i);
		known += shm_fdb_find(fdb, addr) == i;
	}
	KUNIT_EXPECT_EQ(test, known, IVNET_SHM_PORTS_MAX);
	make_addr(addr, i);
	KUNIT_EXPECT_LT(test, shm_fdb_find(fdb, addr), 0);

	shm_fdb_learn(fdb, multicast, 1);
	KUNIT_EXPECT_LT(test, shm_fdb_find(fdb, multicast), 0);
	shm_fdb_learn(fdb, broadcast, 1);
	KUNIT_EXPECT_LT(test, shm_fdb_find(fdb, broadcast), 0);
	shm_fdb_learn(fdb, zero, 1);
	KUNIT_EXPECT_LT(test, shm_fdb_find(fdb, zero), 0);
}

static void fdb_test_move(struct kunit *test)
{
	struct shm_fdb *fdb = fdb_new(test);
	u8 addr[ETH_ALEN];
	u32 b, w, n = 0;

	make_addr(addr, 7);
	shm_fdb_learn(fdb, addr, 3);
	shm_fdb_learn(fdb, addr, 15);
	KUNIT_EXPECT_EQ(test, shm_fdb_find(fdb, addr), 15);
	shm_fdb_learn(fdb, addr, 0);
	KUNIT_EXPECT_EQ(test, shm_fdb_find(fdb, addr), 0);
	for (b = 0; b < SHM_FDB_BUCKETS; b++)
		for (w = 0; w < SHM_FDB_WAYS; w++)
			n += !!fdb->entry[b][w];
	KUNIT_EXPECT_EQ(test, n, 1);
}

static void fdb_test_age(struct kunit *test)
{
	struct shm_fdb *fdb = fdb_new(test);
	u8 addr[ETH_ALEN];

	make_addr(addr, 7);
	shm_fdb_learn(fdb, addr, 3);
	fdb_pass(FDB_AGE_MS - 1000);
	KUNIT_EXPECT_EQ(test, shm_fdb_find(fdb, addr), 3);
	fdb_pass(1000);
	KUNIT_EXPECT_LT(test, shm_fdb_find(fdb, addr), 0);
	/* Seen again, and it lives as long as before. */
	shm_fdb_learn(fdb, addr, 3);
	fdb_pass(FDB_AGE_MS - 1000);
	shm_fdb_learn(fdb, addr, 3);
	fdb_pass(FDB_AGE_MS - 1000);
	KUNIT_EXPECT_EQ(test, shm_fdb_find(fdb, addr), 3);
}

static void fdb_test_forget(struct kunit *test)
{
	struct shm_fdb *fdb = fdb_new(test);
	u8 addr[ETH_ALEN];
	u32 i, right = 0;

	for (i = 0; i < 64; i++) {
		make_addr(addr, i);
		shm_fdb_learn(fdb, addr, i % 4);
	}
	shm_fdb_forget(fdb, 2);
	for (i = 0; i < 64; i++) {
		make_addr(addr, i);
		right += shm_fdb_find(fdb, addr) == (i % 4 == 2 ? -1 : i % 4);
	}
	KUNIT_EXPECT_EQ(test, right, 64);
}

/* An address is in the table once, even if there is room before it. */
static void fdb_test_hole(struct kunit *test)
{
	struct shm_fdb *fdb = fdb_new(test);
	u32 same[2] = { 0 }, n = 1, i, bucket;
	u8 addr[ETH_ALEN];

	make_addr(addr, 0);
	bucket = bucket_of(test, addr);
	for (i = 1; n < 2; i++) {
		KUNIT_ASSERT_LT(test, i, 100000);
		make_addr(addr, i);
		if (bucket_of(test, addr) == bucket)
			same[n++] = i;
	}

	make_addr(addr, same[0]);
	shm_fdb_learn(fdb, addr, 5);
	make_addr(addr, same[1]);
	shm_fdb_learn(fdb, addr, 6);
	shm_fdb_forget(fdb, 5);
	shm_fdb_learn(fdb, addr, 7);
	KUNIT_EXPECT_EQ(test, shm_fdb_find(fdb, addr), 7);
	shm_fdb_forget(fdb, 7);
	KUNIT_EXPECT_EQ(test, shm_fdb_find(fdb, addr), -1);
}

/* A bucket that is full gives up whoever was unseen for the longest time. */
static void fdb_test_full(struct kunit *test)
{
	u32 same[SHM_FDB_WAYS + 2], n = 0, i, bucket, round, oldest;
	struct shm_fdb *fdb;
	u8 addr[ETH_ALEN];

	make_addr(addr, 0);
	bucket = bucket_of(test, addr);
	for (i = 0; n < ARRAY_SIZE(same); i++) {
		KUNIT_ASSERT_LT(test, i, 100000);
		make_addr(addr, i);
		if (bucket_of(test, addr) == bucket)
			same[n++] = i;
	}

	for (round = 0; round < SHM_FDB_WAYS; round++) {
		fdb = fdb_new(test);
		for (i = 0; i < SHM_FDB_WAYS; i++) {
			make_addr(addr, same[i]);
			shm_fdb_learn(fdb, addr, i);
			fdb_pass(60000);
		}
		/* All but one are seen again. */
		oldest = round;
		for (i = 0; i < SHM_FDB_WAYS; i++) {
			make_addr(addr, same[i]);
			if (i != oldest)
				shm_fdb_learn(fdb, addr, i);
		}
		fdb_pass(1000);
		make_addr(addr, same[SHM_FDB_WAYS]);
		shm_fdb_learn(fdb, addr, 9);
		KUNIT_EXPECT_EQ(test, shm_fdb_find(fdb, addr), 9);
		for (i = 0; i < SHM_FDB_WAYS; i++) {
			make_addr(addr, same[i]);
			KUNIT_EXPECT_EQ(test, shm_fdb_find(fdb, addr),
					i == oldest ? -1 : (int)i);
		}
		/* What was forgotten makes room before anybody has to go. */
		shm_fdb_forget(fdb, 9);
		make_addr(addr, same[SHM_FDB_WAYS + 1]);
		shm_fdb_learn(fdb, addr, 10);
		for (i = 0; i < SHM_FDB_WAYS; i++) {
			make_addr(addr, same[i]);
			KUNIT_EXPECT_EQ(test, shm_fdb_find(fdb, addr),
					i == oldest ? -1 : (int)i);
		}
		kunit_kfree(test, fdb);
	}
}

static struct kunit_case shm_fdb_cases[] = {
	KUNIT_CASE(fdb_test_learn),
	KUNIT_CASE(fdb_test_move),
	KUNIT_CASE(fdb_test_age),
	KUNIT_CASE(fdb_test_forget),
	KUNIT_CASE(fdb_test_hole),
	KUNIT_CASE(fdb_test_full),
	{}
};

static struct kunit_suite shm_fdb_suite = {
	.name = "ivnet_shm_fdb",
	.test_cases = shm_fdb_cases,
};

kunit_test_suite(shm_fdb_suite);
