// SPDX-License-Identifier: GPL-2.0
/*
 * Traffic for the benchmark, on both ends of the wire:
 *
 *	traffic send ADDRESS PORT SIZE COUNT BURST PAUSE	datagrams, in bursts;
 *				says how many microseconds it took
 *	traffic burst ...	the same, but a burst goes through the stack as one
 *				frame that is cut at the tap: QEMU finds it
 *				complete, whatever else the host has to do
 *	traffic stream ADDRESS PORT BYTES	to the "sink" of a server; says how
 *				many microseconds it took until all was read
 *	traffic drain PORT	read datagrams, until it is killed
 *	traffic serve PORT	in the guest, until it is killed:
 *		UDP PORT	is bound and never read: datagrams are dropped
 *				once its buffer is full, which costs the same
 *				for each
 *		TCP PORT	one connection at a time; its first line says
 *				what to do:
 *			sink			read until the end
 *			source WARM BYTES	send WARM, on a word BYTES, then
 *						wait for the end
 *			send ADDRESS PORT SIZE COUNT BURST PAUSE
 *						as above, then say "done"
 *
 * SIZE is that of the UDP payload, PAUSE in microseconds.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BURST_MAX 256
#define CHUNK 65536

static char chunk[CHUNK];

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static long now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);

	return t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void later(struct timespec *t, long us)
{
	t->tv_nsec += us * 1000;
	t->tv_sec += t->tv_nsec / 1000000000;
	t->tv_nsec %= 1000000000;
}

/* Datagrams in bursts that start at fixed times, so that a slow one is made up. */
static void send_bursts(const char *address, int port, size_t size, long count,
			int burst, long pause, bool segment)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct iovec iov = { .iov_base = chunk, .iov_len = size };
	struct mmsghdr msgs[BURST_MAX] = { 0 };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	struct timespec next;
	int i, n, sent;

	if (fd < 0 || inet_pton(AF_INET, address, &to.sin_addr) != 1 ||
	    connect(fd, (struct sockaddr *)&to, sizeof(to)))
		die(address);
	if (burst > BURST_MAX || burst * size > CHUNK)
		exit(2);
	i = size;
	if (segment && setsockopt(fd, SOL_UDP, UDP_SEGMENT, &i, sizeof(i)))
		die("UDP_SEGMENT");
	for (i = 0; i < burst; i++) {
		msgs[i].msg_hdr.msg_iov = &iov;
		msgs[i].msg_hdr.msg_iovlen = 1;
	}
	clock_gettime(CLOCK_MONOTONIC, &next);
	while (count > 0) {
		n = count < burst ? count : burst;
		if (segment && send(fd, chunk, n * size, 0) < 0)
			die("send");
		for (i = segment ? n : 0; i < n; i += sent) {
			sent = sendmmsg(fd, msgs + i, n - i, 0);
			if (sent <= 0)
				die("sendmmsg");
		}
		count -= n;
		later(&next, pause);
		if (pause && count > 0)
			clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
	}
	close(fd);
}

static bool send_bytes(int fd, long bytes)
{
	ssize_t n;

	for (; bytes > 0; bytes -= n) {
		n = write(fd, chunk, bytes < CHUNK ? bytes : CHUNK);
		if (n <= 0)
			return false;
	}
	return true;
}

static void until_end(int fd)
{
	while (read(fd, chunk, sizeof(chunk)) > 0)
		;
}

static void stream(const char *address, int port, long bytes)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	long start;

	if (fd < 0 || inet_pton(AF_INET, address, &to.sin_addr) != 1 ||
	    connect(fd, (struct sockaddr *)&to, sizeof(to)) ||
	    write(fd, "sink", 4) != 4)
		die(address);
	usleep(100000);
	start = now_us();
	if (!send_bytes(fd, bytes) || shutdown(fd, SHUT_WR))
		die("write");
	until_end(fd);
	printf("%ld\n", now_us() - start);
	close(fd);
}

static void obey(int fd)
{
	long bytes, size, count, burst, pause;
	char line[128], address[64];
	int port;
	ssize_t n;

	/* The line comes in one segment, and the host waits after it. */
	n = read(fd, line, sizeof(line) - 1);
	if (n <= 0)
		return;
	line[n] = 0;
	if (sscanf(line, "source %ld %ld", &count, &bytes) == 2) {
		if (send_bytes(fd, count) && read(fd, line, sizeof(line)) > 0)
			send_bytes(fd, bytes);
	} else if (sscanf(line, "send %63s %d %ld %ld %ld %ld", address, &port,
			  &size, &count, &burst, &pause) == 6) {
		send_bursts(address, port, size, count, burst, pause, false);
		if (write(fd, "done", 4) != 4)
			return;
	}
	until_end(fd);
}

static void serve(int port)
{
	struct sockaddr_in any = { .sin_family = AF_INET, .sin_port = htons(port) };
	int udp = socket(AF_INET, SOCK_DGRAM, 0);
	int tcp = socket(AF_INET, SOCK_STREAM, 0);
	int fd, one = 1;

	setsockopt(tcp, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(udp, (struct sockaddr *)&any, sizeof(any)) ||
	    bind(tcp, (struct sockaddr *)&any, sizeof(any)) || listen(tcp, 4))
		die("bind");
	printf("ready\n");
	fflush(stdout);
	while ((fd = accept(tcp, NULL, NULL)) >= 0) {
		obey(fd);
		close(fd);
	}
	die("accept");
}

static void drain(int port)
{
	struct sockaddr_in any = { .sin_family = AF_INET, .sin_port = htons(port) };
	static char data[BURST_MAX][2048];
	struct mmsghdr msgs[BURST_MAX] = { 0 };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	struct iovec iov[BURST_MAX];
	int i;

	for (i = 0; i < BURST_MAX; i++) {
		iov[i].iov_base = data[i];
		iov[i].iov_len = sizeof(data[i]);
		msgs[i].msg_hdr.msg_iov = &iov[i];
		msgs[i].msg_hdr.msg_iovlen = 1;
	}
	if (bind(fd, (struct sockaddr *)&any, sizeof(any)))
		die("bind");
	while (recvmmsg(fd, msgs, BURST_MAX, MSG_WAITFORONE, NULL) > 0)
		;
	die("recvmmsg");
}

int main(int argc, char **argv)
{
	bool burst = argc == 8 && !strcmp(argv[1], "burst");
	long start = now_us();

	if (argc == 8) {
		send_bursts(argv[2], atoi(argv[3]), atol(argv[4]), atol(argv[5]),
			    atoi(argv[6]), atol(argv[7]), burst);
		if (!burst)
			printf("%ld\n", now_us() - start);
	} else if (argc == 5 && !strcmp(argv[1], "stream")) {
		stream(argv[2], atoi(argv[3]), atol(argv[4]));
	} else if (argc == 3 && !strcmp(argv[1], "serve")) {
		serve(atoi(argv[2]));
	} else if (argc == 3 && !strcmp(argv[1], "drain")) {
		drain(atoi(argv[2]));
	} else {
		return 2;
	}

	return 0;
}
