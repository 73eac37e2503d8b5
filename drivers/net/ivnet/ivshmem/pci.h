/* SPDX-License-Identifier: GPL-2.0 */
/* The PCI driver: what its files call in each other. */
#ifndef _IVNET_IVSHMEM_PCI_H
#define _IVNET_IVSHMEM_PCI_H

#include <linux/pci.h>
#include <linux/types.h>

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

/* pci_v2.c */
int ivshmem_v2_probe(struct pci_dev *pdev);
void ivshmem_v2_remove(struct pci_dev *pdev);

#endif
