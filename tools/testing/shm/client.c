// SPDX-License-Identifier: GPL-2.0
/* A client of ivshmem-server; the protocol is in ivshmem-server(8). */

#include <endian.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "client.h"

/* The next message: 1, 0 if the server is gone, with its descriptor or -1. */
static int message(int sock, int64_t *value, int *fd)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = { .iov_base = value, .iov_len = sizeof(*value) };
	struct msghdr msg = {
		.msg_iov	= &iov,
		.msg_iovlen	= 1,
		.msg_control	= &control,
		.msg_controllen	= sizeof(control),
	};
	struct cmsghdr *c;

	*fd = -1;
	if (recvmsg(sock, &msg, MSG_WAITALL) != sizeof(*value))
		return 0;
	c = CMSG_FIRSTHDR(&msg);
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
		memcpy(fd, CMSG_DATA(c), sizeof(*fd));
	*value = (int64_t)le64toh((uint64_t)*value);

	return 1;
}

static bool map(struct client *client, int fd)
{
	struct stat st;

	if (fstat(fd, &st))
		return false;
	client->size = (size_t)st.st_size;
	client->memory = mmap(NULL, client->size, PROT_READ | PROT_WRITE,
			      MAP_SHARED, fd, 0);
	close(fd);

	return client->memory != MAP_FAILED;
}

static void forget(struct client *client, int id)
{
	while (client->vectors[id])
		close(client->bells[id][--client->vectors[id]]);
}

/* A peer that joins, one vector at a time, or leaves. */
static bool news(struct client *client, int64_t value, int fd)
{
	if (value < 0 || value >= CLIENT_IDS)
		return false;
	if (fd < 0) {
		forget(client, (int)value);
		return true;
	}
	/* Whoever looks at the memory all the time need not read the first either. */
	if (value == client->id) {
		if (client->own)
			close(fd);
		else
			client->own = fd;
		fcntl(client->own, F_SETFL, O_NONBLOCK);
		return true;
	}
	if (client->vectors[value] == CLIENT_VECTORS)
		return false;
	if (!client->bells[value])
		client->bells[value] = calloc(CLIENT_VECTORS, sizeof(int));
	if (!client->bells[value])
		return false;
	/* A full eventfd must not stop us: the peer is rung already. */
	fcntl(fd, F_SETFL, O_NONBLOCK);
	client->bells[value][client->vectors[value]++] = fd;

	return true;
}

/**
 * client_connect() - get id and memory from a server
 * @client: zeroed
 * @path: the server's socket
 *
 * Return: false if that fails.
 */
bool client_connect(struct client *client, const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int64_t value;
	int fd;

	if (strlen(path) >= sizeof(address.sun_path))
		return false;
	memcpy(address.sun_path, path, strlen(path));
	client->sock = socket(AF_UNIX, SOCK_STREAM, 0);
	if (connect(client->sock, (struct sockaddr *)&address, sizeof(address)))
		return false;

	if (!message(client->sock, &value, &fd) || value || fd >= 0)
		return false;
	if (!message(client->sock, &value, &fd) || value < 0 ||
	    value >= CLIENT_IDS || fd >= 0)
		return false;
	client->id = (int)value;
	if (!message(client->sock, &value, &fd) || value != -1 || fd < 0)
		return false;

	return map(client, fd);
}

/**
 * client_open() - map a region without a server
 * @client: zeroed
 * @path: the region's file
 *
 * Return: false if that fails.
 */
bool client_open(struct client *client, const char *path)
{
	int fd = open(path, O_RDWR);

	client->sock = -1;

	return fd >= 0 && map(client, fd);
}

/**
 * client_poll() - take in who came and who left
 * @client: the connection
 *
 * Return: false if the server talks nonsense; that it is gone does not matter.
 */
bool client_poll(struct client *client)
{
	struct pollfd pfd = { .fd = client->sock, .events = POLLIN };
	int64_t value;
	int fd;

	while (client->sock >= 0 && poll(&pfd, 1, 0) > 0) {
		if (!message(client->sock, &value, &fd)) {
			close(client->sock);
			client->sock = -1;
			pfd.fd = -1;
		} else if (!news(client, value, fd)) {
			return false;
		}
	}

	return true;
}

/**
 * client_rung() - has our doorbell been rung since the last call?
 * @client: the connection
 *
 * Return: true if it has.
 */
bool client_rung(struct client *client)
{
	uint64_t count;

	return client->own && read(client->own, &count, sizeof(count)) == sizeof(count);
}

/**
 * client_ring() - ring a peer's doorbell
 * @client: the connection
 * @id: the peer
 * @vector: of it
 *
 * Return: false if there is no such doorbell.
 */
bool client_ring(struct client *client, uint16_t id, uint16_t vector)
{
	const uint64_t one = 1;

	if (vector >= client->vectors[id])
		return false;

	return write(client->bells[id][vector], &one, sizeof(one)) == sizeof(one);
}
