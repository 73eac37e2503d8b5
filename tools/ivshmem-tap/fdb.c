// SPDX-License-Identifier: GPL-2.0
#include "fdb.h"

/* After so many seconds an address is unknown again. */
#define AGE	300

#define PORT_BITS	0xffffULL

static u64 key_of(const u8 *mac)
{
	u64 key = 0;
	int i;

	for (i = 0; i < 6; i++)
		key = key << 8 | mac[i];
	return key << 16;
}

static u32 bucket_of(u64 key)
{
	return (u32)((key >> 16) * 0x9e3779b97f4a7c15ULL >> 32) % FDB_BUCKETS;
}

int fdb_find(const struct fdb *fdb, const u8 *mac, u32 now)
{
	u64 key = key_of(mac), entry;
	u32 bucket = bucket_of(key), way;

	for (way = 0; way < FDB_WAYS; way++) {
		entry = ivnet_shm_load(&fdb->entry[bucket][way]);
		if (entry & PORT_BITS && (entry & ~PORT_BITS) == key &&
		    now - ivnet_shm_load(&fdb->seen[bucket][way]) < AGE)
			return (int)(entry & PORT_BITS) - 1;
	}
	return -1;
}

void fdb_learn(struct fdb *fdb, const u8 *mac, u32 port, u32 now)
{
	u64 key = key_of(mac), entry;
	u32 bucket = bucket_of(key), way, age, oldest = 0, chosen = 0;

	/* Neither groups nor nobody. */
	if (mac[0] & 1 || !key)
		return;
	for (way = 0; way < FDB_WAYS; way++) {
		entry = ivnet_shm_load(&fdb->entry[bucket][way]);
		if (entry && (entry & ~PORT_BITS) == key) {
			chosen = way;
			break;
		}
		age = entry ? now - ivnet_shm_load(&fdb->seen[bucket][way]) : ~0U;
		if (age > oldest) {
			oldest = age;
			chosen = way;
		}
	}
	/* Two at once may lose one of two entries; it is learnt again. */
	ivnet_shm_store(&fdb->seen[bucket][chosen], now);
	ivnet_shm_store(&fdb->entry[bucket][chosen], key | (port + 1));
}

void fdb_forget(struct fdb *fdb, u32 port)
{
	u32 bucket, way;

	for (bucket = 0; bucket < FDB_BUCKETS; bucket++)
		for (way = 0; way < FDB_WAYS; way++)
			if ((ivnet_shm_load(&fdb->entry[bucket][way]) & PORT_BITS) == port + 1)
				ivnet_shm_store(&fdb->entry[bucket][way], 0);
}
