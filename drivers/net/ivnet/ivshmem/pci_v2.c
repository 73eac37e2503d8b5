// SPDX-License-Identifier: GPL-2.0
/*
 * IVSHMEM v2, as Jailhouse has it: Documentation/ivshmem-v2-specification.md
 * there; names in brackets are its sections. Memory of others is mapped without
 * the right to write, so that a mistake here faults and harms nobody.
 */

#include <linux/interrupt.h>
#include <linux/io.h>
#include <linux/ioport.h>
#include <linux/module.h>
#include <linux/netdevice.h>
#include <net/ivnet/shm_v2.h>

#include "pci.h"
#include "shm.h"

#define IVSHMEM_V2_BAR_REGS	0
#define IVSHMEM_V2_BAR_MEM	2

/* Vectors of the classic format, where there is more than one. */
#define IVSHMEM_V2_CLASSIC_VECTORS	2

/**
 * struct ivshmem_v2_pci - a device
 * @pci: what all have
 * @l: layout of its memory
 * @start: where the memory begins
 * @bar: bytes of the BAR that it is in; 0 if the capability says where it is
 * @requested: the memory is no BAR's, and nobody else's
 * @id: of the device
 * @state: what the State register has
 * @table: state table
 * @outputs: output sections
 */
struct ivshmem_v2_pci {
	struct ivshmem_pci pci;
	struct ivnet_v2_layout l;
	phys_addr_t start;
	u64 bar;
	bool requested;
	u32 id;
	u32 state;
	struct ivshmem_map table;
	struct ivshmem_map outputs[IVNET_SHM_PORTS_MAX];
};

static struct ivshmem_v2_pci *to_v2(struct ivshmem_pci *ip)
{
	return container_of(ip, struct ivshmem_v2_pci, pci);
}

static void v2_ring(struct shm_dev *sd, u16 position, u16 vector)
{
	const struct ivshmem_v2_pci *iv = to_v2(sd->bus_priv);

	iowrite32((u32)position << 16 | vector, iv->pci.regs + IVNET_V2_REG_DOORBELL);
}

static void int_enable(const struct ivshmem_v2_pci *iv)
{
	iowrite32(IVNET_V2_INT_ENABLE, iv->pci.regs + IVNET_V2_REG_INT);
}

/*
 * Every write is a trip to the hypervisor, so only a change is written. In
 * one-shot mode an interrupt that was taken by nobody would be the last one:
 * with the next heartbeat they are enabled again, and everything is looked at.
 */
static void v2_state(struct shm_dev *sd, u32 state)
{
	struct ivshmem_v2_pci *iv = to_v2(sd->bus_priv);

	if (iv->l.one_shot)
		int_enable(iv);
	if (iv->state == state)
		return;
	iv->state = state;
	iowrite32(state, iv->pci.regs + IVNET_V2_REG_STATE);
}

static int v2_start(struct shm_dev *sd, struct netlink_ext_ack *extack)
{
	struct ivshmem_v2_pci *iv = to_v2(sd->bus_priv);
	u32 id = ioread32(iv->pci.regs + IVNET_V2_REG_ID);
	u32 peers = ioread32(iv->pci.regs + IVNET_V2_REG_MAX_PEERS);

	if (id != iv->id || peers != iv->l.peers) {
		NL_SET_ERR_MSG_FMT_MOD(extack,
				       "the device has ID %u of %u, at probe it was %u of %u",
				       id, peers, iv->id, iv->l.peers);
		return -ENODEV;
	}
	/* A former life may have left another one, and a reset disabled all. */
	iv->state = 0;
	iowrite32(0, iv->pci.regs + IVNET_V2_REG_STATE);
	if (iv->pci.n_vectors)
		int_enable(iv);
	WRITE_ONCE(sd->vectors, iv->pci.n_vectors);

	return 0;
}

static const u16 v2_regs[] = {
	IVNET_V2_REG_ID, IVNET_V2_REG_MAX_PEERS, IVNET_V2_REG_INT,
	IVNET_V2_REG_STATE,
};

static const struct shm_bus v2_bus = {
	.regs	= v2_regs,
	.n_regs	= ARRAY_SIZE(v2_regs),
	.reg	= ivshmem_reg,
	.ring	= v2_ring,
	.start	= v2_start,
	.state	= v2_state,
};

