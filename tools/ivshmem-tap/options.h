/* SPDX-License-Identifier: GPL-2.0 */
/* The command line. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include "args.h"
#include "tap.h"

#define PORT_ANY	IVNET_SHM_PORTS_MAX

/**
 * struct options - the command line
 * @socket: of the server
 * @tap: the device
 * @ports: ports that the region shall have; 0: whatever it has, or by its size
 * @queues: queues; 0: whatever it has, or by the number of processors
 * @port: number to take, or %PORT_ANY
 * @format: the region may be overwritten even if it is not ours
 * @daemon: what every daemon takes
 */
struct options {
	const char *socket;
	struct tap_options tap;
	u32 ports;
	u32 queues;
	u32 port;
	bool format;
	struct daemon_options daemon;
};

/* Ends the program for --help, --version and mistakes (status 2). */
void options_parse(struct options *o, int argc, char **argv);

#endif
