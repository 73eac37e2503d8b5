// SPDX-License-Identifier: GPL-2.0
/* A virtio-net device in user space: options, and the loop. */
#include <net/if.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "args.h"
#include "log.h"
#include "service.h"
#include "vnet.h"

#define CLIENTS 4
/* A frame in hexadecimal digits is the longest. */
#define LINE_MAX_LENGTH (2 * VNET_FRAME_MAX + 256)

static const char help[] =
"Usage: " PROGRAM " --socket PATH [OPTION...]\n"
"\n"
"A virtio-net device (1af4:1041) for QEMU's vfio-user-pci. Prints \"serving\", then lives\n"
"until SIGTERM or SIGINT, and prints its state as a line of JSON in the end.\n"
"\n"
"      --socket PATH        of the client\n"
"      --control PATH       a socket for testers: see README.rst\n"
"      --tap NAME           frames go to and come from this TAP device\n"
"      --peer PATH          ... or another device with the same PATH\n"
"      --mac ADDRESS        (default 52:54:00:12:34:56)\n"
"      --offer NAME,...     features beside the usual ones, by name or bit\n"
"      --hide NAME,...      features that are not offered, and what needs them\n"
"      --pairs N            queue pairs, 1 to 8 (default 1); more than one offers mq\n"
"      --rx-size N          entries of receive queues (default 256)\n"
"      --tx-size N          ... of transmit queues (default 256)\n"
"      --ctrl-size N        ... of the control queue (default 64)\n"
"      --mtu N              offers mtu\n"
"      --vectors N          of MSI-X, up to 32; 0: INTx (default: enough)\n"
"      --header N           bytes of the header before frames, whatever is negotiated\n"
"      --layout NAME=BAR:OFFSET[:LENGTH],...  places of common, notify, isr, device\n"
"      --msix-bar N         the table of MSI-X is there (default 1)\n"
"      --multiplier N       of notification offsets (default 4)\n"
"      --revision N         of the PCI function (default 1)\n"
"      --patch OFFSET=BYTE,...  the configuration space has this instead\n"
"      --seed N             of what is random\n"
"      --lie WORDS          as the tester's command, from the start; more than once\n"
"  -h, --help               show this and end\n";

enum {
	OPT_SOCKET = OPT_OWN,
	OPT_CONTROL,
	OPT_TAP,
	OPT_PEER,
	OPT_MAC,
	OPT_OFFER,
	OPT_HIDE,
	OPT_PAIRS,
	OPT_RX_SIZE,
	OPT_TX_SIZE,
	OPT_CTRL_SIZE,
	OPT_MTU,
	OPT_VECTORS,
	OPT_HEADER,
	OPT_LAYOUT,
	OPT_MSIX_BAR,
	OPT_MULTIPLIER,
	OPT_REVISION,
	OPT_PATCH,
	OPT_SEED,
	OPT_LIE,
};

static const struct option long_options[] = {
	{ "socket", required_argument, NULL, OPT_SOCKET },
	{ "control", required_argument, NULL, OPT_CONTROL },
	{ "tap", required_argument, NULL, OPT_TAP },
	{ "peer", required_argument, NULL, OPT_PEER },
	{ "mac", required_argument, NULL, OPT_MAC },
	{ "offer", required_argument, NULL, OPT_OFFER },
	{ "hide", required_argument, NULL, OPT_HIDE },
	{ "pairs", required_argument, NULL, OPT_PAIRS },
	{ "rx-size", required_argument, NULL, OPT_RX_SIZE },
	{ "tx-size", required_argument, NULL, OPT_TX_SIZE },
	{ "ctrl-size", required_argument, NULL, OPT_CTRL_SIZE },
	{ "mtu", required_argument, NULL, OPT_MTU },
	{ "vectors", required_argument, NULL, OPT_VECTORS },
	{ "header", required_argument, NULL, OPT_HEADER },
	{ "layout", required_argument, NULL, OPT_LAYOUT },
	{ "msix-bar", required_argument, NULL, OPT_MSIX_BAR },
	{ "multiplier", required_argument, NULL, OPT_MULTIPLIER },
	{ "revision", required_argument, NULL, OPT_REVISION },
	{ "patch", required_argument, NULL, OPT_PATCH },
	{ "seed", required_argument, NULL, OPT_SEED },
	{ "lie", required_argument, NULL, OPT_LIE },
	{ "help", no_argument, NULL, 'h' },
	{ 0 }
};

static struct vnet vnet;
static struct lies lies;

static struct client {
	int sock;
	size_t length;
	char *line;
} clients[CLIENTS];

static void set_features(struct vnet_options *o, char *names, bool on)
{
	char *name;
	int bit;

	for (name = strtok(names, ","); name; name = strtok(NULL, ",")) {
		bit = vnet_feature(name);
		if (bit < 0)
			usage("%s: there is no such feature", name);
		if (on)
			o->features |= BIT(bit);
		else
			o->features = vnet_features_hide(o->features, bit);
	}
}

