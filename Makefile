# Two commands on a fresh machine (python >= 3.11 with venv, and make): `make demo` and `make test`.

PYTHON ?= python3
VENV ?= .venv
PIP := $(VENV)/bin/python -m pip install --quiet --constraint constraints.txt --editable
INSTALLED := $(VENV)/.installed
READY := $(VENV)/.ready

.PHONY: demo test check wheel clean

demo: $(INSTALLED)
	$(VENV)/bin/likewise demo

test: $(READY)
	$(VENV)/bin/python -m pytest --numprocesses auto --maxprocesses 8 --dist loadfile

check: $(READY)
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy

wheel: $(READY)
	$(VENV)/bin/python -m build --wheel

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "likewise needs python >= 3.11; set PYTHON=")'
	$(PYTHON) -m venv $(VENV)
	@echo "installing likewise and what it needs into $(VENV), which takes some minutes"
	$(PIP) .
	touch $@

$(READY): $(INSTALLED)
	@echo "installing what the tests and checks need"
	$(PIP) ".[dev]"
	touch $@

clean:
	rm -rf $(VENV) dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis
