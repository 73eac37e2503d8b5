/* SPDX-License-Identifier: GPL-2.0 */
/* The IVSHMEM transport: objects and what its files call in each other. */
#ifndef _IVNET_SHM_H
#define _IVNET_SHM_H

#include <linux/etherdevice.h>
#include <linux/hrtimer.h>
#include <linux/if_vlan.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>
#include <net/ivnet/shm_link.h>
#include <net/ivnet/shm_region.h>
#include <net/ivnet/vnet_hdr.h>

#include "../core/ivnet.h"

/*
 * How often a port shows that it lives, how often it looks where nobody can ring
 * it, and when another one counts as silent or gone.
 */
#define SHM_BEAT		msecs_to_jiffies(500)
#define SHM_POLL		msecs_to_jiffies(50)
#define SHM_SILENT		(3 * HZ)
#define SHM_STALE		(10 * HZ)

/* How long the carrier outlives the last link, so that it need not flap. */
#define SHM_CARRIER		msecs_to_jiffies(300)

/* Value of &shm_dev.pin. */
#define SHM_PORT_ANY		255

/* Value of &shm_dev.want_peer: nobody knows. */
#define SHM_PEER_NONE		65536

/* Quarantine: first and longest pause, seconds. */
#define SHM_RETRY_MIN		1
#define SHM_RETRY_MAX		60

/* Longest pause between a poll and the next one that a user may ask for, µs. */
#define SHM_RX_USECS_MAX	10000

/* The receiver is told after this many frames, and after each poll. */
#define SHM_RX_PUBLISH		16

/* devlink parameters; SHM_PARAMS is their number. */
enum {
	SHM_PARAM_PORTS = IVNET_PARAM_OWN,
	SHM_PARAM_QUEUES,
	SHM_PARAM_PORT,
	SHM_PARAM_WIRE_FORMAT,
	SHM_PARAM_PEER_ID,
	SHM_PARAM_END,
	SHM_PARAMS = SHM_PARAM_END - IVNET_PARAM_OWN,
};

#define SHM_FEATURES							\
	(IVNET_SHM_F_CSUM | IVNET_SHM_F_TSO4 | IVNET_SHM_F_TSO6 |	\
	 IVNET_SHM_F_ECN | IVNET_SHM_F_USO | IVNET_SHM_F_HASH)

/**
 * enum shm_link_state - life of a link, as in ivnet-shm.rst
 * @SHM_LINK_DOWN: there is no other side
 * @SHM_LINK_AGREE: emptied, waiting for the other side
 * @SHM_LINK_UP: agreed
 * @SHM_LINK_SILENT: agreed, but the other side's heartbeat stands still
 * @SHM_LINK_QUARANTINE: the other side broke a rule
 */
enum shm_link_state {
	SHM_LINK_DOWN,
	SHM_LINK_AGREE,
	SHM_LINK_UP,
	SHM_LINK_SILENT,
	SHM_LINK_QUARANTINE,
};

/**
 * enum shm_link_error - why a link was taken down
 * @SHM_ERR_NONE: it was not
 * @SHM_ERR_PROD: the producer index ran ahead
 * @SHM_ERR_CONS: the consumer index ran ahead
 * @SHM_ERR_ANEW: none; the other side began anew, and its indices are of its
 *	next life
 */
enum shm_link_error {
	SHM_ERR_NONE,
	SHM_ERR_PROD,
	SHM_ERR_CONS,
	SHM_ERR_ANEW,
};

/**
 * struct shm_lane - both directions of a queue of a link
 * @rx: receiving side; under the queue's NAPI
 * @rx_data: the peer's data area
 * @learnt: source of a frame that the forwarding table learnt last
 * @learnt_at: when it did, low half of jiffies
 * @tx: sending side; under the txq's lock
 * @tx_data: our data area
 * @flags: descriptor flags that the peer wants at present
 * @sum: for each descriptor, @queued after its frame
 * @queued: bytes of all frames so far, as BQL counts them
 * @completed: bytes that BQL knows to be done
 * @moved_at: when the peer was last done with a frame, or the ring was last
 *	empty, jiffies
 */
