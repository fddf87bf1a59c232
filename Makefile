# Needs Python 3.11 or newer and make; everything else is set up in .venv.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
# Smaller downloads where only the CPU is used: make demo TORCH_INDEX=https://download.pytorch.org/whl/cpu
TORCH_INDEX ?=
# Of `make dev`
PORT ?= 2024
# Half of their time tests wait for processes they have started.
PYTEST := $(BIN)/python -m pytest -n 2 --dist loadfile

.PHONY: demo dev test check format install clean
.DEFAULT_GOAL := demo

demo: $(READY) ## run two requests on the example files with the embedded models
	$(BIN)/python -m examples.demo

dev: $(READY) ## serve the graph on this machine with LangGraph Server; it says where Studio opens
	@$(BIN)/python -c 'import socket; socket.create_server(("127.0.0.1", $(PORT)))' 2>/dev/null \
		|| { echo "Port $(PORT) is taken: make dev PORT=2025"; exit 1; }
	exec env HUGGINGGPT_PUBLIC_URL=http://127.0.0.1:$(PORT) LANGSMITH_TRACING=$${LANGSMITH_TRACING:-false} \
		LANGGRAPH_CLI_NO_ANALYTICS=1 LANGGRAPH_NO_VERSION_CHECK=true LANGSMITH_USE_DAEMON=true \
		$(BIN)/langgraph dev --no-browser --no-reload --n-jobs-per-worker 10 --port $(PORT)

test: $(READY) ## run all tests, the demo with the real models among them
	$(PYTEST)

check: $(READY) ## format, lint, types and the fast tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(PYTEST) -m "not embedded"

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
