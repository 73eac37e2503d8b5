// SPDX-License-Identifier: GPL-2.0
/*
 * vfio-user: the client, QEMU, asks what the device has, hands over eventfds for
 * its interrupts, and sends what the guest reads and writes where nothing is
 * mapped. QEMU's docs/interop/vfio-user.rst is the specification.
 */
#include "vfio.h"

#include <errno.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "log.h"
#include "service.h"

/* QEMU sends no more than this many in one message unless it is told to. */
#define MAX_FDS 8
#define MAX_DATA 4096
/* A client that takes longer to send or take a message is as good as gone. */
#define TIMEOUT 5

enum command {
	CMD_VERSION = 1,
	CMD_DMA_MAP = 2,
	CMD_DMA_UNMAP = 3,
	CMD_GET_INFO = 4,
	CMD_GET_REGION_INFO = 5,
	CMD_GET_IRQ_INFO = 7,
	CMD_SET_IRQS = 8,
	CMD_REGION_READ = 9,
	CMD_REGION_WRITE = 10,
	CMD_RESET = 13,
};

enum flags {
	TYPE_MASK = 0xf,
	TYPE_REPLY = 0x1,
	NO_REPLY = 0x10,
	ERROR = 0x20,
};

/* What every message begins with, in the byte order of the host. */
struct header {
	uint16_t id;
	uint16_t command;
	uint32_t size;
	uint32_t flags;
	uint32_t error;
};

/* A part of the guest's memory comes or goes; the latter has no offset. */
struct map {
	uint32_t argsz;
	uint32_t flags;
	uint64_t offset;
	uint64_t address;
	uint64_t size;
};

struct unmap {
	uint32_t argsz;
	uint32_t flags;
	uint64_t address;
	uint64_t size;
};

/* Begins a read or a write; data follows. */
struct access {
	uint64_t offset;
	uint32_t region;
	uint32_t count;
};

/**
 * struct message - a request, then the reply to it
 * @header: of the request
 * @fds: descriptors that came with it
 * @nr_fds: number of them; 0 when somebody has taken them over
 * @length: bytes of @data
 * @data: what follows the header, in the end what the reply has there; here it is aligned
 * @reply_fd: goes with the reply, or -1
 */
struct message {
	struct header header;
	int fds[MAX_FDS];
	unsigned int nr_fds;
	size_t length;
	uint8_t data[sizeof(struct access) + MAX_DATA];
	int reply_fd;
};

static void take_fds(struct message *m, struct msghdr *msg)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(msg);

	if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
		return;
	m->nr_fds = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	memcpy(m->fds, CMSG_DATA(c), m->nr_fds * sizeof(int));
}

static void close_fds(struct message *m)
{
	unsigned int i;

	for (i = 0; i < m->nr_fds; i++)
		close(m->fds[i]);
}

/* The next request, as a whole; false if the client is gone or talks nonsense. */
static bool receive(int sock, struct message *m)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(MAX_FDS * sizeof(int))];
	} control;
	struct iovec iov = { .iov_base = &m->header, .iov_len = sizeof(m->header) };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	ssize_t length;

	m->nr_fds = 0;
	m->reply_fd = -1;
	length = recvmsg(sock, &msg, MSG_WAITALL | MSG_CMSG_CLOEXEC);
	if (length > 0)
		take_fds(m, &msg);
	if (length != sizeof(m->header))
		goto bad;
	m->length = m->header.size - sizeof(m->header);
	if (m->header.size < sizeof(m->header) || m->length > sizeof(m->data) ||
	    m->header.flags & TYPE_MASK || msg.msg_flags & MSG_CTRUNC)
		goto bad;
	memset(m->data, 0, sizeof(m->data));
	if (m->length && recv(sock, m->data, m->length, MSG_WAITALL) != (ssize_t)m->length)
		goto bad;
	return true;
bad:
	close_fds(m);
	return false;
}

/* With an error there is the header alone. */
static bool answer(int sock, struct message *m, int error)
{
	struct header header = {
		.id = m->header.id,
		.command = m->header.command,
		.size = (uint32_t)(sizeof(header) + (error ? 0 : m->length)),
		.flags = TYPE_REPLY | (error ? ERROR : 0),
		.error = (uint32_t)-error,
	};
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control = { .header = { .cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET,
				  .cmsg_type = SCM_RIGHTS } };
	struct iovec iov[] = {
		{ .iov_base = &header, .iov_len = sizeof(header) },
		{ .iov_base = m->data, .iov_len = error ? 0 : m->length },
	};
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };

	if (m->header.flags & NO_REPLY)
		return true;
	if (m->reply_fd >= 0 && !error) {
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(sizeof(int));
		memcpy(CMSG_DATA(&control.header), &m->reply_fd, sizeof(int));
	}

	return sendmsg(sock, &msg, MSG_NOSIGNAL) == (ssize_t)header.size;
}

