// SPDX-License-Identifier: GPL-2.0
#include "pci.h"

#include <linux/pci_regs.h>
#include <string.h>

/**
 * pci_init() - a function without capabilities, BARs and interrupt
 * @pci: filled in
 * @vendor: also of the subsystem
 * @device: likewise
 * @revision: revision id
 * @class: class, sub-class and programming interface
 */
void pci_init(struct pci *pci, uint16_t vendor, uint16_t device, uint8_t revision, uint32_t class)
{
	*pci = (struct pci){ .last = PCI_CAPABILITY_LIST, .end = PCI_STD_HEADER_SIZEOF };
	pci_set(pci, PCI_VENDOR_ID, vendor, 2);
	pci_set(pci, PCI_DEVICE_ID, device, 2);
	pci_set(pci, PCI_REVISION_ID, revision, 1);
	pci_set(pci, PCI_CLASS_PROG, class, 3);
	pci_set(pci, PCI_SUBSYSTEM_VENDOR_ID, vendor, 2);
	pci_set(pci, PCI_SUBSYSTEM_ID, device, 2);
	pci->writable[PCI_COMMAND] = PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
	pci->writable[PCI_COMMAND + 1] = PCI_COMMAND_INTX_DISABLE >> 8;
	pci->writable[PCI_INTERRUPT_LINE] = 0xff;
}

/**
 * pci_add_capability() - append a capability
 * @pci: the space
 * @id: PCI_CAP_ID_*
 * @length: of all of it
 *
 * Return: its offset.
 */
uint8_t pci_add_capability(struct pci *pci, uint8_t id, uint8_t length)
{
	uint8_t at = pci->end;

	pci_set(pci, PCI_STATUS, PCI_STATUS_CAP_LIST, 2);
	pci->initial[pci->last] = at;
	pci->initial[at] = id;
	pci->last = at + PCI_CAP_LIST_NEXT;
	pci->end = (uint8_t)(at + ((length + 3) & ~3));

	return at;
}

/**
 * pci_add_msix() - append MSI-X, with the table at the start of a BAR
 * @pci: the space
 * @vectors: size of the table
 * @bar: number of the BAR
 * @pba: offset of the pending bits in it
 */
void pci_add_msix(struct pci *pci, unsigned int vectors, unsigned int bar, uint32_t pba)
{
	uint8_t at = pci_add_capability(pci, PCI_CAP_ID_MSIX, PCI_CAP_MSIX_SIZEOF);

	pci_set(pci, at + PCI_MSIX_FLAGS, vectors - 1, 2);
	pci_set(pci, at + PCI_MSIX_TABLE, bar, 4);
	pci_set(pci, at + PCI_MSIX_PBA, pba | bar, 4);
	pci->writable[at + PCI_MSIX_FLAGS + 1] =
		(PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL) >> 8;
}

/**
 * pci_add_flr() - append Advanced Features, which a conventional device resets with
 * @pci: the space
 */
void pci_add_flr(struct pci *pci)
{
	uint8_t at = pci_add_capability(pci, PCI_CAP_ID_AF, PCI_CAP_AF_SIZEOF);

	pci_set(pci, at + PCI_AF_LENGTH, PCI_CAP_AF_SIZEOF, 1);
	pci_set(pci, at + PCI_AF_CAP, PCI_AF_CAP_TP | PCI_AF_CAP_FLR, 1);
	pci->flr = at + PCI_AF_CTRL;
}

/**
 * pci_set() - set what a register has after a reset
 * @pci: the space
 * @offset: of the register
 * @value: for it
 * @length: bytes
 */
void pci_set(struct pci *pci, unsigned int offset, uint64_t value, unsigned int length)
{
	while (length--) {
		pci->initial[offset++] = (uint8_t)value;
		value >>= 8;
	}
}

/**
 * pci_reset() - a reset
 * @pci: the space
 */
void pci_reset(struct pci *pci)
{
	memcpy(pci->bytes, pci->initial, PCI_SIZE);
}

/**
 * pci_read() - a read
 * @pci: the space
 * @offset: from here
 * @data: filled in; what is outside reads as zero
 * @count: bytes
 */
void pci_read(const struct pci *pci, uint64_t offset, void *data, size_t count)
{
	uint8_t *bytes = data;
	size_t i;

	for (i = 0; i < count; i++)
		bytes[i] = offset + i < PCI_SIZE ? pci->bytes[offset + i] : 0;
}

/**
 * pci_write() - a write; what may not be changed stays
 * @pci: the space
 * @offset: from here
 * @data: to be written
 * @count: bytes
 *
 * Return: true if the guest asks for a reset.
 */
bool pci_write(struct pci *pci, uint64_t offset, const void *data, size_t count)
{
	const uint8_t *bytes = data;
	bool reset = false;
	size_t i;

	for (i = 0; i < count && offset + i < PCI_SIZE; i++) {
		uint8_t mask = pci->writable[offset + i];
		uint8_t *byte = &pci->bytes[offset + i];

		*byte = (*byte & ~mask) | (bytes[i] & mask);
		if (pci->flr && offset + i == pci->flr && bytes[i] & PCI_AF_CTRL_FLR)
			reset = true;
	}

	return reset;
}
