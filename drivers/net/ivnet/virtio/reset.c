// SPDX-License-Identifier: GPL-2.0
/*
 * Resets of a device and of a ring. The bus waits for the end of either for as
 * long as the device likes, under rtnl: it is asked only after the device was
 * seen to end the same, before a deadline. (One that then does not end what it
 * has ended before cannot be helped.)
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

/* Bytes of the common configuration: all there ever were, and with queue_reset. */
#define VNET_COMMON_MIN		sizeof(struct virtio_pci_common_cfg)
#define VNET_COMMON_MAX		(VIRTIO_PCI_COMMON_Q_RESET + sizeof(__le16))

/**
 * vnet_pci() - the PCI device behind a virtio device
 * @vd: the device
 *
 * A virtio device of vdpa has a PCI device above it, too, which is not its own.
 *
 * Return: the PCI device, or NULL if the bus is another one.
 */
struct pci_dev *vnet_pci(const struct vnet_dev *vd)
{
	struct device *parent = vd->vdev->dev.parent;

	if (!dev_is_pci(parent) ||
	    strcmp(virtio_bus_name(vd->vdev), dev_name(parent)))
		return NULL;

	return to_pci_dev(parent);
}

/* The capability that the bus takes: the first in a BAR that there is. */
static u8 find_common(struct pci_dev *pdev, u8 *bar)
{
	unsigned long flags;
	u8 pos, type;

	for (pos = pci_find_capability(pdev, PCI_CAP_ID_VNDR); pos;
	     pos = pci_find_next_capability(pdev, pos, PCI_CAP_ID_VNDR)) {
		pci_read_config_byte(pdev, pos + VIRTIO_PCI_CAP_CFG_TYPE,
				     &type);
		pci_read_config_byte(pdev, pos + VIRTIO_PCI_CAP_BAR, bar);
		if (type != VIRTIO_PCI_CAP_COMMON_CFG ||
		    *bar >= PCI_STD_NUM_BARS)
			continue;
		flags = pci_resource_flags(pdev, *bar);
		if (pci_resource_len(pdev, *bar) &&
		    flags & (IORESOURCE_IO | IORESOURCE_MEM))
			break;
	}

	return pos;
}

/**
 * vnet_reset_init() - prepare resets
 * @vd: the device
 *
 * A device that is none of PCI's, or has nothing but the legacy interface, ends
 * its reset with the write that asks for it.
 *
 * Return: 0, -ENODEV if the registers are not where they have to be, -ENOMEM.
 */
int vnet_reset_init(struct vnet_dev *vd)
{
	struct pci_dev *pdev = vnet_pci(vd);
	resource_size_t room;
	u32 offset;
	u8 pos, bar;

	if (!pdev || !virtio_has_feature(vd->vdev, VIRTIO_F_VERSION_1))
		return 0;

	pos = find_common(pdev, &bar);
	if (!pos)
		return -ENODEV;
	pci_read_config_dword(pdev, pos + VIRTIO_PCI_CAP_OFFSET, &offset);
	room = pci_resource_len(pdev, bar);
	if (offset > room || room - offset < VNET_COMMON_MIN ||
	    !IS_ALIGNED(offset, sizeof(u32)))
		return -ENODEV;
	vd->common_len = min_t(resource_size_t, room - offset, VNET_COMMON_MAX);
	vd->common = pci_iomap_range(pdev, bar, offset, vd->common_len);

	return vd->common ? 0 : -ENOMEM;
}

/**
 * vnet_reset_exit() - undo vnet_reset_init()
 * @vd: the device
 */
void vnet_reset_exit(struct vnet_dev *vd)
{
	if (vd->common)
		pci_iounmap(vnet_pci(vd), vd->common);
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
	struct pci_dev *pdev = vnet_pci(vd);

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
	return vd->common && !vnet_pci(vd)->is_busmaster;
}

static int reset_wait(struct vnet_dev *vd)
{
	unsigned long timeout = vnet_dev_cut_off(vd) ? VNET_RESET_AGAIN :
						       VNET_RESET_TIMEOUT;
	void __iomem *status = vd->common + VIRTIO_PCI_COMMON_STATUS;
	u8 val;

	/* A further write may have a slow one begin anew. */
	if (vnet_dev_cut_off(vd) && !ioread8(status))
		return 0;
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
 * Context: process; sleeps for 5 s at the most, and then as the bus does.
 * Return: 0, -ENXIO if the device is gone, -ETIMEDOUT.
 */
int vnet_reset_device(struct vnet_dev *vd)
{
	int err;

	err = vd->common && !vnet_dev_gone(vd) ? reset_wait(vd) : 0;
	if (vnet_dev_gone(vd)) {
		virtio_break_device(vd->vdev);
		return -ENXIO;
	}
	if (err) {
		vnet_count(vd, IVNET_DEV_RESET_TIMEOUTS);
		if (!vnet_dev_cut_off(vd)) {
			dev_err(&vd->vdev->dev, "does not end its reset, and is cut off from memory until it does\n");
			pci_clear_master(vnet_pci(vd));
		}
		virtio_break_device(vd->vdev);
		return err;
	}

	if (vnet_dev_cut_off(vd))
		pci_set_master(vnet_pci(vd));
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
	/* The bus would look behind what there is. */
	if (vd->common_len < VNET_COMMON_MAX)
		return -ENXIO;

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
 * Context: process, rtnl; sleeps for 2 s at the most, and then as the bus does.
 * Return: 0, -ETIMEDOUT, -ENXIO or an error of the bus; then only a reset of the
 * device helps.
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
 * Context: process, rtnl; sleeps for 2 s at the most, and then as the bus does.
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
