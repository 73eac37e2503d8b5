// SPDX-License-Identifier: GPL-2.0
/*
 * The device contract: a device that keeps it breaks no rule, and with one
 * thing changed it breaks that one rule.
 */

#include <kunit/test.h>
#include <linux/bits.h>
#include <linux/pci_regs.h>
#include <linux/prandom.h>
#include <linux/string.h>

#include "../virtio/contract.h"

/* Where the device that keeps the contract has its capabilities. */
#define CAP_MSIX	0x40
#define CAP_COMMON	0x4c
#define CAP_NOTIFY	0x5c
#define CAP_ISR		0x70
#define CAP_DEVICE	0x80
#define CAP_OTHER	0x90	/* of the vendor, but none of these blocks */

#define GOOD_FEATURES	(BIT_ULL(32) | BIT_ULL(28) | BIT_ULL(16) | BIT_ULL(5))

static void put(u8 *config, u32 at, u32 bytes, u32 value)
{
	for (; bytes; bytes--, value >>= 8)
		config[at++] = value;
}

static void put_cap(u8 *config, u8 at, u8 next, u8 len, u8 type, u32 offset,
		    u32 length)
{
	put(config, at, 4, 0x09 | next << 8 | len << 16 | type << 24);
	put(config, at + 8, 4, offset);
	put(config, at + 12, 4, length);
}

static struct vnet_contract_device *good_device(struct kunit *test)
{
	struct vnet_contract_device *dev;
	u8 *config;

	dev = kunit_kzalloc(test, sizeof(*dev), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, dev);
	config = dev->config;
	put(config, 0x00, 4, 0x10411af4);
	put(config, 0x06, 2, 0x0010);
	put(config, 0x08, 4, 0x02000001);
	put(config, 0x2c, 4, 0x00011af4);
	put(config, 0x34, 1, CAP_MSIX);
	put(config, 0x3d, 1, 1);
	/* 257 vectors: 1 stands where the vendor's have their type. */
	put(config, CAP_MSIX, 4, 0x11 | CAP_COMMON << 8 | 0x0100 << 16);
	put_cap(config, CAP_COMMON, CAP_NOTIFY, 16, 1, 0x0000, 0x100);
	put_cap(config, CAP_NOTIFY, CAP_ISR, 20, 2, 0x1000, 0x100);
	put(config, CAP_NOTIFY + 16, 4, 4);
	put_cap(config, CAP_ISR, CAP_DEVICE, 16, 3, 0x2000, 0x20);
	put_cap(config, CAP_DEVICE, CAP_OTHER, 16, 4, 0x3000, 0x100);
	put_cap(config, CAP_OTHER, 0, 20, 5, 0, 0);

	dev->pci = true;
	dev->common_read = true;
	dev->vectors_read = true;
	dev->device_read = true;
	dev->bar[0] = (struct vnet_contract_bar) { 0x4000, true, true };
	dev->bar[2] = (struct vnet_contract_bar) { 0x8000, true, false };
	dev->features = GOOD_FEATURES;
	dev->num_queues = 2;
	dev->max_pairs = 1;
	dev->queue[0].size = 256;
	dev->queue[1].size = 256;
	dev->queue[1].notify_off = 1;

	return dev;
}

static struct vnet_contract_report *report_of(struct kunit *test,
					      const struct vnet_contract_device *dev)
{
	struct vnet_contract_report *report;

	report = kunit_kmalloc(test, sizeof(*report), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, report);
	memset(report, 0xff, sizeof(*report));
	vnet_contract_check(dev, report);

	return report;
}

struct rule_case {
	const char *rule;
	const char *found;
	const char *wanted;
	u32 at;
	u32 bytes;
	u64 value;
	void (*change)(struct vnet_contract_device *dev);
	bool field;
};

/* A change in configuration space, in a field of the copy, or by a function. */
#define CONFIG(name, at, bytes, value, found, wanted)			\
	{ name, found, wanted, at, bytes, value, NULL, false }
#define FIELD(name, type, field, value, found, wanted)			\
	{ name, found, wanted,						\
	  offsetof(struct vnet_contract_device, field), sizeof(type),	\
	  value, NULL, true }
#define CHANGE(name, change, found, wanted)				\
	{ name, found, wanted, 0, 0, 0, change, false }

/* A cap that the list has at its very end, and that is longer. */
static void cap_too_far(struct vnet_contract_device *dev)
{
	put(dev->config, CAP_ISR + 1, 1, 0xf0);
	put_cap(dev->config, 0xf0, 0, 17, 4, 0x3000, 0x100);
}

