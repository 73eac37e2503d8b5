#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The guest's process 1 after the root is there: runs what the host asks for.
# Requests are lines on a virtio-serial port; a command is a file on the share:
#   run ID    start /out/.agent/ID/cmd; answered by "done ID STATUS" at its end
#   say ID COMMAND    the same where there is no share (a guest that has slept has lost
#             it): the command comes and "said ID STATUS OUTPUT" goes in base64
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

say() {
	(
		cd /root || cd /
		file=/run/ivnet/say.$1
		echo "$2" | $bb base64 -d >"$file"
		# shellcheck disable=SC2016 # expanded by the inner shell
		$bb setsid /bin/sh -c 'echo $$ >"/run/ivnet/pid.$0"; . "$1"' \
			"$1" "$file" >"$file.out" 2>&1 </dev/null 3>&-
		echo "said $1 $? $($bb tail -c 16000 "$file.out" | $bb base64 -w 0)" >&3
		$bb rm "$file" "$file.out"
	) &
}

serve() {
	while read -r verb id command <&3; do
		case $verb in
		run) start "$id" ;;
		say) say "$id" "$command" ;;
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
