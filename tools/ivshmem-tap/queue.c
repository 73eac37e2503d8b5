// SPDX-License-Identifier: GPL-2.0
/* The thread of a queue pair: rounds over rings and TAP, and sleep between them. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "port.h"
#include "process.h"

/* Frames of a round, in each direction. */
#define BUDGET		64

/* A round at least every so often while the TAP's frames have to wait. */
#define WAIT_NS		100000000L

/* Pause of polling without doorbells: after work, and at rest. */
#define POLL_MIN_NS	50000L
#define POLL_MAX_NS	4000000L

/* How often to look whether a round is over, µs. */
#define WAIT_US		50

/* What epoll reports. */
enum { SOURCE_TAP, SOURCE_KICK, SOURCE_BELL };

static const char * const names[COUNTS] = {
	[RX_FRAMES] = "rx_frames", [RX_BYTES] = "rx_bytes", [RX_GSO] = "rx_gso",
	[RX_RINGS] = "rx_rings", [RX_ERR_OFFSET] = "rx_err_offset", [RX_ERR_LEN] = "rx_err_len",
	[RX_ERR_FLAGS] = "rx_err_flags", [RX_ERR_SEQ] = "rx_err_seq",
	[RX_ERR_CSUM] = "rx_err_csum", [RX_ERR_GSO] = "rx_err_gso",
	[RX_ERR_RING] = "rx_err_ring", [RX_DROP_TAP] = "rx_drop_tap",
	[TX_FRAMES] = "tx_frames", [TX_BYTES] = "tx_bytes", [TX_GSO] = "tx_gso",
	[TX_RINGS] = "tx_rings", [TX_SEGMENTED] = "tx_segmented", [TX_STOPS] = "tx_stops",
	[TX_DROP_NOBODY] = "tx_drop_nobody", [TX_DROP_FULL] = "tx_drop_full",
	[TX_ERR_LONG] = "tx_err_long", [TX_ERR_GSO] = "tx_err_gso", [TX_ERR_RING] = "tx_err_ring",
};

/* How long there is nothing to do, ns; negative: until somebody rings. */
static long pause_of(struct queue *q, bool busy, bool worked)
{
	if (busy)
		return 0;
	if (ivnet_shm_load(&q->port->polling)) {
		q->interval = worked ? POLL_MIN_NS : 2 * q->interval;
		if (q->interval > POLL_MAX_NS)
			q->interval = POLL_MAX_NS;
		return q->interval;
	}
	return q->stopped ? WAIT_NS : -1;
}

static void wait_events(struct queue *q, long pause)
{
	struct timespec ts = { .tv_nsec = pause };
	struct epoll_event events[8];
	u64 value;
	int i, n;

	n = epoll_pwait2(q->epoll, events, 8, pause < 0 ? NULL : &ts, NULL);
	/* Since Linux 5.11; a filter of system calls may not know it. */
	if (n < 0 && errno != EINTR)
		n = epoll_wait(q->epoll, events, 8,
			       pause < 0 ? -1 : (int)((pause + 999999) / 1000000));
	for (i = 0; i < n; i++) {
		if (events[i].data.u32 == SOURCE_TAP)
			q->readable = true;
		else if (events[i].data.u32 == SOURCE_KICK &&
			 read(q->kick, &value, sizeof(value)) < 0)
			continue;
	}
}

static void *serve(void *arg)
{
	struct queue *q = arg;
	struct port *p = q->port;
	u32 received, sent;
	bool busy;

	while (!ivnet_shm_load(&p->leave)) {
		ivnet_shm_store(&q->epoch, q->epoch + 1);
		/* Whoever waits for the end of this round sees it, or we see what it did. */
		ivnet_shm_mb();
		q->now = now_ms();
		received = rx_round(q, BUDGET);
		if (q->stopped)
			tx_wait(q);
		sent = q->readable ? tx_round(q, BUDGET) : 0;
		busy = received == BUDGET || (q->readable && !q->stopped);
		if (!busy && !ivnet_shm_load(&p->polling))
			busy = rx_arm(q);
		ivnet_shm_store_release(&q->epoch, q->epoch + 1);

		wait_events(q, pause_of(q, busy, received || sent));
	}
	return NULL;
}

