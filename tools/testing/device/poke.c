// SPDX-License-Identifier: GPL-2.0
/*
 * A guest's hand on an IVSHMEM v2 device, where there is no driver of it: registers
 * and memory, and interrupts by way of vfio-pci.
 *
 *	poke [--vfio] [--memory ADDRESS,SIZE] 0000:00:10.0 COMMAND...
 *
 * Numbers are as in C. The answers are lines, in the order of the commands.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_VECTORS 32

static const char help[] =
"Usage: poke [--vfio] [--memory ADDRESS,SIZE] DEVICE COMMAND...\n"
"\n"
"The memory is BAR 2, or at a physical address. Commands:\n"
"  get OFFSET         show a register of BAR 0\n"
"  set OFFSET VALUE   write one\n"
"  read OFFSET        show 32 bits of the memory\n"
"  write OFFSET VALUE write them\n"
"  wait VECTOR MS     show how often the interrupt came since the last time, at most\n"
"                     so long after now; needs --vfio\n"
"  say WORD           show it\n"
"  sleep MS           do nothing\n";

static struct {
	uint32_t *registers;
	uint32_t *memory;
	int device;			/* vfio-pci's, or -1 */
	unsigned int vectors;
	int events[MAX_VECTORS];
	uint32_t index;			/* of the kind of interrupts */
} poke = { .device = -1 };

static void die(const char *what)
{
	fprintf(stderr, "poke: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* A single access each. */
static uint32_t load(const uint32_t *word)
{
	return __atomic_load_n(word, __ATOMIC_SEQ_CST);
}

static void store(uint32_t *word, uint32_t value)
{
	__atomic_store_n(word, value, __ATOMIC_RELEASE);
}

static uint32_t *map(int fd, size_t size, off_t offset, const char *what)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset);

	if (memory == MAP_FAILED)
		die(what);
	return memory;
}

/* Without a driver the kernel lets us map the BARs. */
static uint32_t *map_resource(const char *device, unsigned int bar)
{
	char path[128];
	struct stat st;
	int fd;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/resource%u", device, bar);
	fd = open(path, O_RDWR | O_SYNC);
	if (fd < 0 && errno == ENOENT && bar)
		return NULL;
	if (fd < 0 || fstat(fd, &st))
		die(path);
	return map(fd, (size_t)st.st_size, 0, path);
}

static uint32_t *map_region(uint32_t index)
{
	struct vfio_region_info info = { .argsz = sizeof(info), .index = index };

	if (ioctl(poke.device, VFIO_DEVICE_GET_REGION_INFO, &info))
		die("VFIO_DEVICE_GET_REGION_INFO");
	return info.size ? map(poke.device, info.size, (off_t)info.offset, "a BAR of vfio") : NULL;
}

static void open_vfio(const char *device)
{
	struct vfio_group_status status = { .argsz = sizeof(status) };
	char path[128], target[128];
	int container, group;
	ssize_t length;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/iommu_group", device);
	length = readlink(path, target, sizeof(target) - 1);
	if (length < 0)
		die(path);
	target[length] = '\0';
	snprintf(path, sizeof(path), "/dev/vfio%s", strrchr(target, '/'));
	container = open("/dev/vfio/vfio", O_RDWR);
	group = open(path, O_RDWR);
	if (container < 0 || group < 0)
		die(path);
	if (ioctl(group, VFIO_GROUP_GET_STATUS, &status) ||
	    ioctl(group, VFIO_GROUP_SET_CONTAINER, &container) ||
	    ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1_IOMMU))
		die("the container");
	poke.device = ioctl(group, VFIO_GROUP_GET_DEVICE_FD, device);
	if (poke.device < 0)
		die("VFIO_GROUP_GET_DEVICE_FD");
	poke.registers = map_region(VFIO_PCI_BAR0_REGION_INDEX);
	poke.memory = map_region(VFIO_PCI_BAR2_REGION_INDEX);
}

static void set_command(void)
{
	struct vfio_region_info info = { .argsz = sizeof(info),
					 .index = VFIO_PCI_CONFIG_REGION_INDEX };
	const uint16_t command = PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;

	if (ioctl(poke.device, VFIO_DEVICE_GET_REGION_INFO, &info) ||
	    pwrite(poke.device, &command, sizeof(command),
		   (off_t)(info.offset + PCI_COMMAND)) != sizeof(command))
		die("the command register");
}

static unsigned int count_irqs(uint32_t index)
{
	struct vfio_irq_info info = { .argsz = sizeof(info), .index = index };

	return ioctl(poke.device, VFIO_DEVICE_GET_IRQ_INFO, &info) ? 0 : info.count;
}

