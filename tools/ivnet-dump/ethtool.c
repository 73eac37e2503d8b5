// SPDX-License-Identifier: GPL-2.0
#include "ethtool.h"

#include <assert.h>
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/ethtool_netlink.h>
#include <linux/genetlink.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof(*(array)))
/* Above all attributes that are asked for. */
#define ATTRS 32
/* Far above the number of features there are. */
#define FEATURES 256

bool ethtool_open(struct netlink *nl)
{
	if (!nl_open_generic(nl, ETHTOOL_GENL_NAME, ETHTOOL_GENL_VERSION))
		return false;
	if (nl->family)
		return true;
	pr_err("this kernel has no netlink family \"" ETHTOOL_GENL_NAME "\"");
	nl_close(nl);
	return false;
}

/* What an answer is parsed into. */
struct answer {
	const __u8 *types;
	__u16 max;
	bool (*take)(const struct nlattr **attrs, void *data);
	void *data;
};

static int take_answer(const struct nlmsghdr *message, void *data)
{
	const struct nlattr *attrs[ATTRS];
	const struct answer *answer = data;

	if (!nl_parse(message, GENL_HDRLEN, answer->types, answer->max, attrs) ||
	    !answer->take(attrs, answer->data))
		return nl_malformed();
	return MNL_CB_OK;
}

/* All requests have their header in the same place. */
#define HEADER 1
static_assert(HEADER == ETHTOOL_A_RINGS_HEADER && HEADER == ETHTOOL_A_CHANNELS_HEADER &&
	      HEADER == ETHTOOL_A_FEATURES_HEADER && HEADER == ETHTOOL_A_COALESCE_HEADER &&
	      HEADER == ETHTOOL_A_DEBUG_HEADER && HEADER == ETHTOOL_A_WOL_HEADER &&
	      HEADER == ETHTOOL_A_LINKMODES_HEADER, "header of requests");

/* A device without such a setting leaves @answer alone. */
static bool ask(struct netlink *nl, const struct link *link, __u8 command, __u32 flags,
		struct answer *answer)
{
	struct nlmsghdr *question = nl_generic(nl, command, 0);
	struct nlattr *header;
	int err;

	header = mnl_attr_nest_start(question, HEADER);
	mnl_attr_put_u32(question, ETHTOOL_A_HEADER_DEV_INDEX, link->index);
	mnl_attr_put_u32(question, ETHTOOL_A_HEADER_FLAGS, flags);
	mnl_attr_nest_end(question, header);
	err = nl_ask(nl, question, take_answer, answer);
	if (!err || err == -EOPNOTSUPP)
		return true;
	pr_err("%s: ethtool's command %u: %s", link->name, command, strerror(-err));
	return false;
}

/* Numbers */

struct number {
	__u16 attr;
	__u8 type;	/* MNL_TYPE_U32 or MNL_TYPE_U8 */
	const char *word;
};

struct numbers {
	const struct link *link;
	const char *option;
	const struct number *number;
	size_t count;
};

static bool is_switch(const struct number *number)
{
	return number->type == MNL_TYPE_U8;
}

/* Those that are there, on one line; switches are off on it. */
static bool take_numbers(const struct nlattr **attrs, void *data)
{
	const struct numbers *numbers = data;
	const char *option = numbers->option;
	const struct number *number;
	bool any = false;
	size_t i;

	for (i = 0; i < numbers->count; i++) {
		number = &numbers->number[i];
		if (!attrs[number->attr])
			continue;
		if (!any)
			script_add("ethtool %s %s", option, numbers->link->word);
		any = true;
		if (is_switch(number))
			script_add(" %s off", number->word);
		else
			script_add(" %s %u", number->word,
				   mnl_attr_get_u32(attrs[number->attr]));
	}
	if (any)
		script_add("\n");
	return true;
}

