// SPDX-License-Identifier: GPL-2.0
/*
 * PCI devices in user space, for QEMU's vfio-user-pci. So far there is one kind:
 * IVSHMEM v2, all ports of a shared memory in one process.
 */
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "args.h"
#include "ivshmem2.h"
#include "log.h"
#include "service.h"
#include "vfio.h"

#define SIZE_LIMIT (1ull << 32)

static const char help[] =
"Usage: " PROGRAM " --socket PATH --socket PATH... [OPTION...]\n"
"\n"
"IVSHMEM v2 devices (110a:4106) for QEMU's vfio-user-pci: a socket for each peer, the\n"
"first is the one of peer 0. Prints \"serving\", then lives until SIGTERM or SIGINT,\n"
"and prints its counters as a line of JSON in the end.\n"
"\n"
"      --socket PATH        a peer's socket; 2 to 4 of them\n"
"      --control PATH       a socket: who connects gets a line with the counters\n"
"      --memory FILE        the shared memory is this file, else it has no name\n"
"      --protocol HEX       type of the protocol: 1 (default) or 4000 to 7fff\n"
"      --rw-size SIZE       section that everybody writes: 0 (default) or more\n"
"      --output-size SIZE   section of each peer (default 1M)\n"
"      --vectors N          MSI-X vectors, 1 to 32 (default 2)\n"
"      --intx               INTx instead of MSI-X\n"
"      --one-shot           the one-shot mode of interrupts is on after a reset\n"
"      --trap               BAR 2 maps only what its peer may write; the rest is\n"
"                           emulated, and what is written there counted and ignored.\n"
"                           Without it all of BAR 2 is mapped, and nothing protected.\n"
"      --address HEX        no BAR 2: the guest of the last --socket has the memory there\n"
"  -h, --help               show this and end\n"
"\n"
"A SIZE is in bytes, a multiple of 4096, or ends in K or M.\n";

enum {
	OPT_SOCKET = OPT_OWN,
	OPT_CONTROL,
	OPT_MEMORY,
	OPT_PROTOCOL,
	OPT_RW_SIZE,
	OPT_OUTPUT_SIZE,
	OPT_VECTORS,
	OPT_INTX,
	OPT_ONE_SHOT,
	OPT_TRAP,
	OPT_ADDRESS,
};

static const struct option long_options[] = {
	{ "socket", required_argument, NULL, OPT_SOCKET },
	{ "control", required_argument, NULL, OPT_CONTROL },
	{ "memory", required_argument, NULL, OPT_MEMORY },
	{ "protocol", required_argument, NULL, OPT_PROTOCOL },
	{ "rw-size", required_argument, NULL, OPT_RW_SIZE },
	{ "output-size", required_argument, NULL, OPT_OUTPUT_SIZE },
	{ "vectors", required_argument, NULL, OPT_VECTORS },
	{ "intx", no_argument, NULL, OPT_INTX },
	{ "one-shot", no_argument, NULL, OPT_ONE_SHOT },
	{ "trap", no_argument, NULL, OPT_TRAP },
	{ "address", required_argument, NULL, OPT_ADDRESS },
	{ "help", no_argument, NULL, 'h' },
	{ 0 }
};

static uint64_t parse_size(const char *name, const char *text)
{
	unsigned long long value;
	unsigned int shift = 0;
	char *end;

	if (!parse_number(text, 10, &value, &end))
		usage("--%s %s: not a size", name, text);
	if (*end == 'K' || *end == 'M')
		shift = *end++ == 'K' ? 10 : 20;
	if (*end || value > SIZE_LIMIT >> shift || (value << shift) % IVSHMEM2_PAGE)
		usage("--%s %s: must be a multiple of %u, up to 4096M", name, text, IVSHMEM2_PAGE);
	return value << shift;
}

static uint64_t parse_hex(const char *name, const char *text)
{
	unsigned long long value;
	char *end;

	value = strtoull(text, &end, 16);
	if (*end || end == text)
		usage("--%s %s: must be hexadecimal", name, text);
	return value;
}

static uint16_t parse_protocol(const char *text)
{
	uint64_t value = parse_hex("protocol", text);

	if (value != 1 && (value < 0x4000 || value > 0x7fff))
		usage("--protocol %s: must be 1 or from 4000 to 7fff", text);
	return (uint16_t)value;
}

