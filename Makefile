# On a fresh machine with Python 3.11+ and make: `make demo` or `make test` set everything up first.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test lint bench install clean

demo: install
	$(BIN)/inkling demo

test: install
	$(BIN)/python -m pytest --numprocesses auto --dist loadfile

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: install
	$(BIN)/python benchmarks/epoch_speed.py
	$(BIN)/python benchmarks/perceptron_accuracy.py

install: .venv/installed

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[torch,labels,explain,track,dev]'
	touch .venv/installed

clean:
	rm -rf .venv demo build dist
