// SPDX-License-Identifier: GPL-2.0
#include "server.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client.h"
#include "log.h"
#include "process.h"
#include "systemd.h"

#define ID_END 65536		/* a doorbell has 16 bits for it */
#define ACCEPT_BATCH 32		/* then those who are there get their turn */
#define BACKOFF_MIN 100		/* ms */
#define BACKOFF_MAX 2000

struct server {
	const struct options *options;
	const struct listener *listener;
	const struct memory *memory;
	int epoll;
	int signals;
	bool stop;
	bool waiting;			/* someone wants to be accepted */
	int64_t start;			/* ms */
	struct client **clients;	/* in the order of their ids */
	unsigned int count;
	unsigned int next_id;
	struct peer *spare;		/* the doorbells of whoever comes next */
	int64_t accept_at;		/* ms: out of descriptors until then, or NEVER */
	int64_t backoff;		/* ms */
	unsigned long dropped;
	unsigned long refused;
};

static int watch(struct server *s, int operation, int fd, uint32_t events, void *what)
{
	struct epoll_event event = { .events = events, .data.ptr = what };

	return epoll_ctl(s->epoll, operation, fd, &event);
}

static void tell_status(struct server *s)
{
	systemd_notify("STATUS=%u of %u clients, next id %u", s->count, s->options->clients,
		       s->next_id);
}

/* Send to one client, and wait for what it needs. */
static void serve(struct server *s, struct client *c)
{
	uint32_t before = c->events;

	client_send(c, s->memory->fd, now_ms());
	if (c->events != before)
		watch(s, EPOLL_CTL_MOD, c->fd, c->events, c);
}

static void add_client(struct server *s, struct client *c)
{
	unsigned int i;

	client_greet(c);
	for (i = 0; i < s->count; i++) {
		client_tell_join(c, s->clients[i]->peer);
		client_tell_join(s->clients[i], c->peer);
		serve(s, s->clients[i]);
	}
	client_tell_join(c, c->peer);
	s->clients[s->count++] = c;
	pr_limited_info("client %u (process %ld, user %lu) joined, %u of %u", c->peer->id,
			(long)c->pid, (unsigned long)c->uid, s->count, s->options->clients);
	if (s->next_id == ID_END)
		pr_warn("the last id is given: start the server anew for more clients, when all have left");
	serve(s, c);
	tell_status(s);
}

/* Leave those who wait in the backlog; they are served when it is over. */
static void back_off(struct server *s, int code)
{
	if (!s->backoff)
		pr_limited_warn("clients have to wait: %s", strerror(code));
	s->backoff = s->backoff ? s->backoff * 2 : BACKOFF_MIN;
	if (s->backoff > BACKOFF_MAX)
		s->backoff = BACKOFF_MAX;
	s->accept_at = now_ms() + s->backoff;
	watch(s, EPOLL_CTL_MOD, s->listener->fd, 0, &s->listener);
}

static void resume(struct server *s)
{
	s->accept_at = NEVER;
	watch(s, EPOLL_CTL_MOD, s->listener->fd, EPOLLIN, &s->listener);
}

static void remove_client(struct server *s, unsigned int index)
{
	struct client *c = s->clients[index];
	unsigned int i, id = c->peer->id;

	s->count--;
	memmove(s->clients + index, s->clients + index + 1,
		(s->count - index) * sizeof(s->clients[0]));
	if (c->failed) {
		s->dropped++;
		pr_limited_warn("client %u (process %ld) dropped: it %s; %u of %u", id,
				(long)c->pid, c->end, s->count, s->options->clients);
	} else {
		pr_limited_info("client %u left, %u of %u", id, s->count, s->options->clients);
	}
	client_destroy(c);
	for (i = 0; i < s->count; i++) {
		client_tell_leave(s->clients[i], id);
		serve(s, s->clients[i]);
	}
}

/* Only here do clients vanish; never while events are handled. */
static void remove_ended(struct server *s)
{
	bool any = false;
	unsigned int i = 0;

	while (i < s->count) {
		if (!s->clients[i]->end) {
			i++;
			continue;
		}
		remove_client(s, i);
		any = true;
		i = 0;		/* the news may have been the end of another */
	}
	if (!any)
		return;
	tell_status(s);
	if (s->accept_at != NEVER)
		resume(s);
}

static bool is_full(const struct server *s)
{
	return s->next_id == ID_END || s->count == s->options->clients;
}

static bool have_spare(struct server *s)
{
	if (!s->spare)
		s->spare = peer_create(s->options->vectors);
	return s->spare;
}

/* The protocol has no word for it but the end of the connection. */
static const char *refusal(struct server *s)
{
	unsigned int i;

	if (!is_full(s))
		return NULL;
	if (s->next_id == ID_END)
		return "all 65536 ids were given";
	/* A guest that starts anew may be here before we saw its old self leave. */
	for (i = 0; i < s->count; i++)
		client_receive(s->clients[i]);
	remove_ended(s);
	return is_full(s) ? "as many as --clients allows are there" : NULL;
}

static void refuse(struct server *s, int fd, const char *why)
{
	struct ucred creds = { .pid = 0 };
	socklen_t length = sizeof(creds);

	getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &creds, &length);
	close(fd);
	s->refused++;
	pr_limited_warn("process %ld refused: %s", (long)creds.pid, why);
}

