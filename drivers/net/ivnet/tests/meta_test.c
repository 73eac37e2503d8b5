// SPDX-License-Identifier: GPL-2.0
/* ivnet_meta_check(): rules that need the frame's length, not its content. */

#include <kunit/test.h>
#include <net/ivnet/vnet_hdr.h>

#define NEEDS_CSUM	VIRTIO_NET_HDR_F_NEEDS_CSUM
#define DATA_VALID	VIRTIO_NET_HDR_F_DATA_VALID
#define TCPV4		VIRTIO_NET_HDR_GSO_TCPV4
#define TCPV6		VIRTIO_NET_HDR_GSO_TCPV6
#define UDP_L4		VIRTIO_NET_HDR_GSO_UDP_L4
#define ECN		VIRTIO_NET_HDR_GSO_ECN

/* Bytes of the largest frame: IPv4's limit, Ethernet, two VLAN tags. */
#define FRAME_MAX	(65535 + 14 + 8)

static const struct ivnet_meta_rules all = {
	.flags		= NEEDS_CSUM | DATA_VALID,
	.gso_types	= 0xff,
};

struct meta_case {
	const char *name;
	struct ivnet_meta m;
	u32 len;
	enum ivnet_meta_err err;
};

#define CSUM_CASE(start, offset, length, result) {			\
	.name = #start " + " #offset " in " #length,			\
	.m = { .flags = NEEDS_CSUM, .csum_start = (start),		\
	       .csum_offset = (offset) },				\
	.len = (length),						\
	.err = (result) }

#define SIZE_CASE(size, length, result) {				\
	.name = #size " in " #length,					\
	.m = { .gso_type = TCPV4, .gso_size = (size) },			\
	.len = (length),						\
	.err = (result) }

/* Segments of a UDP frame get their sums from its partial one. */
#define UDP_CASE(size, flag, length, result) {				\
	.name = "UDP: " #size " in " #length ", " #flag,		\
	.m = { .flags = (flag), .csum_start = 34, .csum_offset = 6,	\
	       .gso_type = UDP_L4, .gso_size = (size) },		\
	.len = (length),						\
	.err = (result) }

