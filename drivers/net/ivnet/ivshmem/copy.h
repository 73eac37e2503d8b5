/* SPDX-License-Identifier: GPL-2.0 */
/* The one copy out of shared memory and the one into it; inlined. */
#ifndef _IVNET_SHM_COPY_H
#define _IVNET_SHM_COPY_H

#include <linux/skbuff.h>
#include <net/checksum.h>

#include "../core/rx.h"
#include "shm.h"

#define SHM_SHINFO	SKB_DATA_ALIGN(sizeof(struct skb_shared_info))
#define SHM_HEADROOM	(NET_SKB_PAD + NET_IP_ALIGN)

/* Copy the first @len bytes of a frame, and sum up what follows its header. */
static inline void shm_copy_head(struct sk_buff *skb, const u8 *src, u32 len,
				 bool sum)
{
	u8 *to = __skb_put(skb, len);

	if (!sum) {
		memcpy(to, src, len);
		return;
	}
	memcpy(to, src, ETH_HLEN);
	skb->csum = csum_partial_copy_nocheck(src + ETH_HLEN, to + ETH_HLEN,
					      len - ETH_HLEN);
	skb->ip_summed = CHECKSUM_COMPLETE;
}

/* Copy @len bytes from @src into pages behind the head of an skb. */
static inline bool shm_copy_frags(struct shm_queue *sq, struct sk_buff *skb,
				  const u8 *src, u32 len, bool sum)
{
	u32 part, size;
	unsigned int off;
	struct page *page;
	__wsum csum;
	u8 *to;

	while (len) {
		part = min(len, sq->page_len);
		size = SKB_DATA_ALIGN(part);
		page = page_pool_dev_alloc_frag(sq->pool, &off, size);
		if (unlikely(!page))
			return false;
		to = page_address(page) + off;
		if (sum) {
			csum = csum_partial_copy_nocheck(src, to, part);
			skb->csum = csum_block_add(skb->csum, csum,
						   skb->len - ETH_HLEN);
		} else {
			memcpy(to, src, part);
		}
		skb_add_rx_frag(skb, skb_shinfo(skb)->nr_frags, page, off, part,
				size);
		src += part;
		len -= part;
	}

	return true;
}

/*
 * The one copy on the way in: short frames into a small skb, others into pages;
 * with @sum, for a frame whose checksums nobody vouches for, summed on the way.
 */
static inline struct sk_buff *shm_copy_frame(struct shm_queue *sq,
					     const u8 *src, u32 len,
					     u32 copybreak, bool sum,
					     struct ivnet_rx_batch *b)
{
	u32 first, size;
	struct sk_buff *skb;
	struct page *page;
	unsigned int off;

	if (len <= copybreak) {
		skb = napi_alloc_skb(&sq->q.napi, len);
		if (unlikely(!skb))
			return NULL;
		shm_copy_head(skb, src, len, sum);
		b->copied++;
		b->csum_complete += sum;
		return skb;
	}

	first = min_t(u32, len, sq->page_len - SHM_SHINFO -
		      SKB_DATA_ALIGN(SHM_HEADROOM));
	size = SKB_DATA_ALIGN(SHM_HEADROOM + first) + SHM_SHINFO;
	page = page_pool_dev_alloc_frag(sq->pool, &off, size);
	if (unlikely(!page))
		return NULL;
	skb = napi_build_skb(page_address(page) + off, size);
	if (unlikely(!skb)) {
		page_pool_put_full_page(sq->pool, page, true);
		return NULL;
	}
	skb_mark_for_recycle(skb);
	skb_reserve(skb, SHM_HEADROOM);
	shm_copy_head(skb, src, first, sum);
	if (len > first && unlikely(!shm_copy_frags(sq, skb, src + first,
						    len - first, sum))) {
		napi_consume_skb(skb, 1);
		return NULL;
	}
	b->csum_complete += sum;

	return skb;
}

/* Copy a frame, and finish its checksum on the way. */
static inline void shm_copy_csum(const struct sk_buff *skb, u8 *to, u32 start,
				 u32 offset)
{
	__wsum sum;

	skb_copy_bits(skb, 0, to, start);
	sum = skb_copy_and_csum_bits(skb, start, to + start, skb->len - start);
	put_unaligned((__force u16)(csum_fold(sum) ?: CSUM_MANGLED_0),
		      (u16 *)(to + start + offset));
}

#endif
