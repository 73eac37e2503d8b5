// SPDX-License-Identifier: GPL-2.0
/* Transmit: from the TAP into our rings, one copy for each receiver. */
#include <errno.h>
#include <sys/uio.h>
#include <unistd.h>

#include "gso.h"
#include "port.h"

/* A full ring that does not move for so long holds up the rest no more, ms. */
#define STUCK_MS	100

/* The peers are told after so many frames or bytes, and after each round. */
#define PUBLISH		16
#define PUBLISH_BYTES	65536

/* Frames in flight from which on it pays to see how far the peer is. */
#define RECLAIM		16

/*
 * Has the peer been done with nothing for so long that it has to be ignored? A peer
 * that is not run for a while holds up nobody if it is the only one.
 */
static bool lane_stuck(const struct queue *q, const struct lane *lane)
{
	s64 limit = ivnet_shm_load(&q->port->n_run) > 1 ? STUCK_MS : SILENT_MS;

	return q->now - lane->moved_at > limit;
}

/* The peer is done with @n frames more, or lies: then false. */
static bool lane_done(struct queue *q, struct link *link, struct lane *lane, int n)
{
	if (n < 0) {
		if (link_broken(link, LINK_CONS))
			count_add(q, TX_ERR_RING, 1);
		return false;
	}
	if (n)
		lane->moved_at = q->now;
	return true;
}

/* Take back what the peer is done with. */
static bool lane_reclaim(struct queue *q, struct link *link, struct lane *lane)
{
	return lane_done(q, link, lane, ivnet_shm_tx_reclaim(&lane->tx));
}

static void lane_flush(struct queue *q, struct link *link, struct lane *lane)
{
	if (lane->tx.published == lane->tx.head)
		return;
	if (lane->tx.published - lane->tx.tail >= RECLAIM)
		lane_reclaim(q, link, lane);
	if (ivnet_shm_tx_publish(&lane->tx) && link_ring(link, link->data_vector[q->index]))
		count_add(q, TX_RINGS, 1);
}

/* Show every peer what was written for it. */
static void tx_flush(struct queue *q)
{
	struct link *link;

	for (; q->unpublished; q->unpublished &= q->unpublished - 1) {
		link = &q->port->links[__builtin_ctz(q->unpublished)];
		if (link_usable(link))
			lane_flush(q, link, &link->lanes[q->index]);
	}
}

/* Room for a frame, at @off. */
static bool lane_room(struct queue *q, struct link *link, struct lane *lane, u32 len, u32 *off)
{
	if (ivnet_shm_tx_alloc(&lane->tx, len, off))
		return true;
	return lane_reclaim(q, link, lane) && ivnet_shm_tx_alloc(&lane->tx, len, off);
}

/* Room for any frame that the link takes? */
static bool lane_has_room(struct queue *q, struct link *link, struct lane *lane)
{
	u32 off;

	return lane_room(q, link, lane, link->max_frame, &off);
}

/* Copy a frame for one receiver, which takes it as it is. */
static void lane_put(struct queue *q, struct link *link, const u8 *from, u32 len,
		     const struct ivnet_meta *m)
{
	struct lane *lane = &link->lanes[q->index];
	struct ivnet_shm_frame f = { .len = len };

	if (len > link->max_frame) {
		count_add(q, TX_ERR_LONG, 1);
		return;
	}
	if (!lane_room(q, link, lane, len, &f.offset)) {
		count_add(q, TX_DROP_FULL, 1);
		return;
	}
	if (m) {
		f.flags = m->flags & (IVNET_SHM_D_NEEDS_CSUM | IVNET_SHM_D_DATA_VALID);
		f.csum_start = m->csum_start;
		f.csum_offset = m->csum_offset;
		f.gso_type = m->gso_type;
		f.gso_size = m->gso_size;
		f.hdr_len = m->hdr_len;
	}
	memcpy(lane->tx_data + f.offset, from, len);
	if (lane->tx.head == lane->tx.tail)
		lane->moved_at = q->now;
	ivnet_shm_tx_put(&lane->tx, &f);
	q->unpublished |= 1U << link->peer;
}

/* A receiver that takes no frame of this kind gets its segments. */
static void tx_segments(struct queue *q, struct link *link, u32 len, const struct ivnet_meta *m)
{
	struct gso g;
	u32 part;

	if (!gso_begin(&g, q->frame, len, m)) {
		count_add(q, TX_ERR_GSO, 1);
		return;
	}
	count_add(q, TX_SEGMENTED, 1);
	while ((part = gso_next(&g, q->segment)))
		lane_put(q, link, q->segment, part, NULL);
}

static void tx_link(struct queue *q, struct link *link, u32 len, const struct ivnet_meta *m)
{
	u64 uses = ivnet_shm_load(&link->uses);

	if (m->gso_type && (ivnet_shm_gso_features(m->gso_type) & ~uses || len > link->max_frame)) {
		tx_segments(q, link, len, m);
	} else if (m->flags && !(uses & IVNET_SHM_F_CSUM)) {
		memcpy(q->segment, q->frame, len);
		if (m->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)
			csum_finish(q->segment, len, m);
		lane_put(q, link, q->segment, len, NULL);
	} else {
		lane_put(q, link, q->frame, len, m);
	}
}

