# Everything a newcomer runs. `make demo` and `make test` start from a bare clone.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

# Where a machine forbids compiled modules, each run would compile thousands of assertions anew.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: demo test check sandbox-up sandbox-down docs clean

demo: $(VENV)/.installed
	$(BIN)/python -m sandbox.demo

# First what measures, while the machine is idle; then everything else, a module on each core.
test: $(VENV)/.installed
	$(BIN)/python -m sandbox.fetch
	$(BIN)/python -m pytest -m idle
	$(MAKE) check
	$(BIN)/python -m pytest -m "(exhaustive or hypothesis) and not asterisk" -n 2
	$(BIN)/python -m pytest -m "asterisk and not idle" -n 2 --dist loadfile

check: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/cog --check -I . -I docs docs/*.md README.md
	$(BIN)/python -m pytest -m "not asterisk and not exhaustive" -n 2 --hypothesis-profile=quick

sandbox-up: $(VENV)/.installed
	$(BIN)/python -m sandbox.up

sandbox-down: $(VENV)/.installed
	$(BIN)/python -m sandbox.down

docs: $(VENV)/.installed
	$(BIN)/cog -r -I . -I docs docs/*.md README.md

$(VENV)/.installed: setup.cfg pyproject.toml
	$(PYTHON) sandbox/environment.py $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

clean:
	rm -rf $(VENV) .sandbox build *.egg-info
