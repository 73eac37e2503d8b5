// SPDX-License-Identifier: GPL-2.0
/*
 * Recovery: trouble is reported to devlink's health, which has it repaired:
 * a lost interrupt by polling, a queue by a reset of the queue, the rest by a
 * reset of the device, after which everything is told to it again.
 */

#include <linux/netdevice.h>
#include <linux/rtnetlink.h>

#include "ivnet.h"
#include "trace.h"

/* Pause between looks at a device, and between resets: doubled by each. */
#define IVNET_WATCH_PERIOD	(2 * HZ)
#define IVNET_RESET_PAUSE_MIN	HZ
#define IVNET_RESET_PAUSE_MAX	(64 * HZ)

/* A queue that is stuck again so soon needs more than a reset of its own. */
#define IVNET_QUEUE_AGAIN	(30 * HZ)

/**
 * struct trouble - a kind of trouble
 * @text: what happened
 * @reporter: who tells the user
 * @by_hand: frames still come and go: a reset is left to the user
 */
struct trouble {
	const char *text;
	enum ivnet_reporter reporter;
	bool by_hand;
};

static const struct trouble troubles[] = {
	[IVNET_TROUBLE_TX] = { "transmit queue makes no progress",
			       IVNET_REPORTER_TX },
	[IVNET_TROUBLE_RX_RING] = { "receive ring broken", IVNET_REPORTER_RX },
	[IVNET_TROUBLE_TX_RING] = { "transmit ring broken", IVNET_REPORTER_TX },
	[IVNET_TROUBLE_DEVICE] = { "device needs a reset",
				   IVNET_REPORTER_DEVICE },
	[IVNET_TROUBLE_CTRL] = { "control queue does not answer",
				 IVNET_REPORTER_CTRL, true },
};

static_assert(ARRAY_SIZE(troubles) == IVNET_TROUBLE_NUM);

/**
 * ivnet_look() - have a look at a device now
 * @idev: the device
 *
 * Context: any.
 */
void ivnet_look(struct ivnet_dev *idev)
{
	if (READ_ONCE(idev->watched))
		mod_delayed_work(system_wq, &idev->watch, 0);
}
EXPORT_SYMBOL_GPL(ivnet_look);

/**
 * ivnet_trouble() - something has gone wrong
 * @idev: the device
 * @what: what
 *
 * Context: any.
 */
void ivnet_trouble(struct ivnet_dev *idev, enum ivnet_trouble what)
{
	/* What waits already is found again by each look: no reason for one. */
	if (test_and_set_bit(what, &idev->troubles))
		return;
	trace_ivnet_trouble(idev, what);
	/* Whoever looks already sees to it. */
	if (current_work() != &idev->watch.work)
		ivnet_look(idev);
}
EXPORT_SYMBOL_GPL(ivnet_trouble);

/**
 * ivnet_troubles_over() - the device was started, with new queues
 * @idev: the device
 *
 * Trouble from before does not have it reset once more.
 *
 * Context: rtnl.
 */
void ivnet_troubles_over(struct ivnet_dev *idev)
{
	const enum devlink_health_reporter_state healthy =
		DEVLINK_HEALTH_REPORTER_STATE_HEALTHY;
	struct devlink_health_reporter *r;
	unsigned int what;

	for (what = 0; what < IVNET_TROUBLE_NUM; what++) {
		if (troubles[what].by_hand)
			continue;
		clear_bit(what, &idev->troubles);
		clear_bit(troubles[what].reporter, &idev->unrepaired);
		r = idev->reporters[troubles[what].reporter];
		if (r)
			devlink_health_reporter_state_update(r, healthy);
	}
}

/* Queues stay as they are; what is told to the device is told again. */
static int soft_reset(struct ivnet_dev *idev)
{
	int err;

	idev->ops->reset(idev);
	err = ivnet_queues_restart(idev);
	if (err)
		return err;
	ivnet_troubles_over(idev);
	if (netif_running(idev->netdev))
		idev->ops->link(idev);

	return 0;
}

