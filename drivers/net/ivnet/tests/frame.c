// SPDX-License-Identifier: GPL-2.0
/* Builds frames for the tests. */

#include <kunit/test.h>
#include <linux/etherdevice.h>
#include <linux/in.h>
#include <net/ipv6.h>

#include "frame.h"

#define GSO_SIZE	1000
#define PAYLOAD		2500

const struct frame_spec frame_specs[FRAME_SPECS] = {
	{ .name = "TCPv4", .version = 4, .proto = IPPROTO_TCP,
	  .payload = PAYLOAD },
	{ .name = "TCPv4, TCP options", .version = 4, .proto = IPPROTO_TCP,
	  .tcp_options = 40, .payload = PAYLOAD },
	{ .name = "TCPv4, IP options", .version = 4, .proto = IPPROTO_TCP,
	  .ip_options = 40, .tcp_options = 12, .payload = PAYLOAD },
	{ .name = "TCPv4, VLAN", .version = 4, .proto = IPPROTO_TCP,
	  .tpid = { ETH_P_8021Q }, .payload = PAYLOAD },
	{ .name = "TCPv4, QinQ", .version = 4, .proto = IPPROTO_TCP,
	  .tpid = { ETH_P_8021AD, ETH_P_8021Q }, .payload = PAYLOAD },
	{ .name = "TCPv6", .version = 6, .proto = IPPROTO_TCP,
	  .payload = PAYLOAD },
	{ .name = "TCPv6, hop-by-hop options", .version = 6,
	  .proto = IPPROTO_TCP, .ext = { NEXTHDR_HOP }, .n_ext = 1,
	  .tcp_options = 12, .payload = PAYLOAD },
	{ .name = "TCPv6, three extension headers", .version = 6,
	  .proto = IPPROTO_TCP, .n_ext = 3, .ext_len = 1,
	  .ext = { NEXTHDR_HOP, NEXTHDR_ROUTING, NEXTHDR_DEST },
	  .payload = PAYLOAD },
	{ .name = "TCPv6, QinQ", .version = 6, .proto = IPPROTO_TCP,
	  .tpid = { ETH_P_8021AD, ETH_P_8021Q }, .payload = PAYLOAD },
	{ .name = "UDPv4", .version = 4, .proto = IPPROTO_UDP,
	  .payload = PAYLOAD },
	{ .name = "UDPv4, IP options, VLAN", .version = 4,
	  .proto = IPPROTO_UDP, .ip_options = 4, .tpid = { ETH_P_8021AD },
	  .payload = PAYLOAD },
	{ .name = "UDPv6", .version = 6, .proto = IPPROTO_UDP,
	  .payload = PAYLOAD },
	{ .name = "UDPv6, destination options", .version = 6,
	  .proto = IPPROTO_UDP, .ext = { NEXTHDR_DEST }, .n_ext = 1,
	  .ext_len = 2, .payload = PAYLOAD },
	{ .name = "TCPv4, no payload", .version = 4, .proto = IPPROTO_TCP },
};

/* The offsets follow from the description alone. */
static void frame_layout(const struct frame_spec *spec, struct frame *f)
{
	u32 tags = 0;

	while (tags < ARRAY_SIZE(spec->tpid) && spec->tpid[tags])
		tags++;
	f->ip = 14 + 4 * tags;
	f->l4 = f->ip;
	if (spec->version == 4)
		f->l4 += 20 + spec->ip_options;
	else
		f->l4 += 40 + spec->n_ext * (8 + 8 * spec->ext_len);

	if (spec->proto == IPPROTO_TCP) {
		f->seen = f->l4 + 20;
		f->l4_len = f->l4 + 20 + spec->tcp_options;
	} else {
		/* Of the last header the start is enough. */
		f->seen = spec->version == 4 ? f->ip + 20 :
			  f->l4 - (spec->n_ext ? 8 * spec->ext_len : 0);
		f->l4_len = f->l4 + 8;
	}
	f->len = f->l4_len + spec->payload;
}

static void put_ethernet(const struct frame_spec *spec, struct frame *f)
{
	u8 *p = f->data + 12;
	unsigned int i;

	eth_broadcast_addr(f->data);
	for (i = 0; i < ARRAY_SIZE(spec->tpid) && spec->tpid[i]; i++) {
		frame_put16(p, spec->tpid[i]);
		frame_put16(p + 2, 100 + i);
		p += 4;
	}
	frame_put16(p, spec->version == 4 ? ETH_P_IP : ETH_P_IPV6);
}

static void put_ip(const struct frame_spec *spec, struct frame *f)
{
	u8 *p = f->data + f->ip;
	unsigned int i;
	u8 *next;

	if (spec->version == 4) {
		p[0] = 0x40 | (20 + spec->ip_options) / 4;
		frame_put16(p + 2, f->len - f->ip);
		p[8] = 64;
		p[9] = spec->proto;
		return;
	}

	p[0] = 0x60;
	frame_put16(p + 4, f->len - f->ip - 40);
	p[7] = 64;
	next = p + 6;
	p += 40;
	for (i = 0; i < spec->n_ext; i++) {
		*next = spec->ext[i];
		next = p;
		p[1] = spec->ext_len;
		p += 8 + 8 * spec->ext_len;
	}
	*next = spec->proto;
}

static void frame_meta(const struct frame_spec *spec, struct frame *f)
{
	struct ivnet_meta *m = &f->meta;

	m->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	m->hdr_len = f->l4_len;
	m->gso_size = GSO_SIZE;
	m->csum_start = f->l4;
	m->csum_offset = spec->proto == IPPROTO_TCP ? 16 : 6;
	if (spec->proto == IPPROTO_UDP)
		m->gso_type = VIRTIO_NET_HDR_GSO_UDP_L4;
	else if (spec->version == 4)
		m->gso_type = VIRTIO_NET_HDR_GSO_TCPV4;
	else
		m->gso_type = VIRTIO_NET_HDR_GSO_TCPV6;
}

/**
 * frame_build() - build a frame
 * @test: owns the memory
 * @spec: what it looks like
 * @f: filled in
 */
void frame_build(struct kunit *test, const struct frame_spec *spec,
		 struct frame *f)
{
	u32 i;

	memset(f, 0, sizeof(*f));
	frame_layout(spec, f);
	f->data = kunit_kzalloc(test, f->len, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, f->data);

	put_ethernet(spec, f);
	put_ip(spec, f);
	if (spec->proto == IPPROTO_TCP)
		f->data[f->l4 + 12] = (20 + spec->tcp_options) / 4 << 4;
	else
		frame_put16(f->data + f->l4 + 4, f->len - f->l4);
	for (i = f->l4_len; i < f->len; i++)
		f->data[i] = i * 7;
	frame_meta(spec, f);
}
