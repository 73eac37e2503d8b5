// SPDX-License-Identifier: GPL-2.0
/* Links: heartbeat, agreement, silence, quarantine; ivnet-shm.rst, "Links". */

#include <linux/delay.h>
#include <linux/etherdevice.h>
#include <linux/netdevice.h>
#include <linux/random.h>

#include "shm.h"

/* Looks at the links in one jiffy: whoever rings without end gets no more. */
#define SHM_WORK_MAX	8

/* How long peers may take to see what this port wants, ms. */
#define SHM_WANTS_MS	200

/* A block of 128 bytes, copied whole before any of it is used. */
static void block_copy(const struct shm_dev *sd, u32 i, u64 off, void *to)
{
	memcpy(to, shm_at(sd, i, off), 128);
	barrier();
}

static struct ivnet_shm_link *own_block(const struct shm_link *link)
{
	const struct shm_dev *sd = link->sd;

	return shm_at(sd, sd->port,
		      ivnet_shm_link_off(&sd->geo, sd->port, link->peer));
}

/* The peer may be of this kernel: its NAPI runs when bottom halves are on again. */
static void ring_control(struct shm_link *link)
{
	local_bh_disable();
	shm_link_ring(link, link->control_vector);
	local_bh_enable();
}

/* The data path lets go of the lanes. */
static void link_halt(struct shm_link *link)
{
	struct shm_dev *sd = link->sd;
	u32 q;

	if (!link->run)
		return;
	sd->up_at = jiffies;
	WRITE_ONCE(sd->n_run, sd->n_run - 1);
	WRITE_ONCE(link->run, false);
	/* Polls and transmits run with bottom halves off. */
	synchronize_rcu_expedited();
	for (q = 0; q < sd->pairs; q++)
		shm_tx_forget(sd->queues[q], &link->lanes[q]);
}

static void link_down(struct shm_link *link, enum shm_link_state state,
		      u32 error)
{
	struct ivnet_shm_link *own = own_block(link);

	if (state == SHM_LINK_DOWN &&
	    (link->state == SHM_LINK_DOWN ||
	     (link->state == SHM_LINK_QUARANTINE &&
	      time_before(jiffies, link->retry_at))))
		return;

	link_halt(link);
	shm_fdb_forget(&link->sd->fdb, link->peer);
	link->state = state;
	link->error = error;
	/* The section of a port that was taken over has another writer. */
	if (!shm_port_mine(link->sd))
		return;
	WRITE_ONCE(own->error, cpu_to_le32(error));
	WRITE_ONCE(own->state, 0);
	WRITE_ONCE(own->yours, 0);
	ring_control(link);
}

/* Descriptor flags that go with features. */
static u16 desc_flags(u64 features)
{
	u16 flags = 0;

	if (features & IVNET_SHM_F_CSUM)
		flags |= IVNET_SHM_D_NEEDS_CSUM | IVNET_SHM_D_DATA_VALID;
	if (features & IVNET_SHM_F_HASH)
		flags |= IVNET_SHM_D_HASH;

	return flags;
}

/* Point the lanes into the region and empty our side of them. */
static void lanes_reset(struct shm_link *link)
{
	const struct shm_dev *sd = link->sd;
	const struct ivnet_shm_geometry *g = &sd->geo;
	u32 me = sd->port, peer = link->peer, q;
	u8 *own, *theirs;
	struct shm_lane *lane;

	own = shm_at(sd, me, ivnet_shm_section(g, me));
	theirs = shm_at(sd, peer, ivnet_shm_section(g, peer));

	for (q = 0; q < g->queues; q++) {
		lane = &link->lanes[q];
		lane->tx_data = ivnet_shm_tx_place(&lane->tx, g, own, theirs,
						   me, peer, q);
		lane->queued = 0;
		lane->completed = 0;
		lane->rx_data = ivnet_shm_rx_place(&lane->rx, g, own, theirs,
						   me, peer, q,
						   desc_flags(link->features));
	}
}

/* The peer's address, which it may change at any time. */
static void link_address(struct shm_link *link,
			 const struct ivnet_shm_announce *a)
{
	const struct shm_dev *sd = link->sd;

	if (ether_addr_equal(link->mac, a->mac))
		return;
	ether_addr_copy(link->mac, a->mac);
	if (ether_addr_equal(link->mac, sd->mac))
		dev_warn_ratelimited(sd->idev->dev,
				     "port %u has our address %pM as well\n",
				     link->peer, link->mac);
}

