// SPDX-License-Identifier: GPL-2.0
/* The device object: from probe to remove, with or without a net_device. */

#include <linux/cpumask.h>
#include <linux/netdevice.h>
#include <linux/rtnetlink.h>

#include "ivnet.h"

static void link_work(struct work_struct *work)
{
	struct ivnet_dev *idev = container_of(work, struct ivnet_dev,
					      link_work);

	rtnl_lock();
	if (idev->up && idev->netdev && netif_running(idev->netdev) &&
	    netif_device_present(idev->netdev))
		idev->ops->link(idev);
	rtnl_unlock();
}

/**
 * ivnet_link_changed() - the device says that its configuration changed
 * @idev: the device
 *
 * Context: any.
 */
void ivnet_link_changed(struct ivnet_dev *idev)
{
	schedule_work(&idev->link_work);
}
EXPORT_SYMBOL_GPL(ivnet_link_changed);

/**
 * ivnet_dev_alloc() - allocate a device
 * @dev: the bus device
 * @ops: its transport
 *
 * Return: the device, or NULL.
 */
struct ivnet_dev *ivnet_dev_alloc(struct device *dev,
				  const struct ivnet_transport_ops *ops)
{
	struct devlink *devlink;
	struct ivnet_dev *idev;

	devlink = devlink_alloc(&ivnet_devlink_ops,
				sizeof(*idev) + ops->priv_size, dev);
	if (!devlink)
		return NULL;

	idev = devlink_priv(devlink);
	idev->devlink = devlink;
	idev->dev = dev;
	idev->bus_name = dev_name(dev);
	idev->ops = ops;
	idev->params.max_pairs = num_possible_cpus();
	INIT_WORK(&idev->filter_work, ivnet_filter_work);
	INIT_WORK(&idev->link_work, link_work);
	ivnet_watch_init(idev);

	return idev;
}
EXPORT_SYMBOL_GPL(ivnet_dev_alloc);

/**
 * ivnet_dev_free() - free a device that is not registered
 * @idev: the device
 */
void ivnet_dev_free(struct ivnet_dev *idev)
{
	devlink_free(idev->devlink);
}
EXPORT_SYMBOL_GPL(ivnet_dev_free);

/*
 * Start the device and make, or revive, its net_device. Where nobody reads the
 * answer (probe, resume) the log has the reason.
 */
static int dev_up(struct ivnet_dev *idev, struct netlink_ext_ack *extack)
{
	struct netlink_ext_ack reason = {}, *answer = extack ?: &reason;
	int err;

	if (ivnet_fault(idev, IVNET_FAULT_UP)) {
		NL_SET_ERR_MSG_MOD(answer, "debugfs has it fail");
		err = -EIO;
		goto out;
	}
	err = idev->ops->up(idev, answer);
	if (err)
		goto out;
	idev->up = true;

	if (idev->netdev)
		err = ivnet_netdev_refresh(idev);
	else
		err = ivnet_netdev_create(idev);
	if (err) {
		NL_SET_ERR_MSG_MOD(answer, "the net_device could not be started");
		idev->up = false;
		idev->ops->down(idev);
	} else {
		ivnet_troubles_over(idev);
	}
out:
	idev->err = err;
	if (err)
		idev->stats[IVNET_DEV_START_FAILURES]++;
	if (err && !extack)
		dev_err(idev->dev, "not started: %d%s%s; see devlink health diagnose, devlink dev reload tries again\n",
			err, reason._msg ? ", " : "", reason._msg ?: "");
	return err;
}

static void dev_started(struct ivnet_dev *idev, int err)
{
	if (!err && idev->ops->started)
		idev->ops->started(idev);
}

/**
 * ivnet_dev_register() - start a device and show it to the user
 * @idev: the device
 *
 * A device that does not start stays registered with devlink, so that it can
 * be diagnosed and tried again.
 *
 * Return: 0 or an error.
 */
