/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What features of a link mean for frames: Documentation/networking/ivnet-shm.rst,
 * "Features". Pure; the same code builds in user space.
 */
#ifndef _NET_IVNET_SHM_LINK_H
#define _NET_IVNET_SHM_LINK_H

#include <net/ivnet/shm_ring.h>
#include <net/ivnet/vnet_hdr.h>

/**
 * ivnet_shm_link_rules() - what metadata a peer may send
 * @features: that were agreed on, IVNET_SHM_F_*
 *
 * Return: rules for ivnet_meta_check().
 */
static inline struct ivnet_meta_rules ivnet_shm_link_rules(u64 features)
{
	struct ivnet_meta_rules rules = { .flags = 0 };
	u32 types = 0;

	if (!(features & IVNET_SHM_F_CSUM))
		return rules;
	rules.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM | VIRTIO_NET_HDR_F_DATA_VALID;
	if (features & IVNET_SHM_F_TSO4)
		types |= IVNET_GSO_BIT(VIRTIO_NET_HDR_GSO_TCPV4);
	if (features & IVNET_SHM_F_TSO6)
		types |= IVNET_GSO_BIT(VIRTIO_NET_HDR_GSO_TCPV6);
	if (features & IVNET_SHM_F_ECN)
		types |= IVNET_GSO_BIT(IVNET_GSO_ECN_BIT);
	if (features & IVNET_SHM_F_USO)
		types |= IVNET_GSO_BIT(VIRTIO_NET_HDR_GSO_UDP_L4);
	rules.gso_types = (u8)types;

	return rules;
}

/**
 * ivnet_shm_gso_features() - what a link has to have for a frame to be segmented
 * @gso_type: as in struct virtio_net_hdr, a known type
 *
 * Return: IVNET_SHM_F_*.
 */
static inline u64 ivnet_shm_gso_features(u8 gso_type)
{
	u64 need = IVNET_SHM_F_CSUM;

	if (gso_type & VIRTIO_NET_HDR_GSO_ECN)
		need |= IVNET_SHM_F_ECN;

	switch (gso_type & ~VIRTIO_NET_HDR_GSO_ECN) {
	case VIRTIO_NET_HDR_GSO_TCPV4:
		return need | IVNET_SHM_F_TSO4;
	case VIRTIO_NET_HDR_GSO_TCPV6:
		return need | IVNET_SHM_F_TSO6;
	default:
		return need | IVNET_SHM_F_USO;
	}
}

#endif
