// SPDX-License-Identifier: GPL-2.0
/* The ring of ivnet-shm, used as the driver uses it. */

#include <stdlib.h>

#include "job.h"

/* Each side's private memory. */
static alignas(APART) struct ivnet_shm_tx tx;
static alignas(APART) struct ivnet_shm_rx rx;

static bool shm_setup(const struct job *job)
{
	const struct ivnet_shm_geometry *g = &job->geo;

	tx = (struct ivnet_shm_tx) {
		.ring = (void *)(job->base + ivnet_shm_ring_off(g, 0, 1, 0)),
		.own = (void *)(job->base + ivnet_shm_prod_off(g, 0, 1, 0)),
		.peer = (void *)(job->base + ivnet_shm_cons_off(g, 1, 0, 0)),
		.end = calloc(1U << g->order, sizeof(*tx.end)),
		.mask = (1U << g->order) - 1,
		.data_size = g->data_size,
	};
	rx = (struct ivnet_shm_rx) {
		.ring = tx.ring,
		.own = (void *)tx.peer,
		.peer = tx.own,
		.mask = tx.mask,
		.data_size = g->data_size,
		.max_frame = g->max_frame,
		.flags = IVNET_SHM_D_NEEDS_CSUM | IVNET_SHM_D_DATA_VALID,
	};
	ivnet_shm_tx_reset(&tx);
	ivnet_shm_rx_reset(&rx);

	return tx.end && job->len <= g->max_frame;
}

static u32 shm_send(const struct job *job, u32 n)
{
	u8 *data = job->base + ivnet_shm_data_off(&job->geo, 0, 1, 0);
	struct ivnet_shm_frame f = { .len = job->len };
	u32 i;

	for (i = 0; i < n; i++) {
		if (!ivnet_shm_tx_alloc(&tx, f.len, &f.offset) &&
		    (ivnet_shm_tx_reclaim(&tx) <= 0 ||
		     !ivnet_shm_tx_alloc(&tx, f.len, &f.offset)))
			break;
		memcpy(data + f.offset, job_src(job, i), f.len);
		ivnet_shm_tx_put(&tx, &f);
	}
	/* As often as the driver: once for each batch. */
	if (i)
		ivnet_shm_tx_publish(&tx);

	return i;
}

static int shm_receive(const struct job *job)
{
	const u8 *data = job->base + ivnet_shm_data_off(&job->geo, 0, 1, 0);
	int i, n = ivnet_shm_rx_avail(&rx);
	struct ivnet_shm_frame f;

	if (n <= 0)
		return n < 0 ? -1 : 0;
	if (n > BATCH)
		n = BATCH;
	for (i = 0; i < n; i++) {
		if (ivnet_shm_rx_fetch(&rx, &f))
			return -1;
		memcpy(job_dst(job, i), data + f.offset, f.len);
		ivnet_shm_rx_next(&rx);
	}
	ivnet_shm_rx_publish(&rx);

	return n;
}

const struct way way_shm = { "ivnet-shm", shm_setup, shm_send, shm_receive };
