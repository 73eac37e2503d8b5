// SPDX-License-Identifier: GPL-2.0
/* Receive: from the ring to the stack. */

#include <linux/dma-mapping.h>
#include <linux/etherdevice.h>
#include <linux/netdevice.h>
#include <linux/prefetch.h>
#include <net/ivnet/rx.h>

#include "virtio.h"

#define VNET_SHINFO	SKB_DATA_ALIGN(sizeof(struct skb_shared_info))

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

/**
 * struct rx_batch - what one poll adds to the statistics
 * @packets: received, by skb->pkt_type
 * @bytes: the same in bytes
 * @buffers: taken from the ring
 * @csum_partial: frames with a sum to be finished
 * @csum_valid: frames whose sum the device checked
 * @gso: frames put together by the device
 * @gso_bytes: the same in bytes
 * @copied: frames copied out of their buffer
 */
struct rx_batch {
	u32 packets[PACKET_OTHERHOST + 1];
	u32 bytes[PACKET_OTHERHOST + 1];
	u32 buffers;
	u32 csum_partial;
	u32 csum_valid;
	u32 gso;
	u32 gso_bytes;
	u32 copied;
};

static void *buf_addr(const struct vnet_rx_buf *buf)
{
	return page_address(buf->page) + buf->off;
}

/* Next buffer from the device, or NULL; it is put on the idle list. */
static __always_inline struct vnet_rx_buf *
rx_next(struct vnet_rx *rx, struct rx_batch *b, u32 *len)
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

/*
 * A frame took @used bytes of a buffer, and one reference. A rest too small to
 * be posted goes with the frame: it pays for the whole page.
 */
