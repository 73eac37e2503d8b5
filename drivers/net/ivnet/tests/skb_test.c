// SPDX-License-Identifier: GPL-2.0
/* Metadata of real skbs: ivnet_rx_meta(), ivnet_rx_gso(), ivnet_tx_meta(). */

#include <kunit/test.h>
#include <linux/etherdevice.h>
#include <linux/in.h>
#include <net/ivnet/rx.h>
#include <net/ivnet/tx.h>

#include "frame.h"

#define HEADROOM	64
#define NEEDS_CSUM	VIRTIO_NET_HDR_F_NEEDS_CSUM
#define DATA_VALID	VIRTIO_NET_HDR_F_DATA_VALID

static const struct ivnet_meta_rules all = {
	.flags		= NEEDS_CSUM | DATA_VALID,
	.gso_types	= 0xff,
};

/* An skb with the first @linear bytes in its head, the rest in pages. */
static struct sk_buff *make_skb(struct kunit *test, const u8 *data, u32 len,
				u32 linear)
{
	struct sk_buff *skb;
	struct page *page;
	u32 part, i;

	skb = alloc_skb(HEADROOM + linear, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, skb);
	skb_reserve(skb, HEADROOM);
	skb_put_data(skb, data, linear);

	for (i = 0; linear < len; i++) {
		part = min_t(u32, len - linear, PAGE_SIZE);
		page = alloc_page(GFP_KERNEL);
		if (!page) {
			kfree_skb(skb);
			KUNIT_ASSERT_NOT_NULL(test, page);
		}
		memcpy(page_address(page), data + linear, part);
		skb_add_rx_frag(skb, i, page, 0, part, PAGE_SIZE);
		linear += part;
	}

	return skb;
}

static void expect_content(struct kunit *test, const struct sk_buff *skb,
			   const struct frame *f)
{
	u8 *copy = kunit_kzalloc(test, f->len, GFP_KERNEL);

	KUNIT_EXPECT_EQ(test, skb->len, f->len);
	if (!copy || skb->len != f->len)
		return;
	KUNIT_EXPECT_EQ(test, skb_copy_bits(skb, 0, copy, f->len), 0);
	KUNIT_EXPECT_EQ(test, memcmp(copy, f->data, f->len), 0);
}

static void expect_csum(struct kunit *test, const struct sk_buff *skb,
			const struct ivnet_meta *m)
{
	KUNIT_EXPECT_EQ(test, (u8)skb->ip_summed, CHECKSUM_PARTIAL);
	KUNIT_EXPECT_EQ(test, skb_checksum_start_offset(skb), m->csum_start);
	KUNIT_EXPECT_EQ(test, skb->csum_offset, m->csum_offset);
	KUNIT_EXPECT_LE(test, (u32)m->csum_start + m->csum_offset + 2,
			skb_headlen(skb));
}

static void expect_no_gso(struct kunit *test, const struct sk_buff *skb)
{
	KUNIT_EXPECT_EQ(test, skb_shinfo(skb)->gso_size, 0);
	KUNIT_EXPECT_EQ(test, skb_shinfo(skb)->gso_type, 0);
	KUNIT_EXPECT_EQ(test, skb_shinfo(skb)->gso_segs, 0);
}

static unsigned int skb_gso_type(u8 type)
{
	unsigned int ecn = type & VIRTIO_NET_HDR_GSO_ECN ? SKB_GSO_TCP_ECN : 0;

	switch (type & ~VIRTIO_NET_HDR_GSO_ECN) {
	case VIRTIO_NET_HDR_GSO_TCPV4:
		return SKB_GSO_TCPV4 | ecn;
	case VIRTIO_NET_HDR_GSO_TCPV6:
		return SKB_GSO_TCPV6 | ecn;
	case VIRTIO_NET_HDR_GSO_UDP_L4:
		return SKB_GSO_UDP_L4;
	default:
		return SKB_GSO_UDP;
	}
}

static void expect_gso(struct kunit *test, const struct sk_buff *skb,
		       const struct frame *f)
{
	const struct skb_shared_info *shinfo = skb_shinfo(skb);
	u32 payload = f->len - f->l4_len;

	if (payload <= f->meta.gso_size) {
		expect_no_gso(test, skb);
		return;
	}
	KUNIT_EXPECT_EQ(test, shinfo->gso_size, f->meta.gso_size);
	KUNIT_EXPECT_EQ(test, shinfo->gso_type,
			skb_gso_type(f->meta.gso_type) | SKB_GSO_DODGY);
	KUNIT_EXPECT_EQ(test, shinfo->gso_segs,
			(payload + f->meta.gso_size - 1) / f->meta.gso_size);
}

