// SPDX-License-Identifier: GPL-2.0
/* The segment of the tests, and what the files under test call. */

#include <kunit/test.h>
#include <linux/slab.h>

#include "../ivshmem/classic.h"
#include "shm_sim.h"

/* Begin shortly before the low half wraps, as kernels do. */
#define SIM_BEGIN	((unsigned long)(u32)(-100 * HZ))

/* What is in a frame: lives of both sides, and how many came before it. */
struct sim_frame {
	u32 from;
	u32 to;
	u32 number;
	u8 rest[52];
};

unsigned long sim_jiffies;

/* There is one segment at a time; calls without an object belong to it. */
static struct sim *the_sim;

/* ---- for the files under test ---- */

__printf(2, 3)
static void sim_fault(struct sim *sim, const char *fmt, ...)
{
	va_list args;

	if (sim->fault[0])
		return;
	va_start(args, fmt);
	vsnprintf(sim->fault, sizeof(sim->fault), fmt, args);
	va_end(args);
}

void sim_gap(void)
{
	struct sim *sim = the_sim;
	u32 i;

	if (sim->in_gap)
		return;
	sim->in_gap = true;
	for (i = 0; sim->traffic && i < SIM_PORTS; i++)
		sim_data_path(&sim->port[i]);
	if (sim->gap)
		sim->gap(sim);
	sim->in_gap = false;
}

void sim_sleep(unsigned int ms)
{
	struct sim *sim = the_sim;

	sim->slept += ms;
	sim_pass(sim, ms);
	if (sim->sleep)
		sim->sleep(sim);
}

void sim_usleep(unsigned long min, unsigned long max)
{
	sim_sleep(min / USEC_PER_MSEC);
}

static struct sim_port *port_of(struct delayed_work *work)
{
	struct shm_dev *sd = container_of(work, struct shm_dev, work);

	return sd->bus_priv;
}

bool sim_queue(struct workqueue_struct *wq, struct delayed_work *work,
	       unsigned long delay)
{
	struct sim_port *p = port_of(work);
	bool queued = p->queued;

	p->queued = true;
	p->due = jiffies + delay;

	return queued;
}

bool sim_cancel(struct delayed_work *work)
{
	struct sim_port *p = port_of(work);
	bool queued = p->queued;

	if (p->begun) {
		p->begun = false;
		sim_work(p);
	}
	p->queued = false;

	return queued;
}

void sim_say(struct device *dev, const char *fmt, ...)
{
	struct sim_port *p = container_of(dev, struct sim_port, dev);
	va_list args;

	p->n_said++;
	va_start(args, fmt);
	vsnprintf(p->said, sizeof(p->said), fmt, args);
	va_end(args);
}

void shm_tx_forget(struct shm_queue *sq, struct shm_lane *lane)
{
	struct shm_link *link = container_of(lane, struct shm_link, lanes[0]);
	struct sim_port *p = link->sd->bus_priv;

	if (READ_ONCE(link->run))
		sim_fault(p->sim, "lanes given up while they are in use");
	p->forgets++;
}

void shm_wake_all(struct shm_dev *sd)
{
	struct sim_port *p = sd->bus_priv;

	p->wakes++;
}

/* All that the classic format's poll does for the work. */
static void classic_look(struct shm_dev *sd)
{
	if (sd->classic && classic_peer_state(sd->classic) != sd->classic->seen)
		shm_work_kick(sd);
}

/* A doorbell reaches whoever has that position, and is an interrupt there. */
static void sim_ring(struct shm_dev *sd, u16 position, u16 vector)
{
	struct sim_port *p = sd->bus_priv, *to;
	struct sim *sim = p->sim;

	for (to = sim->port; to < sim->port + SIM_PORTS; to++) {
		if (!to->up || to->sd->position != position)
			continue;
		if (vector >= to->sd->vectors)
			sim_fault(sim, "%s rang vector %u of %s", sd->idev->dev->init_name,
				  vector, to->dev.init_name);
		to->rung++;
		if (!vector)
			shm_link_kick(to->sd);
		classic_look(to->sd);
	}
}

static const struct shm_bus sim_bus = {
	.ring = sim_ring,
};

/* IVSHMEM v2: all see the new state, and are told if it is one. */
static void sim_state(struct shm_dev *sd, u32 state)
{
	struct sim_port *p = sd->bus_priv, *to;
	__le32 *word = &p->sim->states[sd->position];

	if (le32_to_cpu(*word) == state)
		return;
	*word = cpu_to_le32(state);
	for (to = p->sim->port; to < p->sim->port + SIM_PORTS; to++)
		if (to->up && to != p)
			sim_ring(sd, to->sd->position, 0);
}

static const struct shm_bus sim_bus_v2 = {
	.ring	= sim_ring,
	.state	= sim_state,
};

/* ---- guests ---- */

