// SPDX-License-Identifier: GPL-2.0
/*
 * The control queue (virtio 1.3, 5.1.6.5): one command at a time, under rtnl,
 * with a deadline. It has no interrupt; the answer is polled for, sleeping.
 */

#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/netdevice.h>
#include <linux/rtnetlink.h>
#include <linux/slab.h>

#include "../core/trace.h"
#include "virtio.h"

#define VNET_CTRL_DEADLINE	HZ

/* No answer of a device (virtio 1.3, 5.1.6.5): it wrote none. */
#define VNET_CTRL_NO_ACK	0xff

static struct virtqueue *vnet_cvq(const struct vnet_dev *vd)
{
	return vd->vqs[vd->n_vqs - 1];
}

/**
 * vnet_ctrl_init() - the control queue of a device that starts works again
 * @vd: the device
 */
void vnet_ctrl_init(struct vnet_dev *vd)
{
	vd->ctrl_dead = false;
}

/**
 * vnet_ctrl_exit() - free what a dead control queue still has
 * @vd: the device; reset, so that no command is with it any more
 */
void vnet_ctrl_exit(struct vnet_dev *vd)
{
	if (vd->caps.features & BIT_ULL(VIRTIO_NET_F_CTRL_VQ))
		kfree(virtqueue_detach_unused_buf(vnet_cvq(vd)));
}

static struct vnet_ctrl_buf *ctrl_alloc(size_t len, size_t room, gfp_t gfp)
{
	struct vnet_ctrl_buf *buf;
	size_t at = ALIGN(struct_size(buf, data, len), SMP_CACHE_BYTES);

	buf = kmalloc(at + room, gfp);
	if (!buf)
		return NULL;
	buf->len = len;
	buf->room = room;
	buf->reply = (u8 *)buf + at;
	/* What the device does not write is not to be anybody's memory. */
	memset(buf->reply, 0, room);

	return buf;
}

/**
 * vnet_ctrl_alloc() - memory for a command
 * @len: bytes of &vnet_ctrl_buf.data
 * @gfp: how to allocate
 *
 * Return: what vnet_ctrl_send() takes, or NULL.
 */
struct vnet_ctrl_buf *vnet_ctrl_alloc(size_t len, gfp_t gfp)
{
	return ctrl_alloc(len, 0, gfp);
}

/* What came back. */
static int ctrl_answer(struct vnet_dev *vd, const struct vnet_ctrl_buf *buf,
		       u8 ack)
{
	if (ack == VIRTIO_NET_OK)
		return 0;
	if (ack == VIRTIO_NET_ERR) {
		vnet_count(vd, IVNET_DEV_CTRL_REFUSED);
		return -EINVAL;
	}
	vnet_count(vd, IVNET_DEV_CTRL_UNKNOWN);
	dev_err_ratelimited(&vd->vdev->dev, "control command %u.%u: unknown answer %u\n",
			    buf->hdr.class, buf->hdr.cmd, ack);

	return -EPROTO;
}

/* The reply leaves the memory that the device may write to. */
static void ctrl_reply(const struct vnet_ctrl_buf *buf, u32 used,
		       struct vnet_ctrl_reply *reply)
{
	u32 len = used > sizeof(buf->ack) ? used - sizeof(buf->ack) : 0;

	reply->len = min_t(u32, len, buf->room);
	memcpy(reply->data, buf->reply, reply->len);
}

static int ctrl_send(struct vnet_dev *vd, struct vnet_ctrl_buf *buf, u8 class,
		     u8 cmd, struct vnet_ctrl_reply *reply)
{
	struct ivnet_dev *idev = vd->vdev->priv;
	struct scatterlist hdr, out, ack, in, *sgs[4];
	unsigned int n = 0, n_in = 0, used;
	unsigned long deadline;
	u64 start;
	u8 answer;
	int err;

	ASSERT_RTNL();

	if (!(vd->caps.features & BIT_ULL(VIRTIO_NET_F_CTRL_VQ))) {
		err = -EOPNOTSUPP;
		goto out_free;
	}
	if (!vd->live || vd->ctrl_dead) {
		err = -EIO;
		goto out_free;
	}

	buf->hdr.class = class;
	buf->hdr.cmd = cmd;
	buf->ack = VNET_CTRL_NO_ACK;

	sg_init_one(&hdr, &buf->hdr, sizeof(buf->hdr));
	sgs[n++] = &hdr;
	if (buf->len) {
		sg_init_one(&out, buf->data, buf->len);
		sgs[n++] = &out;
	}
	sg_init_one(&ack, &buf->ack, sizeof(buf->ack));
	sgs[n + n_in++] = &ack;
	if (buf->room) {
		sg_init_one(&in, buf->reply, buf->room);
		sgs[n + n_in++] = &in;
	}
	err = virtqueue_add_sgs(vnet_cvq(vd), sgs, n, n_in, buf, GFP_KERNEL);
	if (err)
		goto out_free;
	vnet_count(vd, IVNET_DEV_CTRL_COMMANDS);
	virtqueue_kick(vnet_cvq(vd));

	start = ktime_get_ns();
	deadline = jiffies + VNET_CTRL_DEADLINE;
	while (!virtqueue_get_buf(vnet_cvq(vd), &used)) {
		/* The device still has the memory: it is freed after a reset. */
		if (virtqueue_is_broken(vnet_cvq(vd)) ||
		    time_after(jiffies, deadline)) {
			vd->ctrl_dead = true;
			vnet_count(vd, IVNET_DEV_CTRL_TIMEOUTS);
			ivnet_trouble(idev, IVNET_TROUBLE_CTRL);
			dev_err(&vd->vdev->dev, "control command %u.%u was not answered, control queue given up until the next reset\n",
				class, cmd);
			trace_ivnet_ctrl(idev, class, cmd, buf->len,
					 VNET_CTRL_NO_ACK, -ETIMEDOUT,
					 ktime_get_ns() - start);
			return -ETIMEDOUT;
		}
		usleep_range(10, 50);
	}
	/* Read once: the device may still write. */
	answer = READ_ONCE(buf->ack);
	err = ctrl_answer(vd, buf, answer);
	if (!err && reply)
		ctrl_reply(buf, used, reply);
	trace_ivnet_ctrl(idev, class, cmd, buf->len, answer, err,
			 ktime_get_ns() - start);

out_free:
	kfree(buf);
	return err;
}

