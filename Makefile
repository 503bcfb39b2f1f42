# `make demo` and `make test` set up all that they need, and may be run again and again.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
# Twice quiet: only what went wrong.
PIP    := -m pip -qq --disable-pip-version-check

# $(call apt,PACKAGES) installs Debian packages where we may, else says what is missing.
define apt
{ if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
    echo "installing $(1)"; mkdir -p build; export DEBIAN_FRONTEND=noninteractive; \
    { apt-get -q update && apt-get -q install -y --no-install-recommends $(1); } \
      >build/apt.log 2>&1 </dev/null || { tail -n 20 build/apt.log >&2; exit 1; }; \
  else echo "missing: $(1); install it to run everything" >&2; fi; }
endef

# What tests start is compiled once, also where somebody has set this: the suite starts a thousand processes.
unexport PYTHONDONTWRITEBYTECODE

help:
	@echo "make demo     the whole encrypted path in one command (STATE=dir keeps its files, KEEP=1 goes on serving)"
	@echo "make test     all tests; ARGS='tests/wire -k chunk' for some"
	@echo "make e2e      only the tests with real peers"
	@echo "make browser  a page in a browser as a client (downloads a browser)"
	@echo "make load     measures what a thousand slow callers cost those who behave well, and how fast a million"
	@echo "              exchanges are indexed and found"
	@echo "make streams  a thousand quiet streams for five minutes, and what they take of memory"
	@echo "make faults   kills 200 workers under load, twice, and verifies the journal after it; stops the"
	@echo "              database of the index for a minute"
	@echo "make bench    the gate under load beside nginx, HAProxy, Envoy and FastMCP (docs/operate/performance.md);"
	@echo "              BEFORE=HEAD~3 beside what it was then, too"
	@echo "make conformance  the official MCP suite, directly and through the gate (docs/reference/conformance.md)"
	@echo "make docs     the documentation as a site, in build/docs"
	@echo "make docs-test  runs every command, configuration and program in the documentation; ARGS='-k policy'"
	@echo "make lanes    all tests on Python 3.12 and 3.13, and on the lowest and the newest versions of everything;"
	@echo "              make lane-lowest ARGS=tests/wire for some of them in one lane"
	@echo "make release-check  all that has to be right before a release; STEPS='version news' for some of it"
	@echo "make lint     ruff and mypy"
	@echo "make reference  writes the pages of the reference, the manual and the completions anew"
	@echo "make fuzz     a fuzzer on what reads bytes, 9 minutes; SECONDS=10 TARGETS='http json' for a quick look"
	@echo "make tokens   100,000 mutated tokens, judged by a second library, too; TOKENS=1000 SEED=7"
	@echo "make deb      all Debian packages, in build/deb, each installed and tried in a fresh system; takes root"
	@echo "make deb-sid  Debian's own kind of package, built in a chroot of sid with the tests that can run there"
	@echo "make deb-selfcontained  Debian packages for bookworm and trixie with all that they need inside (build/deb)"
	@echo "make container-test     builds the container image, runs it, and calls through it"
	@echo "make rpm-check  the RPM of etc/rpm, read, judged and built, as far as that goes without Fedora (build/rpm)"
	@echo "make sbom     what a self-contained package has inside, for a scanner (build/sbom)"
	@echo "make lock     the locked sets of etc/constraints anew; UPGRADE=1 with the newest of everything"
	@echo "make install  a virtual environment in $(VENV) for development"
	@echo "make clean    removes what these made"
	@echo
	@echo "PYTHON=python3.12 chooses another Python; 3.11 is the oldest."

install: $(VENV)/.test $(VENV)/.lint

demo: $(VENV)/.demo
	@$(BIN)/mcpgate demo $(if $(STATE),--state "$(STATE)") $(if $(KEEP),--keep)

# Tests that are about who waits for whom have the cores for themselves (tests/conftest.py).
SHARED = $(BIN)/python -m pytest -q --cores shared -n auto --maxprocesses 4 --dist loadfile
ALONE = $(BIN)/python -m pytest -q --cores alone