void queues_wait(struct port *p)
{
	u32 i, epoch;

	ivnet_shm_mb();
	for (i = 0; i < p->pairs; i++) {
		epoch = ivnet_shm_load_acquire(&p->queues[i]->epoch);
		while (epoch & 1 && ivnet_shm_load_acquire(&p->queues[i]->epoch) == epoch)
			usleep(WAIT_US);
	}
}

void queues_kick(struct port *p)
{
	const u64 one = 1;
	u32 i;

	for (i = 0; i < p->pairs; i++)
		if (write(p->queues[i]->kick, &one, sizeof(one)) < 0)
			continue;	/* it has been kicked often enough */
}

static int watch(struct queue *q, int fd, u32 events, u32 source)
{
	struct epoll_event event = { .events = events, .data.u32 = source };

	return epoll_ctl(q->epoll, EPOLL_CTL_ADD, fd, &event);
}

/* The doorbells that are rung for what this queue pair reads and sends. */
static int watch_bells(struct queue *q)
{
	const struct port *p = q->port;
	u32 i;

	/*
	 * Each ring is an event, for each thread that waits: the count is of no
	 * interest, and reading it would be one more system call.
	 */
	for (i = q->index; p->vectors && i < p->geo.queues; i += p->pairs)
		if (watch(q, p->client->own[vector_of(p, i)], EPOLLIN | EPOLLET, SOURCE_BELL) &&
		    errno != EEXIST)
			return -1;
	return 0;
}

static void queue_free(struct queue *q)
{
	if (q->epoll >= 0)
		close(q->epoll);
	if (q->kick >= 0)
		close(q->kick);
	free(q);
}

static struct queue *queue_create(struct port *p, u32 index)
{
	struct queue *q = aligned_alloc(64, (sizeof(*q) + 63) / 64 * 64);

	if (!q)
		return NULL;
	memset(q, 0, sizeof(*q));
	q->port = p;
	q->index = index;
	q->tap = p->tap.fds[index];
	q->readable = true;
	q->interval = POLL_MIN_NS;
	q->kick = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	q->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (q->kick < 0 || q->epoll < 0 || watch(q, q->tap, EPOLLIN | EPOLLET, SOURCE_TAP) ||
	    watch(q, q->kick, EPOLLIN, SOURCE_KICK) || watch_bells(q)) {
		queue_free(q);
		return NULL;
	}
	return q;
}

int queues_start(struct port *p)
{
	u32 pairs = p->geo.queues < p->tap.queues ? p->geo.queues : p->tap.queues, i;
	int code;

	if (tap_use(&p->tap, pairs))
		return -1;
	ivnet_shm_store(&p->leave, 0);
	p->pairs = pairs;
	for (i = 0; i < pairs; i++) {
		p->queues[i] = queue_create(p, i);
		code = errno;
		if (p->queues[i])
			code = pthread_create(&p->queues[i]->thread, NULL, serve, p->queues[i]);
		if (code) {
			pr_err("queue %u: %s", i, strerror(code));
			if (p->queues[i])
				queue_free(p->queues[i]);
			p->pairs = i;
			queues_stop(p);
			return -1;
		}
	}
	return 0;
}

void queues_stop(struct port *p)
{
	u32 i;

	ivnet_shm_store(&p->leave, 1);
	queues_kick(p);
	for (i = 0; i < p->pairs; i++) {
		pthread_join(p->queues[i]->thread, NULL);
		queue_free(p->queues[i]);
	}
	p->pairs = 0;
}

void queues_report(const struct port *p)
{
	char text[512];
	u32 i, c, at;
	u64 value;

	for (i = 0; i < p->pairs; i++) {
		for (c = 0, at = 0; c < COUNTS && at < sizeof(text); c++) {
			value = ivnet_shm_load(&p->queues[i]->counts[c]);
			if (value)
				at += (u32)snprintf(text + at, sizeof(text) - at, " %s %llu",
						    names[c], value);
		}
		pr_notice("queue %u:%s", i, at ? text : " nothing yet");
	}
}