static void set_layout(struct vnet_options *o, char *text)
{
	static const char * const names[] = { "common", "notify", "isr", "device" };
	unsigned int bar, offset, length, i;
	char *word, *equals;
	int found;

	for (word = strtok(text, ","); word; word = strtok(NULL, ",")) {
		equals = strchr(word, '=');
		if (!equals)
			usage("--layout: what is \"%s\"?", word);
		*equals++ = '\0';
		for (i = 0; i < VNET_STRUCTURES; i++)
			if (!strcmp(names[i], word))
				break;
		if (i == VNET_STRUCTURES)
			usage("--layout: there is no %s", word);
		found = sscanf(equals, "%u:%i:%i", &bar, (int *)&offset, (int *)&length);
		if (found < 2 || bar >= PCI_STD_NUM_BARS || offset > 1 << 24)
			usage("--layout: what is \"%s\"?", equals);
		o->places[i].bar = (uint8_t)bar;
		o->places[i].offset = offset;
		if (found == 3)
			o->places[i].length = length;
	}
}

static void add_patches(struct vnet_options *o, char *text)
{
	unsigned int offset, value;
	char *word;

	for (word = strtok(text, ","); word; word = strtok(NULL, ",")) {
		if (sscanf(word, "%i=%i", (int *)&offset, (int *)&value) != 2 || offset > 0xff ||
		    value > 0xff || o->nr_patches == ARRAY_SIZE(o->patches))
			usage("--patch: what is \"%s\"?", word);
		o->patches[o->nr_patches].offset = (uint8_t)offset;
		o->patches[o->nr_patches++].value = (uint8_t)value;
	}
}

static void parse_mac(uint8_t *mac, const char *text)
{
	int end = 0;

	if (sscanf(text, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx%n", mac, mac + 1, mac + 2, mac + 3, mac + 4,
		   mac + 5, &end) != 6 || text[end])
		usage("--mac %s: not an address", text);
}

static void add_lie(char *words)
{
	const char *wrong = lies_set(&lies, words);

	if (wrong)
		usage("--lie: %s", wrong);
}

static void set_more(struct vnet_options *o, int option)
{
	switch (option) {
	case OPT_HEADER:
		o->header = parse_range("header", optarg, 10, 20);
		break;
	case OPT_LAYOUT:
		set_layout(o, optarg);
		break;
	case OPT_MSIX_BAR:
		o->msix_bar = parse_range("msix-bar", optarg, 0, 5);
		break;
	case OPT_MULTIPLIER:
		o->multiplier = parse_range("multiplier", optarg, 0, 4096);
		break;
	case OPT_REVISION:
		o->revision = parse_range("revision", optarg, 0, 255);
		break;
	case OPT_PATCH:
		add_patches(o, optarg);
		break;
	case OPT_SEED:
		lies.random = parse_range("seed", optarg, 0, UINT32_MAX);
		break;
	case OPT_LIE:
		add_lie(optarg);
		break;
	case 'h':
		fputs(help, stdout);
		exit(fflush(stdout) ? 1 : 0);
	default:
		exit(2);
	}
}

static void set_option(struct vnet_options *o, int option)
{
	switch (option) {
	case OPT_SOCKET:
		check_socket_path(optarg);
		o->socket = optarg;
		break;
	case OPT_CONTROL:
		check_socket_path(optarg);
		o->control = optarg;
		break;
	case OPT_TAP:
		if (strlen(optarg) >= IFNAMSIZ)
			usage("--tap %s: too long", optarg);
		o->tap = not_empty("tap", optarg);
		break;
	case OPT_PEER:
		check_socket_path(optarg);
		o->peer = optarg;
		break;
	case OPT_MAC:
		parse_mac(o->mac, optarg);
		break;
	case OPT_OFFER:
		set_features(o, optarg, true);
		break;
	case OPT_HIDE:
		set_features(o, optarg, false);
		break;
	case OPT_PAIRS:
		o->pairs = parse_range("pairs", optarg, 1, VNET_MAX_PAIRS);
		if (o->pairs > 1)
			o->features |= BIT(VIRTIO_NET_F_MQ);
		break;
	case OPT_RX_SIZE:
		o->sizes[0] = parse_range("rx-size", optarg, 1, RING_SIZE_MAX);
		break;
	case OPT_TX_SIZE:
		o->sizes[1] = parse_range("tx-size", optarg, 1, RING_SIZE_MAX);
		break;
	case OPT_CTRL_SIZE:
		o->sizes[2] = parse_range("ctrl-size", optarg, 1, RING_SIZE_MAX);
		break;
	case OPT_MTU:
		o->mtu = parse_range("mtu", optarg, 0, 65535);
		o->features |= BIT(VIRTIO_NET_F_MTU);
		break;
	case OPT_VECTORS:
		o->vectors = parse_range("vectors", optarg, 0, VFIO_MAX_VECTORS);
		break;
	default:
		set_more(o, option);
	}
}

