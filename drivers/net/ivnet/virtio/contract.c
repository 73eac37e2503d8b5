// SPDX-License-Identifier: GPL-2.0
/* The rules of the device contract; numbers in brackets are its sections. */

#include <linux/bits.h>
#include <linux/build_bug.h>
#include <linux/kernel.h>
#include <linux/pci_regs.h>
#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <linux/virtio_pci.h>
#include <linux/virtio_ring.h>

#include "virtio.h"

/* Rules of each register block, from one of the bases below on. */
enum {
	PRESENT,
	CAP_LEN,
	BAR,
	OFFSET,
	LENGTH,
	END,
	PART_RULES
};

enum rule {
	PCI,
	VENDOR,
	DEVICE,
	REVISION,
	SUB_VENDOR,
	SUB_DEVICE,
	PIN,
	BAR0_MEM,
	BAR0_WIDE,
	BAR0_LEN,
	IO_BARS,
	LIST_PRESENT,
	LIST_ALIGN,
	LIST_RANGE,
	LIST_LOOP,
	LIST_END,
	COMMON,
	NOTIFY = COMMON + PART_RULES,
	ISR = NOTIFY + PART_RULES,
	DEV = ISR + PART_RULES,
	MULTIPLIER = DEV + PART_RULES,
	VERSION_1,
	INDIRECT,
	MAC,
	STATUS,
	EVENT_IDX,
	PACKED,
	MRG_RXBUF,
	OFFLOADS,
	CTRL_VQ,
	HASH,
	BEYOND,
	QUEUES,
	RX_SIZE,
	TX_SIZE,
	NO_SIZE,
	RX_NOTIFY,
	TX_NOTIFY,
	NO_NOTIFY,
	CONFIG_VECTOR,
	RX_VECTOR,
	TX_VECTOR,
	MAX_PAIRS,
	RULES
};

static_assert(RULES == VNET_CONTRACT_RULES);
static_assert(RULES <= 64);

enum kind {
	EXACT,
	AT_LEAST,
	YES_NO,
	WORDS,		/* what is wanted has no number */
};

