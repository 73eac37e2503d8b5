/* SPDX-License-Identifier: GPL-2.0 */
/* The loop: who comes, who goes, and who has to hear of it. */
#ifndef SERVER_H
#define SERVER_H

#include "listener.h"
#include "memory.h"
#include "options.h"

/* Serve until a signal says stop. 0 then, -1 after an error. */
int server_run(const struct options *o, const struct listener *l, const struct memory *m,
	       int ready_fd);

#endif
