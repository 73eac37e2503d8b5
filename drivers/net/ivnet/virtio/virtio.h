/* SPDX-License-Identifier: GPL-2.0 */
/* The virtio-net transport: objects and what its files call in each other. */
#ifndef _IVNET_VIRTIO_H
#define _IVNET_VIRTIO_H

#include <linux/dim.h>
#include <linux/if_vlan.h>
#include <linux/scatterlist.h>
#include <linux/virtio.h>
#include <linux/virtio_ring.h>
#include <linux/virtio_net.h>
#include <net/ivnet/vnet_hdr.h>

#include "../core/ivnet.h"
#include "contract.h"
#include "devstats.h"

/**
 * enum vnet_rx_mode - how the device puts a frame into receive buffers
 * @VNET_RX_SINGLE: a frame fills one buffer, which holds the largest frame
 * @VNET_RX_MERGEABLE: a frame fills as many buffers as it needs, the first
 *	header says how many (virtio 1.3, 5.1.6.3.1)
 * @VNET_RX_CHAIN: a frame fills one buffer, made of several pieces so that it
 *	holds 64 KiB
 */
enum vnet_rx_mode {
	VNET_RX_SINGLE,
	VNET_RX_MERGEABLE,
	VNET_RX_CHAIN,
};

/**
 * struct vnet_caps - what follows from the negotiated features
 * @features: the negotiated feature bits of the network device
 * @mode: form of receive buffers
 * @hdr_len: bytes of the header before each frame: 10, 12 or 20
 * @any_layout: the header may share a descriptor with the frame
 * @big_frames: the device may hand over frames of up to 64 KiB
 * @rules: what received metadata may say
 * @hw_features: offloads that can be switched
 * @netdev_features: offloads that are on at first
 */
struct vnet_caps {
	u64 features;
	enum vnet_rx_mode mode;
	u32 hdr_len;
	bool any_layout;
	bool big_frames;
	struct ivnet_meta_rules rules;
	netdev_features_t hw_features;
	netdev_features_t netdev_features;
};

/* features.c */
#define VNET_FEATURE_COUNT	34
extern const unsigned int vnet_feature_table[VNET_FEATURE_COUNT];
u64 vnet_features_refine(u64 features);
void vnet_caps_init(struct vnet_caps *caps, u64 features);
void vnet_caps_contract(struct vnet_caps *caps);
u64 vnet_guest_offloads(const struct vnet_caps *caps,
			netdev_features_t features);

/* Two VLAN tags may stand in a frame beyond the MTU. */
#define VNET_FRAME_OVERHEAD	(ETH_HLEN + 2 * VLAN_HLEN)

/* The longest frame that there can be, bytes. */
#define VNET_BIG_FRAME		(65535 + VNET_FRAME_OVERHEAD)

/* What build_skb() wants at the end of a buffer, bytes. */
#define VNET_SHINFO		SKB_DATA_ALIGN(sizeof(struct skb_shared_info))

/* Pieces after the first in a buffer of VNET_RX_CHAIN, at the most. */
#define VNET_CHAIN_MAX		16

/**
 * struct vnet_rx_buf - a receive buffer
 * @page: its memory, the head of a page of the pool; NULL if it has none
 * @off: where the free part of @page begins, bytes
 * @end: where it ends
 * @refs: page_pool references to @page that this buffer holds
 * @len: bytes the device may write, the header among them
 * @more: further pages of the pool, for %VNET_RX_CHAIN
 * @next: next buffer that is not with the device
 */
struct vnet_rx_buf {
	struct page *page;
	u32 off;
	u32 end;
	u32 refs;
	u32 len;
	struct page **more;
	struct vnet_rx_buf *next;
};

