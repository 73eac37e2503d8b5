/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * What "ethtool -d" gets from ivnet: a header, then sections one after another.
 * A reader leaves out sections of a type that it does not know, and what is
 * behind the end of a structure that it knows. All fields are little-endian.
 */
#ifndef _UAPI_LINUX_IVNET_REGS_H
#define _UAPI_LINUX_IVNET_REGS_H

#include <linux/types.h>

#define IVNET_REGS_MAGIC	0x44525649U	/* "IVRD" */
#define IVNET_REGS_VERSION	1

/**
 * struct ivnet_regs_header - begins a dump
 * @magic: %IVNET_REGS_MAGIC
 * @version: %IVNET_REGS_VERSION; another one has another form
 */
struct ivnet_regs_header {
	__le32 magic;
	__le32 version;
};

enum ivnet_regs_type {
	IVNET_REGS_DEVICE = 1,
	IVNET_REGS_QUEUE = 2,
	IVNET_REGS_VIRTIO = 16,
	IVNET_REGS_VIRTIO_CONFIG = 17,
	IVNET_REGS_VIRTIO_RING = 18,
	IVNET_REGS_SHM = 32,
	IVNET_REGS_SHM_WORD = 33,
	IVNET_REGS_SHM_HEADER = 34,	/* struct ivnet_shm_header, as it is */
	IVNET_REGS_SHM_ANNOUNCE = 35,
	IVNET_REGS_SHM_LINK = 36,
	IVNET_REGS_SHM_LANE = 37,
	IVNET_REGS_SHM_CLASSIC = 38,
};

/**
 * struct ivnet_regs_section - begins a section
 * @type: enum ivnet_regs_type
 * @len: bytes that follow, a multiple of 8
 */
struct ivnet_regs_section {
	__le32 type;
	__le32 len;
};

/* Bits of &struct ivnet_regs_device.flags */
#define IVNET_REGS_D_UP		0x01	/* it was started */
#define IVNET_REGS_D_PARKED	0x02	/* it was taken down on purpose */
#define IVNET_REGS_D_PRESENT	0x04	/* the net_device may be used */
#define IVNET_REGS_D_RUNNING	0x08	/* the interface is up */
#define IVNET_REGS_D_CARRIER	0x10	/* there is a link */

/**
 * struct ivnet_regs_device - the device, as the core knows it
 * @flags: IVNET_REGS_D_*
 * @error: errno of the last start
 * @troubles: those not reported yet, one bit each
 * @pairs: queue pairs
 * @max_pairs: those that there can be
 * @rx_ring: receive descriptors
 * @tx_ring: transmit descriptors
 * @rx_buf_len: unit of receive memory, bytes
 * @mtu: bytes
 * @resets: of the device
 * @features: netdev features that are on, by the kernel's own numbers
 */
struct ivnet_regs_device {
	__le32 flags;
	__le32 error;
	__le32 troubles;
	__le32 pairs;
	__le32 max_pairs;
	__le32 rx_ring;
	__le32 tx_ring;
	__le32 rx_buf_len;
	__le32 mtu;
	__le32 resets;
	__le64 features;
};

/* Bits of &struct ivnet_regs_queue.flags */
#define IVNET_REGS_Q_TX_STOPPED	0x01	/* the ring is full */
#define IVNET_REGS_Q_TX_LIMITED	0x02	/* the stack's own limit (BQL) */
#define IVNET_REGS_Q_POLL	0x04	/* a poll runs, or will */

/**
 * struct ivnet_regs_queue - a queue pair in use
 * @index: its number
 * @flags: IVNET_REGS_Q_*
 */
struct ivnet_regs_queue {
	__le32 index;
	__le32 flags;
};

/* Bits of &struct ivnet_regs_virtio.flags */
#define IVNET_REGS_V_LIVE	0x01	/* rings exist and the device runs */
#define IVNET_REGS_V_GONE	0x02	/* it was pulled out */
#define IVNET_REGS_V_CTRL_DEAD	0x04	/* a command was not answered */

