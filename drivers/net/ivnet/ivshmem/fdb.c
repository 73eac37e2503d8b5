// SPDX-License-Identifier: GPL-2.0
/* Forwarding table: which port has an address. */

#include <linux/etherdevice.h>
#include <linux/hash.h>
#include <linux/jiffies.h>

#include "shm.h"

#define SHM_FDB_AGE	(300 * HZ)

static u64 fdb_key(const u8 *addr)
{
	return ether_addr_to_u64(addr) << 16;
}

static u32 fdb_bucket(u64 key)
{
	return hash_64(key, ilog2(SHM_FDB_BUCKETS));
}

/**
 * shm_fdb_find() - which port has an address?
 * @fdb: the table
 * @addr: a unicast address
 *
 * Return: the port, or negative if it is not known.
 */
int shm_fdb_find(const struct shm_fdb *fdb, const u8 *addr)
{
	u64 key = fdb_key(addr);
	u32 b = fdb_bucket(key), w;
	u64 e;

	for (w = 0; w < SHM_FDB_WAYS; w++) {
		e = READ_ONCE(fdb->entry[b][w]);
		if ((e & ~0xffffULL) == key && (u16)e &&
		    (u32)jiffies - READ_ONCE(fdb->seen[b][w]) < SHM_FDB_AGE)
			return (u16)e - 1;
	}

	return -1;
}

/**
 * shm_fdb_learn() - note that an address was seen behind a port
 * @fdb: the table
 * @addr: the source of a frame
 * @port: where it came from
 *
 * The longest unseen address of the bucket makes room. Two writers at once may
 * lose one of two entries; it is learnt again.
 */
void shm_fdb_learn(struct shm_fdb *fdb, const u8 *addr, u32 port)
{
	u64 key = fdb_key(addr), e;
	u32 b = fdb_bucket(key), w, old = 0;
	u32 now = (u32)jiffies;

	if (!is_valid_ether_addr(addr))
		return;

	for (w = 0; w < SHM_FDB_WAYS; w++) {
		e = READ_ONCE(fdb->entry[b][w]);
		if ((e & ~0xffffULL) == key || !e) {
			old = w;
			break;
		}
		if (now - fdb->seen[b][w] > now - fdb->seen[b][old])
			old = w;
	}

	if (READ_ONCE(fdb->seen[b][old]) != now)
		WRITE_ONCE(fdb->seen[b][old], now);
	if (READ_ONCE(fdb->entry[b][old]) != (key | (port + 1)))
		WRITE_ONCE(fdb->entry[b][old], key | (port + 1));
}

/**
 * shm_fdb_forget() - forget the addresses behind a port
 * @fdb: the table
 * @port: its link is down
 */
void shm_fdb_forget(struct shm_fdb *fdb, u32 port)
{
	u32 b, w;

	for (b = 0; b < SHM_FDB_BUCKETS; b++)
		for (w = 0; w < SHM_FDB_WAYS; w++)
			if ((u16)READ_ONCE(fdb->entry[b][w]) == port + 1)
				WRITE_ONCE(fdb->entry[b][w], 0);
}
