// SPDX-License-Identifier: GPL-2.0
/* A device from probe to remove: starts that fail, detach and attach. */

#include <kunit/test.h>
#include <linux/etherdevice.h>
#include <linux/netdevice.h>
#include <linux/rtnetlink.h>

#include "fake.h"

#ifdef IVNET_HAVE_STAT_OPS
#include <net/netdev_queues.h>
#endif

static void open_device(struct fake *f)
{
	fake_register(f);
	KUNIT_ASSERT_EQ(f->test, fake_open(f), 0);
	f->n_log = 0;
}

static void expect_attached(struct fake *f, u32 queues)
{
	struct net_device *dev = f->idev->netdev;

	KUNIT_EXPECT_TRUE(f->test, f->idev->up);
	KUNIT_EXPECT_EQ(f->test, f->idev->err, 0);
	KUNIT_EXPECT_TRUE(f->test, netif_device_present(dev));
	KUNIT_EXPECT_EQ(f->test, f->live, queues);
	KUNIT_EXPECT_EQ(f->test, !!f->running, !!queues);
	if (queues)
		KUNIT_EXPECT_TRUE(f->test, netif_carrier_ok(dev));
}

static void expect_detached(struct fake *f, int err)
{
	KUNIT_EXPECT_FALSE(f->test, f->idev->up);
	KUNIT_EXPECT_EQ(f->test, f->idev->err, err);
	KUNIT_EXPECT_FALSE(f->test, netif_device_present(f->idev->netdev));
	KUNIT_EXPECT_NULL(f->test, fake_net(f)->qset);
	KUNIT_EXPECT_EQ(f->test, f->live, 0);
}

/* The net_device as the device's limits make it. */
static void device_test_register(struct kunit *test)
{
	struct fake *f = test->priv;
	const struct ivnet_net *net;
	struct net_device *dev;

	eth_random_addr(f->idev->perm_addr);
	KUNIT_ASSERT_EQ(test, ivnet_dev_register(f->idev), 0);
	fake_expect_log(f, "U");
	dev = f->idev->netdev;
	KUNIT_ASSERT_NOT_NULL(test, dev);
	net = netdev_priv(dev);
	expect_attached(f, 0);

	KUNIT_EXPECT_EQ(test, dev->num_tx_queues, FAKE_PAIRS);
	KUNIT_EXPECT_EQ(test, dev->num_rx_queues, FAKE_PAIRS);
	KUNIT_EXPECT_EQ(test, net->n_stats, FAKE_PAIRS);
	KUNIT_EXPECT_EQ(test, net->cfg.pairs,
			min_t(u32, FAKE_PAIRS, num_online_cpus()));
	KUNIT_EXPECT_EQ(test, dev->real_num_tx_queues, net->cfg.pairs);
	KUNIT_EXPECT_EQ(test, net->cfg.rx_ring, FAKE_RING);
	KUNIT_EXPECT_EQ(test, net->cfg.tx_ring, FAKE_RING);
	KUNIT_EXPECT_EQ(test, net->cfg.rx_buf_len, 4096);
	KUNIT_EXPECT_EQ(test, net->cfg.mtu, 1500);
	KUNIT_EXPECT_EQ(test, dev->mtu, 1500);
	KUNIT_EXPECT_EQ(test, dev->max_mtu, FAKE_MTU_MAX);
	KUNIT_EXPECT_EQ(test, dev->tso_max_size, FAKE_TSO_MAX);
	KUNIT_EXPECT_EQ(test, dev->needed_headroom, FAKE_HEADROOM);
	KUNIT_EXPECT_TRUE(test, ether_addr_equal(dev->dev_addr,
						 f->idev->perm_addr));
	KUNIT_EXPECT_EQ(test, dev->hw_features & f->hw_features,
			f->hw_features);
	KUNIT_EXPECT_FALSE(test, netif_carrier_ok(dev));
}

/* A device without an address gets one. */
static void device_test_random_mac(struct kunit *test)
{
	struct fake *f = test->priv;

	fake_register(f);
	KUNIT_EXPECT_TRUE(test,
			  is_valid_ether_addr(f->idev->netdev->dev_addr));
	KUNIT_EXPECT_EQ(test, f->idev->netdev->addr_assign_type,
			NET_ADDR_RANDOM);
}

