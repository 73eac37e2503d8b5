// SPDX-License-Identifier: GPL-2.0
#include "service.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "log.h"

/**
 * listen_at() - a UNIX socket, in place of what a dead process left there
 * @path: of it; short enough
 * @type: SOCK_STREAM or SOCK_SEQPACKET, and flags
 *
 * Return: the descriptor, or -1 after a message.
 */
int listen_at(const char *path, int type)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	memcpy(address.sun_path, path, strlen(path));
	unlink(path);
	if (fd >= 0 && !bind(fd, (struct sockaddr *)&address, sizeof(address)) && !listen(fd, 4))
		return fd;
	pr_err("%s: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);

	return -1;
}

/* SIGTERM and SIGINT, as something to wait for. */
static int end_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);

	return signalfd(-1, &set, SFD_CLOEXEC);
}

/**
 * service_open() - before anything else
 * @s: filled in
 * @path: of the control socket, or NULL
 *
 * Return: false after a message if there can be no such socket.
 */
bool service_open(struct service *s, const char *path)
{
	s->end = end_signals();
	s->path = path;
	s->control = path ? listen_at(path, SOCK_STREAM) : -1;

	return !path || s->control >= 0;
}

/**
 * service_ready() - tell who waits for it that clients may come
 */
void service_ready(void)
{
	puts("serving");
	fflush(stdout);
}

/**
 * service_close() - after all that is to be printed
 * @s: the service
 *
 * Return: the exit status.
 */
int service_close(struct service *s)
{
	if (s->path)
		unlink(s->path);

	return fflush(stdout) ? 1 : 0;
}
