// SPDX-License-Identifier: GPL-2.0
/* The control queue (virtio 1.3, 5.1.6.5). */
#include <string.h>

#include "vnet.h"

#define DATA_MAX 8192

/* Of VIRTIO_NET_CTRL_NOTF_COAL, where headers do not have them. */
enum {
	COAL_TX_SET,
	COAL_RX_SET,
	COAL_VQ_SET,
	COAL_VQ_GET,
};

#define CTRL_STATS 8
#define GUEST_OFFLOADS (BIT(VIRTIO_NET_F_GUEST_CSUM) | BIT(VIRTIO_NET_F_GUEST_TSO4) | \
	BIT(VIRTIO_NET_F_GUEST_TSO6) | BIT(VIRTIO_NET_F_GUEST_ECN) | \
	BIT(VIRTIO_NET_F_GUEST_USO4) | BIT(VIRTIO_NET_F_GUEST_USO6))

/**
 * struct request - a command that is carried out
 * @class: of it
 * @command: in the class
 * @data: what comes with it
 * @length: bytes
 * @reply: what goes back behind the answer
 * @room: for it
 * @replied: bytes of it
 */
struct request {
	uint8_t class;
	uint8_t command;
	const uint8_t *data;
	uint32_t length;
	uint8_t *reply;
	uint32_t room;
	uint32_t replied;
};

static struct element element;
static uint8_t data[DATA_MAX];
static uint8_t reply[1 + DATA_MAX];

static uint16_t le16_at(const uint8_t *at)
{
	uint16_t value;

	memcpy(&value, at, sizeof(value));

	return value;
}

static uint32_t le32_at(const uint8_t *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));

	return value;
}

/**
 * vnet_ctrl_reset() - what commands have set, as it is at first
 * @v: the device; its features are negotiated, or there are none
 */
void vnet_ctrl_reset(struct vnet *v)
{
	struct vnet_state *s = &v->state;

	memcpy(s->mac, v->o.mac, sizeof(s->mac));
	memset(&s->filter, 0, sizeof(s->filter));
	memset(&s->rss, 0, sizeof(s->rss));
	memset(s->coal, 0, sizeof(s->coal));
	/* Who cannot say what it wants gets everything. */
	s->filter.flags[VIRTIO_NET_CTRL_RX_PROMISC] = true;
	s->pairs = 1;
	s->offloads = s->accepted & GUEST_OFFLOADS;
	if (v->backend >= 0)
		backend_offloads(v);
}

static bool set_rx(struct vnet *v, struct request *r)
{
	unsigned int feature = r->command > VIRTIO_NET_CTRL_RX_ALLMULTI ?
		VIRTIO_NET_F_CTRL_RX_EXTRA : VIRTIO_NET_F_CTRL_RX;

	if (r->command > VIRTIO_NET_CTRL_RX_NOBCAST || !vnet_has(v, feature) || r->length != 1)
		return false;
	v->state.filter.flags[r->command] = r->data[0];

	return true;
}

static bool set_table(struct vnet *v, struct request *r)
{
	struct vnet_filter f = v->state.filter;
	unsigned int kind, nr;
	uint32_t at = 0;

	for (kind = 0; kind < 2; kind++) {
		if (r->length - at < 4)
			return false;
		nr = le32_at(r->data + at);
		at += 4;
		if (nr > (r->length - at) / 6)
			return false;
		f.overflow[kind] = nr > VNET_MACS;
		f.nr[kind] = f.overflow[kind] ? 0 : nr;
		memcpy(f.macs[kind], r->data + at, 6 * f.nr[kind]);
		at += 6 * nr;
	}
	if (at != r->length)
		return false;
	v->state.filter = f;

	return true;
}

static bool set_mac(struct vnet *v, struct request *r)
{
	if (r->command == VIRTIO_NET_CTRL_MAC_TABLE_SET && vnet_has(v, VIRTIO_NET_F_CTRL_RX))
		return set_table(v, r);
	if (r->command != VIRTIO_NET_CTRL_MAC_ADDR_SET ||
	    !vnet_has(v, VIRTIO_NET_F_CTRL_MAC_ADDR) || r->length != 6)
		return false;
	memcpy(v->state.mac, r->data, 6);

	return true;
}

static bool set_vlan(struct vnet *v, struct request *r)
{
	unsigned int vlan;

	if (r->command > VIRTIO_NET_CTRL_VLAN_DEL || !vnet_has(v, VIRTIO_NET_F_CTRL_VLAN) ||
	    r->length != 2)
		return false;
	vlan = le16_at(r->data);
	if (vlan >= VNET_VLANS)
		return false;
	if (r->command == VIRTIO_NET_CTRL_VLAN_ADD)
		v->state.filter.vlans[vlan / 8] |= 1 << vlan % 8;
	else
		v->state.filter.vlans[vlan / 8] &= ~(1 << vlan % 8);

	return true;
}

static bool acknowledge(struct vnet *v, struct request *r)
{
	uint8_t *status = v->config + offsetof(struct virtio_net_config, status);

	if (r->command != VIRTIO_NET_CTRL_ANNOUNCE_ACK ||
	    !vnet_has(v, VIRTIO_NET_F_GUEST_ANNOUNCE) || r->length ||
	    !(*status & VIRTIO_NET_S_ANNOUNCE))
		return false;
	*status &= ~VIRTIO_NET_S_ANNOUNCE;
	v->generation++;
	v->counts.announced++;

	return true;
}

static void set_pairs(struct vnet *v, unsigned int pairs)
{
	unsigned int i;

	v->state.pairs = pairs;
	for (i = 0; i < pairs; i++)
		v->queues[2 * i + 1].kicked = true;
}

/* Linux sends a byte more: the size of its structure is rounded up. */
static bool set_key(struct vnet_rss *rss, const uint8_t *at, uint32_t left)
{
	if (left < 1 || at[0] > VNET_RSS_KEY || left < 1u + at[0])
		return false;
	rss->key_length = at[0];
	memset(rss->key, 0, sizeof(rss->key));
	memcpy(rss->key, at + 1, at[0]);

	return true;
}

/* struct virtio_net_rss_config; the table is in the middle. */
static bool set_rss(struct vnet *v, struct request *r)
{
	struct vnet_rss rss = { .steering = true };
	uint32_t at = 8, entries, i;

	if (r->length < at)
		return false;
	rss.types = le32_at(r->data);
	rss.mask = le16_at(r->data + 4);
	rss.unclassified = le16_at(r->data + 6);
	entries = 1u + rss.mask;
	if (entries > VNET_RSS_TABLE || entries & rss.mask || rss.unclassified >= v->o.pairs ||
	    r->length - at < 2 * entries + 3)
		return false;
	for (i = 0; i < entries; i++, at += 2) {
		rss.table[i] = le16_at(r->data + at);
		if (rss.table[i] >= v->o.pairs)
			return false;
	}
	rss.max_tx = le16_at(r->data + at);
	at += 2;
	if (!rss.max_tx || rss.max_tx > v->o.pairs || !set_key(&rss, r->data + at, r->length - at))
		return false;
	v->state.rss = rss;
	set_pairs(v, rss.max_tx);

	return true;
}

static bool set_hash(struct vnet *v, struct request *r)
{
	struct vnet_rss rss = { 0 };

	if (r->length < 12)
		return false;
	rss.types = le32_at(r->data);
	if (!set_key(&rss, r->data + 12, r->length - 12))
		return false;
	v->state.rss = rss;

	return true;
}

static bool set_mq(struct vnet *v, struct request *r)
{
	unsigned int pairs;

	if (r->command == VIRTIO_NET_CTRL_MQ_RSS_CONFIG)
		return vnet_has(v, VIRTIO_NET_F_RSS) && set_rss(v, r);
	if (r->command == VIRTIO_NET_CTRL_MQ_HASH_CONFIG)
		return vnet_has(v, VIRTIO_NET_F_HASH_REPORT) && set_hash(v, r);
	if (r->command != VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET || !vnet_has(v, VIRTIO_NET_F_MQ) ||
	    r->length != 2)
		return false;
	pairs = le16_at(r->data);
	if (!pairs || pairs > v->o.pairs)
		return false;
	v->state.rss.steering = false;
	set_pairs(v, pairs);

	return true;
}

static bool set_offloads(struct vnet *v, struct request *r)
{
	uint64_t offloads;

	if (r->command != VIRTIO_NET_CTRL_GUEST_OFFLOADS_SET ||
	    !vnet_has(v, VIRTIO_NET_F_CTRL_GUEST_OFFLOADS) || r->length != 8)
		return false;
	memcpy(&offloads, r->data, sizeof(offloads));
	if (offloads & ~(v->state.accepted & GUEST_OFFLOADS))
		return false;
	v->state.offloads = offloads;
	backend_offloads(v);

	return true;
}

static bool set_all_coal(struct vnet *v, struct request *r)
{
	unsigned int kind = r->command == COAL_TX_SET ? 1 : 0, i;
	struct vnet_coal coal;

	if (!vnet_has(v, VIRTIO_NET_F_NOTF_COAL) || r->length != 8)
		return false;
	coal.packets = le32_at(r->data);
	coal.usecs = le32_at(r->data + 4);
	v->state.coal[kind] = coal;
	for (i = 0; i < v->o.pairs; i++)
		v->queues[2 * i + kind].coal = coal;

	return true;
}

