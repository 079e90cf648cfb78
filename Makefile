# Reading Room. `make run` starts the archive, `make test` runs everything; `make help` lists the rest.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
DATA ?= data
VIEWER ?= viewer
HOST ?= 127.0.0.1
PORT ?= 8080
LOCK := uv pip compile pyproject.toml --quiet --universal --generate-hashes --no-emit-index-url --no-header

.DEFAULT_GOAL := help
.PHONY: help install install-dev run viewer test check format bench bench-scale soak soak-crash docs lock clean

help:  ## list these commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

install: $(VENV)/.installed  ## make .venv with the `readingroom` command

install-dev: $(VENV)/.installed-dev

run: install  ## install, then start the archive on this machine
	@$(BIN)/readingroom viewer --viewer $(VIEWER) &
	$(BIN)/readingroom serve --data $(DATA) --host $(HOST) --port $(PORT) --viewer $(VIEWER)

viewer: install  ## fetch the OHIF viewer (50 MB, with npm), which the archive shows at /viewer
	$(BIN)/readingroom viewer --viewer $(VIEWER)

test: check  ## install, then run everything
	$(BIN)/python -m pytest -n 2 --dist loadgroup tests

check: install-dev  ## format, lint, types, and imports that run only down the floors
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest tests/test_floors.py

format: install-dev  ## put the code in the house's format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: install-dev  ## Reading Room and Orthanc (where installed) side by side: the ratio tables, in an hour
	$(BIN)/python -m bench
	$(BIN)/python -m bench --grown

#: One fraction, or several: `make bench-scale FRACTION=0.02`.
FRACTION ?= 0.01 0.1 1
CACHE ?= .cache
bench-scale: install-dev  ## the index with the series of the largest public archive, against DuckDB: an hour
	$(BIN)/python -m bench.scale --cache $(CACHE) $(FRACTION:%=--fraction %)

N ?= 100000
SEED ?= 1
soak: install-dev  ## send N=100000 mutated instances and requests to a real server; no 5xx, no hang, no leak
	$(BIN)/python -m soak $(N) --seed $(SEED)
	$(MAKE) soak-crash

ROUNDS ?= 200
soak-crash: install-dev  ## kill one of three servers ROUNDS=200 times under load; nothing acknowledged is lost
	$(BIN)/python -m soak.crash $(ROUNDS) --seed $(SEED)

docs: install-dev  ## write docs/conformance.md anew from the code's own tables
	$(BIN)/readingroom conformance > docs/conformance.md

lock:  ## pin every dependency anew, with hashes (needs uv)
	$(LOCK) --extra build --extra demo --extra ocr --extra traces -o requirements.lock
	$(LOCK) --extra build --extra demo --extra ocr --extra traces --extra dev -o requirements-dev.lock

clean:  ## remove what `make` made; never touches the data
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Reading Room needs Python 3.11 or newer: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: requirements.lock pyproject.toml | $(VENV)/bin/python
	@echo "Installing into $(VENV), about a minute ..."
	$(PIP) install --require-hashes -r requirements.lock
	$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.installed-dev: requirements-dev.lock $(VENV)/.installed
	@echo "Installing what the tests need ..."
	$(PIP) install --require-hashes -r requirements-dev.lock
	@touch $@
