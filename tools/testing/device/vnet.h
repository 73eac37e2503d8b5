/* SPDX-License-Identifier: GPL-2.0 */
/* A virtio-net device: the parts of it, and what they call in each other. */
#ifndef DEVICE_VNET_H
#define DEVICE_VNET_H

#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <linux/virtio_pci.h>
#include <linux/virtio_ring.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "lies.h"
#include "ring.h"
#include "vfio.h"

#define VNET_MAX_PAIRS 8
#define VNET_MAX_QUEUES (2 * VNET_MAX_PAIRS + 1)
/* The longest IP packet with an Ethernet header and two tags. */
#define VNET_FRAME_MAX (65535 + 22)
#define VNET_MACS 64
#define VNET_VLANS 4096
#define VNET_RSS_TABLE 128
#define VNET_RSS_KEY 40
#define VNET_FLOWS 256
#define VNET_LOG 16

/* What the kernel's headers may not know yet. */
#ifndef VIRTIO_F_NOTIFICATION_DATA
#define VIRTIO_F_NOTIFICATION_DATA 38
#endif
#ifndef VIRTIO_NET_F_DEVICE_STATS
#define VIRTIO_NET_F_DEVICE_STATS 50
#endif
#ifndef VIRTIO_NET_F_VQ_NOTF_COAL
#define VIRTIO_NET_F_VQ_NOTF_COAL 52
#endif
#ifndef VIRTIO_NET_F_GUEST_USO4
#define VIRTIO_NET_F_GUEST_USO4 54
#define VIRTIO_NET_F_GUEST_USO6 55
#define VIRTIO_NET_F_HOST_USO 56
#endif
#ifndef VIRTIO_NET_F_GUEST_HDRLEN
#define VIRTIO_NET_F_GUEST_HDRLEN 59
#endif
#ifndef VIRTIO_NET_HDR_GSO_UDP_L4
#define VIRTIO_NET_HDR_GSO_UDP_L4 5
#endif

#define BIT(n) (1ull << (n))
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* Where a structure of virtio's is (virtio 1.3, 4.1.4). */
struct vnet_place {
	uint8_t bar;
	uint32_t offset;
	uint32_t length;
};

enum vnet_structure {
	VNET_COMMON,
	VNET_NOTIFY,
	VNET_ISR,
	VNET_DEVICE,
	VNET_STRUCTURES,
};

/**
 * struct vnet_options - what the device is to be
 * @socket: of the client
 * @control: of who tests, or NULL
 * @tap: name of a TAP device, or NULL
 * @peer: socket between two of these devices, or NULL
 * @mac: its address
 * @features: what it offers
 * @pairs: queue pairs
 * @sizes: entries of receive, transmit and control queues
 * @mtu: what the configuration says
 * @vectors: of MSI-X; 0: INTx
 * @header: bytes of the header before a frame; 0: as negotiated
 * @multiplier: of the notification offsets
 * @revision: of the PCI function
 * @msix_bar: where the table of MSI-X is
 * @places: where all else is
 * @patches: bytes of the configuration space that are something else
 * @nr_patches: number of them
 */
struct vnet_options {
	const char *socket;
	const char *control;
	const char *tap;
	const char *peer;
	uint8_t mac[6];
	uint64_t features;
	unsigned int pairs;
	unsigned int sizes[3];
	unsigned int mtu;
	unsigned int vectors;
	unsigned int header;
	unsigned int multiplier;
	unsigned int revision;
	unsigned int msix_bar;
	struct vnet_place places[VNET_STRUCTURES];
	struct {
		uint8_t offset;
		uint8_t value;
	} patches[64];
	unsigned int nr_patches;
};

/**
 * struct vnet_coal - how long notifications of used buffers may wait
 * @usecs: at most so long
 * @packets: and for so many
 */
struct vnet_coal {
	uint32_t usecs;
	uint32_t packets;
};

/**
 * struct vnet_queue - a virtqueue
 * @index: its number
 * @ring: while it is enabled
 * @size_max: entries
 * @size: entries that the driver wants
 * @vector: of MSI-X
 * @enabled: it is
 * @desc: guest address of the descriptors
 * @driver: guest address of what the driver writes
 * @device: guest address of what the device writes
 * @kicked: to be looked at
 * @dirty: buffers were returned since notifications were last thought about
 * @resets: resets of the queue alone
 * @kicks: notifications by the driver
 * @interrupts: notifications by the device
 * @held_back: notifications that the driver did not want
 * @buffers: buffers that were returned
 * @packets: frames
 * @bytes: of them
 * @drops: frames that could not be sent, or not received
 * @overruns: frames that found no buffer; they are in @drops, too
 * @coal: what the driver wants
 * @waiting: frames since the last interrupt
 * @deadline: when it is due, or 0
 */
