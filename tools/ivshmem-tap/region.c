// SPDX-License-Identifier: GPL-2.0
/* The region: header, port table, what this port announces. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#include "port.h"
#include "process.h"

/* How long another port may take to overwrite our header with its own, ms. */
#define FORMAT_MS	10

/* Below this a data area holds a few frames only, bytes. */
#define REGION_SMALL	(256U << 10)

static struct ivnet_shm_port *port_entry(const struct port *p, u32 i)
{
	return (struct ivnet_shm_port *)(void *)(p->base + IVNET_SHM_PORT_TABLE) + i;
}

static struct ivnet_shm_announce *announce_of(const struct port *p, u32 i)
{
	return (void *)(p->base + ivnet_shm_section(&p->geo, i));
}

u32 heartbeat_read(const struct port *p, u32 i)
{
	return le32_to_cpu(ivnet_shm_load(&announce_of(p, i)->heartbeat));
}

static void sleep_ms(u32 ms)
{
	usleep(ms * 1000);
}

/* Who has a port; 0: nobody. */
u64 claim_read(const struct port *p, u32 i)
{
	return le64_to_cpu(ivnet_shm_load(&port_entry(p, i)->claim));
}

/* Copy the header; true if it has the magic. */
static bool header_read(const struct port *p, struct ivnet_shm_header *h)
{
	memcpy(h, p->base, sizeof(*h));
	ivnet_shm_barrier();
	return le64_to_cpu(h->magic) == IVNET_SHM_MAGIC;
}

static enum ivnet_shm_geometry_err header_check(struct port *p, const struct ivnet_shm_header *h)
{
	return ivnet_shm_geometry_check(&p->geo, h, p->size,
					ivnet_shm_crc(h, offsetof(struct ivnet_shm_header, crc)));
}

/* Is there nothing but zeroes where the header would be? */
static bool region_empty(const struct port *p)
{
	const u64 *words = (const void *)p->base;
	u32 i;

	for (i = 0; i < IVNET_SHM_PAGE / sizeof(*words); i++)
		if (ivnet_shm_load(&words[i]))
			return false;
	return true;
}

/* One queue for each processor that could serve it. */
static u32 default_queues(void)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	if (cpus < 1)
		return 1;
	return cpus > IVNET_SHM_QUEUES_MAX ? IVNET_SHM_QUEUES_MAX : (u32)cpus;
}

static int region_format(struct port *p)
{
	u32 ports = p->options->ports ? p->options->ports : ivnet_shm_ports_default(p->size);
	u32 queues = p->options->queues ? p->options->queues : default_queues();
	struct ivnet_shm_geometry g;
	struct ivnet_shm_header h;

	if (p->options->queues ? ivnet_shm_geometry_default(&g, p->size, ports, queues) :
				 ivnet_shm_geometry_roomy(&g, p->size, ports, &queues)) {
		pr_err("a region of %llu bytes is too small for %u ports and %u queues",
		       p->size, ports, queues);
		return -1;
	}
	ivnet_shm_header_fill(&h, &g);
	h.crc = cpu_to_le32(ivnet_shm_crc(&h, offsetof(struct ivnet_shm_header, crc)));

	memset(p->base, 0, IVNET_SHM_PAGE);
	memcpy(p->base + sizeof(h.magic), (u8 *)&h + sizeof(h.magic), sizeof(h) - sizeof(h.magic));
	ivnet_shm_store_release((__le64 *)(void *)p->base, h.magic);
	sleep_ms(FORMAT_MS);

	/* Another port may have done the same; its header counts as well. */
	if (!header_read(p, &p->header) || header_check(p, &p->header)) {
		pr_err("the region does not keep what is written");
		return -1;
	}
	pr_notice("region formatted: %u ports, %u queues, frames of %u bytes", p->geo.ports,
		  p->geo.queues, p->geo.max_frame);
	return 0;
}

/*
 * Does any port live? One that is silent for longer than two heartbeats finds the
 * header changed when it comes back, and stays out.
 */
