// SPDX-License-Identifier: GPL-2.0
/* Health reporters: what a user can ask a device about itself. */

#include <linux/netdevice.h>
#include <linux/rtnetlink.h>
#include <net/devlink.h>

#include "ivnet.h"

static int diagnose_device(struct devlink_health_reporter *reporter,
			   struct devlink_fmsg *fmsg,
			   struct netlink_ext_ack *extack)
{
	struct ivnet_dev *idev = devlink_health_reporter_priv(reporter);

	rtnl_lock();
	devlink_fmsg_string_pair_put(fmsg, "state",
				     idev->up ? "up" : "down");
	devlink_fmsg_u32_pair_put(fmsg, "error", -idev->err);
	devlink_fmsg_bool_pair_put(fmsg, "net_device", idev->netdev);
	idev->ops->diagnose(idev, fmsg);
	rtnl_unlock();

	return 0;
}

static int diagnose_peers(struct devlink_health_reporter *reporter,
			  struct devlink_fmsg *fmsg,
			  struct netlink_ext_ack *extack)
{
	struct ivnet_dev *idev = devlink_health_reporter_priv(reporter);

	rtnl_lock();
	idev->ops->diagnose_peers(idev, fmsg);
	rtnl_unlock();

	return 0;
}

static int diagnose_queues(struct devlink_health_reporter *reporter,
			   struct devlink_fmsg *fmsg,
			   void (*one)(struct ivnet_queue *q,
				       struct devlink_fmsg *fmsg))
{
	struct ivnet_dev *idev = devlink_health_reporter_priv(reporter);
	const struct ivnet_qset *qs = NULL;
	const struct ivnet_net *net;
	u32 i;

	rtnl_lock();
	if (idev->netdev) {
		net = netdev_priv(idev->netdev);
		qs = net->qset;
	}
	devlink_fmsg_arr_pair_nest_start(fmsg, "queues");
	for (i = 0; qs && i < qs->cfg.pairs; i++) {
		devlink_fmsg_obj_nest_start(fmsg);
		devlink_fmsg_u32_pair_put(fmsg, "queue", i);
		one(qs->q[i], fmsg);
		devlink_fmsg_obj_nest_end(fmsg);
	}
	devlink_fmsg_arr_pair_nest_end(fmsg);
	rtnl_unlock();

	return 0;
}

static int diagnose_rx(struct devlink_health_reporter *reporter,
		       struct devlink_fmsg *fmsg,
		       struct netlink_ext_ack *extack)
{
	struct ivnet_dev *idev = devlink_health_reporter_priv(reporter);

	return diagnose_queues(reporter, fmsg, idev->ops->diagnose_rx);
}

static int diagnose_tx(struct devlink_health_reporter *reporter,
		       struct devlink_fmsg *fmsg,
		       struct netlink_ext_ack *extack)
{
	struct ivnet_dev *idev = devlink_health_reporter_priv(reporter);

	return diagnose_queues(reporter, fmsg, idev->ops->diagnose_tx);
}

static int diagnose_ctrl(struct devlink_health_reporter *reporter,
			 struct devlink_fmsg *fmsg,
			 struct netlink_ext_ack *extack)
{
	struct ivnet_dev *idev = devlink_health_reporter_priv(reporter);

	rtnl_lock();
	idev->ops->diagnose_ctrl(idev, fmsg);
	rtnl_unlock();

	return 0;
}

/* What is kept of an event is what a user would have been shown at once. */
#define DUMP(name)							\
static int dump_##name(struct devlink_health_reporter *reporter,	\
		       struct devlink_fmsg *fmsg, void *priv_ctx,	\
		       struct netlink_ext_ack *extack)			\
{									\
	return diagnose_##name(reporter, fmsg, extack);			\
}

DUMP(device)
DUMP(rx)
DUMP(tx)
DUMP(ctrl)

/* @priv_ctx: the trouble, or NULL if a user wants it repaired. */
static int recover(struct devlink_health_reporter *reporter, void *priv_ctx,
		   struct netlink_ext_ack *extack)
{
	struct ivnet_dev *idev = devlink_health_reporter_priv(reporter);
	const enum ivnet_trouble *what = priv_ctx;

	return ivnet_recover(idev, what ? *what : IVNET_TROUBLE_NUM, extack);
}

#define REPORTER(x)							\
	{ .name = #x, .diagnose = diagnose_##x, .dump = dump_##x,	\
	  .recover = recover }

static const struct devlink_health_reporter_ops reporter_ops[] = {
	[IVNET_REPORTER_DEVICE] = REPORTER(device),
	[IVNET_REPORTER_RX] = REPORTER(rx),
	[IVNET_REPORTER_TX] = REPORTER(tx),
	[IVNET_REPORTER_CTRL] = REPORTER(ctrl),
	[IVNET_REPORTER_PEER] = { .name = "peer", .diagnose = diagnose_peers },
};

static_assert(ARRAY_SIZE(reporter_ops) == IVNET_REPORTER_NUM);

/**
 * ivnet_health_create() - create the reporters
 * @idev: the device
 *
 * A device works without them.
 */
void ivnet_health_create(struct ivnet_dev *idev)
{
	struct devlink_health_reporter *r;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(reporter_ops); i++) {
		if ((i == IVNET_REPORTER_PEER && !idev->ops->diagnose_peers) ||
		    (i == IVNET_REPORTER_CTRL && !idev->ops->diagnose_ctrl))
			continue;
		r = devlink_health_reporter_create(idev->devlink,
						   &reporter_ops[i], idev);
		if (IS_ERR(r))
			dev_warn(idev->dev, "no health reporter %s: %ld\n",
				 reporter_ops[i].name, PTR_ERR(r));
		else
			idev->reporters[i] = r;
	}
}

/**
 * ivnet_health_destroy() - destroy the reporters
 * @idev: the device
 */
void ivnet_health_destroy(struct ivnet_dev *idev)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(reporter_ops); i++) {
		if (idev->reporters[i])
			devlink_health_reporter_destroy(idev->reporters[i]);
		idev->reporters[i] = NULL;
	}
}
