#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The guest's process 1 after the root is there: runs what the host asks for.
# Requests are lines on a virtio-serial port; a command is a file on the share:
#   run ID    start /out/.agent/ID/cmd; answered by "done ID STATUS" at its end
#   kill ID   end it with everything it started
#   halt      stop the guest, drivers are shut down
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export HOME=/root LANG=C.UTF-8 TERM="${TERM:-dumb}"
bb=/run/ivnet/busybox
requests=/out/.agent

start() {
	(
		cd /root || cd /
		# setsid, so that "kill" can address all of it
		# shellcheck disable=SC2016 # expanded by the inner shell
		$bb setsid /bin/sh -c 'echo $$ >"/run/ivnet/pid.$0"; . "$1/cmd"' \
			"$1" "$requests/$1" >"$requests/$1/out" 2>"$requests/$1/err" </dev/null 3>&-
		echo "done $1 $?" >&3
	) &
}

serve() {
	while read -r verb id <&3; do
		case $verb in
		run) start "$id" ;;
		kill) $bb kill -KILL "-$($bb cat "/run/ivnet/pid.$id")" ;;
		halt)
			$bb sync
			$bb reboot -f
			;;
		esac
	done
}

echo "${ivnet_name:-guest}" >/proc/sys/kernel/hostname
$bb ifconfig lo up
port=
while [ -z "$port" ]; do
	for name in /sys/class/virtio-ports/*/name; do
		[ "$($bb cat "$name")" != agent ] || port=/dev/$($bb basename "${name%/name}")
	done
	[ -n "$port" ] || $bb usleep 20000
done
exec 3<>"$port"
echo ready >&3
while :; do
	serve
	# the host has closed its end: only a guest that is ended comes here
	$bb sleep 1
done
