// SPDX-License-Identifier: GPL-2.0
/* Frames: from the driver to the backend, and the other way. */
#include <stddef.h>
#include <string.h>

#include "vnet.h"

/* Frames until others get a turn. */
#define TX_BATCH 128
#define RX_BATCH 64
/* A frame waits so long for a buffer, ns. */
#define HOLD 50000000ull

static struct element element;
static struct vnet_frame sent;
static struct vnet_frame received;

/* What goes before a frame in a buffer. */
union header {
	struct virtio_net_hdr_v1_hash hash;
	struct virtio_net_hdr_v1 v1;
	struct virtio_net_hdr classic;
	uint8_t bytes[sizeof(struct virtio_net_hdr_v1_hash)];
};

static unsigned int header_length(const struct vnet *v)
{
	if (v->o.header)
		return v->o.header;

	return vnet_has(v, VIRTIO_NET_F_HASH_REPORT) ? sizeof(struct virtio_net_hdr_v1_hash) :
						       sizeof(struct virtio_net_hdr_v1);
}

static unsigned int be16(const uint8_t *data)
{
	return (unsigned int)data[0] << 8 | data[1];
}

/* Bytes before the payload of a TCP or UDP frame, or 0. */
static uint32_t headers(const uint8_t *data, uint32_t length)
{
	uint32_t at = 12, protocol;

	while (at + 2 <= length && (be16(data + at) == 0x8100 || be16(data + at) == 0x88a8))
		at += 4;
	if (at + 2 + 40 > length)
		return 0;
	if (be16(data + at) == 0x0800) {
		protocol = data[at + 2 + 9];
		at += 2 + 4 * (data[at + 2] & 0xfu);
	} else if (be16(data + at) == 0x86dd) {
		protocol = data[at + 2 + 6];
		at += 2 + 40;
	} else {
		return 0;
	}
	if (protocol == 17 && at + 8 <= length)
		return at + 8;

	return protocol == 6 && at + 20 <= length ? at + 4 * (data[at + 12] >> 4) : 0;
}

/* What breaks a rule of virtio 1.3, 5.1.6.2.1, or NULL. */
static const char *tx_wrong(const struct vnet *v, const struct virtio_net_hdr *h,
			    const uint8_t *data, uint32_t length)
{
	unsigned int type = h->gso_type & ~VIRTIO_NET_HDR_GSO_ECN;

	if (length < 14)
		return "shorter than an Ethernet header";
	if (h->flags & ~VIRTIO_NET_HDR_F_NEEDS_CSUM)
		return "flags";
	if (h->flags && !vnet_has(v, VIRTIO_NET_F_CSUM))
		return "NEEDS_CSUM without CSUM";
	if (h->flags && (uint32_t)h->csum_start + h->csum_offset + 2 > length)
		return "a checksum outside of the frame";
	if (type == VIRTIO_NET_HDR_GSO_NONE)
		return h->gso_type ? "ECN without GSO" : NULL;
	if (!(h->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM))
		return "GSO without NEEDS_CSUM";
	if (!h->gso_size)
		return "gso_size is 0";
	if (h->hdr_len > length)
		return "hdr_len is longer than the frame";
	if (vnet_has(v, VIRTIO_NET_F_GUEST_HDRLEN) && h->hdr_len != headers(data, length))
		return "hdr_len is not exact";
	if (h->gso_type & VIRTIO_NET_HDR_GSO_ECN && !vnet_has(v, VIRTIO_NET_F_HOST_ECN))
		return "ECN without HOST_ECN";
	switch (type) {
	case VIRTIO_NET_HDR_GSO_TCPV4:
		return vnet_has(v, VIRTIO_NET_F_HOST_TSO4) ? NULL : "TCPV4 without HOST_TSO4";
	case VIRTIO_NET_HDR_GSO_TCPV6:
		return vnet_has(v, VIRTIO_NET_F_HOST_TSO6) ? NULL : "TCPV6 without HOST_TSO6";
	case VIRTIO_NET_HDR_GSO_UDP_L4:
		return vnet_has(v, VIRTIO_NET_F_HOST_USO) ? NULL : "UDP_L4 without HOST_USO";
	}

	return "gso_type";
}

