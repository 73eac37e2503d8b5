// SPDX-License-Identifier: GPL-2.0
/*
 * QEMU's ivshmem-doorbell and ivshmem-plain; QEMU, docs/specs/ivshmem-spec.rst.
 */

#include <linux/delay.h>
#include <linux/io.h>
#include <linux/module.h>
#include <linux/netdevice.h>
#include <linux/pm_wakeup.h>

#include "pci.h"
#include "shm.h"

#define IVSHMEM_BAR_MEM		2

#define IVSHMEM_INTRMASK	0x00
#define IVSHMEM_IVPOSITION	0x08
#define IVSHMEM_DOORBELL	0x0c

/* Byte of ACRN's vendor capability. */
#define IVSHMEM_CAP_PEER	3

/* How long a vector may take to arrive when this port rings itself, ms. */
#define IVSHMEM_TEST_MS		1000

/**
 * struct ivshmem_v1_pci - a device
 * @pci: what all have
 * @map: its memory
 */
struct ivshmem_v1_pci {
	struct ivshmem_pci pci;
	struct ivshmem_map map;
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

static void v1_ring(struct shm_dev *sd, u16 position, u16 vector)
{
	const struct ivshmem_pci *ip = sd->bus_priv;

	writel((u32)position << 16 | vector, ip->regs + IVSHMEM_DOORBELL);
}

static irqreturn_t v1_irq(int irq, void *data)
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
 * How many of these vectors arrive, without a gap? A handler that ran too early,
 * for somebody else's ring, proves as much.
 */
static u32 vectors_ring(struct shm_dev *sd, u32 first, u32 n)
{
	struct ivshmem_pci *ip = sd->bus_priv;
	struct ivshmem_vector *vectors = ip->vectors + first;
	u32 i, good = 0, ms;

	for (i = 0; i < n; i++) {
		WRITE_ONCE(vectors[i].fired, false);
		v1_ring(sd, sd->position, first + i);
	}
	for (ms = 0; ms < IVSHMEM_TEST_MS; ms++) {
		while (good < n && READ_ONCE(vectors[good].fired))
			good++;
		if (good == n)
			break;
		usleep_range(1000, 1500);
	}

	return good;
}

/*
 * The server may know fewer vectors than the device has, or there may be no
 * server that passes them on.
 */
static u32 vectors_test(struct shm_dev *sd)
{
	const struct ivshmem_pci *ip = sd->bus_priv;
	u32 good = vectors_ring(sd, 0, ip->n_vectors);

	if (good == ip->n_vectors)
		return good;
	pci_warn(ip->pdev, "%u of %u vectors arrive: %s\n", good, ip->n_vectors,
		 good ? "give the server as many as the device has" :
			"polling; is there a server that passes doorbells on?");

	return good;
}

static int v1_ring_self(struct shm_dev *sd, u32 vector)
{
	return vectors_ring(sd, vector, 1) ? 0 : -ETIMEDOUT;
}

static int v1_start(struct shm_dev *sd, struct netlink_ext_ack *extack)
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

/* Not the interrupt status, which is cleared by a look at it. */
static const u16 v1_regs[] = { IVSHMEM_IVPOSITION, IVSHMEM_INTRMASK };

static const struct shm_bus v1_bus = {
	.regs	= v1_regs,
	.n_regs	= ARRAY_SIZE(v1_regs),
	.reg	= ivshmem_reg,
	.ring_self = v1_ring_self,
	.ring	= v1_ring,
	.start	= v1_start,
};

static struct ivshmem_v1_pci *to_v1(struct ivshmem_pci *ip)
{
	return container_of(ip, struct ivshmem_v1_pci, pci);
}

static int v1_map(struct ivshmem_pci *ip)
{
	return ivshmem_map(ip->pdev, IVSHMEM_BAR_MEM, &to_v1(ip)->map);
}

static void v1_unmap(struct ivshmem_pci *ip)
{
	ivshmem_unmap(&to_v1(ip)->map);
}

static int v1_setup(struct ivshmem_pci *ip, struct shm_dev *sd)
{
	const struct ivshmem_map *map = &to_v1(ip)->map;

	sd->bus = &v1_bus;
	sd->base = map->base;
	sd->size = map->size;
	sd->format = is_listed(ip->pdev, format, &n_format);
	sd->want_peer = peer_find(ip->pdev);
	shm_dev_format(sd, is_listed(ip->pdev, classic, &n_classic));

	return shm_dev_wanted(sd) ? 0 : -ENODEV;
}

/*
 * Plain devices have no MSI-X and so no doorbell at all. In suspend to idle the
 * handler runs and decides what wakes; an interrupt that was enabled to wake
 * would always do so. Nobody rings a port that is down.
 */
static int v1_irqs_request(struct ivshmem_pci *ip, struct shm_dev *sd)
{
	struct pci_dev *pdev = ip->pdev;
	int n, err;

	if (pci_msix_vec_count(pdev) <= 0)
		return 0;

	n = pci_alloc_irq_vectors(pdev, 1, ARRAY_SIZE(ip->vectors),
				  PCI_IRQ_MSIX);
	if (n < 0)
		return n;
	err = ivshmem_irqs_request(ip, sd, n, v1_irq, IRQF_NO_SUSPEND);
	if (!err)
		device_set_wakeup_capable(&pdev->dev, true);

	return err;
}

static void v1_irqs_free(struct ivshmem_pci *ip)
{
	device_set_wakeup_capable(&ip->pdev->dev, false);
	ivshmem_irqs_free(ip);
}

const struct ivshmem_kind ivshmem_v1 = {
	.size		= sizeof(struct ivshmem_v1_pci),
	.map		= v1_map,
	.unmap		= v1_unmap,
	.setup		= v1_setup,
	.irqs_request	= v1_irqs_request,
	.irqs_free	= v1_irqs_free,
};
