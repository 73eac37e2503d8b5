#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Build one of our own kernels once, from the distribution's kernel source.
#
#	build.sh uml|debug
#
# uml is a program that runs the unit tests, debug a kernel for guests with
# KASAN, lockdep, kmemleak and fault injection. The result is known to lib.sh's
# kernel_info and build_modules by that name; the path of the build folder goes
# to stdout, progress to stderr.
set -eu

here=$(dirname "$(readlink -f "$0")")
# shellcheck source=tools/testing/lib.sh
. "$here/../lib.sh"

name=${1-}
case $name in
uml)	arch=um ;;
debug)	arch=x86_64 ;;
*)	die "usage: build.sh uml|debug" ;;
esac
src=$IVNET_CACHE/src/linux-source-6.12
config=$here/$name.config
[ -f "$src/Makefile" ] || "$here/../setup.sh" source

# Same input, same kernel: configuration, source and compiler.
key=$( { cat "$config"; sed -n '2,5p' "$src/Makefile"; gcc -dumpfullversion; } | sha256sum | cut -c 1-12)
out=$IVNET_CACHE/kernels-own/$name-$key
log=$out.log
mkdir -p "$out"

kmake()
{
	nice make -s -C "$src" ARCH=$arch O="$out" "$@" >>"$log" 2>&1 9>&-
}

# An option that Kconfig turned down is dropped without a word.
verify_config()
{
	local line lost=

	while read -r line; do
		case $line in
		CONFIG_*=*)
			grep -qxF "$line" "$out/.config" || lost="$lost $line" ;;
		'# CONFIG_'*' is not set')
			line=${line#\# }
			! grep -q "^${line%% *}=" "$out/.config" || lost="$lost !${line%% *}" ;;
		esac
	done <"$config"
	[ -z "$lost" ] || die "$name: not in the resulting configuration:$lost"
}

# A sign of life every half minute, for as long as the build holds the lock.
progress()
{
	while sleep 30; do
		say "$name kernel: $(find "$out" -name '*.o' | wc -l) objects after $((SECONDS - start)) s"
	done
}

build()
{
	local start=$SECONDS life

	: >"$log"
	kmake KCONFIG_ALLCONFIG="$config" allnoconfig || return
	verify_config
	say "building the $name kernel, log in $log"
	progress 9>&- &
	life=$!
	# shellcheck disable=SC2064 # this child, not a later one
	trap "kill $life 2>/dev/null || true" EXIT
	kmake -j"$(nproc)" || return
	[ "$name" != debug ] || kmake INSTALL_MOD_PATH="$out/root" modules_install || return
	kill $life
	say "$name kernel: built in $((SECONDS - start)) s"
	touch "$out/.done"
}

# What lib.sh knows a kernel by. A real folder, as the links beside it are the
# distribution's kernels, on which every check runs.
publish()
{
	local dir=$IVNET_CACHE/kernels/$name release

	release=$(cat "$out/include/config/kernel.release")
	mkdir -p "$dir"
	{
		printf 'RELEASE=%s\nKDIR=%s\nIN_ROOT=0\n' "$release" "$out"
		printf 'VMLINUX=%s\nMODULES=%s\n' "$out/vmlinux" "$out/root/lib/modules/$release"
	} >"$dir/info.new"
	mv "$dir/info.new" "$dir/info"
}

exec 9>"$out.lock"
flock -n 9 || {
	say "$name kernel: waiting for another build"
	flock -w 5400 9 || die "the build that holds $out.lock does not end"
}
[ -e "$out/.done" ] || build || {
	grep -E 'error|Error|\*\*\*' "$log" | head -20 >&2
	die "$name: the build failed, see $log"
}
publish
echo "$out"