/**
 * ivnet_dev_reset() - reset a device, and tell it again what the user has set
 * @idev: the device
 * @reason: what is wrong; %IVNET_TROUBLE_NUM if a user asks for it
 * @extack: says what went wrong; may be NULL
 *
 * Context: rtnl.
 * Return: 0 or an error; the net_device is detached then.
 */
int ivnet_dev_reset(struct ivnet_dev *idev, enum ivnet_trouble reason,
		    struct netlink_ext_ack *extack)
{
	bool anew = false;
	int err = 0;

	ASSERT_RTNL();

	if (time_after(jiffies, idev->reset_at + 2 * IVNET_RESET_PAUSE_MAX))
		idev->reset_pause = 0;
	idev->reset_at = jiffies;
	idev->reset_pause = clamp(2 * idev->reset_pause,
				  (unsigned long)IVNET_RESET_PAUSE_MIN,
				  (unsigned long)IVNET_RESET_PAUSE_MAX);
	idev->stats[IVNET_DEV_RESETS]++;

	if (idev->up && idev->netdev && netif_device_present(idev->netdev) &&
	    idev->ops->reset && !soft_reset(idev))
		goto out;

	anew = true;
	err = ivnet_dev_restart(idev, extack);
out:
	trace_ivnet_device_reset(idev, reason, anew, err);
	return err;
}

/* A device that always fails is not to keep a processor busy. */
static bool too_early(const struct ivnet_dev *idev)
{
	return idev->reset_pause &&
	       time_before(jiffies, idev->reset_at + idev->reset_pause);
}

/*
 * A queue is repaired at once, as long as there is a device around it; what is
 * left to the user is only told.
 */
static bool must_wait(const struct ivnet_dev *idev, enum ivnet_trouble what)
{
	if (troubles[what].by_hand)
		return false;

	return (what != IVNET_TROUBLE_TX ||
		!netif_device_present(idev->netdev)) && too_early(idev);
}

/* Return: true if the whole device has to be reset. */
static bool queue_repair(struct ivnet_dev *idev, struct ivnet_queue *q)
{
	bool again = q->restarted &&
		     time_before(jiffies, q->restarted + IVNET_QUEUE_AGAIN);
	int err;

	if (again || idev->limits.ring_fixed)
		return true;
	err = ivnet_queue_restart(idev, q);
	trace_ivnet_queue_reset(idev, q->index, err);
	if (err) {
		/* It stays stopped until then, which may be later. */
		ivnet_trouble(idev, IVNET_TROUBLE_DEVICE);
		return true;
	}
	q->restarted = jiffies;
	idev->stats[IVNET_DEV_QUEUE_RESETS]++;

	return false;
}

static int tx_repair(struct ivnet_dev *idev, struct netlink_ext_ack *extack)
{
	struct ivnet_net *net = netdev_priv(idev->netdev);
	const struct ivnet_qset *qs = net->qset;
	bool reset = false;
	u32 i;

	for (i = 0; qs && i < qs->cfg.pairs; i++)
		if (idev->ops->tx_stuck(qs->q[i]))
			reset |= queue_repair(idev, qs->q[i]);
	if (!reset)
		return 0;
	/* The next look comes back to it. */
	if (too_early(idev)) {
		trace_ivnet_reset_later(idev, IVNET_TROUBLE_TX);
		return 0;
	}

	return ivnet_dev_reset(idev, IVNET_TROUBLE_TX, extack);
}

/**
 * ivnet_recover() - repair
 * @idev: the device
 * @what: what is wrong; %IVNET_TROUBLE_NUM if a user asks for a reset
 * @extack: says what went wrong; may be NULL
 *
 * Return: 0 or an error.
 */
int ivnet_recover(struct ivnet_dev *idev, enum ivnet_trouble what,
		  struct netlink_ext_ack *extack)
{
	int err = 0;

	if (what < IVNET_TROUBLE_NUM && troubles[what].by_hand)
		return -EOPNOTSUPP;

