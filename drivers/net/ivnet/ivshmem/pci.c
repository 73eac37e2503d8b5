// SPDX-License-Identifier: GPL-2.0
/*
 * The PCI driver for IVSHMEM: what is the same for v1 (pci_v1.c) and v2
 * (pci_v2.c).
 */

#include <linux/io.h>
#include <linux/module.h>
#include <linux/netdevice.h>
#include <linux/suspend.h>
#include <net/ivnet/shm_v2.h>

#include "pci.h"
#include "shm.h"

#define IVSHMEM_DEVICE_ID	0x1110

#define IVSHMEM_V2(protocol)						\
	.vendor = IVNET_V2_VENDOR, .device = IVNET_V2_DEVICE,		\
	.subvendor = PCI_ANY_ID, .subdevice = PCI_ANY_ID,		\
	.class = IVNET_V2_CLASS | (protocol), .class_mask = 0xffffff,	\
	.driver_data = (kernel_ulong_t)&ivshmem_v2

#define IVSHMEM_BAR_REGS	0

/**
 * ivshmem_irqs_free() - undo ivshmem_irqs_request(), and give the vectors back
 * @ip: the device
 */
void ivshmem_irqs_free(struct ivshmem_pci *ip)
{
	while (ip->n_vectors) {
		ip->n_vectors--;
		free_irq(pci_irq_vector(ip->pdev, ip->n_vectors),
			 &ip->vectors[ip->n_vectors]);
	}
	pci_free_irq_vectors(ip->pdev);
}

/**
 * ivshmem_irqs_request() - have a handler called for each vector
 * @ip: the device, which has as many vectors
 * @sd: the transport's
 * @n: vectors, or 1 for INTx
 * @handler: gets its &struct ivshmem_vector
 * @flags: IRQF_*
 *
 * Return: 0, or an error; the vectors are given back then.
 */
int ivshmem_irqs_request(struct ivshmem_pci *ip, struct shm_dev *sd, u32 n,
			 irq_handler_t handler, unsigned long flags)
{
	struct ivshmem_vector *vec;
	int err;

	for (; ip->n_vectors < n; ip->n_vectors++) {
		vec = &ip->vectors[ip->n_vectors];
		vec->sd = sd;
		vec->index = ip->n_vectors;
		err = request_irq(pci_irq_vector(ip->pdev, vec->index), handler,
				  flags, dev_name(&ip->pdev->dev), vec);
		if (err)
			goto err_free;
	}

	return 0;

err_free:
	ivshmem_irqs_free(ip);
	return err;
}

/**
 * ivshmem_reg() - &shm_bus.reg
 * @sd: the transport's
 * @offset: of the register
 *
 * Return: what it reads as.
 */
u32 ivshmem_reg(const struct shm_dev *sd, u32 offset)
{
	const struct ivshmem_pci *ip = sd->bus_priv;

	return ioread32(ip->regs + offset);
}

static int ivshmem_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	const struct ivshmem_kind *kind = (void *)id->driver_data;
	struct ivshmem_pci *ip;
	struct ivnet_dev *idev;
	struct shm_dev *sd;
	int err;

	idev = ivnet_dev_alloc(&pdev->dev, &shm_transport_ops);
	if (!idev)
		return -ENOMEM;
	ip = kzalloc(kind->size, GFP_KERNEL);
	if (!ip) {
		err = -ENOMEM;
		goto err_free_idev;
	}
	ip->kind = kind;
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
	err = kind->map(ip);
	if (err)
		goto err_iounmap;

	sd = ivnet_priv(idev);
	shm_dev_init(sd, idev);
	sd->bus_priv = ip;
	err = kind->setup(ip, sd);
	if (err)
		goto err_exit;
	pci_set_master(pdev);
	err = kind->irqs_request(ip, sd);
	if (err)
		goto err_exit;
	pci_set_drvdata(pdev, idev);
	err = ivnet_dev_register(idev);
	if (err)
		goto err_irqs;

	return 0;

err_irqs:
	kind->irqs_free(ip);
err_exit:
	shm_dev_exit(sd);
	kind->unmap(ip);
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

	ivnet_dev_unregister(idev);
	ip->kind->irqs_free(ip);
	shm_dev_exit(sd);
	ip->kind->unmap(ip);
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

/* The lock keeps a reload out until the device is back. */
static void ivshmem_reset_prepare(struct pci_dev *pdev)
{
	struct ivnet_dev *idev = pci_get_drvdata(pdev);

	devl_lock(idev->devlink);
	ivnet_dev_detach(idev);
}

static void ivshmem_reset_done(struct pci_dev *pdev)
{
	struct ivnet_dev *idev = pci_get_drvdata(pdev);
	int err = ivnet_dev_attach(idev, NULL);

	devl_unlock(idev->devlink);
	if (err)
		pci_err(pdev, "not started after a reset: %d; devlink dev reload tries again\n",
			err);
}

static const struct pci_error_handlers ivshmem_err_handler = {
	.reset_prepare	= ivshmem_reset_prepare,
	.reset_done	= ivshmem_reset_done,
};

static const struct pci_device_id ivshmem_ids[] = {
	{ PCI_DEVICE(PCI_VENDOR_ID_REDHAT_QUMRANET, IVSHMEM_DEVICE_ID),
	  .driver_data = (kernel_ulong_t)&ivshmem_v1 },
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
	.err_handler	= &ivshmem_err_handler,
	.driver.pm	= pm_sleep_ptr(&ivshmem_pm_ops),
};

module_pci_driver(ivshmem_driver);
MODULE_DESCRIPTION("Ethernet for guests: IVSHMEM");
MODULE_VERSION(IVNET_VERSION);
MODULE_LICENSE("GPL");
