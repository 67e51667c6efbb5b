# `make demo` and `make test` do all the set-up themselves; a second run finds it done.
# Wanted on the machine: Python 3.11 or newer (with venv) and make.

SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
# The first interpreter that starts (a version manager's shim may not) and is new enough; override with PYTHON=...
PYTHON ?= $(shell for python in python3.12 python3.11 python3; do \
	if $$python -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then echo $$python; break; fi; done)

# One thread in tests: small matrices gain nothing from more, and BLAS and OpenMP pools fight over busy machines.
# The tests themselves share out all cores instead, up to eight: each process that runs them imports torch.
ONE_THREAD := OMP_NUM_THREADS=1 MKL_NUM_THREADS=1
WORKERS := -n auto --maxprocesses 8 --dist worksteal

.PHONY: demo test lint format types check clean
.DEFAULT_GOAL := check

demo: $(VENV)/.installed
	$(BIN)/gpbop demo $(DEMO)

test: $(VENV)/.installed-dev
	$(ONE_THREAD) $(BIN)/python -m pytest $(WORKERS)

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check

format: $(VENV)/.installed-dev
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

types: $(VENV)/.installed-dev
	$(BIN)/mypy
	$(BIN)/pyright --pythonpath $(BIN)/python

check: lint types test

$(VENV)/.installed: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

$(VENV)/.installed-dev: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $@ $(VENV)/.installed

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "gpbop needs Python 3.11 or newer with venv; none was found. Set PYTHON=/path/to/python3." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache
