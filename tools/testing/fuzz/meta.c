// SPDX-License-Identifier: GPL-2.0
/*
 * Runs the checks of received metadata on an input and aborts when a property
 * does not hold that the receive path and the stack rely on.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "meta.h"

/* What the stack takes for a list of fragments instead of a size. */
#define GSO_BY_FRAGS	0xffff

static void demand(bool holds, const char *property, const struct input *in)
{
	if (holds)
		return;
	fprintf(stderr, "broken: %s\n", property);
	fprintf(stderr, "flags %#x gso_type %#x gso_size %u csum %u + %u\n",
		in->m.flags, in->m.gso_type, in->m.gso_size, in->m.csum_start,
		in->m.csum_offset);
	fprintf(stderr, "%u of %u bytes\n", in->len, in->frame_len);
	abort();
}

#define DEMAND(property, in)	demand(property, #property, in)

static u16 get16(const u8 *p)
{
	return p[0] | p[1] << 8;
}

/**
 * input_parse() - take an input apart
 * @in: filled in
 * @data: the input
 * @size: its bytes
 *
 * Return: false if it is too short.
 */
bool input_parse(struct input *in, const u8 *data, size_t size)
{
	if (size < INPUT_HDR || size > INPUT_HDR + FRAME_MAX)
		return false;

	in->m.flags = data[0];
	in->m.gso_type = data[1];
	in->m.hdr_len = get16(data + 2);
	in->m.gso_size = get16(data + 4);
	in->m.csum_start = get16(data + 6);
	in->m.csum_offset = get16(data + 8);
	in->rules.flags = data[10];
	in->rules.gso_types = data[11];
	in->len = size - INPUT_HDR;
	in->frame_len = in->len + get16(data + 12);
	if (in->frame_len > FRAME_MAX)
		in->frame_len = FRAME_MAX;

	return true;
}

/* What ivnet_meta_check() lets through. */
static void check_accepted(const struct input *in)
{
	const struct ivnet_meta *m = &in->m;
	u8 type = m->gso_type & 0x7f;

	DEMAND(!(m->flags & 3 & ~in->rules.flags), in);
	if (m->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) {
		DEMAND(m->csum_start >= 14, in);
		DEMAND((unsigned long long)m->csum_start + m->csum_offset + 2 <=
		       in->frame_len, in);
	}
	if (!m->gso_type)
		return;
	DEMAND(type >= 1 && type <= 6, in);
	DEMAND(in->rules.gso_types >> type & 1, in);
	if (m->gso_type & VIRTIO_NET_HDR_GSO_ECN) {
		DEMAND(in->rules.gso_types >> 7, in);
		DEMAND(type == VIRTIO_NET_HDR_GSO_TCPV4 ||
		       type == VIRTIO_NET_HDR_GSO_TCPV6, in);
	}
	DEMAND(m->gso_size > 0, in);
	DEMAND(m->gso_size != GSO_BY_FRAGS, in);
	if (type == VIRTIO_NET_HDR_GSO_TCPV4 ||
	    type == VIRTIO_NET_HDR_GSO_TCPV6)
		DEMAND(m->gso_size >= 8, in);
	else
		DEMAND(m->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM, in);
}

/* What ivnet_gso_check() lets through besides. */
static void check_segments(const struct input *in, const u8 *p, u32 l4_len)
{
	bool tcp = (in->m.gso_type & 0x7f) == VIRTIO_NET_HDR_GSO_TCPV4 ||
		   (in->m.gso_type & 0x7f) == VIRTIO_NET_HDR_GSO_TCPV6;
	u32 off = 14, csum_at;

	DEMAND(l4_len <= in->frame_len, in);
	/* The stack counts segments in 16 bits. */
	DEMAND((in->frame_len + in->m.gso_size - 1) / in->m.gso_size <= 0xffff,
	       in);
	/* Ethernet, the smallest IP header, the smallest transport header. */
	DEMAND(l4_len >= 14 + 20 + (tcp ? 20 : 8), in);
	DEMAND(tcp || in->frame_len - l4_len <= in->m.gso_size * 128U, in);

	while (p[off - 2] == 0x81 || p[off - 2] == 0x88)
		off += 4;
	DEMAND(off <= 14 + 8, in);
	if ((in->m.gso_type & 0x7f) == VIRTIO_NET_HDR_GSO_TCPV4)
		DEMAND(p[off] >> 4 == 4 && p[off + 9] == 6, in);
	if ((in->m.gso_type & 0x7f) == VIRTIO_NET_HDR_GSO_TCPV6)
		DEMAND(p[off] >> 4 == 6, in);

	if (!(in->m.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM))
		return;
	/* The sum lies in the transport header, which ends at l4_len. */
	csum_at = (u32)in->m.csum_start + in->m.csum_offset;
	DEMAND(csum_at + 2 <= l4_len, in);
	DEMAND(in->m.csum_offset == (tcp ? 16 : 6), in);
	DEMAND(l4_len - in->m.csum_start >= (tcp ? 20 : 8), in);
	DEMAND(l4_len - in->m.csum_start <= (tcp ? 60 : 8), in);
}

/* What ivnet_rsc_take() leaves of metadata that it changes. */
static bool take_rsc(struct input *in, const u8 *frame)
{
	enum ivnet_meta_err err;
	struct ivnet_rsc rsc;
	u8 *p;

	p = malloc(in->len);
	if (!p)
		abort();
	memcpy(p, frame, in->len);
	err = ivnet_rsc_take(&in->m, p, in->len, in->frame_len, &rsc);
	free(p);
	DEMAND(err == IVNET_META_OK || err == IVNET_META_FLAGS ||
	       err == IVNET_META_GSO_TYPE || err == IVNET_META_GSO_SIZE, in);
	if (err)
		return false;
	DEMAND(!(in->m.flags & VIRTIO_NET_HDR_F_RSC_INFO), in);
	DEMAND(in->m.flags & 3, in);
	DEMAND(rsc.segments, in);
	DEMAND(rsc.segments == 1 || in->m.gso_size, in);
	DEMAND(in->m.csum_start >= 14 + 20, in);
	DEMAND(in->m.csum_start + 20U <= in->frame_len, in);

	return true;
}

/**
 * input_run() - run the checks on an input
 * @data: the input
 * @size: its bytes
 *
 * Return: was the metadata accepted?
 */
bool input_run(const u8 *data, size_t size)
{
	enum ivnet_meta_err err;
	struct input in;
	u32 l4_len = 0;
	u8 *p;

	if (!input_parse(&in, data, size))
		return false;

	if (in.m.flags & in.rules.flags & VIRTIO_NET_HDR_F_RSC_INFO &&
	    !take_rsc(&in, data + INPUT_HDR))
		return false;

	err = ivnet_meta_check(&in.m, &in.rules, in.frame_len);
	DEMAND(err >= IVNET_META_OK && err <= IVNET_META_GSO_SIZE, &in);
	if (err)
		return false;
	check_accepted(&in);
	if (!in.m.gso_type)
		return true;

	/* Memory of exactly this size: one byte too many is an error. */
	p = malloc(in.len);
	if (!p)
		abort();
	memcpy(p, data + INPUT_HDR, in.len);
	err = ivnet_gso_check(&in.m, p, in.len, in.frame_len, &l4_len);
	DEMAND(err == IVNET_META_OK || err == IVNET_META_GSO_TYPE ||
	       err == IVNET_META_CSUM ||
	       err == IVNET_META_GSO_SIZE, &in);
	if (!err)
		check_segments(&in, p, l4_len);
	free(p);

	return !err;
}
