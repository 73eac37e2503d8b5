// SPDX-License-Identifier: GPL-2.0
/*
 * The fake transport. Its log has a letter per call:
 *
 *	U u	device up, failed
 *	D	device down
 *	a A	queue_alloc, failed
 *	f	queue_free
 *	+ !	queues_start, failed
 *	-	queues_stop
 *	R	reset
 *	r x	tx_restart, failed
 *
 * Callbacks run under rtnl: a test must not be left from there, so nothing is
 * asserted, only expected.
 */

#include <kunit/test.h>
#include <linux/etherdevice.h>
#include <linux/log2.h>
#include <linux/rtnetlink.h>
#include <linux/slab.h>

#include "fake.h"

static struct fake *to_fake(struct ivnet_dev *idev)
{
	return *(struct fake **)ivnet_priv(idev);
}

static void note(struct fake *f, char letter)
{
	if (f->n_log < sizeof(f->log) - 1)
		f->log[f->n_log++] = letter;
}

static int fake_up(struct ivnet_dev *idev, struct netlink_ext_ack *extack)
{
	struct fake *f = to_fake(idev);

	KUNIT_EXPECT_FALSE(f->test, f->is_up);
	if (f->up_err) {
		note(f, 'u');
		return f->up_err;
	}
	note(f, 'U');
	f->is_up = true;
	f->stopped = false;
	idev->limits = f->limits;
	idev->hw_features = f->hw_features;
	idev->features = f->features;
	idev->tso_max = FAKE_TSO_MAX;
	idev->headroom = FAKE_HEADROOM;

	return 0;
}

static void fake_down(struct ivnet_dev *idev)
{
	struct fake *f = to_fake(idev);

	note(f, 'D');
	KUNIT_EXPECT_NULL(f->test, f->running);
	f->is_up = false;
}

static int fake_poll(struct napi_struct *napi, int budget)
{
	struct ivnet_queue *q = container_of(napi, struct ivnet_queue, napi);
	struct ivnet_net *net = netdev_priv(q->netdev);
	struct fake *f = to_fake(net->idev);

	/* A poll may transmit, and then its set has to be there. */
	f->polls++;
	if (!f->running || net->qset != f->running ||
	    net->qset->q[q->index] != q)
		f->bad_polls++;

	/* Without an end, and each time there is room to send again. */
	if (f->busy) {
		netif_tx_wake_queue(q->txq);
		return budget;
	}
	napi_complete_done(napi, 0);

	return 0;
}

static struct ivnet_queue *fake_queue_alloc(struct ivnet_dev *idev,
					    const struct ivnet_queue_cfg *cfg,
					    u32 index)
{
	struct fake *f = to_fake(idev);
	struct ivnet_queue *q;

	KUNIT_EXPECT_TRUE(f->test, f->is_up);
	KUNIT_EXPECT_LT(f->test, index, cfg->pairs);
	if (index == f->alloc_fails) {
		note(f, 'A');
		return ERR_PTR(-ENOMEM);
	}
	q = kzalloc(sizeof(*q), GFP_KERNEL);
	if (!q)
		return ERR_PTR(-ENOMEM);
	note(f, 'a');
	f->live++;
	ivnet_queue_init(idev, q, index, fake_poll);

	return q;
}

static void fake_queue_free(struct ivnet_dev *idev, struct ivnet_queue *q)
{
	struct fake *f = to_fake(idev);
	u32 i;

	note(f, 'f');
	for (i = 0; f->running && i < f->running->cfg.pairs; i++)
		KUNIT_EXPECT_PTR_NE_MSG(f->test, f->running->q[i], q,
					"queue %u runs", i);
	f->live--;
	ivnet_queue_exit(q);
	kfree(q);
}

/**
 * fake_stopped_txqs() - how many transmit queues may not be used?
 * @dev: the net_device
 * @num: look at the first so many of them
 *
 * Return: the number.
 */
u32 fake_stopped_txqs(const struct net_device *dev, u32 num)
{
	u32 i, n = 0;

	for (i = 0; i < num; i++)
		n += netif_tx_queue_stopped(netdev_get_tx_queue(dev, i));

	return n;
}

/* Nothing but napi_enable() ends this state. */
static bool napi_is_off(const struct ivnet_queue *q)
{
	return test_bit(NAPI_STATE_SCHED, &q->napi.state) &&
	       test_bit(NAPI_STATE_NPSVC, &q->napi.state);
}

