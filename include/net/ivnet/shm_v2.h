/* SPDX-License-Identifier: GPL-2.0 */
/*
 * IVSHMEM v2: what a device says about its shared memory, and the geometry that
 * follows from it. Jailhouse, Documentation/ivshmem-v2-specification.md; the
 * names in brackets are its sections. Pure, and the same in kernel and user space.
 */
#ifndef _NET_IVNET_SHM_V2_H
#define _NET_IVNET_SHM_V2_H

#include <net/ivnet/shm_region.h>

#define IVNET_V2_VENDOR		0x110a
#define IVNET_V2_DEVICE		0x4106
#define IVNET_V2_CLASS		0xff0000	/* and the protocol type */
#define IVNET_V2_PROTO_CLASSIC	0x0001		/* peer-to-peer Ethernet */

/* [Register Region], offsets. */
#define IVNET_V2_REG_ID		0x00
#define IVNET_V2_REG_MAX_PEERS	0x04
#define IVNET_V2_REG_INT	0x08
#define IVNET_V2_REG_DOORBELL	0x0c
#define IVNET_V2_REG_STATE	0x10
#define IVNET_V2_REGS		0x14		/* bytes of all */

#define IVNET_V2_INT_ENABLE	0x1

/* [Vendor Specific Capability], offsets. */
#define IVNET_V2_CAP_LEN	0x02
#define IVNET_V2_CAP_CONTROL	0x03
#define IVNET_V2_CAP_TABLE	0x04
#define IVNET_V2_CAP_RW		0x08
#define IVNET_V2_CAP_OUTPUT	0x10
#define IVNET_V2_CAP_ADDRESS	0x18
#define IVNET_V2_CAP_SHORT	0x18		/* bytes without an address */
#define IVNET_V2_CAP_LONG	0x20		/* bytes with one */

#define IVNET_V2_CONTROL_ONE_SHOT	0x1

/**
 * struct ivnet_v2_layout - checked layout of a device's shared memory
 * @table: bytes of the state table, at the start
 * @rw: bytes of the read/write section, which follows; may be 0
 * @output: bytes of each output section; they follow
 * @total: bytes of all
 * @address: where the memory is if no BAR has it
 * @peers: output sections
 * @has_address: @address is there
 * @one_shot: each interrupt disables interrupts
 */
struct ivnet_v2_layout {
	u64 table;
	u64 rw;
	u64 output;
	u64 total;
	u64 address;
	u32 peers;
	bool has_address;
	bool one_shot;
};

/**
 * enum ivnet_v2_err - what is wrong with a device
 * @IVNET_V2_OK: nothing
 * @IVNET_V2_ERR_LENGTH: the capability is neither 18h nor 20h bytes long
 * @IVNET_V2_ERR_PEERS: fewer than 2 or more than 16 peers
 * @IVNET_V2_ERR_ID: the device's ID is not below the number of peers
 * @IVNET_V2_ERR_TABLE: the state table does not end at a page, or is too small
 * @IVNET_V2_ERR_RW: the read/write section does not end at a page
 * @IVNET_V2_ERR_OUTPUT: no output sections, or they do not end at a page
 * @IVNET_V2_ERR_TOTAL: the sum of all is more than 64 bits
 * @IVNET_V2_ERR_BAR: the BAR is smaller than that
 * @IVNET_V2_ERR_NOWHERE: neither a BAR nor an address
 * @IVNET_V2_ERR_ADDRESS: the address is 0, not that of a page, or too high
 */
enum ivnet_v2_err {
	IVNET_V2_OK,
	IVNET_V2_ERR_LENGTH,
	IVNET_V2_ERR_PEERS,
	IVNET_V2_ERR_ID,
	IVNET_V2_ERR_TABLE,
	IVNET_V2_ERR_RW,
	IVNET_V2_ERR_OUTPUT,
	IVNET_V2_ERR_TOTAL,
	IVNET_V2_ERR_BAR,
	IVNET_V2_ERR_NOWHERE,
	IVNET_V2_ERR_ADDRESS,
};

static inline u64 ivnet_v2_cap_word(const u8 *cap, u32 off, u32 bytes)
{
	u64 v = 0;

	while (bytes--)
		v = v << 8 | cap[off + bytes];

	return v;
}

/**
 * ivnet_v2_check() - take the layout from the capability
 * @l: filled in as far as it was read, also if something is wrong
 * @cap: private copy of %IVNET_V2_CAP_LONG bytes from the capability's start
 * @id: the device's ID
 * @peers: what it says is the number of peers
 * @bar: bytes of the BAR that has the memory, 0 if there is none
 * @page: bytes of a page, a power of two
 *
 * Return: %IVNET_V2_OK, or the first thing that is wrong.
 */