struct shm_lane {
	struct ivnet_shm_rx rx;
	const u8 *rx_data;
	u8 learnt[ETH_ALEN];
	u32 learnt_at;
	struct ivnet_shm_tx tx ____cacheline_aligned_in_smp;
	u8 *tx_data;
	u16 flags;
	u32 *sum;
	u32 queued;
	u32 completed;
	unsigned long moved_at;
};

/**
 * struct shm_link - the link to another port
 * @sd: the device
 * @peer: number of the other port
 * @run: frames may flow; read by the data path, cleared before lanes change
 * @max_frame: longest frame that the peer takes, bytes
 * @position: doorbell address of the peer
 * @vectors: its interrupt vectors; 0 if it polls
 * @data_vector: vector of each of its queues
 * @rules: what metadata the peer may send
 * @features: what both sides announce: what may come
 * @uses: of these, what the peer wants at present: what is sent
 * @broken: a rule the data path saw broken, enum shm_link_error
 * @state: under &shm_dev.lock, like all that follows
 * @life: our side's life
 * @peer_life: the other side's, as it was seen last
 * @incarnation: of the peer
 * @heartbeat: of the peer, as it was seen last
 * @beat_at: when that changed, jiffies
 * @control_vector: the peer's
 * @error: why the link went down last
 * @resets: how often it began anew
 * @retry: length of the next quarantine, seconds
 * @retry_at: end of the present one, jiffies
 * @mac: the peer's address
 * @lanes: one for each queue of the region
 */
struct shm_link {
	struct shm_dev *sd;
	u32 peer;
	bool run;
	u32 max_frame;
	u16 position;
	u16 vectors;
	u16 data_vector[IVNET_SHM_QUEUES_MAX];
	struct ivnet_meta_rules rules;
	u64 features;
	u64 uses;
	u32 broken;

	enum shm_link_state state;
	u32 life;
	u32 peer_life;
	u32 incarnation;
	u32 heartbeat;
	unsigned long beat_at;
	u16 control_vector;
	u32 error;
	u32 resets;
	u32 retry;
	unsigned long retry_at;
	u8 mac[ETH_ALEN];
	struct shm_lane lanes[IVNET_SHM_QUEUES_MAX];
};

/**
 * shm_link_usable() - may the data path use a link's lanes?
 * @link: the link
 *
 * Context: bottom halves off; link_halt() waits for them.
 * Return: true if it may.
 */
static inline bool shm_link_usable(const struct shm_link *link)
{
	/* Pairs with the release in link_up(): the lanes are complete. */
	return smp_load_acquire(&link->run) && !READ_ONCE(link->broken);
}

/**
 * struct shm_queue - a queue pair: one queue of every link
 * @q: the core's part
 * @sd: the device
 * @pool: memory for received frames
 * @page_len: bytes of a page of the pool
 * @next: link with which the last poll began
 * @unpublished: links with frames that the peer was not shown, one bit each;
 *	under the queue's transmit lock, like what follows up to @found_at
 * @sought: address that was looked up last
 * @found: its port, or negative
 * @found_at: when it was looked up, low half of jiffies
 * @irqs: interrupts that started a poll; written by who schedules NAPI
 * @irqs_seen: of them, those that the statistics have
 * @interval: of the timer, where there are no doorbells, µs
 * @timer: polls without a doorbell
 */
struct shm_queue {
	struct ivnet_queue q;
	struct shm_dev *sd;
	struct page_pool *pool;
	u32 page_len;
	u32 next;
	u32 unpublished;
	u8 sought[ETH_ALEN];
	int found;
	u32 found_at;
	u32 irqs;
	u32 irqs_seen;
	u32 interval;
	struct hrtimer timer;
};

static inline struct shm_queue *to_shm_queue(struct ivnet_queue *q)
{
	return container_of(q, struct shm_queue, q);
}

/* Buckets and ways of the forwarding table, powers of two. */
#define SHM_FDB_BUCKETS		256
#define SHM_FDB_WAYS		4

/**
 * struct shm_fdb - forwarding table
 * @entry: address << 16 | port + 1; 0 is free
 * @seen: when the address was seen last, low half of jiffies
 *
 * Each entry is one word, so that it is read without a lock.
 */
