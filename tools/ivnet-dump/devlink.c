// SPDX-License-Identifier: GPL-2.0
#include "devlink.h"

#include <errno.h>
#include <linux/devlink.h>
#include <linux/genetlink.h>
#include <string.h>

#define PARAM_LEN 128

/* Types of values, in the protocol: the kernel's NLA_*. */
enum { TYPE_U8 = 1, TYPE_U16, TYPE_U32, TYPE_U64, TYPE_STRING, TYPE_FLAG };

static const __u8 types[DEVLINK_ATTR_MAX + 1] = {
	[DEVLINK_ATTR_BUS_NAME] = MNL_TYPE_NUL_STRING,
	[DEVLINK_ATTR_DEV_NAME] = MNL_TYPE_NUL_STRING,
	[DEVLINK_ATTR_PARAM] = MNL_TYPE_NESTED,
	[DEVLINK_ATTR_PARAM_NAME] = MNL_TYPE_NUL_STRING,
	[DEVLINK_ATTR_PARAM_TYPE] = MNL_TYPE_U8,
	[DEVLINK_ATTR_PARAM_VALUES_LIST] = MNL_TYPE_NESTED,
	[DEVLINK_ATTR_PARAM_VALUE_DATA] = MNL_TYPE_BINARY,
	[DEVLINK_ATTR_PARAM_VALUE_CMODE] = MNL_TYPE_U8,
	[DEVLINK_ATTR_HEALTH_REPORTER] = MNL_TYPE_NESTED,
	[DEVLINK_ATTR_HEALTH_REPORTER_NAME] = MNL_TYPE_NUL_STRING,
	[DEVLINK_ATTR_HEALTH_REPORTER_GRACEFUL_PERIOD] = MNL_TYPE_U64,
	[DEVLINK_ATTR_HEALTH_REPORTER_AUTO_RECOVER] = MNL_TYPE_U8,
	[DEVLINK_ATTR_HEALTH_REPORTER_AUTO_DUMP] = MNL_TYPE_U8,
};

struct dump {
	const struct link *link;
	char handle[WORD(2 * HANDLE_LEN)];
	bool reload;	/* there are values that count from the next start on */
};

/* The kernel lists those of all devices. */
static bool is_ours(const struct nlattr **tb, const struct link *link)
{
	const struct nlattr *bus = tb[DEVLINK_ATTR_BUS_NAME], *dev = tb[DEVLINK_ATTR_DEV_NAME];

	return bus && dev && !strcmp(mnl_attr_get_str(bus), link->bus) &&
	       !strcmp(mnl_attr_get_str(dev), link->device);
}

/* False for an answer that makes no sense. */
static bool value_text(const struct nlattr *data, __u8 type, char *text, size_t size)
{
	static const __u8 kinds[] = {
		[TYPE_U8] = MNL_TYPE_U8, [TYPE_U16] = MNL_TYPE_U16, [TYPE_U32] = MNL_TYPE_U32,
		[TYPE_U64] = MNL_TYPE_U64, [TYPE_STRING] = MNL_TYPE_NUL_STRING,
	};
	__u64 number;

	if (type == TYPE_FLAG) {
		snprintf(text, size, "%s", data ? "true" : "false");
		return true;
	}
	if (!data || mnl_attr_validate(data, kinds[type]) < 0)
		return false;
	switch (type) {
	case TYPE_STRING:
		if (mnl_attr_get_payload_len(data) > PARAM_LEN)
			return false;
		script_word(text, size, mnl_attr_get_str(data));
		return true;
	case TYPE_U8:
		number = mnl_attr_get_u8(data);
		break;
	case TYPE_U16:
		number = mnl_attr_get_u16(data);
		break;
	case TYPE_U32:
		number = mnl_attr_get_u32(data);
		break;
	default:
		number = mnl_attr_get_u64(data);
	}
	snprintf(text, size, "%llu", number);
	return true;
}

/* What is kept in the device is the device's, and left out. */
static bool take_value(const struct nlattr *nest, const char *name, __u8 type,
		       struct dump *dump)
{
	const struct nlattr *tb[DEVLINK_ATTR_MAX + 1];
	char word[WORD(PARAM_LEN)], value[WORD(PARAM_LEN)];
	__u8 mode;

	if (mnl_attr_validate(nest, MNL_TYPE_NESTED) < 0 ||
	    !nl_parse_nested(nest, types, DEVLINK_ATTR_MAX, tb) ||
	    !tb[DEVLINK_ATTR_PARAM_VALUE_CMODE])
		return false;
	mode = mnl_attr_get_u8(tb[DEVLINK_ATTR_PARAM_VALUE_CMODE]);
	if (mode != DEVLINK_PARAM_CMODE_RUNTIME && mode != DEVLINK_PARAM_CMODE_DRIVERINIT)
		return true;
	if (!value_text(tb[DEVLINK_ATTR_PARAM_VALUE_DATA], type, value, sizeof(value)))
		return false;
	dump->reload |= mode == DEVLINK_PARAM_CMODE_DRIVERINIT;
	script_add("devlink dev param set %s name %s value %s cmode %s\n", dump->handle,
		   script_word(word, sizeof(word), name), value,
		   mode == DEVLINK_PARAM_CMODE_DRIVERINIT ? "driverinit" : "runtime");
	return true;
}

