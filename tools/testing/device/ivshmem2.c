// SPDX-License-Identifier: GPL-2.0
/*
 * IVSHMEM v2: peers that share memory in sections (a table of everybody's state,
 * one that all write, one per peer that it alone writes), and ring each other.
 * Jailhouse's Documentation/ivshmem-v2-specification.md is the specification.
 */
#include "ivshmem2.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/pci_regs.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "log.h"

#define VENDOR 0x110a
#define DEVICE 0x4106
#define CLASS 0xff0000

enum {
	REGISTERS_BAR = 0,
	MSIX_BAR = 1,
	MEMORY_BAR = 2,
};

#define PBA_OFFSET 0x800

/* Registers */
enum {
	ID = 0x00,
	MAX_PEERS = 0x04,
	INT_CONTROL = 0x08,
	DOORBELL = 0x0c,
	STATE = 0x10,
};

/* The vendor's capability */
enum {
	CAP_LENGTH = 2,
	CAP_PRIVILEGED = 3,
	CAP_TABLE_SIZE = 4,
	CAP_RW_SIZE = 8,
	CAP_OUTPUT_SIZE = 0x10,
	CAP_ADDRESS = 0x18,
	CAP_SHORT = 0x18,
	CAP_LONG = 0x20,
};

#define ONE_SHOT 1
/* Forbidden writes that are logged, and that the report has. */
#define FIRST 8

/**
 * struct peer - a port of the shared memory
 * @dev: what its guest has
 * @id: of it
 * @capability: where the vendor's capability is
 * @state: as in the table
 * @int_control: interrupts are wanted
 * @states: changes of its state, without those to 0 by a reset
 * @rings: doorbells that it rang, by peer and vector
 * @delivered: interrupts that it was given, by vector
 * @unwanted: interrupts while @int_control was not set
 * @unclaimed: interrupts for vectors that are not in use
 * @foreign: writes where it may not write
 * @first: the first of them
 * @first.offset: in the memory
 * @first.size: bytes
 * @odd: accesses of registers that are no aligned 32 bits, or have no register
 * @reads: trapped reads of the memory
 * @writes: trapped writes of it that were allowed
 */
struct peer {
	struct vfio_device dev;
	unsigned int id;
	uint8_t capability;
	uint32_t state;
	bool int_control;
	unsigned long states;
	unsigned long rings[IVSHMEM2_MAX_PEERS][VFIO_MAX_VECTORS];
	unsigned long delivered[VFIO_MAX_VECTORS];
	unsigned long unwanted;
	unsigned long unclaimed;
	unsigned long foreign;
	struct {
		uint64_t offset;
		size_t size;
	} first[FIRST];
	unsigned long odd;
	unsigned long reads;
	unsigned long writes;
};

static struct {
	struct ivshmem2_options options;
	int fd;
	uint8_t *memory;
	uint64_t size;
	struct peer peers[IVSHMEM2_MAX_PEERS];
} ivshmem2;

static struct peer *to_peer(struct vfio_device *dev)
{
	return (struct peer *)((uint8_t *)dev - offsetof(struct peer, dev));
}

static void interrupt(struct peer *peer, unsigned int vector)
{
	uint8_t privileged = peer->dev.pci.bytes[peer->capability + CAP_PRIVILEGED];

	if (!peer->int_control) {
		peer->unwanted++;
		return;
	}
	if (!vfio_raise(&peer->dev, vector)) {
		peer->unclaimed++;
		return;
	}
	peer->delivered[vector]++;
	if (privileged & ONE_SHOT)
		peer->int_control = false;
}

static void set_state(struct peer *peer, uint32_t state)
{
	uint32_t *table = (uint32_t *)ivshmem2.memory;
	unsigned int i;

	if (peer->state == state)
		return;
	peer->state = state;
	/* Who is interrupted sees the new state. */
	__atomic_store_n(&table[peer->id], state, __ATOMIC_SEQ_CST);
	for (i = 0; i < ivshmem2.options.peers; i++)
		if (i != peer->id)
			interrupt(&ivshmem2.peers[i], 0);
}

