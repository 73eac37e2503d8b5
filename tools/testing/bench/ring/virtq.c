// SPDX-License-Identifier: GPL-2.0
/*
 * A split virtqueue (virtio 1.3, 2.7) with a buffer in shared memory for each
 * descriptor, in which a header of 12 bytes (5.1.6) precedes the frame; both
 * sides use the event indices.
 */

#include <stdlib.h>
#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>

#include "job.h"

#define QUEUE_MAX	1024	/* descriptors */
#define HDR		sizeof(struct virtio_net_hdr_mrg_rxbuf)

static struct vring vring;
static u8 *data;
static u32 data_size, slot;

struct driver {
	alignas(APART) u16 avail;
	u16 used;
	u32 kicks;
	u32 free;
	u16 ids[QUEUE_MAX];
};

struct device {
	alignas(APART) u16 avail;
	u16 used;
	u32 interrupts;
};

static struct driver driver;
static struct device device;

static bool virtq_setup(const struct job *job)
{
	const struct ivnet_shm_geometry *g = &job->geo;
	u8 *at = job->base + ivnet_shm_ring_off(g, 0, 1, 0);
	u32 num = QUEUE_MAX, i;

	slot = (job->len + HDR + GRANULE - 1) & ~(GRANULE - 1);
	while (num > 1 && (u64)num * slot + vring_size(num, 4096) > g->lane)
		num /= 2;
	vring_init(&vring, num, at, 4096);
	data = at + ((vring_size(num, 4096) + 4095) & ~4095UL);
	data_size = num * slot;
	for (i = 0; i < num; i++)
		driver.ids[i] = i;
	driver.free = num;

	return num > 1;
}

static void driver_reclaim(void)
{
	u16 used = ivnet_shm_load_acquire(&vring.used->idx);

	while (driver.used != used) {
		driver.ids[driver.free++] = vring.used->ring[driver.used % vring.num].id;
		driver.used++;
	}
}

static u32 virtq_send(const struct job *job, u32 n)
{
	struct virtio_net_hdr_mrg_rxbuf hdr = {};
	u32 i;
	u16 id;

	for (i = 0; i < n; i++) {
		if (!driver.free)
			driver_reclaim();
		if (!driver.free)
			break;
		id = driver.ids[--driver.free];
		memcpy(data + id * slot, &hdr, HDR);
		memcpy(data + id * slot + HDR, job_src(job, i), job->len);
		vring.desc[id] = (struct vring_desc) {
			.addr	= id * slot,
			.len	= HDR + job->len,
		};
		vring.avail->ring[driver.avail++ % vring.num] = id;
	}
	if (!i)
		return 0;
	ivnet_shm_store_release(&vring.avail->idx, driver.avail);
	ivnet_shm_mb();
	driver.kicks += vring_need_event(ivnet_shm_load(&vring_avail_event(&vring)),
					 driver.avail, driver.avail - i);

	return i;
}

static int virtq_receive(const struct job *job)
{
	struct virtio_net_hdr_mrg_rxbuf hdr;
	struct vring_desc d;
	u16 i, id, n;

	n = ivnet_shm_load_acquire(&vring.avail->idx);
	n -= device.avail;
	if (!n)
		return 0;
	if (n > BATCH)
		n = BATCH;
	for (i = 0; i < n; i++) {
		id = vring.avail->ring[device.avail++ % vring.num];
		if (id >= vring.num)
			return -1;
		d = vring.desc[id];
		ivnet_shm_barrier();
		if (d.addr > data_size || d.len > data_size - d.addr ||
		    d.len < HDR || d.len - HDR > job->stride)
			return -1;
		memcpy(&hdr, data + d.addr, HDR);
		ivnet_shm_barrier();
		if (hdr.hdr.flags || hdr.hdr.gso_type)
			return -1;
		memcpy(job_dst(job, i), data + d.addr + HDR, d.len - HDR);
		vring.used->ring[device.used++ % vring.num] =
			(struct vring_used_elem) { .id = id };
	}
	ivnet_shm_store_release(&vring.used->idx, device.used);
	ivnet_shm_mb();
	device.interrupts += vring_need_event(ivnet_shm_load(&vring_used_event(&vring)),
					      device.used, device.used - n);

	return n;
}

const struct way way_virtq = { "virtqueue", virtq_setup, virtq_send, virtq_receive };
