#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What can be said without running anything: compilers, sparse, checkpatch,
# kernel-doc, coccinelle, linters, and a few rules of this project.
set -u

# shellcheck source=tools/testing/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tools/testing/check/build.sh
. "$(dirname "$0")/build.sh"

KERNELS="6.1 6.12"
SRC=$IVNET_CACHE/src/linux-source-6.12

# Types of checkpatch that do not fit compat.h: it emulates kernel macros and
# types, with the arguments and names they have there.
COMPAT_IGNORE=MACRO_ARG_REUSE,MACRO_ARG_UNUSED,MACRO_ARG_PRECEDENCE,NEW_TYPEDEFS,PREFER_ETHTOOL_PUTS

# In user space there is no BIT(), and a plugin declares what its host has.
USER_IGNORE=BIT_MACRO,AVOID_EXTERNS

# The form that TRACE_EVENT() has everywhere.
TRACE_IGNORE=OPEN_ENDED_LINE,PARENTHESIS_ALIGNMENT

# Scripts of coccinelle to leave out:
#   string_choices    its helpers do not exist in 6.1
#   script:ocaml      needs an OCaml compiler; two, on other matters
NOT_COCCI='/string_choices\.cocci$'

"$TESTING/setup.sh" packages kernels source || die "setup.sh failed"
mkdir -p "$IVNET_CACHE/build"
exec 9>"$IVNET_CACHE/build/.static.lock"
flock -w 1800 9 || die "another static.sh does not end"
work=$(mktemp -d) || exit
trap 'rm -rf "$work"' EXIT
cd "$TOP" || exit

# The checkout, new files included.
mapfile -t all < <(git -c safe.directory="$TOP" ls-files --cached --others --exclude-standard | sort -u |
	while IFS= read -r name; do [ ! -f "$name" ] || printf '%s\n' "$name"; done)
[ ${#all[@]} -gt 0 ] || die "git lists no files in $TOP"

of_language()
{
	local name first

	for name in "${all[@]}"; do
		case $1:$name in
		c:*.[ch] | shell:*.sh | python:*.py) printf '%s\n' "$name"; continue ;;
		*:*.*) continue ;;
		esac
		IFS= read -r first <"$name" || true
		case $1:$first in
		shell:'#!'*[/\ ]sh | shell:'#!'*[/\ ]bash | python:'#!'*python3) printf '%s\n' "$name" ;;
		esac
	done 2>/dev/null
}
mapfile -t c_files < <(of_language c)
mapfile -t kernel_files < <(printf '%s\n' "${c_files[@]}" | grep -E '^(drivers|include)/')
mapfile -t shell_files < <(of_language shell)
mapfile -t python_files < <(of_language python)
mapfile -t rst_files < <(printf '%s\n' "${all[@]}" | grep '\.rst$')

# finding NAME TEXT: no text, no trouble
finding()
{
	if [ -z "$2" ]; then
		ok "$1"
	else
		not_ok "$1" "$(head -n 60 <<<"$2")"
	fi
}

# counted NAME COUNT COMMAND...: a linter that reports by its output, or by its
# exit status alone; without files there is nothing to say.
counted()
{
	local name=$1 count=$2 text code=0

	shift 2
	if [ "$count" -eq 0 ]; then
		skip "$name" "no files"
		return
	fi
	text=$("$@" 2>&1) || code=$?
	[ "$code" -eq 0 ] || text=${text:-"exit status $code"}
	finding "$name ($count files)" "$text"
}

compilers()
{
	local kernel kdir in_root text dir release code

	for kernel in $KERNELS; do
		kdir=$(kernel_info "$kernel" KDIR) && in_root=$(kernel_info "$kernel" IN_ROOT) || exit
		release=$(kernel_info "$kernel" RELEASE) || exit
		# On a new machine the guests may have what is built here.
		dir=$IVNET_CACHE/build/$release
		if mkdir "$dir" 2>/dev/null && exec 7>"$dir/.lock" && flock -n 7; then
			sync_checkout "$dir" || die "cannot copy the checkout to $dir"
		else
			dir=$IVNET_CACHE/build/static-$kernel
			fresh_copy "$dir"
		fi
		code=0
		text=$(compile "$kdir" "$in_root" "$dir" W=1 7>&- 9>&-) || code=$?
		[ "$code" -eq 0 ] || text=${text:-"exit status $code"}
		finding "W=1 for $kernel" "$text"
		if [ "$code" -ne 0 ]; then
			not_ok "sparse for $kernel" "does not build"
			exec 7>&-
			continue
		fi
		# with the same flags nothing is compiled once more
		code=0
		text=$(compile "$kdir" "$in_root" "$dir" W=1 C=2 CF=-D__CHECK_ENDIAN__ 7>&- 9>&-) || code=$?
		# The kernel's own headers are not ours to repair.
		text=$(grep -E '^(\./)?(drivers/net/ivnet|include/net/ivnet|include/uapi/linux/ivnet)|[Ee]rror' <<<"$text")
		[ "$code" -eq 0 ] || text=${text:-"exit status $code"}
		finding "sparse for $kernel" "$text"
		exec 7>&-
		[ "$dir" = "$IVNET_CACHE/build/$release" ] || rm -rf "$dir"
	done
}