static bool set_coal(struct vnet *v, struct request *r)
{
	uint32_t answer[3];
	struct vnet_queue *q;
	unsigned int index;

	if (r->command == COAL_TX_SET || r->command == COAL_RX_SET)
		return set_all_coal(v, r);
	if (!vnet_has(v, VIRTIO_NET_F_VQ_NOTF_COAL) || r->length < 4)
		return false;
	index = le16_at(r->data);
	q = &v->queues[index < 2 * v->o.pairs ? index : 0];
	if (index >= 2 * v->o.pairs || !q->enabled)
		return false;
	if (r->command == COAL_VQ_SET && r->length == 12) {
		q->coal.packets = le32_at(r->data + 4);
		q->coal.usecs = le32_at(r->data + 8);
		return true;
	}
	if (r->command != COAL_VQ_GET || r->room < sizeof(answer))
		return false;
	answer[0] = index;
	answer[1] = q->coal.packets;
	answer[2] = q->coal.usecs;
	memcpy(r->reply, &answer, sizeof(answer));
	r->replied = 12;

	return true;
}

/* One of struct virtio_net_stats_*: a header and its numbers. */
static bool add_stats(struct request *r, unsigned int queue, unsigned int type,
		      const uint64_t *numbers, unsigned int nr)
{
	uint16_t size = (uint16_t)(8 + 8 * nr);
	uint8_t *to = r->reply + r->replied;

	if (r->room - r->replied < size)
		return false;
	memset(to, 0, 8);
	to[0] = (uint8_t)type;
	memcpy(to + 2, &(uint16_t){ (uint16_t)queue }, 2);
	memcpy(to + 6, &size, 2);
	memcpy(to + 8, numbers, 8 * nr);
	r->replied += size;

	return true;
}

enum stats {
	RX_BASIC = 0,
	RX_CSUM = 1,
	RX_GSO = 2,
	TX_BASIC = 16,
	TX_CSUM = 17,
	TX_GSO = 18,
	CVQ = 32,
};

#define RX_STATS (BIT(RX_BASIC) | BIT(RX_CSUM) | BIT(RX_GSO))
#define TX_STATS (BIT(TX_BASIC) | BIT(TX_CSUM) | BIT(TX_GSO))

static bool queue_stats(struct vnet *v, struct request *r, unsigned int index, uint64_t types)
{
	const struct vnet_queue *q = &v->queues[index];
	const uint64_t basic[] = { q->kicks, q->packets, q->bytes, q->interrupts, q->drops,
				   index & 1 ? q->drops : q->overruns };
	const struct vnet_frame_counts *c = index & 1 ? &v->tx : &v->rx;
	const uint64_t csum[] = { c->csum_valid, c->needs_csum, c->csum_none, 0 };
	const uint64_t tx_csum[] = { c->csum_none, c->needs_csum };
	const uint64_t gso[] = { c->gso_packets, c->gso_bytes, c->gso_segments, c->gso_bytes,
				 0, 0 };
	/* this one included */
	const uint64_t commands[] = { v->nr_commands + 1, v->counts.commands[0] + 1 };

	if (index == vnet_ctrl_index(v))
		return types == BIT(CVQ) && add_stats(r, index, CVQ, commands, 2);
	if (types & ~(index & 1 ? TX_STATS : RX_STATS))
		return false;
	if (index & 1)
		return (!(types & BIT(TX_BASIC)) || add_stats(r, index, TX_BASIC, basic, 6)) &&
		       (!(types & BIT(TX_CSUM)) || add_stats(r, index, TX_CSUM, tx_csum, 2)) &&
		       (!(types & BIT(TX_GSO)) || add_stats(r, index, TX_GSO, gso, 6));

	return (!(types & BIT(RX_BASIC)) || add_stats(r, index, RX_BASIC, basic, 6)) &&
	       (!(types & BIT(RX_CSUM)) || add_stats(r, index, RX_CSUM, csum, 4)) &&
	       (!(types & BIT(RX_GSO)) || add_stats(r, index, RX_GSO, gso, 4));
}

static bool get_stats(struct vnet *v, struct request *r)
{
	const uint64_t types = RX_STATS | TX_STATS | BIT(CVQ);
	uint64_t wanted;
	unsigned int index;
	uint32_t at;

	if (!vnet_has(v, VIRTIO_NET_F_DEVICE_STATS) || r->command > 1)
		return false;
	if (!r->command) {
		if (r->length || r->room < sizeof(types))
			return false;
		memcpy(r->reply, &types, sizeof(types));
		r->replied = sizeof(types);
		return true;
	}
	if (!r->length || r->length % 16)
		return false;
	for (at = 0; at < r->length; at += 16) {
		index = le16_at(r->data + at);
		memcpy(&wanted, r->data + at + 8, sizeof(wanted));
		if (index >= vnet_queues(v) || !queue_stats(v, r, index, wanted))
			return false;
	}

	return true;
}

