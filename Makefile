# Everything one does with this project, by one word each: `make` alone lists the words.

PYTHON ?= python3
ARGS ?=
T ?=
B ?=

.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin

# A stamp names what stands in .venv: the pins and this folder. Change one of them and it is installed again.
key = $(shell { cat $(1); echo "$(CURDIR)"; } | cksum | tr -d ' ')
RUNS := requirements.txt constraints.txt pyproject.toml
RUN_READY := $(VENV)/.run-$(call key,$(RUNS))
DEV_READY := $(VENV)/.dev-$(call key,$(RUNS) requirements-dev.txt)
E2E_READY := $(VENV)/.e2e-$(call key,$(RUNS) requirements-dev.txt requirements-e2e.txt)

# uv where there is one, since it is faster; pip installs the same pins.
PIP = $(if $(shell command -v uv),uv pip install --python $(BIN)/python --compile-bytecode,$(BIN)/python -m pip install --disable-pip-version-check) -q

# Two files of tests at a time: many tests wait more than they compute.
SIDE_BY_SIDE := -n 2 --dist loadfile

# The databases of tests live in memory where there is room: thousands are made, and a slow disk would be all that is tested.
MEMORY := /dev/shm
TESTS_TMP := $(shell [ -w $(MEMORY) ] && [ "$$(df -Pk $(MEMORY) | awk 'NR == 2 {print $$4}')" -gt 6000000 ] && echo $(MEMORY) || echo $${TMPDIR:-/tmp})
PYTEST := TMPDIR=$(TESTS_TMP) $(BIN)/python -m pytest

.PHONY: start-alone help install install-dev run test check demo bench e2e screenshots lock clean

help: ## what can be made
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' Makefile

install: $(RUN_READY) ## .venv with the pinned requirements; may be interrupted and repeated
	@echo "$(VENV) is ready."

install-dev: $(DEV_READY) ## the same, with the test pins

# One install at a time: the lock on the folder is held by this shell and by all that it starts, also when make itself was
# killed. No stamp stands while something is being installed. So where none stands, an earlier try was cut off, perhaps in
# the middle of a package, and the folder is made anew.
LOCKED = set -e; exec 9< $(VENV); $(PYTHON) -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX)'; [ ! -e $@ ] || exit 0

$(RUN_READY):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Notifier needs Python 3.11 or newer, and '$(PYTHON)' is not. Name another one: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
	@mkdir -p $(VENV)
	@$(LOCKED); \
	ls $(VENV)/.run-* >/dev/null 2>&1 && grep -qxF "$(CURDIR)" $(VENV)/.folder || $(PYTHON) -m venv --clear $(VENV); \
	rm -f $(VENV)/.run-* $(VENV)/.dev-* $(VENV)/.e2e-*; \
	echo "Installing requirements.txt into $(VENV). The first time this takes a minute or two."; \
	$(PIP) -r requirements.txt; \
	$(PIP) --no-deps -e .; \
	echo "$(CURDIR)" > $(VENV)/.folder; \
	touch $@

$(DEV_READY): $(RUN_READY)
	@$(LOCKED); \
	rm -f $(VENV)/.run-* $(VENV)/.dev-* $(VENV)/.e2e-*; \
	echo "Installing requirements-dev.txt into $(VENV)."; \
	$(PIP) -r requirements-dev.txt; \
	touch $(RUN_READY) $@

$(E2E_READY): $(DEV_READY)
	@$(LOCKED); \
	rm -f $(VENV)/.run-* $(VENV)/.dev-* $(VENV)/.e2e-*; \
	echo "Installing requirements-e2e.txt into $(VENV)."; \
	$(PIP) -r requirements-e2e.txt; \
	touch $(RUN_READY) $(DEV_READY) $@

run: $(RUN_READY) ## the whole service; ARGS="--port 9000" are its options
	@exec $(BIN)/notifier up $(ARGS)

test: $(DEV_READY) ## every test, or those of T=path
	@$(PYTEST) $(or $(T),$(SIDE_BY_SIDE))

check: start-alone $(DEV_READY) ## all that CI asks: start, format, lint, types, layers, tests
	@echo "== format" && $(BIN)/ruff format --check .
	@echo "== lint" && $(BIN)/ruff check .
	@echo "== types" && $(BIN)/mypy
	@echo "== layers" && $(BIN)/lint-imports
	@echo "== tests" && $(PYTEST) $(SIDE_BY_SIDE)

# Before the test pins come: what they bring along may hide what requirements.txt lacks.
start-alone: $(RUN_READY)
	@echo "== start, with the pinned requirements alone" && $(BIN)/python tests/start_alone.py

demo: $(RUN_READY) ## a small social app and six scenes for the running service; ARGS="--scene night" plays one
	@exec $(BIN)/notifier demo $(ARGS)

bench: $(DEV_READY) ## the benchmarks, each a ratio measured in one run; B="email push" are those
	@exec $(BIN)/python -m bench $(B) $(ARGS)

e2e: $(E2E_READY) ## every page in real browsers: Chromium, and Firefox where it is installed; or those of T=path
	@$(PYTEST) $(or $(T),tests/e2e)

screenshots: $(E2E_READY) ## the pictures of docs/pictures anew; ARGS="overview person" are those
	@exec $(BIN)/python -m tests.e2e.screenshots $(ARGS)

lock: ## newest versions that fit the pins, into constraints.txt (needs uv)
	@command -v uv >/dev/null || { echo "make lock needs uv: https://docs.astral.sh/uv/" >&2; exit 1; }
	@sed '/^-[cr] /d' requirements.txt requirements-dev.txt requirements-e2e.txt | uv pip compile -q --universal --upgrade --no-annotate --no-header --python-version 3.11 - > constraints.txt.new
	@mv constraints.txt.new constraints.txt

clean: ## away with .venv and caches; the data in instance/ stays
	@rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