int ivnet_dev_register(struct ivnet_dev *idev)
{
	int err;

	err = ivnet_params_register(idev);
	if (err)
		return err;
	ivnet_health_create(idev);

	rtnl_lock();
	err = dev_up(idev, NULL);
	rtnl_unlock();
	dev_started(idev, err);

	devlink_set_features(idev->devlink, DEVLINK_F_RELOAD);
	devlink_register(idev->devlink);
	ivnet_debugfs_add(idev);
	ivnet_watch_start(idev);

	return 0;
}
EXPORT_SYMBOL_GPL(ivnet_dev_register);

/**
 * ivnet_dev_unregister() - undo ivnet_dev_register()
 * @idev: the device
 *
 * The device may be gone already.
 */
void ivnet_dev_unregister(struct ivnet_dev *idev)
{
	ivnet_watch_stop(idev);
	ivnet_debugfs_del(idev);
	rtnl_lock();
	idev->parked = true;
	rtnl_unlock();
	devlink_unregister(idev->devlink);

	/* The transport reports no change any more. */
	cancel_work_sync(&idev->link_work);
	if (idev->ops->going)
		idev->ops->going(idev);
	if (idev->netdev)
		ivnet_netdev_destroy(idev);
	/* Going down was the last change of the filters. */
	cancel_work_sync(&idev->filter_work);

	/* A start that failed may have left something behind, too. */
	rtnl_lock();
	idev->up = false;
	idev->ops->down(idev);
	rtnl_unlock();
	ivnet_watch_stop(idev);

	ivnet_health_destroy(idev);
	ivnet_params_unregister(idev);
}
EXPORT_SYMBOL_GPL(ivnet_dev_unregister);

static void dev_down(struct ivnet_dev *idev)
{
	if (idev->netdev) {
		netif_device_detach(idev->netdev);
		ivnet_queues_down(idev);
	}
	if (idev->up) {
		idev->up = false;
		idev->ops->down(idev);
	}
}

/**
 * ivnet_dev_detach() - take the device down, keep the net_device
 * @idev: the device
 *
 * For reload and suspend. Configuration and counters stay.
 */
void ivnet_dev_detach(struct ivnet_dev *idev)
{
	rtnl_lock();
	idev->parked = true;
	dev_down(idev);
	rtnl_unlock();
}
EXPORT_SYMBOL_GPL(ivnet_dev_detach);

/**
 * ivnet_dev_restart() - take the device down and up, with new queues
 * @idev: the device
 * @extack: says what went wrong; may be NULL
 *
 * Context: rtnl.
 * Return: 0 or an error; then the net_device stays detached.
 */
int ivnet_dev_restart(struct ivnet_dev *idev, struct netlink_ext_ack *extack)
{
	dev_down(idev);

	return dev_up(idev, extack);
}

/**
 * ivnet_dev_doze() - stop the queues, keep the device and the net_device
 * @idev: the device
 *
 * For a device that listens while the machine sleeps. ivnet_dev_detach() follows
 * when that is over.
 *
 * Return: false if no queues run; nothing has changed then.
 */
bool ivnet_dev_doze(struct ivnet_dev *idev)
{
	bool running;

	rtnl_lock();
	running = idev->up && idev->netdev && netif_running(idev->netdev) &&
		  netif_device_present(idev->netdev);
	if (running) {
		netif_device_detach(idev->netdev);
		ivnet_queues_down(idev);
	}
	rtnl_unlock();

	return running;
}
EXPORT_SYMBOL_GPL(ivnet_dev_doze);

/**
 * ivnet_dev_attach() - bring a detached device up with its old configuration
 * @idev: the device
 * @extack: says what went wrong; if it is NULL, the log does
 *
 * Return: 0 or an error; then the net_device stays detached.
 */
int ivnet_dev_attach(struct ivnet_dev *idev, struct netlink_ext_ack *extack)
{
	int err;

	rtnl_lock();
	idev->parked = false;
	idev->reset_pause = 0;
	err = dev_up(idev, extack);
	rtnl_unlock();
	dev_started(idev, err);

	return err;
}
EXPORT_SYMBOL_GPL(ivnet_dev_attach);