static const struct rule_case rule_cases[] = {
	FIELD("pci", bool, pci, false, "no", "yes"),
	CONFIG("vendor", 0x00, 2, 0x1af5, "0x1af5", "0x1af4"),
	CONFIG("device", 0x02, 2, 0x1000, "0x1000", "0x1041"),
	CONFIG("revision", 0x08, 1, 0x00, "0x0", "0x1"),
	CONFIG("subsystem_vendor", 0x2c, 2, 0x8086, "0x8086", "0x1af4"),
	CONFIG("subsystem", 0x2e, 2, 0x1100, "0x1100", "0x1"),
	CONFIG("interrupt_pin", 0x3d, 1, 0, "0x0", "0x1"),
	FIELD("bar0.memory", bool, bar[0].mem, false, "no", "yes"),
	FIELD("bar0.64bit", bool, bar[0].wide, false, "no", "yes"),
	FIELD("bar0.length", u64, bar[0].len, 0x3fff,
	      "0x3fff", "at least 0x4000"),
	FIELD("io_bars", u64, bar[4].len, 0x20, "0x1", "0x0"),

	CONFIG("list.present", 0x06, 2, 0, "no", "yes"),
	CONFIG("list.pointer", 0x34, 1, CAP_MSIX + 2, "0x42", "a multiple of 4"),
	CONFIG("list.pointer", CAP_ISR + 1, 1, CAP_DEVICE + 1, "0x81",
	       "a multiple of 4"),
	CONFIG("list.range", CAP_OTHER + 1, 1, 0x3c, "0x3c", "0x40 to 0xfc"),
	CONFIG("list.range", CAP_OTHER + 1, 1, 0x04, "0x4", "0x40 to 0xfc"),
	CONFIG("list.next", CAP_OTHER + 1, 1, CAP_COMMON, "0x4c",
	       "no entry twice"),
	CONFIG("list.next", CAP_OTHER + 1, 1, CAP_OTHER, "0x90",
	       "no entry twice"),
	CHANGE("list.end", cap_too_far, "0x101", "0x100 at most"),

	/* Another type, so that the block has no capability. */
	CONFIG("common.present", CAP_COMMON + 3, 1, 5, "no", "yes"),
	CONFIG("common.cap_len", CAP_COMMON + 2, 1, 15, "0xf", "at least 0x10"),
	CONFIG("common.bar", CAP_COMMON + 4, 1, 2, "0x2", "0x0"),
	CONFIG("common.offset", CAP_COMMON + 8, 4, 0x3e00, "0x3e00", "0x0"),
	CONFIG("common.length", CAP_COMMON + 12, 4, 0xff, "0xff",
	       "at least 0x100"),
	CONFIG("common.end", CAP_COMMON + 12, 4, 0x4001, "0x4001",
	       "in its BAR"),
	CONFIG("notify.present", CAP_NOTIFY + 3, 1, 0, "no", "yes"),
	CONFIG("notify.cap_len", CAP_NOTIFY + 2, 1, 16, "0x10",
	       "at least 0x14"),
	CONFIG("notify.bar", CAP_NOTIFY + 4, 1, 2, "0x2", "0x0"),
	CONFIG("notify.offset", CAP_NOTIFY + 8, 4, 0x1004, "0x1004", "0x1000"),
	CONFIG("notify.length", CAP_NOTIFY + 12, 4, 0x80, "0x80",
	       "at least 0x100"),
	CONFIG("notify.end", CAP_NOTIFY + 12, 4, 0x3001, "0x4001",
	       "in its BAR"),
	CONFIG("notify.end", CAP_NOTIFY + 12, 4, 0xffffffff, "0x100000fff",
	       "in its BAR"),
	CONFIG("isr.present", CAP_ISR + 3, 1, 8, "no", "yes"),
	CONFIG("isr.cap_len", CAP_ISR + 2, 1, 0, "0x0", "at least 0x10"),
	CONFIG("isr.bar", CAP_ISR + 4, 1, 2, "0x2", "0x0"),
	CONFIG("isr.offset", CAP_ISR + 8, 4, 0x2020, "0x2020", "0x2000"),
	CONFIG("isr.length", CAP_ISR + 12, 4, 0x1f, "0x1f", "at least 0x20"),
	CONFIG("isr.end", CAP_ISR + 12, 4, 0x2001, "0x4001", "in its BAR"),
	CONFIG("device.present", CAP_DEVICE + 3, 1, 9, "no", "yes"),
	CONFIG("device.cap_len", CAP_DEVICE + 2, 1, 8, "0x8", "at least 0x10"),
	CONFIG("device.bar", CAP_DEVICE + 4, 1, 2, "0x2", "0x0"),
	CONFIG("device.offset", CAP_DEVICE + 8, 4, 0x3100, "0x3100", "0x3000"),
	CONFIG("device.length", CAP_DEVICE + 12, 4, 0x0a, "0xa",
	       "at least 0x100"),
	CONFIG("device.end", CAP_DEVICE + 12, 4, 0x1001, "0x4001",
	       "in its BAR"),
	CONFIG("notify.multiplier", CAP_NOTIFY + 16, 4, 0x1000, "0x1000",
	       "0x4"),
	CONFIG("notify.multiplier", CAP_NOTIFY + 16, 4, 0, "0x0", "0x4"),

	FIELD("offers.version_1", u64, features, GOOD_FEATURES & ~BIT_ULL(32),
	      "no", "yes"),
	FIELD("offers.indirect_desc", u64, features, GOOD_FEATURES & ~BIT_ULL(28),
	      "no", "yes"),
	FIELD("offers.mac", u64, features, GOOD_FEATURES & ~BIT_ULL(5),
	      "no", "yes"),
	FIELD("offers.status", u64, features, GOOD_FEATURES & ~BIT_ULL(16),
	      "no", "yes"),
	FIELD("offers.event_idx", u64, features, GOOD_FEATURES | BIT_ULL(29),
	      "yes", "no"),
	FIELD("offers.ring_packed", u64, features, GOOD_FEATURES | BIT_ULL(34),
	      "yes", "no"),
	FIELD("offers.mrg_rxbuf", u64, features, GOOD_FEATURES | BIT_ULL(15),
	      "yes", "no"),
	FIELD("offers.ctrl_vq", u64, features, GOOD_FEATURES | BIT_ULL(17),
	      "yes", "no"),
	FIELD("offers.hash_report", u64, features, GOOD_FEATURES | BIT_ULL(57),
	      "yes", "no"),
	FIELD("offers.beyond_63", u32, features_beyond, 1, "0x1", "0x0"),

	FIELD("num_queues", u16, num_queues, 3, "0x3", "0x2"),
	FIELD("rx.size", u16, queue[0].size, 512, "0x200", "0x100"),
	FIELD("tx.size", u16, queue[1].size, 128, "0x80", "0x100"),
	FIELD("beyond.size", u16, queue[2].size, 64, "0x40", "0x0"),
	FIELD("rx.notify_off", u16, queue[0].notify_off, 2, "0x2", "0x0"),
	FIELD("tx.notify_off", u16, queue[1].notify_off, 0, "0x0", "0x1"),
	FIELD("beyond.notify_off", u16, queue[2].notify_off, 2, "0x2", "0x0"),
	FIELD("config.vector", u16, config_vector, 0xffff, "0xffff", "0x0"),
	FIELD("rx.vector", u16, queue[0].vector, 0xffff, "0xffff", "0x0"),
	FIELD("tx.vector", u16, queue[1].vector, 1, "0x1", "0x0"),
	FIELD("max_pairs", u16, max_pairs, 2, "0x2", "0x1"),
};

