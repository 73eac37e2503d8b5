// SPDX-License-Identifier: GPL-2.0
/*
 * Two net_devices over one private region in one kernel: the whole transport
 * without a device, to try it, test it and measure it anywhere.
 */

#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/vmalloc.h>

#include "shm.h"

#define LOOP_SIZE	(8U << 20)

static struct {
	void *region;
	struct {
		struct platform_device *pdev;
		struct ivnet_dev *idev;
	} end[2];
} loop;

/*
 * The position of an end is its number. Bottom halves must not be enabled here:
 * netpoll transmits with interrupts off.
 */
static void loop_ring(struct shm_dev *sd, u16 position, u16 vector)
{
	struct ivnet_dev *idev;

	if (position > 1)
		return;
	rcu_read_lock();
	idev = READ_ONCE(loop.end[position].idev);
	if (idev)
		shm_interrupt(ivnet_priv(idev), vector);
	rcu_read_unlock();
}

static const struct shm_bus loop_bus = {
	.ring = loop_ring,
};

static void loop_end_free(u32 i)
{
	struct ivnet_dev *idev = loop.end[i].idev;

	/* The other end may be ringing. */
	WRITE_ONCE(loop.end[i].idev, NULL);
	synchronize_rcu();
	shm_dev_exit(ivnet_priv(idev));
	ivnet_dev_free(idev);
}

static int loop_probe(struct platform_device *pdev)
{
	struct ivnet_dev *idev;
	struct shm_dev *sd;
	int err;

	idev = ivnet_dev_alloc(&pdev->dev, &shm_transport_ops);
	if (!idev)
		return -ENOMEM;
	sd = ivnet_priv(idev);
	shm_dev_init(sd, idev);
	sd->bus = &loop_bus;
	sd->base = loop.region;
	sd->size = LOOP_SIZE;
	sd->position = pdev->id;
	sd->vectors = 1 + IVNET_SHM_QUEUES_MAX;
	sd->want_ports = 2;
	sd->pin = pdev->id;
	sd->want_peer = !pdev->id;

	WRITE_ONCE(loop.end[pdev->id].idev, idev);
	err = ivnet_dev_register(idev);
	if (err)
		loop_end_free(pdev->id);

	return err;
}

/* devlink wants a device that has a driver; ends come and go with the module. */
static struct platform_driver loop_driver = {
	.probe = loop_probe,
	.driver = {
		.name = "ivnet_loop",
		.suppress_bind_attrs = true,
	},
};

static int loop_end_add(u32 i)
{
	struct platform_device *pdev;

	pdev = platform_device_register_simple("ivnet_loop", i, NULL, 0);
	if (IS_ERR(pdev))
		return PTR_ERR(pdev);
	if (!loop.end[i].idev) {
		platform_device_unregister(pdev);
		return -ENODEV;
	}
	loop.end[i].pdev = pdev;

	return 0;
}

static void loop_end_del(u32 i)
{
	ivnet_dev_unregister(loop.end[i].idev);
	loop_end_free(i);
	platform_device_unregister(loop.end[i].pdev);
}

static int __init loop_init(void)
{
	int err;

	loop.region = vzalloc(LOOP_SIZE);
	if (!loop.region)
		return -ENOMEM;

	err = platform_driver_register(&loop_driver);
	if (err)
		goto err_free;
	err = loop_end_add(0);
	if (err)
		goto err_driver;
	err = loop_end_add(1);
	if (err)
		goto err_del;

	return 0;

err_del:
	loop_end_del(0);
err_driver:
	platform_driver_unregister(&loop_driver);
err_free:
	vfree(loop.region);
	return err;
}

static void __exit loop_exit(void)
{
	loop_end_del(1);
	loop_end_del(0);
	platform_driver_unregister(&loop_driver);
	vfree(loop.region);
}

module_init(loop_init);
module_exit(loop_exit);
MODULE_DESCRIPTION("Ethernet for guests: a pair of net_devices over memory");
MODULE_VERSION(IVNET_VERSION);
MODULE_LICENSE("GPL");
