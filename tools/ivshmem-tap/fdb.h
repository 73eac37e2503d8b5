/* SPDX-License-Identifier: GPL-2.0 */
/* Forwarding table: which port has an address. Used by all threads, without a lock. */
#ifndef FDB_H
#define FDB_H

#include <net/ivnet/shm_ring.h>

/* Powers of two. */
#define FDB_BUCKETS	256
#define FDB_WAYS	4

/**
 * struct fdb - the table; all of it is atomic
 * @entry: address << 16 | port + 1; 0 is free
 * @seen: when the address was seen last, seconds
 */
struct fdb {
	u64 entry[FDB_BUCKETS][FDB_WAYS];
	u32 seen[FDB_BUCKETS][FDB_WAYS];
};

/* The port that has a unicast address; -1: it is not known, or was long ago. */
int fdb_find(const struct fdb *fdb, const u8 *mac, u32 now);
/* A frame from @mac came from @port. */
void fdb_learn(struct fdb *fdb, const u8 *mac, u32 port, u32 now);
void fdb_forget(struct fdb *fdb, u32 port);

#endif
