/* SPDX-License-Identifier: GPL-2.0 */
/* Arguments of the command line. What is wrong ends the program, with status 2. */
#ifndef ARGS_H
#define ARGS_H

#include <getopt.h>
#include <stdbool.h>

#include "log.h"

/* What every daemon here takes. */
struct daemon_options {
	const char *user;
	const char *group;
	const char *log;
	const char *pid_file;
	bool daemonize;
};

#define OPT_OWN 256		/* the first value that is free */

#define DAEMON_SHORT "u:g:dl:vqhV"
#define DAEMON_HELP \
"  -u, --user USER          go on as USER, once all is open\n" \
"  -g, --group GROUP        ... and as GROUP (the user's group)\n" \
"  -d, --daemonize          go into the background, once all is open\n" \
"      --pid-file FILE      keep the process id there\n" \
"  -l, --log FILE           log to a file instead of stderr; SIGHUP opens it again\n" \
"  -v, --verbose            log every step\n" \
"  -q, --quiet              log warnings and errors only\n" \
"  -h, --help               show this and end\n" \
"  -V, --version            show the version and end\n"

/* As getopt_long(), for these options and those in @own, up to one without a name. */
int daemon_getopt(int argc, char **argv, const char *letters, const struct option *own);
/* One of these options, or one that getopt_long() has complained about. */
void daemon_option(struct daemon_options *o, int option, const char *help);
/* --help, --version, or what getopt_long() has complained about: ends the program. */
ATTRIBUTE(__noreturn__) void common_option(int option, const char *help);
/* Behind all options; the paths of the background are absolute, as it has "/" as its folder. */
void daemon_check(const struct daemon_options *o, int argc, char **argv);

ATTRIBUTE(__noreturn__) void usage(const char *format, ...) __printf(1, 2);

/* Digits only: strtoul() would take a sign and blanks as well. */
bool parse_number(const char *text, int base, unsigned long long *value, char **end);
unsigned int parse_range(const char *name, const char *text, unsigned int min, unsigned int max);
const char *not_empty(const char *name, const char *text);
/* The path of a UNIX socket has a limit. */
void check_socket_path(const char *path);
/* For --daemonize. */
void check_absolute(const char *name, const char *path);

#endif