static const struct {
	const char *name;
	const char *words;
	u32 wanted;
	enum kind kind;
} rules[RULES] = {
	/* What it is [1.1, 1.2, 1.8.1] */
	[PCI]		= { "pci", NULL, true, YES_NO },
	[VENDOR]	= { "vendor", NULL, 0x1af4, EXACT },
	[DEVICE]	= { "device", NULL, 0x1041, EXACT },
	[REVISION]	= { "revision", NULL, 0x01, EXACT },
	[SUB_VENDOR]	= { "subsystem_vendor", NULL, 0x1af4, EXACT },
	[SUB_DEVICE]	= { "subsystem", NULL, 0x0001, EXACT },
	[PIN]		= { "interrupt_pin", NULL, 1, EXACT },
	[BAR0_MEM]	= { "bar0.memory", NULL, true, YES_NO },
	[BAR0_WIDE]	= { "bar0.64bit", NULL, true, YES_NO },
	[BAR0_LEN]	= { "bar0.length", NULL, 0x4000, AT_LEAST },
	[IO_BARS]	= { "io_bars", NULL, 0, EXACT },

	/* Its list of capabilities [1.3] */
	[LIST_PRESENT]	= { "list.present", NULL, true, YES_NO },
	[LIST_ALIGN]	= { "list.pointer", "a multiple of 4", 0, WORDS },
	[LIST_RANGE]	= { "list.range", "0x40 to 0xfc", 0, WORDS },
	[LIST_LOOP]	= { "list.next", "no entry twice", 0, WORDS },
	[LIST_END]	= { "list.end", "0x100 at most", 0, WORDS },

	/* Where its registers are [1.3, 1.4, 1.6] */
	[COMMON + PRESENT] = { "common.present", NULL, true, YES_NO },
	[COMMON + CAP_LEN] = { "common.cap_len", NULL, 16, AT_LEAST },
	[COMMON + BAR]	= { "common.bar", NULL, 0, EXACT },
	[COMMON + OFFSET] = { "common.offset", NULL, 0x0000, EXACT },
	[COMMON + LENGTH] = { "common.length", NULL, 0x0100, AT_LEAST },
	[COMMON + END]	= { "common.end", "in its BAR", 0, WORDS },
	[NOTIFY + PRESENT] = { "notify.present", NULL, true, YES_NO },
	[NOTIFY + CAP_LEN] = { "notify.cap_len", NULL, 20, AT_LEAST },
	[NOTIFY + BAR]	= { "notify.bar", NULL, 0, EXACT },
	[NOTIFY + OFFSET] = { "notify.offset", NULL, 0x1000, EXACT },
	[NOTIFY + LENGTH] = { "notify.length", NULL, 0x0100, AT_LEAST },
	[NOTIFY + END]	= { "notify.end", "in its BAR", 0, WORDS },
	[ISR + PRESENT]	= { "isr.present", NULL, true, YES_NO },
	[ISR + CAP_LEN]	= { "isr.cap_len", NULL, 16, AT_LEAST },
	[ISR + BAR]	= { "isr.bar", NULL, 0, EXACT },
	[ISR + OFFSET]	= { "isr.offset", NULL, 0x2000, EXACT },
	[ISR + LENGTH]	= { "isr.length", NULL, 0x0020, AT_LEAST },
	[ISR + END]	= { "isr.end", "in its BAR", 0, WORDS },
	[DEV + PRESENT]	= { "device.present", NULL, true, YES_NO },
	[DEV + CAP_LEN]	= { "device.cap_len", NULL, 16, AT_LEAST },
	[DEV + BAR]	= { "device.bar", NULL, 0, EXACT },
	[DEV + OFFSET]	= { "device.offset", NULL, 0x3000, EXACT },
	[DEV + LENGTH]	= { "device.length", NULL, 0x0100, AT_LEAST },
	[DEV + END]	= { "device.end", "in its BAR", 0, WORDS },
	[MULTIPLIER]	= { "notify.multiplier", NULL, 4, EXACT },

	/* What it offers [1.5.1, 1.5.2, 2.3, 3.2.3, 3.2.5] */
	[VERSION_1]	= { "offers.version_1", NULL, true, YES_NO },
	[INDIRECT]	= { "offers.indirect_desc", NULL, true, YES_NO },
	[MAC]		= { "offers.mac", NULL, true, YES_NO },
	[STATUS]	= { "offers.status", NULL, true, YES_NO },
	[EVENT_IDX]	= { "offers.event_idx", NULL, false, YES_NO },
	[PACKED]	= { "offers.ring_packed", NULL, false, YES_NO },
	[MRG_RXBUF]	= { "offers.mrg_rxbuf", NULL, false, YES_NO },
	[OFFLOADS]	= { "offers.offloads", NULL, 0, EXACT },
	[CTRL_VQ]	= { "offers.ctrl_vq", NULL, false, YES_NO },
	[HASH]		= { "offers.hash_report", NULL, false, YES_NO },
	[BEYOND]	= { "offers.beyond_63", NULL, 0, EXACT },

	/* Its queues and vectors [1.5.4, 1.6, 1.8.4, 3.2.2, 3.2.4] */
	[QUEUES]	= { "num_queues", NULL, VNET_CONTRACT_QUEUES, EXACT },
	[RX_SIZE]	= { "rx.size", NULL, 256, EXACT },
	[TX_SIZE]	= { "tx.size", NULL, 256, EXACT },
	[NO_SIZE]	= { "beyond.size", NULL, 0, EXACT },
	[RX_NOTIFY]	= { "rx.notify_off", NULL, 0, EXACT },
	[TX_NOTIFY]	= { "tx.notify_off", NULL, 1, EXACT },
	[NO_NOTIFY]	= { "beyond.notify_off", NULL, 0, EXACT },
	[CONFIG_VECTOR]	= { "config.vector", NULL, 0, EXACT },
	[RX_VECTOR]	= { "rx.vector", NULL, 0, EXACT },
	[TX_VECTOR]	= { "tx.vector", NULL, 0, EXACT },
	[MAX_PAIRS]	= { "max_pairs", NULL, 1, EXACT },
};