/**
 * struct vnet_rx - receive side of a queue pair
 * @vq: the ring; NULL while the queue is stopped
 * @pool: where memory comes from and goes back to
 * @dma_dev: for whom @pool maps; NULL if the ring maps, or nobody needs to
 * @idle: buffers that are not with the device
 * @posted: number of buffers that are
 * @mode: form of the buffers
 * @hdr_len: bytes of the header
 * @frame_off: from the start of a buffer's free part to the frame, bytes
 * @min_left: a smaller rest of a page is not worth posting, bytes
 * @piece: bytes of a page that a buffer gets
 * @page_len: bytes of a page of the pool
 * @n_more: pages after the first in each buffer
 * @split_hdr: the header needs a descriptor of its own
 * @always_kick: ring the doorbell even if the device wants no notification
 * @adaptive: the load decides when interrupts come
 * @rules: what metadata may say
 * @cur: page from which %VNET_RX_SINGLE cuts its pieces
 * @cur_off: where the next piece begins
 * @cur_refs: references to @cur not yet given to a piece
 * @irqs: interrupts; written by the interrupt alone
 * @irqs_seen: how many of them are in the statistics
 * @irqs_dim: interrupts when @dim was told last
 * @dim: decides when interrupts come
 * @irqs_look: interrupts at the last look
 * @n_bufs: number of buffers
 * @bufs: all of them
 * @more_pages: memory behind all &vnet_rx_buf.more
 * @refill: polls again later when there was no memory
 * @sg: scratch space for posting
 */
struct vnet_rx {
	struct virtqueue *vq;
	struct page_pool *pool;
	struct device *dma_dev;
	struct vnet_rx_buf *idle;
	u32 posted;
	enum vnet_rx_mode mode;
	u32 hdr_len;
	u32 frame_off;
	u32 min_left;
	u32 piece;
	u32 page_len;
	u32 n_more;
	bool split_hdr;
	bool always_kick;
	bool adaptive;
	struct ivnet_meta_rules rules;

	/* slow path fields follow */
	struct page *cur;
	u32 cur_off;
	u32 cur_refs;
	u32 irqs;
	u32 irqs_seen;
	u32 irqs_dim;
	struct dim dim;
	u32 irqs_look;
	u32 n_bufs;
	struct vnet_rx_buf *bufs;
	struct page **more_pages;
	struct delayed_work refill;
	struct scatterlist sg[VNET_CHAIN_MAX + 2];
};

/**
 * struct vnet_tx - transmit side of a queue pair; all under the txq's lock
 * @vq: the ring; NULL while the queue is stopped
 * @in_flight: frames that the device has
 * @clean_at: look for completions when @in_flight gets here
 * @arm_at: ask for an interrupt again when @in_flight gets here
 * @hdr_len: bytes of the header
 * @room: the queue stops with fewer free descriptors than this
 * @max_sg: most descriptors of one frame
 * @any_layout: the header may stand before the frame in its buffer
 * @always_kick: ring the doorbell even if the device wants no notification
 * @adaptive: the load decides when interrupts come
 * @irqs: interrupts; written by the interrupt alone
 * @irqs_seen: how many of them are in the statistics
 * @irqs_dim: how many @dim was told of
 * @dim: decides when interrupts come
 * @done_seen: completed frames at the last look
 * @strikes: looks since then that saw no progress
 * @sg: scratch space
 */
struct vnet_tx {
	struct virtqueue *vq;
	u32 in_flight;
	u32 clean_at;
	u32 arm_at;
	u32 hdr_len;
	u32 room;
	u32 max_sg;
	bool any_layout;
	bool always_kick;
	bool adaptive;
	u32 irqs;
	u32 irqs_seen;
	u32 irqs_dim;
	struct dim dim;
	u64 done_seen;
	u32 strikes;
	struct scatterlist sg[MAX_SKB_FRAGS + 2];
};

/**
 * struct vnet_queue - a queue pair
 * @q: the core's part
 * @vdev: the virtio device
 * @rx: receive side
 * @tx: transmit side
 */
struct vnet_queue {
	struct ivnet_queue q;
	struct virtio_device *vdev;
	struct vnet_rx rx ____cacheline_aligned_in_smp;
	struct vnet_tx tx ____cacheline_aligned_in_smp;
};

static inline struct vnet_queue *to_vnet_queue(struct ivnet_queue *q)
{
	return container_of(q, struct vnet_queue, q);
}

/**
 * struct vnet_ctrl_buf - memory of a control command (virtio 1.3, 5.1.6.5)
 * @ack: the device's answer; not in a cache line with what we write
 * @len: bytes of @data
 * @room: bytes of @reply
 * @reply: what the device has to say beside the answer, in memory of its own
 * @hdr: class and command
 * @data: what it carries
 */
