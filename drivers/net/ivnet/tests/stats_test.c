// SPDX-License-Identifier: GPL-2.0
/* The table of statistics and what is computed from it. */

#include <kunit/test.h>
#include <linux/etherdevice.h>
#include <linux/ethtool.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "../core/ivnet.h"

#define QUEUES	3

/* A direction: its rows, and where its counters are. */
struct direction {
	const char *name;
	const struct ivnet_stat_desc *desc;
	unsigned int n;
	unsigned int err_first;
	unsigned int err_last;
};

static const struct direction directions[] = {
	{ "rx", ivnet_rx_stat_desc, IVNET_RX_STAT_NUM,
	  IVNET_RX_ERR_LEN_SHORT, IVNET_RX_ERR_RING },
	{ "tx", ivnet_tx_stat_desc, IVNET_TX_STAT_NUM, IVNET_TX_ERR_SHORT,
	  IVNET_TX_ERR_RING },
};

static void direction_desc(const struct direction *d, char *desc)
{
	strscpy(desc, d->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(direction, directions, direction_desc);

static void stats_test_names(struct kunit *test)
{
	const struct direction *d = test->param_value;
	unsigned int i, j, len;

	for (i = 0; i < d->n; i++) {
		len = strnlen(d->desc[i].name, sizeof(d->desc[i].name));
		KUNIT_EXPECT_NE_MSG(test, len, 0, "row %u is missing", i);
		KUNIT_ASSERT_LT_MSG(test, len, sizeof(d->desc[i].name),
				    "row %u has no end", i);
		KUNIT_EXPECT_LT_MSG(test, strlen("rx65535_") + len,
				    ETH_GSTRING_LEN, "%s", d->desc[i].name);
		for (j = 0; j < i; j++)
			KUNIT_EXPECT_STRNEQ(test, d->desc[i].name,
					    d->desc[j].name);
	}
}

/* The name says the class. */
static enum ivnet_stat_class class_of(const char *name)
{
	if (!strcmp(name, "packets"))
		return IVNET_STAT_PACKETS;
	if (!strcmp(name, "bytes"))
		return IVNET_STAT_BYTES;
	if (!strncmp(name, "err_", 4))
		return IVNET_STAT_ERROR;
	if (!strncmp(name, "drop_", 5) || !strcmp(name, "no_skb") ||
	    !strcmp(name, "cancelled"))
		return IVNET_STAT_DROP;

	return IVNET_STAT_DETAIL;
}

static void stats_test_classes(struct kunit *test)
{
	const struct direction *d = test->param_value;
	const bool rx = d->desc == ivnet_rx_stat_desc;
	enum ivnet_stat_class want;
	unsigned int i;
	bool err;

	for (i = 0; i < d->n; i++) {
		want = class_of(d->desc[i].name);
		if (rx && i == IVNET_RX_MCAST_PACKETS)
			want = IVNET_STAT_MCAST;
		KUNIT_EXPECT_EQ_MSG(test, d->desc[i].class, want, "%s",
				    d->desc[i].name);

		/* Errors stand together. */
		err = i >= d->err_first && i <= d->err_last;
		KUNIT_EXPECT_EQ_MSG(test,
				    d->desc[i].class == IVNET_STAT_ERROR, err,
				    "%s", d->desc[i].name);
	}
}

/* Each counter counts into its own row: names of a few are fixed. */
static void stats_test_rows(struct kunit *test)
{
	static const struct {
		unsigned int i;
		const char *name;
	} rx[] = {
		{ IVNET_RX_PACKETS, "packets" },
		{ IVNET_RX_BYTES, "bytes" },
		{ IVNET_RX_CSUM_PARTIAL, "csum_partial" },
		{ IVNET_RX_CSUM_VALID, "csum_valid" },
		{ IVNET_RX_CSUM_COMPLETE, "csum_complete" },
		{ IVNET_RX_GSO_PACKETS, "gso_packets" },
		{ IVNET_RX_INTERRUPTS, "interrupts" },
		{ IVNET_RX_NO_SKB, "no_skb" },
		{ IVNET_RX_ERR_LEN_SHORT, "err_len_short" },
		{ IVNET_RX_ERR_LEN_LONG, "err_len_long" },
		{ IVNET_RX_ERR_CSUM, "err_csum" },
		{ IVNET_RX_ERR_RING, "err_ring" },
	}, tx[] = {
		{ IVNET_TX_PACKETS, "packets" },
		{ IVNET_TX_BYTES, "bytes" },
		{ IVNET_TX_STOPS, "stops" },
		{ IVNET_TX_WAKES, "wakes" },
		{ IVNET_TX_CANCELLED, "cancelled" },
		{ IVNET_TX_ERR_GSO, "err_gso" },
		{ IVNET_TX_ERR_RING, "err_ring" },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(rx); i++)
		KUNIT_EXPECT_STREQ(test, ivnet_rx_stat_desc[rx[i].i].name,
				   rx[i].name);
	for (i = 0; i < ARRAY_SIZE(tx); i++)
		KUNIT_EXPECT_STREQ(test, ivnet_tx_stat_desc[tx[i].i].name,
				   tx[i].name);
}

static struct ivnet_queue_stats *alloc_stats(struct kunit *test)
{
	struct ivnet_queue_stats *s;
	unsigned int i;

	s = kunit_kzalloc(test, QUEUES * sizeof(*s), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, s);
	for (i = 0; i < QUEUES; i++)
		ivnet_stats_init(&s[i]);

	return s;
}

/* A value that tells queue, direction and counter. */
static u64 mark(unsigned int queue, bool tx, unsigned int i)
{
	return (1ULL << 40) + 1000000 * (queue + 1) + 1000 * tx + i;
}

static void stats_test_add(struct kunit *test)
{
	struct ivnet_queue_stats *s = alloc_stats(test);
	struct ivnet_stat_sum sum;
	unsigned int q, i;
	u64 want;

	for (q = 0; q < QUEUES; q++) {
		for (i = 0; i < IVNET_RX_STAT_NUM; i++)
			u64_stats_set(&s[q].rx.v[i], mark(q, false, i));
		for (i = 0; i < IVNET_TX_STAT_NUM; i++)
			u64_stats_set(&s[q].tx.v[i], mark(q, true, i));
	}

	/* A sum is added to, not replaced. */
	memset(&sum, 0, sizeof(sum));
	sum.rx[0] = 7;
	sum.tx[0] = 9;
	for (q = 0; q < QUEUES; q++)
		ivnet_stat_add(&sum, &s[q]);

	for (i = 0; i < IVNET_RX_STAT_NUM; i++) {
		want = i ? 0 : 7;
		for (q = 0; q < QUEUES; q++)
			want += mark(q, false, i);
		KUNIT_EXPECT_EQ_MSG(test, sum.rx[i], want, "rx_%s",
				    ivnet_rx_stat_desc[i].name);
	}
	for (i = 0; i < IVNET_TX_STAT_NUM; i++) {
		want = i ? 0 : 9;
		for (q = 0; q < QUEUES; q++)
			want += mark(q, true, i);
		KUNIT_EXPECT_EQ_MSG(test, sum.tx[i], want, "tx_%s",
				    ivnet_tx_stat_desc[i].name);
	}
}

/* The helpers count one event in one counter. */
static void stats_test_inc(struct kunit *test)
{
	struct ivnet_queue_stats *s = alloc_stats(test);
	struct ivnet_stat_sum sum = {};
	unsigned int i;

	ivnet_rx_stat_inc(&s->rx, IVNET_RX_NO_SKB);
	ivnet_rx_stat_inc(&s->rx, IVNET_RX_NO_SKB);
	ivnet_tx_stat_inc(&s->tx, IVNET_TX_STOPS);
	ivnet_stat_add(&sum, s);
	for (i = 0; i < IVNET_RX_STAT_NUM; i++)
		KUNIT_EXPECT_EQ(test, sum.rx[i], i == IVNET_RX_NO_SKB ? 2 : 0);
	for (i = 0; i < IVNET_TX_STAT_NUM; i++)
		KUNIT_EXPECT_EQ(test, sum.tx[i], i == IVNET_TX_STOPS ? 1 : 0);
}

static void stats_test_class_sum(struct kunit *test)
{
	static const struct ivnet_stat_desc desc[] = {
		{ "a", IVNET_STAT_ERROR },
		{ "b", IVNET_STAT_DROP },
		{ "c", IVNET_STAT_ERROR },
		{ "d", IVNET_STAT_DETAIL },
		{ "e", IVNET_STAT_ERROR },
	};
	static const u64 v[] = { 1, 10, 100, 1000, 1ULL << 40 };

	KUNIT_EXPECT_EQ(test, ivnet_stat_class_sum(desc, v, 5,
						   IVNET_STAT_ERROR),
			101 + (1ULL << 40));
	KUNIT_EXPECT_EQ(test, ivnet_stat_class_sum(desc, v, 4,
						   IVNET_STAT_ERROR), 101);
	KUNIT_EXPECT_EQ(test, ivnet_stat_class_sum(desc, v, 5,
						   IVNET_STAT_DROP), 10);
	KUNIT_EXPECT_EQ(test, ivnet_stat_class_sum(desc, v, 5,
						   IVNET_STAT_MCAST), 0);
	KUNIT_EXPECT_EQ(test, ivnet_stat_class_sum(desc, v, 0,
						   IVNET_STAT_ERROR), 0);
}

/* The fields of struct rtnl_link_stats64 that the driver fills in. */
enum {
	RX_PACKETS = BIT(0), RX_BYTES = BIT(1), MULTICAST = BIT(2),
	RX_DROPPED = BIT(3), RX_ERRORS = BIT(4), RX_LENGTH = BIT(5),
	RX_FRAME = BIT(6), TX_PACKETS = BIT(7), TX_BYTES = BIT(8),
	TX_DROPPED = BIT(9), TX_ERRORS = BIT(10),
};

/* Which fields count a counter? Again its name says it. */
static u32 fields_of(const char *name, bool rx)
{
	static const char *const frame[] = {
		"err_flags", "err_csum", "err_gso_type", "err_gso_size"
	};
	unsigned int i;
	u32 more = 0;

	if (rx && !strcmp(name, "mcast_packets"))
		return MULTICAST;
	if (rx && !strncmp(name, "err_len_", 8))
		more = RX_LENGTH;
	for (i = 0; rx && i < ARRAY_SIZE(frame); i++)
		if (!strcmp(name, frame[i]))
			more = RX_FRAME;

	switch (class_of(name)) {
	case IVNET_STAT_PACKETS:
		return rx ? RX_PACKETS : TX_PACKETS;
	case IVNET_STAT_BYTES:
		return rx ? RX_BYTES : TX_BYTES;
	case IVNET_STAT_DROP:
		return rx ? RX_DROPPED : TX_DROPPED;
	case IVNET_STAT_ERROR:
		return more | (rx ? RX_ERRORS : TX_ERRORS);
	default:
		return 0;
	}
}

/* Which fields have the value @v? All the others have to be 0. */
static u32 fields_with(struct kunit *test, struct net_device *dev, u64 v)
{
	struct rtnl_link_stats64 st = {}, zero = {};
	const struct {
		u64 *field;
		u32 bit;
	} map[] = {
		{ &st.rx_packets, RX_PACKETS }, { &st.rx_bytes, RX_BYTES },
		{ &st.multicast, MULTICAST }, { &st.rx_dropped, RX_DROPPED },
		{ &st.rx_errors, RX_ERRORS },
		{ &st.rx_length_errors, RX_LENGTH },
		{ &st.rx_frame_errors, RX_FRAME },
		{ &st.tx_packets, TX_PACKETS }, { &st.tx_bytes, TX_BYTES },
		{ &st.tx_dropped, TX_DROPPED }, { &st.tx_errors, TX_ERRORS },
	};
	unsigned int i;
	u32 bits = 0;

	ivnet_get_stats64(dev, &st);
	for (i = 0; i < ARRAY_SIZE(map); i++) {
		if (*map[i].field != v)
			continue;
		bits |= map[i].bit;
		*map[i].field = 0;
	}
	KUNIT_EXPECT_EQ(test, memcmp(&st, &zero, sizeof(st)), 0);

	return bits;
}

/* One counter of one queue at a time. */
static void stats_test_stats64(struct kunit *test)
{
	struct ivnet_queue_stats *s = alloc_stats(test);
	const u64 v = (1ULL << 33) + 12345;
	struct net_device *dev;
	struct ivnet_net *net;
	const char *name;
	unsigned int q, i;

	dev = alloc_etherdev(sizeof(*net));
	KUNIT_ASSERT_NOT_NULL(test, dev);
	net = netdev_priv(dev);
	net->stats = s;
	net->n_stats = QUEUES;

	for (q = 0; q < QUEUES; q++) {
		for (i = 0; i < IVNET_RX_STAT_NUM; i++) {
			name = ivnet_rx_stat_desc[i].name;
			u64_stats_set(&s[q].rx.v[i], v);
			KUNIT_EXPECT_EQ_MSG(test, fields_with(test, dev, v),
					    fields_of(name, true), "rx%u_%s",
					    q, name);
			u64_stats_set(&s[q].rx.v[i], 0);
		}
		for (i = 0; i < IVNET_TX_STAT_NUM; i++) {
			name = ivnet_tx_stat_desc[i].name;
			u64_stats_set(&s[q].tx.v[i], v);
			KUNIT_EXPECT_EQ_MSG(test, fields_with(test, dev, v),
					    fields_of(name, false), "tx%u_%s",
					    q, name);
			u64_stats_set(&s[q].tx.v[i], 0);
		}
	}
	free_netdev(dev);
}

static struct kunit_case stats_test_cases[] = {
	KUNIT_CASE_PARAM(stats_test_names, direction_gen_params),
	KUNIT_CASE_PARAM(stats_test_classes, direction_gen_params),
	KUNIT_CASE(stats_test_rows),
	KUNIT_CASE(stats_test_add),
	KUNIT_CASE(stats_test_inc),
	KUNIT_CASE(stats_test_class_sum),
	KUNIT_CASE(stats_test_stats64),
	{}
};

static struct kunit_suite stats_suite = {
	.name		= "ivnet_stats",
	.test_cases	= stats_test_cases,
};

kunit_test_suite(stats_suite);
