// SPDX-License-Identifier: GPL-2.0
/* Where frames go to and come from: a TAP device, or another device like this one. */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "log.h"
#include "service.h"
#include "vnet.h"

#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

static bool open_tap(struct vnet *v)
{
	const int size = sizeof(struct virtio_net_hdr);
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };

	v->backend = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	memcpy(ifr.ifr_name, v->o.tap, strlen(v->o.tap));
	if (v->backend >= 0 && !ioctl(v->backend, TUNSETIFF, &ifr) &&
	    !ioctl(v->backend, TUNSETVNETHDRSZ, &size))
		return true;
	pr_err("--tap %s: %s", v->o.tap, strerror(errno));

	return false;
}

/* Whoever comes first listens. */
static bool open_peer(struct vnet *v)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	memcpy(address.sun_path, v->o.peer, strlen(v->o.peer));
	if (fd >= 0 && !connect(fd, (struct sockaddr *)&address, sizeof(address))) {
		v->backend = fd;
		return true;
	}
	if (fd >= 0)
		close(fd);
	v->listener = listen_at(v->o.peer, SOCK_SEQPACKET | SOCK_NONBLOCK);

	return v->listener >= 0;
}

/**
 * backend_open() - have what the options name, if they do
 * @v: the device
 *
 * Return: false after a message if that fails.
 */
bool backend_open(struct vnet *v)
{
	if (v->o.tap)
		return open_tap(v);

	return !v->o.peer || open_peer(v);
}

/**
 * backend_accept() - the other device connects
 * @v: the device
 */
void backend_accept(struct vnet *v)
{
	int fd = accept4(v->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0)
		return;
	if (v->backend >= 0)
		close(v->backend);
	v->backend = fd;
}

/**
 * backend_close() - no more frames
 * @v: the device
 */
void backend_close(struct vnet *v)
{
	if (v->backend >= 0)
		close(v->backend);
	v->backend = -1;
}

/**
 * backend_offloads() - what received frames may be like has changed
 * @v: the device
 */
void backend_offloads(struct vnet *v)
{
	static const struct {
		uint64_t features;
		unsigned int flag;
	} flags[] = {
		{ BIT(VIRTIO_NET_F_GUEST_CSUM), TUN_F_CSUM },
		{ BIT(VIRTIO_NET_F_GUEST_TSO4), TUN_F_TSO4 },
		{ BIT(VIRTIO_NET_F_GUEST_TSO6), TUN_F_TSO6 },
		{ BIT(VIRTIO_NET_F_GUEST_ECN), TUN_F_TSO_ECN },
		{ BIT(VIRTIO_NET_F_GUEST_USO4) | BIT(VIRTIO_NET_F_GUEST_USO6),
		  TUN_F_USO4 | TUN_F_USO6 },
	};
	uint64_t offloads = v->state.offloads;
	unsigned int i, wanted = 0;

	if (!v->o.tap)
		return;
	for (i = 0; i < ARRAY_SIZE(flags); i++)
		if ((offloads & flags[i].features) == flags[i].features)
			wanted |= flags[i].flag;
	/* Everything else needs the first. */
	if (!(wanted & TUN_F_CSUM))
		wanted = 0;
	if (ioctl(v->backend, TUNSETOFFLOAD, wanted))
		pr_warn("TUNSETOFFLOAD %#x: %s", wanted, strerror(errno));
}

/**
 * backend_send() - a frame of the driver
 * @v: the device
 * @frame: with its header
 * @length: without it
 *
 * Return: false if it is lost.
 */
bool backend_send(struct vnet *v, const struct vnet_frame *frame, uint32_t length)
{
	size_t total = sizeof(frame->header) + length;

	return v->backend >= 0 && write(v->backend, frame, total) == (ssize_t)total;
}

/**
 * backend_receive() - a frame for the driver
 * @v: the device
 * @frame: filled in
 *
 * Return: bytes of it without its header, or 0 if there is none.
 */
long backend_receive(struct vnet *v, struct vnet_frame *frame)
{
	ssize_t length;

	if (v->backend < 0)
		return 0;
	length = read(v->backend, frame, sizeof(*frame));
	if (!length)
		backend_close(v);

	length -= (ssize_t)sizeof(frame->header);

	return length > 0 ? length : 0;
}
