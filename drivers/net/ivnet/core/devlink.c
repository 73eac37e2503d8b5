// SPDX-License-Identifier: GPL-2.0
/* devlink: versions, reload, parameters. */

#include <linux/netdevice.h>
#include <net/devlink.h>

#include "ivnet.h"

static int ivnet_info_get(struct devlink *devlink, struct devlink_info_req *req,
			  struct netlink_ext_ack *extack)
{
	struct ivnet_dev *idev = devlink_priv(devlink);
	int err;

	devlink_info_driver_name_put(req, dev_driver_string(idev->dev));
	err = devlink_info_version_running_put(req, "driver", IVNET_VERSION);
	if (err)
		return err;

	return idev->ops->info_get(idev, req);
}

static int ivnet_reload_down(struct devlink *devlink, bool netns_change,
			     enum devlink_reload_action action,
			     enum devlink_reload_limit limit,
			     struct netlink_ext_ack *extack)
{
	struct ivnet_dev *idev = devlink_priv(devlink);

	if (netns_change) {
		NL_SET_ERR_MSG_MOD(extack,
				   "move the net_device with ip link set netns");
		return -EOPNOTSUPP;
	}
	ivnet_dev_detach(idev);

	return 0;
}

static int ivnet_reload_up(struct devlink *devlink,
			   enum devlink_reload_action action,
			   enum devlink_reload_limit limit,
			   u32 *actions_performed,
			   struct netlink_ext_ack *extack)
{
	struct ivnet_dev *idev = devlink_priv(devlink);

	*actions_performed = BIT(DEVLINK_RELOAD_ACTION_DRIVER_REINIT);
	ivnet_params_read(idev);

	return ivnet_dev_attach(idev, extack);
}

const struct devlink_ops ivnet_devlink_ops = {
	.info_get	= ivnet_info_get,
	.reload_actions	= BIT(DEVLINK_RELOAD_ACTION_DRIVER_REINIT),
	.reload_down	= ivnet_reload_down,
	.reload_up	= ivnet_reload_up,
};

static int validate_max_pairs(struct devlink *devlink, u32 id,
			      ivnet_param_arg_t val,
			      struct netlink_ext_ack *extack)
{
	u32 max = num_possible_cpus();
	u32 pairs = ivnet_param_val(val)->vu32;

	if (pairs < 1 || pairs > max) {
		NL_SET_ERR_MSG_FMT_MOD(extack, "max_queue_pairs: 1 to %u", max);
		return -EINVAL;
	}

	return 0;
}

static const struct devlink_param ivnet_params[] = {
	DEVLINK_PARAM_DRIVER(IVNET_PARAM_MAX_PAIRS, "max_queue_pairs",
			     DEVLINK_PARAM_TYPE_U32,
			     BIT(DEVLINK_PARAM_CMODE_DRIVERINIT),
			     NULL, NULL, validate_max_pairs),
};

/**
 * ivnet_param_set_bool() - set the value that devlink shows
 * @idev: the device
 * @id: number of the parameter
 * @val: the value
 *
 * Context: devlink's instance lock.
 */
void ivnet_param_set_bool(struct ivnet_dev *idev, u32 id, bool val)
{
	union devlink_param_value v = { .vbool = val };

	devl_param_driverinit_value_set(idev->devlink, id, ivnet_param_arg(&v));
}
EXPORT_SYMBOL_GPL(ivnet_param_set_bool);

/**
 * ivnet_param_get_bool() - take over what the user set
 * @idev: the device
 * @id: number of the parameter
 * @val: changed if there is a value
 *
 * Context: devlink's instance lock.
 */
void ivnet_param_get_bool(struct ivnet_dev *idev, u32 id, bool *val)
{
	union devlink_param_value v;

	if (!devl_param_driverinit_value_get(idev->devlink, id, &v))
		*val = v.vbool;
}
EXPORT_SYMBOL_GPL(ivnet_param_get_bool);

/**
 * ivnet_param_set_u32() - set the value that devlink shows
 * @idev: the device
 * @id: number of the parameter
 * @val: the value
 *
 * Context: devlink's instance lock.
 */
