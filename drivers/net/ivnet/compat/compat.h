/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Emulates the newest form of kernel interfaces on older kernels. What a
 * kernel has is probed, never concluded from its version; see probe.sh.
 */
#ifndef _IVNET_COMPAT_H
#define _IVNET_COMPAT_H

#include <linux/dim.h>
#include <linux/dma-mapping.h>
#include <linux/hrtimer.h>
#include <linux/netdevice.h>
#include <linux/netlink.h>
#include <linux/virtio.h>
#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <linux/slab.h>
#include <net/devlink.h>

#include "compat_gen.h"

#ifdef IVNET_HAVE_GSO_H
#include <net/gso.h>
#endif

#ifdef IVNET_HAVE_PAGE_POOL_DIR
#include <net/page_pool/helpers.h>
#include <net/page_pool/types.h>
#else
#include <net/page_pool.h>
#endif

#ifdef IVNET_HAVE_LINUX_UNALIGNED
#include <linux/unaligned.h>
#else
#include <asm/unaligned.h>
#endif

#define IVNET_VERSION "0.1.0"

/* uapi constants that old headers lack (virtio 1.3, 5.1.3 and 6) */
#ifndef VIRTIO_F_ADMIN_VQ
#define VIRTIO_F_ADMIN_VQ	41
#endif
#ifndef VIRTIO_NET_F_HOST_USO
#define VIRTIO_NET_F_HOST_USO	56
#endif
#ifndef VIRTIO_NET_F_GUEST_USO4
#define VIRTIO_NET_F_GUEST_USO4	54
#define VIRTIO_NET_F_GUEST_USO6	55
#endif
#ifndef VIRTIO_NET_F_DEVICE_STATS
#define VIRTIO_NET_F_DEVICE_STATS	50
#endif
#ifndef VIRTIO_NET_F_VQ_NOTF_COAL
#define VIRTIO_NET_F_VQ_NOTF_COAL	52
#define VIRTIO_NET_CTRL_NOTF_COAL_VQ_SET	2
#endif
#ifndef VIRTIO_NET_F_GUEST_HDRLEN
#define VIRTIO_NET_F_GUEST_HDRLEN	59
#endif

/* (5.1.6.5) */
#ifndef VIRTIO_NET_CTRL_NOTF_COAL
#define VIRTIO_NET_CTRL_NOTF_COAL	6
#endif
#ifndef VIRTIO_NET_CTRL_STATS
#define VIRTIO_NET_CTRL_STATS		8
#define VIRTIO_NET_CTRL_STATS_QUERY	0
#define VIRTIO_NET_CTRL_STATS_GET	1
#endif

/* ---- netlink ---- */

#ifndef IVNET_HAVE_NL_FMT
/*
 * The ack keeps a pointer, so the text needs a place that outlives the call.
 * Two requests at the same moment may garble each other's text, no more.
 */
#define NL_SET_ERR_MSG_FMT_MOD(extack, fmt, args...) do {		\
	static char __text[100];					\
									\
	scnprintf(__text, sizeof(__text), "%s: " fmt, KBUILD_MODNAME,	\
		  ##args);						\
	if (extack)							\
		(extack)->_msg = __text;				\
} while (0)
#endif

/* ---- net_device ---- */

#ifndef IVNET_HAVE_NAPI_ADD_CONFIG
#define netif_napi_add_config(dev, napi, poll, index)			\
	netif_napi_add(dev, napi, poll)
#endif

#ifndef IVNET_HAVE_QUEUE_SET_NAPI
#define netif_queue_set_napi(dev, index, type, napi) do { } while (0)
#endif

#ifndef IVNET_HAVE_ETHTOOL_PUTS
#define ethtool_puts(data, str)	ethtool_sprintf(data, "%s", str)
#endif

#ifdef IVNET_HAVE_FDB_DUMP_CONTEXT
#define ivnet_fdb_dump_idx(cb)						\
	(((struct ndo_fdb_dump_context *)(cb)->ctx)->fdb_idx)
#else
#define ivnet_fdb_dump_idx(cb)	((cb)->args[2])
#endif

#ifndef IVNET_HAVE_NET_DIM_POINTER
#define net_dim(dim, sample)	net_dim(dim, *(sample))
#endif

/* ---- trace events ---- */

#ifdef IVNET_HAVE_ASSIGN_STR_SRC
#define ivnet_assign_str(dst, src)	__assign_str(dst, src)
#else
#define ivnet_assign_str(dst, src)	__assign_str(dst)
#endif

/* ---- timers ---- */

#ifndef IVNET_HAVE_HRTIMER_SETUP
#define hrtimer_setup(timer, fn, clock, mode) do {			\
	struct hrtimer *__timer = (timer);				\
									\
	hrtimer_init(__timer, clock, mode);				\
	__timer->function = (fn);					\
} while (0)
#endif

/* ---- devlink ---- */

#ifndef IVNET_HAVE_DEVL_PARAMS
#define devl_params_register		devlink_params_register
#define devl_params_unregister		devlink_params_unregister
#define devl_param_driverinit_value_get	devlink_param_driverinit_value_get
#define devl_param_driverinit_value_set	devlink_param_driverinit_value_set
#endif

#ifdef IVNET_HAVE_DEVLINK_PARAM_PTR
typedef union devlink_param_value *ivnet_param_arg_t;
#define ivnet_param_val(arg)	(arg)
#define ivnet_param_arg(val)	(val)
#else
typedef union devlink_param_value ivnet_param_arg_t;
#define ivnet_param_val(arg)	(&(arg))
#define ivnet_param_arg(val)	(*(val))
#endif

