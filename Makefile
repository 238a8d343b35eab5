# `make` shows what there is. Everything runs in .venv, which is made when it is missing and renewed when a requirement changes.
# Works with GNU make 3.81 and later and any POSIX shell.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PROTOS := .venv-protos
NODES ?= 5

DISTRIBUTIONS := . ./plugins/transport_grpc ./plugins/transport_grpcstream ./plugins/transport_rest ./plugins/nat_stun ./admin
EDITABLE := $(foreach distribution,$(DISTRIBUTIONS),-e $(distribution))
PACKAGING := requirements.txt $(wildcard $(foreach distribution,$(DISTRIBUTIONS),$(distribution)/setup.cfg $(distribution)/pyproject.toml))
SOURCES := sorcha_peer_core plugins admin tests benchmarks examples

# gevent patches the standard library for a whole process, so tests that need it run apart from those that must not have it.
UNPATCHED := tests/model tests/protocol tests/wire tests/config tests/builtin tests/cli tests/sim $(wildcard tests/test_*.py)
# The examples in docstrings are tests, too.
EXAMPLES := sorcha_peer_core/model sorcha_peer_core/protocol sorcha_peer_core/sim
# Two halves that take about as long: the first has the ways of links and networks, the second everything else.
STORED := $(wildcard tests/integration/test_nothing_lost*.py tests/integration/test_damage.py tests/integration/test_postgres.py)
ASKED := $(wildcard tests/integration/test_admin_security.py tests/integration/test_api_document.py tests/integration/test_curl_lines.py)
LINKED := $(filter-out $(STORED) $(ASKED),$(wildcard tests/integration/test_*.py))
PATCHED := tests/services tests/fuzz $(wildcard plugins/*/tests examples/*/tests) admin/tests $(STORED) $(ASKED)
PYTEST := $(BIN)/python -m pytest --timeout=120 --timeout-method=signal
OTHERS_LOG := $(VENV)/others.log

# All runs happen, whatever the others say. Tests with real nodes mostly wait, so two halves run beside each other.
define run_tests
echo "Tests of links and networks; what the others say, which run beside them, follows"; \
(status=0; \
echo "Examples in docstrings"; $(PYTEST) --doctest-modules $(EXAMPLES) || status=1; \
echo "Tests without gevent"; $(PYTEST) $(1) $(wildcard $(UNPATCHED)) || status=1; \
echo "Tests under gevent"; $(PYTEST) $(1) -p sorcha_peer_core.testing.patched $(wildcard $(PATCHED)) || status=1; \
exit $$status) >$(OTHERS_LOG) 2>&1 </dev/null & others=$$!; \
status=0; \
$(PYTEST) $(1) -p sorcha_peer_core.testing.patched $(LINKED) || status=1; \
wait $$others || status=1; \
cat $(OTHERS_LOG); \
exit $$status
endef

export PIP_DISABLE_PIP_VERSION_CHECK = 1
export PIP_NO_INPUT = 1

.DEFAULT_GOAL := help
.PHONY: help demo run test test-long lint format protos assets bench bench-compare clean

help: ## show this list
	@echo "Sorcha Peer. Usage: make TARGET"
	@echo
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1|\2/p' Makefile | awk -F'|' '{printf "%-14s %s\n", $$1, $$2}'
	@echo
	@echo "PYTHON=python3.12 chooses the interpreter (3.11 or later); NODES=8 the size of the demo's network."

demo: $(VENV)/installed ## a network of 5 node processes here, transactions published into it, and a report
	$(BIN)/sorcha-peer devnet -n $(NODES) --publish examples/transactions.jsonl --lines

run: $(VENV)/installed ## one node with its management API, until Ctrl-C
	$(BIN)/sorcha-peer run

test: lint ## lint, then all tests but the long ones (a few minutes)
	@$(call run_tests,-m "not long")

test-long: lint ## lint, then all tests
	@$(call run_tests,)

lint: $(VENV)/installed-dev $(PROTOS)/installed ## style, types and import rules
	$(BIN)/ruff check $(wildcard $(SOURCES))
	$(BIN)/ruff format --check $(wildcard $(SOURCES))
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

format: $(VENV)/installed-dev ## rewrite the sources in the project's format
	$(BIN)/ruff check --fix $(wildcard $(SOURCES))
	$(BIN)/ruff format $(wildcard $(SOURCES))

protos: $(PROTOS)/installed ## generate the protobuf modules from the .proto files
	$(PROTOS)/bin/python -m grpc_tools.protoc -I. --python_out=. --pyi_out=. sorcha_peer_core/wire/*.proto

assets: ## fetch the libraries that the pages use from npm, at the versions in admin/renew_assets.py
	$(PYTHON) admin/renew_assets.py

bench: $(VENV)/installed ## networks of 5, 10 and 20 nodes, each transport, finding each other, memory (minutes)
	$(BIN)/python benchmarks/devnet.py
	$(BIN)/python benchmarks/transports.py
	$(BIN)/python benchmarks/discovery.py
	$(BIN)/python benchmarks/memory.py
	$(BIN)/python benchmarks/flush.py

bench-compare: $(VENV)/installed ## this revision against REV=... (else HEAD~1) and against the figures that are written down
	$(BIN)/python benchmarks/compare.py $(or $(REV),HEAD~1)

clean: ## remove the environments and everything generated, never a node's data
	rm -rf $(VENV) $(PROTOS) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	rm -rf $(foreach distribution,$(DISTRIBUTIONS),$(distribution)/build $(distribution)/*.egg-info)
	find $(wildcard $(SOURCES)) -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/installed: $(VENV)/python-is-good $(PACKAGING)
	@echo "Installing Sorcha Peer into $(VENV) (about a minute)"
	@$(BIN)/python -m pip install -qq $(EDITABLE)
	@touch $@

$(VENV)/installed-dev: $(VENV)/installed requirements-dev.txt
	@echo "Installing the tools for tests and checks into $(VENV)"
	@$(BIN)/python -m pip install -qq -r requirements-dev.txt
	@touch $@

$(PROTOS)/installed: $(PROTOS)/python-is-good requirements-protos.txt
	@echo "Installing the protobuf compiler into $(PROTOS)"
	@$(PROTOS)/bin/python -m pip install -qq -r requirements-protos.txt
	@touch $@

# A half-made environment has no such file, so it is made anew.
%/python-is-good:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "Sorcha Peer needs Python 3.11 or later; $(PYTHON) is $$($(PYTHON) --version 2>/dev/null || echo missing). Choose one: make PYTHON=python3.12 ..." >&2; \
	  exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "$(PYTHON) cannot make virtual environments. On Debian and Ubuntu: sudo apt-get install python3-venv" >&2; \
	  exit 1; }
	@echo "Making $* with $$($(PYTHON) --version)"
	@rm -rf $*
	@$(PYTHON) -m venv $*
	@touch $@

.PRECIOUS: %/python-is-good