/* Tried for each of its bits, below. */
#define OFFLOADS_RULE	"offers.offloads"

static void expect_only(struct kunit *test,
			const struct vnet_contract_device *dev,
			const char *rule, const char *found,
			const char *wanted)
{
	const struct vnet_contract_report *report = report_of(test, dev);
	struct vnet_contract_text text = {};

	KUNIT_EXPECT_EQ_MSG(test, hweight64(report->broken), 1,
			    "%s: broken rules %#llx", rule, report->broken);
	if (!report->broken)
		return;
	vnet_contract_explain(report, __ffs64(report->broken), &text);
	KUNIT_EXPECT_STREQ(test, text.rule, rule);
	KUNIT_EXPECT_STREQ(test, text.found, found);
	KUNIT_EXPECT_STREQ(test, text.wanted, wanted);
}

static void set_field(struct vnet_contract_device *dev,
		      const struct rule_case *c)
{
	void *field = (u8 *)dev + c->at;

	switch (c->bytes) {
	case sizeof(u8):
		*(u8 *)field = c->value;
		break;
	case sizeof(u16):
		*(u16 *)field = c->value;
		break;
	case sizeof(u32):
		*(u32 *)field = c->value;
		break;
	case sizeof(u64):
		*(u64 *)field = c->value;
		break;
	}
}

