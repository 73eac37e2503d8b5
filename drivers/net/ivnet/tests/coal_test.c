// SPDX-License-Identifier: GPL-2.0
/* What the virtio transport tells its device of interrupts, byte by byte. */

#include <kunit/test.h>
#include <linux/etherdevice.h>
#include <linux/netdevice.h>

#include "../virtio/virtio.h"

#define PAIRS	2
#define NEVER	U32_MAX

#define ALL	BIT_ULL(VIRTIO_NET_F_NOTF_COAL)
#define SINGLE	BIT_ULL(VIRTIO_NET_F_VQ_NOTF_COAL)

/**
 * struct coal_bed - a device that writes down commands
 * @idev: the device; the transport's part is behind it
 * @vd: that part
 * @vdev: the virtio device
 * @qset: queue pairs in use
 * @net: the net_device's private part
 * @adaptive: rings that the load decides about, a bit each
 * @refuse: number of the command that is refused
 * @n: commands so far
 * @log: command and bytes of each
 */
struct coal_bed {
	struct ivnet_dev *idev;
	struct vnet_dev *vd;
	struct virtio_device vdev;
	struct ivnet_qset qset;
	struct ivnet_net *net;
	unsigned long adaptive;
	u32 refuse;
	u32 n;
	char log[400];
};

/* Instead of the control queue. */
int vnet_ctrl_cmd(struct vnet_dev *vd, u8 class, u8 cmd, const void *data,
		  size_t len)
{
	struct coal_bed *bed = container_of(vd->vdev, struct coal_bed, vdev);
	size_t used = strlen(bed->log);

	snprintf(bed->log + used, sizeof(bed->log) - used, "%u.%u %*phN;",
		 class, cmd, (int)len, data);

	return bed->n++ == bed->refuse ? -EINVAL : 0;
}

/* Instead of what the load asks for. */
void vnet_dim_value(const struct vnet_dev *vd, u32 pair, bool tx,
		    struct ivnet_coal_dir *dir)
{
	dir->usecs = 100 + 2 * pair + tx;
	dir->frames = 256;
}

void vnet_dim_switch(struct vnet_dev *vd, u32 pair, bool tx, bool on)
{
	struct coal_bed *bed = container_of(vd->vdev, struct coal_bed, vdev);

	__assign_bit(2 * pair + tx, &bed->adaptive, on);
}

static int coal_init(struct kunit *test)
{
	struct net_device *dev;
	struct coal_bed *bed;

	bed = kunit_kzalloc(test, sizeof(*bed), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, bed);
	bed->idev = kunit_kzalloc(test, sizeof(*bed->idev) + sizeof(*bed->vd),
				  GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, bed->idev);
	dev = alloc_etherdev_mqs(sizeof(*bed->net), PAIRS, PAIRS);
	KUNIT_ASSERT_NOT_NULL(test, dev);
	test->priv = bed;

	bed->refuse = NEVER;
	bed->idev->netdev = dev;
	bed->vdev.priv = bed->idev;
	bed->vd = ivnet_priv(bed->idev);
	bed->vd->vdev = &bed->vdev;
	bed->vd->caps.features = ALL | SINGLE;
	bed->qset.cfg.pairs = PAIRS;
	bed->net = netdev_priv(dev);
	bed->net->idev = bed->idev;
	bed->net->qset = &bed->qset;
	bed->net->n_stats = PAIRS;

	return ivnet_coal_init(bed->net);
}

static void coal_exit(struct kunit *test)
{
	struct coal_bed *bed = test->priv;

	ivnet_coal_exit(bed->net);
	free_netdev(bed->idev->netdev);
}

/* What was said since the last look. */
static void said(struct kunit *test, const char *wanted)
{
	struct coal_bed *bed = test->priv;

	KUNIT_EXPECT_STREQ(test, bed->log, wanted);
	bed->log[0] = 0;
	bed->n = 0;
	bed->refuse = NEVER;
}

