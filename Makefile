# Every target sets up what is missing first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

# A start is some seven Python processes, a run of the tests several hundred: where the shell forbids bytecode, each of
# them compiles everything that it imports, three times the processor time.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: setup run test faults soak lint mutants bench docs screenshot sdk lock

setup: $(READY)

# uv installs in seconds what pip takes minutes for; where it cannot reach an index that pip is set up for, pip does it.
$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("imageledger needs Python 3.11 or newer; this is " + sys.version.split()[0] + ": make PYTHON=python3.12") if sys.version_info < (3, 11) else None'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet "$$(sed -n 's/^\(uv==[^ ]*\).*/\1/p' requirements.lock)"
	$(BIN)/uv pip sync --quiet --require-hashes --python $(BIN)/python requirements.lock \
		|| $(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/python -m pip --version >/dev/null 2>&1 || $(BIN)/python -m ensurepip >/dev/null
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

sdk: setup
	$(BIN)/uv build --quiet --wheel --no-build-isolation --python $(BIN)/python --out-dir dist sdk

screenshot: setup
	$(BIN)/python -m pytest tests/journeys/test_live_page.py --screenshot docs/screenshot.png

lock:
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate --no-emit-index-url \
		--all-extras --python-version 3.11 pyproject.toml --output-file requirements.lock

run: setup
	@$(BIN)/imageledger demo

test: setup
	@command -v chromium >/dev/null || echo 'No chromium here: the browser tests are left out. On Debian: apt-get install chromium' >&2
	$(BIN)/python -m pytest --numprocesses 4 || { test $$? -eq 1 && $(BIN)/python tests/second_look.py; }

# Every fault under load: an hour on a quiet machine. `make test` has the short set.
faults: setup
	$(BIN)/python -m pytest -m faults --capture no --fault-minutes 50 --deselect tests/faults/test_soak.py

# Twenty minutes of runs that come, end and are sealed: memory, files and ledgers, plotted in benchmarks/results/faults.
soak: setup
	$(BIN)/python -m pytest -m faults --capture no tests/faults/test_soak.py

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m imageledger.generated --check

# Every operator of metrics/ flipped, one at a time; a mutant costs about a quarter of a second.
mutants: setup
	$(BIN)/python tests/mutants.py

bench: setup
	$(BIN)/python -m benchmarks

docs: setup
	$(BIN)/python -m imageledger.generated