# shellcheck disable=SC2317 # called by xargs
checkpatch_some()
{
	local name ignore

	for name; do
		ignore=
		case $name in
		*/compat/*) ignore=--ignore=$COMPAT_IGNORE ;;
		*/trace.h) ignore=--ignore=$TRACE_IGNORE ;;
		tools/*) ignore=--ignore=$USER_IGNORE ;;
		esac
		perl "$SRC/scripts/checkpatch.pl" --no-tree --strict --terse --show-types --no-summary \
			--quiet ${ignore:+"$ignore"} --file "$name"
	done
	true
}
export -f checkpatch_some

checkpatch()
{
	printf '%s\n' "$@" | SRC=$SRC COMPAT_IGNORE=$COMPAT_IGNORE TRACE_IGNORE=$TRACE_IGNORE \
		USER_IGNORE=$USER_IGNORE xargs -P "$(nproc)" -n 8 \
		bash -c 'checkpatch_some "$@"' checkpatch | sort
}

kernel_doc()
{
	perl "$SRC/scripts/kernel-doc" -none -Wall -Werror "$@"
}

# One script of the kernel, with the options it asks for.
# shellcheck disable=SC2317,SC2016 # called by xargs
semantic_patch()
{
	local options out

	options=$(sed -n -E 's|^/+ *Options: *||p' "$1" | head -n 1)
	# shellcheck disable=SC2086 # a list of options
	if ! out=$(timeout -k 5 600 spatch -D report --very-quiet --no-show-diff --cocci-file "$1" \
		$options -I include --dir . 2>"$2/err.$$"); then
		echo "${1##*/}: spatch failed"
		tail -n 5 "$2/err.$$"
	elif [ -n "$out" ]; then
		printf '%s:\n%s\n' "${1##*/}" "$out"
	fi
}
export -f semantic_patch

coccinelle()
{
	local dir=$work/cocci name

	mkdir -p "$dir"
	for name in "${kernel_files[@]}"; do
		mkdir -p "$dir/$(dirname "$name")"
		cp "$name" "$dir/$name"
	done
	cd "$dir" || return
	grep -l 'virtual report' "$SRC"/scripts/coccinelle/*/*.cocci |
		grep -v "$NOT_COCCI" | xargs grep -L script:ocaml |
		nice xargs -P "$(nproc)" -I{} bash -c 'semantic_patch "$@"' - {} "$work"
	cd "$TOP" || return
}

# Docutils warns and goes on; what it says is the finding.
markup()
{
	local name

	for name; do
		/usr/bin/rst2html --report=info "$name" >/dev/null
	done
	true
}

# A text file says its licence; a few formats cannot.
unlicensed()
{
	local name

	for name in "${all[@]}"; do
		case $name in COPYING | *.json | *.md) continue ;; esac
		[ -s "$name" ] || continue
		head -n 5 "$name" | grep -aq 'SPDX-License-Identifier: ' || echo "$name"
	done
}

overlong()
{
	wc -l -- "$@" | awk '$1 > 700 && $2 != "total" && $2 != "COPYING" { print $2 ": " $1 " lines" }'
}

# matches PATTERN FILE...: grep that finds nothing is content
matches()
{
	grep -nE "$@" || [ $? -eq 1 ]
}

# Each feature bit and control command that the kernel knows is in the manual.
manual_rows()
{
	/usr/bin/python3 -B "$TESTING/check/manual.py" "$SRC/include/uapi/linux/virtio_net.h"
}

# DKMS's and the driver's
versions()
{
	local found

	found=$(sed -n -E 's/^(PACKAGE_VERSION=|#define IVNET_VERSION )"(.*)"/\2/p' \
		dkms.conf drivers/net/ivnet/compat/compat.h | uniq -c)
	[[ $found =~ ^\ *2\ [0-9.]+$ ]] || echo "versions:$found"
}

project_rules()
{
	local plain

	mapfile -t plain < <(printf '%s\n' "${c_files[@]}" | grep -v '/compat/')
	counted "every file names its licence" ${#all[@]} unlicensed
	# the brackets keep this line from finding itself
	counted "nothing is left to do" ${#all[@]} matches '\b(TOD[O]|FIXM[E]|XX[X])\b' "${all[@]}"
	counted "no kernel version outside compat" ${#plain[@]} \
		matches 'LINUX_VERSION_CODE|KERNEL_VERSION' "${plain[@]}"
	counted "no BUG in the driver" ${#kernel_files[@]} matches '\bBUG(_ON)?\(' "${kernel_files[@]}"
	counted "no file above 700 lines" ${#all[@]} overlong "${all[@]}"
	counted "a row in the manual for each feature and command" 1 manual_rows
	counted "one version" 1 versions
	counted "no path of one machine" ${#all[@]} matches '(^|[^a-zA-Z0-9_.])/(work|tmp/w)/' "${all[@]}"
}

compilers
counted checkpatch ${#c_files[@]} checkpatch "${c_files[@]}"
counted kernel-doc ${#kernel_files[@]} kernel_doc "${kernel_files[@]}"
counted coccinelle ${#kernel_files[@]} coccinelle
counted shellcheck ${#shell_files[@]} shellcheck -x "${shell_files[@]}"
counted pyflakes ${#python_files[@]} pyflakes3 "${python_files[@]}"
counted reStructuredText ${#rst_files[@]} markup "${rst_files[@]}"
project_rules
tally
