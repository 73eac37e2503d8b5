// SPDX-License-Identifier: GPL-2.0
#include "systemd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define FIRST_FD 3

static int socket_option(int fd, int option)
{
	int value;
	socklen_t length = sizeof(value);

	return getsockopt(fd, SOL_SOCKET, option, &value, &length) ? -1 : value;
}

int systemd_socket(void)
{
	const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
	/* They may be meant for the process that started us. */
	bool ours = pid && fds && strtol(pid, NULL, 10) == getpid();
	long count = ours ? strtol(fds, NULL, 10) : 0;
	int flags;

	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	if (!count)
		return NO_SOCKET;
	if (count != 1) {
		pr_err("systemd passed %ld sockets; this program takes one", count);
		return BAD_SOCKET;
	}
	if (socket_option(FIRST_FD, SO_DOMAIN) != AF_UNIX ||
	    socket_option(FIRST_FD, SO_TYPE) != SOCK_STREAM ||
	    socket_option(FIRST_FD, SO_ACCEPTCONN) != 1) {
		pr_err("systemd passed something else than a listening UNIX stream socket (ListenStream=/PATH, Accept=no)");
		return BAD_SOCKET;
	}
	flags = fcntl(FIRST_FD, F_GETFL);
	if (flags < 0 || fcntl(FIRST_FD, F_SETFL, flags | O_NONBLOCK) ||
	    fcntl(FIRST_FD, F_SETFD, FD_CLOEXEC)) {
		pr_err("the socket of systemd: %s", strerror(errno));
		return BAD_SOCKET;
	}
	return FIRST_FD;
}

void systemd_notify(const char *format, ...)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t length = path ? strlen(path) : 0;
	char text[256];
	va_list args;
	int fd, size;

	if (!length || length >= sizeof(address.sun_path) || (*path != '/' && *path != '@'))
		return;
	va_start(args, format);
	size = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (size < 0 || (size_t)size >= sizeof(text))
		return;
	memcpy(address.sun_path, path, length);
	if (*path == '@')
		address.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	/* A manager that is busy must not hold us up. */
	sendto(fd, text, (size_t)size, MSG_NOSIGNAL | MSG_DONTWAIT, (struct sockaddr *)&address,
	       (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length));
	close(fd);
}