static void count(struct vnet_frame_counts *c, const struct virtio_net_hdr *h, uint32_t length)
{
	if (h->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)
		c->needs_csum++;
	else if (h->flags & VIRTIO_NET_HDR_F_DATA_VALID)
		c->csum_valid++;
	else
		c->csum_none++;
	if (h->flags & VIRTIO_NET_HDR_F_RSC_INFO)
		c->rsc_segments += h->csum_start;
	if (h->gso_type == VIRTIO_NET_HDR_GSO_NONE)
		return;
	c->gso_packets++;
	c->gso_bytes += length;
	if (h->gso_size && length > h->hdr_len)
		c->gso_segments += (length - h->hdr_len + h->gso_size - 1) / h->gso_size;
}

/* What the driver gave, from @skip on; as a whole, and only once. */
static uint32_t gather(const struct element *e, uint32_t skip, uint8_t *to, uint32_t room)
{
	uint32_t done = 0, part;
	unsigned int i;

	for (i = 0; i < e->out; i++) {
		part = (uint32_t)e->segments[i].iov_len;
		if (skip >= part) {
			skip -= part;
			continue;
		}
		part -= skip;
		if (part > room - done)
			part = room - done;
		memcpy(to + done, (uint8_t *)e->segments[i].iov_base + skip, part);
		done += part;
		skip = 0;
	}

	return done;
}

static void transmit_one(struct vnet *v, struct vnet_queue *q)
{
	unsigned int before = header_length(v);
	const char *wrong = NULL;
	uint32_t length;

	if (element.out_len < before || element.out_len - before > VNET_FRAME_MAX) {
		wrong = "its length";
	} else if (element.in) {
		wrong = "a part that the device may write";
	} else {
		gather(&element, 0, (uint8_t *)&sent.header, sizeof(sent.header));
		length = gather(&element, before, sent.data, VNET_FRAME_MAX);
		wrong = tx_wrong(v, &sent.header, sent.data, length);
	}
	if (wrong) {
		v->counts.tx_bad++;
		v->counts.tx_bad_why = wrong;
		q->drops++;
		return;
	}
	q->packets++;
	q->waiting++;
	q->bytes += length;
	count(&v->tx, &sent.header, length);
	vnet_sent(v, q->index / 2, sent.data, length);
	if (!backend_send(v, &sent, length))
		q->drops++;
}

/**
 * vnet_transmit() - frames of a queue that was kicked
 * @v: the device
 * @q: the queue
 */
void vnet_transmit(struct vnet *v, struct vnet_queue *q)
{
	unsigned int done = 0;

	if (!q->ring.ops->empty(&q->ring) &&
	    lie_told(&v->lies, LIE_TX_STOP, (int)q->index, NULL))
		return;
	q->ring.ops->kicks(&q->ring, false);
	while (done < TX_BATCH && vnet_pop(v, q, &element)) {
		transmit_one(v, q);
		vnet_push(v, q, element.id, element.descs, 0);
		done++;
	}
	vnet_publish(v, q);
	vnet_notify(v, q);
	if (!q->enabled || !vnet_running(v))
		return;
	if (done < TX_BATCH)
		q->ring.ops->kicks(&q->ring, true);
	if (!q->ring.ops->empty(&q->ring))
		q->kicked = true;
}