static void rule_case_desc(const struct rule_case *c, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%s %s", c->rule, c->found);
}

KUNIT_ARRAY_PARAM(rule, rule_cases, rule_case_desc);

static void contract_test_one_broken(struct kunit *test)
{
	struct vnet_contract_device *dev = good_device(test);
	const struct rule_case *c = test->param_value;

	if (c->change)
		c->change(dev);
	else if (c->field)
		set_field(dev, c);
	else
		put(dev->config, c->at, c->bytes, c->value);
	expect_only(test, dev, c->rule, c->found, c->wanted);
}

static void contract_test_good(struct kunit *test)
{
	struct vnet_contract_device *dev = good_device(test);

	KUNIT_EXPECT_EQ(test, report_of(test, dev)->broken, 0);

	/* More than is asked for, and a device without MSI-X. */
	put(dev->config, CAP_COMMON + 12, 4, 0x4000);
	KUNIT_EXPECT_EQ(test, report_of(test, dev)->broken, 0);
	put(dev->config, CAP_NOTIFY + 2, 1, 24);
	dev->bar[0].len = 0x10000;
	dev->bar[5] = (struct vnet_contract_bar) { 0x1000, true, false };
	dev->features |= BIT_ULL(3) | BIT_ULL(33);
	dev->vectors_read = false;
	dev->config_vector = 0xffff;
	KUNIT_EXPECT_EQ(test, report_of(test, dev)->broken, 0);

	/* The first capability of a kind counts. */
	put(dev->config, CAP_OTHER + 3, 1, 1);
	KUNIT_EXPECT_EQ(test, report_of(test, dev)->broken, 0);
}

static void contract_test_offloads(struct kunit *test)
{
	static const u8 bits[] = { 0, 1, 2, 6, 7, 8, 9, 10, 11, 12, 13, 14, 54,
				   55, 56 };
	struct vnet_contract_device *dev;
	char found[24];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bits); i++) {
		dev = good_device(test);
		dev->features |= BIT_ULL(bits[i]);
		snprintf(found, sizeof(found), "0x%llx", BIT_ULL(bits[i]));
		expect_only(test, dev, OFFLOADS_RULE, found, "0x0");
	}
}

/* Each rule of the table has a name of its own and is tried above. */
static void contract_test_every_rule(struct kunit *test)
{
	struct vnet_contract_report *report;
	struct vnet_contract_text a, b;
	unsigned int i, j;

	report = kunit_kzalloc(test, sizeof(*report), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, report);
	for (i = 0; i < VNET_CONTRACT_RULES; i++) {
		vnet_contract_explain(report, i, &a);
		for (j = 0; j < i; j++) {
			vnet_contract_explain(report, j, &b);
			KUNIT_EXPECT_STRNEQ(test, a.rule, b.rule);
		}
		for (j = 0; j < ARRAY_SIZE(rule_cases); j++)
			if (!strcmp(a.rule, rule_cases[j].rule))
				break;
		KUNIT_EXPECT_TRUE_MSG(test, j < ARRAY_SIZE(rule_cases) ||
				      !strcmp(a.rule, OFFLOADS_RULE),
				      "%s is not tried", a.rule);
	}
}

/* What has not been read breaks no rule, and what is no memory is not read. */
static void contract_test_unread(struct kunit *test)
{
	struct vnet_contract_device *dev = good_device(test);
	const struct vnet_contract_report *report;
	struct vnet_contract_text text;

	dev->common_read = false;
	dev->device_read = false;
	memset(dev->queue, 0xff, sizeof(dev->queue));
	dev->features = 0;
	dev->max_pairs = 7;
	KUNIT_EXPECT_EQ(test, report_of(test, dev)->broken, 0);

	/* Nor is a capability that is too short. */
	put(dev->config, CAP_COMMON + 2, 1, 8);
	put(dev->config, CAP_COMMON + 8, 4, 0x5000);
	expect_only(test, dev, "common.cap_len", "0x8", "at least 0x10");

	dev->bar[0].len = 0;
	report = report_of(test, dev);
	vnet_contract_explain(report, __ffs64(report->broken), &text);
	KUNIT_EXPECT_STREQ(test, text.rule, "bar0.memory");

	dev->pci = false;
	expect_only(test, dev, "pci", "no", "yes");
}

