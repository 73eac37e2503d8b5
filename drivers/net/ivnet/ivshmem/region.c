// SPDX-License-Identifier: GPL-2.0
/* The region: header, port table, what this port announces. */

#include <linux/delay.h>
#include <linux/netdevice.h>
#include <linux/random.h>
#include <linux/string.h>
#include <linux/timex.h>

#include "shm.h"

/* How long another port may take to overwrite our header with its own. */
#define SHM_FORMAT_MS	10

/* Below this a data area holds a few frames only, bytes. */
#define SHM_REGION_SMALL	(256U << 10)

static struct ivnet_shm_port *port_entry(const struct shm_dev *sd, u32 i)
{
	return (void *)(sd->base + IVNET_SHM_PORT_TABLE +
			i * sizeof(struct ivnet_shm_port));
}

static struct ivnet_shm_announce *announce_of(const struct shm_dev *sd, u32 i)
{
	return shm_at(sd, i, ivnet_shm_section(&sd->geo, i));
}

static u64 claim_read(const struct shm_dev *sd, u32 i)
{
	return le64_to_cpu(READ_ONCE(port_entry(sd, i)->claim));
}

/**
 * shm_claim_read() - who has a port
 * @sd: the device
 * @i: the port
 *
 * Return: the claim, in CPU byte order; 0 if nobody has.
 */
u64 shm_claim_read(struct shm_dev *sd, u32 i)
{
	if (sd->states)
		return shm_output_claim(sd, i);

	return claim_read(sd, i);
}

/* Copy the header; true if it has the magic. */
static bool header_read(const struct shm_dev *sd, struct ivnet_shm_header *h)
{
	memcpy(h, sd->base, sizeof(*h));
	barrier();

	return le64_to_cpu(h->magic) == IVNET_SHM_MAGIC;
}

static enum ivnet_shm_geometry_err header_check(struct shm_dev *sd,
						const struct ivnet_shm_header *h)
{
	return ivnet_shm_geometry_check(&sd->geo, h, sd->size,
					ivnet_shm_crc(h, offsetof(typeof(*h), crc)));
}

/* One queue for each CPU that could serve it, if there is room for so many. */
static u32 default_queues(void)
{
	return min_t(u32, num_online_cpus(), IVNET_SHM_QUEUES_MAX);
}

static int region_format(struct shm_dev *sd, struct netlink_ext_ack *extack)
{
	u32 ports = sd->want_ports ?: ivnet_shm_ports_default(sd->size);
	u32 queues = sd->want_queues ?: default_queues();
	enum ivnet_shm_geometry_err err;
	struct ivnet_shm_geometry g;
	struct ivnet_shm_header h;

	err = sd->want_queues ?
	      ivnet_shm_geometry_default(&g, sd->size, ports, queues) :
	      ivnet_shm_geometry_roomy(&g, sd->size, ports, &queues);
	if (err) {
		NL_SET_ERR_MSG_FMT_MOD(extack,
				       "a region of %llu bytes is too small for %u ports and %u queues",
				       sd->size, ports, queues);
		return -EINVAL;
	}

	ivnet_shm_header_fill(&h, &g);
	h.crc = cpu_to_le32(ivnet_shm_crc(&h, offsetof(typeof(h), crc)));

	memset(sd->base, 0, IVNET_SHM_PAGE);
	memcpy(sd->base + sizeof(h.magic), (u8 *)&h + sizeof(h.magic),
	       sizeof(h) - sizeof(h.magic));
	ivnet_shm_store_release((__le64 *)sd->base, h.magic);
	msleep(SHM_FORMAT_MS);

	/* Another port may have done the same; its header counts as well. */
	if (!header_read(sd, &sd->header) || header_check(sd, &sd->header)) {
		NL_SET_ERR_MSG_MOD(extack, "the region does not keep what is written");
		return -EIO;
	}
	dev_info(sd->idev->dev, "formatted: %u ports, %u queues, frames of %u bytes\n",
		 sd->geo.ports, sd->geo.queues, sd->geo.max_frame);

	return 0;
}

/*
 * Does any other port live? One that is silent for longer than two heartbeats
 * finds the header changed when it comes back, and stays out.
 */
static bool region_lives(struct shm_dev *sd)
{
	u32 beat[IVNET_SHM_PORTS_MAX], i;
	u64 claim[IVNET_SHM_PORTS_MAX];
	bool taken = false;

	for (i = 0; i < sd->geo.ports; i++) {
		claim[i] = shm_claim_read(sd, i);
		beat[i] = le32_to_cpu(READ_ONCE(announce_of(sd, i)->heartbeat));
		taken |= claim[i];
	}
	if (!taken)
		return false;

	msleep(2 * jiffies_to_msecs(SHM_BEAT) + 200);
	for (i = 0; i < sd->geo.ports; i++)
		if (shm_claim_read(sd, i) != claim[i] ||
		    le32_to_cpu(READ_ONCE(announce_of(sd, i)->heartbeat)) !=
		    beat[i])
			return true;

	return false;
}

