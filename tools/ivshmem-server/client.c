// SPDX-License-Identifier: GPL-2.0
#include "client.h"

#include <endian.h>
#include <errno.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "log.h"

#define PROTOCOL_VERSION 0
#define MEMORY_ID (-1)
#define RETRY_MS 100

struct peer *peer_create(unsigned int vectors)
{
	struct peer *peer = malloc(sizeof(*peer) + vectors * sizeof(peer->doorbells[0]));
	int code;

	if (!peer)
		return NULL;
	*peer = (struct peer){ .refs = 1 };
	for (; peer->vectors < vectors; peer->vectors++) {
		peer->doorbells[peer->vectors] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		if (peer->doorbells[peer->vectors] < 0) {
			code = errno;
			peer_put(peer);
			errno = code;
			return NULL;
		}
	}
	return peer;
}

static struct peer *peer_get(struct peer *peer)
{
	peer->refs++;
	return peer;
}

void peer_put(struct peer *peer)
{
	if (--peer->refs)
		return;
	while (peer->vectors)
		close(peer->doorbells[--peer->vectors]);
	free(peer);
}

struct client *client_create(int fd, struct peer *peer, unsigned int limit)
{
	/*
	 * A client that does not read cannot make its queue longer than this:
	 * a join nobody has seen is taken back when its peer leaves. So there
	 * are at most a join for every peer that lives and a leave for every
	 * peer the client was told of, and in the order of a queue that is no
	 * more than lived at some time; plus the greeting.
	 */
	const unsigned int size = 2 * limit + 4;
	struct client *c = calloc(1, sizeof(*c) + size * sizeof(c->queue[0]));
	struct ucred creds;
	socklen_t length = sizeof(creds);

	if (!c)
		return NULL;
	if (!getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &creds, &length)) {
		c->pid = creds.pid;
		c->uid = creds.uid;
	}
	c->fd = fd;
	c->peer = peer;
	c->size = size;
	c->events = EPOLLIN | EPOLLRDHUP;
	c->stalled = NEVER;
	c->retry = NEVER;
	return c;
}

static void remove_item(struct client *c, unsigned int index)
{
	if (c->queue[index].peer)
		peer_put(c->queue[index].peer);
	c->count--;
	memmove(c->queue + index, c->queue + index + 1,
		(c->count - index) * sizeof(c->queue[0]));
}

void client_destroy(struct client *c)
{
	while (c->count)
		remove_item(c, c->count - 1);
	close(c->fd);
	peer_put(c->peer);
	free(c);
}

static void give_up(struct client *c, const char *why, bool failed)
{
	if (c->end)
		return;
	c->end = why;
	c->failed = failed;
}

static void add_item(struct client *c, enum item_kind kind, unsigned int id, struct peer *peer)
{
	if (c->count == c->size) {
		give_up(c, "has too much to read", true);
		return;
	}
	c->queue[c->count++] = (struct item){
		.kind = kind, .id = id, .peer = peer ? peer_get(peer) : NULL,
	};
}

/* The start of every conversation; who else is there and the own doorbells follow. */
void client_greet(struct client *c)
{
	add_item(c, ITEM_VERSION, 0, NULL);
	add_item(c, ITEM_ID, c->peer->id, NULL);
	add_item(c, ITEM_MEMORY, 0, NULL);
}

void client_tell_join(struct client *c, struct peer *peer)
{
	add_item(c, ITEM_JOIN, peer->id, peer);
}

void client_tell_leave(struct client *c, unsigned int id)
{
	unsigned int i;

	for (i = 0; i < c->count; i++) {
		if (c->queue[i].kind == ITEM_JOIN && c->queue[i].id == id &&
		    !c->queue[i].vector) {
			remove_item(c, i);
			return;
		}
	}
	add_item(c, ITEM_LEAVE, id, NULL);
}