struct find_case {
	u32 at;
	u32 bytes;
	u32 value;
	bool good;
	u8 bar;
	u32 offset;
};

static void contract_test_find(struct kunit *test)
{
	static const struct find_case cases[] = {
		{ 0x34, 1, CAP_MSIX, true, 0, 0 },
		{ CAP_COMMON + 4, 1, 2, true, 2, 0 },
		{ CAP_COMMON + 8, 4, 0x3fc8, true, 0, 0x3fc8 },
		{ CAP_COMMON + 12, 4, 56, true, 0, 0 },
		{ CAP_COMMON + 12, 4, 0xffffffff, true, 0, 0 },
		/* No list, no capability, no BAR, not there, not whole. */
		{ 0x06, 2, 0 },
		{ CAP_COMMON + 3, 1, 2 },
		{ CAP_COMMON + 4, 1, 1 },
		{ CAP_COMMON + 4, 1, 4 },
		{ CAP_COMMON + 4, 1, 6 },
		{ CAP_COMMON + 4, 1, 255 },
		{ CAP_COMMON + 8, 4, 0x3fcc },
		{ CAP_COMMON + 8, 4, 0xfffffffc },
		{ CAP_COMMON + 8, 4, 2 },
		{ CAP_COMMON + 12, 4, 55 },
		{ CAP_MSIX + 1, 1, 0xfc },
	};
	struct vnet_contract_device *dev;
	unsigned int i;
	u32 offset;
	bool good;
	u8 bar;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		dev = good_device(test);
		dev->bar[4] = (struct vnet_contract_bar) { 0x100, false, false };
		/* Not in the list: the beginning of another capability. */
		put(dev->config, 0xfc, 4, 0x01100009 | CAP_NOTIFY << 8);
		put(dev->config, cases[i].at, cases[i].bytes, cases[i].value);
		good = vnet_contract_find(dev, VNET_CONTRACT_COMMON, 56, &bar,
					  &offset);
		KUNIT_EXPECT_EQ_MSG(test, good, cases[i].good, "case %u", i);
		if (!good)
			continue;
		KUNIT_EXPECT_EQ_MSG(test, bar, cases[i].bar, "case %u", i);
		KUNIT_EXPECT_EQ_MSG(test, offset, cases[i].offset, "case %u", i);
	}
}

/* Whatever the device says, it is judged, and nothing outside a BAR is read. */
static void contract_test_noise(struct kunit *test)
{
	struct vnet_contract_device *good = good_device(test);
	struct vnet_contract_report *report = report_of(test, good);
	struct vnet_contract_device *dev = good_device(test);
	struct vnet_contract_text text;
	struct rnd_state rnd;
	u32 i, j, offset;
	u8 bar;

	prandom_seed_state(&rnd, 1);
	for (i = 0; i < 20000; i++) {
		*dev = *good;
		for (j = prandom_u32_state(&rnd) % 8; j; j--)
			dev->config[0x34 + prandom_u32_state(&rnd) % 0xcc] =
				prandom_u32_state(&rnd);
		if (i % 4 == 0) {
			prandom_bytes_state(&rnd, dev->config,
					    sizeof(dev->config));
			dev->config[PCI_STATUS] |= PCI_STATUS_CAP_LIST;
		}
		vnet_contract_check(dev, report);
		KUNIT_ASSERT_EQ(test, report->broken >> VNET_CONTRACT_RULES, 0);
		if (report->broken)
			vnet_contract_explain(report, __ffs64(report->broken),
					      &text);
		for (j = 0; j < VNET_CONTRACT_PARTS; j++) {
			if (!vnet_contract_find(dev, j, 10, &bar, &offset))
				continue;
			KUNIT_ASSERT_LT(test, bar, VNET_CONTRACT_BARS);
			KUNIT_ASSERT_LE(test, (u64)offset + 10,
					dev->bar[bar].len);
		}
	}
}

static struct kunit_case contract_cases[] = {
	KUNIT_CASE(contract_test_good),
	KUNIT_CASE_PARAM(contract_test_one_broken, rule_gen_params),
	KUNIT_CASE(contract_test_offloads),
	KUNIT_CASE(contract_test_every_rule),
	KUNIT_CASE(contract_test_unread),
	KUNIT_CASE(contract_test_find),
	KUNIT_CASE(contract_test_noise),
	{}
};

static struct kunit_suite contract_suite = {
	.name = "ivnet_contract",
	.test_cases = contract_cases,
};

kunit_test_suite(contract_suite);
