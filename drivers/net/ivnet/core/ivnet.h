/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The core's objects and what a transport and the core call in each other.
 *
 * Locks: the net_device's state is changed under rtnl. devlink's instance lock
 * is taken outside of rtnl (reload, health). A queue's receive side belongs to
 * its NAPI, its transmit side to the netdev_queue's lock.
 */
#ifndef _IVNET_H
#define _IVNET_H

#include <linux/ethtool.h>
#include <linux/netdevice.h>
#include <linux/workqueue.h>
#include <net/devlink.h>

#include "compat.h"
#include "debugfs.h"
#include "rxfh.h"
#include "stats.h"

struct ivnet_dev;
struct ivnet_regs_out;
struct ivnet_selftest;

/* Limits of what a user may ask for, before the device's own. */
#define IVNET_RING_MIN		64
#define IVNET_RX_BUF_MAX	max_t(u32, 32768, PAGE_SIZE)
#define IVNET_RING_DEFAULT_MAX	1024
#define IVNET_COPYBREAK_MAX	1024
#define IVNET_COPYBREAK_DEFAULT	256
#define IVNET_COAL_FRAMES_DEFAULT	32

/* A hash over two IPv6 addresses and two ports takes a key of so many bytes. */
#define IVNET_RSS_KEY		40
#define IVNET_RSS_INDIR_MAX	1024

/**
 * struct ivnet_queue_cfg - what a set of queues is built from
 * @pairs: queue pairs in use
 * @rx_ring: receive descriptors per queue
 * @tx_ring: transmit descriptors per queue
 * @rx_buf_len: bytes of memory allocated at once for received frames, a power
 *	of two
 * @mtu: largest packet to be received, in bytes without the Ethernet header
 */
struct ivnet_queue_cfg {
	u32 pairs;
	u32 rx_ring;
	u32 tx_ring;
	u32 rx_buf_len;
	u32 mtu;
};

/**
 * struct ivnet_queue - a queue pair: the part that the core knows
 * @napi: polls both directions
 * @netdev: the net_device
 * @txq: the stack's transmit queue
 * @stats: counters of this index
 * @index: number of the pair
 * @restarted: when the transmit side was last reset on its own, jiffies; 0 if
 *	never
 *
 * First member of a transport's own queue object.
 */
struct ivnet_queue {
	struct napi_struct napi;
	struct net_device *netdev;
	struct netdev_queue *txq;
	struct ivnet_queue_stats *stats;
	u32 index;
	unsigned long restarted;
};

/**
 * struct ivnet_qset - queue pairs that were built together
 * @cfg: what they were built from
 * @q: the pairs, @cfg.pairs of them
 */
struct ivnet_qset {
	struct ivnet_queue_cfg cfg;
	struct ivnet_queue *q[];
};

/**
 * struct ivnet_limits - what the device allows, valid while it is up
 * @max_pairs: queue pairs
 * @rx_ring_max: receive descriptors
 * @tx_ring_max: transmit descriptors
 * @rx_buf_default: a good memory unit for received frames, bytes
 * @max_mtu: largest MTU, bytes
 * @mtu: MTU that the device suggests, bytes
 * @ring_fixed: the device cannot change ring sizes, or reset a ring alone
 * @gathers: frames are read by the device in pieces and completed by it: there
 *	is something in &ivnet_net.tx_copybreak and &ivnet_coal.tx frames
 * @rss_types: what received frames can be hashed by, VIRTIO_NET_RSS_HASH_TYPE_*;
 *	0 if they cannot
 * @rss_indir: entries of the table that spreads them by their hash, a power of
 *	two up to %IVNET_RSS_INDIR_MAX; 0 if there is none
 * @rx_usecs_max: longest delay of receive interrupts, or what a transport
 *	takes for that; 0 where they cannot be delayed
 * @moderates: interrupts of both directions can be delayed, by time and by
 *	frames
 * @moderates_queues: those of a single queue as well
 * @adapts: and by the load
 */
struct ivnet_limits {
	u32 max_pairs;
	u32 rx_ring_max;
	u32 tx_ring_max;
	u32 rx_buf_default;
	u32 max_mtu;
	u32 mtu;
	bool ring_fixed;
	bool gathers;
	u32 rss_types;
	u32 rss_indir;
	u32 rx_usecs_max;
	bool moderates;
	bool moderates_queues;
	bool adapts;
};

/**
 * struct ivnet_coal_dir - when interrupts of one direction come
 * @usecs: at the latest so long after the first frame, µs
 * @frames: at the latest after so many frames
 * @adaptive: the load decides, not the other two
 */
