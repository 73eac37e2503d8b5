#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Run the unit tests in a user-mode kernel: build it if need be, build the
# modules for it, load and unload them all, read KUnit's results (KTAP) from its
# log. A splat in the log is a failure too. The whole log is kept.
set -u

# shellcheck source=tools/testing/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tools/testing/check/build.sh
. "$(dirname "$0")/build.sh"

DEADLINE=120
LOG=$IVNET_CACHE/logs/kunit.log

"$TESTING/kernels/build.sh" uml >/dev/null || die "no user-mode kernel"
release=$(kernel_info uml RELEASE) || exit
kdir=$(kernel_info uml KDIR) || exit
mkdir -p "$IVNET_CACHE/build" "$IVNET_CACHE/logs"

exec 9>"$IVNET_CACHE/build/.kunit.lock"
flock -w 1800 9 || die "another kunit.sh does not end"
work=$(mktemp -d) || exit
trap 'rm -rf "$work"' EXIT

# The modules in an order that satisfies their dependencies.
load_order()
{
	local stage=$work/stage dir=$work/stage/lib/modules/$release ko

	mkdir -p "$dir"
	find "$1" -name '*.ko' -exec cp -t "$dir" {} + || return
	cp "$kdir"/modules.order "$kdir"/modules.builtin "$kdir"/modules.builtin.modinfo "$dir"
	depmod -b "$stage" "$release" || return
	for ko in "$dir"/*.ko; do
		modprobe -d "$stage" -S "$release" --show-depends "$(basename "$ko" .ko)" || return
	done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }'
}

# A root that only loads and unloads.
initramfs()
{
	local root=$work/root module

	mkdir -p "$root/bin" "$root/proc" "$root/sys"
	cp "$(command -v busybox)" "$root/bin/busybox"
	{
		echo '#!/bin/busybox sh'
		echo 'busybox() { /bin/busybox "$@"; }'
		echo 'busybox mount -t proc none /proc'
		echo 'busybox mount -t sysfs none /sys'
		for module; do
			cp "$module" "$root/"
			echo "busybox insmod /${module##*/} || echo 'ivnet: cannot load ${module##*/}'"
		done
		for module; do
			printf '%s\n' "${module##*/}"
		done | tac | sed -E "s/(.*)\.ko/busybox rmmod \1 || echo 'ivnet: cannot unload \1'/"
		echo 'echo ivnet: the end'
		echo 'busybox poweroff -f'
	} >"$root/init"
	chmod +x "$root/init"
	(cd "$root" && find . | cpio -o -H newc --quiet) >"$work/initramfs"
}

# KTAP to one line per test case: result, name, and what KUnit said about it
# with \037 for the ends of lines. Parameters of a case belong to the case.
read_ktap()
{
	awk -v build="$dir/" '
	function depth() { match($0, /^ */); return int(RLENGTH / 4) }
	# A splat is printed whole further down.
	function add(line) { if (++lines <= 20) text = text line "\037" }
	function forget() { text = ""; lines = 0 }
	function missing(what, have, want) {
		if (want != "" && have != want)
			print "not ok\t" what " is complete\t" have " of " want " results"
	}
	{
		sub(/\r$/, "")
		if (i = index($0, build))
			$0 = substr($0, 1, i - 1) substr($0, i + length(build))
		sub(/^\[ *[0-9]+\.[0-9]+\] /, "")
	}
	/^ *KTAP version/ { next }
	/^ *1\.\.[0-9]+$/ {
		d = depth(); n = $0; sub(/.*\.\./, "", n)
		if (d == 0) suites_want += n
		if (d == 1) { want = n; have = 0 }
		next
	}
	/^ *# Subtest: / { if (depth() == 1) { suite = $0; sub(/.*Subtest: /, "", suite) } forget(); next }
	/^ *(not )?ok [0-9]+/ {
		d = depth(); result = /^ *not ok/ ? "not ok" : "ok"
		name = $0; sub(/^ *(not )?ok [0-9]+ *(- )?/, "", name)
		reason = ""
		if (match(name, / *# SKIP/)) {
			reason = substr(name, RSTART + RLENGTH + 1); name = substr(name, 1, RSTART - 1)
			if (result == "ok") result = "skip"
		}
		if (d == 0) {
			suites++; seen[name] = 1
			missing("suite " name, have, want); want = ""
			if (result == "not ok" && !failed[name]) print "not ok\tsuite " name "\t" text
			forget()
		} else if (d == 1) {
			have++
			if (result == "not ok") failed[suite] = 1
			print result "\t" suite "." name "\t" (result == "skip" ? reason : text)
			forget()
		} else if (result == "not ok") {
			add($0)
		}
		next
	}
	/# module: |\.speed: |# Totals: |: pass:[0-9]/ { next }
	suite != "" && !seen[suite] { add($0) }
	END {
		if (suite != "" && !seen[suite])
			print "not ok\tsuite " suite " ends\t" text
		else
			missing("the run", suites + 0, suites_want)
	}' "$1"
}

dir=$IVNET_CACHE/build/kunit
fresh_copy "$dir"
complaints=$(compile "$kdir" 0 "$dir" ARCH=um) || {
	not_ok "modules build for $release" "$(head -n 40 <<<"$complaints")"
	tally
	exit 1
}
modules=$(load_order "$dir") || die "no order to load the modules in"
# shellcheck disable=SC2086 # a list of paths of our own making
initramfs $modules

# timeout leads a process group, so the tracees of this kernel end with it. The
# console cannot be a regular file, which epoll refuses.
TMPDIR=$work timeout -k 5 "$DEADLINE" "$kdir/linux" mem=512M initrd="$work/initramfs" \
	rdinit=/init panic=-1 uml_dir="$work/" </dev/null 2>&1 9>&- | cat >"$LOG"
code=${PIPESTATUS[0]}

case $modules in
*/ivnet_test.ko*) ;;
*) not_ok "there are unit tests" "no ivnet_test.ko was built" ;;
esac
while IFS=$'\t' read -r result name text; do
	text=${text//$'\037'/$'\n'}
	case $result in
	ok)	ok "$name" ;;
	skip)	skip "$name" "$text" ;;
	*)	not_ok "$name" "$text" ;;
	esac
done < <(read_ktap "$LOG")
[ "$TAP_COUNT" -gt 0 ] || not_ok "there are test results" "see $LOG"

trouble=$(grep '^ivnet: cannot' "$LOG")
# User mode Linux may still abort on the host when all of it is over.
if grep -q 'reboot: Power down' "$LOG" && [ -z "$trouble" ] &&
   grep -q '^ivnet: the end' "$LOG"; then
	ok "modules load and unload"
else
	not_ok "modules load and unload" "exit status $code (124: deadline of $DEADLINE s)
$trouble
$(tail -n 15 "$LOG")"
fi
splat=$(grep -n -A 25 -E 'BUG:|WARNING:|Oops|KASAN:|UBSAN:|Kernel panic|general protection|Segfault|refcount_t:|Unknown symbol' "$LOG")
if [ -z "$splat" ]; then
	ok "nothing alarming in the kernel log"
else
	not_ok "nothing alarming in the kernel log" "$(head -n 60 <<<"$splat")"
fi
# The same checks in user space, under ASan and UBSan.
for name in meta ring classic region; do
	if replay=$(make -s -C "$(dirname "$0")/../fuzz" "replay-$name" 2>&1); then
		ok "$name under sanitizers: ${replay##*$'\n'}"
	else
		not_ok "$name under sanitizers" "$(tail -n 15 <<<"$replay")"
	fi
done
say "log: $LOG"
tally
