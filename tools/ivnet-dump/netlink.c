// SPDX-License-Identifier: GPL-2.0
#include "netlink.h"

#include <errno.h>
#include <linux/genetlink.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "log.h"

static bool open_socket(struct netlink *nl, int bus, const char *name)
{
	nl->name = name;
	nl->seq = 0;
	nl->socket = mnl_socket_open2(bus, SOCK_CLOEXEC);
	if (nl->socket && mnl_socket_bind(nl->socket, 0, MNL_SOCKET_AUTOPID) >= 0)
		return true;
	pr_err("%s: %s", name, strerror(errno));
	if (nl->socket)
		mnl_socket_close(nl->socket);
	return false;
}

bool nl_open_route(struct netlink *nl)
{
	return open_socket(nl, NETLINK_ROUTE, "rtnetlink");
}

static int family_answer(const struct nlmsghdr *answer, void *data)
{
	static const __u8 types[CTRL_ATTR_MAX + 1] = { [CTRL_ATTR_FAMILY_ID] = MNL_TYPE_U16 };
	const struct nlattr *tb[CTRL_ATTR_MAX + 1];
	__u16 *family = data;

	if (!nl_parse(answer, GENL_HDRLEN, types, CTRL_ATTR_MAX, tb))
		return nl_malformed();
	if (tb[CTRL_ATTR_FAMILY_ID])
		*family = mnl_attr_get_u16(tb[CTRL_ATTR_FAMILY_ID]);
	return MNL_CB_OK;
}

bool nl_open_generic(struct netlink *nl, const char *family, __u8 version)
{
	struct nlmsghdr *question;
	__u16 found = 0;
	int err;

	if (!open_socket(nl, NETLINK_GENERIC, family))
		return false;
	nl->family = GENL_ID_CTRL;
	nl->version = 1;
	question = nl_generic(nl, CTRL_CMD_GETFAMILY, 0);
	mnl_attr_put_strz(question, CTRL_ATTR_FAMILY_NAME, family);
	err = nl_ask(nl, question, family_answer, &found);
	nl->family = found;
	nl->version = version;
	if (!err || err == -ENOENT)
		return true;
	pr_err("%s: %s", family, strerror(-err));
	nl_close(nl);
	return false;
}

void nl_close(struct netlink *nl)
{
	mnl_socket_close(nl->socket);
}

struct nlmsghdr *nl_route(struct netlink *nl, __u16 type, __u16 flags)
{
	struct nlmsghdr *question = mnl_nlmsg_put_header(nl->buffer);

	question->nlmsg_type = type;
	/* Each question has an end: that of the list, or the acknowledgment. */
	question->nlmsg_flags = NLM_F_REQUEST | (flags ? flags : NLM_F_ACK);
	question->nlmsg_seq = ++nl->seq;
	return question;
}

struct nlmsghdr *nl_generic(struct netlink *nl, __u8 command, __u16 flags)
{
	struct nlmsghdr *question = nl_route(nl, nl->family, flags);
	struct genlmsghdr *header = mnl_nlmsg_put_extra_header(question, sizeof(*header));

	header->cmd = command;
	header->version = nl->version;
	return question;
}

int nl_ask(struct netlink *nl, struct nlmsghdr *question, mnl_cb_t answer, void *data)
{
	unsigned int port = mnl_socket_get_portid(nl->socket);
	ssize_t len;
	int more;

	if (mnl_socket_sendto(nl->socket, question, question->nlmsg_len) < 0)
		return -errno;
	do {
		len = mnl_socket_recvfrom(nl->socket, nl->buffer, sizeof(nl->buffer));
		if (len < 0)
			return -errno;
		more = mnl_cb_run(nl->buffer, len, nl->seq, port, answer, data);
	} while (more > MNL_CB_STOP);
	return more < 0 ? -errno : 0;
}

struct parse {
	const __u8 *types;
	const struct nlattr **found;
	__u16 max;
};

static int parse_one(const struct nlattr *attr, void *data)
{
	const struct parse *p = data;
	__u16 type = mnl_attr_get_type(attr);

	if (type > p->max || p->types[type] == MNL_TYPE_UNSPEC)
		return MNL_CB_OK;
	if (mnl_attr_validate(attr, p->types[type]) < 0)
		return MNL_CB_ERROR;
	p->found[type] = attr;
	return MNL_CB_OK;
}

bool nl_parse_nested(const struct nlattr *nest, const __u8 *types, __u16 max,
		     const struct nlattr **found)
{
	struct parse p = { types, found, max };

	memset(found, 0, (max + 1) * sizeof(*found));
	return mnl_attr_parse_nested(nest, parse_one, &p) > MNL_CB_ERROR;
}

bool nl_parse(const struct nlmsghdr *answer, unsigned int header, const __u8 *types,
	      __u16 max, const struct nlattr **found)
{
	struct parse p = { types, found, max };

	memset(found, 0, (max + 1) * sizeof(*found));
	if (mnl_nlmsg_get_payload_len(answer) < header)
		return false;
	return mnl_attr_parse(answer, header, parse_one, &p) > MNL_CB_ERROR;
}

int nl_malformed(void)
{
	errno = EBADMSG;
	return MNL_CB_ERROR;
}
