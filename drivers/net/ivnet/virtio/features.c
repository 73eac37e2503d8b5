// SPDX-License-Identifier: GPL-2.0
/* Feature bits: which are wanted, which need which, what follows from them. */

#include <linux/bits.h>
#include <linux/kernel.h>

#include "virtio.h"

const unsigned int vnet_feature_table[VNET_FEATURE_COUNT] = {
	VIRTIO_NET_F_CSUM,
	VIRTIO_NET_F_GUEST_CSUM,
	VIRTIO_NET_F_CTRL_GUEST_OFFLOADS,
	VIRTIO_NET_F_MTU,
	VIRTIO_NET_F_MAC,
	VIRTIO_NET_F_GSO,
	VIRTIO_NET_F_GUEST_TSO4,
	VIRTIO_NET_F_GUEST_TSO6,
	VIRTIO_NET_F_GUEST_ECN,
	VIRTIO_NET_F_HOST_TSO4,
	VIRTIO_NET_F_HOST_TSO6,
	VIRTIO_NET_F_HOST_ECN,
	VIRTIO_NET_F_MRG_RXBUF,
	VIRTIO_NET_F_STATUS,
	VIRTIO_NET_F_CTRL_VQ,
	VIRTIO_NET_F_CTRL_RX,
	VIRTIO_NET_F_CTRL_VLAN,
	VIRTIO_NET_F_CTRL_RX_EXTRA,
	VIRTIO_NET_F_GUEST_ANNOUNCE,
	VIRTIO_NET_F_MQ,
	VIRTIO_NET_F_CTRL_MAC_ADDR,
	VIRTIO_NET_F_DEVICE_STATS,
	VIRTIO_NET_F_VQ_NOTF_COAL,
	VIRTIO_NET_F_NOTF_COAL,
	VIRTIO_NET_F_GUEST_USO4,
	VIRTIO_NET_F_GUEST_USO6,
	VIRTIO_NET_F_HOST_USO,
	VIRTIO_NET_F_HASH_REPORT,
	VIRTIO_NET_F_GUEST_HDRLEN,
	VIRTIO_NET_F_RSS,
	VIRTIO_NET_F_STANDBY,
	VIRTIO_NET_F_RSC_EXT,
	VIRTIO_NET_F_SPEED_DUPLEX,
	VIRTIO_F_ANY_LAYOUT,
};

/* Feature @bit needs one of @any (virtio 1.3, 5.1.3.1). */
static const struct {
	unsigned int bit;
	u64 any;
} vnet_needs[] = {
	{ VIRTIO_NET_F_HOST_TSO4, BIT_ULL(VIRTIO_NET_F_CSUM) },
	{ VIRTIO_NET_F_HOST_TSO6, BIT_ULL(VIRTIO_NET_F_CSUM) },
	{ VIRTIO_NET_F_HOST_USO, BIT_ULL(VIRTIO_NET_F_CSUM) },
	{ VIRTIO_NET_F_GSO, BIT_ULL(VIRTIO_NET_F_CSUM) },
	{ VIRTIO_NET_F_HOST_ECN, BIT_ULL(VIRTIO_NET_F_HOST_TSO4) |
				 BIT_ULL(VIRTIO_NET_F_HOST_TSO6) },
	{ VIRTIO_NET_F_GUEST_TSO4, BIT_ULL(VIRTIO_NET_F_GUEST_CSUM) },
	{ VIRTIO_NET_F_GUEST_TSO6, BIT_ULL(VIRTIO_NET_F_GUEST_CSUM) },
	{ VIRTIO_NET_F_GUEST_USO4, BIT_ULL(VIRTIO_NET_F_GUEST_CSUM) },
	{ VIRTIO_NET_F_GUEST_USO6, BIT_ULL(VIRTIO_NET_F_GUEST_CSUM) },
	{ VIRTIO_NET_F_GUEST_ECN, BIT_ULL(VIRTIO_NET_F_GUEST_TSO4) |
				  BIT_ULL(VIRTIO_NET_F_GUEST_TSO6) },
	{ VIRTIO_NET_F_RSC_EXT, BIT_ULL(VIRTIO_NET_F_HOST_TSO4) |
				BIT_ULL(VIRTIO_NET_F_HOST_TSO6) },
	/* It is about frames that only those two bring (5.1.6.4). */
	{ VIRTIO_NET_F_RSC_EXT, BIT_ULL(VIRTIO_NET_F_GUEST_TSO4) |
				BIT_ULL(VIRTIO_NET_F_GUEST_TSO6) },
	{ VIRTIO_NET_F_CTRL_RX, BIT_ULL(VIRTIO_NET_F_CTRL_VQ) },
	{ VIRTIO_NET_F_CTRL_VLAN, BIT_ULL(VIRTIO_NET_F_CTRL_VQ) },
	{ VIRTIO_NET_F_CTRL_RX_EXTRA, BIT_ULL(VIRTIO_NET_F_CTRL_RX) },
	{ VIRTIO_NET_F_GUEST_ANNOUNCE, BIT_ULL(VIRTIO_NET_F_CTRL_VQ) },
	{ VIRTIO_NET_F_MQ, BIT_ULL(VIRTIO_NET_F_CTRL_VQ) },
	{ VIRTIO_NET_F_CTRL_MAC_ADDR, BIT_ULL(VIRTIO_NET_F_CTRL_VQ) },
	{ VIRTIO_NET_F_CTRL_GUEST_OFFLOADS, BIT_ULL(VIRTIO_NET_F_CTRL_VQ) },
	{ VIRTIO_NET_F_HASH_REPORT, BIT_ULL(VIRTIO_NET_F_CTRL_VQ) },
	{ VIRTIO_NET_F_RSS, BIT_ULL(VIRTIO_NET_F_CTRL_VQ) },
	{ VIRTIO_NET_F_DEVICE_STATS, BIT_ULL(VIRTIO_NET_F_CTRL_VQ) },
	/* Standby and primary find each other by their address. */
	{ VIRTIO_NET_F_STANDBY, BIT_ULL(VIRTIO_NET_F_MAC) },
	{ VIRTIO_NET_F_VQ_NOTF_COAL, BIT_ULL(VIRTIO_NET_F_CTRL_VQ) },
	{ VIRTIO_NET_F_NOTF_COAL, BIT_ULL(VIRTIO_NET_F_CTRL_VQ) },
};

