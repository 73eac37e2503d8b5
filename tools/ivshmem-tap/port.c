// SPDX-License-Identifier: GPL-2.0
/* The main thread: heartbeat, claim, links, news of the server, signals. */
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "port.h"
#include "process.h"
#include "systemd.h"

/* Looks at the links in one ms: whoever rings without end gets no more. */
#define STEPS_MAX	8

/* Pauses between attempts to join, ms. */
#define PAUSE_MIN	1000
#define PAUSE_MAX	60000

/* Addresses, type, and a tag, bytes. */
#define ETH_OVERHEAD	18

/* What epoll reports. */
enum { SOURCE_SIGNAL, SOURCE_WAKE, SOURCE_SERVER, SOURCE_BELL, SOURCE_TAP };

static int watch(struct port *p, int fd, u32 events, u32 source)
{
	struct epoll_event event = { .events = events, .data.u32 = source };

	return epoll_ctl(p->epoll, EPOLL_CTL_ADD, fd, &event);
}

void port_adopt(struct port *p)
{
	p->base = p->client->memory;
	p->size = p->client->size;
	p->position = (u16)p->client->id;
	p->vectors = (u16)p->client->vectors;
	memset(p->others, 0, sizeof(p->others));
}

static void report(const struct port *p)
{
	const struct link *link;
	u32 i;

	pr_notice("up for %lld s: %s, port %d of %u, id %u, %u vectors%s, server %s",
		  (now_ms() - p->start) / 1000, p->tap.name, p->me, p->geo.ports,
		  p->position, p->vectors, p->polling ? " (polling)" : "",
		  p->client->sock < 0 ? "gone" : "there");
	for (i = 0; p->links && i < p->geo.ports; i++) {
		link = &p->links[i];
		if ((int)i == p->me || (!link->resets && link->state == LINK_DOWN))
			continue;
		pr_notice("port %u: %s%s, id %u, features %llx, uses %llx, error %u, restarts %u",
			  i, link_state_name(link->state), link->run ? "" : ", no frames",
			  link->position, link->features,
			  link->uses, link->error, link->resets);
	}
	queues_report(p);
}

static void take_signals(struct port *p)
{
	struct signalfd_siginfo info;

	while (read(p->signals, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGHUP) {
			log_reopen();
			report(p);
			continue;
		}
		pr_notice("stopping on %s", info.ssi_signo == SIGINT ? "SIGINT" : "SIGTERM");
		p->stop = true;
	}
}

/* Say how this port is; false if there is none, or no longer. */
static bool announce(struct port *p)
{
	if (p->me < 0 || !port_mine(p))
		return false;
	tap_address(&p->tap, p->mac);
	port_announce(p, p->running ? IVNET_SHM_RUN : IVNET_SHM_READY);
	return true;
}

/* Follow the TAP: only while it is up can frames flow. */
static void check_tap(struct port *p)
{
	bool up = tap_is_up(&p->tap);

	if (ivnet_shm_load(&p->lost) && !p->stop) {
		pr_err("%s is gone", p->tap.name);
		p->status = 1;
		p->stop = true;
	}
	if (up == p->running)
		return;
	pr_info("%s is %s", p->tap.name, up ? "up" : "down");
	p->running = up;
	/* Both sides begin with empty rings when it is up again. */
	if (!up && p->me >= 0)
		links_down(p);
	if (announce(p))
		links_ring(p, false);
}

/* The carrier follows the links; true if it is about to go. */
static bool carrier_update(struct port *p)
{
	bool up = p->n_run, deaf = false;
	u32 i;

	for (i = 0; i < p->geo.ports; i++)
		deaf |= p->links[i].state != LINK_DOWN && !p->links[i].vectors;
	/* Who cannot be rung cannot ring either. */
	if (p->polling != (!p->vectors || deaf)) {
		ivnet_shm_store(&p->polling, !p->vectors || deaf);
		queues_kick(p);
	}
	if (up == p->carrier)
		return false;
	if (!up && now_ms() < p->up_at + CARRIER_MS)
		return true;
	p->carrier = up;
	tap_carrier(&p->tap, up);
	pr_info("carrier %s", up ? "on" : "off");
	systemd_notify("STATUS=%s, port %d of %u, %u links up", p->tap.name, p->me, p->geo.ports,
		       p->n_run);
	return false;
}

