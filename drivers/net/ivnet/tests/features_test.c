// SPDX-License-Identifier: GPL-2.0
/*
 * Feature bits of the virtio transport. What is expected is written down here
 * once more, as conditions instead of tables, and compared for every
 * combination of the bits that matter.
 */

#include <kunit/test.h>
#include <linux/bits.h>

#include "../virtio/virtio.h"

#define BIT_OF(name)	BIT_ULL(VIRTIO_NET_F_##name)
#define HAS(f, name)	(!!((f) & BIT_OF(name)))

/* Bits @n of a number, each one standing for a feature. */
static u64 spread_bits(const u8 *bits, unsigned int n, u32 combination)
{
	u64 features = 0;
	unsigned int i;

	for (i = 0; i < n; i++)
		if (combination >> i & 1)
			features |= BIT_ULL(bits[i]);

	return features;
}

struct need_case {
	const char *name;
	u64 bit;
	u64 needs;	/* one of these */
	u64 more;	/* what those need in their turn */
};

#define NEED(bit, needs, more) { #bit, BIT_OF(bit), needs, more }

static const struct need_case need_cases[] = {
	NEED(HOST_TSO4, BIT_OF(CSUM), 0),
	NEED(HOST_TSO6, BIT_OF(CSUM), 0),
	NEED(HOST_USO, BIT_OF(CSUM), 0),
	NEED(GSO, BIT_OF(CSUM), 0),
	NEED(HOST_ECN, BIT_OF(HOST_TSO4) | BIT_OF(HOST_TSO6), BIT_OF(CSUM)),
	NEED(GUEST_TSO4, BIT_OF(GUEST_CSUM), 0),
	NEED(GUEST_TSO6, BIT_OF(GUEST_CSUM), 0),
	NEED(GUEST_USO4, BIT_OF(GUEST_CSUM), 0),
	NEED(GUEST_USO6, BIT_OF(GUEST_CSUM), 0),
	NEED(GUEST_ECN, BIT_OF(GUEST_TSO4) | BIT_OF(GUEST_TSO6),
	     BIT_OF(GUEST_CSUM)),
	NEED(RSC_EXT, BIT_OF(HOST_TSO4) | BIT_OF(HOST_TSO6),
	     BIT_OF(CSUM) | BIT_OF(GUEST_TSO6) | BIT_OF(GUEST_CSUM)),
	NEED(RSC_EXT, BIT_OF(GUEST_TSO4) | BIT_OF(GUEST_TSO6),
	     BIT_OF(GUEST_CSUM) | BIT_OF(HOST_TSO6) | BIT_OF(CSUM)),
	NEED(MQ, BIT_OF(CTRL_VQ), 0),
	NEED(CTRL_MAC_ADDR, BIT_OF(CTRL_VQ), 0),
	NEED(CTRL_GUEST_OFFLOADS, BIT_OF(CTRL_VQ), 0),
	NEED(HASH_REPORT, BIT_OF(CTRL_VQ), 0),
	NEED(DEVICE_STATS, BIT_OF(CTRL_VQ), 0),
	NEED(VQ_NOTF_COAL, BIT_OF(CTRL_VQ), 0),
	NEED(NOTF_COAL, BIT_OF(CTRL_VQ), 0),
	NEED(STANDBY, BIT_OF(MAC), 0),
};

