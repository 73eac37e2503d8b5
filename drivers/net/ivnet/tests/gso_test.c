// SPDX-License-Identifier: GPL-2.0
/* ivnet_gso_check(): do a frame's headers keep what its metadata promises? */

#include <kunit/test.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/slab.h>
#include <net/ipv6.h>

#include "frame.h"

#define SENTINEL	0xdeadbeef

static const struct frame_spec tcp4 = {
	.version = 4, .proto = IPPROTO_TCP, .payload = 100
};

static const struct frame_spec tcp6 = {
	.version = 6, .proto = IPPROTO_TCP, .payload = 100
};

static const struct frame_spec udp4 = {
	.version = 4, .proto = IPPROTO_UDP, .payload = 100
};

static const struct frame_spec udp6 = {
	.version = 6, .proto = IPPROTO_UDP, .payload = 100
};

/* The whole frame may be looked at. */
static enum ivnet_meta_err check(const struct frame *f)
{
	u32 l4_len;

	return ivnet_gso_check(&f->meta, f->data, f->len, f->len, &l4_len);
}

static void spec_desc(const struct frame_spec *spec, char *desc)
{
	strscpy(desc, spec->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(spec, frame_specs, spec_desc);

static void gso_test_accepted(struct kunit *test)
{
	u32 l4_len = SENTINEL;
	enum ivnet_meta_err err;
	struct frame f;

	frame_build(test, test->param_value, &f);
	err = ivnet_gso_check(&f.meta, f.data, f.len, f.len, &l4_len);
	KUNIT_EXPECT_EQ(test, err, IVNET_META_OK);
	KUNIT_EXPECT_EQ(test, l4_len, f.l4_len);

	/* What has to be seen fits into what the receive path pulls. */
	l4_len = SENTINEL;
	err = ivnet_gso_check(&f.meta, f.data,
			      min_t(u32, f.len, IVNET_GSO_HDR_MAX), f.len,
			      &l4_len);
	KUNIT_EXPECT_EQ(test, err, IVNET_META_OK);
	KUNIT_EXPECT_EQ(test, l4_len, f.l4_len);
}

/* Without a partial sum its position says nothing. */
static void gso_test_no_csum(struct kunit *test)
{
	struct frame f;

	frame_build(test, test->param_value, &f);
	f.meta.flags = 0;
	f.meta.csum_start = 0xffff;
	f.meta.csum_offset = 0xffff;
	KUNIT_EXPECT_EQ(test, check(&f), IVNET_META_OK);
}

static void gso_test_csum_mismatch(struct kunit *test)
{
	static const u16 values[] = { 0, 1, 6, 13, 14, 16, 34, 0xfffe, 0xffff };
	struct frame f, g;
	unsigned int i;

	frame_build(test, test->param_value, &f);
	for (i = 0; i < ARRAY_SIZE(values) + 2; i++) {
		g = f;
		g.meta.csum_start = i < ARRAY_SIZE(values) ? values[i] :
				    f.l4 + (i & 1 ? 1 : -1);
		if (g.meta.csum_start != f.l4)
			KUNIT_EXPECT_EQ_MSG(test, check(&g), IVNET_META_CSUM,
					    "csum_start %u", g.meta.csum_start);

		g = f;
		g.meta.csum_offset = i < ARRAY_SIZE(values) ? values[i] :
				     f.meta.csum_offset + (i & 1 ? 1 : -1);
		if (g.meta.csum_offset != f.meta.csum_offset)
			KUNIT_EXPECT_EQ_MSG(test, check(&g), IVNET_META_CSUM,
					    "csum_offset %u",
					    g.meta.csum_offset);
	}
}

/*
 * Only the first bytes are at hand: each number of them, in memory of exactly
 * that size, so that KASAN sees a byte read too many.
 */
static void gso_test_short_data(struct kunit *test)
{
	enum ivnet_meta_err err, want;
	u32 len, l4_len;
	struct frame f;
	u8 *p;

	frame_build(test, test->param_value, &f);
	for (len = 0; len <= min(f.seen + 4, f.len); len++) {
		p = kmemdup(f.data, len, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, p);
		want = len >= f.seen ? IVNET_META_OK : IVNET_META_GSO_TYPE;
		err = ivnet_gso_check(&f.meta, p, len, f.len, &l4_len);
		kfree(p);
		KUNIT_EXPECT_EQ_MSG(test, err, want, "%u of %u bytes", len,
				    f.seen);
	}
}

/* The frame itself ends early. */
static void gso_test_short_frame(struct kunit *test)
{
	enum ivnet_meta_err err, want;
	u32 len, l4_len;
	struct frame f;
	u8 *p;

	frame_build(test, test->param_value, &f);
	for (len = 0; len <= min(f.l4_len + 4, f.len); len++) {
		p = kmemdup(f.data, len, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, p);
		want = len >= f.l4_len ? IVNET_META_OK : IVNET_META_GSO_TYPE;
		err = ivnet_gso_check(&f.meta, p, len, len, &l4_len);
		kfree(p);
		KUNIT_EXPECT_EQ_MSG(test, err, want, "%u of %u bytes", len,
				    f.l4_len);
	}
}

/* The frame is longer than what is at hand, but ends inside its headers. */
static void gso_test_frame_len(struct kunit *test)
{
	enum ivnet_meta_err err, want;
	struct frame f;
	u32 len, l4_len;

	frame_build(test, test->param_value, &f);
	for (len = f.seen; len <= f.l4_len; len++) {
		want = len >= f.l4_len ? IVNET_META_OK : IVNET_META_GSO_TYPE;
		err = ivnet_gso_check(&f.meta, f.data, f.seen, len, &l4_len);
		KUNIT_EXPECT_EQ_MSG(test, err, want, "%u of %u bytes", len,
				    f.l4_len);
	}
}

/* Every type that rules can allow against every kind of frame. */
static void gso_test_type(struct kunit *test)
{
	const struct frame_spec *spec = test->param_value;
	const bool tcp = spec->proto == IPPROTO_TCP;
	const bool v4 = spec->version == 4;
	unsigned int type;
	struct frame f;
	bool fits;

	frame_build(test, spec, &f);
	for (type = 1; type < 7; type++) {
		if (type == VIRTIO_NET_HDR_GSO_TCPV4)
			fits = tcp && v4;
		else if (type == VIRTIO_NET_HDR_GSO_TCPV6)
			fits = tcp && !v4;
		else
			fits = !tcp;

		f.meta.gso_type = type;
		KUNIT_EXPECT_EQ_MSG(test, check(&f),
				    fits ? IVNET_META_OK : IVNET_META_GSO_TYPE,
				    "type %u", type);
		f.meta.gso_type = type | VIRTIO_NET_HDR_GSO_ECN;
		KUNIT_EXPECT_EQ_MSG(test, check(&f),
				    fits ? IVNET_META_OK : IVNET_META_GSO_TYPE,
				    "type %u with ECN", type);
	}
}

/* Set one byte to each value; only those of @ok are accepted. */
static void try_byte(struct kunit *test, const struct frame_spec *spec,
		     const char *what, u32 offset, const u8 *ok, size_t n_ok)
{
	bool accept;
	struct frame f;
	unsigned int v;

	frame_build(test, spec, &f);
	for (v = 0; v < 256; v++) {
		f.data[offset] = v;
		accept = memchr(ok, v, n_ok);
		KUNIT_EXPECT_EQ_MSG(test, check(&f) == IVNET_META_OK, accept,
				    "IPv%u: %s %#x", spec->version, what, v);
	}
}

static void gso_test_protocol(struct kunit *test)
{
	static const u8 tcp[] = { IPPROTO_TCP }, udp[] = { IPPROTO_UDP };

	try_byte(test, &tcp4, "protocol", 14 + 9, tcp, 1);
	try_byte(test, &udp4, "protocol", 14 + 9, udp, 1);
	try_byte(test, &tcp6, "next header", 14 + 6, tcp, 1);
	try_byte(test, &udp6, "next header", 14 + 6, udp, 1);
}

static void gso_test_ip_version(struct kunit *test)
{
	static const u8 v6[] = {
		0x60, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67,
		0x68, 0x69, 0x6a, 0x6b, 0x6c, 0x6d, 0x6e, 0x6f,
	};
	static const u8 v4[] = { 0x45 };

	/* More than 5 words move the TCP header to where it is none. */
	try_byte(test, &tcp4, "version and length", 14, v4, 1);
	try_byte(test, &tcp6, "version", 14, v6, sizeof(v6));
}

/* A header of less than 20 bytes is none, whatever else it says. */
static void gso_test_ip_header_length(struct kunit *test)
{
	unsigned int words;
	struct frame f;
	u32 l4;

	for (words = 0; words < 16; words++) {
		frame_build(test, &tcp4, &f);
		l4 = 14 + 4 * words;
		f.data[14] = 0x40 | words;
		f.data[l4 + 12] = 0x50;
		f.data[14 + 9] = IPPROTO_TCP;
		f.meta.csum_start = l4;
		KUNIT_EXPECT_EQ_MSG(test, check(&f),
				    words < 5 ? IVNET_META_GSO_TYPE :
						IVNET_META_OK,
				    "%u words", words);
	}
}

static void gso_test_tcp_header_length(struct kunit *test)
{
	unsigned int words;
	struct frame f;
	u32 l4_len;

	frame_build(test, &tcp4, &f);
	for (words = 0; words < 16; words++) {
		enum ivnet_meta_err err;

		l4_len = SENTINEL;
		f.data[f.l4 + 12] = words << 4 | 0xf;
		err = ivnet_gso_check(&f.meta, f.data, f.len, f.len, &l4_len);
		if (words < 5) {
			KUNIT_EXPECT_EQ_MSG(test, err, IVNET_META_GSO_TYPE,
					    "%u words", words);
			continue;
		}
		KUNIT_EXPECT_EQ_MSG(test, err, IVNET_META_OK, "%u words",
				    words);
		KUNIT_EXPECT_EQ(test, l4_len, f.l4 + 4 * words);
	}
}

/* Each of 65536 types on a frame without tags. */
static void gso_test_ethertype(struct kunit *test)
{
	static const struct frame_spec *const specs[] = { &tcp4, &tcp6 };
	unsigned int i, type, wrong;
	struct frame f;
	bool accepted;
	u16 right;

	for (i = 0; i < ARRAY_SIZE(specs); i++) {
		frame_build(test, specs[i], &f);
		right = ivnet_get_be16(f.data + 12);
		wrong = 0;
		for (type = 0; type < 0x10000; type++) {
			frame_put16(f.data + 12, type);
			accepted = check(&f) == IVNET_META_OK;
			if (type == right ? accepted : !accepted)
				continue;
			if (!wrong++)
				KUNIT_FAIL(test, "IPv%u frame as %#06x",
					   specs[i]->version, type);
		}
		KUNIT_EXPECT_EQ(test, wrong, 0);
	}
}

static void gso_test_tags(struct kunit *test)
{
	static const u16 tpids[] = { ETH_P_8021Q, ETH_P_8021AD };
	struct frame_spec spec = tcp4;
	struct frame f;
	unsigned int i;

	for (i = 0; i < 8; i++) {
		spec.tpid[0] = tpids[i & 1];
		spec.tpid[1] = tpids[i >> 1 & 1];
		spec.tpid[2] = 0;
		frame_build(test, &spec, &f);
		KUNIT_EXPECT_EQ_MSG(test, check(&f), IVNET_META_OK,
				    "%#x %#x", spec.tpid[0], spec.tpid[1]);

		spec.tpid[2] = tpids[i >> 2];
		frame_build(test, &spec, &f);
		KUNIT_EXPECT_EQ_MSG(test, check(&f), IVNET_META_GSO_TYPE,
				    "%#x %#x %#x", spec.tpid[0], spec.tpid[1],
				    spec.tpid[2]);
	}
}

/* Up to three headers are followed, of three types. */
static void gso_test_ext_headers(struct kunit *test)
{
	struct frame_spec spec = tcp6;
	enum ivnet_meta_err want;
	unsigned int type, n, i;
	bool followed;
	struct frame f;

	for (type = 0; type < 256; type++) {
		/* These end the chain: they are the transport. */
		if (type == IPPROTO_TCP)
			continue;
		followed = type == NEXTHDR_HOP || type == NEXTHDR_ROUTING ||
			   type == NEXTHDR_DEST;
		for (n = 1; n <= FRAME_EXT_MAX; n++) {
			for (i = 0; i < n; i++)
				spec.ext[i] = type;
			spec.n_ext = n;
			frame_build(test, &spec, &f);
			want = followed && n <= 3 ? IVNET_META_OK :
						    IVNET_META_GSO_TYPE;
			KUNIT_EXPECT_EQ_MSG(test, check(&f), want,
					    "%u headers of type %u", n, type);
		}
	}
}

/* Every length of an extension header; the frame ends where it ends. */
static void gso_test_ext_length(struct kunit *test)
{
	struct frame_spec spec = tcp6;
	unsigned int units;
	struct frame f, g;

	spec.ext[0] = NEXTHDR_DEST;
	spec.n_ext = 1;
	for (units = 0; units < 256; units++) {
		spec.ext_len = units;
		frame_build(test, &spec, &f);
		KUNIT_EXPECT_EQ_MSG(test, check(&f), IVNET_META_OK,
				    "%u units", units);

		g = f;
		g.data[g.ip + 41] = 255;
		if (units != 255)
			KUNIT_EXPECT_NE_MSG(test, check(&g), IVNET_META_OK,
					    "255 units instead of %u", units);
	}
}

static struct kunit_case gso_test_cases[] = {
	KUNIT_CASE_PARAM(gso_test_accepted, spec_gen_params),
	KUNIT_CASE_PARAM(gso_test_no_csum, spec_gen_params),
	KUNIT_CASE_PARAM(gso_test_csum_mismatch, spec_gen_params),
	KUNIT_CASE_PARAM(gso_test_short_data, spec_gen_params),
	KUNIT_CASE_PARAM(gso_test_short_frame, spec_gen_params),
	KUNIT_CASE_PARAM(gso_test_frame_len, spec_gen_params),
	KUNIT_CASE_PARAM(gso_test_type, spec_gen_params),
	KUNIT_CASE(gso_test_protocol),
	KUNIT_CASE(gso_test_ip_version),
	KUNIT_CASE(gso_test_ip_header_length),
	KUNIT_CASE(gso_test_tcp_header_length),
	KUNIT_CASE(gso_test_ethertype),
	KUNIT_CASE(gso_test_tags),
	KUNIT_CASE(gso_test_ext_headers),
	KUNIT_CASE(gso_test_ext_length),
	{}
};

static struct kunit_suite gso_suite = {
	.name		= "ivnet_gso",
	.test_cases	= gso_test_cases,
};

kunit_test_suite(gso_suite);
