/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Packet metadata: what a device or peer says about a frame, and the rules it
 * has to keep. Pure functions over private copies, the same for virtio-net
 * (virtio 1.3, 5.1.6) and shared memory; they also build in user space.
 */
#ifndef _NET_IVNET_VNET_HDR_H
#define _NET_IVNET_VNET_HDR_H

#include <linux/types.h>
#include <linux/virtio_net.h>

#ifndef VIRTIO_NET_HDR_GSO_UDP_L4
#define VIRTIO_NET_HDR_GSO_UDP_L4	5
#endif

/*
 * Segment sizes of a TCP frame begin here, as the stack's do: below it a frame
 * falls into tens of thousands of segments.
 */
#define IVNET_TCP_GSO_MIN	8

/* Most segments of a UDP frame, as the stack has it. */
#define IVNET_UDP_SEGS_MAX	128

/* How many bytes of a frame ivnet_gso_check() wants to see at the most. */
#define IVNET_GSO_HDR_MAX	192

/**
 * struct ivnet_meta - metadata of one frame, in CPU byte order
 * @flags: VIRTIO_NET_HDR_F_*
 * @gso_type: VIRTIO_NET_HDR_GSO_*, perhaps with VIRTIO_NET_HDR_GSO_ECN
 * @hdr_len: bytes before the payload of a frame to be segmented; a hint
 * @gso_size: payload bytes of one segment
 * @csum_start: offset from the start of the frame where the sum begins
 * @csum_offset: offset from @csum_start of the 16-bit sum
 */
struct ivnet_meta {
	u8 flags;
	u8 gso_type;
	u16 hdr_len;
	u16 gso_size;
	u16 csum_start;
	u16 csum_offset;
};

/**
 * enum ivnet_meta_err - which rule a frame's metadata breaks
 * @IVNET_META_OK: none
 * @IVNET_META_FLAGS: a checksum flag that was not negotiated
 * @IVNET_META_CSUM: the checksum lies outside the frame
 * @IVNET_META_GSO_TYPE: a segmentation type that is unknown, not negotiated,
 *	or not what the frame's own headers say
 * @IVNET_META_GSO_SIZE: a segment size of zero, of 0xffff, which means
 *	something else to the stack, or one that gives too many segments
 */
enum ivnet_meta_err {
	IVNET_META_OK,
	IVNET_META_FLAGS,
	IVNET_META_CSUM,
	IVNET_META_GSO_TYPE,
	IVNET_META_GSO_SIZE,
};

/**
 * struct ivnet_meta_rules - what was negotiated with the other side
 * @flags: flag bits it may set
 * @gso_types: bit n set: segmentation type n is allowed; bit
 *	%IVNET_GSO_ECN_BIT: together with ECN
 */
struct ivnet_meta_rules {
	u8 flags;
	u8 gso_types;
};

#define IVNET_GSO_BIT(type)	(1U << (type))
#define IVNET_GSO_ECN_BIT	7

static inline bool ivnet_gso_tcp(u8 type)
{
	return type == VIRTIO_NET_HDR_GSO_TCPV4 ||
	       type == VIRTIO_NET_HDR_GSO_TCPV6;
}

/**
 * ivnet_meta_check() - check metadata against the rules and the frame's length
 * @m: private copy of the metadata
 * @rules: what was negotiated
 * @len: bytes of the frame, from the destination address on
 *
 * The frame's own headers are not looked at; see ivnet_gso_check().
 *
 * Return: %IVNET_META_OK or the rule that is broken.
 * Source: virtio 1.3, 5.1.6.4.1 and 5.1.6.4.2.
 */
