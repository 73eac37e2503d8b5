// SPDX-License-Identifier: GPL-2.0
/* Self test (ethtool -t): what can be tried with a device in use. */

#include <linux/ethtool.h>
#include <linux/netdevice.h>

#include "ivnet.h"
#include "selftest.h"

/**
 * ivnet_selftest_next() - come to a test
 * @t: the run
 * @offline: it disturbs traffic
 * @fmt: its name, of up to 31 bytes with what follows
 *
 * Return: true if it shall be made now; ivnet_selftest_result() is next then.
 */
bool ivnet_selftest_next(struct ivnet_selftest *t, bool offline,
			 const char *fmt, ...)
{
	u8 *name = t->names + t->n * ETH_GSTRING_LEN;
	va_list args;

	t->n++;
	if (t->names) {
		va_start(args, fmt);
		vsnprintf(name, ETH_GSTRING_LEN, fmt, args);
		va_end(args);
	}

	return t->test && (!offline || t->test->flags & ETH_TEST_FL_OFFLINE);
}
EXPORT_SYMBOL_GPL(ivnet_selftest_next);

/**
 * ivnet_selftest_result() - how the test went
 * @t: the run
 * @err: 0, or a negative error
 */
void ivnet_selftest_result(struct ivnet_selftest *t, int err)
{
	if (!err)
		return;
	t->data[t->n - 1] = -err;
	t->test->flags |= ETH_TEST_FL_FAILED;
}
EXPORT_SYMBOL_GPL(ivnet_selftest_result);

static void run(struct net_device *dev, struct ivnet_selftest *t)
{
	const struct ivnet_net *net = netdev_priv(dev);

	if (ivnet_selftest_next(t, false, "link"))
		ivnet_selftest_result(t, netif_carrier_ok(dev) ? 0 : -ENOLINK);
	net->idev->ops->selftest(net->idev, t);
}

/**
 * ivnet_selftest_count() - tests that can be made with a device
 * @dev: the net_device
 *
 * Return: their number.
 */
int ivnet_selftest_count(struct net_device *dev)
{
	struct ivnet_selftest t = {};

	run(dev, &t);

	return t.n;
}

/**
 * ivnet_selftest_names() - names of these tests
 * @dev: the net_device
 * @p: where they go
 */
void ivnet_selftest_names(struct net_device *dev, u8 *p)
{
	struct ivnet_selftest t = { .names = p };

	run(dev, &t);
}

/**
 * ivnet_self_test() - &ethtool_ops.self_test
 * @dev: the net_device
 * @test: what is asked for, and whether it went well
 * @data: for each test 0, or what went wrong as an errno
 *
 * Tests that disturb traffic are left out unless they are asked for; they show
 * 0 then.
 */
void ivnet_self_test(struct net_device *dev, struct ethtool_test *test,
		     u64 *data)
{
	struct ivnet_selftest t = { .test = test, .data = data };

	memset(data, 0, test->len * sizeof(*data));
	run(dev, &t);
}
