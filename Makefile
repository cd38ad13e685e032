# Every target is one line of help: `make` lists them.

SHELL := /bin/bash
.DEFAULT_GOAL := help

SYSTEM_PYTHON ?= /usr/bin/python3
PYTHON := .venv/bin/python
LIBRARY := .build/lib/librecurrent.so
# the number of the shared library's name, RECURRENT_ABI_VERSION
ABI := $(shell sed -n 's/^\#define RECURRENT_ABI_VERSION //p' Sources/CRecurrent/include/recurrent.h)
SOURCES := Package.swift $(shell find Sources \( -name '*.docc' -o -name Packaging \) -prune -o -type f -print)

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# ---- set-up

setup: $(LIBRARY) .venv/ready ## do all the set-up: system packages, the library, .venv

$(LIBRARY): $(SOURCES)
	@command -v swift >/dev/null || { echo "Swift 6.3 or newer is needed and 'swift' is not on the PATH: see https://www.swift.org/install"; exit 1; }
	swift build -c release --product recurrent_c
	@install -D -m 755 .build/release/librecurrent_c.so $@
	@ln -sf librecurrent.so $@.$(ABI)

# Debian's Python with Debian's NumPy: what the system packages give
.venv/ready: python/pyproject.toml
	@for package in python3-venv python3-dev python3-numpy; do \
	  dpkg -s $$package >/dev/null 2>&1 || missing="$$missing $$package"; \
	done; \
	if [ -n "$$missing" ]; then \
	  echo "installing$$missing"; \
	  sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; \
	  { $$sudo apt-get update -qq && DEBIAN_FRONTEND=noninteractive $$sudo apt-get install -y -qq $$missing >/dev/null; } \
	    || { echo "could not install$$missing: install them and run make again"; exit 1; }; \
	fi
	$(SYSTEM_PYTHON) -m venv --clear --system-site-packages .venv
	$(PYTHON) -m pip install -q --disable-pip-version-check -e 'python[demo]'
	@touch $@

# the newest NumPy, and everything that checks
.venv-newest/ready: python/pyproject.toml
	$(SYSTEM_PYTHON) -m venv --clear .venv-newest
	.venv-newest/bin/python -m pip install -q --disable-pip-version-check -e 'python[demo,plot,notebook,test,browser,check,docs]' numpy
	@touch $@

# the tests of the page need a browser; without one they are skipped, with a line that says so
.venv-newest/browser: .venv-newest/ready
	@command -v chromium >/dev/null || command -v google-chrome >/dev/null || { \
	  echo "installing chromium"; \
	  sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; \
	  { $$sudo apt-get update -qq && DEBIAN_FRONTEND=noninteractive $$sudo apt-get install -y -qq chromium >/dev/null; } \
	    || echo "could not install chromium: the tests of the page in a browser will be skipped"; \
	}
	@touch $@

# the examples of other languages are built where their compilers are; without one a test is skipped, with a line that says so
.venv-newest/languages: .venv-newest/ready
	@for pair in cmake:cmake pkg-config:pkg-config luajit:luajit go:golang-go; do \
	  command -v $${pair%%:*} >/dev/null || missing="$$missing $${pair#*:}"; \
	done; \
	if [ -n "$$missing" ]; then \
	  echo "installing$$missing"; \
	  sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; \
	  { $$sudo apt-get update -qq && DEBIAN_FRONTEND=noninteractive $$sudo apt-get install -y -qq --no-install-recommends $$missing >/dev/null; } \
	    || echo "could not install$$missing: tests of some languages will be skipped"; \
	fi
	@touch $@

# the tests of several processes need MPI
.venv-newest/mpi: .venv-newest/ready
	@command -v mpirun >/dev/null || { \
	  echo "installing openmpi-bin"; \
	  sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; \
	  { $$sudo apt-get update -qq && DEBIAN_FRONTEND=noninteractive $$sudo apt-get install -y -qq --no-install-recommends openmpi-bin openssh-client >/dev/null; } \
	    || echo "could not install openmpi-bin: the tests of several processes will be skipped"; \
	}
	@.venv-newest/bin/python -m pip install -q --disable-pip-version-check -e 'python[mpi]'
	@touch $@

.venv/test: .venv/ready
	$(PYTHON) -m pip install -q --disable-pip-version-check 'pytest>=7.2' 'pytest-xdist>=3' 'hypothesis>=6.60'
	@touch $@

# ---- the main job

TEXT ?=
FLAGS ?=
demo: setup ## train on the sentences that ship, or on yours: make demo TEXT=path FLAGS='--help'
	$(PYTHON) -m recurrent demo $(if $(TEXT),--text '$(TEXT)') $(FLAGS)

