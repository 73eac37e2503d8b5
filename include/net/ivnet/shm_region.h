/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Layout of an ivnet-shm region: which geometry is valid and where things lie.
 * Pure, and the same in kernel and user space.
 *
 * A section begins with what its port says, one block of 128 bytes each:
 * announce, a link block for each port, then for each lane a producer and a
 * consumer block. From the next page on it has the lanes themselves, all of
 * one size: a ring of descriptors and a data area. Port i has a lane to each
 * other port j and queue q, number (j < i ? j : j - 1) * queues + q.
 */
#ifndef _NET_IVNET_SHM_REGION_H
#define _NET_IVNET_SHM_REGION_H

#include <net/ivnet/shm_ring.h>

/* Smallest region that holds two ports with one queue each, bytes. */
#define IVNET_SHM_REGION_MIN	32768

/* With a payload of 1,500 bytes and an 802.1Q header, bytes. */
#define IVNET_SHM_FRAME_USUAL	1518

/* What &ivnet_shm_header.header_len says: the checksum ends the header. */
#define IVNET_SHM_HEADER_LEN						\
	(offsetof(struct ivnet_shm_header, crc) + 4)

/* Frames of the longest kind that a data area must hold. */
#define IVNET_SHM_FRAMES_MIN	4

/**
 * struct ivnet_shm_geometry - checked layout of a region
 * @region_size: bytes
 * @stride: bytes from one section to the next
 * @first: offset of section 0, bytes
 * @ports: sections
 * @queues: queues of each link
 * @order: log2 of descriptors in a ring
 * @max_frame: longest frame, bytes
 * @lanes_off: from the start of a section to its lanes, bytes
 * @lane: bytes from one lane to the next
 * @data_size: bytes of a lane's data area
 */
struct ivnet_shm_geometry {
	u64 region_size;
	u64 stride;
	u32 first;
	u32 ports;
	u32 queues;
	u32 order;
	u32 max_frame;
	u32 lanes_off;
	u32 lane;
	u32 data_size;
};

/**
 * ivnet_shm_crc() - CRC-32C
 * @data: bytes
 * @len: how many
 *
 * Bit by bit: it runs once, over 64 bytes, and needs no kernel module.
 *
 * Return: the checksum.
 */