struct ivnet_coal_dir {
	u32 usecs;
	u32 frames;
	bool adaptive;
};

/**
 * struct ivnet_coal - when interrupts of a queue pair come
 * @rx: receive side. In shared memory @rx.usecs is the pause between a poll
 *	that received and the next one; 0: wait for an interrupt
 * @tx: transmit side. @tx.frames is also how many frames the driver sends
 *	between two looks for completions
 */
struct ivnet_coal {
	struct ivnet_coal_dir rx;
	struct ivnet_coal_dir tx;
};

/* For &ivnet_transport_ops.coalesce */
#define IVNET_ALL_QUEUES	U32_MAX

/**
 * struct ivnet_rss - how received frames are hashed and spread
 * @types: VIRTIO_NET_RSS_HASH_TYPE_*
 * @key: of the Toeplitz hash
 * @indir: queue for each rest of the hash
 */
struct ivnet_rss {
	u32 types;
	u8 key[IVNET_RSS_KEY];
	u16 indir[IVNET_RSS_INDIR_MAX];
};

/**
 * struct ivnet_transport_ops - the slow path of a transport
 * @priv_size: bytes of the transport's device object
 * @netdev_ops: built with %IVNET_NDO_COMMON and the transport's own transmit
 * @params: devlink parameters of the transport alone, numbered from
 *	%IVNET_PARAM_OWN; may be NULL
 * @n_params: their number
 * @params_default: set their values from the transport's own
 * @params_read: the reverse, for the next start
 * @up: negotiate with the device and make its queues exist, all empty. Fills
 *	in limits, features and MAC of the device. Called at probe, reload and
 *	recovery.
 * @down: silence the device and give its queues back, with no queue started;
 *	at the end also after @up failed
 * @queue_alloc: build queue pair @index with all the memory it needs, and
 *	call ivnet_queue_init(). The queue that runs under the same index, if
 *	any, is not touched.
 * @queue_free: free a queue pair that is stopped; calls ivnet_queue_exit()
 * @queues_start: give a set to the device; on failure nothing of it is with
 *	the device. Receive memory is there already, so that a set that was
 *	stopped can be started again. NAPI and transmit queues follow.
 * @queues_stop: take a set from the device; NAPI is disabled and nobody
 *	transmits. When it returns the device writes to none of its memory.
 * @reset: the next @queues_stop resets the device, and the @queues_start after
 *	it tells it again what the user has set; NULL where @down and @up do that
 * @watch: look for trouble, called every two seconds; NULL where nothing is
 *	to be found that way
 * @tx_stuck: did transmit queue @q make no progress in two looks? There if
 *	@watch is
 * @tx_restart: give up what a transmit ring has, and start it again, with NAPI
 *	disabled and the queue stopped. Returns an error if only a reset of the
 *	device helps. There if @watch is
 * @set_mac: program the address; NULL or -EOPNOTSUPP where it cannot
 * @set_features: carry out a change of netdev features
 * @rx_mode: have the device receive what the net_device's flags and lists of
 *	addresses ask for; NULL where nothing is filtered
 * @vlan: let frames of a VLAN through, or no more; NULL as @rx_mode
 * @rss: hash and spread received frames over so many pairs from now on; NULL
 *	where &ivnet_limits.rss_types is 0. @queues_start does so as well
 * @coalesce: have interrupts of a pair, or with %IVNET_ALL_QUEUES of all, come
 *	like that, or change nothing; there where &ivnet_limits.moderates is.
 *	@queues_start and @tx_restart tell the device what was set before.
 * @stats_count: how many statistics the device itself keeps, always the same
 *	while there is a net_device; NULL where it keeps none
 * @stats_names: their names, for ``ethtool -S``
 * @stats_values: their values, in the same order; sleeps
 * @drops: what the device has dropped of a range of pairs, as far as is known
 *	without asking it; what it does not count is left alone. There if
 *	@stats_count is
 * @rx_buf_min: smallest &ivnet_queue_cfg.rx_buf_len for an MTU
 * @started: the device runs and its net_device is registered, perhaps since
 *	before; NULL where nobody has to know
 * @going: the net_device is about to be unregistered; there if @started is
 * @link: read carrier, speed and duplex from the device into ivnet_net
 * @set_affinity: hint which CPUs serve a pair; NULL where nobody can be told
 * @can_wake: may a frame wake the machine from suspend to idle? NULL where none
 *	can
 * @regs: add sections to a register dump; reads no register that it would change,
 *	and waits for nothing. Called once before to learn the length
 * @selftest: make tests, or list them; each waits for a second at the most
 * @info_get: add versions to ``devlink dev info``
 * @diagnose: describe the device for ``devlink health diagnose``
 * @diagnose_ctrl: describe the control queue, for the reporter ``ctrl``; NULL
 *	where there is none
 * @diagnose_peers: describe those that the device talks to, for the reporter
 *	``peer``; NULL where there are none
 * @diagnose_rx: describe the receive side of a queue
 * @diagnose_tx: describe the transmit side of a queue
 *
 * All are called under rtnl, except @started and @going, and @info_get,
 * @params_default and @params_read, which hold devlink's lock alone.
 * @params_read may set &ivnet_dev.ops to others with the same @params: then the
 * next start has their data path.
 */
