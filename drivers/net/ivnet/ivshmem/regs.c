// SPDX-License-Identifier: GPL-2.0
/*
 * The register dump of a device with shared memory. What others may write is
 * copied once and shown as it is; the reader judges it.
 */

#include <linux/netdevice.h>

#include "../core/regs.h"
#include "classic.h"
#include "shm.h"

static_assert(sizeof(struct ivnet_regs_shm) == 56);
static_assert(sizeof(struct ivnet_regs_shm_word) == 8);
static_assert(sizeof(struct ivnet_regs_shm_announce) == 144);
static_assert(sizeof(struct ivnet_regs_shm_link) == 72);
static_assert(sizeof(struct ivnet_regs_shm_lane) == 32);
static_assert(sizeof(struct ivnet_regs_shm_classic) == 48);

static void device_regs(const struct shm_dev *sd, struct ivnet_regs_out *out)
{
	struct ivnet_regs_shm *r = ivnet_regs_add(out, IVNET_REGS_SHM,
						  sizeof(*r));
	u32 flags = 0;

	if (!r)
		return;
	if (sd->open)
		flags |= IVNET_REGS_S_OPEN;
	if (sd->running)
		flags |= IVNET_REGS_S_RUNNING;
	if (sd->polling)
		flags |= IVNET_REGS_S_POLLING;
	if (sd->states)
		flags |= IVNET_REGS_S_V2;
	if (sd->classic)
		flags |= IVNET_REGS_S_CLASSIC;
	r->size = cpu_to_le64(sd->size);
	r->flags = cpu_to_le32(flags);
	r->position = cpu_to_le32(sd->position);
	r->vectors = cpu_to_le32(sd->vectors);
	r->port = cpu_to_le32(sd->links ? sd->port : -1);
	if (!sd->links)
		return;
	r->ports = cpu_to_le32(sd->geo.ports);
	r->queues = cpu_to_le32(sd->geo.queues);
	r->ring = cpu_to_le32(1U << sd->geo.order);
	r->max_frame = cpu_to_le32(sd->geo.max_frame);
	r->data_size = cpu_to_le64(sd->geo.data_size);
	r->incarnation = cpu_to_le32(sd->incarnation);
	r->heartbeat = cpu_to_le32(sd->beat);
}

static void word_regs(struct shm_dev *sd, u32 offset,
		      struct ivnet_regs_out *out)
{
	struct ivnet_regs_shm_word *r = ivnet_regs_add(out, IVNET_REGS_SHM_WORD,
						       sizeof(*r));

	if (!r)
		return;
	r->offset = cpu_to_le32(offset);
	r->value = cpu_to_le32(sd->bus->reg(sd, offset));
}

static void header_regs(const struct shm_dev *sd, struct ivnet_regs_out *out)
{
	struct ivnet_shm_header *r = ivnet_regs_add(out, IVNET_REGS_SHM_HEADER,
						    sizeof(*r));

	if (r)
		memcpy(r, sd->base, sizeof(*r));
}

static void announce_regs(struct shm_dev *sd, u32 i, struct ivnet_regs_out *out)
{
	struct ivnet_regs_shm_announce *r =
		ivnet_regs_add(out, IVNET_REGS_SHM_ANNOUNCE, sizeof(*r));

	BUILD_BUG_ON(sizeof(r->block) != sizeof(struct ivnet_shm_announce));

	if (!r)
		return;
	r->port = cpu_to_le32(i);
	r->claim = cpu_to_le64(shm_claim_read(sd, i));
	memcpy(r->block, shm_at(sd, i, ivnet_shm_section(&sd->geo, i)),
	       sizeof(r->block));
}

