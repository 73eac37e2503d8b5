// SPDX-License-Identifier: GPL-2.0
/* What all queues have in common: taken, returned, interrupts and their delay. */
#include <time.h>

#include "vnet.h"

/**
 * vnet_now() - the time
 *
 * Return: it, in ns, never 0.
 */
uint64_t vnet_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);

	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec + 1;
}

static void broken(struct vnet *v, struct vnet_queue *q)
{
	v->counts.broken++;
	q->enabled = false;
	vnet_needs_reset(v, "a ring makes no sense");
}

/**
 * vnet_pop() - take the next buffer of a queue
 * @v: the device
 * @q: the queue
 * @e: filled in
 *
 * Return: 1, or 0 if there is none.
 */
int vnet_pop(struct vnet *v, struct vnet_queue *q, struct element *e)
{
	int found;

	if (!q->enabled || !vnet_running(v))
		return 0;
	if (lie_told(&v->lies, LIE_NEEDS_RESET, vnet_lie_index(v, q), NULL)) {
		vnet_needs_reset(v, "a lie");
		return 0;
	}
	found = q->ring.ops->pop(&q->ring, e);
	if (found < 0) {
		broken(v, q);
		return 0;
	}

	return found;
}

/**
 * vnet_push() - return a buffer; it becomes visible with vnet_publish()
 * @v: the device
 * @q: the queue
 * @id: of the buffer
 * @descs: likewise
 * @len: bytes that were written
 */
void vnet_push(struct vnet *v, struct vnet_queue *q, uint16_t id, uint16_t descs, uint32_t len)
{
	int queue = vnet_lie_index(v, q);
	uint32_t value;

	if (!q->enabled || lie_told(&v->lies, LIE_USED_LOST, queue, NULL))
		return;
	if (lie_told(&v->lies, LIE_USED_ID, queue, &value))
		id = (uint16_t)value;
	if (lie_told(&v->lies, LIE_USED_LEN, queue, &value))
		len = value;
	if (!q->ring.ops->push(&q->ring, id, descs, len) ||
	    (lie_told(&v->lies, LIE_USED_TWICE, queue, NULL) &&
	     !q->ring.ops->push(&q->ring, id, descs, len))) {
		broken(v, q);
		return;
	}
	q->buffers++;
	q->dirty = true;
}

/**
 * vnet_publish() - show the driver what was returned
 * @v: the device
 * @q: the queue
 */
void vnet_publish(struct vnet *v, struct vnet_queue *q)
{
	uint32_t jump = 0;

	if (!q->enabled || !q->ring.pending)
		return;
	lie_told(&v->lies, LIE_USED_JUMP, vnet_lie_index(v, q), &jump);
	if (!q->ring.ops->publish(&q->ring, (uint16_t)jump))
		broken(v, q);
}

static void interrupt(struct vnet *v, struct vnet_queue *q)
{
	q->deadline = 0;
	q->waiting = 0;
	if (!q->enabled)
		return;
	if (!q->ring.ops->wanted(&q->ring))
		q->held_back++;
	else if (!lie_told(&v->lies, LIE_IRQ_LOST, vnet_lie_index(v, q), NULL))
		vnet_interrupt(v, q);
}

/**
 * vnet_notify() - the interrupt for what was made visible, now or later
 * @v: the device
 * @q: the queue
 */
void vnet_notify(struct vnet *v, struct vnet_queue *q)
{
	uint32_t extra = 0;

	if (lie_told(&v->lies, LIE_IRQ_EXTRA, vnet_lie_index(v, q), &extra))
		while (extra--)
			vnet_interrupt(v, q);
	if (!q->dirty)
		return;
	q->dirty = false;
	if (!q->coal.usecs || q->waiting >= q->coal.packets) {
		interrupt(v, q);
		return;
	}
	if (!q->deadline)
		q->deadline = vnet_now() + q->coal.usecs * 1000ull;
}

static void answer_late(struct vnet *v)
{
	struct vnet_queue *q = &v->queues[vnet_ctrl_index(v)];

	v->late.at = 0;
	vnet_push(v, q, v->late.id, v->late.descs, v->late.len);
	vnet_publish(v, q);
	vnet_notify(v, q);
	/* More may have come in the meantime. */
	q->kicked = true;
}

/**
 * vnet_work() - do what was asked for, and what is due
 * @v: the device
 */
void vnet_work(struct vnet *v)
{
	unsigned int ctrl = vnet_ctrl_index(v), i;
	uint64_t now = vnet_now();
	struct vnet_queue *q;

	if (v->late.at && now >= v->late.at)
		answer_late(v);
	if (v->held && now >= v->held_until) {
		v->held = 0;
		v->queues[v->held_queue].drops++;
		v->queues[v->held_queue].overruns++;
	}
	for (i = 0; i < VNET_MAX_QUEUES; i++) {
		q = &v->queues[i];
		if (q->deadline && now >= q->deadline)
			interrupt(v, q);
		if (!q->kicked || !q->enabled || !vnet_running(v))
			continue;
		q->kicked = false;
		if (i == ctrl && vnet_has(v, VIRTIO_NET_F_CTRL_VQ))
			vnet_ctrl(v, q);
		else if (i & 1 && i / 2 < v->state.pairs)
			vnet_transmit(v, q);
		else if (v->held)
			vnet_receive(v);
	}
}

/**
 * vnet_timeout() - how long nothing is due
 * @v: the device
 *
 * Return: milliseconds, or -1 if nothing is.
 */
int vnet_timeout(const struct vnet *v)
{
	uint64_t first = UINT64_MAX, now;
	unsigned int i;

	if (v->late.at)
		first = v->late.at;
	if (v->held && v->held_until < first)
		first = v->held_until;
	for (i = 0; i < VNET_MAX_QUEUES; i++) {
		if (v->queues[i].deadline && v->queues[i].deadline < first)
			first = v->queues[i].deadline;
		if (v->queues[i].kicked && v->queues[i].enabled && vnet_running(v))
			return 0;
	}
	if (first == UINT64_MAX)
		return -1;
	now = vnet_now();

	return first > now ? (int)((first - now + 999999) / 1000000) : 0;
}