static bool carry_out(struct vnet *v, struct request *r)
{
	switch (r->class) {
	case VIRTIO_NET_CTRL_RX:
		return set_rx(v, r);
	case VIRTIO_NET_CTRL_MAC:
		return set_mac(v, r);
	case VIRTIO_NET_CTRL_VLAN:
		return set_vlan(v, r);
	case VIRTIO_NET_CTRL_ANNOUNCE:
		return acknowledge(v, r);
	case VIRTIO_NET_CTRL_MQ:
		return set_mq(v, r);
	case VIRTIO_NET_CTRL_GUEST_OFFLOADS:
		return set_offloads(v, r);
	case VIRTIO_NET_CTRL_NOTF_COAL:
		return set_coal(v, r);
	case CTRL_STATS:
		return get_stats(v, r);
	}

	return false;
}

static uint32_t gather(uint8_t *to, uint32_t room)
{
	uint32_t done = 0, part;
	unsigned int i;

	for (i = 0; i < element.out; i++) {
		part = (uint32_t)element.segments[i].iov_len;
		if (part > room - done)
			part = room - done;
		memcpy(to + done, element.segments[i].iov_base, part);
		done += part;
	}

	return done;
}

static void scatter(const uint8_t *from, uint32_t length)
{
	uint32_t done = 0, part;
	unsigned int i;

	for (i = element.out; i < element.out + element.in && done < length; i++) {
		part = (uint32_t)element.segments[i].iov_len;
		if (part > length - done)
			part = length - done;
		memcpy(element.segments[i].iov_base, from + done, part);
		done += part;
	}
}

static void remember(struct vnet *v, const struct request *r, int ack)
{
	struct vnet_command *c = &v->commands[v->nr_commands++ % VNET_LOG];

	c->class = r->class;
	c->command = r->command;
	c->length = r->length;
	c->ack = ack;
	if (ack >= 0)
		v->counts.commands[ack != VIRTIO_NET_OK]++;
}

/* One command; false: it has no answer yet. */
static bool handle(struct vnet *v, struct vnet_queue *q)
{
	struct request r = { .data = data + 2, .reply = reply + 1 };
	uint32_t length, value;
	bool good = false;

	length = gather(data, sizeof(data));
	r.class = length ? data[0] : 0xff;
	r.command = length > 1 ? data[1] : 0xff;
	r.length = length > 2 ? length - 2 : 0;
	r.room = element.in_len < sizeof(reply) ? element.in_len : sizeof(reply);
	r.room = r.room ? r.room - 1 : 0;
	if (lie_told(&v->lies, LIE_CTRL_SILENT, LIE_CTRL_INDEX, NULL)) {
		remember(v, &r, -1);
		return false;
	}
	if (lie_told(&v->lies, LIE_CTRL_ACK, LIE_CTRL_INDEX, &value)) {
		reply[0] = (uint8_t)value;
	} else {
		good = length > 1 && length < sizeof(data) && element.in_len &&
		       carry_out(v, &r);
		reply[0] = good ? VIRTIO_NET_OK : VIRTIO_NET_ERR;
		if (!good)
			r.replied = 0;
	}
	if (r.replied && lie_told(&v->lies, LIE_CTRL_REPLY, LIE_CTRL_INDEX, &value))
		memset(r.reply, (int)value, r.replied);
	remember(v, &r, reply[0]);
	scatter(reply, 1 + r.replied);
	if (lie_told(&v->lies, LIE_CTRL_LATE, LIE_CTRL_INDEX, &value)) {
		v->late.at = vnet_now() + value * 1000000ull;
		v->late.id = element.id;
		v->late.descs = element.descs;
		v->late.len = 1 + r.replied;
		return false;
	}
	vnet_push(v, q, element.id, element.descs, 1 + r.replied);

	return true;
}

/**
 * vnet_ctrl() - commands
 * @v: the device
 * @q: the control queue
 */
void vnet_ctrl(struct vnet *v, struct vnet_queue *q)
{
	while (!v->late.at && vnet_pop(v, q, &element)) {
		if (!handle(v, q))
			continue;
		vnet_publish(v, q);
		vnet_notify(v, q);
	}
	if (q->enabled && vnet_running(v))
		q->ring.ops->kicks(&q->ring, true);
	if (!v->late.at && q->enabled && vnet_running(v) && !q->ring.ops->empty(&q->ring))
		q->kicked = true;
}