/* As far as QEMU has come, 0.0 is all there is. */
static int version(struct message *m)
{
	uint16_t major;

	if (m->length < 4)
		return -EINVAL;
	memcpy(&major, m->data, sizeof(major));
	if (major)
		return -EPROTONOSUPPORT;
	memset(m->data, 0, 4);
	m->length = 4 + (size_t)snprintf((char *)m->data + 4, sizeof(m->data) - 4,
		"{\"capabilities\":{\"max_msg_fds\":%d,\"max_data_xfer_size\":%d}}",
		MAX_FDS, MAX_DATA) + 1;
	return 0;
}

static int get_info(struct message *m)
{
	const uint32_t reply[4] = { sizeof(reply),
				    VFIO_DEVICE_FLAGS_RESET | VFIO_DEVICE_FLAGS_PCI,
				    VFIO_PCI_NUM_REGIONS, VFIO_PCI_NUM_IRQS };

	m->length = sizeof(reply);
	memcpy(m->data, reply, sizeof(reply));
	return 0;
}

static int get_region_info(struct vfio_device *dev, struct message *m)
{
	struct {
		struct vfio_region_info info;
		struct vfio_info_cap_header sparse;
		uint32_t nr_areas;
		uint32_t reserved;
		struct vfio_region_sparse_mmap_area areas[VFIO_MAX_AREAS];
	} reply = { 0 };
	struct vfio_region_info *info = &reply.info;
	const struct vfio_bar *bar = NULL;
	uint32_t room;
	unsigned int i;

	if (m->length < sizeof(*info))
		return -EINVAL;
	memcpy(info, m->data, sizeof(*info));
	if (info->index >= VFIO_PCI_NUM_REGIONS)
		return -EINVAL;
	room = info->argsz;
	*info = (struct vfio_region_info){ .argsz = sizeof(*info), .index = info->index };
	if (info->index < PCI_STD_NUM_BARS)
		bar = &dev->bars[info->index];
	if (info->index == VFIO_PCI_CONFIG_REGION_INDEX)
		info->size = PCI_SIZE;
	else if (bar)
		info->size = bar->size;
	if (info->size)
		info->flags = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE;
	if (bar && bar->nr_areas) {
		info->flags |= VFIO_REGION_INFO_FLAG_MMAP | VFIO_REGION_INFO_FLAG_CAPS;
		info->cap_offset = offsetof(typeof(reply), sparse);
		info->argsz = (uint32_t)(offsetof(typeof(reply), areas) +
					 bar->nr_areas * sizeof(reply.areas[0]));
		reply.sparse.id = VFIO_REGION_INFO_CAP_SPARSE_MMAP;
		reply.sparse.version = 1;
		reply.nr_areas = bar->nr_areas;
		for (i = 0; i < bar->nr_areas; i++) {
			reply.areas[i].offset = bar->areas[i].offset;
			reply.areas[i].size = bar->areas[i].size;
		}
	}
	/* A client with less room asks again, as it has learned what is needed. */
	m->length = info->argsz > room ? sizeof(*info) : info->argsz;
	if (bar && bar->nr_areas && info->argsz <= room)
		m->reply_fd = bar->fd;
	memcpy(m->data, &reply, m->length);
	return 0;
}

static uint32_t irq_index(const struct vfio_device *dev)
{
	return dev->intx ? VFIO_PCI_INTX_IRQ_INDEX : VFIO_PCI_MSIX_IRQ_INDEX;
}

static int get_irq_info(struct vfio_device *dev, struct message *m)
{
	struct vfio_irq_info info;

	if (m->length < sizeof(info))
		return -EINVAL;
	memcpy(&info, m->data, sizeof(info));
	if (info.index >= VFIO_PCI_NUM_IRQS)
		return -EINVAL;
	info.argsz = sizeof(info);
	info.count = 0;
	info.flags = 0;
	if (info.index == irq_index(dev)) {
		info.count = dev->vectors;
		info.flags = VFIO_IRQ_INFO_EVENTFD |
			(dev->intx ? VFIO_IRQ_INFO_MASKABLE | VFIO_IRQ_INFO_AUTOMASKED :
				     VFIO_IRQ_INFO_NORESIZE);
	}
	m->length = sizeof(info);
	memcpy(m->data, &info, sizeof(info));
	return 0;
}

static void signal_event(int fd)
{
	const uint64_t one = 1;

	/* It takes 2^64 - 2 of these before one is lost, and then it is set already. */
	if (write(fd, &one, sizeof(one)) != sizeof(one))
		pr_warn("an eventfd cannot be written: %s", strerror(errno));
}

