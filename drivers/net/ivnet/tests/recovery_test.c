// SPDX-License-Identifier: GPL-2.0
/* What is done about trouble, and what is not. */

#include <kunit/test.h>
#include <linux/delay.h>
#include <linux/netdevice.h>
#include <linux/rtnetlink.h>

#include "fake.h"

static void open_device(struct fake *f)
{
	fake_register(f);
	KUNIT_ASSERT_EQ(f->test, fake_open(f), 0);
	f->n_log = 0;
}

static void look(struct fake *f)
{
	ivnet_look(f->idev);
	flush_delayed_work(&f->idev->watch);
}

static void trouble(struct fake *f, enum ivnet_trouble what)
{
	ivnet_trouble(f->idev, what);
	flush_delayed_work(&f->idev->watch);
}

/* The pause after a reset is over. */
static void pause_ends(struct fake *f)
{
	f->idev->reset_at = jiffies - f->idev->reset_pause;
}

static void expect_resets(struct fake *f, u64 queue, u64 device)
{
	KUNIT_EXPECT_EQ(f->test, f->idev->stats[IVNET_DEV_QUEUE_RESETS], queue);
	KUNIT_EXPECT_EQ(f->test, f->idev->stats[IVNET_DEV_RESETS], device);
}

static void expect_running(struct fake *f)
{
	KUNIT_EXPECT_TRUE(f->test, f->idev->up);
	KUNIT_EXPECT_NOT_NULL(f->test, f->running);
	KUNIT_EXPECT_TRUE(f->test, netif_device_present(f->idev->netdev));
	KUNIT_EXPECT_EQ(f->test, fake_stopped_txqs(f->idev->netdev, 2), 0);
}

/* Nobody looks at a device that is not registered, or down for a start. */
static void recovery_test_looks(struct kunit *test)
{
	struct fake *f = test->priv;

	ivnet_trouble(f->idev, IVNET_TROUBLE_DEVICE);
	KUNIT_EXPECT_FALSE(test, delayed_work_pending(&f->idev->watch));
	f->idev->troubles = 0;

	open_device(f);
	KUNIT_EXPECT_TRUE(test, delayed_work_pending(&f->idev->watch));
	look(f);
	KUNIT_EXPECT_EQ(test, f->looks, 1);
	KUNIT_EXPECT_TRUE(test, delayed_work_pending(&f->idev->watch));

	ivnet_dev_detach(f->idev);
	f->n_log = 0;
	trouble(f, IVNET_TROUBLE_DEVICE);
	KUNIT_EXPECT_EQ(test, f->looks, 1);
	fake_expect_log(f, "");
	expect_resets(f, 0, 0);

	KUNIT_ASSERT_EQ(test, ivnet_dev_attach(f->idev, NULL), 0);
	f->n_log = 0;
	look(f);
	KUNIT_EXPECT_EQ(test, f->looks, 2);
	trouble(f, IVNET_TROUBLE_DEVICE);
	fake_expect_log(f, "R-+");
	expect_resets(f, 0, 1);
}

/* One queue that is stuck: that queue. Soon again: the device. */
static void recovery_test_queue(struct kunit *test)
{
	struct fake *f = test->priv;

	open_device(f);
	trouble(f, IVNET_TROUBLE_TX);
	fake_expect_log(f, "");

	f->stuck = BIT(1);
	trouble(f, IVNET_TROUBLE_TX);
	fake_expect_log(f, "r");
	expect_running(f);
	expect_resets(f, 1, 0);

	/* The other one has its own account. */
	f->stuck = BIT(0);
	trouble(f, IVNET_TROUBLE_TX);
	fake_expect_log(f, "r");
	expect_resets(f, 2, 0);

	f->stuck = BIT(1);
	trouble(f, IVNET_TROUBLE_TX);
	fake_expect_log(f, "R-+");
	expect_running(f);
	expect_resets(f, 2, 1);

	/* Long after. */
	fake_net(f)->qset->q[1]->restarted -= 31 * HZ;
	trouble(f, IVNET_TROUBLE_TX);
	fake_expect_log(f, "r");
	expect_resets(f, 3, 1);
}

