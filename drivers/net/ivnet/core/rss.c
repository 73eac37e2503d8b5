// SPDX-License-Identifier: GPL-2.0
/* Receive side scaling: key, table, and what of a frame is hashed. */

#include <linux/ethtool.h>
#include <linux/netdevice.h>
#include <linux/rtnetlink.h>
#include <linux/string.h>

#include "ivnet.h"

#define RXH_L3	(RXH_IP_SRC | RXH_IP_DST)
#define RXH_L4	(RXH_L3 | RXH_L4_B_0_1 | RXH_L4_B_2_3)

/**
 * struct flow - a kind of flow that ethtool knows
 * @flow: ethtool's number
 * @name: ethtool's name
 * @l3: hash types by addresses alone (virtio 1.3, 5.1.6.4.3.1)
 * @l4: hash types by addresses and ports; 0 for flows that have none
 * @part: hash types of the same addresses with ports, for flows without
 */
struct flow {
	u32 flow;
	const char *name;
	u32 l3;
	u32 l4;
	u32 part;
};

#define HASH_IP4	VIRTIO_NET_RSS_HASH_TYPE_IPv4
#define HASH_TCP4	VIRTIO_NET_RSS_HASH_TYPE_TCPv4
#define HASH_UDP4	VIRTIO_NET_RSS_HASH_TYPE_UDPv4
#define HASH_IP6	(VIRTIO_NET_RSS_HASH_TYPE_IPv6 |			\
			 VIRTIO_NET_RSS_HASH_TYPE_IP_EX)
#define HASH_TCP6	(VIRTIO_NET_RSS_HASH_TYPE_TCPv6 |		\
			 VIRTIO_NET_RSS_HASH_TYPE_TCP_EX)
#define HASH_UDP6	(VIRTIO_NET_RSS_HASH_TYPE_UDPv6 |		\
			 VIRTIO_NET_RSS_HASH_TYPE_UDP_EX)

static const struct flow flows[] = {
	{ TCP_V4_FLOW, "tcp4", HASH_IP4, HASH_TCP4, 0 },
	{ UDP_V4_FLOW, "udp4", HASH_IP4, HASH_UDP4, 0 },
	{ IPV4_FLOW, "ip4", HASH_IP4, 0, HASH_TCP4 | HASH_UDP4 },
	{ TCP_V6_FLOW, "tcp6", HASH_IP6, HASH_TCP6, 0 },
	{ UDP_V6_FLOW, "udp6", HASH_IP6, HASH_UDP6, 0 },
	{ IPV6_FLOW, "ip6", HASH_IP6, 0, HASH_TCP6 | HASH_UDP6 },
};

static const struct flow *flow_find(u32 number)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(flows); i++)
		if (flows[i].flow == number)
			return &flows[i];

	return NULL;
}

/**
 * ivnet_rss_init() - a key of this machine's, and all that can be hashed
 * @idev: the device, with a net_device
 */
void ivnet_rss_init(struct ivnet_dev *idev)
{
	struct ivnet_net *net = netdev_priv(idev->netdev);

	netdev_rss_key_fill(net->rss.key, sizeof(net->rss.key));
	net->rss.types = idev->limits.rss_types;
}

/**
 * ivnet_rss_spread() - spread frames over the queues that there will be
 * @idev: the device
 * @pairs: their number
 *
 * What a user has set stays, as far as there are such queues.
 */
void ivnet_rss_spread(struct ivnet_dev *idev, u32 pairs)
{
	bool keep = netif_is_rxfh_configured(idev->netdev);
	struct ivnet_net *net = netdev_priv(idev->netdev);
	struct ivnet_rss *rss = &net->rss;
	u32 i;

	rss->types &= idev->limits.rss_types;
	for (i = 0; i < idev->limits.rss_indir; i++)
		if (!keep || rss->indir[i] >= pairs)
			rss->indir[i] = ethtool_rxfh_indir_default(i, pairs);
}

/* The device has the new one, or nothing changes. */
static int rss_change(struct ivnet_dev *idev, const struct ivnet_rss *new,
		      struct netlink_ext_ack *extack)
{
	struct ivnet_net *net = netdev_priv(idev->netdev);
	int err = 0;

	if (net->qset)
		err = idev->ops->rss(idev, new, net->qset->cfg.pairs);
	if (err) {
		NL_SET_ERR_MSG_MOD(extack, "the device refused");
		return err;
	}
	net->rss = *new;

	return 0;
}

/**
 * ivnet_get_rxfh_key_size() - &ethtool_ops.get_rxfh_key_size
 * @dev: the net_device
 *
 * Return: bytes, 0 if the device does not hash.
 */
u32 ivnet_get_rxfh_key_size(struct net_device *dev)
{
	const struct ivnet_net *net = netdev_priv(dev);

	return net->idev->limits.rss_types ? IVNET_RSS_KEY : 0;
}

/**
 * ivnet_get_rxfh_indir_size() - &ethtool_ops.get_rxfh_indir_size
 * @dev: the net_device
 *
 * Return: entries, 0 if the device does not spread frames.
 */
