# Everything is set up from here: `make demo` and `make test` need Python 3.11 or newer, make and pip.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes --compile-bytecode
EXTRAS := demo dev

# Imports are twice as slow where Python may not keep its bytecode.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo test lint bench chaos lock clean

help: ## Show the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

demo: $(VENV)/.demo ## Live through a year of flights: train, gate, serve, watch, retrain
	rm -rf interlock-demo
	$(BIN)/interlock demo interlock-demo

test: lint ## Lint, then every test
	$(BIN)/python -m pytest -n 2 --dist loadgroup

lint: $(VENV)/.dev ## Style, types, and the floors of the house
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

chaos: $(VENV)/.dev ## Kill runs at 200 moments, fail every write, lose power 50 times; writers beside gc (about an hour)
	CHAOS_MOMENTS=200 CHAOS_EVERY=1 CHAOS_LOSSES=50 $(BIN)/python -m pytest -n 2 tests/chaos
	$(BIN)/python chaos/gc.py
	$(BIN)/python chaos/gc.py --bucket --writers 4 --rounds 40
	$(BIN)/python chaos/many_processes.py --processes 8 --seconds 60
	$(BIN)/python chaos/many_processes.py --processes 20 --seconds 60

bench: $(VENV)/.dev ## Measure, as ratios against a floor in the same run; BENCH=--strict fails on a missed bar
	$(BIN)/python bench/all.py $(BENCH)
	$(BIN)/python bench/import_time.py
	$(BIN)/python bench/plan.py
	$(BIN)/python bench/fingerprints.py
	$(BIN)/python bench/digests.py
	$(BIN)/python bench/invalidation.py
	$(BIN)/python bench/records_search.py
	$(BIN)/python bench/fanout.py

lock: $(VENV)/.uv ## Make the locks anew from pyproject.toml
	$(BIN)/python requirements/lock.py

clean: ## Remove what was set up and made
	rm -rf $(VENV) interlock-demo build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis

$(VENV)/.uv: requirements/uv.txt
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer: make PYTHON=..." if sys.version_info < (3, 11) else 0)'
	@# Some distributions of Linux ship pip but not what puts it into a new environment.
	if $(PYTHON) -c 'import ensurepip' 2>/dev/null; \
	then $(PYTHON) -m venv $(VENV) && $(BIN)/python -m pip install --quiet --require-hashes -r $<; \
	else $(PYTHON) -m venv --without-pip $(VENV) && \
		$(PYTHON) -m pip --python $(BIN)/python install --quiet --require-hashes -r $<; fi
	touch $@

$(VENV)/.demo: $(VENV)/.uv requirements/demo.txt pyproject.toml
	$(UV) -r requirements/demo.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	touch $@

$(VENV)/.dev: $(VENV)/.uv requirements/dev.txt pyproject.toml
	$(UV) -r requirements/dev.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	touch $@
