// SPDX-License-Identifier: GPL-2.0
/* The region: header, port table, what this port announces. */

#include <linux/delay.h>
#include <linux/netdevice.h>
#include <linux/random.h>
#include <linux/string.h>

#include "shm.h"

/* How long another port may take to overwrite our header with its own. */
#define SHM_FORMAT_MS	10

static struct ivnet_shm_port *port_entry(const struct shm_dev *sd, u32 i)
{
	return (void *)(sd->base + IVNET_SHM_PORT_TABLE +
			i * sizeof(struct ivnet_shm_port));
}

static struct ivnet_shm_announce *announce_of(const struct shm_dev *sd, u32 i)
{
	return (void *)(sd->base + ivnet_shm_section(&sd->geo, i));
}

static const char *geometry_text(enum ivnet_shm_geometry_err err)
{
	switch (err) {
	case IVNET_SHM_GEOMETRY_MAJOR:
		return "another major version";
	case IVNET_SHM_GEOMETRY_CRC:
		return "wrong length or checksum of the header";
	case IVNET_SHM_GEOMETRY_FEATURES:
		return "an unknown feature is required";
	case IVNET_SHM_GEOMETRY_SIZE:
		return "made for another region size";
	case IVNET_SHM_GEOMETRY_RANGE:
		return "ports, queues, ring or frame size out of range";
	default:
		return "sections do not fit";
	}
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

/* Default number of ports: as many as get about a MiB in each direction. */
static u32 default_ports(u64 size)
{
	if (size >= 64ULL << 20)
		return 8;

	return size >= 16ULL << 20 ? 4 : 2;
}

static int region_format(struct shm_dev *sd, struct netlink_ext_ack *extack)
{
	struct ivnet_shm_geometry g;
	struct ivnet_shm_header h = {};
	enum ivnet_shm_geometry_err err;

	err = ivnet_shm_geometry_default(&g, sd->size,
					 sd->want_ports ?: default_ports(sd->size),
					 sd->want_queues);
	if (err) {
		NL_SET_ERR_MSG_FMT_MOD(extack,
				       "region of %llu bytes is too small, at least %u",
				       sd->size, IVNET_SHM_REGION_MIN);
		return -EINVAL;
	}

	h.magic = cpu_to_le64(IVNET_SHM_MAGIC);
	h.major = cpu_to_le16(IVNET_SHM_MAJOR);
	h.minor = cpu_to_le16(IVNET_SHM_MINOR);
	h.header_len = cpu_to_le16(IVNET_SHM_HEADER_LEN);
	h.max_ports = cpu_to_le16(g.ports);
	h.region_size = cpu_to_le64(g.region_size);
	h.first_section = cpu_to_le32(g.first);
	h.section_stride = cpu_to_le64(g.stride);
	h.queues = cpu_to_le16(g.queues);
	h.ring_order = cpu_to_le16(g.order);
	h.max_frame = cpu_to_le32(g.max_frame);
	h.crc = cpu_to_le32(ivnet_shm_crc(&h, offsetof(typeof(h), crc)));

	memset(sd->base, 0, IVNET_SHM_PAGE);
	memcpy(sd->base + sizeof(h.magic), (u8 *)&h + sizeof(h.magic),
	       sizeof(h) - sizeof(h.magic));
	ivnet_shm_store_release((__le64 *)sd->base, h.magic);
	msleep(SHM_FORMAT_MS);

	/* Another port may have done the same; its header counts as well. */
	if (!header_read(sd, &h) || header_check(sd, &h)) {
		NL_SET_ERR_MSG_MOD(extack, "the region does not keep what is written");
		return -EIO;
	}

	return 0;
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

	if (sd->size < IVNET_SHM_REGION_MIN) {
		NL_SET_ERR_MSG_FMT_MOD(extack,
				       "region of %llu bytes is too small, at least %u",
				       sd->size, IVNET_SHM_REGION_MIN);
		return -EINVAL;
	}

	if (header_read(sd, &h)) {
		err = header_check(sd, &h);
		if (!err)
			return 0;
		NL_SET_ERR_MSG_FMT_MOD(extack, "region refused: %s",
				       geometry_text(err));
		dev_err(sd->idev->dev, "region refused: %s; version %u.%u, %u ports, %u queues, %llu bytes, here %u and %llu\n",
			geometry_text(err), le16_to_cpu(h.major),
			le16_to_cpu(h.minor), le16_to_cpu(h.max_ports),
			le16_to_cpu(h.queues), le64_to_cpu(h.region_size),
			IVNET_SHM_MAJOR, sd->size);
		return -EBUSY;
	}

	if (memchr_inv(sd->base, 0, IVNET_SHM_PAGE)) {
		NL_SET_ERR_MSG_MOD(extack, "the region is in use by something else");
		dev_err(sd->idev->dev, "the region is in use by something else\n");
		return -EBUSY;
	}

	return region_format(sd, extack);
}

static u64 claim_read(const struct shm_dev *sd, u32 i)
{
	return le64_to_cpu(READ_ONCE(port_entry(sd, i)->claim));
}

static bool claim_swap(struct shm_dev *sd, u32 i, u64 old, u64 new)
{
	u64 *word = (u64 __force *)&port_entry(sd, i)->claim;
	u64 was = (u64 __force)cpu_to_le64(old);

	return cmpxchg64(word, was, (u64 __force)cpu_to_le64(new)) == was;
}

/* May this port be taken, from the claim that is returned in @old? */
static bool port_free(struct shm_dev *sd, u32 i, u64 *old)
{
	u32 beat = le32_to_cpu(READ_ONCE(announce_of(sd, i)->heartbeat));
	u64 claim = claim_read(sd, i);

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

/**
 * shm_port_claim() - try to get a port
 * @sd: the device, which has none
 *
 * Context: &shm_dev.lock.
 * Return: true if it has one now.
 */
bool shm_port_claim(struct shm_dev *sd)
{
	u32 first = sd->pin < 0 ? 0 : sd->pin;
	u32 last = sd->pin < 0 ? sd->geo.ports - 1 : sd->pin;
	u64 old;
	u32 i;

	for (i = first; i <= last && i < sd->geo.ports; i++) {
		if (!port_free(sd, i, &old))
			continue;
		do {
			sd->incarnation = get_random_u32();
		} while (!sd->incarnation);
		if (!claim_swap(sd, i, old,
				IVNET_SHM_CLAIM(sd->incarnation, sd->position,
						IVNET_SHM_CLAIM_TAKEN)))
			continue;
		sd->port = i;
		memset(announce_of(sd, i), 0, 128 * (1 + sd->geo.ports));
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
	return claim_read(sd, sd->port) ==
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
	claim_swap(sd, sd->port, IVNET_SHM_CLAIM(sd->incarnation, sd->position,
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
	const struct net_device *dev = sd->idev->netdev;
	struct ivnet_shm_announce new = {
		.incarnation	= cpu_to_le32(sd->incarnation),
		.state		= cpu_to_le32(state),
		.heartbeat	= cpu_to_le32(sd->beat),
		.position	= cpu_to_le16(sd->position),
		.vectors	= cpu_to_le16(sd->vectors),
		.features	= cpu_to_le64(SHM_FEATURES),
		.mtu		= cpu_to_le16(ETH_DATA_LEN),
		.max_frame	= cpu_to_le32(sd->geo.max_frame),
	};
	u32 q;

	if (dev) {
		ether_addr_copy(new.mac, dev->dev_addr);
		new.mtu = cpu_to_le16(dev->mtu);
	}
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