static int fake_queues_start(struct ivnet_dev *idev, struct ivnet_qset *qs)
{
	struct net_device *dev = idev->netdev;
	const u32 num = dev->num_tx_queues;
	struct fake *f = to_fake(idev);
	u32 i;

	KUNIT_EXPECT_TRUE(f->test, f->is_up);
	KUNIT_EXPECT_NULL_MSG(f->test, f->running, "other queues still run");
	KUNIT_EXPECT_EQ(f->test, dev->real_num_tx_queues, qs->cfg.pairs);
	KUNIT_EXPECT_EQ(f->test, dev->real_num_rx_queues, qs->cfg.pairs);
	if (f->stopped)
		KUNIT_EXPECT_EQ_MSG(f->test, fake_stopped_txqs(dev, num), num,
				    "the stack may send too early");
	if (f->start_fails) {
		note(f, '!');
		f->start_fails--;
		return -EIO;
	}

	note(f, '+');
	for (i = 0; i < qs->cfg.pairs; i++) {
		KUNIT_EXPECT_EQ(f->test, qs->q[i]->index, i);
		KUNIT_EXPECT_PTR_EQ(f->test, qs->q[i]->stats,
				    &fake_net(f)->stats[i]);
		KUNIT_EXPECT_PTR_EQ(f->test, qs->q[i]->txq,
				    netdev_get_tx_queue(dev, i));
		KUNIT_EXPECT_TRUE(f->test, napi_is_off(qs->q[i]));
	}
	f->started += qs->cfg.pairs;
	f->running = qs;

	return 0;
}

static void fake_queues_stop(struct ivnet_dev *idev, struct ivnet_qset *qs)
{
	struct net_device *dev = idev->netdev;
	const u32 num = dev->num_tx_queues;
	struct fake *f = to_fake(idev);
	u32 i;

	note(f, '-');
	KUNIT_EXPECT_PTR_EQ(f->test, f->running,
			    (const struct ivnet_qset *)qs);
	KUNIT_EXPECT_EQ_MSG(f->test, fake_stopped_txqs(dev, num), num,
			    "the stack may still send");
	/* Its last poll could wake a transmit queue. */
	for (i = 0; i < qs->cfg.pairs; i++)
		KUNIT_EXPECT_TRUE_MSG(f->test, napi_is_off(qs->q[i]),
				      "queue %u is still polled", i);
	/* Whoever looks at the link may have seen one a moment ago. */
	netif_carrier_on(dev);
	f->running = NULL;
	f->stopped = true;
}

static void fake_reset(struct ivnet_dev *idev)
{
	note(to_fake(idev), 'R');
}

static void fake_watch(struct ivnet_dev *idev)
{
	struct fake *f = to_fake(idev);
	unsigned int what;

	f->looks++;
	for_each_set_bit(what, &f->finds, IVNET_TROUBLE_NUM)
		ivnet_trouble(idev, what);
}

static bool fake_tx_stuck(struct ivnet_queue *q)
{
	struct ivnet_net *net = netdev_priv(q->netdev);

	return to_fake(net->idev)->stuck & BIT(q->index);
}

static int fake_tx_restart(struct ivnet_dev *idev, struct ivnet_queue *q)
{
	struct fake *f = to_fake(idev);

	KUNIT_EXPECT_TRUE(f->test, napi_is_off(q));
	KUNIT_EXPECT_TRUE(f->test, netif_tx_queue_stopped(q->txq));
	note(f, f->restart_err ? 'x' : 'r');
	f->started++;
	f->stuck &= ~BIT(q->index);

	return f->restart_err;
}

static int fake_set_mac(struct ivnet_dev *idev, const u8 *addr)
{
	to_fake(idev)->set_macs++;

	return -EOPNOTSUPP;
}

static int fake_set_features(struct ivnet_dev *idev,
			     netdev_features_t features)
{
	return to_fake(idev)->set_features_err;
}

static u32 fake_rx_buf_min(struct ivnet_dev *idev, u32 mtu)
{
	return max_t(u32, FAKE_RX_BUF_MIN, roundup_pow_of_two(mtu));
}

static void fake_link(struct ivnet_dev *idev)
{
	netif_carrier_on(idev->netdev);
}

static void fake_set_affinity(struct ivnet_dev *idev, struct ivnet_queue *q,
			      const struct cpumask *mask)
{
	struct fake *f = to_fake(idev);

	KUNIT_EXPECT_FALSE(f->test, cpumask_empty(mask));
	KUNIT_EXPECT_NOT_NULL(f->test, f->running);
}

static int fake_info_get(struct ivnet_dev *idev, struct devlink_info_req *req)
{
	return 0;
}

static void fake_diagnose(struct ivnet_dev *idev, struct devlink_fmsg *fmsg)
{
}

static void fake_diagnose_queue(struct ivnet_queue *q,
				struct devlink_fmsg *fmsg)
{
}

static netdev_tx_t fake_xmit(struct sk_buff *skb, struct net_device *dev)
{
	dev_kfree_skb_any(skb);

	return NETDEV_TX_OK;
}

static const struct net_device_ops fake_netdev_ops = {
	IVNET_NDO_COMMON,
	.ndo_start_xmit	= fake_xmit,
};

