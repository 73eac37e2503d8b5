/* SPDX-License-Identifier: GPL-2.0 */
/* The classic format: its state, and what its two files call in each other. */
#ifndef _IVNET_SHM_CLASSIC_H
#define _IVNET_SHM_CLASSIC_H

#include <net/ivnet/shm_classic.h>

#include "shm.h"

/*
 * Vector of states, and of data as well on v1 and on v2 where there is no other:
 * the peers look at the device, not at each other.
 */
#define CLASSIC_VECTOR		0
#define CLASSIC_VECTOR_DATA	1

/**
 * struct shm_classic - all that this format needs
 * @sd: the device
 * @run: frames may flow; read by the data path, cleared before rings change
 * @broken: a rule that the data path saw broken, enum ivnet_classic_err
 * @l: layout of both areas
 * @own_state: our state word; NULL on v2, where a register is
 * @peer_state: the other side's
 * @data: both sides' data areas
 * @areas: both areas
 * @side: ours of the two
 * @peer: the other side's doorbell address
 * @vector: its vector for data
 * @rx: receiving side; under the queue's NAPI
 * @seen: the other side's state, as the work saw it last
 * @tx: sending side; under the queue's transmit lock, like what follows
 * @sum: for each descriptor, @queued after its frame
 * @queued: bytes of all frames so far, as BQL counts them
 * @completed: bytes that BQL knows to be done
 * @moved_at: when the other side was last done with a frame, or the ring was last
 *	empty, jiffies
 * @state: ours; under &shm_dev.lock, like all that follows
 * @up: the interface is
 * @alive: the work may run
 * @error: the last rule that was broken, enum ivnet_classic_err
 * @resets: how often the rings were emptied
 * @retry: length of the next pause after a broken rule, seconds
 * @retry_at: end of the present one, jiffies
 * @emptied_at: when the rings were emptied last, jiffies
 * @vectors: that the device has; this format uses the first, on v2 the first two
 */
struct shm_classic {
	struct shm_dev *sd;
	bool run;
	u32 broken;
	struct ivnet_classic_layout l;
	__le32 *own_state;
	const __le32 *peer_state;
	u8 *data[2];
	u8 *areas[2];
	u32 side;
	u16 peer;
	u16 vector;
	struct ivnet_classic_rx rx ____cacheline_aligned_in_smp;
	u32 seen;
	struct ivnet_classic_tx tx ____cacheline_aligned_in_smp;
	u32 *sum;
	u32 queued;
	u32 completed;
	unsigned long moved_at;

	enum ivnet_classic_state state ____cacheline_aligned_in_smp;
	bool up;
	bool alive;
	u32 error;
	u32 resets;
	u32 retry;
	unsigned long retry_at;
	unsigned long emptied_at;
	u16 vectors;
};

/**
 * classic_ring() - tell the other side of data
 * @c: the format's state
 *
 * Context: bottom halves or interrupts off.
 */
static inline void classic_ring(const struct shm_classic *c)
{
	c->sd->bus->ring(c->sd, c->peer, c->vector);
}

/**
 * classic_peer_state() - look at the other side's state
 * @c: the format's state
 *
 * Return: whatever is there.
 */
static inline u32 classic_peer_state(const struct shm_classic *c)
{
	return le32_to_cpu(READ_ONCE(*c->peer_state));
}

/**
 * classic_usable() - may the data path use the rings?
 * @c: the format's state
 *
 * Context: bottom halves off; classic_halt() waits for them.
 * Return: true if it may.
 */
static inline bool classic_usable(const struct shm_classic *c)
{
	/* Pairs with the release in classic_follow(): the rings are complete. */
	return smp_load_acquire(&c->run) && !READ_ONCE(c->broken);
}

/* classic.c */

/* classic_io.c */
netdev_tx_t classic_xmit(struct sk_buff *skb, struct net_device *dev);
void classic_tx_forget(struct shm_queue *sq, struct shm_classic *c);
int classic_poll(struct napi_struct *napi, int budget);

#endif