static void need_case_desc(const struct need_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(need, need_cases, need_case_desc);

/* A feature without what it needs, with each thing that does, with all. */
static void features_test_need(struct kunit *test)
{
	const struct need_case *c = test->param_value;
	u64 got, one, rest;

	got = vnet_features_refine(c->bit);
	KUNIT_EXPECT_EQ_MSG(test, got, 0, "alone");

	/* Everything but what it needs. */
	got = vnet_features_refine(~c->needs);
	KUNIT_EXPECT_EQ_MSG(test, got & c->bit, 0, "all others");

	for (rest = c->needs; rest; rest &= rest - 1) {
		one = rest & -rest;
		got = vnet_features_refine(c->bit | one | c->more);
		KUNIT_EXPECT_EQ_MSG(test, got, c->bit | one | c->more,
				    "with %#llx", one);
		if (c->more) {
			got = vnet_features_refine(c->bit | one);
			KUNIT_EXPECT_EQ_MSG(test, got, 0,
					    "with %#llx alone", one);
		}
	}
}

static const u8 refine_bits[] = {
	VIRTIO_NET_F_CSUM, VIRTIO_NET_F_GUEST_CSUM,
	VIRTIO_NET_F_CTRL_GUEST_OFFLOADS, VIRTIO_NET_F_GSO,
	VIRTIO_NET_F_GUEST_TSO4, VIRTIO_NET_F_GUEST_TSO6,
	VIRTIO_NET_F_GUEST_ECN, VIRTIO_NET_F_HOST_TSO4,
	VIRTIO_NET_F_HOST_TSO6, VIRTIO_NET_F_HOST_ECN, VIRTIO_NET_F_CTRL_VQ,
	VIRTIO_NET_F_MQ, VIRTIO_NET_F_CTRL_MAC_ADDR, VIRTIO_NET_F_GUEST_USO4,
	VIRTIO_NET_F_GUEST_USO6, VIRTIO_NET_F_HOST_USO,
	VIRTIO_NET_F_HASH_REPORT, VIRTIO_NET_F_RSC_EXT,
};

/* From virtio 1.3, 5.1.3.1, and for GSO 5.1.3.2. */
static u64 refined(u64 f)
{
	u64 drop = 0;

	if (!HAS(f, CSUM))
		drop |= BIT_OF(GSO) | BIT_OF(HOST_TSO4) | BIT_OF(HOST_TSO6) |
			BIT_OF(HOST_USO) | BIT_OF(HOST_ECN);
	if (!HAS(f, HOST_TSO4) && !HAS(f, HOST_TSO6))
		drop |= BIT_OF(HOST_ECN);
	if (!HAS(f, GUEST_CSUM))
		drop |= BIT_OF(GUEST_TSO4) | BIT_OF(GUEST_TSO6) |
			BIT_OF(GUEST_USO4) | BIT_OF(GUEST_USO6) |
			BIT_OF(GUEST_ECN);
	if (!HAS(f, GUEST_TSO4) && !HAS(f, GUEST_TSO6))
		drop |= BIT_OF(GUEST_ECN);
	if (!HAS(f & ~drop, GUEST_TSO4) && !HAS(f & ~drop, GUEST_TSO6))
		drop |= BIT_OF(RSC_EXT);
	if (!HAS(f & ~drop, HOST_TSO4) && !HAS(f & ~drop, HOST_TSO6))
		drop |= BIT_OF(RSC_EXT);
	if (!HAS(f, CTRL_VQ))
		drop |= BIT_OF(MQ) | BIT_OF(CTRL_MAC_ADDR) |
			BIT_OF(CTRL_GUEST_OFFLOADS) | BIT_OF(HASH_REPORT);

	return f & ~drop;
}

static void features_test_refine_all(struct kunit *test)
{
	const u64 others = BIT_OF(MTU) | BIT_OF(MAC) | BIT_OF(STATUS) |
			   BIT_OF(MRG_RXBUF) | BIT_ULL(VIRTIO_F_VERSION_1);
	unsigned int wrong = 0;
	u64 f, got, want;
	u32 i;

	for (i = 0; i < BIT(ARRAY_SIZE(refine_bits)); i++) {
		f = spread_bits(refine_bits, ARRAY_SIZE(refine_bits), i);
		if (i & 1)
			f |= others;
		got = vnet_features_refine(f);
		want = refined(f);
		if (got != want && !wrong++)
			KUNIT_FAIL(test, "%#llx becomes %#llx, not %#llx", f,
				   got, want);
	}
	KUNIT_EXPECT_EQ(test, wrong, 0);
}

/* The bits the driver asks for: each once, none of the transport's. */
static void features_test_table(struct kunit *test)
{
	u64 seen = 0, bit;
	unsigned int i;

	for (i = 0; i < VNET_FEATURE_COUNT; i++) {
		KUNIT_ASSERT_LT(test, vnet_feature_table[i], 64);
		bit = BIT_ULL(vnet_feature_table[i]);
		KUNIT_EXPECT_EQ_MSG(test, seen & bit, 0, "bit %u twice",
				    vnet_feature_table[i]);
		seen |= bit;
	}
	for (i = 0; i < ARRAY_SIZE(refine_bits); i++)
		KUNIT_EXPECT_NE_MSG(test, seen & BIT_ULL(refine_bits[i]), 0,
				    "bit %u has a rule but is not asked for",
				    refine_bits[i]);
	KUNIT_EXPECT_EQ(test, seen & BIT_ULL(VIRTIO_F_VERSION_1), 0);
}

static const u8 caps_bits[] = {
	VIRTIO_NET_F_CSUM, VIRTIO_NET_F_GUEST_CSUM,
	VIRTIO_NET_F_CTRL_GUEST_OFFLOADS, VIRTIO_NET_F_GSO,
	VIRTIO_NET_F_GUEST_TSO4, VIRTIO_NET_F_GUEST_TSO6,
	VIRTIO_NET_F_GUEST_ECN, VIRTIO_NET_F_HOST_TSO4,
	VIRTIO_NET_F_HOST_TSO6, VIRTIO_NET_F_HOST_ECN,
	VIRTIO_NET_F_MRG_RXBUF, VIRTIO_NET_F_GUEST_USO4,
	VIRTIO_NET_F_GUEST_USO6, VIRTIO_NET_F_HOST_USO,
	VIRTIO_NET_F_HASH_REPORT, VIRTIO_NET_F_RSC_EXT,
	VIRTIO_F_VERSION_1, VIRTIO_F_ANY_LAYOUT,
};

static netdev_features_t tx_features(u64 f)
{
	const bool legacy_gso = HAS(f, GSO) &&
				!(f & BIT_ULL(VIRTIO_F_VERSION_1));

	if (!HAS(f, CSUM))
		return 0;

	return NETIF_F_HW_CSUM |
	       (legacy_gso || HAS(f, HOST_TSO4) ? NETIF_F_TSO : 0) |
	       (legacy_gso || HAS(f, HOST_TSO6) ? NETIF_F_TSO6 : 0) |
	       (legacy_gso || HAS(f, HOST_ECN) ? NETIF_F_TSO_ECN : 0) |
	       (HAS(f, HOST_USO) ? NETIF_F_GSO_UDP_L4 : 0);
}

static struct vnet_caps expected_caps(u64 f)
{
	const bool v1 = f & BIT_ULL(VIRTIO_F_VERSION_1);
	const bool big = HAS(f, GUEST_TSO4) || HAS(f, GUEST_TSO6) ||
			 HAS(f, GUEST_USO4) || HAS(f, GUEST_USO6);
	const bool mrg = HAS(f, MRG_RXBUF), hash = HAS(f, HASH_REPORT);
	const bool ctrl = HAS(f, CTRL_GUEST_OFFLOADS);
	struct vnet_caps c = { .features = f, .big_frames = big };

	c.any_layout = v1 || f & BIT_ULL(VIRTIO_F_ANY_LAYOUT);
	c.mode = mrg ? VNET_RX_MERGEABLE : big ? VNET_RX_CHAIN : VNET_RX_SINGLE;
	c.hdr_len = hash ? 20 : v1 || mrg ? 12 : 10;
	c.rules.flags = (HAS(f, GUEST_CSUM) ? 3 : 0) | HAS(f, RSC_EXT) << 2;
	c.rules.gso_types = HAS(f, GUEST_TSO4) << 1 | HAS(f, GUEST_TSO6) << 4 |
			    (HAS(f, GUEST_USO4) || HAS(f, GUEST_USO6)) << 5 |
			    HAS(f, GUEST_ECN) << 7;

	c.hw_features = NETIF_F_SG | tx_features(f) |
			(hash ? NETIF_F_RXHASH : 0) |
			(ctrl && big ? NETIF_F_GRO_HW : 0) |
			(HAS(f, GUEST_CSUM) && (ctrl || !big) ?
			 NETIF_F_RXCSUM : 0);
	c.netdev_features = c.hw_features | NETIF_F_HIGHDMA |
			    (HAS(f, CSUM) ? NETIF_F_GSO_ROBUST : 0) |
			    (HAS(f, GUEST_CSUM) ? NETIF_F_RXCSUM : 0) |
			    (big ? NETIF_F_GRO_HW : 0);

	return c;
}

static void expect_same(struct kunit *test, const char *field, u64 got,
			u64 want, u64 f)
{
	KUNIT_EXPECT_EQ_MSG(test, got, want, "%s of features %#llx", field, f);
}

static bool same_caps(struct kunit *test, u64 f)
{
	struct vnet_caps want = expected_caps(f), got;

	memset(&got, 0xff, sizeof(got));
	vnet_caps_init(&got, f);
	if (got.features == want.features && got.mode == want.mode &&
	    got.hdr_len == want.hdr_len &&
	    got.any_layout == want.any_layout &&
	    got.big_frames == want.big_frames &&
	    got.rules.flags == want.rules.flags &&
	    got.rules.gso_types == want.rules.gso_types &&
	    got.hw_features == want.hw_features &&
	    got.netdev_features == want.netdev_features)
		return true;

	expect_same(test, "features", got.features, want.features, f);
	expect_same(test, "mode", got.mode, want.mode, f);
	expect_same(test, "hdr_len", got.hdr_len, want.hdr_len, f);
	expect_same(test, "any_layout", got.any_layout, want.any_layout,
		    f);
	expect_same(test, "big_frames", got.big_frames, want.big_frames,
		    f);
	expect_same(test, "rules.flags", got.rules.flags, want.rules.flags,
		    f);
	expect_same(test, "rules.gso_types", got.rules.gso_types,
		    want.rules.gso_types, f);
	expect_same(test, "hw_features", got.hw_features, want.hw_features,
		    f);
	expect_same(test, "netdev_features", got.netdev_features,
		    want.netdev_features, f);

	return false;
}

static void features_test_caps_all(struct kunit *test)
{
	u32 i;

	for (i = 0; i < BIT(ARRAY_SIZE(caps_bits)); i++)
		if (!same_caps(test, spread_bits(caps_bits,
						 ARRAY_SIZE(caps_bits), i)))
			break;
}

/* A feature says nothing about what it has nothing to do with. */
static void features_test_caps_unrelated(struct kunit *test)
{
	static const u8 bits[] = { VIRTIO_NET_F_MTU, VIRTIO_NET_F_MAC,
				   VIRTIO_NET_F_STATUS, VIRTIO_NET_F_CTRL_VQ,
				   VIRTIO_NET_F_MQ, VIRTIO_NET_F_CTRL_MAC_ADDR,
				   VIRTIO_NET_F_SPEED_DUPLEX,
				   VIRTIO_NET_F_GUEST_HDRLEN,
				   VIRTIO_RING_F_INDIRECT_DESC,
				   VIRTIO_RING_F_EVENT_IDX };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bits); i++) {
		same_caps(test, BIT_ULL(bits[i]));
		same_caps(test, BIT_ULL(bits[i]) | BIT_OF(GUEST_CSUM) |
				BIT_OF(GUEST_TSO4));
	}
}