/* Checksums, segmentation, and what goes with them. */
#define CONTRACT_OFFLOADS (BIT_ULL(VIRTIO_NET_F_CSUM) |			\
			   BIT_ULL(VIRTIO_NET_F_GUEST_CSUM) |		\
			   BIT_ULL(VIRTIO_NET_F_CTRL_GUEST_OFFLOADS) |	\
			   BIT_ULL(VIRTIO_NET_F_GSO) |			\
			   BIT_ULL(VIRTIO_NET_F_GUEST_TSO4) |		\
			   BIT_ULL(VIRTIO_NET_F_GUEST_TSO6) |		\
			   BIT_ULL(VIRTIO_NET_F_GUEST_ECN) |		\
			   BIT_ULL(VIRTIO_NET_F_GUEST_UFO) |		\
			   BIT_ULL(VIRTIO_NET_F_HOST_TSO4) |		\
			   BIT_ULL(VIRTIO_NET_F_HOST_TSO6) |		\
			   BIT_ULL(VIRTIO_NET_F_HOST_ECN) |		\
			   BIT_ULL(VIRTIO_NET_F_HOST_UFO) |		\
			   BIT_ULL(VIRTIO_NET_F_GUEST_USO4) |		\
			   BIT_ULL(VIRTIO_NET_F_GUEST_USO6) |		\
			   BIT_ULL(VIRTIO_NET_F_HOST_USO))

static void broken(struct vnet_contract_report *report, enum rule rule,
		   u64 found)
{
	report->broken |= BIT_ULL(rule);
	report->found[rule] = found;
}

static void expect(struct vnet_contract_report *report, enum rule rule,
		   u64 found)
{
	u64 wanted = rules[rule].wanted;

	if (rules[rule].kind == AT_LEAST ? found < wanted : found != wanted)
		broken(report, rule, found);
}

/*
 * Where the capability of each block is; 0: nowhere. The first of a kind
 * counts. @report may be NULL.
 */
static void walk_list(const u8 *config, u8 *caps,
		      struct vnet_contract_report *report)
{
	u8 at = config[PCI_CAPABILITY_LIST], type;
	u64 seen = 0;

	memset(caps, 0, VNET_CONTRACT_PARTS);
	for (; at; at = config[at + PCI_CAP_LIST_NEXT]) {
		if (at % 4 && report)
			broken(report, LIST_ALIGN, at);
		/* The two bits are reserved, and ignored (PCI 3.0, 6.7). */
		at &= ~3;
		if (at < PCI_STD_HEADER_SIZEOF) {
			if (report)
				broken(report, LIST_RANGE, at);
			return;
		}
		if (seen & BIT_ULL(at / 4)) {
			if (report)
				broken(report, LIST_LOOP, at);
			return;
		}
		seen |= BIT_ULL(at / 4);

		if (config[at] != PCI_CAP_ID_VNDR)
			continue;
		type = config[at + VIRTIO_PCI_CAP_CFG_TYPE];
		if (type < VIRTIO_PCI_CAP_COMMON_CFG ||
		    type > VIRTIO_PCI_CAP_DEVICE_CFG)
			continue;
		type -= VIRTIO_PCI_CAP_COMMON_CFG;
		if (!caps[type])
			caps[type] = at;
	}
}

/* Do the bytes of a block's capability end before the configuration space? */
static bool cap_ends(u8 at, u32 len)
{
	return at + len <= VNET_CONTRACT_CONFIG;
}

static void check_part(const struct vnet_contract_device *dev,
		       enum vnet_contract_part part, u8 at,
		       struct vnet_contract_report *report)
{
	const enum rule base = COMMON + part * PART_RULES;
	const u8 *cap = dev->config + at;
	u64 end, bar_len = 0;
	u32 need, len, bar, offset, length;

