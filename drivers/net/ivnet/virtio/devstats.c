// SPDX-License-Identifier: GPL-2.0
/*
 * Statistics that the device keeps itself (virtio 1.3, 5.1.6.5.10): what is asked
 * for, what a reply may say, and how it is shown. Without a device.
 */

#include <linux/bits.h>
#include <linux/ethtool.h>
#include <linux/string.h>

#include "compat.h"
#include "devstats.h"

/* A direction has at most so many values of one type. */
#define TYPE_VALUES	6

/**
 * struct devstat_type - a type of statistics
 * @type: its number
 * @first: place of its first value among those of the ring
 * @names: of the values
 */
struct devstat_type {
	u8 type;
	u8 first;
	const char *names[TYPE_VALUES + 1];
};

static const struct devstat_type devstat_types[] = {
	{ VNET_DEVSTAT_RX_BASIC, 0,
	  { "notifications", "packets", "bytes", "interrupts", "drops",
	    "drop_overruns" } },
	{ VNET_DEVSTAT_RX_CSUM, 6,
	  { "csum_valid", "needs_csum", "csum_none", "csum_bad" } },
	{ VNET_DEVSTAT_RX_GSO, 10,
	  { "gso_packets", "gso_bytes", "gso_merged", "gso_merged_bytes" } },
	{ VNET_DEVSTAT_RX_SPEED, 14, { "over_rate_packets", "over_rate_bytes" } },
	{ VNET_DEVSTAT_TX_BASIC, 0,
	  { "notifications", "packets", "bytes", "interrupts", "drops",
	    "drop_malformed" } },
	{ VNET_DEVSTAT_TX_CSUM, 6, { "csum_none", "needs_csum" } },
	{ VNET_DEVSTAT_TX_GSO, 8,
	  { "gso_packets", "gso_bytes", "gso_segments", "gso_segment_bytes",
	    "gso_noseg_packets", "gso_noseg_bytes" } },
	{ VNET_DEVSTAT_TX_SPEED, 14, { "over_rate_packets", "over_rate_bytes" } },
	{ VNET_DEVSTAT_CTRL, 0, { "commands", "commands_ok" } },
};

static u32 type_values(const struct devstat_type *t)
{
	u32 n = 0;

	while (t->names[n])
		n++;

	return n;
}

static u64 type_bit(const struct devstat_type *t)
{
	return BIT_ULL(t->type);
}

/* Types of a ring that the device has. */
static u64 ring_types(const struct vnet_devstats *st, u32 ring)
{
	if (ring == st->ctrl_index)
		return st->types & BIT_ULL(VNET_DEVSTAT_CTRL);
	if (ring / 2 >= st->pairs)
		return 0;

	return st->types & (ring % 2 ? VNET_DEVSTAT_TX_TYPES :
			    VNET_DEVSTAT_RX_TYPES);
}

static u64 *ring_values(const struct vnet_devstats *st, u32 ring)
{
	if (ring == st->ctrl_index)
		return (u64 *)st->ctrl;

	return ring % 2 ? st->pair[ring / 2].tx : st->pair[ring / 2].rx;
}

static u32 types_values(u64 types)
{
	u32 i, n = 0;

	for (i = 0; i < ARRAY_SIZE(devstat_types); i++)
		if (types & type_bit(&devstat_types[i]))
			n += type_values(&devstat_types[i]);

	return n;
}

/**
 * vnet_devstats_count() - how many values there are to be shown
 * @st: the statistics
 *
 * Return: their number.
 */
u32 vnet_devstats_count(const struct vnet_devstats *st)
{
	const u64 ctrl = BIT_ULL(VNET_DEVSTAT_CTRL);

	return types_values(st->types & ctrl) +
	       st->pairs * types_values(st->types & ~ctrl);
}

/* The rings in the order in which they are shown: pairs, the control queue. */
static u32 shown_ring(const struct vnet_devstats *st, u32 i)
{
	return i < 2 * st->pairs ? i : st->ctrl_index;
}

static void ring_names(const struct vnet_devstats *st, u32 ring, u8 **p)
{
	u64 types = ring_types(st, ring);
	const struct devstat_type *t;
	u32 i, j;

	for (i = 0; i < ARRAY_SIZE(devstat_types); i++) {
		t = &devstat_types[i];
		for (j = 0; types & type_bit(t) && t->names[j]; j++)
			if (ring == st->ctrl_index)
				ethtool_sprintf(p, "device_ctrl_%s", t->names[j]);
			else
				ethtool_sprintf(p, "device_%s%u_%s",
						ring % 2 ? "tx" : "rx",
						ring / 2, t->names[j]);
	}
}

/**
 * vnet_devstats_names() - names for ``ethtool -S``
 * @st: the statistics
 * @p: where they go; moved on
 */
