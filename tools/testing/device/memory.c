// SPDX-License-Identifier: GPL-2.0
#include "memory.h"

#include <sys/mman.h>

/**
 * memory_add() - the client has mapped something
 * @m: the memory
 * @address: the guest's
 * @size: bytes
 * @fd: of the memory
 * @offset: in it
 * @writable: it may be written
 *
 * Return: false if that fails.
 */
bool memory_add(struct memory *m, uint64_t address, uint64_t size, int fd, uint64_t offset,
		bool writable)
{
	void *host;

	if (m->nr == MEMORY_MAPS || !size || address + size < address)
		return false;
	host = mmap(NULL, size, PROT_READ | (writable ? PROT_WRITE : 0), MAP_SHARED, fd,
		    (off_t)offset);
	if (host == MAP_FAILED)
		return false;
	m->maps[m->nr].address = address;
	m->maps[m->nr].size = size;
	m->maps[m->nr].host = host;
	m->maps[m->nr].writable = writable;
	m->nr++;

	return true;
}

/**
 * memory_remove() - the client takes a range back
 * @m: the memory
 * @address: first address; every map that begins in the range goes
 * @size: bytes
 */
void memory_remove(struct memory *m, uint64_t address, uint64_t size)
{
	unsigned int i = 0;

	while (i < m->nr) {
		if (m->maps[i].address < address || m->maps[i].address - address >= size) {
			i++;
			continue;
		}
		munmap(m->maps[i].host, m->maps[i].size);
		m->maps[i] = m->maps[--m->nr];
	}
	m->last = 0;
}

/**
 * memory_at() - where a range of the guest's addresses is
 * @m: the memory
 * @address: first address
 * @size: bytes
 * @write: it will be written
 *
 * The answer holds until the next request of the client is handled.
 *
 * Return: it, or NULL if it is not there as a whole.
 */
void *memory_at(struct memory *m, uint64_t address, uint64_t size, bool write)
{
	unsigned int i, n;
	uint64_t offset;

	for (n = 0, i = m->last; n < m->nr; n++, i = i + 1 < m->nr ? i + 1 : 0) {
		offset = address - m->maps[i].address;
		if (address < m->maps[i].address || offset > m->maps[i].size ||
		    size > m->maps[i].size - offset || (write && !m->maps[i].writable))
			continue;
		m->last = i;
		return m->maps[i].host + offset;
	}

	return NULL;
}
