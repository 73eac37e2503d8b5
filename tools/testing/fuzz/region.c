// SPDX-License-Identifier: GPL-2.0
/*
 * What a region says about itself: the header, as shm_region.h reads it, and the
 * driver's region.c, which adopts, refuses or formats the region and takes a
 * port, while a peer writes to it. Whatever is adopted lies inside of the region.
 */

#include <stdio.h>

#include "run.h"
#include "shm_dev.h"

#include "../../../drivers/net/ivnet/ivshmem/region.c"
#include "../../../drivers/net/ivnet/ivshmem/output.c"
#include <net/ivnet/shm_v2.h>

unsigned long jiffies;

static struct bytes in;
static struct shm_dev *victim;
static u32 acted;

/* IVSHMEM v2: the state table, and every port's output section. */
static __le32 states[IVNET_SHM_PORTS_MAX];
static u8 outputs[IVNET_SHM_PORTS_MAX][65536];

/* Where blocks and lanes lie: inside, aligned, and apart from each other. */
static void check_layout(const struct ivnet_shm_geometry *g)
{
	u32 lanes = (g->ports - 1) * g->queues, i, j, q, n;
	u64 section, end, at;

	MUST(g->ports >= 2 && g->ports <= 16);
	MUST(g->queues >= 1 && g->queues <= 4);
	MUST(g->order >= 4 && g->order <= 15);
	MUST(g->max_frame >= 14 && g->max_frame <= IVNET_SHM_FRAME_MAX);
	MUST(g->data_size >= 4 * g->max_frame && g->data_size % 64 == 0);
	for (i = 0; i < g->ports; i++) {
		section = ivnet_shm_section(g, i);
		end = section + g->stride;
		MUST(section >= 4096 && section % 4096 == 0);
		MUST(end > section && end <= g->region_size);
		for (j = 0; j < g->ports; j++) {
			at = ivnet_shm_link_off(g, i, j);
			MUST(at >= section + 128);
			MUST(at + 128 <= section + 128 * (1 + g->ports));
			for (q = 0; j != i && q < g->queues; q++) {
				n = ivnet_shm_lane(g, i, j, q);
				MUST(n < lanes);
				at = ivnet_shm_prod_off(g, i, j, q);
				MUST(at == section + 128 * (1 + g->ports + n));
				at = ivnet_shm_cons_off(g, i, j, q);
				MUST(at == section +
				     128 * (1 + g->ports + lanes + n));
				at = ivnet_shm_ring_off(g, i, j, q);
				MUST(at % 64 == 0);
				MUST(at >= section +
				     128 * (1 + g->ports + 2 * lanes));
				MUST(at + g->lane <= end);
				MUST(n == 0 || g->lane >= (32U << g->order) +
				     g->data_size);
				at = ivnet_shm_data_off(g, i, j, q);
				MUST(at % 64 == 0 && at + g->data_size <= end);
			}
		}
	}
}

/* A header of a good layout, with a few bytes changed; mostly the sum is right. */
static void header_input(struct ivnet_shm_header *h, u64 size)
{
	struct ivnet_shm_geometry g;
	u8 n, *p = (u8 *)h;

	ivnet_shm_geometry_default(&g, size, 2 + take8(&in) % 15,
				   1 + take8(&in) % 4);
	ivnet_shm_header_fill(h, &g);
	for (n = take8(&in) % 8; n; n--)
		p[8 + take8(&in) % (sizeof(*h) - 8)] = take8(&in);
	/* Sections that fit, for as many ports as it says now. */
	if (take8(&in) % 2 && h->max_ports && size > IVNET_SHM_PAGE)
		h->section_stride = cpu_to_le64((size - IVNET_SHM_PAGE) /
						le16_to_cpu(h->max_ports) &
						~4095ULL);
	if (take8(&in) % 8)
		h->crc = cpu_to_le32(ivnet_shm_crc(h, offsetof(typeof(*h), crc)));
	if (!(take8(&in) % 16))
		p[take8(&in) % 8]++;
}

/* Arithmetic alone, so that the region can have any size. */
static bool check_header(u64 size)
{
	enum ivnet_shm_geometry_err err;
	struct ivnet_shm_geometry g;
	struct ivnet_shm_header h;
	u32 crc;

	header_input(&h, size);
	crc = ivnet_shm_crc(&h, offsetof(typeof(h), crc));
	err = ivnet_shm_geometry_check(&g, &h, size, crc);
	MUST(err <= IVNET_SHM_GEOMETRY_FIT);
	if (err)
		return false;
	MUST(le32_to_cpu(h.crc) == crc && !h.features_must);
	MUST(le16_to_cpu(h.major) == 1 && le16_to_cpu(h.header_len) == 68);
	MUST(le64_to_cpu(h.region_size) == size && g.region_size == size);
	check_layout(&g);

	return true;
}