void vnet_devstats_names(const struct vnet_devstats *st, u8 **p)
{
	u32 i;

	for (i = 0; i <= 2 * st->pairs; i++)
		ring_names(st, shown_ring(st, i), p);
}

/**
 * vnet_devstats_values() - values in the order of the names
 * @st: the statistics
 * @data: where they go
 */
void vnet_devstats_values(const struct vnet_devstats *st, u64 *data)
{
	const struct devstat_type *t;
	u32 i, j, k, ring;
	u64 types;

	for (i = 0; i <= 2 * st->pairs; i++) {
		ring = shown_ring(st, i);
		types = ring_types(st, ring);
		for (j = 0; j < ARRAY_SIZE(devstat_types); j++) {
			t = &devstat_types[j];
			for (k = 0; types & type_bit(t) && t->names[k]; k++)
				*data++ = ring_values(st, ring)[t->first + k];
		}
	}
}

/* Bytes that the types of a ring take in a reply. */
static u32 ring_bytes(u64 types)
{
	return hweight64(types) * sizeof(struct vnet_devstat_hdr) +
	       types_values(types) * sizeof(__le64);
}

/**
 * vnet_devstats_query() - what to ask for
 * @st: the statistics
 * @first: first queue pair
 * @end: the one behind the last; behind all comes the control queue
 * @query: filled in, at most two for each pair and one
 * @reply: set to the bytes that the reply takes
 *
 * Return: how many of @query.
 */
u32 vnet_devstats_query(const struct vnet_devstats *st, u32 first, u32 end,
			struct vnet_devstat_query *query, u32 *reply)
{
	u32 i, ring, n = 0;
	u64 types;

	*reply = 0;
	for (i = 2 * first; i < 2 * end + (end == st->pairs); i++) {
		ring = shown_ring(st, i);
		types = ring_types(st, ring);
		if (!types)
			continue;
		query[n++] = (struct vnet_devstat_query) {
			.vq_index = cpu_to_le16(ring),
			.types = cpu_to_le64(types),
		};
		*reply += ring_bytes(types);
	}

	return n;
}

static const struct devstat_type *type_find(u8 type)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(devstat_types); i++)
		if (devstat_types[i].type == type)
			return &devstat_types[i];

	return NULL;
}

/*
 * The result at @at of a reply. A device may say more of a type than is known
 * here, never less.
 */
static const struct devstat_type *result_check(const u8 *reply, u32 len, u32 at,
					       u32 *ring, u32 *size)
{
	const struct devstat_type *t;
	struct vnet_devstat_hdr hdr;

	if (len - at < sizeof(hdr))
		return NULL;
	memcpy(&hdr, reply + at, sizeof(hdr));
	*ring = le16_to_cpu(hdr.vq_index);
	*size = le16_to_cpu(hdr.size);
	t = type_find(hdr.type);
	if (!t || *size > len - at ||
	    *size < sizeof(hdr) + type_values(t) * sizeof(__le64))
		return NULL;

	return t;
}

/* Was it asked for, and is it there for the first time? */
static bool result_wanted(struct vnet_devstat_query *left, u32 n, u32 ring,
			  u64 bit)
{
	u32 i;

	for (i = 0; i < n; i++)
		if (le16_to_cpu(left[i].vq_index) == ring &&
		    left[i].types & cpu_to_le64(bit)) {
			left[i].types &= ~cpu_to_le64(bit);
			return true;
		}

	return false;
}

static void result_take(struct vnet_devstats *st, const struct devstat_type *t,
			u32 ring, const u8 *values)
{
	u64 *to = ring_values(st, ring) + t->first;
	u32 i, n = type_values(t);
	__le64 val;

	for (i = 0; i < n; i++) {
		memcpy(&val, values + i * sizeof(val), sizeof(val));
		WRITE_ONCE(to[i], le64_to_cpu(val));
	}
}

/**
 * vnet_devstats_parse() - take over a reply
 * @st: the statistics
 * @query: what was asked for; used up
 * @n: how many
 * @reply: a copy that the device cannot change any more
 * @len: its bytes
 *
 * All that was asked for has to be there, once, and nothing else.
 *
 * Return: 0; or -EPROTO, and nothing is taken over.
 */
int vnet_devstats_parse(struct vnet_devstats *st,
			struct vnet_devstat_query *query, u32 n,
			const u8 *reply, u32 len)
{
	const struct devstat_type *t;
	u32 at, i, ring, size;

	for (at = 0; at < len; at += size) {
		t = result_check(reply, len, at, &ring, &size);
		if (!t || !result_wanted(query, n, ring, type_bit(t)))
			return -EPROTO;
	}
	for (i = 0; i < n; i++)
		if (query[i].types)
			return -EPROTO;

	for (at = 0; at < len; at += size) {
		t = result_check(reply, len, at, &ring, &size);
		result_take(st, t, ring,
			    reply + at + sizeof(struct vnet_devstat_hdr));
	}

	return 0;
}