static void spec_desc(const struct frame_spec *spec, char *desc)
{
	strscpy(desc, spec->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(spec, frame_specs, spec_desc);

/* Receive one frame, its first @linear bytes in the head. */
static void rx_one(struct kunit *test, const struct frame *f, u32 linear)
{
	struct sk_buff *skb = make_skb(test, f->data, f->len, linear);

	KUNIT_EXPECT_EQ(test, ivnet_meta_check(&f->meta, &all, f->len),
			IVNET_META_OK);
	KUNIT_EXPECT_EQ_MSG(test, ivnet_rx_meta(skb, &f->meta, true),
			    IVNET_META_OK, "%u bytes linear", linear);
	expect_content(test, skb, f);
	expect_csum(test, skb, &f->meta);
	expect_gso(test, skb, f);
	kfree_skb(skb);
}

/* Each border between the head and the pages, within the headers. */
static void skb_test_rx_gso(struct kunit *test)
{
	struct frame f;
	u32 linear;

	frame_build(test, test->param_value, &f);
	rx_one(test, &f, f.len);
	for (linear = 14; linear <= f.l4_len; linear++)
		rx_one(test, &f, linear);
}

static void skb_test_rx_gso_ecn(struct kunit *test)
{
	struct frame f;

	frame_build(test, test->param_value, &f);
	if (f.meta.gso_type == VIRTIO_NET_HDR_GSO_UDP_L4)
		return;
	f.meta.gso_type |= VIRTIO_NET_HDR_GSO_ECN;
	rx_one(test, &f, f.len);
}

/* The number of segments around each multiple of their size. */
static void skb_test_rx_gso_segs(struct kunit *test)
{
	struct frame_spec spec = { .version = 4, .proto = IPPROTO_TCP };
	static const u32 payloads[] = { 0, 1, 999, 1000, 1001, 1999, 2000,
					2001, 30000 };
	struct frame f;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(payloads); i++) {
		spec.payload = payloads[i];
		frame_build(test, &spec, &f);
		rx_one(test, &f, f.len);
		rx_one(test, &f, min_t(u32, f.len, 128));
	}
}

/* The stack makes up to 128 segments of a UDP frame, whatever their size. */
static void skb_test_rx_udp_segs(struct kunit *test)
{
	struct frame_spec spec = { .version = 4, .proto = IPPROTO_UDP };
	static const u32 sizes[] = { 1, 7, 100, 500 };
	enum ivnet_meta_err err;
	struct sk_buff *skb;
	struct frame f;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		spec.payload = 128 * sizes[i];
		frame_build(test, &spec, &f);
		f.meta.gso_size = sizes[i];
		rx_one(test, &f, f.len);

		spec.payload++;
		frame_build(test, &spec, &f);
		f.meta.gso_size = sizes[i];
		skb = make_skb(test, f.data, f.len, f.len);
		err = ivnet_meta_check(&f.meta, &all, f.len);
		if (!err)
			err = ivnet_rx_meta(skb, &f.meta, true);
		KUNIT_EXPECT_EQ_MSG(test, err, IVNET_META_GSO_SIZE,
				    "129 segments of %u", sizes[i]);
		expect_no_gso(test, skb);
		kfree_skb(skb);
	}
}

/* The rare old type of UDP fragments. */
static void skb_test_rx_ufo(struct kunit *test)
{
	static const struct frame_spec spec = {
		.version = 4, .proto = IPPROTO_UDP, .payload = 3000
	};
	struct frame f;

	frame_build(test, &spec, &f);
	f.meta.gso_type = VIRTIO_NET_HDR_GSO_UDP;
	rx_one(test, &f, f.len);
}

/* To the stack 0xffff is no size: it looks for a list of fragments instead. */
static void skb_test_rx_gso_by_frags(struct kunit *test)
{
	static const struct frame_spec spec = {
		.version = 4, .proto = IPPROTO_TCP, .payload = 70000
	};
	enum ivnet_meta_err err;
	struct sk_buff *skb;
	struct frame f;

	frame_build(test, &spec, &f);
	f.meta.gso_size = GSO_BY_FRAGS;
	skb = make_skb(test, f.data, f.len, 8192);
	err = ivnet_meta_check(&f.meta, &all, f.len);
	if (!err)
		err = ivnet_rx_meta(skb, &f.meta, true);
	KUNIT_EXPECT_NE(test, skb_shinfo(skb)->gso_size, GSO_BY_FRAGS);
	KUNIT_EXPECT_EQ(test, err, IVNET_META_GSO_SIZE);
	kfree_skb(skb);
}

