/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * ivnet-shm 1: Ethernet over memory shared between virtual machines. The
 * normative text is Documentation/networking/ivnet-shm.rst.
 *
 * All fields are little-endian. Every word has exactly one writer. Padding is
 * zero. A port never acts on what it reads back from its own section.
 */
#ifndef _UAPI_LINUX_IVNET_SHM_H
#define _UAPI_LINUX_IVNET_SHM_H

#include <linux/types.h>

#define IVNET_SHM_MAGIC		0x31485354454e5649ULL	/* "IVNETSH1" */
#define IVNET_SHM_MAJOR		1
#define IVNET_SHM_MINOR		0

#define IVNET_SHM_PORTS_MIN	2
#define IVNET_SHM_PORTS_MAX	16
#define IVNET_SHM_QUEUES_MAX	4
#define IVNET_SHM_ORDER_MIN	4	/* log2 of descriptors in a ring */
#define IVNET_SHM_ORDER_MAX	15
#define IVNET_SHM_GRANULE	64	/* bytes; alignment of frames */
#define IVNET_SHM_PAGE		4096	/* bytes; alignment of sections */
#define IVNET_SHM_FRAME_MIN	14	/* bytes; an Ethernet header */
#define IVNET_SHM_FRAME_MAX	65554	/* bytes; 64 KiB and an 802.1Q header */

/* Protocol type of IVSHMEM v2 devices whose ports speak this format: "IV". */
#define IVNET_SHM_PROTOCOL	0x4956

/**
 * struct ivnet_shm_header - how the region is laid out
 * @magic: %IVNET_SHM_MAGIC, written last
 * @major: %IVNET_SHM_MAJOR; another one is refused
 * @minor: of the port that wrote the header; says nothing about the layout
 * @header_len: bytes that @crc covers, and @crc itself
 * @max_ports: sections, 2 to 16
 * @region_size: bytes of the whole region
 * @first_section: offset of section 0 from the start of the region, bytes
 * @flags: 0
 * @section_stride: bytes from one section to the next
 * @queues: queues of each link, 1 to 4
 * @ring_order: log2 of descriptors in each ring
 * @max_frame: longest frame that any port may send, bytes
 * @features_must: a port that does not know one of these bits stays out
 * @features_may: bits that a port may ignore
 * @crc: CRC-32C of everything before it
 *
 * At offset 0 of the region. Written by a port that finds no valid header, or
 * that is alone.
 */
struct ivnet_shm_header {
	__le64 magic;
	__le16 major;
	__le16 minor;
	__le16 header_len;
	__le16 max_ports;
	__le64 region_size;
	__le32 first_section;
	__le32 flags;
	__le64 section_stride;
	__le16 queues;
	__le16 ring_order;
	__le32 max_frame;
	__le64 features_must;
	__le64 features_may;
	__le32 crc;
} __attribute__((packed, aligned(8)));

/* Offset of the port table from the start of the region, bytes. */
#define IVNET_SHM_PORT_TABLE	0x400

/* Claim word: incarnation, IVPosition and state in one atomic word. */
#define IVNET_SHM_CLAIM_INCARNATION(c)	((__u32)(c))
#define IVNET_SHM_CLAIM_POSITION(c)	((__u16)((c) >> 32))
#define IVNET_SHM_CLAIM_STATE(c)	((__u16)((c) >> 48))
#define IVNET_SHM_CLAIM(inc, pos, state)				\
	((__u64)(__u32)(inc) | (__u64)(__u16)(pos) << 32 |		\
	 (__u64)(__u16)(state) << 48)
#define IVNET_SHM_CLAIM_TAKEN		1

/**
 * struct ivnet_shm_port - an entry of the port table
 * @claim: 0, or who has this port; changed by a 64-bit compare and exchange
 * @reserved: 0
 */
struct ivnet_shm_port {
	__le64 claim;
	__u8 reserved[56];
};

enum ivnet_shm_state {
	IVNET_SHM_DOWN,
	IVNET_SHM_INIT,
	IVNET_SHM_READY,
	IVNET_SHM_RUN,
	IVNET_SHM_SLEEP,	/* heartbeat stands still; frames may wake it */
};

