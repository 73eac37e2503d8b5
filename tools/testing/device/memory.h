/* SPDX-License-Identifier: GPL-2.0 */
/* The guest's memory, as far as the client hands it over. */
#ifndef DEVICE_MEMORY_H
#define DEVICE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MEMORY_MAPS 64

/**
 * struct memory - what a device may read and write
 * @maps: ranges of the guest's addresses
 * @maps.address: first address
 * @maps.size: bytes
 * @maps.host: where it is here
 * @maps.writable: it may be written, too
 * @nr: number of them
 * @last: the one that was used last
 */
struct memory {
	struct {
		uint64_t address;
		uint64_t size;
		uint8_t *host;
		bool writable;
	} maps[MEMORY_MAPS];
	unsigned int nr;
	unsigned int last;
};

bool memory_add(struct memory *m, uint64_t address, uint64_t size, int fd, uint64_t offset,
		bool writable);
void memory_remove(struct memory *m, uint64_t address, uint64_t size);
void *memory_at(struct memory *m, uint64_t address, uint64_t size, bool write);

#endif
