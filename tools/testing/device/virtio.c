// SPDX-License-Identifier: GPL-2.0
/* Virtio over PCI (virtio 1.3, 4.1): capabilities, registers, status, interrupts. */
#include <linux/pci_regs.h>
#include <stddef.h>
#include <string.h>

#include "log.h"
#include "vnet.h"

#define VENDOR 0x1af4
#define DEVICE 0x1041
#define CLASS 0x020000

/* In the bar of MSI-X. */
#define PBA_OFFSET 0x800
#define MSIX_SIZE 0x1000

#define CFG_DATA 16		/* of the capability for access by configuration space */

static struct vnet *to_vnet(struct vfio_device *dev)
{
	return (struct vnet *)((uint8_t *)dev - offsetof(struct vnet, vfio));
}

/**
 * vnet_ctrl_index() - the control queue's number
 * @v: the device
 *
 * Return: it; it is behind the pairs that the driver knows of (virtio 1.3, 5.1.2).
 */
unsigned int vnet_ctrl_index(const struct vnet *v)
{
	return vnet_has(v, VIRTIO_NET_F_MQ) || vnet_has(v, VIRTIO_NET_F_RSS) ? 2 * v->o.pairs : 2;
}

/**
 * vnet_queues() - number of queues
 * @v: the device
 *
 * Return: it.
 */
unsigned int vnet_queues(const struct vnet *v)
{
	return 2 * v->o.pairs + !!(v->o.features & BIT(VIRTIO_NET_F_CTRL_VQ));
}

static void raise_vector(struct vnet *v, uint16_t vector)
{
	if (!v->o.vectors)
		vector = 0;
	if (vector != VIRTIO_MSI_NO_VECTOR)
		vfio_raise(&v->vfio, vector);
}

/**
 * vnet_interrupt() - a queue's interrupt
 * @v: the device
 * @q: the queue
 */
void vnet_interrupt(struct vnet *v, struct vnet_queue *q)
{
	v->state.isr |= 1;
	q->interrupts++;
	raise_vector(v, q->vector);
}

/**
 * vnet_config_interrupt() - the interrupt for the configuration
 * @v: the device
 */
void vnet_config_interrupt(struct vnet *v)
{
	if (!(v->state.status & VIRTIO_CONFIG_S_DRIVER_OK))
		return;
	v->state.isr |= 2;
	v->counts.config_interrupts++;
	raise_vector(v, v->state.config_vector);
}

/**
 * vnet_config_changed() - the device's configuration is another one
 * @v: the device
 */
void vnet_config_changed(struct vnet *v)
{
	v->generation++;
	vnet_config_interrupt(v);
}

/**
 * vnet_needs_reset() - the device cannot go on
 * @v: the device
 * @why: for the log
 */
void vnet_needs_reset(struct vnet *v, const char *why)
{
	pr_limited_info("needs a reset: %s", why);
	v->counts.needs_reset++;
	v->state.status |= VIRTIO_CONFIG_S_NEEDS_RESET;
	vnet_config_interrupt(v);
}

static void reset_queue(struct vnet *v, struct vnet_queue *q)
{
	unsigned int kind = q->index & 1;

	if (q->index == 2 * v->o.pairs)
		kind = 2;
	q->size_max = (uint16_t)v->o.sizes[kind];
	q->size = q->size_max;
	q->vector = VIRTIO_MSI_NO_VECTOR;
	q->enabled = false;
	q->desc = 0;
	q->driver = 0;
	q->device = 0;
	q->kicked = false;
	q->dirty = false;
	q->coal = (struct vnet_coal){ 0 };
	q->waiting = 0;
	q->deadline = 0;
}

static void reset_device(struct vnet *v)
{
	unsigned int i;

	memset(&v->state, 0, sizeof(v->state));
	v->state.config_vector = VIRTIO_MSI_NO_VECTOR;
	v->config[offsetof(struct virtio_net_config, status)] &= ~VIRTIO_NET_S_ANNOUNCE;
	for (i = 0; i < VNET_MAX_QUEUES; i++)
		reset_queue(v, &v->queues[i]);
	v->late.at = 0;
	v->held = 0;
	v->vfio.pending = false;
	vnet_ctrl_reset(v);
}