struct shm_fdb {
	u64 entry[SHM_FDB_BUCKETS][SHM_FDB_WAYS];
	u32 seen[SHM_FDB_BUCKETS][SHM_FDB_WAYS];
};

/**
 * struct shm_bus - what differs between devices that offer a region
 * @regs: offsets of its registers that can be read without harm; the first is
 *	the one with &shm_dev.position
 * @n_regs: their number
 * @reg: read one; NULL where there are none
 * @ring_self: ring one of our own vectors; NULL where that says nothing. Returns
 *	0 when it arrives, or -ETIMEDOUT
 * @ring: ring a port's doorbell; bottom halves or interrupts are off
 * @start: find @shm_dev.position and @shm_dev.vectors anew; NULL where they
 *	never change. Returns 0 or an error
 * @state: show all others a state, of which 0 is for none, and tell them; what
 *	was written to the region before is visible to who sees it. NULL where
 *	&shm_dev.states is
 */
struct shm_bus {
	const u16 *regs;
	u32 n_regs;
	u32 (*reg)(const struct shm_dev *sd, u32 offset);
	int (*ring_self)(struct shm_dev *sd, u32 vector);
	void (*ring)(struct shm_dev *sd, u16 position, u16 vector);
	int (*start)(struct shm_dev *sd, struct netlink_ext_ack *extack);
	void (*state)(struct shm_dev *sd, u32 state);
};

/**
 * struct shm_dev - the transport's device object
 * @idev: the core's
 * @bus: what differs between devices
 * @bus_priv: what belongs to @bus
 * @base: the region, mapped write-back; NULL on IVSHMEM v2
 * @size: bytes of it
 * @position: our doorbell address
 * @vectors: our interrupt vectors; 0: we poll
 * @want_ports: ports that the region shall have; 0: whatever it has, or by its
 *	size
 * @want_queues: queues that it shall have; 0: whatever it has, or by the
 *	number of CPUs
 * @pin: port to take, or %SHM_PORT_ANY
 * @format: the region may be overwritten even if it is not ours
 * @lock: protects what follows, and the links' state
 * @geo: layout of the region
 * @header: what the region said when it was adopted
 * @port: our port; negative while we have none
 * @waiting: the user knows that there is no port
 * @incarnation: ours
 * @beat: our heartbeat
 * @beat_at: when it was counted up last, jiffies
 * @open: the region is in use; cleared before @work is cancelled
 * @running: queues run
 * @wants: features of frames that we like to get
 * @up_at: when a link was running last, jiffies
 * @netdev: the net_device while queues run
 * @mac: the address that we announce
 * @mtu: the MTU that we announce, bytes
 * @pairs: queue pairs that run
 * @links: one for each port
 * @n_run: links on which frames flow
 * @polling: a timer polls, because this port or a peer has no doorbell
 * @ends: memory behind &ivnet_shm_tx.end and &shm_lane.sum of every lane
 * @queues: the queue pairs that run; read by interrupts
 * @others: what was seen of each claim, to find stale ones
 * @work: heartbeat and state machine
 * @worked_at: when it ran last, jiffies
 * @worked: how often it ran in that jiffy
 * @fdb: forwarding table
 * @want_classic: the next start speaks the classic format
 * @want_peer: doorbell address of the other side then, or %SHM_PEER_NONE
 * @classic: that format's state; NULL while it is not spoken
 * @dozing: about to sleep, or asleep, with links that are kept; under @lock
 * @sleep_lock: protects what follows, and the receiving side of all lanes while
 *	@asleep
 * @asleep: interrupts look for a magic packet
 * @slept: frames that were dropped meanwhile
 * @sleep_frame: private copy of the frame that is looked at
 * @states: IVSHMEM v2: state table; NULL elsewhere, like what follows.
 *	Nothing of it may be written, nor of another's output section
 * @outputs: each port's output section
 * @output_size: bytes of each
 * @own_queues: queues that the device has vectors for, the same for all ports
 * @strange: ports with another layout that were reported, one bit each
 */
struct shm_dev {
	struct ivnet_dev *idev;
	const struct shm_bus *bus;
	void *bus_priv;
	u8 *base;
	u64 size;
	u16 position;
	u16 vectors;
	u32 want_ports;
	u32 want_queues;
	u32 pin;
	bool format;