struct vnet_ctrl_buf {
	u8 ack;
	size_t len ____cacheline_aligned;
	size_t room;
	u8 *reply;
	struct virtio_net_ctrl_hdr hdr;
	u8 data[] __aligned(4);
};

/**
 * struct vnet_ctrl_reply - what the device has to say beside the answer
 * @data: where a copy of it goes
 * @len: bytes that it may take; those that the device wrote
 */
struct vnet_ctrl_reply {
	void *data;
	u32 len;
};

/**
 * enum vnet_contract_mode - what is done about the device contract
 * @VNET_CONTRACT_OFF: nothing
 * @VNET_CONTRACT_PERMISSIVE: broken rules are told, the header is the contract's
 * @VNET_CONTRACT_STRICT: and a device that breaks a rule is not used
 */
enum vnet_contract_mode {
	VNET_CONTRACT_OFF,
	VNET_CONTRACT_PERMISSIVE,
	VNET_CONTRACT_STRICT,
};

/**
 * struct vnet_contract - the device contract
 * @mode: what is done about it
 * @always_kick: ring the doorbell even if the device wants no notification
 * @report: rules that the device breaks
 */
struct vnet_contract {
	enum vnet_contract_mode mode;
	bool always_kick;
	struct vnet_contract_report report;
};

/**
 * struct vnet_dev - the transport's device object
 * @vdev: the virtio device
 * @common: a PCI device's common configuration, for resets; NULL if it needs none
 * @common_len: its length, bytes
 * @offered: feature bits that the device offers, of those the driver knows
 * @caps: what was negotiated
 * @negotiated: the bus has negotiated already, as it does before probe
 * @live: rings exist and the device runs
 * @mergeable_rx: let the device spread a frame over several buffers
 * @dev_pairs: queue pairs of the device
 * @n_vqs: rings in @vqs
 * @vqs: receive and transmit rings in turn, then the control queue
 * @names: names of @vqs
 * @queues: the queue pair that uses each pair of rings; NULL if none has yet
 * @dma_dev: for whom receive memory is mapped; see ivnet_vq_dma_dev()
 * @ctrl_dead: a command was not answered, its memory is still the device's
 * @failover: joins this net_device and a primary; NULL without STANDBY
 * @reset_next: reset the device when its queues are stopped
 * @looked_at: when rings were looked at, jiffies
 * @vlan_filter: let the device drop frames of other VLANs than @vlans
 * @vlans: VLANs that the user wants
 * @offloads: guest offloads that are on
 * @coal_all: when interrupts come of rings that were told nothing of their own
 * @contract: the device contract
 * @stats: the device's own statistics, as read last
 * @stats_work: reads them
 * @dim_work: tells the device what the load asks for
 */
struct vnet_dev {
	struct virtio_device *vdev;
	void __iomem *common;
	u32 common_len;
	u64 offered;
	struct vnet_caps caps;
	bool negotiated;
	bool live;
	bool mergeable_rx;
	u32 dev_pairs;
	u32 n_vqs;
	struct virtqueue **vqs;
	char (*names)[16];
	struct vnet_queue **queues;
	struct device *dma_dev;
	bool ctrl_dead;
	struct failover *failover;
	bool reset_next;
	unsigned long looked_at;
	bool vlan_filter;
	DECLARE_BITMAP(vlans, VLAN_N_VID);
	u64 offloads;
	struct ivnet_coal coal_all;
	struct vnet_contract contract;
	struct vnet_devstats stats;
	struct work_struct stats_work;
	struct work_struct dim_work;
};

/**
 * vnet_count() - count what happened to a device
 * @vd: the device
 * @what: the event
 *
 * Context: rtnl.
 */
static inline void vnet_count(struct vnet_dev *vd, enum ivnet_dev_stat what)
{
	struct ivnet_dev *idev = vd->vdev->priv;

	idev->stats[what]++;
}

static inline struct virtqueue *vnet_rvq(const struct vnet_dev *vd, u32 i)
{
	return vd->vqs[2 * i];
}

