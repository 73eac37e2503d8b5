/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Ports of one segment in one kernel, with a clock, a workqueue and a log of
 * their own. The files of the transport under test are compiled with this
 * header before them: whatever takes time there, or lets another guest run in
 * between, comes here, and happens in the same order every time.
 */
#ifndef _IVNET_TEST_SHM_SIM_H
#define _IVNET_TEST_SHM_SIM_H

#include <linux/delay.h>
#include <linux/device.h>
#include <linux/etherdevice.h>
#include <linux/jiffies.h>
#include <linux/netdevice.h>
#include <linux/random.h>
#include <linux/rcupdate.h>
#include <linux/workqueue.h>
#include <net/neighbour.h>

#include "../ivshmem/shm.h"

struct kunit;

#define SIM_PORTS	3

/* Long enough for doorbells alone to bring a link up, ms. */
#define SIM_SOON	50

/**
 * struct sim_lane - where the traffic of a lane is
 * @life: life of the link to which the numbers belong
 * @sent: frames sent in it
 * @got: frames received in it
 */
struct sim_lane {
	u32 life;
	u32 sent;
	u32 got;
};

/**
 * struct sim_port - one guest
 * @sim: the segment
 * @sd: its device object
 * @dev: the bus device, for its name alone
 * @netdev: never registered
 * @up: between sim_up() and sim_down()
 * @frozen: neither its work nor its data path gets to run
 * @queued: its work is due at @due
 * @due: in time of the segment
 * @begun: its work has begun when it is cancelled, and ends before that does
 * @works: how often its work ran
 * @rung: doorbells that reached it
 * @wakes: looks at all queues that were asked for
 * @forgets: lanes whose frames were given up
 * @refused: rules that its data path saw broken by a peer
 * @anew: wrong indices that were those of a peer's next life
 * @frames: frames received
 * @n_said: lines logged
 * @said: the last one
 * @lanes: traffic with each peer, queue 0
 */
struct sim_port {
	struct sim *sim;
	struct shm_dev *sd;
	struct device dev;
	struct net_device *netdev;
	bool up;
	bool frozen;
	bool queued;
	unsigned long due;
	bool begun;
	u32 works;
	u32 rung;
	u32 wakes;
	u32 forgets;
	u32 refused;
	u32 anew;
	u32 frames;
	u32 n_said;
	char said[200];
	struct sim_lane lanes[IVNET_SHM_PORTS_MAX];
};

/**
 * struct sim - the segment
 * @test: the test that runs
 * @base: the region
 * @size: bytes of it
 * @states: IVSHMEM v2: the state table
 * @port: the guests
 * @gap: called wherever another guest may run in the middle of something; not
 *	while it runs itself
 * @in_gap: it does
 * @sleep: called once in each sleep, when it is over
 * @slept: milliseconds slept so far
 * @traffic: data paths of all ports run in every gap
 * @fault: the first thing that must never be, and was
 */
struct sim {
	struct kunit *test;
	u8 *base;
	u64 size;
	__le32 states[SIM_PORTS];
	struct sim_port port[SIM_PORTS];
	void (*gap)(struct sim *sim);
	bool in_gap;
	void (*sleep)(struct sim *sim);
	u32 slept;
	bool traffic;
	char fault[160];
};

/**
 * struct sim_pair - two guests that talk
 * @sim: their segment
 * @a: one
 * @b: the other
 */
struct sim_pair {
	struct sim *sim;
	struct sim_port *a;
	struct sim_port *b;
};

struct sim *sim_new(struct kunit *test, u64 size);
struct sim *sim_new_v2(struct kunit *test, u64 output);
void sim_exit(struct kunit *test);
void sim_wipe(struct sim *sim);
int sim_up(struct sim_port *p);
void sim_down(struct sim_port *p);
void sim_crash(struct sim_port *p);
void sim_run(struct sim_port *p);
void sim_stop(struct sim_port *p);
void sim_work(struct sim_port *p);
void sim_pass(struct sim *sim, u32 ms);
void sim_data_path(struct sim_port *p);
void sim_check(struct sim *sim);
struct shm_link *sim_link(struct sim_port *p, struct sim_port *peer);
bool sim_usable(struct sim_port *p, struct sim_port *peer);
struct ivnet_shm_link *sim_block(struct sim_port *p, struct sim_port *peer);
struct ivnet_shm_announce *sim_announce(struct sim_port *p);
__le64 *sim_claim(struct sim *sim, u32 i);
struct sim_pair sim_pair_new(struct kunit *test);
void sim_pair_expect_up(struct kunit *test, struct sim_pair *p);
void sim_pair_lie(struct sim_pair *p);

/* What the files under test get instead of the kernel's. */
extern unsigned long sim_jiffies;
void sim_gap(void);
void sim_sleep(unsigned int ms);
void sim_usleep(unsigned long min, unsigned long max);
bool sim_queue(struct workqueue_struct *wq, struct delayed_work *work,
	       unsigned long delay);
bool sim_cancel(struct delayed_work *work);
__printf(2, 3) void sim_say(struct device *dev, const char *fmt, ...);

#define jiffies				sim_jiffies

#undef msleep
#define msleep				sim_sleep
#undef usleep_range
#define usleep_range			sim_usleep

#undef queue_delayed_work
#define queue_delayed_work		sim_queue
#undef mod_delayed_work
#define mod_delayed_work		sim_queue
#undef cancel_delayed_work_sync
#define cancel_delayed_work_sync	sim_cancel

#undef synchronize_rcu_expedited
#define synchronize_rcu_expedited	sim_gap
#undef virt_wmb
#define virt_wmb			sim_gap	/* one CPU: where others run */
#undef ivnet_shm_store_release
#define ivnet_shm_store_release(p, v)					\
	({ sim_gap(); WRITE_ONCE(*(p), v); })

#undef dev_err
#define dev_err(dev, fmt...)		sim_say(dev, fmt)
#undef dev_warn
#define dev_warn(dev, fmt...)		sim_say(dev, fmt)
#undef dev_info
#define dev_info(dev, fmt...)		sim_say(dev, fmt)
/* Whoever repeats a scene wants to hear it each time. */
#undef dev_err_ratelimited
#define dev_err_ratelimited(dev, fmt...)	sim_say(dev, fmt)
#undef dev_warn_ratelimited
#define dev_warn_ratelimited(dev, fmt...)	sim_say(dev, fmt)
#undef dev_info_ratelimited
#define dev_info_ratelimited(dev, fmt...)	sim_say(dev, fmt)

#endif