# With ARGS only those that they name.
SUITE = $(if $(ARGS),$(BIN)/python -m pytest -q $(ARGS),$(SHARED) && $(ALONE))
# What tests talk to or look with that is not in our environment.
PEERS = build/node/.installed build/sslyze/.installed build/.tshark build/.faketime build/.browser build/.postgres \
  build/.service

test: $(VENV)/.test $(PEERS)
	@$(SUITE)

# The suite on other versions, each lane in an environment of its own. Lanes are rules here and not of a tool
# that is made for it, as half of what they need (node, browsers, databases) is made here as well.
LANES = lowest newest 3.12 3.13
lanes: $(LANES:%=lane-%)

$(LANES:%=lane-%): private BIN = build/lanes/$(@:lane-%=%)/bin
$(LANES:%=lane-%): lane-%: build/lanes/%/.installed $(PEERS)
	@echo "lane $*: $$($(BIN)/python --version), Twisted $$($(BIN)/python -c 'import twisted; print(twisted.__version__)')"
	@$(SUITE)

e2e: ARGS = tests/e2e
e2e: test

browser: $(VENV)/.test build/node/.installed build/.browser
	@$(BIN)/python -m pytest -q -m browser tests/e2e

load: $(VENV)/.test
	@$(BIN)/python -m pytest -q -m load -o faulthandler_timeout=1800 tests/e2e tests/index

# It waits for longer than what counts as hanging elsewhere.
streams: $(VENV)/.test
	@$(BIN)/python -m pytest -q -m streams -o faulthandler_timeout=900 tests/e2e

faults: $(VENV)/.test build/.postgres
	@$(BIN)/python -m pytest -q -m faults -o faulthandler_timeout=1800 tests/e2e tests/index

# A peer that cannot be installed is named by the bench itself, which goes on without it.
BEFORE =
bench: $(VENV)/.test build/bench/upstream build/bench/load build/bench/.peers
	@rm -rf build/bench/before
	@$(if $(BEFORE),mkdir build/bench/before && git archive $(BEFORE) | tar -x -C build/bench/before)
	@$(BIN)/python -m tests.bench $(ARGS)

conformance: $(VENV)/.test build/conformance/.installed
	@$(BIN)/python -m tests.conformance $(ARGS)

# The first build reads all pages, later ones what has changed.
docs: $(VENV)/.docs
	@$(BIN)/python -m sphinx -q -W --keep-going -j auto -d build/docs-read docs build/docs

# A page waits for its gate most of the time, on a machine of its own.
docs-test: $(VENV)/.test $(VENV)/.docs build/newcomer/.fetched build/node/.installed
	@$(BIN)/python -m pytest -q -m docs -n 4 $(ARGS) tests/docs

# What is to be published lies in build/release then.
STEPS =
release-check: $(VENV)/.test $(VENV)/.lint $(VENV)/.release
	@$(BIN)/python -m tests.release $(STEPS)

# What pip fetches for somebody who follows Get started: the machine of a page has no network.
build/newcomer/.fetched: $(VENV)/.made setup.cfg
	@echo "fetching what a newcomer installs into build/newcomer"
	@rm -rf build/newcomer
	@$(BIN)/python $(PIP) download -d build/newcomer '.[demo]' 'setuptools>=66.1' wheel
	@rm -f build/newcomer/mcpgate-*
	@touch $@

lint: $(VENV)/.lint
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy --no-error-summary

reference: $(VENV)/.test
	@$(BIN)/python -m mcpgate.cli.reference docs/reference
	@$(BIN)/python -m mcpgate.cli.manual docs/man
	@$(BIN)/mcpgate completion bash > etc/completions/bash/mcpgate
	@$(BIN)/mcpgate completion zsh > etc/completions/zsh/_mcpgate
	@$(BIN)/mcpgate completion fish > etc/completions/fish/mcpgate.fish

