// SPDX-License-Identifier: GPL-2.0
/*
 * A port of an ivnet-shm segment that breaks every rule it can, as fast as it can.
 *
 * It joins like any other port and brings its links up, again and again, so that
 * what it writes meets a driver that listens. As a rule it writes what a port may
 * write: its section, its claim, free entries of the port table, the header. With
 * --everywhere it writes all over the region.
 *
 * The last line on standard output is what it did, as JSON.
 */

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <net/ivnet/shm_region.h>

#include "client.h"

#define PORTS		IVNET_SHM_PORTS_MAX
#define BLOCK		128	/* bytes of a block of a section */
#define FEATURES	0x7f	/* all there are */
#define BEAT_MS		200
#define START_MS	30000	/* others may still have to format the region */
#define ARP_BYTES	42
#define COUNT(a)	((u32)(sizeof(a) / sizeof((a)[0])))

/* What breaks a link is spread, or no link would ever be up. */
#define HARD_MS		200
/* How slowly it may take what comes: just so that it does not count as dead. */
#define SLOW_MS		90
/* With --everywhere, of so many seconds one in which it writes all the time. */
#define BLAST_S		4

enum state {
	DOWN,
	AGREE,
	UP,
};

struct lane {
	u32 prod;
	u32 cons;
};

struct link {
	enum state state;
	u32 life;
	u32 peer_life;
	struct lane lanes[IVNET_SHM_QUEUES_MAX];
};

struct port {
	struct client client;
	struct ivnet_shm_geometry geo;
	struct ivnet_shm_header header;
	struct ivnet_shm_announce announce;
	struct link links[PORTS];
	u32 me;
	u32 incarnation;
	u32 beat;
	u64 claim;
	u64 beat_at;
	u64 hard_at;
	u64 stall_until;
	u64 slow_at;
	bool slow;
	u64 random;
	u8 arp[8][4];
	u32 arps;
	bool everywhere;
	u64 done[32];
	u64 frames;
	u64 ups;
	u64 rings;
};

static int over;	/* by a signal; atomic */

static void on_signal(int number)
{
	(void)number;
	ivnet_shm_store(&over, 1);
}

static u64 now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);

	return (u64)ts.tv_sec * 1000 + (u64)ts.tv_nsec / 1000000;
}

/* xorshift64*: the same seed makes the same choices. */
static u32 rnd(struct port *p)
{
	p->random ^= p->random >> 12;
	p->random ^= p->random << 25;
	p->random ^= p->random >> 27;

	return (u32)(p->random * 0x2545f4914f6cdd1dULL >> 32);
}

static u32 below(struct port *p, u32 limit)
{
	return limit ? rnd(p) % limit : 0;
}

/* A number at which a check may be off by one, or overflow. */
static u32 edge(struct port *p, u32 around)
{
	const u32 values[] = {
		0, 1, 13, 14, 63, 64, 65, around - 1, around, around + 1,
		around - 64, around + 64, 2 * around, 0x7fff, 0x8000, 0xffff,
		0x10000, 0x7fffffff, 0x80000000, 0xffffffc0, 0xffffffff,
		rnd(p), rnd(p) & 0xffff,
	};

	return values[below(p, COUNT(values))];
}

static void scribble(struct port *p, void *to, size_t len)
{
	u8 *bytes = to;

	while (len--)
		*bytes++ = (u8)rnd(p);
}

/* Where things are */

static void *at(const struct port *p, u64 offset)
{
	return p->client.memory + offset;
}

static struct ivnet_shm_port *entry(const struct port *p, u32 i)
{
	return at(p, IVNET_SHM_PORT_TABLE + i * sizeof(struct ivnet_shm_port));
}

static struct ivnet_shm_announce *announce(const struct port *p, u32 i)
{
	return at(p, ivnet_shm_section(&p->geo, i));
}

static struct ivnet_shm_link *block(const struct port *p, u32 i, u32 j)
{
	return at(p, ivnet_shm_link_off(&p->geo, i, j));
}