struct ivnet_transport_ops {
	size_t priv_size;
	const struct net_device_ops *netdev_ops;

	const struct devlink_param *params;
	size_t n_params;
	void (*params_default)(struct ivnet_dev *idev);
	void (*params_read)(struct ivnet_dev *idev);

	int (*up)(struct ivnet_dev *idev, struct netlink_ext_ack *extack);
	void (*down)(struct ivnet_dev *idev);

	struct ivnet_queue *(*queue_alloc)(struct ivnet_dev *idev,
					   const struct ivnet_queue_cfg *cfg,
					   u32 index);
	void (*queue_free)(struct ivnet_dev *idev, struct ivnet_queue *q);
	int (*queues_start)(struct ivnet_dev *idev, struct ivnet_qset *qs);
	void (*queues_stop)(struct ivnet_dev *idev, struct ivnet_qset *qs);

	void (*reset)(struct ivnet_dev *idev);
	void (*watch)(struct ivnet_dev *idev);
	bool (*tx_stuck)(struct ivnet_queue *q);
	int (*tx_restart)(struct ivnet_dev *idev, struct ivnet_queue *q);

	int (*set_mac)(struct ivnet_dev *idev, const u8 *addr);
	int (*set_features)(struct ivnet_dev *idev, netdev_features_t features);
	void (*rx_mode)(struct ivnet_dev *idev);
	int (*vlan)(struct ivnet_dev *idev, u16 vid, bool add);
	int (*rss)(struct ivnet_dev *idev, const struct ivnet_rss *rss,
		   u32 pairs);
	int (*coalesce)(struct ivnet_dev *idev, u32 queue,
			const struct ivnet_coal *coal);
	u32 (*stats_count)(struct ivnet_dev *idev);
	void (*stats_names)(struct ivnet_dev *idev, u8 **p);
	void (*stats_values)(struct ivnet_dev *idev, u64 *data);
	void (*drops)(struct ivnet_dev *idev, u32 first, u32 end, u64 *drops);
	u32 (*rx_buf_min)(struct ivnet_dev *idev, u32 mtu);
	void (*started)(struct ivnet_dev *idev);
	void (*going)(struct ivnet_dev *idev);
	void (*link)(struct ivnet_dev *idev);
	void (*set_affinity)(struct ivnet_dev *idev, struct ivnet_queue *q,
			     const struct cpumask *mask);
	bool (*can_wake)(struct ivnet_dev *idev);
	void (*regs)(struct ivnet_dev *idev, struct ivnet_regs_out *out);
	void (*selftest)(struct ivnet_dev *idev, struct ivnet_selftest *t);
	int (*info_get)(struct ivnet_dev *idev, struct devlink_info_req *req);
	void (*diagnose)(struct ivnet_dev *idev, struct devlink_fmsg *fmsg);
	void (*diagnose_ctrl)(struct ivnet_dev *idev,
			      struct devlink_fmsg *fmsg);
	void (*diagnose_peers)(struct ivnet_dev *idev,
			       struct devlink_fmsg *fmsg);
	void (*diagnose_rx)(struct ivnet_queue *q, struct devlink_fmsg *fmsg);
	void (*diagnose_tx)(struct ivnet_queue *q, struct devlink_fmsg *fmsg);
};

/* Numbers of devlink parameters: the core's, then a transport's own. */
enum ivnet_param_id {
	IVNET_PARAM_BASE = DEVLINK_PARAM_GENERIC_ID_MAX,
	IVNET_PARAM_MAX_PAIRS,
	IVNET_PARAM_OWN,
};

/**
 * struct ivnet_params - devlink parameters that a start of the device reads
 * @max_pairs: upper limit of queue pairs
 */