# For each target; two run at once.
SECONDS = 60
TARGETS =

fuzz: $(VENV)/.fuzz
	@$(BIN)/python -m tests.fuzz --seconds $(SECONDS) $(TARGETS)

# Into tests/fuzz/corpus goes what the runs since `make clean` found, as far as it leads anywhere new.
fuzz-merge: $(VENV)/.fuzz
	@$(BIN)/python -m tests.fuzz --merge $(TARGETS)

# By us and by joserfc, which was written apart from all that we use; the suite does 3,000.
TOKENS = 100000
SEED = 6
tokens: $(VENV)/.test
	@$(BIN)/python -m tests.identity.differential $(TOKENS) $(SEED)

# The locked sets, and what is made of them: etc/selfcontained, etc/container, etc/rpm.
build/uv/bin/uv: $(VENV)/.made
	@$(PYTHON) -m venv build/uv
	@build/uv/bin/python $(PIP) install uv

UPGRADE =
lock: build/uv/bin/uv
	@$(PYTHON) etc/constraints/lock.py --uv $< $(if $(UPGRADE),--upgrade)

# For a Python: wheels alone, by their digests. A newer glibc runs what is for an older one.
WHEELS_FOR = $(foreach glibc,2_34 2_28 2_17,--platform manylinux_$(glibc)_$(shell uname -m)) \
  --platform manylinux2014_$(shell uname -m)
build/wheels/%/.fetched: etc/constraints/selfcontained.txt etc/constraints/build.txt $(VENV)/.made
	@echo "fetching the locked wheels for Python $*"
	@rm -rf $(@D)
	@$(BIN)/python $(PIP) download --no-deps --require-hashes --only-binary :all: --python-version $* \
	  $(WHEELS_FOR) --dest $(@D) -r etc/constraints/selfcontained.txt -r etc/constraints/build.txt
	@touch $@

SELF_CONTAINED = $(BIN)/python etc/selfcontained/build_deb.py
deb-selfcontained: build/wheels/3.11/.fetched build/wheels/3.13/.fetched
	@command -v mmdebstrap >/dev/null || $(call apt,mmdebstrap)
	@$(SELF_CONTAINED) bookworm build/wheels/3.11 build/deb
	@$(SELF_CONTAINED) trixie build/wheels/3.13 build/deb

# In chroots, each made for it and dropped: the machine's own Python has no part in it.
deb-sid:
	@command -v mmdebstrap >/dev/null && command -v ip >/dev/null || $(call apt,mmdebstrap iproute2)
	@$(PYTHON) etc/sid/build_deb.py build/deb

# One after the other; then the packages as they are, where nothing of ours is.
deb: $(VENV)/.test
	@$(MAKE) --no-print-directory deb-sid
	@$(MAKE) --no-print-directory deb-selfcontained
	@$(MAKE) --no-print-directory deb-test

# KIND=sid for one of them.
deb-test: $(VENV)/.test
	@$(BIN)/python -m pytest -q -m packages -o faulthandler_timeout=1800 $(if $(KIND),-k $(KIND)) tests/packages

OURS := $(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])')
sbom: build/wheels/$(OURS)/.fetched
	@rm -rf build/sbom
	@PYTHON=$(PYTHON) PIP_NO_INDEX=1 PIP_FIND_LINKS=$(CURDIR)/build/wheels/$(OURS) \
	  sh etc/selfcontained/environment.sh /opt/mcpgate $(CURDIR)/build/sbom/root
	@mv build/sbom/root/opt/mcpgate/share/mcpgate/sbom.cdx.json build/sbom/mcpgate.cdx.json
	@rm -rf build/sbom/root
	@echo build/sbom/mcpgate.cdx.json

