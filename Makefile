# On a fresh machine with Python 3.11+ and make: `make demo` or `make test` sets up first what it needs, and no more.
PYTHON ?= python3
BIN := .venv/bin
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --prefer-binary -c constraints.txt

.PHONY: demo test test-pythons lint bench install clean

demo: .venv/demo-installed
	$(BIN)/inkling demo

test: install
	$(BIN)/python -m pytest --numprocesses auto --dist worksteal

# A wheel in an empty environment, without any extra, with every supported Python that is found here.
test-pythons:
	.ci/pythons

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: install
	$(BIN)/python benchmarks/bench.py

install: .venv/dev-installed

$(BIN)/python:
	$(PYTHON) -m venv .venv

.venv/demo-installed: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP_INSTALL) -e '.[torch,labels]'
	touch $@

.venv/dev-installed: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP_INSTALL) -e '.[photos,tables,labels,explain,track,serve,export,dev]'
	touch $@ .venv/demo-installed

clean:
	rm -rf .venv demo build dist