static __always_inline u32 rx_take(struct vnet_rx *rx, struct vnet_rx_buf *buf,
				   u32 used)
{
	u32 left;

	buf->refs--;
	buf->off += used;
	left = buf->end - buf->off;
	if (left >= rx->min_left)
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
	if (unlikely(rx->dma_dev))
		dma_sync_single_range_for_device(rx->dma_dev,
						 page_pool_get_dma_addr(buf->page),
						 buf->off, rx->frame_off + len,
						 DMA_FROM_DEVICE);

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
		     struct rx_batch *b)
{
	struct ivnet_rx_stats *stats = &vq->q.stats->rx;
	struct vnet_rx *rx = &vq->rx;
	struct vnet_rx_buf *buf;
	u32 start, len, i;
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
		skb_add_rx_frag(skb, i, buf->page, start, len, 0);
		skb->truesize += rx_take(rx, buf,
					 SKB_DATA_ALIGN(start - buf->off + len));
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

static enum ivnet_rx_stat rx_meta_stat(enum ivnet_meta_err err)
{
	switch (err) {
	case IVNET_META_FLAGS:
		return IVNET_RX_ERR_FLAGS;
	case IVNET_META_CSUM:
		return IVNET_RX_ERR_CSUM;
	case IVNET_META_GSO_SIZE:
		return IVNET_RX_ERR_GSO_SIZE;
	default:
		return IVNET_RX_ERR_GSO_TYPE;
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

/* Check what the header says and apply it to the frame. */
static bool rx_meta(struct vnet_queue *vq, struct sk_buff *skb,
		    const struct virtio_net_hdr_v1 *hdr, struct rx_batch *b)
{
	struct virtio_device *vdev = vq->vdev;
	const struct ivnet_meta meta = {
		.flags		= hdr->flags,
		.gso_type	= hdr->gso_type,
		.hdr_len	= virtio16_to_cpu(vdev, hdr->hdr_len),
		.gso_size	= virtio16_to_cpu(vdev, hdr->gso_size),
		.csum_start	= virtio16_to_cpu(vdev, hdr->csum_start),
		.csum_offset	= virtio16_to_cpu(vdev, hdr->csum_offset),
	};
	enum ivnet_meta_err err;

	err = ivnet_meta_check(&meta, &vq->rx.rules, skb->len);
	if (likely(!err))
		err = ivnet_rx_meta(skb, &meta,
				    vq->q.netdev->features & NETIF_F_RXCSUM);
	if (unlikely(err)) {
		ivnet_rx_stat_inc(&vq->q.stats->rx, rx_meta_stat(err));
		return false;
	}

	if (skb->ip_summed == CHECKSUM_PARTIAL)
		b->csum_partial++;
	else if (skb->ip_summed == CHECKSUM_UNNECESSARY)
		b->csum_valid++;
	if (skb_is_gso(skb)) {
		b->gso++;
		b->gso_bytes += skb->len;
	}

	return true;
}

/*
 * One frame, the first buffer of which is at hand. Everything that the device
 * wrote is taken from @len and from one copy of the header.
 */
static __always_inline void
rx_frame(struct vnet_queue *vq, struct vnet_rx_buf *buf, u32 len,
	 u32 copybreak, struct rx_batch *b)
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
			return;
		}
		if (unlikely(more > MAX_SKB_FRAGS)) {
			ivnet_rx_stat_inc(stats, IVNET_RX_ERR_FRAGS);
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

	if (hdr.v1.flags | hdr.v1.gso_type &&
	    unlikely(!rx_meta(vq, skb, &hdr.v1, b)))
		goto drop;
	if (unlikely(rx->hdr_len == sizeof(hdr.h)))
		rx_set_hash(vq->q.netdev, skb, &hdr);

	skb_record_rx_queue(skb, vq->q.index);
	skb->protocol = eth_type_trans(skb, vq->q.netdev);
	b->packets[skb->pkt_type]++;
	b->bytes[skb->pkt_type] += len;
	napi_gro_receive(&vq->q.napi, skb);
	return;

drop:
	napi_consume_skb(skb, 1);
}

static void rx_stats_add(struct vnet_queue *vq, const struct rx_batch *b)
{
	struct ivnet_rx_stats *s = &vq->q.stats->rx;
	u32 irqs = READ_ONCE(vq->rx.irqs);
	u32 packets, bytes, ucast, ucast_bytes;

	ucast = b->packets[PACKET_HOST] + b->packets[PACKET_OTHERHOST];
	ucast_bytes = b->bytes[PACKET_HOST] + b->bytes[PACKET_OTHERHOST];
	packets = ucast + b->packets[PACKET_MULTICAST] +
		  b->packets[PACKET_BROADCAST];
	bytes = ucast_bytes + b->bytes[PACKET_MULTICAST] +
		b->bytes[PACKET_BROADCAST];

	u64_stats_update_begin(&s->syncp);
	u64_stats_inc(&s->v[IVNET_RX_POLLS]);
	u64_stats_add(&s->v[IVNET_RX_INTERRUPTS], irqs - vq->rx.irqs_seen);
	if (b->buffers) {
		u64_stats_add(&s->v[IVNET_RX_BUFFERS], b->buffers);
		u64_stats_add(&s->v[IVNET_RX_PACKETS], packets);
		u64_stats_add(&s->v[IVNET_RX_BYTES], bytes);
		u64_stats_add(&s->v[IVNET_RX_UCAST_PACKETS], ucast);
		u64_stats_add(&s->v[IVNET_RX_UCAST_BYTES], ucast_bytes);
		u64_stats_add(&s->v[IVNET_RX_MCAST_PACKETS],
			      b->packets[PACKET_MULTICAST]);
		u64_stats_add(&s->v[IVNET_RX_MCAST_BYTES],
			      b->bytes[PACKET_MULTICAST]);
		u64_stats_add(&s->v[IVNET_RX_BCAST_PACKETS],
			      b->packets[PACKET_BROADCAST]);
		u64_stats_add(&s->v[IVNET_RX_BCAST_BYTES],
			      b->bytes[PACKET_BROADCAST]);
		u64_stats_add(&s->v[IVNET_RX_CSUM_PARTIAL], b->csum_partial);
		u64_stats_add(&s->v[IVNET_RX_CSUM_VALID], b->csum_valid);
		u64_stats_add(&s->v[IVNET_RX_CSUM_NONE],
			      packets - b->csum_partial - b->csum_valid);
		u64_stats_add(&s->v[IVNET_RX_GSO_PACKETS], b->gso);
		u64_stats_add(&s->v[IVNET_RX_GSO_BYTES], b->gso_bytes);
		u64_stats_add(&s->v[IVNET_RX_COPIED], b->copied);
	}
	u64_stats_update_end(&s->syncp);
	vq->rx.irqs_seen = irqs;
}

/* Post idle buffers; try again later if the device has too few to go on. */
static void rx_refill(struct vnet_queue *vq)
{
	struct ivnet_rx_stats *stats = &vq->q.stats->rx;
	struct vnet_rx *rx = &vq->rx;

	if (!rx->idle)
		return;

	if (unlikely(!vnet_rx_fill(vq)) && rx->posted < rx->n_bufs / 4) {
		ivnet_rx_stat_inc(stats, IVNET_RX_REFILL_RETRIES);
		schedule_delayed_work(&rx->refill, VNET_REFILL_DELAY);
	}

	if (virtqueue_kick_prepare(rx->vq)) {
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
	struct rx_batch b = {};
	u32 refill_at = VNET_FILL_BATCH;
	int done = 0;
	u32 len;

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
	rx_stats_add(vq, &b);

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
	struct vnet_queue *vq = vnet_ring_queue(rvq);

	/* None before the first start. */
	if (unlikely(!vq))
		return;

	WRITE_ONCE(vq->rx.irqs, vq->rx.irqs + 1);
	if (napi_schedule_prep(&vq->q.napi)) {
		virtqueue_disable_cb(rvq);
		__napi_schedule(&vq->q.napi);
	}
}