# As far as it goes without Fedora: the spec is read, judged, and built. Debian's rpm knows of no package of
# Debian's, so it is not asked for those that the build wants.
rpm-check: $(VENV)/.test build/wheels/$(OURS)/.fetched
	@command -v rpmbuild >/dev/null && command -v rpmlint >/dev/null || $(call apt,rpm rpmlint)
	@rm -rf build/rpm && mkdir -p build/rpm/SOURCES
	@$(BIN)/python -m build --sdist --outdir build/rpm/SOURCES . >build/rpm/sdist.log
	@tar -C build/wheels/$(OURS) -cf build/rpm/SOURCES/mcpgate-wheels.tar .
	@rpmlint --config etc/rpm/rpmlint.toml etc/rpm/mcpgate.spec
	@rpmbuild -bb --nodeps --quiet --define "_topdir $(CURDIR)/build/rpm" --define "python $(PYTHON)" \
	  etc/rpm/mcpgate.spec
	@rpm -qp --list build/rpm/RPMS/*/*.rpm | grep -v /opt/mcpgate/lib

# The image's base, where no registry can be asked, is made of Debian's packages.
container-test: $(VENV)/.test build/wheels/3.13/.fetched
	@command -v buildah >/dev/null || $(call apt,buildah crun)
	@command -v mmdebstrap >/dev/null || $(call apt,mmdebstrap)
	@$(BIN)/python -m pytest -q -m container tests/container

.PHONY: lock deb deb-sid deb-test deb-selfcontained sbom rpm-check container-test

clean:
	@rm -rf $(VENV) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	@find mcpgate twisted tests -name __pycache__ -prune -exec rm -rf {} +
	@rm -f twisted/plugins/dropin.cache

$(VENV)/.made:
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || $(call apt,python3 python3-venv)
	@$(PYTHON) -c 'import sys; sys.exit("mcpgate needs Python 3.11 or newer" if sys.version_info < (3, 11) else 0)'
	@$(PYTHON) -m venv $(VENV)
	@touch $@

# One rule for the extras of setup.cfg.
$(VENV)/.demo $(VENV)/.test $(VENV)/.lint $(VENV)/.docs $(VENV)/.release $(VENV)/.fuzz: $(VENV)/.%: $(VENV)/.made setup.cfg pyproject.toml
	@echo "installing mcpgate[$*] into $(VENV)"
	@$(BIN)/python $(PIP) install -e '.[$*]'
	@touch $@

# A lane is named by its Python, or goes to one end: to the floors of setup.cfg on the oldest Python, or to the
# newest of everything on this machine's, brought up to date whenever it runs.
LANE_PYTHON = $(if $(filter 3.%,$*),python$*,$(if $(filter lowest,$*),python3.11,$(PYTHON)))

$(LANES:%=build/lanes/%/.made): build/lanes/%/.made:
	@command -v $(LANE_PYTHON) >/dev/null || { echo "lane $* needs $(LANE_PYTHON) on the path" >&2; exit 1; }
	@mkdir -p build/lanes
	@$(LANE_PYTHON) -m venv build/lanes/$*
	@touch $@

build/lanes/lowest/.installed: private HELD = --constraint build/lanes/lowest/floors.txt
build/lanes/newest/.installed: private HELD = --upgrade --upgrade-strategy eager
build/lanes/newest/.installed: FORCE
$(LANES:%=build/lanes/%/.installed): build/lanes/%/.installed: build/lanes/%/.made setup.cfg pyproject.toml
	@echo "installing mcpgate[test] into build/lanes/$*"
	@$(PYTHON) tests/release/floors.py >build/lanes/$*/floors.txt
	@build/lanes/$*/bin/python $(PIP) install $(HELD) -e '.[test]'
	@touch $@

FORCE:

# mypy reads what the demo imports.
$(VENV)/.lint: $(VENV)/.demo

# sslyze wants an older cryptography than we do, so it lives by itself; left to choose, pip would
# take an ancient sslyze instead.
build/sslyze/.installed: $(VENV)/.made
	@echo "installing sslyze into build/sslyze"
	@$(PYTHON) -m venv build/sslyze
	@build/sslyze/bin/python $(PIP) install sslyze==6.3.1
	@touch $@

