/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What we tell systemd, and what it gives us. Both protocols are few lines and
 * documented as stable, so they are spoken here: every build has them.
 */
#ifndef SYSTEMD_H
#define SYSTEMD_H

#include "log.h"

#define NO_SOCKET (-1)
#define BAD_SOCKET (-2)

/* The listening socket (LISTEN_FDS), NO_SOCKET, or BAD_SOCKET after a message. */
int systemd_socket(void);
/* Lines of NAME=VALUE (NOTIFY_SOCKET); without systemd nothing happens. */
void systemd_notify(const char *format, ...) __printf(1, 2);

#endif