	expect(report, base + PRESENT, !!at);
	if (!at)
		return;

	need = rules[base + CAP_LEN].wanted;
	len = cap[VIRTIO_PCI_CAP_LEN];
	expect(report, base + CAP_LEN, len);
	if (!cap_ends(at, max(len, need)))
		broken(report, LIST_END, at + max(len, need));
	if (len < need || !cap_ends(at, need))
		return;

	bar = cap[VIRTIO_PCI_CAP_BAR];
	offset = get_unaligned_le32(cap + VIRTIO_PCI_CAP_OFFSET);
	length = get_unaligned_le32(cap + VIRTIO_PCI_CAP_LENGTH);
	expect(report, base + BAR, bar);
	expect(report, base + OFFSET, offset);
	expect(report, base + LENGTH, length);
	if (bar < VNET_CONTRACT_BARS)
		bar_len = dev->bar[bar].len;
	end = (u64)offset + length;
	if (end > bar_len)
		broken(report, base + END, end);
	if (part == VNET_CONTRACT_NOTIFY)
		expect(report, MULTIPLIER,
		       get_unaligned_le32(cap + VIRTIO_PCI_NOTIFY_CAP_MULT));
}

static void check_identity(const struct vnet_contract_device *dev,
			   struct vnet_contract_report *report)
{
	const u8 *config = dev->config;
	unsigned int i, io = 0;

	expect(report, VENDOR, get_unaligned_le16(config + PCI_VENDOR_ID));
	expect(report, DEVICE, get_unaligned_le16(config + PCI_DEVICE_ID));
	expect(report, REVISION, config[PCI_REVISION_ID]);
	expect(report, SUB_VENDOR,
	       get_unaligned_le16(config + PCI_SUBSYSTEM_VENDOR_ID));
	expect(report, SUB_DEVICE,
	       get_unaligned_le16(config + PCI_SUBSYSTEM_ID));
	expect(report, PIN, config[PCI_INTERRUPT_PIN]);

	expect(report, BAR0_MEM, dev->bar[0].len && dev->bar[0].mem);
	if (dev->bar[0].len && dev->bar[0].mem) {
		expect(report, BAR0_WIDE, dev->bar[0].wide);
		expect(report, BAR0_LEN, dev->bar[0].len);
	}
	for (i = 1; i < VNET_CONTRACT_BARS; i++)
		io += dev->bar[i].len && !dev->bar[i].mem;
	expect(report, IO_BARS, io);
}

static void check_features(const struct vnet_contract_device *dev,
			   struct vnet_contract_report *report)
{
	static const struct {
		enum rule rule;
		u32 bit;
	} bits[] = {
		{ VERSION_1, VIRTIO_F_VERSION_1 },
		{ INDIRECT, VIRTIO_RING_F_INDIRECT_DESC },
		{ MAC, VIRTIO_NET_F_MAC },
		{ STATUS, VIRTIO_NET_F_STATUS },
		{ EVENT_IDX, VIRTIO_RING_F_EVENT_IDX },
		{ PACKED, VIRTIO_F_RING_PACKED },
		{ MRG_RXBUF, VIRTIO_NET_F_MRG_RXBUF },
		{ CTRL_VQ, VIRTIO_NET_F_CTRL_VQ },
		{ HASH, VIRTIO_NET_F_HASH_REPORT },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bits); i++)
		expect(report, bits[i].rule, dev->features >> bits[i].bit & 1);
	expect(report, OFFLOADS, dev->features & CONTRACT_OFFLOADS);
	expect(report, BEYOND, dev->features_beyond);
}

static void check_queues(const struct vnet_contract_device *dev,
			 struct vnet_contract_report *report)
{
	unsigned int i;

	expect(report, QUEUES, dev->num_queues);
	for (i = 0; i < ARRAY_SIZE(dev->queue); i++) {
		expect(report, RX_SIZE + i, dev->queue[i].size);
		expect(report, RX_NOTIFY + i, dev->queue[i].notify_off);
	}
	if (!dev->vectors_read)
		return;