/* The layout we would give a region is one that we would adopt. */
static void check_default(u64 size)
{
	struct ivnet_shm_geometry g, again;
	struct ivnet_shm_header h;
	u32 crc;

	if (ivnet_shm_geometry_default(&g, size, take8(&in) % 20, take8(&in) % 6))
		return;
	check_layout(&g);
	ivnet_shm_header_fill(&h, &g);
	crc = ivnet_shm_crc(&h, offsetof(typeof(h), crc));
	h.crc = cpu_to_le32(crc);
	MUST(!ivnet_shm_geometry_check(&again, &h, size, crc));
	MUST(!memcmp(&g, &again, sizeof(g)));
}

/* One that can write its own output section alone, and have any state. */
static void output_acts(u8 how)
{
	u32 i = how >> 2 & 15;
	u8 *own = outputs[i];

	if (i == victim->position || i >= victim->geo.ports)
		return;
	states[i] = cpu_to_le32(take8(&in) % 5);
	if (take8(&in) % 4 == 0) {
		header_input((struct ivnet_shm_header *)own, victim->geo.region_size);
		return;
	}
	memcpy(own, &victim->header, sizeof(victim->header));
	own[take16(&in) % (2 * IVNET_SHM_PAGE)] = take8(&in);
}

/**
 * peer_acts() - another port, which may write everywhere
 */
void peer_acts(void)
{
	u8 how = take8(&in), *page = victim->base, n;
	struct ivnet_shm_port *ports = (void *)(page + IVNET_SHM_PORT_TABLE);
	struct ivnet_shm_header h;
	u64 *claim;

	if (how % 4)
		return;
	acted++;
	if (victim->states) {
		output_acts(how);
		return;
	}
	switch (how >> 2 & 7) {
	case 0:
		header_input(&h, victim->size);
		memcpy(page, &h, sizeof(h));
		break;
	case 1:
		page[take16(&in) % IVNET_SHM_PAGE] = take8(&in);
		break;
	case 2:
		memset(page, take8(&in) & 1 ? 0xff : 0, IVNET_SHM_PAGE);
		break;
	case 3:
		page[(take16(&in) << 8) % victim->size] = take8(&in);
		break;
	case 4:
		for (n = 0; n < IVNET_SHM_PORTS_MAX; n++)
			ports[n].claim = cpu_to_le64(IVNET_SHM_CLAIM(1 + n, n, 1));
		break;
	default:
		claim = (u64 *)&ports[take8(&in) % IVNET_SHM_PORTS_MAX].claim;
		*claim = cpu_to_le64(IVNET_SHM_CLAIM(take8(&in), take8(&in) % 4,
						     take8(&in) % 3));
		break;
	}
}

/* A port of a region that was adopted. */
static void live(struct shm_dev *sd)
{
	u32 before;
	u8 rounds;
	bool mine;

	sd->port = -1;
	for (rounds = take8(&in) % 32; rounds; rounds--) {
		jiffies += take8(&in) * 16;
		if (sd->port >= 0 && !shm_port_mine(sd))
			sd->port = -1;
		if (sd->port < 0 && shm_region_kept(sd)) {
			before = acted;
			if (!shm_port_claim(sd))
				continue;
			MUST(sd->port >= 0 && (u32)sd->port < sd->geo.ports);
			MUST(sd->pin == SHM_PORT_ANY || (u32)sd->port == sd->pin);
			MUST(sd->incarnation);
			mine = shm_port_mine(sd);
			MUST(mine || before != acted);
		}
		if (sd->port < 0)
			continue;
		sd->beat++;
		shm_announce(sd, take8(&in) % 4);
		if (!(take8(&in) % 8)) {
			shm_port_release(sd);
			MUST(sd->port == -1);
		}
	}
}

/* The capability of a device, and what it comes to. */
static bool check_capability(void)
{
	u8 cap[IVNET_V2_CAP_LONG], i, good = take8(&in);
	u64 bar = take32(&in), end, page = 4096;
	u32 id = take8(&in) % 18, peers = take8(&in) % 19;
	struct ivnet_v2_layout l;

	for (i = 0; i < sizeof(cap); i++)
		cap[i] = take8(&in);
	if (good & 1)
		cap[IVNET_V2_CAP_LEN] = good & 2 ? IVNET_V2_CAP_LONG : IVNET_V2_CAP_SHORT;
	for (i = IVNET_V2_CAP_TABLE; good & 4 && i < sizeof(cap); i += 8) {
		cap[i] = 0;
		cap[i + 1] &= 0xf0;
		cap[4] = 0;
		cap[5] &= 0xf0;
	}
	if (good & 8)
		bar <<= 32;
	if (ivnet_v2_check(&l, cap, id, peers, bar, page))
		return false;
	MUST(id < peers && peers >= 2 && peers <= 16);
	MUST(l.table >= 4 * peers && l.output);
	MUST(!((l.table | l.rw | l.output) % page));
	/* The last section ends at the total, and nothing went around. */
	end = ivnet_v2_output(&l, peers - 1);
	MUST(end >= l.table && l.total > end && l.total - end == l.output);
	if (bar)
		MUST(l.total <= bar);
	else
		MUST(l.address && !(l.address % page) && l.address + l.total - 1 >= l.address);

	return true;
}

