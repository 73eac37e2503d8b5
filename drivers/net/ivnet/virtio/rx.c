// SPDX-License-Identifier: GPL-2.0
/* Receive: from the ring to the stack. */

#include <linux/dma-mapping.h>
#include <linux/etherdevice.h>
#include <linux/netdevice.h>

#include "../core/rx.h"
#include "virtio.h"

/* Buffers are posted again when this many are idle, and after each poll. */
#define VNET_FILL_BATCH	32

/* After this time memory may be there again. */
#define VNET_REFILL_DELAY	msecs_to_jiffies(20)

/* Copy of the header; its last part has had more than one name. */
union vnet_hdr_copy {
	struct virtio_net_hdr_v1_hash h;
	struct {
		struct virtio_net_hdr_v1 v1;
		__le32 hash;
	};
};

static void *buf_addr(const struct vnet_rx_buf *buf)
{
	return page_address(buf->page) + buf->off;
}

/* Next buffer from the device, or NULL; it is put on the idle list. */
static __always_inline struct vnet_rx_buf *
rx_next(struct vnet_rx *rx, struct ivnet_rx_batch *b, u32 *len)
{
	struct vnet_rx_buf *buf = virtqueue_get_buf(rx->vq, len);

	if (!buf)
		return NULL;
	buf->next = rx->idle;
	rx->idle = buf;
	rx->posted--;
	b->buffers++;

	return buf;
}

static void rx_sync(struct vnet_rx *rx, struct page *page, u32 off, u32 len)
{
	dma_sync_single_range_for_cpu(rx->dma_dev,
				      page_pool_get_dma_addr(page), off, len,
				      DMA_FROM_DEVICE);
}

/* A buffer that was looked at is posted again as it is. */
static void rx_sync_back(struct vnet_rx *rx, const struct vnet_rx_buf *buf)
{
	if (unlikely(rx->dma_dev))
		dma_sync_single_range_for_device(rx->dma_dev,
						 page_pool_get_dma_addr(buf->page),
						 buf->off, buf->end - buf->off,
						 DMA_FROM_DEVICE);
}

/*
 * A frame took @used bytes of a buffer, and one reference. A rest too small to
 * be posted goes with the frame, which pays for the whole page; so does one
 * without references, where tiny parts of frames have used them up.
 */
static __always_inline u32 rx_take(struct vnet_rx *rx, struct vnet_rx_buf *buf,
				   u32 used)
{
	u32 left;

	buf->refs--;
	buf->off += used;
	left = buf->end - buf->off;
	if (left >= rx->min_left && buf->refs)
		return used;

	vnet_rx_buf_release(rx, buf);

	return used + left;
}

/* A short frame is cheaper copied: its buffer is posted again as it is. */
static struct sk_buff *rx_copy(struct vnet_queue *vq, struct vnet_rx_buf *buf,
			       u32 len)
{
	struct vnet_rx *rx = &vq->rx;
	struct sk_buff *skb;

	skb = napi_alloc_skb(&vq->q.napi, len);
	if (unlikely(!skb))
		return NULL;
	skb_put_data(skb, buf_addr(buf) + rx->frame_off, len);
	rx_sync_back(rx, buf);

	return skb;
}

/* An skb around the frame where it lies. */
static struct sk_buff *rx_build(struct vnet_rx *rx, struct vnet_rx_buf *buf,
				u32 len)
{
	u32 used = SKB_DATA_ALIGN(rx->frame_off + len) + VNET_SHINFO;
	struct sk_buff *skb;

	skb = napi_build_skb(buf_addr(buf), used);
	if (unlikely(!skb))
		return NULL;
	skb_reserve(skb, rx->frame_off);
	__skb_put(skb, len);
	skb_mark_for_recycle(skb);
	skb->truesize += rx_take(rx, buf, used) - used;

	return skb;
}

/* The further buffers of a merged frame; they carry no header. */
static bool rx_merge(struct vnet_queue *vq, struct sk_buff *skb, u32 num,
		     struct ivnet_rx_batch *b)
{
	struct ivnet_rx_stats *stats = &vq->q.stats->rx;
	struct vnet_rx *rx = &vq->rx;
	struct vnet_rx_buf *buf;
	u32 truesize, start, len, i;
	struct page *page;
	bool ok = skb;

