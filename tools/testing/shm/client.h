/* SPDX-License-Identifier: GPL-2.0 */
/* A client of ivshmem-server: memory, doorbells, who is there. */
#ifndef _SHM_CLIENT_H
#define _SHM_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CLIENT_IDS	65536
#define CLIENT_VECTORS	64

/**
 * struct client - connection to a server
 * @sock: its socket; negative: there is none, only the memory
 * @id: ours
 * @own: eventfd of our first vector; 0: there is none
 * @memory: the region, mapped
 * @size: bytes of it
 * @vectors: number of vectors of each peer
 * @bells: eventfd of each vector of each peer
 */
struct client {
	int sock;
	int id;
	int own;
	uint8_t *memory;
	size_t size;
	uint8_t vectors[CLIENT_IDS];
	int *bells[CLIENT_IDS];
};

bool client_connect(struct client *client, const char *path);
bool client_open(struct client *client, const char *path);
bool client_poll(struct client *client);
bool client_rung(struct client *client);
bool client_ring(struct client *client, uint16_t id, uint16_t vector);

#endif