static void ring(struct peer *peer, uint32_t value)
{
	unsigned int vector = value & 0xffff;
	unsigned int target = value >> 16;

	if (target >= ivshmem2.options.peers || vector >= peer->dev.vectors) {
		pr_limited_info("%s: rings vector %u of peer %u, which do not exist",
				peer->dev.name, vector, target);
		peer->odd++;
		return;
	}
	peer->rings[target][vector]++;
	interrupt(&ivshmem2.peers[target], vector);
}

static uint32_t read_register(struct peer *peer, uint64_t offset)
{
	switch (offset) {
	case ID:
		return peer->id;
	case MAX_PEERS:
		return ivshmem2.options.peers;
	case INT_CONTROL:
		return peer->int_control;
	case STATE:
		return peer->state;
	}
	peer->odd++;

	return 0;
}

static void write_register(struct peer *peer, uint64_t offset, uint32_t value)
{
	switch (offset) {
	case INT_CONTROL:
		peer->int_control = value & 1;
		break;
	case DOORBELL:
		ring(peer, value);
		break;
	case STATE:
		if (peer->state != value)
			peer->states++;
		set_state(peer, value);
		break;
	default:
		peer->odd++;
	}
}

#define COPY(type, to, from) \
	__atomic_store_n((type *)(to), __atomic_load_n((const type *)(from), __ATOMIC_RELAXED), \
			 __ATOMIC_RELAXED)

/* Memory that guests have mapped: what was one access of a processor is one here. */
static void copy(void *to, const void *from, size_t count)
{
	bool aligned = count && !((uintptr_t)to % count) && !((uintptr_t)from % count);

	switch (aligned ? count : 0) {
	case 1:
		COPY(uint8_t, to, from);
		break;
	case 2:
		COPY(uint16_t, to, from);
		break;
	case 4:
		COPY(uint32_t, to, from);
		break;
	case 8:
		COPY(uint64_t, to, from);
		break;
	default:
		memcpy(to, from, count);
	}
}

static uint64_t output_offset(unsigned int id)
{
	return IVSHMEM2_PAGE + ivshmem2.options.rw_size + id * ivshmem2.options.output_size;
}

static bool inside(uint64_t offset, size_t count, uint64_t start, uint64_t size)
{
	return offset >= start && offset - start <= size && count <= size - (offset - start);
}

static bool may_write(const struct peer *peer, uint64_t offset, size_t count)
{
	const struct ivshmem2_options *o = &ivshmem2.options;

	return inside(offset, count, IVSHMEM2_PAGE, o->rw_size) ||
	       inside(offset, count, output_offset(peer->id), o->output_size);
}

static void write_memory(struct peer *peer, uint64_t offset, const void *data, size_t count)
{
	if (may_write(peer, offset, count)) {
		peer->writes++;
		copy(ivshmem2.memory + offset, data, count);
		return;
	}
	if (peer->foreign < FIRST) {
		peer->first[peer->foreign].offset = offset;
		peer->first[peer->foreign].size = count;
		pr_warn("%s: writes %zu bytes at %#jx, where it may not", peer->dev.name, count,
			(uintmax_t)offset);
	}
	peer->foreign++;
}

static void read_bar(struct vfio_device *dev, unsigned int bar, uint64_t offset, void *data,
		     size_t count)
{
	struct peer *peer = to_peer(dev);
	uint32_t value;

	memset(data, 0, count);
	if (bar == MEMORY_BAR) {
		peer->reads++;
		if (inside(offset, count, 0, ivshmem2.size))
			copy(data, ivshmem2.memory + offset, count);
	} else if (bar == REGISTERS_BAR && count == sizeof(value) && !(offset % sizeof(value))) {
		value = read_register(peer, offset);
		memcpy(data, &value, sizeof(value));
	} else if (bar == REGISTERS_BAR) {
		peer->odd++;
	}
	/* The table of MSI-X is QEMU's, and its pending bits here are always 0. */
}

