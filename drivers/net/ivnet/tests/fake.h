/* SPDX-License-Identifier: GPL-2.0 */
/* A transport without a device, that fails on demand and writes down calls. */
#ifndef _IVNET_TEST_FAKE_H
#define _IVNET_TEST_FAKE_H

#include "../core/ivnet.h"

struct kunit;

#define FAKE_NEVER	U32_MAX
#define FAKE_PAIRS	4
#define FAKE_RING	256
#define FAKE_RX_BUF_MIN	2048
#define FAKE_MTU_MAX	9000
#define FAKE_TSO_MAX	40000
#define FAKE_HEADROOM	12

/**
 * struct fake - the transport
 * @test: the test that runs
 * @parent: the bus device
 * @idev: the device
 * @limits: what it will say in its next start
 * @hw_features: the same
 * @features: the same
 * @up_err: error of the next starts of the device; 0 if it starts
 * @alloc_fails: queue_alloc of this index fails
 * @start_fails: so many calls of queues_start fail
 * @set_features_err: error of set_features
 * @restart_err: error of tx_restart
 * @stuck: transmit queues that make no progress, a bit each
 * @finds: troubles that watch finds, a bit each
 * @looks: calls of watch
 * @set_macs: calls of set_mac
 * @is_up: the device was started and not taken down
 * @stopped: queues were stopped since the device was started
 * @running: queues at work
 * @live: queues allocated and not freed
 * @started: queues started so far
 * @polls: polls so far
 * @bad_polls: those of a queue that was not in use
 * @busy: polls go on for ever, and wake the transmit queue
 * @log: a letter per call, see fake.c
 * @n_log: how many
 */
struct fake {
	struct kunit *test;
	struct device *parent;
	struct ivnet_dev *idev;
	struct ivnet_limits limits;
	netdev_features_t hw_features;
	netdev_features_t features;

	int up_err;
	u32 alloc_fails;
	u32 start_fails;
	int set_features_err;

	int restart_err;
	unsigned long stuck;
	unsigned long finds;
	u32 looks;
	u32 set_macs;
	bool is_up;
	bool stopped;
	const struct ivnet_qset *running;
	u32 live;
	u32 started;
	u32 polls;
	u32 bad_polls;
	bool busy;
	char log[80];
	u32 n_log;
};

static inline struct ivnet_net *fake_net(const struct fake *f)
{
	return netdev_priv(f->idev->netdev);
}

int fake_init(struct kunit *test);
void fake_exit(struct kunit *test);
void fake_register(struct fake *f);
int fake_open(struct fake *f);
void fake_close(struct fake *f);
int fake_replace(struct fake *f, const struct ivnet_queue_cfg *cfg,
		 struct netlink_ext_ack *extack);
u32 fake_stopped_txqs(const struct net_device *dev, u32 num);
void fake_expect_log(struct fake *f, const char *log);

#endif
