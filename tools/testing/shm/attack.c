// SPDX-License-Identifier: GPL-2.0
/* What a hostile port does wrong. Each attack gets a peer and a queue. */

#include <string.h>
#include <time.h>
#include <unistd.h>

#include "hostile.h"

/* What breaks a link is spread, or no link would ever be up. */
#define HARD_MS		200
/* With --everywhere, of so many seconds one in which it writes all the time. */
#define BLAST_S		4

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
	bool index;		/* by a ring's index, while it is up */
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
	{ "producer", bad_prod, .hard = true, .index = true },
	{ "consumer", bad_cons, .hard = true, .index = true },
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

/* Does one thing that is wrong. */
void attack(struct port *p)
{
	const struct attack *chosen = &attacks[below(p, COUNT(attacks))];
	u64 now = now_ms();
	bool up;
	u32 j;

	if (chosen->everywhere && !p->everywhere)
		return;
	if (!choose(p, &j))
		return;
	/* Without a link nobody would see it. */
	up = p->links[j].state == UP;
	if (!up && (!chosen->hard || (chosen->index && !p->everywhere)))
		return;
	if (chosen->hard && !(p->everywhere && now / 1000 % BLAST_S == 0)) {
		if (now < p->hard_at)
			return;
		/* Links are up seldom: about half of them end by an index. */
		if (up && !chosen->index && below(p, 4))
			return;
		p->hard_at = now + HARD_MS + below(p, 5 * HARD_MS);
	}
	p->done[chosen - attacks]++;
	chosen->run(p, j, below(p, p->geo.queues));
}

/* Name of attack @n, or NULL. */
const char *attack_name(u32 n)
{
	return n < COUNT(attacks) ? attacks[n].name : NULL;
}
