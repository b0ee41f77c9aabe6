# Every target makes .venv and installs what it needs first, if that is not done or has gone stale.
PYTHON ?= python3
WORKERS ?= 3# one more than the processors of a small machine: a test that waits for a process leaves one idle

BIN := .venv/bin
SMALL := .venv/.small# what the demo needs; of its packages, Python compiles the modules that are used when they are first used
READY := .venv/.ready# what the tests need
VLLM := .vllm/.ready# an environment of its own
PEERS := .bench/.ready# an environment with the peers that benches run beside
PYTEST := OMP_NUM_THREADS=1 TOKENIZERS_PARALLELISM=false $(BIN)/python -m pytest

unexport PYTHONDONTWRITEBYTECODE# the tests start hundreds of processes, each of which would compile the package anew

.PHONY: help install demo vllm test check formatted linted typed typed-tests tested format long real bench-env bench clean

help:
	@echo "make demo    a base model discovers reasoning on this machine's CPU, in minutes: runs/demo"
	@echo "make test    all that CI runs"
	@echo "make check   format, lint, strict types, fast tests"
	@echo "make format  rewrite the files as 'make check' wants them"
	@echo "make long    the long counts: hundreds of kills, cuts and flipped bytes, a million claims, second forms of a fact"
	@echo "make real    what a real pre-trained model does, SmolLM2-135M-Instruct: downloads 93 MB once"
	@echo "make vllm    .vllm, an environment with vLLM for processors, for --engine vllm: 3 GB"
	@echo "make bench-env  .bench, an environment with TRL and lm-evaluation-harness beside Aha"
	@echo "make bench   side by side with peers; vLLM where AHA_VLLM names it. It fails at its end where a peer is missing"
	@echo "make clean   remove .venv, .vllm, .bench and caches; runs/ stays"

$(SMALL): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "$(PYTHON) is " + sys.version.split()[0] + ": Aha needs 3.11 or newer; say which with PYTHON=")'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile -c constraints.txt -e ".[report]"
	@touch $@

$(READY): $(SMALL)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile -c constraints.txt -e ".[report,test]"
	$(BIN)/python -m compileall -qq -j 0 .venv/lib || true  # many processes start at once; templates of packages do not compile
	@touch $@

install: $(READY)

demo: $(SMALL)
	$(BIN)/aha run zero --out runs/demo

$(VLLM): vllm-requirements.txt
	@test -x .vllm/bin/python || $(PYTHON) -m venv .vllm
	.vllm/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -r vllm-requirements.txt
	.vllm/bin/python -W ignore -c 'import vllm; print("vLLM", vllm.__version__)'
	@touch $@

vllm: $(VLLM)
	@echo "export AHA_VLLM=$(CURDIR)/.vllm"

check: formatted linted typed
	$(PYTEST) -n $(WORKERS) -m "not slow and not long and not gpu and not real"

test: $(READY)# types are checked beside the tests, which wait now and then
	@$(MAKE) --no-print-directory -j 2 formatted linted typed tested

formatted: $(READY)
	$(BIN)/ruff format --check .

linted: $(READY)
	$(BIN)/ruff check .

typed: $(READY)
	$(BIN)/mypy

typed-tests: $(READY)
	$(BIN)/mypy --cache-dir .mypy_cache/tests aha tests bench

tested: $(READY)
	$(PYTEST) -n $(WORKERS) --dist worksteal --durations 10

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

long: $(READY) typed-tests
	AHA_LONG=1 $(PYTEST) -m "long or (hypothesis and not gpu and not real)" --durations 0 -raP

real: $(READY)
	$(PYTEST) -m "real and not long" --durations 0 -raP

$(PEERS): pyproject.toml constraints.txt
	@test -x .bench/bin/python || $(PYTHON) -m venv .bench
	.bench/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[report,test,bench]"
	@touch $@

bench-env: $(PEERS)

bench: $(PEERS)
	@failed=; for script in bench/*.py; do echo "== $$script"; .bench/bin/python "$$script" || failed="$$failed $$script"; done; \
	if [ -n "$$failed" ]; then echo "no peer, or another result on the two sides:$$failed"; exit 1; fi

clean:
	rm -rf .venv .vllm .bench .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find aha tests bench -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true
