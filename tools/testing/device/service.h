/* SPDX-License-Identifier: GPL-2.0 */
/* What a program with devices does around its loop. */
#ifndef DEVICE_SERVICE_H
#define DEVICE_SERVICE_H

#include <stdbool.h>

/**
 * struct service - a program that serves until it is told to end
 * @end: readable when it is
 * @control: where testers connect, or -1
 * @path: of @control
 */
struct service {
	int end;
	int control;
	const char *path;
};

int listen_at(const char *path, int type);
bool service_open(struct service *s, const char *path);
void service_ready(void);
int service_close(struct service *s);

#endif
