// SPDX-License-Identifier: GPL-2.0
/*
 * QEMU's ivshmem-doorbell and ivshmem-plain; QEMU, docs/specs/ivshmem-spec.rst.
 * What is different on v2 is in pci_v2.c.
 */

#include <linux/delay.h>
#include <linux/interrupt.h>
#include <linux/io.h>
#include <linux/module.h>
#include <linux/netdevice.h>
#include <linux/pm_wakeup.h>
#include <linux/suspend.h>
#include <net/ivnet/shm_v2.h>

#include "pci.h"
#include "shm.h"

#define IVSHMEM_DEVICE_ID	0x1110

#define IVSHMEM_V2(protocol)						\
	.vendor = IVNET_V2_VENDOR, .device = IVNET_V2_DEVICE,		\
	.subvendor = PCI_ANY_ID, .subdevice = PCI_ANY_ID,		\
	.class = IVNET_V2_CLASS | (protocol), .class_mask = 0xffffff,	\
	.driver_data = 1

#define IVSHMEM_BAR_REGS	0
#define IVSHMEM_BAR_MEM		2

#define IVSHMEM_IVPOSITION	0x08
#define IVSHMEM_DOORBELL	0x0c

/* Byte of ACRN's vendor capability. */
#define IVSHMEM_CAP_PEER	3

/* How long a vector may take to arrive when this port rings itself, ms. */
#define IVSHMEM_TEST_MS		1000

/**
 * struct ivshmem_vector - an interrupt vector
 * @sd: the device
 * @index: its number
 * @fired: it has arrived
 */
struct ivshmem_vector {
	struct shm_dev *sd;
	u32 index;
	bool fired;
};

/**
 * struct ivshmem_pci - what the transport does not know of a device
 * @pdev: the PCI device
 * @regs: its registers
 * @map: its memory
 * @n_vectors: MSI-X vectors that are enabled
 * @vectors: what their handlers get
 */
struct ivshmem_pci {
	struct pci_dev *pdev;
	void __iomem *regs;
	struct ivshmem_map map;
	u32 n_vectors;
	struct ivshmem_vector vectors[1 + IVNET_SHM_QUEUES_MAX];
};

static char *format[8];
static int n_format;
module_param_array(format, charp, &n_format, 0644);
MODULE_PARM_DESC(format, "PCI addresses of devices whose region may be overwritten, whatever it holds");

static char *classic[8];
static int n_classic;
module_param_array(classic, charp, &n_classic, 0644);
MODULE_PARM_DESC(classic, "PCI addresses of devices whose region is IVSHMEM-NET's");

/* Did the user name this device in a list? */
static bool is_listed(const struct pci_dev *pdev, char *const list[],
		      const int *n)
{
	bool found = false;
	int i;

	kernel_param_lock(THIS_MODULE);
	for (i = 0; i < *n; i++)
		found |= sysfs_streq(list[i], pci_name(pdev));
	kernel_param_unlock(THIS_MODULE);

	return found;
}

/* ACRN says who the other side of IVSHMEM-NET is. */
static u32 peer_find(struct pci_dev *pdev)
{
	int pos = pci_find_capability(pdev, PCI_CAP_ID_VNDR);
	u8 peer;

	if (!pos || pci_read_config_byte(pdev, pos + IVSHMEM_CAP_PEER, &peer))
		return SHM_PEER_NONE;

	return peer;
}

static void ivshmem_ring(struct shm_dev *sd, u16 position, u16 vector)
{
	const struct ivshmem_pci *ip = sd->bus_priv;

	writel((u32)position << 16 | vector, ip->regs + IVSHMEM_DOORBELL);
}

static irqreturn_t ivshmem_irq(int irq, void *data)
{
	struct ivshmem_vector *vec = data;

	WRITE_ONCE(vec->fired, true);
	if (unlikely(READ_ONCE(vec->sd->asleep)))
		shm_sleep_interrupt(vec->sd);
	else
		shm_interrupt(vec->sd, vec->index);

	return IRQ_HANDLED;
}

/*
 * Which vectors arrive? The server may know fewer than the device has, or there
 * may be no server that passes them on.
 */