static bool region_lives(struct port *p)
{
	u32 beat[IVNET_SHM_PORTS_MAX], i;
	u64 claim[IVNET_SHM_PORTS_MAX];
	bool taken = false;

	for (i = 0; i < p->geo.ports; i++) {
		claim[i] = claim_read(p, i);
		beat[i] = heartbeat_read(p, i);
		taken |= claim[i] != 0;
	}
	if (!taken)
		return false;
	sleep_ms(2 * BEAT_MS + 200);
	for (i = 0; i < p->geo.ports; i++)
		if (claim_read(p, i) != claim[i] || heartbeat_read(p, i) != beat[i])
			return true;
	return false;
}

/* A valid header: adopt it, unless the user wants another layout. */
static int region_adopt(struct port *p)
{
	u32 ports = p->options->ports ? p->options->ports : p->geo.ports;
	u32 queues = p->options->queues ? p->options->queues : p->geo.queues;

	if (ports == p->geo.ports && queues == p->geo.queues)
		return 0;
	if (!region_lives(p))
		return region_format(p);
	pr_err("the region is in use with %u ports and %u queues, not %u and %u: leave out --ports and --queues",
	       p->geo.ports, p->geo.queues, ports, queues);
	return -1;
}

static int region_layout(struct port *p)
{
	enum ivnet_shm_geometry_err err;

	if (p->size < IVNET_SHM_REGION_MIN) {
		pr_err("a region of %llu bytes is too small, at least %u",
		       p->size, IVNET_SHM_REGION_MIN);
		return -1;
	}
	if (p->size < REGION_SMALL)
		pr_warn("a region of %llu bytes is slow, better %u", p->size,
			REGION_SMALL);

	if (header_read(p, &p->header)) {
		err = header_check(p, &p->header);
		if (!err)
			return region_adopt(p);
		if (!p->options->format) {
			pr_err("region refused: %s; version %u.%u, %u ports, %u queues, %llu bytes, here %u and %llu; --format lets it be overwritten",
			       ivnet_shm_geometry_text(err), le16_to_cpu(p->header.major),
			       le16_to_cpu(p->header.minor), le16_to_cpu(p->header.max_ports),
			       le16_to_cpu(p->header.queues),
			       le64_to_cpu(p->header.region_size),
			       IVNET_SHM_MAJOR, p->size);
			return -1;
		}
	} else if (!region_empty(p) && !p->options->format) {
		pr_err("the region is in use by something else; --format lets it be overwritten");
		return -1;
	}
	return region_format(p);
}

int region_open(struct port *p)
{
	if (region_layout(p))
		return -1;
	if (p->options->port == PORT_ANY || p->options->port < p->geo.ports)
		return 0;
	pr_err("--port %u: the region has ports 0 to %u", p->options->port, p->geo.ports - 1);
	return -1;
}

/* Has the region still the layout that was adopted? */
bool region_kept(const struct port *p)
{
	struct ivnet_shm_header h;

	header_read(p, &h);
	return !memcmp(&h, &p->header, sizeof(h));
}

