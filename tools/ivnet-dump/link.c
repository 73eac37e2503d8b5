// SPDX-License-Identifier: GPL-2.0
#include "link.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

#include "netlink.h"

static const __u8 link_types[IFLA_MAX + 1] = {
	[IFLA_IFNAME] = MNL_TYPE_NUL_STRING,
	[IFLA_MTU] = MNL_TYPE_U32,
	[IFLA_TXQLEN] = MNL_TYPE_U32,
	[IFLA_LINK] = MNL_TYPE_U32,
	[IFLA_LINK_NETNSID] = MNL_TYPE_U32,
	[IFLA_ADDRESS] = MNL_TYPE_BINARY,
	[IFLA_PERM_ADDRESS] = MNL_TYPE_BINARY,
	[IFLA_LINKINFO] = MNL_TYPE_NESTED,
	[IFLA_PARENT_DEV_NAME] = MNL_TYPE_NUL_STRING,
	[IFLA_PARENT_DEV_BUS_NAME] = MNL_TYPE_NUL_STRING,
};

static const __u8 info_types[IFLA_INFO_MAX + 1] = {
	[IFLA_INFO_KIND] = MNL_TYPE_NUL_STRING,
	[IFLA_INFO_DATA] = MNL_TYPE_NESTED,
};

static const __u8 vlan_types[IFLA_VLAN_MAX + 1] = {
	[IFLA_VLAN_ID] = MNL_TYPE_U16,
	[IFLA_VLAN_PROTOCOL] = MNL_TYPE_U16,
};

static bool get_text(const struct nlattr *attr, char *text, size_t size)
{
	if (!attr)
		return true;
	if (mnl_attr_get_payload_len(attr) > size)
		return false;
	memcpy(text, mnl_attr_get_str(attr), mnl_attr_get_payload_len(attr));
	return true;
}

static __u32 get_u32(const struct nlattr *attr)
{
	return attr ? mnl_attr_get_u32(attr) : 0;
}

/* Of an interface that is no Ethernet none is needed. */
static void get_address(const struct nlattr *attr, __u8 *address)
{
	if (attr && mnl_attr_get_payload_len(attr) == ADDRESS_LEN)
		memcpy(address, mnl_attr_get_payload(attr), ADDRESS_LEN);
}

static bool get_vlan(const struct nlattr *linkinfo, struct link *link)
{
	const struct nlattr *info[IFLA_INFO_MAX + 1], *vlan[IFLA_VLAN_MAX + 1];

	if (!nl_parse_nested(linkinfo, info_types, IFLA_INFO_MAX, info))
		return false;
	if (!info[IFLA_INFO_KIND] || !info[IFLA_INFO_DATA] ||
	    strcmp(mnl_attr_get_str(info[IFLA_INFO_KIND]), "vlan"))
		return true;
	if (!nl_parse_nested(info[IFLA_INFO_DATA], vlan_types, IFLA_VLAN_MAX, vlan) ||
	    !vlan[IFLA_VLAN_ID])
		return false;
	link->is_vlan = true;
	link->vid = mnl_attr_get_u16(vlan[IFLA_VLAN_ID]);
	link->protocol = ETH_P_8021Q;
	if (vlan[IFLA_VLAN_PROTOCOL])
		link->protocol = ntohs(mnl_attr_get_u16(vlan[IFLA_VLAN_PROTOCOL]));
	return true;
}

static int link_answer(const struct nlmsghdr *answer, void *data)
{
	const struct nlattr *tb[IFLA_MAX + 1];
	struct links *links = data;
	const struct ifinfomsg *info;
	struct link *link;

	if (answer->nlmsg_type != RTM_NEWLINK)
		return MNL_CB_OK;
	if (!nl_parse(answer, sizeof(*info), link_types, IFLA_MAX, tb) || !tb[IFLA_IFNAME])
		return nl_malformed();
	link = reallocarray(links->link, links->count + 1, sizeof(*link));
	if (!link)
		return MNL_CB_ERROR;
	links->link = link;
	link += links->count++;
	memset(link, 0, sizeof(*link));

	info = mnl_nlmsg_get_payload(answer);
	link->index = info->ifi_index;
	link->flags = info->ifi_flags;
	link->mtu = get_u32(tb[IFLA_MTU]);
	link->queue_len = get_u32(tb[IFLA_TXQLEN]);
	get_address(tb[IFLA_ADDRESS], link->address);
	get_address(tb[IFLA_PERM_ADDRESS], link->permanent);
	/* With an id it is the number of an interface somewhere else. */
	if (!tb[IFLA_LINK_NETNSID])
		link->below = get_u32(tb[IFLA_LINK]);
	if (!get_text(tb[IFLA_IFNAME], link->name, sizeof(link->name)) ||
	    !get_text(tb[IFLA_PARENT_DEV_BUS_NAME], link->bus, sizeof(link->bus)) ||
	    !get_text(tb[IFLA_PARENT_DEV_NAME], link->device, sizeof(link->device)) ||
	    (tb[IFLA_LINKINFO] && !get_vlan(tb[IFLA_LINKINFO], link)))
		return nl_malformed();
	script_word(link->word, sizeof(link->word), link->name);
	return MNL_CB_OK;
}

bool links_read(struct links *links)
{
	struct nlmsghdr *question;
	struct netlink nl;
	int err;

	*links = (struct links){};
	if (!nl_open_route(&nl))
		return false;
	question = nl_route(&nl, RTM_GETLINK, NLM_F_DUMP);
	mnl_nlmsg_put_extra_header(question, sizeof(struct ifinfomsg));
	mnl_attr_put_u32(question, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	err = nl_ask(&nl, question, link_answer, links);
	nl_close(&nl);
	if (!err)
		return true;
	pr_err("list of interfaces: %s", strerror(-err));
	links_free(links);
	return false;
}

void links_free(struct links *links)
{
	free(links->link);
	*links = (struct links){};
}

static const char *on_off(bool on)
{
	return on ? "on" : "off";
}

void link_dump(const struct link *link)
{
	const __u8 *a = link->address;

	/* That of the device belongs to the device, and another one has another. */
	if (memcmp(a, link->permanent, ADDRESS_LEN))
		script_add("ip link set dev %s address %02x:%02x:%02x:%02x:%02x:%02x\n",
			   link->word, a[0], a[1], a[2], a[3], a[4], a[5]);
	script_add("ip link set dev %s mtu %u txqueuelen %u promisc %s allmulticast %s\n",
		   link->word, link->mtu, link->queue_len, on_off(link->flags & IFF_PROMISC),
		   on_off(link->flags & IFF_ALLMULTI));
}

static const char *state(const struct link *link)
{
	return link->flags & IFF_UP ? "up" : "down";
}

void link_dump_state(const struct link *link, const struct links *links)
{
	const struct link *upper;
	size_t i;

	script_add("ip link set dev %s %s\n", link->word, state(link));
	for (i = 0; i < links->count; i++) {
		upper = &links->link[i];
		if (!upper->is_vlan || upper->below != link->index)
			continue;
		script_add("ip link add link %s name %s type vlan protocol %s id %u\n",
			   link->word, upper->word,
			   upper->protocol == ETH_P_8021AD ? "802.1ad" : "802.1Q", upper->vid);
		script_add("ip link set dev %s mtu %u %s\n", upper->word, upper->mtu,
			   state(upper));
	}
}