static void parse(struct vnet_options *o, int argc, char **argv)
{
	int option;

	*o = (struct vnet_options){
		.mac = { 0x52, 0x54, 0x00, 0x12, 0x34, 0x56 },
		.features = vnet_features_default(),
		.pairs = 1,
		.sizes = { 256, 256, 64 },
		.vectors = UINT32_MAX,
		.multiplier = 4,
		.revision = 1,
		.msix_bar = 1,
		.places = {
			[VNET_COMMON] = { .bar = 4, .offset = 0, .length = 64 },
			[VNET_ISR] = { .bar = 4, .offset = 0x1000, .length = 1 },
			[VNET_DEVICE] = { .bar = 4, .offset = 0x2000, .length = 64 },
			[VNET_NOTIFY] = { .bar = 4, .offset = 0x3000, .length = 0x1000 },
		},
	};
	while ((option = getopt_long(argc, argv, "h", long_options, NULL)) >= 0)
		set_option(o, option);
	if (optind < argc)
		usage("what is \"%s\"?", argv[optind]);
	if (!o->socket)
		usage("--socket is needed");
	if (o->tap && o->peer)
		usage("--tap or --peer, not both");
	if (o->vectors == UINT32_MAX)
		o->vectors = 2 * o->pairs + 2;
}

static void accept_client(int listener)
{
	int sock = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	unsigned int i;

	if (sock < 0)
		return;
	for (i = 0; i < CLIENTS; i++) {
		if (clients[i].sock >= 0)
			continue;
		clients[i].sock = sock;
		clients[i].length = 0;
		return;
	}
	close(sock);
}

static void answer(struct client *c, char *line)
{
	char *text = NULL;
	size_t length = 0;
	FILE *out = open_memstream(&text, &length);

	if (!out)
		return;
	control_command(&vnet, line, out);
	fclose(out);
	if (send(c->sock, text, length, MSG_NOSIGNAL) != (ssize_t)length)
		pr_info("a tester is gone too soon");
	free(text);
}

static void serve_client(struct client *c)
{
	ssize_t got = read(c->sock, c->line + c->length, LINE_MAX_LENGTH - c->length);
	char *end;

	if (got <= 0) {
		close(c->sock);
		c->sock = -1;
		return;
	}
	c->length += (size_t)got;
	while ((end = memchr(c->line, '\n', c->length))) {
		*end++ = '\0';
		answer(c, c->line);
		c->length -= (size_t)(end - c->line);
		memmove(c->line, end, c->length);
	}
}

enum {
	FD_END,
	FD_CONTROL,
	FD_LISTENER,
	FD_VFIO,
	FD_PEER,
	FD_BACKEND,
	FD_CLIENTS,
	FDS = FD_CLIENTS + CLIENTS,
};

static void serve(const struct service *s)
{
	struct pollfd fds[FDS];
	unsigned int i;

	for (;;) {
		fds[FD_END].fd = s->end;
		fds[FD_CONTROL].fd = s->control;
		fds[FD_LISTENER].fd = vnet.vfio.listener;
		fds[FD_VFIO].fd = vnet.vfio.sock;
		fds[FD_PEER].fd = vnet.listener;
		fds[FD_BACKEND].fd = vnet.held ? -1 : vnet.backend;
		for (i = 0; i < CLIENTS; i++)
			fds[FD_CLIENTS + i].fd = clients[i].sock;
		for (i = 0; i < FDS; i++)
			fds[i].events = POLLIN;
		if (poll(fds, FDS, vnet_timeout(&vnet)) < 0)
			continue;
		if (fds[FD_END].revents)
			return;
		if (fds[FD_CONTROL].revents)
			accept_client(s->control);
		for (i = 0; i < CLIENTS; i++)
			if (fds[FD_CLIENTS + i].revents)
				serve_client(&clients[i]);
		if (fds[FD_VFIO].revents)
			vfio_serve(&vnet.vfio);
		if (fds[FD_LISTENER].revents)
			vfio_accept(&vnet.vfio);
		if (fds[FD_PEER].revents)
			backend_accept(&vnet);
		if (fds[FD_BACKEND].revents)
			vnet_receive(&vnet);
		vnet_work(&vnet);
	}
}

int main(int argc, char **argv)
{
	struct vnet_options options;
	struct service service;
	unsigned int i;

	parse(&options, argc, argv);
	for (i = 0; i < CLIENTS; i++) {
		clients[i].sock = -1;
		clients[i].line = malloc(LINE_MAX_LENGTH);
		if (!clients[i].line)
			return 1;
	}
	if (!service_open(&service, options.control) || !vnet_open(&vnet, &options))
		return 1;
	vnet.lies = lies;
	service_ready();
	serve(&service);
	vnet_report(&vnet, stdout);
	vfio_close(&vnet.vfio);
	backend_close(&vnet);
	for (i = 0; i < CLIENTS; i++)
		free(clients[i].line);

	return service_close(&service);
}