/* What the peer wants to get, which it may change at any time as well. */
static void link_wants(struct shm_link *link,
		       const struct ivnet_shm_announce *a)
{
	u64 uses = link->features & le64_to_cpu(a->wants);
	u32 q;

	WRITE_ONCE(link->uses, uses);
	for (q = 0; q < link->sd->geo.queues; q++)
		WRITE_ONCE(link->lanes[q].flags, desc_flags(uses));
	WRITE_ONCE(own_block(link)->uses, cpu_to_le32(uses));
}

/* Step 2 of a link: empty our side, then say so. */
static void link_agree(struct shm_link *link,
		       const struct ivnet_shm_announce *a)
{
	struct ivnet_shm_link *own = own_block(link);
	u32 q, vectors;

	link_halt(link);

	link->incarnation = le32_to_cpu(a->incarnation);
	link->features = SHM_FEATURES & le64_to_cpu(a->features);
	link->position = le16_to_cpu(a->position);
	link->max_frame = min(le32_to_cpu(a->max_frame),
			      link->sd->geo.max_frame);
	vectors = le16_to_cpu(a->vectors);
	link->vectors = vectors;
	link->control_vector = le16_to_cpu(a->control_vector);
	if (link->control_vector >= vectors)
		link->control_vector = 0;
	for (q = 0; q < IVNET_SHM_QUEUES_MAX; q++) {
		link->data_vector[q] = le16_to_cpu(a->data_vectors[q]);
		if (link->data_vector[q] >= vectors)
			link->data_vector[q] = 0;
	}
	link_address(link, a);
	link->rules = ivnet_shm_link_rules(link->features);

	WRITE_ONCE(own->state, 0);
	WRITE_ONCE(own->yours, 0);
	/* Before the rings change: see shm_link_broken(). */
	virt_wmb();
	lanes_reset(link);
	link_wants(link, a);

	link->broken = SHM_ERR_NONE;
	link->peer_life = 0;
	if (!++link->life)
		link->life = 1;
	link->resets++;
	link->state = SHM_LINK_AGREE;

	WRITE_ONCE(own->error, 0);
	WRITE_ONCE(own->features, cpu_to_le32(link->features));
	WRITE_ONCE(own->resets, cpu_to_le32(link->resets));
	ivnet_shm_store_release(&own->mine, cpu_to_le32(link->life));
	ring_control(link);
}

/* Is the heartbeat of a peer that is there moving? */
static bool link_silent(struct shm_link *link, u32 heartbeat)
{
	if (heartbeat != link->heartbeat) {
		link->heartbeat = heartbeat;
		link->beat_at = jiffies;
	}

	return time_after(jiffies, link->beat_at + SHM_SILENT);
}

static void link_up(struct shm_link *link, bool run)
{
	struct ivnet_shm_link *own = own_block(link);

	link->state = SHM_LINK_UP;
	/* Forgiven after good conduct for as long as the longest pause. */
	if (time_after(jiffies, link->retry_at + SHM_RETRY_MAX * HZ))
		link->retry = SHM_RETRY_MIN;
	WRITE_ONCE(own->state, cpu_to_le32(1));
	shm_fdb_learn(&link->sd->fdb, link->mac, link->peer);
	if (run == link->run)
		return;
	if (!run) {
		link_halt(link);
		return;
	}
	WRITE_ONCE(link->sd->n_run, link->sd->n_run + 1);
	/* The lanes are complete before the data path may see them. */
	smp_store_release(&link->run, true);
	shm_wake_all(link->sd);
}