static inline enum ivnet_meta_err
ivnet_meta_check(const struct ivnet_meta *m,
		 const struct ivnet_meta_rules *rules, u32 len)
{
	const u8 csum_flags = VIRTIO_NET_HDR_F_NEEDS_CSUM |
			      VIRTIO_NET_HDR_F_DATA_VALID;
	u8 type = m->gso_type & ~VIRTIO_NET_HDR_GSO_ECN;

	if (m->flags & csum_flags & ~rules->flags)
		return IVNET_META_FLAGS;

	/* 32-bit sums of 16-bit values: nothing here can overflow. */
	if (m->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM &&
	    (m->csum_start < 14 ||
	     (u32)m->csum_start + m->csum_offset + 2 > len))
		return IVNET_META_CSUM;

	if (type == VIRTIO_NET_HDR_GSO_NONE)
		return m->gso_type ? IVNET_META_GSO_TYPE : IVNET_META_OK;

	if (type >= IVNET_GSO_ECN_BIT ||
	    !(rules->gso_types & IVNET_GSO_BIT(type)))
		return IVNET_META_GSO_TYPE;
	if (m->gso_type & VIRTIO_NET_HDR_GSO_ECN &&
	    (!(rules->gso_types & IVNET_GSO_BIT(IVNET_GSO_ECN_BIT)) ||
	     !ivnet_gso_tcp(type)))
		return IVNET_META_GSO_TYPE;

	if (!m->gso_size || m->gso_size == 0xffff)
		return IVNET_META_GSO_SIZE;
	if (ivnet_gso_tcp(type))
		return m->gso_size < IVNET_TCP_GSO_MIN ? IVNET_META_GSO_SIZE :
							 IVNET_META_OK;

	/* Segments of a UDP frame cannot go without a sum each. */
	if (!(m->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM))
		return IVNET_META_GSO_TYPE;

	return IVNET_META_OK;
}

static inline u16 ivnet_get_be16(const u8 *p)
{
	return (u16)(p[0] << 8 | p[1]);
}

/*
 * Offset of the transport header behind an IPv6 header at @off, or 0. Only
 * the extension headers that may stand before TCP and UDP are followed.
 */
static inline u32 ivnet_ipv6_l4(const u8 *p, u32 off, u32 len, u8 *proto)
{
	unsigned int hops;

	if (off + 40 > len)
		return 0;
	*proto = p[off + 6];
	off += 40;

	for (hops = 0; hops < 4; hops++) {
		/* hop-by-hop options, routing, destination options */
		if (*proto != 0 && *proto != 43 && *proto != 60)
			return off;
		if (off + 8 > len)
			return 0;
		*proto = p[off];
		off += 8 + 8 * (u32)p[off + 1];
	}

	return 0;
}

/**
 * ivnet_gso_find() - find the headers that a segmentation type promises
 * @type: VIRTIO_NET_HDR_GSO_*, without VIRTIO_NET_HDR_GSO_ECN
 * @p: the first bytes of the frame
 * @len: how many of them may be read
 * @frame_len: bytes of the whole frame
 * @l3: set to the number of bytes before the IP header
 * @start: set to the number of bytes before the transport header
 * @l4_len: set to the number of bytes before the payload
 *
 * Return: %IVNET_META_OK or %IVNET_META_GSO_TYPE.
 */
static inline enum ivnet_meta_err ivnet_gso_find(u8 type, const u8 *p, u32 len,
						 u32 frame_len, u32 *l3,
						 u32 *start, u32 *l4_len)
{
	u16 ethertype, want = 6;
	unsigned int tags;
	u32 l4, off = 12;
	u8 proto;

	for (tags = 0; ; tags++) {
		if (off + 2 > len)
			return IVNET_META_GSO_TYPE;
		ethertype = ivnet_get_be16(p + off);
		off += 2;
		if (ethertype != 0x8100 && ethertype != 0x88a8)
			break;
		if (tags == 2)
			return IVNET_META_GSO_TYPE;
		off += 2;
	}
	*l3 = off;

	if (ethertype == 0x0800) {
		if (off + 20 > len || p[off] >> 4 != 4 || (p[off] & 15) < 5)
			return IVNET_META_GSO_TYPE;
		proto = p[off + 9];
		l4 = off + 4 * (u32)(p[off] & 15);
	} else if (ethertype == 0x86dd) {
		if (off >= len || p[off] >> 4 != 6)
			return IVNET_META_GSO_TYPE;
		l4 = ivnet_ipv6_l4(p, off, len, &proto);
		if (!l4)
			return IVNET_META_GSO_TYPE;
	} else {
		return IVNET_META_GSO_TYPE;
	}

	switch (type) {
	case VIRTIO_NET_HDR_GSO_TCPV4:
		if (ethertype != 0x0800)
			return IVNET_META_GSO_TYPE;
		break;
	case VIRTIO_NET_HDR_GSO_TCPV6:
		if (ethertype != 0x86dd)
			return IVNET_META_GSO_TYPE;
		break;
	default:
		want = 17;
		break;
	}
	if (proto != want)
		return IVNET_META_GSO_TYPE;

	if (want == 6) {
		if (l4 + 20 > len || p[l4 + 12] >> 4 < 5)
			return IVNET_META_GSO_TYPE;
		*l4_len = l4 + 4 * (u32)(p[l4 + 12] >> 4);
	} else {
		*l4_len = l4 + 8;
	}
	*start = l4;

	return *l4_len > frame_len ? IVNET_META_GSO_TYPE : IVNET_META_OK;
}

