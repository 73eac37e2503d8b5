/* SPDX-License-Identifier: GPL-2.0 */
/* The memory that the guests share. */
#ifndef MEMORY_H
#define MEMORY_H

#include <stdint.h>

#include "options.h"

struct memory {
	int fd;
	uint64_t size;		/* bytes */
	char text[96];		/* size and kind, for messages */
};

int memory_open(struct memory *m, const struct options *o);
void memory_close(struct memory *m);

#endif
