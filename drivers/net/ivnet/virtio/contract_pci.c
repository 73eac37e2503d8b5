// SPDX-License-Identifier: GPL-2.0
/* The device contract: the device behind the driver is read and judged. */

#include <linux/pci.h>
#include <linux/slab.h>
#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>
#include <net/devlink.h>

#include "virtio.h"

static const char * const contract_modes[] = {
	[VNET_CONTRACT_OFF] = "off",
	[VNET_CONTRACT_PERMISSIVE] = "permissive",
	[VNET_CONTRACT_STRICT] = "strict",
};

/**
 * vnet_contract_mode_name() - the parameter's value for a mode
 * @mode: the mode
 *
 * Return: its name.
 */
const char *vnet_contract_mode_name(enum vnet_contract_mode mode)
{
	return contract_modes[mode];
}

/**
 * vnet_contract_mode_parse() - the mode for a parameter's value
 * @name: the value
 *
 * Return: the mode, or -EINVAL.
 */
int vnet_contract_mode_parse(const char *name)
{
	int mode = match_string(contract_modes, ARRAY_SIZE(contract_modes),
				name);

	return mode < 0 ? -EINVAL : mode;
}

static void read_config(struct pci_dev *pdev, struct vnet_contract_device *cd)
{
	struct vnet_contract_bar *bar = cd->bar;
	unsigned int i;
	u32 val;

	for (i = 0; i < sizeof(cd->config); i += sizeof(val)) {
		/* All ones if it cannot be read. */
		pci_read_config_dword(pdev, i, &val);
		cd->config[i] = val;
		cd->config[i + 1] = val >> 8;
		cd->config[i + 2] = val >> 16;
		cd->config[i + 3] = val >> 24;
	}
	for (i = 0; i < VNET_CONTRACT_BARS; i++) {
		bar[i].len = pci_resource_len(pdev, i);
		bar[i].mem = pci_resource_flags(pdev, i) & IORESOURCE_MEM;
		bar[i].wide = pci_resource_flags(pdev, i) & IORESOURCE_MEM_64;
	}
}

/* The device's feature bits come in words of 32. */
static u32 read_features(struct virtio_pci_common_cfg __iomem *common, u32 word)
{
	iowrite32(word, &common->device_feature_select);

	return ioread32(&common->device_feature);
}

static u16 try_vector(__le16 __iomem *vector)
{
	u16 found;

	iowrite16(0, vector);
	found = ioread16(vector);
	iowrite16(VIRTIO_MSI_NO_VECTOR, vector);

	return found;
}

/*
 * Vectors read back what was written (virtio 1.3, 4.1.5.1.2). The bus tries that
 * too, but falls back to another kind of interrupt without a word.
 */
static void read_vectors(struct pci_dev *pdev,
			 struct virtio_pci_common_cfg __iomem *common,
			 struct vnet_contract_device *cd)
{
	unsigned int i;

	if (pdev->msi_enabled || pdev->msix_enabled ||
	    pci_alloc_irq_vectors(pdev, 1, 1, PCI_IRQ_MSIX) != 1)
		return;

	cd->config_vector = try_vector(&common->msix_config);
	for (i = 0; i < VNET_CONTRACT_QUEUES; i++) {
		iowrite16(i, &common->queue_select);
		cd->queue[i].vector = try_vector(&common->queue_msix_vector);
	}
	cd->vectors_read = true;
	pci_free_irq_vectors(pdev);
}

/*
 * The bus keeps the selectors to itself, but uses them only when it is asked
 * for something, by the driver, which is here.
 */
static int read_common(struct pci_dev *pdev, struct vnet_contract_device *cd)
{
	struct virtio_pci_common_cfg __iomem *common;
	struct vnet_contract_queue *q = cd->queue;
	unsigned int i;
	u32 offset;
	u8 bar;

	if (!vnet_contract_find(cd, VNET_CONTRACT_COMMON, sizeof(*common), &bar,
				&offset))
		return 0;
	common = pci_iomap_range(pdev, bar, offset, sizeof(*common));
	if (!common)
		return -ENOMEM;

	cd->features = read_features(common, 0);
	cd->features |= (u64)read_features(common, 1) << 32;
	cd->features_beyond = read_features(common, 2);
	cd->num_queues = ioread16(&common->num_queues);
	for (i = 0; i < ARRAY_SIZE(cd->queue); i++) {
		iowrite16(i < VNET_CONTRACT_QUEUES ? i : cd->num_queues,
			  &common->queue_select);
		q[i].size = ioread16(&common->queue_size);
		q[i].notify_off = ioread16(&common->queue_notify_off);
	}
	cd->common_read = true;
	read_vectors(pdev, common, cd);
	pci_iounmap(pdev, common);

	return 0;
}