	struct mutex lock;	/* see above */
	struct ivnet_shm_geometry geo;
	struct ivnet_shm_header header;
	int port;
	bool waiting;
	u32 incarnation;
	u32 beat;
	unsigned long beat_at;
	bool open;
	bool running;
	bool polling;
	u64 wants;
	unsigned long up_at;
	struct net_device *netdev;
	u8 mac[ETH_ALEN];
	u16 mtu;
	u32 pairs;
	struct shm_link *links;
	u32 n_run;
	u32 *ends;
	struct shm_queue *queues[IVNET_SHM_QUEUES_MAX];
	struct {
		u64 claim;
		u32 beat;
		unsigned long at;
	} others[IVNET_SHM_PORTS_MAX];
	struct delayed_work work;
	unsigned long worked_at;
	u32 worked;
	struct shm_fdb fdb;
	bool want_classic;
	u32 want_peer;
	struct shm_classic *classic;
	bool dozing;
	spinlock_t sleep_lock;	/* see above */
	bool asleep;
	u32 slept;
	u8 sleep_frame[VLAN_ETH_FRAME_LEN];

	const __le32 *states;
	u8 *outputs[IVNET_SHM_PORTS_MAX];
	u64 output_size;
	u32 own_queues;
	u32 strange;
};

/**
 * shm_link_ring() - ring the peer's doorbell
 * @link: the link
 * @vector: the peer's vector
 *
 * Context: bottom halves or interrupts off.
 * Return: false if the peer polls, and is left alone.
 */
static inline bool shm_link_ring(const struct shm_link *link, u16 vector)
{
	if (!link->vectors)
		return false;
	link->sd->bus->ring(link->sd, link->position, vector);

	return true;
}

/**
 * shm_at() - where something of a port's section is
 * @sd: the device; its geometry is known
 * @i: the port
 * @off: offset from the start of the region, within section @i
 *
 * On IVSHMEM v2 sections are mapped each for itself, behind a header's page.
 *
 * Return: its address.
 */
static inline void *shm_at(const struct shm_dev *sd, u32 i, u64 off)
{
	if (sd->states)
		return sd->outputs[i] + IVNET_SHM_PAGE +
		       (off - ivnet_shm_section(&sd->geo, i));

	return sd->base + off;
}

/* classic.c */
extern const struct ivnet_transport_ops shm_classic_ops;

/* region.c */
bool shm_region_foreign(const struct shm_dev *sd);
int shm_region_open(struct shm_dev *sd, struct netlink_ext_ack *extack);
u64 shm_claim_read(struct shm_dev *sd, u32 i);
bool shm_port_claim(struct shm_dev *sd);
bool shm_region_kept(const struct shm_dev *sd);
bool shm_port_mine(const struct shm_dev *sd);
void shm_port_release(struct shm_dev *sd);
void shm_announce(struct shm_dev *sd, enum ivnet_shm_state state);

/* output.c */
int shm_output_open(struct shm_dev *sd, struct netlink_ext_ack *extack);
u64 shm_output_claim(struct shm_dev *sd, u32 i);

/* link.c */
void shm_link_work(struct work_struct *work);
void shm_link_init(struct shm_dev *sd);
void shm_work_kick(struct shm_dev *sd);
void shm_work_began(struct shm_dev *sd);
void shm_link_kick(struct shm_dev *sd);
bool shm_link_broken(struct shm_link *link, enum shm_link_error err);
void shm_links_run(struct shm_dev *sd, struct net_device *dev, u32 pairs);
void shm_links_want(struct shm_dev *sd, u64 features);
void shm_links_stop(struct shm_dev *sd);
void shm_links_exit(struct shm_dev *sd);
const char *shm_link_state_name(enum shm_link_state state);

/* fdb.c */
int shm_fdb_find(const struct shm_fdb *fdb, const u8 *addr);
void shm_fdb_learn(struct shm_fdb *fdb, const u8 *addr, u32 port);
void shm_fdb_forget(struct shm_fdb *fdb, u32 port);
int shm_fdb_dump(struct sk_buff *skb, struct netlink_callback *cb,
		 struct net_device *dev, struct net_device *filter_dev,
		 int *idx);