/* False when there is no more to accept for now. */
static bool accept_one(struct server *s)
{
	const char *why;
	struct client *c;
	int fd;

	/* First of all the descriptors: once accepted, a client cannot wait. */
	if (!is_full(s) && !have_spare(s)) {
		back_off(s, errno);
		return false;
	}
	fd = accept4(s->listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0) {
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
			back_off(s, errno);
		else if (errno == ECONNABORTED || errno == EINTR)
			return true;
		else if (errno != EAGAIN)
			back_off(s, errno);
		return false;
	}
	if (s->backoff) {
		pr_limited_info("clients are accepted again");
		s->backoff = 0;
	}
	/* Not earlier: who left before this one came does not count. */
	why = refusal(s);
	if (why) {
		refuse(s, fd, why);
		return true;
	}
	c = have_spare(s) ? client_create(fd, s->spare, s->options->clients) : NULL;
	if (!c || watch(s, EPOLL_CTL_ADD, fd, c->events, c)) {
		why = strerror(errno);
		free(c);
		refuse(s, fd, why);
		return true;
	}
	s->spare->id = s->next_id++;
	s->spare = NULL;
	add_client(s, c);
	return true;
}

static void accept_clients(struct server *s)
{
	unsigned int i = 0;

	s->waiting = false;
	while (i < ACCEPT_BATCH && accept_one(s))
		i++;
}

static void report(struct server *s)
{
	unsigned int i;
	struct client *c;

	pr_notice("up for %jd s: %s, %u vectors, %u of %u clients, next id %u, %lu dropped, %lu refused",
		  (intmax_t)(now_ms() - s->start) / 1000, s->memory->text,
		  s->options->vectors, s->count, s->options->clients, s->next_id,
		  s->dropped, s->refused);
	for (i = 0; i < s->count; i++) {
		c = s->clients[i];
		pr_notice("client %u: process %ld, user %lu, %u notices to be read", c->peer->id,
			  (long)c->pid, (unsigned long)c->uid, c->count);
	}
}

static void take_signal(struct server *s)
{
	struct signalfd_siginfo info;

	while (read(s->signals, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGHUP) {
			log_reopen();
			report(s);
			continue;
		}
		pr_notice("stopping on %s", info.ssi_signo == SIGINT ? "SIGINT" : "SIGTERM");
		s->stop = true;
	}
}

static void handle(struct server *s, const struct epoll_event *event)
{
	struct client *c = event->data.ptr;

	if (event->data.ptr == &s->listener) {
		s->waiting = true;
	} else if (event->data.ptr == &s->signals) {
		take_signal(s);
	} else {
		if (event->events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
			client_receive(c);
		if (event->events & EPOLLOUT && !c->end)
			serve(s, c);
	}
}

/* What is due now; returns the time of the next, in ms. */
static int64_t handle_times(struct server *s)
{
	const int64_t timeout = (int64_t)s->options->timeout * 1000;
	int64_t now = now_ms(), next, each;
	unsigned int i;

	for (i = 0; i < s->count; i++) {
		if (client_next_time(s->clients[i], timeout) <= now)
			serve(s, s->clients[i]);
		client_check_time(s->clients[i], now, timeout);
	}
	remove_ended(s);
	if (s->accept_at <= now)
		resume(s);
	next = s->accept_at;
	for (i = 0; i < s->count; i++) {
		each = client_next_time(s->clients[i], timeout);
		if (each < next)
			next = each;
	}
	return next;
}

static int loop(struct server *s)
{
	struct epoll_event events[64];
	int64_t next, wait;
	int i, count;

	while (!s->stop) {
		next = handle_times(s);
		wait = next == NEVER ? -1 : next - now_ms();
		if (next != NEVER && wait < 0)
			wait = 0;
		count = epoll_wait(s->epoll, events, 64, wait > INT_MAX ? INT_MAX : (int)wait);
		if (count < 0 && errno != EINTR) {
			pr_err("epoll_wait: %s", strerror(errno));
			return -1;
		}
		for (i = 0; i < count; i++)
			handle(s, &events[i]);
		/* Both of these may remove clients, which events still point to above. */
		remove_ended(s);
		if (s->waiting)
			accept_clients(s);
	}
	return 0;
}

static int set_up(struct server *s)
{
	sigset_t set;

	/* main() has blocked them */
	stop_signals(&set);
	s->clients = calloc(s->options->clients, sizeof(s->clients[0]));
	s->signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	s->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (!s->clients || s->signals < 0 || s->epoll < 0 ||
	    watch(s, EPOLL_CTL_ADD, s->signals, EPOLLIN, &s->signals) ||
	    watch(s, EPOLL_CTL_ADD, s->listener->fd, EPOLLIN, &s->listener)) {
		pr_err("cannot set up the event loop: %s", strerror(errno));
		return -1;
	}
	return 0;
}

static void clean_up(struct server *s)
{
	while (s->count)
		client_destroy(s->clients[--s->count]);
	if (s->spare)
		peer_put(s->spare);
	if (s->signals >= 0)
		close(s->signals);
	if (s->epoll >= 0)
		close(s->epoll);
	free(s->clients);
}

int server_run(const struct options *o, const struct listener *l, const struct memory *m,
	       int ready_fd)
{
	struct server s = {
		.options = o, .listener = l, .memory = m, .epoll = -1, .signals = -1,
		.accept_at = NEVER, .start = now_ms(),
	};
	int code = set_up(&s);

	if (!code) {
		pr_notice("serving %s at %s: %u vectors, up to %u clients", m->text,
			  l->path ? l->path : "the socket of systemd", o->vectors, o->clients);
		if (ready_fd >= 0)
			background_is_ready(ready_fd);
		systemd_notify("READY=1\nSTATUS=no clients yet");
		code = loop(&s);
		systemd_notify("STOPPING=1");
		report(&s);
	}
	clean_up(&s);
	return code;
}