/* Features of a link: the smaller of what both sides announce. */
#define IVNET_SHM_F_CSUM	(1ULL << 0)	/* NEEDS_CSUM, DATA_VALID */
#define IVNET_SHM_F_TSO4	(1ULL << 1)
#define IVNET_SHM_F_TSO6	(1ULL << 2)
#define IVNET_SHM_F_ECN		(1ULL << 3)
#define IVNET_SHM_F_USO		(1ULL << 4)
#define IVNET_SHM_F_VLAN	(1ULL << 5)	/* tag in the descriptor */
#define IVNET_SHM_F_HASH	(1ULL << 6)	/* flow hash in the descriptor */

/**
 * struct ivnet_shm_announce - what a port says about itself
 * @incarnation: random, not 0; new whenever the port starts
 * @state: enum ivnet_shm_state
 * @heartbeat: counts up every 500 ms
 * @position: doorbell address of the port
 * @vectors: interrupt vectors; 0: the port polls, ringing it is of no use
 * @features: IVNET_SHM_F_*; do not change while the port has this incarnation
 * @mac: address
 * @mtu: largest packet that the port takes, bytes
 * @max_frame: longest frame that the port takes, bytes
 * @control_vector: vector for changes of state
 * @data_vectors: vector of each queue
 * @ident: text for people
 * @reserved: 0
 * @wants: of @features, those whose frames the port likes to get at present
 * @owner: 0, or a key that no two living ports have, exclusive or @incarnation
 * @reserved2: 0
 */
struct ivnet_shm_announce {
	__le32 incarnation;
	__le32 state;
	__le32 heartbeat;
	__le16 position;
	__le16 vectors;
	__le64 features;
	__u8 mac[6];
	__le16 mtu;
	__le32 max_frame;
	__le16 control_vector;
	__le16 data_vectors[IVNET_SHM_QUEUES_MAX];
	__u8 ident[32];
	__u8 reserved[2];
	__le64 wants;
	__le64 owner;
	__u8 reserved2[32];
};

/**
 * struct ivnet_shm_link - one side of a link
 * @mine: life of this side of the link: not 0, another one whenever this side
 *	has emptied its rings
 * @yours: the other side's @mine, as this side saw it
 * @state: 1 if this side has the link up; for people
 * @features: the features that this side found in common
 * @error: why this side took the link down, 0 if it did not; for people
 * @resets: how often this side began anew; for people
 * @uses: of @features, those that this side sends at present
 * @reserved: 0
 */
struct ivnet_shm_link {
	__le32 mine;
	__le32 yours;
	__le32 state;
	__le32 features;
	__le32 error;
	__le32 resets;
	__le32 uses;
	__u8 reserved[100];
};

/**
 * struct ivnet_shm_index - an index and the event that goes with it
 * @index: producer: descriptors written; consumer: descriptors done with
 * @event: producer: ring me when your consumer index passes this; consumer:
 *	ring me when your producer index passes this
 * @reserved: 0
 */
struct ivnet_shm_index {
	__le32 index;
	__le32 event;
	__u8 reserved[120];
};

/* Descriptor flags; a frame with others is dropped. */
#define IVNET_SHM_D_NEEDS_CSUM	0x0001
#define IVNET_SHM_D_DATA_VALID	0x0002
#define IVNET_SHM_D_VLAN	0x0004
#define IVNET_SHM_D_HASH	0x0008

/**
 * struct ivnet_shm_desc - a frame
 * @offset: in the sender's data area, bytes, a multiple of 64
 * @len: bytes of the frame
 * @flags: IVNET_SHM_D_*
 * @seq: low half of the descriptor's index
 * @csum_start: as in struct virtio_net_hdr
 * @csum_offset: as in struct virtio_net_hdr
 * @gso_size: as in struct virtio_net_hdr
 * @gso_type: as in struct virtio_net_hdr
 * @reserved: 0
 * @hdr_len: as in struct virtio_net_hdr
 * @vlan_tci: with %IVNET_SHM_D_VLAN
 * @hash: with %IVNET_SHM_D_HASH
 * @reserved2: 0
 */
struct ivnet_shm_desc {
	__le32 offset;
	__le32 len;
	__le16 flags;
	__le16 seq;
	__le16 csum_start;
	__le16 csum_offset;
	__le16 gso_size;
	__u8 gso_type;
	__u8 reserved;
	__le16 hdr_len;
	__le16 vlan_tci;
	__le32 hash;
	__le32 reserved2;
};

#endif
