// SPDX-License-Identifier: GPL-2.0
/* The protocol is in ivshmem-server(8). */
#include "client.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "log.h"
#include "nospec.h"
#include "process.h"

#define PROTOCOL_VERSION	0
#define MEMORY_ID		(-1)

/* How long a server may take to send all that a new client needs, ms. */
#define GREETING_MS	5000
/* What has fewer vectors than we could use is quiet for this long afterwards, ms. */
#define QUIET_MS	100
#define RETRY_MS	20

void bells_close(struct bells *bells)
{
	while (bells->vectors)
		close(bells->fds[--bells->vectors]);
	free(bells);
}

void client_close(struct client *c)
{
	u32 i;

	for (i = 0; i < CLIENT_IDS; i++) {
		if (c->peers[i])
			bells_close(c->peers[i]);
		c->peers[i] = NULL;
	}
	while (c->vectors)
		close(c->own[--c->vectors]);
	if (c->memory)
		munmap(c->memory, c->size);
	c->memory = NULL;
	if (c->part_fd >= 0)
		close(c->part_fd);
	c->part_fd = -1;
	if (c->sock >= 0)
		close(c->sock);
	c->sock = -1;
	c->id = -1;
}

static bool map_memory(struct client *c, int fd)
{
	struct stat st;
	void *memory;

	if (fstat(fd, &st) || st.st_size <= 0) {
		pr_err("the server's memory has no size");
		return false;
	}
	memory = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (memory == MAP_FAILED) {
		pr_err("cannot map the server's memory: %s", strerror(errno));
		return false;
	}
	c->memory = memory;
	c->size = (u64)st.st_size;
	return true;
}

/* One more doorbell of a peer; threads may be looking. */
static bool join(struct client *c, u32 id, int fd)
{
	struct bells *bells = c->peers[id];

	if (!bells) {
		bells = calloc(1, sizeof(*bells));
		if (!bells)
			return false;
		__atomic_store_n(&c->peers[id], bells, __ATOMIC_RELEASE);
	}
	if (bells->vectors == CLIENT_VECTORS)
		return false;
	/* A doorbell that is full has been rung. */
	fcntl(fd, F_SETFL, O_NONBLOCK);
	bells->fds[bells->vectors] = fd;
	__atomic_store_n(&bells->vectors, bells->vectors + 1, __ATOMIC_RELEASE);
	return true;
}

static enum client_news leave(struct client *c, u32 id, struct bells **left)
{
	*left = c->peers[id];
	if (!*left)
		return CLIENT_TAKEN;
	__atomic_store_n(&c->peers[id], NULL, __ATOMIC_RELAXED);
	return CLIENT_LEFT;
}

/* True if it makes sense. Takes @fd over. */
static bool greeting(struct client *c, s64 value, int fd)
{
	bool good;

	if (!c->greeted) {
		c->greeted = value == PROTOCOL_VERSION && fd < 0;
		good = c->greeted;
	} else if (c->id < 0) {
		c->id = value >= 0 && value < CLIENT_IDS && fd < 0 ? (int)value : -1;
		good = c->id >= 0;
	} else {
		good = value == MEMORY_ID && fd >= 0 && map_memory(c, fd);
	}
	if (fd >= 0)
		close(fd);
	return good;
}

static enum client_news take(struct client *c, s64 value, int fd, struct bells **left)
{
	if (!c->memory)
		return greeting(c, value, fd) ? CLIENT_TAKEN : CLIENT_LOST;
	if (value < 0 || value >= CLIENT_IDS)
		goto wrong;
	if (fd < 0)
		return value == c->id ? CLIENT_TAKEN : leave(c, (u32)value, left);
	if (value != c->id) {
		if (!join(c, (u32)value, fd))
			goto wrong;
		return CLIENT_TAKEN;
	}
	/* More than are of use; and none later, as they have been announced. */
	if (c->vectors == CLIENT_OWN) {
		close(fd);
		return CLIENT_TAKEN;
	}
	fcntl(fd, F_SETFL, O_NONBLOCK);
	c->own[c->vectors++] = fd;
	return CLIENT_TAKEN;
wrong:
	if (fd >= 0)
		close(fd);
	return CLIENT_LOST;
}

