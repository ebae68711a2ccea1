# make quickstart: from a fresh clone to a trained, evaluated and exported model; make test: the whole test suite.

PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
INSTALLED = $(VENV)/.installed

.PHONY: help install quickstart firmware test lint format docs clean

help:
	@echo "make quickstart   install, then train, evaluate and export a small model on synthetic speech"
	@echo "make firmware RUN=runs/NAME"
	@echo "                  install, then build the exported C library of a run for emulated boards, and run it there"
	@echo "make test         install, then run the whole test suite"
	@echo "make lint         install, then check style, terms and types"
	@echo "make docs         install, then build the documentation site into site/, and check its links"
	@echo "make format       format the code with ruff"
	@echo "make clean        remove the virtual environment and caches (never runs)"

install: $(INSTALLED)

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
	    { echo "AERSUT with all extras needs Python 3.11 to 3.13 (docs/platforms.md); $(PYTHON) is" \
	    "$$($(PYTHON) --version). Use make PYTHON=python3.12"; exit 2; }
	@echo "Installing 250 packages (5 GB) into $(VENV): two to ten minutes without further output."
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[all,dev]'
	@touch $(INSTALLED)

quickstart: $(INSTALLED)
	$(BIN)/python launch.py --experiment=quickstart

firmware:
	@test -n "$(RUN)" || { echo "Name the folder of an exported run: make firmware RUN=runs/NAME"; exit 2; }
	@$(MAKE) --no-print-directory $(INSTALLED)
	$(BIN)/python launch.py --mode=emulate --workdir="$(RUN)"

test: $(INSTALLED)
	$(BIN)/python -m pytest -n auto --dist worksteal

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python .ci/check_terms.py
	$(BIN)/mypy

format: $(INSTALLED)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(INSTALLED)
	@echo "Building the site, with a picture and a sound of each plugin: one to four minutes without further output."
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "Open site/index.html. The search needs a server: python -m http.server --directory site"

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
