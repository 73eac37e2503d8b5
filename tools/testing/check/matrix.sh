#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Build the modules, with W=1, for every kernel whose headers are at hand: those
# of setup.sh (also the Debian 13 ones, with that system's compiler) and those
# installed on this machine. A warning is a failure.
#
#	matrix.sh [RELEASE|NAME|FOLDER...]
set -u

# shellcheck source=tools/testing/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tools/testing/check/build.sh
. "$(dirname "$0")/build.sh"

# Print "release kdir in_root", one line per kernel, each release once.
kernels()
{
	local info dir

	for info in "$IVNET_CACHE"/kernels/*/info; do
		dir=${info%/info}
		# aliases, and kernels of our own, which other checks build for
		if [ -L "$dir" ] || [ ! -f "$info" ]; then
			continue
		fi
		case ${dir##*/} in uml | debug | .*) continue ;; esac
		kernel_line "${dir##*/}"
	done
	for dir in /lib/modules/*/build /usr/src/linux-headers-*; do
		folder_line "$dir" || true
	done
}

# include/config/kernel.release is not what Debian's kernels call themselves.
folder_line()
{
	local release

	release=$(sed -n 's/^#define UTS_RELEASE "\(.*\)"/\1/p' "$1/include/generated/utsrelease.h" 2>/dev/null)
	[ -n "$release" ] && echo "$release $(readlink -f "$1") 0"
}

kernel_line()
{
	echo "$(kernel_info "$1" RELEASE) $(kernel_info "$1" KDIR) $(kernel_info "$1" IN_ROOT)"
}

named()
{
	local name

	for name; do
		if [ -f "$IVNET_CACHE/kernels/$name/info" ]; then
			kernel_line "$name"
			continue
		fi
		folder_line "$name" || folder_line "/lib/modules/$name/build" ||
			folder_line "/usr/src/linux-headers-$name" || die "no headers of $name"
	done
}

try_build()
{
	local release=$1 kdir=$2 in_root=$3 dir=$IVNET_CACHE/build/matrix-$1 arch=() start=$SECONDS text code=0

	[ "${release%-ivnet-uml}" = "$release" ] || arch=(ARCH=um)
	fresh_copy "$dir"
	text=$(compile "$kdir" "$in_root" "$dir" W=1 "${arch[@]}") || code=$?
	[ "$code" -eq 0 ] || text=${text:-"exit status $code"}
	if [ -n "$text" ]; then
		not_ok "builds for $release" "$(head -n 40 <<<"$text")"
	elif ! find "$dir" -name '*.ko' | grep -q .; then
		not_ok "builds for $release" 'no module came out'
	else
		ok "builds for $release ($((SECONDS - start)) s)"
	fi
	rm -rf "$dir"
}

if [ $# -gt 0 ]; then
	list=$(named "$@") || exit
else
	"$TESTING/setup.sh" kernels || die "no kernels to build for"
	list=$(kernels) || exit
fi
mkdir -p "$IVNET_CACHE/build"
exec 9>"$IVNET_CACHE/build/.matrix.lock"
flock -w 1800 9 || die "another matrix.sh does not end"
while read -r release kdir in_root; do
	try_build "$release" "$kdir" "$in_root" </dev/null 9>&-
done < <(sort -u -k 1,1 <<<"$list" | sort -V)
[ "$TAP_COUNT" -gt 0 ] || not_ok "there is a kernel to build for"
tally