static void write_bar(struct vfio_device *dev, unsigned int bar, uint64_t offset,
		      const void *data, size_t count)
{
	struct peer *peer = to_peer(dev);
	uint32_t value;

	if (bar == MEMORY_BAR) {
		write_memory(peer, offset, data, count);
	} else if (bar == REGISTERS_BAR && count == sizeof(value) && !(offset % sizeof(value))) {
		memcpy(&value, data, sizeof(value));
		write_register(peer, offset, value);
	} else if (bar == REGISTERS_BAR) {
		peer->odd++;
	}
}

static void reset_peer(struct vfio_device *dev)
{
	struct peer *peer = to_peer(dev);

	pr_info("%s: reset in state %u", dev->name, peer->state);
	peer->int_control = false;
	set_state(peer, 0);
}

static const struct vfio_ops ops = {
	.read = read_bar,
	.write = write_bar,
	.reset = reset_peer,
};

static void configure(struct peer *peer)
{
	const struct ivshmem2_options *o = &ivshmem2.options;
	uint64_t address = o->addresses[peer->id];
	unsigned int length = address ? CAP_LONG : CAP_SHORT;
	struct pci *pci = &peer->dev.pci;
	uint8_t at;

	pci_init(pci, VENDOR, DEVICE, 0, CLASS | o->protocol);
	at = pci_add_capability(pci, PCI_CAP_ID_VNDR, (uint8_t)length);
	pci_set(pci, at + CAP_LENGTH, length, 1);
	pci_set(pci, at + CAP_PRIVILEGED, o->one_shot ? ONE_SHOT : 0, 1);
	pci->writable[at + CAP_PRIVILEGED] = ONE_SHOT;
	pci_set(pci, at + CAP_TABLE_SIZE, IVSHMEM2_PAGE, 4);
	pci_set(pci, at + CAP_RW_SIZE, o->rw_size, 8);
	pci_set(pci, at + CAP_OUTPUT_SIZE, o->output_size, 8);
	if (address)
		pci_set(pci, at + CAP_ADDRESS, address, 8);
	peer->capability = at;

	if (o->intx) {
		pci_set(pci, PCI_INTERRUPT_PIN, 1, 1);
	} else {
		pci_add_msix(pci, o->vectors, MSIX_BAR, PBA_OFFSET);
		vfio_add_bar(&peer->dev, MSIX_BAR, IVSHMEM2_PAGE, PCI_BASE_ADDRESS_SPACE_MEMORY);
	}
	peer->dev.intx = o->intx;
	peer->dev.vectors = o->intx ? 1 : o->vectors;
	/* Not Jailhouse's, but the way a guest resets a device by itself. */
	pci_add_flr(pci);
	vfio_add_bar(&peer->dev, REGISTERS_BAR, IVSHMEM2_PAGE, PCI_BASE_ADDRESS_SPACE_MEMORY);
}

static void map_area(struct vfio_bar *bar, uint64_t offset, uint64_t size)
{
	if (!size)
		return;
	bar->areas[bar->nr_areas].offset = offset;
	bar->areas[bar->nr_areas].size = size;
	bar->nr_areas++;
}

/*
 * QEMU maps a BAR to be read and written, or crashes when the guest writes. So what is
 * mapped can be written, and what may only be read is mapped all the same, or trapped.
 */
static void add_memory_bar(struct peer *peer)
{
	const struct ivshmem2_options *o = &ivshmem2.options;
	struct vfio_bar *bar = &peer->dev.bars[MEMORY_BAR];
	uint64_t size = IVSHMEM2_PAGE;

	while (size < ivshmem2.size)
		size *= 2;
	vfio_add_bar(&peer->dev, MEMORY_BAR, size, PCI_BASE_ADDRESS_SPACE_MEMORY |
		     PCI_BASE_ADDRESS_MEM_TYPE_64 | PCI_BASE_ADDRESS_MEM_PREFETCH);
	bar->fd = ivshmem2.fd;
	if (o->trap) {
		map_area(bar, IVSHMEM2_PAGE, o->rw_size);
		map_area(bar, output_offset(peer->id), o->output_size);
	} else {
		map_area(bar, 0, ivshmem2.size);
	}
}

