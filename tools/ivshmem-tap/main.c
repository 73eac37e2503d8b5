// SPDX-License-Identifier: GPL-2.0
/*
 * ivshmem-tap: the host as one more port of a segment of shared memory. It joins
 * through ivshmem-server, as guests do, and offers the port as a TAP device.
 */
#include <linux/capability.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "log.h"
#include "port.h"
#include "process.h"

/* Each peer costs a descriptor per vector; the rest is what we use ourselves. */
#define DESCRIPTORS	(IVNET_SHM_PORTS_MAX * CLIENT_VECTORS + 64)

/* Whoever we are now: what was needed to open things is not needed any more. */
static void drop_capabilities(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3];

	memset(none, 0, sizeof(none));
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) ||
	    syscall(SYS_capset, &header, none))
		pr_warn("cannot drop capabilities: %s", strerror(errno));
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		pr_warn("PR_SET_NO_NEW_PRIVS: %s", strerror(errno));
}

static int join(struct port *p)
{
	int code = client_connect(p->client, p->options->socket, p->signals);

	if (code) {
		pr_err("--socket %s: %s", p->options->socket,
		       code == -ECONNREFUSED || code == -ENOENT ? "no server is there" :
		       code == -ECONNRESET ? "the server refuses us" :
		       code == -ETIMEDOUT ? "the server does not answer" : strerror(-code));
		return -1;
	}
	port_adopt(p);
	return region_open(p);
}

static int serve(const struct options *o, int ready_fd)
{
	struct lock_file pid_file = { .fd = -1 };
	struct port *p = calloc(1, sizeof(*p));
	int status = 1;
	sigset_t set;

	if (!p)
		return 1;
	p->options = o;
	p->me = -1;
	p->client = calloc(1, sizeof(*p->client));
	if (!p->client)
		goto free_port;
	p->client->sock = -1;
	p->client->part_fd = -1;
	stop_signals(&set);
	p->signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (p->signals < 0)
		goto free_client;
	if (o->daemon.pid_file && lock_file_take(&pid_file, o->daemon.pid_file, "--pid-file"))
		goto close_signals;
	if (join(p))
		goto close_client;
	if (tap_open(&p->tap, &o->tap, p->geo.queues))
		goto close_client;
	p->mtu = tap_mtu(&p->tap);
	if (drop_privileges(o->daemon.user, o->daemon.group))
		goto close_tap;
	drop_capabilities();
	status = port_run(p, ready_fd);
close_tap:
	tap_close(&p->tap);
close_client:
	client_close(p->client);
	lock_file_release(&pid_file);
close_signals:
	close(p->signals);
free_client:
	free(p->client);
free_port:
	free(p);
	return status;
}

int main(int argc, char **argv)
{
	struct options options;
	int ready_fd = -1;

	if (fill_standard_streams())
		return 1;
	options_parse(&options, argc, argv);
	if (options.daemon.log && log_open(options.daemon.log))
		return 1;
	set_signals();
	raise_descriptor_limit(DESCRIPTORS, "15 peers with 64 vectors");
	if (options.daemon.daemonize) {
		ready_fd = go_to_background();
		if (ready_fd < 0)
			return 1;
	}
	return serve(&options, ready_fd);
}
