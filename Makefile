# The newcomer's two: `make run` and `make test`. `make check` is the gate, `make fix` what it can mend.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PORT ?= 8000

.PHONY: run test check fix lock messages

run: $(VENV)/run
	@exec $(BIN)/python manage.py serve --demo

test: $(VENV)/test
	$(BIN)/pytest -n auto --dist loadgroup -rs

check: $(VENV)/test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/djangofmt --check templates
	$(BIN)/djangofmt check templates
	$(BIN)/mypy .
	$(BIN)/lint-imports
	$(BIN)/python manage.py check --fail-level WARNING
	.ci/check_deploy
	$(BIN)/python manage.py makemigrations --check
	$(BIN)/python manage.py states --check
	.ci/check_messages

fix: $(VENV)/test
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/djangofmt templates
	$(BIN)/python manage.py states --write

# The Chinese catalogue: takes in new and changed messages, and compiles what is translated.
messages: $(VENV)/test
	.ci/check_messages --write

# New locks from pyproject.toml: hashes only, for every platform.
lock: $(VENV)/test
	$(BIN)/pip install -q uv
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header \
		--no-annotate --no-emit-index-url --no-emit-find-links pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header \
		--no-annotate --no-emit-index-url --no-emit-find-links --extra test -c requirements.lock \
		pyproject.toml -o requirements-dev.lock

# Installed again when the lock changed. The test lock holds all of the run lock. A lock is complete:
# with --no-deps pip resolves nothing, and no release newer than the lock can come between.
$(VENV)/run: requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; say which: make run PYTHON=python3.12")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing what requirements.lock names (once) ..."
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes --no-deps -r requirements.lock
	@touch $@

$(VENV)/test: requirements-dev.lock $(VENV)/run
	@echo "Installing what requirements-dev.lock names (once) ..."
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes --no-deps -r requirements-dev.lock
	@touch $@