	for (i = 0; i < num; i++) {
		buf = rx_next(rx, b, &len);
		if (unlikely(!buf)) {
			if (ok)
				ivnet_rx_stat_inc(stats,
						  IVNET_RX_ERR_MISSING_BUFFER);
			return false;
		}
		if (unlikely(!ok))
			continue;
		if (unlikely(!len || len > buf->len)) {
			ivnet_rx_stat_inc(stats, len ? IVNET_RX_ERR_LEN_LONG :
					  IVNET_RX_ERR_LEN_SHORT);
			ok = false;
			continue;
		}

		start = buf->off + rx->frame_off - rx->hdr_len;
		if (unlikely(rx->dma_dev))
			rx_sync(rx, buf->page, start, len);
		page = buf->page;
		truesize = rx_take(rx, buf,
				   SKB_DATA_ALIGN(start - buf->off + len));
		skb_add_rx_frag(skb, i, page, start, len, truesize);
	}

	return ok;
}

/* The further pages of a chained buffer. */
static void rx_chain(struct vnet_rx *rx, struct vnet_rx_buf *buf,
		     struct sk_buff *skb, u32 len)
{
	u32 part, i;

	for (i = 0; len; i++) {
		part = min(len, rx->page_len);
		if (unlikely(rx->dma_dev))
			rx_sync(rx, buf->more[i], 0, part);
		skb_add_rx_frag(skb, i, buf->more[i], 0, part, rx->page_len);
		buf->more[i] = NULL;
		len -= part;
	}
}

static void rx_set_hash(const struct net_device *dev, struct sk_buff *skb,
			const union vnet_hdr_copy *hdr)
{
	enum pkt_hash_types type;

	if (!(dev->features & NETIF_F_RXHASH))
		return;

	switch (le16_to_cpu(hdr->h.hash_report)) {
	case VIRTIO_NET_HASH_REPORT_TCPv4:
	case VIRTIO_NET_HASH_REPORT_UDPv4:
	case VIRTIO_NET_HASH_REPORT_TCPv6:
	case VIRTIO_NET_HASH_REPORT_UDPv6:
	case VIRTIO_NET_HASH_REPORT_TCPv6_EX:
	case VIRTIO_NET_HASH_REPORT_UDPv6_EX:
		type = PKT_HASH_TYPE_L4;
		break;
	case VIRTIO_NET_HASH_REPORT_IPv4:
	case VIRTIO_NET_HASH_REPORT_IPv6:
	case VIRTIO_NET_HASH_REPORT_IPv6_EX:
		type = PKT_HASH_TYPE_L3;
		break;
	default:
		return;
	}
	skb_set_hash(skb, le32_to_cpu(hdr->hash), type);
}

/* A frame that the device made of several, with RSC_EXT negotiated. */
static noinline bool rx_meta_rsc(struct vnet_queue *vq, struct sk_buff *skb,
				 struct ivnet_meta *meta,
				 struct ivnet_rx_batch *b)
{
	struct ivnet_rx_stats *stats = &vq->q.stats->rx;
	enum ivnet_meta_err err;
	struct ivnet_rsc rsc;

	err = ivnet_rx_rsc(skb, meta, &rsc);
	if (unlikely(err)) {
		ivnet_rx_stat_inc(stats, ivnet_rx_meta_stat(err));
		return false;
	}
	if (unlikely(!ivnet_rx_meta_apply(&vq->q, skb, meta, &vq->rx.rules, b)))
		return false;

	if (skb_is_gso(skb))
		skb_shinfo(skb)->gso_segs = rsc.segments;
	ivnet_rx_stat_add(stats, IVNET_RX_RSC_SEGMENTS, rsc.segments);
	ivnet_rx_stat_add(stats, IVNET_RX_RSC_DUP_ACKS, rsc.dup_acks);

	return true;
}

