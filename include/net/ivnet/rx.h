/* SPDX-License-Identifier: GPL-2.0 */
/* Receive: from checked metadata to an skb; inlined by both transports. */
#ifndef _NET_IVNET_RX_H
#define _NET_IVNET_RX_H

#include <linux/skbuff.h>
#include <net/ip.h>
#include <net/ivnet/vnet_hdr.h>

/**
 * ivnet_rx_gso() - mark an skb as a frame to be segmented
 * @skb: the frame; data points to the destination address
 * @m: metadata that passed ivnet_meta_check(), with a segmentation type
 *
 * A frame whose payload fits into one segment is left unmarked.
 *
 * Return: %IVNET_META_OK, or the rule that the frame breaks.
 */
static inline enum ivnet_meta_err ivnet_rx_gso(struct sk_buff *skb,
					       const struct ivnet_meta *m)
{
	struct skb_shared_info *shinfo = skb_shinfo(skb);
	enum ivnet_meta_err err;
	unsigned int gso_type;
	u32 l4_len;

	if (!pskb_may_pull(skb, min_t(u32, skb->len, IVNET_GSO_HDR_MAX)))
		return IVNET_META_GSO_TYPE;

	err = ivnet_gso_check(m, skb->data, skb_headlen(skb), skb->len,
			      &l4_len);
	if (err)
		return err;
	if (skb->len - l4_len <= m->gso_size)
		return IVNET_META_OK;

	switch (m->gso_type & ~VIRTIO_NET_HDR_GSO_ECN) {
	case VIRTIO_NET_HDR_GSO_TCPV4:
		gso_type = SKB_GSO_TCPV4;
		break;
	case VIRTIO_NET_HDR_GSO_TCPV6:
		gso_type = SKB_GSO_TCPV6;
		break;
	case VIRTIO_NET_HDR_GSO_UDP_L4:
		gso_type = SKB_GSO_UDP_L4;
		break;
	default:
		gso_type = SKB_GSO_UDP;
		break;
	}
	if (m->gso_type & VIRTIO_NET_HDR_GSO_ECN)
		gso_type |= SKB_GSO_TCP_ECN;

	/* The stack computes a forwarded frame's segments itself. */
	shinfo->gso_type = gso_type | SKB_GSO_DODGY;
	shinfo->gso_size = m->gso_size;
	shinfo->gso_segs = DIV_ROUND_UP(skb->len - l4_len, m->gso_size);

	return IVNET_META_OK;
}

/**
 * ivnet_rx_rsc() - take what a device says of a frame that it made of several
 * @skb: the frame; data points to the destination address
 * @m: metadata with VIRTIO_NET_HDR_F_RSC_INFO; see ivnet_rsc_take()
 * @rsc: filled in
 *
 * An IPv4 header gets its sum anew: the device has checked the segments'.
 *
 * Return: %IVNET_META_OK, or the rule that the frame breaks.
 */
static inline enum ivnet_meta_err ivnet_rx_rsc(struct sk_buff *skb,
					       struct ivnet_meta *m,
					       struct ivnet_rsc *rsc)
{
	enum ivnet_meta_err err;
	struct iphdr *iph;

	if (!pskb_may_pull(skb, min_t(u32, skb->len, IVNET_GSO_HDR_MAX)))
		return IVNET_META_GSO_TYPE;

	err = ivnet_rsc_take(m, skb->data, skb_headlen(skb), skb->len, rsc);
	if (err)
		return err;

	/* QEMU changes the length in the header and leaves its sum as it was. */
	iph = (struct iphdr *)(skb->data + rsc->l3);
	if (iph->version == 4)
		ip_send_check(iph);

	return IVNET_META_OK;
}

/**
 * ivnet_rx_meta() - apply checked metadata to an skb
 * @skb: the frame; data points to the destination address
 * @m: metadata that passed ivnet_meta_check()
 * @rxcsum: is NETIF_F_RXCSUM on?
 *
 * Return: %IVNET_META_OK, or the rule that the frame breaks.
 */
static __always_inline enum ivnet_meta_err
ivnet_rx_meta(struct sk_buff *skb, const struct ivnet_meta *m, bool rxcsum)
{
	enum ivnet_meta_err err;

	if (likely(!(m->flags | m->gso_type)))
		return IVNET_META_OK;

	if (m->gso_type) {
		err = ivnet_rx_gso(skb, m);
		if (unlikely(err))
			return err;
	}

	/*
	 * A partial sum has to be taken over even when the user switched
	 * receive checksums off: the packet carries no other.
	 */
	if (m->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) {
		if (!pskb_may_pull(skb, (u32)m->csum_start + m->csum_offset + 2) ||
		    !skb_partial_csum_set(skb, m->csum_start, m->csum_offset))
			return IVNET_META_CSUM;
	} else if (m->flags & VIRTIO_NET_HDR_F_DATA_VALID && rxcsum) {
		skb->ip_summed = CHECKSUM_UNNECESSARY;
	}

	return IVNET_META_OK;
}

#endif
