// SPDX-License-Identifier: GPL-2.0
/* Receive: from the peers' rings to the TAP, which copies each frame once. */
#include <stdint.h>
#include <sys/uio.h>
#include <unistd.h>

#include "nospec.h"
#include "port.h"

/* The peer is told after this many frames, and after each round. */
#define PUBLISH		16

static enum count desc_count(enum ivnet_shm_err err)
{
	switch (err) {
	case IVNET_SHM_ERR_OFFSET:
		return RX_ERR_OFFSET;
	case IVNET_SHM_ERR_LEN:
		return RX_ERR_LEN;
	case IVNET_SHM_ERR_FLAGS:
		return RX_ERR_FLAGS;
	default:
		return RX_ERR_SEQ;
	}
}

/*
 * What the TAP is told of a frame, whose first bytes are at @head; false if a rule
 * is broken, which is counted.
 */
static bool header_fill(struct queue *q, const struct link *link, const struct ivnet_shm_frame *f,
			const u8 *head, u32 len, struct virtio_net_hdr *hdr)
{
	const struct ivnet_meta m = {
		.flags		= (u8)(f->flags & (IVNET_SHM_D_NEEDS_CSUM |
						   IVNET_SHM_D_DATA_VALID)),
		.gso_type	= f->gso_type,
		.hdr_len	= f->hdr_len,
		.gso_size	= f->gso_size,
		.csum_start	= f->csum_start,
		.csum_offset	= f->csum_offset,
	};
	enum ivnet_meta_err err;
	u32 hdr_len = 0;

	memset(hdr, 0, sizeof(*hdr));
	if (!m.flags && !m.gso_type)
		return true;
	err = ivnet_meta_check(&m, &link->rules, f->len);
	if (!err && m.gso_type)
		err = ivnet_gso_check(&m, head, len, f->len, &hdr_len);
	if (err) {
		count_add(q, err == IVNET_META_FLAGS || err == IVNET_META_CSUM ?
			  RX_ERR_CSUM : RX_ERR_GSO, 1);
		return false;
	}

	hdr->flags = m.flags;
	if (m.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) {
		hdr->csum_start = m.csum_start;
		hdr->csum_offset = m.csum_offset;
	}
	if (m.gso_type) {
		hdr->gso_type = m.gso_type;
		hdr->gso_size = m.gso_size;
		hdr->hdr_len = (u16)hdr_len;
		count_add(q, RX_GSO, 1);
	}
	return true;
}

static void rx_frame(struct queue *q, struct link *link, struct lane *lane)
{
	struct virtio_net_hdr hdr;
	u8 head[IVNET_GSO_HDR_MAX];
	struct ivnet_shm_frame f;
	enum ivnet_shm_err err;
	struct iovec iov[3];
	const u8 *from;
	u32 len;

	err = ivnet_shm_rx_fetch(&lane->rx, &f);
	if (err) {
		count_add(q, desc_count(err), 1);
		return;
	}
	/*
	 * The kernel gets the headers from here, as they were checked, and copies
	 * the rest from where it is: nobody looks at that twice.
	 */
	from = lane->rx_data + nospec(f.offset, lane->rx.data_size);
	len = f.len < sizeof(head) ? f.len : (u32)sizeof(head);
	memcpy(head, from, len);
	ivnet_shm_barrier();
	if (!header_fill(q, link, &f, head, len, &hdr))
		return;

	if (lane->learnt_at != queue_seconds(q) || memcmp(lane->learnt, head + 6, TAP_MAC)) {
		lane->learnt_at = queue_seconds(q);
		memcpy(lane->learnt, head + 6, TAP_MAC);
		fdb_learn(&link->port->fdb, lane->learnt, link->peer, lane->learnt_at);
	}

	iov[0] = (struct iovec){ .iov_base = &hdr, .iov_len = sizeof(hdr) };
	iov[1] = (struct iovec){ .iov_base = head, .iov_len = len };
	iov[2] = (struct iovec){ .iov_base = (void *)(uintptr_t)(from + len),
				 .iov_len = f.len - len };
	if (writev(q->tap, iov, f.len > len ? 3 : 2) < 0) {
		count_add(q, RX_DROP_TAP, 1);
		return;
	}
	count_add(q, RX_FRAMES, 1);
	count_add(q, RX_BYTES, f.len);
}

/* Up to @budget frames of queue @i of a link. */
static u32 rx_lane(struct queue *q, struct link *link, u32 i, u32 budget)
{
	struct lane *lane = &link->lanes[i];
	u32 done = 0, part;
	int n;

	while (done < budget) {
		n = ivnet_shm_rx_avail(&lane->rx);
		if (n < 0 && link_broken(link, LINK_PROD))
			count_add(q, RX_ERR_RING, 1);
		if (n <= 0)
			break;
		part = budget - done < PUBLISH ? budget - done : PUBLISH;
		if ((u32)n < part)
			part = (u32)n;
		done += part;
		for (; part; part--) {
			rx_frame(q, link, lane);
			ivnet_shm_rx_next(&lane->rx);
		}
		if (ivnet_shm_rx_publish(&lane->rx) && link_ring(link, link->data_vector[i]))
			count_add(q, RX_RINGS, 1);
	}
	return done;
}

/* All links in turn, beginning with another one each time. */
u32 rx_round(struct queue *q, u32 budget)
{
	struct port *p = q->port;
	u32 done = 0, n, i, j;

	if (++q->next >= p->geo.ports)
		q->next = 0;
	for (n = 0, i = q->next; n < p->geo.ports; n++, i = i + 1 < p->geo.ports ? i + 1 : 0) {
		if (!link_usable(&p->links[i]))
			continue;
		for (j = q->index; j < p->geo.queues && done < budget; j += p->pairs)
			done += rx_lane(q, &p->links[i], j, budget - done);
	}
	return done;
}

bool rx_arm(struct queue *q)
{
	struct port *p = q->port;
	bool more = false;
	u32 i, j;

	for (i = 0; i < p->geo.ports; i++) {
		if (!link_usable(&p->links[i]))
			continue;
		for (j = q->index; j < p->geo.queues; j += p->pairs)
			more |= ivnet_shm_rx_arm(&p->links[i].lanes[j].rx);
	}
	return more;
}