/* Fields that are not what they should be. */
static void lie_about(struct vnet *v, int queue, union header *h)
{
	uint32_t value;

	if (lie_told(&v->lies, LIE_HDR_FLAGS, queue, &value))
		h->v1.flags = (uint8_t)value;
	if (lie_told(&v->lies, LIE_HDR_GSO_TYPE, queue, &value))
		h->v1.gso_type = (uint8_t)value;
	if (lie_told(&v->lies, LIE_HDR_LEN, queue, &value))
		h->v1.hdr_len = (uint16_t)value;
	if (lie_told(&v->lies, LIE_HDR_GSO_SIZE, queue, &value))
		h->v1.gso_size = (uint16_t)value;
	if (lie_told(&v->lies, LIE_HDR_CSUM_START, queue, &value))
		h->v1.csum_start = (uint16_t)value;
	if (lie_told(&v->lies, LIE_HDR_CSUM_OFFSET, queue, &value))
		h->v1.csum_offset = (uint16_t)value;
	if (lie_told(&v->lies, LIE_NUM_BUFFERS, queue, &value))
		h->v1.num_buffers = (uint16_t)value;
	if (lie_told(&v->lies, LIE_HDR_HASH, queue, &value))
		h->hash.hash_report = (uint16_t)value;
}

/* A frame in buffers of the driver; the header may be in pieces. */
static struct {
	unsigned int nr;
	struct {
		uint16_t id;
		uint16_t descs;
		uint32_t len;
	} buffers[RING_SIZE_MAX];
	uint8_t *header[sizeof(union header)];
} placed;

/* Part of header and frame, into what the element has; bytes that fit. */
static uint32_t scatter(uint32_t at, const uint8_t *data, uint32_t before, uint32_t total)
{
	uint32_t done = 0, part, room;
	unsigned int i;
	uint8_t *to;

	for (i = element.out; i < element.out + element.in && at + done < total; i++) {
		to = element.segments[i].iov_base;
		room = (uint32_t)element.segments[i].iov_len;
		while (room && at + done < before) {
			placed.header[at + done++] = to++;
			room--;
		}
		part = total - at - done;
		if (part > room)
			part = room;
		memcpy(to, data + at + done - before, part);
		done += part;
	}

	return done;
}

/* A frame into buffers: 1, 0 if there are not enough, -1 if none is large enough. */
static int place(struct vnet *v, struct vnet_queue *q, const uint8_t *data, uint32_t before,
		 uint32_t total)
{
	struct ring_position start = q->ring.avail;
	uint32_t at = 0, part;

	placed.nr = 0;
	while (at < total) {
		if (placed.nr == RING_SIZE_MAX || !vnet_pop(v, q, &element)) {
			q->ring.avail = start;
			return 0;
		}
		part = scatter(at, data, before, total);
		at += part;
		placed.buffers[placed.nr].id = element.id;
		placed.buffers[placed.nr].descs = element.descs;
		placed.buffers[placed.nr++].len = part;
		if (at < total && (!vnet_has(v, VIRTIO_NET_F_MRG_RXBUF) || at < before || !part)) {
			q->ring.avail = start;
			return -1;
		}
	}

	return 1;
}

static void scribble(struct vnet *v, struct vnet_queue *q, uint32_t before, uint8_t value)
{
	uint32_t i;

	vnet_publish(v, q);
	for (i = 0; i < before; i++)
		RING_WRITE(placed.header[i], value);
}

/* 1: it is there, 0: not yet, -1: it never will be. */
static int deliver(struct vnet *v, struct vnet_queue *q, const struct virtio_net_hdr *header,
		   const uint8_t *data, uint32_t length, uint32_t hash, uint16_t report)
{
	uint32_t before = header_length(v), value;
	union header h = { 0 };
	unsigned int i;
	int found;

	found = place(v, q, data, before, before + length);
	if (found <= 0)
		return found;
	h.classic = *header;
	h.v1.num_buffers = (uint16_t)placed.nr;
	h.hash.hash_value = hash;
	h.hash.hash_report = report;
	lie_about(v, (int)q->index, &h);
	for (i = 0; i < before; i++)
		*placed.header[i] = h.bytes[i];
	for (i = 0; i < placed.nr; i++)
		vnet_push(v, q, placed.buffers[i].id, placed.buffers[i].descs,
			  placed.buffers[i].len);
	if (lie_told(&v->lies, LIE_HDR_AFTER, (int)q->index, &value))
		scribble(v, q, before, (uint8_t)value);
	q->packets++;
	q->waiting++;
	q->bytes += length;
	count(&v->rx, header, length);

	return 1;
}