/* A device that does not start stays registered and can be tried again. */
static void device_test_start_fails(struct kunit *test)
{
	struct fake *f = test->priv;

	f->up_err = -EIO;
	KUNIT_EXPECT_EQ(test, ivnet_dev_register(f->idev), 0);
	KUNIT_EXPECT_NULL(test, f->idev->netdev);
	KUNIT_EXPECT_EQ(test, f->idev->err, -EIO);
	KUNIT_EXPECT_FALSE(test, f->idev->up);
	fake_expect_log(f, "u");

	ivnet_dev_detach(f->idev);
	KUNIT_EXPECT_EQ(test, ivnet_dev_attach(f->idev, NULL), -EIO);
	fake_expect_log(f, "u");

	f->up_err = 0;
	KUNIT_EXPECT_EQ(test, ivnet_dev_attach(f->idev, NULL), 0);
	fake_expect_log(f, "U");
	KUNIT_ASSERT_NOT_NULL(test, f->idev->netdev);
	expect_attached(f, 0);
}

/* Removal of what runs, in the right order. */
static void device_test_remove_running(struct kunit *test)
{
	struct fake *f = test->priv;

	open_device(f);
	ivnet_dev_unregister(f->idev);
	fake_expect_log(f, "-ffD");
	KUNIT_EXPECT_NULL(test, f->idev->netdev);
}

static void device_test_reload_running(struct kunit *test)
{
	struct fake *f = test->priv;
	struct ivnet_queue_cfg cfg;
	u64_stats_t *counter;

	open_device(f);
	counter = &fake_net(f)->stats[1].rx.v[IVNET_RX_PACKETS];
	u64_stats_set(counter, 42);
	cfg = fake_net(f)->cfg;

	ivnet_dev_detach(f->idev);
	expect_detached(f, 0);
	fake_expect_log(f, "-ffD");
	KUNIT_EXPECT_EQ(test, ivnet_dev_attach(f->idev, NULL), 0);
	expect_attached(f, 2);
	fake_expect_log(f, "Uaa+");

	/* Configuration and counters are as before. */
	KUNIT_EXPECT_EQ(test, memcmp(&cfg, &fake_net(f)->cfg, sizeof(cfg)), 0);
	KUNIT_EXPECT_PTR_EQ(test, counter,
			    &fake_net(f)->stats[1].rx.v[IVNET_RX_PACKETS]);
	KUNIT_EXPECT_EQ(test, u64_stats_read(counter), 42);
}

static void device_test_reload_down(struct kunit *test)
{
	struct fake *f = test->priv;

	fake_register(f);
	ivnet_dev_detach(f->idev);
	expect_detached(f, 0);
	KUNIT_EXPECT_EQ(test, ivnet_dev_attach(f->idev, NULL), 0);
	expect_attached(f, 0);
	fake_expect_log(f, "DU");
}

struct attach_case {
	const char *name;
	int up_err;
	u32 alloc_fails;
	u32 start_fails;
	int set_features_err;
	int err;
	const char *log;
};

static const struct attach_case attach_cases[] = {
	{ "device", -ENODEV, FAKE_NEVER, 0, 0, -ENODEV, "u" },
	{ "features", 0, FAKE_NEVER, 0, -EIO, -EIO, "UD" },
	{ "memory", 0, 1, 0, 0, -ENOMEM, "UaAfD" },
	{ "queues", 0, FAKE_NEVER, 1, 0, -EIO, "Uaa!ffD" },
};