/* What a frame does not keep leaves no trace of segmentation. */
static void skb_test_rx_gso_refused(struct kunit *test)
{
	const struct frame_spec *spec = test->param_value;
	struct sk_buff *skb;
	struct frame f;
	unsigned int i;

	for (i = 0; i < 3; i++) {
		frame_build(test, spec, &f);
		if (i == 0)
			f.meta.gso_type = f.meta.gso_type ==
					  VIRTIO_NET_HDR_GSO_TCPV4 ?
					  VIRTIO_NET_HDR_GSO_TCPV6 :
					  VIRTIO_NET_HDR_GSO_TCPV4;
		else if (i == 1)
			f.meta.csum_start += 2;
		else
			f.len = f.l4_len - 1;
		skb = make_skb(test, f.data, f.len, 14);
		KUNIT_EXPECT_EQ(test, ivnet_rx_meta(skb, &f.meta, true),
				i == 1 ? IVNET_META_CSUM : IVNET_META_GSO_TYPE);
		expect_no_gso(test, skb);
		KUNIT_EXPECT_EQ(test, (u8)skb->ip_summed, CHECKSUM_NONE);
		kfree_skb(skb);
	}
}

struct csum_case {
	const char *name;
	u8 flags;
	bool rxcsum;
	u8 summed;
};

static const struct csum_case csum_cases[] = {
	{ "nothing said", 0, true, CHECKSUM_NONE },
	{ "valid", DATA_VALID, true, CHECKSUM_UNNECESSARY },
	{ "valid, receive sums off", DATA_VALID, false, CHECKSUM_NONE },
	{ "partial", NEEDS_CSUM, true, CHECKSUM_PARTIAL },
	{ "partial, receive sums off", NEEDS_CSUM, false, CHECKSUM_PARTIAL },
	{ "both", NEEDS_CSUM | DATA_VALID, true, CHECKSUM_PARTIAL },
	{ "unknown flags", 0xfc, true, CHECKSUM_NONE },
};