	rtnl_lock();
	/* Whoever took the device down has it started again. */
	if (idev->parked)
		goto out;
	trace_ivnet_recover(idev, what);
	if (what == IVNET_TROUBLE_TX && idev->up &&
	    netif_device_present(idev->netdev))
		err = tx_repair(idev, extack);
	else
		err = ivnet_dev_reset(idev, what, extack);
	if (!err && what < IVNET_TROUBLE_NUM)
		clear_bit(troubles[what].reporter, &idev->unrepaired);
out:
	rtnl_unlock();

	return err;
}
EXPORT_SYMBOL_GPL(ivnet_recover);

static void report(struct ivnet_dev *idev, enum ivnet_trouble what)
{
	const enum devlink_health_reporter_state healthy =
		DEVLINK_HEALTH_REPORTER_STATE_HEALTHY;
	const struct trouble *t = &troubles[what];
	struct devlink_health_reporter *r = idev->reporters[t->reporter];
	bool again = test_and_set_bit(t->reporter, &idev->unrepaired);
	int err = -ECANCELED;

	if (r)
		err = devlink_health_report(r, t->text, &what);
	/* Within the user's grace period: it is left to the user. */
	if (err == -ECANCELED && r && !again) {
		clear_bit(t->reporter, &idev->unrepaired);
		return;
	}
	/* The last repair failed: devlink leaves the next try to us. */
	if (err == -ECANCELED) {
		err = ivnet_recover(idev, what, NULL);
		if (!err && r)
			devlink_health_reporter_state_update(r, healthy);
	}
	if (!err || t->by_hand)
		return;

	dev_err_ratelimited(idev->dev, "%s, not repaired: %d\n", t->text, err);
	set_bit(what, &idev->troubles);
}

static void watch(struct work_struct *work)
{
	struct ivnet_dev *idev = container_of(work, struct ivnet_dev,
					      watch.work);
	unsigned int what;

	if (!READ_ONCE(idev->watched))
		return;

	/* Others may hold it for long; there is a next time. */
	if (rtnl_trylock()) {
		if (idev->up && idev->netdev && !idev->parked &&
		    netif_device_present(idev->netdev))
			idev->ops->watch(idev);
		rtnl_unlock();
	}

	ivnet_faults_look(idev);

	for (what = 0; what < IVNET_TROUBLE_NUM; what++) {
		if (!test_bit(what, &idev->troubles) || must_wait(idev, what))
			continue;
		clear_bit(what, &idev->troubles);
		report(idev, what);
	}
	schedule_delayed_work(&idev->watch, IVNET_WATCH_PERIOD);
}

/**
 * ivnet_watch_init() - prepare the watch over a device
 * @idev: the device
 */
void ivnet_watch_init(struct ivnet_dev *idev)
{
	INIT_DELAYED_WORK(&idev->watch, watch);
}

/**
 * ivnet_watch_start() - look after a device from now on
 * @idev: a device that is registered with devlink
 */
void ivnet_watch_start(struct ivnet_dev *idev)
{
	if (!idev->ops->watch)
		return;
	WRITE_ONCE(idev->watched, true);
	schedule_delayed_work(&idev->watch, IVNET_WATCH_PERIOD);
}

/**
 * ivnet_watch_stop() - undo ivnet_watch_start()
 * @idev: the device
 *
 * To be called again when nothing of the device runs that may find trouble.
 *
 * Context: process, without rtnl and devlink's lock.
 */
void ivnet_watch_stop(struct ivnet_dev *idev)
{
	WRITE_ONCE(idev->watched, false);
	cancel_delayed_work_sync(&idev->watch);
}

/**
 * ivnet_tx_timeout() - ndo_tx_timeout
 * @dev: the net_device
 * @txqueue: the queue
 *
 * Context: under the transmit locks.
 */
void ivnet_tx_timeout(struct net_device *dev, unsigned int txqueue)
{
	struct ivnet_net *net = netdev_priv(dev);

	ivnet_trouble(net->idev, IVNET_TROUBLE_TX);
}
EXPORT_SYMBOL_GPL(ivnet_tx_timeout);