/**
 * vnet_features_refine() - drop features whose requirements are not met
 * @features: what device and driver both know
 *
 * A device that breaks the rules of dependence keeps working with less.
 * The table is in an order in which one pass is enough.
 *
 * Return: what may be accepted.
 */
u64 vnet_features_refine(u64 features)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(vnet_needs); i++)
		if (!(features & vnet_needs[i].any))
			features &= ~BIT_ULL(vnet_needs[i].bit);

	return features;
}

/**
 * vnet_caps_init() - what follows from a set of features
 * @caps: filled in
 * @features: the negotiated feature bits, the transport's among them
 */
void vnet_caps_init(struct vnet_caps *caps, u64 features)
{
	const u64 guest_gso = BIT_ULL(VIRTIO_NET_F_GUEST_TSO4) |
			      BIT_ULL(VIRTIO_NET_F_GUEST_TSO6) |
			      BIT_ULL(VIRTIO_NET_F_GUEST_USO4) |
			      BIT_ULL(VIRTIO_NET_F_GUEST_USO6);
	const bool v1 = features & BIT_ULL(VIRTIO_F_VERSION_1);
	netdev_features_t hw = NETIF_F_SG, on = NETIF_F_HIGHDMA;

	*caps = (struct vnet_caps) { .features = features };
	caps->any_layout = v1 || features & BIT_ULL(VIRTIO_F_ANY_LAYOUT);
	caps->big_frames = features & guest_gso;

	if (features & BIT_ULL(VIRTIO_NET_F_MRG_RXBUF))
		caps->mode = VNET_RX_MERGEABLE;
	else
		caps->mode = caps->big_frames ? VNET_RX_CHAIN : VNET_RX_SINGLE;

	if (features & BIT_ULL(VIRTIO_NET_F_HASH_REPORT))
		caps->hdr_len = sizeof(struct virtio_net_hdr_v1_hash);
	else if (v1 || caps->mode == VNET_RX_MERGEABLE)
		caps->hdr_len = sizeof(struct virtio_net_hdr_mrg_rxbuf);
	else
		caps->hdr_len = sizeof(struct virtio_net_hdr);

	if (features & BIT_ULL(VIRTIO_NET_F_CSUM)) {
		hw |= NETIF_F_HW_CSUM;
		/* The device checks the headers of frames to be segmented. */
		on |= NETIF_F_GSO_ROBUST;
		/* A legacy device's one bit for all of segmentation. */
		if (features & BIT_ULL(VIRTIO_NET_F_GSO) && !v1)
			hw |= NETIF_F_TSO | NETIF_F_TSO6 | NETIF_F_TSO_ECN;
		if (features & BIT_ULL(VIRTIO_NET_F_HOST_TSO4))
			hw |= NETIF_F_TSO;
		if (features & BIT_ULL(VIRTIO_NET_F_HOST_TSO6))
			hw |= NETIF_F_TSO6;
		if (features & BIT_ULL(VIRTIO_NET_F_HOST_ECN))
			hw |= NETIF_F_TSO_ECN;
		if (features & BIT_ULL(VIRTIO_NET_F_HOST_USO))
			hw |= NETIF_F_GSO_UDP_L4;
	}

	if (features & BIT_ULL(VIRTIO_NET_F_GUEST_CSUM)) {
		caps->rules.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM |
				    VIRTIO_NET_HDR_F_DATA_VALID;
		on |= NETIF_F_RXCSUM;
		/*
		 * Receive sums can be switched off if the frames that the
		 * device puts together, which have none, go with them.
		 */
		if (features & BIT_ULL(VIRTIO_NET_F_CTRL_GUEST_OFFLOADS) ||
		    !caps->big_frames)
			hw |= NETIF_F_RXCSUM;
	}
	if (features & BIT_ULL(VIRTIO_NET_F_RSC_EXT))
		caps->rules.flags |= VIRTIO_NET_HDR_F_RSC_INFO;
	if (features & BIT_ULL(VIRTIO_NET_F_GUEST_TSO4))
		caps->rules.gso_types |=
			IVNET_GSO_BIT(VIRTIO_NET_HDR_GSO_TCPV4);
	if (features & BIT_ULL(VIRTIO_NET_F_GUEST_TSO6))
		caps->rules.gso_types |=
			IVNET_GSO_BIT(VIRTIO_NET_HDR_GSO_TCPV6);
	if (features & (BIT_ULL(VIRTIO_NET_F_GUEST_USO4) |
			BIT_ULL(VIRTIO_NET_F_GUEST_USO6)))
		caps->rules.gso_types |=
			IVNET_GSO_BIT(VIRTIO_NET_HDR_GSO_UDP_L4);
	if (features & BIT_ULL(VIRTIO_NET_F_GUEST_ECN))
		caps->rules.gso_types |= IVNET_GSO_BIT(IVNET_GSO_ECN_BIT);
	if (caps->big_frames) {
		on |= NETIF_F_GRO_HW;
		if (features & BIT_ULL(VIRTIO_NET_F_CTRL_GUEST_OFFLOADS))
			hw |= NETIF_F_GRO_HW;
	}

	if (features & BIT_ULL(VIRTIO_NET_F_HASH_REPORT))
		hw |= NETIF_F_RXHASH;
	if (features & BIT_ULL(VIRTIO_NET_F_CTRL_VLAN))
		hw |= NETIF_F_HW_VLAN_CTAG_FILTER;

	caps->hw_features = hw;
	caps->netdev_features = hw | on;
}