u32 ivnet_get_rxfh_indir_size(struct net_device *dev)
{
	const struct ivnet_net *net = netdev_priv(dev);

	return net->idev->limits.rss_indir;
}

/**
 * ivnet_get_rxfh() - &ethtool_ops.get_rxfh
 * @dev: the net_device
 * @p: filled in
 *
 * Return: 0, or -EOPNOTSUPP if the device does not hash.
 */
int ivnet_get_rxfh(struct net_device *dev, struct ethtool_rxfh_param *p)
{
	const struct ivnet_net *net = netdev_priv(dev);
	u32 i;

	if (!net->idev->limits.rss_types)
		return -EOPNOTSUPP;

	for (i = 0; p->indir && i < net->idev->limits.rss_indir; i++)
		p->indir[i] = net->rss.indir[i];
	if (p->key)
		memcpy(p->key, net->rss.key, sizeof(net->rss.key));
	p->hfunc = ETH_RSS_HASH_TOP;

	return 0;
}

/**
 * ivnet_set_rxfh() - &ethtool_ops.set_rxfh
 * @dev: the net_device
 * @p: what to change; the entries of the table are queues that there are
 * @extack: says what is wrong; may be NULL
 *
 * Return: 0 or an error, and nothing changed.
 */
int ivnet_set_rxfh(struct net_device *dev, struct ethtool_rxfh_param *p,
		   struct netlink_ext_ack *extack)
{
	struct ivnet_net *net = netdev_priv(dev);
	struct ivnet_dev *idev = net->idev;
	struct ivnet_rss *new;
	int err;
	u32 i;

	if (!idev->limits.rss_types)
		return -EOPNOTSUPP;
	if (p->hfunc != ETH_RSS_HASH_NO_CHANGE &&
	    p->hfunc != ETH_RSS_HASH_TOP) {
		NL_SET_ERR_MSG_MOD(extack, "hash function: toeplitz");
		return -EOPNOTSUPP;
	}

	new = kmemdup(&net->rss, sizeof(net->rss), GFP_KERNEL);
	if (!new)
		return -ENOMEM;
	for (i = 0; p->indir && i < idev->limits.rss_indir; i++)
		new->indir[i] = p->indir[i];
	if (p->key)
		memcpy(new->key, p->key, sizeof(new->key));
	err = rss_change(idev, new, extack);
	kfree(new);

	return err;
}

/**
 * ivnet_get_rxfh_fields() - &ethtool_ops.get_rxfh_fields
 * @dev: the net_device
 * @fields: kind of flow; what of its frames is hashed is filled in
 *
 * Return: 0, or -EOPNOTSUPP if the device does not hash.
 */
int ivnet_get_rxfh_fields(struct net_device *dev,
			  struct ethtool_rxfh_fields *fields)
{
	const struct ivnet_net *net = netdev_priv(dev);
	const struct flow *flow = flow_find(fields->flow_type);

	if (!net->idev->limits.rss_types)
		return -EOPNOTSUPP;

	fields->data = 0;
	if (flow && net->rss.types & flow->l4)
		fields->data = RXH_L4;
	else if (flow && net->rss.types & flow->l3)
		fields->data = RXH_L3;

	return 0;
}

/**
 * ivnet_set_rxfh_fields() - &ethtool_ops.set_rxfh_fields
 * @dev: the net_device
 * @fields: kind of flow, and what of its frames to hash
 * @extack: says what is wrong; may be NULL
 *
 * Return: 0 or an error, and nothing changed.
 */
int ivnet_set_rxfh_fields(struct net_device *dev,
			  const struct ethtool_rxfh_fields *fields,
			  struct netlink_ext_ack *extack)
{
	const struct flow *flow = flow_find(fields->flow_type);
	struct ivnet_net *net = netdev_priv(dev);
	struct ivnet_dev *idev = net->idev;
	u32 can = idev->limits.rss_types;
	u32 types = net->rss.types;
	struct ivnet_rss *new;
	int err;

	if (!can)
		return -EOPNOTSUPP;
	if (!flow) {
		NL_SET_ERR_MSG_MOD(extack,
				   "flows: ip4, tcp4, udp4, ip6, tcp6, udp6");
		return -EOPNOTSUPP;
	}

	if (fields->data == RXH_L4 && can & flow->l4) {
		types |= can & flow->l4;
	} else if (fields->data == RXH_L3 && can & flow->l3) {
		types &= ~flow->l4;
		types |= can & flow->l3;
	} else if (!fields->data && !flow->l4) {
		types &= ~(flow->l3 | flow->part);
	} else {
		NL_SET_ERR_MSG_FMT_MOD(extack, "%s: %s", flow->name,
				       flow->l4 ? "sd or sdfn" : "sd or nothing");
		return -EOPNOTSUPP;
	}
	if (types == net->rss.types)
		return 0;

	new = kmemdup(&net->rss, sizeof(net->rss), GFP_KERNEL);
	if (!new)
		return -ENOMEM;
	new->types = types;
	err = rss_change(idev, new, extack);
	kfree(new);

	return err;
}
