// SPDX-License-Identifier: GPL-2.0
#include "options.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/un.h>

#include "log.h"

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
"  -u, --user USER          go on as USER, once all is open\n"
"  -g, --group GROUP        ... and as GROUP (the user's group)\n"
"  -d, --daemonize          go into the background, once all is open\n"
"      --pid-file FILE      keep the process id there\n"
"  -l, --log FILE           log to a file instead of stderr; SIGHUP opens it again\n"
"  -v, --verbose            log every step\n"
"  -q, --quiet              log warnings and errors only\n"
"  -h, --help               show this and end\n"
"  -V, --version            show the version and end\n"
"\n"
"Signals: TERM and INT stop, HUP writes the state to the log. Guests that run\n"
"keep their memory and doorbells when the server stops. See ivshmem-server(8).\n";

enum { OPT_MODE = 256, OPT_OWNER, OPT_GROUP, OPT_PID_FILE };

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
	{ "user", required_argument, NULL, 'u' },
	{ "group", required_argument, NULL, 'g' },
	{ "daemonize", no_argument, NULL, 'd' },
	{ "pid-file", required_argument, NULL, OPT_PID_FILE },
	{ "log", required_argument, NULL, 'l' },
	{ "verbose", no_argument, NULL, 'v' },
	{ "quiet", no_argument, NULL, 'q' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ NULL, 0, NULL, 0 }
};

static ATTRIBUTE(__noreturn__) void __printf(1, 2) usage(const char *format, ...)
{
	va_list args;
	char text[512];

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	pr_err("%s", text);
	fputs("Try \"ivshmem-server --help\".\n", stderr);
	exit(2);
}

bool size_is_valid(uint64_t size)
{
	return size >= SIZE_MIN && size <= SIZE_LIMIT && !(size & (size - 1));
}

/* strtoul() would take a sign and blanks as well. */
static bool parse_number(const char *text, int base, unsigned long long *value, char **end)
{
	if (!isdigit((unsigned char)*text))
		return false;
	errno = 0;
	*value = strtoull(text, end, base);
	return !errno;
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

static unsigned int parse_count(const char *name, const char *text, unsigned int max)
{
	unsigned long long value;
	char *end;

	if (!parse_number(text, 10, &value, &end) || *end || !value || value > max)
		usage("--%s %s: must be a number from 1 to %u", name, text, max);
	return (unsigned int)value;
}

static mode_t parse_mode(const char *text)
{
	unsigned long long value;
	char *end;

	if (!parse_number(text, 8, &value, &end) || *end || value > 0777)
		usage("--socket-mode %s: must be octal, from 0 to 0777", text);
	return (mode_t)value;
}

static const char *not_empty(const char *name, const char *text)
{
	if (!*text)
		usage("--%s is empty", name);
	return text;
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
		o->vectors = parse_count("vectors", optarg, VECTORS_MAX);
		break;
	case 'c':
		o->clients = parse_count("clients", optarg, CLIENTS_MAX);
		break;
	case 't':
		o->timeout = parse_count("timeout", optarg, TIMEOUT_MAX);
		break;
	case 'u':
		o->user = not_empty("user", optarg);
		break;
	case 'g':
		o->group = not_empty("group", optarg);
		break;
	case 'd':
		o->daemonize = true;
		break;
	case OPT_PID_FILE:
		o->pid_file = not_empty("pid-file", optarg);
		break;
	case 'l':
		o->log = not_empty("log", optarg);
		break;
	case 'v':
		log_level(LOG_DEBUG);
		break;
	case 'q':
		log_level(LOG_WARNING);
		break;
	case 'h':
		fputs(help, stdout);
		exit(fflush(stdout) ? 1 : 0);
	case 'V':
		puts("ivshmem-server " VERSION);
		exit(fflush(stdout) ? 1 : 0);
	default:
		/* getopt has said what is wrong. */
		fputs("Try \"ivshmem-server --help\".\n", stderr);
		exit(2);
	}
}

/* The background has "/" as its folder. */
static void check_absolute(const char *name, const char *path)
{
	if (path && *path != '/')
		usage("--daemonize needs absolute paths, not --%s %s", name, path);
}

void options_parse(struct options *o, int argc, char **argv)
{
	int option;

	*o = (struct options){
		.size = 4 << 20, .vectors = 2, .clients = 16, .timeout = 30,
		.socket_mode = 0600,
	};
	while ((option = getopt_long(argc, argv, "S:m:M:H::pn:c:t:u:g:dl:vqhV", long_options,
				     NULL)) != -1)
		set_option(o, option);
	if (optind < argc)
		usage("%s: there are only options, no arguments", argv[optind]);
	if (o->memory && o->huge)
		usage("--huge is for anonymous memory; put --memory %s on a hugetlbfs instead",
		      o->memory);
	if (o->daemonize) {
		check_absolute("socket", o->socket);
		check_absolute("memory", o->memory);
		check_absolute("pid-file", o->pid_file);
		check_absolute("log", o->log);
	}
}

void options_check_socket(const struct options *o, bool activated)
{
	const size_t max = sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1;

	if (activated && (o->socket || o->socket_owner || o->socket_group))
		usage("systemd has given us a socket: leave --socket out, its unit has it");
	if (activated)
		return;
	if (!o->socket)
		usage("--socket PATH is missing");
	if (strlen(o->socket) > max)
		usage("--socket: %zu bytes are too many for the path of a socket, at most %zu fit",
		      strlen(o->socket), max);
}