static void reset_vfio(struct vfio_device *dev)
{
	reset_device(to_vnet(dev));
}

static bool features_fit(struct vnet *v)
{
	return !(v->state.accepted & ~v->o.features) &&
	       (vnet_has(v, VIRTIO_F_VERSION_1) || !(v->o.features & BIT(VIRTIO_F_VERSION_1))) &&
	       !lie_told(&v->lies, LIE_FEATURES_REFUSED, LIE_NO_QUEUE, NULL);
}

static void write_status(struct vnet *v, uint8_t status)
{
	uint8_t set = status & ~v->state.status;
	unsigned int i;

	if (!status) {
		/* a further write is no way out */
		if (v->state.status)
			v->stuck = v->state.status;
		v->counts.resets++;
		reset_device(v);
		return;
	}
	v->stuck = 0;
	if (v->state.status & ~status & ~VIRTIO_CONFIG_S_NEEDS_RESET)
		v->counts.odd++;
	if (set & VIRTIO_CONFIG_S_FEATURES_OK) {
		if (features_fit(v))
			vnet_ctrl_reset(v);
		else
			status &= ~VIRTIO_CONFIG_S_FEATURES_OK;
	}
	v->state.status |= status;
	if (!(set & VIRTIO_CONFIG_S_DRIVER_OK))
		return;
	v->counts.starts++;
	for (i = 0; i < VNET_MAX_QUEUES; i++)
		v->queues[i].kicked = v->queues[i].enabled;
}

static void enable_queue(struct vnet *v, struct vnet_queue *q)
{
	if (lie_told(&v->lies, LIE_ENABLE_REFUSED, vnet_lie_index(v, q), NULL))
		return;
	q->ring = (struct ring){
		.memory = &v->memory,
		.ops = vnet_has(v, VIRTIO_F_RING_PACKED) ? &packed_ops : &split_ops,
		.size = q->size,
		.event_idx = vnet_has(v, VIRTIO_RING_F_EVENT_IDX),
		.indirect = vnet_has(v, VIRTIO_RING_F_INDIRECT_DESC),
		.desc = q->desc,
		.driver = q->driver,
		.device = q->device,
		.avail = { .wrap = true },
		.used = { .wrap = true },
		.signalled = { .wrap = true },
	};
	q->enabled = true;
	if (q->index != vnet_ctrl_index(v))
		q->coal = v->state.coal[q->index & 1];
	/* After a reset of the queue alone there may be buffers already. */
	q->kicked = true;
}

static struct vnet_queue *selected(struct vnet *v)
{
	return v->state.queue_select < vnet_queues(v) ? &v->queues[v->state.queue_select] : NULL;
}

/* Registers of 16 bits below 20 and from 22 to 31, and above 55. */
static unsigned int width(uint64_t offset)
{
	if (offset == VIRTIO_PCI_COMMON_STATUS || offset == VIRTIO_PCI_COMMON_CFGGENERATION)
		return 1;
	if (offset >= VIRTIO_PCI_COMMON_Q_NDATA ||
	    (offset >= VIRTIO_PCI_COMMON_MSIX && offset < VIRTIO_PCI_COMMON_Q_DESCLO))
		return 2;

	return 4;
}