page: setup ## the same live, on a page in the browser: make page FLAGS='--port 8000'
	$(PYTHON) -m recurrent demo --web $(if $(TEXT),--text '$(TEXT)') $(FLAGS)

pretrained: setup ## train the model that the page ships again
	$(PYTHON) python/tools/pretrain.py

# a library for each instruction-set level, built apart: the levels of one library cannot be mixed. It loads with the
# glibc of 2018, so that an index offers the wheel to all distributions of today.
LEVELS ?= x86-64-v2 x86-64-v3
OLD := .build/glibc
.build/levels/%/librecurrent.so: $(SOURCES) Sources/Packaging/glibc $(LIBRARY)
	@Sources/Packaging/glibc $(LIBRARY) $(OLD); rm -f .build-$*/release/librecurrent_c.so
	RECURRENT_MARCH=$* swift build -c release --product recurrent_c --scratch-path .build-$* \
	  $(addprefix -Xlinker ,-L$(abspath $(OLD)) $(abspath $(addprefix $(OLD)/,added.o libc.so.6 libdl.so.2 libpthread.so.0)))
	@install -D -m 755 .build-$*/release/librecurrent_c.so $@

wheel: $(LEVELS:%=.build/levels/%/librecurrent.so) .venv/ready ## build a wheel, in dist: it needs no Swift; LEVELS=x86-64-v3 makes a small one
	@rm -rf .build/packed; for level in $(LEVELS); do install -D -m 755 -t .build/packed/$$level .build/levels/$$level/librecurrent.so; done
	RECURRENT_LIBRARIES='$(abspath .build/packed)' $(PYTHON) -m pip wheel -q --disable-pip-version-check --no-deps -w dist ./python
	@ls -l dist/*.whl

sdist: .venv/ready ## build a source distribution, in dist: a wheel is built from it where Swift is
	@$(PYTHON) -m pip install -q --disable-pip-version-check hatchling
	cd python && ../$(PYTHON) -c 'import hatchling.build; print(hatchling.build.build_sdist("../dist"))'

# ---- installation

PREFIX ?= /usr/local
DESTDIR ?=
VERSION := $(shell sed -n 's/^private let version: StaticString = "\(.*\)"/\1/p' Sources/RecurrentABI/VersionABI.swift)

# the static library: the objects of the shared one with the Swift runtime
.build/lib/librecurrent.a: $(LIBRARY) Sources/Packaging/static
	Sources/Packaging/static $@

install: $(LIBRARY) .build/lib/librecurrent.a ## install the C library: make install PREFIX=/usr/local DESTDIR=
	@Sources/Packaging/install install '$(PREFIX)' $(ABI) $(VERSION) '$(DESTDIR)'

uninstall: ## remove what make install has installed, with the same PREFIX and DESTDIR
	@Sources/Packaging/install uninstall '$(PREFIX)' $(ABI) $(VERSION) '$(DESTDIR)'

# ---- tests

test: setup test-swift test-c test-python ## run all tests

quick: setup .venv-newest/ready ## run the fast tests, in less than a minute from a warm build
	swift test --skip ScanEquationTests --skip ABITests --skip GradientTests --skip TranscendentalTests
	cd python && ../.venv-newest/bin/python -m pytest -n 2 -m 'not slow and not nightly' --ignore tests/web --ignore tests/cli --ignore tests/demo

test-swift: ## run the Swift tests and the Swift example
	swift test
	examples/swift/run

test-c: $(LIBRARY) ## compile the C examples strictly, as C and as C++, and run them
	examples/c/run

test-python: $(LIBRARY) .venv/test .venv-newest/browser .venv-newest/languages .venv-newest/mpi ## run pytest with the newest NumPy, and with Debian's what NumPy can change
	cd python && ../.venv-newest/bin/python -m pytest -n 2
	cd python && ../$(PYTHON) -m pytest -n 2 -m 'numpy and not nightly'

harden: setup .venv-newest/ready ## run the long forms of the tests, and write their counts to docs/reliability.md
	@Tests/Fuzz/harden; status=$$?; \
	python3 python/tools/reliability.py campaigns 'make harden' .build-harden/campaigns.jsonl; exit $$((status | $$?))

# the same library with AddressSanitizer, and with the counters that libFuzzer reads
COUNTERS := -sanitize-coverage=edge,inline-8bit-counters,pc-table,trace-cmp
.build-asan/lib/librecurrent.so: $(SOURCES)
	swift build -c release --product recurrent_c --scratch-path .build-asan --sanitize=address \
	  -Xswiftc $(COUNTERS) -Xcc -f$(patsubst -%,%,$(COUNTERS))
	@install -D -m 755 .build-asan/release/librecurrent_c.so $@
	@ln -sf librecurrent.so $@.$(ABI)

# tests that need no library, that read its code, or that start a browser
NOT_SANITIZED := $(addprefix --ignore tests/,web _c/test_assembly.py test_hatch_build.py test_contributing.py test_docs.py \
  test_documents.py test_notebooks.py test_prose.py test_layers.py introspection/test_plots.py test_installation.py \
  test_languages.py test_swift_package.py test_versions.py test_release_check.py)
asan: .build-asan/lib/librecurrent.so .venv-newest/ready ## run pytest with a library that AddressSanitizer watches
	@Tests/Fuzz/asan $(NOT_SANITIZED); status=$$?; \
	python3 python/tools/reliability.py asan 'make asan' .build-asan/asan.jsonl; exit $$((status | $$?))

tsan: .venv-newest/ready ## run the tests of threads and forks under ThreadSanitizer
	@Tests/Fuzz/tsan; status=$$?; \
	python3 python/tools/reliability.py tsan 'make tsan' .build-tsan/tsan.jsonl; exit $$((status | $$?))

TIME ?= 60
fuzz: ## fuzz each reader and programs of calls, with AddressSanitizer: make fuzz TIME=60
	@Tests/Fuzz/run $(TIME); status=$$?; \
	python3 python/tools/reliability.py fuzz 'make fuzz TIME=$(TIME)' .build-asan/fuzz.jsonl; exit $$((status | $$?))

coverage: .venv-newest/ready ## run all tests, and count the regions and lines that they reach
	@Tests/Fuzz/coverage; status=$$?; \
	python3 python/tools/reliability.py coverage 'make coverage' .build-coverage/coverage.jsonl; \
	python3 python/tools/reliability.py missed 'make coverage' .build-coverage/missed.jsonl; exit $$status

planted: setup .venv-newest/ready ## plant bugs in a copy of the sources, and see a test fail for each
	.venv-newest/bin/python python/tools/planted_bugs.py .build/planted.jsonl; status=$$?; \
	python3 python/tools/reliability.py planted 'make planted' .build/planted.jsonl; exit $$((status | $$?))

check: .venv-newest/ready ## check formatting, lint and types
	swift format lint --strict --recursive Package.swift Sources Tests examples/swift
	cd python && ../.venv-newest/bin/ruff check --config pyproject.toml . ../examples ../docs && ../.venv-newest/bin/ruff format --check --config pyproject.toml . ../examples ../docs && ../.venv-newest/bin/mypy

DOCC := .build/docc/Recurrent.doccarchive
SPHINX := RECURRENT_LIBRARY='$(abspath $(LIBRARY))' .venv-newest/bin/python -m sphinx -W --keep-going -q
docs: $(LIBRARY) .venv-newest/ready ## build the documentation, in .build/docs/html; warnings are errors
	$(SPHINX) -b html docs .build/docs/html
	@rm -rf .build/docs/html/swift; if [ -d $(DOCC) ]; then docc process-archive transform-for-static-hosting \
	  $(DOCC) --output-path .build/docs/html/swift --hosting-base-path swift; fi
	@echo "file://$(abspath .build/docs/html/index.html)"

docs-links: $(LIBRARY) .venv-newest/ready ## check the links of the documentation; those to other sites need a network
	@if .venv-newest/bin/python docs/extensions/network.py; then $(SPHINX) -b linkcheck docs .build/docs/links; \
	else echo "no network: links to other sites are not checked"; $(SPHINX) -b dummy -E docs .build/docs/links; fi

docc: $(LIBRARY) ## build the documentation of the Swift library with DocC, in .build/docc
	Sources/Packaging/docc .build/docc/Recurrent.doccarchive

release-check: ## check a release from a clean clone, step by step: make release-check FLAGS='--only versions,check'
	@Sources/Packaging/release-check $(FLAGS)

bench: setup .venv-newest/ready ## measure speed, beside PyTorch and JAX where .venv-newest has them
	.venv-newest/bin/python python/benchmarks/tick.py
	.venv-newest/bin/python python/benchmarks/recording.py
	.venv-newest/bin/python python/benchmarks/cells.py
	.venv-newest/bin/python python/benchmarks/compare.py $(FLAGS)

clean: ## remove everything that was built
	rm -rf .build .build-* .venv .venv-* dist out out-*

.PHONY: help setup demo page pretrained wheel sdist install uninstall test quick test-swift test-c test-python harden asan tsan fuzz coverage planted check docs docs-links docc release-check bench clean
