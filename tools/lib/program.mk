# SPDX-License-Identifier: GPL-2.0
# A program with a manual page, and a daemon's systemd units. The Makefile that
# includes this sets HERE, TOP, PROGRAM_NAME and NAMES (its files without .c), and
# if need be STD (of C), FLAGS, LDLIBS, UNITS (those that are installed as they are),
# SHARED (files of tools/lib, by default those of a daemon) and DEPENDS. A daemon is what
# has a file PROGRAM_NAME@.service.in.

LIB	:= $(TOP)/tools/lib
O	?= .

VERSION	?= $(shell sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' $(TOP)/dkms.conf 2>/dev/null)
PREFIX	?= /usr/local
SBINDIR	?= $(PREFIX)/sbin
MANDIR	?= $(PREFIX)/share/man
SYSCONFDIR ?= /etc
# pkg-config may be missing, or systemd's file: then where systemd looks anyway.
UNITDIR	?= $(or $(if $(filter /usr,$(PREFIX)),$(shell pkg-config --variable=systemdsystemunitdir \
	   systemd 2>/dev/null)),$(PREFIX)/lib/systemd/system)
MANUAL	:= $(PROGRAM_NAME).8
CONFIG	:= $(DESTDIR)$(SYSCONFDIR)/$(PROGRAM_NAME)

CC	?= cc
CFLAGS	?= -O2 -g -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fPIE
LDFLAGS	?= -pie -Wl,-z,relro,-z,now
ALL_CFLAGS := -std=$(or $(STD),c11) -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 \
	-DPROGRAM='"$(PROGRAM_NAME)"' -DVERSION='"$(or $(VERSION),unknown)"' -I$(LIB) \
	-Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes $(FLAGS) \
	$(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-sanitize-recover=all) $(CFLAGS)

SHARED	?= args log process systemd
SOURCES	:= $(NAMES:%=$(HERE)/%.c) $(patsubst %,$(LIB)/%.c,$(SHARED))
HEADERS	:= $(wildcard $(HERE)/*.h $(LIB)/*.h) $(DEPENDS)
PROGRAM	:= $(O)/$(PROGRAM_NAME)
UNIT	:= $(if $(wildcard $(HERE)/$(PROGRAM_NAME)@.service.in),$(PROGRAM)@.service)

.PHONY: all install uninstall check clean FORCE

all: $(PROGRAM) $(UNIT)

# So little code is compiled in one go faster than in parts.
$(PROGRAM): $(SOURCES) $(HEADERS) $(HERE)/Makefile $(LIB)/program.mk
	$(CC) $(CPPFLAGS) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $(SOURCES) $(LDLIBS)

# Every time, as it contains what the command line may say.
$(PROGRAM)@.service: $(HERE)/$(PROGRAM_NAME)@.service.in FORCE
	sed 's|@SBINDIR@|$(SBINDIR)|g; s|@SYSCONFDIR@|$(SYSCONFDIR)|g' $< >$@

install: all
	install -d '$(DESTDIR)$(SBINDIR)' '$(DESTDIR)$(MANDIR)/man8' \
		$(if $(UNIT),'$(DESTDIR)$(UNITDIR)' '$(CONFIG)')
	install -m 755 $(PROGRAM) '$(DESTDIR)$(SBINDIR)/$(PROGRAM_NAME)'
	install -m 644 $(HERE)/$(MANUAL) '$(DESTDIR)$(MANDIR)/man8/'
ifneq ($(UNIT),)
	install -m 644 $(UNIT) $(UNITS:%=$(HERE)/%) '$(DESTDIR)$(UNITDIR)/'
	install -m 644 $(HERE)/example.conf '$(CONFIG)/'
endif

# What the administrator wrote in the folder of settings stays.
uninstall:
	$(RM) '$(DESTDIR)$(SBINDIR)/$(PROGRAM_NAME)' '$(DESTDIR)$(MANDIR)/man8/$(MANUAL)' \
		$(patsubst %,'$(DESTDIR)$(UNITDIR)/%',$(notdir $(UNIT)) $(UNITS)) \
		$(if $(UNIT),'$(CONFIG)/example.conf')
	$(if $(UNIT),-rmdir '$(CONFIG)' 2>/dev/null || true)

clean:
	$(RM) $(PROGRAM) $(UNIT)
