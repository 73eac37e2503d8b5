// SPDX-License-Identifier: GPL-2.0
/* The classic peer: command line, report, and what it does all the time. */

#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "classic.h"

/* How long nothing happens before it looks again, µs. */
#define IDLE_US		200

static const char * const lie_names[LIES] = {
	"flags", "short", "long", "addr", "avail-id", "avail-index", "avail-back", "garbage",
	"used-id", "used-twice", "used-range", "used-len", "used-none", "used-index",
	"used-back", "state", "states",
};

static int over;
static int asked;

static void on_signal(int sig)
{
	__atomic_store_n(sig == SIGUSR1 ? &asked : &over, 1, __ATOMIC_RELAXED);
}

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

static void print_resets(const char *name, const uint64_t *from)
{
	printf("\"%s\": [%llu, %llu, %llu], ", name, (unsigned long long)from[INIT],
	       (unsigned long long)from[READY], (unsigned long long)from[RUN]);
}

static void report(void)
{
	uint32_t k;

	printf("{\"position\": %d, \"n\": %u, \"own\": %u, \"theirs\": %u, ",
	       w.client.id, w.n, w.state, their_state());
	printf("\"runs\": %llu, \"resets\": %llu, ", (unsigned long long)w.runs,
	       (unsigned long long)w.resets);
	print_resets("reset_in", w.reset_from);
	print_resets("their_reset_in", w.their_reset_from);
	printf("\"left\": %llu, \"left_late\": %llu, \"greeted\": %llu, \"greeted_late\": %llu, ",
	       (unsigned long long)w.left, (unsigned long long)w.left_late,
	       (unsigned long long)w.greeted, (unsigned long long)w.greeted_late);
	printf("\"held\": %llu, \"changes\": %llu, \"late\": %llu, ",
	       (unsigned long long)w.held / 1000, (unsigned long long)w.changes,
	       (unsigned long long)w.late);
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
		"               [--tap NAME | --reflect] [--seconds N] [--seed N]\n"
		"               [--resets N] [--dwell MS] [--patient MS [--deaf]] [--mute]\n"
		"               [--lie all|NAME,...] [--lies N] [--every MS] [--ask]\n");
	exit(2);
}

static void run(uint64_t end)
{
	struct pollfd pfd = { .events = POLLIN };
	const struct timespec idle = { .tv_nsec = IDLE_US * 1000 };
	bool busy;

	show_state(RESET);
	while (!__atomic_load_n(&over, __ATOMIC_RELAXED) && now_us() < end) {
		if (!client_poll(&w.client)) {
			complain("the server talks nonsense");
			break;
		}
		if (__atomic_exchange_n(&asked, 0, __ATOMIC_RELAXED) && w.asked)
			ask();
		if (w.patience)
			watch(client_rung(&w.client));
		step();
		busy = w.state == RUN && their_state() == RUN && !w.sulks &&
		       (!w.patience || w.awake) && receive();
		if (w.tap >= 0)
			busy |= from_tap();
		if (w.state == RUN && !w.sulks)
			collect();
		pfd.fd = w.blocked ? -1 : w.tap;
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
		{ "dwell", required_argument, NULL, 'w' },
		{ "patient", required_argument, NULL, 'b' },
		{ "mute", no_argument, NULL, 'q' },
		{ "deaf", no_argument, NULL, 'u' },
		{ "seed", required_argument, NULL, 'd' },
		{ "lie", required_argument, NULL, 'l' },
		{ "lies", required_argument, NULL, 'm' },
		{ "every", required_argument, NULL, 'e' },
		{ "ask", no_argument, NULL, 'k' },
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
		case 'w':
			w.dwell = strtoull(optarg, NULL, 0) * 1000;
			break;
		case 'b':
			w.patience = strtoull(optarg, NULL, 0) * 1000;
			break;
		case 'q':
			w.mute = true;
			break;
		case 'u':
			w.deaf = true;
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
		case 'k':
			w.asked = true;
			w.lies_left = 0;
			break;
		default:
			usage();
		}
	}
	if (!server == !file || w.peer > 65535 || optind != argc || (file && id < 0) ||
	    (w.asked && !w.lies))
		usage();
	signal(SIGTERM, on_signal);
	signal(SIGINT, on_signal);
	signal(SIGUSR1, on_signal);

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
