// SPDX-License-Identifier: GPL-2.0
#include "listener.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "log.h"
#include "systemd.h"

#define BACKLOG 128

/*
 * Remove the socket of a server that is gone; 0 if the path is free now. The
 * lock file keeps our own kind away, so this asks only about strangers.
 */
static int remove_dead(const char *path, const struct sockaddr_un *address)
{
	struct stat st;
	int fd, code;

	if (lstat(path, &st))
		return errno == ENOENT ? 0 : -1;
	if (!S_ISSOCK(st.st_mode)) {
		pr_err("--socket %s: exists and is not a socket", path);
		return -1;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		pr_err("socket: %s", strerror(errno));
		return -1;
	}
	code = connect(fd, (const struct sockaddr *)address, sizeof(*address)) ? errno : 0;
	close(fd);
	if (code != ECONNREFUSED) {
		pr_err("--socket %s: another program listens there%s%s", path,
		       code ? ", or may: " : "", code ? strerror(code) : "");
		return -1;
	}
	if (unlink(path) && errno != ENOENT) {
		pr_err("--socket %s: cannot remove what a dead server left: %s", path,
		       strerror(errno));
		return -1;
	}
	pr_notice("removed %s, which a dead server left", path);
	return 0;
}

static int set_owner(const struct options *o)
{
	uid_t uid = (uid_t)-1;
	gid_t gid = (gid_t)-1, unused;

	if (o->socket_owner && find_user(o->socket_owner, &uid, &unused))
		return -1;
	if (o->socket_group && find_group(o->socket_group, &gid))
		return -1;
	if ((o->socket_owner || o->socket_group) && lchown(o->socket, uid, gid)) {
		pr_err("--socket %s: cannot change its owner: %s", o->socket, strerror(errno));
		return -1;
	}
	return 0;
}

static int bind_path(struct listener *l, const struct options *o)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct stat st;
	mode_t mask;
	int code;

	memcpy(address.sun_path, o->socket, strlen(o->socket));
	if (remove_dead(o->socket, &address))
		return -1;
	/* Nobody gets in before owner and mode are what they should be. */
	mask = umask(0777);
	code = bind(l->fd, (struct sockaddr *)&address, sizeof(address));
	umask(mask);
	if (code || lstat(o->socket, &st)) {
		pr_err("--socket %s: %s", o->socket, strerror(errno));
		return -1;
	}
	l->path = o->socket;
	l->dev = st.st_dev;
	l->ino = st.st_ino;
	if (set_owner(o))
		return -1;
	if (chmod(o->socket, o->socket_mode)) {
		pr_err("--socket %s: cannot set its mode: %s", o->socket, strerror(errno));
		return -1;
	}
	return 0;
}

int listener_open(struct listener *l, const struct options *o, int given)
{
	*l = (struct listener){ .fd = given, .lock.fd = -1 };
	if (given != NO_SOCKET)
		return 0;
	snprintf(l->lock_path, sizeof(l->lock_path), "%s.lock", o->socket);
	if (lock_file_take(&l->lock, l->lock_path, "--socket"))
		return -1;
	l->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (l->fd < 0) {
		pr_err("socket: %s", strerror(errno));
		return -1;
	}
	if (bind_path(l, o))
		return -1;
	if (listen(l->fd, BACKLOG)) {
		pr_err("--socket %s: listen: %s", o->socket, strerror(errno));
		return -1;
	}
	return 0;
}

void listener_check_removable(const struct listener *l)
{
	char copy[128];

	if (!l->path)
		return;
	snprintf(copy, sizeof(copy), "%s", l->path);
	if (faccessat(AT_FDCWD, dirname(copy), W_OK | X_OK, AT_EACCESS))
		pr_warn("%s cannot be removed in the end: its folder does not belong to --user (the next start will do it)",
			l->path);
}

void listener_close(struct listener *l)
{
	struct stat st;

	if (l->path && !lstat(l->path, &st) && st.st_dev == l->dev && st.st_ino == l->ino &&
	    unlink(l->path))
		pr_warn("cannot remove %s: %s", l->path, strerror(errno));
	l->path = NULL;
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
	lock_file_release(&l->lock);
}
