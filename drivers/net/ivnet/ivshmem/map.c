// SPDX-License-Identifier: GPL-2.0
/* The region's mapping: write-back, whatever the firmware says of the BAR. */

#include <linux/io.h>
#include <linux/mm.h>
#include <linux/pci.h>
#include <linux/pgtable.h>
#include <linux/vmalloc.h>

#include "pci.h"

/* Is this mapping one that the CPU caches? Only x86 gives less than was asked. */
static bool map_cached(const void *addr)
{
#ifdef CONFIG_X86
	unsigned int level;
	pte_t *pte = lookup_address((unsigned long)addr, &level);

	/* Entry 0 of the page attribute table is write-back. */
	return !pte || !(pte_val(*pte) & (_PAGE_PCD | _PAGE_PWT));
#else
	return true;
#endif
}

#if IS_ENABLED(CONFIG_VMAP_PFN)
/*
 * Page tables of our own: memremap() follows the MTRRs, in which firmware has
 * everything below 4 GiB that is not memory as uncached, and what it maps can be
 * written.
 */
static void *map_pages(phys_addr_t start, u64 size, pgprot_t prot)
{
	unsigned long i, n = size >> PAGE_SHIFT;
	unsigned long *pfns;
	void *addr;

	pfns = kvmalloc_array(n, sizeof(*pfns), GFP_KERNEL);
	if (!pfns)
		return NULL;
	for (i = 0; i < n; i++) {
		pfns[i] = PHYS_PFN(start) + i;
		/* vmap_pfn() is for what the kernel does not know as memory. */
		if (pfn_valid(pfns[i])) {
			kvfree(pfns);
			return NULL;
		}
	}
	/* Not ours alone: memory encryption is not for it. */
	addr = vmap_pfn(pfns, n, pgprot_decrypted(prot));
	kvfree(pfns);

	return addr;
}
#else
static void *map_pages(phys_addr_t start, u64 size, pgprot_t prot)
{
	return NULL;
}
#endif

/**
 * ivshmem_map() - map the region
 * @pdev: the PCI device, whose BARs are requested
 * @bar: where it has its memory
 * @map: filled in
 *
 * Return: 0, -ENODEV if there is no memory, -ENOMEM.
 */
int ivshmem_map(struct pci_dev *pdev, int bar, struct ivshmem_map *map)
{
	u64 size = pci_resource_len(pdev, bar);

	if (!(pci_resource_flags(pdev, bar) & IORESOURCE_MEM) || !size) {
		pci_err(pdev, "no memory in BAR %d\n", bar);
		return -ENODEV;
	}

	return ivshmem_map_part(pdev, pci_resource_start(pdev, bar), size, map);
}

/**
 * ivshmem_map_part() - map memory that a device speaks of
 * @pdev: the PCI device
 * @start: where it begins, a page
 * @size: whole pages
 * @map: filled in
 *
 * Return: 0 or -ENOMEM.
 */
int ivshmem_map_part(struct pci_dev *pdev, phys_addr_t start, u64 size,
		     struct ivshmem_map *map)
{
	void *addr, *pages;

	*map = (struct ivshmem_map) { .size = size };
	addr = memremap(start, map->size, MEMREMAP_WB);
	if (addr && map_cached(addr)) {
		map->base = addr;
		return 0;
	}

	pages = map_pages(start, map->size, PAGE_KERNEL);
	if (pages) {
		if (addr)
			memunmap(addr);
		pci_info(pdev, "the region lies below 4 GiB: mapped write-back page by page\n");
		map->base = pages;
		map->paged = true;
		return 0;
	}
	if (!addr)
		return -ENOMEM;
	pci_warn(pdev, "the region is mapped uncached and will be slow; give the machine room for it above 4 GiB\n");
	map->base = addr;

	return 0;
}

/**
 * ivshmem_map_read_only() - map memory that must not be written
 * @pdev: the PCI device
 * @start: where it begins, a page
 * @size: whole pages
 * @map: filled in; can be written where the kernel has no other way
 *
 * Return: 0 or -ENOMEM.
 */
int ivshmem_map_read_only(struct pci_dev *pdev, phys_addr_t start, u64 size,
			  struct ivshmem_map *map)
{
	void *pages = map_pages(start, size, PAGE_KERNEL_RO);

	if (!pages)
		return ivshmem_map_part(pdev, start, size, map);
	*map = (struct ivshmem_map) {
		.base		= pages,
		.size		= size,
		.paged		= true,
		.read_only	= true,
	};

	return 0;
}

/**
 * ivshmem_unmap() - undo a mapping
 * @map: the mapping
 */
void ivshmem_unmap(const struct ivshmem_map *map)
{
	if (map->paged)
		vunmap(map->base);
	else
		memunmap(map->base);
}