static uint32_t read_queue(struct vnet *v, const struct vnet_queue *q, uint64_t offset)
{
	uint32_t value;

	switch (offset) {
	case VIRTIO_PCI_COMMON_Q_SIZE:
		if (lie_told(&v->lies, LIE_QUEUE_SIZE, vnet_lie_index(v, q), &value))
			return value;
		return q->size;
	case VIRTIO_PCI_COMMON_Q_MSIX:
		return q->vector;
	case VIRTIO_PCI_COMMON_Q_ENABLE:
		return q->enabled;
	case VIRTIO_PCI_COMMON_Q_NOFF:
	case VIRTIO_PCI_COMMON_Q_NDATA:
		return q->index;
	case VIRTIO_PCI_COMMON_Q_DESCLO:
		return (uint32_t)q->desc;
	case VIRTIO_PCI_COMMON_Q_DESCHI:
		return (uint32_t)(q->desc >> 32);
	case VIRTIO_PCI_COMMON_Q_AVAILLO:
		return (uint32_t)q->driver;
	case VIRTIO_PCI_COMMON_Q_AVAILHI:
		return (uint32_t)(q->driver >> 32);
	case VIRTIO_PCI_COMMON_Q_USEDLO:
		return (uint32_t)q->device;
	case VIRTIO_PCI_COMMON_Q_USEDHI:
		return (uint32_t)(q->device >> 32);
	case VIRTIO_PCI_COMMON_Q_RESET:
		return lie_told(&v->lies, LIE_QUEUE_RESET_STUCK, vnet_lie_index(v, q), NULL);
	}
	v->counts.odd++;

	return 0;
}

static uint32_t read_common(struct vnet *v, uint64_t offset)
{
	struct vnet_queue *q = selected(v);
	uint32_t value;

	switch (offset) {
	case VIRTIO_PCI_COMMON_DFSELECT:
		return v->state.feature_select[0];
	case VIRTIO_PCI_COMMON_DF:
		return v->state.feature_select[0] < 2 ?
			(uint32_t)(v->o.features >> (32 * v->state.feature_select[0])) : 0;
	case VIRTIO_PCI_COMMON_GFSELECT:
		return v->state.feature_select[1];
	case VIRTIO_PCI_COMMON_GF:
		return v->state.feature_select[1] < 2 ?
			(uint32_t)(v->state.accepted >> (32 * v->state.feature_select[1])) : 0;
	case VIRTIO_PCI_COMMON_MSIX:
		return v->state.config_vector;
	case VIRTIO_PCI_COMMON_NUMQ:
		if (lie_told(&v->lies, LIE_QUEUES, LIE_NO_QUEUE, &value))
			return value;
		return vnet_queues(v);
	case VIRTIO_PCI_COMMON_STATUS:
		if (v->stuck && lie_told(&v->lies, LIE_STATUS_STUCK, LIE_NO_QUEUE, NULL))
			return v->stuck;
		return v->state.status;
	case VIRTIO_PCI_COMMON_CFGGENERATION:
		if (lie_told(&v->lies, LIE_CONFIG_GENERATION, LIE_NO_QUEUE, NULL))
			v->generation++;
		return v->generation;
	case VIRTIO_PCI_COMMON_Q_SELECT:
		return v->state.queue_select;
	}

	return q ? read_queue(v, q, offset) : 0;
}

static uint16_t vector(const struct vnet *v, uint32_t value)
{
	return value < v->o.vectors ? (uint16_t)value : VIRTIO_MSI_NO_VECTOR;
}

static void set_half(uint64_t *address, bool high, uint32_t value)
{
	if (high)
		*address = (*address & UINT32_MAX) | (uint64_t)value << 32;
	else
		*address = (*address & ~(uint64_t)UINT32_MAX) | value;
}

