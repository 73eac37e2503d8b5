/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A port of a segment: the objects, and what the files call in each other.
 *
 * The main thread has the heartbeat, the port and the links (port.c, region.c,
 * link.c); each queue pair has a thread for the frames (queue.c, rx.c, tx.c).
 * What the main thread changes under a queue it changes after link_halt(), which
 * waits for the queues to be done with the link.
 */
#ifndef PORT_H
#define PORT_H

#include <pthread.h>

#include <net/ivnet/shm_link.h>
#include <net/ivnet/shm_region.h>
#include <net/ivnet/vnet_hdr.h>

#include "client.h"
#include "fdb.h"
#include "log.h"
#include "options.h"
#include "tap.h"

#define __aligned(bytes)	ATTRIBUTE(aligned(bytes))

/*
 * How often a port shows that it lives, how often it looks where nobody can ring
 * it, and when another one counts as silent, as gone, or as gone if it has left
 * the server; ms.
 */
#define BEAT_MS		500
#define POLL_MS		50
#define SILENT_MS	3000
#define STALE_MS	10000
#define LEFT_MS		2000

/* How long the carrier outlives the last link, so that it need not flap, ms. */
#define CARRIER_MS	300

/* Quarantine: first and longest pause, ms. */
#define RETRY_MIN_MS	1000
#define RETRY_MAX_MS	60000

/* The longest frame, and one byte more to see that one is longer. */
#define FRAME_BYTES	(IVNET_SHM_FRAME_MAX + 1)

enum link_state {
	LINK_DOWN,
	LINK_AGREE,
	LINK_UP,
	LINK_SILENT,
	LINK_QUARANTINE,
};

/**
 * enum link_error - why a link was taken down
 * @LINK_OK: it was not
 * @LINK_PROD: the producer index ran ahead
 * @LINK_CONS: the consumer index ran ahead
 * @LINK_ANEW: none; the other side began anew, and its indices are of its next
 *	life
 */
enum link_error {
	LINK_OK,
	LINK_PROD,
	LINK_CONS,
	LINK_ANEW,
};

/**
 * struct lane - both directions of a queue of a link
 * @rx: receiving side, of the thread that reads this queue
 * @rx_data: the peer's data area
 * @learnt: source of the frame that was learnt last
 * @learnt_at: when, seconds
 * @tx: sending side, of the thread that sends on this queue
 * @tx_data: our data area
 * @moved_at: when the peer was last done with a frame, or the ring was last
 *	empty, ms
 */
struct lane {
	struct ivnet_shm_rx rx;
	const u8 *rx_data;
	u8 learnt[TAP_MAC];
	u32 learnt_at;
	struct ivnet_shm_tx tx __aligned(64);
	u8 *tx_data;
	s64 moved_at;
};

/**
 * struct link - the link to another port
 * @port: ours
 * @peer: number of the other one
 * @run: frames may flow; atomic
 * @broken: a rule that a queue saw broken, enum link_error; atomic
 * @uses: of @features, what the peer wants at present: what is sent; atomic
 * @features: what both sides announce: what may come
 * @rules: the metadata that the peer may send
 * @max_frame: longest frame that the peer takes, bytes
 * @position: its doorbell address
 * @vectors: its interrupt vectors; 0: it polls
 * @data_vector: vector of each of its queues
 * @state: of the main thread, like all that follows but @lanes
 * @life: our side's life
 * @peer_life: the other side's, as it was seen last
 * @incarnation: of the peer
 * @heartbeat: of the peer, as it was seen last
 * @beat_at: when that changed, ms
 * @control_vector: the peer's
 * @error: why the link went down last
 * @resets: how often it began anew
 * @retry: length of the next quarantine, ms
 * @retry_at: end of the present one, ms
 * @mac: the peer's address
 * @lanes: one for each queue of the region
 */