/* Check what the header says and apply it to the frame. */
static bool rx_meta(struct vnet_queue *vq, struct sk_buff *skb,
		    const struct virtio_net_hdr_v1 *hdr,
		    struct ivnet_rx_batch *b)
{
	struct virtio_device *vdev = vq->vdev;
	struct ivnet_meta meta = {
		.flags		= hdr->flags,
		.gso_type	= hdr->gso_type,
		.hdr_len	= virtio16_to_cpu(vdev, hdr->hdr_len),
		.gso_size	= virtio16_to_cpu(vdev, hdr->gso_size),
		.csum_start	= virtio16_to_cpu(vdev, hdr->csum_start),
		.csum_offset	= virtio16_to_cpu(vdev, hdr->csum_offset),
	};

	if (unlikely(meta.flags & vq->rx.rules.flags &
		     VIRTIO_NET_HDR_F_RSC_INFO))
		return rx_meta_rsc(vq, skb, &meta, b);

	return ivnet_rx_meta_apply(&vq->q, skb, &meta, &vq->rx.rules, b);
}

/*
 * One frame, the first buffer of which is at hand. Everything that the device
 * wrote is taken from @len and from one copy of the header.
 */
static __always_inline void
rx_frame(struct vnet_queue *vq, struct vnet_rx_buf *buf, u32 len,
	 u32 copybreak, struct ivnet_rx_batch *b)
{
	struct ivnet_rx_stats *stats = &vq->q.stats->rx;
	struct vnet_rx *rx = &vq->rx;
	u32 more = 0, first = len;
	union vnet_hdr_copy hdr;
	struct sk_buff *skb;
	const void *start;

	if (unlikely(len < rx->hdr_len + ETH_HLEN)) {
		ivnet_rx_stat_inc(stats, IVNET_RX_ERR_LEN_SHORT);
		return;
	}
	if (unlikely(len > buf->len)) {
		if (rx->mode != VNET_RX_CHAIN ||
		    len - buf->len > rx->n_more * rx->page_len) {
			ivnet_rx_stat_inc(stats, IVNET_RX_ERR_LEN_LONG);
			return;
		}
		first = buf->len;
	}
	if (unlikely(rx->dma_dev))
		rx_sync(rx, buf->page, buf->off + rx->frame_off - rx->hdr_len,
			first);

	/* The barrier keeps the compiler from reading the original again. */
	start = buf_addr(buf) + rx->frame_off - rx->hdr_len;
	if (unlikely(rx->hdr_len == sizeof(hdr.h)))
		memcpy(&hdr.h, start, sizeof(hdr.h));
	else
		memcpy(&hdr.v1, start, sizeof(hdr.v1));
	barrier();

	if (rx->mode == VNET_RX_MERGEABLE) {
		/* 0 becomes the largest number of all. */
		more = virtio16_to_cpu(vq->vdev, hdr.v1.num_buffers) - 1U;
		if (unlikely(more >= rx->n_bufs)) {
			ivnet_rx_stat_inc(stats, IVNET_RX_ERR_NUM_BUFFERS);
			rx_sync_back(rx, buf);
			return;
		}
		if (unlikely(more > MAX_SKB_FRAGS)) {
			ivnet_rx_stat_inc(stats, IVNET_RX_ERR_FRAGS);
			rx_sync_back(rx, buf);
			rx_merge(vq, NULL, more, b);
			return;
		}
	}

	first -= rx->hdr_len;
	if (first <= copybreak && !more) {
		skb = rx_copy(vq, buf, first);
		b->copied++;
	} else {
		skb = rx_build(rx, buf, first);
	}
	if (unlikely(!skb)) {
		ivnet_rx_stat_inc(stats, IVNET_RX_NO_SKB);
		rx_sync_back(rx, buf);
		rx_merge(vq, NULL, more, b);
		return;
	}

	len -= rx->hdr_len;
	if (more) {
		if (unlikely(!rx_merge(vq, skb, more, b)))
			goto drop;
		len = skb->len;
	} else if (len > first) {
		rx_chain(rx, buf, skb, len - first);
	}
	/* No frame is longer; the stack's sums are made for that. */
	if (unlikely(len > VNET_BIG_FRAME)) {
		ivnet_rx_stat_inc(stats, IVNET_RX_ERR_LEN_LONG);
		goto drop;
	}

	if (hdr.v1.flags | hdr.v1.gso_type &&
	    unlikely(!rx_meta(vq, skb, &hdr.v1, b)))
		goto drop;
	if (unlikely(rx->hdr_len == sizeof(hdr.h)))
		rx_set_hash(vq->q.netdev, skb, &hdr);

	ivnet_rx_deliver(&vq->q, skb, len, b);
	return;

drop:
	napi_consume_skb(skb, 1);
}