/**
 * vnet_ctrl_send() - have the device carry out a command
 * @vd: the device
 * @buf: the command's memory with its data; belongs to the control queue now
 * @class: class of the command
 * @cmd: the command
 *
 * Context: process, under rtnl; sleeps, for %VNET_CTRL_DEADLINE at the most.
 * Return: 0; -EOPNOTSUPP without a control queue, -EIO if it is dead,
 * -ETIMEDOUT if it just died, -EINVAL if the device refused, -EPROTO if its
 * answer is none.
 */
int vnet_ctrl_send(struct vnet_dev *vd, struct vnet_ctrl_buf *buf, u8 class,
		   u8 cmd)
{
	return ctrl_send(vd, buf, class, cmd, NULL);
}

/**
 * vnet_ctrl_ask() - a command that has a reply
 * @vd: the device
 * @class: class of the command
 * @cmd: the command
 * @data: what it carries
 * @len: bytes of @data
 * @reply: filled in if the device carried it out
 *
 * Context: as vnet_ctrl_send().
 * Return: -ENOMEM, or as vnet_ctrl_send().
 */
int vnet_ctrl_ask(struct vnet_dev *vd, u8 class, u8 cmd, const void *data,
		  size_t len, struct vnet_ctrl_reply *reply)
{
	struct vnet_ctrl_buf *buf = ctrl_alloc(len, reply->len, GFP_KERNEL);

	if (!buf)
		return -ENOMEM;
	memcpy(buf->data, data, len);

	return ctrl_send(vd, buf, class, cmd, reply);
}

/**
 * vnet_ctrl_cmd() - a command whose data is at hand
 * @vd: the device
 * @class: class of the command
 * @cmd: the command
 * @data: what it carries
 * @len: bytes of @data
 *
 * Context: as vnet_ctrl_send().
 * Return: -ENOMEM, or as vnet_ctrl_send().
 */
int vnet_ctrl_cmd(struct vnet_dev *vd, u8 class, u8 cmd, const void *data,
		  size_t len)
{
	struct vnet_ctrl_buf *buf = vnet_ctrl_alloc(len, GFP_KERNEL);

	if (!buf)
		return -ENOMEM;
	memcpy(buf->data, data, len);

	return vnet_ctrl_send(vd, buf, class, cmd);
}

/**
 * vnet_ctrl_set_mac() - VIRTIO_NET_CTRL_MAC_ADDR_SET
 * @vd: the device
 * @addr: the address
 *
 * Return: 0 or an error, see vnet_ctrl_cmd().
 */
int vnet_ctrl_set_mac(struct vnet_dev *vd, const u8 *addr)
{
	return vnet_ctrl_cmd(vd, VIRTIO_NET_CTRL_MAC,
			     VIRTIO_NET_CTRL_MAC_ADDR_SET, addr, ETH_ALEN);
}

/**
 * vnet_ctrl_set_pairs() - VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET
 * @vd: the device
 * @pairs: queue pairs that the device shall use
 *
 * Return: 0 or an error, see vnet_ctrl_cmd().
 */
int vnet_ctrl_set_pairs(struct vnet_dev *vd, u32 pairs)
{
	struct virtio_net_ctrl_mq mq = {
		.virtqueue_pairs = cpu_to_virtio16(vd->vdev, pairs),
	};

	return vnet_ctrl_cmd(vd, VIRTIO_NET_CTRL_MQ,
			     VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET, &mq, sizeof(mq));
}

/**
 * vnet_ctrl_set_offloads() - VIRTIO_NET_CTRL_GUEST_OFFLOADS_SET
 * @vd: the device
 * @offloads: feature bits of what the device shall do to received frames
 *
 * Return: 0 or an error, see vnet_ctrl_cmd().
 */
int vnet_ctrl_set_offloads(struct vnet_dev *vd, u64 offloads)
{
	__virtio64 val = cpu_to_virtio64(vd->vdev, offloads);

	return vnet_ctrl_cmd(vd, VIRTIO_NET_CTRL_GUEST_OFFLOADS,
			     VIRTIO_NET_CTRL_GUEST_OFFLOADS_SET, &val,
			     sizeof(val));
}

/**
 * vnet_ctrl_announced() - VIRTIO_NET_CTRL_ANNOUNCE_ACK
 * @vd: the device
 *
 * Return: 0 or an error, see vnet_ctrl_cmd().
 */
int vnet_ctrl_announced(struct vnet_dev *vd)
{
	return vnet_ctrl_cmd(vd, VIRTIO_NET_CTRL_ANNOUNCE,
			     VIRTIO_NET_CTRL_ANNOUNCE_ACK, NULL, 0);
}
