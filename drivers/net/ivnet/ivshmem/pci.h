/* SPDX-License-Identifier: GPL-2.0 */
/* The PCI driver: what its files call in each other. */
#ifndef _IVNET_IVSHMEM_PCI_H
#define _IVNET_IVSHMEM_PCI_H

#include <linux/interrupt.h>
#include <linux/pci.h>
#include <linux/types.h>

#include "shm.h"

/**
 * struct ivshmem_map - mapping of the region
 * @base: where it begins
 * @size: bytes
 * @paged: it is mapped page by page
 * @read_only: it cannot be written
 */
struct ivshmem_map {
	u8 *base;
	u64 size;
	bool paged;
	bool read_only;
};

/* map.c */
int ivshmem_map(struct pci_dev *pdev, int bar, struct ivshmem_map *map);
int ivshmem_map_part(struct pci_dev *pdev, phys_addr_t start, u64 size,
		     struct ivshmem_map *map);
int ivshmem_map_read_only(struct pci_dev *pdev, phys_addr_t start, u64 size,
			  struct ivshmem_map *map);
void ivshmem_unmap(const struct ivshmem_map *map);

/**
 * struct ivshmem_vector - an interrupt vector
 * @sd: the device
 * @index: its number
 * @fired: it has arrived
 */
struct ivshmem_vector {
	struct shm_dev *sd;
	u32 index;
	bool fired;
};

/**
 * struct ivshmem_pci - what the transport does not know of a device
 * @kind: of the device
 * @pdev: the PCI device
 * @regs: its registers, memory or ports
 * @n_vectors: interrupt vectors that are enabled
 * @vectors: what their handlers get
 *
 * Begins what each kind has of a device.
 */
struct ivshmem_pci {
	const struct ivshmem_kind *kind;
	struct pci_dev *pdev;
	void __iomem *regs;
	u32 n_vectors;
	struct ivshmem_vector vectors[1 + IVNET_SHM_QUEUES_MAX];
};

/**
 * struct ivshmem_kind - what differs between v1 and v2 of IVSHMEM
 * @size: bytes of what begins with &struct ivshmem_pci
 * @map: map the memory. Returns 0 or an error
 * @unmap: undo @map
 * @setup: fill in what the transport has to know, and is at its default.
 *	Returns 0 or an error, if the device is not for us
 * @irqs_request: have handlers called. Returns 0 or an error
 * @irqs_free: undo @irqs_request
 */
struct ivshmem_kind {
	size_t size;
	int (*map)(struct ivshmem_pci *ip);
	void (*unmap)(struct ivshmem_pci *ip);
	int (*setup)(struct ivshmem_pci *ip, struct shm_dev *sd);
	int (*irqs_request)(struct ivshmem_pci *ip, struct shm_dev *sd);
	void (*irqs_free)(struct ivshmem_pci *ip);
};

/* pci.c */
u32 ivshmem_reg(const struct shm_dev *sd, u32 offset);
int ivshmem_irqs_request(struct ivshmem_pci *ip, struct shm_dev *sd, u32 n,
			 irq_handler_t handler, unsigned long flags);
void ivshmem_irqs_free(struct ivshmem_pci *ip);

/* pci_v1.c */
extern const struct ivshmem_kind ivshmem_v1;

/* pci_v2.c */
extern const struct ivshmem_kind ivshmem_v2;

#endif