struct vnet_queue {
	unsigned int index;
	struct ring ring;
	uint16_t size_max;
	uint16_t size;
	uint16_t vector;
	bool enabled;
	uint64_t desc;
	uint64_t driver;
	uint64_t device;
	bool kicked;
	bool dirty;
	unsigned long resets;
	unsigned long kicks;
	unsigned long interrupts;
	unsigned long held_back;
	unsigned long buffers;
	unsigned long packets;
	unsigned long bytes;
	unsigned long drops;
	unsigned long overruns;
	struct vnet_coal coal;
	uint32_t waiting;
	uint64_t deadline;
};

/**
 * struct vnet_filter - what is received; zero is "nothing but the own address"
 * @flags: by command of VIRTIO_NET_CTRL_RX
 * @nr: number of addresses: unicast, multicast
 * @overflow: there were more of them
 * @macs: addresses
 * @vlans: a bit for each
 */
struct vnet_filter {
	bool flags[6];
	unsigned int nr[2];
	bool overflow[2];
	uint8_t macs[2][VNET_MACS][6];
	uint8_t vlans[VNET_VLANS / 8];
};

/**
 * struct vnet_rss - how hashes are computed and queues chosen
 * @types: VIRTIO_NET_RSS_HASH_TYPE_*
 * @key_length: bytes of @key; 0 before it is configured
 * @key: for Toeplitz
 * @steering: queues are chosen by hash
 * @mask: of the table
 * @unclassified: queue of frames without a hash
 * @table: receive queues by hash
 * @max_tx: transmit queues that are used
 */
struct vnet_rss {
	uint32_t types;
	unsigned int key_length;
	uint8_t key[VNET_RSS_KEY];
	bool steering;
	uint16_t mask;
	uint16_t unclassified;
	uint16_t table[VNET_RSS_TABLE];
	uint16_t max_tx;
};

/**
 * struct vnet_state - what a reset of the device undoes
 * @accepted: features
 * @feature_select: by the driver: device's, driver's
 * @config_vector: of MSI-X
 * @queue_select: by the driver
 * @status: device status
 * @isr: what is to be seen to; INTx
 * @mac: the address
 * @pairs: pairs in use
 * @offloads: what received frames may be like, as feature bits
 * @filter: what is received
 * @rss: hashes
 * @coal: for queues that have nothing of their own: receive, transmit
 * @flows: the queue a flow was last sent on
 */
struct vnet_state {
	uint64_t accepted;
	uint32_t feature_select[2];
	uint16_t config_vector;
	uint16_t queue_select;
	uint8_t status;
	uint8_t isr;
	uint8_t mac[6];
	unsigned int pairs;
	uint64_t offloads;
	struct vnet_filter filter;
	struct vnet_rss rss;
	struct vnet_coal coal[2];
	uint8_t flows[VNET_FLOWS];
};

/* A command of the control queue, as it is remembered. */
struct vnet_command {
	uint8_t class;
	uint8_t command;
	int ack;		/* -1: none was given */
	uint32_t length;
};

/**
 * struct vnet_counts - what has happened, in all
 * @resets: by status
 * @starts: DRIVER_OK
 * @needs_reset: DEVICE_NEEDS_RESET was set
 * @broken: rings that made no sense
 * @odd: accesses of registers that a driver must not do
 * @config_reads: reads of the device's configuration
 * @config_writes: writes of it
 * @config_interrupts: interrupts for it
 * @commands: answered with VIRTIO_NET_OK, or not
 * @announced: acknowledgments of VIRTIO_NET_S_ANNOUNCE
 * @tx_bad: frames with a header that breaks a rule
 * @tx_bad_why: the last such rule
 * @filtered: received frames that the driver does not want
 * @too_long: received frames that no buffer can hold
 * @injected: frames of the tester
 */
struct vnet_counts {
	unsigned long resets;
	unsigned long starts;
	unsigned long needs_reset;
	unsigned long broken;
	unsigned long odd;
	unsigned long config_reads;
	unsigned long config_writes;
	unsigned long config_interrupts;
	unsigned long commands[2];
	unsigned long announced;
	unsigned long tx_bad;
	const char *tx_bad_why;
	unsigned long filtered;
	unsigned long too_long;
	unsigned long injected;
};

/* More about frames, for VIRTIO_NET_F_DEVICE_STATS and whoever wants to know. */
struct vnet_frame_counts {
	unsigned long needs_csum;
	unsigned long csum_valid;
	unsigned long csum_none;
	unsigned long gso_packets;
	unsigned long gso_bytes;
	unsigned long gso_segments;
	unsigned long rsc_segments;
};

