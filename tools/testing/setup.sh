#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Install and fetch what the checks need; quick when everything is there.
#
# setup.sh [packages|root|kernels|source|dpdk|all]...
#   packages  Debian packages on this machine
#   root      a Debian 13 root: userland of the guests, a newer QEMU, gcc 14
#   kernels   images and headers of 6.1, 6.12 and the newest backported kernel
#   source    the source of Linux 6.12 (checkpatch, selftests, ynl)
#   dpdk      DPDK's testpmd, for bench/ring.py; not part of all
# Everything but the packages goes to $IVNET_CACHE (default ~/.cache/ivnet).
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

# linux-headers-amd64 serves DKMS. The headers of 6.12 are not in this list, as
# they depend on the image package; they come with the kernels below. What they
# need besides is here: pahole makes the types of a module from the kernel's.
PACKAGES="
build-essential make bc flex bison kmod cpio xz-utils zstd rsync git perl python3
python3-yaml libelf-dev libssl-dev libcap-dev libmnl-dev pkg-config gcc-12 pahole dkms
linux-headers-amd64 linux-source-6.12 sparse coccinelle shellcheck pyflakes3
python3-docutils qemu-system-x86 qemu-utils busybox-static debootstrap
erofs-utils iproute2 ethtool iperf3 tcpdump iputils-ping pciutils socat util-linux ca-certificates
"
ROOT_PACKAGES="
iproute2 ethtool iperf3 socat iputils-ping iputils-arping tcpdump python3 python3-yaml
kmod procps jq psmisc pciutils netcat-openbsd bpftool libnl-3-200 libnl-genl-3-200
gcc-14 gcc make libelf1t64 libelf-dev libc6-dev pahole xz-utils zstd
"
# QEMU of backports: qemu-system-x86 alone would take its libraries from stable.
ROOT_BACKPORTS="qemu-system-x86 qemu-system-common qemu-system-data"

need_root() {
	[ "$(id -u)" -eq 0 ] || die "$1 is missing and needs root to install: run tools/testing/setup.sh as root"
}

need_commands() {
	local name

	for name in "$@"; do
		command -v "$name" >/dev/null || die "$name is missing: run tools/testing/setup.sh packages as root"
	done
}

apt_quiet() {
	local log

	log=$(mktemp)
	if ! DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 \
		-o DPkg::Lock::Timeout=300 "$@" >"$log" 2>&1 </dev/null; then
		cat "$log" >&2
		rm -f "$log"
		die "apt-get $1 failed"
	fi
	rm -f "$log"
}

setup_packages() {
	local missing

	# shellcheck disable=SC2086 # a list of words
	missing=$(LC_ALL=C comm -23 <(printf '%s\n' $PACKAGES | LC_ALL=C sort -u) \
		<(dpkg-query -W -f '${db:Status-Status} ${Package}\n' $PACKAGES 2>/dev/null |
			sed -n 's/^installed //p' | LC_ALL=C sort -u))
	[ -n "$missing" ] || return 0
	need_root "${missing//$'\n'/ }"
	say "packages: installing ${missing//$'\n'/ }"
	apt_quiet update
	# shellcheck disable=SC2086
	apt_quiet install -y --no-install-recommends $missing
}

# The archive this machine uses, so that a mirror configured here serves all.
mirror() {
	local uri

	uri=$(apt-get indextargets --format "\$(LABEL)|\$(REPO_URI)" 'Created-By: Packages' 2>/dev/null |
		sed -n "s/^$1|//p" | head -n1)
	printf '%s\n' "${uri:-$2}"
}

# The archive of backports keeps several kernels, and images appear there later
# than headers: print releases with headers (and, for "image", an image too).
backported() {
	in_root apt-cache pkgnames linux- | awk -v want="$1" '
		/^linux-headers-[0-9.]+\+deb13-amd64$/ { headers[substr($0, 15)] = 1 }
		/^linux-image-[0-9.]+\+deb13-amd64$/ { image[substr($0, 13)] = 1 }
		END { for (r in headers) if (want != "image" || r in image) print r }' | sort -V
}