build/node/.installed: tests/e2e/package.json
	@command -v node >/dev/null && command -v npm >/dev/null || $(call apt,nodejs npm)
	@mkdir -p build/node
	@cp $< build/node/package.json
	@if command -v npm >/dev/null; then echo "installing the TypeScript SDKs into build/node"; \
	  npm install --prefix build/node --no-audit --no-fund --no-package-lock --loglevel=error >/dev/null \
	  && touch $@; fi

# The suite needs node 22, which npm has as well, for those whose machine's is older.
NEW_ENOUGH = node -e 'process.exit(parseInt(process.versions.node) < 22 ? 1 : 0)'
build/conformance/.installed: tests/conformance/package.json
	@command -v node >/dev/null && command -v npm >/dev/null || $(call apt,nodejs npm)
	@mkdir -p build/conformance
	@cp $< build/conformance/package.json
	@echo "installing the conformance suite into build/conformance"
	@npm install --prefix build/conformance --no-audit --no-fund --no-package-lock --loglevel=error \
	  $$($(NEW_ENOUGH) || echo --no-save node@22) >/dev/null
	@touch $@

build/.tshark:
	@mkdir -p build
	@command -v tshark >/dev/null || $(call apt,tshark)
	@! command -v tshark >/dev/null || touch $@

# One of those that tests/e2e/browser.py knows.
BROWSER = command -v chromium-headless-shell || command -v chromium || command -v google-chrome \
  || command -v chromium-browser

# Debian has its programs beside the path, where the tests look, too.
POSTGRES = command -v postgres || ls /usr/lib/postgresql/*/bin/postgres
build/.postgres:
	@mkdir -p build
	@{ $(POSTGRES); } >/dev/null 2>&1 || $(call apt,postgresql)
	@! { $(POSTGRES); } >/dev/null 2>&1 || touch $@

build/bench/%: tests/bench/%.c
	@mkdir -p build/bench
	@command -v gcc >/dev/null && echo '#include <openssl/ssl.h>' | gcc -E - >/dev/null 2>&1 \
	  || $(call apt,gcc libc6-dev libssl-dev)
	@gcc -O2 -Wall -Wextra -o $@ $< -lssl -lcrypto

# Envoy's binary comes with pyvoy; FastMCP gets the fast parts of its server. By themselves, so that
# neither decides what the gate runs on.
SERVERS = PATH="$$PATH:/usr/sbin" && command -v nginx >/dev/null && command -v haproxy >/dev/null
build/bench/.peers: $(VENV)/.made
	@mkdir -p build/bench
	@$(SERVERS) || ( $(call apt,nginx haproxy) ) || true
	@echo "installing Envoy and FastMCP into build/bench/venv"
	@$(PYTHON) -m venv build/bench/venv
	@good=yes; for one in 'pyvoy' 'fastmcp>=4 uvicorn[standard]'; do \
	  build/bench/venv/bin/python $(PIP) install $$one || good=no; done; \
	if [ $$good = yes ] && $(SERVERS); then touch $@; fi

build/.faketime:
	@mkdir -p build
	@command -v faketime >/dev/null || $(call apt,faketime)
	@! command -v faketime >/dev/null || touch $@

# What judges the unit, the manual and the completions.
SERVICE = systemd-analyze systemd-socket-activate man groff mandoc zsh fish
build/.service:
	@mkdir -p build
	@test $$(command -v $(SERVICE) | wc -l) = $(words $(SERVICE)) \
	  || $(call apt,systemd man-db groff-base mandoc zsh fish)
	@test $$(command -v $(SERVICE) | wc -l) != $(words $(SERVICE)) || touch $@

build/.browser:
	@mkdir -p build
	@{ $(BROWSER); } >/dev/null || $(call apt,chromium-headless-shell)
	@! { $(BROWSER); } >/dev/null || touch $@

.PHONY: help install demo test e2e browser load streams faults bench conformance lint fuzz tokens fuzz-merge clean docs docs-test \
  lanes $(LANES:%=lane-%) release-check FORCE
