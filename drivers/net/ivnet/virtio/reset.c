// SPDX-License-Identifier: GPL-2.0
/*
 * Resets of a device and of a ring. The bus waits for the end of either for as
 * long as the device likes, under rtnl: it is asked only after the device was
 * seen to end the same, before a deadline.
 */

#include <linux/iopoll.h>
#include <linux/netdevice.h>
#include <linux/pci.h>
#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>

#include "virtio.h"

/* Pause between two looks, and deadlines, microseconds. */
#define VNET_RESET_POLL		1000
#define VNET_RESET_TIMEOUT	(5 * USEC_PER_SEC)
#define VNET_RING_TIMEOUT	USEC_PER_SEC

/* For a device that is known not to end its reset. */
#define VNET_RESET_AGAIN	(100 * USEC_PER_MSEC)

static struct pci_dev *to_pci(const struct vnet_dev *vd)
{
	struct device *parent = vd->vdev->dev.parent;

	return dev_is_pci(parent) ? to_pci_dev(parent) : NULL;
}

/* The first one that can be used counts, as for the bus (virtio 1.3, 4.1.4). */
static void __iomem *map_common(struct pci_dev *pdev, u8 pos)
{
	unsigned long len = VIRTIO_PCI_COMMON_Q_RESET + sizeof(__le16);
	u32 offset;
	u8 bar;

	pci_read_config_byte(pdev, pos + VIRTIO_PCI_CAP_BAR, &bar);
	pci_read_config_dword(pdev, pos + VIRTIO_PCI_CAP_OFFSET, &offset);
	if (bar >= PCI_STD_NUM_BARS || pci_resource_len(pdev, bar) < len ||
	    pci_resource_len(pdev, bar) - len < offset)
		return NULL;

	return pci_iomap_range(pdev, bar, offset, len);
}

/**
 * vnet_reset_init() - prepare resets
 * @vd: the device
 *
 * A device that is none of PCI's, or has nothing but the legacy interface, ends
 * its reset with the write that asks for it.
 */
void vnet_reset_init(struct vnet_dev *vd)
{
	struct pci_dev *pdev = to_pci(vd);
	u8 pos, type;

	if (!pdev || !virtio_has_feature(vd->vdev, VIRTIO_F_VERSION_1))
		return;

	pos = pci_find_capability(pdev, PCI_CAP_ID_VNDR);
	while (pos && !vd->common) {
		pci_read_config_byte(pdev, pos + VIRTIO_PCI_CAP_CFG_TYPE,
				     &type);
		if (type == VIRTIO_PCI_CAP_COMMON_CFG)
			vd->common = map_common(pdev, pos);
		pos = pci_find_next_capability(pdev, pos, PCI_CAP_ID_VNDR);
	}
}

/**
 * vnet_reset_exit() - undo vnet_reset_init()
 * @vd: the device
 */
void vnet_reset_exit(struct vnet_dev *vd)
{
	if (vd->common)
		pci_iounmap(to_pci(vd), vd->common);
}

/**
 * vnet_dev_gone() - was the device pulled out?
 * @vd: the device
 *
 * It reads as all ones then, and a reset would wait for ever.
 *
 * Return: true if it was.
 */
bool vnet_dev_gone(const struct vnet_dev *vd)
{
	struct pci_dev *pdev = to_pci(vd);

	return pdev && !pci_device_is_present(pdev);
}

/**
 * vnet_dev_cut_off() - may the device not use memory?
 * @vd: the device
 *
 * Return: true if it did not end a reset, and none since.
 */
bool vnet_dev_cut_off(const struct vnet_dev *vd)
{
	return vd->common && !to_pci(vd)->is_busmaster;
}

