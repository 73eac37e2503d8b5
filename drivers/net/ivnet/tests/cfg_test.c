// SPDX-License-Identifier: GPL-2.0
/* ivnet_check_cfg(): what is refused, with which error, and what it says. */

#include <kunit/test.h>
#include <linux/string.h>

#include "fake.h"

#define RING_MAX	1024
#define PAIRS_MAX	4

static const struct ivnet_queue_cfg base = {
	.pairs = 2, .rx_ring = 256, .tx_ring = 512, .rx_buf_len = 4096,
	.mtu = 1500
};

/* A field of the configuration is given another value. */
struct cfg_case {
	const char *name;
	size_t field;
	u32 value;
	int err;
	const char *text;	/* part of the message */
};

#define FIELD(name)	offsetof(struct ivnet_queue_cfg, name)

#define PAIRS(v, err, text)	{ "pairs " #v, FIELD(pairs), v, err, text }
#define RX_RING(v, err, text)	{ "rx_ring " #v, FIELD(rx_ring), v, err, text }
#define TX_RING(v, err, text)	{ "tx_ring " #v, FIELD(tx_ring), v, err, text }
#define BUF_LEN(v, err, text)	{ "buf_len " #v, FIELD(rx_buf_len), v, err, text }
#define MTU(v, err, text)	{ "mtu " #v, FIELD(mtu), v, err, text }

static const struct cfg_case cfg_cases[] = {
	PAIRS(0, -EINVAL, "channels: 1 to 4"),
	PAIRS(1, 0, NULL),
	PAIRS(3, 0, NULL),
	PAIRS(4, 0, NULL),
	PAIRS(5, -EINVAL, "channels: 1 to 4"),
	PAIRS(0xffffffff, -EINVAL, "channels: 1 to 4"),

	RX_RING(0, -EINVAL, "rx ring: 64 to 1024"),
	RX_RING(32, -EINVAL, "rx ring: 64 to 1024"),
	RX_RING(63, -EINVAL, "rx ring: 64 to 1024"),
	RX_RING(64, 0, NULL),
	RX_RING(1024, 0, NULL),
	RX_RING(1025, -EINVAL, "rx ring: 64 to 1024"),
	RX_RING(2048, -EINVAL, "rx ring: 64 to 1024"),

	TX_RING(0, -EINVAL, "tx ring: 64 to 1024"),
	TX_RING(32, -EINVAL, "tx ring: 64 to 1024"),
	TX_RING(63, -EINVAL, "tx ring: 64 to 1024"),
	TX_RING(64, 0, NULL),
	TX_RING(1024, 0, NULL),
	TX_RING(1025, -EINVAL, "tx ring: 64 to 1024"),
	TX_RING(2048, -EINVAL, "tx ring: 64 to 1024"),

	BUF_LEN(0, -EINVAL, "rx-buf-len: 2048 to 32768"),
	BUF_LEN(1024, -EINVAL, "rx-buf-len: 2048 to 32768"),
	BUF_LEN(2047, -EINVAL, "rx-buf-len: 2048 to 32768"),
	BUF_LEN(2048, 0, NULL),
	BUF_LEN(2049, -EINVAL, "rx-buf-len: 2048 to 32768"),
	BUF_LEN(6144, -EINVAL, "rx-buf-len: 2048 to 32768"),
	BUF_LEN(16384, 0, NULL),
	BUF_LEN(32768, 0, NULL),
	BUF_LEN(65536, -EINVAL, "rx-buf-len: 2048 to 32768"),

	/* The smallest buffer depends on the MTU. */
	MTU(4096, 0, NULL),
	MTU(4097, -EINVAL, "rx-buf-len: 8192 to 32768"),
};

