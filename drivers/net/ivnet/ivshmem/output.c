// SPDX-License-Identifier: GPL-2.0
/*
 * Output sections of IVSHMEM v2, which their owners alone can write: there is no
 * port table and no header for all. ivnet-shm.rst, "IVSHMEM v2".
 */

#include <net/ivnet/shm_v2.h>

#include "shm.h"

/**
 * shm_output_open() - lay out our output section
 * @sd: the device; shows state 0
 * @extack: says why not; may be NULL
 *
 * Return: 0, or -EINVAL if the sections are too small.
 */
int shm_output_open(struct shm_dev *sd, struct netlink_ext_ack *extack)
{
	u32 ports = sd->want_ports, queues = sd->want_queues ?: sd->own_queues;
	struct ivnet_shm_header *h = &sd->header;
	u8 *own = sd->outputs[sd->position];

	if (ivnet_v2_geometry(&sd->geo, sd->output_size, ports, queues,
			      !sd->want_queues)) {
		NL_SET_ERR_MSG_FMT_MOD(extack,
				       "output sections of %llu bytes are too small for %u ports and %u queues",
				       sd->output_size, ports, queues);
		dev_err(sd->idev->dev, "output sections of %llu bytes are too small for %u ports and %u queues\n",
			sd->output_size, ports, queues);
		return -EINVAL;
	}

	ivnet_shm_header_fill(h, &sd->geo);
	h->crc = cpu_to_le32(ivnet_shm_crc(h, offsetof(typeof(*h), crc)));
	memset(own, 0, IVNET_SHM_PAGE);
	memcpy(own + sizeof(h->magic), (u8 *)h + sizeof(h->magic),
	       sizeof(*h) - sizeof(h->magic));
	ivnet_shm_store_release((__le64 *)own, h->magic);
	sd->strange = 0;
	dev_info(sd->idev->dev, "%u queues, frames of %u bytes\n",
		 sd->geo.queues, sd->geo.max_frame);

	return 0;
}

/* Has the port our layout? It may change its mind without end. */
static bool header_same(struct shm_dev *sd, u32 i)
{
	struct ivnet_shm_header h;

	/* The barrier keeps the compiler from reading it again. */
	memcpy(&h, sd->outputs[i], sizeof(h));
	barrier();
	if (ivnet_v2_header_same(&h, &sd->header)) {
		sd->strange &= ~BIT(i);
		return true;
	}
	if (!(sd->strange & BIT(i)))
		dev_warn_ratelimited(sd->idev->dev, "no link to port %u: it has another layout, with %u queues instead of %u; devlink parameter queues\n",
				     i, le16_to_cpu(h.queues), sd->geo.queues);
	sd->strange |= BIT(i);

	return false;
}

/**
 * shm_output_claim() - who has a port
 * @sd: the device
 * @i: another port
 *
 * Return: the claim as it would be in a port table; 0 if nobody has.
 */
u64 shm_output_claim(struct shm_dev *sd, u32 i)
{
	const struct ivnet_shm_announce *a;

	/* All that the port wrote before it showed a state is visible now. */
	if (!ivnet_shm_load_acquire(&sd->states[i])) {
		sd->strange &= ~BIT(i);
		return 0;
	}
	if (!header_same(sd, i))
		return 0;
	a = shm_at(sd, i, ivnet_shm_section(&sd->geo, i));

	return IVNET_SHM_CLAIM(le32_to_cpu(READ_ONCE(a->incarnation)), i,
			       IVNET_SHM_CLAIM_TAKEN);
}