static bool ask_numbers(struct netlink *nl, __u8 command, struct numbers *numbers,
			bool (*take)(const struct nlattr **, void *))
{
	__u8 types[ATTRS] = {};
	struct answer answer = { types, ATTRS - 1, take, numbers };
	size_t i;

	for (i = 0; i < numbers->count; i++)
		types[numbers->number[i].attr] = numbers->number[i].type;
	return ask(nl, numbers->link, command, 0, &answer);
}

bool channels_dump(struct netlink *nl, const struct link *link)
{
	static const struct number channels[] = {
		{ ETHTOOL_A_CHANNELS_COMBINED_COUNT, MNL_TYPE_U32, "combined" },
	};
	struct numbers numbers = { link, "-L", channels, COUNT(channels) };

	return ask_numbers(nl, ETHTOOL_MSG_CHANNELS_GET, &numbers, take_numbers);
}

bool rings_dump(struct netlink *nl, const struct link *link)
{
	static const struct number rings[] = {
		{ ETHTOOL_A_RINGS_RX, MNL_TYPE_U32, "rx" },
		{ ETHTOOL_A_RINGS_TX, MNL_TYPE_U32, "tx" },
		{ ETHTOOL_A_RINGS_RX_BUF_LEN, MNL_TYPE_U32, "rx-buf-len" },
	};
	struct numbers numbers = { link, "-G", rings, COUNT(rings) };

	return ask_numbers(nl, ETHTOOL_MSG_RINGS_GET, &numbers, take_numbers);
}

/* What the load decides about cannot be set while it does: first "off". */
static bool take_coalesce(const struct nlattr **attrs, void *data)
{
	const struct numbers *numbers = data;
	const char *option = numbers->option;
	const struct number *number;
	size_t i;

	take_numbers(attrs, data);
	for (i = 0; i < numbers->count; i++) {
		number = &numbers->number[i];
		if (is_switch(number) && attrs[number->attr] &&
		    mnl_attr_get_u8(attrs[number->attr]))
			script_add("ethtool %s %s %s on\n", option, numbers->link->word,
				   number->word);
	}
	return true;
}

bool coalesce_dump(struct netlink *nl, const struct link *link)
{
	static const struct number coalesce[] = {
		{ ETHTOOL_A_COALESCE_USE_ADAPTIVE_RX, MNL_TYPE_U8, "adaptive-rx" },
		{ ETHTOOL_A_COALESCE_USE_ADAPTIVE_TX, MNL_TYPE_U8, "adaptive-tx" },
		{ ETHTOOL_A_COALESCE_RX_USECS, MNL_TYPE_U32, "rx-usecs" },
		{ ETHTOOL_A_COALESCE_RX_MAX_FRAMES, MNL_TYPE_U32, "rx-frames" },
		{ ETHTOOL_A_COALESCE_TX_USECS, MNL_TYPE_U32, "tx-usecs" },
		{ ETHTOOL_A_COALESCE_TX_MAX_FRAMES, MNL_TYPE_U32, "tx-frames" },
	};
	struct numbers numbers = { link, "-C", coalesce, COUNT(coalesce) };

	return ask_numbers(nl, ETHTOOL_MSG_COALESCE_GET, &numbers, take_coalesce);
}

/* Speed and duplex; -1 and 255 are "unknown", which cannot be set. */
static bool take_speed(const struct nlattr **attrs, void *data)
{
	const struct nlattr *speed = attrs[ETHTOOL_A_LINKMODES_SPEED];
	const struct nlattr *duplex = attrs[ETHTOOL_A_LINKMODES_DUPLEX];
	const struct numbers *numbers = data;
	__u8 how = duplex ? mnl_attr_get_u8(duplex) : DUPLEX_UNKNOWN;
	bool known = speed && mnl_attr_get_u32(speed) != (__u32)SPEED_UNKNOWN;

	if (!known && how == DUPLEX_UNKNOWN)
		return true;
	script_add("ethtool %s %s", numbers->option, numbers->link->word);
	if (known)
		script_add(" speed %u", mnl_attr_get_u32(speed));
	if (how != DUPLEX_UNKNOWN)
		script_add(" duplex %s", how == DUPLEX_FULL ? "full" : "half");
	script_add("\n");
	return true;
}