static void recovery_test_queue_fails(struct kunit *test)
{
	struct fake *f = test->priv;

	open_device(f);
	f->stuck = BIT(0);
	f->restart_err = -EIO;
	trouble(f, IVNET_TROUBLE_TX);
	fake_expect_log(f, "xR-+");
	expect_running(f);
	expect_resets(f, 0, 1);

	/* Too early for another reset: the queue, which is stopped, waits. */
	f->stuck = BIT(0);
	trouble(f, IVNET_TROUBLE_TX);
	fake_expect_log(f, "x");
	f->stuck = 0;
	look(f);
	fake_expect_log(f, "");
	pause_ends(f);
	look(f);
	fake_expect_log(f, "R-+");
	expect_running(f);
	expect_resets(f, 0, 2);

	/* A device that cannot do it: the queue is not touched. */
	pause_ends(f);
	f->idev->limits.ring_fixed = true;
	f->stuck = BIT(0);
	trouble(f, IVNET_TROUBLE_TX);
	fake_expect_log(f, "R-+");
	expect_running(f);

	/* It recovers by itself before it may be reset again. */
	trouble(f, IVNET_TROUBLE_TX);
	fake_expect_log(f, "");
	expect_running(f);
	f->stuck = 0;
	pause_ends(f);
	look(f);
	fake_expect_log(f, "");
	expect_resets(f, 0, 3);
}

static void recovery_test_device(struct kunit *test)
{
	static const enum ivnet_trouble kinds[] = {
		IVNET_TROUBLE_DEVICE, IVNET_TROUBLE_RX_RING,
		IVNET_TROUBLE_TX_RING,
	};
	struct fake *f = test->priv;
	unsigned int i;

	open_device(f);
	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		trouble(f, kinds[i]);
		fake_expect_log(f, "R-+");
		expect_running(f);
		expect_resets(f, 0, i + 1);
		pause_ends(f);
	}

	fake_close(f);
	f->n_log = 0;
	trouble(f, IVNET_TROUBLE_DEVICE);
	fake_expect_log(f, "R");
	expect_resets(f, 0, i + 1);
}

/* A device that asks for a reset all the time gets one ever more rarely. */
static void recovery_test_pause(struct kunit *test)
{
	struct fake *f = test->priv;
	unsigned long pause;
	int i;

	open_device(f);
	for (i = 0, pause = HZ; i < 9; i++) {
		trouble(f, IVNET_TROUBLE_DEVICE);
		fake_expect_log(f, "R-+");
		KUNIT_EXPECT_EQ(test, f->idev->reset_pause, pause);
		f->idev->reset_at = jiffies - pause + HZ / 2;
		trouble(f, IVNET_TROUBLE_DEVICE);
		fake_expect_log(f, "");
		KUNIT_EXPECT_TRUE(test, f->idev->troubles);
		pause_ends(f);
		pause = min_t(unsigned long, 2 * pause, 64 * HZ);
	}
	f->idev->reset_at = jiffies - 129 * HZ;
	trouble(f, IVNET_TROUBLE_DEVICE);
	KUNIT_EXPECT_EQ(test, f->idev->reset_pause, HZ);

	/* A user who starts it need not wait for the next reset. */
	ivnet_dev_detach(f->idev);
	KUNIT_ASSERT_EQ(test, ivnet_dev_attach(f->idev, NULL), 0);
	f->n_log = 0;
	trouble(f, IVNET_TROUBLE_DEVICE);
	fake_expect_log(f, "R-+");
}

/* Queues that do not come back: a start from the beginning. */
static void recovery_test_start_fails(struct kunit *test)
{
	struct fake *f = test->priv;

	open_device(f);
	f->start_fails = 1;
	trouble(f, IVNET_TROUBLE_DEVICE);
	fake_expect_log(f, "R-!ffDUaa+");
	expect_running(f);
	expect_resets(f, 0, 1);
}

/* A reset after which the device does not start. */
static void reset_fails(struct fake *f)
{
	open_device(f);
	f->start_fails = 1;
	f->up_err = -EIO;
	trouble(f, IVNET_TROUBLE_DEVICE);
	fake_expect_log(f, "R-!ffDu");
}

/* It fails, is tried again, and is back when the device is. */
static void recovery_test_retries(struct kunit *test)
{
	struct fake *f = test->priv;

	reset_fails(f);
	KUNIT_EXPECT_FALSE(test, netif_device_present(f->idev->netdev));
	KUNIT_EXPECT_EQ(test, f->idev->err, -EIO);

	look(f);
	fake_expect_log(f, "");
	pause_ends(f);
	look(f);
	fake_expect_log(f, "u");

	pause_ends(f);
	f->up_err = 0;
	look(f);
	fake_expect_log(f, "Uaa+");
	expect_running(f);
	KUNIT_EXPECT_EQ(test, f->idev->err, 0);
	expect_resets(f, 0, 3);

	/* All is well again: devlink has the next trouble repaired. */
	pause_ends(f);
	trouble(f, IVNET_TROUBLE_DEVICE);
	fake_expect_log(f, "R-+");
	KUNIT_EXPECT_FALSE(test, f->idev->troubles);
}