/*
 * Post idle buffers; try again later if some stay idle. Even a few may be too
 * many to miss: one frame can need most of a small ring.
 */
static void rx_refill(struct vnet_queue *vq)
{
	struct ivnet_rx_stats *stats = &vq->q.stats->rx;
	struct vnet_rx *rx = &vq->rx;

	if (!rx->idle)
		return;

	if (unlikely(!vnet_rx_fill(vq))) {
		ivnet_rx_stat_inc(stats, IVNET_RX_REFILL_RETRIES);
		schedule_delayed_work(&rx->refill, VNET_REFILL_DELAY);
	}

	if (virtqueue_kick_prepare(rx->vq) || unlikely(rx->always_kick)) {
		virtqueue_notify(rx->vq);
		ivnet_rx_stat_inc(stats, IVNET_RX_NOTIFIES);
	}
}

static int rx_poll(struct vnet_queue *vq, int budget)
{
	const struct ivnet_net *net = netdev_priv(vq->q.netdev);
	u32 copybreak = READ_ONCE(net->rx_copybreak);
	struct vnet_rx *rx = &vq->rx;
	struct vnet_rx_buf *buf;
	struct ivnet_rx_batch b = {};
	u32 refill_at = VNET_FILL_BATCH;
	u32 irqs, len;
	int done = 0;

	while (done < budget) {
		buf = rx_next(rx, &b, &len);
		if (!buf)
			break;
		rx_frame(vq, buf, len, copybreak, &b);
		done++;
		if (b.buffers >= refill_at) {
			refill_at = b.buffers + VNET_FILL_BATCH;
			rx_refill(vq);
		}
	}
	rx_refill(vq);
	if (unlikely(virtqueue_is_broken(rx->vq)))
		ivnet_rx_stat_inc(&vq->q.stats->rx, IVNET_RX_ERR_RING);
	irqs = READ_ONCE(rx->irqs);
	ivnet_rx_batch_add(&vq->q.stats->rx, &b, irqs - rx->irqs_seen);
	rx->irqs_seen = irqs;

	return done;
}

/**
 * vnet_poll() - NAPI poll of a queue pair
 * @napi: the pair's NAPI
 * @budget: most frames to receive; 0 from netpoll, which wants transmit
 *	completions alone
 *
 * Return: frames received.
 */
int vnet_poll(struct napi_struct *napi, int budget)
{
	struct vnet_queue *vq = container_of(napi, struct vnet_queue, q.napi);
	struct virtqueue *rvq = vq->rx.vq;
	unsigned int seen;
	int done;

	vnet_tx_poll(vq, budget);
	if (unlikely(!budget))
		return 0;

	done = rx_poll(vq, budget);
	if (done == budget)
		return done;

	if (unlikely(READ_ONCE(vq->rx.adaptive)))
		vnet_dim_rx(vq);

	/* Allow interrupts, then look once more: no frame is forgotten. */
	seen = virtqueue_enable_cb_prepare(rvq);
	if (!napi_complete_done(napi, done)) {
		virtqueue_disable_cb(rvq);
	} else if (unlikely(virtqueue_poll(rvq, seen)) &&
		   napi_schedule_prep(napi)) {
		virtqueue_disable_cb(rvq);
		__napi_schedule(napi);
	}

	return done;
}

/**
 * vnet_rx_interrupt() - the device has put frames into a ring
 * @rvq: the ring
 *
 * Context: hard interrupt.
 */
void vnet_rx_interrupt(struct virtqueue *rvq)
{
	struct vnet_queue *vq = vnet_irq_queue(rvq);

	/* None before the first start. */
	if (unlikely(!vq))
		return;

	WRITE_ONCE(vq->rx.irqs, vq->rx.irqs + 1);
	if (napi_schedule_prep(&vq->q.napi)) {
		virtqueue_disable_cb(rvq);
		__napi_schedule(&vq->q.napi);
	}
}