/* As the core does with what the device took. */
static int set(struct coal_bed *bed, u32 queue, struct ivnet_coal coal)
{
	int err = vnet_coalesce(bed->idev, queue, &coal);
	u32 i;

	if (err)
		return err;
	for (i = 0; i < PAIRS; i++)
		if (queue == IVNET_ALL_QUEUES || i == queue)
			bed->net->queue_coal[i] = coal;
	if (queue == IVNET_ALL_QUEUES)
		bed->net->coal = coal;

	return 0;
}

static const struct ivnet_coal first = { { 40, 5 }, { 30, 7 } };
static const struct ivnet_coal own = { { 40, 5 }, { 0x12345, 0x6789a } };

static void coal_test_all(struct kunit *test)
{
	struct coal_bed *bed = test->priv;

	KUNIT_EXPECT_EQ(test, set(bed, IVNET_ALL_QUEUES, first), 0);
	said(test, "6.1 0500000028000000;6.0 070000001e000000;");
	/* What does not change is not said again. */
	KUNIT_EXPECT_EQ(test, set(bed, IVNET_ALL_QUEUES, first), 0);
	said(test, "");
}

static void coal_test_single(struct kunit *test)
{
	struct coal_bed *bed = test->priv;

	set(bed, IVNET_ALL_QUEUES, first);
	said(test, "6.1 0500000028000000;6.0 070000001e000000;");
	KUNIT_EXPECT_EQ(test, set(bed, 1, own), 0);
	said(test, "6.2 030000009a78060045230100;");
}

/* Without NOTF_COAL each ring is told. */
static void coal_test_each(struct kunit *test)
{
	struct coal_bed *bed = test->priv;

	bed->vd->caps.features = SINGLE;
	KUNIT_EXPECT_EQ(test, set(bed, IVNET_ALL_QUEUES, first), 0);
	said(test, "6.2 000000000500000028000000;6.2 020000000500000028000000;"
		   "6.2 01000000070000001e000000;6.2 03000000070000001e000000;");
	/* The second is refused: both have what they had. */
	bed->refuse = 1;
	KUNIT_EXPECT_EQ(test, set(bed, IVNET_ALL_QUEUES, own), -EINVAL);
	said(test, "6.2 010000009a78060045230100;6.2 030000009a78060045230100;"
		   "6.2 01000000070000001e000000;6.2 03000000070000001e000000;");
}

static void coal_test_refused(struct kunit *test)
{
	const struct ivnet_coal other = { { 1, 2 }, { 3, 4 } };
	struct coal_bed *bed = test->priv;

	set(bed, IVNET_ALL_QUEUES, first);
	set(bed, 1, own);
	said(test, "6.1 0500000028000000;6.0 070000001e000000;"
		   "6.2 030000009a78060045230100;");

	/* The second of two: both directions are put back, ring 3 too. */
	bed->refuse = 1;
	KUNIT_EXPECT_EQ(test, set(bed, IVNET_ALL_QUEUES, other), -EINVAL);
	said(test, "6.1 0200000001000000;6.0 0400000003000000;"
		   "6.1 0500000028000000;6.2 000000000500000028000000;"
		   "6.2 020000000500000028000000;6.0 070000001e000000;"
		   "6.2 01000000070000001e000000;6.2 030000009a78060045230100;");

	bed->refuse = 1;
	KUNIT_EXPECT_EQ(test, set(bed, 0, other), -EINVAL);
	said(test, "6.2 000000000200000001000000;6.2 010000000400000003000000;"
		   "6.2 000000000500000028000000;6.2 01000000070000001e000000;");
}