/* Some of a message, and its descriptor. */
static ssize_t receive(struct client *c)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = {
		.iov_base = c->part + c->filled, .iov_len = sizeof(c->part) - c->filled,
	};
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control),
	};
	struct cmsghdr *h;
	ssize_t length;
	int fd;

	length = recvmsg(c->sock, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (length <= 0)
		return length;
	c->filled += (u32)length;
	h = CMSG_FIRSTHDR(&msg);
	if (h && h->cmsg_level == SOL_SOCKET && h->cmsg_type == SCM_RIGHTS) {
		memcpy(&fd, CMSG_DATA(h), sizeof(fd));
		if (c->part_fd >= 0)
			close(c->part_fd);
		c->part_fd = fd;
	}
	return length;
}

enum client_news client_next(struct client *c, struct bells **left)
{
	enum client_news news = CLIENT_LOST;
	ssize_t length;
	u64 value;
	int fd;

	if (c->sock < 0)
		return CLIENT_NOTHING;
	length = receive(c);
	if (length < 0 && (errno == EAGAIN || errno == EINTR))
		return CLIENT_NOTHING;
	if (length > 0 && c->filled < sizeof(c->part))
		return CLIENT_TAKEN;
	if (length > 0) {
		memcpy(&value, c->part, sizeof(value));
		fd = c->part_fd;
		c->filled = 0;
		c->part_fd = -1;
		news = take(c, (s64)le64toh(value), fd, left);
		if (news == CLIENT_LOST)
			pr_err("the server talks nonsense");
	}
	if (news == CLIENT_LOST) {
		close(c->sock);
		c->sock = -1;
	}
	return news;
}

/* Wait for the server to have room for us; a socket's backlog has an end. */
static int connect_until(struct client *c, const struct sockaddr_un *address, int stop,
			 s64 end)
{
	struct pollfd poll_fd = { .fd = stop, .events = POLLIN };

	while (connect(c->sock, (const struct sockaddr *)address, sizeof(*address))) {
		if (errno != EAGAIN && errno != EINTR)
			return -errno;
		if (now_ms() >= end)
			return -ETIMEDOUT;
		if (poll(&poll_fd, 1, RETRY_MS) > 0)
			return -EINTR;
	}
	return 0;
}

/* Take in messages until our own doorbells have come. */
static int greet(struct client *c, int stop, s64 end)
{
	struct pollfd fds[] = {
		{ .fd = c->sock, .events = POLLIN }, { .fd = stop, .events = POLLIN },
	};
	s64 quiet_at = INT64_MAX, now;
	enum client_news news;
	struct bells *left;

	while (c->vectors < CLIENT_OWN) {
		now = now_ms();
		if (now >= quiet_at)
			break;
		if (now >= end)
			return -ETIMEDOUT;
		if (poll(fds, 2, (int)((quiet_at < end ? quiet_at : end) - now)) < 0 &&
		    errno != EINTR)
			return -errno;
		if (fds[1].revents)
			return -EINTR;
		while ((news = client_next(c, &left)) != CLIENT_NOTHING) {
			if (news == CLIENT_LOST)
				return -ECONNRESET;
			if (news == CLIENT_LEFT)
				bells_close(left);
			if (c->vectors)
				quiet_at = now_ms() + QUIET_MS;
		}
	}
	return 0;
}

int client_connect(struct client *c, const char *path, int stop)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	s64 end = now_ms() + GREETING_MS;
	int code;

	memset(c, 0, sizeof(*c));
	c->part_fd = -1;
	c->id = -1;
	memcpy(address.sun_path, path, strlen(path));
	c->sock = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->sock < 0)
		return -errno;
	code = connect_until(c, &address, stop, end);
	if (!code)
		code = greet(c, stop, end);
	if (code)
		client_close(c);
	return code;
}

void client_ring(const struct client *c, u16 id, u16 vector)
{
	const struct bells *bells = __atomic_load_n(&c->peers[id], __ATOMIC_ACQUIRE);
	u32 vectors = bells ? __atomic_load_n(&bells->vectors, __ATOMIC_ACQUIRE) : 0;
	const u64 one = 1;

	if (vector >= vectors)
		return;
	/* It fails where the doorbell has been rung often enough. */
	if (write(bells->fds[nospec(vector, vectors)], &one, sizeof(one)) < 0)
		return;
}

bool client_has_left(const struct client *c, u16 id)
{
	return c->sock >= 0 && id < c->id && !c->peers[id];
}
