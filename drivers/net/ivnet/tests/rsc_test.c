// SPDX-License-Identifier: GPL-2.0
/* ivnet_rsc_take(), ivnet_rx_rsc(): a frame that the device made of several. */

#include <kunit/test.h>
#include <linux/in.h>
#include <linux/slab.h>
#include <net/ivnet/rx.h>

#include "frame.h"

#define RSC_INFO	VIRTIO_NET_HDR_F_RSC_INFO
#define NEEDS_CSUM	VIRTIO_NET_HDR_F_NEEDS_CSUM
#define DATA_VALID	VIRTIO_NET_HDR_F_DATA_VALID

static const struct frame_spec tcp4 = {
	.version = 4, .proto = IPPROTO_TCP, .payload = 1000
};

static const struct ivnet_meta_rules rules = {
	.flags		= NEEDS_CSUM | DATA_VALID | RSC_INFO,
	.gso_types	= 0xff,
};

/* The whole frame may be looked at. */
static enum ivnet_meta_err take(struct frame *f, u16 segments,
				struct ivnet_rsc *rsc)
{
	f->meta.csum_start = segments;
	f->meta.csum_offset = 3;

	return ivnet_rsc_take(&f->meta, f->data, f->len, f->len, rsc);
}

static void spec_desc(const struct frame_spec *spec, char *desc)
{
	strscpy(desc, spec->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(spec, frame_specs, spec_desc);

/* Of two segments, each of which has some payload. */
static enum ivnet_meta_err expected(const struct frame_spec *spec)
{
	if (spec->proto != IPPROTO_TCP)
		return IVNET_META_FLAGS;

	return spec->payload < 2 ? IVNET_META_GSO_SIZE : IVNET_META_OK;
}

/* What comes out is what every check of such a frame takes. */
static void rsc_test_accepted(struct kunit *test)
{
	const struct frame_spec *spec = test->param_value;
	enum ivnet_meta_err want = expected(spec);
	struct ivnet_rsc rsc;
	struct frame f;
	u32 l4_len;
	u8 flags;

	for (flags = 0; flags <= NEEDS_CSUM; flags++) {
		frame_build(test, spec, &f);
		f.meta.flags = RSC_INFO | flags;
		KUNIT_EXPECT_EQ(test, take(&f, 2, &rsc), want);
		if (want)
			continue;

		KUNIT_EXPECT_EQ(test, rsc.segments, 2);
		KUNIT_EXPECT_EQ(test, rsc.dup_acks, 3);
		KUNIT_EXPECT_EQ(test, f.meta.flags,
				flags ? NEEDS_CSUM : DATA_VALID);
		KUNIT_EXPECT_EQ(test, f.meta.csum_start, f.l4);
		KUNIT_EXPECT_EQ(test, f.meta.csum_offset, 16);
		KUNIT_EXPECT_EQ(test, ivnet_meta_check(&f.meta, &rules, f.len),
				IVNET_META_OK);
		KUNIT_EXPECT_EQ(test,
				ivnet_gso_check(&f.meta, f.data, f.len, f.len,
						&l4_len),
				IVNET_META_OK);
		KUNIT_EXPECT_EQ(test, l4_len, f.l4_len);
	}
}

/* The sum over an IPv4 header is made anew, and nothing else is touched. */
static void rsc_test_ip_sum(struct kunit *test)
{
	const struct frame_spec *spec = test->param_value;
	struct ivnet_rsc rsc;
	struct sk_buff *skb;
	struct frame f;
	u8 *check;

	frame_build(test, spec, &f);
	f.meta.flags = RSC_INFO;
	f.meta.csum_start = 2;
	if (expected(spec))
		return;

	skb = alloc_skb(f.len, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, skb);
	skb_put_data(skb, f.data, f.len);
	KUNIT_EXPECT_EQ(test, ivnet_rx_rsc(skb, &f.meta, &rsc), IVNET_META_OK);
	KUNIT_EXPECT_EQ(test, rsc.l3, f.ip);
	if (spec->version == 4) {
		check = skb->data + f.ip + 10;
		KUNIT_EXPECT_EQ(test, ip_fast_csum(skb->data + f.ip,
						   skb->data[f.ip] & 15), 0);
		KUNIT_EXPECT_NE(test, memcmp(check, f.data + f.ip + 10, 2), 0);
		memcpy(check, f.data + f.ip + 10, 2);
	}
	KUNIT_EXPECT_EQ(test, memcmp(skb->data, f.data, f.len), 0);
	kfree_skb(skb);
}

/* Only the first bytes are at hand, in memory of exactly that size. */
static void rsc_test_short_data(struct kunit *test)
{
	const struct frame_spec *spec = test->param_value;
	enum ivnet_meta_err err, want;
	struct ivnet_rsc rsc;
	struct frame f, g;
	u32 len;
	u8 *p;

	frame_build(test, spec, &f);
	f.meta.flags = RSC_INFO;
	f.meta.csum_start = 2;
	for (len = 0; len <= min(f.seen + 4, f.len); len++) {
		p = kmemdup(f.data, len, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, p);
		want = expected(spec);
		if (len < f.seen && want != IVNET_META_FLAGS)
			want = IVNET_META_GSO_TYPE;
		g = f;
		err = ivnet_rsc_take(&g.meta, p, len, f.len, &rsc);
		kfree(p);
		KUNIT_EXPECT_EQ_MSG(test, err, want, "%u of %u bytes", len,
				    f.len);
	}
}

/* Numbers of segments around what a payload can be made of. */
static void rsc_test_segments(struct kunit *test)
{
	static const struct {
		u16 segments;
		u16 gso_size;	/* what the device says */
		u16 size;	/* what follows */
		enum ivnet_meta_err err;
	} cases[] = {
		{ 0, 500, 0, IVNET_META_GSO_SIZE },
		{ 0, 0, 0, IVNET_META_GSO_SIZE },
		{ 2, 500, 500, IVNET_META_OK },
		{ 2, 0, 500, IVNET_META_OK },
		{ 3, 0, 334, IVNET_META_OK },
		{ 7, 500, 500, IVNET_META_OK },
		{ 999, 0, 2, IVNET_META_OK },
		{ 1000, 0, 1, IVNET_META_OK },
		{ 1001, 500, 0, IVNET_META_GSO_SIZE },
		{ 0xffff, 500, 0, IVNET_META_GSO_SIZE },
	};
	struct ivnet_rsc rsc;
	struct frame f;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		frame_build(test, &tcp4, &f);
		f.meta.flags = RSC_INFO;
		f.meta.gso_size = cases[i].gso_size;
		KUNIT_EXPECT_EQ_MSG(test, take(&f, cases[i].segments, &rsc),
				    cases[i].err, "%u segments",
				    cases[i].segments);
		if (!cases[i].err)
			KUNIT_EXPECT_EQ(test, f.meta.gso_size, cases[i].size);
	}
}

/* One segment, perhaps an ACK without data, is nothing to be segmented. */
static void rsc_test_single(struct kunit *test)
{
	struct frame_spec ack = tcp4;
	struct ivnet_rsc rsc;
	struct frame f;

	ack.payload = 0;
	frame_build(test, &ack, &f);
	f.meta.flags = RSC_INFO;
	f.meta.gso_size = 0;
	KUNIT_EXPECT_EQ(test, take(&f, 1, &rsc), IVNET_META_OK);
	KUNIT_EXPECT_EQ(test, f.meta.gso_type, VIRTIO_NET_HDR_GSO_NONE);
	KUNIT_EXPECT_EQ(test, ivnet_meta_check(&f.meta, &rules, f.len),
			IVNET_META_OK);

	frame_build(test, &ack, &f);
	f.meta.flags = RSC_INFO;
	KUNIT_EXPECT_EQ(test, take(&f, 2, &rsc), IVNET_META_GSO_SIZE);
}

/* Every segmentation type, with and without ECN, of an IPv4 TCP frame. */
static void rsc_test_type(struct kunit *test)
{
	enum ivnet_meta_err want;
	struct ivnet_rsc rsc;
	unsigned int type;
	struct frame f;

	for (type = 0; type < 256; type++) {
		frame_build(test, &tcp4, &f);
		f.meta.flags = RSC_INFO;
		f.meta.gso_type = type;
		switch (type & 0x7f) {
		case VIRTIO_NET_HDR_GSO_TCPV4:
			want = IVNET_META_OK;
			break;
		case VIRTIO_NET_HDR_GSO_TCPV6:
			want = IVNET_META_GSO_TYPE;
			break;
		default:
			want = IVNET_META_FLAGS;
			break;
		}
		KUNIT_EXPECT_EQ_MSG(test, take(&f, 2, &rsc), want,
				    "type %#x", type);
	}
}

static struct kunit_case rsc_test_cases[] = {
	KUNIT_CASE_PARAM(rsc_test_accepted, spec_gen_params),
	KUNIT_CASE_PARAM(rsc_test_ip_sum, spec_gen_params),
	KUNIT_CASE_PARAM(rsc_test_short_data, spec_gen_params),
	KUNIT_CASE(rsc_test_segments),
	KUNIT_CASE(rsc_test_single),
	KUNIT_CASE(rsc_test_type),
	{}
};

static struct kunit_suite rsc_suite = {
	.name		= "ivnet_rsc",
	.test_cases	= rsc_test_cases,
};

kunit_test_suite(rsc_suite);