static u32 vectors_test(struct shm_dev *sd)
{
	struct ivshmem_pci *ip = sd->bus_priv;
	u32 i, good = 0, ms;

	for (i = 0; i < ip->n_vectors; i++) {
		WRITE_ONCE(ip->vectors[i].fired, false);
		ivshmem_ring(sd, sd->position, i);
	}
	for (ms = 0; ms < IVSHMEM_TEST_MS; ms++) {
		while (good < ip->n_vectors &&
		       READ_ONCE(ip->vectors[good].fired))
			good++;
		if (good == ip->n_vectors)
			return good;
		usleep_range(1000, 1500);
	}
	pci_warn(ip->pdev, "%u of %u vectors arrive: %s\n", good, ip->n_vectors,
		 good ? "give the server as many as the device has" :
			"polling; is there a server that passes doorbells on?");

	return good;
}

static int ivshmem_start(struct shm_dev *sd, struct netlink_ext_ack *extack)
{
	const struct ivshmem_pci *ip = sd->bus_priv;
	u32 position;

	position = readl(ip->regs + IVSHMEM_IVPOSITION);
	if (position > U16_MAX) {
		NL_SET_ERR_MSG_MOD(extack, "the device has no position yet");
		return -EAGAIN;
	}
	sd->position = position;
	WRITE_ONCE(sd->vectors, vectors_test(sd));

	return 0;
}

static const struct shm_bus ivshmem_bus = {
	.ring	= ivshmem_ring,
	.start	= ivshmem_start,
};

static void irqs_free(struct ivshmem_pci *ip)
{
	while (ip->n_vectors--)
		free_irq(pci_irq_vector(ip->pdev, ip->n_vectors),
			 &ip->vectors[ip->n_vectors]);
	pci_free_irq_vectors(ip->pdev);
}

/*
 * Plain devices have no MSI-X and so no doorbell at all. In suspend to idle the
 * handler runs and decides what wakes; an interrupt that was enabled to wake
 * would always do so. Nobody rings a port that is down.
 */
static int irqs_request(struct ivshmem_pci *ip, struct shm_dev *sd)
{
	struct ivshmem_vector *vec;
	int n, err;

	ip->n_vectors = 0;
	if (pci_msix_vec_count(ip->pdev) <= 0)
		return 0;

	n = pci_alloc_irq_vectors(ip->pdev, 1, ARRAY_SIZE(ip->vectors),
				  PCI_IRQ_MSIX);
	if (n < 0)
		return n;
	for (; ip->n_vectors < n; ip->n_vectors++) {
		vec = &ip->vectors[ip->n_vectors];
		vec->sd = sd;
		vec->index = ip->n_vectors;
		err = request_irq(pci_irq_vector(ip->pdev, vec->index),
				  ivshmem_irq, IRQF_NO_SUSPEND,
				  dev_name(&ip->pdev->dev), vec);
		if (err)
			goto err_free;
	}

	return 0;

err_free:
	irqs_free(ip);
	return err;
}

static int ivshmem_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct ivshmem_pci *ip;
	struct ivnet_dev *idev;
	struct shm_dev *sd;
	int err;

	if (id->driver_data)
		return ivshmem_v2_probe(pdev);

	idev = ivnet_dev_alloc(&pdev->dev, &shm_transport_ops);
	if (!idev)
		return -ENOMEM;
	ip = kzalloc(sizeof(*ip), GFP_KERNEL);
	if (!ip) {
		err = -ENOMEM;
		goto err_free_idev;
	}
	ip->pdev = pdev;

	err = pci_enable_device(pdev);
	if (err)
		goto err_free;
	err = pci_request_regions(pdev, KBUILD_MODNAME);
	if (err)
		goto err_disable;
	ip->regs = pci_iomap(pdev, IVSHMEM_BAR_REGS, 0);
	if (!ip->regs) {
		err = -ENOMEM;
		goto err_release;
	}
	err = ivshmem_map(pdev, IVSHMEM_BAR_MEM, &ip->map);
	if (err)
		goto err_iounmap;

	sd = ivnet_priv(idev);
	shm_dev_init(sd, idev);
	sd->bus = &ivshmem_bus;
	sd->bus_priv = ip;
	sd->base = ip->map.base;
	sd->size = ip->map.size;
	sd->format = is_listed(pdev, format, &n_format);
	sd->want_peer = peer_find(pdev);
	shm_dev_format(sd, is_listed(pdev, classic, &n_classic));
	if (!shm_dev_wanted(sd)) {
		err = -ENODEV;
		goto err_exit;
	}

	pci_set_master(pdev);
	err = irqs_request(ip, sd);
	if (err)
		goto err_exit;
	device_set_wakeup_capable(&pdev->dev, ip->n_vectors);
	pci_set_drvdata(pdev, idev);
	err = ivnet_dev_register(idev);
	if (err)
		goto err_irqs;

	return 0;