static irqreturn_t v2_irq(int irq, void *data)
{
	const struct ivshmem_vector *vec = data;

	shm_interrupt(vec->sd, vec->index);

	return IRQ_HANDLED;
}

/*
 * INTx has no status, not even in configuration space [Header Registers]: nobody
 * can say that it was another device on the same line. Where the line stays up
 * until the device is accessed, as behind VFIO, the read ends it.
 */
static irqreturn_t v2_irq_intx(int irq, void *data)
{
	const struct ivshmem_vector *vec = data;
	const struct ivshmem_v2_pci *iv = to_v2(vec->sd->bus_priv);

	ioread32(iv->pci.regs + IVNET_V2_REG_INT);
	shm_interrupt(vec->sd, 0);

	return IRQ_HANDLED;
}

/*
 * Each interrupt disables all vectors. What rings until they are enabled again is
 * lost, so whatever it was is looked for afterwards, not before; the read makes
 * sure that the device has seen the write.
 */
static irqreturn_t v2_irq_one_shot(int irq, void *data)
{
	const struct ivshmem_vector *vec = data;
	const struct ivshmem_v2_pci *iv = to_v2(vec->sd->bus_priv);
	u32 i;

	int_enable(iv);
	ioread32(iv->pci.regs + IVNET_V2_REG_INT);
	for (i = 0; i < iv->pci.n_vectors; i++)
		shm_interrupt(vec->sd, i);

	return IRQ_HANDLED;
}

static void v2_irqs_free(struct ivshmem_pci *ip)
{
	iowrite32(0, ip->regs + IVNET_V2_REG_INT);
	ivshmem_irqs_free(ip);
}

/*
 * MSI-X, else INTx, else nothing: then a timer polls. All peers have the same
 * number of vectors [Doorbell Register], and those of the classic format ring
 * the second one without asking.
 */
static int v2_irqs_request(struct ivshmem_pci *ip, struct shm_dev *sd)
{
	int count = pci_msix_vec_count(ip->pdev), n = 1, err;
	irq_handler_t handler = count > 0 ? v2_irq : v2_irq_intx;

	if (to_v2(ip)->l.one_shot)
		handler = v2_irq_one_shot;
	if (count > 0) {
		n = pci_alloc_irq_vectors(ip->pdev, sd->want_classic ?
					  min(count, IVSHMEM_V2_CLASSIC_VECTORS) : 1,
					  ARRAY_SIZE(ip->vectors), PCI_IRQ_MSIX);
		if (n < 0)
			return n;
	} else if (!ip->pdev->pin || !ip->pdev->irq) {
		pci_info(ip->pdev, "no interrupts, polling\n");
		return 0;
	}

	err = ivshmem_irqs_request(ip, sd, n, handler,
				   count > 0 ? 0 : IRQF_SHARED);
	if (err)
		iowrite32(0, ip->regs + IVNET_V2_REG_INT);

	return err;
}

/* What the device says, read once and checked once. */
static int layout_read(struct ivshmem_v2_pci *iv)
{
	u8 cap[IVNET_V2_CAP_LONG] = {};
	struct pci_dev *pdev = iv->pci.pdev;
	enum ivnet_v2_err err;
	u32 i, len, peers, word;
	__le32 bytes;
	int pos;

	if (pci_resource_len(pdev, IVSHMEM_V2_BAR_REGS) < IVNET_V2_REGS) {
		pci_err(pdev, "not bound: BAR 0 has %llu bytes, %u are wanted\n",
			(u64)pci_resource_len(pdev, IVSHMEM_V2_BAR_REGS),
			IVNET_V2_REGS);
		return -ENODEV;
	}
	pos = pci_find_capability(pdev, PCI_CAP_ID_VNDR);
	if (!pos) {
		pci_err(pdev, "not bound: no vendor capability, of 18h or 20h bytes\n");
		return -ENODEV;
	}
	/* Beyond a short one there is something else. */
	for (i = 0, len = IVNET_V2_CAP_SHORT; i < len; i += sizeof(word)) {
		if (pci_read_config_dword(pdev, pos + i, &word))
			return -EIO;
		bytes = cpu_to_le32(word);
		memcpy(cap + i, &bytes, sizeof(bytes));
		if (cap[IVNET_V2_CAP_LEN] == IVNET_V2_CAP_LONG)
			len = IVNET_V2_CAP_LONG;
	}
	iv->id = ioread32(iv->pci.regs + IVNET_V2_REG_ID);
	peers = ioread32(iv->pci.regs + IVNET_V2_REG_MAX_PEERS);
	if (pci_resource_flags(pdev, IVSHMEM_V2_BAR_MEM) & IORESOURCE_MEM)
		iv->bar = pci_resource_len(pdev, IVSHMEM_V2_BAR_MEM);

	err = ivnet_v2_check(&iv->l, cap, iv->id, peers, iv->bar, PAGE_SIZE);
	if (err) {
		pci_err(pdev, "not bound: %s; found: capability of %02xh bytes, ID %u of %u, state table %#llx, read/write %#llx, output %#llx, BAR 2 %#llx, address %#llx\n",
			ivnet_v2_err_text(err), cap[IVNET_V2_CAP_LEN], iv->id,
			peers, iv->l.table, iv->l.rw, iv->l.output,
			iv->bar, iv->l.address);
		return -ENODEV;
	}
	iv->start = iv->bar ? pci_resource_start(pdev, IVSHMEM_V2_BAR_MEM) :
			      iv->l.address;

	return 0;
}

