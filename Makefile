PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check install -c constraints.txt

FUZZ_SECONDS ?= 600
FUZZ_SEED ?= 1

.PHONY: demo test test-slow fuzz lint wheel docs notebook site changelog benchmarks model model-gaussian model-paper clean help

help:  ## what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "szmass needs Python 3.11 or later")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.szmass: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing szmass and what it needs into $(VENV) (about two minutes) ..."
	$(PIP) --editable .
	@touch $@

$(VENV)/.test: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing szmass and what its tests need into $(VENV) ..."
	$(PIP) --editable '.[test]'
	@touch $@ $(VENV)/.szmass

demo: $(VENV)/.szmass  ## simulate a survey field, estimate the masses of its clusters, draw the result
	@mkdir -p demo
	$(BIN)/szmass simulate field --config examples/demo.yaml --catalog examples/spt_clusters.csv --seed 7 -o demo/field.fits --overwrite
	$(BIN)/szmass estimate demo/field.fits examples/spt_clusters.csv --ivar demo/field_ivar.fits -o demo/masses.fits --overwrite
	$(BIN)/python examples/demo_picture.py demo/field.fits demo/masses.fits demo/field_truth.csv demo/masses.png
	@echo "The picture is demo/masses.png."

test: $(VENV)/.test  ## the tests, in under ten minutes
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

test-slow: $(VENV)/.test  ## the tests that take minutes
	$(BIN)/python -m pytest -m slow

fuzz: $(VENV)/.test  ## random inputs of every kind for ten minutes; FUZZ_SECONDS and FUZZ_SEED choose others
	$(BIN)/python tests/fuzz/fuzz.py --seconds $(FUZZ_SECONDS) --seed $(FUZZ_SEED)

lint: $(VENV)/.test  ## style, types and import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

wheel: $(VENV)/.test  ## build the wheel, models included
	$(BIN)/python -m build --wheel

docs: $(VENV)/.szmass  ## the generated pages: command line reference, table of flags
	$(BIN)/python docs/generate.py

notebook: $(BIN)/python  ## the notebook of the documentation, executed
	$(PIP) --editable '.[docs]'
	$(BIN)/python docs/make_notebook.py

site: $(BIN)/python  ## the documentation as a web site, in build/site
	$(PIP) --editable '.[docs]'
	$(BIN)/mkdocs build --quiet --site-dir build/site

changelog: $(BIN)/python  ## the lines of changes/ into CHANGELOG.md: make changelog VERSION=0.2.0
	$(PIP) --editable '.[docs]'
	$(BIN)/towncrier build --yes --version $(VERSION)

benchmarks: $(VENV)/.szmass  ## what the README claims, measured
	$(BIN)/python benchmarks/run.py
	$(BIN)/python benchmarks/estimate.py
	$(BIN)/python benchmarks/field.py
	$(BIN)/python benchmarks/simulate.py
	$(BIN)/python benchmarks/check.py
	$(BIN)/python benchmarks/train.py

model: $(VENV)/.szmass  ## train the shipped default model again (hours on two cores)
	$(BIN)/szmass train --config survey -o models/survey --overwrite

model-gaussian: $(VENV)/.szmass  ## train that of a Gaussian sky again (a day on two cores)
	$(BIN)/szmass train --config gaussian -o models/gaussian --overwrite

model-paper: $(VENV)/.szmass  ## train the network of the paper at full size again (minutes on a GPU, a day on two cores)
	$(BIN)/szmass train --config paper-fresh -o models/paper --overwrite

clean:  ## remove what the other targets made
	rm -rf $(VENV) demo build dist .pytest_cache .mypy_cache .ruff_cache