#ifdef IVNET_HAVE_HEALTH_GRACE
#define devlink_health_reporter_create(devlink, ops, priv)		\
	devlink_health_reporter_create(devlink, ops, 0, priv)
#endif

#ifndef IVNET_HAVE_DEVLINK_SET_FEATURES
#define DEVLINK_F_RELOAD		0
#define devlink_set_features(devlink, features) do { } while (0)
#endif

#ifndef IVNET_HAVE_DEVLINK_DRIVER_NAME_PUT
#define devlink_info_driver_name_put(req, name) do { } while (0)
#endif

/* ---- page_pool ---- */

#ifndef IVNET_HAVE_PAGE_POOL_UNREF
#define page_pool_unref_page		page_pool_defrag_page
#endif
#ifndef IVNET_HAVE_PAGE_POOL_UNREFED
#define page_pool_put_unrefed_page	page_pool_put_defragged_page
#endif
#ifndef IVNET_HAVE_PAGE_POOL_FRAG_FLAG
#define PP_FLAG_PAGE_FRAG		0
#endif

/**
 * ivnet_page_pool_bind() - tell a page_pool which queue it belongs to
 * @p: parameters to fill in
 * @netdev: the net_device
 * @napi: the only context that takes pages and returns them directly
 * @index: the queue's number
 */
static inline void ivnet_page_pool_bind(struct page_pool_params *p,
					struct net_device *netdev,
					struct napi_struct *napi, u32 index)
{
#ifdef IVNET_HAVE_PAGE_POOL_NAPI
	p->napi = napi;
#endif
#ifdef IVNET_HAVE_PAGE_POOL_NETDEV
	p->netdev = netdev;
#endif
#ifdef IVNET_HAVE_PAGE_POOL_QUEUE_IDX
	p->queue_idx = index;
#endif
}

/* ---- virtio ---- */

#ifndef IVNET_HAVE_VIRTQUEUE_INFO
struct virtqueue_info {
	const char *name;
	vq_callback_t *callback;
	bool ctx;
};

static inline int ivnet_find_vqs(struct virtio_device *vdev, unsigned int n,
				 struct virtqueue *vqs[],
				 const struct virtqueue_info info[])
{
	vq_callback_t **callbacks;
	const char **names;
	unsigned int i;
	int err;

	callbacks = kcalloc(n, sizeof(*callbacks), GFP_KERNEL);
	names = kcalloc(n, sizeof(*names), GFP_KERNEL);
	if (callbacks && names) {
		for (i = 0; i < n; i++) {
			callbacks[i] = info[i].callback;
			names[i] = info[i].name;
		}
		err = virtio_find_vqs(vdev, n, vqs, callbacks, names, NULL);
	} else {
		err = -ENOMEM;
	}
	kfree(names);
	kfree(callbacks);

	return err;
}

#define virtio_find_vqs(vdev, n, vqs, info, desc)			\
	ivnet_find_vqs(vdev, n, vqs, info)
#endif

#ifndef IVNET_HAVE_CONFIG_DRIVER_ENABLE
/* Nobody can switch the interrupts for the configuration off. */
static inline void virtio_config_driver_enable(struct virtio_device *vdev)
{
}
#endif

#ifndef IVNET_HAVE_RESIZE_DONE
#define virtqueue_resize(vq, num, recycle, done)			\
	virtqueue_resize(vq, num, recycle)
#endif

#ifndef IVNET_HAVE_VIRTQUEUE_RESET
/*
 * Without a plain reset, resizing does it: the ring is taken from the device
 * and emptied before the new size is even allocated. The next start sets the
 * size that is wanted.
 */
#define virtqueue_reset(vq, recycle, done) ({				\
	struct virtqueue *__vq = (vq);					\
	unsigned int __num = virtqueue_get_vring_size(__vq);		\
	int __err;							\
									\
	__err = virtqueue_resize(__vq, __num > 2 ? __num / 2 : 2 * __num, \
				 recycle, done);			\
	__err == -ENOMEM ? 0 : __err;					\
})
#endif

/**
 * ivnet_vq_dma_dev() - for whom receive memory of an empty ring is mapped
 * @vq: the ring, just made
 *
 * Where the kernel takes buffers that are mapped already, the page_pool maps a
 * page once for many uses; elsewhere the ring maps each buffer.
 *
 * Return: the device, or NULL if the page_pool shall not map.
 */
static inline struct device *ivnet_vq_dma_dev(struct virtqueue *vq)
{
#if defined(IVNET_HAVE_ADD_INBUF_PREMAPPED)
	return virtqueue_dma_dev(vq);
#elif defined(IVNET_HAVE_SET_DMA_PREMAPPED) && defined(IVNET_HAVE_VIRTQUEUE_DMA_DEV)
	struct device *dev = virtqueue_dma_dev(vq);

	return dev && !virtqueue_set_dma_premapped(vq) ? dev : NULL;
#else
	return NULL;
#endif
}

#ifndef IVNET_HAVE_ADD_INBUF_PREMAPPED
#define virtqueue_add_inbuf_premapped(vq, sg, num, data, ctx, gfp)	\
	virtqueue_add_inbuf_ctx(vq, sg, num, data, ctx, gfp)
#endif

#endif
