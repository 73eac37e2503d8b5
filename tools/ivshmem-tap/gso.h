/* SPDX-License-Identifier: GPL-2.0 */
/* What a receiver does not take unfinished: checksums and segments in software. */
#ifndef GSO_H
#define GSO_H

#include <net/ivnet/shm_ring.h>
#include <net/ivnet/vnet_hdr.h>

/**
 * struct gso - a frame that is taken apart
 * @frame: all of it
 * @len: bytes of it
 * @l3: offset of the IP header
 * @l4: offset of the transport header
 * @hdr: bytes before the payload
 * @size: payload bytes of a segment
 * @at: payload that is done begins here
 * @n: segments that are done
 * @tcp: TCP, or else UDP
 * @v6: IPv6, or else IPv4
 */
struct gso {
	const u8 *frame;
	u32 len;
	u32 l3;
	u32 l4;
	u32 hdr;
	u32 size;
	u32 at;
	u32 n;
	bool tcp;
	bool v6;
};

/* Finish a checksum, of which ivnet_meta_check() says that it lies in the frame. */
void csum_finish(u8 *frame, u32 len, const struct ivnet_meta *m);
/* False if the frame cannot be taken apart. */
bool gso_begin(struct gso *g, const u8 *frame, u32 len, const struct ivnet_meta *m);
/* The next segment, complete, to a buffer of @len bytes; its length, or 0. */
u32 gso_next(struct gso *g, u8 *to);

#endif