static void add_socket(struct ivshmem2_options *o, const char *path)
{
	check_socket_path(path);
	if (o->peers == IVSHMEM2_MAX_PEERS)
		usage("--socket: no more than %u", IVSHMEM2_MAX_PEERS);
	o->sockets[o->peers++] = path;
}

static void set_address(struct ivshmem2_options *o, const char *text)
{
	uint64_t address = parse_hex("address", text);

	if (!o->peers)
		usage("--address: must follow its --socket");
	if (!address || address % IVSHMEM2_PAGE)
		usage("--address %s: must be a multiple of %u", text, IVSHMEM2_PAGE);
	o->addresses[o->peers - 1] = address;
}

static void set_option(struct ivshmem2_options *o, int option, const char **control)
{
	switch (option) {
	case OPT_SOCKET:
		add_socket(o, optarg);
		break;
	case OPT_CONTROL:
		check_socket_path(optarg);
		*control = optarg;
		break;
	case OPT_MEMORY:
		o->memory = not_empty("memory", optarg);
		break;
	case OPT_PROTOCOL:
		o->protocol = parse_protocol(optarg);
		break;
	case OPT_RW_SIZE:
		o->rw_size = parse_size("rw-size", optarg);
		break;
	case OPT_OUTPUT_SIZE:
		o->output_size = parse_size("output-size", optarg);
		break;
	case OPT_VECTORS:
		o->vectors = parse_range("vectors", optarg, 1, VFIO_MAX_VECTORS);
		break;
	case OPT_INTX:
		o->intx = true;
		break;
	case OPT_ONE_SHOT:
		o->one_shot = true;
		break;
	case OPT_TRAP:
		o->trap = true;
		break;
	case OPT_ADDRESS:
		set_address(o, optarg);
		break;
	case 'h':
		fputs(help, stdout);
		exit(fflush(stdout) ? 1 : 0);
	default:
		exit(2);
	}
}

static void parse(struct ivshmem2_options *o, int argc, char **argv, const char **control)
{
	int option;

	*o = (struct ivshmem2_options){ .protocol = 1, .vectors = 2, .output_size = 1 << 20 };
	while ((option = getopt_long(argc, argv, "h", long_options, NULL)) >= 0)
		set_option(o, option, control);
	if (optind < argc)
		usage("what is \"%s\"?", argv[optind]);
	if (o->peers < 2)
		usage("--socket is needed twice at least");
}

static void answer_control(int listener)
{
	int sock = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	FILE *out;

	if (sock < 0)
		return;
	out = fdopen(sock, "w");
	if (!out) {
		close(sock);
		return;
	}
	ivshmem2_report(out);
	fclose(out);
}

static void serve(const struct service *s)
{
	struct pollfd fds[2 + 2 * IVSHMEM2_MAX_PEERS];
	struct vfio_device *dev;
	unsigned int i, n;

	for (;;) {
		fds[0] = (struct pollfd){ .fd = s->end, .events = POLLIN };
		fds[1] = (struct pollfd){ .fd = s->control, .events = POLLIN };
		n = 2;
		for (i = 0; (dev = ivshmem2_device(i)); i++) {
			fds[n++] = (struct pollfd){ .fd = dev->listener, .events = POLLIN };
			fds[n++] = (struct pollfd){ .fd = dev->sock, .events = POLLIN };
		}
		if (poll(fds, n, -1) < 0)
			continue;
		if (fds[0].revents)
			return;
		if (fds[1].revents)
			answer_control(s->control);
		for (i = 0; (dev = ivshmem2_device(i)); i++) {
			if (fds[3 + 2 * i].revents)
				vfio_serve(dev);
			if (fds[2 + 2 * i].revents)
				vfio_accept(dev);
		}
	}
}

int main(int argc, char **argv)
{
	struct ivshmem2_options options;
	const char *control = NULL;
	struct service service;
	struct vfio_device *dev;
	unsigned int i;

	parse(&options, argc, argv, &control);
	if (!service_open(&service, control) || !ivshmem2_open(&options))
		return 1;
	service_ready();
	serve(&service);
	ivshmem2_report(stdout);
	for (i = 0; (dev = ivshmem2_device(i)); i++)
		vfio_close(dev);

	return service_close(&service);
}