/* One message: eight bytes, and a descriptor or -1. 0 or an error number. */
static int send_message(int sock, int64_t value, int fd)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { .bytes = { 0 } };
	uint64_t wire = htole64((uint64_t)value);
	struct iovec data = { .iov_base = &wire, .iov_len = sizeof(wire) };
	struct msghdr message = { .msg_iov = &data, .msg_iovlen = 1 };
	struct cmsghdr *header;
	ssize_t sent;

	if (fd >= 0) {
		message.msg_control = control.bytes;
		message.msg_controllen = sizeof(control.bytes);
		header = CMSG_FIRSTHDR(&message);
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(header), &fd, sizeof(int));
	}
	do {
		sent = sendmsg(sock, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
	} while (sent < 0 && errno == EINTR);
	if (sent < 0)
		return errno;
	/* Linux sends so few bytes whole or not at all. */
	return sent == sizeof(wire) ? 0 : EPROTO;
}

static int send_item(struct client *c, struct item *item, int memory_fd)
{
	int code;

	switch (item->kind) {
	case ITEM_VERSION:
		return send_message(c->fd, PROTOCOL_VERSION, -1);
	case ITEM_MEMORY:
		return send_message(c->fd, MEMORY_ID, memory_fd);
	case ITEM_JOIN:
		while (item->vector < item->peer->vectors) {
			code = send_message(c->fd, item->id, item->peer->doorbells[item->vector]);
			if (code)
				return code;
			item->vector++;
		}
		return 0;
	case ITEM_ID:
	case ITEM_LEAVE:
		break;
	}
	return send_message(c->fd, item->id, -1);
}

/*
 * Whether a client reads is seen by what it has not read: that nothing can be
 * sent may be the fault of another, or of the kernel, which reports room when
 * three quarters of it are free.
 */
static int unread_bytes(const struct client *c)
{
	int unread = 0;

	ioctl(c->fd, SIOCOUTQ, &unread);
	return unread;
}

/* Send what the socket takes, and note what to wait for. */
void client_send(struct client *c, int memory_fd, int64_t now)
{
	int code = 0;

	c->retry = NEVER;
	c->events = EPOLLIN | EPOLLRDHUP;
	if (c->stalled != NEVER && unread_bytes(c) < c->unread)
		c->stalled = NEVER;
	while (c->count && !c->end) {
		code = send_item(c, c->queue, memory_fd);
		if (code)
			break;
		remove_item(c, 0);
	}
	c->unread = c->count ? unread_bytes(c) : 0;
	if (!c->unread)
		c->stalled = NEVER;
	else if (c->stalled == NEVER)
		c->stalled = now;
	if (!c->count || c->end)
		return;
	switch (code) {
	case EAGAIN:
		c->events |= EPOLLOUT;
		break;
	case ETOOMANYREFS:	/* too many descriptors on their way, to anyone */
	case ENOBUFS:
	case ENOMEM:
		/* Not this client's fault, and no event tells when it is over. */
		c->retry = now + RETRY_MS;
		break;
	case EPIPE:
	case ECONNRESET:
		give_up(c, "has gone", false);
		break;
	default:
		pr_limited_warn("client %u: send: %s", c->peer->id, strerror(code));
		give_up(c, "cannot be sent to", true);
	}
}

/* Clients have nothing to say but farewell. */
void client_receive(struct client *c)
{
	ssize_t length;
	char byte;

	/* Descriptors in it find no room and are closed by the kernel. */
	length = recv(c->fd, &byte, 1, MSG_DONTWAIT);
	if (length > 0)
		give_up(c, "broke the protocol: it sent something", true);
	else if (!length || (errno != EAGAIN && errno != EINTR))
		give_up(c, "has gone", false);
}

void client_check_time(struct client *c, int64_t now, int64_t timeout)
{
	if (c->stalled != NEVER && now - c->stalled >= timeout)
		give_up(c, "does not read", true);
}

int64_t client_next_time(const struct client *c, int64_t timeout)
{
	int64_t end = c->stalled == NEVER ? NEVER : c->stalled + timeout;

	return c->retry < end ? c->retry : end;
}
