// SPDX-License-Identifier: GPL-2.0
/* Magic packets, and frames that are none. */

#include <kunit/test.h>
#include <linux/etherdevice.h>
#include <net/ivnet/magic.h>

#define MAGIC_LEN	(IVNET_MAGIC_SYNC + IVNET_MAGIC_TIMES * ETH_ALEN)

static const u8 mac[ETH_ALEN] = { 0x02, 0xff, 0xff, 0xff, 0xff, 0xff };

struct magic_frame {
	u8 data[ETH_FRAME_LEN];
	u32 len;
};

/* A frame that ends with the magic, at @at; what follows is @tail bytes. */
static void frame_make(struct magic_frame *f, u32 at, u32 tail)
{
	u32 i;

	memset(f->data, 0, sizeof(f->data));
	memset(f->data + at, 0xff, IVNET_MAGIC_SYNC);
	for (i = 0; i < IVNET_MAGIC_TIMES; i++)
		memcpy(f->data + at + IVNET_MAGIC_SYNC + i * ETH_ALEN, mac,
		       ETH_ALEN);
	f->len = at + MAGIC_LEN + tail;
}

static struct magic_frame *frame_new(struct kunit *test)
{
	struct magic_frame *f = kunit_kzalloc(test, sizeof(*f), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, f);

	return f;
}

/* Wherever it is, and whatever is around it. */
static void magic_test_anywhere(struct kunit *test)
{
	struct magic_frame *f = frame_new(test);
	u32 at;

	for (at = ETH_HLEN; at + MAGIC_LEN <= ETH_FRAME_LEN; at++) {
		frame_make(f, at, 0);
		KUNIT_EXPECT_TRUE_MSG(test, ivnet_magic_match(f->data, f->len, mac),
				      "at %u", at);
		/* The first bytes in the header: there it does not count. */
		KUNIT_EXPECT_FALSE(test, ivnet_magic_match(f->data, f->len - 1, mac));
	}
	frame_make(f, ETH_HLEN - 1, 10);
	KUNIT_EXPECT_FALSE(test, ivnet_magic_match(f->data, f->len, mac));

	/* A longer run of 0xff, and a beginning that leads nowhere. */
	frame_make(f, 200, 30);
	memset(f->data + 150, 0xff, 50);
	memset(f->data + 20, 0xff, IVNET_MAGIC_SYNC);
	memcpy(f->data + 26, mac, ETH_ALEN);
	KUNIT_EXPECT_TRUE(test, ivnet_magic_match(f->data, f->len, mac));
}

static void magic_test_none(struct kunit *test)
{
	static const u8 other[ETH_ALEN] = { 0x02, 0xff, 0xff, 0xff, 0xff, 0xfe };
	struct magic_frame *f = frame_new(test);
	u32 i;

	/* Any byte that is another one. */
	for (i = 0; i < MAGIC_LEN; i++) {
		frame_make(f, 60, 60);
		f->data[60 + i] ^= 0x01;
		KUNIT_EXPECT_FALSE_MSG(test, ivnet_magic_match(f->data, f->len, mac),
				       "byte %u", i);
	}
	frame_make(f, 60, 60);
	KUNIT_EXPECT_FALSE(test, ivnet_magic_match(f->data, f->len, other));
	/* Too short for anything, and nothing but 0xff. */
	for (i = 0; i < ETH_HLEN + MAGIC_LEN; i++)
		KUNIT_EXPECT_FALSE(test, ivnet_magic_match(f->data + 60, i, mac));
	memset(f->data, 0xff, sizeof(f->data));
	KUNIT_EXPECT_FALSE(test, ivnet_magic_match(f->data, sizeof(f->data), mac));
}

static struct kunit_case magic_cases[] = {
	KUNIT_CASE(magic_test_anywhere),
	KUNIT_CASE(magic_test_none),
	{}
};

static struct kunit_suite magic_suite = {
	.name = "ivnet_magic",
	.test_cases = magic_cases,
};

kunit_test_suite(magic_suite);