static inline struct virtqueue *vnet_tvq(const struct vnet_dev *vd, u32 i)
{
	return vd->vqs[2 * i + 1];
}

/**
 * vnet_ring_queue() - the queue pair that uses a ring
 * @vq: the ring
 *
 * The ring's own private pointer belongs to the bus.
 *
 * Return: the pair, or NULL before its first start.
 */
static inline struct vnet_queue *vnet_ring_queue(const struct virtqueue *vq)
{
	const struct vnet_dev *vd = ivnet_priv(vq->vdev->priv);

	return READ_ONCE(vd->queues[vq->index / 2]);
}

/**
 * vnet_irq_queue() - the queue pair that a ring's interrupt is for
 * @vq: the ring
 *
 * Return: the pair, or NULL if there is none or a test wants none.
 */
static inline struct vnet_queue *vnet_irq_queue(const struct virtqueue *vq)
{
	if (ivnet_irq_lost(vq->vdev->priv))
		return NULL;

	return vnet_ring_queue(vq);
}

/* main.c */
int vnet_dev_revive(struct ivnet_dev *idev);

/* reset.c */
struct pci_dev *vnet_pci(const struct vnet_dev *vd);
int vnet_reset_init(struct vnet_dev *vd);
void vnet_reset_exit(struct vnet_dev *vd);
bool vnet_dev_gone(const struct vnet_dev *vd);
bool vnet_dev_cut_off(const struct vnet_dev *vd);
int vnet_reset_device(struct vnet_dev *vd);
int vnet_ring_reset(struct vnet_dev *vd, struct virtqueue *vq,
		    void (*recycle)(struct virtqueue *vq, void *buf));
int vnet_ring_resize(struct vnet_dev *vd, struct virtqueue *vq, u32 num,
		     void (*recycle)(struct virtqueue *vq, void *buf));

/* vq.c */
int vnet_dev_start(struct vnet_dev *vd);
void vnet_dev_reset(struct vnet_dev *vd);
struct ivnet_queue *vnet_queue_alloc(struct ivnet_dev *idev,
				     const struct ivnet_queue_cfg *cfg,
				     u32 index);
void vnet_queue_free(struct ivnet_dev *idev, struct ivnet_queue *q);
int vnet_queues_start(struct ivnet_dev *idev, struct ivnet_qset *qs);
void vnet_queues_stop(struct ivnet_dev *idev, struct ivnet_qset *qs);

/* ctrl.c */
void vnet_ctrl_init(struct vnet_dev *vd);
void vnet_ctrl_exit(struct vnet_dev *vd);
struct vnet_ctrl_buf *vnet_ctrl_alloc(size_t len, gfp_t gfp);
int vnet_ctrl_send(struct vnet_dev *vd, struct vnet_ctrl_buf *buf, u8 class,
		   u8 cmd);
int vnet_ctrl_cmd(struct vnet_dev *vd, u8 class, u8 cmd, const void *data,
		  size_t len);
int vnet_ctrl_ask(struct vnet_dev *vd, u8 class, u8 cmd, const void *data,
		  size_t len, struct vnet_ctrl_reply *reply);
int vnet_ctrl_set_mac(struct vnet_dev *vd, const u8 *addr);
int vnet_ctrl_set_pairs(struct vnet_dev *vd, u32 pairs);
int vnet_ctrl_set_offloads(struct vnet_dev *vd, u64 offloads);
int vnet_ctrl_announced(struct vnet_dev *vd);

/* rss.c */
void vnet_rss_limits(struct vnet_dev *vd, struct ivnet_limits *lim);
int vnet_rss(struct ivnet_dev *idev, const struct ivnet_rss *rss, u32 pairs);

/* coal.c */
void vnet_coal_limits(const struct vnet_dev *vd, struct ivnet_limits *lim);
int vnet_coalesce(struct ivnet_dev *idev, u32 queue,
		  const struct ivnet_coal *coal);
int vnet_coal_ring(struct vnet_dev *vd, u32 pair, bool tx,
		   const struct ivnet_coal_dir *dir);
