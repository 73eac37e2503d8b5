# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Sourced by the scripts of tools/testing: messages, TAP, the cache, builds.
#
# say TEXT, die TEXT            progress to stderr; die also ends the script
# ok, not_ok NAME [TEXT]        one TAP line each, counted
# skip NAME REASON
# tally                         the plan line; fails when a test failed
# kernel_info NAME VARIABLE     RELEASE KDIR IN_ROOT VMLINUX MODULES of a kernel
# kernel_names                  the kernels that are there, with an image
# in_root COMMAND...            run in the Debian 13 root, the cache visible
# build_modules NAME [ARG...]   build the checkout for a kernel (see there)

TESTING=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
TOP=$(cd "$TESTING/../.." && pwd)
export IVNET_CACHE=${IVNET_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/ivnet}
ROOT13=$IVNET_CACHE/trixie

TAP_COUNT=0
TAP_FAILED=0
TAP_SKIPPED=0

say() {
	printf '# %s\n' "$*" >&2
}

die() {
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	exit 1
}

tap_note() {
	[ -z "$1" ] || printf '%s\n' "$1" | sed 's/^/#   /'
}

ok() {
	TAP_COUNT=$((TAP_COUNT + 1))
	printf 'ok %d - %s\n' "$TAP_COUNT" "$1"
	tap_note "${2:-}"
}

not_ok() {
	TAP_COUNT=$((TAP_COUNT + 1))
	TAP_FAILED=$((TAP_FAILED + 1))
	printf 'not ok %d - %s\n' "$TAP_COUNT" "$1"
	tap_note "${2:-}"
}

skip() {
	TAP_COUNT=$((TAP_COUNT + 1))
	TAP_SKIPPED=$((TAP_SKIPPED + 1))
	printf 'ok %d - %s # SKIP %s\n' "$TAP_COUNT" "$1" "$2"
}

tally() {
	printf '1..%d\n' "$TAP_COUNT"
	printf '# %d passed, %d failed, %d skipped\n' \
		$((TAP_COUNT - TAP_FAILED - TAP_SKIPPED)) "$TAP_FAILED" "$TAP_SKIPPED"
	[ "$TAP_FAILED" -eq 0 ]
}

kernel_info() {
	local file=$IVNET_CACHE/kernels/$1/info

	[ -f "$file" ] || die "no kernel $1 in the cache: run tools/testing/setup.sh kernels"
	sed -n "s/^$2=//p" "$file"
}

kernel_names() {
	local link

	for link in "$IVNET_CACHE"/kernels/*; do
		[ -L "$link" ] && [ -f "$link/vmlinux" ] && printf '%s\n' "${link##*/}"
	done
	return 0
}

# The mounts live in a namespace of their own, so nothing has to be undone. The
# cache has the same path inside, as kernel headers contain absolute paths.
in_root() {
	[ "$(id -u)" -eq 0 ] || die "the Debian 13 root can be entered as root only"
	[ -f "$ROOT13/.ready" ] || [ -n "${ROOT13_INCOMPLETE:-}" ] ||
		die "no Debian 13 root in the cache: run tools/testing/setup.sh root"
	# shellcheck disable=SC2016 # expanded by the inner shell
	unshare -m --propagation private sh -ec '
		root=$1 cache=$2; shift 2
		mkdir -p "$root$cache"
		mount -t proc proc "$root/proc"
		mount --rbind /dev "$root/dev"
		mount --bind "$cache" "$root$cache"
		exec env -i ${http_proxy:+http_proxy="$http_proxy"} \
			${https_proxy:+https_proxy="$https_proxy"} \
			PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 \
			DEBIAN_FRONTEND=noninteractive chroot "$root" "$@"
	' sh "$ROOT13" "$IVNET_CACHE" "$@"
}

# Bring the checkout to a build folder: what git knows or would add, so that
# objects of an earlier build survive and vanished sources do not.
sync_checkout() {
	local dir=$1 list=$1/.sources

	mkdir -p "$dir"
	(
		cd "$TOP" &&
		git -c safe.directory="$TOP" ls-files --cached --others --exclude-standard |
			while IFS= read -r name; do
				[ ! -e "$name" ] || printf '%s\n' "$name"
			done | LC_ALL=C sort >"$list.new"
	) || return
	[ -s "$list.new" ] || die "git lists no files in $TOP: this needs a git checkout"
	if [ -f "$list" ]; then
		LC_ALL=C comm -23 "$list" "$list.new" | (cd "$dir" && tr '\n' '\0' | xargs -0r rm -f)
	fi
	mv "$list.new" "$list"
	rsync -a --files-from="$list" "$TOP/" "$dir/"
}

# build_modules NAME [MAKE ARGUMENT...]: build every module for the kernel NAME
# in $IVNET_CACHE/build/RELEASE; says only what the compiler complains about.
build_modules() {
	local name=$1 release kdir dir run=()

	shift
	release=$(kernel_info "$name" RELEASE) || return
	kdir=$(kernel_info "$name" KDIR) || return
	dir=$IVNET_CACHE/build/$release
	mkdir -p "$dir"
	[ "$(kernel_info "$name" IN_ROOT)" = 0 ] || run=(in_root)
	(
		flock -w 600 9 || die "another build in $dir does not end"
		sync_checkout "$dir" || die "cannot copy the checkout to $dir"
		"${run[@]}" make -s -j"$(nproc)" -C "$kdir" M="$dir" W=1 "$@" modules \
			>"$dir/.log" 2>&1 9>&-
		code=$?
		# BTF of modules needs the kernel's own ELF file, which not all headers have.
		grep -v -e '^Skipping BTF generation' \
			-e '^warning: the compiler differs from' -e '^  The kernel was built by' \
			-e '^  You are using' "$dir/.log" >&2
		exit "$code"
	) 9>"$dir/.lock"
}