/**
 * struct ivnet_regs_virtio - a virtio device
 * @offered: feature bits of the network device that it offers
 * @features: all bits that were accepted
 * @offloads: of these, guest offloads that are on
 * @status: device status, 0xff where it is gone
 * @flags: IVNET_REGS_V_*
 * @hdr_len: bytes of the header before each frame
 * @rx_mode: 0 one buffer for each frame, 1 mergeable, 2 chains
 * @device_pairs: queue pairs of the device
 * @reserved: 0
 */
struct ivnet_regs_virtio {
	__le64 offered;
	__le64 features;
	__le64 offloads;
	__le32 status;
	__le32 flags;
	__le32 hdr_len;
	__le32 rx_mode;
	__le32 device_pairs;
	__le32 reserved;
};

/* Bits of &struct ivnet_regs_virtio_config.valid */
#define IVNET_REGS_C_MAC	0x01
#define IVNET_REGS_C_STATUS	0x02
#define IVNET_REGS_C_PAIRS	0x04
#define IVNET_REGS_C_MTU	0x08
#define IVNET_REGS_C_SPEED	0x10
#define IVNET_REGS_C_RSS	0x20

/**
 * struct ivnet_regs_virtio_config - configuration space, read field by field
 * @valid: fields that there are, IVNET_REGS_C_*; the others are 0
 * @speed: Mbit/s
 * @mac: the device's address
 * @status: link, announcement
 * @max_pairs: queue pairs
 * @mtu: bytes
 * @rss_max_table: entries of the table
 * @duplex: 0 half, 1 full
 * @rss_max_key: bytes of the key
 * @hash_types: what frames can be hashed by
 * @reserved: 0
 */
struct ivnet_regs_virtio_config {
	__le32 valid;
	__le32 speed;
	__u8 mac[6];
	__le16 status;
	__le16 max_pairs;
	__le16 mtu;
	__le16 rss_max_table;
	__u8 duplex;
	__u8 rss_max_key;
	__le32 hash_types;
	__le32 reserved;
};

/* Bits of &struct ivnet_regs_virtio_ring.flags */
#define IVNET_REGS_R_BROKEN	0x01	/* what it says makes no sense */
#define IVNET_REGS_R_INDICES	0x02	/* @avail and @used are there */
#define IVNET_REGS_R_QUEUE	0x04	/* a queue uses it: what follows is there */

/**
 * struct ivnet_regs_virtio_ring - a ring that exists
 * @index: its number at the device
 * @flags: IVNET_REGS_R_*
 * @size: entries
 * @free: free ones
 * @avail: next index that the driver will write; split rings only
 * @used: the same of the device
 * @in_flight: receive buffers or frames that the device has
 * @irqs: interrupts so far
 * @strikes: transmit: looks in a row that saw no progress
 * @reserved: 0
 */
struct ivnet_regs_virtio_ring {
	__le32 index;
	__le32 flags;
	__le32 size;
	__le32 free;
	__le32 avail;
	__le32 used;
	__le32 in_flight;
	__le32 irqs;
	__le32 strikes;
	__le32 reserved;
};

/* Bits of &struct ivnet_regs_shm.flags */
#define IVNET_REGS_S_OPEN	0x01	/* the region is in use */
#define IVNET_REGS_S_RUNNING	0x02	/* queues run */
#define IVNET_REGS_S_POLLING	0x04	/* a timer polls */
#define IVNET_REGS_S_V2		0x08	/* IVSHMEM v2 */
#define IVNET_REGS_S_CLASSIC	0x10	/* the classic format is spoken */