bool speed_dump(struct netlink *nl, const struct link *link)
{
	static const struct number speed[] = {
		{ ETHTOOL_A_LINKMODES_SPEED, MNL_TYPE_U32, NULL },
		{ ETHTOOL_A_LINKMODES_DUPLEX, MNL_TYPE_U8, NULL },
	};
	struct numbers numbers = { link, "-s", speed, COUNT(speed) };

	return ask_numbers(nl, ETHTOOL_MSG_LINKMODES_GET, &numbers, take_speed);
}

/* Sets of bits: in words for features, which have names, else in one number. */

static const __u8 bitset_types[ETHTOOL_A_BITSET_MAX + 1] = {
	[ETHTOOL_A_BITSET_NOMASK] = MNL_TYPE_FLAG,
	[ETHTOOL_A_BITSET_BITS] = MNL_TYPE_NESTED,
	[ETHTOOL_A_BITSET_VALUE] = MNL_TYPE_BINARY,
	[ETHTOOL_A_BITSET_MASK] = MNL_TYPE_BINARY,
};

static const __u8 bit_types[ETHTOOL_A_BITSET_BIT_MAX + 1] = {
	[ETHTOOL_A_BITSET_BIT_INDEX] = MNL_TYPE_U32,
	[ETHTOOL_A_BITSET_BIT_NAME] = MNL_TYPE_NUL_STRING,
	[ETHTOOL_A_BITSET_BIT_VALUE] = MNL_TYPE_FLAG,
};

enum { CAN = 1, WANTED = 2, NEVER = 4 };

struct features {
	const struct link *link;
	struct {
		char name[ETH_GSTRING_LEN];
		unsigned int flags;
	} bit[FEATURES];
};

static bool take_bit(const struct nlattr *nest, bool is_list, unsigned int flag,
		     struct features *features)
{
	const struct nlattr *bit[ETHTOOL_A_BITSET_BIT_MAX + 1], *name;
	__u32 index;

	if (!nl_parse_nested(nest, bit_types, ETHTOOL_A_BITSET_BIT_MAX, bit))
		return false;
	name = bit[ETHTOOL_A_BITSET_BIT_NAME];
	if (!bit[ETHTOOL_A_BITSET_BIT_INDEX] || !name)
		return false;
	index = mnl_attr_get_u32(bit[ETHTOOL_A_BITSET_BIT_INDEX]);
	if (index >= FEATURES || mnl_attr_get_payload_len(name) > ETH_GSTRING_LEN)
		return false;
	memcpy(features->bit[index].name, mnl_attr_get_str(name), mnl_attr_get_payload_len(name));
	/* A list has the bits that are on, a set with a mask says so of each. */
	if (is_list || bit[ETHTOOL_A_BITSET_BIT_VALUE])
		features->bit[index].flags |= flag;
	return true;
}

static bool take_bits(const struct nlattr *nest, unsigned int flag, struct features *features)
{
	const struct nlattr *set[ETHTOOL_A_BITSET_MAX + 1], *bit;

	if (!nest || !nl_parse_nested(nest, bitset_types, ETHTOOL_A_BITSET_MAX, set))
		return false;
	if (!set[ETHTOOL_A_BITSET_BITS])
		return true;
	mnl_attr_for_each_nested(bit, set[ETHTOOL_A_BITSET_BITS])
		if (mnl_attr_validate(bit, MNL_TYPE_NESTED) < 0 ||
		    !take_bit(bit, set[ETHTOOL_A_BITSET_NOMASK], flag, features))
			return false;
	return true;
}

