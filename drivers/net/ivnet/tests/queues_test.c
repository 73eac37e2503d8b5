// SPDX-License-Identifier: GPL-2.0
/* Queue sets: built, swapped, freed; and kept when something fails. */

#include <kunit/test.h>
#include <linux/netdevice.h>
#include <linux/rtnetlink.h>

#include "fake.h"

/* What is there afterwards. */
enum outcome {
	SWAPPED,	/* the new queues run */
	KEPT,		/* the old queues run */
	GONE,		/* no queues run */
};

struct replace_case {
	const char *name;
	u32 from;
	u32 to;
	u32 alloc_fails;
	u32 start_fails;
	int err;
	const char *log;
	enum outcome outcome;
};

#define N	FAKE_NEVER

static const struct replace_case replace_cases[] = {
	{ "grow", 2, 4, N, 0, 0, "aaaa-+ff", SWAPPED },
	{ "shrink", 4, 1, N, 0, 0, "a-+ffff", SWAPPED },
	{ "same number", 3, 3, N, 0, 0, "aaa-+fff", SWAPPED },

	{ "no memory for queue 0 of 1", 1, 1, 0, 0, -ENOMEM, "A", KEPT },
	{ "no memory for queue 0 of 4", 2, 4, 0, 0, -ENOMEM, "A", KEPT },
	{ "no memory for queue 1 of 4", 2, 4, 1, 0, -ENOMEM, "aAf", KEPT },
	{ "no memory for queue 2 of 4", 2, 4, 2, 0, -ENOMEM, "aaAff", KEPT },
	{ "no memory for queue 3 of 4", 2, 4, 3, 0, -ENOMEM, "aaaAfff", KEPT },
	{ "no memory to shrink", 4, 2, 1, 0, -ENOMEM, "aAf", KEPT },

	{ "refused to grow", 2, 4, N, 1, -EIO, "aaaa-!ffff+", KEPT },
	{ "refused to shrink", 4, 1, N, 1, -EIO, "a-!f+", KEPT },
	{ "refused the same", 2, 2, N, 1, -EIO, "aa-!ff+", KEPT },
	{ "refused to grow, and the old", 2, 4, N, 2, -EIO, "aaaa-!ffff!ff",
	  GONE },
	{ "refused to shrink, and the old", 4, 1, N, 2, -EIO, "a-!f!ffff",
	  GONE },
};