/* A device that was reset knows nothing; a ring, what was said of all. */
static void coal_test_start(struct kunit *test)
{
	struct coal_bed *bed = test->priv;

	vnet_coal_start(bed->vd, PAIRS);
	said(test, "");

	set(bed, IVNET_ALL_QUEUES, first);
	set(bed, 1, own);
	said(test, "6.1 0500000028000000;6.0 070000001e000000;"
		   "6.2 030000009a78060045230100;");

	vnet_coal_start(bed->vd, PAIRS);
	said(test, "6.2 030000009a78060045230100;");
	vnet_coal_start(bed->vd, 1);
	said(test, "");
	vnet_coal_tx_start(bed->vd, 1);
	said(test, "6.2 030000009a78060045230100;");
	vnet_coal_tx_start(bed->vd, 0);
	said(test, "");

	memset(&bed->vd->coal_all, 0, sizeof(bed->vd->coal_all));
	vnet_coal_start(bed->vd, PAIRS);
	said(test, "6.1 0500000028000000;6.0 070000001e000000;"
		   "6.2 030000009a78060045230100;");

	/* The features may be others after a start. */
	memset(&bed->vd->coal_all, 0, sizeof(bed->vd->coal_all));
	bed->vd->caps.features = ALL;
	vnet_coal_start(bed->vd, PAIRS);
	said(test, "6.1 0500000028000000;6.0 070000001e000000;");
	memset(&bed->vd->coal_all, 0, sizeof(bed->vd->coal_all));
	bed->vd->caps.features = 0;
	vnet_coal_start(bed->vd, PAIRS);
	said(test, "");
}

/* What the load decides is told ring by ring, and ends with what was set. */
static void coal_test_adaptive(struct kunit *test)
{
	static const struct ivnet_coal load = { { 40, 5, true }, { 30, 7 } };
	struct coal_bed *bed = test->priv;

	set(bed, IVNET_ALL_QUEUES, first);
	said(test, "6.1 0500000028000000;6.0 070000001e000000;");

	bed->refuse = 1;
	KUNIT_EXPECT_EQ(test, set(bed, IVNET_ALL_QUEUES, load), -EINVAL);
	said(test, "6.2 000000000001000064000000;6.2 020000000001000066000000;"
		   "6.1 0500000028000000;6.2 000000000500000028000000;"
		   "6.2 020000000500000028000000;");
	KUNIT_EXPECT_EQ(test, bed->adaptive, 0);

	KUNIT_EXPECT_EQ(test, set(bed, IVNET_ALL_QUEUES, load), 0);
	said(test, "6.2 000000000001000064000000;6.2 020000000001000066000000;");
	KUNIT_EXPECT_EQ(test, bed->adaptive, 0x5);

	bed->adaptive = 0;
	vnet_coal_start(bed->vd, PAIRS);
	said(test, "6.2 000000000001000064000000;6.2 020000000001000066000000;");
	KUNIT_EXPECT_EQ(test, bed->adaptive, 0x5);

	KUNIT_EXPECT_EQ(test, set(bed, 1, first), 0);
	said(test, "6.2 020000000500000028000000;");
	KUNIT_EXPECT_EQ(test, bed->adaptive, 0x1);
	KUNIT_EXPECT_EQ(test, set(bed, IVNET_ALL_QUEUES, first), 0);
	said(test, "6.1 0500000028000000;");
	KUNIT_EXPECT_EQ(test, bed->adaptive, 0);
}

static void coal_test_limits(struct kunit *test)
{
	static const u64 features[] = { 0, ALL, SINGLE, ALL | SINGLE };
	struct coal_bed *bed = test->priv;
	struct ivnet_limits lim = {};
	u32 i;

	for (i = 0; i < ARRAY_SIZE(features); i++) {
		bed->vd->caps.features = features[i];
		vnet_coal_limits(bed->vd, &lim);
		KUNIT_EXPECT_EQ(test, lim.moderates, !!i);
		KUNIT_EXPECT_EQ(test, lim.moderates_queues, i >= 2);
		KUNIT_EXPECT_EQ(test, lim.adapts,
				i >= 2 && IS_ENABLED(CONFIG_DIMLIB));
		KUNIT_EXPECT_EQ(test, lim.rx_usecs_max, i ? 10000 : 0);
	}
}

static struct kunit_case coal_cases[] = {
	KUNIT_CASE(coal_test_all),
	KUNIT_CASE(coal_test_single),
	KUNIT_CASE(coal_test_each),
	KUNIT_CASE(coal_test_refused),
	KUNIT_CASE(coal_test_start),
	KUNIT_CASE(coal_test_adaptive),
	KUNIT_CASE(coal_test_limits),
	{ }
};

static struct kunit_suite coal_suite = {
	.name		= "ivnet_coal",
	.init		= coal_init,
	.exit		= coal_exit,
	.test_cases	= coal_cases,
};

kunit_test_suite(coal_suite);