static void attach_case_desc(const struct attach_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(attach, attach_cases, attach_case_desc);

/* An attach that fails leaves the device detached; the next one may work. */
static void device_test_attach_fails(struct kunit *test)
{
	const struct attach_case *c = test->param_value;
	struct fake *f = test->priv;

	open_device(f);
	ivnet_dev_detach(f->idev);
	f->n_log = 0;
	f->up_err = c->up_err;
	f->alloc_fails = c->alloc_fails;
	f->start_fails = c->start_fails;
	f->set_features_err = c->set_features_err;
	KUNIT_EXPECT_EQ(test, ivnet_dev_attach(f->idev, NULL), c->err);
	fake_expect_log(f, c->log);
	expect_detached(f, c->err);

	f->up_err = 0;
	f->alloc_fails = FAKE_NEVER;
	f->start_fails = 0;
	f->set_features_err = 0;
	KUNIT_EXPECT_EQ(test, ivnet_dev_attach(f->idev, NULL), 0);
	fake_expect_log(f, "Uaa+");
	expect_attached(f, 2);
}

/* An address of the user's own is told to the device again. */
static void device_test_attach_mac(struct kunit *test)
{
	struct fake *f = test->priv;

	eth_random_addr(f->idev->perm_addr);
	fake_register(f);
	ivnet_dev_detach(f->idev);
	KUNIT_EXPECT_EQ(test, ivnet_dev_attach(f->idev, NULL), 0);
	KUNIT_EXPECT_EQ(test, f->set_macs, 0);

	f->idev->perm_addr[5] ^= 1;
	ivnet_dev_detach(f->idev);
	KUNIT_EXPECT_EQ(test, ivnet_dev_attach(f->idev, NULL), 0);
	KUNIT_EXPECT_EQ(test, f->set_macs, 1);
}

/* A device that comes back with less: the user's choices stay if they can. */
static void device_test_limits_shrink(struct kunit *test)
{
	struct fake *f = test->priv;
	struct ivnet_queue_cfg cfg;

	open_device(f);
	cfg = fake_net(f)->cfg;
	cfg.pairs = FAKE_PAIRS;
	cfg.tx_ring = 64;
	KUNIT_EXPECT_EQ(test, fake_replace(f, &cfg, NULL), 0);
	ivnet_dev_detach(f->idev);

	f->limits.max_pairs = 1;
	f->limits.rx_ring_max = 128;
	f->limits.tx_ring_max = 128;
	f->hw_features &= ~NETIF_F_TSO;
	f->features = f->hw_features;
	KUNIT_EXPECT_EQ(test, ivnet_dev_attach(f->idev, NULL), 0);
	expect_attached(f, 1);
	KUNIT_EXPECT_EQ(test, fake_net(f)->cfg.pairs, 1);
	KUNIT_EXPECT_EQ(test, fake_net(f)->cfg.rx_ring, 128);
	KUNIT_EXPECT_EQ(test, fake_net(f)->cfg.tx_ring, 64);
	KUNIT_EXPECT_EQ(test, f->idev->netdev->real_num_tx_queues, 1);
	KUNIT_EXPECT_EQ(test, f->idev->netdev->hw_features & NETIF_F_TSO, 0);
	KUNIT_EXPECT_EQ(test, f->idev->netdev->features & NETIF_F_TSO, 0);
}

/* With more: no more queues than the net_device was made for. */
static void device_test_limits_grow(struct kunit *test)
{
	struct fake *f = test->priv;

	open_device(f);
	ivnet_dev_detach(f->idev);
	f->limits.max_pairs = 2 * FAKE_PAIRS;
	f->limits.rx_ring_max = 2 * FAKE_RING;
	KUNIT_EXPECT_EQ(test, ivnet_dev_attach(f->idev, NULL), 0);
	expect_attached(f, 2);
	KUNIT_EXPECT_EQ(test, f->idev->limits.max_pairs, FAKE_PAIRS);
	KUNIT_EXPECT_EQ(test, fake_net(f)->cfg.rx_ring, FAKE_RING);
}

/* A device that comes back with a smaller MTU, and perhaps fewer queues. */
static void shrink_mtu(struct kunit *test, u32 max_pairs)
{
	struct fake *f = test->priv;
	int err;

	open_device(f);
	rtnl_lock();
	err = dev_set_mtu(f->idev->netdev, 9000);
	rtnl_unlock();
	KUNIT_ASSERT_EQ(test, err, 0);
	ivnet_dev_detach(f->idev);

	f->limits.max_mtu = 1500;
	f->limits.max_pairs = max_pairs;
	KUNIT_EXPECT_EQ(test, ivnet_dev_attach(f->idev, NULL), 0);
	KUNIT_EXPECT_EQ(test, f->idev->netdev->max_mtu, 1500);
	KUNIT_EXPECT_EQ(test, f->idev->netdev->mtu, 1500);
	KUNIT_EXPECT_EQ(test, fake_net(f)->cfg.mtu, 1500);
}

static void device_test_mtu_shrinks(struct kunit *test)
{
	shrink_mtu(test, FAKE_PAIRS);
}

static void device_test_mtu_and_pairs_shrink(struct kunit *test)
{
	shrink_mtu(test, 1);
}

/* Frames put together by the device need its checksums. */
static void device_test_fix_features(struct kunit *test)
{
	const netdev_features_t gro = NETIF_F_RXCSUM | NETIF_F_GRO_HW;
	struct fake *f = test->priv;
	struct net_device *dev;

	f->hw_features |= gro;
	f->features |= NETIF_F_GRO_HW;
	fake_register(f);
	dev = f->idev->netdev;
	KUNIT_EXPECT_EQ(test, ivnet_fix_features(dev, gro), gro);
	KUNIT_EXPECT_EQ(test, ivnet_fix_features(dev, NETIF_F_RXCSUM),
			NETIF_F_RXCSUM);
	KUNIT_EXPECT_EQ(test, ivnet_fix_features(dev, NETIF_F_GRO_HW), 0);

	/* What the device cannot do goes, what is not its own stays. */
	KUNIT_EXPECT_EQ(test, ivnet_fix_features(dev, NETIF_F_TSO6 |
						 NETIF_F_GSO_UDP_L4), 0);
	KUNIT_EXPECT_EQ(test, ivnet_fix_features(dev, NETIF_F_GRO |
						 NETIF_F_HIGHDMA),
			NETIF_F_GRO | NETIF_F_HIGHDMA);
}

#ifdef IVNET_HAVE_STAT_OPS
/* The queues in use and the rest are all there is. */
static void device_test_qstats(struct kunit *test)
{
	struct netdev_queue_stats_rx rx, rx_sum = {};
	struct netdev_queue_stats_tx tx, tx_sum = {};
	const struct netdev_stat_ops *ops;
	struct fake *f = test->priv;
	struct rtnl_link_stats64 st = {};
	struct net_device *dev;
	u32 i;

	fake_register(f);
	dev = f->idev->netdev;
	ops = dev->stat_ops;
	KUNIT_ASSERT_NOT_NULL(test, ops);
	for (i = 0; i < FAKE_PAIRS; i++) {
		u64_stats_set(&fake_net(f)->stats[i].rx.v[IVNET_RX_PACKETS],
			      1 << i);
		u64_stats_set(&fake_net(f)->stats[i].tx.v[IVNET_TX_BYTES],
			      100 << i);
	}

	ops->get_base_stats(dev, &rx_sum, &tx_sum);
	KUNIT_EXPECT_EQ(test, rx_sum.packets, 4 + 8);
	KUNIT_EXPECT_EQ(test, tx_sum.bytes, 400 + 800);
	for (i = 0; i < dev->real_num_rx_queues; i++) {
		ops->get_queue_stats_rx(dev, i, &rx);
		ops->get_queue_stats_tx(dev, i, &tx);
		KUNIT_EXPECT_EQ(test, rx.packets, 1 << i);
		KUNIT_EXPECT_EQ(test, tx.bytes, 100 << i);
		rx_sum.packets += rx.packets;
		tx_sum.bytes += tx.bytes;
	}

	ivnet_get_stats64(dev, &st);
	KUNIT_EXPECT_EQ(test, st.rx_packets, rx_sum.packets);
	KUNIT_EXPECT_EQ(test, st.tx_bytes, tx_sum.bytes);
}
#else
static void device_test_qstats(struct kunit *test)
{
	kunit_skip(test, "this kernel has no statistics of queues");
}
#endif

static struct kunit_case device_test_cases[] = {
	KUNIT_CASE(device_test_register),
	KUNIT_CASE(device_test_random_mac),
	KUNIT_CASE(device_test_start_fails),
	KUNIT_CASE(device_test_remove_running),
	KUNIT_CASE(device_test_reload_running),
	KUNIT_CASE(device_test_reload_down),
	KUNIT_CASE_PARAM(device_test_attach_fails, attach_gen_params),
	KUNIT_CASE(device_test_attach_mac),
	KUNIT_CASE(device_test_limits_shrink),
	KUNIT_CASE(device_test_limits_grow),
	KUNIT_CASE(device_test_mtu_shrinks),
	KUNIT_CASE(device_test_mtu_and_pairs_shrink),
	KUNIT_CASE(device_test_fix_features),
	KUNIT_CASE(device_test_qstats),
	{}
};

static struct kunit_suite device_suite = {
	.name		= "ivnet_device",
	.init		= fake_init,
	.exit		= fake_exit,
	.test_cases	= device_test_cases,
};

kunit_test_suite(device_suite);
