/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The peer is there whenever it could be: wherever the code under test looks at
 * shared memory or shows something. Whoever includes this has look() and show()
 * for one word, and peer_acts().
 */
#ifndef IVNET_FUZZ_HOOKS_H
#define IVNET_FUZZ_HOOKS_H

#include <net/ivnet/shm_user.h>

#undef ivnet_shm_load
#undef ivnet_shm_load_acquire
#undef ivnet_shm_store
#undef ivnet_shm_store_release
#undef ivnet_shm_mb
#undef ivnet_shm_barrier
#define ivnet_shm_load(p)		look(p)
#define ivnet_shm_load_acquire(p)	look(p)
#define ivnet_shm_store(p, v)		show(p, v)
#define ivnet_shm_store_release(p, v)	show(p, v)
#define ivnet_shm_mb()			peer_acts()
#define ivnet_shm_barrier()		peer_acts()

#endif