setup_root() {
	local new=$IVNET_CACHE/trixie.new debian security want

	# shellcheck disable=SC2086
	want=$(printf '%s\n' $ROOT_PACKAGES $ROOT_BACKPORTS | sha256sum)
	[ "$(cat "$ROOT13/.ready" 2>/dev/null)" != "$want" ] || return 0
	need_root "the Debian 13 root"
	need_commands debootstrap unshare mkfs.erofs
	debian=$(mirror Debian http://deb.debian.org/debian/)
	security=$(mirror Debian-Security http://deb.debian.org/debian-security/)

	if [ ! -d "$ROOT13" ]; then
		say "root: debootstrap of Debian 13 from $debian"
		rm -rf "$new"
		debootstrap --variant=minbase --include=ca-certificates trixie "$new" "$debian" \
			>"$IVNET_CACHE/debootstrap.log" 2>&1 ||
			die "debootstrap failed, see $IVNET_CACHE/debootstrap.log"
		mv "$new" "$ROOT13"
	fi
	cat >"$ROOT13/etc/apt/sources.list" <<-END
		deb $debian trixie main
		deb $debian trixie-updates main
		deb $debian trixie-backports main
		deb $security trixie-security main
	END
	apt-config dump Acquire | grep -i proxy >"$ROOT13/etc/apt/apt.conf.d/90host" || true
	printf '#!/bin/sh\nexit 101\n' >"$ROOT13/usr/sbin/policy-rc.d"
	chmod +x "$ROOT13/usr/sbin/policy-rc.d"
	cp -L /etc/resolv.conf "$ROOT13/etc/resolv.conf"
	say "root: installing packages in it"
	(
		export ROOT13_INCOMPLETE=1
		in_root apt-get -qq update
		# shellcheck disable=SC2086
		in_root apt-get -qq install -y --no-install-recommends $ROOT_PACKAGES
		# shellcheck disable=SC2086
		in_root apt-get -qq install -y --no-install-recommends -t trixie-backports $ROOT_BACKPORTS
		in_root apt-get -qq clean
	) >"$IVNET_CACHE/root.log" 2>&1 </dev/null ||
		die "installing in the Debian 13 root failed, see $IVNET_CACHE/root.log"
	mkdir -p "$ROOT13/lib/modules"
	# Guests take this image where their kernel can: 9p is slow at many files.
	rm -f "$ROOT13.erofs"
	mkfs.erofs --quiet -x-1 "$ROOT13.erofs.new" "$ROOT13" 2>/dev/null ||
		die "mkfs.erofs failed"
	mv "$ROOT13.erofs.new" "$ROOT13.erofs"
	printf '%s\n' "$want" >"$ROOT13/.ready"
}

# The release a Debian metapackage stands for.
meta_release() {
	apt-cache depends "$1" 2>/dev/null | sed -n 's/^ *Depends: linux-image-//p' | head -n1
}

# The packages of a release's image, none if there is no image. Since 7.2 it comes
# in parts, and while linux-image is not yet signed the parts are there already.
image_packages() {
	local release=$1 all

	shift
	all=$("$@" apt-cache pkgnames linux- | grep -F -e "$release")
	if grep -qxF "linux-image-$release" <<<"$all"; then
		grep -xF -e "linux-image-$release" -e "linux-base-$release" \
			-e "linux-binary-$release" -e "linux-modules-$release" <<<"$all"
	elif grep -qxF "linux-binary-unsigned-$release" <<<"$all"; then
		printf 'linux-%s\n' "base-$release" "binary-unsigned-$release" "modules-$release"
	fi
}

# fetch_kernel RELEASE IN_ROOT: packages are unpacked, never installed: a
# kernel's postinst would build an initramfs and change the boot loader.
fetch_kernel() {
	local release=$1 in_root=$2 dir=$IVNET_CACHE/kernels/$1 new
	local run=(env) names image deb modules vmlinuz

	[ ! -f "$dir/info" ] || return 0
	need_commands dpkg depmod python3 xz zstd
	say "kernels: fetching $release"
	new=$IVNET_CACHE/kernels/.new.$release
	rm -rf "$new" "$dir"
	mkdir -p "$new/deb" "$new/headers" "$new/image" "$new/boot" "$new/lib"
	[ "$in_root" = 0 ] || run=(in_root)
	names="linux-headers-$release $("${run[@]}" apt-cache depends "linux-headers-$release" |
		sed -n -E 's/^ *Depends: (linux-(headers-.*-common|kbuild-.*))$/\1/p')"
	image=$(image_packages "$release" "${run[@]}")
	# shellcheck disable=SC2016,SC2086 # expanded by the inner shell; lists of words
	"${run[@]}" sh -c 'cd "$1" && shift && apt-get -qq -o APT::Sandbox::User=root download "$@"' \
		sh "$new/deb" $names $image >/dev/null || die "cannot download $names $image"
	for deb in "$new"/deb/*.deb; do
		case ${deb##*/} in
		linux-headers-* | linux-kbuild-*) dpkg -x "$deb" "$new/headers" ;;
		*) dpkg -x "$deb" "$new/image" ;;
		esac
	done
	sed -i -E "s,([ =])/usr/src/,\\1$dir/headers/usr/src/," "$new/headers/usr/src/linux-headers-$release/Makefile"
	cp "$new/headers/usr/src/linux-headers-$release/.config" "$new/boot/config-$release"
	if [ -n "$image" ]; then
		modules=$(find "$new/image" -path "*/lib/modules/$release" -prune)
		vmlinuz=$(find "$new/image" -name "vmlinuz*" -type f | head -n1)
		mv "$vmlinuz" "$new/boot/vmlinuz-$release"
		mkdir "$new/lib/modules"
		mv "$modules" "$new/lib/modules/$release"
		rm -f "$new/lib/modules/$release/build" "$new/lib/modules/$release/source"
		ln -s "$dir/headers/usr/src/linux-headers-$release" "$new/lib/modules/$release/build"
		depmod -b "$new" "$release"
		"$TESTING/vm/extract_vmlinux.py" "$new/boot/vmlinuz-$release" "$new/vmlinux"
	fi
	rm -rf "$new/deb" "$new/image"
	{
		printf 'RELEASE=%s\n' "$release"
		printf 'KDIR=%s\n' "$dir/headers/usr/src/linux-headers-$release"
		printf 'IN_ROOT=%s\n' "$in_root"
		if [ -n "$image" ]; then
			printf 'VMLINUX=%s\nMODULES=%s\n' "$dir/vmlinux" "$dir/lib/modules/$release"
		fi
	} >"$new/info"
	mv "$new" "$dir"
}

