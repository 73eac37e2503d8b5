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
 */
struct ivshmem_map {
	u8 *base;
	u64 size;
	bool paged;
};

/* map.c */
int ivshmem_map(struct pci_dev *pdev, int bar, struct ivshmem_map *map);
void ivshmem_unmap(const struct ivshmem_map *map);

#endif
