/* SPDX-License-Identifier: GPL-2.0 */
/* Frames for the tests: described by a row of a table, then built. */
#ifndef _IVNET_TEST_FRAME_H
#define _IVNET_TEST_FRAME_H

#include <linux/types.h>
#include <net/ivnet/vnet_hdr.h>

struct kunit;

#define FRAME_EXT_MAX	4

/**
 * struct frame_spec - what a frame looks like
 * @name: for messages
 * @tpid: VLAN tags, from the outside in; 0 ends the list
 * @version: of IP, 4 or 6
 * @ip_options: bytes of IPv4 options
 * @ext: types of IPv6 extension headers
 * @n_ext: number of extension headers
 * @ext_len: length field of each extension header, in units of 8 bytes
 * @proto: %IPPROTO_TCP or %IPPROTO_UDP
 * @tcp_options: bytes of TCP options
 * @payload: bytes behind the transport header
 */
struct frame_spec {
	const char *name;
	u16 tpid[4];
	u8 version;
	u8 ip_options;
	u8 ext[FRAME_EXT_MAX];
	u8 n_ext;
	u8 ext_len;
	u8 proto;
	u8 tcp_options;
	u32 payload;
};

/**
 * struct frame - a frame and where its parts are
 * @data: the bytes
 * @len: how many
 * @ip: offset of the IP header
 * @l4: offset of the transport header
 * @l4_len: offset of the payload
 * @seen: bytes that have to be looked at to find @l4_len
 * @meta: metadata that fits, with %VIRTIO_NET_HDR_F_NEEDS_CSUM
 */
struct frame {
	u8 *data;
	u32 len;
	u32 ip;
	u32 l4;
	u32 l4_len;
	u32 seen;
	struct ivnet_meta meta;
};

/* One of each kind that may be segmented. */
#define FRAME_SPECS	14
extern const struct frame_spec frame_specs[FRAME_SPECS];

static inline void frame_put16(u8 *p, u16 v)
{
	p[0] = v >> 8;
	p[1] = v;
}

void frame_build(struct kunit *test, const struct frame_spec *spec,
		 struct frame *f);

#endif