/**
 * struct vnet - a device
 * @vfio: what the client sees
 * @memory: of the guest
 * @o: options
 * @state: what a reset undoes
 * @queues: all of them; the control queue's place depends on what was negotiated
 * @config: the device's configuration
 * @generation: of it
 * @stuck: what status is said to be; see LIE_STATUS_STUCK
 * @lies: what is not true
 * @counts: what has happened
 * @rx: of received frames
 * @tx: of sent ones
 * @commands: by class; the last ones
 * @nr_commands: number of commands
 * @late: a command's answer that waits
 * @late.at: until then; 0: there is none
 * @late.id: of the buffer
 * @late.descs: likewise
 * @late.len: likewise
 * @window: where the capability for access by configuration space is
 * @backend: descriptor that frames come from
 * @listener: where the other device may connect, or -1
 * @held: length of a frame that waits for a buffer, or 0
 * @held_queue: the queue that it waits for
 * @held_until: when it is given up
 */
struct vnet {
	struct vfio_device vfio;
	struct memory memory;
	struct vnet_options o;
	struct vnet_state state;
	struct vnet_queue queues[VNET_MAX_QUEUES];
	uint8_t config[64];
	uint8_t generation;
	uint8_t stuck;
	struct lies lies;
	struct vnet_counts counts;
	struct vnet_frame_counts rx;
	struct vnet_frame_counts tx;
	struct vnet_command commands[VNET_LOG];
	unsigned long nr_commands;
	struct {
		uint64_t at;
		uint16_t id;
		uint16_t descs;
		uint32_t len;
	} late;
	uint8_t window;
	int backend;
	int listener;
	uint32_t held;
	unsigned int held_queue;
	uint64_t held_until;
};

/* A frame with the header that a TAP device has, too. */
struct vnet_frame {
	struct virtio_net_hdr header;
	uint8_t data[VNET_FRAME_MAX];
};

static inline bool vnet_has(const struct vnet *v, unsigned int feature)
{
	return v->state.accepted & BIT(feature);
}

static inline bool vnet_running(const struct vnet *v)
{
	return (v->state.status & (VIRTIO_CONFIG_S_DRIVER_OK | VIRTIO_CONFIG_S_NEEDS_RESET)) ==
		VIRTIO_CONFIG_S_DRIVER_OK;
}

/* As lies see it. */
static inline int vnet_lie_index(const struct vnet *v, const struct vnet_queue *q);

/* features.c */
int vnet_feature(const char *name);
uint64_t vnet_features_default(void);
uint64_t vnet_features_hide(uint64_t features, int bit);
void vnet_features_report(uint64_t features, FILE *out);

/* virtio.c: the PCI transport */
bool vnet_open(struct vnet *v, const struct vnet_options *o);
void vnet_config_changed(struct vnet *v);
void vnet_config_interrupt(struct vnet *v);
void vnet_needs_reset(struct vnet *v, const char *why);
void vnet_interrupt(struct vnet *v, struct vnet_queue *q);
unsigned int vnet_queues(const struct vnet *v);
unsigned int vnet_ctrl_index(const struct vnet *v);

/* queue.c: what the queues have in common */
uint64_t vnet_now(void);
int vnet_pop(struct vnet *v, struct vnet_queue *q, struct element *e);
void vnet_push(struct vnet *v, struct vnet_queue *q, uint16_t id, uint16_t descs, uint32_t len);
void vnet_publish(struct vnet *v, struct vnet_queue *q);
void vnet_notify(struct vnet *v, struct vnet_queue *q);
void vnet_work(struct vnet *v);
int vnet_timeout(const struct vnet *v);

/* net.c: frames */
void vnet_transmit(struct vnet *v, struct vnet_queue *q);
void vnet_receive(struct vnet *v);
bool vnet_inject(struct vnet *v, unsigned int queue, const struct virtio_net_hdr *header,
		 const uint8_t *data, uint32_t length);

/* filter.c: what is received, where, with what hash */
bool vnet_filter(const struct vnet *v, const uint8_t *data, uint32_t length);
unsigned int vnet_steer(struct vnet *v, const uint8_t *data, uint32_t length, uint32_t *hash,
			uint16_t *report);
void vnet_sent(struct vnet *v, unsigned int pair, const uint8_t *data, uint32_t length);

/* ctrl.c: the control queue */
void vnet_ctrl(struct vnet *v, struct vnet_queue *q);
void vnet_ctrl_reset(struct vnet *v);

/* backend.c: a TAP device, or another device */
bool backend_open(struct vnet *v);
void backend_offloads(struct vnet *v);
bool backend_send(struct vnet *v, const struct vnet_frame *frame, uint32_t length);
long backend_receive(struct vnet *v, struct vnet_frame *frame);
void backend_accept(struct vnet *v);
void backend_close(struct vnet *v);

/* control.c: the tester */
void vnet_report(const struct vnet *v, FILE *out);
void control_command(struct vnet *v, char *line, FILE *out);

static inline int vnet_lie_index(const struct vnet *v, const struct vnet_queue *q)
{
	return q->index == vnet_ctrl_index(v) ? LIE_CTRL_INDEX : (int)q->index;
}

#endif
