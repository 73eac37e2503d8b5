// SPDX-License-Identifier: GPL-2.0
/* Links: agreement, silence, quarantine; ivnet-shm.rst, "Links". */
#include <stdlib.h>
#include <unistd.h>

#include "port.h"
#include "process.h"

/* A block of 128 bytes, copied whole before any of it is used. */
static void block_copy(const struct port *p, u64 off, void *to)
{
	memcpy(to, p->base + off, 128);
	ivnet_shm_barrier();
}

static struct ivnet_shm_link *own_block(const struct link *link)
{
	const struct port *p = link->port;

	return (void *)(p->base + ivnet_shm_link_off(&p->geo, (u32)p->me, link->peer));
}

static void ring_control(const struct link *link)
{
	link_ring(link, link->control_vector);
}

/* The queues let go of the lanes. */
static void link_halt(struct link *link)
{
	struct port *p = link->port;

	if (!link->run)
		return;
	p->up_at = now_ms();
	ivnet_shm_store(&p->n_run, p->n_run - 1);
	ivnet_shm_store(&link->run, 0);
	queues_wait(p);
}

static void link_down(struct link *link, enum link_state state, u32 error)
{
	struct ivnet_shm_link *own = own_block(link);

	if (state == LINK_DOWN &&
	    (link->state == LINK_DOWN ||
	     (link->state == LINK_QUARANTINE && now_ms() < link->retry_at)))
		return;

	link_halt(link);
	fdb_forget(&link->port->fdb, link->peer);
	if (error)
		pr_limited_warn("port %u broke a rule: its %s index ran ahead; link down for %lld ms",
				link->peer, error == LINK_PROD ? "producer" : "consumer",
				link->retry);
	link->state = state;
	link->error = error;
	/* The section of a port that was taken over has another writer. */
	if (!port_mine(link->port))
		return;
	ivnet_shm_store(&own->error, cpu_to_le32(error));
	ivnet_shm_store(&own->state, 0);
	ivnet_shm_store(&own->yours, 0);
	ring_control(link);
}

/* Descriptor flags that go with features. */
static u16 desc_flags(u64 features)
{
	return features & IVNET_SHM_F_CSUM ? IVNET_SHM_D_NEEDS_CSUM | IVNET_SHM_D_DATA_VALID : 0;
}

/* Point the lanes into the region and empty our side of them. */
static void lanes_reset(struct link *link)
{
	const struct ivnet_shm_geometry *g = &link->port->geo;
	u32 me = (u32)link->port->me, peer = link->peer, q;
	u8 *own = link->port->base + ivnet_shm_section(g, me);
	const u8 *theirs = link->port->base + ivnet_shm_section(g, peer);
	struct lane *lane;

	for (q = 0; q < g->queues; q++) {
		lane = &link->lanes[q];
		lane->tx_data = ivnet_shm_tx_place(&lane->tx, g, own, theirs, me, peer, q);
		lane->rx_data = ivnet_shm_rx_place(&lane->rx, g, own, theirs, me, peer, q,
						   desc_flags(link->features));
	}
}

/* The peer's address, which it may change at any time. */
static void link_address(struct link *link, const struct ivnet_shm_announce *a)
{
	if (!memcmp(link->mac, a->mac, TAP_MAC))
		return;
	memcpy(link->mac, a->mac, TAP_MAC);
	if (!memcmp(link->mac, link->port->mac, TAP_MAC))
		pr_limited_warn("port %u has our address %02x:%02x:%02x:%02x:%02x:%02x as well; see --mac",
				link->peer, a->mac[0], a->mac[1], a->mac[2], a->mac[3], a->mac[4],
				a->mac[5]);
}

/* What the peer wants to get, which it may change at any time as well. */
static void link_wants(struct link *link, const struct ivnet_shm_announce *a)
{
	u64 uses = link->features & le64_to_cpu(a->wants);

	ivnet_shm_store(&link->uses, uses);
	ivnet_shm_store(&own_block(link)->uses, cpu_to_le32((u32)uses));
}

