# SPDX-License-Identifier: GPL-2.0
# ivnet: an Ethernet driver for Linux guests

KVER    ?= $(shell uname -r)
KDIR    ?= /lib/modules/$(KVER)/build
VERSION := $(shell sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' dkms.conf)
DIST    := ivnet-$(VERSION)
CHECK   := tools/testing/check

.PHONY: modules modules_install clean help check check-static check-kunit \
	check-guest check-debug check-server check-tap check-dkms matrix demo bench dist dkms setup

modules modules_install:
	$(MAKE) -C $(KDIR) M=$(CURDIR) $@

clean:
	$(MAKE) -C $(KDIR) M=$(CURDIR) clean
	$(RM) -r drivers/net/ivnet/compat/generated

help:
	@echo 'modules          build for KDIR (default: the running kernel)'
	@echo 'modules_install  install what was built'
	@echo 'dkms             register with DKMS, build and install for every installed kernel'
	@echo 'dist             make $(DIST).tar.gz'
	@echo 'setup            install and fetch what the targets below need (they do it themselves)'
	@echo 'demo             two guests that talk over ivnet'
	@echo 'check            check-static, check-kunit and check-guest'
	@echo 'check-static     compilers, sparse, checkpatch, kernel-doc, coccinelle, linters'
	@echo 'check-kunit      unit tests, in a user-mode kernel'
	@echo 'check-guest      selftests in guests on every supported kernel'
	@echo 'check-debug      selftests on a kernel with KASAN, lockdep, kmemleak, fault injection'
	@echo 'check-server     tests of tools/ivshmem-server'
	@echo 'check-tap        tests of tools/ivshmem-tap'
	@echo 'check-dkms       DKMS with every installed kernel, from here and from a tarball'
	@echo 'matrix           build against every kernel installed, or KERNELS="release ..."'
	@echo 'bench            cost against virtio_net and veth, in counted instructions, and rates'

setup:
	tools/testing/setup.sh all

check:
	$(CHECK)/all.sh

check-kunit check-guest check-debug check-server check-tap: setup

check-static:
	$(CHECK)/static.sh

check-kunit:
	$(CHECK)/kunit.sh

check-guest:
	$(CHECK)/guest.py

check-debug:
	$(CHECK)/debug.py

check-server:
	$(CHECK)/server.py

check-tap:
	$(CHECK)/tap.py

check-dkms:
	tools/dkms.sh test

matrix:
	$(CHECK)/matrix.sh $(KERNELS)

demo:
	tools/testing/demo.py

bench:
	tools/testing/bench/bench.py
	tools/testing/bench/ring.py

dist:
	git archive --format=tar.gz --prefix=$(DIST)/ -o $(DIST).tar.gz HEAD

dkms:
	tools/dkms.sh install
