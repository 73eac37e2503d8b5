// SPDX-License-Identifier: GPL-2.0
/*
 * Receive memory. Buffers are parts of pages of one page_pool per queue.
 *
 * A buffer is laid out so that an skb can be built around a received frame:
 *
 *	off                 off + frame_off
 *	| headroom | header | frame ...          | skb_shared_info | end
 *
 * The device may write from the header to the start of the last part. What a
 * frame leaves free behind it is posted again, if it is large enough.
 */

#include <linux/if_vlan.h>
#include <linux/log2.h>
#include <linux/netdevice.h>
#include <linux/slab.h>

#include "virtio.h"

/* As many as a page of whole frames needs; see rx_take() for the rest. */
#define VNET_PAGE_REFS		256

/* Receive memory of a queue that is not to be exceeded by default, bytes. */
#define VNET_RX_MEM_DEFAULT	(4U << 20)

/**
 * vnet_rx_frame_off() - bytes from the start of a buffer to the frame
 * @caps: what was negotiated
 *
 * Return: the offset; the header stands right before it.
 */
u32 vnet_rx_frame_off(const struct vnet_caps *caps)
{
	BUILD_BUG_ON(sizeof(struct virtio_net_hdr_v1_hash) > NET_SKB_PAD);

	return NET_SKB_PAD + NET_IP_ALIGN;
}

/* Smallest part of a page that is worth posting. */
static u32 rx_min_left(const struct vnet_caps *caps, u32 mtu)
{
	u32 frame = mtu + VNET_FRAME_OVERHEAD;

	switch (caps->mode) {
	case VNET_RX_MERGEABLE:
		/* The largest frame has to fit into the fragments of an skb. */
		if (caps->big_frames)
			frame = DIV_ROUND_UP(VNET_BIG_FRAME, MAX_SKB_FRAGS + 1);
		else
			frame = max_t(u32, DIV_ROUND_UP(frame, MAX_SKB_FRAGS + 1),
				      min_t(u32, frame, ETH_FRAME_LEN));
		break;
	case VNET_RX_CHAIN:
		frame = ETH_FRAME_LEN;
		break;
	case VNET_RX_SINGLE:
		break;
	}

	return SKB_DATA_ALIGN(vnet_rx_frame_off(caps) + frame) + VNET_SHINFO;
}

/**
 * vnet_rx_buf_min() - smallest page of the pool, for an MTU
 * @caps: what was negotiated
 * @mtu: the MTU, bytes
 *
 * Return: bytes, a power of two.
 */
u32 vnet_rx_buf_min(const struct vnet_caps *caps, u32 mtu)
{
	u32 min = rx_min_left(caps, mtu);

	/* Behind its first page a chain holds the rest in full pages. */
	if (caps->mode == VNET_RX_CHAIN)
		min = max_t(u32, min, VNET_BIG_FRAME / VNET_CHAIN_MAX);

	/* Nobody else gets the rest of a page. */
	return max_t(u32, PAGE_SIZE, roundup_pow_of_two(min));
}

/**
 * vnet_rx_buf_default() - a good page size
 * @caps: what was negotiated
 * @ring: receive descriptors
 *
 * Large pages save descriptors where the device puts frames together.
 *
 * Return: bytes, a power of two.
 */
u32 vnet_rx_buf_default(const struct vnet_caps *caps, u32 ring)
{
	u32 min = vnet_rx_buf_min(caps, ETH_DATA_LEN);
	u32 len = PAGE_SIZE;

	if (caps->big_frames)
		len = rounddown_pow_of_two(VNET_RX_MEM_DEFAULT / ring);

	return clamp_t(u32, len, min, max_t(u32, 16384, PAGE_SIZE));
}

/* Poll again; allocation is tried there. */
static void rx_refill_work(struct work_struct *work)
{
	struct vnet_queue *vq = container_of(work, struct vnet_queue,
					     rx.refill.work);

	local_bh_disable();
	napi_schedule(&vq->q.napi);
	local_bh_enable();
}

static void rx_put_page(struct vnet_rx *rx, struct page *page, u32 refs,
			bool direct)
{
	if (refs && !page_pool_unref_page(page, refs))
		page_pool_put_unrefed_page(rx->pool, page, -1, direct);
}

/**
 * vnet_rx_buf_release() - give back what is left of a buffer's page
 * @rx: the receive side
 * @buf: the buffer
 *
 * Context: the queue's NAPI.
 */
void vnet_rx_buf_release(struct vnet_rx *rx, struct vnet_rx_buf *buf)
{
	rx_put_page(rx, buf->page, buf->refs, true);
	buf->page = NULL;
}

/* A piece of a page that several buffers share. */
static bool rx_cut_piece(struct vnet_rx *rx, struct vnet_rx_buf *buf, gfp_t gfp)
{
	if (!rx->cur) {
		rx->cur = page_pool_alloc_pages(rx->pool, gfp);
		if (!rx->cur)
			return false;
		rx->cur_off = 0;
		rx->cur_refs = rx->page_len / rx->piece;
		page_pool_fragment_page(rx->cur, rx->cur_refs);
	}

	buf->page = rx->cur;
	buf->off = rx->cur_off;
	buf->end = rx->cur_off + rx->piece;
	buf->refs = 1;
	rx->cur_off += rx->piece;
	if (!--rx->cur_refs)
		rx->cur = NULL;

	return true;
}