static void write_queue(struct vnet *v, struct vnet_queue *q, uint64_t offset, uint32_t value)
{
	/* All but the vector and a reset belongs before the queue's start. */
	if (q->enabled && offset != VIRTIO_PCI_COMMON_Q_MSIX &&
	    offset != VIRTIO_PCI_COMMON_Q_RESET) {
		v->counts.odd++;
		return;
	}
	switch (offset) {
	case VIRTIO_PCI_COMMON_Q_SIZE:
		if (value && value <= q->size_max &&
		    (vnet_has(v, VIRTIO_F_RING_PACKED) || !(value & (value - 1))))
			q->size = (uint16_t)value;
		else
			v->counts.odd++;
		break;
	case VIRTIO_PCI_COMMON_Q_MSIX:
		q->vector = vector(v, value);
		break;
	case VIRTIO_PCI_COMMON_Q_ENABLE:
		if (value == 1)
			enable_queue(v, q);
		else
			v->counts.odd++;
		break;
	case VIRTIO_PCI_COMMON_Q_DESCLO:
	case VIRTIO_PCI_COMMON_Q_DESCHI:
		set_half(&q->desc, offset & 4, value);
		break;
	case VIRTIO_PCI_COMMON_Q_AVAILLO:
	case VIRTIO_PCI_COMMON_Q_AVAILHI:
		set_half(&q->driver, offset & 4, value);
		break;
	case VIRTIO_PCI_COMMON_Q_USEDLO:
	case VIRTIO_PCI_COMMON_Q_USEDHI:
		set_half(&q->device, offset & 4, value);
		break;
	case VIRTIO_PCI_COMMON_Q_RESET:
		if (value != 1 || !vnet_has(v, VIRTIO_F_RING_RESET)) {
			v->counts.odd++;
			break;
		}
		reset_queue(v, q);
		q->resets++;
		break;
	default:
		v->counts.odd++;
	}
}

static void write_common(struct vnet *v, uint64_t offset, uint32_t value)
{
	struct vnet_queue *q = selected(v);

	switch (offset) {
	case VIRTIO_PCI_COMMON_DFSELECT:
		v->state.feature_select[0] = value;
		break;
	case VIRTIO_PCI_COMMON_GFSELECT:
		v->state.feature_select[1] = value;
		break;
	case VIRTIO_PCI_COMMON_GF:
		if (v->state.feature_select[1] > 1 ||
		    v->state.status & VIRTIO_CONFIG_S_FEATURES_OK)
			v->counts.odd++;
		else
			set_half(&v->state.accepted, v->state.feature_select[1], value);
		break;
	case VIRTIO_PCI_COMMON_MSIX:
		v->state.config_vector = vector(v, value);
		break;
	case VIRTIO_PCI_COMMON_STATUS:
		write_status(v, (uint8_t)value);
		break;
	case VIRTIO_PCI_COMMON_Q_SELECT:
		v->state.queue_select = (uint16_t)value;
		break;
	default:
		if (q)
			write_queue(v, q, offset, value);
		else
			v->counts.odd++;
	}
}

static void read_config(struct vnet *v, uint64_t offset, uint8_t *data, size_t count)
{
	uint8_t config[sizeof(v->config)];
	uint32_t value;
	size_t i;

	memcpy(config, v->config, sizeof(config));
	v->counts.config_reads++;
	if (lie_told(&v->lies, LIE_CONFIG_PAIRS, LIE_NO_QUEUE, &value))
		memcpy(config + offsetof(struct virtio_net_config, max_virtqueue_pairs), &value, 2);
	if (lie_told(&v->lies, LIE_CONFIG_MTU, LIE_NO_QUEUE, &value))
		memcpy(config + offsetof(struct virtio_net_config, mtu), &value, 2);
	for (i = 0; i < count && offset + i < sizeof(config); i++)
		data[i] = config[offset + i];
	if (lie_told(&v->lies, LIE_CONFIG_FLIP, LIE_NO_QUEUE, NULL))
		for (i = 0; i < count; i++)
			data[i] = ~data[i];
}

static void kick(struct vnet *v, uint64_t offset, uint32_t value)
{
	struct vnet_queue *q;

	value &= 0xffff;
	if (value >= vnet_queues(v) || offset != (uint64_t)value * v->o.multiplier ||
	    !v->queues[value].enabled || !(v->state.status & VIRTIO_CONFIG_S_DRIVER_OK))
		v->counts.odd++;
	if (value >= vnet_queues(v))
		return;
	q = &v->queues[value];
	q->kicks++;
	q->kicked = true;
}

