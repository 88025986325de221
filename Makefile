# Everything a newcomer needs. `make run` and `make test` do all the set-up themselves: a virtual environment in .venv,
# the packages, the native core.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
ARGS ?=

# What the core is built from; a change of any rebuilds it.
CORE_SOURCES := setup.py pyproject.toml engine/_core.pyx $(wildcard engine/native/*.h engine/native/*.hpp engine/native/*.cpp engine/*.pxd engine/*.pxi)

.PHONY: help run test check format build-core dist bench instructions soak conformance rules-test fuzz agreement arm64 clean
.DEFAULT_GOAL := help

help:
	@echo "make run          watch a simulated EKS cluster for a minute (ARGS='--cluster NAME --region R' for a real one)"
	@echo "make test         all tests"
	@echo "make check        ruff, mypy --strict, cython-lint, import direction"
	@echo "make conformance  compare with what real Falco answered, where ../shared/conformance is present"
	@echo "make bench        the benchmark tables"
	@echo "make fuzz         a million inputs for the core under AddressSanitizer and UBSan, about half an hour"
	@echo "make agreement    20,000 conditions: interpreter, compiled rules and the slow reference"
	@echo "make soak         the fetcher against a faulty simulated CloudWatch, delivery with receivers down and a full disk"
	@echo "make arm64        the C++ tests for arm64, under an emulator"
	@echo "make dist         sdist and wheel"

$(VENV)/.packages: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip 'setuptools>=77' wheel
	$(BIN)/python -m pip install --quiet 'Cython>=3.1' 'pysimdjson>=7.0,<8'
	touch $@

# Built without isolation, so that the core is compiled against the very pysimdjson that is installed.
$(VENV)/.core: $(VENV)/.packages $(CORE_SOURCES)
	$(BIN)/python -m pip install --quiet --no-build-isolation --editable '.[dev]'
	touch $@

# For the plot of the benchmarks only.
$(VENV)/.plot: $(VENV)/.core
	$(BIN)/python -m pip install --quiet 'matplotlib>=3.8'
	touch $@

build-core: $(VENV)/.core

run: $(VENV)/.core
	$(BIN)/python -m falcoeks_fast.bench.demo $(ARGS)

test: $(VENV)/.core
	$(BIN)/python -m pytest -n 2 --dist loadfile $(ARGS)

check: $(VENV)/.core
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	PATH="$(abspath $(BIN)):$$PATH" cython-lint engine/_core.pyx engine/face.pxd
	$(BIN)/python -m pytest tests/test_house.py

format: $(VENV)/.core
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

conformance: $(VENV)/.core
	$(BIN)/python -m pytest -s tests/conformance tests/rules/test_conformance_rulefiles.py tests/rules/test_language_conformance.py \
		tests/app/test_cli.py $(ARGS)

bench: $(VENV)/.plot
	$(BIN)/python -m falcoeks_fast.bench.table $(ARGS)

instructions: $(VENV)/.core
	$(BIN)/python -m falcoeks_fast.bench.instructions --check $(ARGS)

soak: $(VENV)/.core
	$(BIN)/python -m falcoeks_fast.bench.soak $(ARGS)
	$(BIN)/python -m falcoeks_fast.bench.delivery_soak

fuzz: $(VENV)/.core
	$(BIN)/python -m tests.fuzz.run --sanitize $(ARGS)

agreement: $(VENV)/.core
	$(BIN)/python -m tests.fuzz.agreement $(ARGS)

rules-test: $(VENV)/.core
	$(BIN)/python -m pytest tests/packs $(ARGS)

# Needs a cross compiler and an emulator: Debian's g++-aarch64-linux-gnu and qemu-user.
arm64: $(VENV)/.core
	CXX=aarch64-linux-gnu-g++ RUN_WITH='qemu-aarch64 -L /usr/aarch64-linux-gnu' $(BIN)/python -m pytest tests/native/test_native.py $(ARGS)

dist: $(VENV)/.core
	$(BIN)/python -m build

clean:
	rm -rf build dist *.egg-info src/*.egg-info engine/*.so .pytest_cache .mypy_cache .ruff_cache
