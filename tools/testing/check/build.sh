# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Sourced after lib.sh: a build from scratch in a folder of its own. An
# incremental one (build_modules) repeats no warning of what it does not
# recompile, and its folder belongs to the guests.
#
# fresh_copy DIR                    the checkout alone, no object of a build
# compile KDIR IN_ROOT DIR [ARG...]  make modules; what the compiler says to stdout

fresh_copy() {
	rm -rf "${1:?}"
	sync_checkout "$1" || die "cannot copy the checkout to $1"
}

compile() {
	local kdir=$1 dir=$3 run=() code=0 text

	[ "$2" = 0 ] || run=(in_root)
	shift 3
	"${run[@]}" make -s -j"$(nproc)" -C "$kdir" M="$dir" "$@" modules \
		>"$dir/.log" 2>&1 || code=$?
	# BTF of modules needs the kernel's own ELF file, which not all headers have; a
	# compiler of another patch level is what distributions have; and where make
	# was when a compiler failed helps nobody.
	text=$(grep -v -E -e '^Skipping BTF generation' -e '^warning: the compiler differs from' \
		-e '^  (The kernel was built by|You are using)' \
		-e '^make(\[[0-9]+\])?: \*\*\* (\[|Waiting)' "$dir/.log")
	[ -z "$text" ] || printf '%s\n' "${text//"$dir/"/}"
	return "$code"
}