struct link {
	struct port *port;
	u32 peer;
	u32 run;
	u32 broken;
	u64 uses;
	u64 features;
	struct ivnet_meta_rules rules;
	u32 max_frame;
	u16 position;
	u16 vectors;
	u16 data_vector[IVNET_SHM_QUEUES_MAX];

	enum link_state state;
	u32 life;
	u32 peer_life;
	u32 incarnation;
	u32 heartbeat;
	s64 beat_at;
	u16 control_vector;
	u32 error;
	u32 resets;
	s64 retry;
	s64 retry_at;
	u8 mac[TAP_MAC];
	struct lane lanes[IVNET_SHM_QUEUES_MAX];
};

/* What a queue counts; names are in queue.c. */
enum count {
	RX_FRAMES, RX_BYTES, RX_GSO, RX_RINGS,
	RX_ERR_OFFSET, RX_ERR_LEN, RX_ERR_FLAGS, RX_ERR_SEQ,	/* descriptors */
	RX_ERR_CSUM, RX_ERR_GSO,				/* metadata */
	RX_ERR_RING, RX_DROP_TAP,
	TX_FRAMES, TX_BYTES, TX_GSO, TX_RINGS, TX_SEGMENTED, TX_STOPS,
	TX_DROP_NOBODY, TX_DROP_FULL, TX_ERR_LONG, TX_ERR_GSO, TX_ERR_RING,
	COUNTS
};

/**
 * struct queue - a queue pair: one queue of the TAP, and of every link
 * @port: what it belongs to
 * @index: its number
 * @tap: descriptor of the TAP's queue
 * @thread: who serves it
 * @epoll: what the thread waits for
 * @kick: eventfd: look at everything
 * @epoch: odd while the thread looks at links; atomic
 * @counts: enum count; atomic, written by the thread alone
 * @now: start of the present round, ms
 * @readable: the TAP may have frames
 * @stopped: a ring is full: the TAP's frames have to wait
 * @next: link with which the last round began
 * @unpublished: links with frames that the peer was not shown, one bit each
 * @interval: of polling without doorbells, ns
 * @frame: a frame of the TAP
 * @segment: one of the segments of it
 */
struct queue {
	struct port *port;
	u32 index;
	int tap;
	pthread_t thread;
	int epoll;
	int kick;
	__aligned(64) u32 epoch;
	u64 counts[COUNTS];
	s64 now;
	bool readable;
	bool stopped;
	u32 next;
	u32 unpublished;
	long interval;
	u8 frame[FRAME_BYTES];
	u8 segment[FRAME_BYTES];
};

/**
 * struct port - all of it
 * @options: the command line
 * @client: connection to the server
 * @tap: the TAP device
 * @mtu: its MTU, bytes
 * @signals: signalfd
 * @epoll: what the main thread waits for
 * @wake: eventfd: look at the links
 * @stop: end the program, with @status
 * @status: exit status
 * @start: when the program was ready, ms
 * @lost: the TAP is gone; atomic
 * @base: the region
 * @size: bytes of it
 * @position: our doorbell address
 * @vectors: our doorbells
 * @geo: layout of the region
 * @header: what the region said when it was adopted
 * @me: number of our port; negative while we have none
 * @waiting: the user knows that there is no port
 * @incarnation: ours
 * @beat: our heartbeat
 * @beat_at: when it was counted up last, ms
 * @running: the TAP is up; frames may flow
 * @up_at: when a link was running last, ms
 * @carrier: what the TAP was told
 * @polling: this port or a peer has no doorbell; atomic
 * @stepped_at: the present ms, as far as the main thread is concerned
 * @steps: looks at the links in it
 * @mac: the address that we announce
 * @links: one for each port
 * @n_run: links on which frames flow; atomic
 * @ends: memory behind &ivnet_shm_tx.end of every lane
 * @queues: the queue pairs
 * @pairs: number of them
 * @leave: the queues' threads shall end; atomic
 * @others: what was seen of each claim, to find stale ones
 * @seen: of all claims and heartbeats
 * @seen_at: when that changed, ms
 * @pause: before the next attempt to join, ms
 * @fdb: forwarding table
 */