/* Step 2 of a link: empty our side, then say so. */
static void link_agree(struct link *link, const struct ivnet_shm_announce *a)
{
	struct ivnet_shm_link *own = own_block(link);
	u32 max = link->port->geo.max_frame, q;

	link_halt(link);

	link->incarnation = le32_to_cpu(a->incarnation);
	link->features = link->port->tap.features & le64_to_cpu(a->features);
	link->position = le16_to_cpu(a->position);
	link->max_frame = le32_to_cpu(a->max_frame) < max ? le32_to_cpu(a->max_frame) : max;
	link->vectors = le16_to_cpu(a->vectors);
	link->control_vector = le16_to_cpu(a->control_vector);
	if (link->control_vector >= link->vectors)
		link->control_vector = 0;
	for (q = 0; q < IVNET_SHM_QUEUES_MAX; q++) {
		link->data_vector[q] = le16_to_cpu(a->data_vectors[q]);
		if (link->data_vector[q] >= link->vectors)
			link->data_vector[q] = 0;
	}
	link->rules = ivnet_shm_link_rules(link->features);

	ivnet_shm_store(&own->state, 0);
	ivnet_shm_store(&own->yours, 0);
	/* Before the rings change: see link_broken(). */
	ivnet_shm_mb();
	lanes_reset(link);
	link_wants(link, a);

	ivnet_shm_store(&link->broken, LINK_OK);
	link->peer_life = 0;
	if (!++link->life)
		link->life = 1;
	link->resets++;
	link->state = LINK_AGREE;

	ivnet_shm_store(&own->error, 0);
	ivnet_shm_store(&own->features, cpu_to_le32((u32)link->features));
	ivnet_shm_store(&own->resets, cpu_to_le32(link->resets));
	ivnet_shm_store_release(&own->mine, cpu_to_le32(link->life));
	ring_control(link);
}

/* Is the heartbeat of a peer that is there standing still? */
static bool link_silent(struct link *link, u32 heartbeat)
{
	if (heartbeat != link->heartbeat) {
		link->heartbeat = heartbeat;
		link->beat_at = now_ms();
	}
	return now_ms() - link->beat_at > SILENT_MS;
}

static void link_up(struct link *link, bool run)
{
	struct port *p = link->port;
	s64 now = now_ms();
	u32 q;

	link->state = LINK_UP;
	/* Forgiven after good conduct for as long as the longest pause. */
	if (now > link->retry_at + RETRY_MAX_MS)
		link->retry = RETRY_MIN_MS;
	ivnet_shm_store(&own_block(link)->state, cpu_to_le32(1));
	fdb_learn(&p->fdb, link->mac, link->peer, (u32)(now / 1000));
	if (run == link->run)
		return;
	if (!run) {
		link_halt(link);
		return;
	}
	for (q = 0; q < p->geo.queues; q++)
		link->lanes[q].moved_at = now;
	ivnet_shm_store(&p->n_run, p->n_run + 1);
	/* The lanes are complete before a queue may see them. */
	ivnet_shm_store_release(&link->run, 1);
	queues_kick(p);
}

/* Does the peer say anything that counts? */
static bool peer_there(const struct link *link, const struct ivnet_shm_announce *a)
{
	u64 claim = claim_read(link->port, link->peer);
	u32 state = le32_to_cpu(a->state);

	return IVNET_SHM_CLAIM_STATE(claim) == IVNET_SHM_CLAIM_TAKEN &&
	       le32_to_cpu(a->incarnation) == IVNET_SHM_CLAIM_INCARNATION(claim) &&
	       le16_to_cpu(a->position) == IVNET_SHM_CLAIM_POSITION(claim) &&
	       state >= IVNET_SHM_READY && state <= IVNET_SHM_SLEEP &&
	       le32_to_cpu(a->max_frame) >= IVNET_SHM_FRAME_MIN;
}

/* A rule is broken: down, for longer each time. */
static void link_quarantine(struct link *link, u32 error)
{
	link_down(link, LINK_QUARANTINE, error);
	ivnet_shm_store(&link->broken, LINK_OK);
	link->retry_at = now_ms() + link->retry;
	link->retry = 2 * link->retry < RETRY_MAX_MS ? 2 * link->retry : RETRY_MAX_MS;
}

/* Has either side to begin anew? */
static bool must_agree(const struct link *link, const struct ivnet_shm_announce *a,
		       const struct ivnet_shm_link *theirs)
{
	if (link->state == LINK_DOWN || ivnet_shm_load(&link->broken) ||
	    link->incarnation != le32_to_cpu(a->incarnation))
		return true;
	return link->state != LINK_AGREE && (le32_to_cpu(theirs->mine) != link->peer_life ||
					     le32_to_cpu(theirs->yours) != link->life);
}