/* The contract's header: 10 bytes, but where the device says more in it. */
static void features_test_contract_header(struct kunit *test)
{
	static const struct {
		u64 features;
		u32 hdr_len;
	} cases[] = {
		{ 0, 10 },
		{ BIT_ULL(VIRTIO_F_VERSION_1), 10 },
		{ BIT_ULL(VIRTIO_F_VERSION_1) | BIT_OF(GUEST_CSUM) |
		  BIT_OF(GUEST_TSO4), 10 },
		{ BIT_OF(MRG_RXBUF), 12 },
		{ BIT_ULL(VIRTIO_F_VERSION_1) | BIT_OF(MRG_RXBUF), 12 },
		{ BIT_ULL(VIRTIO_F_VERSION_1) | BIT_OF(HASH_REPORT), 20 },
	};
	struct vnet_caps caps, before;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		vnet_caps_init(&caps, cases[i].features);
		before = caps;
		vnet_caps_contract(&caps);
		KUNIT_EXPECT_EQ_MSG(test, caps.hdr_len, cases[i].hdr_len,
				    "features %#llx", cases[i].features);
		before.hdr_len = caps.hdr_len;
		KUNIT_EXPECT_MEMEQ(test, &caps, &before, sizeof(caps));
	}
}

/* What the wire format says about the three headers. */
static void features_test_header_sizes(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, sizeof(struct virtio_net_hdr), 10);
	KUNIT_EXPECT_EQ(test, sizeof(struct virtio_net_hdr_mrg_rxbuf), 12);
	KUNIT_EXPECT_EQ(test, sizeof(struct virtio_net_hdr_v1_hash), 20);
}