static void csum_case_desc(const struct csum_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(csum, csum_cases, csum_case_desc);

static void skb_test_rx_csum(struct kunit *test)
{
	static const struct frame_spec spec = {
		.version = 4, .proto = IPPROTO_TCP, .payload = 100
	};
	const struct csum_case *c = test->param_value;
	struct sk_buff *skb;
	struct frame f;

	frame_build(test, &spec, &f);
	f.meta.gso_type = 0;
	f.meta.flags = c->flags;
	skb = make_skb(test, f.data, f.len, f.len);
	KUNIT_EXPECT_EQ(test, ivnet_rx_meta(skb, &f.meta, c->rxcsum),
			IVNET_META_OK);
	KUNIT_EXPECT_EQ(test, (u8)skb->ip_summed, c->summed);
	if (c->summed == CHECKSUM_PARTIAL)
		expect_csum(test, skb, &f.meta);
	expect_no_gso(test, skb);
	kfree_skb(skb);
}

/* The sum lies in the pages, up to the last byte; then beyond it. */
static void skb_test_rx_csum_in_frags(struct kunit *test)
{
	static const struct frame_spec spec = {
		.version = 4, .proto = IPPROTO_TCP, .payload = 100
	};
	struct sk_buff *skb;
	struct frame f;
	u32 start;

	frame_build(test, &spec, &f);
	f.meta.gso_type = 0;
	for (start = 14; start + 18 <= f.len + 2; start++) {
		f.meta.csum_start = start;
		skb = make_skb(test, f.data, f.len, 14);
		if (start + 18 <= f.len) {
			KUNIT_EXPECT_EQ_MSG(test,
					    ivnet_rx_meta(skb, &f.meta, true),
					    IVNET_META_OK, "at %u", start);
			expect_csum(test, skb, &f.meta);
		} else {
			KUNIT_EXPECT_EQ_MSG(test,
					    ivnet_rx_meta(skb, &f.meta, true),
					    IVNET_META_CSUM, "at %u", start);
			KUNIT_EXPECT_EQ(test, (u8)skb->ip_summed, CHECKSUM_NONE);
		}
		expect_content(test, skb, &f);
		kfree_skb(skb);
	}
}

/* An skb counts the position from the start of its head, in 16 bits. */
static void skb_test_rx_csum_far(struct kunit *test)
{
	static const struct frame_spec spec = {
		.version = 4, .proto = IPPROTO_TCP, .payload = 65535
	};
	struct sk_buff *skb;
	struct frame f;

	frame_build(test, &spec, &f);
	f.meta.gso_type = 0;
	f.meta.csum_start = 65534 - HEADROOM;
	f.meta.csum_offset = 0;
	skb = make_skb(test, f.data, f.len, f.len);
	KUNIT_EXPECT_EQ(test, ivnet_rx_meta(skb, &f.meta, true),
			IVNET_META_OK);
	expect_csum(test, skb, &f.meta);
	kfree_skb(skb);

	f.meta.csum_start = 65535 - HEADROOM;
	skb = make_skb(test, f.data, f.len, f.len);
	KUNIT_EXPECT_EQ(test, ivnet_rx_meta(skb, &f.meta, true),
			IVNET_META_CSUM);
	kfree_skb(skb);
}

/* As the stack would hand it to a driver. */
static struct sk_buff *tx_skb(struct kunit *test, const struct frame *f)
{
	struct sk_buff *skb = make_skb(test, f->data, f->len,
				       min_t(u32, f->len, f->l4_len));
	struct skb_shared_info *shinfo = skb_shinfo(skb);

	skb_reset_mac_header(skb);
	skb_set_network_header(skb, f->ip);
	skb_set_transport_header(skb, f->l4);
	skb->ip_summed = CHECKSUM_PARTIAL;
	skb->csum_start = skb_headroom(skb) + f->l4;
	skb->csum_offset = f->meta.csum_offset;
	shinfo->gso_size = f->meta.gso_size;
	shinfo->gso_type = skb_gso_type(f->meta.gso_type);
	shinfo->gso_segs = DIV_ROUND_UP(f->len - f->l4_len, f->meta.gso_size);

	return skb;
}

static void expect_meta(struct kunit *test, const struct ivnet_meta *m,
			const struct ivnet_meta *want)
{
	KUNIT_EXPECT_EQ(test, m->flags, want->flags);
	KUNIT_EXPECT_EQ(test, m->gso_type, want->gso_type);
	KUNIT_EXPECT_EQ(test, m->hdr_len, want->hdr_len);
	KUNIT_EXPECT_EQ(test, m->gso_size, want->gso_size);
	KUNIT_EXPECT_EQ(test, m->csum_start, want->csum_start);
	KUNIT_EXPECT_EQ(test, m->csum_offset, want->csum_offset);
}

/* What one side says is what the other one takes over. */
static void skb_test_round_trip(struct kunit *test)
{
	struct sk_buff *tx, *rx;
	struct ivnet_meta m;
	struct frame f;

	frame_build(test, test->param_value, &f);
	tx = tx_skb(test, &f);
	memset(&m, 0xff, sizeof(m));
	KUNIT_EXPECT_TRUE(test, ivnet_tx_meta(tx, &m));
	expect_meta(test, &m, &f.meta);

	rx = make_skb(test, f.data, f.len, 14);
	KUNIT_EXPECT_EQ(test, ivnet_meta_check(&m, &all, rx->len),
			IVNET_META_OK);
	KUNIT_EXPECT_EQ(test, ivnet_rx_meta(rx, &m, true), IVNET_META_OK);
	expect_csum(test, rx, &f.meta);
	expect_gso(test, rx, &f);
	kfree_skb(rx);
	kfree_skb(tx);
}

struct tx_case {
	const char *name;
	unsigned int type;
	u16 size;
	u8 summed;
	bool ok;
	struct ivnet_meta m;
};

#define SUM	.flags = NEEDS_CSUM, .csum_start = 34, .csum_offset = 16

/* Over a TCPv4 frame: a transport header of 20 bytes at 34. */
static const struct tx_case tx_cases[] = {
	{ "plain", 0, 0, CHECKSUM_NONE, true, {} },
	{ "sum checked", 0, 0, CHECKSUM_UNNECESSARY, true, {} },
	{ "sum complete", 0, 0, CHECKSUM_COMPLETE, true, {} },
	{ "sum partial", 0, 0, CHECKSUM_PARTIAL, true, { SUM } },
	{ "type without a size", SKB_GSO_TCPV4, 0, CHECKSUM_PARTIAL, true,
	  { SUM } },
	{ "TCPv4", SKB_GSO_TCPV4, 1448, CHECKSUM_PARTIAL, true,
	  { SUM, .gso_type = VIRTIO_NET_HDR_GSO_TCPV4, .gso_size = 1448,
	    .hdr_len = 54 } },
	{ "TCPv4, from an untrusted source", SKB_GSO_TCPV4 | SKB_GSO_DODGY,
	  1, CHECKSUM_PARTIAL, true,
	  { SUM, .gso_type = VIRTIO_NET_HDR_GSO_TCPV4, .gso_size = 1,
	    .hdr_len = 54 } },
	{ "TCPv4 with ECN", SKB_GSO_TCPV4 | SKB_GSO_TCP_ECN, 0xffff,
	  CHECKSUM_PARTIAL, true,
	  { SUM, .gso_type = VIRTIO_NET_HDR_GSO_TCPV4 | VIRTIO_NET_HDR_GSO_ECN,
	    .gso_size = 0xffff, .hdr_len = 54 } },
	{ "TCPv6", SKB_GSO_TCPV6, 1428, CHECKSUM_PARTIAL, true,
	  { SUM, .gso_type = VIRTIO_NET_HDR_GSO_TCPV6, .gso_size = 1428,
	    .hdr_len = 54 } },
	{ "TCPv6 with ECN", SKB_GSO_TCPV6 | SKB_GSO_TCP_ECN, 1428,
	  CHECKSUM_PARTIAL, true,
	  { SUM, .gso_type = VIRTIO_NET_HDR_GSO_TCPV6 | VIRTIO_NET_HDR_GSO_ECN,
	    .gso_size = 1428, .hdr_len = 54 } },
	{ "UDP", SKB_GSO_UDP_L4, 1472, CHECKSUM_PARTIAL, true,
	  { SUM, .gso_type = VIRTIO_NET_HDR_GSO_UDP_L4, .gso_size = 1472,
	    .hdr_len = 42 } },
	{ "UDP fragments", SKB_GSO_UDP, 1480, CHECKSUM_PARTIAL, false, {} },
	{ "a tunnel", SKB_GSO_GRE, 1000, CHECKSUM_PARTIAL, false, {} },
	{ "no type", 0, 1000, CHECKSUM_PARTIAL, false, {} },
};

static void tx_case_desc(const struct tx_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(tx, tx_cases, tx_case_desc);

static void skb_test_tx(struct kunit *test)
{
	static const struct frame_spec spec = {
		.version = 4, .proto = IPPROTO_TCP, .payload = 2000
	};
	const struct tx_case *c = test->param_value;
	struct sk_buff *skb;
	struct ivnet_meta m;
	struct frame f;

	frame_build(test, &spec, &f);
	skb = tx_skb(test, &f);
	skb->ip_summed = c->summed;
	skb_shinfo(skb)->gso_size = c->size;
	skb_shinfo(skb)->gso_type = c->type;
	memset(&m, 0xff, sizeof(m));
	KUNIT_EXPECT_EQ(test, ivnet_tx_meta(skb, &m), c->ok);
	if (c->ok)
		expect_meta(test, &m, &c->m);
	kfree_skb(skb);
}

static struct kunit_case skb_test_cases[] = {
	KUNIT_CASE_PARAM(skb_test_rx_gso, spec_gen_params),
	KUNIT_CASE_PARAM(skb_test_rx_gso_ecn, spec_gen_params),
	KUNIT_CASE(skb_test_rx_gso_segs),
	KUNIT_CASE(skb_test_rx_udp_segs),
	KUNIT_CASE(skb_test_rx_ufo),
	KUNIT_CASE(skb_test_rx_gso_by_frags),
	KUNIT_CASE_PARAM(skb_test_rx_gso_refused, spec_gen_params),
	KUNIT_CASE_PARAM(skb_test_rx_csum, csum_gen_params),
	KUNIT_CASE(skb_test_rx_csum_in_frags),
	KUNIT_CASE(skb_test_rx_csum_far),
	KUNIT_CASE_PARAM(skb_test_round_trip, spec_gen_params),
	KUNIT_CASE_PARAM(skb_test_tx, tx_gen_params),
	{}
};

static struct kunit_suite skb_suite = {
	.name		= "ivnet_skb",
	.test_cases	= skb_test_cases,
};

kunit_test_suite(skb_suite);