/* A queue is stuck, and the device does not start: that is tried no more often. */
static void recovery_test_queue_retries(struct kunit *test)
{
	struct fake *f = test->priv;
	unsigned long pause;
	int i;

	open_device(f);
	f->stuck = BIT(0);
	f->restart_err = -EIO;
	f->start_fails = 1;
	f->up_err = -EIO;
	trouble(f, IVNET_TROUBLE_TX);
	fake_expect_log(f, "xR-!ffDu");
	KUNIT_EXPECT_FALSE(test, netif_device_present(f->idev->netdev));

	for (i = 0, pause = HZ; i < 9; i++) {
		KUNIT_EXPECT_EQ(test, f->idev->reset_pause, pause);
		f->idev->reset_at = jiffies - pause + HZ / 2;
		look(f);
		fake_expect_log(f, "");
		pause_ends(f);
		look(f);
		fake_expect_log(f, "u");
		pause = min_t(unsigned long, 2 * pause, 64 * HZ);
	}

	pause_ends(f);
	f->up_err = 0;
	look(f);
	fake_expect_log(f, "Uaa+");
	expect_running(f);
	KUNIT_EXPECT_FALSE(test, f->idev->troubles);
}

/* What each look finds, and may not be repaired yet, waits for the next look. */
static void recovery_test_found_again(struct kunit *test)
{
	struct fake *f = test->priv;
	u32 looks;

	open_device(f);
	f->finds = BIT(IVNET_TROUBLE_DEVICE) | BIT(IVNET_TROUBLE_RX_RING);
	look(f);
	fake_expect_log(f, "R-+");
	/* One reset is enough for both. */
	KUNIT_EXPECT_FALSE(test, f->idev->troubles);
	looks = f->looks;
	msleep(50);
	KUNIT_EXPECT_EQ(test, f->looks, looks);

	look(f);
	fake_expect_log(f, "");
	looks = f->looks;
	msleep(50);
	KUNIT_EXPECT_EQ(test, f->looks, looks);
	KUNIT_EXPECT_EQ(test, f->idev->troubles, f->finds);
	KUNIT_EXPECT_TRUE(test, delayed_work_pending(&f->idev->watch));
	expect_resets(f, 0, 1);
}

/* A user starts what could not be repaired: it is not repaired once more. */
static void recovery_test_over(struct kunit *test)
{
	struct fake *f = test->priv;

	reset_fails(f);
	KUNIT_EXPECT_TRUE(test, f->idev->troubles);

	f->up_err = 0;
	ivnet_dev_detach(f->idev);
	KUNIT_ASSERT_EQ(test, ivnet_dev_attach(f->idev, NULL), 0);
	fake_expect_log(f, "Uaa+");
	look(f);
	fake_expect_log(f, "");
	expect_running(f);
	expect_resets(f, 0, 1);

	/* The next trouble is another one. */
	trouble(f, IVNET_TROUBLE_DEVICE);
	fake_expect_log(f, "R-+");
}

/* Frames still flow: a reset would do more harm. A user may want it. */
static void recovery_test_by_hand(struct kunit *test)
{
	struct fake *f = test->priv;

	open_device(f);
	trouble(f, IVNET_TROUBLE_CTRL);
	fake_expect_log(f, "");
	KUNIT_EXPECT_FALSE(test, f->idev->troubles);
	expect_resets(f, 0, 0);

	KUNIT_EXPECT_EQ(test, ivnet_recover(f->idev, IVNET_TROUBLE_NUM, NULL),
			0);
	fake_expect_log(f, "R-+");
	expect_running(f);
	expect_resets(f, 0, 1);

	/* The pause after that reset is none before it is told again. */
	trouble(f, IVNET_TROUBLE_CTRL);
	KUNIT_EXPECT_FALSE(test, f->idev->troubles);
	fake_expect_log(f, "");
}

static struct kunit_case recovery_test_cases[] = {
	KUNIT_CASE(recovery_test_looks),
	KUNIT_CASE(recovery_test_queue),
	KUNIT_CASE(recovery_test_queue_fails),
	KUNIT_CASE(recovery_test_device),
	KUNIT_CASE(recovery_test_pause),
	KUNIT_CASE(recovery_test_start_fails),
	KUNIT_CASE(recovery_test_retries),
	KUNIT_CASE(recovery_test_queue_retries),
	KUNIT_CASE(recovery_test_found_again),
	KUNIT_CASE(recovery_test_over),
	KUNIT_CASE(recovery_test_by_hand),
	{ }
};

static struct kunit_suite recovery_test_suite = {
	.name = "ivnet_recovery",
	.init = fake_init,
	.exit = fake_exit,
	.test_cases = recovery_test_cases,
};

kunit_test_suite(recovery_test_suite);