/* Frames wait in the TAP while a ring is full, unless waiting is of no use. */
static void tx_stop(struct queue *q, struct link *link)
{
	struct lane *lane = &link->lanes[q->index];

	if (lane_has_room(q, link, lane) || lane_stuck(q, lane))
		return;
	count_add(q, TX_STOPS, 1);
	q->stopped = true;
	tx_wait(q);
}

/*
 * Ask a peer to ring when it did half of the frames. What it did before it saw that, it
 * did without ringing: then there is room now, or it is asked again. False if it broke a
 * rule.
 */
static bool lane_arm(struct queue *q, struct link *link, struct lane *lane)
{
	u32 used;
	int n;

	while ((used = lane->tx.published - lane->tx.tail)) {
		n = ivnet_shm_tx_arm(&lane->tx, used > 1 ? used / 2 : 1);
		if (!lane_done(q, link, lane, n))
			return false;
		if (!n || lane_has_room(q, link, lane))
			break;
	}
	return true;
}

/*
 * Ask each peer that has frames of this queue to ring when it did half of them, and
 * go on if there is room, or where waiting for it is of no use. A peer that does not
 * move for long gets its frames dropped instead, so that it holds up nobody else.
 */
void tx_wait(struct queue *q)
{
	struct port *p = q->port;
	struct link *link;
	struct lane *lane;
	bool wait = false;
	u32 i;

	for (i = 0; i < p->geo.ports; i++) {
		link = &p->links[i];
		lane = &link->lanes[q->index];
		if (!link_usable(link) || lane->tx.head == lane->tx.tail)
			continue;
		lane_flush(q, link, lane);
		if (!lane_arm(q, link, lane))
			continue;
		if (!lane_stuck(q, lane) && !lane_has_room(q, link, lane))
			wait = true;
	}
	q->stopped = wait;
}

/* A frame of the TAP, whose metadata says what is not finished. */
static void tx_frame(struct queue *q, u32 len, const struct ivnet_meta *m)
{
	static const struct ivnet_meta_rules all = { .flags = 0xff, .gso_types = 0xff };
	struct port *p = q->port;
	bool sent = false;
	int to = -1;
	u32 i;

	if (ivnet_meta_check(m, &all, len)) {
		count_add(q, TX_ERR_GSO, 1);
		return;
	}
	count_add(q, TX_FRAMES, 1);
	count_add(q, TX_BYTES, len);
	if (m->gso_type)
		count_add(q, TX_GSO, 1);

	if (!(q->frame[0] & 1))
		to = fdb_find(&p->fdb, q->frame, queue_seconds(q));
	if (to >= 0 && (u32)to < p->geo.ports && link_usable(&p->links[to])) {
		tx_link(q, &p->links[to], len, m);
		tx_stop(q, &p->links[to]);
		return;
	}
	for (i = 0; i < p->geo.ports; i++) {
		if (!link_usable(&p->links[i]))
			continue;
		tx_link(q, &p->links[i], len, m);
		sent = true;
	}
	if (!sent)
		count_add(q, TX_DROP_NOBODY, 1);
}

/* The next frame of the TAP; its length, or 0 if there is none. */
static u32 tap_read(struct queue *q, struct ivnet_meta *m)
{
	struct virtio_net_hdr hdr;
	struct iovec iov[] = {
		{ .iov_base = &hdr, .iov_len = sizeof(hdr) },
		{ .iov_base = q->frame, .iov_len = sizeof(q->frame) },
	};
	const u64 one = 1;
	ssize_t length;

	length = readv(q->tap, iov, 2);
	if (length < 0) {
		if (errno == EINTR)
			return 0;
		q->readable = false;
		if (errno == EAGAIN)
			return 0;
		ivnet_shm_store(&q->port->lost, 1);
		if (write(q->port->wake, &one, sizeof(one)) < 0)
			return 0;
		return 0;
	}
	*m = (struct ivnet_meta){
		.flags		= hdr.flags & (VIRTIO_NET_HDR_F_NEEDS_CSUM |
					       VIRTIO_NET_HDR_F_DATA_VALID),
		.gso_type	= hdr.gso_type,
		.hdr_len	= hdr.hdr_len,
		.gso_size	= hdr.gso_size,
		.csum_start	= hdr.csum_start,
		.csum_offset	= hdr.csum_offset,
	};
	return length > (ssize_t)sizeof(hdr) ? (u32)length - (u32)sizeof(hdr) : 0;
}

u32 tx_round(struct queue *q, u32 budget)
{
	u32 done = 0, bytes = 0, frames = 0, len;
	struct ivnet_meta m;

	while (done < budget && !q->stopped) {
		len = tap_read(q, &m);
		if (!len)
			break;
		done++;
		if (len < IVNET_SHM_FRAME_MIN || len >= FRAME_BYTES) {
			count_add(q, TX_ERR_LONG, 1);
			continue;
		}
		tx_frame(q, len, &m);
		bytes += len;
		if (++frames >= PUBLISH || bytes >= PUBLISH_BYTES) {
			tx_flush(q);
			frames = 0;
			bytes = 0;
		}
	}
	tx_flush(q);
	return done;
}
