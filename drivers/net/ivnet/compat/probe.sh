#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Looks at the headers of the kernel that is built against, because versions
# say little: distributions carry interfaces back and forth. Writes
# compat_gen.h (IVNET_HAVE_* macros) and compat.mk (the same for Kbuild).
#
# usage: probe.sh SRCTREE OUTDIR
set -eu

inc=$1/include
out=$2
tmp=$out/tmp.$$

mkdir -p "$out"
trap 'rm -f "$tmp".*' EXIT
: > "$tmp.h"
: > "$tmp.mk"

[ -r "$inc/linux/netdevice.h" ] || {
	echo "probe.sh: no kernel headers in $inc" >&2
	exit 1
}

# have NAME REGEX FILE...: is there a line that matches?
have() {
	name=$1
	regex=$2
	shift 2
	for f in "$@"; do
		if [ -r "$inc/$f" ] && grep -Eq "$regex" "$inc/$f"; then
			yes "$name"
			return
		fi
	done
}

# have_in NAME REGEX START FILE: the same between a line that matches START
# and the next line that closes a block or a prototype
have_in() {
	if [ -r "$inc/$4" ] && sed -nE "/$3/,/^};|;\$/p" "$inc/$4" |
	   grep -Eq "$2"; then
		yes "$1"
	fi
}

# have_member NAME MEMBER STRUCT FILE
have_member() {
	if [ -r "$inc/$4" ] && sed -nE "/^(typedef )?struct $3 \{/,/^\}/p" "$inc/$4" |
	   grep -Eq "[^A-Za-z0-9_]$2[^A-Za-z0-9_]"; then
		yes "$1"
	fi
}

yes() {
	echo "#define IVNET_HAVE_$1 1" >> "$tmp.h"
	echo "IVNET_HAVE_$1 := y" >> "$tmp.mk"
}

have VIRTQUEUE_INFO '^struct virtqueue_info' linux/virtio_config.h
have CONFIG_DRIVER_ENABLE 'virtio_config_driver_enable' linux/virtio.h
have VIRTQUEUE_RESET '^int virtqueue_reset' linux/virtio.h
have ADD_INBUF_PREMAPPED 'virtqueue_add_inbuf_premapped' linux/virtio.h
have SET_DMA_PREMAPPED 'virtqueue_set_dma_premapped' linux/virtio.h
have VIRTQUEUE_DMA_DEV 'virtqueue_dma_dev' linux/virtio.h
have_in RESIZE_DONE 'recycle_done' '^int virtqueue_resize' linux/virtio.h
have NAPI_ADD_CONFIG 'netif_napi_add_config' linux/netdevice.h
have QUEUE_SET_NAPI 'netif_queue_set_napi' linux/netdevice.h
have_member STAT_OPS stat_ops net_device linux/netdevice.h
have NL_FMT 'define NL_SET_ERR_MSG_FMT_MOD' linux/netlink.h
have ETHTOOL_PUTS 'ethtool_puts' linux/ethtool.h
have RXFH_PARAM '^struct ethtool_rxfh_param' linux/ethtool.h
have RXFH_FIELDS '\(\*get_rxfh_fields\)' linux/ethtool.h
have RX_RING_COUNT '\(\*get_rx_ring_count\)' linux/ethtool.h
have LINUX_UNALIGNED '.' linux/unaligned.h
have ASSIGN_STR_SRC 'define __assign_str\(dst, src\)' trace/stages/stage6_event_callback.h
have PAGE_POOL_DIR '.' net/page_pool/types.h
have PAGE_POOL_UNREF 'page_pool_unref_page' net/page_pool/helpers.h
have PAGE_POOL_UNREFED 'page_pool_put_unrefed_page' net/page_pool/types.h
have PAGE_POOL_FRAG_FLAG 'PP_FLAG_PAGE_FRAG' net/page_pool.h net/page_pool/types.h
have PAGE_POOL_NAPI 'struct napi_struct[[:space:]]*\*napi' net/page_pool.h net/page_pool/types.h
have PAGE_POOL_NETDEV 'struct net_device[[:space:]]*\*netdev' net/page_pool/types.h
have PAGE_POOL_QUEUE_IDX 'queue_idx' net/page_pool/types.h
have FDB_DUMP_CONTEXT '^struct ndo_fdb_dump_context' linux/rtnetlink.h
have NET_DIM_POINTER '^void net_dim\(struct dim \*dim, const struct dim_sample \*' linux/dim.h
have GSO_H '.' net/gso.h
have HRTIMER_SETUP 'hrtimer_setup\(' linux/hrtimer.h
have DEVL_PARAMS 'devl_params_register' net/devlink.h
have_in DEVLINK_PARAM_PTR 'union devlink_param_value \*val' 'int \(\*validate\)' net/devlink.h
have_in HEALTH_GRACE 'graceful_period' '^devlink_health_reporter_create' net/devlink.h
have DEVLINK_SET_FEATURES 'devlink_set_features' net/devlink.h
have DEVLINK_DRIVER_NAME_PUT 'devlink_info_driver_name_put' net/devlink.h

for f in h mk; do
	[ "$f" = h ] && dst=$out/compat_gen.h || dst=$out/compat.mk
	cmp -s "$tmp.$f" "$dst" || mv "$tmp.$f" "$dst"
done
