// SPDX-License-Identifier: GPL-2.0
#include "options.h"

#include <stdio.h>

#include "args.h"

#define MTU_MIN	68
#define MTU_MAX	65521

static const char help[] =
"Usage: ivshmem-tap --socket PATH [OPTION...]\n"
"Join a segment of shared memory (ivnet-shm) as one more port: a TAP device.\n"
"\n"
"  -S, --socket PATH        UNIX socket of the ivshmem-server\n"
"  -i, --tap NAME           TAP device, one that exists or a new one (ivshm%d)\n"
"  -a, --mac ADDRESS        its address (by machine and name; that of a device\n"
"                           that exists)\n"
"  -m, --mtu BYTES          its MTU, 68..65521 (as it is)\n"
"      --up                 set it up\n"
"  -p, --port N             port of the segment, 0..15 (any that is free)\n"
"      --ports N            ports of the segment, 2..16, if it has no layout yet\n"
"                           (2, 4 or 8, by its size)\n"
"      --queues N           queues, 1..4, likewise (one for each processor)\n"
"      --format             overwrite a region that holds something else\n"
DAEMON_HELP
"\n"
"Signals: TERM and INT stop, HUP writes the state to the log. See ivshmem-tap(8).\n";

enum { OPT_UP = OPT_OWN, OPT_PORTS, OPT_QUEUES, OPT_FORMAT };

static const struct option long_options[] = {
	{ "socket", required_argument, NULL, 'S' },
	{ "tap", required_argument, NULL, 'i' },
	{ "mac", required_argument, NULL, 'a' },
	{ "mtu", required_argument, NULL, 'm' },
	{ "up", no_argument, NULL, OPT_UP },
	{ "port", required_argument, NULL, 'p' },
	{ "ports", required_argument, NULL, OPT_PORTS },
	{ "queues", required_argument, NULL, OPT_QUEUES },
	{ "format", no_argument, NULL, OPT_FORMAT },
	{ NULL, 0, NULL, 0 }
};

static void parse_mac(const char *text, u8 *mac)
{
	int end = 0;

	if (sscanf(text, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%n", &mac[0], &mac[1], &mac[2],
		   &mac[3], &mac[4], &mac[5], &end) != 6 || text[end] || mac[0] & 1 ||
	    !(mac[0] | mac[1] | mac[2] | mac[3] | mac[4] | mac[5]))
		usage("--mac %s: must be the address of one station, e.g. 02:00:00:00:00:01", text);
}

static const char *device_name(const char *text)
{
	if (!*text || strlen(text) >= IFNAMSIZ || strchr(text, '/'))
		usage("--tap %s: must be the name of a device, at most %d bytes", text,
		      IFNAMSIZ - 1);
	return text;
}

static void set_option(struct options *o, int option)
{
	switch (option) {
	case 'S':
		o->socket = not_empty("socket", optarg);
		break;
	case 'i':
		o->tap.name = device_name(optarg);
		break;
	case 'a':
		parse_mac(optarg, o->tap.mac);
		break;
	case 'm':
		o->tap.mtu = parse_range("mtu", optarg, MTU_MIN, MTU_MAX);
		break;
	case OPT_UP:
		o->tap.up = true;
		break;
	case 'p':
		o->port = parse_range("port", optarg, 0, IVNET_SHM_PORTS_MAX - 1);
		break;
	case OPT_PORTS:
		o->ports = parse_range("ports", optarg, IVNET_SHM_PORTS_MIN, IVNET_SHM_PORTS_MAX);
		break;
	case OPT_QUEUES:
		o->queues = parse_range("queues", optarg, 1, IVNET_SHM_QUEUES_MAX);
		break;
	case OPT_FORMAT:
		o->format = true;
		break;
	default:
		daemon_option(&o->daemon, option, help);
	}
}

void options_parse(struct options *o, int argc, char **argv)
{
	int option;

	*o = (struct options){ .tap.name = "ivshm%d", .port = PORT_ANY };
	while ((option = daemon_getopt(argc, argv, "S:i:a:m:p:" DAEMON_SHORT,
				       long_options)) != -1)
		set_option(o, option);
	daemon_check(&o->daemon, argc, argv);
	check_socket_path(o->socket);
	if (o->daemon.daemonize)
		check_absolute("socket", o->socket);
}