static void link_step(struct shm_link *link)
{
	struct shm_dev *sd = link->sd;
	struct ivnet_shm_announce a;
	struct ivnet_shm_link theirs;
	u32 state, life, broken;
	bool asleep, anew;
	u64 claim;

	claim = shm_claim_read(sd, link->peer);
	block_copy(sd, link->peer, ivnet_shm_section(&sd->geo, link->peer), &a);
	state = le32_to_cpu(a.state);
	asleep = state == IVNET_SHM_SLEEP;

	if (IVNET_SHM_CLAIM_STATE(claim) != IVNET_SHM_CLAIM_TAKEN ||
	    le32_to_cpu(a.incarnation) != IVNET_SHM_CLAIM_INCARNATION(claim) ||
	    le16_to_cpu(a.position) != IVNET_SHM_CLAIM_POSITION(claim) ||
	    state < IVNET_SHM_READY || state > IVNET_SHM_SLEEP ||
	    le32_to_cpu(a.max_frame) < IVNET_SHM_FRAME_MIN) {
		link_down(link, SHM_LINK_DOWN, SHM_ERR_NONE);
		return;
	}

	broken = READ_ONCE(link->broken);
	if (broken && broken != SHM_ERR_ANEW) {
		link_down(link, SHM_LINK_QUARANTINE, broken);
		link->broken = SHM_ERR_NONE;
		link->retry_at = jiffies + link->retry * HZ;
		link->retry = min_t(u32, 2 * link->retry, SHM_RETRY_MAX);
		return;
	}
	if (link->state == SHM_LINK_QUARANTINE) {
		if (time_before(jiffies, link->retry_at))
			return;
		link->state = SHM_LINK_DOWN;
	}

	block_copy(sd, link->peer,
		   ivnet_shm_link_off(&sd->geo, link->peer, sd->port), &theirs);
	life = le32_to_cpu(theirs.mine);

	anew = link->state == SHM_LINK_DOWN || broken ||
	       link->incarnation != le32_to_cpu(a.incarnation) ||
	       (link->state != SHM_LINK_AGREE &&
		(life != link->peer_life ||
		 le32_to_cpu(theirs.yours) != link->life));
	/* Who sleeps agrees on nothing. */
	if (asleep && (anew || link->state == SHM_LINK_AGREE)) {
		link_down(link, SHM_LINK_DOWN, SHM_ERR_NONE);
		return;
	}
	if (anew) {
		link->beat_at = jiffies;
		link->heartbeat = le32_to_cpu(a.heartbeat);
		link_agree(link, &a);
	}

	if (link->state == SHM_LINK_AGREE) {
		if (life != link->peer_life) {
			link->peer_life = life;
			/* Whoever sees this may use the rings, which are empty. */
			ivnet_shm_store_release(&own_block(link)->yours,
						cpu_to_le32(life));
			ring_control(link);
		}
		if (!life || le32_to_cpu(theirs.yours) != link->life ||
		    le32_to_cpu(theirs.features) != link->features)
			return;
	}

	if (asleep) {
		link->beat_at = jiffies;
	} else if (link_silent(link, le32_to_cpu(a.heartbeat))) {
		link->state = SHM_LINK_SILENT;
		link_halt(link);
		return;
	}
	link_address(link, &a);
	link_wants(link, &a);
	link_up(link, sd->running && state >= IVNET_SHM_RUN);
}

/* The carrier follows the links; true if it is about to go. */
static bool carrier_update(struct shm_dev *sd)
{
	struct net_device *dev = sd->netdev;
	bool up = false, deaf = false;
	u32 i;

	for (i = 0; i < sd->geo.ports; i++) {
		up |= sd->links[i].run;
		deaf |= sd->links[i].state != SHM_LINK_DOWN &&
			!sd->links[i].vectors;
	}
	/* Who cannot be rung cannot ring either. */
	WRITE_ONCE(sd->polling, !sd->vectors || deaf);
	if (!dev || up == netif_carrier_ok(dev))
		return false;
	if (!up && time_before(jiffies, sd->up_at + SHM_CARRIER))
		return true;
	ivnet_carrier(dev, up);

	return false;
}

/* In the region, and then in the state table where there is one. */
static void announce_state(struct shm_dev *sd, enum ivnet_shm_state state)
{
	shm_announce(sd, state);
	if (sd->bus->state)
		sd->bus->state(sd, state);
}

/* Say how this port is; false if it has no port, or no longer. */
static bool announce(struct shm_dev *sd)
{
	if (sd->port < 0 || !shm_port_mine(sd))
		return false;
	announce_state(sd, sd->dozing ? IVNET_SHM_SLEEP :
		       sd->running ? IVNET_SHM_RUN : IVNET_SHM_READY);

	return true;
}

/* The same, and let every peer know at once. */
static void announce_change(struct shm_dev *sd)
{
	u32 i;

	if (!announce(sd))
		return;
	for (i = 0; i < sd->geo.ports; i++)
		if (sd->links[i].state != SHM_LINK_DOWN)
			ring_control(&sd->links[i]);
}

/* The port is lost, or given up: no link can be kept. */
static void links_down(struct shm_dev *sd)
{
	u32 i;

	for (i = 0; i < sd->geo.ports; i++)
		if (i != sd->port)
			link_down(&sd->links[i], SHM_LINK_DOWN, SHM_ERR_NONE);
}

/* Get a port, or say once why there is none. */
static void port_find(struct shm_dev *sd)
{
	struct device *dev = sd->idev->dev;

	if (!shm_region_kept(sd)) {
		if (!sd->waiting)
			dev_err_ratelimited(dev, "the region was formatted anew; devlink dev reload adopts it\n");
		sd->waiting = true;
	} else if (shm_port_claim(sd)) {
		dev_info_ratelimited(dev, "port %d of %u\n", sd->port,
				     sd->geo.ports);
		sd->waiting = false;
		sd->beat = 0;
		announce(sd);
	} else if (!sd->waiting) {
		if (sd->pin == SHM_PORT_ANY)
			dev_warn_ratelimited(dev, "all %u ports are taken, waiting for one\n",
					     sd->geo.ports);
		else
			dev_warn_ratelimited(dev, "port %u of %u is taken, waiting for it\n",
					     sd->pin, sd->geo.ports);
		sd->waiting = true;
	}
}

