// SPDX-License-Identifier: GPL-2.0
/*
 * The other side of the classic format, IVSHMEM-NET's, in user space. It is
 * written by the description of the format alone, shares nothing with the
 * driver's header, and complains about whatever the driver does otherwise.
 *
 * Frames go to and come from a TAP device, or are reflected. At the end a line
 * of JSON says what happened.
 */

#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "classic.h"
#include "client.h"

#define RESET	0
#define INIT	1
#define READY	2
#define RUN	3

#define FRAME_MAX	(65535 + 18)
/* How long nothing happens before it looks again, µs; and a lost doorbell. */
#define IDLE_US		200
#define RING_MS		500

/* What it can lie about. */
enum lie {
	LIE_FLAGS,
	LIE_SHORT,
	LIE_LONG,
	LIE_ADDR,
	/* Now the driver has to begin anew; until it does nothing else is done. */
	LIE_AVAIL_ID,
	LIE_AVAIL_INDEX,
	LIE_USED_ID,
	LIE_USED_LEN,
	LIE_USED_INDEX,
	LIE_STATE,
	LIES
};

static const char * const lie_names[LIES] = {
	"flags", "short", "long", "addr", "avail-id", "avail-index", "used-id",
	"used-len", "used-index", "state",
};

/* One direction's rings, as bytes; @used is in the other half. */
struct rings {
	uint8_t *desc;
	uint8_t *avail;
	uint8_t *used;
	uint8_t *data;
	uint64_t data_addr;
};

static struct {
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
	uint64_t lies_left;
	uint64_t lie_every;
	uint64_t lie_at;
	uint64_t random;
	uint64_t resets_left;
	uint64_t reset_from[RUN + 1];
	uint64_t reset_at;

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
} w;

static int over;

static void on_signal(int sig)
{
	(void)sig;
	__atomic_store_n(&over, 1, __ATOMIC_RELAXED);
}

static uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);

	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static uint32_t below(uint32_t limit)
{
	w.random = w.random * 6364136223846793005ULL + 1442695040888963407ULL;

	return (uint32_t)(w.random >> 33) % limit;
}

/* The driver did what the format does not allow. */
#define complain(fmt...)						\
	do {								\
		if (!w.wrong++)						\
			snprintf(w.why, sizeof(w.why), fmt);		\
	} while (0)

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

static uint32_t their_state(void)
{
	return le32toh(__atomic_load_n((uint32_t *)w.half[1], __ATOMIC_SEQ_CST));
}

static void ring(void)
{
	w.rings++;
	w.rung_at = now_us();
	client_ring(&w.client, (uint16_t)w.peer, 0);
}

static void show_state(uint32_t state)
{
	w.state = state;
	w.sulks = false;
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
static bool lay_out(void)
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
		some |= w.lies & 1U << k;
	if (!some)
		return false;
	do {
		k = first + below(last - first + 1);
	} while (!(w.lies & 1U << k));
	*which = k;
	w.sulks = k >= LIE_AVAIL_ID;
	w.told[k]++;
	w.lies_left--;
	w.lie_at = now_us() + w.lie_every;

	return true;
}

/* ---- sending ---- */

static void collect(void)
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