/* A level: raised once, then no more until the guest has seen to it. */
static void update_intx(struct vfio_device *dev)
{
	if (!dev->pending || dev->masked || dev->events[0] < 0)
		return;
	dev->pending = false;
	dev->masked = true;
	signal_event(dev->events[0]);
}

static void set_event(struct vfio_device *dev, unsigned int vector, int fd)
{
	if (dev->events[vector] >= 0)
		close(dev->events[vector]);
	dev->events[vector] = fd;
}

static int set_irqs(struct vfio_device *dev, struct message *m)
{
	struct vfio_irq_set set;
	uint32_t i;

	if (m->length < sizeof(set))
		return -EINVAL;
	memcpy(&set, m->data, sizeof(set));
	m->length = 0;
	if (set.index != irq_index(dev))
		return set.index < VFIO_PCI_NUM_IRQS && !m->nr_fds ? 0 : -EINVAL;
	if (set.start > dev->vectors || set.count > dev->vectors - set.start)
		return -EINVAL;

	switch (set.flags) {
	case VFIO_IRQ_SET_ACTION_TRIGGER | VFIO_IRQ_SET_DATA_EVENTFD:
		/* Without descriptors: the vectors are not used any more. */
		if (m->nr_fds && m->nr_fds != set.count)
			return -EINVAL;
		for (i = 0; i < set.count; i++)
			set_event(dev, set.start + i, m->nr_fds ? m->fds[i] : -1);
		m->nr_fds = 0;
		dev->masked = false;
		return 0;
	case VFIO_IRQ_SET_ACTION_TRIGGER | VFIO_IRQ_SET_DATA_NONE:
		if (set.start || set.count)
			return -EINVAL;
		for (i = 0; i < dev->vectors; i++)
			set_event(dev, i, -1);
		return 0;
	case VFIO_IRQ_SET_ACTION_MASK | VFIO_IRQ_SET_DATA_NONE:
	case VFIO_IRQ_SET_ACTION_UNMASK | VFIO_IRQ_SET_DATA_NONE:
		if (!dev->intx)
			return -EINVAL;
		dev->masked = set.flags & VFIO_IRQ_SET_ACTION_MASK;
		update_intx(dev);
		return 0;
	}

	return -EINVAL;
}

static void reset(struct vfio_device *dev)
{
	pci_reset(&dev->pci);
	dev->pending = false;
	dev->ops->reset(dev);
}

static bool within(const struct access *access, uint64_t size)
{
	return access->offset <= size && access->count <= size - access->offset;
}

static int access_region(struct vfio_device *dev, struct message *m, bool write)
{
	uint8_t *data = m->data + sizeof(struct access);
	struct access access;

	if (m->length < sizeof(access))
		return -EINVAL;
	memcpy(&access, m->data, sizeof(access));
	if (access.count > MAX_DATA || (write && access.count != m->length - sizeof(access)))
		return -EINVAL;
	m->length = sizeof(access) + (write ? 0 : access.count);

	if (access.region == VFIO_PCI_CONFIG_REGION_INDEX) {
		if (!write) {
			if (dev->ops->config)
				dev->ops->config(dev, access.offset, access.count, false);
			pci_read(&dev->pci, access.offset, data, access.count);
		} else if (pci_write(&dev->pci, access.offset, data, access.count)) {
			dev->resets++;
			pr_info("%s: function-level reset", dev->name);
			reset(dev);
		} else if (dev->ops->config) {
			dev->ops->config(dev, access.offset, access.count, true);
		}
		return 0;
	}
	if (access.region >= PCI_STD_NUM_BARS || !within(&access, dev->bars[access.region].size))
		return -EINVAL;
	if (write)
		dev->ops->write(dev, access.region, access.offset, data, access.count);
	else
		dev->ops->read(dev, access.region, access.offset, data, access.count);

	return 0;
}

/* Without a descriptor it is a BAR or a ROM, which no device here wants. */
static int map_memory(struct vfio_device *dev, struct message *m)
{
	struct map map;

	if (m->length < sizeof(map))
		return -EINVAL;
	memcpy(&map, m->data, sizeof(map));
	m->length = 0;
	if (!dev->memory || !m->nr_fds)
		return 0;

	return memory_add(dev->memory, map.address, map.size, m->fds[0], map.offset,
			  map.flags & VFIO_DMA_MAP_FLAG_WRITE) ? 0 : -ENOMEM;
}

static int unmap_memory(struct vfio_device *dev, struct message *m)
{
	struct unmap unmap;

	if (m->length < sizeof(unmap))
		return -EINVAL;
	memcpy(&unmap, m->data, sizeof(unmap));
	if (!dev->memory)
		return 0;
	if (unmap.flags & VFIO_DMA_UNMAP_FLAG_ALL)
		memory_remove(dev->memory, 0, UINT64_MAX);
	else
		memory_remove(dev->memory, unmap.address, unmap.size);

	return 0;
}

