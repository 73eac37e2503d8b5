// SPDX-License-Identifier: GPL-2.0
/*
 * Who wakes a queue pair: a doorbell, a timer that delays doorbells, or a timer
 * where there are none.
 */

#include <linux/netdevice.h>

#include "shm.h"

/* Interval of polling without doorbells: after work, and at rest. */
#define SHM_POLL_MIN_US	50
#define SHM_POLL_MAX_US	4000

static enum hrtimer_restart shm_timer(struct hrtimer *timer)
{
	struct shm_queue *sq = container_of(timer, struct shm_queue, timer);

	napi_schedule_irqoff(&sq->q.napi);

	return HRTIMER_NORESTART;
}

/**
 * shm_wake_init() - prepare a queue pair's timer
 * @sq: the queue pair
 */
void shm_wake_init(struct shm_queue *sq)
{
	sq->interval = SHM_POLL_MIN_US;
	hrtimer_setup(&sq->timer, shm_timer, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
}

static void timer_start(struct shm_queue *sq, u32 usecs)
{
	hrtimer_start(&sq->timer, ns_to_ktime((u64)usecs * NSEC_PER_USEC), HRTIMER_MODE_REL);
}

static u32 poll_min(const struct shm_queue *sq)
{
	const struct ivnet_net *net = netdev_priv(sq->q.netdev);

	return READ_ONCE(net->coal.rx.usecs) ?: SHM_POLL_MIN_US;
}

/**
 * shm_wake_later() - does a timer wake this queue pair instead of a doorbell?
 * @sq: the queue pair, whose poll just ended
 * @done: frames that the poll received
 *
 * A queue pair that polls does so more seldom the longer nothing happens.
 *
 * Context: bottom halves off.
 * Return: false if doorbells are to be asked for.
 */
bool shm_wake_later(struct shm_queue *sq, int done)
{
	const struct ivnet_net *net = netdev_priv(sq->q.netdev);
	u32 usecs, min;

	if (READ_ONCE(sq->sd->polling)) {
		min = poll_min(sq);
		usecs = done ? min : 2 * READ_ONCE(sq->interval);
		usecs = clamp(usecs, min, max_t(u32, min, SHM_POLL_MAX_US));
		WRITE_ONCE(sq->interval, usecs);
		timer_start(sq, usecs);
		return true;
	}

	usecs = READ_ONCE(net->coal.rx.usecs);
	if (!done || !usecs)
		return false;
	timer_start(sq, usecs);

	return true;
}

/**
 * shm_wake_soon() - something was sent: an answer may come soon
 * @sq: the queue pair
 *
 * Context: under the queue's transmit lock.
 */
void shm_wake_soon(struct shm_queue *sq)
{
	u32 min = poll_min(sq);

	if (!READ_ONCE(sq->sd->polling) || READ_ONCE(sq->interval) == min)
		return;
	WRITE_ONCE(sq->interval, min);
	timer_start(sq, min);
}

/**
 * shm_wake_within() - look at a queue pair again, whatever happens
 * @sq: the queue pair
 * @usecs: the latest moment, unless the timer runs already
 */
void shm_wake_within(struct shm_queue *sq, u32 usecs)
{
	if (!hrtimer_active(&sq->timer))
		timer_start(sq, usecs);
}

/**
 * shm_wake_exit() - stop a queue pair's timer
 * @sq: the queue pair; nobody polls it or transmits any more
 */
void shm_wake_exit(struct shm_queue *sq)
{
	hrtimer_cancel(&sq->timer);
}

/**
 * shm_wake_all() - look at every queue pair now
 * @sd: the device
 *
 * Context: process.
 */
void shm_wake_all(struct shm_dev *sd)
{
	struct shm_queue *sq;
	u32 i;

	local_bh_disable();
	for (i = 0; i < IVNET_SHM_QUEUES_MAX; i++) {
		sq = READ_ONCE(sd->queues[i]);
		if (sq)
			napi_schedule(&sq->q.napi);
	}
	local_bh_enable();
}

/**
 * shm_interrupt() - somebody rang
 * @sd: the device
 * @vector: which
 *
 * Vector 0 is for changes of state, and for data too if there is no other.
 *
 * Context: hard interrupt, or bottom halves off.
 */
void shm_interrupt(struct shm_dev *sd, u32 vector)
{
	u32 vectors = READ_ONCE(sd->vectors), pairs = READ_ONCE(sd->pairs);
	struct shm_queue *sq;
	u32 i;

	if (!vector)
		shm_link_kick(sd);

	for (i = 0; i < IVNET_SHM_QUEUES_MAX; i++) {
		if (vectors > 1 && vector != 1 + i % (vectors - 1))
			continue;
		/* A queue beyond the pairs in use is polled by one of them. */
		sq = READ_ONCE(sd->queues[pairs ? i % pairs : 0]);
		if (sq && napi_schedule_prep(&sq->q.napi)) {
			sq->irqs++;
			__napi_schedule(&sq->q.napi);
		}
	}
}
EXPORT_SYMBOL_GPL(shm_interrupt);