/* Get a port, or say once why there is none; false if the region has another layout. */
static bool port_find(struct port *p)
{
	if (!region_kept(p)) {
		pr_warn("the region was formatted anew: joining it again");
		return false;
	}
	if (port_claim(p)) {
		pr_notice("%s is port %d of %u", p->tap.name, p->me, p->geo.ports);
		p->waiting = false;
		p->beat = 0;
		announce(p);
		return true;
	}
	if (!p->waiting && p->options->port == PORT_ANY)
		pr_warn("all %u ports are taken, waiting for one", p->geo.ports);
	else if (!p->waiting)
		pr_warn("port %u of %u is taken, waiting for it", p->options->port, p->geo.ports);
	p->waiting = true;
	return true;
}

/* Without a server: is anybody left who could be talked to? */
static bool alone(struct port *p)
{
	bool taken = false;
	u64 seen = 0, claim;
	u32 i;

	for (i = 0; i < p->geo.ports; i++) {
		if ((int)i == p->me)
			continue;
		claim = claim_read(p, i);
		taken |= claim != 0;
		seen = (seen ^ claim ^ heartbeat_read(p, i)) * 0x9e3779b97f4a7c15ULL;
	}
	if (seen != p->seen) {
		p->seen = seen;
		p->seen_at = now_ms();
	}
	return !taken || now_ms() - p->seen_at > STALE_MS;
}

static void beat(struct port *p)
{
	u64 value;
	u32 i;

	p->beat_at = now_ms();
	p->beat++;
	announce(p);
	/*
	 * Now and then look at everything: a doorbell can be lost. One that is full
	 * rings no more, so they are emptied, which nobody else does.
	 */
	for (i = 0; i < p->vectors; i++)
		if (read(p->client->own[i], &value, sizeof(value)) < 0)
			continue;
	if (p->n_run)
		queues_kick(p);
}

/* Look at port and links; the time of the next look, or -1: join anew. */
static s64 step(struct port *p)
{
	s64 now = now_ms(), next;
	u32 i;

	if (now > p->stepped_at) {
		p->stepped_at = now;
		p->steps = 0;
	} else if (++p->steps >= STEPS_MAX) {
		usleep(1000);
	}

	if (p->me >= 0 && !port_mine(p)) {
		pr_limited_warn("port %d was taken over", p->me);
		links_down(p);
		p->me = -1;
	}
	if (p->me < 0 && !port_find(p))
		return -1;
	if (now >= p->beat_at + BEAT_MS) {
		beat(p);
		check_tap(p);
		if (p->client->sock < 0 && alone(p)) {
			pr_notice("nobody is left, waiting for a new server");
			return -1;
		}
	}
	for (i = 0; p->me >= 0 && i < p->geo.ports; i++)
		if ((int)i != p->me)
			link_step(&p->links[i]);

	next = p->beat_at + BEAT_MS;
	if ((carrier_update(p) || p->polling) && next > now + POLL_MS)
		next = now + POLL_MS;
	return next;
}

/* Who came and who left. */
static void take_news(struct port *p)
{
	enum client_news news;
	struct bells *left;

	while ((news = client_next(p->client, &left)) != CLIENT_NOTHING) {
		if (news == CLIENT_LEFT) {
			/* A queue may be about to ring it. */
			queues_wait(p);
			bells_close(left);
		} else if (news == CLIENT_LOST) {
			pr_warn("the server is gone: going on with those who are there");
			p->seen_at = now_ms();
		}
	}
}

static void handle(struct port *p, u32 source)
{
	u64 value;

	switch (source) {
	case SOURCE_SIGNAL:
		take_signals(p);
		break;
	case SOURCE_WAKE:
		if (read(p->wake, &value, sizeof(value)) < 0)
			break;
		check_tap(p);
		break;
	case SOURCE_SERVER:
		take_news(p);
		break;
	case SOURCE_TAP:
		check_tap(p);
		break;
	default:
		break;	/* somebody rang: a look at the links follows anyway */
	}
}

/* Until there is a reason to leave the segment. */
static void loop(struct port *p)
{
	struct epoll_event events[8];
	s64 next, wait;
	int i, count;

	while (!p->stop) {
		next = step(p);
		if (next < 0)
			return;
		wait = next - now_ms();
		count = epoll_wait(p->epoll, events, 8, wait < 0 ? 0 : (int)wait);
		for (i = 0; i < count; i++)
			handle(p, events[i].data.u32);
	}
}