/* A region of another layout than the user wants. */
static int region_change(struct shm_dev *sd, struct netlink_ext_ack *extack)
{
	if (region_lives(sd)) {
		NL_SET_ERR_MSG_FMT_MOD(extack,
				       "the region is in use with %u ports and %u queues, not %u and %u",
				       sd->geo.ports, sd->geo.queues,
				       sd->want_ports ?: sd->geo.ports,
				       sd->want_queues ?: sd->geo.queues);
		dev_err(sd->idev->dev, "the region is in use with %u ports and %u queues, not %u and %u\n",
			sd->geo.ports, sd->geo.queues,
			sd->want_ports ?: sd->geo.ports,
			sd->want_queues ?: sd->geo.queues);
		return -EBUSY;
	}

	return region_format(sd, extack);
}

/**
 * shm_region_foreign() - does the region hold something that is not ours?
 * @sd: the device; the region is mapped and not too small
 *
 * Return: false if it has our magic, or nothing at all.
 */
bool shm_region_foreign(const struct shm_dev *sd)
{
	struct ivnet_shm_header h;

	return !header_read(sd, &h) && memchr_inv(sd->base, 0, IVNET_SHM_PAGE);
}

/**
 * shm_region_kept() - does the region still have the layout that was adopted?
 * @sd: the device
 *
 * Return: true if it has.
 */
bool shm_region_kept(const struct shm_dev *sd)
{
	struct ivnet_shm_header h;

	/* Nobody else can change it. */
	if (sd->states)
		return true;
	header_read(sd, &h);

	return !memcmp(&h, &sd->header, sizeof(h));
}

/**
 * shm_region_open() - adopt the region's layout, or give it one
 * @sd: the device; the region is mapped
 * @extack: says why not; may be NULL
 *
 * Return: 0, -EINVAL if the region is too small, -EBUSY if it is not ours.
 */
int shm_region_open(struct shm_dev *sd, struct netlink_ext_ack *extack)
{
	enum ivnet_shm_geometry_err err;
	struct ivnet_shm_header h;

	if (sd->states)
		return shm_output_open(sd, extack);
	if (sd->size < IVNET_SHM_REGION_MIN) {
		NL_SET_ERR_MSG_FMT_MOD(extack,
				       "region of %llu bytes is too small, at least %u",
				       sd->size, IVNET_SHM_REGION_MIN);
		return -EINVAL;
	}
	if (sd->size < SHM_REGION_SMALL)
		dev_warn(sd->idev->dev, "a region of %llu bytes is slow, better %u\n",
			 sd->size, SHM_REGION_SMALL);

	if (header_read(sd, &h)) {
		err = header_check(sd, &h);
		if (!err) {
			sd->header = h;
			if ((!sd->want_ports || sd->want_ports == sd->geo.ports) &&
			    (!sd->want_queues || sd->want_queues == sd->geo.queues))
				return 0;
			return region_change(sd, extack);
		}
		if (!sd->format) {
			NL_SET_ERR_MSG_FMT_MOD(extack, "region refused: %s",
					       ivnet_shm_geometry_text(err));
			dev_err(sd->idev->dev, "region refused: %s; version %u.%u, %u ports, %u queues, %llu bytes, here %u and %llu; ivnet_ivshmem.format=%s lets it be overwritten\n",
				ivnet_shm_geometry_text(err), le16_to_cpu(h.major),
				le16_to_cpu(h.minor), le16_to_cpu(h.max_ports),
				le16_to_cpu(h.queues),
				le64_to_cpu(h.region_size), IVNET_SHM_MAJOR,
				sd->size, dev_name(sd->idev->dev));
			return -EBUSY;
		}
	} else if (memchr_inv(sd->base, 0, IVNET_SHM_PAGE) && !sd->format) {
		NL_SET_ERR_MSG_MOD(extack, "the region is in use by something else");
		dev_err(sd->idev->dev, "the region is in use by something else; ivnet_ivshmem.format=%s lets it be overwritten\n",
			dev_name(sd->idev->dev));
		return -EBUSY;
	}

	/* Once: what is there afterwards is respected again. */
	sd->format = false;

	return region_format(sd, extack);
}

/*
 * Where x86 has but one CPU it leaves out the lock of its atomic operations, but
 * for those that are meant for others than its own CPUs.
 */
#if defined(arch_sync_cmpxchg) && defined(CONFIG_64BIT)
#define claim_cmpxchg	sync_cmpxchg
#else
#define claim_cmpxchg	cmpxchg64
#endif

static bool claim_swap(struct shm_dev *sd, u32 i, u64 old, u64 new)
{
	u64 *word = (u64 __force *)&port_entry(sd, i)->claim;
	u64 was = (u64 __force)cpu_to_le64(old);

	return claim_cmpxchg(word, was, (u64 __force)cpu_to_le64(new)) == was;
}

