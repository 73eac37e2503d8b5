/* SPDX-License-Identifier: GPL-2.0 */
/* The configuration space of a conventional PCI device. */
#ifndef DEVICE_PCI_H
#define DEVICE_PCI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PCI_SIZE 256

/**
 * struct pci - a configuration space
 * @bytes: what reads see
 * @initial: what it has after a reset
 * @writable: bits that the guest may change
 * @last: where the pointer to the next capability goes
 * @end: behind the last capability
 * @flr: offset of the byte a function-level reset is written to; 0: there is none
 */
struct pci {
	uint8_t bytes[PCI_SIZE];
	uint8_t initial[PCI_SIZE];
	uint8_t writable[PCI_SIZE];
	uint8_t last;
	uint8_t end;
	uint8_t flr;
};

void pci_init(struct pci *pci, uint16_t vendor, uint16_t device, uint8_t revision,
	      uint32_t class);
uint8_t pci_add_capability(struct pci *pci, uint8_t id, uint8_t length);
void pci_add_msix(struct pci *pci, unsigned int vectors, unsigned int bar, uint32_t pba);
void pci_add_flr(struct pci *pci);
void pci_set(struct pci *pci, unsigned int offset, uint64_t value, unsigned int length);
void pci_reset(struct pci *pci);
void pci_read(const struct pci *pci, uint64_t offset, void *data, size_t count);
bool pci_write(struct pci *pci, uint64_t offset, const void *data, size_t count);

#endif
