#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# ivnet by way of DKMS, for every installed kernel that has its headers.
#
#	dkms.sh install		register, build and install (again, if need be)
#	dkms.sh remove		take everything out again
#	dkms.sh test		both, from this tree and from the tarball of "make dist"
set -u

TOP=$(cd "$(dirname "$0")/.." && pwd)
# shellcheck source=tools/testing/lib.sh
. "$TOP/tools/testing/lib.sh"

setting()
{
	sed -n "s/^$1=\"\(.*\)\"/\1/p" "$TOP/dkms.conf"
}

NAME=$(setting PACKAGE_NAME)
VERSION=$(setting PACKAGE_VERSION)
mapfile -t MODULES < <(setting 'BUILT_MODULE_NAME\[[0-9]*\]')
SOURCE=/usr/src/$NAME-$VERSION

kernels()
{
	local dir

	for dir in /lib/modules/*/build; do
		[ ! -f "$dir/Makefile" ] || basename "$(dirname "$dir")"
	done
}

registered()
{
	# "name/version, kernel, arch: state" or "name/version: added"
	dkms status -m "$NAME" 2>/dev/null | sed -n -E "s|^$NAME/([^,:]*).*|\1|p" | sort -u
}

# The part of the tree that is built, without what an earlier build left.
copy_source()
{
	tar -C "$1" -c --exclude='*.o' --exclude='*.ko' --exclude='*.mod' --exclude='*.mod.c' \
		--exclude='.*.cmd' --exclude=modules.order --exclude=Module.symvers --exclude=generated \
		COPYING Kbuild Makefile dkms.conf drivers include |
		tar -C "$2" -x --no-same-owner
}

# Say what dkms says only when it fails: it is talkative. A kernel whose image
# is not installed makes its depmod complain, which is no failure.
run_dkms()
{
	local text

	text=$(dkms "$@" 2>&1) && return
	printf '%s\n' "$text" >&2
	return 1
}

# add TREE
add()
{
	local tree

	tree=$(mktemp -d) || return
	copy_source "$1" "$tree" && run_dkms add "$tree"
	set -- $?
	rm -rf "$tree"
	return "$1"
}

build_log()
{
	tail -n 30 "/var/lib/dkms/$NAME/$VERSION/build/make.log" 2>/dev/null
}

remove_all()
{
	local version failed=0

	for version in $(registered); do
		run_dkms remove "$NAME/$version" --all || failed=1
		rm -rf "/usr/src/$NAME-$version"
	done
	return $failed
}

install_all()
{
	local kernel failed=0 done=0

	remove_all
	add "$TOP" || die "dkms add failed"
	for kernel in $(kernels); do
		if run_dkms build "$NAME/$VERSION" -k "$kernel" && run_dkms install "$NAME/$VERSION" -k "$kernel"; then
			say "$kernel: ${MODULES[*]} installed"
			done=1
		else
			say "$kernel: failed"
			build_log >&2
			failed=1
		fi
	done
	[ -f "/lib/modules/$(uname -r)/build/Makefile" ] ||
		say "$(uname -r), which runs, has no headers here: nothing for it"
	[ $done = 1 ] || die "no kernel with headers in /lib/modules, or none built"
	return $failed
}

# step NAME COMMAND...: one line of the test
step()
{
	local name=$1 text

	shift
	if text=$("$@" 2>&1); then
		ok "$name"
	else
		not_ok "$name" "$(tail -n 30 <<<"$text")"
		return 1
	fi
}

# Every module is where modprobe finds it, or nowhere.
installed()
{
	local module file

	for module in "${MODULES[@]}"; do
		file=$(find "/lib/modules/$1" -name "$module.ko*" -print -quit)
		[ -n "$file" ] || { echo "no $module for $1"; return 1; }
		grep -q "/$module\.ko" "/lib/modules/$1/modules.dep" || { echo "depmod does not know $module"; return 1; }
		modinfo -F vermagic "$file" | grep -q "^$1 " || { echo "$file is not for $1"; return 1; }
	done
	dkms status -m "$NAME" -k "$1" | grep -q ': installed'
}

absent()
{
	local left

	left=$(find "$SOURCE" "/var/lib/dkms/$NAME" -maxdepth 0 2>/dev/null
		for module in "${MODULES[@]}"; do
			find /lib/modules -name "$module.ko*"
		done
		dkms status -m "$NAME")
	[ -z "$left" ] || { echo "left behind:"; echo "$left"; return 1; }
}

round_trip()
{
	local tree=$1 what=$2 kernel

	step "$what: add" add "$tree" || { remove_all; return; }
	for kernel in $(kernels); do
		step "$what: build for $kernel" run_dkms build "$NAME/$VERSION" -k "$kernel" || { build_log; continue; }
		step "$what: install for $kernel" run_dkms install "$NAME/$VERSION" -k "$kernel" || continue
		step "$what: found by modprobe on $kernel" installed "$kernel"
	done
	step "$what: remove" remove_all
	step "$what: nothing is left" absent
}

# Names only: depmod rewrites its indices.
state()
{
	find /lib/modules /usr/src /var/lib/dkms -maxdepth 3 ! -path '*/build/*' ! -path '*/source/*' | LC_ALL=C sort
}

# dkms and depmod leave files of their own where they never ran before: a
# signing key, the indices of a kernel without its image.
restore_state()
{
	local before=$1 name

	LC_ALL=C comm -13 <(echo "$before") <(state) | grep -E '^/var/lib/dkms/mok\.|/modules\.[a-z.]+$' |
		while IFS= read -r name; do rm -f "$name"; done
}

test_all()
{
	local work before after dist=$NAME-$VERSION.tar.gz

	[ -z "$(registered)" ] || die "ivnet is installed: dkms.sh remove first"
	work=$(mktemp -d) || exit
	# shellcheck disable=SC2064 # the name is known now
	trap "rm -rf '$work'" EXIT
	before=$(state)
	[ -n "$(kernels)" ] || not_ok "there is a kernel with headers"
	round_trip "$TOP" tree
	if git -C "$TOP" rev-parse -q --verify HEAD >/dev/null 2>&1; then
		[ ! -e "$TOP/$dist" ] || mv "$TOP/$dist" "$work/earlier"
		if step "tarball: make dist" make -s -C "$TOP" dist; then
			tar -C "$work" -xzf "$TOP/$dist"
			round_trip "$work/$NAME-$VERSION" tarball
		fi
		rm -f "$TOP/$dist"
		[ ! -e "$work/earlier" ] || mv "$work/earlier" "$TOP/$dist"
	else
		skip "tarball" "not a git checkout with a commit"
	fi
	restore_state "$before"
	after=$(state)
	if [ "$before" = "$after" ]; then
		ok "the system is as before"
	else
		not_ok "the system is as before" "$(diff <(echo "$before") <(echo "$after"))"
	fi
	tally
}

command -v dkms >/dev/null || die "dkms is missing: apt install dkms"
[ "$(id -u)" -eq 0 ] || die "DKMS needs root"
case ${1-} in
install)	install_all ;;
remove)		remove_all ;;
test)		test_all ;;
*)		die "usage: dkms.sh install|remove|test" ;;
esac
