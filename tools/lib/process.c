// SPDX-License-Identifier: GPL-2.0
#include "process.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "log.h"

int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void stop_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGHUP);
}

void set_signals(void)
{
	sigset_t set;

	stop_signals(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
}

int fill_standard_streams(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd < 0)
		return -1;
	close(fd);
	return 0;
}

/* The lock tells whether the owner lives; a number in a file never could. */
static int try_lock(const char *path, const char *purpose)
{
	struct stat mine, there;
	char pid[24];
	ssize_t length;
	int fd;

	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0644);
	if (fd < 0 || fstat(fd, &mine)) {
		pr_err("%s: cannot open %s: %s", purpose, path, strerror(errno));
		goto fail;
	}
	if (!S_ISREG(mine.st_mode)) {
		pr_err("%s: %s is not a regular file", purpose, path);
		goto fail;
	}
	if (flock(fd, LOCK_EX | LOCK_NB)) {
		length = read(fd, pid, sizeof(pid) - 1);
		pid[length > 0 ? length : 0] = '\0';
		pid[strspn(pid, "0123456789")] = '\0';
		pr_err("%s: in use by process %s, which holds %s", purpose, *pid ? pid : "?", path);
		goto fail;
	}
	/* Its last owner may have removed it between our two steps. */
	if (stat(path, &there) || there.st_dev != mine.st_dev || there.st_ino != mine.st_ino) {
		close(fd);
		return -2;
	}
	return fd;
fail:
	if (fd >= 0)
		close(fd);
	return -1;
}

int lock_file_take(struct lock_file *lock, const char *path, const char *purpose)
{
	char pid[24];
	int fd, length, tries = 0;

	do {
		fd = try_lock(path, purpose);
	} while (fd == -2 && ++tries < 100);
	if (fd == -2)
		pr_err("%s: %s keeps changing", purpose, path);
	if (fd < 0)
		return -1;
	length = snprintf(pid, sizeof(pid), "%ld\n", (long)getpid());
	if (ftruncate(fd, 0) || pwrite(fd, pid, (size_t)length, 0) != length) {
		pr_err("%s: cannot write %s: %s", purpose, path, strerror(errno));
		close(fd);
		return -1;
	}
	lock->fd = fd;
	lock->path = path;
	return 0;
}

void lock_file_release(struct lock_file *lock)
{
	struct stat mine, there;

	if (lock->fd < 0)
		return;
	/* Only what is still ours; where we may not remove it, it is left empty. */
	if (!fstat(lock->fd, &mine) && !lstat(lock->path, &there) &&
	    mine.st_dev == there.st_dev && mine.st_ino == there.st_ino &&
	    unlink(lock->path) && ftruncate(lock->fd, 0))
		pr_warn("cannot remove %s: %s", lock->path, strerror(errno));
	close(lock->fd);
	lock->fd = -1;
}

static bool parse_id(const char *text, unsigned int *id)
{
	unsigned long value;
	char *end;

	if (!isdigit((unsigned char)*text))
		return false;
	errno = 0;
	value = strtoul(text, &end, 10);
	/* (uid_t)-1 means "leave it" to the system calls. */
	if (errno || *end || value >= (uid_t)-1)
		return false;
	*id = (unsigned int)value;
	return true;
}

int find_user(const char *name, uid_t *uid, gid_t *gid)
{
	struct passwd *entry = getpwnam(name);

	if (!entry && parse_id(name, uid)) {
		entry = getpwuid(*uid);
		*gid = entry ? entry->pw_gid : (gid_t)*uid;
		return 0;
	}
	if (!entry) {
		pr_err("there is no user %s", name);
		return -1;
	}
	*uid = entry->pw_uid;
	*gid = entry->pw_gid;
	return 0;
}

int find_group(const char *name, gid_t *gid)
{
	struct group *entry = getgrnam(name);

	if (!entry && parse_id(name, gid))
		return 0;
	if (!entry) {
		pr_err("there is no group %s", name);
		return -1;
	}
	*gid = entry->gr_gid;
	return 0;
}

int drop_privileges(const char *user, const char *group)
{
	uid_t uid = getuid();
	gid_t gid = getgid();

	if (!user && !group)
		return 0;
	if (user && find_user(user, &uid, &gid))
		return -1;
	if (group && find_group(group, &gid))
		return -1;
	if (geteuid()) {
		pr_err("--user and --group need root");
		return -1;
	}
	if (log_give_to(uid, gid))
		pr_warn("cannot give the log to %s: %s", user ? user : group, strerror(errno));
	/* The groups of root must go as well, and the order matters. */
	if (setgroups(0, NULL) || setresgid(gid, gid, gid) || setresuid(uid, uid, uid)) {
		pr_err("cannot become %s: %s", user ? user : group, strerror(errno));
		return -1;
	}
	if (uid && (!setuid(0) || !seteuid(0))) {
		pr_err("could become root again, which must not be");
		return -1;
	}
	return 0;
}

/* As far as it goes; what is said to need more than that. */
void raise_descriptor_limit(unsigned int needed, const char *what)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	if (limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		if (setrlimit(RLIMIT_NOFILE, &limit))
			getrlimit(RLIMIT_NOFILE, &limit);
	}
	if (limit.rlim_cur < needed)
		pr_warn("%s may need %u descriptors, but the limit is %ju (ulimit -Hn, LimitNOFILE=): later ones will have to wait",
			what, needed, (uintmax_t)limit.rlim_cur);
}

/*
 * Continue in a child of init. The parent stays until the child says that it
 * serves, so that a script can start guests right after.
 */
int go_to_background(void)
{
	int ready[2], null;
	char byte;
	pid_t pid;

	if (pipe2(ready, O_CLOEXEC)) {
		pr_err("pipe: %s", strerror(errno));
		return -1;
	}
	pid = fork();
	if (pid < 0) {
		pr_err("fork: %s", strerror(errno));
		return -1;
	}
	if (pid) {
		close(ready[1]);
		_exit(read(ready[0], &byte, 1) == 1 ? 0 : 1);
	}
	close(ready[0]);
	/* The second fork gives up the session, and so any later terminal. */
	pid = setsid() < 0 ? -1 : fork();
	if (pid < 0) {
		pr_err("cannot go into the background: %s", strerror(errno));
		return -1;
	}
	if (pid)
		_exit(0);
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0 || chdir("/") || dup2(null, STDIN_FILENO) < 0 ||
	    dup2(null, STDOUT_FILENO) < 0) {
		pr_err("cannot go into the background: %s", strerror(errno));
		return -1;
	}
	close(null);
	return ready[1];
}

void background_is_ready(int ready_fd)
{
	int null;

	/* With a log of our own, stderr is not ours to keep. */
	if (!log_is_stderr()) {
		null = open("/dev/null", O_RDWR | O_CLOEXEC);
		if (null >= 0) {
			dup2(null, STDERR_FILENO);
			close(null);
		}
	}
	if (write(ready_fd, "", 1) != 1)
		pr_warn("nobody waited for us: %s", strerror(errno));
	close(ready_fd);
}
