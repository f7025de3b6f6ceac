# make demo    installs everything into .venv, indexes a small library and searches it
# make demo VIDEOS=folder    the same with your own videos
# make test    runs the tests          make check    lints and checks types

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
# Where the CPU build of torch is published for machines whose own package index has none.
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu
# Processes that run the tests, one more than two cores since tests wait too; a file's tests stay in one, so that they share
# its fixtures.
WORKERS ?= 3
TORCH := $(shell grep '^torch==' constraints.txt)

.PHONY: demo test check format install clean lock
.DEFAULT_GOAL := test

install: $(READY)

# On Linux the default torch brings several GB of CUDA; without an NVIDIA GPU the CPU build is taken instead.
$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --upgrade "pip>=25.1"
	if [ "$$(uname -s)" = Linux ] && ! nvidia-smi >/dev/null 2>&1; then \
		$(BIN)/pip install --quiet "$(TORCH)+cpu" 2>/dev/null || \
		$(BIN)/pip install --quiet "$(TORCH)" --index-url $(TORCH_INDEX); \
	fi
	$(BIN)/pip install --quiet --constraint constraints.txt --group dev --group demo --editable .
	touch $(READY)

demo: $(READY)
	$(BIN)/python -m recipes.demo $(if $(VIDEOS),--videos "$(VIDEOS)")

test: $(READY)
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# All versions with the hashes of their files, of every extra: pip install --require-hashes -r requirements.lock
lock:
	uv pip compile pyproject.toml --generate-hashes --universal --python-version 3.11 --constraint constraints.txt \
		--all-extras --no-header --quiet --output-file requirements.lock

clean:
	rm -rf .venv demo build dist