/* All of MSI-X, or else INTx. */
static void enable_interrupts(void)
{
	struct {
		struct vfio_irq_set set;
		int fds[MAX_VECTORS];
	} irqs;
	unsigned int i;

	poke.index = VFIO_PCI_MSIX_IRQ_INDEX;
	poke.vectors = count_irqs(poke.index);
	if (!poke.vectors) {
		poke.index = VFIO_PCI_INTX_IRQ_INDEX;
		poke.vectors = count_irqs(poke.index);
	}
	if (!poke.vectors || poke.vectors > MAX_VECTORS)
		die("interrupts");
	for (i = 0; i < poke.vectors; i++)
		poke.events[i] = eventfd(0, EFD_NONBLOCK);
	memcpy(irqs.fds, poke.events, sizeof(irqs.fds));
	irqs.set = (struct vfio_irq_set){
		.argsz = (uint32_t)(sizeof(irqs.set) + poke.vectors * sizeof(int)),
		.flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER,
		.index = poke.index,
		.count = poke.vectors,
	};
	if (ioctl(poke.device, VFIO_DEVICE_SET_IRQS, &irqs))
		die("VFIO_DEVICE_SET_IRQS");
}

static uint64_t take(unsigned int vector)
{
	struct vfio_irq_set unmask = {
		.argsz = sizeof(unmask),
		.flags = VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_UNMASK,
		.index = poke.index,
		.count = 1,
	};
	uint64_t count = 0;

	if (read(poke.events[vector], &count, sizeof(count)) < 0)
		return 0;
	if (poke.index == VFIO_PCI_INTX_IRQ_INDEX) {
		/* QEMU lowers the line when the device is looked at. */
		load(poke.registers);
		ioctl(poke.device, VFIO_DEVICE_SET_IRQS, &unmask);
	}
	return count;
}

static uint64_t wait_for(unsigned long vector, unsigned long ms)
{
	struct pollfd pfd = { .events = POLLIN };

	if (vector >= poke.vectors) {
		errno = EINVAL;
		die("wait");
	}
	pfd.fd = poke.events[vector];
	poll(&pfd, 1, (int)ms);
	return take((unsigned int)vector);
}

/* The next word, as a number. */
static unsigned long next_number(char ***words)
{
	char *end, *word = **words;
	unsigned long value;

	if (!word) {
		fputs(help, stderr);
		exit(2);
	}
	value = strtoul(word, &end, 0);
	if (*end || end == word) {
		fprintf(stderr, "poke: %s is no number\n", word);
		exit(2);
	}
	(*words)++;
	return value;
}

static void run(const char *command, char ***words)
{
	unsigned long first = 0;

	if (!strcmp(command, "say")) {
		puts(*(*words) ? *(*words)++ : "");
		return;
	}
	first = next_number(words);
	if (!strcmp(command, "get")) {
		printf("%#x\n", load(&poke.registers[first / 4]));
	} else if (!strcmp(command, "set")) {
		store(&poke.registers[first / 4], (uint32_t)next_number(words));
	} else if (!strcmp(command, "read")) {
		printf("%#x\n", load(&poke.memory[first / 4]));
	} else if (!strcmp(command, "write")) {
		store(&poke.memory[first / 4], (uint32_t)next_number(words));
	} else if (!strcmp(command, "wait")) {
		printf("%lu\n", (unsigned long)wait_for(first, next_number(words)));
	} else if (!strcmp(command, "sleep")) {
		usleep((useconds_t)first * 1000);
	} else {
		fputs(help, stderr);
		exit(2);
	}
}

static void open_address(const char *text)
{
	long address, size;
	int fd = open("/dev/mem", O_RDWR);

	if (sscanf(text, "%li,%li", &address, &size) != 2 || fd < 0)
		die(text);
	poke.memory = map(fd, (size_t)size, (off_t)address, "/dev/mem");
}

static void open_device(const char *device, bool vfio, const char *memory)
{
	if (vfio) {
		open_vfio(device);
		set_command();
		enable_interrupts();
	} else {
		poke.registers = map_resource(device, 0);
		poke.memory = map_resource(device, 2);
	}
	if (memory)
		open_address(memory);
}

int main(int argc, char **argv)
{
	const char *command, *memory = NULL;
	char **words = argv + 1;
	bool vfio;

	if (argc < 3) {
		fputs(help, argc < 2 || strcmp(argv[1], "--help") ? stderr : stdout);
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	vfio = !strcmp(*words, "--vfio");
	words += vfio;
	if (words[0] && !strcmp(*words, "--memory") && words[1]) {
		memory = words[1];
		words += 2;
	}
	if (*words)
		open_device(*words++, vfio, memory);
	while (*words) {
		command = *words++;
		run(command, &words);
	}

	return 0;
}
