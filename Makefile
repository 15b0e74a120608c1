# Everything a newcomer runs. Both `make demo` and `make test` set up what they need in .venv first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# what reads SQL, and so may depend on how sqlglot was built
READING := audit canonical closures emit explain golden leakage lineage load parse resolve words
.DEFAULT_GOAL := help

help:            ## what there is
	@grep -E '^[a-z-]+: .*##|^[a-z-]+:  *##' $(MAKEFILE_LIST) | sed -E 's/:.*##/\t/' | expand -t 16

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	$(BIN)/python -m compileall -q compiler dialects
	@touch $@

$(VENV)/.installed-dev: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	$(BIN)/python -m compileall -q compiler dialects
	@touch $@ $(VENV)/.installed

# the same sqlglot as in $(VENV), compiled: before it on the path
$(VENV)/compiled/.installed: $(VENV)/.installed-dev
	rm -rf $(VENV)/compiled
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --target $(VENV)/compiled \
	  "sqlglot[c]==$$($(BIN)/python -c 'import sqlglot; print(sqlglot.__version__)')"
	@touch $@

demo: $(VENV)/.installed  ## the main job on a made-up shop: SQL, training set, online vector, proof, lineage
	$(BIN)/python features/shop/demo.py

test: lint $(VENV)/.installed-dev $(VENV)/compiled/.installed  ## everything CI checks
	$(BIN)/python -m pytest -m "not slow"
	$(BIN)/python -m pytest -n 0 -m all_cores
	$(BIN)/python -m pytest -m "slow and not all_cores" --durations=25
	PYTHONPATH=$(VENV)/compiled $(BIN)/python -m pytest -m "not slow" $(READING:%=tests/%)

fast: $(VENV)/.installed-dev  ## the fast part of the suite
	$(BIN)/python -m pytest -m "not slow"

lint: $(VENV)/.installed-dev  ## style and types
	$(BIN)/ruff check compiler dialects docs tests benchmarks features
	$(BIN)/mypy

docs: $(VENV)/.installed-dev  ## write docs/reference/ anew from the code
	$(BIN)/python docs/generate.py

bench: $(VENV)/.installed-dev  ## measured ratios: training shapes and online reads
	$(BIN)/python benchmarks/training.py
	$(BIN)/python benchmarks/online.py

bench-large: $(VENV)/.installed-dev  ## 20 million events in 2 GB: backfill and materialize; an hour, 10 GB of disk
	$(BIN)/python benchmarks/large_shop.py

bench-page: $(VENV)/.installed-dev  ## the lineage page of 10,000 features in chromium; a minute
	$(BIN)/python benchmarks/lineage_page.py

clean:           ## remove what the commands above made
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache features/*/target features/*/.featc features/*/data

.PHONY: help demo test fast lint docs bench bench-large bench-page clean