/* rx.c */
int shm_poll(struct napi_struct *napi, int budget);

/* tx.c */
netdev_tx_t shm_xmit(struct sk_buff *skb, struct net_device *dev);
void shm_tx_wake(struct shm_queue *sq, int budget);
void shm_tx_idle(struct shm_queue *sq);
void shm_tx_forget(struct shm_queue *sq, struct shm_lane *lane);

/* transport.c */
extern const struct ivnet_transport_ops shm_transport_ops;
extern const struct devlink_param shm_params[SHM_PARAMS];
void shm_params_default(struct ivnet_dev *idev);
void shm_params_read(struct ivnet_dev *idev);
void shm_address(const struct shm_dev *sd, const char *what, u32 number,
		 u8 *addr);
struct ivnet_queue *shm_queue_new(struct ivnet_dev *idev,
				  const struct ivnet_queue_cfg *cfg, u32 index,
				  int (*poll)(struct napi_struct *napi,
					      int budget));
void shm_queue_free(struct ivnet_dev *idev, struct ivnet_queue *q);
int shm_set_mac(struct ivnet_dev *idev, const u8 *addr);
void shm_set_rx_mode(struct net_device *dev);
u32 shm_rx_buf_min(struct ivnet_dev *idev, u32 mtu);
void shm_diagnose_rx(struct ivnet_queue *q, struct devlink_fmsg *fmsg);
void shm_diagnose_tx(struct ivnet_queue *q, struct devlink_fmsg *fmsg);
void shm_diagnose_v2(const struct shm_dev *sd, struct devlink_fmsg *fmsg);
void shm_dev_format(struct shm_dev *sd, bool classic);

/* What both formats have in common. */
#define SHM_OPS_COMMON							\
	.priv_size	= sizeof(struct shm_dev),			\
	.params		= shm_params,					\
	.n_params	= ARRAY_SIZE(shm_params),			\
	.params_default	= shm_params_default,				\
	.params_read	= shm_params_read,				\
	.queue_free	= shm_queue_free,				\
	.set_mac	= shm_set_mac,					\
	.rx_buf_min	= shm_rx_buf_min,				\
	.selftest	= shm_selftest,					\
	.regs		= shm_regs,					\
	.diagnose_rx	= shm_diagnose_rx,				\
	.diagnose_tx	= shm_diagnose_tx

void shm_dev_init(struct shm_dev *sd, struct ivnet_dev *idev);
bool shm_dev_wanted(const struct shm_dev *sd);
void shm_dev_exit(struct shm_dev *sd);

/* regs.c */
void shm_regs(struct ivnet_dev *idev, struct ivnet_regs_out *out);

/* selftest.c */
void shm_selftest(struct ivnet_dev *idev, struct ivnet_selftest *t);

/* sleep.c */
bool shm_can_wake(struct ivnet_dev *idev);
bool shm_sleep_begin(struct shm_dev *sd);
bool shm_sleep_end(struct shm_dev *sd);
void shm_sleep_interrupt(struct shm_dev *sd);

/* wake.c */
void shm_wake_init(struct shm_queue *sq);
void shm_wake_exit(struct shm_queue *sq);
bool shm_wake_later(struct shm_queue *sq, int done);
void shm_wake_soon(struct shm_queue *sq);
void shm_wake_within(struct shm_queue *sq, u32 usecs);
void shm_wake_all(struct shm_dev *sd);
void shm_interrupt(struct shm_dev *sd, u32 vector);

/**
 * shm_tx_lock_stopped() - lock a transmit queue that is stopped
 * @sq: the queue pair
 * @budget: NAPI's; 0 from netpoll, which may have interrupted the lock's owner
 *
 * Context: NAPI.
 * Return: false if the queue is not stopped, or could not be locked.
 */
static inline bool shm_tx_lock_stopped(struct shm_queue *sq, int budget)
{
	if (likely(!netif_xmit_stopped(sq->q.txq)))
		return false;
	if (unlikely(!budget))
		return __netif_tx_trylock(sq->q.txq);

	__netif_tx_lock(sq->q.txq, smp_processor_id());

	return true;
}

#endif