static struct ivnet_shm_index *prod(const struct port *p, u32 i, u32 j, u32 q)
{
	return at(p, ivnet_shm_prod_off(&p->geo, i, j, q));
}

static struct ivnet_shm_index *cons(const struct port *p, u32 i, u32 j, u32 q)
{
	return at(p, ivnet_shm_cons_off(&p->geo, i, j, q));
}

static struct ivnet_shm_desc *desc(const struct port *p, u32 j, u32 q, u32 n)
{
	struct ivnet_shm_desc *ring = at(p, ivnet_shm_ring_off(&p->geo, p->me, j, q));

	return &ring[n & ((1U << p->geo.order) - 1)];
}

static u8 *data(const struct port *p, u32 j, u32 q)
{
	return at(p, ivnet_shm_data_off(&p->geo, p->me, j, q));
}

/* The part of a port that keeps the rules */

static void ring(struct port *p, u32 j, u16 vector)
{
	u16 id = le16_to_cpu(ivnet_shm_load(&announce(p, j)->position));

	p->rings += client_ring(&p->client, id, vector);
}

static void ring_control(struct port *p, u32 j)
{
	ring(p, j, le16_to_cpu(ivnet_shm_load(&announce(p, j)->control_vector)));
}

static void ring_data(struct port *p, u32 j, u32 q)
{
	ring(p, j, le16_to_cpu(ivnet_shm_load(&announce(p, j)->data_vectors[q])));
}

static void say(struct port *p)
{
	memcpy(announce(p, p->me), &p->announce, sizeof(p->announce));
}

