// SPDX-License-Identifier: GPL-2.0
#include "options.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "args.h"

static const char help[] =
"Usage: ivshmem-server --socket PATH [OPTION...]\n"
"Give QEMU's ivshmem-doorbell devices a common memory and doorbells.\n"
"\n"
"  -S, --socket PATH        UNIX socket to listen on; not with systemd's sockets\n"
"      --socket-mode MODE   its permissions, octal (0600)\n"
"      --socket-owner USER  its owner\n"
"      --socket-group GROUP its group\n"
"  -m, --size SIZE          memory, a power of two from 4K to 1T (4M, or the size\n"
"                           of an existing --memory)\n"
"  -M, --memory FILE        a file (also on hugetlbfs or /dev/shm) instead of\n"
"                           anonymous memory that nobody can resize\n"
"  -H, --huge[=SIZE]        anonymous memory in huge pages (of SIZE, e.g. 2M)\n"
"  -p, --prealloc           take all of the memory now, not at its first use\n"
"  -n, --vectors N          interrupt vectors per guest, 1..64 (2)\n"
"  -c, --clients N          guests at a time, 1..4096 (16)\n"
"  -t, --timeout SECONDS    drop a client that reads nothing for so long, 1..86400 (30)\n"
DAEMON_HELP
"\n"
"Signals: TERM and INT stop, HUP writes the state to the log. Guests that run\n"
"keep their memory and doorbells when the server stops. See ivshmem-server(8).\n";

enum { OPT_MODE = OPT_OWN, OPT_OWNER, OPT_GROUP };

static const struct option long_options[] = {
	{ "socket", required_argument, NULL, 'S' },
	{ "socket-mode", required_argument, NULL, OPT_MODE },
	{ "socket-owner", required_argument, NULL, OPT_OWNER },
	{ "socket-group", required_argument, NULL, OPT_GROUP },
	{ "size", required_argument, NULL, 'm' },
	{ "memory", required_argument, NULL, 'M' },
	{ "huge", optional_argument, NULL, 'H' },
	{ "prealloc", no_argument, NULL, 'p' },
	{ "vectors", required_argument, NULL, 'n' },
	{ "clients", required_argument, NULL, 'c' },
	{ "timeout", required_argument, NULL, 't' },
	{ NULL, 0, NULL, 0 }
};

bool size_is_valid(uint64_t size)
{
	return size >= SIZE_MIN && size <= SIZE_LIMIT && !(size & (size - 1));
}

static bool parse_size(const char *text, uint64_t *size)
{
	static const char suffixes[] = "KMGT";
	unsigned long long value;
	unsigned int shift = 0;
	const char *suffix;
	char *end;

	if (!parse_number(text, 10, &value, &end))
		return false;
	if (*end) {
		suffix = strchr(suffixes, toupper((unsigned char)*end));
		if (!suffix)
			return false;
		shift = 10 * (unsigned int)(suffix - suffixes + 1);
		end++;
		if (!strcasecmp(end, "iB") || !strcasecmp(end, "B"))
			end += strlen(end);
	}
	if (*end || value > SIZE_LIMIT >> shift)
		return false;
	*size = value << shift;
	return true;
}

static mode_t parse_mode(const char *text)
{
	unsigned long long value;
	char *end;

	if (!parse_number(text, 8, &value, &end) || *end || value > 0777)
		usage("--socket-mode %s: must be octal, from 0 to 0777", text);
	return (mode_t)value;
}

static void set_option(struct options *o, int option)
{
	switch (option) {
	case 'S':
		o->socket = not_empty("socket", optarg);
		break;
	case OPT_MODE:
		o->socket_mode = parse_mode(optarg);
		break;
	case OPT_OWNER:
		o->socket_owner = not_empty("socket-owner", optarg);
		break;
	case OPT_GROUP:
		o->socket_group = not_empty("socket-group", optarg);
		break;
	case 'm':
		if (!parse_size(optarg, &o->size) || !size_is_valid(o->size))
			usage("--size %s: must be a power of two from 4K to 1T", optarg);
		o->size_given = true;
		break;
	case 'M':
		o->memory = not_empty("memory", optarg);
		break;
	case 'H':
		o->huge = HUGE_DEFAULT;
		if (optarg && (!parse_size(optarg, &o->huge) || !size_is_valid(o->huge)))
			usage("--huge=%s: must be the size of a huge page, e.g. 2M or 1G", optarg);
		break;
	case 'p':
		o->prealloc = true;
		break;
	case 'n':
		o->vectors = parse_range("vectors", optarg, 1, VECTORS_MAX);
		break;
	case 'c':
		o->clients = parse_range("clients", optarg, 1, CLIENTS_MAX);
		break;
	case 't':
		o->timeout = parse_range("timeout", optarg, 1, TIMEOUT_MAX);
		break;
	default:
		daemon_option(&o->daemon, option, help);
	}
}

void options_parse(struct options *o, int argc, char **argv)
{
	int option;

	*o = (struct options){
		.size = 4 << 20, .vectors = 2, .clients = 16, .timeout = 30,
		.socket_mode = 0600,
	};
	while ((option = daemon_getopt(argc, argv, "S:m:M:H::pn:c:t:" DAEMON_SHORT,
				       long_options)) != -1)
		set_option(o, option);
	daemon_check(&o->daemon, argc, argv);
	if (o->memory && o->huge)
		usage("--huge is for anonymous memory; put --memory %s on a hugetlbfs instead",
		      o->memory);
	if (o->daemon.daemonize) {
		check_absolute("socket", o->socket);
		check_absolute("memory", o->memory);
	}
}

void options_check_socket(const struct options *o, bool activated)
{
	if (activated && (o->socket || o->socket_owner || o->socket_group))
		usage("systemd has given us a socket: leave --socket out, its unit has it");
	if (!activated)
		check_socket_path(o->socket);
}