struct ivnet_params {
	u32 max_pairs;
};

/**
 * struct ivnet_net - the net_device's private part
 * @idev: the device
 * @qset: queues in use; NULL while the interface is down
 * @stats: counters, one entry for each possible queue pair
 * @n_stats: entries in @stats
 * @tx_csum_fallback: packets whose checksum the stack computed because the
 *	device does not
 * @cfg: configuration of @qset, or of the next one while there is none
 * @rss: how received frames are spread
 * @rx_copybreak: received frames up to this length are copied, bytes
 * @tx_copybreak: frames in pieces up to this length are made one, bytes
 * @coal: when interrupts come; what is set for all queue pairs
 * @queue_coal: the same of each possible pair
 * @msg_enable: NETIF_MSG_* bits
 * @speed: Mbit/s, or SPEED_UNKNOWN
 * @duplex: DUPLEX_*
 * @spread: @qset may be used by CPU hotplug; under the affinity lock
 * @cpuhp: entry in the list of the CPU hotplug state
 */
struct ivnet_net {
	struct ivnet_dev *idev;
	struct ivnet_qset *qset;
	struct ivnet_queue_stats *stats;
	u32 n_stats;
	u64 __percpu *tx_csum_fallback;

	struct ivnet_queue_cfg cfg;
	struct ivnet_rss rss;
	u32 rx_copybreak;
	u32 tx_copybreak;
	struct ivnet_coal coal;
	struct ivnet_coal *queue_coal;
	u32 msg_enable;
	u32 speed;
	u8 duplex;
	bool spread;
	struct hlist_node cpuhp;
};

/**
 * enum ivnet_reporter - devlink health reporters
 * @IVNET_REPORTER_DEVICE: the device as a whole
 * @IVNET_REPORTER_RX: receive queues
 * @IVNET_REPORTER_TX: transmit queues
 * @IVNET_REPORTER_CTRL: control queue
 * @IVNET_REPORTER_PEER: those that the device talks to
 * @IVNET_REPORTER_NUM: how many
 */
enum ivnet_reporter {
	IVNET_REPORTER_DEVICE,
	IVNET_REPORTER_RX,
	IVNET_REPORTER_TX,
	IVNET_REPORTER_CTRL,
	IVNET_REPORTER_PEER,
	IVNET_REPORTER_NUM
};

/**
 * enum ivnet_trouble - what can be wrong with a device
 * @IVNET_TROUBLE_TX: a transmit queue makes no progress
 * @IVNET_TROUBLE_RX_RING: what a receive ring says makes no sense
 * @IVNET_TROUBLE_TX_RING: what a transmit ring says makes no sense
 * @IVNET_TROUBLE_DEVICE: the device asks for a reset, or had one
 * @IVNET_TROUBLE_CTRL: a control command was not answered
 * @IVNET_TROUBLE_NUM: how many
 */
enum ivnet_trouble {
	IVNET_TROUBLE_TX,
	IVNET_TROUBLE_RX_RING,
	IVNET_TROUBLE_TX_RING,
	IVNET_TROUBLE_DEVICE,
	IVNET_TROUBLE_CTRL,
	IVNET_TROUBLE_NUM
};

/**
 * struct ivnet_dev - a device, from probe to remove
 * @devlink: the devlink instance whose private part this is
 * @dev: the bus device
 * @bus_name: its name on the bus that it sits on, for ``ethtool -i``
 * @ops: the transport
 * @netdev: the net_device; NULL when it could not be made
 * @err: why @netdev is missing or the device is not up; 0 if all is well
 * @up: is the device up?
 * @parked: taken down to be started again, or for good; under rtnl
 * @watched: @watch may be queued
 * @limits: what the device allows
 * @hw_features: offloads that can be switched
 * @features: offloads that are on at first
 * @perm_addr: the device's own address; all zero if it has none
 * @params: what the last start of the device read
 * @tso_max: bytes of the largest frame to be segmented
 * @headroom: bytes that the transport wants before a frame
 * @stats: counters that belong to no queue; under rtnl
 * @filter_work: carries out a change of receive filters
 * @link_work: reads the link state after a configuration interrupt
 * @watch: looks for trouble
 * @troubles: those not reported yet, bits of &enum ivnet_trouble
 * @unrepaired: reporters of what is not over, bits of &enum ivnet_reporter
 * @reset_at: last reset of the device, jiffies
 * @reset_pause: from then on there is none for so long, jiffies
 * @reporters: health reporters, each may be NULL
 * @faults: what is to fail
 * @priv: the transport's device object
 */
