/* SPDX-License-Identifier: GPL-2.0 */
/* Failures on demand, for tests; see ivnet-debugfs.rst for what a user does. */
#ifndef _IVNET_DEBUGFS_H
#define _IVNET_DEBUGFS_H

#include <linux/atomic.h>
#include <linux/jump_label.h>

struct dentry;
struct ivnet_dev;

/**
 * enum ivnet_fault - what can be asked for
 * @IVNET_FAULT_ALLOC: a set of queues finds no memory
 * @IVNET_FAULT_START: a set of queues is not started
 * @IVNET_FAULT_UP: the device is not started
 * @IVNET_FAULT_RESET: a look at the device finds that it needs a reset
 * @IVNET_FAULT_IRQ: a queue's interrupt is lost
 * @IVNET_FAULT_NUM: how many
 */
enum ivnet_fault {
	IVNET_FAULT_ALLOC,
	IVNET_FAULT_START,
	IVNET_FAULT_UP,
	IVNET_FAULT_RESET,
	IVNET_FAULT_IRQ,
	IVNET_FAULT_NUM
};

/**
 * struct ivnet_knob - a file in debugfs
 * @idev: the device
 * @left: so many times more, counted down
 */
struct ivnet_knob {
	struct ivnet_dev *idev;
	atomic_t left;
};

/**
 * struct ivnet_faults - a device's knobs
 * @knob: one for each &enum ivnet_fault
 * @dir: their directory
 * @losing: the device holds %ivnet_losing
 */
struct ivnet_faults {
	struct ivnet_knob knob[IVNET_FAULT_NUM];
	struct dentry *dir;
	bool losing;
};

/* On while a device is to lose interrupts: else they do not look. */
DECLARE_STATIC_KEY_FALSE(ivnet_losing);

bool ivnet_fault(struct ivnet_dev *idev, enum ivnet_fault what);
void ivnet_faults_look(struct ivnet_dev *idev);
void ivnet_debugfs_add(struct ivnet_dev *idev);
void ivnet_debugfs_del(struct ivnet_dev *idev);
void ivnet_debugfs_init(void);
void ivnet_debugfs_exit(void);

/**
 * ivnet_irq_lost() - is an interrupt to be taken for one that never came?
 * @idev: the device
 *
 * Context: any.
 * Return: true if so.
 */
static inline bool ivnet_irq_lost(struct ivnet_dev *idev)
{
	return static_branch_unlikely(&ivnet_losing) &&
	       ivnet_fault(idev, IVNET_FAULT_IRQ);
}

#endif
