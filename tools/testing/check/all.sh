#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Everything "make check" stands for: the static checks, the unit tests, the
# guests. Each part's output is shown as it comes and kept in the cache's logs;
# the last line sums them up.
set -u

# shellcheck source=tools/testing/lib.sh
. "$(dirname "$0")/../lib.sh"
check=$(dirname "$(readlink -f "$0")")
logs=$IVNET_CACHE/logs
passed=0 failed=0 skipped=0
mkdir -p "$logs"

# timeout leads a process group and ends all of it, at the deadline and when it
# is told to end itself.
# shellcheck disable=SC2046 # a list of numbers
trap 'kill $(jobs -p) 2>/dev/null' EXIT
trap 'exit 130' INT TERM

# part NAME DEADLINE COMMAND...: add its tally to the sum. A part that ends
# without one, or badly although all its tests passed, is one failure more.
part()
{
	local name=$1 deadline=$2 log=$logs/check-$1.log start=$SECONDS tee code=0 counts

	shift 2
	say "$name"
	exec 3> >(tee "$log")
	tee=$!
	timeout -k 10 "$deadline" "$@" >&3 2>&1 3>&- </dev/null &
	exec 3>&-
	wait $! || code=$?
	wait "$tee"
	counts=$(sed -n -E 's/^(# )?([0-9]+) passed, ([0-9]+) failed, ([0-9]+) skipped$/\2 \3 \4/p' "$log" | tail -n 1)
	# shellcheck disable=SC2086 # three numbers
	set -- ${counts:-0 0 0}
	passed=$((passed + $1)) failed=$((failed + $2)) skipped=$((skipped + $3))
	if [ -z "$counts" ] || { [ "$code" -ne 0 ] && [ "$2" -eq 0 ]; }; then
		failed=$((failed + 1))
		say "$name ended with status $code (124: not within $deadline s)"
	fi
	say "$name: $((SECONDS - start)) s, log $log"
}

"$check/../setup.sh" packages source || die "setup failed"
# The user-mode kernel needs processors for minutes; the downloads do not.
timeout -k 10 3600 "$check/../kernels/build.sh" uml >/dev/null 2>"$logs/build-uml.log" &
uml=$!
"$check/../setup.sh" all || die "setup failed"

part static 900 "$check/static.sh"
# Nobody waits for that kernel as long as guests leave it some time.
building=
! kill -0 "$uml" 2>/dev/null || building=yes
[ "$building" ] || part kunit 1200 "$check/kunit.sh"
part guest 1800 "$check/guest.py"
[ ! "$building" ] || part kunit 1200 "$check/kunit.sh"
say "$((SECONDS / 60)) min $((SECONDS % 60)) s in all"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