static void v2_unmap(struct ivshmem_pci *ip)
{
	struct ivshmem_v2_pci *iv = to_v2(ip);
	u32 i;

	for (i = 0; i < iv->l.peers; i++)
		if (iv->outputs[i].base)
			ivshmem_unmap(&iv->outputs[i]);
	if (iv->table.base)
		ivshmem_unmap(&iv->table);
	if (iv->requested)
		release_mem_region(iv->start, iv->l.total);
}

/* The read/write section is not mapped: nothing is there for us. */
static int v2_map(struct ivshmem_pci *ip)
{
	struct ivshmem_v2_pci *iv = to_v2(ip);
	struct pci_dev *pdev = ip->pdev;
	bool read_only;
	u32 i;
	int err;

	err = layout_read(iv);
	if (err)
		return err;
	/* What firmware calls reserved cannot be requested. */
	if (!iv->bar) {
		iv->requested = request_mem_region(iv->start, iv->l.total,
						   KBUILD_MODNAME);
		if (!iv->requested)
			pci_info(pdev, "the memory at %pa is reserved\n",
				 &iv->start);
	}
	err = ivshmem_map_read_only(pdev, iv->start, iv->l.table, &iv->table);
	read_only = iv->table.read_only;
	for (i = 0; !err && i < iv->l.peers; i++) {
		phys_addr_t at = iv->start + ivnet_v2_output(&iv->l, i);

		if (i == iv->id) {
			err = ivshmem_map_part(pdev, at, iv->l.output,
					       &iv->outputs[i]);
			continue;
		}
		err = ivshmem_map_read_only(pdev, at, iv->l.output,
					    &iv->outputs[i]);
		read_only &= iv->outputs[i].read_only;
	}
	if (err)
		v2_unmap(ip);
	else if (!read_only)
		pci_info(pdev, "this kernel cannot map the others' memory without the right to write\n");

	return err;
}

static int v2_setup(struct ivshmem_pci *ip, struct shm_dev *sd)
{
	const struct ivshmem_v2_pci *iv = to_v2(ip);
	bool classic = (iv->pci.pdev->class & 0xffff) == IVNET_V2_PROTO_CLASSIC;
	int count = pci_msix_vec_count(iv->pci.pdev);
	u32 i;

	if (classic && iv->l.peers != 2) {
		pci_err(iv->pci.pdev, "not bound: the protocol is for 2 peers, the device has %u\n",
			iv->l.peers);
		return -ENODEV;
	}
	sd->bus = &v2_bus;
	sd->size = iv->l.total;
	sd->states = (__le32 *)iv->table.base;
	for (i = 0; i < iv->l.peers; i++)
		sd->outputs[i] = iv->outputs[i].base;
	sd->output_size = iv->l.output;
	sd->own_queues = clamp(count - 1, 1, IVNET_SHM_QUEUES_MAX);
	sd->position = iv->id;
	sd->want_ports = iv->l.peers;
	sd->pin = iv->id;
	if (classic)
		sd->want_peer = !iv->id;
	shm_dev_format(sd, classic);

	return 0;
}

const struct ivshmem_kind ivshmem_v2 = {
	.size		= sizeof(struct ivshmem_v2_pci),
	.map		= v2_map,
	.unmap		= v2_unmap,
	.setup		= v2_setup,
	.irqs_request	= v2_irqs_request,
	.irqs_free	= v2_irqs_free,
};