static void show_frame(uint32_t id, enum lie what, bool lie)
{
	set16(w.out.avail + 4 + 2 * (w.sent % w.n),
	      lie && what == LIE_AVAIL_ID ? (uint16_t)(w.n + below(1000)) : (uint16_t)id);
	w.sent++;
	if (lie && what == LIE_AVAIL_INDEX)
		show16(w.out.avail + 2, (uint16_t)(w.sent + w.n + 1 + below(1000)));
	else
		show16(w.out.avail + 2, w.sent);
	if (passes(look16(avail_event(&w.out)), w.sent) || lie)
		ring();
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
	if (!place(len, &at)) {
		w.full++;
		return;
	}
	memcpy(w.out.data + at, frame, len);
	if (!w.slots[id] && !w.sent)
		w.tail = at;
	w.head = at + up64(18 + len);
	w.slots[id] = w.head;
	addr = w.out.data_addr + at;

	lie = lie_now(LIE_FLAGS, LIE_AVAIL_INDEX, &what);
	if (lie && what == LIE_FLAGS)
		flags = (uint16_t)(1 + below(65535));
	if (lie && what == LIE_SHORT)
		said = below(14);
	if (lie && what == LIE_LONG)
		said = 0xffffffff - below(2) * 0x80000000;
	if (lie && what == LIE_ADDR)
		addr = below(2) ? at % 64 - 0x100000000ULL * below(5) :
				  w.out.data_addr + w.data_size - below(len);
	set64(d, addr);
	set32(d + 8, said);
	set16(d + 12, flags);
	show_frame(id, what, lie);
	w.frames_out++;
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

static void give_back(uint32_t id)
{
	uint8_t *u = w.in.used + 4 + 8 * (w.taken % w.n);
	enum lie what = LIES;
	bool lie = lie_now(LIE_USED_ID, LIE_USED_INDEX, &what);

	set32(u, lie && what == LIE_USED_ID ? id + 1 + below(3) * 65536 : id);
	set32(u + 4, lie && what == LIE_USED_LEN ? below(2) * 2000 : 1);
	w.taken++;
	if (lie && what == LIE_USED_INDEX)
		show16(w.in.used + 2, (uint16_t)(w.taken + 1000 + below(60000)));
	else
		show16(w.in.used + 2, w.taken);
	if (passes(look16(used_event(&w.in)), w.taken) || lie)
		ring();
}

/* Up to so many frames; each is held against every rule of the format. */
static bool receive(void)
{
	static uint8_t frame[FRAME_MAX];
	uint16_t index = look16(w.in.avail + 2), id;
	uint64_t addr, at, slot;
	uint32_t len, k;
	uint8_t *d;

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

	return k > 0 || look16(w.in.avail + 2) != w.taken;
}

static bool from_tap(void)
{
	static uint8_t frame[FRAME_MAX];
	uint32_t k;
	ssize_t len;

	for (k = 0; k < 64; k++) {
		len = read(w.tap, frame, sizeof(frame));
		if (len < 14)
			break;
		send_frame(frame, (uint32_t)len);
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
}

static void reset(void)
{
	w.resets++;
	show_state(RESET);
}

static void step(void)
{
	uint32_t theirs = their_state();
	enum lie what;

	if (theirs > RUN) {
		complain("state %u", theirs);
		return;
	}
	if (lie_now(LIE_STATE, LIE_STATE, &what)) {
		__atomic_store_n((uint32_t *)w.half[0], htole32(4 + below(1000)),
				 __ATOMIC_SEQ_CST);
		ring();
	}
	if (w.reset_at && now_us() >= w.reset_at) {
		w.resets_left--;
		w.reset_from[w.state]++;
		reset();
		return;
	}

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
	}
	w.up = w.state == RUN && theirs == RUN;
	/* A doorbell may have come too early. */
	if ((w.state != RUN || theirs != RUN) && now_us() > w.rung_at + RING_MS * 1000)
		ring();
}

/* ---- the rest ---- */

static bool lies_parse(char *list)
{
	char *word;
	uint32_t k;

	for (word = strtok(list, ","); word; word = strtok(NULL, ",")) {
		for (k = 0; k < LIES && strcmp(word, lie_names[k]) && strcmp(word, "all"); k++)
			;
		if (!strcmp(word, "all"))
			w.lies = (1U << LIES) - 1;
		else if (k < LIES)
			w.lies |= 1U << k;
		else
			return false;
	}

	return true;
}

static void report(void)
{
	uint32_t k;

	printf("{\"position\": %d, \"n\": %u, \"own\": %u, \"theirs\": %u, ",
	       w.client.id, w.n, w.state, their_state());
	printf("\"runs\": %llu, \"resets\": %llu, \"reset_in\": [%llu, %llu, %llu], ",
	       (unsigned long long)w.runs, (unsigned long long)w.resets,
	       (unsigned long long)w.reset_from[INIT],
	       (unsigned long long)w.reset_from[READY],
	       (unsigned long long)w.reset_from[RUN]);
	printf("\"frames_in\": %llu, \"frames_out\": %llu, \"returned\": %llu, ",
	       (unsigned long long)w.frames_in, (unsigned long long)w.frames_out,
	       (unsigned long long)w.returned);
	printf("\"full\": %llu, \"rings\": %llu, \"wrong\": %llu, \"why\": \"%s\"",
	       (unsigned long long)w.full, (unsigned long long)w.rings,
	       (unsigned long long)w.wrong, w.why);
	for (k = 0; k < LIES; k++)
		printf(", \"%s\": %llu", lie_names[k], (unsigned long long)w.told[k]);
	printf("}\n");
	fflush(stdout);
}

static void usage(void)
{
	fprintf(stderr,
		"Usage: classic (--server SOCKET | --region FILE --id ID) --peer ID\n"
		"               [--tap NAME | --reflect] [--seconds N] [--resets N] [--seed N]\n"
		"               [--lie all|NAME,...] [--lies N] [--every MS]\n");
	exit(2);
}

static void run(uint64_t end)
{
	struct pollfd pfd = { .fd = w.tap, .events = POLLIN };
	const struct timespec idle = { .tv_nsec = IDLE_US * 1000 };
	bool busy;

	show_state(RESET);
	while (!__atomic_load_n(&over, __ATOMIC_RELAXED) && now_us() < end) {
		if (!client_poll(&w.client)) {
			complain("the server talks nonsense");
			break;
		}
		step();
		busy = w.state == RUN && their_state() == RUN && !w.sulks && receive();
		if (w.tap >= 0)
			busy |= from_tap();
		if (w.state == RUN && !w.sulks)
			collect();
		if (!busy)
			ppoll(&pfd, 1, &idle, NULL);
	}
	show_state(RESET);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "server", required_argument, NULL, 's' },
		{ "region", required_argument, NULL, 'r' },
		{ "id", required_argument, NULL, 'i' },
		{ "peer", required_argument, NULL, 'p' },
		{ "tap", required_argument, NULL, 't' },
		{ "reflect", no_argument, NULL, 'f' },
		{ "seconds", required_argument, NULL, 'n' },
		{ "resets", required_argument, NULL, 'x' },
		{ "seed", required_argument, NULL, 'd' },
		{ "lie", required_argument, NULL, 'l' },
		{ "lies", required_argument, NULL, 'm' },
		{ "every", required_argument, NULL, 'e' },
		{ }
	};
	const char *server = NULL, *file = NULL, *tap = NULL;
	uint64_t seconds = 10;
	int c, id = -1;

	w.random = 1;
	w.tap = -1;
	w.peer = 65536;
	w.lies_left = UINT64_MAX;
	w.lie_every = 100000;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 's':
			server = optarg;
			break;
		case 'r':
			file = optarg;
			break;
		case 'i':
			id = atoi(optarg);
			break;
		case 'p':
			w.peer = (uint32_t)strtoul(optarg, NULL, 0);
			break;
		case 't':
			tap = optarg;
			break;
		case 'f':
			w.reflect = true;
			break;
		case 'n':
			seconds = strtoull(optarg, NULL, 0);
			break;
		case 'x':
			w.resets_left = strtoull(optarg, NULL, 0);
			break;
		case 'd':
			w.random = strtoull(optarg, NULL, 0) * 2 + 1;
			break;
		case 'l':
			if (!lies_parse(optarg))
				usage();
			break;
		case 'm':
			w.lies_left = strtoull(optarg, NULL, 0);
			break;
		case 'e':
			w.lie_every = strtoull(optarg, NULL, 0) * 1000;
			break;
		default:
			usage();
		}
	}
	if (!server == !file || w.peer > 65535 || optind != argc || (file && id < 0))
		usage();
	signal(SIGTERM, on_signal);
	signal(SIGINT, on_signal);

	if (server ? !client_connect(&w.client, server) : !client_open(&w.client, file)) {
		perror("classic: no region");
		return 1;
	}
	if (file)
		w.client.id = id;
	if ((uint32_t)w.client.id == w.peer || !lay_out()) {
		fprintf(stderr, "classic: the region is too small, or the peer is ourselves\n");
		return 1;
	}
	if (tap) {
		w.tap = tap_open(tap);
		if (w.tap < 0) {
			perror("classic: no TAP");
			return 1;
		}
	}
	printf("position %d, %s half, %u descriptors\n", w.client.id,
	       w.half[0] == w.client.memory ? "lower" : "upper", w.n);
	fflush(stdout);
	run(now_us() + seconds * 1000000);
	report();

	return w.wrong ? 3 : 0;
}