/* Turns a request into its reply: 0 or a negative errno. */
static int handle(struct vfio_device *dev, struct message *m)
{
	switch (m->header.command) {
	case CMD_VERSION:
		return version(m);
	case CMD_DMA_MAP:
		return map_memory(dev, m);
	case CMD_DMA_UNMAP:
		return unmap_memory(dev, m);
	case CMD_GET_INFO:
		return get_info(m);
	case CMD_GET_REGION_INFO:
		return get_region_info(dev, m);
	case CMD_GET_IRQ_INFO:
		return get_irq_info(dev, m);
	case CMD_SET_IRQS:
		return set_irqs(dev, m);
	case CMD_REGION_READ:
		return access_region(dev, m, false);
	case CMD_REGION_WRITE:
		return access_region(dev, m, true);
	case CMD_RESET:
		m->length = 0;
		dev->resets++;
		pr_info("%s: reset", dev->name);
		reset(dev);
		return 0;
	}

	return -EOPNOTSUPP;
}

/**
 * vfio_init() - a device without BARs and interrupts
 * @dev: filled in; the caller sets @name, @pci, @intx and @vectors
 * @ops: what it does
 * @path: of its socket
 */
void vfio_init(struct vfio_device *dev, const struct vfio_ops *ops, const char *path)
{
	unsigned int i;

	*dev = (struct vfio_device){ .ops = ops, .path = path, .listener = -1, .sock = -1 };
	for (i = 0; i < VFIO_MAX_VECTORS; i++)
		dev->events[i] = -1;
	for (i = 0; i < PCI_STD_NUM_BARS; i++)
		dev->bars[i].fd = -1;
}

/**
 * vfio_add_bar() - a BAR all accesses to which are trapped
 * @dev: the device
 * @bar: its number
 * @size: a power of two
 * @type: PCI_BASE_ADDRESS_*
 */
void vfio_add_bar(struct vfio_device *dev, unsigned int bar, uint64_t size, uint32_t type)
{
	dev->bars[bar].size = size;
	pci_set(&dev->pci, PCI_BASE_ADDRESS_0 + 4 * bar, type, 4);
}

/**
 * vfio_listen() - let clients connect, one at a time
 * @dev: the device
 *
 * Return: false if that fails.
 */
bool vfio_listen(struct vfio_device *dev)
{
	dev->listener = listen_at(dev->path, SOCK_STREAM);
	pci_reset(&dev->pci);

	return dev->listener >= 0;
}

static void disconnect(struct vfio_device *dev)
{
	unsigned int i;

	close(dev->sock);
	dev->sock = -1;
	for (i = 0; i < VFIO_MAX_VECTORS; i++)
		set_event(dev, i, -1);
	dev->masked = false;
	if (dev->memory)
		memory_remove(dev->memory, 0, UINT64_MAX);
	pr_info("%s: disconnected", dev->name);
	reset(dev);
}

/**
 * vfio_close() - be gone
 * @dev: the device
 */
void vfio_close(struct vfio_device *dev)
{
	if (dev->sock >= 0)
		disconnect(dev);
	if (dev->listener >= 0) {
		close(dev->listener);
		unlink(dev->path);
	}
	dev->listener = -1;
}

/**
 * vfio_accept() - somebody connects
 * @dev: the device
 */
void vfio_accept(struct vfio_device *dev)
{
	const struct timeval timeout = { .tv_sec = TIMEOUT };
	int sock = accept4(dev->listener, NULL, NULL, SOCK_CLOEXEC);

	if (sock < 0)
		return;
	if (dev->sock >= 0) {
		pr_warn("%s: in use, a second client is sent away", dev->name);
		close(sock);
		return;
	}
	setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	setsockopt(sock, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
	dev->sock = sock;
	pr_info("%s: connected", dev->name);
}

/**
 * vfio_serve() - a request of the client, or its end
 * @dev: the device
 */
void vfio_serve(struct vfio_device *dev)
{
	static struct message m;
	bool good;
	int error;

	if (!receive(dev->sock, &m)) {
		disconnect(dev);
		return;
	}
	error = handle(dev, &m);
	if (error)
		pr_warn("%s: command %u refused: %s", dev->name, m.header.command,
			strerror(-error));
	good = answer(dev->sock, &m, error);
	close_fds(&m);
	if (!good)
		disconnect(dev);
}

/**
 * vfio_raise() - raise an interrupt
 * @dev: the device
 * @vector: of it; INTx has only 0
 *
 * Return: false if nobody takes it.
 */
bool vfio_raise(struct vfio_device *dev, unsigned int vector)
{
	if (vector >= dev->vectors || dev->events[vector] < 0)
		return false;
	if (dev->intx) {
		dev->pending = true;
		update_intx(dev);
	} else {
		signal_event(dev->events[vector]);
	}

	return true;
}
