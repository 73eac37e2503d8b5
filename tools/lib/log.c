// SPDX-License-Identifier: GPL-2.0
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Lines that others may cause per period, whoever they are. */
#define LIMIT_LINES 500
#define LIMIT_SECONDS 10

static struct {
	int level;
	int fd;			/* of the file, or -1 */
	const char *path;
	int journal;		/* stderr leads there: 1, 0, or -1 if not known yet */
	unsigned long lost;	/* lines nobody took */
	time_t period;
	unsigned int lines;	/* of this period */
	unsigned long held;	/* lines above the limit */
} state = { .level = LOG_INFO, .fd = -1, .journal = -1 };

void log_level(int level)
{
	state.level = level;
}

static int open_file(const char *path)
{
	/* Non-blocking for the sake of a path that is a FIFO. */
	return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK,
		    0640);
}

int log_open(const char *path)
{
	int fd = open_file(path);

	if (fd < 0) {
		pr_err("--log %s: %s", path, strerror(errno));
		return -1;
	}
	state.fd = fd;
	state.path = path;
	return 0;
}

/* After a rotation; a file that cannot be opened leaves the old one in use. */
bool log_reopen(void)
{
	int fd;

	if (!state.path)
		return false;
	fd = open_file(state.path);
	if (fd < 0) {
		pr_warn("cannot open %s again: %s; going on with the old file", state.path,
			strerror(errno));
		return false;
	}
	close(state.fd);
	state.fd = fd;
	return true;
}

/* So that it can be opened again after the privileges are gone. */
int log_give_to(unsigned int uid, unsigned int gid)
{
	return state.fd < 0 ? 0 : fchown(state.fd, uid, gid);
}

bool log_is_stderr(void)
{
	return state.fd < 0;
}

/* systemd names the stream it connected stderr to by device and inode. */
static bool to_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	char mine[64];
	struct stat st;

	if (!stream || fstat(STDERR_FILENO, &st))
		return false;
	snprintf(mine, sizeof(mine), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
	return !strcmp(stream, mine);
}

static size_t prefix(char *text, size_t size, int level)
{
	static const char * const words[] = {
		[LOG_ERR] = "error: ", [LOG_WARNING] = "warning: ", [LOG_NOTICE] = "",
		[LOG_INFO] = "", [LOG_DEBUG] = "",
	};
	time_t now = time(NULL);
	struct tm tm;
	size_t at;

	if (state.fd >= 0) {
		localtime_r(&now, &tm);
		at = strftime(text, size, "%Y-%m-%d %H:%M:%S ", &tm);
		return at + snprintf(text + at, size - at, "%s", words[level]);
	}
	if (state.journal < 0)
		state.journal = to_journal();
	if (state.journal)
		return snprintf(text, size, "<%d>", level);
	return snprintf(text, size, PROGRAM ": %s", words[level]);
}

static void put_line(const char *text, size_t length)
{
	int fd = state.fd >= 0 ? state.fd : STDERR_FILENO;
	struct pollfd poll_fd = { .fd = fd, .events = POLLOUT };

	/*
	 * A reader of our stderr that has stopped must not stop us: a
	 * pipe that is ready takes a line of this length without blocking.
	 */
	if (poll(&poll_fd, 1, 0) != 1 || !(poll_fd.revents & POLLOUT) ||
	    write(fd, text, length) != (ssize_t)length)
		state.lost++;
}

static void print_args(int level, const char *format, va_list args)
{
	char text[1024];
	size_t at;
	int length;

	if (state.lost) {
		at = prefix(text, sizeof(text), LOG_WARNING);
		length = snprintf(text + at, sizeof(text) - at, "%lu lines of the log were lost\n",
				  state.lost);
		state.lost = 0;
		put_line(text, at + length);
	}
	at = prefix(text, sizeof(text), level);
	length = vsnprintf(text + at, sizeof(text) - at - 1, format, args);
	if (length < 0)
		return;
	at += length;
	if (at > sizeof(text) - 2)
		at = sizeof(text) - 2;
	text[at++] = '\n';
	put_line(text, at);
}

void log_print(int level, const char *format, ...)
{
	va_list args;

	if (level > state.level)
		return;
	va_start(args, format);
	print_args(level, format, args);
	va_end(args);
}

void log_limited(int level, const char *format, ...)
{
	struct timespec now;
	va_list args;

	if (level > state.level)
		return;
	clock_gettime(CLOCK_MONOTONIC, &now);
	if (now.tv_sec >= state.period + LIMIT_SECONDS) {
		if (state.held)
			pr_warn("%lu more lines about others were left out", state.held);
		state.held = 0;
		state.lines = 0;
		state.period = now.tv_sec;
	}
	if (++state.lines > LIMIT_LINES) {
		state.held++;
		return;
	}
	va_start(args, format);
	print_args(level, format, args);
	va_end(args);
}