/* Have both sides agreed? */
static bool agreed(struct link *link, const struct ivnet_shm_link *theirs)
{
	u32 life = le32_to_cpu(theirs->mine);

	if (life != link->peer_life) {
		link->peer_life = life;
		/* Whoever sees this may use the rings, which are empty. */
		ivnet_shm_store_release(&own_block(link)->yours, cpu_to_le32(life));
		ring_control(link);
	}
	return life && le32_to_cpu(theirs->yours) == link->life &&
	       le32_to_cpu(theirs->features) == link->features;
}

/* Look at a link, of a port that is ours. */
void link_step(struct link *link)
{
	struct port *p = link->port;
	struct ivnet_shm_announce a;
	struct ivnet_shm_link theirs;
	bool anew, asleep;
	u32 broken;

	block_copy(p, ivnet_shm_section(&p->geo, link->peer), &a);
	if (!peer_there(link, &a)) {
		link_down(link, LINK_DOWN, LINK_OK);
		return;
	}
	broken = ivnet_shm_load(&link->broken);
	if (broken && broken != LINK_ANEW) {
		link_quarantine(link, broken);
		return;
	}
	if (link->state == LINK_QUARANTINE) {
		if (now_ms() < link->retry_at)
			return;
		link->state = LINK_DOWN;
	}

	block_copy(p, ivnet_shm_link_off(&p->geo, link->peer, (u32)p->me), &theirs);
	asleep = le32_to_cpu(a.state) == IVNET_SHM_SLEEP;
	anew = must_agree(link, &a, &theirs);
	/* Who sleeps agrees on nothing. */
	if (asleep && (anew || link->state == LINK_AGREE)) {
		link_down(link, LINK_DOWN, LINK_OK);
		return;
	}
	if (anew) {
		link->beat_at = now_ms();
		link->heartbeat = le32_to_cpu(a.heartbeat);
		link_agree(link, &a);
	}
	if (link->state == LINK_AGREE && !agreed(link, &theirs))
		return;
	if (asleep) {
		link->beat_at = now_ms();
	} else if (link_silent(link, le32_to_cpu(a.heartbeat))) {
		link->state = LINK_SILENT;
		link_halt(link);
		return;
	}
	link_address(link, &a);
	link_wants(link, &a);
	link_up(link, p->running && le32_to_cpu(a.state) >= IVNET_SHM_RUN);
}

/*
 * A peer that begins anew takes back what it saw of our life before it empties its
 * rings, and has another life before it gives that again. So whoever sees its new
 * indices sees one of both as well.
 */
bool link_broken(struct link *link, enum link_error err)
{
	const struct port *p = link->port;
	const struct ivnet_shm_link *theirs =
		(void *)(p->base + ivnet_shm_link_off(&p->geo, link->peer, (u32)p->me));
	const u64 one = 1;
	u32 yours, mine;

	if (ivnet_shm_load(&link->broken))
		return false;
	yours = le32_to_cpu(ivnet_shm_load_acquire(&theirs->yours));
	mine = le32_to_cpu(ivnet_shm_load(&theirs->mine));
	if (yours != link->life || mine != link->peer_life)
		err = LINK_ANEW;
	ivnet_shm_store(&link->broken, err);
	if (write(p->wake, &one, sizeof(one)) < 0)
		return false;
	return err != LINK_ANEW;
}

/* The port is lost, or given up, or the TAP is down: no link can be kept. */
void links_down(struct port *p)
{
	u32 i;

	for (i = 0; i < p->geo.ports; i++)
		if ((int)i != p->me)
			link_down(&p->links[i], LINK_DOWN, LINK_OK);
}

/* Let every peer look at what has changed. */
void links_ring(struct port *p, bool all)
{
	u32 i;

	for (i = 0; i < p->geo.ports; i++)
		if (all || p->links[i].state != LINK_DOWN)
			ring_control(&p->links[i]);
}

void links_init(struct port *p)
{
	u32 *ends = p->ends;
	struct link *link;
	u32 i, q;

	for (i = 0; i < p->geo.ports; i++) {
		link = &p->links[i];
		link->port = p;
		link->peer = i;
		link->life = random_word();
		link->retry = RETRY_MIN_MS;
		link->retry_at = now_ms();
		for (q = 0; q < p->geo.queues; q++) {
			link->lanes[q].tx.end = ends;
			ends += 1U << p->geo.order;
		}
	}
}

const char *link_state_name(enum link_state state)
{
	static const char * const names[] = {
		[LINK_DOWN] = "down", [LINK_AGREE] = "agree", [LINK_UP] = "up",
		[LINK_SILENT] = "silent", [LINK_QUARANTINE] = "quarantine",
	};

	return names[state];
}
