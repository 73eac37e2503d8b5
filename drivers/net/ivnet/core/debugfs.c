// SPDX-License-Identifier: GPL-2.0
/*
 * Knobs for tests in debugfs: the next so many of something fail. They are asked
 * where queues or the device are started, and in interrupts while one is set;
 * where there is no debugfs, nobody can set them.
 */

#include <linux/debugfs.h>
#include <linux/mutex.h>

#include "ivnet.h"

/**
 * struct knob - how a knob is shown
 * @name: of the file
 * @watch: only for a transport that looks for trouble
 */
struct knob {
	const char *name;
	bool watch;
};

static const struct knob knobs[] = {
	[IVNET_FAULT_ALLOC] = { "fail_alloc" },
	[IVNET_FAULT_START] = { "fail_start" },
	[IVNET_FAULT_UP] = { "fail_up" },
	[IVNET_FAULT_RESET] = { "need_reset", true },
	[IVNET_FAULT_IRQ] = { "lose_interrupts", true },
};

static_assert(ARRAY_SIZE(knobs) == IVNET_FAULT_NUM);

static struct dentry *root;

DEFINE_STATIC_KEY_FALSE(ivnet_losing);
EXPORT_SYMBOL_GPL(ivnet_losing);

/* Serialises changes of &ivnet_faults.losing. */
static DEFINE_MUTEX(losing_lock);

/**
 * ivnet_fault() - is something to fail now?
 * @idev: the device
 * @what: what
 *
 * Context: any.
 * Return: true as often as the knob says.
 */
bool ivnet_fault(struct ivnet_dev *idev, enum ivnet_fault what)
{
	return atomic_dec_if_positive(&idev->faults.knob[what].left) >= 0;
}
EXPORT_SYMBOL_GPL(ivnet_fault);

/* An interrupt cannot do this itself: switching code sleeps. */
static void losing_update(struct ivnet_dev *idev)
{
	struct ivnet_faults *faults = &idev->faults;
	bool want;

	mutex_lock(&losing_lock);
	want = atomic_read(&faults->knob[IVNET_FAULT_IRQ].left);
	if (want && !faults->losing)
		static_branch_inc(&ivnet_losing);
	else if (!want && faults->losing)
		static_branch_dec(&ivnet_losing);
	faults->losing = want;
	mutex_unlock(&losing_lock);
}

/**
 * ivnet_faults_look() - the part of the knobs in a look for trouble
 * @idev: the device
 */
void ivnet_faults_look(struct ivnet_dev *idev)
{
	losing_update(idev);
	if (ivnet_fault(idev, IVNET_FAULT_RESET))
		ivnet_trouble(idev, IVNET_TROUBLE_DEVICE);
}

static int knob_get(void *data, u64 *val)
{
	const struct ivnet_knob *knob = data;

	*val = atomic_read(&knob->left);

	return 0;
}

static int knob_set(void *data, u64 val)
{
	struct ivnet_knob *knob = data;

	if (val > INT_MAX)
		return -ERANGE;
	atomic_set(&knob->left, val);
	losing_update(knob->idev);
	ivnet_look(knob->idev);

	return 0;
}

DEFINE_DEBUGFS_ATTRIBUTE(knob_fops, knob_get, knob_set, "%llu\n");

/**
 * ivnet_debugfs_add() - show a device's knobs
 * @idev: a device that is registered with devlink
 */
void ivnet_debugfs_add(struct ivnet_dev *idev)
{
	struct ivnet_faults *faults = &idev->faults;
	char name[64];
	unsigned int i;

	/* What devlink calls it, without a slash. */
	snprintf(name, sizeof(name), "%s-%s", dev_bus_name(idev->dev),
		 dev_name(idev->dev));
	faults->dir = debugfs_create_dir(name, root);

	for (i = 0; i < ARRAY_SIZE(knobs); i++) {
		if (knobs[i].watch && !idev->ops->watch)
			continue;
		faults->knob[i].idev = idev;
		debugfs_create_file_unsafe(knobs[i].name, 0600, faults->dir,
					   &faults->knob[i], &knob_fops);
	}
}

/**
 * ivnet_debugfs_del() - undo ivnet_debugfs_add()
 * @idev: a device that nobody looks for trouble at any more
 */
void ivnet_debugfs_del(struct ivnet_dev *idev)
{
	unsigned int i;

	debugfs_remove(idev->faults.dir);
	for (i = 0; i < ARRAY_SIZE(knobs); i++)
		atomic_set(&idev->faults.knob[i].left, 0);
	losing_update(idev);
}

/**
 * ivnet_debugfs_init() - at module load
 */
void ivnet_debugfs_init(void)
{
	root = debugfs_create_dir("ivnet", NULL);
}

/**
 * ivnet_debugfs_exit() - at module unload
 */
void ivnet_debugfs_exit(void)
{
	debugfs_remove(root);
}