static bool claim_swap(struct port *p, u32 i, u64 old, u64 new)
{
	__le64 was = cpu_to_le64(old);

	return __atomic_compare_exchange_n(&port_entry(p, i)->claim, &was, cpu_to_le64(new), false,
					   __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

static u64 own_claim(const struct port *p)
{
	return IVNET_SHM_CLAIM(p->incarnation, p->position, IVNET_SHM_CLAIM_TAKEN);
}

/* For how long has a port to stand still before it counts as gone? */
static s64 patience(const struct port *p, u32 i, u64 claim)
{
	const struct ivnet_shm_announce *a = announce_of(p, i);

	/* A port without doorbells may not be the server's. */
	if (le32_to_cpu(ivnet_shm_load(&a->incarnation)) == IVNET_SHM_CLAIM_INCARNATION(claim) &&
	    ivnet_shm_load(&a->vectors) &&
	    client_has_left(p->client, IVNET_SHM_CLAIM_POSITION(claim)))
		return LEFT_MS;
	return STALE_MS;
}

/* May this port be taken, from the claim that is returned in @old? */
static bool port_free(struct port *p, u32 i, u64 *old)
{
	u32 beat = heartbeat_read(p, i);
	u64 claim = claim_read(p, i);
	s64 now = now_ms();

	*old = claim;
	if (!claim || IVNET_SHM_CLAIM_POSITION(claim) == p->position)
		return true;
	if (claim != p->others[i].claim || beat != p->others[i].beat) {
		p->others[i].claim = claim;
		p->others[i].beat = beat;
		p->others[i].at = now;
		return false;
	}
	return now - p->others[i].at > patience(p, i, claim);
}

/* Not 0. */
u32 random_word(void)
{
	u32 word = 0;

	/* This few bytes come whole, once there is randomness at all. */
	while (!word && getrandom(&word, sizeof(word), 0) != sizeof(word))
		;
	return word ? word : 1;
}

/* What a port that has our key announces. */
static u64 owner_of(const struct port *p, u32 incarnation)
{
	return p->tap.key ? p->tap.key ^ incarnation : 0;
}

/* Is this port, with the claim in @old, what a former process for our TAP left? */
static bool port_was_ours(const struct port *p, u32 i, u64 *old)
{
	u64 claim = claim_read(p, i);
	u64 owner = le64_to_cpu(ivnet_shm_load(&announce_of(p, i)->owner));

	*old = claim;
	return claim && owner && owner == owner_of(p, IVNET_SHM_CLAIM_INCARNATION(claim));
}

/* Take a port that has the claim @old, unless somebody else was faster. */
static bool port_take(struct port *p, u32 i, u64 old)
{
	p->incarnation = random_word();
	if (!claim_swap(p, i, old, own_claim(p)))
		return false;
	p->me = (int)i;
	memset(announce_of(p, i), 0, 128 * (1 + p->geo.ports));
	return true;
}

/* Try to get a port; true if there is one now. */
bool port_claim(struct port *p)
{
	bool any = p->options->port == PORT_ANY;
	u32 first = any ? 0 : p->options->port;
	u32 end = any || first >= p->geo.ports ? p->geo.ports : first + 1;
	u64 old;
	u32 i;

	for (i = first; i < end; i++)
		if (port_was_ours(p, i, &old) && port_take(p, i, old))
			return true;
	for (i = first; i < end; i++)
		if (port_free(p, i, &old) && port_take(p, i, old))
			return true;
	return false;
}

/* Is our claim still there? */
bool port_mine(const struct port *p)
{
	return claim_read(p, (u32)p->me) == own_claim(p);
}

void port_release(struct port *p)
{
	claim_swap(p, (u32)p->me, own_claim(p), 0);
	p->me = -1;
}

/* Say what this port is, and how. */
void port_announce(struct port *p, enum ivnet_shm_state state)
{
	struct ivnet_shm_announce *a = announce_of(p, (u32)p->me);
	struct ivnet_shm_announce new = {
		.incarnation	= cpu_to_le32(p->incarnation),
		.state		= cpu_to_le32(state),
		.heartbeat	= cpu_to_le32(p->beat),
		.position	= cpu_to_le16(p->position),
		.vectors	= cpu_to_le16(p->vectors),
		.features	= cpu_to_le64(p->tap.features),
		.mtu		= cpu_to_le16((u16)(p->mtu > 0xffff ? 0xffff : p->mtu)),
		.max_frame	= cpu_to_le32(p->geo.max_frame),
		.wants		= cpu_to_le64(p->tap.features),
		.owner		= cpu_to_le64(owner_of(p, p->incarnation)),
	};
	u32 q;

	memcpy(new.mac, p->mac, TAP_MAC);
	for (q = 0; q < p->geo.queues; q++)
		new.data_vectors[q] = cpu_to_le16(vector_of(p, q));
	snprintf((char *)new.ident, sizeof(new.ident), "ivshmem-tap " VERSION);

	/* The state last: a reader that sees it sees the rest. */
	memcpy((u8 *)a + 12, (u8 *)&new + 12, sizeof(new) - 12);
	ivnet_shm_store(&a->heartbeat, new.heartbeat);
	ivnet_shm_store(&a->incarnation, new.incarnation);
	ivnet_shm_store_release(&a->state, new.state);
}