setup_kernels() {
	local name release next package kernels=$IVNET_CACHE/kernels

	mkdir -p "$kernels"
	for name in 6.1 6.12; do
		[ ! -f "$kernels/$name/info" ] || continue
		package=linux-image-$name-amd64
		[ "$name" != 6.1 ] || package=linux-image-amd64
		release=$(meta_release $package)
		if [ -z "$release" ] && [ "$(id -u)" -eq 0 ]; then
			apt_quiet update
			release=$(meta_release $package)
		fi
		case $release in
		"$name".*) ;;
		*) die "apt knows no Linux $name on this machine (Debian 12 with its security archive has it)" ;;
		esac
		fetch_kernel "$release" 0
		ln -sfn "$release" "$kernels/$name"
	done
	[ ! -f "$kernels/7.x/info" ] || return 0
	setup_root
	release=$(backported image | tail -n1)
	[ -n "$release" ] || die "no kernel in trixie-backports has an image and headers"
	next=$(backported headers | tail -n1)
	if [ "$next" != "$release" ]; then
		fetch_kernel "$next" 1
		ln -sfn "$next" "$kernels/7.next"
	fi
	fetch_kernel "$release" 1
	ln -sfn "$release" "$kernels/7.x"
}

setup_dpdk() {
	! command -v dpdk-testpmd >/dev/null || return 0
	need_root dpdk-testpmd
	say "dpdk: installing dpdk-dev"
	apt_quiet update
	apt_quiet install -y --no-install-recommends dpdk-dev
}

setup_source() {
	local tar=/usr/src/linux-source-6.12.tar.xz src=$IVNET_CACHE/src

	[ ! -f "$src/linux-source-6.12/Makefile" ] || return 0
	[ -f "$tar" ] || setup_packages
	say "source: unpacking $tar"
	rm -rf "$src/.new"
	mkdir -p "$src/.new"
	tar -C "$src/.new" -xJf "$tar"
	mv "$src/.new/linux-source-6.12" "$src/linux-source-6.12"
	rmdir "$src/.new"
}

mkdir -p "$IVNET_CACHE"
exec 8>"$IVNET_CACHE/.setup.lock"
if ! flock -n 8; then
	say "another setup.sh is running: waiting for it"
	flock -w 1800 8 || die "the other setup.sh does not end"
fi
[ $# -gt 0 ] || set -- all
for step in "$@"; do
	case $step in
	packages | root | kernels | source | dpdk) "setup_$step" 8>&- ;;
	all)
		for each in packages root kernels source; do
			"setup_$each" 8>&-
		done
		;;
	*) die "usage: setup.sh [packages|root|kernels|source|dpdk|all]..." ;;
	esac
done