static bool take(struct port *p, u32 i, u64 old)
{
	u64 new;

	do {
		p->incarnation = rnd(p);
	} while (!p->incarnation);
	new = IVNET_SHM_CLAIM(p->incarnation, p->client.id, IVNET_SHM_CLAIM_TAKEN);

	memset(&p->announce, 0, sizeof(p->announce));
	p->announce.incarnation = cpu_to_le32(p->incarnation);
	p->announce.state = cpu_to_le32(IVNET_SHM_RUN);
	p->announce.heartbeat = cpu_to_le32(++p->beat);
	p->announce.position = cpu_to_le16((u16)p->client.id);
	p->announce.features = cpu_to_le64(FEATURES);
	p->announce.wants = cpu_to_le64(FEATURES);
	memcpy(p->announce.mac, "\x02\xba\xd0\x00\x00", 5);
	p->announce.mac[5] = (u8)i;
	p->announce.mtu = cpu_to_le16(1500);
	p->announce.max_frame = cpu_to_le32(p->geo.max_frame);

	if (!__atomic_compare_exchange_n(&entry(p, i)->claim, &old, new, false,
					 __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		return false;
	p->me = i;
	p->claim = new;
	memset(p->links, 0, sizeof(p->links));
	memset(announce(p, i), 0, BLOCK * (1 + p->geo.ports));
	say(p);

	return true;
}

/* Any port that is free; its own again if nobody has taken it. */
static bool claim(struct port *p)
{
	u32 i;

	if (p->claim && take(p, p->me, p->claim))
		return true;
	for (i = 0; i < p->geo.ports; i++)
		if (!ivnet_shm_load(&entry(p, i)->claim) && take(p, i, 0))
			return true;

	return false;
}

static void empty(struct port *p, u32 j)
{
	struct link *link = &p->links[j];
	u32 q;

	memset(link->lanes, 0, sizeof(link->lanes));
	for (q = 0; q < p->geo.queues; q++) {
		memset(prod(p, p->me, j, q), 0, BLOCK);
		memset(cons(p, p->me, j, q), 0, BLOCK);
	}
}

/* One step of the life of a link, as in ivnet-shm.rst. */
static void link_step(struct port *p, u32 j)
{
	struct ivnet_shm_link *own = block(p, p->me, j);
	struct link *link = &p->links[j];
	struct ivnet_shm_announce a;
	struct ivnet_shm_link their;
	u64 word;

	word = le64_to_cpu(ivnet_shm_load(&entry(p, j)->claim));
	memcpy(&a, announce(p, j), sizeof(a));
	memcpy(&their, block(p, j, p->me), sizeof(their));

	if (IVNET_SHM_CLAIM_STATE(word) != IVNET_SHM_CLAIM_TAKEN ||
	    le32_to_cpu(a.incarnation) != IVNET_SHM_CLAIM_INCARNATION(word) ||
	    le32_to_cpu(a.state) < IVNET_SHM_READY) {
		link->state = DOWN;
		return;
	}

	if (link->state == DOWN ||
	    (link->state == UP && (le32_to_cpu(their.mine) != link->peer_life ||
				   le32_to_cpu(their.yours) != link->life))) {
		empty(p, j);
		link->life = rnd(p) | 1;
		link->peer_life = 0;
		link->state = AGREE;
		memset(own, 0, sizeof(*own));
		own->features = cpu_to_le32((u32)le64_to_cpu(a.features) & FEATURES);
		ivnet_shm_store_release(&own->mine, cpu_to_le32(link->life));
	}
	if (link->state != AGREE)
		return;

	if (link->peer_life != le32_to_cpu(their.mine)) {
		link->peer_life = le32_to_cpu(their.mine);
		own->features = cpu_to_le32((u32)le64_to_cpu(a.features) & FEATURES);
		ivnet_shm_store_release(&own->yours, their.mine);
		ring_control(p, j);
	}
	if (link->peer_life && le32_to_cpu(their.yours) == link->life &&
	    their.features == own->features) {
		link->state = UP;
		own->state = cpu_to_le32(1);
		p->ups++;
	}
}

/* Receive and forget: all there is, or one frame of each queue. */
static void consume(struct port *p, u32 j, bool all)
{
	struct link *link = &p->links[j];
	u32 q, index;

	for (q = 0; q < p->geo.queues; q++) {
		index = le32_to_cpu(ivnet_shm_load_acquire(&prod(p, j, p->me, q)->index));
		if (index == link->lanes[q].cons)
			continue;
		if (!all)
			index = link->lanes[q].cons + 1;
		link->lanes[q].cons = index;
		ivnet_shm_store_release(&cons(p, p->me, j, q)->index, cpu_to_le32(index));
		ring_data(p, j, q);
	}
}

static void serve(struct port *p)
{
	u64 now = now_ms();
	bool slow;
	u32 j;

	if (!client_poll(&p->client)) {
		fprintf(stderr, "hostile: the server talks nonsense\n");
		exit(1);
	}
	if (now >= p->beat_at) {
		p->beat_at = now + BEAT_MS;
		p->announce.heartbeat = cpu_to_le32(++p->beat);
		say(p);
	}
	slow = now < p->stall_until;
	for (j = 0; j < p->geo.ports; j++) {
		if (j == p->me)
			continue;
		link_step(p, j);
		if (p->links[j].state == UP && (!slow || (p->slow && now >= p->slow_at)))
			consume(p, j, !slow);
	}
	if (now >= p->slow_at)
		p->slow_at = now + SLOW_MS;
}

/* What it does wrong. Each gets a peer and a queue. */

/* Frames behind each other, and room for them; the first descriptor's number. */
static u32 room(struct port *p, u32 j, u32 q, u32 count)
{
	u32 done = le32_to_cpu(ivnet_shm_load_acquire(&cons(p, j, p->me, q)->index));
	u32 used = p->links[j].lanes[q].prod - done;
	u32 size = 1U << p->geo.order;

	if (used > size)
		return 0;

	return size - used < count ? size - used : count;
}

static void publish(struct port *p, u32 j, u32 q, u32 count)
{
	struct lane *lane = &p->links[j].lanes[q];

	lane->prod += count;
	p->frames += count;
	ivnet_shm_store_release(&prod(p, p->me, j, q)->index, cpu_to_le32(lane->prod));
	if (!below(p, 16))
		ring_data(p, j, q);
}

/* Where a frame lies: the data area in parts of 2 KiB, if it has as much. */
static u32 place(const struct port *p, u32 slot)
{
	u32 parts = p->geo.data_size / 2048;

	return parts ? slot % parts * 2048 : 0;
}

/* A frame that a driver should take, with an address that is this port's. */
static u32 frame(struct port *p, u32 j, u32 q, u32 slot, struct ivnet_shm_desc *d)
{
	u32 len = 14 + below(p, 1500), offset = place(p, slot);
	u8 *to = data(p, j, q) + offset;

	if (len > p->geo.max_frame)
		len = IVNET_SHM_FRAME_MIN;
	scribble(p, to, len < 128 ? len : 128);
	memcpy(to, below(p, 8) ? announce(p, j)->mac : (u8 *)"\xff\xff\xff\xff\xff\xff", 6);
	memcpy(to + 6, p->announce.mac, 6);
	if (below(p, 2)) {
		/* So much of a header that the stack looks at the rest. */
		memcpy(to + 12, below(p, 2) ? "\x08\x00\x45\x00" : "\x86\xdd\x60\x00",
		       len < 16 ? len - 12 : 4);
		if (len > 24)
			to[23] = below(p, 2) ? 6 : 17;
	}
	*d = (struct ivnet_shm_desc) {
		.offset	= cpu_to_le32(offset),
		.len	= cpu_to_le32(len),
	};

	return len;
}

static void put(struct port *p, u32 j, u32 q, u32 n, struct ivnet_shm_desc *d)
{
	memcpy(desc(p, j, q, n), d, sizeof(*d));
}

/* Good frames with one thing wrong in the descriptor, or all of it. */
static void bad_desc(struct port *p, u32 j, u32 q)
{
	struct lane *lane = &p->links[j].lanes[q];
	u32 count = room(p, j, q, 1 + below(p, 64)), i;
	struct ivnet_shm_desc d;

	for (i = 0; i < count; i++) {
		frame(p, j, q, lane->prod + i, &d);
		d.seq = cpu_to_le16((u16)(lane->prod + i));
		switch (below(p, 8)) {
		case 0:
			scribble(p, &d, sizeof(d));
			break;
		case 1:
			d.seq = cpu_to_le16((u16)rnd(p));
			break;
		case 2:
			d.len = cpu_to_le32(edge(p, p->geo.max_frame));
			break;
		case 3:
			d.offset = cpu_to_le32(edge(p, p->geo.data_size));
			break;
		case 4:
			d.offset = cpu_to_le32(edge(p, p->geo.data_size));
			d.len = cpu_to_le32(p->geo.data_size - le32_to_cpu(d.offset) +
					    below(p, 3) - 1);
			break;
		case 5:
			d.flags = cpu_to_le16((u16)(1 << below(p, 16)));
			break;
		case 6:
			d.reserved = (u8)rnd(p);
			d.reserved2 = cpu_to_le32(rnd(p));
			break;
		default:
			break;
		}
		put(p, j, q, lane->prod + i, &d);
	}
	publish(p, j, q, count);
}

/* Checksums and segments that do not fit the frame. */
static void bad_meta(struct port *p, u32 j, u32 q)
{
	const u8 types[] = { 0, 1, 3, 4, 5, 0x81, 0x84, 0x85, 0xff };
	struct lane *lane = &p->links[j].lanes[q];
	u32 count = room(p, j, q, 1 + below(p, 32)), i, len;
	struct ivnet_shm_desc d;

	for (i = 0; i < count; i++) {
		len = frame(p, j, q, lane->prod + i, &d);
		d.seq = cpu_to_le16((u16)(lane->prod + i));
		d.flags = cpu_to_le16((u16)below(p, 16));
		d.gso_type = types[below(p, COUNT(types))];
		d.gso_size = cpu_to_le16((u16)edge(p, len));
		d.csum_start = cpu_to_le16((u16)edge(p, below(p, 2) ? 34 : len));
		d.csum_offset = cpu_to_le16((u16)edge(p, below(p, 2) ? 16 : len));
		d.hdr_len = cpu_to_le16((u16)edge(p, 54));
		d.vlan_tci = cpu_to_le16((u16)rnd(p));
		d.hash = cpu_to_le32(rnd(p));
		put(p, j, q, lane->prod + i, &d);
	}
	publish(p, j, q, count);
}

/* Change what was shown while it is being read. */
static void race(struct port *p, u32 j, u32 q)
{
	struct lane *lane = &p->links[j].lanes[q];
	u32 count = room(p, j, q, 16), first = lane->prod, i;
	struct ivnet_shm_desc d, *shown;
	u8 *bytes;

	if (!count)
		return;
	for (i = 0; i < count; i++) {
		frame(p, j, q, lane->prod + i, &d);
		d.seq = cpu_to_le16((u16)(lane->prod + i));
		put(p, j, q, lane->prod + i, &d);
	}
	publish(p, j, q, count);
	ring_data(p, j, q);
	for (i = 0; i < 4000; i++) {
		shown = desc(p, j, q, first + below(p, count));
		bytes = data(p, j, q) + place(p, first + below(p, count));
		ivnet_shm_store(&shown->len, cpu_to_le32(i & 1 ? 60 : edge(p, 1500)));
		ivnet_shm_store(&shown->offset, cpu_to_le32(i & 2 ? 0 : edge(p, 4096)));
		ivnet_shm_store(&bytes[below(p, 64)], (u8)rnd(p));
	}
}

/* Ask for answers, and perhaps do not take them, or one by one. */
static void ask(struct port *p, u32 j, u32 q)
{
	static const u8 head[] = {
		0x08, 0x06, 0, 1, 8, 0, 6, 4, 0, 1,
	};
	struct lane *lane = &p->links[j].lanes[q];
	u32 count = room(p, j, q, 16), i;
	struct ivnet_shm_desc d = {
		.len = cpu_to_le32(60),
	};
	u8 *to;

	if (!p->arps || p->geo.data_size < 16 * 64)
		return;
	for (i = 0; i < count; i++) {
		to = data(p, j, q) + 64 * i;
		memset(to, 0, 60);
		memset(to, 0xff, 6);
		memcpy(to + 6, p->announce.mac, 6);
		memcpy(to + 12, head, sizeof(head));
		memcpy(to + 22, p->announce.mac, 6);
		memcpy(to + 28, p->arp[0], 3);
		to[31] = 250;
		memcpy(to + 38, p->arp[below(p, p->arps)], 4);
		d.offset = cpu_to_le32(64 * i);
		d.seq = cpu_to_le16((u16)(lane->prod + i));
		put(p, j, q, lane->prod + i, &d);
	}
	publish(p, j, q, count);
	if (!below(p, 64)) {
		p->stall_until = now_ms() + below(p, 3000);
		p->slow = below(p, 2);
	}
}

static void bad_events(struct port *p, u32 j, u32 q)
{
	ivnet_shm_store(&prod(p, p->me, j, q)->event, cpu_to_le32(edge(p, rnd(p))));
	ivnet_shm_store(&cons(p, p->me, j, q)->event,
			cpu_to_le32(edge(p, p->links[j].lanes[q].cons)));
}

static void padding(struct port *p, u32 j, u32 q)
{
	scribble(p, prod(p, p->me, j, q)->reserved, 8);
	scribble(p, cons(p, p->me, j, q)->reserved, 8);
	scribble(p, block(p, p->me, j)->reserved, 8);
	scribble(p, announce(p, p->me)->reserved2, 8);
	scribble(p, entry(p, p->me)->reserved, 8);
}

static void bells(struct port *p, u32 j, u32 q)
{
	u32 i;

	(void)q;
	for (i = 0; i < 16; i++)
		ring(p, j, (u16)below(p, CLIENT_VECTORS));
}

static void bad_prod(struct port *p, u32 j, u32 q)
{
	struct lane *lane = &p->links[j].lanes[q];
	u32 size = 1U << p->geo.order;

	ivnet_shm_store(&prod(p, p->me, j, q)->index,
			cpu_to_le32(below(p, 2) ? edge(p, lane->prod + size) : lane->prod - 1));
	ring_data(p, j, q);
}

static void bad_cons(struct port *p, u32 j, u32 q)
{
	struct lane *lane = &p->links[j].lanes[q];

	ivnet_shm_store(&cons(p, p->me, j, q)->index,
			cpu_to_le32(below(p, 2) ? edge(p, lane->cons + 1) : lane->cons - 1));
	ring_data(p, j, q);
}

static void bad_link(struct port *p, u32 j, u32 q)
{
	__le32 *words = (__le32 *)block(p, p->me, j);

	(void)q;
	ivnet_shm_store(&words[below(p, 7)], cpu_to_le32(edge(p, p->links[j].life)));
	ring_control(p, j);
}

static void bad_announce(struct port *p, u32 j, u32 q)
{
	struct ivnet_shm_announce *a = announce(p, p->me);

	(void)q;
	switch (below(p, 9)) {
	case 0:
		ivnet_shm_store(&a->incarnation, cpu_to_le32(edge(p, p->incarnation)));
		break;
	case 1:
		ivnet_shm_store(&a->state, cpu_to_le32(edge(p, IVNET_SHM_RUN)));
		break;
	case 2:
		ivnet_shm_store(&a->position, cpu_to_le16((u16)edge(p, (u32)p->client.id)));
		break;
	case 3:
		ivnet_shm_store(&a->vectors, cpu_to_le16((u16)edge(p, 5)));
		scribble(p, &a->control_vector, 10);
		break;
	case 4:
		ivnet_shm_store(&a->features, cpu_to_le64((u64)rnd(p) << 32 | rnd(p)));
		ivnet_shm_store(&a->wants, cpu_to_le64((u64)rnd(p) << 32 | rnd(p)));
		break;
	case 5:
		ivnet_shm_store(&a->max_frame, cpu_to_le32(edge(p, p->geo.max_frame)));
		ivnet_shm_store(&a->mtu, cpu_to_le16((u16)edge(p, 1500)));
		break;
	case 6:
		scribble(p, a->ident, sizeof(a->ident));
		break;
	case 7:
		scribble(p, a->mac, sizeof(a->mac));
		break;
	default:
		scribble(p, a, sizeof(*a));
		break;
	}
	ring_control(p, j);
}

static void bad_blocks(struct port *p, u32 j, u32 q)
{
	__le32 *words = (__le32 *)announce(p, p->me);
	u32 i;

	(void)q;
	for (i = below(p, 64); i; i--)
		ivnet_shm_store(&words[below(p, p->geo.lanes_off / 4)],
				cpu_to_le32(edge(p, rnd(p))));
	ring_control(p, j);
}

static void bad_claim(struct port *p, u32 j, u32 q)
{
	u64 word = (u64)rnd(p) << 32 | rnd(p);

	(void)q;
	if (below(p, 2))
		word = below(p, 2) ? 0 : p->claim ^ 1ULL << below(p, 64);
	ivnet_shm_store(&entry(p, p->me)->claim, word);
	ring_control(p, j);
	p->claim = word;
}

static void bad_free(struct port *p, u32 j, u32 q)
{
	u64 none = 0, word = IVNET_SHM_CLAIM(rnd(p), rnd(p), IVNET_SHM_CLAIM_TAKEN);
	u32 i = below(p, PORTS);

	(void)q;
	if (!__atomic_compare_exchange_n(&entry(p, i)->claim, &none, word, false,
					 __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		return;
	ring_control(p, j);
	usleep(1000);
	__atomic_compare_exchange_n(&entry(p, i)->claim, &word, 0, false,
				    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

static void bad_header(struct port *p, u32 j, u32 q)
{
	__le32 *words = at(p, 0);

	(void)j;
	(void)q;
	ivnet_shm_store(&words[below(p, sizeof(p->header) / 4)], cpu_to_le32(rnd(p)));
}

static void again(struct port *p, u32 j, u32 q)
{
	(void)j;
	(void)q;
	claim(p);
}

/* All over the region, and what hurts others most. */
static void anywhere(struct port *p, u32 j, u32 q)
{
	__le32 *words = at(p, 0);
	u32 i;

	for (i = 0; i < 256; i++)
		ivnet_shm_store(&words[rnd(p) % (p->client.size / 4)], cpu_to_le32(rnd(p)));
	i = below(p, p->geo.ports);
	switch (below(p, 8)) {
	case 0:
		scribble(p, announce(p, i), below(p, p->geo.lanes_off));
		break;
	case 1:
		words = (__le32 *)announce(p, i);
		ivnet_shm_store(&words[below(p, p->geo.lanes_off / 4)],
				cpu_to_le32(edge(p, rnd(p))));
		break;
	case 2:
		if (i != j)
			ivnet_shm_store(&prod(p, j, i, q)->index, cpu_to_le32(rnd(p)));
		break;
	case 3:
		if (i != j)
			ivnet_shm_store(&cons(p, j, i, q)->index, cpu_to_le32(rnd(p)));
		break;
	case 4:
		scribble(p, at(p, ivnet_shm_ring_off(&p->geo, j, p->me, q)), 4096);
		break;
	default:
		break;
	}
	ring_control(p, j);
}

static void bad_claims(struct port *p, u32 j, u32 q)
{
	(void)q;
	ivnet_shm_store(&entry(p, j)->claim, below(p, 4) ? rnd(p) : 0);
	ring_control(p, j);
}

static const struct attack {
	const char *name;
	void (*run)(struct port *p, u32 j, u32 q);
	bool hard;		/* breaks the link */
	bool everywhere;	/* writes what others own */
} attacks[] = {
	{ "descriptors", bad_desc, .hard = false },
	{ "metadata", bad_meta, .hard = false },
	{ "race", race, .hard = false },
	{ "ask", ask, .hard = false },
	{ "events", bad_events, .hard = false },
	{ "padding", padding, .hard = false },
	{ "bells", bells, .hard = false },
	{ "header", bad_header, .hard = false },
	{ "producer", bad_prod, .hard = true },
	{ "consumer", bad_cons, .hard = true },
	{ "link", bad_link, .hard = true },
	{ "announce", bad_announce, .hard = true },
	{ "blocks", bad_blocks, .hard = true },
	{ "claim", bad_claim, .hard = true },
	{ "free", bad_free, .hard = true },
	{ "again", again, .hard = true },
	{ "anywhere", anywhere, .hard = true, .everywhere = true },
	{ "claims", bad_claims, .hard = true, .everywhere = true },
};

/* A peer, better one whose link is up. */
static bool choose(struct port *p, u32 *j)
{
	u32 first = below(p, p->geo.ports), i;

	for (i = 0; i < 2 * p->geo.ports; i++) {
		*j = (first + i) % p->geo.ports;
		if (*j != p->me && (p->links[*j].state == UP || i >= p->geo.ports))
			return true;
	}

	return false;
}

static void attack(struct port *p)
{
	u32 n = below(p, COUNT(attacks)), j;
	u64 now = now_ms();

	if (attacks[n].everywhere && !p->everywhere)
		return;
	if (attacks[n].hard && !(p->everywhere && now / 1000 % BLAST_S == 0)) {
		if (now < p->hard_at)
			return;
		p->hard_at = now + HARD_MS + below(p, 5 * HARD_MS);
	}
	if (!choose(p, &j))
		return;
	/* Without a link nobody would see it. */
	if (!attacks[n].hard && !attacks[n].everywhere && p->links[j].state != UP)
		return;
	p->done[n]++;
	attacks[n].run(p, j, below(p, p->geo.queues));
}

/* Adopt the region's layout, once somebody has written it. */
static bool adopt(struct port *p)
{
	u64 end = now_ms() + START_MS;
	u32 crc;

	while (!ivnet_shm_load(&over) && now_ms() < end) {
		memcpy(&p->header, p->client.memory, sizeof(p->header));
		crc = ivnet_shm_crc(&p->header, offsetof(struct ivnet_shm_header, crc));
		if (le64_to_cpu(p->header.magic) == IVNET_SHM_MAGIC &&
		    !ivnet_shm_geometry_check(&p->geo, &p->header, p->client.size, crc))
			return true;
		usleep(10000);
	}

	return false;
}

/* As a port that leaves in an orderly way, but for what it broke. */
static void leave(struct port *p)
{
	u32 j;

	memcpy(p->client.memory, &p->header, sizeof(p->header));
	memset(announce(p, p->me), 0, BLOCK * (1 + p->geo.ports));
	ivnet_shm_store(&entry(p, p->me)->claim, 0);
	for (j = 0; j < p->geo.ports; j++)
		if (j != p->me)
			ring_control(p, j);
}

static void report(const struct port *p)
{
	u32 n;

	printf("{\"port\": %u, \"ups\": %llu, \"rings\": %llu, \"frames\": %llu", p->me,
	       (unsigned long long)p->ups, (unsigned long long)p->rings,
	       (unsigned long long)p->frames);
	for (n = 0; n < COUNT(attacks); n++)
		printf(", \"%s\": %llu", attacks[n].name, (unsigned long long)p->done[n]);
	printf("}\n");
}

static void usage(void)
{
	fprintf(stderr,
		"Usage: hostile (--server SOCKET | --region FILE) [--seconds N] [--seed N]\n"
		"               [--rate PER_SECOND] [--arp ADDRESS]... [--everywhere] [--dirty]\n");
	exit(2);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "server", required_argument, NULL, 's' },
		{ "region", required_argument, NULL, 'r' },
		{ "seconds", required_argument, NULL, 't' },
		{ "seed", required_argument, NULL, 'n' },
		{ "rate", required_argument, NULL, 'v' },
		{ "arp", required_argument, NULL, 'a' },
		{ "everywhere", no_argument, NULL, 'e' },
		{ "dirty", no_argument, NULL, 'd' },
		{ }
	};
	const char *server = NULL, *file = NULL;
	u64 end, next = 0, seconds = 10, rate = 0;
	static struct port port;
	struct port *p = &port;
	bool dirty = false;
	u32 i;
	int c;

	p->random = 1;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 's':
			server = optarg;
			break;
		case 'r':
			file = optarg;
			break;
		case 't':
			seconds = strtoull(optarg, NULL, 0);
			break;
		case 'n':
			p->random = strtoull(optarg, NULL, 0) | 1ULL << 63;
			break;
		case 'v':
			rate = strtoull(optarg, NULL, 0);
			break;
		case 'a':
			if (p->arps == COUNT(p->arp) ||
			    sscanf(optarg, "%hhu.%hhu.%hhu.%hhu", &p->arp[p->arps][0],
				   &p->arp[p->arps][1], &p->arp[p->arps][2],
				   &p->arp[p->arps][3]) != 4)
				usage();
			p->arps++;
			break;
		case 'e':
			p->everywhere = true;
			break;
		case 'd':
			dirty = true;
			break;
		default:
			usage();
		}
	}
	if (!server == !file || optind != argc)
		usage();
	signal(SIGTERM, on_signal);
	signal(SIGINT, on_signal);

	if (server ? !client_connect(&p->client, server) : !client_open(&p->client, file)) {
		perror("hostile: no region");
		return 1;
	}
	if (file)
		p->client.id = 0xfff0;
	if (!adopt(p) || !claim(p)) {
		fprintf(stderr, "hostile: %s\n", p->geo.ports ? "no free port" : "no valid header");
		return 1;
	}
	printf("port %u\n", p->me);
	fflush(stdout);

	end = now_ms() + seconds * 1000;
	for (i = 0; !ivnet_shm_load(&over) && now_ms() < end; i++) {
		if (now_ms() >= next) {
			next = now_ms() + 1;
			serve(p);
		}
		attack(p);
		if (rate)
			usleep((useconds_t)(1000000 / rate));
	}
	if (!dirty)
		leave(p);
	report(p);

	return 0;
}
