/* SPDX-License-Identifier: GPL-2.0 */
/* The socket that clients connect to. */
#ifndef LISTENER_H
#define LISTENER_H

#include <sys/types.h>

#include "options.h"
#include "process.h"

struct listener {
	int fd;
	const char *path;	/* NULL: systemd's socket, which is not ours to remove */
	struct lock_file lock;
	char lock_path[128];
	dev_t dev;		/* of the path, to remove nothing but our own */
	ino_t ino;
};

/* given: a socket that listens already, or NO_SOCKET */
int listener_open(struct listener *l, const struct options *o, int given);
/* Can we remove it in the end, now that the privileges are gone? */
void listener_check_removable(const struct listener *l);
void listener_close(struct listener *l);

#endif