static bool full(struct vnet *v, struct vnet_queue *q, uint32_t length)
{
	q->ring.ops->kicks(&q->ring, true);
	if (!q->ring.ops->empty(&q->ring) && !v->held)
		q->kicked = true;
	if (!v->held)
		v->held_until = vnet_now() + HOLD;
	v->held = length;
	v->held_queue = q->index;

	return false;
}

/*
 * Frames to be segmented come with the number of segments, as if this device had
 * put them together (virtio 1.3, 5.1.6.4.1). A frame that waited has it already.
 */
static void add_rsc(struct vnet *v, struct virtio_net_hdr *h, const uint8_t *data,
		    uint32_t length)
{
	unsigned int type = h->gso_type & ~VIRTIO_NET_HDR_GSO_ECN;
	uint32_t before = headers(data, length);

	if (!vnet_has(v, VIRTIO_NET_F_RSC_EXT) || h->flags & VIRTIO_NET_HDR_F_RSC_INFO ||
	    (type != VIRTIO_NET_HDR_GSO_TCPV4 && type != VIRTIO_NET_HDR_GSO_TCPV6) ||
	    !before || before >= length || !h->gso_size)
		return;
	h->flags |= VIRTIO_NET_HDR_F_RSC_INFO;
	h->csum_start = (uint16_t)((length - before + h->gso_size - 1) / h->gso_size);
	h->csum_offset = 0;
}

/* The frame in @received; false: it has to wait. */
static bool receive_one(struct vnet *v, uint32_t length)
{
	uint16_t report = 0;
	uint32_t hash = 0;
	struct vnet_queue *q;
	int done;

	if (!(v->config[offsetof(struct virtio_net_config, status)] & VIRTIO_NET_S_LINK_UP) ||
	    !vnet_filter(v, received.data, length)) {
		v->counts.filtered++;
		return true;
	}
	q = &v->queues[2 * vnet_steer(v, received.data, length, &hash, &report)];
	if (!q->enabled || lie_told(&v->lies, LIE_RX_STOP, (int)q->index, NULL)) {
		q->drops++;
		return true;
	}
	add_rsc(v, &received.header, received.data, length);
	done = deliver(v, q, &received.header, received.data, length, hash, report);
	if (!done && vnet_running(v))
		return full(v, q, length);
	if (done < 0)
		v->counts.too_long++;

	return true;
}

static void receive_end(struct vnet *v)
{
	struct vnet_queue *q;
	unsigned int i;

	for (i = 0; i < v->o.pairs; i++) {
		q = &v->queues[2 * i];
		if (!q->dirty)
			continue;
		vnet_publish(v, q);
		vnet_notify(v, q);
	}
}

/**
 * vnet_receive() - frames of the backend, one that waits first
 * @v: the device
 */
void vnet_receive(struct vnet *v)
{
	long length = v->held;
	unsigned int done;

	for (done = 0; done < RX_BATCH; done++) {
		if (!length)
			length = backend_receive(v, &received);
		if (length <= 0)
			break;
		if (vnet_running(v) && !receive_one(v, (uint32_t)length))
			break;
		v->held = 0;
		length = 0;
	}
	receive_end(v);
}

/**
 * vnet_inject() - a frame of the tester, past all filters
 * @v: the device
 * @queue: number of the pair
 * @header: before it
 * @data: the frame
 * @length: of it
 *
 * Return: false if there is no buffer for it.
 */
bool vnet_inject(struct vnet *v, unsigned int queue, const struct virtio_net_hdr *header,
		 const uint8_t *data, uint32_t length)
{
	struct vnet_queue *q = &v->queues[2 * queue];

	if (!vnet_running(v) || deliver(v, q, header, data, length, 0, 0) != 1)
		return false;
	v->counts.injected++;
	vnet_publish(v, q);
	vnet_notify(v, q);

	return true;
}