static inline enum ivnet_v2_err ivnet_v2_check(struct ivnet_v2_layout *l,
					       const u8 *cap, u32 id, u32 peers,
					       u64 bar, u64 page)
{
	u64 rest = ~0ULL;

	*l = (struct ivnet_v2_layout) {
		.table		= ivnet_v2_cap_word(cap, IVNET_V2_CAP_TABLE, 4),
		.rw		= ivnet_v2_cap_word(cap, IVNET_V2_CAP_RW, 8),
		.output		= ivnet_v2_cap_word(cap, IVNET_V2_CAP_OUTPUT, 8),
		.peers		= peers,
		.has_address	= cap[IVNET_V2_CAP_LEN] == IVNET_V2_CAP_LONG,
		.one_shot	= cap[IVNET_V2_CAP_CONTROL] &
				  IVNET_V2_CONTROL_ONE_SHOT,
	};
	if (!l->has_address && cap[IVNET_V2_CAP_LEN] != IVNET_V2_CAP_SHORT)
		return IVNET_V2_ERR_LENGTH;
	if (l->has_address)
		l->address = ivnet_v2_cap_word(cap, IVNET_V2_CAP_ADDRESS, 8);

	if (peers < IVNET_SHM_PORTS_MIN || peers > IVNET_SHM_PORTS_MAX)
		return IVNET_V2_ERR_PEERS;
	if (id >= peers)
		return IVNET_V2_ERR_ID;
	if (l->table < 4 * peers || l->table & (page - 1))
		return IVNET_V2_ERR_TABLE;
	if (l->rw & (page - 1))
		return IVNET_V2_ERR_RW;
	if (!l->output || l->output & (page - 1))
		return IVNET_V2_ERR_OUTPUT;

	/* 64 bits of sizes that the device made up: no sum before it fits. */
	rest -= l->table;
	if (l->rw > rest)
		return IVNET_V2_ERR_TOTAL;
	rest -= l->rw;
	if (l->output > rest / peers)
		return IVNET_V2_ERR_TOTAL;
	l->total = l->table + l->rw + l->output * peers;

	if (bar)
		return l->total > bar ? IVNET_V2_ERR_BAR : IVNET_V2_OK;
	if (!l->has_address)
		return IVNET_V2_ERR_NOWHERE;
	if (!l->address || l->address & (page - 1) ||
	    l->total - 1 > ~0ULL - l->address)
		return IVNET_V2_ERR_ADDRESS;

	return IVNET_V2_OK;
}

/**
 * ivnet_v2_err_text() - what is wrong, and what it should be
 * @err: not %IVNET_V2_OK
 *
 * Return: text for people.
 */
static inline const char *ivnet_v2_err_text(enum ivnet_v2_err err)
{
	switch (err) {
	case IVNET_V2_ERR_LENGTH:
		return "the capability must be 18h or 20h bytes long";
	case IVNET_V2_ERR_PEERS:
		return "2 to 16 peers are wanted";
	case IVNET_V2_ERR_ID:
		return "the ID must be below the number of peers";
	case IVNET_V2_ERR_TABLE:
		return "the state table must hold a word for each peer, in whole pages";
	case IVNET_V2_ERR_RW:
		return "the read/write section must be whole pages, or nothing";
	case IVNET_V2_ERR_OUTPUT:
		return "output sections must be there, in whole pages";
	case IVNET_V2_ERR_TOTAL:
		return "the sections must fit into 64 bits";
	case IVNET_V2_ERR_BAR:
		return "BAR 2 must hold all sections";
	case IVNET_V2_ERR_NOWHERE:
		return "the memory must be in BAR 2, or its address in the capability";
	default:
		return "the memory's address must be that of a page, and not 0";
	}
}

/**
 * ivnet_v2_output() - where a peer's output section is
 * @l: the layout
 * @i: the peer's ID
 *
 * Return: offset from the start of the memory, bytes.
 */
static inline u64 ivnet_v2_output(const struct ivnet_v2_layout *l, u32 i)
{
	return l->table + l->rw + l->output * i;
}

/**
 * ivnet_v2_region() - size of the region that a header on v2 describes
 * @output: bytes of an output section, at least a page of the format
 * @peers: output sections
 *
 * It is what results if all sections follow the page of one header.
 *
 * Return: bytes.
 */
static inline u64 ivnet_v2_region(u64 output, u32 peers)
{
	return IVNET_SHM_PAGE + (output - IVNET_SHM_PAGE) * peers;
}

/**
 * ivnet_v2_geometry() - the one layout of a device's output sections
 * @g: filled in
 * @output: bytes of an output section
 * @peers: output sections
 * @queues: queues of each link
 * @roomy: have fewer queues rather than short frames
 *
 * All ports come to the same layout by themselves, so that no port can impose
 * one on others.
 *
 * Return: %IVNET_SHM_GEOMETRY_OK, or what is wrong.
 */
static inline enum ivnet_shm_geometry_err
ivnet_v2_geometry(struct ivnet_shm_geometry *g, u64 output, u32 peers,
		  u32 queues, bool roomy)
{
	u64 size;

	if (output <= IVNET_SHM_PAGE)
		return IVNET_SHM_GEOMETRY_FIT;
	size = ivnet_v2_region(output, peers);

	return roomy ? ivnet_shm_geometry_roomy(g, size, peers, &queues) :
		       ivnet_shm_geometry_default(g, size, peers, queues);
}

/**
 * ivnet_v2_header_same() - does another port have our layout?
 * @h: private copy of its header
 * @own: ours
 *
 * The minor version says nothing about the layout, and the checksum has it.
 *
 * Return: true if it has.
 */
static inline bool ivnet_v2_header_same(const struct ivnet_shm_header *h,
					const struct ivnet_shm_header *own)
{
	const u32 minor = offsetof(struct ivnet_shm_header, minor);
	const u32 len = offsetof(struct ivnet_shm_header, header_len);
	const u32 crc = offsetof(struct ivnet_shm_header, crc);

	return !memcmp(h, own, minor) &&
	       !memcmp((const u8 *)h + len, (const u8 *)own + len, crc - len);
}

#endif