static void segment_stop(struct port *p)
{
	if (p->me >= 0 && port_mine(p)) {
		links_down(p);
		port_announce(p, IVNET_SHM_DOWN);
		port_release(p);
		links_ring(p, true);
	}
	p->me = -1;
	queues_stop(p);
	free(p->ends);
	free(p->links);
	p->ends = NULL;
	p->links = NULL;
	p->n_run = 0;
	close(p->epoll);
	p->epoll = -1;
	if (p->carrier)
		tap_carrier(&p->tap, false);
	p->carrier = false;
}

/* The region is open: take part in it. */
static int segment_start(struct port *p)
{
	size_t lanes = (size_t)p->geo.ports * p->geo.queues;

	p->links = aligned_alloc(64, p->geo.ports * sizeof(*p->links));
	p->ends = calloc(lanes << p->geo.order, sizeof(*p->ends));
	p->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (!p->links || !p->ends || p->epoll < 0 ||
	    watch(p, p->signals, EPOLLIN, SOURCE_SIGNAL) ||
	    watch(p, p->wake, EPOLLIN, SOURCE_WAKE) ||
	    watch(p, p->tap.fds[0], EPOLLOUT | EPOLLET, SOURCE_TAP) ||
	    watch(p, p->client->sock, EPOLLIN, SOURCE_SERVER) ||
	    (p->vectors && watch(p, p->client->own[0], EPOLLIN | EPOLLET, SOURCE_BELL))) {
		pr_err("cannot set up the event loop: %s", strerror(errno));
		return -1;
	}
	memset(p->links, 0, p->geo.ports * sizeof(*p->links));
	memset(&p->fdb, 0, sizeof(p->fdb));
	links_init(p);
	p->waiting = false;
	p->polling = !p->vectors;
	p->running = tap_is_up(&p->tap);
	p->beat_at = now_ms();
	return queues_start(p);
}

/* Wait for a signal; true if it says stop. */
static bool sleep_until(struct port *p, s64 end)
{
	struct pollfd poll_fd = { .fd = p->signals, .events = POLLIN };
	s64 now;

	while (!p->stop && (now = now_ms()) < end) {
		if (poll(&poll_fd, 1, (int)(end - now)) > 0)
			take_signals(p);
		if (!tap_is_there(&p->tap)) {
			pr_err("%s is gone", p->tap.name);
			p->status = 1;
			p->stop = true;
		}
	}
	return p->stop;
}

/* The segment was left: join it, or the next one; false if the program shall end. */
static bool rejoin(struct port *p)
{
	int code;

	client_close(p->client);
	while (!sleep_until(p, now_ms() + p->pause)) {
		code = client_connect(p->client, p->options->socket, p->signals);
		/* Without a server the attempt costs nothing; with one, an id. */
		if (code == -ENOENT || code == -ECONNREFUSED || code == -EINTR)
			continue;
		p->pause = 2 * p->pause < PAUSE_MAX ? 2 * p->pause : PAUSE_MAX;
		if (code) {
			pr_warn("--socket %s: %s", p->options->socket, strerror(-code));
			continue;
		}
		port_adopt(p);
		if (!region_open(p))
			return true;
		client_close(p->client);
	}
	return false;
}

int port_run(struct port *p, int ready_fd)
{
	s64 joined;

	p->start = now_ms();
	p->pause = PAUSE_MIN;
	p->epoll = -1;
	p->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (p->wake < 0) {
		pr_err("eventfd: %s", strerror(errno));
		return 1;
	}
	tap_carrier(&p->tap, false);
	do {
		joined = now_ms();
		if (segment_start(p)) {
			p->status = 1;
			p->stop = true;
		} else {
			pr_notice("%s is in the segment of %s: %u ports, %u queues, id %u, %u vectors",
				  p->tap.name, p->options->socket, p->geo.ports, p->geo.queues,
				  p->position, p->vectors);
			if (p->mtu + ETH_OVERHEAD > p->geo.max_frame)
				pr_warn("an MTU of %u is too large for frames of %u bytes", p->mtu,
					p->geo.max_frame);
			if (ready_fd >= 0)
				background_is_ready(ready_fd);
			ready_fd = -1;
			systemd_notify("READY=1\nSTATUS=%s, no links yet", p->tap.name);
			loop(p);
		}
		if (p->stop)
			report(p);
		segment_stop(p);
		if (now_ms() - joined > PAUSE_MAX)
			p->pause = PAUSE_MIN;
	} while (!p->stop && rejoin(p));
	systemd_notify("STOPPING=1");
	close(p->wake);
	return p->status;
}