/**
 * ivnet_gso_check() - does a frame carry the headers its metadata promises?
 * @m: metadata that passed ivnet_meta_check(), with a segmentation type
 * @p: the first bytes of the frame
 * @len: how many of them may be read; %IVNET_GSO_HDR_MAX of them are enough
 * @frame_len: bytes of the whole frame
 * @l4_len: set to the number of bytes before the payload
 *
 * A segmentation type that disagrees with the packet leads the stack to parse
 * one protocol's header as another's, so the two are compared before an skb
 * is marked. At most two VLAN tags are followed.
 *
 * Return: %IVNET_META_OK, or %IVNET_META_GSO_TYPE, %IVNET_META_CSUM or
 * %IVNET_META_GSO_SIZE.
 */
static inline enum ivnet_meta_err
ivnet_gso_check(const struct ivnet_meta *m, const u8 *p, u32 len,
		u32 frame_len, u32 *l4_len)
{
	u8 type = m->gso_type & ~VIRTIO_NET_HDR_GSO_ECN;
	bool tcp = ivnet_gso_tcp(type);
	enum ivnet_meta_err err;
	u32 l3, l4;

	err = ivnet_gso_find(type, p, len, frame_len, &l3, &l4, l4_len);
	if (err)
		return err;

	if (m->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM &&
	    (m->csum_start != l4 || m->csum_offset != (tcp ? 16 : 6)))
		return IVNET_META_CSUM;

	if (!tcp && frame_len - *l4_len > (u32)m->gso_size * IVNET_UDP_SEGS_MAX)
		return IVNET_META_GSO_SIZE;

	return IVNET_META_OK;
}

/**
 * struct ivnet_rsc - what a device says of a frame that it made of several
 * @segments: how many
 * @dup_acks: duplicate ACKs of the connection that it kept back
 * @l3: bytes before the IP header
 */
struct ivnet_rsc {
	u16 segments;
	u16 dup_acks;
	u32 l3;
};

/**
 * ivnet_rsc_take() - take VIRTIO_NET_HDR_F_RSC_INFO out of metadata
 * @m: private copy of the metadata, with that flag; changed
 * @p: the first bytes of the frame
 * @len: how many of them may be read; %IVNET_GSO_HDR_MAX of them are enough
 * @frame_len: bytes of the whole frame
 * @rsc: filled in
 *
 * The two numbers stand where else the position of the sum does, which follows
 * from the frame. What is left in @m is that of any frame to be segmented, for
 * ivnet_meta_check(): where the device asks for no sum it has checked those of
 * the segments, as nobody can any more; where it names no size of segments all
 * but the last are taken for equal.
 *
 * Return: %IVNET_META_OK; %IVNET_META_FLAGS if this is no TCP frame to be
 * segmented, %IVNET_META_GSO_TYPE if it has other headers,
 * %IVNET_META_GSO_SIZE if it cannot be of so many segments.
 * Source: virtio 1.3, 5.1.6.4 and 5.1.6.4.1.
 */
static inline enum ivnet_meta_err ivnet_rsc_take(struct ivnet_meta *m,
						 const u8 *p, u32 len,
						 u32 frame_len,
						 struct ivnet_rsc *rsc)
{
	u8 type = m->gso_type & ~VIRTIO_NET_HDR_GSO_ECN;
	u32 l4, l4_len, payload;
	enum ivnet_meta_err err;

	rsc->segments = m->csum_start;
	rsc->dup_acks = m->csum_offset;
	if (!ivnet_gso_tcp(type))
		return IVNET_META_FLAGS;

	err = ivnet_gso_find(type, p, len, frame_len, &rsc->l3, &l4, &l4_len);
	if (err)
		return err;
	payload = frame_len - l4_len;
	if (!rsc->segments || (rsc->segments > 1 && rsc->segments > payload))
		return IVNET_META_GSO_SIZE;

	m->flags &= ~VIRTIO_NET_HDR_F_RSC_INFO;
	if (!(m->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM))
		m->flags |= VIRTIO_NET_HDR_F_DATA_VALID;
	m->csum_start = l4;
	m->csum_offset = 16;
	if (rsc->segments == 1)
		m->gso_type = VIRTIO_NET_HDR_GSO_NONE;
	else if (!m->gso_size)
		m->gso_size = (payload + rsc->segments - 1) / rsc->segments;

	return IVNET_META_OK;
}

#endif