/* The structure that is at a place, or VNET_STRUCTURES. */
static unsigned int structure_at(const struct vnet *v, unsigned int bar, uint64_t *offset)
{
	const struct vnet_place *place;
	unsigned int i;

	for (i = 0; i < VNET_STRUCTURES; i++) {
		place = &v->o.places[i];
		if (place->bar != bar || *offset < place->offset ||
		    *offset - place->offset >= place->length)
			continue;
		*offset -= place->offset;
		break;
	}

	return i;
}

static void read_bar(struct vfio_device *dev, unsigned int bar, uint64_t offset, void *data,
		     size_t count)
{
	struct vnet *v = to_vnet(dev);
	uint32_t value = 0;

	memset(data, 0, count);
	switch (structure_at(v, bar, &offset)) {
	case VNET_COMMON:
		if (count == width(offset) && !(offset % count))
			value = read_common(v, offset);
		else
			v->counts.odd++;
		break;
	case VNET_ISR:
		value = v->state.isr;
		v->state.isr = 0;
		dev->pending = false;
		break;
	case VNET_DEVICE:
		read_config(v, offset, data, count);
		return;
	default:
		if (bar != v->o.msix_bar)
			v->counts.odd++;
	}
	memcpy(data, &value, count < sizeof(value) ? count : sizeof(value));
}

static void write_bar(struct vfio_device *dev, unsigned int bar, uint64_t offset,
		      const void *data, size_t count)
{
	struct vnet *v = to_vnet(dev);
	uint32_t value = 0;

	memcpy(&value, data, count < sizeof(value) ? count : sizeof(value));
	switch (structure_at(v, bar, &offset)) {
	case VNET_COMMON:
		if (count == width(offset) && !(offset % count))
			write_common(v, offset, value);
		else
			v->counts.odd++;
		break;
	case VNET_NOTIFY:
		if (count != (vnet_has(v, VIRTIO_F_NOTIFICATION_DATA) ? 4 : 2))
			v->counts.odd++;
		kick(v, offset, value);
		break;
	case VNET_DEVICE:
		v->counts.config_writes++;
		break;
	default:
		if (bar != v->o.msix_bar)
			v->counts.odd++;
	}
}

/* A BAR by way of the configuration space (virtio 1.3, 4.1.4.9). */
static void access_config(struct vfio_device *dev, uint64_t offset, size_t count, bool write)
{
	struct vnet *v = to_vnet(dev);
	uint8_t *cap = dev->pci.bytes + v->window;
	uint32_t at, length;
	unsigned int bar = cap[VIRTIO_PCI_CAP_BAR];

	/* Who reads all of the space does not mean this. */
	if (offset < v->window + (uint64_t)CFG_DATA || offset + count > v->window + CFG_DATA + 4u)
		return;
	memcpy(&at, cap + VIRTIO_PCI_CAP_OFFSET, sizeof(at));
	memcpy(&length, cap + VIRTIO_PCI_CAP_LENGTH, sizeof(length));
	if (bar >= PCI_STD_NUM_BARS || (length != 1 && length != 2 && length != 4) ||
	    at % length || at >= dev->bars[bar].size)
		return;
	if (write)
		write_bar(dev, bar, at, cap + CFG_DATA, length);
	else
		read_bar(dev, bar, at, cap + CFG_DATA, length);
}

static const struct vfio_ops ops = {
	.read = read_bar,
	.write = write_bar,
	.reset = reset_vfio,
	.config = access_config,
};

static uint8_t add_capability(struct pci *pci, unsigned int type, unsigned int length,
			      const struct vnet_place *place)
{
	uint8_t at = pci_add_capability(pci, PCI_CAP_ID_VNDR, (uint8_t)length);

	pci_set(pci, at + VIRTIO_PCI_CAP_LEN, length, 1);
	pci_set(pci, at + VIRTIO_PCI_CAP_CFG_TYPE, type, 1);
	pci_set(pci, at + VIRTIO_PCI_CAP_BAR, place->bar, 1);
	pci_set(pci, at + VIRTIO_PCI_CAP_OFFSET, place->offset, 4);
	pci_set(pci, at + VIRTIO_PCI_CAP_LENGTH, place->length, 4);

	return at;
}

