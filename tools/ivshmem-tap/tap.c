// SPDX-License-Identifier: GPL-2.0
#include "tap.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if_arp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "log.h"

/* In the kernel's header since 6.2. */
#ifndef TUN_F_USO4
#define TUN_F_USO4	0x20
#define TUN_F_USO6	0x40
#endif

#define TUN_F_TCP	(TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN)
#define TAP_FLAGS	(IFF_TAP | IFF_NO_PI | IFF_VNET_HDR)
#define MACHINE_ID	"/etc/machine-id"
#define BOOT_ID		"/proc/sys/kernel/random/boot_id"
#define NET_NAMESPACE	"/proc/self/ns/net"

/* Of FNV-1a. */
#define HASH_START	0xcbf29ce484222325ULL

/* One more descriptor of the device called @name, which may change; or -errno. */
static int open_queue(char *name, short flags)
{
	struct ifreq ifr = { .ifr_flags = flags };
	int fd, code;

	fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	memcpy(ifr.ifr_name, name, IFNAMSIZ);
	if (ioctl(fd, TUNSETIFF, &ifr)) {
		code = errno;
		close(fd);
		return -code;
	}
	memcpy(name, ifr.ifr_name, IFNAMSIZ);
	return fd;
}

/* The first bytes of a file, as text; false if there are none. */
static bool read_text(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t length;

	length = fd < 0 ? 0 : read(fd, text, size - 1);
	if (fd >= 0)
		close(fd);
	text[length > 0 ? length : 0] = 0;
	return length > 0;
}

/* FNV-1a */
static u64 hash(u64 sum, const char *text)
{
	while (*text)
		sum = (sum ^ (u8)*text++) * 0x100000001b3ULL;
	return sum;
}

/*
 * The lock in one number: names like it belong to a network namespace of this boot.
 * The kernel takes the lock back when no thread of the process can write to memory
 * any more, so whoever has it knows that all former owners of the number are gone.
 */
static u64 lock_key(const char *name)
{
	char boot[64], space[32];
	struct stat st;

	if (!read_text(BOOT_ID, boot, sizeof(boot)) || stat(NET_NAMESPACE, &st))
		return 0;
	snprintf(space, sizeof(space), "%llu ", (unsigned long long)st.st_ino);
	return hash(hash(hash(HASH_START, boot), space), name) | 1ULL << 63;
}

/* The same device in two processes would give each a part of the frames. */
static int take_lock(struct tap *tap)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int length;

	/* Names without a file belong to the network namespace, as devices do. */
	length = snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1, "ivshmem-tap/%s",
			  tap->name);
	tap->lock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (tap->lock < 0 ||
	    bind(tap->lock, (struct sockaddr *)&address,
		 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length))) {
		pr_err("--tap %s: %s", tap->name,
		       errno == EADDRINUSE ? "another ivshmem-tap has it" : strerror(errno));
		return -1;
	}
	tap->key = lock_key(tap->name);
	return 0;
}

/* The same at each start: locally administered, by machine and name. */
static void default_address(const struct tap *tap, u8 *mac)
{
	char text[64] = "";
	u64 sum;
	int i;

	if (!read_text(MACHINE_ID, text, sizeof(text)))
		gethostname(text, sizeof(text) - 1);
	sum = hash(hash(hash(HASH_START, text), " "), tap->name);
	for (i = 0; i < TAP_MAC; i++)
		mac[i] = (u8)(sum >> (8 * i + 8));
	mac[0] = (u8)((mac[0] & ~0x01) | 0x02);
}

static int set_address(const struct tap *tap, const u8 *mac)
{
	struct ifreq ifr = { .ifr_hwaddr.sa_family = ARPHRD_ETHER };

	memcpy(ifr.ifr_hwaddr.sa_data, mac, TAP_MAC);
	if (ioctl(tap->fds[0], SIOCSIFHWADDR, &ifr)) {
		pr_err("--tap %s: cannot set its address: %s", tap->name, strerror(errno));
		return -1;
	}
	return 0;
}

static int set_link(const struct tap *tap, const struct tap_options *o)
{
	struct ifreq ifr = { .ifr_mtu = (int)o->mtu };
	int fd, code = 0;

	if (!o->mtu && !o->up)
		return 0;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	memcpy(ifr.ifr_name, tap->name, IFNAMSIZ);
	if (fd < 0 || (o->mtu && ioctl(fd, SIOCSIFMTU, &ifr))) {
		pr_err("--mtu %u: %s", o->mtu, strerror(errno));
		code = -1;
	} else if (o->up) {
		code = ioctl(fd, SIOCGIFFLAGS, &ifr);
		ifr.ifr_flags |= IFF_UP;
		if (code || ioctl(fd, SIOCSIFFLAGS, &ifr)) {
			pr_err("--up: %s: %s", tap->name, strerror(errno));
			code = -1;
		}
	}
	if (fd >= 0)
		close(fd);
	return code;
}

/* Frames that the kernel may hand us unfinished are those it takes unfinished. */
static void set_offload(struct tap *tap)
{
	const u64 tcp = IVNET_SHM_F_CSUM | IVNET_SHM_F_TSO4 | IVNET_SHM_F_TSO6 | IVNET_SHM_F_ECN;

	if (!ioctl(tap->fds[0], TUNSETOFFLOAD, TUN_F_TCP | TUN_F_USO4 | TUN_F_USO6))
		tap->features = tcp | IVNET_SHM_F_USO;
	else if (!ioctl(tap->fds[0], TUNSETOFFLOAD, TUN_F_TCP))
		tap->features = tcp;
	else
		tap->features = 0;
}