	expect(report, CONFIG_VECTOR, dev->config_vector);
	for (i = 0; i < VNET_CONTRACT_QUEUES; i++)
		expect(report, RX_VECTOR + i, dev->queue[i].vector);
}

/**
 * vnet_contract_check() - which rules does a device break?
 * @dev: what it says about itself
 * @report: filled in
 *
 * What cannot be read, since something before it is broken, breaks no rule.
 */
void vnet_contract_check(const struct vnet_contract_device *dev,
			 struct vnet_contract_report *report)
{
	u8 caps[VNET_CONTRACT_PARTS];
	unsigned int i;

	memset(report, 0, sizeof(*report));
	expect(report, PCI, dev->pci);
	if (!dev->pci)
		return;

	check_identity(dev, report);
	if (!(dev->config[PCI_STATUS] & PCI_STATUS_CAP_LIST)) {
		broken(report, LIST_PRESENT, false);
		return;
	}
	walk_list(dev->config, caps, report);
	for (i = 0; i < VNET_CONTRACT_PARTS; i++)
		check_part(dev, i, caps[i], report);

	if (dev->common_read) {
		check_features(dev, report);
		check_queues(dev, report);
	}
	if (dev->device_read)
		expect(report, MAX_PAIRS, dev->max_pairs);
}

/**
 * vnet_contract_find() - where are the registers of a block?
 * @dev: what the device says about itself; only its configuration space and
 *	BARs count
 * @part: the block
 * @len: bytes to be read, from its start
 * @bar: set to the BAR
 * @offset: set to where they are in it, bytes; a multiple of 4
 *
 * Return: true if they can be read.
 */
bool vnet_contract_find(const struct vnet_contract_device *dev,
			enum vnet_contract_part part, u32 len, u8 *bar,
			u32 *offset)
{
	u8 caps[VNET_CONTRACT_PARTS], at;
	const u8 *cap;

	if (!(dev->config[PCI_STATUS] & PCI_STATUS_CAP_LIST))
		return false;
	walk_list(dev->config, caps, NULL);
	at = caps[part];
	if (!at || !cap_ends(at, sizeof(struct virtio_pci_cap)))
		return false;

	cap = dev->config + at;
	*bar = cap[VIRTIO_PCI_CAP_BAR];
	*offset = get_unaligned_le32(cap + VIRTIO_PCI_CAP_OFFSET);

	return *bar < VNET_CONTRACT_BARS && dev->bar[*bar].mem &&
	       *offset % 4 == 0 &&
	       len <= get_unaligned_le32(cap + VIRTIO_PCI_CAP_LENGTH) &&
	       (u64)*offset + len <= dev->bar[*bar].len;
}

/**
 * vnet_contract_explain() - put a broken rule into words
 * @report: what is broken
 * @rule: number of the rule
 * @text: filled in
 */
void vnet_contract_explain(const struct vnet_contract_report *report,
			   unsigned int rule, struct vnet_contract_text *text)
{
	const u64 found = report->found[rule];
	const u32 wanted = rules[rule].wanted;

	text->rule = rules[rule].name;
	if (rules[rule].kind == YES_NO)
		strscpy(text->found, found ? "yes" : "no", sizeof(text->found));
	else
		snprintf(text->found, sizeof(text->found), "0x%llx", found);

	switch (rules[rule].kind) {
	case EXACT:
		snprintf(text->wanted, sizeof(text->wanted), "0x%x", wanted);
		break;
	case AT_LEAST:
		snprintf(text->wanted, sizeof(text->wanted), "at least 0x%x",
			 wanted);
		break;
	case YES_NO:
		strscpy(text->wanted, wanted ? "yes" : "no",
			sizeof(text->wanted));
		break;
	case WORDS:
		strscpy(text->wanted, rules[rule].words, sizeof(text->wanted));
		break;
	}
}