struct ivnet_dev {
	struct devlink *devlink;
	struct device *dev;
	const char *bus_name;
	const struct ivnet_transport_ops *ops;
	struct net_device *netdev;
	int err;
	bool up;
	bool parked;
	bool watched;
	struct ivnet_limits limits;
	netdev_features_t hw_features;
	netdev_features_t features;
	u8 perm_addr[ETH_ALEN];
	struct ivnet_params params;
	u32 tso_max;
	u16 headroom;
	u64 stats[IVNET_DEV_STAT_NUM];
	struct work_struct filter_work;
	struct work_struct link_work;
	struct delayed_work watch;
	unsigned long troubles;
	unsigned long unrepaired;
	unsigned long reset_at;
	unsigned long reset_pause;
	struct devlink_health_reporter *reporters[IVNET_REPORTER_NUM];
	struct ivnet_faults faults;
	u8 priv[] __aligned(NETDEV_ALIGN);
};

/**
 * ivnet_priv() - the transport's part of a device
 * @idev: the device
 *
 * Return: &ivnet_dev.priv.
 */
static inline void *ivnet_priv(struct ivnet_dev *idev)
{
	return idev->priv;
}

/* device.c */
struct ivnet_dev *ivnet_dev_alloc(struct device *dev,
				  const struct ivnet_transport_ops *ops);
void ivnet_dev_free(struct ivnet_dev *idev);
int ivnet_dev_register(struct ivnet_dev *idev);
void ivnet_dev_unregister(struct ivnet_dev *idev);
void ivnet_dev_detach(struct ivnet_dev *idev);
int ivnet_dev_restart(struct ivnet_dev *idev, struct netlink_ext_ack *extack);
bool ivnet_dev_doze(struct ivnet_dev *idev);
int ivnet_dev_attach(struct ivnet_dev *idev, struct netlink_ext_ack *extack);
void ivnet_link_changed(struct ivnet_dev *idev);

/* recovery.c */
void ivnet_look(struct ivnet_dev *idev);
void ivnet_trouble(struct ivnet_dev *idev, enum ivnet_trouble what);
void ivnet_troubles_over(struct ivnet_dev *idev);
int ivnet_dev_reset(struct ivnet_dev *idev, enum ivnet_trouble reason,
		    struct netlink_ext_ack *extack);
int ivnet_recover(struct ivnet_dev *idev, enum ivnet_trouble what,
		  struct netlink_ext_ack *extack);
void ivnet_watch_init(struct ivnet_dev *idev);
void ivnet_watch_start(struct ivnet_dev *idev);
void ivnet_watch_stop(struct ivnet_dev *idev);
void ivnet_tx_timeout(struct net_device *dev, unsigned int txqueue);

/* devlink.c */
extern const struct devlink_ops ivnet_devlink_ops;
int ivnet_params_register(struct ivnet_dev *idev);
void ivnet_params_unregister(struct ivnet_dev *idev);
void ivnet_params_read(struct ivnet_dev *idev);
void ivnet_param_set_bool(struct ivnet_dev *idev, u32 id, bool val);
void ivnet_param_get_bool(struct ivnet_dev *idev, u32 id, bool *val);
void ivnet_param_set_u32(struct ivnet_dev *idev, u32 id, u32 val);
void ivnet_param_get_u32(struct ivnet_dev *idev, u32 id, u32 *val);
void ivnet_param_set_str(struct ivnet_dev *idev, u32 id, const char *val);
void ivnet_param_get_str(struct ivnet_dev *idev, u32 id, char *val);

/* trace.c; see trace.h for the events */
void ivnet_carrier(struct net_device *dev, bool up);

/* health.c */
void ivnet_health_create(struct ivnet_dev *idev);
void ivnet_health_destroy(struct ivnet_dev *idev);

/* netdev.c */
int ivnet_netdev_create(struct ivnet_dev *idev);
void ivnet_netdev_destroy(struct ivnet_dev *idev);
int ivnet_netdev_refresh(struct ivnet_dev *idev);
int ivnet_open(struct net_device *dev);
int ivnet_stop(struct net_device *dev);
int ivnet_change_mtu(struct net_device *dev, int mtu);
int ivnet_set_mac(struct net_device *dev, void *p);
void ivnet_set_rx_mode(struct net_device *dev);
void ivnet_filter_work(struct work_struct *work);
int ivnet_vlan_add(struct net_device *dev, __be16 proto, u16 vid);
int ivnet_vlan_kill(struct net_device *dev, __be16 proto, u16 vid);
netdev_features_t ivnet_features_check(struct sk_buff *skb,
				       struct net_device *dev,
				       netdev_features_t features);
