/* SPDX-License-Identifier: GPL-2.0 */
/* Trace events: what happens to a device, not to packets. */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM ivnet

#if !defined(_IVNET_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _IVNET_TRACE_H

#include <linux/tracepoint.h>
#include <linux/virtio_net.h>

#include "ivnet.h"

TRACE_DEFINE_ENUM(IVNET_TROUBLE_TX);
TRACE_DEFINE_ENUM(IVNET_TROUBLE_RX_RING);
TRACE_DEFINE_ENUM(IVNET_TROUBLE_TX_RING);
TRACE_DEFINE_ENUM(IVNET_TROUBLE_DEVICE);
TRACE_DEFINE_ENUM(IVNET_TROUBLE_CTRL);
TRACE_DEFINE_ENUM(IVNET_TROUBLE_NUM);

#define ivnet_show_trouble(what)					\
	__print_symbolic(what,						\
			 { IVNET_TROUBLE_TX, "tx" },			\
			 { IVNET_TROUBLE_RX_RING, "rx_ring" },		\
			 { IVNET_TROUBLE_TX_RING, "tx_ring" },		\
			 { IVNET_TROUBLE_DEVICE, "device" },		\
			 { IVNET_TROUBLE_CTRL, "ctrl" },		\
			 { IVNET_TROUBLE_NUM, "user" })

DECLARE_EVENT_CLASS(ivnet_trouble_class,
	TP_PROTO(const struct ivnet_dev *idev, enum ivnet_trouble what),
	TP_ARGS(idev, what),
	TP_STRUCT__entry(
		__string(device, dev_name(idev->dev))
		__field(u32, what)
	),
	TP_fast_assign(
		ivnet_assign_str(device, dev_name(idev->dev));
		__entry->what = what;
	),
	TP_printk("%s what=%s", __get_str(device),
		  ivnet_show_trouble(__entry->what))
);

/* Something has gone wrong. */
DEFINE_EVENT(ivnet_trouble_class, ivnet_trouble,
	TP_PROTO(const struct ivnet_dev *idev, enum ivnet_trouble what),
	TP_ARGS(idev, what)
);

/* It is about to be repaired; "user" if somebody asks for a reset. */
DEFINE_EVENT(ivnet_trouble_class, ivnet_recover,
	TP_PROTO(const struct ivnet_dev *idev, enum ivnet_trouble what),
	TP_ARGS(idev, what)
);

/* The device has to be reset, but was so a moment ago. */
DEFINE_EVENT(ivnet_trouble_class, ivnet_reset_later,
	TP_PROTO(const struct ivnet_dev *idev, enum ivnet_trouble what),
	TP_ARGS(idev, what)
);

/* A transmit queue was reset, or could not be. */
TRACE_EVENT(ivnet_queue_reset,
	TP_PROTO(const struct ivnet_dev *idev, u32 queue, int result),
	TP_ARGS(idev, queue, result),
	TP_STRUCT__entry(
		__string(device, dev_name(idev->dev))
		__field(u32, queue)
		__field(int, result)
	),
	TP_fast_assign(
		ivnet_assign_str(device, dev_name(idev->dev));
		__entry->queue = queue;
		__entry->result = result;
	),
	TP_printk("%s queue=%u result=%d", __get_str(device), __entry->queue,
		  __entry->result)
);

/* The device was reset, or could not be; @anew if queues were built anew. */
TRACE_EVENT(ivnet_device_reset,
	TP_PROTO(const struct ivnet_dev *idev, enum ivnet_trouble reason,
		 bool anew, int result),
	TP_ARGS(idev, reason, anew, result),
	TP_STRUCT__entry(
		__string(device, dev_name(idev->dev))
		__field(u32, reason)
		__field(bool, anew)
		__field(int, result)
	),
	TP_fast_assign(
		ivnet_assign_str(device, dev_name(idev->dev));
		__entry->reason = reason;
		__entry->anew = anew;
		__entry->result = result;
	),
	TP_printk("%s reason=%s anew=%d result=%d", __get_str(device),
		  ivnet_show_trouble(__entry->reason), __entry->anew,
		  __entry->result)
);

/* There was work that no interrupt had told of. */
TRACE_EVENT(ivnet_lost_interrupt,
	TP_PROTO(const struct ivnet_dev *idev, u32 queue, bool tx),
	TP_ARGS(idev, queue, tx),
	TP_STRUCT__entry(
		__string(device, dev_name(idev->dev))
		__field(u32, queue)
		__field(bool, tx)
	),
	TP_fast_assign(
		ivnet_assign_str(device, dev_name(idev->dev));
		__entry->queue = queue;
		__entry->tx = tx;
	),
	TP_printk("%s %s queue=%u", __get_str(device),
		  __entry->tx ? "tx" : "rx", __entry->queue)
);

/* A control command is done with; 255 is no answer. */
TRACE_EVENT(ivnet_ctrl,
	TP_PROTO(const struct ivnet_dev *idev, u8 class, u8 cmd, u32 len,
		 u8 answer, int result, u64 ns),
	TP_ARGS(idev, class, cmd, len, answer, result, ns),
	TP_STRUCT__entry(
		__string(device, dev_name(idev->dev))
		__field(u8, class)
		__field(u8, cmd)
		__field(u32, len)
		__field(u8, answer)
		__field(int, result)
		__field(u64, ns)
	),
	TP_fast_assign(
		ivnet_assign_str(device, dev_name(idev->dev));
		__entry->class = class;
		__entry->cmd = cmd;
		__entry->len = len;
		__entry->answer = answer;
		__entry->result = result;
		__entry->ns = ns;
	),
	TP_printk("%s class=%u(%s) cmd=%u len=%u answer=%u result=%d ns=%llu",
		  __get_str(device), __entry->class,
		  __print_symbolic(__entry->class,
				   { VIRTIO_NET_CTRL_RX, "rx" },
				   { VIRTIO_NET_CTRL_MAC, "mac" },
				   { VIRTIO_NET_CTRL_VLAN, "vlan" },
				   { VIRTIO_NET_CTRL_ANNOUNCE, "announce" },
				   { VIRTIO_NET_CTRL_MQ, "mq" },
				   { VIRTIO_NET_CTRL_GUEST_OFFLOADS, "offloads" },
				   { VIRTIO_NET_CTRL_NOTF_COAL, "coalesce" },
				   { VIRTIO_NET_CTRL_STATS, "stats" }),
		  __entry->cmd, __entry->len, __entry->answer, __entry->result,
		  __entry->ns)
);

/* The carrier comes or goes. */
TRACE_EVENT(ivnet_link,
	TP_PROTO(const struct net_device *dev, bool up),
	TP_ARGS(dev, up),
	TP_STRUCT__entry(
		__string(netdev, dev->name)
		__field(bool, up)
	),
	TP_fast_assign(
		ivnet_assign_str(netdev, dev->name);
		__entry->up = up;
	),
	TP_printk("%s %s", __get_str(netdev), __entry->up ? "up" : "down")
);

#endif

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