static void grow_bar(struct vnet *v, unsigned int bar, uint64_t end)
{
	uint64_t size = v->vfio.bars[bar].size ? v->vfio.bars[bar].size : 4096;

	while (size < end)
		size *= 2;
	vfio_add_bar(&v->vfio, bar, size, PCI_BASE_ADDRESS_SPACE_MEMORY);
}

static void add_structures(struct vnet *v)
{
	static const uint8_t types[] = { VIRTIO_PCI_CAP_COMMON_CFG, VIRTIO_PCI_CAP_NOTIFY_CFG,
					 VIRTIO_PCI_CAP_ISR_CFG, VIRTIO_PCI_CAP_DEVICE_CFG };
	const struct vnet_place nowhere = { 0 };
	struct pci *pci = &v->vfio.pci;
	unsigned int i;
	uint8_t at;

	for (i = 0; i < VNET_STRUCTURES; i++) {
		at = add_capability(pci, types[i], i == VNET_NOTIFY ? 20 : 16, &v->o.places[i]);
		if (i == VNET_NOTIFY)
			pci_set(pci, at + VIRTIO_PCI_NOTIFY_CAP_MULT, v->o.multiplier, 4);
		grow_bar(v, v->o.places[i].bar, v->o.places[i].offset + v->o.places[i].length);
	}
	at = add_capability(pci, VIRTIO_PCI_CAP_PCI_CFG, 20, &nowhere);
	pci->writable[at + VIRTIO_PCI_CAP_BAR] = 0xff;
	memset(pci->writable + at + VIRTIO_PCI_CAP_OFFSET, 0xff, 12);
	v->window = at;
}

static void fill_config(struct vnet *v)
{
	struct virtio_net_config config = {
		.status = VIRTIO_NET_S_LINK_UP,
		.max_virtqueue_pairs = (uint16_t)v->o.pairs,
		.mtu = (uint16_t)v->o.mtu,
		.speed = 10000,
		.duplex = 1,
		.rss_max_key_size = VNET_RSS_KEY,
		.rss_max_indirection_table_length = VNET_RSS_TABLE,
		.supported_hash_types = 0x3f,
	};

	memcpy(config.mac, v->o.mac, sizeof(config.mac));
	memcpy(v->config, &config, sizeof(config));
}

/**
 * vnet_open() - have a device that listens
 * @v: filled in
 * @o: checked
 *
 * Return: false after a message if that fails.
 */
bool vnet_open(struct vnet *v, const struct vnet_options *o)
{
	static const char name[] = "virtio-net";
	unsigned int i;

	*v = (struct vnet){ .o = *o, .backend = -1, .listener = -1 };
	vfio_init(&v->vfio, &ops, o->socket);
	memcpy(v->vfio.name, name, sizeof(name));
	v->vfio.memory = &v->memory;
	v->vfio.intx = !o->vectors;
	v->vfio.vectors = o->vectors ? o->vectors : 1;
	for (i = 0; i < VNET_MAX_QUEUES; i++)
		v->queues[i].index = i;
	fill_config(v);

	pci_init(&v->vfio.pci, VENDOR, DEVICE, (uint8_t)o->revision, CLASS);
	add_structures(v);
	if (o->vectors) {
		pci_add_msix(&v->vfio.pci, o->vectors, o->msix_bar, PBA_OFFSET);
		grow_bar(v, o->msix_bar, MSIX_SIZE);
	} else {
		pci_set(&v->vfio.pci, PCI_INTERRUPT_PIN, 1, 1);
	}
	pci_add_flr(&v->vfio.pci);
	for (i = 0; i < o->nr_patches; i++)
		v->vfio.pci.initial[o->patches[i].offset] = o->patches[i].value;
	reset_device(v);

	return backend_open(v) && vfio_listen(&v->vfio);
}