void ivnet_param_set_u32(struct ivnet_dev *idev, u32 id, u32 val)
{
	union devlink_param_value v = { .vu32 = val };

	devl_param_driverinit_value_set(idev->devlink, id, ivnet_param_arg(&v));
}
EXPORT_SYMBOL_GPL(ivnet_param_set_u32);

/**
 * ivnet_param_get_u32() - take over what the user set
 * @idev: the device
 * @id: number of the parameter
 * @val: changed if there is a value
 *
 * Context: devlink's instance lock.
 */
void ivnet_param_get_u32(struct ivnet_dev *idev, u32 id, u32 *val)
{
	union devlink_param_value v;

	if (!devl_param_driverinit_value_get(idev->devlink, id, &v))
		*val = v.vu32;
}
EXPORT_SYMBOL_GPL(ivnet_param_get_u32);

/**
 * ivnet_param_set_str() - set the value that devlink shows
 * @idev: the device
 * @id: number of the parameter
 * @val: the value, shorter than __DEVLINK_PARAM_MAX_STRING_VALUE
 *
 * Context: devlink's instance lock.
 */
void ivnet_param_set_str(struct ivnet_dev *idev, u32 id, const char *val)
{
	union devlink_param_value v = {};

	strscpy(v.vstr, val, sizeof(v.vstr));
	devl_param_driverinit_value_set(idev->devlink, id, ivnet_param_arg(&v));
}
EXPORT_SYMBOL_GPL(ivnet_param_set_str);

/**
 * ivnet_param_get_str() - take over what the user set
 * @idev: the device
 * @id: number of the parameter
 * @val: changed if there is a value; __DEVLINK_PARAM_MAX_STRING_VALUE bytes
 *
 * Context: devlink's instance lock.
 */
void ivnet_param_get_str(struct ivnet_dev *idev, u32 id, char *val)
{
	union devlink_param_value v;

	if (!devl_param_driverinit_value_get(idev->devlink, id, &v))
		strscpy(val, v.vstr, sizeof(v.vstr));
}
EXPORT_SYMBOL_GPL(ivnet_param_get_str);

/**
 * ivnet_params_register() - show the parameters and their defaults
 * @idev: a device that is not registered with devlink yet
 *
 * Return: 0 or an error.
 */
int ivnet_params_register(struct ivnet_dev *idev)
{
	const struct ivnet_transport_ops *ops = idev->ops;
	struct devlink *devlink = idev->devlink;
	int err;

	devl_lock(devlink);
	err = devl_params_register(devlink, ivnet_params,
				   ARRAY_SIZE(ivnet_params));
	if (err)
		goto err_unlock;
	if (ops->params) {
		err = devl_params_register(devlink, ops->params, ops->n_params);
		if (err)
			goto err_unregister;
		ops->params_default(idev);
	}
	ivnet_param_set_u32(idev, IVNET_PARAM_MAX_PAIRS,
			    idev->params.max_pairs);
	devl_unlock(devlink);

	return 0;

err_unregister:
	devl_params_unregister(devlink, ivnet_params, ARRAY_SIZE(ivnet_params));
err_unlock:
	devl_unlock(devlink);
	return err;
}

/**
 * ivnet_params_unregister() - undo ivnet_params_register()
 * @idev: the device
 */
void ivnet_params_unregister(struct ivnet_dev *idev)
{
	const struct ivnet_transport_ops *ops = idev->ops;

	devl_lock(idev->devlink);
	if (ops->params)
		devl_params_unregister(idev->devlink, ops->params,
				       ops->n_params);
	devl_params_unregister(idev->devlink, ivnet_params,
			       ARRAY_SIZE(ivnet_params));
	devl_unlock(idev->devlink);
}

/**
 * ivnet_params_read() - take over the values for the next start
 * @idev: the device
 *
 * Context: devlink's instance lock.
 */
void ivnet_params_read(struct ivnet_dev *idev)
{
	ivnet_param_get_u32(idev, IVNET_PARAM_MAX_PAIRS,
			    &idev->params.max_pairs);
	if (idev->ops->params)
		idev->ops->params_read(idev);
}