struct port {
	const struct options *options;
	struct client *client;
	struct tap tap;
	u32 mtu;
	int signals;
	int epoll;
	int wake;
	bool stop;
	int status;
	s64 start;
	u32 lost;

	u8 *base;
	u64 size;
	u16 position;
	u16 vectors;
	struct ivnet_shm_geometry geo;
	struct ivnet_shm_header header;
	int me;
	bool waiting;
	u32 incarnation;
	u32 beat;
	s64 beat_at;
	bool running;
	s64 up_at;
	bool carrier;
	u32 polling;
	s64 stepped_at;
	u32 steps;
	u8 mac[TAP_MAC];
	struct link *links;
	u32 n_run;
	u32 *ends;
	struct queue *queues[IVNET_SHM_QUEUES_MAX];
	u32 pairs;
	u32 leave;
	struct {
		u64 claim;
		u32 beat;
		s64 at;
	} others[IVNET_SHM_PORTS_MAX];
	u64 seen;
	s64 seen_at;
	s64 pause;
	struct fdb fdb;
};

/**
 * link_usable() - may a queue use a link's lanes?
 * @link: the link
 *
 * Within a round of the queue; link_halt() waits for its end.
 */
static inline bool link_usable(const struct link *link)
{
	return __atomic_load_n(&link->run, __ATOMIC_ACQUIRE) && !ivnet_shm_load(&link->broken);
}

/* Ring the peer of a link; false if it polls, and is left alone. */
static inline bool link_ring(const struct link *link, u16 vector)
{
	if (!link->vectors)
		return false;
	client_ring(link->port->client, link->position, vector);
	return true;
}

static inline void count_add(struct queue *q, enum count what, u64 n)
{
	ivnet_shm_store(&q->counts[what], q->counts[what] + n);
}

static inline u32 queue_seconds(const struct queue *q)
{
	return (u32)(q->now / 1000);
}

/* The queue of ours that vector @v announces; 0 is for changes of state. */
static inline u16 vector_of(const struct port *p, u32 q)
{
	return p->vectors > 1 ? (u16)(1 + q % (p->vectors - 1U)) : 0;
}

/* main thread */

/* region.c: 0, or -1 after a message */
int region_open(struct port *p);
bool region_kept(const struct port *p);
u64 claim_read(const struct port *p, u32 i);
u32 heartbeat_read(const struct port *p, u32 i);
u32 random_word(void);
bool port_claim(struct port *p);
bool port_mine(const struct port *p);
void port_release(struct port *p);
void port_announce(struct port *p, enum ivnet_shm_state state);

/* link.c */
void links_init(struct port *p);
void link_step(struct link *link);
void links_down(struct port *p);
/* Ring those whose links are not down, or all. */
void links_ring(struct port *p, bool all);
const char *link_state_name(enum link_state state);

/* queue.c */
int queues_start(struct port *p);
void queues_stop(struct port *p);
void queues_kick(struct port *p);
/* Wait until no queue uses what it found before this call. */
void queues_wait(struct port *p);
void queues_report(const struct port *p);

/* port.c: what the server gave is the region now */
void port_adopt(struct port *p);
/* port.c: until a signal or a fault; exit status */
int port_run(struct port *p, int ready_fd);

/* threads of the queues */

/* link.c: a rule is broken; false if the peer began anew */
bool link_broken(struct link *link, enum link_error err);
/* rx.c: up to @budget frames; how many */
u32 rx_round(struct queue *q, u32 budget);
/* rx.c: ask to be rung; true if there is something already */
bool rx_arm(struct queue *q);
/* tx.c: up to @budget frames; how many */
u32 tx_round(struct queue *q, u32 budget);
/* tx.c: can a stopped queue go on? */
void tx_wait(struct queue *q);

#endif