/* A port on IVSHMEM v2: what it says is in its own section. */
static bool output_run(void)
{
	struct net_device netdev = { .mtu = 1500 };
	struct ivnet_dev idev = {};
	struct shm_dev sd = { .idev = &idev, .states = states, .netdev = &netdev };
	u32 i, peer;
	u64 claim;
	int err;

	memset(states, 0, sizeof(states));
	memset(outputs, 0, sizeof(outputs));
	sd.want_ports = 2 + take8(&in) % 15;
	sd.position = take8(&in) % sd.want_ports;
	sd.pin = sd.position;
	sd.output_size = 4096 * (take8(&in) % 17);
	sd.own_queues = 1 + take8(&in) % 4;
	sd.want_queues = take8(&in) % 5;
	sd.vectors = take8(&in) % 6;
	for (i = 0; i < sd.want_ports; i++)
		sd.outputs[i] = outputs[i];
	victim = &sd;

	err = shm_region_open(&sd, NULL);
	MUST(err == 0 || err == -EINVAL);
	if (err)
		return false;
	MUST(sd.geo.ports == sd.want_ports && sd.geo.first == IVNET_SHM_PAGE);
	MUST(sd.geo.stride == sd.output_size - IVNET_SHM_PAGE);
	check_layout(&sd.geo);
	sd.port = -1;
	live(&sd);
	for (i = 0; i < 32; i++) {
		peer = take8(&in) % sd.geo.ports;
		if (peer == sd.position)
			continue;
		claim = shm_claim_read(&sd, peer);
		MUST(!claim || (IVNET_SHM_CLAIM_STATE(claim) == IVNET_SHM_CLAIM_TAKEN &&
				IVNET_SHM_CLAIM_POSITION(claim) == peer));
	}
	/* A port that never acted has got nothing written to it. */
	for (i = 0; i < sd.geo.ports; i++)
		if (i != sd.position && !states[i] && !acted)
			MUST(!memchr_inv(outputs[i], 0, sizeof(outputs[i])));

	return true;
}

/**
 * region_run() - run an input
 * @data: what the region holds, and what happens
 * @size: bytes
 *
 * Return: was a region adopted?
 */
bool region_run(const u8 *data, size_t size)
{
	static const u32 sizes[] = { 4096, 32767, 32768, 65536, 131072, 262144 };
	struct net_device netdev = { .mtu = 1500 };
	struct ivnet_shm_header before, h;
	struct ivnet_dev idev = {};
	struct shm_dev sd = {};
	u8 page[IVNET_SHM_PAGE];
	bool adopted, foreign, let_go;
	u64 any;
	int err;

	in = (struct bytes) { data, size };
	acted = 0;
	if (take8(&in) % 4 == 0)
		return check_capability() | output_run();
	any = (u64)take32(&in) << (take8(&in) % 33);
	adopted = check_header(any);
	check_default(any);

	sd.idev = &idev;
	sd.size = sizes[take8(&in) % ARRAY_SIZE(sizes)];
	sd.base = calloc(1, sd.size);
	MUST(sd.base);
	victim = &sd;
	if (take8(&in) % 4) {
		header_input(&h, sd.size);
		memcpy(sd.base, &h, sizeof(h));
	}
	if (take8(&in) % 4 == 0)
		sd.base[take16(&in) % IVNET_SHM_PAGE] = take8(&in);
	sd.pin = take8(&in) & 1 ? SHM_PORT_ANY : take8(&in) % 20;
	let_go = take8(&in) % 4 == 0;
	sd.format = let_go;
	sd.want_ports = take8(&in) & 1 ? 0 : take8(&in) % 20;
	sd.want_queues = take8(&in) & 1 ? 0 : take8(&in) % 6;
	sd.vectors = take8(&in) % 8;
	sd.position = take8(&in) % 4;
	sd.netdev = take8(&in) & 1 ? &netdev : NULL;

	memcpy(page, sd.base, sizeof(page));
	memcpy(&before, page, sizeof(before));
	acted = 0;
	foreign = shm_region_foreign(&sd);
	if (!acted)
		MUST(foreign == (le64_to_cpu(before.magic) != IVNET_SHM_MAGIC &&
				 memchr_inv(page, 0, sizeof(page))));
	err = shm_region_open(&sd, NULL);
	MUST(err == 0 || err == -EINVAL || err == -EBUSY || err == -EIO);
	/* Who refuses a region leaves it alone. */
	if (!acted && (err == -EBUSY || err == -EINVAL))
		MUST(!memcmp(page, sd.base, sizeof(page)));
	/* What is not ours stays, unless the user lets it go. */
	if (!acted && foreign)
		MUST(err || let_go);
	if (!err) {
		MUST(sd.geo.region_size == sd.size);
		MUST(le32_to_cpu(sd.header.crc) ==
		     ivnet_shm_crc(&sd.header, offsetof(typeof(h), crc)));
		check_layout(&sd.geo);
		live(&sd);
		adopted = true;
	}
	free(sd.base);

	return adopted;
}
