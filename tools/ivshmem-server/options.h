/* SPDX-License-Identifier: GPL-2.0 */
/* The command line. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "args.h"

#define SIZE_MIN ((uint64_t)4 << 10)
#define SIZE_LIMIT ((uint64_t)1 << 40)
#define VECTORS_MAX 64
#define CLIENTS_MAX 4096
#define TIMEOUT_MAX 86400
#define HUGE_DEFAULT 1		/* --huge without a size: the system's choice */

struct options {
	const char *socket;
	const char *socket_owner;
	const char *socket_group;
	const char *memory;		/* a file; NULL: a memfd */
	uint64_t size;			/* bytes */
	uint64_t huge;			/* bytes of a huge page, HUGE_DEFAULT, or 0 */
	unsigned int vectors;
	unsigned int clients;
	unsigned int timeout;		/* seconds */
	mode_t socket_mode;
	bool size_given;
	bool prealloc;
	struct daemon_options daemon;
};

/* Ends the program for --help, --version and mistakes (status 2). */
void options_parse(struct options *o, int argc, char **argv);
/* What depends on whether systemd has given us a socket. */
void options_check_socket(const struct options *o, bool activated);
bool size_is_valid(uint64_t size);

#endif
