/* SPDX-License-Identifier: GPL-2.0 */
/* One input of the fuzzer, and what is checked of it. */
#ifndef _FUZZ_META_H
#define _FUZZ_META_H

#include <net/ivnet/vnet_hdr.h>

#include "run.h"

/*
 * Layout of an input: struct ivnet_meta field by field and the rules, little
 * endian; how many bytes of the frame lie outside of its data; the data.
 */
#define INPUT_HDR	14

/* Bytes of the largest frame that the receive path looks at. */
#define FRAME_MAX	(65535 + 14 + 8)

/**
 * struct input - an input, taken apart
 * @m: metadata
 * @rules: what was negotiated
 * @len: bytes of the frame that can be read
 * @frame_len: bytes of the whole frame
 */
struct input {
	struct ivnet_meta m;
	struct ivnet_meta_rules rules;
	u32 len;
	u32 frame_len;
};

bool input_parse(struct input *in, const u8 *data, size_t size);

#endif
