// SPDX-License-Identifier: GPL-2.0
/* Forwarding table: which port has an address. */

#include <linux/etherdevice.h>
#include <linux/hash.h>
#include <linux/jiffies.h>
#include <linux/rtnetlink.h>
#include <net/neighbour.h>
#include <net/netlink.h>

#include "shm.h"

#define SHM_FDB_AGE	(300 * HZ)

static u64 fdb_key(const u8 *addr)
{
	return ether_addr_to_u64(addr) << 16;
}

static u32 fdb_bucket(u64 key)
{
	return hash_64(key, ilog2(SHM_FDB_BUCKETS));
}

/**
 * shm_fdb_find() - which port has an address?
 * @fdb: the table
 * @addr: a unicast address
 *
 * Return: the port, or negative if it is not known.
 */
int shm_fdb_find(const struct shm_fdb *fdb, const u8 *addr)
{
	u64 key = fdb_key(addr);
	u32 b = fdb_bucket(key), w;
	u64 e;

	for (w = 0; w < SHM_FDB_WAYS; w++) {
		e = READ_ONCE(fdb->entry[b][w]);
		if ((e & ~0xffffULL) == key && (u16)e &&
		    (u32)jiffies - READ_ONCE(fdb->seen[b][w]) < SHM_FDB_AGE)
			return (u16)e - 1;
	}

	return -1;
}

/**
 * shm_fdb_learn() - note that an address was seen behind a port
 * @fdb: the table
 * @addr: the source of a frame
 * @port: where it came from
 *
 * The longest unseen address of the bucket makes room. Two writers at once may
 * lose one of two entries; it is learnt again.
 */
void shm_fdb_learn(struct shm_fdb *fdb, const u8 *addr, u32 port)
{
	u64 key = fdb_key(addr), e;
	u32 b = fdb_bucket(key), w, age, best = 0, old = 0;
	u32 now = (u32)jiffies;

	if (!is_valid_ether_addr(addr))
		return;

	for (w = 0; w < SHM_FDB_WAYS; w++) {
		e = READ_ONCE(fdb->entry[b][w]);
		if ((e & ~0xffffULL) == key && e) {
			old = w;
			break;
		}
		age = e ? now - READ_ONCE(fdb->seen[b][w]) : U32_MAX;
		if (age > best) {
			best = age;
			old = w;
		}
	}

	if (READ_ONCE(fdb->seen[b][old]) != now)
		WRITE_ONCE(fdb->seen[b][old], now);
	if (READ_ONCE(fdb->entry[b][old]) != (key | (port + 1)))
		WRITE_ONCE(fdb->entry[b][old], key | (port + 1));
}

/**
 * shm_fdb_forget() - forget the addresses behind a port
 * @fdb: the table
 * @port: its link is down
 */
void shm_fdb_forget(struct shm_fdb *fdb, u32 port)
{
	u32 b, w;

	for (b = 0; b < SHM_FDB_BUCKETS; b++)
		for (w = 0; w < SHM_FDB_WAYS; w++)
			if ((u16)READ_ONCE(fdb->entry[b][w]) == port + 1)
				WRITE_ONCE(fdb->entry[b][w], 0);
}

static int fdb_fill(struct sk_buff *skb, struct netlink_callback *cb,
		    const struct net_device *dev, u64 entry, u32 age)
{
	struct nda_cacheinfo ci = {
		.ndm_used	= jiffies_to_clock_t(age),
		.ndm_updated	= jiffies_to_clock_t(age),
	};
	struct nlmsghdr *nlh;
	u8 addr[ETH_ALEN];
	struct ndmsg *ndm;

	nlh = nlmsg_put(skb, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq,
			RTM_NEWNEIGH, sizeof(*ndm), NLM_F_MULTI);
	if (!nlh)
		return -EMSGSIZE;
	ndm = nlmsg_data(nlh);
	*ndm = (struct ndmsg) {
		.ndm_family	= AF_BRIDGE,
		.ndm_ifindex	= dev->ifindex,
		.ndm_state	= NUD_REACHABLE,
		.ndm_flags	= NTF_SELF,
	};
	u64_to_ether_addr(entry >> 16, addr);
	if (nla_put(skb, NDA_LLADDR, ETH_ALEN, addr) ||
	    nla_put_be16(skb, NDA_PORT, htons((u16)entry - 1)) ||
	    nla_put(skb, NDA_CACHEINFO, sizeof(ci), &ci)) {
		nlmsg_cancel(skb, nlh);
		return -EMSGSIZE;
	}
	nlmsg_end(skb, nlh);

	return 0;
}

/**
 * shm_fdb_dump() - ndo_fdb_dump: ``bridge fdb show``, with ports of the segment
 * @skb: the answer
 * @cb: the request
 * @dev: the net_device
 * @filter_dev: as the request says
 * @idx: number of entries so far
 *
 * Return: 0, or -EMSGSIZE if @skb is full.
 */
int shm_fdb_dump(struct sk_buff *skb, struct netlink_callback *cb,
		 struct net_device *dev, struct net_device *filter_dev,
		 int *idx)
{
	const struct ivnet_net *net = netdev_priv(dev);
	const struct shm_dev *sd = ivnet_priv(net->idev);
	u32 b, w, age;
	u64 entry;
	int err;

	for (b = 0; b < SHM_FDB_BUCKETS; b++) {
		for (w = 0; w < SHM_FDB_WAYS; w++) {
			entry = READ_ONCE(sd->fdb.entry[b][w]);
			age = (u32)jiffies - READ_ONCE(sd->fdb.seen[b][w]);
			if (!entry || age >= SHM_FDB_AGE)
				continue;
			if (*idx >= ivnet_fdb_dump_idx(cb)) {
				err = fdb_fill(skb, cb, dev, entry, age);
				if (err)
					return err;
			}
			(*idx)++;
		}
	}

	return ndo_dflt_fdb_dump(skb, cb, dev, filter_dev, idx);
}