static bool open_memory(void)
{
	const struct ivshmem2_options *o = &ivshmem2.options;

	if (o->memory)
		ivshmem2.fd = open(o->memory, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	else
		ivshmem2.fd = memfd_create("ivshmem2", MFD_CLOEXEC);
	if (ivshmem2.fd < 0 || ftruncate(ivshmem2.fd, (off_t)ivshmem2.size))
		return false;
	ivshmem2.memory = mmap(NULL, ivshmem2.size, PROT_READ | PROT_WRITE, MAP_SHARED,
			       ivshmem2.fd, 0);
	if (ivshmem2.memory == MAP_FAILED)
		return false;
	/* A file may have a life behind it; nobody is there yet. */
	memset(ivshmem2.memory, 0, IVSHMEM2_PAGE);

	return true;
}

/**
 * ivshmem2_open() - have the memory and the devices, and listen
 * @options: checked
 *
 * Return: false after a message if that fails.
 */
bool ivshmem2_open(const struct ivshmem2_options *options)
{
	struct peer *peer;
	unsigned int i;

	ivshmem2.options = *options;
	ivshmem2.size = output_offset(options->peers);
	if (!open_memory()) {
		pr_err("no memory: %s", strerror(errno));
		return false;
	}
	for (i = 0; i < options->peers; i++) {
		peer = &ivshmem2.peers[i];
		peer->id = i;
		vfio_init(&peer->dev, &ops, options->sockets[i]);
		snprintf(peer->dev.name, sizeof(peer->dev.name), "peer %u", i);
		configure(peer);
		if (!options->addresses[i])
			add_memory_bar(peer);
		if (!vfio_listen(&peer->dev))
			return false;
	}

	return true;
}

/**
 * ivshmem2_device() - the device of a peer
 * @id: of it
 *
 * Return: it, or NULL if there is no such peer.
 */
struct vfio_device *ivshmem2_device(unsigned int id)
{
	return id < ivshmem2.options.peers ? &ivshmem2.peers[id].dev : NULL;
}

static void report_numbers(FILE *out, const char *name, const unsigned long *numbers)
{
	unsigned int i;

	if (name)
		fprintf(out, ",\"%s\":", name);
	for (i = 0; i < ivshmem2.peers[0].dev.vectors; i++)
		fprintf(out, "%c%lu", i ? ',' : '[', numbers[i]);
	fputc(']', out);
}

static void report_peer(FILE *out, const struct peer *peer)
{
	unsigned int i;

	fprintf(out, "{\"id\":%u,\"connected\":%s", peer->id,
		peer->dev.sock >= 0 ? "true" : "false");
	fprintf(out, ",\"state\":%u,\"int_control\":%u", peer->state, peer->int_control);
	fprintf(out, ",\"resets\":%lu,\"states\":%lu", peer->dev.resets, peer->states);
	fputs(",\"rings\":[", out);
	for (i = 0; i < ivshmem2.options.peers; i++) {
		if (i)
			fputc(',', out);
		report_numbers(out, NULL, peer->rings[i]);
	}
	fputc(']', out);
	report_numbers(out, "delivered", peer->delivered);
	fprintf(out, ",\"unwanted\":%lu,\"unclaimed\":%lu", peer->unwanted, peer->unclaimed);
	fprintf(out, ",\"odd\":%lu,\"reads\":%lu", peer->odd, peer->reads);
	fprintf(out, ",\"writes\":%lu,\"foreign\":%lu,\"first\":[", peer->writes, peer->foreign);
	for (i = 0; i < FIRST && i < peer->foreign; i++)
		fprintf(out, "%s[%ju,%zu]", i ? "," : "", (uintmax_t)peer->first[i].offset,
			peer->first[i].size);
	fputs("]}", out);
}

/**
 * ivshmem2_report() - all counters, in a line of JSON
 * @out: where to
 */
void ivshmem2_report(FILE *out)
{
	unsigned int i;

	fputs("{\"peers\":[", out);
	for (i = 0; i < ivshmem2.options.peers; i++) {
		if (i)
			fputc(',', out);
		report_peer(out, &ivshmem2.peers[i]);
	}
	fputs("]}\n", out);
}