/**
 * struct ivnet_regs_shm - a device with shared memory
 * @size: of the region, bytes
 * @flags: IVNET_REGS_S_*
 * @position: doorbell address
 * @vectors: interrupt vectors in use
 * @port: our port, or -1; this and what follows: native format only
 * @ports: ports of the region
 * @queues: queues of each link
 * @ring: descriptors in each ring
 * @max_frame: bytes
 * @data_size: of each data area, bytes
 * @incarnation: ours
 * @heartbeat: ours
 */
struct ivnet_regs_shm {
	__le64 size;
	__le32 flags;
	__le32 position;
	__le32 vectors;
	__le32 port;
	__le32 ports;
	__le32 queues;
	__le32 ring;
	__le32 max_frame;
	__le64 data_size;
	__le32 incarnation;
	__le32 heartbeat;
};

/**
 * struct ivnet_regs_shm_word - a register of the device
 * @offset: bytes
 * @value: what it read as
 */
struct ivnet_regs_shm_word {
	__le32 offset;
	__le32 value;
};

/**
 * struct ivnet_regs_shm_announce - what a port says about itself
 * @port: which
 * @reserved: 0
 * @claim: who has it
 * @block: struct ivnet_shm_announce, as it is in the region
 */
struct ivnet_regs_shm_announce {
	__le32 port;
	__le32 reserved;
	__le64 claim;
	__u8 block[128];
};

/**
 * struct ivnet_regs_shm_link - the link to another port
 * @peer: the port
 * @state: 0 down, 1 agreeing, 2 up, 3 silent, 4 in quarantine
 * @run: frames may flow
 * @error: why it went down last
 * @broken: a rule that the data path saw broken
 * @life: of our side
 * @peer_life: of the other one
 * @incarnation: of the peer
 * @heartbeat: of the peer, as it was seen last
 * @beat_ms: how long ago that was
 * @position: doorbell address of the peer
 * @vectors: of the peer
 * @max_frame: longest frame that it takes, bytes
 * @resets: how often the link began anew
 * @features: agreed on
 * @uses: of these, what is sent at present
 */
struct ivnet_regs_shm_link {
	__le32 peer;
	__le32 state;
	__le32 run;
	__le32 error;
	__le32 broken;
	__le32 life;
	__le32 peer_life;
	__le32 incarnation;
	__le32 heartbeat;
	__le32 beat_ms;
	__le32 position;
	__le32 vectors;
	__le32 max_frame;
	__le32 resets;
	__le64 features;
	__le64 uses;
};

/**
 * struct ivnet_regs_shm_lane - a queue of a link that is agreed on
 * @peer: the other port
 * @queue: which
 * @tx_head: next descriptor that we write
 * @tx_tail: first one that the peer is not done with
 * @tx_seen: the peer's consumer index
 * @rx_tail: next descriptor that we read
 * @rx_seen: the peer's producer index
 * @reserved: 0
 */
struct ivnet_regs_shm_lane {
	__le32 peer;
	__le32 queue;
	__le32 tx_head;
	__le32 tx_tail;
	__le32 tx_seen;
	__le32 rx_tail;
	__le32 rx_seen;
	__le32 reserved;
};

/**
 * struct ivnet_regs_shm_classic - the classic format
 * @peer: doorbell address of the other side
 * @side: which half is ours
 * @own_state: 0 reset, 1 init, 2 ready, 3 run
 * @peer_state: whatever the other side's is
 * @run: frames may flow
 * @error: the last rule that was broken
 * @resets: how often the rings were emptied
 * @ring: descriptors
 * @tx_head: next descriptor that we write
 * @tx_tail: first one that the peer is not done with
 * @rx_tail: next descriptor that we read
 * @reserved: 0
 */
struct ivnet_regs_shm_classic {
	__le32 peer;
	__le32 side;
	__le32 own_state;
	__le32 peer_state;
	__le32 run;
	__le32 error;
	__le32 resets;
	__le32 ring;
	__le32 tx_head;
	__le32 tx_tail;
	__le32 rx_tail;
	__le32 reserved;
};

#endif
