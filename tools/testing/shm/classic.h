/* SPDX-License-Identifier: GPL-2.0 */
/* The classic peer: its state, lies, words at any place, a TAP. */
#ifndef _SHM_CLASSIC_PEER_H
#define _SHM_CLASSIC_PEER_H

#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "client.h"

/* What it can lie about. */
enum lie {
	LIE_FLAGS,
	LIE_SHORT,
	LIE_LONG,
	LIE_ADDR,
	/* Now the driver has to begin anew; until it does nothing else is done. */
	LIE_AVAIL_ID,
	LIE_AVAIL_INDEX,
	LIE_AVAIL_BACK,
	LIE_GARBAGE,
	LIE_USED_ID,
	LIE_USED_TWICE,
	LIE_USED_RANGE,
	LIE_USED_LEN,
	LIE_USED_NONE,
	LIE_USED_INDEX,
	LIE_USED_BACK,
	LIE_STATE,
	LIE_STATES,
	LIES
};

#define RESET	0
#define INIT	1
#define READY	2
#define RUN	3

#define FRAME_MAX	(65535 + 18)

/* One direction's rings, as bytes; @used is in the other half. */
struct rings {
	uint8_t *desc;
	uint8_t *avail;
	uint8_t *used;
	uint8_t *data;
	uint64_t data_addr;
};

struct classic {
	struct client client;
	uint32_t peer;
	uint8_t *half[2];	/* ours, theirs */
	uint64_t size;
	uint32_t n;
	uint32_t v;
	uint64_t data_size;
	struct rings out;
	struct rings in;

	uint32_t state;
	uint16_t sent;
	uint16_t back;
	uint16_t taken;
	uint64_t head;
	uint64_t tail;
	uint64_t slots[4096];
	uint64_t their_head;
	uint64_t rung_at;

	int tap;
	bool reflect;
	bool up;
	bool sulks;
	uint32_t lies;
	bool asked;		/* tells the lie @turn, and waits to be asked again */
	uint32_t turn;
	uint64_t lies_left;
	uint64_t lie_every;
	uint64_t lie_at;
	uint64_t random;
	uint64_t resets_left;
	uint64_t reset_from[RUN + 1];
	uint64_t reset_at;
	uint64_t dwell;
	uint64_t step_at;
	uint32_t theirs;
	uint64_t their_reset_from[RUN + 1];
	uint64_t their_reset_at;
	uint64_t held;		/* their longest stay in RESET, µs */

	/* Acts on what it sees only when its doorbell is rung. */
	uint64_t patience;	/* for a doorbell, µs; 0: is not patient */
	uint32_t latched;	/* their state when it was last rung */
	bool awake;		/* frames may have come */
	bool blocked;		/* a ring is full */
	uint16_t wanted;	/* used index that is to be rung for */
	uint64_t state_since;	/* what it saw and was not rung for, µs */
	uint64_t frames_since;
	uint64_t room_since;
	uint64_t changes;
	uint64_t late;
	bool mute;
	bool deaf;		/* each other doorbell of a state below RUN is lost */
	bool missed;

	/* Is the driver late? What it did, and how often that took long to be seen. */
	uint64_t left_at;	/* it left RUN, or lied, µs */
	uint64_t left;
	uint64_t left_late;
	uint64_t greeted_at;	/* it sent the first frame in RUN, µs */
	uint64_t greeted;
	uint64_t greeted_late;
	uint16_t event;		/* used_event, as it was last */

	uint64_t frames_in;
	uint64_t frames_out;
	uint64_t full;
	uint64_t runs;
	uint64_t resets;
	uint64_t rings;
	uint64_t returned;
	uint64_t told[LIES];
	uint64_t wrong;
	char why[160];
};

extern struct classic w;

/* The driver did what the format does not allow. */
#define complain(fmt...)						\
	do {								\
		if (!w.wrong++)						\
			snprintf(w.why, sizeof(w.why), fmt);		\
	} while (0)

static inline void set16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
}

static inline void set32(uint8_t *p, uint32_t v)
{
	set16(p, (uint16_t)v);
	set16(p + 2, (uint16_t)(v >> 16));
}

static inline void set64(uint8_t *p, uint64_t v)
{
	set32(p, (uint32_t)v);
	set32(p + 4, (uint32_t)(v >> 32));
}

static inline uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

static inline uint32_t get32(const uint8_t *p)
{
	return get16(p) | (uint32_t)get16(p + 2) << 16;
}

static inline uint64_t get64(const uint8_t *p)
{
	return get32(p) | (uint64_t)get32(p + 4) << 32;
}

/* A TAP device of this name; negative if that fails. */
static inline int tap_open(const char *name)
{
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI };
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK);

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	if (fd >= 0 && ioctl(fd, TUNSETIFF, &ifr)) {
		close(fd);
		return -1;
	}

	return fd;
}

static inline uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);

	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* classic.c */
bool lay_out(void);
uint32_t their_state(void);
void show_state(uint32_t state);
void step(void);
bool receive(void);
bool from_tap(void);
void collect(void);
void watch(bool rung);
void ask(void);

#endif