void vnet_coal_start(struct vnet_dev *vd, u32 pairs);
void vnet_coal_tx_start(struct vnet_dev *vd, u32 pair);

/* dim.c */
void vnet_dim_init(struct vnet_queue *vq);
void vnet_dim_stop(struct vnet_queue *vq);
void vnet_dim_value(const struct vnet_dev *vd, u32 pair, bool tx,
		    struct ivnet_coal_dir *dir);
void vnet_dim_switch(struct vnet_dev *vd, u32 pair, bool tx, bool on);
void vnet_dim_rx(struct vnet_queue *vq);
void vnet_dim_tx(struct vnet_queue *vq);
void vnet_dim_work(struct work_struct *work);

/* stats.c */
void vnet_stats_up(struct vnet_dev *vd, u32 pairs);
void vnet_stats_free(struct vnet_dev *vd);
void vnet_stats_work(struct work_struct *work);
u32 vnet_stats_count(struct ivnet_dev *idev);
void vnet_stats_names(struct ivnet_dev *idev, u8 **p);
void vnet_stats_values(struct ivnet_dev *idev, u64 *data);
void vnet_stats_drops(struct ivnet_dev *idev, u32 first, u32 end, u64 *drops);

/* filter.c */
void vnet_rx_mode(struct ivnet_dev *idev);
int vnet_vlan(struct ivnet_dev *idev, u16 vid, bool add);
int vnet_vlans_replay(struct vnet_dev *vd);

/* link.c */
void vnet_link(struct ivnet_dev *idev);
void vnet_link_look(struct vnet_dev *vd);

/* watch.c */
void vnet_reset(struct ivnet_dev *idev);
void vnet_watch(struct ivnet_dev *idev);
bool vnet_tx_stuck(struct ivnet_queue *q);
int vnet_tx_restart(struct ivnet_dev *idev, struct ivnet_queue *q);

/* failover.c */
void vnet_failover_start(struct ivnet_dev *idev);
void vnet_failover_stop(struct ivnet_dev *idev);
int vnet_phys_port_name(struct net_device *dev, char *buf, size_t len);

/* regs.c */
void vnet_regs(struct ivnet_dev *idev, struct ivnet_regs_out *out);

/* selftest.c */
void vnet_selftest(struct ivnet_dev *idev, struct ivnet_selftest *t);

/* contract_pci.c */
const char *vnet_contract_mode_name(enum vnet_contract_mode mode);
int vnet_contract_mode_parse(const char *name);
int vnet_contract_apply(struct vnet_dev *vd, struct netlink_ext_ack *extack);
void vnet_contract_diagnose(const struct vnet_dev *vd, struct devlink_fmsg *fmsg);

/* rxmem.c */
u32 vnet_rx_frame_off(const struct vnet_caps *caps);
u32 vnet_rx_buf_min(const struct vnet_caps *caps, u32 mtu);
u32 vnet_rx_buf_default(const struct vnet_caps *caps, u32 ring);
int vnet_rx_alloc(struct vnet_dev *vd, struct vnet_queue *vq,
		  const struct ivnet_queue_cfg *cfg);
void vnet_rx_free(struct vnet_queue *vq);
bool vnet_rx_fill(struct vnet_queue *vq);
void vnet_rx_recycle(struct virtqueue *rvq, void *token);
void vnet_rx_buf_release(struct vnet_rx *rx, struct vnet_rx_buf *buf);

/* rx.c */
int vnet_poll(struct napi_struct *napi, int budget);
void vnet_rx_interrupt(struct virtqueue *rvq);

/* tx.c */
netdev_tx_t vnet_xmit(struct sk_buff *skb, struct net_device *dev);
void vnet_tx_interrupt(struct virtqueue *tvq);
void vnet_tx_init(struct vnet_dev *vd, struct vnet_queue *vq,
		  const struct ivnet_queue_cfg *cfg);
void vnet_tx_poll(struct vnet_queue *vq, int budget);
void vnet_tx_recycle(struct virtqueue *tvq, void *token);
void vnet_tx_stopped(struct vnet_queue *vq);
int vnet_tx_probe(struct vnet_queue *vq, struct sk_buff *skb, u32 *irqs);

#endif
