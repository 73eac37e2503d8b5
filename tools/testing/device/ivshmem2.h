/* SPDX-License-Identifier: GPL-2.0 */
/* IVSHMEM v2, as the hypervisor Jailhouse has it. */
#ifndef DEVICE_IVSHMEM2_H
#define DEVICE_IVSHMEM2_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "vfio.h"

#define IVSHMEM2_MAX_PEERS 4
#define IVSHMEM2_PAGE 4096u

/**
 * struct ivshmem2_options - what the device is to be
 * @sockets: one of each peer
 * @addresses: where each peer's guest has the memory, if it is in no BAR; or 0
 * @peers: number of them
 * @memory: file of the shared memory, or NULL
 * @protocol: programming interface and sub-class
 * @vectors: of MSI-X
 * @rw_size: bytes of the section that everyone may write
 * @output_size: bytes of each peer's own section
 * @intx: the legacy interrupt instead of MSI-X
 * @one_shot: the one-shot mode is set after a reset
 * @trap: map what a peer may write, and nothing else
 */
struct ivshmem2_options {
	const char *sockets[IVSHMEM2_MAX_PEERS];
	uint64_t addresses[IVSHMEM2_MAX_PEERS];
	unsigned int peers;
	const char *memory;
	uint16_t protocol;
	unsigned int vectors;
	uint64_t rw_size;
	uint64_t output_size;
	bool intx;
	bool one_shot;
	bool trap;
};

bool ivshmem2_open(const struct ivshmem2_options *options);
struct vfio_device *ivshmem2_device(unsigned int id);
void ivshmem2_report(FILE *out);

#endif
