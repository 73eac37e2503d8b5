// SPDX-License-Identifier: GPL-2.0
#include "args.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#define OPT_PID_FILE 255
#define COMMON 9
#define OWN_MAX 32

static const struct option common[COMMON] = {
	{ "user", required_argument, NULL, 'u' },
	{ "group", required_argument, NULL, 'g' },
	{ "daemonize", no_argument, NULL, 'd' },
	{ "pid-file", required_argument, NULL, OPT_PID_FILE },
	{ "log", required_argument, NULL, 'l' },
	{ "verbose", no_argument, NULL, 'v' },
	{ "quiet", no_argument, NULL, 'q' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
};

/* After somebody said what is wrong. */
static ATTRIBUTE(__noreturn__) void usage_hint(void)
{
	fputs("Try \"" PROGRAM " --help\".\n", stderr);
	exit(2);
}

void usage(const char *format, ...)
{
	va_list args;
	char text[512];

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	pr_err("%s", text);
	usage_hint();
}

static ATTRIBUTE(__noreturn__) void show(const char *text)
{
	fputs(text, stdout);
	exit(fflush(stdout) ? 1 : 0);
}

bool parse_number(const char *text, int base, unsigned long long *value, char **end)
{
	if (!isdigit((unsigned char)*text))
		return false;
	errno = 0;
	*value = strtoull(text, end, base);
	return !errno;
}

unsigned int parse_range(const char *name, const char *text, unsigned int min, unsigned int max)
{
	unsigned long long value;
	char *end;

	if (!parse_number(text, 10, &value, &end) || *end || value < min || value > max)
		usage("--%s %s: must be a number from %u to %u", name, text, min, max);
	return (unsigned int)value;
}

const char *not_empty(const char *name, const char *text)
{
	if (!*text)
		usage("--%s is empty", name);
	return text;
}

void check_socket_path(const char *path)
{
	const size_t max = sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1;

	if (!path)
		usage("--socket PATH is missing");
	if (strlen(path) > max)
		usage("--socket: %zu bytes are too many for the path of a socket, at most %zu fit",
		      strlen(path), max);
}

void check_absolute(const char *name, const char *path)
{
	if (path && *path != '/')
		usage("--daemonize needs absolute paths, not --%s %s", name, path);
}

int daemon_getopt(int argc, char **argv, const char *letters, const struct option *own)
{
	static struct option all[COMMON + OWN_MAX + 1];
	unsigned int i;

	memcpy(all, common, sizeof(common));
	for (i = 0; i < OWN_MAX && own[i].name; i++)
		all[COMMON + i] = own[i];
	return getopt_long(argc, argv, letters, all, NULL);
}

void common_option(int option, const char *help)
{
	switch (option) {
	case 'h':
		show(help);
	case 'V':
		show(PROGRAM " " VERSION "\n");
	default:
		usage_hint();
	}
}

void daemon_option(struct daemon_options *o, int option, const char *help)
{
	switch (option) {
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
	default:
		common_option(option, help);
	}
}

void daemon_check(const struct daemon_options *o, int argc, char **argv)
{
	if (optind < argc)
		usage("%s: there are only options, no arguments", argv[optind]);
	if (o->daemonize) {
		check_absolute("pid-file", o->pid_file);
		check_absolute("log", o->log);
	}
}
