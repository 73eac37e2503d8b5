// SPDX-License-Identifier: GPL-2.0
#include "gso.h"

#define ETH_IPV6	0x86dd
#define TCP_FIN_PSH	0x09
#define TCP_CWR		0x80

static u32 get_be32(const u8 *p)
{
	return (u32)ivnet_get_be16(p) << 16 | ivnet_get_be16(p + 2);
}

static void put_be16(u8 *p, u32 value)
{
	p[0] = (u8)(value >> 8);
	p[1] = (u8)value;
}

static void put_be32(u8 *p, u32 value)
{
	put_be16(p, value >> 16);
	put_be16(p + 2, value);
}

static u32 fold(u64 sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (u32)sum;
}

/* Sum of 16-bit words in network order, the last one padded. */
static u64 sum_of(const u8 *p, u32 len)
{
	u64 sum = 0;

	for (; len > 1; len -= 2, p += 2)
		sum += ivnet_get_be16(p);
	return len ? sum + ((u32)*p << 8) : sum;
}

void csum_finish(u8 *frame, u32 len, const struct ivnet_meta *m)
{
	u32 sum = ~fold(sum_of(frame + m->csum_start, len - m->csum_start)) & 0xffff;

	/* Zero would say that there is no checksum. */
	put_be16(frame + m->csum_start + m->csum_offset, sum ? sum : 0xffff);
}

bool gso_begin(struct gso *g, const u8 *frame, u32 len, const struct ivnet_meta *m)
{
	u32 seen = len < IVNET_GSO_HDR_MAX ? len : IVNET_GSO_HDR_MAX, l3 = 14;
	u8 type = m->gso_type & (u8)~VIRTIO_NET_HDR_GSO_ECN;

	*g = (struct gso){ .frame = frame, .len = len, .size = m->gso_size };
	if (!(m->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) || !m->gso_size ||
	    ivnet_gso_check(m, frame, seen, len, &g->hdr))
		return false;
	/* Tags, which the check has followed as well. */
	while (ivnet_get_be16(frame + l3 - 2) == 0x8100 ||
	       ivnet_get_be16(frame + l3 - 2) == 0x88a8)
		l3 += 4;
	g->l3 = l3;
	g->l4 = m->csum_start;
	g->v6 = ivnet_get_be16(frame + l3 - 2) == ETH_IPV6;
	g->tcp = type != VIRTIO_NET_HDR_GSO_UDP_L4;
	g->at = g->hdr;
	return g->hdr <= seen;
}

/* The headers of a segment whose bytes are in place. */
static void fix_headers(const struct gso *g, u8 *to, u32 len, bool last)
{
	u32 l4_len = len - g->l4, csum = g->l4 + (g->tcp ? 16 : 6), sum;

	if (g->v6) {
		put_be16(to + g->l3 + 4, len - g->l3 - 40);
	} else {
		put_be16(to + g->l3 + 2, len - g->l3);
		put_be16(to + g->l3 + 4, ivnet_get_be16(to + g->l3 + 4) + g->n);
		put_be16(to + g->l3 + 10, 0);
		sum = fold(sum_of(to + g->l3, 4U * (to[g->l3] & 15)));
		put_be16(to + g->l3 + 10, ~sum);
	}
	if (g->tcp) {
		put_be32(to + g->l4 + 4, get_be32(to + g->l4 + 4) + g->n * g->size);
		if (!last)
			to[g->l4 + 13] &= (u8)~TCP_FIN_PSH;
		if (g->n)
			to[g->l4 + 13] &= (u8)~TCP_CWR;
	} else {
		put_be16(to + g->l4 + 4, l4_len);
	}
	/* The field holds the sum of the pseudo-header: with the whole frame's length. */
	sum = fold((u64)ivnet_get_be16(to + csum) + (~fold(g->len - g->l4) & 0xffff) + l4_len);
	put_be16(to + csum, sum);
	sum = ~fold(sum_of(to + g->l4, l4_len)) & 0xffff;
	put_be16(to + csum, sum ? sum : 0xffff);
}

u32 gso_next(struct gso *g, u8 *to)
{
	u32 payload = g->len - g->at;

	if (!payload)
		return 0;
	if (payload > g->size)
		payload = g->size;
	memcpy(to, g->frame, g->hdr);
	memcpy(to + g->hdr, g->frame + g->at, payload);
	g->at += payload;
	fix_headers(g, to, g->hdr + payload, g->at == g->len);
	g->n++;
	return g->hdr + payload;
}