static int take_param(const struct nlmsghdr *message, void *data)
{
	const struct nlattr *tb[DEVLINK_ATTR_MAX + 1], *param[DEVLINK_ATTR_MAX + 1], *value;
	struct dump *dump = data;
	const char *name;
	__u8 type;

	if (!nl_parse(message, GENL_HDRLEN, types, DEVLINK_ATTR_MAX, tb))
		return nl_malformed();
	if (!is_ours(tb, dump->link))
		return MNL_CB_OK;
	if (!tb[DEVLINK_ATTR_PARAM] ||
	    !nl_parse_nested(tb[DEVLINK_ATTR_PARAM], types, DEVLINK_ATTR_MAX, param) ||
	    !param[DEVLINK_ATTR_PARAM_NAME] || !param[DEVLINK_ATTR_PARAM_TYPE] ||
	    !param[DEVLINK_ATTR_PARAM_VALUES_LIST])
		return nl_malformed();
	type = mnl_attr_get_u8(param[DEVLINK_ATTR_PARAM_TYPE]);
	/* One that a newer kernel may have. */
	if (type < TYPE_U8 || type > TYPE_FLAG)
		return MNL_CB_OK;
	name = mnl_attr_get_str(param[DEVLINK_ATTR_PARAM_NAME]);
	mnl_attr_for_each_nested(value, param[DEVLINK_ATTR_PARAM_VALUES_LIST])
		if (!take_value(value, name, type, dump))
			return nl_malformed();
	return MNL_CB_OK;
}

/* By default it repairs, and keeps a dump of, whatever happens. */
static int take_reporter(const struct nlmsghdr *message, void *data)
{
	const struct nlattr *tb[DEVLINK_ATTR_MAX + 1], *one[DEVLINK_ATTR_MAX + 1];
	const struct nlattr *period, *recover, *keep;
	char word[WORD(PARAM_LEN)];
	struct dump *dump = data;

	if (!nl_parse(message, GENL_HDRLEN, types, DEVLINK_ATTR_MAX, tb))
		return nl_malformed();
	if (!is_ours(tb, dump->link))
		return MNL_CB_OK;
	if (!tb[DEVLINK_ATTR_HEALTH_REPORTER] ||
	    !nl_parse_nested(tb[DEVLINK_ATTR_HEALTH_REPORTER], types, DEVLINK_ATTR_MAX, one) ||
	    !one[DEVLINK_ATTR_HEALTH_REPORTER_NAME])
		return nl_malformed();
	period = one[DEVLINK_ATTR_HEALTH_REPORTER_GRACEFUL_PERIOD];
	recover = one[DEVLINK_ATTR_HEALTH_REPORTER_AUTO_RECOVER];
	keep = one[DEVLINK_ATTR_HEALTH_REPORTER_AUTO_DUMP];
	if ((!period || !mnl_attr_get_u64(period)) && (!recover || mnl_attr_get_u8(recover)) &&
	    (!keep || mnl_attr_get_u8(keep)))
		return MNL_CB_OK;

	script_add("devlink health set %s reporter %s", dump->handle,
		   script_word(word, sizeof(word),
			       mnl_attr_get_str(one[DEVLINK_ATTR_HEALTH_REPORTER_NAME])));
	if (period)
		script_add(" grace_period %llu", (__u64)mnl_attr_get_u64(period));
	if (recover)
		script_add(" auto_recover %s", mnl_attr_get_u8(recover) ? "true" : "false");
	if (keep)
		script_add(" auto_dump %s", mnl_attr_get_u8(keep) ? "true" : "false");
	script_add("\n");
	return MNL_CB_OK;
}

static bool list(struct netlink *nl, __u8 command, mnl_cb_t take, struct dump *dump)
{
	int err = nl_ask(nl, nl_generic(nl, command, NLM_F_DUMP), take, dump);

	if (!err || err == -EOPNOTSUPP)
		return true;
	pr_err("%s: devlink's command %u: %s", dump->handle, command, strerror(-err));
	return false;
}

bool devlink_dump(struct netlink *nl, const struct link *link)
{
	char handle[2 * HANDLE_LEN];
	struct dump dump = { .link = link };

	if (!nl->family || !*link->bus)
		return true;
	snprintf(handle, sizeof(handle), "%s/%s", link->bus, link->device);
	script_word(dump.handle, sizeof(dump.handle), handle);
	if (!list(nl, DEVLINK_CMD_PARAM_GET, take_param, &dump))
		return false;
	if (dump.reload)
		script_add("devlink dev reload %s action driver_reinit\n", dump.handle);
	return list(nl, DEVLINK_CMD_HEALTH_REPORTER_GET, take_reporter, &dump);
}
