/* SPDX-License-Identifier: GPL-2.0 */
/* A client of ivshmem-server: the memory, the doorbells, who is there. */
#ifndef CLIENT_H
#define CLIENT_H

#include <net/ivnet/shm_region.h>

#define CLIENT_IDS	65536
#define CLIENT_VECTORS	64

/* A vector for changes of state and one for each queue are of use. */
#define CLIENT_OWN	(1 + IVNET_SHM_QUEUES_MAX)

/**
 * struct bells - doorbells of a peer
 * @vectors: how many have come; atomic
 * @fds: an eventfd for each
 */
struct bells {
	u32 vectors;
	int fds[CLIENT_VECTORS];
};

/**
 * struct client - connection to a server
 * @sock: its socket; negative: the server is gone, or there was none
 * @id: ours; -1 until it has come
 * @memory: the region, mapped; NULL until it has come
 * @size: bytes of it
 * @vectors: number of our own doorbells
 * @own: an eventfd for each
 * @peers: doorbells of the others; atomic, used by all threads
 * @greeted: the version has come
 * @part: a message that has not come whole
 * @filled: bytes of it
 * @part_fd: the descriptor that came with it, or -1
 */
struct client {
	int sock;
	int id;
	u8 *memory;
	u64 size;
	u32 vectors;
	int own[CLIENT_OWN];
	struct bells *peers[CLIENT_IDS];
	bool greeted;
	u8 part[8];
	u32 filled;
	int part_fd;
};

/**
 * enum client_news - what client_next() found
 * @CLIENT_NOTHING: nothing more for now
 * @CLIENT_TAKEN: a message that is done with
 * @CLIENT_LEFT: a peer left
 * @CLIENT_LOST: the server is gone; memory and doorbells stay
 */
enum client_news {
	CLIENT_NOTHING,
	CLIENT_TAKEN,
	CLIENT_LEFT,
	CLIENT_LOST,
};

/* 0, or a negative error number; -EINTR if there was something to read on @stop. */
int client_connect(struct client *c, const char *path, int stop);
/* @left: the doorbells of who left: close them when nobody uses them any more */
enum client_news client_next(struct client *c, struct bells **left);
void client_ring(const struct client *c, u16 id, u16 vector);
/* Has a peer left? Ids are given in rising order, and never twice. */
bool client_has_left(const struct client *c, u16 id);
void client_close(struct client *c);
void bells_close(struct bells *bells);

#endif