static void replace_case_desc(const struct replace_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(replace, replace_cases, replace_case_desc);

static struct ivnet_queue_cfg current_cfg(struct fake *f)
{
	return fake_net(f)->cfg;
}

static void expect_cfg(struct fake *f, const struct ivnet_queue_cfg *want)
{
	const struct ivnet_queue_cfg *cfg = &fake_net(f)->cfg;

	KUNIT_EXPECT_EQ(f->test, cfg->pairs, want->pairs);
	KUNIT_EXPECT_EQ(f->test, cfg->rx_ring, want->rx_ring);
	KUNIT_EXPECT_EQ(f->test, cfg->tx_ring, want->tx_ring);
	KUNIT_EXPECT_EQ(f->test, cfg->rx_buf_len, want->rx_buf_len);
	KUNIT_EXPECT_EQ(f->test, cfg->mtu, want->mtu);
}

/* The queues in use run, as many as configured, and the stack may send. */
static void expect_runs(struct fake *f)
{
	const struct net_device *dev = f->idev->netdev;
	const struct ivnet_net *net = fake_net(f);
	struct kunit *test = f->test;

	KUNIT_EXPECT_NOT_NULL(test, net->qset);
	KUNIT_EXPECT_PTR_EQ(test, f->running,
			    (const struct ivnet_qset *)net->qset);
	KUNIT_EXPECT_EQ(test, f->live, net->cfg.pairs);
	KUNIT_EXPECT_EQ(test, dev->real_num_tx_queues, net->cfg.pairs);
	KUNIT_EXPECT_EQ(test, dev->real_num_rx_queues, net->cfg.pairs);
	if (net->qset)
		KUNIT_EXPECT_EQ(test, net->qset->cfg.pairs, net->cfg.pairs);
	KUNIT_EXPECT_EQ(test, fake_stopped_txqs(dev, net->cfg.pairs), 0);
	KUNIT_EXPECT_TRUE(test, netif_carrier_ok(dev));
	KUNIT_EXPECT_TRUE(test, net->spread);
	KUNIT_EXPECT_EQ(test, f->idev->err, 0);
}

static void expect_gone(struct fake *f, int err)
{
	const struct net_device *dev = f->idev->netdev;
	const struct ivnet_net *net = fake_net(f);
	struct kunit *test = f->test;

	KUNIT_EXPECT_NULL(test, net->qset);
	KUNIT_EXPECT_NULL(test, f->running);
	KUNIT_EXPECT_EQ(test, f->live, 0);
	KUNIT_EXPECT_EQ(test, fake_stopped_txqs(dev, dev->num_tx_queues),
			dev->num_tx_queues);
	KUNIT_EXPECT_FALSE(test, netif_carrier_ok(dev));
	KUNIT_EXPECT_FALSE(test, net->spread);
	/* After a failure until the next reload nobody can use the device. */
	KUNIT_EXPECT_EQ(test, netif_device_present(dev), !err);
	KUNIT_EXPECT_EQ(test, f->idev->err, err);
}

/* A device that is open, with @pairs queues. */
static void open_with(struct fake *f, u32 pairs)
{
	struct ivnet_queue_cfg cfg;

	fake_register(f);
	cfg = current_cfg(f);
	cfg.pairs = pairs;
	KUNIT_ASSERT_EQ(f->test, fake_replace(f, &cfg, NULL), 0);
	KUNIT_ASSERT_EQ(f->test, fake_open(f), 0);
	expect_runs(f);
	f->n_log = 0;
}

static void queues_test_replace(struct kunit *test)
{
	const struct replace_case *c = test->param_value;
	struct netlink_ext_ack extack = {};
	struct ivnet_queue_cfg cfg, before;
	struct fake *f = test->priv;
	const struct ivnet_qset *old;

	open_with(f, c->from);
	before = current_cfg(f);
	old = f->running;
	f->alloc_fails = c->alloc_fails;
	f->start_fails = c->start_fails;

	/* Every field is a new one. */
	cfg = (struct ivnet_queue_cfg) {
		.pairs = c->to, .rx_ring = 64, .tx_ring = 128,
		.rx_buf_len = 16384, .mtu = 1400
	};
	KUNIT_EXPECT_EQ(test, fake_replace(f, &cfg, &extack), c->err);
	fake_expect_log(f, c->log);
	KUNIT_EXPECT_EQ_MSG(test, !extack._msg, !c->err,
			    "the user is told of errors, and of nothing else");

	expect_cfg(f, c->outcome == SWAPPED ? &cfg : &before);
	if (c->outcome == GONE) {
		expect_gone(f, c->err);
	} else {
		expect_runs(f);
		if (c->outcome == KEPT)
			KUNIT_EXPECT_PTR_EQ(test, f->running, old);
	}
}

/* What failed once works the next time. */
static void queues_test_again(struct kunit *test)
{
	struct fake *f = test->priv;
	struct ivnet_queue_cfg cfg;

	open_with(f, 2);
	cfg = current_cfg(f);
	cfg.pairs = 3;

	f->alloc_fails = 2;
	KUNIT_EXPECT_EQ(test, fake_replace(f, &cfg, NULL), -ENOMEM);
	f->alloc_fails = FAKE_NEVER;
	f->start_fails = 1;
	KUNIT_EXPECT_EQ(test, fake_replace(f, &cfg, NULL), -EIO);
	expect_runs(f);
	KUNIT_EXPECT_EQ(test, fake_replace(f, &cfg, NULL), 0);
	expect_runs(f);
	expect_cfg(f, &cfg);
	fake_expect_log(f, "aaAffaaa-!fff+aaa-+ff");
}

/* A configuration that is refused reaches no queue. */
static void queues_test_refused(struct kunit *test)
{
	struct netlink_ext_ack extack = {};
	struct ivnet_queue_cfg cfg, before;
	struct fake *f = test->priv;

	open_with(f, 2);
	before = current_cfg(f);
	cfg = before;
	cfg.pairs = FAKE_PAIRS + 1;
	KUNIT_EXPECT_EQ(test, fake_replace(f, &cfg, &extack), -EINVAL);
	KUNIT_EXPECT_NOT_NULL(test, extack._msg);
	expect_cfg(f, &before);
	expect_runs(f);
	fake_expect_log(f, "");
}

/* While the interface is down a change is written down, no more. */
static void queues_test_while_down(struct kunit *test)
{
	struct ivnet_queue_cfg cfg, before;
	struct fake *f = test->priv;

	fake_register(f);
	before = current_cfg(f);
	cfg = before;
	cfg.pairs = FAKE_PAIRS + 1;
	KUNIT_EXPECT_EQ(test, fake_replace(f, &cfg, NULL), -EINVAL);
	expect_cfg(f, &before);

	/* More than the net_device was made for. */
	f->idev->limits.max_pairs = FAKE_PAIRS + 1;
	KUNIT_EXPECT_EQ(test, fake_replace(f, &cfg, NULL), -EINVAL);
	expect_cfg(f, &before);
	KUNIT_EXPECT_EQ(test, f->idev->netdev->real_num_tx_queues,
			before.pairs);

	cfg.pairs = 3;
	cfg.rx_ring = 64;
	KUNIT_EXPECT_EQ(test, fake_replace(f, &cfg, NULL), 0);
	expect_cfg(f, &cfg);
	KUNIT_EXPECT_EQ(test, f->idev->netdev->real_num_tx_queues, 3);
	fake_expect_log(f, "");

	KUNIT_EXPECT_EQ(test, fake_open(f), 0);
	fake_expect_log(f, "aaa+");
	expect_runs(f);
	expect_cfg(f, &cfg);
}

/* More queues than the net_device has: it refuses after the stop. */
static void queues_test_netdev_refuses(struct kunit *test)
{
	struct ivnet_queue_cfg cfg, before;
	struct fake *f = test->priv;

	open_with(f, 2);
	before = current_cfg(f);
	f->idev->netdev->num_rx_queues = 2;
	cfg = before;
	cfg.pairs = 3;
	KUNIT_EXPECT_EQ(test, fake_replace(f, &cfg, NULL), -EINVAL);
	f->idev->netdev->num_rx_queues = FAKE_PAIRS;
	expect_cfg(f, &before);
	expect_runs(f);
	fake_expect_log(f, "aaa-fff+");
}

static void queues_test_open_close(struct kunit *test)
{
	struct fake *f = test->priv;

	fake_register(f);
	KUNIT_EXPECT_NULL(test, fake_net(f)->qset);
	KUNIT_EXPECT_EQ(test, fake_open(f), 0);
	expect_runs(f);
	fake_close(f);
	expect_gone(f, 0);
	fake_expect_log(f, "aa+-ff");

	/* Without queues there is nothing to take down. */
	rtnl_lock();
	ivnet_queues_down(f->idev);
	rtnl_unlock();
	fake_expect_log(f, "");

	KUNIT_EXPECT_EQ(test, fake_open(f), 0);
	expect_runs(f);
	fake_expect_log(f, "aa+");
}

/* Polls that go on until NAPI is disabled wake no queue of a stopped set. */
static void queues_test_stop_busy(struct kunit *test)
{
	struct fake *f = test->priv;
	struct ivnet_queue_cfg cfg;
	u32 i;

	open_with(f, 2);
	f->busy = true;
	local_bh_disable();
	for (i = 0; i < 2; i++)
		napi_schedule(&fake_net(f)->qset->q[i]->napi);
	local_bh_enable();

	cfg = current_cfg(f);
	cfg.pairs = 1;
	KUNIT_EXPECT_EQ(test, fake_replace(f, &cfg, NULL), 0);
	expect_runs(f);
	fake_close(f);
	fake_expect_log(f, "a-+ff-f");
	KUNIT_EXPECT_EQ(test, fake_stopped_txqs(f->idev->netdev, FAKE_PAIRS),
			FAKE_PAIRS);
}

static void queues_test_open_fails(struct kunit *test)
{
	struct fake *f = test->priv;
	struct net_device *dev;

	fake_register(f);
	dev = f->idev->netdev;

	f->alloc_fails = 1;
	KUNIT_EXPECT_EQ(test, fake_open(f), -ENOMEM);
	KUNIT_EXPECT_FALSE(test, netif_running(dev));
	KUNIT_EXPECT_NULL(test, fake_net(f)->qset);
	fake_expect_log(f, "aAf");

	f->alloc_fails = FAKE_NEVER;
	f->start_fails = 1;
	KUNIT_EXPECT_EQ(test, fake_open(f), -EIO);
	KUNIT_EXPECT_FALSE(test, netif_running(dev));
	KUNIT_EXPECT_NULL(test, fake_net(f)->qset);
	KUNIT_EXPECT_EQ(test, f->live, 0);
	fake_expect_log(f, "aa!ff");

	KUNIT_EXPECT_EQ(test, fake_open(f), 0);
	expect_runs(f);
}

/* Queues that are gone do not hinder a stop, and a reload brings them back. */
static void queues_test_gone_and_back(struct kunit *test)
{
	struct fake *f = test->priv;
	struct ivnet_queue_cfg cfg;

	open_with(f, 2);
	cfg = current_cfg(f);
	cfg.pairs = 4;
	f->start_fails = 2;
	KUNIT_EXPECT_EQ(test, fake_replace(f, &cfg, NULL), -EIO);
	expect_gone(f, -EIO);
	f->n_log = 0;

	ivnet_dev_detach(f->idev);
	fake_expect_log(f, "D");
	KUNIT_EXPECT_EQ(test, ivnet_dev_attach(f->idev, NULL), 0);
	fake_expect_log(f, "Uaa+");
	expect_runs(f);

	f->start_fails = 2;
	KUNIT_EXPECT_EQ(test, fake_replace(f, &cfg, NULL), -EIO);
	f->n_log = 0;
	fake_close(f);
	KUNIT_EXPECT_EQ(test, fake_open(f), -ENODEV);
	fake_expect_log(f, "");
	ivnet_dev_detach(f->idev);
	KUNIT_EXPECT_EQ(test, ivnet_dev_attach(f->idev, NULL), 0);
	KUNIT_EXPECT_EQ(test, fake_open(f), 0);
	fake_expect_log(f, "DUaa+");
	expect_runs(f);
}

static int set_mtu(struct fake *f, int mtu)
{
	int err;

	rtnl_lock();
	err = dev_set_mtu(f->idev->netdev, mtu);
	rtnl_unlock();

	return err;
}

/* The MTU brings its buffers with it; a failure leaves both alone. */
static void queues_test_mtu(struct kunit *test)
{
	struct fake *f = test->priv;
	struct ivnet_queue_cfg want;

	open_with(f, 1);
	want = current_cfg(f);
	KUNIT_EXPECT_EQ(test, want.rx_buf_len, 4096);

	f->start_fails = 1;
	KUNIT_EXPECT_EQ(test, set_mtu(f, 9000), -EIO);
	KUNIT_EXPECT_EQ(test, f->idev->netdev->mtu, 1500);
	expect_cfg(f, &want);
	expect_runs(f);
	f->n_log = 0;

	KUNIT_EXPECT_EQ(test, set_mtu(f, 9000), 0);
	KUNIT_EXPECT_EQ(test, f->idev->netdev->mtu, 9000);
	want.mtu = 9000;
	want.rx_buf_len = 16384;
	expect_cfg(f, &want);
	fake_expect_log(f, "a-+f");

	/* Buffers that are large enough stay. */
	KUNIT_EXPECT_EQ(test, set_mtu(f, 1000), 0);
	want.mtu = 1000;
	expect_cfg(f, &want);

	KUNIT_EXPECT_EQ(test, set_mtu(f, FAKE_MTU_MAX + 1), -EINVAL);
	expect_cfg(f, &want);
}

static struct kunit_case queues_test_cases[] = {
	KUNIT_CASE_PARAM(queues_test_replace, replace_gen_params),
	KUNIT_CASE(queues_test_again),
	KUNIT_CASE(queues_test_refused),
	KUNIT_CASE(queues_test_while_down),
	KUNIT_CASE(queues_test_netdev_refuses),
	KUNIT_CASE(queues_test_open_close),
	KUNIT_CASE(queues_test_stop_busy),
	KUNIT_CASE(queues_test_open_fails),
	KUNIT_CASE(queues_test_gone_and_back),
	KUNIT_CASE(queues_test_mtu),
	{}
};

static struct kunit_suite queues_suite = {
	.name		= "ivnet_queues",
	.init		= fake_init,
	.exit		= fake_exit,
	.test_cases	= queues_test_cases,
};

kunit_test_suite(queues_suite);
