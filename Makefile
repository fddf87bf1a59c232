# Needs Python 3.11 or newer and make; everything else is set up in .venv.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
# Smaller downloads where only the CPU is used: make demo TORCH_INDEX=https://download.pytorch.org/whl/cpu
TORCH_INDEX ?=

.PHONY: demo test check format install clean
.DEFAULT_GOAL := demo

demo: $(READY) ## run two requests on the example files with the embedded models
	$(BIN)/python -m examples.demo

test: $(READY) ## run all tests, the demo with the real models among them
	$(BIN)/python -m pytest

check: $(READY) ## format, lint, types and the fast tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -m "not embedded"

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

install: $(READY)

# The stamp is written last: an interrupted installation is taken up again by the next call.
$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25"
	$(BIN)/python -m pip install --quiet -c constraints.txt $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX)) torch
	$(BIN)/python -m pip install --quiet --prefer-binary -c constraints.txt -e ".[all,dev]"
	touch $(READY)

clean:
	rm -rf .venv