static void link_regs(const struct shm_link *link, struct ivnet_regs_out *out)
{
	struct ivnet_regs_shm_link *r = ivnet_regs_add(out, IVNET_REGS_SHM_LINK,
						       sizeof(*r));

	if (!r)
		return;
	r->peer = cpu_to_le32(link->peer);
	r->state = cpu_to_le32(link->state);
	r->run = cpu_to_le32(link->run);
	r->error = cpu_to_le32(link->error);
	r->broken = cpu_to_le32(READ_ONCE(link->broken));
	r->life = cpu_to_le32(link->life);
	r->peer_life = cpu_to_le32(link->peer_life);
	r->incarnation = cpu_to_le32(link->incarnation);
	r->heartbeat = cpu_to_le32(link->heartbeat);
	r->beat_ms = cpu_to_le32(jiffies_to_msecs(jiffies - link->beat_at));
	r->position = cpu_to_le32(link->position);
	r->vectors = cpu_to_le32(link->vectors);
	r->max_frame = cpu_to_le32(link->max_frame);
	r->resets = cpu_to_le32(link->resets);
	r->features = cpu_to_le64(link->features);
	r->uses = cpu_to_le64(link->uses);
}

/* A lane that was never agreed on has no place in the region. */
static void lane_regs(const struct shm_link *link, u32 q,
		      struct ivnet_regs_out *out)
{
	struct ivnet_regs_shm_lane *r = ivnet_regs_add(out, IVNET_REGS_SHM_LANE,
						       sizeof(*r));
	const struct shm_lane *lane = &link->lanes[q];

	if (!r)
		return;
	r->peer = cpu_to_le32(link->peer);
	r->queue = cpu_to_le32(q);
	if (!lane->tx.peer)
		return;
	r->tx_head = cpu_to_le32(READ_ONCE(lane->tx.head));
	r->tx_tail = cpu_to_le32(READ_ONCE(lane->tx.tail));
	r->tx_seen = READ_ONCE(lane->tx.peer->index);
	r->rx_tail = cpu_to_le32(READ_ONCE(lane->rx.tail));
	r->rx_seen = READ_ONCE(lane->rx.peer->index);
}

static void native_regs(struct shm_dev *sd, struct ivnet_regs_out *out)
{
	u32 i, q;

	if (sd->base)
		header_regs(sd, out);
	for (i = 0; i < sd->geo.ports; i++)
		announce_regs(sd, i, out);
	for (i = 0; i < sd->geo.ports; i++) {
		link_regs(&sd->links[i], out);
		for (q = 0; q < sd->geo.queues; q++)
			lane_regs(&sd->links[i], q, out);
	}
}

static void classic_regs(const struct shm_classic *c,
			 struct ivnet_regs_out *out)
{
	struct ivnet_regs_shm_classic *r =
		ivnet_regs_add(out, IVNET_REGS_SHM_CLASSIC, sizeof(*r));

	if (!r)
		return;
	r->peer = cpu_to_le32(c->peer);
	r->side = cpu_to_le32(c->side);
	r->own_state = cpu_to_le32(c->state);
	r->peer_state = cpu_to_le32(classic_peer_state(c));
	r->run = cpu_to_le32(c->run);
	r->error = cpu_to_le32(c->error);
	r->resets = cpu_to_le32(c->resets);
	r->ring = cpu_to_le32(c->l.n);
	r->tx_head = cpu_to_le32(READ_ONCE(c->tx.head));
	r->tx_tail = cpu_to_le32(READ_ONCE(c->tx.tail));
	r->rx_tail = cpu_to_le32(READ_ONCE(c->rx.tail));
}

/**
 * shm_regs() - &ivnet_transport_ops.regs
 * @idev: the device
 * @out: the dump
 *
 * Its length follows from the layout alone, which does not change under rtnl.
 */
void shm_regs(struct ivnet_dev *idev, struct ivnet_regs_out *out)
{
	struct shm_dev *sd = ivnet_priv(idev);
	u32 i;

	mutex_lock(&sd->lock);
	device_regs(sd, out);
	for (i = 0; i < sd->bus->n_regs; i++)
		word_regs(sd, sd->bus->regs[i], out);
	if (sd->links)
		native_regs(sd, out);
	if (sd->classic)
		classic_regs(sd->classic, out);
	mutex_unlock(&sd->lock);
}
