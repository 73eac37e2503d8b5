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

#include "hostile.h"

#define BEAT_MS		200
#define START_MS	30000	/* others may still have to format the region */
/* How slowly it may take what comes: just so that it does not count as dead. */
#define SLOW_MS		90

static int over;	/* by a signal; atomic */

static void on_signal(int number)
{
	(void)number;
	ivnet_shm_store(&over, 1);
}

u64 now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);

	return (u64)ts.tv_sec * 1000 + (u64)ts.tv_nsec / 1000000;
}

/* The part of a port that keeps the rules */

void ring(struct port *p, u32 j, u16 vector)
{
	u16 id = le16_to_cpu(ivnet_shm_load(&announce(p, j)->position));

	p->rings += client_ring(&p->client, id, vector);
}

void ring_control(struct port *p, u32 j)
{
	ring(p, j, le16_to_cpu(ivnet_shm_load(&announce(p, j)->control_vector)));
}

void ring_data(struct port *p, u32 j, u32 q)
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
bool claim(struct port *p)
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
	for (n = 0; attack_name(n); n++)
		printf(", \"%s\": %llu", attack_name(n), (unsigned long long)p->done[n]);
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
