// SPDX-License-Identifier: GPL-2.0
/* What is received (virtio 1.3, 5.1.6.5.1 to 3), on which queue, with what hash (5.1.6.4.3). */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "vnet.h"

#define ETH_LENGTH 14
#define TYPE_IPV4 0x0800
#define TYPE_IPV6 0x86dd
#define TYPE_VLAN 0x8100
#define TYPE_QINQ 0x88a8

static unsigned int be16(const uint8_t *data)
{
	return (unsigned int)data[0] << 8 | data[1];
}

static bool listed(const struct vnet_filter *f, unsigned int kind, const uint8_t *mac)
{
	unsigned int i;

	for (i = 0; i < f->nr[kind]; i++)
		if (!memcmp(f->macs[kind][i], mac, 6))
			return true;

	return f->overflow[kind];
}

/**
 * vnet_filter() - does the driver want a frame?
 * @v: the device
 * @data: the frame
 * @length: of it
 *
 * Return: true if it does.
 */
bool vnet_filter(const struct vnet *v, const uint8_t *data, uint32_t length)
{
	static const uint8_t broadcast[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	const struct vnet_filter *f = &v->state.filter;
	unsigned int vlan;

	if (length < ETH_LENGTH)
		return false;
	if (vnet_has(v, VIRTIO_NET_F_CTRL_VLAN) && length >= 18 && be16(data + 12) == TYPE_VLAN) {
		vlan = be16(data + 14) & 0xfff;
		if (!(f->vlans[vlan / 8] & 1 << vlan % 8))
			return false;
	}
	if (f->flags[VIRTIO_NET_CTRL_RX_PROMISC])
		return true;
	if (!memcmp(data, broadcast, 6))
		return !f->flags[VIRTIO_NET_CTRL_RX_NOBCAST];
	if (data[0] & 1)
		return !f->flags[VIRTIO_NET_CTRL_RX_NOMULTI] &&
		       (f->flags[VIRTIO_NET_CTRL_RX_ALLMULTI] || listed(f, 1, data));
	if (f->flags[VIRTIO_NET_CTRL_RX_NOUNI])
		return false;

	return f->flags[VIRTIO_NET_CTRL_RX_ALLUNI] || !memcmp(data, v->state.mac, 6) ||
	       listed(f, 0, data);
}

/**
 * struct flow - what hashes are made of
 * @addresses: source, then destination; then the ports
 * @length: bytes of addresses: 8 or 32; 0: no IP
 * @protocol: IPPROTO_TCP or IPPROTO_UDP with ports, or 0
 */
struct flow {
	uint8_t addresses[32 + 4];
	unsigned int length;
	unsigned int protocol;
};

static void dissect_ports(struct flow *f, unsigned int protocol, const uint8_t *data,
			  const uint8_t *end)
{
	if ((protocol != IPPROTO_TCP && protocol != IPPROTO_UDP) || end - data < 4)
		return;
	memcpy(f->addresses + f->length, data, 4);
	f->protocol = protocol;
}

static void dissect(struct flow *f, const uint8_t *data, uint32_t length)
{
	const uint8_t *end = data + length;
	unsigned int type, header;

	f->length = 0;
	f->protocol = 0;
	type = be16(data + 12);
	data += ETH_LENGTH;
	while ((type == TYPE_VLAN || type == TYPE_QINQ) && end - data >= 4) {
		type = be16(data + 2);
		data += 4;
	}
	if (type == TYPE_IPV4 && end - data >= 20) {
		memcpy(f->addresses, data + 12, 8);
		f->length = 8;
		header = (data[0] & 0xf) * 4u;
		/* A fragment has no ports, even if the first one could show them. */
		if (!(be16(data + 6) & 0x3fff) && header >= 20 && end - data >= header)
			dissect_ports(f, data[9], data + header, end);
	} else if (type == TYPE_IPV6 && end - data >= 40) {
		memcpy(f->addresses, data + 8, 32);
		f->length = 32;
		dissect_ports(f, data[6], data + 40, end);
	}
}

static uint32_t toeplitz(const struct vnet_rss *rss, const uint8_t *data, unsigned int length)
{
	uint32_t hash = 0, window;
	unsigned int i, bit;

	window = (uint32_t)rss->key[0] << 24 | (uint32_t)rss->key[1] << 16 |
		 (uint32_t)rss->key[2] << 8 | rss->key[3];
	for (i = 0; i < length; i++) {
		for (bit = 0; bit < 8; bit++) {
			if (data[i] & 0x80 >> bit)
				hash ^= window;
			window <<= 1;
			if (i + 4 < VNET_RSS_KEY && rss->key[i + 4] & 0x80 >> bit)
				window |= 1;
		}
	}

	return hash;
}

/* The hash that was configured; its type, or VIRTIO_NET_HASH_REPORT_NONE. */
static uint16_t hash_flow(const struct vnet_rss *rss, const struct flow *f, uint32_t *hash)
{
	bool v6 = f->length == 32;
	uint32_t tcp = v6 ? VIRTIO_NET_RSS_HASH_TYPE_TCPv6 : VIRTIO_NET_RSS_HASH_TYPE_TCPv4;
	uint32_t udp = v6 ? VIRTIO_NET_RSS_HASH_TYPE_UDPv6 : VIRTIO_NET_RSS_HASH_TYPE_UDPv4;
	uint32_t ip = v6 ? VIRTIO_NET_RSS_HASH_TYPE_IPv6 : VIRTIO_NET_RSS_HASH_TYPE_IPv4;

	if (!f->length)
		return VIRTIO_NET_HASH_REPORT_NONE;
	if (f->protocol == IPPROTO_TCP && rss->types & tcp) {
		*hash = toeplitz(rss, f->addresses, f->length + 4);
		return v6 ? VIRTIO_NET_HASH_REPORT_TCPv6 : VIRTIO_NET_HASH_REPORT_TCPv4;
	}
	if (f->protocol == IPPROTO_UDP && rss->types & udp) {
		*hash = toeplitz(rss, f->addresses, f->length + 4);
		return v6 ? VIRTIO_NET_HASH_REPORT_UDPv6 : VIRTIO_NET_HASH_REPORT_UDPv4;
	}
	if (!(rss->types & ip))
		return VIRTIO_NET_HASH_REPORT_NONE;
	*hash = toeplitz(rss, f->addresses, f->length);

	return v6 ? VIRTIO_NET_HASH_REPORT_IPv6 : VIRTIO_NET_HASH_REPORT_IPv4;
}

/* The same for both directions of a flow. */
static unsigned int flow_slot(const struct flow *f)
{
	unsigned int slot = f->protocol, i;

	for (i = 0; i < f->length + (f->protocol ? 4 : 0); i++)
		slot += f->addresses[i] * (1 + i % 2 * 6u);

	return slot % VNET_FLOWS;
}

/**
 * vnet_steer() - the pair that a received frame goes to
 * @v: the device
 * @data: the frame; it has an Ethernet header
 * @length: of it
 * @hash: set to its hash, if it has one
 * @report: set to the kind of hash
 *
 * Return: number of the pair.
 */
unsigned int vnet_steer(struct vnet *v, const uint8_t *data, uint32_t length, uint32_t *hash,
			uint16_t *report)
{
	const struct vnet_rss *rss = &v->state.rss;
	struct flow f;

	*hash = 0;
	*report = VIRTIO_NET_HASH_REPORT_NONE;
	if (!rss->key_length && v->state.pairs == 1)
		return 0;
	dissect(&f, data, length);
	if (rss->key_length)
		*report = hash_flow(rss, &f, hash);
	if (!rss->steering)
		return v->state.flows[flow_slot(&f)] % v->state.pairs;
	if (*report == VIRTIO_NET_HASH_REPORT_NONE)
		return rss->unclassified;

	return rss->table[*hash & rss->mask];
}

/**
 * vnet_sent() - a frame was sent; what comes back goes to the same pair
 * @v: the device
 * @pair: its number
 * @data: the frame; it has an Ethernet header
 * @length: of it
 */
void vnet_sent(struct vnet *v, unsigned int pair, const uint8_t *data, uint32_t length)
{
	struct flow f;

	if (v->state.pairs == 1)
		return;
	dissect(&f, data, length);
	v->state.flows[flow_slot(&f)] = (uint8_t)pair;
}