/**
 * vnet_caps_contract() - the header that the device contract has
 * @caps: what follows from the features; changed
 *
 * Without merged buffers and hashes it has 10 bytes, where virtio has 12.
 */
void vnet_caps_contract(struct vnet_caps *caps)
{
	if (caps->mode != VNET_RX_MERGEABLE &&
	    caps->hdr_len == sizeof(struct virtio_net_hdr_mrg_rxbuf))
		caps->hdr_len = sizeof(struct virtio_net_hdr);
}

/**
 * vnet_guest_offloads() - what the device shall do to received frames
 * @caps: what was negotiated
 * @features: what the user wants
 *
 * Return: bits for VIRTIO_NET_CTRL_GUEST_OFFLOADS_SET.
 */
u64 vnet_guest_offloads(const struct vnet_caps *caps,
			netdev_features_t features)
{
	u64 gso = BIT_ULL(VIRTIO_NET_F_GUEST_TSO4) |
		  BIT_ULL(VIRTIO_NET_F_GUEST_TSO6) |
		  BIT_ULL(VIRTIO_NET_F_GUEST_ECN) |
		  BIT_ULL(VIRTIO_NET_F_GUEST_USO4) |
		  BIT_ULL(VIRTIO_NET_F_GUEST_USO6);
	u64 wanted = 0;

	if (features & NETIF_F_RXCSUM)
		wanted |= BIT_ULL(VIRTIO_NET_F_GUEST_CSUM);
	if (features & NETIF_F_GRO_HW)
		wanted |= gso;

	return wanted & caps->features;
}
