#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Run the selftests on one interface, against a second one on the same segment
# that is moved to a network namespace. Output is KTAP, the last line a summary.
#
#	run.sh [-q] [-s] NETIF PEER [TEST...]	prepare both, run
#	run.sh [-q] [-s] [TEST...]		NETIF etc. are in the environment
#
# -q (or QUICK=1) fewer repetitions, -s (or STRESS=1) all of them. TEST is the
# name of a file without .py, or FILE.CASE. The environment is that of the
# kernel's drivers/net tests: NETIF LOCAL_V4 LOCAL_V6 REMOTE_V4 REMOTE_V6
# REMOTE_TYPE=netns REMOTE_ARGS=NAMESPACE, and REMOTE_NETIF, the peer's name
# there. PATH_MTU (1500) is the largest MTU that the segment carries.
set -eu

here=$(dirname "$(readlink -f "$0")")
while getopts qs option; do
	case $option in
	q) export QUICK=1 ;;
	s) export STRESS=1 ;;
	*) exit 2 ;;
	esac
done
shift $((OPTIND - 1))

prepare()
{
	export NETIF="$1" REMOTE_NETIF="$2" REMOTE_TYPE=netns REMOTE_ARGS=remote
	export LOCAL_V4=198.51.100.1 REMOTE_V4=198.51.100.2
	export LOCAL_V6=2001:db8:7::1 REMOTE_V6=2001:db8:7::2

	ip netns list | grep -qw remote || ip netns add remote
	ip -n remote link set lo up
	[ ! -e "/sys/class/net/$2" ] || ip link set "$2" netns remote
	ip addr flush dev "$1" scope global
	addresses "$1" "$LOCAL_V4" "$LOCAL_V6"
	addresses "$2" "$REMOTE_V4" "$REMOTE_V6" netns exec remote
}

# addresses IFACE V4 V6 [netns exec NAME]
addresses()
{
	iface=$1 v4=$2 v6=$3
	shift 3
	for setting in accept_dad=0 keep_addr_on_down=1 accept_ra=0 router_solicitations=0; do
		run "$@" sysctl -qw "net.ipv6.conf.$iface.$setting"
	done
	run "$@" ip link set "$iface" up
	run "$@" ip addr replace "$v4/24" dev "$iface"
	run "$@" ip -6 addr replace "$v6/64" dev "$iface" nodad
}

run()
{
	if [ "$1" = netns ]; then
		ip "$@"
	else
		"$@"
	fi
}

case ${1-} in
'') ;;
*) [ ! -e "/sys/class/net/$1" ] || {
	prepare "$1" "$2"
	shift 2
   } ;;
esac
: "${NETIF:?name the interface}" "${REMOTE_ARGS:?name the peer or its namespace}"
exec python3 -B "$here/lib/runner.py" "$@"
