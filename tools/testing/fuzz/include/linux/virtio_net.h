/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The flags and types of a packet's header (virtio 1.3, 5.1.6). The uapi
 * header would bring a different version on each machine.
 */
#ifndef _FUZZ_LINUX_VIRTIO_NET_H
#define _FUZZ_LINUX_VIRTIO_NET_H

#define VIRTIO_NET_HDR_F_NEEDS_CSUM	1
#define VIRTIO_NET_HDR_F_DATA_VALID	2
#define VIRTIO_NET_HDR_F_RSC_INFO	4

#define VIRTIO_NET_HDR_GSO_NONE		0
#define VIRTIO_NET_HDR_GSO_TCPV4	1
#define VIRTIO_NET_HDR_GSO_UDP		3
#define VIRTIO_NET_HDR_GSO_TCPV6	4
#define VIRTIO_NET_HDR_GSO_UDP_L4	5
#define VIRTIO_NET_HDR_GSO_ECN		0x80

#endif