/* Make sure that a buffer has memory. */
static bool rx_buf_memory(struct vnet_rx *rx, struct vnet_rx_buf *buf,
			  gfp_t gfp)
{
	u32 i;

	if (!buf->page) {
		if (rx->mode == VNET_RX_SINGLE)
			return rx_cut_piece(rx, buf, gfp);

		buf->page = page_pool_alloc_pages(rx->pool, gfp);
		if (!buf->page)
			return false;
		page_pool_fragment_page(buf->page, VNET_PAGE_REFS);
		buf->refs = VNET_PAGE_REFS;
		buf->off = 0;
		buf->end = rx->page_len;
	}

	for (i = 0; i < rx->n_more; i++) {
		if (buf->more[i])
			continue;
		buf->more[i] = page_pool_alloc_pages(rx->pool, gfp);
		if (!buf->more[i])
			return false;
		page_pool_fragment_page(buf->more[i], 1);
	}

	return true;
}

static void rx_sg_set(struct vnet_rx *rx, struct scatterlist *sg,
		      struct page *page, u32 off, u32 len)
{
	sg_set_page(sg, page, len, off);
	if (rx->dma_dev) {
		sg_dma_address(sg) = page_pool_get_dma_addr(page) + off;
		sg_dma_len(sg) = len;
	}
}

static int rx_post(struct vnet_rx *rx, struct vnet_rx_buf *buf)
{
	u32 start = buf->off + rx->frame_off - rx->hdr_len;
	u32 len = buf->end - VNET_SHINFO - start;
	u32 i, n = 0;

	if (unlikely(rx->split_hdr)) {
		rx_sg_set(rx, &rx->sg[n++], buf->page, start, rx->hdr_len);
		rx_sg_set(rx, &rx->sg[n++], buf->page, start + rx->hdr_len,
			  len - rx->hdr_len);
	} else {
		rx_sg_set(rx, &rx->sg[n++], buf->page, start, len);
	}
	for (i = 0; i < rx->n_more; i++)
		rx_sg_set(rx, &rx->sg[n++], buf->more[i], 0, rx->page_len);
	buf->len = len;

	if (rx->dma_dev)
		return virtqueue_add_inbuf_premapped(rx->vq, rx->sg, n, buf,
						     NULL, GFP_ATOMIC);

	return virtqueue_add_inbuf(rx->vq, rx->sg, n, buf, GFP_ATOMIC);
}

/**
 * vnet_rx_fill() - post the idle buffers
 * @vq: the queue pair
 *
 * Context: the queue's NAPI, or while that is disabled.
 * Return: false if some stay idle, and it is worth trying again.
 */
bool vnet_rx_fill(struct vnet_queue *vq)
{
	struct vnet_rx *rx = &vq->rx;
	struct vnet_rx_buf *buf;
	int err;

	while ((buf = rx->idle)) {
		if (unlikely(!rx_buf_memory(rx, buf,
					    GFP_ATOMIC | __GFP_NOWARN))) {
			ivnet_rx_stat_inc(&vq->q.stats->rx,
					  IVNET_RX_ALLOC_FAIL);
			return false;
		}
		err = rx_post(rx, buf);
		/* The ring may be shorter than what it was asked to be. */
		if (unlikely(err))
			return err == -ENOSPC || virtqueue_is_broken(rx->vq);
		rx->idle = buf->next;
		rx->posted++;
	}

	return true;
}

/**
 * vnet_rx_recycle() - take a buffer back from a ring that was reset
 * @rvq: the ring
 * @token: the buffer
 */
void vnet_rx_recycle(struct virtqueue *rvq, void *token)
{
	struct vnet_queue *vq = vnet_ring_queue(rvq);
	struct vnet_rx_buf *buf = token;

	buf->next = vq->rx.idle;
	vq->rx.idle = buf;
	vq->rx.posted--;
}

static int rx_pool_create(struct vnet_dev *vd, struct vnet_queue *vq)
{
	struct vnet_rx *rx = &vq->rx;
	struct page_pool_params pp = {
		.flags = PP_FLAG_PAGE_FRAG,
		.order = get_order(rx->page_len),
		.pool_size = rx->n_bufs,
		.nid = NUMA_NO_NODE,
		.dev = vd->dma_dev ?: vd->vdev->dev.parent,
		.dma_dir = DMA_FROM_DEVICE,
		.max_len = rx->page_len,
	};

	if (vd->dma_dev)
		pp.flags |= PP_FLAG_DMA_MAP | PP_FLAG_DMA_SYNC_DEV;
	ivnet_page_pool_bind(&pp, vq->q.netdev, &vq->q.napi, vq->q.index);
	rx->pool = page_pool_create(&pp);
	if (IS_ERR(rx->pool)) {
		int err = PTR_ERR(rx->pool);

		rx->pool = NULL;
		return err;
	}

	return 0;
}