static int read_device(struct pci_dev *pdev, struct vnet_contract_device *cd)
{
	u32 offset, len = offsetofend(struct virtio_net_config,
				      max_virtqueue_pairs);
	struct virtio_net_config __iomem *config;
	u8 bar;

	if (!vnet_contract_find(cd, VNET_CONTRACT_DEVICE, len, &bar, &offset))
		return 0;
	config = pci_iomap_range(pdev, bar, offset, len);
	if (!config)
		return -ENOMEM;

	cd->max_pairs = ioread16(&config->max_virtqueue_pairs);
	cd->device_read = true;
	pci_iounmap(pdev, config);

	return 0;
}

static int contract_read(struct vnet_dev *vd, struct vnet_contract_device *cd)
{
	struct pci_dev *pdev = vnet_pci(vd);
	int err;

	cd->pci = pdev;
	if (!pdev)
		return 0;

	read_config(pdev, cd);
	err = read_common(pdev, cd);

	return err ?: read_device(pdev, cd);
}

/* All of them to the log, the first and how many there are to who asked. */
static void contract_complain(struct vnet_dev *vd,
			      struct netlink_ext_ack *extack)
{
	const struct vnet_contract_report *report = &vd->contract.report;
	struct device *dev = &vd->vdev->dev;
	struct vnet_contract_text text;
	unsigned int i;

	for (i = 0; i < VNET_CONTRACT_RULES; i++) {
		if (!(report->broken >> i & 1))
			continue;
		vnet_contract_explain(report, i, &text);
		dev_printk(vd->contract.mode == VNET_CONTRACT_STRICT ?
			   KERN_ERR : KERN_WARNING, dev,
			   "contract: %s is %s, wanted %s\n", text.rule,
			   text.found, text.wanted);
	}
	if (vd->contract.mode != VNET_CONTRACT_STRICT)
		return;
	vnet_contract_explain(report, __ffs64(report->broken), &text);
	NL_SET_ERR_MSG_FMT_MOD(extack, "contract: %s is %s, wanted %s; %u broken",
			       text.rule, text.found, text.wanted,
			       (u32)hweight64(report->broken));
}

/**
 * vnet_contract_apply() - does the device keep the contract?
 * @vd: a device that is negotiated and has no rings yet
 * @extack: says what is broken
 *
 * Return: 0 if it may be used, -EPROTO if not, or another error.
 */
int vnet_contract_apply(struct vnet_dev *vd, struct netlink_ext_ack *extack)
{
	struct vnet_contract *contract = &vd->contract;
	struct vnet_contract_device *cd;
	int err;

	contract->report.broken = 0;
	contract->always_kick = false;
	if (contract->mode == VNET_CONTRACT_OFF)
		return 0;

	cd = kzalloc(sizeof(*cd), GFP_KERNEL);
	err = cd ? contract_read(vd, cd) : -ENOMEM;
	if (err) {
		NL_SET_ERR_MSG_MOD(extack, "contract: the device could not be read");
		goto out;
	}
	vnet_contract_check(cd, &contract->report);
	if (contract->report.broken)
		contract_complain(vd, extack);
	if (contract->mode == VNET_CONTRACT_STRICT) {
		contract->always_kick =
			!virtio_has_feature(vd->vdev, VIRTIO_RING_F_EVENT_IDX);
		err = contract->report.broken ? -EPROTO : 0;
	}
out:
	kfree(cd);
	return err;
}

/**
 * vnet_contract_diagnose() - what is wanted of the device, and what it breaks
 * @vd: the device
 * @fmsg: where to
 */
void vnet_contract_diagnose(const struct vnet_dev *vd, struct devlink_fmsg *fmsg)
{
	const struct vnet_contract *contract = &vd->contract;
	struct vnet_contract_text text;
	unsigned int i;

	devlink_fmsg_string_pair_put(fmsg, "contract",
				     vnet_contract_mode_name(contract->mode));
	if (contract->mode == VNET_CONTRACT_OFF)
		return;

	devlink_fmsg_arr_pair_nest_start(fmsg, "contract_broken");
	for (i = 0; i < VNET_CONTRACT_RULES; i++) {
		if (!(contract->report.broken >> i & 1))
			continue;
		vnet_contract_explain(&contract->report, i, &text);
		devlink_fmsg_obj_nest_start(fmsg);
		devlink_fmsg_string_pair_put(fmsg, "rule", text.rule);
		devlink_fmsg_string_pair_put(fmsg, "found", text.found);
		devlink_fmsg_string_pair_put(fmsg, "wanted", text.wanted);
		devlink_fmsg_obj_nest_end(fmsg);
	}
	devlink_fmsg_arr_pair_nest_end(fmsg);
}
