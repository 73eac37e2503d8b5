/* SPDX-License-Identifier: GPL-2.0 */
/* Register dump: what a transport adds its sections with. */
#ifndef _IVNET_REGS_H
#define _IVNET_REGS_H

#include <linux/ivnet_regs.h>

/**
 * struct ivnet_regs_out - where a register dump goes
 * @p: the next section; NULL while the dump is only measured
 * @len: bytes so far
 * @size: bytes that there are
 */
struct ivnet_regs_out {
	void *p;
	u32 len;
	u32 size;
};

void *ivnet_regs_add(struct ivnet_regs_out *out, enum ivnet_regs_type type,
		     u32 len);

#endif