static const u8 guest_bits[] = {
	VIRTIO_NET_F_GUEST_CSUM, VIRTIO_NET_F_GUEST_TSO4,
	VIRTIO_NET_F_GUEST_TSO6, VIRTIO_NET_F_GUEST_ECN,
	VIRTIO_NET_F_GUEST_USO4, VIRTIO_NET_F_GUEST_USO6,
};

static void features_test_guest_offloads(struct kunit *test)
{
	const netdev_features_t others = ~(NETIF_F_RXCSUM | NETIF_F_GRO_HW);
	const u64 gso = spread_bits(guest_bits + 1, 5, 0x1f);
	struct vnet_caps caps = {};
	netdev_features_t wanted;
	u64 have, want;
	u32 i, j;

	for (i = 0; i < BIT(ARRAY_SIZE(guest_bits)); i++) {
		have = spread_bits(guest_bits, ARRAY_SIZE(guest_bits), i);
		caps.features = have | BIT_OF(CTRL_VQ) | BIT_OF(CSUM) |
				BIT_OF(CTRL_GUEST_OFFLOADS) |
				BIT_OF(HOST_TSO4);
		for (j = 0; j < 8; j++) {
			want = (j & 1 ? have & BIT_OF(GUEST_CSUM) : 0) |
			       (j & 2 ? have & gso : 0);
			wanted = (j & 1 ? NETIF_F_RXCSUM : 0) |
				 (j & 2 ? NETIF_F_GRO_HW : 0) |
				 (j & 4 ? others : 0);
			KUNIT_EXPECT_EQ_MSG(test,
					    vnet_guest_offloads(&caps, wanted),
					    want, "%#llx with netdev %#llx",
					    have, wanted);
		}
	}
}

static struct kunit_case features_test_cases[] = {
	KUNIT_CASE_PARAM(features_test_need, need_gen_params),
	KUNIT_CASE(features_test_refine_all),
	KUNIT_CASE(features_test_table),
	KUNIT_CASE(features_test_caps_all),
	KUNIT_CASE(features_test_caps_unrelated),
	KUNIT_CASE(features_test_contract_header),
	KUNIT_CASE(features_test_header_sizes),
	KUNIT_CASE(features_test_guest_offloads),
	{}
};

static struct kunit_suite features_suite = {
	.name		= "ivnet_features",
	.test_cases	= features_test_cases,
};

kunit_test_suite(features_suite);
