/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One client: its doorbells, what is still to be sent to it, and why it has to
 * go. Nothing here blocks.
 */
#ifndef CLIENT_H
#define CLIENT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define NEVER INT64_MAX

/* What others know of a client. Others may still have to learn it when it is gone. */
struct peer {
	unsigned int refs;
	unsigned int id;
	unsigned int vectors;
	int doorbells[];	/* eventfds */
};

struct peer *peer_create(unsigned int vectors);
void peer_put(struct peer *peer);

enum item_kind {
	ITEM_VERSION,
	ITEM_ID,
	ITEM_MEMORY,
	ITEM_JOIN,		/* one message per vector */
	ITEM_LEAVE,
};

struct item {
	enum item_kind kind;
	unsigned int id;
	unsigned int vector;	/* of a join: the next to send */
	struct peer *peer;	/* of a join */
};

struct client {
	int fd;
	struct peer *peer;
	pid_t pid;
	uid_t uid;
	uint32_t events;	/* what epoll waits for */
	const char *end;	/* why it has to go; NULL: it may stay */
	bool failed;		/* the end was a fault, not a farewell */
	int64_t stalled;	/* ms: has read nothing since; NEVER: has nothing to read */
	int unread;		/* bytes, when last looked at */
	int64_t retry;		/* ms: try to send again, NEVER: epoll will tell */
	unsigned int size;	/* of the queue */
	unsigned int count;	/* in the queue */
	struct item queue[];
};

/* Takes over fd and peer, unless it fails. limit: clients at a time */
struct client *client_create(int fd, struct peer *peer, unsigned int limit);
void client_destroy(struct client *c);
void client_greet(struct client *c);
void client_tell_join(struct client *c, struct peer *peer);
void client_tell_leave(struct client *c, unsigned int id);
void client_send(struct client *c, int memory_fd, int64_t now);
void client_receive(struct client *c);
void client_check_time(struct client *c, int64_t now, int64_t timeout);
int64_t client_next_time(const struct client *c, int64_t timeout);

#endif