/**
 * shm_work_kick() - have the work run now, but not without end in a jiffy
 * @sd: the device
 *
 * Context: any.
 */
void shm_work_kick(struct shm_dev *sd)
{
	bool busy = READ_ONCE(sd->worked) >= SHM_WORK_MAX &&
		    !time_after(jiffies, READ_ONCE(sd->worked_at));

	mod_delayed_work(system_long_wq, &sd->work, busy);
}

/**
 * shm_work_began() - the work runs
 * @sd: the device
 *
 * Context: the work.
 */
void shm_work_began(struct shm_dev *sd)
{
	if (time_after(jiffies, sd->worked_at)) {
		WRITE_ONCE(sd->worked, 0);
		WRITE_ONCE(sd->worked_at, jiffies);
	}
	WRITE_ONCE(sd->worked, sd->worked + 1);
}

/**
 * shm_link_work() - heartbeat, claim and links
 * @work: &shm_dev.work
 */
void shm_link_work(struct work_struct *work)
{
	struct shm_dev *sd = container_of(work, struct shm_dev, work.work);
	unsigned long next;
	bool soon;
	u32 i;

	mutex_lock(&sd->lock);
	if (!sd->open) {
		mutex_unlock(&sd->lock);
		return;
	}

	shm_work_began(sd);
	if (sd->port >= 0 && !shm_port_mine(sd)) {
		dev_warn_ratelimited(sd->idev->dev,
				     "port %d was taken over\n", sd->port);
		links_down(sd);
		sd->port = -1;
	}
	if (sd->port < 0)
		port_find(sd);

	if (time_after_eq(jiffies, sd->beat_at + SHM_BEAT)) {
		sd->beat_at = jiffies;
		sd->beat++;
		announce(sd);
		/* Now and then look at everything: a doorbell can be lost. */
		if (sd->running)
			shm_wake_all(sd);
	}

	if (sd->port >= 0) {
		for (i = 0; i < sd->geo.ports; i++)
			if (i != sd->port)
				link_step(&sd->links[i]);
	}
	soon = carrier_update(sd);

	next = sd->beat_at + SHM_BEAT - jiffies;
	if (next > SHM_BEAT)
		next = 0;
	if (sd->polling || soon)
		next = min_t(unsigned long, next, SHM_POLL);
	mutex_unlock(&sd->lock);
	queue_delayed_work(system_long_wq, &sd->work, next);
}

/**
 * shm_link_init() - begin to look for a port and for peers
 * @sd: the device; its geometry is known and @links and @ends are
 *	allocated
 *
 * A port that is free is taken at once.
 */
void shm_link_init(struct shm_dev *sd)
{
	u32 i, q, *mem = sd->ends;

	for (i = 0; i < sd->geo.ports; i++) {
		for (q = 0; q < sd->geo.queues; q++) {
			sd->links[i].lanes[q].tx.end = mem;
			mem += 1U << sd->geo.order;
			sd->links[i].lanes[q].sum = mem;
			mem += 1U << sd->geo.order;
		}
		sd->links[i].sd = sd;
		sd->links[i].peer = i;
		sd->links[i].life = get_random_u32();
		sd->links[i].retry = SHM_RETRY_MIN;
		sd->links[i].retry_at = jiffies;
	}
	mutex_lock(&sd->lock);
	sd->port = -1;
	sd->waiting = false;
	sd->beat_at = jiffies;
	port_find(sd);
	WRITE_ONCE(sd->open, true);
	mutex_unlock(&sd->lock);
	queue_delayed_work(system_long_wq, &sd->work, 0);
}

/**
 * shm_link_kick() - look at the links now
 * @sd: the device
 *
 * Context: any.
 */
void shm_link_kick(struct shm_dev *sd)
{
	if (READ_ONCE(sd->open))
		shm_work_kick(sd);
}

/**
 * shm_link_broken() - the data path saw a rule broken
 * @link: the link; the data path leaves it alone from here on
 * @err: the rule
 *
 * A peer that begins anew takes back what it saw of our life before it empties
 * its rings, and has another life before it gives that again. So whoever sees
 * its new indices sees one of both as well.
 *
 * Context: bottom halves off.
 * Return: false if the peer began anew.
 */