static void port_init(struct sim *sim, u32 i)
{
	static const char * const names[] = { "A", "B", "C" };
	struct sim_port *p = &sim->port[i];
	const u8 mac[ETH_ALEN] = { 2, 0, 0, 0, 0, i + 1 };
	struct ivnet_dev *idev;
	struct ivnet_net *net;

	idev = kunit_kzalloc(sim->test, sizeof(*idev) + sizeof(*p->sd),
			     GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(sim->test, idev);
	p->netdev = alloc_etherdev(sizeof(*net));
	KUNIT_ASSERT_NOT_NULL(sim->test, p->netdev);
	netif_carrier_off(p->netdev);
	net = netdev_priv(p->netdev);
	net->idev = idev;
	eth_hw_addr_set(p->netdev, mac);

	p->sim = sim;
	p->dev.init_name = names[i];
	idev->dev = &p->dev;
	idev->netdev = p->netdev;
	p->sd = ivnet_priv(idev);
	*p->sd = (struct shm_dev) {
		.idev		= idev,
		.bus		= &sim_bus,
		.bus_priv	= p,
		.base		= sim->base,
		.size		= sim->size,
		.position	= 10 + i,
		.vectors	= 2,
		.pin		= SHM_PORT_ANY,
		.port		= -1,
		.wants		= SHM_FEATURES,
		.mtu		= ETH_DATA_LEN,
	};
	ether_addr_copy(p->sd->mac, mac);
	mutex_init(&p->sd->lock);
	INIT_DELAYED_WORK(&p->sd->work, shm_link_work);
}

/**
 * sim_new() - an empty region and guests that are not there yet
 * @test: the test; calls sim_exit() at its end
 * @size: bytes of the region
 *
 * Return: the segment.
 */
struct sim *sim_new(struct kunit *test, u64 size)
{
	struct sim *sim;
	u32 i;

	sim = kunit_kzalloc(test, sizeof(*sim), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, sim);
	sim->test = test;
	sim->size = size;
	sim->base = kunit_kzalloc(test, size, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, sim->base);
	sim_jiffies = SIM_BEGIN;
	the_sim = sim;
	for (i = 0; i < SIM_PORTS; i++)
		port_init(sim, i);

	return sim;
}

/**
 * sim_new_v2() - the same with output sections, one for each guest
 * @test: the test; calls sim_exit() at its end
 * @output: bytes of each
 *
 * Return: the segment.
 */
struct sim *sim_new_v2(struct kunit *test, u64 output)
{
	struct sim *sim = sim_new(test, SIM_PORTS * output);
	struct shm_dev *sd;
	u32 i, j;

	for (i = 0; i < SIM_PORTS; i++) {
		sd = sim->port[i].sd;
		sd->bus = &sim_bus_v2;
		sd->base = NULL;
		sd->states = sim->states;
		for (j = 0; j < SIM_PORTS; j++)
			sd->outputs[j] = sim->base + j * output;
		sd->output_size = output;
		sd->own_queues = 1;
		sd->position = i;
		sd->want_ports = SIM_PORTS;
		sd->pin = i;
	}

	return sim;
}

/* What a port allocated; nobody is told. */
static void port_free(struct sim_port *p)
{
	struct shm_dev *sd = p->sd;

	p->up = false;
	p->frozen = false;
	p->queued = false;
	sd->open = false;
	sd->running = false;
	sd->port = -1;
	kvfree(sd->ends);
	kvfree(sd->links);
	sd->links = NULL;
}

/**
 * sim_exit() - as &kunit_suite.exit
 * @test: the test
 */
void sim_exit(struct kunit *test)
{
	struct sim *sim = the_sim;
	struct sim_port *p;

	if (!sim || sim->test != test)
		return;
	the_sim = NULL;
	for (p = sim->port; p < sim->port + SIM_PORTS && p->sim; p++) {
		if (p->up)
			port_free(p);
		free_netdev(p->netdev);
	}
}

/**
 * sim_wipe() - begin from nothing: no guest is there and the region is empty
 * @sim: the segment
 */
void sim_wipe(struct sim *sim)
{
	struct sim_port *p;

	for (p = sim->port; p < sim->port + SIM_PORTS; p++)
		if (p->up)
			port_free(p);
	memset(sim->base, 0, sim->size);
}

/**
 * sim_up() - a guest loads the driver, as shm_up() does it
 * @p: the guest
 *
 * Return: 0 or an error.
 */
int sim_up(struct sim_port *p)
{
	struct shm_dev *sd = p->sd;
	int err;

	err = shm_region_open(sd, NULL);
	if (err)
		return err;
	sd->links = kvcalloc(sd->geo.ports, sizeof(*sd->links), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(p->sim->test, sd->links);
	sd->ends = kvcalloc((size_t)sd->geo.ports * sd->geo.queues <<
			    sd->geo.order, 2 * sizeof(*sd->ends), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(p->sim->test, sd->ends);
	p->up = true;
	shm_link_init(sd);

	return 0;
}

/**
 * sim_down() - a guest unloads the driver
 * @p: the guest
 */
void sim_down(struct sim_port *p)
{
	if (p->sd->running)
		sim_stop(p);
	shm_links_exit(p->sd);
	if (p->queued)
		sim_fault(p->sim, "%s left its work behind", p->dev.init_name);
	port_free(p);
}

/**
 * sim_crash() - a guest is gone without a word
 * @p: the guest
 */
void sim_crash(struct sim_port *p)
{
	port_free(p);
	/* But where a device is there to tell. */
	if (p->sd->states)
		sim_state(p->sd, 0);
}

/**
 * sim_run() - the interface goes up
 * @p: the guest
 */
void sim_run(struct sim_port *p)
{
	shm_links_run(p->sd, p->netdev, 1);
}

/**
 * sim_stop() - the interface goes down
 * @p: the guest
 */
void sim_stop(struct sim_port *p)
{
	shm_links_stop(p->sd);
}

/**
 * sim_work() - a guest's work runs now
 * @p: the guest
 */
void sim_work(struct sim_port *p)
{
	p->queued = false;
	p->works++;
	p->sd->work.work.func(&p->sd->work.work);
}

/**
 * sim_pass() - let time pass, with all that happens in it
 * @sim: the segment
 * @ms: how long, milliseconds
 */
void sim_pass(struct sim *sim, u32 ms)
{
	unsigned long end = jiffies + msecs_to_jiffies(ms);
	struct sim_port *p;
	u32 loops = 0;
	bool again;

	for (;;) {
		again = false;
		for (p = sim->port; p < sim->port + SIM_PORTS; p++) {
			if (!p->up || !p->queued || p->frozen ||
			    time_after(p->due, jiffies))
				continue;
			sim_work(p);
			again = true;
		}
		for (p = sim->port; sim->traffic && p < sim->port + SIM_PORTS; p++)
			sim_data_path(p);
		if (again) {
			if (++loops > 1000) {
				sim_fault(sim, "work without an end");
				return;
			}
			continue;
		}
		if (time_after_eq(jiffies, end))
			return;
		sim_jiffies++;
		loops = 0;
	}
}

/* ---- what is in the region ---- */

struct shm_link *sim_link(struct sim_port *p, struct sim_port *peer)
{
	return &p->sd->links[peer->sd->port];
}

bool sim_usable(struct sim_port *p, struct sim_port *peer)
{
	return p->up && peer->up && p->sd->port >= 0 && peer->sd->port >= 0 &&
	       shm_link_usable(sim_link(p, peer));
}

struct ivnet_shm_link *sim_block(struct sim_port *p, struct sim_port *peer)
{
	return shm_at(p->sd, p->sd->port,
		      ivnet_shm_link_off(&p->sd->geo, p->sd->port,
					 peer->sd->port));
}

struct ivnet_shm_announce *sim_announce(struct sim_port *p)
{
	return shm_at(p->sd, p->sd->port,
		      ivnet_shm_section(&p->sd->geo, p->sd->port));
}

__le64 *sim_claim(struct sim *sim, u32 i)
{
	return (void *)(sim->base + IVNET_SHM_PORT_TABLE +
			i * sizeof(struct ivnet_shm_port));
}

/* ---- data path ---- */

static void index_wrong(struct sim_port *p, struct shm_link *link,
			enum shm_link_error err)
{
	if (shm_link_broken(link, err))
		p->refused++;
	else
		p->anew++;
}

static bool lane_receive(struct sim_port *p, struct shm_link *link,
			 struct sim_lane *sl)
{
	struct shm_lane *lane = &link->lanes[0];
	struct ivnet_shm_frame f;
	struct sim_frame frame;
	int n;

	n = ivnet_shm_rx_avail(&lane->rx);
	if (n < 0) {
		index_wrong(p, link, SHM_ERR_PROD);
		return false;
	}
	while (n--) {
		if (ivnet_shm_rx_fetch(&lane->rx, &f) || f.len != sizeof(frame)) {
			sim_fault(p->sim, "%s got something that is no frame",
				  p->dev.init_name);
			return false;
		}
		memcpy(&frame, lane->rx_data + f.offset, sizeof(frame));
		if (frame.from != link->peer_life || frame.to != link->life)
			sim_fault(p->sim, "%s got a frame of another life",
				  p->dev.init_name);
		if (frame.number != sl->got)
			sim_fault(p->sim, "%s got frame %u instead of %u",
				  p->dev.init_name, frame.number, sl->got);
		sl->got = frame.number + 1;
		p->frames++;
		ivnet_shm_rx_next(&lane->rx);
	}
	ivnet_shm_rx_publish(&lane->rx);

	return true;
}

static void lane_send(struct sim_port *p, struct shm_link *link,
		      struct sim_lane *sl)
{
	struct ivnet_shm_frame f = { .len = sizeof(struct sim_frame) };
	struct shm_lane *lane = &link->lanes[0];
	struct sim_frame frame = {
		.from	= link->life,
		.to	= link->peer_life,
		.number	= sl->sent,
	};

	if (!ivnet_shm_tx_alloc(&lane->tx, sizeof(frame), &f.offset)) {
		if (ivnet_shm_tx_reclaim(&lane->tx) < 0)
			index_wrong(p, link, SHM_ERR_CONS);
		return;
	}
	memcpy(lane->tx_data + f.offset, &frame, sizeof(frame));
	ivnet_shm_tx_put(&lane->tx, &f);
	ivnet_shm_tx_publish(&lane->tx);
	sl->sent++;
}

/**
 * sim_data_path() - take all frames that are there, and send one to each peer
 * @p: the guest
 */
void sim_data_path(struct sim_port *p)
{
	struct shm_link *link;
	struct sim_lane *sl;
	u32 i;

	if (!p->up || p->frozen || p->sd->port < 0)
		return;
	for (i = 0; i < p->sd->geo.ports; i++) {
		link = &p->sd->links[i];
		if (!shm_link_usable(link))
			continue;
		sl = &p->lanes[i];
		if (sl->life != link->life)
			*sl = (struct sim_lane) { .life = link->life };
		if (lane_receive(p, link, sl))
			lane_send(p, link, sl);
	}
}

/* ---- what must hold at every moment ---- */

static void check_pair(struct sim_port *p, struct sim_port *o)
{
	struct shm_link *link = sim_link(p, o), *back = sim_link(o, p);
	struct ivnet_shm_link *own = sim_block(p, o);
	struct sim *sim = p->sim;

	if (!link->run)
		return;
	if (!p->sd->running || link->state != SHM_LINK_UP)
		sim_fault(sim, "%s runs a link that is not up", p->dev.init_name);
	if (!link->life || !link->peer_life ||
	    le32_to_cpu(own->mine) != link->life ||
	    le32_to_cpu(own->yours) != link->peer_life)
		sim_fault(sim, "%s runs with other lives than it says",
			  p->dev.init_name);
	if (back->run && (back->life != link->peer_life ||
			  back->peer_life != link->life ||
			  back->features != link->features))
		sim_fault(sim, "%s and %s run with different lives",
			  p->dev.init_name, o->dev.init_name);
}

/**
 * sim_check() - see that no link does what it may not
 * @sim: the segment; &sim.fault says what is wrong
 */
void sim_check(struct sim *sim)
{
	struct sim_port *p, *o;

	for (p = sim->port; p < sim->port + SIM_PORTS; p++)
		for (o = sim->port; o < sim->port + SIM_PORTS; o++)
			if (p != o && p->up && o->up && p->sd->port >= 0 &&
			    o->sd->port >= 0)
				check_pair(p, o);
}

/* ---- two guests ---- */

/**
 * sim_pair_new() - A and B, up and running, with traffic
 * @test: the test
 *
 * Return: both.
 */
struct sim_pair sim_pair_new(struct kunit *test)
{
	struct sim_pair p = { .sim = sim_new(test, 65536) };

	p.a = &p.sim->port[0];
	p.b = &p.sim->port[1];
	p.sim->traffic = true;
	KUNIT_ASSERT_EQ(test, sim_up(p.a), 0);
	KUNIT_ASSERT_EQ(test, sim_up(p.b), 0);
	sim_run(p.a);
	sim_run(p.b);
	sim_pass(p.sim, SIM_SOON);
	KUNIT_ASSERT_TRUE(test, sim_usable(p.a, p.b));
	KUNIT_ASSERT_TRUE(test, sim_usable(p.b, p.a));

	return p;
}

/**
 * sim_pair_expect_up() - frames can flow, and nothing went wrong so far
 * @test: the test
 * @p: both
 */
void sim_pair_expect_up(struct kunit *test, struct sim_pair *p)
{
	KUNIT_EXPECT_TRUE(test, sim_usable(p->a, p->b));
	KUNIT_EXPECT_TRUE(test, sim_usable(p->b, p->a));
	sim_check(p->sim);
	KUNIT_EXPECT_STREQ(test, p->sim->fault, "");
}

/**
 * sim_pair_lie() - B's producer index runs away, and A's data path looks
 * @p: both
 */
void sim_pair_lie(struct sim_pair *p)
{
	struct shm_link *link = sim_link(p->b, p->a);

	WRITE_ONCE(link->lanes[0].tx.own->index,
		   cpu_to_le32(link->lanes[0].tx.published + 1000000));
	sim_data_path(p->a);
}