static inline u32 ivnet_shm_crc(const void *data, u32 len)
{
	const u8 *p = data;
	u32 crc = ~0U, bit;

	while (len--) {
		crc ^= *p++;
		for (bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
	}

	return ~crc;
}

/**
 * enum ivnet_shm_geometry_err - why a header is not accepted
 * @IVNET_SHM_GEOMETRY_OK: it is
 * @IVNET_SHM_GEOMETRY_MAJOR: another format
 * @IVNET_SHM_GEOMETRY_CRC: length or checksum is wrong
 * @IVNET_SHM_GEOMETRY_FEATURES: needs something unknown
 * @IVNET_SHM_GEOMETRY_SIZE: the region has another size
 * @IVNET_SHM_GEOMETRY_RANGE: ports, queues or ring size out of range
 * @IVNET_SHM_GEOMETRY_FIT: sections overlap or do not fit
 */
enum ivnet_shm_geometry_err {
	IVNET_SHM_GEOMETRY_OK,
	IVNET_SHM_GEOMETRY_MAJOR,
	IVNET_SHM_GEOMETRY_CRC,
	IVNET_SHM_GEOMETRY_FEATURES,
	IVNET_SHM_GEOMETRY_SIZE,
	IVNET_SHM_GEOMETRY_RANGE,
	IVNET_SHM_GEOMETRY_FIT,
};

/**
 * ivnet_shm_geometry_fit() - derive the lanes, and see whether all fits
 * @g: everything before @lanes_off is set
 *
 * Return: %IVNET_SHM_GEOMETRY_OK, or what is wrong.
 */
static inline enum ivnet_shm_geometry_err
ivnet_shm_geometry_fit(struct ivnet_shm_geometry *g)
{
	u32 lanes, ring;
	u64 lane;

	if (g->ports < IVNET_SHM_PORTS_MIN || g->ports > IVNET_SHM_PORTS_MAX ||
	    g->queues < 1 || g->queues > IVNET_SHM_QUEUES_MAX ||
	    g->order < IVNET_SHM_ORDER_MIN || g->order > IVNET_SHM_ORDER_MAX ||
	    g->max_frame < IVNET_SHM_FRAME_MIN ||
	    g->max_frame > IVNET_SHM_FRAME_MAX)
		return IVNET_SHM_GEOMETRY_RANGE;

	if (g->first < IVNET_SHM_PAGE || g->first % IVNET_SHM_PAGE ||
	    g->stride % IVNET_SHM_PAGE || g->first > g->region_size ||
	    g->stride > (g->region_size - g->first) / g->ports)
		return IVNET_SHM_GEOMETRY_FIT;

	lanes = (g->ports - 1) * g->queues;
	g->lanes_off = 128 * (1 + g->ports + 2 * lanes);
	g->lanes_off = (g->lanes_off + IVNET_SHM_PAGE - 1) &
		       ~(u32)(IVNET_SHM_PAGE - 1);
	if (g->lanes_off >= g->stride)
		return IVNET_SHM_GEOMETRY_FIT;

	/* A lane beyond 1 GiB serves nobody; 32-bit offsets suffice. */
	lane = (g->stride - g->lanes_off) / lanes;
	if (lane > 1U << 30)
		lane = 1U << 30;
	g->lane = (u32)lane & ~(u32)(IVNET_SHM_GRANULE - 1);
	ring = (u32)sizeof(struct ivnet_shm_desc) << g->order;
	if (g->lane <= ring)
		return IVNET_SHM_GEOMETRY_FIT;
	g->data_size = g->lane - ring;
	if (g->data_size / IVNET_SHM_FRAMES_MIN < g->max_frame)
		return IVNET_SHM_GEOMETRY_FIT;

	return IVNET_SHM_GEOMETRY_OK;
}

/**
 * ivnet_shm_geometry_text() - why a header is not accepted
 * @err: the reason, not %IVNET_SHM_GEOMETRY_OK
 *
 * Return: words for the user.
 */
static inline const char *
ivnet_shm_geometry_text(enum ivnet_shm_geometry_err err)
{
	switch (err) {
	case IVNET_SHM_GEOMETRY_MAJOR:
		return "another major version";
	case IVNET_SHM_GEOMETRY_CRC:
		return "wrong length or checksum of the header";
	case IVNET_SHM_GEOMETRY_FEATURES:
		return "an unknown feature is required";
	case IVNET_SHM_GEOMETRY_SIZE:
		return "made for another region size";
	case IVNET_SHM_GEOMETRY_RANGE:
		return "ports, queues, ring or frame size out of range";
	default:
		return "sections do not fit";
	}
}

/**
 * ivnet_shm_ports_default() - ports for a region, if nobody says how many
 * @size: bytes of the region
 *
 * Return: as many as get about a MiB in each direction.
 */
static inline u32 ivnet_shm_ports_default(u64 size)
{
	if (size >= 64ULL << 20)
		return 8;

	return size >= 16ULL << 20 ? 4 : 2;
}

/**
 * ivnet_shm_geometry_default() - a good layout for a region
 * @g: filled in
 * @size: bytes of the region
 * @ports: ports that it shall have
 * @queues: queues of each link
 *
 * The ring takes about a sixteenth of a lane, for frames of 512 bytes on
 * average; the longest frame is as long as four of them allow.
 *
 * Return: %IVNET_SHM_GEOMETRY_OK, or what is wrong.
 */
static inline enum ivnet_shm_geometry_err
ivnet_shm_geometry_default(struct ivnet_shm_geometry *g, u64 size, u32 ports,
			   u32 queues)
{
	u64 lane;

	*g = (struct ivnet_shm_geometry) {
		.region_size	= size,
		.first		= IVNET_SHM_PAGE,
		.ports		= ports,
		.queues		= queues,
		.order		= IVNET_SHM_ORDER_MIN,
		.max_frame	= IVNET_SHM_FRAME_MIN,
	};
	if (ports < IVNET_SHM_PORTS_MIN || ports > IVNET_SHM_PORTS_MAX ||
	    queues < 1 || queues > IVNET_SHM_QUEUES_MAX)
		return IVNET_SHM_GEOMETRY_RANGE;
	if (size < IVNET_SHM_REGION_MIN)
		return IVNET_SHM_GEOMETRY_FIT;

	g->stride = (size - g->first) / ports;
	g->stride &= ~(u64)(IVNET_SHM_PAGE - 1);
	lane = g->stride / ((ports - 1) * queues);
	while (g->order < 12 &&
	       (sizeof(struct ivnet_shm_desc) << (g->order + 1)) <= lane / 16)
		g->order++;

	/* With the shortest frame all that is left goes into data. */
	if (ivnet_shm_geometry_fit(g))
		return IVNET_SHM_GEOMETRY_FIT;
	g->max_frame = g->data_size / IVNET_SHM_FRAMES_MIN;
	if (g->max_frame > IVNET_SHM_FRAME_MAX)
		g->max_frame = IVNET_SHM_FRAME_MAX;

	return IVNET_SHM_GEOMETRY_OK;
}

/**
 * ivnet_shm_geometry_roomy() - a good layout, if nobody says how many queues
 * @g: filled in
 * @size: bytes of the region
 * @ports: number of ports
 * @queues: queues of each link, 1 to 4; made fewer where frames of the usual
 *	length, which are worth more, would not fit
 *
 * Return: %IVNET_SHM_GEOMETRY_OK, or why there is none.
 */
static inline enum ivnet_shm_geometry_err
ivnet_shm_geometry_roomy(struct ivnet_shm_geometry *g, u64 size, u32 ports,
			 u32 *queues)
{
	enum ivnet_shm_geometry_err err;

	err = ivnet_shm_geometry_default(g, size, ports, *queues);
	while (*queues > 1 && (err || g->max_frame < IVNET_SHM_FRAME_USUAL))
		err = ivnet_shm_geometry_default(g, size, ports, --*queues);

	return err;
}

/**
 * ivnet_shm_geometry_check() - take the layout from a header
 * @g: filled in
 * @h: private copy of a header that has the magic
 * @size: bytes of the region
 * @crc: CRC-32C of the first 64 bytes of @h
 *
 * Return: %IVNET_SHM_GEOMETRY_OK, or why the header is not accepted.
 */
static inline enum ivnet_shm_geometry_err
ivnet_shm_geometry_check(struct ivnet_shm_geometry *g,
			 const struct ivnet_shm_header *h, u64 size, u32 crc)
{
	if (le16_to_cpu(h->major) != IVNET_SHM_MAJOR)
		return IVNET_SHM_GEOMETRY_MAJOR;
	if (le16_to_cpu(h->header_len) != IVNET_SHM_HEADER_LEN ||
	    le32_to_cpu(h->crc) != crc)
		return IVNET_SHM_GEOMETRY_CRC;
	if (h->features_must)
		return IVNET_SHM_GEOMETRY_FEATURES;
	if (le64_to_cpu(h->region_size) != size)
		return IVNET_SHM_GEOMETRY_SIZE;

	*g = (struct ivnet_shm_geometry) {
		.region_size	= size,
		.stride		= le64_to_cpu(h->section_stride),
		.first		= le32_to_cpu(h->first_section),
		.ports		= le16_to_cpu(h->max_ports),
		.queues		= le16_to_cpu(h->queues),
		.order		= le16_to_cpu(h->ring_order),
		.max_frame	= le32_to_cpu(h->max_frame),
	};

	return ivnet_shm_geometry_fit(g);
}

/**
 * ivnet_shm_header_fill() - the header that a layout has
 * @h: filled in, but for its checksum
 * @g: the layout
 */
static inline void ivnet_shm_header_fill(struct ivnet_shm_header *h,
					 const struct ivnet_shm_geometry *g)
{
	*h = (struct ivnet_shm_header) {
		.magic		= cpu_to_le64(IVNET_SHM_MAGIC),
		.major		= cpu_to_le16(IVNET_SHM_MAJOR),
		.minor		= cpu_to_le16(IVNET_SHM_MINOR),
		.header_len	= cpu_to_le16(IVNET_SHM_HEADER_LEN),
		.max_ports	= cpu_to_le16(g->ports),
		.region_size	= cpu_to_le64(g->region_size),
		.first_section	= cpu_to_le32(g->first),
		.section_stride	= cpu_to_le64(g->stride),
		.queues		= cpu_to_le16(g->queues),
		.ring_order	= cpu_to_le16(g->order),
		.max_frame	= cpu_to_le32(g->max_frame),
	};
}

/**
 * ivnet_shm_section() - where a port's section begins
 * @g: the layout
 * @i: the port
 *
 * Return: offset from the start of the region, bytes.
 */
static inline u64 ivnet_shm_section(const struct ivnet_shm_geometry *g, u32 i)
{
	return g->first + g->stride * i;
}

/**
 * ivnet_shm_link_off() - where port @i speaks about its link to port @j
 * @g: the layout
 * @i: whose section
 * @j: the other port
 *
 * Return: offset from the start of the region, bytes.
 */
static inline u64 ivnet_shm_link_off(const struct ivnet_shm_geometry *g, u32 i,
				     u32 j)
{
	return ivnet_shm_section(g, i) + 128 * (1 + j);
}

/**
 * ivnet_shm_lane() - number of a lane within a section
 * @g: the layout
 * @i: whose section
 * @j: the other port
 * @q: the queue
 *
 * Return: the number.
 */
static inline u32 ivnet_shm_lane(const struct ivnet_shm_geometry *g, u32 i,
				 u32 j, u32 q)
{
	return (j < i ? j : j - 1) * g->queues + q;
}

/**
 * ivnet_shm_prod_off() - where port @i keeps its producer block to port @j
 * @g: the layout
 * @i: whose section
 * @j: the receiver
 * @q: the queue
 *
 * Return: offset from the start of the region, bytes.
 */
static inline u64 ivnet_shm_prod_off(const struct ivnet_shm_geometry *g, u32 i,
				     u32 j, u32 q)
{
	return ivnet_shm_section(g, i) +
	       128 * (1 + g->ports + ivnet_shm_lane(g, i, j, q));
}

/**
 * ivnet_shm_cons_off() - where port @i keeps its consumer block for port @j
 * @g: the layout
 * @i: whose section
 * @j: the sender
 * @q: the queue
 *
 * Return: offset from the start of the region, bytes.
 */
static inline u64 ivnet_shm_cons_off(const struct ivnet_shm_geometry *g, u32 i,
				     u32 j, u32 q)
{
	return ivnet_shm_prod_off(g, i, j, q) +
	       128 * (g->ports - 1) * g->queues;
}

/**
 * ivnet_shm_ring_off() - where the ring from port @i to port @j lies
 * @g: the layout
 * @i: the sender
 * @j: the receiver
 * @q: the queue
 *
 * The data area follows it.
 *
 * Return: offset from the start of the region, bytes.
 */
static inline u64 ivnet_shm_ring_off(const struct ivnet_shm_geometry *g, u32 i,
				     u32 j, u32 q)
{
	return ivnet_shm_section(g, i) + g->lanes_off +
	       (u64)g->lane * ivnet_shm_lane(g, i, j, q);
}

/**
 * ivnet_shm_data_off() - where the frames from port @i to port @j lie
 * @g: the layout
 * @i: the sender
 * @j: the receiver
 * @q: the queue
 *
 * Return: offset from the start of the region, bytes.
 */
static inline u64 ivnet_shm_data_off(const struct ivnet_shm_geometry *g, u32 i,
				     u32 j, u32 q)
{
	return ivnet_shm_ring_off(g, i, j, q) +
	       ((u64)sizeof(struct ivnet_shm_desc) << g->order);
}

/**
 * ivnet_shm_tx_place() - empty the sending side of a lane, where it lies
 * @tx: filled in, but for @tx.end, which is left alone
 * @g: the layout
 * @own: our section
 * @theirs: the peer's
 * @me: our port
 * @peer: the peer's
 * @q: the queue
 *
 * Return: the data area.
 */
static inline u8 *ivnet_shm_tx_place(struct ivnet_shm_tx *tx,
				     const struct ivnet_shm_geometry *g,
				     u8 *own, const u8 *theirs, u32 me,
				     u32 peer, u32 q)
{
	u64 here = ivnet_shm_section(g, me), there = ivnet_shm_section(g, peer);

	tx->ring = (void *)(own + (ivnet_shm_ring_off(g, me, peer, q) - here));
	tx->own = (void *)(own + (ivnet_shm_prod_off(g, me, peer, q) - here));
	tx->peer = (const void *)
		   (theirs + (ivnet_shm_cons_off(g, peer, me, q) - there));
	tx->mask = (1U << g->order) - 1;
	tx->data_size = g->data_size;
	ivnet_shm_tx_reset(tx);

	return own + (ivnet_shm_data_off(g, me, peer, q) - here);
}

/**
 * ivnet_shm_rx_place() - empty the receiving side of a lane, where it lies
 * @rx: filled in
 * @g: the layout
 * @own: our section
 * @theirs: the peer's
 * @me: our port
 * @peer: the peer's
 * @q: the queue
 * @flags: descriptor flags that were agreed on
 *
 * Return: the peer's data area.
 */
static inline const u8 *ivnet_shm_rx_place(struct ivnet_shm_rx *rx,
					   const struct ivnet_shm_geometry *g,
					   u8 *own, const u8 *theirs, u32 me,
					   u32 peer, u32 q, u16 flags)
{
	u64 here = ivnet_shm_section(g, me), there = ivnet_shm_section(g, peer);

	rx->ring = (const void *)
		   (theirs + (ivnet_shm_ring_off(g, peer, me, q) - there));
	rx->own = (void *)(own + (ivnet_shm_cons_off(g, me, peer, q) - here));
	rx->peer = (const void *)
		   (theirs + (ivnet_shm_prod_off(g, peer, me, q) - there));
	rx->mask = (1U << g->order) - 1;
	rx->data_size = g->data_size;
	rx->max_frame = g->max_frame;
	rx->flags = flags;
	ivnet_shm_rx_reset(rx);

	return theirs + (ivnet_shm_data_off(g, peer, me, q) - there);
}

#endif
