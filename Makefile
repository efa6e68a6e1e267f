# SPDX-License-Identifier: Apache-2.0
#
#	make            build everything into ./bin
#	make test       install what the tests need, and run them all
#	make demo       see a container run
#	make help       the rest

GO      ?= go
PREFIX  ?= /usr/local
DESTDIR ?=
BINDIR   = $(DESTDIR)$(PREFIX)/bin
SHARE    = $(DESTDIR)$(PREFIX)/share
MANDIR   = $(SHARE)/man/man1
BASHDIR  = $(SHARE)/bash-completion/completions
FISHDIR  = $(SHARE)/fish/vendor_completions.d
ZSHDIR   = $(SHARE)/zsh/site-functions
GENERATORS = $(DESTDIR)$(PREFIX)/lib/systemd

# The set-up puts a Go there where the distribution's is too old.
export PATH := $(CURDIR)/build/go/bin:$(PATH)
export GOTOOLCHAIN ?= auto

# Everything is static and pure Go. The tag picks the Go implementation of
# OpenPGP where containers/image offers one in C as well.
export CGO_ENABLED = 0
export GOFLAGS    := $(strip $(filter-out -buildvcs=% -tags=%,$(GOFLAGS)) -tags=containers_image_openpgp \
	-buildvcs=$(shell git rev-parse HEAD >/dev/null 2>&1 && echo true || echo false))

# One file for each family of commands, and one name for each command: see
# docs/architecture.md. A test compares these lists with the programs.
CONTAINERS = attach cleanup create exec healthcheck inspect kill logs pause port ps restart rm run start stop unpause version wait
IMAGES     = auto-update commit copy cp df diff doctor events exists export gc history images import info inspect-remote load login logout mount network prune pull push rename rmi save stats tag top umount unshare update volume
ALONE      = unit
VERBS      = $(CONTAINERS) $(IMAGES) $(ALONE)

# Functions begin at multiples of 16 bytes instead of 32: a hundredth smaller.
BUILD = $(GO) build -trimpath -ldflags '-s -w -funcalign=16'

.PHONY: all build install uninstall man completions test setup check faults bench start size demo clean help

all: build

build:
	@mkdir -p bin build/family
	$(BUILD) -o bin/tug ./cmd/tug
	$(BUILD) -o bin/tug-monitor ./cmd/monitor
	$(BUILD) -o bin/tug-dns ./cmd/dns
	@for verb in $(ALONE); do $(BUILD) -o bin/tug-$$verb ./cmd/$$verb || exit; done
	$(BUILD) -o build/family/ ./cmd/family/containers ./cmd/family/images
	@for verb in $(CONTAINERS); do ln -f build/family/containers bin/tug-$$verb; done
	@for verb in $(IMAGES); do ln -f build/family/images bin/tug-$$verb; done

man:
	@$(GO) run ./internal/manual/make roff build/man

completions: build
	@mkdir -p build/completions
	@for shell in bash fish zsh; do bin/tug completion $$shell >build/completions/$$shell || exit; done

install: build man completions
	install -d $(BINDIR) $(MANDIR) $(BASHDIR) $(FISHDIR) $(ZSHDIR)
	install -m 755 bin/tug $(BINDIR)/tug
	install -m 755 bin/tug-monitor $(BINDIR)/tug-monitor
	install -m 755 bin/tug-dns $(BINDIR)/tug-dns
	for verb in $(ALONE); do install -m 755 bin/tug-$$verb $(BINDIR)/tug-$$verb || exit; done
	for scope in system user; do \
		install -d $(GENERATORS)/$$scope && install -m 644 cmd/auto-update/tug-auto-update.timer $(GENERATORS)/$$scope/ && \
		sed 's,@BINDIR@,$(PREFIX)/bin,' cmd/auto-update/tug-auto-update.service >$(GENERATORS)/$$scope/tug-auto-update.service && \
		chmod 644 $(GENERATORS)/$$scope/tug-auto-update.service || exit; done
	for scope in system user; do install -d $(GENERATORS)/$$scope-generators && ln -sf ../../../bin/tug-unit $(GENERATORS)/$$scope-generators/tug-generator || exit; done
	install -m 755 build/family/containers $(BINDIR)/tug-$(firstword $(CONTAINERS))
	install -m 755 build/family/images $(BINDIR)/tug-$(firstword $(IMAGES))
	for verb in $(wordlist 2,99,$(CONTAINERS)); do ln -f $(BINDIR)/tug-$(firstword $(CONTAINERS)) $(BINDIR)/tug-$$verb || exit; done
	for verb in $(wordlist 2,99,$(IMAGES)); do ln -f $(BINDIR)/tug-$(firstword $(IMAGES)) $(BINDIR)/tug-$$verb || exit; done
	install -m 644 build/man/*.1 $(MANDIR)
	install -m 644 build/completions/bash $(BASHDIR)/tug
	install -m 644 build/completions/fish $(FISHDIR)/tug.fish
	install -m 644 build/completions/zsh $(ZSHDIR)/_tug
	for verb in $(VERBS); do ln -sf tug $(BASHDIR)/tug-$$verb && ln -sf tug.fish $(FISHDIR)/tug-$$verb.fish || exit; done

uninstall:
	rm -f $(BINDIR)/tug $(BINDIR)/tug-monitor $(BINDIR)/tug-dns $(VERBS:%=$(BINDIR)/tug-%)
	rm -f $(GENERATORS)/system-generators/tug-generator $(GENERATORS)/user-generators/tug-generator
	rm -f $(foreach scope,system user,$(GENERATORS)/$(scope)/tug-auto-update.service $(GENERATORS)/$(scope)/tug-auto-update.timer)
	rm -f $(MANDIR)/tug.1 $(VERBS:%=$(MANDIR)/tug-%.1)
	rm -f $(BASHDIR)/tug $(VERBS:%=$(BASHDIR)/tug-%) $(ZSHDIR)/_tug
	rm -f $(FISHDIR)/tug.fish $(VERBS:%=$(FISHDIR)/tug-%.fish)

setup:
	@test/setup

test: setup
	@$(MAKE) build
	@$(GO) run ./test/report

check:
	@test/check

faults: build
	@FAULTS=all TUG_BIN=$(CURDIR)/bin $(GO) run ./test/report faults -- -timeout=3h

demo:
	@test/setup demo
	@$(MAKE) build
	@$(BUILD) -o build/mkimage ./test/images/mkimage
	@test/demo

bench: build
	@$(GO) run ./bench

start: build
	@$(GO) run ./bench start

size: build
	@$(GO) run ./bench size

clean:
	rm -rf bin build

help:
	@sed -n 's/^#\t//p' Makefile
	@echo 'make install    DESTDIR= PREFIX=/usr/local; make uninstall undoes it'
	@echo 'make check      gofmt, vet, staticcheck, imports, docs in step with flags'
	@echo 'make faults     kill each command before each system call that changes something'
	@echo 'make bench      speed, as ratios against the bare runtime and the peers'
	@echo 'make start      cost of starting each program; fails over its budget'
	@echo 'make size       size of each program; fails over its budget'
