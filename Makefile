# Two commands do everything on a fresh Debian machine with Rust: `make demo` and `make test`.
# What is missing is installed by scripts/prepare.

CARGO ?= cargo

# What everything that is distributed can do: features of agent/Cargo.toml, separated by commas, and no others. One
# binary serves the laptop and the dyno.
DIST_FEATURES := laboratory,aws

.PHONY: demo test torture accuracy bench bench-daemon dist dist-test prepare servers lint purity

demo: prepare
	$(CARGO) run --quiet --package peerscope -- demo

test: prepare servers lint purity
	$(CARGO) test --workspace --quiet
	@if scripts/prepare-aws >/dev/null; then \
		echo "$(CARGO) test --package peerscope --features aws --test aws --quiet"; \
		$(CARGO) test --package peerscope --features aws --test aws --quiet; \
	else echo "make: tests/aws.rs is left out: what plays AWS cannot be had" >&2; fi

# One static binary for x86-64 Linux in dist/, with its SHA-256 and the licences of all that is in it.
dist: prepare
	@scripts/make-dist $(DIST_FEATURES)

# The distributed binary in the emptiest root there is, and in the old systems that PEERSCOPE_ROOTS names. Not a part of
# `make test`, since it needs a release build of minutes, and dist/ may be of older sources; the test says so there.
dist-test: dist
	PEERSCOPE_DIST=$$(echo $(CURDIR)/dist/peerscope-*-linux-gnu) $(CARGO) test --package peerscope --test dist

# What is too long for every change: many more random worlds.
torture: prepare
	PEERSCOPE_AGREEMENT_WORLDS=2000 $(CARGO) test --package peerscope --test agreement
	PEERSCOPE_HEALTHY_WORLDS=2000 $(CARGO) test --package peerscope --test healthy

# How often the diagnosis is right, and its probabilities true, on worlds that nobody looked at: docs/ACCURACY.md.
accuracy: prepare
	PEERSCOPE_RELIABILITY_PLOT=$(CURDIR)/docs/reliability.svg PEERSCOPE_ACCURACY_WORLDS=20000 $(CARGO) test --package peerscope-analysis --test accuracy -- --nocapture --test-threads 1
	PEERSCOPE_DOCUMENTED_WORLDS=2000 $(CARGO) test --package peerscope-analysis --test accuracy_documents -- --nocapture --test-threads 1
	PEERSCOPE_CHOSEN_WORLDS=1000 $(CARGO) test --package peerscope-analysis --test choosing -- --nocapture
	PEERSCOPE_FIRST_WORLD=1000 PEERSCOPE_WORLDS=4 $(CARGO) test --quiet --package peerscope --test diagnosis
	PEERSCOPE_FIRST_WORLD=1000 PEERSCOPE_HEALTHY_WORLDS=2000 $(CARGO) test --quiet --package peerscope --test healthy

# Speed, against the size of synthetic organisations; docs/BENCHMARKS.md has the figures and the machine.
bench:
	$(CARGO) bench --package peerscope-organisation

# A thousand paths at one second, beside Prometheus's blackbox_exporter. Nothing else should go on meanwhile: what others
# take of the processors is in the figures.
bench-daemon: servers
	$(CARGO) bench --package peerscope --bench watching

prepare:
	@scripts/prepare

# Real servers for tests/handshakes.rs and tests/segments.rs, and a browser for tests/status_page.rs, which say what they
# leave out where they cannot be had.
servers:
	@scripts/prepare-servers || echo "make: not all servers can be had; the tests go on without them" >&2

lint:
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --quiet -- --deny warnings
	$(CARGO) clippy --package peerscope --package peerscope-aws --features peerscope/aws --all-targets --quiet -- --deny warnings

# The analysis thinks; it asks no network and reads no clock. The compiler holds its own code to that
# (no_std), this holds its dependencies.
purity:
	@scripts/check-purity