/* How many buffers, and of what, make use of @ring descriptors? */
static void rx_geometry(struct vnet_dev *vd, struct vnet_rx *rx,
			const struct ivnet_queue_cfg *cfg)
{
	u32 per_buf, first;

	rx->page_len = cfg->rx_buf_len;
	rx->piece = rx->page_len;
	rx->n_bufs = cfg->rx_ring;
	rx->min_left = rx_min_left(&vd->caps, cfg->mtu);

	switch (rx->mode) {
	case VNET_RX_SINGLE:
		/* As many equal pieces as a page holds. */
		rx->piece = rx->page_len / (rx->page_len / rx->min_left);
		rx->piece = ALIGN_DOWN(rx->piece, SMP_CACHE_BYTES);
		rx->min_left = U32_MAX;
		break;
	case VNET_RX_MERGEABLE:
		break;
	case VNET_RX_CHAIN:
		first = rx->min_left - VNET_SHINFO - rx->frame_off;
		rx->n_more = DIV_ROUND_UP(VNET_BIG_FRAME - first, rx->page_len);
		per_buf = 1 + rx->split_hdr + rx->n_more;
		if (!(vd->caps.features & BIT_ULL(VIRTIO_RING_F_INDIRECT_DESC)))
			rx->n_bufs = max_t(u32, rx->n_bufs / per_buf, 1);
		rx->n_bufs = min_t(u32, rx->n_bufs, VNET_RX_MEM_DEFAULT /
				   (rx->page_len * (1 + rx->n_more)));
		break;
	}
	if (rx->split_hdr && rx->mode == VNET_RX_SINGLE &&
	    !(vd->caps.features & BIT_ULL(VIRTIO_RING_F_INDIRECT_DESC)))
		rx->n_bufs /= 2;
}

/**
 * vnet_rx_alloc() - build the receive side with all its memory
 * @vd: the device
 * @vq: the queue pair
 * @cfg: what to build
 *
 * Return: 0 or an error.
 */
int vnet_rx_alloc(struct vnet_dev *vd, struct vnet_queue *vq,
		  const struct ivnet_queue_cfg *cfg)
{
	struct vnet_rx *rx = &vq->rx;
	struct vnet_rx_buf *buf;
	int err = -ENOMEM;
	u32 i;

	rx->mode = vd->caps.mode;
	rx->hdr_len = vd->caps.hdr_len;
	rx->always_kick = vd->contract.always_kick;
	rx->rules = vd->caps.rules;
	rx->frame_off = vnet_rx_frame_off(&vd->caps);
	rx->dma_dev = vd->dma_dev;
	rx->split_hdr = !vd->caps.any_layout && rx->mode != VNET_RX_MERGEABLE;
	INIT_DELAYED_WORK(&rx->refill, rx_refill_work);
	rx_geometry(vd, rx, cfg);
	/* Every buffer has the same number of parts. */
	sg_init_table(rx->sg, 1 + rx->split_hdr + rx->n_more);

	rx->bufs = kvcalloc(rx->n_bufs, sizeof(*rx->bufs), GFP_KERNEL);
	if (!rx->bufs)
		return -ENOMEM;
	if (rx->n_more) {
		rx->more_pages = kvcalloc(rx->n_bufs * rx->n_more,
					  sizeof(*rx->more_pages), GFP_KERNEL);
		if (!rx->more_pages)
			goto err_free;
	}
	err = rx_pool_create(vd, vq);
	if (err)
		goto err_free;

	for (i = 0; i < rx->n_bufs; i++) {
		buf = &rx->bufs[rx->n_bufs - 1 - i];
		if (rx->n_more)
			buf->more = &rx->more_pages[i * rx->n_more];
		buf->next = rx->idle;
		rx->idle = buf;
		if (!rx_buf_memory(rx, buf, GFP_KERNEL | __GFP_NOWARN)) {
			err = -ENOMEM;
			goto err_free;
		}
	}

	return 0;

err_free:
	vnet_rx_free(vq);
	return err;
}

/**
 * vnet_rx_free() - free the receive side of a queue that is stopped
 * @vq: the queue pair; may be built in part
 */
void vnet_rx_free(struct vnet_queue *vq)
{
	struct vnet_rx *rx = &vq->rx;
	struct vnet_rx_buf *buf;
	u32 i, j;

	for (i = 0; rx->pool && i < rx->n_bufs; i++) {
		buf = &rx->bufs[i];
		if (buf->page)
			rx_put_page(rx, buf->page, buf->refs, false);
		for (j = 0; buf->more && j < rx->n_more; j++)
			if (buf->more[j])
				rx_put_page(rx, buf->more[j], 1, false);
	}
	if (rx->cur)
		rx_put_page(rx, rx->cur, rx->cur_refs, false);
	if (rx->pool)
		page_pool_destroy(rx->pool);
	kvfree(rx->more_pages);
	kvfree(rx->bufs);
}