static int set_up(struct tap *tap, const struct tap_options *o)
{
	static const u8 none[TAP_MAC];
	struct ifreq ifr = { .ifr_flags = 0 };
	int size = sizeof(struct virtio_net_hdr);
	u8 mac[TAP_MAC];
	bool given = memcmp(o->mac, none, TAP_MAC);
	u32 i;

	for (i = 0; i < tap->queues; i++) {
		if (ioctl(tap->fds[i], TUNSETVNETHDRSZ, &size)) {
			pr_err("--tap %s: vnet header: %s", tap->name, strerror(errno));
			return -1;
		}
	}
	set_offload(tap);
	if (ioctl(tap->fds[0], TUNGETIFF, &ifr)) {
		pr_err("--tap %s: %s", tap->name, strerror(errno));
		return -1;
	}
	/* What outlives us has its own address. */
	if (given || !(ifr.ifr_flags & IFF_PERSIST)) {
		default_address(tap, mac);
		if (set_address(tap, given ? o->mac : mac))
			return -1;
	}
	return set_link(tap, o);
}

/* The first queue, of a device of either kind; more of them only of one. */
static int open_first(char *name, u32 *queues)
{
	int fd;

	if (*queues > 1) {
		fd = open_queue(name, TAP_FLAGS | IFF_MULTI_QUEUE);
		if (fd != -EINVAL)
			return fd;
		*queues = 1;
	}
	fd = open_queue(name, TAP_FLAGS);
	return fd == -EINVAL ? open_queue(name, TAP_FLAGS | IFF_MULTI_QUEUE) : fd;
}

static const char *open_text(int code)
{
	switch (code) {
	case EPERM:
		return "needs CAP_NET_ADMIN, or a device made for this user (ip tuntap add)";
	case EBUSY:
		return "another process has it";
	case EINVAL:
		return "there is a device of this name that is no TAP";
	case ENOENT:
		return "there is no /dev/net/tun";
	default:
		return strerror(code);
	}
}

int tap_open(struct tap *tap, const struct tap_options *o, u32 queues)
{
	u32 wanted = queues;
	int fd;

	*tap = (struct tap){ .lock = -1 };
	snprintf(tap->name, sizeof(tap->name), "%s", o->name);
	fd = open_first(tap->name, &queues);
	if (fd < 0) {
		pr_err("--tap %s: %s", tap->name, open_text(-fd));
		return -1;
	}
	tap->fds[tap->queues++] = fd;
	if (take_lock(tap))
		goto fail;
	while (tap->queues < queues) {
		fd = open_queue(tap->name, TAP_FLAGS | IFF_MULTI_QUEUE);
		if (fd < 0) {
			pr_err("--tap %s: queue %u: %s", tap->name, tap->queues, strerror(-fd));
			goto fail;
		}
		tap->fds[tap->queues++] = fd;
	}
	if (queues < wanted)
		pr_notice("%s is not multi_queue: it has one queue instead of %u", tap->name,
			  wanted);
	if (set_up(tap, o))
		goto fail;
	return 0;
fail:
	tap_close(tap);
	return -1;
}

void tap_close(struct tap *tap)
{
	while (tap->queues)
		close(tap->fds[--tap->queues]);
	if (tap->lock >= 0)
		close(tap->lock);
	tap->lock = -1;
}

int tap_use(struct tap *tap, u32 queues)
{
	struct ifreq ifr = { .ifr_flags = 0 };
	u32 i;

	for (i = 1; i < tap->queues; i++) {
		ifr.ifr_flags = i < queues ? IFF_ATTACH_QUEUE : IFF_DETACH_QUEUE;
		/* It is already as it shall be, or there is a reason. */
		if (ioctl(tap->fds[i], TUNSETQUEUE, &ifr) && errno != EINVAL) {
			pr_err("%s: queue %u: %s", tap->name, i, strerror(errno));
			return -1;
		}
	}
	return 0;
}

bool tap_is_there(const struct tap *tap)
{
	struct ifreq ifr = { .ifr_flags = 0 };

	return !ioctl(tap->fds[0], TUNGETIFF, &ifr);
}

bool tap_is_up(const struct tap *tap)
{
	struct pollfd poll_fd = { .fd = tap->fds[0], .events = POLLOUT };

	return poll(&poll_fd, 1, 0) > 0 && poll_fd.revents & POLLOUT;
}

void tap_carrier(const struct tap *tap, bool on)
{
	int value = on;

	/* Kernels before 5.0 cannot; then it is always on. */
	ioctl(tap->fds[0], TUNSETCARRIER, &value);
}

bool tap_address(const struct tap *tap, u8 *mac)
{
	struct ifreq ifr = { .ifr_flags = 0 };

	if (ioctl(tap->fds[0], SIOCGIFHWADDR, &ifr))
		return false;
	memcpy(mac, ifr.ifr_hwaddr.sa_data, TAP_MAC);
	return true;
}

u32 tap_mtu(const struct tap *tap)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq ifr = { .ifr_mtu = 0 };

	if (fd < 0)
		return 0;
	memcpy(ifr.ifr_name, tap->name, IFNAMSIZ);
	if (ioctl(fd, SIOCGIFMTU, &ifr))
		ifr.ifr_mtu = 0;
	close(fd);
	return (u32)ifr.ifr_mtu;
}
