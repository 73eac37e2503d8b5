// SPDX-License-Identifier: GPL-2.0
/*
 * The other side of the classic format, IVSHMEM-NET's, in user space. It is
 * written by the description of the format alone, shares nothing with the
 * driver's header, and complains about whatever the driver does otherwise.
 *
 * Frames go to and come from a TAP device, or are reflected; classic_main.c says
 * what happened.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "classic.h"

/* How long it waits for a lost doorbell, and for a doorbell that is in time. */
#define RING_MS		500
#define LATE_MS		250

/* How often, and for how long, a state is shown that is a lie. */
#define FLICKERS	300
#define FLICKER_US	1000

struct classic w;

static uint32_t below(uint32_t limit)
{
	w.random = w.random * 6364136223846793005ULL + 1442695040888963407ULL;

	return (uint32_t)(w.random >> 33) % limit;
}

/* ---- words that change under our hands ---- */

/* Words that the other side waits for, or that are waited for, are whole. */
static uint16_t look16(const uint8_t *p)
{
	return le16toh(__atomic_load_n((const uint16_t *)p, __ATOMIC_SEQ_CST));
}

static void show16(uint8_t *p, uint16_t v)
{
	__atomic_store_n((uint16_t *)p, htole16(v), __ATOMIC_SEQ_CST);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

uint32_t their_state(void)
{
	return le32toh(__atomic_load_n((uint32_t *)w.half[1], __ATOMIC_SEQ_CST));
}

static void ring(void)
{
	w.rings++;
	w.rung_at = now_us();
	if (!w.mute)
		client_ring(&w.client, (uint16_t)w.peer, 0);
}

void show_state(uint32_t state)
{
	w.state = state;
	w.sulks = false;
	/* Every other time it is as fast as it can be. */
	w.step_at = w.dwell && below(2) ? now_us() + below((uint32_t)w.dwell) : 0;
	/* Each of its own resets in a state of its own. */
	w.reset_at = 0;
	if (w.resets_left && state == RUN)
		w.reset_at = now_us() + below(20000);
	else if (w.resets_left && state != RESET && !below(3))
		w.reset_at = now_us() + below(300);
	__atomic_store_n((uint32_t *)w.half[0], htole32(state), __ATOMIC_SEQ_CST);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	ring();
}

/* ---- layout ---- */

static uint64_t up64(uint64_t v)
{
	return (v + 63) / 64 * 64;
}

static void lay_rings(struct rings *r, uint8_t *half, uint8_t *other)
{
	uint8_t *base = w.client.memory;
	uint64_t at = (uint64_t)(half - base) + 4;

	r->desc = base + at;
	r->avail = base + at + 16 * w.n;
	r->data = base + at + w.v;
	r->data_addr = at + w.v;
	at = (uint64_t)(other - base) + 4;
	/* Aligned where it lies, which is what vring_init() does. */
	r->used = base + up64(at + 16 * w.n + 2 * (3 + w.n));
}

/* Halves, ring size and data area by section 3's table. */
bool lay_out(void)
{
	bool upper = (uint32_t)w.client.id < w.peer;

	w.size = w.client.size / 2;
	w.half[0] = w.client.memory + (upper ? w.size : 0);
	w.half[1] = w.client.memory + (upper ? 0 : w.size);
	for (w.n = 4096; w.n > 32; w.n /= 2) {
		w.v = (uint32_t)up64(up64(16 * w.n + 2 * (3 + w.n)) + 6 + 8 * w.n);
		if (w.v < w.client.size / 16)
			break;
	}
	if (w.size < 4 + w.v + 4 * 1500)
		return false;
	w.data_size = w.size - 4 - w.v;
	lay_rings(&w.out, w.half[0], w.half[1]);
	lay_rings(&w.in, w.half[1], w.half[0]);

	return true;
}

static uint8_t *used_event(const struct rings *r)
{
	return r->avail + 4 + 2 * w.n;
}

static uint8_t *avail_event(const struct rings *r)
{
	return r->used + 4 + 8 * w.n;
}

/* Does an index that moved by one pass an event? */
static bool passes(uint16_t event, uint16_t index)
{
	return event == (uint16_t)(index - 1);
}

/* ---- lies ---- */

static bool lie_now(enum lie first, enum lie last, enum lie *which)
{
	uint32_t k, some = 0;

	if (!w.up || !w.lies_left || now_us() < w.lie_at)
		return false;
	for (k = first; k <= last; k++)
		if (!w.asked || k == w.turn)
			some |= w.lies & 1U << k;
	if (!some)
		return false;
	do {
		k = first + below(last - first + 1);
	} while (!(some & 1U << k));
	*which = k;
	w.sulks = k >= LIE_AVAIL_ID;
	if (w.sulks)
		w.left_at = now_us();
	w.told[k]++;
	w.lies_left--;
	w.lie_at = now_us() + w.lie_every;

	return true;
}

/* Tell the next lie of those that were chosen, once. */
void ask(void)
{
	do {
		w.turn = (w.turn + 1) % LIES;
	} while (!(w.lies & 1U << w.turn));
	w.lies_left = 1;
}

/* Where the index is for which all that was sent is still to come. */
static uint16_t behind(uint16_t index)
{
	return (uint16_t)(index - w.n - 1);
}

/* Bytes that mean nothing in all of our rings. */
static void scribble(void)
{
	uint8_t *p;

	for (p = w.out.desc; p < w.out.data; p++)
		*p = (uint8_t)below(256);
}

/* A state word that changes as fast as the driver can look, and is mostly none. */
static void flicker(void)
{
	const struct timespec pause = { .tv_nsec = FLICKER_US * 1000 };
	uint32_t k;

	for (k = 0; k < FLICKERS; k++) {
		__atomic_store_n((uint32_t *)w.half[0], htole32(below(RUN + 4)),
				 __ATOMIC_SEQ_CST);
		ring();
		nanosleep(&pause, NULL);
	}
	show_state(RESET);
}

/* What the driver had to see, it has seen. */
static void took(uint64_t *since, uint64_t *count, uint64_t *late)
{
	if (!*since)
		return;
	++*count;
	*late += now_us() - *since > LATE_MS * 1000;
	*since = 0;
}

/* ---- sending ---- */

void collect(void)
{
	uint16_t index = look16(w.out.used + 2);
	const uint8_t *u;

	if ((uint16_t)(index - w.back) > (uint16_t)(w.sent - w.back)) {
		if (their_state() == RUN)
			complain("%u frames returned of %u", (uint16_t)(index - w.back),
				 (uint16_t)(w.sent - w.back));
		return;
	}
	for (; w.back != index; w.back++) {
		u = w.out.used + 4 + 8 * (w.back % w.n);
		if (get32(u) != w.back % w.n || get32(u + 4) != 1)
			complain("frame %u returned as %u of %u bytes", w.back, get32(u),
				 get32(u + 4));
		w.tail = w.slots[w.back % w.n];
		w.returned++;
		took(&w.greeted_at, &w.greeted, &w.greeted_late);
	}
}

/* Room for two frames of this length, as other peers want it. */
static bool place(uint32_t len, uint64_t *at)
{
	uint64_t slot = up64(18 + len);

	collect();
	if (w.sent == w.back)
		w.tail = w.head;
	else if ((uint16_t)(w.sent - w.back) + 2U > w.n)
		return false;
	*at = w.data_size - w.head < slot ? 0 : w.head;
	if (w.sent == w.back)
		return slot <= w.data_size;
	if (w.head > w.tail)
		return *at ? true : slot < w.tail;

	return *at == w.head && slot < w.tail - w.head;
}

/* Ask to be rung when half of the frames are done; perhaps they are. */
static bool wait_for_room(uint32_t len, uint64_t *at)
{
	do {
		w.wanted = (uint16_t)(w.back + (uint16_t)(w.sent - w.back + 1) / 2);
		show16(used_event(&w.out), (uint16_t)(w.wanted - 1));
		if (place(len, at))
			return true;
		/* If they were done before that could be seen, nobody will ring. */
	} while (w.back != w.sent && (uint16_t)(w.back - w.wanted) < w.n);
	w.blocked = w.back != w.sent;

	return false;
}

static void show_frame(uint32_t id, enum lie what, bool lie)
{
	set16(w.out.avail + 4 + 2 * (w.sent % w.n),
	      lie && what == LIE_AVAIL_ID ? (uint16_t)(w.n + below(1000)) : (uint16_t)id);
	w.sent++;
	if (lie && what == LIE_GARBAGE)
		scribble();
	if (lie && (what == LIE_AVAIL_INDEX || what == LIE_GARBAGE))
		show16(w.out.avail + 2, (uint16_t)(w.sent + w.n + 1 + below(1000)));
	else if (lie && what == LIE_AVAIL_BACK)
		show16(w.out.avail + 2, behind(w.sent));
	else
		show16(w.out.avail + 2, w.sent);
	if (passes(look16(avail_event(&w.out)), w.sent) || lie)
		ring();
}

/* The first length that no frame has, and some more. */
static uint32_t wrong_length(void)
{
	switch (below(3)) {
	case 0:
		return (w.data_size / 4 < 65535 ? (uint32_t)w.data_size / 4 : 65535) + 18 + 1;
	case 1:
		return 0x7fffffff;
	default:
		return 0xffffffff;
	}
}

/* Just before, across the end of and far from our data area; in the driver's half. */
static uint64_t wrong_address(uint32_t len)
{
	switch (below(5)) {
	case 0:
		return w.out.data_addr - 1;
	case 1:
		return w.out.data_addr + w.data_size - below(len);
	case 2:
		return w.in.data_addr;
	case 3:
		return -(uint64_t)(1 + below(len));
	default:
		return below(64) + 0x100000000ULL * below(5);
	}
}

static void send_frame(const uint8_t *frame, uint32_t len)
{
	uint32_t id = w.sent % w.n, said = len;
	uint16_t flags = 0;
	uint8_t *d = w.out.desc + 16 * id;
	enum lie what = LIES;
	uint64_t at, addr;
	bool lie;

	if (w.sulks || w.state != RUN || their_state() != RUN)
		return;
	if (!place(len, &at) && (!w.patience || !wait_for_room(len, &at))) {
		w.full++;
		return;
	}
	memcpy(w.out.data + at, frame, len);
	if (!w.slots[id] && !w.sent)
		w.tail = at;
	w.head = at + up64(18 + len);
	w.slots[id] = w.head;
	addr = w.out.data_addr + at;

	lie = lie_now(LIE_FLAGS, LIE_GARBAGE, &what);
	if (lie && what == LIE_FLAGS)
		flags = below(2) ? (uint16_t)(1U << below(16)) : (uint16_t)(1 + below(65535));
	if (lie && what == LIE_SHORT)
		said = below(14);
	if (lie && what == LIE_LONG)
		said = wrong_length();
	if (lie && what == LIE_ADDR)
		addr = wrong_address(len);
	/* A chain that ends in itself. */
	set16(d + 14, (uint16_t)(flags ? id : id + 1 < w.n ? id + 1 : 0));
	set64(d, addr);
	set32(d + 8, said);
	set16(d + 12, flags);
	show_frame(id, what, lie);
	w.frames_out++;
}

/* For nobody; the driver has to return it soon. */
static void greet(void)
{
	static const uint8_t frame[60] = {
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, 0x88, 0xb5,
	};

	send_frame(frame, sizeof(frame));
	w.greeted_at = now_us();
}

/* ---- receiving ---- */

static void handle(uint8_t *frame, uint32_t len)
{
	uint8_t mac[6];

	w.frames_in++;
	if (w.tap >= 0 && write(w.tap, frame, len) < 0 && errno != EIO)
		complain("a frame of %u bytes is refused: %s", len, strerror(errno));
	if (w.reflect) {
		memcpy(mac, frame, 6);
		memcpy(frame, frame + 6, 6);
		memcpy(frame + 6, mac, 6);
		send_frame(frame, len);
	}
}

/* The next one, the one before again, and what is none. */
static uint32_t wrong_id(uint32_t id, enum lie what)
{
	switch (what) {
	case LIE_USED_ID:
		return (id + 1) % w.n;
	case LIE_USED_TWICE:
		return (id + w.n - 1) % w.n;
	case LIE_USED_RANGE:
		return id + w.n * (1 + below(0x10000));
	default:
		return id;
	}
}

static void give_back(uint32_t id)
{
	uint8_t *u = w.in.used + 4 + 8 * (w.taken % w.n);
	enum lie what = LIES;
	bool lie = lie_now(LIE_USED_ID, LIE_USED_BACK, &what);

	set32(u, lie ? wrong_id(id, what) : id);
	set32(u + 4, !lie || what < LIE_USED_LEN || what > LIE_USED_NONE ? 1 :
		     what == LIE_USED_NONE ? 0 : 2 + below(0xfffffffd));
	w.taken++;
	if (lie && what == LIE_USED_INDEX)
		show16(w.in.used + 2, (uint16_t)(w.taken + w.n + 1 + below(50000)));
	else if (lie && what == LIE_USED_BACK)
		show16(w.in.used + 2, behind(w.taken));
	else
		show16(w.in.used + 2, w.taken);
	if (passes(look16(used_event(&w.in)), w.taken) || lie)
		ring();
}

/* Who is to be rung can only ask for what was sent before it asked. */
static void check_event(void)
{
	uint16_t event = look16(used_event(&w.in)), index = look16(w.in.avail + 2);

	if (event != w.event && (uint16_t)(index - 1 - event) >= w.n)
		complain("to be rung for frame %u, sent are %u", event, index);
	w.event = event;
}

/* Up to so many frames; each is held against every rule of the format. */
bool receive(void)
{
	static uint8_t frame[FRAME_MAX];
	uint16_t index = look16(w.in.avail + 2), id;
	uint64_t addr, at, slot;
	uint32_t len, k;
	uint8_t *d;

	check_event();
	if ((uint16_t)(index - w.taken) > w.n) {
		complain("%u frames in a ring of %u", (uint16_t)(index - w.taken), w.n);
		return false;
	}
	for (k = 0; w.taken != index && k < 64 && !w.sulks && their_state() == RUN; k++) {
		id = get16(w.in.avail + 4 + 2 * (w.taken % w.n));
		if (id >= w.n) {
			complain("descriptor %u", id);
			return false;
		}
		d = w.in.desc + 16 * id;
		addr = get64(d);
		len = get32(d + 8);
		slot = up64(18 + len);
		at = w.data_size - w.their_head < slot ? 0 : w.their_head;
		if (get16(d + 12) || len < 14 || len > FRAME_MAX || slot > w.data_size ||
		    addr != w.in.data_addr + at) {
			complain("descriptor %u of frame %u: %llu, %u bytes, flags %x; at %llu", id,
				 w.taken, (unsigned long long)(addr - w.in.data_addr), len,
				 get16(d + 12), (unsigned long long)at);
			return false;
		}
		w.their_head = at + slot;
		memcpy(frame, w.in.data + at, len);
		give_back(id);
		handle(frame, len);
	}
	if (w.taken == index && !w.sulks)
		show16(avail_event(&w.in), w.taken);
	w.awake = k > 0 || look16(w.in.avail + 2) != w.taken;

	return w.awake;
}

bool from_tap(void)
{
	static uint8_t frame[FRAME_MAX];
	static ssize_t len;
	uint32_t k;

	for (k = 0; k < 64 && !w.blocked; k++) {
		/* One that found no room goes first. */
		if (len < 14)
			len = read(w.tap, frame, sizeof(frame));
		if (len < 14)
			break;
		send_frame(frame, (uint32_t)len);
		if (!w.blocked)
			len = 0;
	}

	return k > 0;
}

/* ---- states ---- */

static void empty(void)
{
	uint32_t i;

	memset(w.half[0] + 4, 0, w.size - 4);
	for (i = 0; i + 1 < w.n; i++)
		set16(w.out.desc + 16 * i + 14, (uint16_t)(i + 1));
	w.sent = 0;
	w.back = 0;
	w.taken = 0;
	w.head = 0;
	w.tail = 0;
	w.their_head = 0;
	w.blocked = false;
	w.awake = true;
	w.event = 0;
}

static void reset(void)
{
	w.resets++;
	if (their_state() == RUN)
		w.left_at = now_us();
	w.greeted_at = 0;
	show_state(RESET);
}

void step(void)
{
	uint32_t theirs = w.patience ? w.latched : their_state();
	enum lie what;

	if (theirs > RUN) {
		complain("state %u", theirs);
		return;
	}
	if (theirs == RESET && w.theirs != RESET) {
		w.their_reset_from[w.theirs]++;
		w.their_reset_at = now_us();
	} else if (theirs != RESET && w.theirs == RESET && w.their_reset_at) {
		if (w.held < now_us() - w.their_reset_at)
			w.held = now_us() - w.their_reset_at;
	}
	w.theirs = theirs;
	if (their_state() != RUN)
		took(&w.left_at, &w.left, &w.left_late);
	if (lie_now(LIE_STATE, LIE_STATES, &what)) {
		if (what == LIE_STATES) {
			flicker();
			return;
		}
		__atomic_store_n((uint32_t *)w.half[0], htole32(4 + below(0xfffffffc)),
				 __ATOMIC_SEQ_CST);
		ring();
	}
	if (w.reset_at && now_us() >= w.reset_at) {
		w.resets_left--;
		w.reset_from[w.state]++;
		reset();
		return;
	}

	if (now_us() < w.step_at)
		return;
	switch (w.state) {
	case RESET:
		if (theirs < READY)
			show_state(INIT);
		break;
	case INIT:
		if (theirs > RESET) {
			empty();
			show_state(READY);
		}
		break;
	case READY:
	case RUN:
		if (theirs == RESET || (w.state == RUN && theirs == INIT))
			reset();
		else if (w.state == READY && theirs >= READY)
			show_state(RUN);
		break;
	}
	if (!w.up && w.state == RUN && theirs == RUN) {
		w.runs++;
		w.lie_at = now_us() + w.lie_every;
		w.up = true;
		greet();
	}
	w.up = w.state == RUN && theirs == RUN;
	/* A doorbell may have come too early. */
	if ((w.state != RUN || theirs != RUN) && now_us() > w.rung_at + RING_MS * 1000)
		ring();
}

/* ---- doorbells ---- */

/* Something has been there for this long, and nobody rang. */
static uint64_t waited(bool there, uint64_t *since)
{
	if (!there)
		*since = 0;
	else if (!*since)
		*since = now_us();

	return *since ? now_us() - *since : 0;
}

/*
 * A patient side looks all the time, to know when it should have been rung, but does
 * nothing before it is.
 */
void watch(bool rung)
{
	uint32_t theirs = their_state();
	bool run = w.state == RUN && theirs == RUN && w.latched == RUN;
	uint64_t state, frames, room;

	if (w.deaf && rung && theirs != w.latched && theirs < RUN) {
		rung = w.missed;
		w.missed = !w.missed;
	}
	state = waited(theirs != w.latched, &w.state_since);
	frames = waited(run && !w.awake && !rung && look16(w.in.avail + 2) != w.taken,
			&w.frames_since);
	room = waited(run && w.blocked && !rung &&
		      (uint16_t)(look16(w.out.used + 2) - w.wanted) <
		      (uint16_t)(w.sent - w.wanted + 1), &w.room_since);
	if (frames > w.patience)
		complain("no doorbell for frame %u", w.taken);
	if (room > w.patience)
		complain("no doorbell for the return of frame %u", w.wanted);
	if (rung && w.state_since) {
		w.changes++;
		w.late += state > LATE_MS * 1000;
	}
	if (rung || frames > w.patience || room > w.patience) {
		w.latched = theirs;
		w.awake = true;
		w.blocked = false;
		w.state_since = 0;
	}
}
