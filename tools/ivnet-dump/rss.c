// SPDX-License-Identifier: GPL-2.0
/* Receive side scaling: key, table, what of a frame is hashed. */
#include <errno.h>
#include <linux/ethtool.h>
#include <stdlib.h>
#include <string.h>

#include "ioctl.h"

#define TABLE_MAX 65536
#define KEY_MAX 1024
/* The kernel numbers functions by its list of names (rss-hash-funcs), one bit each. */
#define TOEPLITZ 1

/* Those that ethtool has names for. */
static const struct {
	__u32 flow;
	const char *name;
} flows[] = {
	{ TCP_V4_FLOW, "tcp4" }, { UDP_V4_FLOW, "udp4" },
	{ TCP_V6_FLOW, "tcp6" }, { UDP_V6_FLOW, "udp6" },
};

static bool failed(const struct link *link, const char *what, int err)
{
	pr_err("%s: %s: %s", link->name, what, strerror(-err));
	return false;
}

static bool flows_dump(const struct link *link)
{
	const __u64 l3 = RXH_IP_SRC | RXH_IP_DST, l4 = RXH_L4_B_0_1 | RXH_L4_B_2_3;
	struct ethtool_rxnfc command;
	size_t i;
	int err;

	for (i = 0; i < sizeof(flows) / sizeof(*flows); i++) {
		memset(&command, 0, sizeof(command));
		command.cmd = ETHTOOL_GRXFH;
		command.flow_type = flows[i].flow;
		err = ethtool_ioctl(link, &command);
		if (err == -EOPNOTSUPP)
			continue;
		if (err)
			return failed(link, flows[i].name, err);
		/* "Nothing" is what a device has that cannot; ethtool has no word for it. */
		if (command.data == (l3 | l4))
			script_add("ethtool -N %s rx-flow-hash %s sdfn\n", link->word,
				   flows[i].name);
		else if (command.data == l3)
			script_add("ethtool -N %s rx-flow-hash %s sd\n", link->word,
				   flows[i].name);
	}
	return true;
}

/* Is it @count queues from the first entry's on, in turn? */
static bool in_turn(const __u32 *table, size_t size, size_t count)
{
	size_t i;

	for (i = 0; i < size; i++)
		if (table[i] != table[0] + i % count)
			return false;
	return true;
}

/* How often each queue is in a table that is sorted. */
static bool weights(const __u32 *table, size_t size)
{
	__u32 queue = 0;
	size_t i, count = 0;

	for (i = 1; i < size; i++)
		if (table[i] < table[i - 1])
			return false;
	script_add(" weight");
	for (i = 0; i <= size; i++) {
		for (; i < size && queue < table[i]; queue++) {
			script_add(" %zu", count);
			count = 0;
		}
		count += i < size;
	}
	script_add(" %zu", count);
	return true;
}

static bool table_dump(const struct link *link, const __u32 *table, size_t size)
{
	struct ethtool_rxnfc rings = { .cmd = ETHTOOL_GRXRINGS };
	size_t count = 1;
	int err;

	err = ethtool_ioctl(link, &rings);
	if (err)
		return failed(link, "number of queues", err);
	if (table[0] == 0 && rings.data && in_turn(table, size, rings.data)) {
		script_add(" default");
		return true;
	}
	while (count < size && table[count] == table[0] + count)
		count++;
	if (in_turn(table, size, count)) {
		if (table[0])
			script_add(" start %u", table[0]);
		script_add(" equal %zu", count);
		return true;
	}
	if (weights(table, size))
		return true;
	/* Only a program can have made it. */
	pr_err("%s: ethtool -X has no words for its indirection table", link->name);
	return false;
}

bool rss_dump(const struct link *link)
{
	struct ethtool_rxfh head = { .cmd = ETHTOOL_GRSSH }, *all;
	const __u8 *key;
	bool good = true;
	size_t i;
	int err;

	err = ethtool_ioctl(link, &head);
	if (err == -EOPNOTSUPP || (!err && !head.indir_size && !head.key_size))
		return true;
	if (!err && (head.indir_size > TABLE_MAX || head.key_size > KEY_MAX))
		err = -EBADMSG;
	if (err)
		return failed(link, "receive side scaling", err);
	all = calloc(1, sizeof(*all) + head.indir_size * sizeof(*all->rss_config) +
		     head.key_size);
	if (!all)
		return failed(link, "receive side scaling", -ENOMEM);
	all->cmd = ETHTOOL_GRSSH;
	all->indir_size = head.indir_size;
	all->key_size = head.key_size;
	err = ethtool_ioctl(link, all);
	if (err) {
		good = failed(link, "receive side scaling", err);
		goto out;
	}

	script_add("ethtool -X %s", link->word);
	key = (const __u8 *)&all->rss_config[head.indir_size];
	for (i = 0; i < head.key_size; i++)
		script_add("%s%02x", i ? ":" : " hkey ", key[i]);
	if (all->hfunc == TOEPLITZ)
		script_add(" hfunc toeplitz");
	if (head.indir_size)
		good = table_dump(link, all->rss_config, head.indir_size);
	script_add("\n");
	good = good && flows_dump(link);
out:
	free(all);
	return good;
}
