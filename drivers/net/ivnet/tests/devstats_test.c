// SPDX-License-Identifier: GPL-2.0
/* Replies with the device's own statistics: right ones, and all others. */

#include <kunit/test.h>
#include <linux/bits.h>
#include <linux/ethtool.h>
#include <linux/random.h>
#include <linux/string.h>

#include "../virtio/virtio.h"

#define PAIRS		2
#define CTRL		8
#define QUERIES		(2 * PAIRS + 1)
#define REPLY_MAX	1024
#define VALUES_MAX	80

/**
 * struct devstats_bed - statistics, and room for a reply
 * @st: statistics
 * @pair: memory of &vnet_devstats.pair
 * @query: what is asked for
 * @n: how many
 * @reply: what a device says
 * @len: bytes of it
 */
struct devstats_bed {
	struct vnet_devstats st;
	struct vnet_devstat_pair pair[PAIRS];
	struct vnet_devstat_query query[QUERIES];
	u32 n;
	u8 reply[REPLY_MAX];
	u32 len;
};

static int devstats_init(struct kunit *test)
{
	struct devstats_bed *bed;

	bed = kunit_kzalloc(test, sizeof(*bed), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, bed);
	test->priv = bed;
	bed->st = (struct vnet_devstats) {
		.types = VNET_DEVSTAT_TYPES,
		.pairs = PAIRS,
		.ctrl_index = CTRL,
		.pair = bed->pair,
	};

	return 0;
}

/* Bytes of a type, header and values (virtio 1.3, 5.1.6.5.10). */
static u32 type_size(u8 type)
{
	switch (type) {
	case 0:
	case 16:
	case 18:
		return 8 + 6 * 8;
	case 1:
	case 2:
		return 8 + 4 * 8;
	default:
		return 8 + 2 * 8;
	}
}

static void put(struct devstats_bed *bed, u8 type, u16 ring, u16 size, u64 base)
{
	u8 *p = bed->reply + bed->len;
	u32 i;

	memset(p, 0, 8);
	p[0] = type;
	p[2] = ring & 0xff;
	p[3] = ring >> 8;
	p[6] = size & 0xff;
	p[7] = size >> 8;
	for (i = 0; 8 + 8 * i + 8 <= size; i++) {
		__le64 val = cpu_to_le64(base + i);

		memcpy(p + 8 + 8 * i, &val, sizeof(val));
	}
	bed->len += size;
}

/* What a device says to a query, each number made of ring, type and place. */
static void answer(struct devstats_bed *bed)
{
	u32 i, type, ring, bytes;
	u64 types;

	bed->n = vnet_devstats_query(&bed->st, 0, PAIRS, bed->query, &bytes);
	bed->len = 0;
	for (i = 0; i < bed->n; i++) {
		ring = le16_to_cpu(bed->query[i].vq_index);
		types = le64_to_cpu(bed->query[i].types);
		for (type = 0; type < 64; type++)
			if (types & BIT_ULL(type))
				put(bed, type, ring, type_size(type),
				    10000 * (ring + 1) + 100 * type);
	}
}

static int parse(struct devstats_bed *bed)
{
	struct vnet_devstat_query query[QUERIES];

	memcpy(query, bed->query, sizeof(query));

	return vnet_devstats_parse(&bed->st, query, bed->n, bed->reply,
				   bed->len);
}

static void expect_refused(struct kunit *test, const char *why)
{
	static const struct vnet_devstat_pair nothing[PAIRS];
	struct devstats_bed *bed = test->priv;

	KUNIT_EXPECT_EQ_MSG(test, parse(bed), -EPROTO, "%s", why);
	KUNIT_EXPECT_EQ_MSG(test, memcmp(bed->pair, nothing, sizeof(nothing)), 0,
			    "%s was taken over", why);
	answer(bed);
}

static void devstats_test_query(struct kunit *test)
{
	struct devstats_bed *bed = test->priv;
	u32 bytes, n;

	n = vnet_devstats_query(&bed->st, 0, PAIRS, bed->query, &bytes);
	KUNIT_EXPECT_EQ(test, n, 5);
	KUNIT_EXPECT_EQ(test, sizeof(bed->query[0]), 16);
	answer(bed);
	KUNIT_EXPECT_EQ(test, bytes, bed->len);
	KUNIT_EXPECT_EQ(test, le64_to_cpu(bed->query[0].types), 0xf);
	KUNIT_EXPECT_EQ(test, le64_to_cpu(bed->query[3].types), 0xf0000);
	KUNIT_EXPECT_EQ(test, le16_to_cpu(bed->query[3].vq_index), 3);
	KUNIT_EXPECT_EQ(test, le64_to_cpu(bed->query[4].types), BIT_ULL(32));
	KUNIT_EXPECT_EQ(test, le16_to_cpu(bed->query[4].vq_index), CTRL);

	/* In parts; what there is nothing of is not asked for. */
	n = vnet_devstats_query(&bed->st, 0, 1, bed->query, &bytes);
	KUNIT_EXPECT_EQ(test, n, 2);
	bed->st.types = BIT_ULL(17);
	n = vnet_devstats_query(&bed->st, 1, 2, bed->query, &bytes);
	KUNIT_EXPECT_EQ(test, n, 1);
	KUNIT_EXPECT_EQ(test, bytes, 24);
	KUNIT_EXPECT_EQ(test, le16_to_cpu(bed->query[0].vq_index), 3);
}

