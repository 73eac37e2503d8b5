/* SPDX-License-Identifier: GPL-2.0 */
/* Transmit: metadata of an skb; inlined by both transports. */
#ifndef _NET_IVNET_TX_H
#define _NET_IVNET_TX_H

#include <linux/skbuff.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <net/ivnet/vnet_hdr.h>

/**
 * ivnet_tx_meta() - describe an skb to the other side
 * @skb: the frame; data points to the destination address
 * @m: filled in
 *
 * Return: false if the skb asks for a segmentation that cannot be expressed,
 * which the features offered to the stack rule out.
 * Source: virtio 1.3, 5.1.6.2.1.
 */
static __always_inline bool ivnet_tx_meta(const struct sk_buff *skb,
					  struct ivnet_meta *m)
{
	const struct skb_shared_info *shinfo = skb_shinfo(skb);

	*m = (struct ivnet_meta){};

	if (skb->ip_summed == CHECKSUM_PARTIAL) {
		m->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
		m->csum_start = skb_checksum_start_offset(skb);
		m->csum_offset = skb->csum_offset;
	}

	if (!shinfo->gso_size)
		return true;

	m->gso_size = shinfo->gso_size;
	if (shinfo->gso_type & SKB_GSO_TCPV4) {
		m->gso_type = VIRTIO_NET_HDR_GSO_TCPV4;
	} else if (shinfo->gso_type & SKB_GSO_TCPV6) {
		m->gso_type = VIRTIO_NET_HDR_GSO_TCPV6;
	} else if (shinfo->gso_type & SKB_GSO_UDP_L4) {
		m->gso_type = VIRTIO_NET_HDR_GSO_UDP_L4;
		m->hdr_len = skb_transport_offset(skb) + sizeof(struct udphdr);
		return true;
	} else {
		return false;
	}
	if (shinfo->gso_type & SKB_GSO_TCP_ECN)
		m->gso_type |= VIRTIO_NET_HDR_GSO_ECN;
	m->hdr_len = skb_transport_offset(skb) + tcp_hdrlen(skb);

	return true;
}

#endif