/* All at once, as some need others. */
static bool take_features(const struct nlattr **attrs, void *data)
{
	struct features *features = data;
	unsigned int flags, i;
	bool any = false;

	if (!take_bits(attrs[ETHTOOL_A_FEATURES_HW], CAN, features) ||
	    !take_bits(attrs[ETHTOOL_A_FEATURES_WANTED], WANTED, features) ||
	    !take_bits(attrs[ETHTOOL_A_FEATURES_NOCHANGE], NEVER, features))
		return false;
	for (i = 0; i < FEATURES; i++) {
		flags = features->bit[i].flags;
		if (!(flags & CAN) || flags & NEVER)
			continue;
		if (!any)
			script_add("ethtool -K %s", features->link->word);
		any = true;
		script_add(" %s %s", features->bit[i].name, flags & WANTED ? "on" : "off");
	}
	if (any)
		script_add("\n");
	return true;
}

bool features_dump(struct netlink *nl, const struct link *link)
{
	static const __u8 types[ETHTOOL_A_FEATURES_MAX + 1] = {
		[ETHTOOL_A_FEATURES_HW] = MNL_TYPE_NESTED,
		[ETHTOOL_A_FEATURES_WANTED] = MNL_TYPE_NESTED,
		[ETHTOOL_A_FEATURES_NOCHANGE] = MNL_TYPE_NESTED,
	};
	struct features features = { .link = link };
	struct answer answer = { types, ETHTOOL_A_FEATURES_MAX, take_features, &features };

	return ask(nl, link, ETHTOOL_MSG_FEATURES_GET, 0, &answer);
}

/* The first 32 bits; 0 if there is nothing. */
static bool get_word(const struct nlattr *attr, __u32 *word)
{
	*word = 0;
	if (!attr)
		return true;
	if (mnl_attr_get_payload_len(attr) < sizeof(*word))
		return false;
	memcpy(word, mnl_attr_get_payload(attr), sizeof(*word));
	return true;
}

static bool get_bitset(const struct nlattr *nest, __u32 *value, __u32 *mask)
{
	const struct nlattr *set[ETHTOOL_A_BITSET_MAX + 1];

	return nest && nl_parse_nested(nest, bitset_types, ETHTOOL_A_BITSET_MAX, set) &&
	       get_word(set[ETHTOOL_A_BITSET_VALUE], value) &&
	       get_word(set[ETHTOOL_A_BITSET_MASK], mask);
}

static bool take_messages(const struct nlattr **attrs, void *data)
{
	const struct link *link = data;
	__u32 value, mask;

	if (!get_bitset(attrs[ETHTOOL_A_DEBUG_MSGMASK], &value, &mask))
		return false;
	script_add("ethtool -s %s msglvl 0x%x\n", link->word, value);
	return true;
}

bool messages_dump(struct netlink *nl, const struct link *link)
{
	static const __u8 types[ETHTOOL_A_DEBUG_MAX + 1] = {
		[ETHTOOL_A_DEBUG_MSGMASK] = MNL_TYPE_NESTED,
	};
	struct answer answer = { types, ETHTOOL_A_DEBUG_MAX, take_messages, (void *)link };

	return ask(nl, link, ETHTOOL_MSG_DEBUG_GET, ETHTOOL_FLAG_COMPACT_BITSETS, &answer);
}

static bool take_wol(const struct nlattr **attrs, void *data)
{
	/* By bit, WAKE_*; one that needs a password is not of this driver. */
	static const char letters[] = "pumbag";
	const struct link *link = data;
	__u32 value, mask;
	unsigned int i;

	if (!get_bitset(attrs[ETHTOOL_A_WOL_MODES], &value, &mask))
		return false;
	if (!mask)
		return true;
	script_add("ethtool -s %s wol %s", link->word, value ? "" : "d");
	for (i = 0; letters[i]; i++)
		if (value & 1U << i)
			script_add("%c", letters[i]);
	script_add("\n");
	return true;
}

bool wol_dump(struct netlink *nl, const struct link *link)
{
	static const __u8 types[ETHTOOL_A_WOL_MAX + 1] = {
		[ETHTOOL_A_WOL_MODES] = MNL_TYPE_NESTED,
	};
	struct answer answer = { types, ETHTOOL_A_WOL_MAX, take_wol, (void *)link };

	return ask(nl, link, ETHTOOL_MSG_WOL_GET, ETHTOOL_FLAG_COMPACT_BITSETS, &answer);
}