static const struct ivnet_transport_ops fake_ops = {
	.priv_size	= sizeof(struct fake *),
	.netdev_ops	= &fake_netdev_ops,
	.up		= fake_up,
	.down		= fake_down,
	.queue_alloc	= fake_queue_alloc,
	.queue_free	= fake_queue_free,
	.queues_start	= fake_queues_start,
	.queues_stop	= fake_queues_stop,
	.reset		= fake_reset,
	.watch		= fake_watch,
	.tx_stuck	= fake_tx_stuck,
	.tx_restart	= fake_tx_restart,
	.set_mac	= fake_set_mac,
	.set_features	= fake_set_features,
	.rx_buf_min	= fake_rx_buf_min,
	.link		= fake_link,
	.set_affinity	= fake_set_affinity,
	.info_get	= fake_info_get,
	.diagnose	= fake_diagnose,
	.diagnose_rx	= fake_diagnose_queue,
	.diagnose_tx	= fake_diagnose_queue,
};

/**
 * fake_init() - make a device that is not registered yet
 * @test: gets it as its private data
 *
 * Return: 0 or an error.
 */
int fake_init(struct kunit *test)
{
	struct fake *f = kunit_kzalloc(test, sizeof(*f), GFP_KERNEL);

	if (!f)
		return -ENOMEM;
	f->test = test;
	f->alloc_fails = FAKE_NEVER;
	f->hw_features = NETIF_F_SG | NETIF_F_HW_CSUM | NETIF_F_TSO |
			 NETIF_F_RXCSUM;
	f->features = f->hw_features;
	f->limits = (struct ivnet_limits) {
		.max_pairs	= FAKE_PAIRS,
		.rx_ring_max	= FAKE_RING,
		.tx_ring_max	= FAKE_RING,
		.rx_buf_default	= 4096,
		.max_mtu	= FAKE_MTU_MAX,
		.mtu		= 1500,
	};

	f->parent = root_device_register("ivnet_test");
	if (IS_ERR(f->parent))
		return PTR_ERR(f->parent);
	f->idev = ivnet_dev_alloc(f->parent, &fake_ops);
	if (!f->idev) {
		root_device_unregister(f->parent);
		return -ENOMEM;
	}
	*(struct fake **)ivnet_priv(f->idev) = f;
	test->priv = f;

	return 0;
}

/**
 * fake_exit() - remove the device; nothing of it may be left
 * @test: has it as its private data
 */
void fake_exit(struct kunit *test)
{
	struct fake *f = test->priv;

	if (!f)
		return;
	/* Registered or not: devlink shows parameters when it is. */
	if (f->idev->reporters[0])
		ivnet_dev_unregister(f->idev);
	KUNIT_EXPECT_FALSE_MSG(test, f->is_up, "the device is up");
	KUNIT_EXPECT_NULL_MSG(test, f->running, "queues run");
	KUNIT_EXPECT_EQ_MSG(test, f->live, 0, "queues are left");
	ivnet_dev_free(f->idev);
	root_device_unregister(f->parent);
}

/**
 * fake_register() - register the device, with as many queues as it has
 * @f: the fake
 */
void fake_register(struct fake *f)
{
	struct ivnet_queue_cfg cfg;

	KUNIT_ASSERT_EQ(f->test, ivnet_dev_register(f->idev), 0);
	KUNIT_ASSERT_NOT_NULL(f->test, f->idev->netdev);
	cfg = fake_net(f)->cfg;
	cfg.pairs = min_t(u32, 2, f->limits.max_pairs);
	KUNIT_ASSERT_EQ(f->test, fake_replace(f, &cfg, NULL), 0);
	f->n_log = 0;
}

/**
 * fake_open() - ip link set up
 * @f: the fake
 *
 * Return: 0 or an error.
 */
int fake_open(struct fake *f)
{
	int err;

	rtnl_lock();
	err = dev_open(f->idev->netdev, NULL);
	rtnl_unlock();

	return err;
}

/**
 * fake_close() - ip link set down
 * @f: the fake
 */
void fake_close(struct fake *f)
{
	rtnl_lock();
	dev_close(f->idev->netdev);
	rtnl_unlock();
}

/**
 * fake_replace() - ivnet_queues_replace() under rtnl
 * @f: the fake
 * @cfg: the new configuration
 * @extack: may be NULL
 *
 * Return: 0 or an error.
 */
int fake_replace(struct fake *f, const struct ivnet_queue_cfg *cfg,
		 struct netlink_ext_ack *extack)
{
	int err;

	rtnl_lock();
	err = ivnet_queues_replace(f->idev, cfg, extack);
	rtnl_unlock();

	return err;
}

/**
 * fake_expect_log() - compare the calls so far, and forget them
 * @f: the fake
 * @log: what is expected
 */
void fake_expect_log(struct fake *f, const char *log)
{
	f->log[f->n_log] = 0;
	KUNIT_EXPECT_STREQ(f->test, (const char *)f->log, log);
	KUNIT_EXPECT_EQ_MSG(f->test, f->bad_polls, 0,
			    "polls of queues that are not in use");
	if (!f->busy)
		KUNIT_EXPECT_EQ_MSG(f->test, f->polls, f->started,
				    "a queue is polled once when it starts");
	f->n_log = 0;
}