static void devstats_test_values(struct kunit *test)
{
	struct devstats_bed *bed = test->priv;
	u64 values[VALUES_MAX];
	char *names;
	u8 *p;
	u32 i;

	names = kunit_kzalloc(test, VALUES_MAX * ETH_GSTRING_LEN, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, names);
	answer(bed);
	KUNIT_EXPECT_EQ(test, parse(bed), 0);
	KUNIT_EXPECT_EQ(test, bed->pair[1].rx[VNET_DEVSTAT_RX_DROPS], 30004);
	KUNIT_EXPECT_EQ(test, bed->pair[1].rx[VNET_DEVSTAT_RX_CSUM_BAD], 30103);
	KUNIT_EXPECT_EQ(test, bed->pair[0].tx[VNET_DEVSTAT_TX_MALFORMED], 21605);
	KUNIT_EXPECT_EQ(test, bed->pair[0].tx[VNET_DEVSTAT_TX_OVER_RATE], 21900);

	KUNIT_ASSERT_EQ(test, vnet_devstats_count(&bed->st), 66);
	p = names;
	vnet_devstats_names(&bed->st, &p);
	KUNIT_EXPECT_PTR_EQ(test, (char *)p, names + 66 * ETH_GSTRING_LEN);
	vnet_devstats_values(&bed->st, values);
	for (i = 0; i < 66; i++)
		KUNIT_EXPECT_LT(test, strnlen(names + i * ETH_GSTRING_LEN,
					      ETH_GSTRING_LEN), ETH_GSTRING_LEN);
	KUNIT_EXPECT_STREQ(test, names, "device_rx0_notifications");
	KUNIT_EXPECT_EQ(test, values[0], 10000);
	KUNIT_EXPECT_STREQ(test, names + 47 * ETH_GSTRING_LEN,
			   "device_rx1_over_rate_bytes");
	KUNIT_EXPECT_EQ(test, values[47], 30301);
	KUNIT_EXPECT_STREQ(test, names + 65 * ETH_GSTRING_LEN,
			   "device_ctrl_commands_ok");
	KUNIT_EXPECT_EQ(test, values[65], 93201);
}

/* A newer device may say more of a type. */
static void devstats_test_longer(struct kunit *test)
{
	struct devstats_bed *bed = test->priv;

	bed->st.types = BIT_ULL(17);
	answer(bed);
	bed->len = 0;
	put(bed, 17, 3, 8 + 5 * 8, 70);
	put(bed, 17, 1, 8 + 2 * 8, 80);
	KUNIT_EXPECT_EQ(test, parse(bed), 0);
	KUNIT_EXPECT_EQ(test, bed->pair[1].tx[7], 71);
	KUNIT_EXPECT_EQ(test, bed->pair[1].tx[8], 0);
	KUNIT_EXPECT_EQ(test, bed->pair[0].tx[7], 81);
}

static void devstats_test_refused(struct kunit *test)
{
	struct devstats_bed *bed = test->priv;
	u32 i;

	answer(bed);
	bed->reply[0] = 4;
	expect_refused(test, "an unknown type");
	bed->reply[0] = 16;
	expect_refused(test, "a type of the other direction");
	bed->reply[2] = 2;
	expect_refused(test, "a ring twice");
	bed->reply[2] = 4;
	expect_refused(test, "a ring that was not asked for");
	bed->reply[3] = 0xff;
	expect_refused(test, "a ring that is not there");
	bed->reply[6] = 7;
	expect_refused(test, "a size below the header's");
	bed->reply[6] = 0;
	expect_refused(test, "a size of nothing");
	bed->reply[6] -= 8;
	expect_refused(test, "a size below the type's");
	bed->reply[7] = 0xff;
	expect_refused(test, "a size beyond the end");
	put(bed, 17, 1, 24, 0);
	expect_refused(test, "a result twice");
	bed->len -= 24;
	expect_refused(test, "a result less");
	for (i = 0; i < 24; i++) {
		bed->len -= 1 + i;
		expect_refused(test, "a part of a result");
	}
	bed->len = 0;
	expect_refused(test, "nothing");
}

/* Bytes at random: nothing outside of the values is written. */
static void devstats_test_garbage(struct kunit *test)
{
	struct devstats_bed *bed = test->priv;
	u32 i, at, good = 0;

	for (i = 0; i < 20000; i++) {
		answer(bed);
		at = get_random_u32() % bed->len;
		bed->reply[at] = get_random_u32();
		bed->len = get_random_u32() % 4 ? bed->len :
			   get_random_u32() % (bed->len + 1);
		good += !parse(bed);
	}
	/* Most bytes are values, which can be anything. */
	KUNIT_EXPECT_GT(test, good, 5000);
	KUNIT_EXPECT_LT(test, good, 19000);
	KUNIT_EXPECT_EQ(test, bed->st.types, VNET_DEVSTAT_TYPES);
	KUNIT_EXPECT_EQ(test, bed->st.pairs, PAIRS);
}

static struct kunit_case devstats_cases[] = {
	KUNIT_CASE(devstats_test_query),
	KUNIT_CASE(devstats_test_values),
	KUNIT_CASE(devstats_test_longer),
	KUNIT_CASE(devstats_test_refused),
	KUNIT_CASE(devstats_test_garbage),
	{ }
};

static struct kunit_suite devstats_suite = {
	.name		= "ivnet_devstats",
	.init		= devstats_init,
	.test_cases	= devstats_cases,
};

kunit_test_suite(devstats_suite);
