# make demo and make test need Python 3.11 and nothing else; everything goes into .venv
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
EXTRAS := train,export,report,peers,dev

.PHONY: help setup demo test lint latency clean

help:
	@echo "make demo     export the shipped model, classify a photo with every format, time them"
	@echo "make test     lint, types, tests"
	@echo "make latency  the latency table of XXS and S"
	@echo "make clean    remove what the others built; the environment stays"

setup: $(VENV)/.ready

$(VENV)/.ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt \
		--editable '.[$(EXTRAS)]'
	touch $@

demo: setup
	$(BIN)/python examples/demo.py

test: lint
	$(BIN)/pytest

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

latency: setup
	$(BIN)/python benchmarks/v1_latency.py

clean:
	rm -rf build