static int reset_wait(struct vnet_dev *vd)
{
	unsigned long timeout = vnet_dev_cut_off(vd) ? VNET_RESET_AGAIN :
						       VNET_RESET_TIMEOUT;
	void __iomem *status = vd->common + VIRTIO_PCI_COMMON_STATUS;
	u8 val;

	iowrite8(0, status);

	return read_poll_timeout(ioread8, val, !val, VNET_RESET_POLL, timeout,
				 false, status);
}

/**
 * vnet_reset_device() - have the device forget everything
 * @vd: the device
 *
 * Whatever is returned, the device does not use memory any more: one that does
 * not end its reset is taken its bus mastering until it does.
 *
 * Context: process; sleeps for 5 s at the most.
 * Return: 0, -ENODEV if the device is gone, -ETIMEDOUT.
 */
int vnet_reset_device(struct vnet_dev *vd)
{
	int err;

	if (vnet_dev_gone(vd)) {
		virtio_break_device(vd->vdev);
		return -ENODEV;
	}

	err = vd->common ? reset_wait(vd) : 0;
	if (err) {
		vnet_count(vd, IVNET_DEV_RESET_TIMEOUTS);
		if (!vnet_dev_cut_off(vd)) {
			dev_err(&vd->vdev->dev, "does not end its reset, and is cut off from memory until it does\n");
			pci_clear_master(to_pci(vd));
		}
		virtio_break_device(vd->vdev);
		return err;
	}

	if (vnet_dev_cut_off(vd))
		pci_set_master(to_pci(vd));
	virtio_reset_device(vd->vdev);

	return 0;
}

/* The device leaves a ring alone (virtio 1.3, 4.1.4.3.2). */
static int ring_reset_wait(struct vnet_dev *vd, const struct virtqueue *vq)
{
	void __iomem *common = vd->common;
	u16 val;
	int err;

	if (!common)
		return 0;

	iowrite16(vq->index, common + VIRTIO_PCI_COMMON_Q_SELECT);
	iowrite16(1, common + VIRTIO_PCI_COMMON_Q_RESET);
	err = read_poll_timeout(ioread16, val, !val, VNET_RESET_POLL,
				VNET_RING_TIMEOUT, false,
				common + VIRTIO_PCI_COMMON_Q_RESET);
	if (!err)
		err = read_poll_timeout(ioread16, val, !val, VNET_RESET_POLL,
					VNET_RING_TIMEOUT, false,
					common + VIRTIO_PCI_COMMON_Q_ENABLE);
	if (err) {
		vnet_count(vd, IVNET_DEV_QUEUE_RESET_TIMEOUTS);
		dev_err_ratelimited(&vd->vdev->dev, "ring %u does not end its reset\n",
				    vq->index);
	}

	return err;
}

/**
 * vnet_ring_reset() - empty a ring
 * @vd: the device
 * @vq: the ring
 * @recycle: gets each buffer that was in it
 *
 * Context: process, rtnl; sleeps for 2 s at the most.
 * Return: 0, -ETIMEDOUT, or an error of the bus; then only a reset of the device
 * helps.
 */
int vnet_ring_reset(struct vnet_dev *vd, struct virtqueue *vq,
		    void (*recycle)(struct virtqueue *vq, void *buf))
{
	int err = ring_reset_wait(vd, vq);

	return err ?: virtqueue_reset(vq, recycle, NULL);
}

/**
 * vnet_ring_resize() - give an empty ring another size
 * @vd: the device
 * @vq: the ring
 * @num: its entries
 * @recycle: gets each buffer that was in it
 *
 * Context: process, rtnl; sleeps for 2 s at the most.
 * Return: as of vnet_ring_reset().
 */
int vnet_ring_resize(struct vnet_dev *vd, struct virtqueue *vq, u32 num,
		     void (*recycle)(struct virtqueue *vq, void *buf))
{
	int err;

	/* Nothing would be done about it. */
	if (virtqueue_get_vring_size(vq) == num)
		return 0;
	err = ring_reset_wait(vd, vq);

	return err ?: virtqueue_resize(vq, num, recycle, NULL);
}
