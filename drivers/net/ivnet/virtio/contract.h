/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A contract for virtio-net devices, AERO-W7-VIRTIO 1.0: much narrower than
 * virtio, so that a device author can try each rule. Which rules a device
 * breaks follows from a copy of what it says about itself; pure.
 */
#ifndef _IVNET_CONTRACT_H
#define _IVNET_CONTRACT_H

#include <linux/types.h>

#define VNET_CONTRACT_CONFIG	256	/* bytes of configuration space */
#define VNET_CONTRACT_BARS	6
#define VNET_CONTRACT_QUEUES	2	/* one receives, one transmits */

/* Rules that there are; contract.c has them. */
#define VNET_CONTRACT_RULES	63

/**
 * enum vnet_contract_part - register blocks that have a capability
 * @VNET_CONTRACT_COMMON: common configuration
 * @VNET_CONTRACT_NOTIFY: doorbells
 * @VNET_CONTRACT_ISR: interrupt status
 * @VNET_CONTRACT_DEVICE: configuration of the network device
 * @VNET_CONTRACT_PARTS: how many there are
 */
enum vnet_contract_part {
	VNET_CONTRACT_COMMON,
	VNET_CONTRACT_NOTIFY,
	VNET_CONTRACT_ISR,
	VNET_CONTRACT_DEVICE,
	VNET_CONTRACT_PARTS
};

/**
 * struct vnet_contract_bar - a BAR
 * @len: its bytes; 0: there is none
 * @mem: memory, not I/O ports
 * @wide: its address has 64 bits
 */
struct vnet_contract_bar {
	u64 len;
	bool mem;
	bool wide;
};

/**
 * struct vnet_contract_queue - what the common configuration says of a queue
 * @size: queue_size
 * @notify_off: queue_notify_off
 * @vector: queue_msix_vector, after 0 was written
 */
struct vnet_contract_queue {
	u16 size;
	u16 notify_off;
	u16 vector;
};

/**
 * struct vnet_contract_device - copy of what a device says about itself
 * @pci: it is a PCI device; all else is void if not
 * @common_read: @features to @queue are there
 * @vectors_read: so are @config_vector and the vectors of @queue
 * @device_read: so is @max_pairs
 * @config: configuration space
 * @bar: the BARs
 * @features: feature bits 0 to 63 that it offers
 * @features_beyond: the word of feature bits behind them
 * @num_queues: queues of the device
 * @config_vector: msix_config, after 0 was written
 * @max_pairs: max_virtqueue_pairs
 * @queue: its queues, then the first that it has not got
 */
struct vnet_contract_device {
	bool pci;
	bool common_read;
	bool vectors_read;
	bool device_read;
	u8 config[VNET_CONTRACT_CONFIG];
	struct vnet_contract_bar bar[VNET_CONTRACT_BARS];
	u64 features;
	u32 features_beyond;
	u16 num_queues;
	u16 config_vector;
	u16 max_pairs;
	struct vnet_contract_queue queue[VNET_CONTRACT_QUEUES + 1];
};

/**
 * struct vnet_contract_report - rules that a device breaks
 * @broken: a bit for each rule
 * @found: what was found instead
 */
struct vnet_contract_report {
	u64 broken;
	u64 found[VNET_CONTRACT_RULES];
};

/**
 * struct vnet_contract_text - a broken rule, to be read
 * @rule: name of the rule
 * @found: what was found
 * @wanted: what the contract says
 */
struct vnet_contract_text {
	const char *rule;
	char found[24];
	char wanted[24];
};

void vnet_contract_check(const struct vnet_contract_device *dev,
			 struct vnet_contract_report *report);
bool vnet_contract_find(const struct vnet_contract_device *dev,
			enum vnet_contract_part part, u32 len, u8 *bar,
			u32 *offset);
void vnet_contract_explain(const struct vnet_contract_report *report,
			   unsigned int rule, struct vnet_contract_text *text);

#endif
