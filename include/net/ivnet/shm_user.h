/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What shm_ring.h and shm_region.h need of a kernel, for programs: GNU C, gcc or
 * clang, of either byte order. Include paths: include and include/uapi.
 */
#ifndef _NET_IVNET_SHM_USER_H
#define _NET_IVNET_SHM_USER_H

#include <endian.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <linux/types.h>

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s64 s64;

#define cpu_to_le16(v)	((__le16)htole16(v))
#define cpu_to_le32(v)	((__le32)htole32(v))
#define cpu_to_le64(v)	((__le64)htole64(v))
#define le16_to_cpu(v)	((u16)le16toh(v))
#define le32_to_cpu(v)	((u32)le32toh(v))
#define le64_to_cpu(v)	((u64)le64toh(v))

/* The kernel's needs no message. */
#undef static_assert
#define static_assert(e)	extern char ivnet_shm_assert[(e) ? 1 : -1]

/*
 * A word that another process changes: one access, whole, and not repeated. The
 * peer may be on another CPU, so a barrier is never for the compiler alone.
 */
#define ivnet_shm_load(p)		__atomic_load_n((p), __ATOMIC_RELAXED)
#define ivnet_shm_store(p, v)		__atomic_store_n((p), (v), __ATOMIC_RELAXED)
#define ivnet_shm_load_acquire(p)	__atomic_load_n((p), __ATOMIC_ACQUIRE)
#define ivnet_shm_store_release(p, v)	__atomic_store_n((p), (v), __ATOMIC_RELEASE)
#define ivnet_shm_mb()			__atomic_thread_fence(__ATOMIC_SEQ_CST)
#define ivnet_shm_barrier()		__atomic_signal_fence(__ATOMIC_SEQ_CST)

/* Compilers take another instruction unless they are told of the CPU. */
static inline void ivnet_shm_prefetchw(const void *p)
{
#ifdef __x86_64__
	__asm__ __volatile__("prefetchw %0" : : "m"(*(const char *)p));
#else
	__builtin_prefetch(p, 1);
#endif
}

#endif