bool shm_link_broken(struct shm_link *link, enum shm_link_error err)
{
	const struct shm_dev *sd = link->sd;
	const struct ivnet_shm_link *theirs =
		shm_at(sd, link->peer,
		       ivnet_shm_link_off(&sd->geo, link->peer, sd->port));
	u32 yours, mine;

	if (READ_ONCE(link->broken))
		return false;
	yours = le32_to_cpu(ivnet_shm_load_acquire(&theirs->yours));
	mine = le32_to_cpu(READ_ONCE(theirs->mine));
	if (yours != link->life || mine != link->peer_life)
		err = SHM_ERR_ANEW;
	WRITE_ONCE(link->broken, err);
	shm_link_kick(link->sd);

	return err != SHM_ERR_ANEW;
}

/**
 * shm_links_run() - frames may flow
 * @sd: the device
 * @dev: its net_device
 * @pairs: queue pairs that poll
 */
void shm_links_run(struct shm_dev *sd, struct net_device *dev, u32 pairs)
{
	mutex_lock(&sd->lock);
	WRITE_ONCE(sd->pairs, pairs);
	sd->netdev = dev;
	sd->running = true;
	sd->up_at = jiffies;
	announce_change(sd);
	mutex_unlock(&sd->lock);
	shm_link_kick(sd);
}

/**
 * shm_links_stop() - no frame may flow any more
 * @sd: the device
 *
 * Both sides begin with empty rings when this one runs again. A port that is
 * going to sleep keeps its links as they are; only shm_links_exit() follows.
 */
void shm_links_stop(struct shm_dev *sd)
{
	u32 i;

	mutex_lock(&sd->lock);
	sd->running = false;
	if (sd->dozing) {
		WRITE_ONCE(sd->open, false);
		for (i = 0; i < sd->geo.ports; i++)
			link_halt(&sd->links[i]);
		announce_change(sd);
	} else {
		if (sd->port >= 0)
			links_down(sd);
		announce(sd);
	}
	sd->netdev = NULL;
	mutex_unlock(&sd->lock);
	shm_link_kick(sd);
}

/* Do all peers know what we want? */
static bool wants_known(struct shm_dev *sd)
{
	struct ivnet_shm_link theirs;
	bool known = true;
	u32 i;

	mutex_lock(&sd->lock);
	for (i = 0; sd->port >= 0 && i < sd->geo.ports; i++) {
		if (!sd->links[i].run)
			continue;
		block_copy(sd, i, ivnet_shm_link_off(&sd->geo, i, sd->port),
			   &theirs);
		known &= !(le32_to_cpu(theirs.uses) & ~sd->wants);
	}
	mutex_unlock(&sd->lock);

	return known;
}

/**
 * shm_links_want() - change what frames this port likes to get
 * @sd: the device
 * @features: IVNET_SHM_F_*
 *
 * Waits a while for the peers to know. Frames of the other kinds are taken all
 * the same.
 */
void shm_links_want(struct shm_dev *sd, u64 features)
{
	u32 ms;

	mutex_lock(&sd->lock);
	sd->wants = features;
	if (sd->open)
		announce_change(sd);
	mutex_unlock(&sd->lock);

	for (ms = 0; ms < SHM_WANTS_MS && !wants_known(sd); ms++)
		usleep_range(1000, 1500);
}

/**
 * shm_links_exit() - leave the segment
 * @sd: the device; nothing runs
 */
void shm_links_exit(struct shm_dev *sd)
{
	u32 i;

	mutex_lock(&sd->lock);
	WRITE_ONCE(sd->open, false);
	mutex_unlock(&sd->lock);
	cancel_delayed_work_sync(&sd->work);

	mutex_lock(&sd->lock);
	if (sd->port >= 0) {
		links_down(sd);
		if (shm_port_mine(sd)) {
			announce_state(sd, IVNET_SHM_DOWN);
			shm_port_release(sd);
		}
		for (i = 0; i < sd->geo.ports; i++)
			ring_control(&sd->links[i]);
		sd->port = -1;
	}
	mutex_unlock(&sd->lock);
}

/**
 * shm_link_state_name() - for people
 * @state: of a link
 *
 * Return: a word.
 */
const char *shm_link_state_name(enum shm_link_state state)
{
	static const char * const names[] = {
		[SHM_LINK_DOWN] = "down",
		[SHM_LINK_AGREE] = "agree",
		[SHM_LINK_UP] = "up",
		[SHM_LINK_SILENT] = "silent",
		[SHM_LINK_QUARANTINE] = "quarantine",
	};

	return names[state];
}