err_irqs:
	device_set_wakeup_capable(&pdev->dev, false);
	irqs_free(ip);
err_exit:
	shm_dev_exit(sd);
	ivshmem_unmap(&ip->map);
err_iounmap:
	pci_iounmap(pdev, ip->regs);
err_release:
	pci_release_regions(pdev);
err_disable:
	pci_disable_device(pdev);
err_free:
	kfree(ip);
err_free_idev:
	ivnet_dev_free(idev);
	return err;
}

static void ivshmem_remove(struct pci_dev *pdev)
{
	struct ivnet_dev *idev = pci_get_drvdata(pdev);
	struct shm_dev *sd = ivnet_priv(idev);
	struct ivshmem_pci *ip = sd->bus_priv;

	if (sd->states) {
		ivshmem_v2_remove(pdev);
		return;
	}
	ivnet_dev_unregister(idev);
	device_set_wakeup_capable(&pdev->dev, false);
	irqs_free(ip);
	shm_dev_exit(sd);
	ivshmem_unmap(&ip->map);
	pci_iounmap(pdev, ip->regs);
	pci_release_regions(pdev);
	pci_disable_device(pdev);
	kfree(ip);
	ivnet_dev_free(idev);
}

/* The peers shall not wait for the heartbeat to stop. */
static void ivshmem_shutdown(struct pci_dev *pdev)
{
	ivnet_dev_detach(pci_get_drvdata(pdev));
}

/* Only suspend to idle leaves a processor that a doorbell reaches. */
static int ivshmem_suspend(struct device *dev)
{
	struct ivnet_dev *idev = dev_get_drvdata(dev);

	if (pm_suspend_target_state != PM_SUSPEND_TO_IDLE ||
	    !device_may_wakeup(dev) || !shm_sleep_begin(ivnet_priv(idev)))
		ivnet_dev_detach(idev);

	return 0;
}

static int ivshmem_resume(struct device *dev)
{
	struct ivnet_dev *idev = dev_get_drvdata(dev);

	if (shm_sleep_end(ivnet_priv(idev)))
		ivnet_dev_detach(idev);

	return ivnet_dev_attach(idev, NULL);
}

static DEFINE_SIMPLE_DEV_PM_OPS(ivshmem_pm_ops, ivshmem_suspend,
				ivshmem_resume);

static const struct pci_device_id ivshmem_ids[] = {
	{ PCI_DEVICE(PCI_VENDOR_ID_REDHAT_QUMRANET, IVSHMEM_DEVICE_ID) },
	/* v2: its class code is a protocol; others than these are not for us. */
	{ IVSHMEM_V2(IVNET_V2_PROTO_CLASSIC) },
	{ IVSHMEM_V2(IVNET_SHM_PROTOCOL) },
	{ }
};
MODULE_DEVICE_TABLE(pci, ivshmem_ids);

static struct pci_driver ivshmem_driver = {
	.name		= KBUILD_MODNAME,
	.id_table	= ivshmem_ids,
	.probe		= ivshmem_probe,
	.remove		= ivshmem_remove,
	.shutdown	= ivshmem_shutdown,
	.driver.pm	= pm_sleep_ptr(&ivshmem_pm_ops),
};

module_pci_driver(ivshmem_driver);
MODULE_DESCRIPTION("Ethernet for guests: IVSHMEM");
MODULE_VERSION(IVNET_VERSION);
MODULE_LICENSE("GPL");