static const struct meta_case meta_cases[] = {
	{ .name = "nothing", .len = 14 },
	{ .name = "fields that say nothing without a flag", .len = 14,
	  .m = { .hdr_len = 0xffff, .gso_size = 0xffff, .csum_start = 0xffff,
		 .csum_offset = 0xffff } },

	CSUM_CASE(0, 0, 64, IVNET_META_CSUM),
	CSUM_CASE(1, 0, 64, IVNET_META_CSUM),
	CSUM_CASE(13, 0, 64, IVNET_META_CSUM),
	CSUM_CASE(14, 0, 64, IVNET_META_OK),
	CSUM_CASE(14, 0, 16, IVNET_META_OK),
	CSUM_CASE(14, 0, 15, IVNET_META_CSUM),
	CSUM_CASE(14, 48, 64, IVNET_META_OK),
	CSUM_CASE(14, 49, 64, IVNET_META_CSUM),
	CSUM_CASE(62, 0, 64, IVNET_META_OK),
	CSUM_CASE(62, 1, 64, IVNET_META_CSUM),
	CSUM_CASE(63, 0, 64, IVNET_META_CSUM),
	CSUM_CASE(64, 0, 64, IVNET_META_CSUM),
	CSUM_CASE(14, 0xfff0, 0xffff, IVNET_META_CSUM),
	CSUM_CASE(0xffff, 0, 64, IVNET_META_CSUM),
	CSUM_CASE(0xffff, 0xffff, 64, IVNET_META_CSUM),
	CSUM_CASE(0xffff, 0xffff, 0x1ffff, IVNET_META_CSUM),
	CSUM_CASE(0xffff, 0xffff, 0x20000, IVNET_META_OK),
	/* sums that would pass if they were taken in 16 bits */
	CSUM_CASE(0x8000, 0x8000, 64, IVNET_META_CSUM),
	CSUM_CASE(14, 0xfffe, 64, IVNET_META_CSUM),

	SIZE_CASE(0, 1514, IVNET_META_GSO_SIZE),
	SIZE_CASE(1, 1514, IVNET_META_GSO_SIZE),
	SIZE_CASE(7, 1514, IVNET_META_GSO_SIZE),
	SIZE_CASE(8, 1514, IVNET_META_OK),
	SIZE_CASE(8, FRAME_MAX, IVNET_META_OK),
	SIZE_CASE(1448, FRAME_MAX, IVNET_META_OK),
	SIZE_CASE(0xfffe, 1514, IVNET_META_OK),
	/* to the stack this is no size */
	SIZE_CASE(0xffff, 1514, IVNET_META_GSO_SIZE),

	UDP_CASE(0, NEEDS_CSUM, 1514, IVNET_META_GSO_SIZE),
	UDP_CASE(1, NEEDS_CSUM, 64, IVNET_META_OK),
	UDP_CASE(1400, NEEDS_CSUM, FRAME_MAX, IVNET_META_OK),
	UDP_CASE(0xfffe, NEEDS_CSUM, 1514, IVNET_META_OK),
	UDP_CASE(0xffff, NEEDS_CSUM, 1514, IVNET_META_GSO_SIZE),
	UDP_CASE(1400, 0, 1514, IVNET_META_GSO_TYPE),
	UDP_CASE(1400, DATA_VALID, 1514, IVNET_META_GSO_TYPE),

	{ .name = "partial sum wins over its validity", .len = 64,
	  .m = { .flags = NEEDS_CSUM | DATA_VALID, .csum_start = 63 },
	  .err = IVNET_META_CSUM },
	{ .name = "validity has no position", .len = 64,
	  .m = { .flags = DATA_VALID, .csum_start = 63 } },
	{ .name = "sum of a frame to be segmented", .len = 1514,
	  .m = { .flags = NEEDS_CSUM, .gso_type = TCPV4, .gso_size = 1448,
		 .csum_start = 1513 },
	  .err = IVNET_META_CSUM },
};

