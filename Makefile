# What a person does with this tree. `make demo` shows the main job; `make test` proves it.

SHELL   = /bin/bash
CARGO   ?= cargo
RUSTC   ?= rustc
PREFIX  ?= /usr
DESTDIR ?=

BIN     = $(DESTDIR)$(PREFIX)/bin
PLUGINS = $(DESTDIR)$(PREFIX)/lib/basicagent/plugins
UNITS   = $(DESTDIR)/lib/systemd/system
ETC     = $(DESTDIR)/etc/basicagent
RELEASE = target/release

# Functions of the same code become one, where the linker can do that: rustc's own on x86_64 does, and the agent is 25 KB
# smaller.
ICF = -Wl,--icf=all

.PHONY: help build bench-deps demo test test-deps lint fmt doc bench chaos cron-soak fuzz install clean

help:
	@echo 'make demo      build, then run the main job for real on loopback'
	@echo 'make test      install what the tests need (as root), then run them all'
	@echo 'make lint      rustfmt, clippy and documentation, warnings refused'
	@echo 'make bench     measure against the barest programs (BENCHMARKS.md)'
	@echo 'make chaos     kill agent and controller at random, CHAOS_KILLS times (500); CHAOS_SEED=… repeats'
	@echo 'make cron-soak  schedules against trying all, CRON_TRIPLES times (10000000); CRON_SEED=… repeats'
	@echo 'make fuzz      fuzz each decoder, FUZZ_SECONDS each (600)'
	@echo 'make install   binaries, plugins, unit and example config; DESTDIR, PREFIX ($(PREFIX))'

# Apart: what the controller asks of crates that both use (a pool of threads) would grow the agent by 0.1 MB, and
# what the agent asks, each plugin by 17 KB.
build: FOLD = $(shell mkdir -p target && echo 'fn main() {}' | $(RUSTC) --crate-name fold -C link-arg=$(ICF) -o target/fold - \
    2>/dev/null && echo -C link-arg=$(ICF))
build:
	$(CARGO) rustc --release --locked -p agent-core --bin BasicAgent -- $(FOLD)
	$(CARGO) build --release --locked -p agent-core --bin boot
	$(CARGO) build --release --locked -p ctl
	$(CARGO) build --release --locked -p 'getinfo-*'
	$(CARGO) build --release --locked -p controller -p e2e

demo: build
	examples/quickstart/demo.sh $(RELEASE)

# Tools the tests call beside bash and coreutils. Without root they have to be there already, or their tests say
# that they are left out.
test-deps:
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
	    ! { command -v ip && command -v unshare && command -v setpriv && command -v mount && command -v ps && \
	    command -v openssl && command -v sqlite3; } >/dev/null; then \
	    apt-get update -q && \
	    DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends iproute2 util-linux mount procps openssl sqlite3; \
	fi

# Binaries and plugins first: the tests run those that stand beside them.
test: test-deps
	$(CARGO) build --locked --workspace --all-targets
	@if [ "$$(id -u)" = 0 ]; then \
	    $(CARGO) test --locked --workspace --all-features; \
	else \
	    set -o pipefail; \
	    $(CARGO) test --locked --workspace --all-features -- --show-output 2>&1 | tee target/test.log; \
	    status=$$?; \
	    echo "left out, since they need root: $$(grep -c SKIPPED target/test.log)"; \
	    grep SKIPPED target/test.log; \
	    exit $$status; \
	fi

lint:
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --all-targets --all-features -- -D warnings
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --locked --workspace --all-features --no-deps

fmt:
	$(CARGO) fmt --all

doc:
	$(CARGO) doc --locked --workspace --all-features --no-deps

bench: build bench-deps
	$(CARGO) bench --locked -p e2e

# Programs that facts are compared with. Without them their rows say so.
bench-deps:
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && ! { command -v facter && command -v ohai; } >/dev/null; then \
	    apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends facter ohai; \
	fi

CHAOS_KILLS ?= 500
CHAOS_SEED  ?=
chaos: build
	BASICAGENT_CHAOS_KILLS=$(CHAOS_KILLS) BASICAGENT_CHAOS_SEED=$(CHAOS_SEED) \
	    $(CARGO) test --release --locked -p e2e --test chaos -- --nocapture

CRON_TRIPLES ?= 10000000
CRON_SEED    ?=
cron-soak:
	BASICAGENT_CRON_SOAK_TRIPLES=$(CRON_TRIPLES) BASICAGENT_CRON_SOAK_SEED=$(CRON_SEED) \
	    $(CARGO) test --release --locked -p agent-cron --test soak -- --nocapture

FUZZ_SECONDS ?= 600
fuzz:
	tests/fuzz/run $(FUZZ_SECONDS)

install: build
	install -d -m 755 $(BIN) $(PLUGINS) $(UNITS)
	install -d -m 755 $(ETC)
	install -m 755 $(RELEASE)/BasicAgent $(RELEASE)/boot $(RELEASE)/BasicAgentCtl $(RELEASE)/BasicAgentController $(BIN)
	install -m 644 $(RELEASE)/libgetinfo_*.so $(PLUGINS)
	install -m 644 examples/systemd/basicagent.service $(UNITS)
	install -m 644 examples/config/agent.toml $(ETC)/agent.toml.example
	install -m 644 examples/config/policy.toml $(ETC)/policy.toml.example

clean:
	$(CARGO) clean