netdev_features_t ivnet_fix_features(struct net_device *dev,
				     netdev_features_t features);
int ivnet_set_features(struct net_device *dev, netdev_features_t features);

/* What every transport's net_device_ops have in common. */
#define IVNET_NDO_COMMON						\
	.ndo_open		= ivnet_open,				\
	.ndo_stop		= ivnet_stop,				\
	.ndo_validate_addr	= eth_validate_addr,			\
	.ndo_set_mac_address	= ivnet_set_mac,			\
	.ndo_change_mtu		= ivnet_change_mtu,			\
	.ndo_get_stats64	= ivnet_get_stats64,			\
	.ndo_features_check	= ivnet_features_check,			\
	.ndo_fix_features	= ivnet_fix_features,			\
	.ndo_set_features	= ivnet_set_features

/* queues.c */
int ivnet_check_cfg(struct ivnet_dev *idev, const struct ivnet_queue_cfg *cfg,
		    struct netlink_ext_ack *extack);
struct ivnet_qset *ivnet_qset_alloc(struct ivnet_dev *idev,
				    const struct ivnet_queue_cfg *cfg);
void ivnet_qset_free(struct ivnet_dev *idev, struct ivnet_qset *qs);
int ivnet_queues_replace(struct ivnet_dev *idev,
			 const struct ivnet_queue_cfg *cfg,
			 struct netlink_ext_ack *extack);
int ivnet_queues_restart(struct ivnet_dev *idev);
void ivnet_queue_pause(struct ivnet_queue *q);
void ivnet_queue_resume(struct ivnet_queue *q);
int ivnet_queue_restart(struct ivnet_dev *idev, struct ivnet_queue *q);
int ivnet_queues_count(struct ivnet_dev *idev, u32 pairs);
int ivnet_queues_up(struct ivnet_dev *idev);
void ivnet_queues_down(struct ivnet_dev *idev);
void ivnet_queue_init(struct ivnet_dev *idev, struct ivnet_queue *q, u32 index,
		      int (*poll)(struct napi_struct *napi, int budget));
void ivnet_queue_exit(struct ivnet_queue *q);

/* rss.c; see rxfh.h for more */
void ivnet_rss_init(struct ivnet_dev *idev);
void ivnet_rss_spread(struct ivnet_dev *idev, u32 pairs);
u32 ivnet_get_rxfh_key_size(struct net_device *dev);
u32 ivnet_get_rxfh_indir_size(struct net_device *dev);

/* coalesce.c */
int ivnet_coal_init(struct ivnet_net *net);
void ivnet_coal_exit(struct ivnet_net *net);
bool ivnet_coal_same(const struct ivnet_coal_dir *a,
		     const struct ivnet_coal_dir *b);
int ivnet_get_coalesce(struct net_device *dev, struct ethtool_coalesce *ec,
		       struct kernel_ethtool_coalesce *kec,
		       struct netlink_ext_ack *extack);
int ivnet_set_coalesce(struct net_device *dev, struct ethtool_coalesce *ec,
		       struct kernel_ethtool_coalesce *kec,
		       struct netlink_ext_ack *extack);
int ivnet_get_queue_coalesce(struct net_device *dev, u32 queue,
			     struct ethtool_coalesce *ec);
int ivnet_set_queue_coalesce(struct net_device *dev, u32 queue,
			     struct ethtool_coalesce *ec);

/* affinity.c */
void ivnet_affinity_set(struct ivnet_net *net);
void ivnet_affinity_clear(struct ivnet_net *net);
int ivnet_affinity_add(struct ivnet_net *net);
void ivnet_affinity_del(struct ivnet_net *net);
int ivnet_affinity_init(void);
void ivnet_affinity_exit(void);

/* regs.c; see regs.h for more */
int ivnet_get_regs_len(struct net_device *dev);
void ivnet_get_regs(struct net_device *dev, struct ethtool_regs *regs, void *p);

/* selftest.c; see selftest.h for more */
int ivnet_selftest_count(struct net_device *dev);
void ivnet_selftest_names(struct net_device *dev, u8 *p);
void ivnet_self_test(struct net_device *dev, struct ethtool_test *test,
		     u64 *data);

/* ethtool.c */
extern const struct ethtool_ops ivnet_ethtool_ops;

#endif