static void meta_case_desc(const struct meta_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(meta, meta_cases, meta_case_desc);

static void meta_test_table(struct kunit *test)
{
	const struct meta_case *c = test->param_value;

	KUNIT_EXPECT_EQ(test, ivnet_meta_check(&c->m, &all, c->len), c->err);
}

/* Every value of the flags against every rule; unknown flags are ignored. */
static void meta_test_flags(struct kunit *test)
{
	static const u8 allowed[] = {
		0, NEEDS_CSUM, DATA_VALID, NEEDS_CSUM | DATA_VALID
	};
	struct ivnet_meta m = { .csum_start = 14 };
	struct ivnet_meta_rules rules = {};
	bool needs, valid;
	unsigned int i, v;

	for (i = 0; i < ARRAY_SIZE(allowed); i++) {
		rules.flags = allowed[i];
		for (v = 0; v < 256; v++) {
			m.flags = v;
			needs = v & 1 && !(allowed[i] & 1);
			valid = v & 2 && !(allowed[i] & 2);
			KUNIT_EXPECT_EQ_MSG(test,
					    ivnet_meta_check(&m, &rules, 64),
					    needs || valid ? IVNET_META_FLAGS :
							     IVNET_META_OK,
					    "flags %#x, allowed %#x", v,
					    allowed[i]);
		}
	}
}

static bool type_allowed(unsigned int type, unsigned int rules)
{
	switch (type) {
	case 0:
		return true;
	case 1: case 2: case 3: case 4: case 5: case 6:
		return rules >> type & 1;
	case 0x81: case 0x84:
		return rules >> (type - 0x80) & 1 && rules & 0x80;
	default:
		return false;
	}
}

/* Every segmentation type against every rule. */
static void meta_test_gso_type(struct kunit *test)
{
	struct ivnet_meta m = {
		.flags = NEEDS_CSUM, .csum_start = 34, .gso_size = 1000
	};
	struct ivnet_meta_rules rules = { .flags = NEEDS_CSUM };
	unsigned int type, allowed, wrong = 0;
	enum ivnet_meta_err err, want;

	for (type = 0; type < 256; type++) {
		for (allowed = 0; allowed < 256; allowed++) {
			m.gso_type = type;
			rules.gso_types = allowed;
			want = type_allowed(type, allowed) ?
			       IVNET_META_OK : IVNET_META_GSO_TYPE;
			err = ivnet_meta_check(&m, &rules, 1514);
			if (err != want && !wrong++)
				KUNIT_FAIL(test, "type %#x, allowed %#x: %d, not %d",
					   type, allowed, err, want);
		}
	}
	KUNIT_EXPECT_EQ(test, wrong, 0);
}

/* Positions around every limit against the same rule in 64 bits. */
static void meta_test_csum_grid(struct kunit *test)
{
	static const u32 lens[] = { 14, 15, 16, 60, 64, 1514, 65535, 65549 };
	static const s32 around[] = { 0, 1, 2, 13, 14, 15, 0x7fff, 0x8000,
				      0xfffe, 0xffff, -3, -2, -1 };
	struct ivnet_meta m = { .flags = NEEDS_CSUM };
	enum ivnet_meta_err err, want;
	unsigned int i, j, k;
	s64 start, offset;

	for (i = 0; i < ARRAY_SIZE(lens); i++)
		for (j = 0; j < ARRAY_SIZE(around); j++)
			for (k = 0; k < ARRAY_SIZE(around); k++) {
				m.csum_start = around[j] < 0 ?
					lens[i] + around[j] : around[j];
				m.csum_offset = around[k] < 0 ?
					lens[i] + around[k] - m.csum_start :
					around[k];
				start = m.csum_start;
				offset = m.csum_offset;
				want = start >= 14 && start + offset + 1 < lens[i] ?
				       IVNET_META_OK : IVNET_META_CSUM;
				err = ivnet_meta_check(&m, &all, lens[i]);
				KUNIT_EXPECT_EQ_MSG(test, err, want,
						    "%lld + %lld in %u", start,
						    offset, lens[i]);
			}
}

/* Each size of a TCP segment; what is allowed can be counted in 16 bits. */
static void meta_test_gso_size(struct kunit *test)
{
	struct ivnet_meta m = { .gso_type = TCPV6 | ECN };
	unsigned int size, wrong = 0;
	enum ivnet_meta_err err;
	bool allowed;

	for (size = 0; size <= 0xffff; size++) {
		m.gso_size = size;
		allowed = size >= 8 && size != 0xffff;
		err = ivnet_meta_check(&m, &all, FRAME_MAX);
		if (err != (allowed ? IVNET_META_OK : IVNET_META_GSO_SIZE) &&
		    !wrong++)
			KUNIT_FAIL(test, "size %u: %d", size, err);
	}
	KUNIT_EXPECT_EQ(test, wrong, 0);
	KUNIT_EXPECT_LE(test, DIV_ROUND_UP(FRAME_MAX, 8), 0xffff);
}

static struct kunit_case meta_test_cases[] = {
	KUNIT_CASE_PARAM(meta_test_table, meta_gen_params),
	KUNIT_CASE(meta_test_flags),
	KUNIT_CASE(meta_test_gso_type),
	KUNIT_CASE(meta_test_csum_grid),
	KUNIT_CASE(meta_test_gso_size),
	{}
};

static struct kunit_suite meta_suite = {
	.name		= "ivnet_meta",
	.test_cases	= meta_test_cases,
};

kunit_test_suite(meta_suite);
