// SPDX-License-Identifier: GPL-2.0
/*
 * Wake-on-LAN: a port that sleeps keeps its links, and looks in its interrupt
 * for the one frame that wakes it; ivnet-shm.rst, "Sleep".
 */

#include <linux/netdevice.h>
#include <linux/nospec.h>
#include <linux/pm_wakeup.h>
#include <net/ivnet/magic.h>

#include "shm.h"

/* Frames that one interrupt looks at. */
#define SHM_SLEEP_FRAMES	64

/* Is it this frame? Longer ones than a private copy has room for are not. */
static bool frame_wakes(struct shm_dev *sd, const struct shm_lane *lane,
			const struct ivnet_shm_frame *f)
{
	u32 offset = array_index_nospec(f->offset, lane->rx.data_size);

	if (f->len > sizeof(sd->sleep_frame))
		return false;
	memcpy(sd->sleep_frame, lane->rx_data + offset, f->len);

	return ivnet_magic_match(sd->sleep_frame, f->len, sd->mac);
}

/* Drop up to @left frames of a lane; true if one of them wakes. */
static bool lane_scan(struct shm_link *link, u32 q, u32 *left)
{
	struct shm_lane *lane = &link->lanes[q];
	struct shm_dev *sd = link->sd;
	struct ivnet_shm_frame f;
	bool wakes = false;
	int n;

	do {
		n = ivnet_shm_rx_avail(&lane->rx);
		/* The peer began anew, or broke a rule: seen when awake. */
		if (n < 0) {
			WRITE_ONCE(link->broken, SHM_ERR_ANEW);
			return wakes;
		}
		for (; n && *left; n--, --*left) {
			if (!ivnet_shm_rx_fetch(&lane->rx, &f))
				wakes |= frame_wakes(sd, lane, &f);
			ivnet_shm_rx_next(&lane->rx);
			sd->slept++;
		}
		if (ivnet_shm_rx_publish(&lane->rx))
			shm_link_ring(link, link->data_vector[q]);
	} while (*left && ivnet_shm_rx_arm(&lane->rx));

	return wakes;
}

/* All lanes of all links that were up; true if a frame wakes. */
static bool links_scan(struct shm_dev *sd)
{
	u32 left = SHM_SLEEP_FRAMES, i, q;
	bool wakes = false;

	for (i = 0; i < sd->geo.ports; i++) {
		if (sd->links[i].state != SHM_LINK_UP || sd->links[i].broken)
			continue;
		for (q = 0; q < sd->geo.queues; q++)
			wakes |= lane_scan(&sd->links[i], q, &left);
	}
	/* There may be more: come again. */
	if (!left)
		sd->bus->ring(sd, sd->position, 0);

	return wakes;
}

/**
 * shm_sleep_interrupt() - somebody rang while we sleep
 * @sd: the device
 *
 * Context: any.
 */
void shm_sleep_interrupt(struct shm_dev *sd)
{
	unsigned long flags;
	bool wakes;

	spin_lock_irqsave(&sd->sleep_lock, flags);
	wakes = sd->asleep && links_scan(sd);
	spin_unlock_irqrestore(&sd->sleep_lock, flags);
	if (wakes)
		pm_wakeup_hard_event(sd->idev->dev);
}
EXPORT_SYMBOL_GPL(shm_sleep_interrupt);

/**
 * shm_can_wake() - &ivnet_transport_ops.can_wake
 * @idev: the device
 *
 * Return: false where no peer can ring.
 */
bool shm_can_wake(struct ivnet_dev *idev)
{
	const struct shm_dev *sd = ivnet_priv(idev);

	return sd->vectors && device_can_wakeup(idev->dev);
}

/**
 * shm_sleep_begin() - fall asleep, but listen
 * @sd: the device
 *
 * Return: false if nobody could wake it; nothing has changed then.
 */
bool shm_sleep_begin(struct shm_dev *sd)
{
	struct ivnet_dev *idev = sd->idev;

	if (!idev->ops->can_wake || !idev->ops->can_wake(idev))
		return false;

	mutex_lock(&sd->lock);
	sd->dozing = true;
	mutex_unlock(&sd->lock);
	if (!ivnet_dev_doze(idev)) {
		mutex_lock(&sd->lock);
		sd->dozing = false;
		mutex_unlock(&sd->lock);
		return false;
	}

	spin_lock_irq(&sd->sleep_lock);
	sd->slept = 0;
	WRITE_ONCE(sd->asleep, true);
	spin_unlock_irq(&sd->sleep_lock);
	/* What came before the doorbell was asked for. */
	shm_sleep_interrupt(sd);

	return true;
}
EXPORT_SYMBOL_GPL(shm_sleep_begin);

/**
 * shm_sleep_end() - awake
 * @sd: the device, which may not have slept; to be detached if it has
 *
 * Return: true if it has.
 */
bool shm_sleep_end(struct shm_dev *sd)
{
	struct ivnet_net *net;
	bool slept;

	spin_lock_irq(&sd->sleep_lock);
	slept = sd->asleep;
	WRITE_ONCE(sd->asleep, false);
	spin_unlock_irq(&sd->sleep_lock);
	if (!slept)
		return false;

	mutex_lock(&sd->lock);
	sd->dozing = false;
	mutex_unlock(&sd->lock);
	net = netdev_priv(sd->idev->netdev);
	ivnet_rx_stat_add(&net->stats[0].rx, IVNET_RX_DROP_ASLEEP, sd->slept);

	return true;
}
EXPORT_SYMBOL_GPL(shm_sleep_end);
