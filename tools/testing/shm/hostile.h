/* SPDX-License-Identifier: GPL-2.0 */
/* A hostile port: what its files share. */
#ifndef _SHM_HOSTILE_H
#define _SHM_HOSTILE_H

#include <net/ivnet/shm_region.h>

#include "client.h"

#define PORTS		IVNET_SHM_PORTS_MAX
#define BLOCK		128	/* bytes of a block of a section */
#define FEATURES	0x7f	/* all there are */
#define ARP_BYTES	42
#define COUNT(a)	((u32)(sizeof(a) / sizeof((a)[0])))

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

/* xorshift64*: the same seed makes the same choices. */
static inline u32 rnd(struct port *p)
{
	p->random ^= p->random >> 12;
	p->random ^= p->random << 25;
	p->random ^= p->random >> 27;

	return (u32)(p->random * 0x2545f4914f6cdd1dULL >> 32);
}

static inline u32 below(struct port *p, u32 limit)
{
	return limit ? rnd(p) % limit : 0;
}

/* A number at which a check may be off by one, or overflow. */
static inline u32 edge(struct port *p, u32 around)
{
	const u32 values[] = {
		0, 1, 13, 14, 63, 64, 65, around - 1, around, around + 1,
		around - 64, around + 64, 2 * around, 0x7fff, 0x8000, 0xffff,
		0x10000, 0x7fffffff, 0x80000000, 0xffffffc0, 0xffffffff,
		rnd(p), rnd(p) & 0xffff,
	};

	return values[below(p, COUNT(values))];
}

static inline void scribble(struct port *p, void *to, size_t len)
{
	u8 *bytes = to;

	while (len--)
		*bytes++ = (u8)rnd(p);
}

/* Where things are */

static inline void *at(const struct port *p, u64 offset)
{
	return p->client.memory + offset;
}

static inline struct ivnet_shm_port *entry(const struct port *p, u32 i)
{
	return at(p, IVNET_SHM_PORT_TABLE + i * sizeof(struct ivnet_shm_port));
}

static inline struct ivnet_shm_announce *announce(const struct port *p, u32 i)
{
	return at(p, ivnet_shm_section(&p->geo, i));
}

static inline struct ivnet_shm_link *block(const struct port *p, u32 i, u32 j)
{
	return at(p, ivnet_shm_link_off(&p->geo, i, j));
}

static inline struct ivnet_shm_index *prod(const struct port *p, u32 i, u32 j, u32 q)
{
	return at(p, ivnet_shm_prod_off(&p->geo, i, j, q));
}

static inline struct ivnet_shm_index *cons(const struct port *p, u32 i, u32 j, u32 q)
{
	return at(p, ivnet_shm_cons_off(&p->geo, i, j, q));
}

static inline struct ivnet_shm_desc *desc(const struct port *p, u32 j, u32 q, u32 n)
{
	struct ivnet_shm_desc *ring = at(p, ivnet_shm_ring_off(&p->geo, p->me, j, q));

	return &ring[n & ((1U << p->geo.order) - 1)];
}

static inline u8 *data(const struct port *p, u32 j, u32 q)
{
	return at(p, ivnet_shm_data_off(&p->geo, p->me, j, q));
}

/* hostile.c */
u64 now_ms(void);
void ring(struct port *p, u32 j, u16 vector);
void ring_control(struct port *p, u32 j);
void ring_data(struct port *p, u32 j, u32 q);
bool claim(struct port *p);

/* attack.c */
void attack(struct port *p);
const char *attack_name(u32 n);

#endif
