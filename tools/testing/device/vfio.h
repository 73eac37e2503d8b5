/* SPDX-License-Identifier: GPL-2.0 */
/* The server's side of vfio-user, as QEMU's vfio-user-pci speaks it. */
#ifndef DEVICE_VFIO_H
#define DEVICE_VFIO_H

#include <linux/pci_regs.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "memory.h"
#include "pci.h"

#define VFIO_MAX_VECTORS 32
#define VFIO_MAX_AREAS 2

struct vfio_device;

/**
 * struct vfio_ops - what a kind of device does
 * @read: a trapped read of a BAR; always within it
 * @write: a trapped write, likewise
 * @reset: the device was reset, or its client is gone
 * @config: the configuration space is about to be read or was written; may be NULL
 */
struct vfio_ops {
	void (*read)(struct vfio_device *dev, unsigned int bar, uint64_t offset, void *data,
		     size_t count);
	void (*write)(struct vfio_device *dev, unsigned int bar, uint64_t offset,
		      const void *data, size_t count);
	void (*reset)(struct vfio_device *dev);
	void (*config)(struct vfio_device *dev, uint64_t offset, size_t count, bool write);
};

/**
 * struct vfio_bar - a BAR
 * @size: a power of two; 0: there is none
 * @fd: of the memory that the client may map, or -1
 * @areas: which parts of it; what is in none of them is trapped
 * @areas.offset: in the BAR and in the memory
 * @areas.size: in bytes
 * @nr_areas: number of them
 */
struct vfio_bar {
	uint64_t size;
	int fd;
	struct {
		uint64_t offset;
		uint64_t size;
	} areas[VFIO_MAX_AREAS];
	unsigned int nr_areas;
};

/**
 * struct vfio_device - a device with its socket
 * @ops: what it does
 * @name: for messages
 * @path: of the socket
 * @listener: where a client may connect
 * @sock: the client, or -1
 * @pci: configuration space
 * @bars: BARs
 * @intx: it has the legacy interrupt, instead of MSI-X
 * @vectors: number of interrupts
 * @events: eventfd of each, or -1
 * @pending: INTx: to be raised when it is not masked any more
 * @masked: INTx: raised, and not yet seen
 * @resets: how often it was reset
 * @memory: the guest's, or NULL if the device reads and writes none of it
 */
struct vfio_device {
	const struct vfio_ops *ops;
	char name[16];
	const char *path;
	int listener;
	int sock;
	struct pci pci;
	struct vfio_bar bars[PCI_STD_NUM_BARS];
	bool intx;
	unsigned int vectors;
	int events[VFIO_MAX_VECTORS];
	bool pending;
	bool masked;
	unsigned long resets;
	struct memory *memory;
};

void vfio_init(struct vfio_device *dev, const struct vfio_ops *ops, const char *path);
void vfio_add_bar(struct vfio_device *dev, unsigned int bar, uint64_t size, uint32_t type);
bool vfio_listen(struct vfio_device *dev);
void vfio_close(struct vfio_device *dev);
void vfio_accept(struct vfio_device *dev);
void vfio_serve(struct vfio_device *dev);
bool vfio_raise(struct vfio_device *dev, unsigned int vector);

#endif