/* May this port be taken, from the claim that is returned in @old? */
static bool port_free(struct shm_dev *sd, u32 i, u64 *old)
{
	u32 beat = le32_to_cpu(READ_ONCE(announce_of(sd, i)->heartbeat));
	u64 claim = shm_claim_read(sd, i);

	*old = claim;
	if (!claim)
		return true;
	/* Our own guest's former life; where nobody polls alike. */
	if (sd->vectors && IVNET_SHM_CLAIM_POSITION(claim) == sd->position)
		return true;

	if (claim != sd->others[i].claim || beat != sd->others[i].beat) {
		sd->others[i].claim = claim;
		sd->others[i].beat = beat;
		sd->others[i].at = jiffies;
		return false;
	}

	return time_after(jiffies, sd->others[i].at + SHM_STALE);
}

/*
 * A kernel that comes from an image of hibernation would draw once more what was
 * drawn when the image was written; but the clock has gone on.
 */
static void incarnate(struct shm_dev *sd)
{
	do {
		sd->incarnation = get_random_u32() ^ random_get_entropy();
	} while (!sd->incarnation);
}

static void port_take(struct shm_dev *sd, u32 i)
{
	sd->port = i;
	memset(announce_of(sd, i), 0, 128 * (1 + sd->geo.ports));
}

/**
 * shm_port_claim() - try to get a port
 * @sd: the device, which has none
 *
 * Context: &shm_dev.lock.
 * Return: true if it has one now.
 */
bool shm_port_claim(struct shm_dev *sd)
{
	u32 first = sd->pin == SHM_PORT_ANY ? 0 : sd->pin;
	u32 last = sd->pin == SHM_PORT_ANY ? sd->geo.ports - 1 : sd->pin;
	u64 old;
	u32 i;

	if (sd->states) {
		incarnate(sd);
		port_take(sd, sd->position);
		return true;
	}
	for (i = first; i <= last && i < sd->geo.ports; i++) {
		if (!port_free(sd, i, &old))
			continue;
		incarnate(sd);
		if (!claim_swap(sd, i, old,
				IVNET_SHM_CLAIM(sd->incarnation, sd->position,
						IVNET_SHM_CLAIM_TAKEN)))
			continue;
		port_take(sd, i);
		return true;
	}

	return false;
}

/**
 * shm_port_mine() - is our claim still there?
 * @sd: the device, which has a port
 *
 * Return: false if another port has taken it.
 */
bool shm_port_mine(const struct shm_dev *sd)
{
	/* The device says which port is ours. */
	return sd->states ||
	       claim_read(sd, sd->port) ==
	       IVNET_SHM_CLAIM(sd->incarnation, sd->position,
			       IVNET_SHM_CLAIM_TAKEN);
}

/**
 * shm_port_release() - give the port back
 * @sd: the device, which has one
 *
 * Context: &shm_dev.lock.
 */
void shm_port_release(struct shm_dev *sd)
{
	if (!sd->states)
		claim_swap(sd, sd->port,
			   IVNET_SHM_CLAIM(sd->incarnation, sd->position,
					   IVNET_SHM_CLAIM_TAKEN), 0);
	sd->port = -1;
}

/**
 * shm_announce() - say what this port is
 * @sd: the device, which has a port
 * @state: and how it is
 *
 * Context: &shm_dev.lock.
 */
void shm_announce(struct shm_dev *sd, enum ivnet_shm_state state)
{
	struct ivnet_shm_announce *a = announce_of(sd, sd->port);
	struct ivnet_shm_announce new = {
		.incarnation	= cpu_to_le32(sd->incarnation),
		.state		= cpu_to_le32(state),
		.heartbeat	= cpu_to_le32(sd->beat),
		.position	= cpu_to_le16(sd->position),
		.vectors	= cpu_to_le16(sd->vectors),
		.features	= cpu_to_le64(SHM_FEATURES),
		.wants		= cpu_to_le64(sd->wants),
		.max_frame	= cpu_to_le32(sd->geo.max_frame),
	};
	u32 q;

	if (sd->netdev) {
		ether_addr_copy(sd->mac, sd->netdev->dev_addr);
		sd->mtu = sd->netdev->mtu;
	}
	ether_addr_copy(new.mac, sd->mac);
	new.mtu = cpu_to_le16(sd->mtu);
	/* Vector 0 for control, then one for each queue, as far as they go. */
	for (q = 0; q < sd->geo.queues; q++)
		new.data_vectors[q] = cpu_to_le16(sd->vectors > 1 ?
						  1 + q % (sd->vectors - 1) : 0);
	strscpy(new.ident, "ivnet " IVNET_VERSION, sizeof(new.ident));

	/* The state last: a reader that sees it sees the rest. */
	memcpy((u8 *)a + 12, (u8 *)&new + 12, sizeof(new) - 12);
	WRITE_ONCE(a->heartbeat, new.heartbeat);
	WRITE_ONCE(a->incarnation, new.incarnation);
	ivnet_shm_store_release(&a->state, new.state);
}
