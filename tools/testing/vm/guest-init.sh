#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# First process of a guest: bring up the root, then hand over to the agent.
# The kernel puts the ivnet_... words of its command line into the environment.
export PATH=/bin
fail() {
	echo "guest-init: $*" >/dev/console
	reboot -f
}

share() {
	mount -t 9p -o "trans=virtio,version=9p2000.L,msize=262144,$3" "$1" "$2" ||
		fail "cannot mount $1"
}

mount -t devtmpfs dev /dev
mount -t proc proc /proc
mount -t sysfs sys /sys
while read -r module; do
	[ -z "$module" ] || insmod "$module" || fail "cannot load $module"
done </modules.list

# A guest that has hibernated goes on where it was; any other comes back here.
[ -z "${ivnet_resume:-}" ] || cat "/sys/block/$ivnet_resume/dev" >/sys/power/resume

# An image of the root is four times faster than 9p at starting programs; not
# every kernel of our own can read it.
mount -t erofs -o ro /dev/vda /lower 2>/dev/null || share root /lower ro,cache=loose
mount -t tmpfs -o mode=755,size=75% rw /rw
mkdir /rw/upper /rw/work
mount -t overlay -o lowerdir=/lower,upperdir=/rw/upper,workdir=/rw/work over /new ||
	fail "cannot mount the overlay"
cd /new || fail "no root"
mkdir -p proc sys dev run out ivnet modules-ivnet "lib/modules/${ivnet_release:=none}"
mount -t proc proc proc
mount -t sysfs sys sys
mount -t devtmpfs dev dev
mount -t tmpfs -o mode=755 run run
mkdir -p dev/pts dev/shm run/ivnet
mount -t devpts -o mode=620 pts dev/pts
mount -t tmpfs shm dev/shm
for kind in debugfs:sys/kernel/debug tracefs:sys/kernel/tracing bpf:sys/fs/bpf; do
	[ ! -d "${kind#*:}" ] || mount -t "${kind%:*}" none "${kind#*:}"
done
for tag in $(echo "${ivnet_tags:-}" | busybox tr , ' '); do
	case $tag in
	out) share out out cache=none ;;
	ivnet) share ivnet ivnet ro,cache=none ;;
	built) share built modules-ivnet ro,cache=none ;;
	modules) share modules "lib/modules/$ivnet_release" ro,cache=loose ;;
	esac
done
cp /bin/busybox /agent run/ivnet/
echo 7 >/proc/sys/kernel/printk
exec switch_root /new /run/ivnet/busybox sh /run/ivnet/agent