static void cfg_case_desc(const struct cfg_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(cfg, cfg_cases, cfg_case_desc);

static int cfg_init(struct kunit *test)
{
	struct fake *f;
	int err;

	err = fake_init(test);
	if (err)
		return err;
	f = test->priv;
	f->idev->limits = f->limits;
	f->idev->limits.max_pairs = PAIRS_MAX;
	f->idev->limits.rx_ring_max = RING_MAX;
	f->idev->limits.tx_ring_max = RING_MAX;

	return 0;
}

/* The message may be NULL, and then there must be none. */
static void expect_text(struct kunit *test, const struct netlink_ext_ack *ack,
			const char *text)
{
	if (!text) {
		KUNIT_EXPECT_NULL(test, ack->_msg);
		return;
	}
	KUNIT_EXPECT_NOT_NULL(test, ack->_msg);
	if (ack->_msg)
		KUNIT_EXPECT_NOT_NULL_MSG(test, strstr(ack->_msg, text),
					  "\"%s\" says nothing of \"%s\"",
					  ack->_msg, text);
}

static void cfg_test_limits(struct kunit *test)
{
	const struct cfg_case *c = test->param_value;
	struct netlink_ext_ack extack = {};
	struct ivnet_queue_cfg cfg = base;
	struct fake *f = test->priv;

	*(u32 *)((u8 *)&cfg + c->field) = c->value;
	KUNIT_EXPECT_EQ(test, ivnet_check_cfg(f->idev, &cfg, &extack), c->err);
	expect_text(test, &extack, c->text);
	KUNIT_EXPECT_EQ_MSG(test, ivnet_check_cfg(f->idev, &cfg, NULL), c->err,
			    "without extack");
}

/* A device whose rings are smaller than the usual least. */
static void cfg_test_small_device(struct kunit *test)
{
	struct netlink_ext_ack extack = {};
	struct ivnet_queue_cfg cfg = base;
	struct fake *f = test->priv;

	f->idev->limits.rx_ring_max = 16;
	f->idev->limits.tx_ring_max = 32;
	cfg.rx_ring = 16;
	cfg.tx_ring = 32;
	KUNIT_EXPECT_EQ(test, ivnet_check_cfg(f->idev, &cfg, &extack), 0);
	cfg.rx_ring = 8;
	KUNIT_EXPECT_EQ(test, ivnet_check_cfg(f->idev, &cfg, &extack), -EINVAL);
	expect_text(test, &extack, "rx ring: 16 to 16");
	cfg.rx_ring = 16;
	cfg.tx_ring = 16;
	KUNIT_EXPECT_EQ(test, ivnet_check_cfg(f->idev, &cfg, &extack), -EINVAL);
	expect_text(test, &extack, "tx ring: 32 to 32");
}

/* Rings that cannot change: as they are, and nothing else. */
static void cfg_test_fixed_rings(struct kunit *test)
{
	struct netlink_ext_ack extack = {};
	struct fake *f = test->priv;
	struct ivnet_queue_cfg cfg;

	f->limits.ring_fixed = true;
	f->limits.rx_ring_max = 48;
	f->limits.tx_ring_max = 96;
	fake_register(f);
	cfg = fake_net(f)->cfg;
	KUNIT_EXPECT_EQ(test, cfg.rx_ring, 48);
	KUNIT_EXPECT_EQ(test, cfg.tx_ring, 96);
	KUNIT_EXPECT_EQ(test, ivnet_check_cfg(f->idev, &cfg, &extack), 0);
	KUNIT_EXPECT_NULL(test, extack._msg);

	cfg.rx_ring = 24;
	KUNIT_EXPECT_EQ(test, ivnet_check_cfg(f->idev, &cfg, &extack),
			-EOPNOTSUPP);
	expect_text(test, &extack, "rx 48, tx 96");

	cfg = fake_net(f)->cfg;
	cfg.tx_ring = 64;
	KUNIT_EXPECT_EQ(test, ivnet_check_cfg(f->idev, &cfg, NULL),
			-EOPNOTSUPP);

	/* Channels still can. */
	cfg = fake_net(f)->cfg;
	cfg.pairs = FAKE_PAIRS;
	KUNIT_EXPECT_EQ(test, ivnet_check_cfg(f->idev, &cfg, NULL), 0);
}

static struct kunit_case cfg_test_cases[] = {
	KUNIT_CASE_PARAM(cfg_test_limits, cfg_gen_params),
	KUNIT_CASE(cfg_test_small_device),
	KUNIT_CASE(cfg_test_fixed_rings),
	{}
};

static struct kunit_suite cfg_suite = {
	.name		= "ivnet_cfg",
	.init		= cfg_init,
	.exit		= fake_exit,
	.test_cases	= cfg_test_cases,
};

kunit_test_suite(cfg_suite);
