# Every target sets up what it needs. Nothing is installed outside this folder, except the control plane, Helm
# and kwok, which all clones share.
# Requirements of a fresh machine: Python 3.11 or newer, make and git.
PYTHON ?= python3
UV_VERSION := 0.13.9
UV_HOME := .cache/uv-$(UV_VERSION)
UV := $(UV_HOME)/bin/uv
RUN := .venv/bin
# The interpreter itself, not a shim or a virtual environment, because uv would not recognize .venv as its own.
ifndef UV_PYTHON
UV_PYTHON := $(shell $(PYTHON) -c 'import sys; print(sys._base_executable or sys.executable)' 2>/dev/null || echo $(PYTHON))
endif
export UV_PYTHON
export UV_PYTHON_DOWNLOADS := never

.DEFAULT_GOAL := help
.PHONY: help install dev demo test lint check format generate control-plane helm kwok docs sbom dist e2e upstream-build upstream upstream-perf fuzz fuzz-cel bench attack load load-kwok openb

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "%-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(UV):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; name it with make PYTHON=..."; exit 1; }
	@mkdir -p .cache
	@echo "setting up uv $(UV_VERSION) in $(UV_HOME)"
	@$(PYTHON) -m venv $(UV_HOME) 2>/dev/null || { rm -rf $(UV_HOME); $(PYTHON) -m venv --without-pip $(UV_HOME); }
	@if [ -x $(UV_HOME)/bin/pip ]; then $(UV_HOME)/bin/pip install --quiet --disable-pip-version-check uv==$(UV_VERSION); \
	 else $(PYTHON) -m pip --python $(UV_HOME)/bin/python install --quiet --disable-pip-version-check uv==$(UV_VERSION); fi

.venv/.runtime: pyproject.toml uv.lock | $(UV)
	@$(UV) sync --frozen --inexact --quiet --compile-bytecode
	@$(RUN)/python -m compileall -q app # the project's own files, which stay where they are
	@touch $@

.venv/.dev: pyproject.toml uv.lock | $(UV)
	@$(UV) sync --frozen --inexact --quiet --extra tracing --extra expander --extra view --group dev --group browser --group clients
	@touch $@ .venv/.runtime

.venv/.load: pyproject.toml uv.lock | $(UV)
	@$(UV) sync --frozen --inexact --quiet --group load
	@touch $@ .venv/.runtime

install: .venv/.runtime ## set up .venv with the locked dependencies and dra-extender
dev: .venv/.dev ## as install, plus the tools for tests and checks

demo: install ## run a Job through filter, prioritize and bind on the example inventory, without a cluster
	@$(RUN)/dra-extender demo

# In parallel, but for the end-to-end tests: they share a control plane, and some of them measure time.
WORKERS ?= auto
IN_PARALLEL := pytest --ignore=tests/e2e -n $(WORKERS) --dist worksteal
test: dev ## run the whole suite; skips tests that need missing Go, Chromium, Helm or kwok
	@$(RUN)/python -m $(IN_PARALLEL)
	@$(RUN)/python -m pytest tests/e2e

lint: dev ## check format, lint (of the page and the English too), types, import contracts
	@$(RUN)/ruff format --check .
	@$(RUN)/ruff check .
	@$(RUN)/hadolint Dockerfile
	@$(RUN)/oxlint --deny-warnings app/web/js
	@$(RUN)/python tools/prose.py
	@$(RUN)/mypy
	@$(RUN)/lint-imports

# slipcover replaces functions that run, and leaves cycles of objects: not for tests that look for cycles.
CYCLES := tests/wiring/test_garbage_collection.py
check: lint docs ## run lint, build the documentation, then run the whole suite, with floors for coverage
	@$(RUN)/python -m slipcover --source app --json --out .cache/coverage.json -m $(IN_PARALLEL) --ignore=$(CYCLES)
	@$(RUN)/python tools/coverage_floor.py .cache/coverage.json
	@$(RUN)/python -m pytest $(CYCLES)
	@$(RUN)/python -m pytest tests/e2e

# A minor version like 1.34, for control-plane and e2e; without it the one in tools/control-plane/go.mod.
KUBERNETES ?=
export KUBERNETES
control-plane: | $(UV) ## build etcd, Kubernetes' programs and kubectl for e2e, once for all clones (8-15 min): KUBERNETES=1.33
	@$(PYTHON) tools/control_plane.py --uv $(UV)

helm: | $(UV) ## build Helm for the tests of the chart, once for all clones (1-3 min)
	@$(PYTHON) tools/helm.py --uv $(UV)

kwok: | $(UV) ## build kwok, which plays kubelets, for e2e and load-kwok, once for all clones (1-5 min)
	@$(PYTHON) tools/kwok.py --uv $(UV)

docs: dev ## build the documentation site in dist/site; broken links are errors
	@$(UV) sync --frozen --inexact --quiet --group docs
	@NO_MKDOCS_2_WARNING=1 $(RUN)/mkdocs build --strict --site-dir dist/site # --quiet would silence what --strict counts

sbom: dev ## write the locked runtime dependencies to dist/sbom.json, as CycloneDX
	@$(UV) sync --frozen --inexact --quiet --group sbom
	@mkdir -p dist
	@$(UV) export --frozen --quiet --no-dev --extra tracing --extra expander --no-emit-project --format requirements-txt 	 | $(RUN)/cyclonedx-py requirements --pyproject pyproject.toml --output-reproducible --output-file dist/sbom.json -

DIST_URL ?= https://example.com/dra-extender
dist: sbom ## build what a release consists of in dist/: wheel, one-file program, krew manifest, SBOM, checksums
	@$(UV) sync --frozen --inexact --quiet --group dist
	@rm -rf dist/*.whl dist/*.tar.gz dist/*.pyz dist/*.yaml dist/SHA256SUMS
	@$(UV) build --quiet --out-dir dist
	@$(UV) export --frozen --quiet --no-dev --no-emit-project --no-hashes --format requirements-txt --output-file .cache/requirements.txt
	@$(RUN)/python tools/release_files.py --requirements .cache/requirements.txt --url $(DIST_URL)

e2e: dev control-plane ## run the end-to-end tests on the real control plane: KUBERNETES=1.34 E2E="-m core"
	@$(RUN)/python -m pytest tests/e2e $(E2E)

upstream-build: dev control-plane | $(UV) ## compile Kubernetes' own DRA tests so that they start this program (1-2 min)
	@PYTHONPATH=tools $(RUN)/python tools/upstream.py --uv $(UV) --build

upstream: dev control-plane | $(UV) ## run Kubernetes' own DRA tests, in-tree and here (30 min): UPSTREAM="--run all/Prior"
	@PYTHONPATH=tools $(RUN)/python tools/upstream.py --uv $(UV) $(UPSTREAM)

upstream-perf: dev control-plane | $(UV) ## run Kubernetes' own scheduler benchmark of DRA: UPSTREAM_PERF="--rounds 5"
	@PYTHONPATH=tools $(RUN)/python tools/upstream_perf.py --uv $(UV) $(UPSTREAM_PERF)

N ?= 1000
SEED ?= 1
fuzz: dev | $(UV) ## compare generated cases with the in-tree allocator: make fuzz N=1000 SEED=1 KUBERNETES=1.36
	@PYTHONPATH=tests/core/allocator:tools $(RUN)/python -m fuzz --n $(N) --seed $(SEED) $(if $(KUBERNETES),--kubernetes $(KUBERNETES)) --uv $(UV)

generate: dev ## write the pages and tables of docs/ that come from the program
	@for page in api_page chart_page command_line configuration decisions openb_table upstream_page; do PYTHONPATH=tools $(RUN)/python tools/$$page.py || exit 1; done

format: dev ## rewrite the sources in the project's format
	@$(RUN)/ruff format .
	@$(RUN)/ruff check --fix .

fuzz-cel: dev | $(UV) ## compare random CEL expressions with cel-go: make fuzz-cel N=50000 SEED=1 KUBERNETES=1.36
	@PYTHONPATH=tests/core/cel:tools $(RUN)/python -m cel_fuzz --n $(N) --seed $(SEED) $(if $(KUBERNETES),--kubernetes $(KUBERNETES)) --uv $(UV)

bench: dev | $(UV) ## compare speed with the in-tree allocator: BENCH="--part http --rounds 20"
	@PYTHONPATH=.:tools:tests/e2e $(RUN)/python -m bench --uv $(UV) $(BENCH)

attack: dev ## attack a running service, and measure what others notice: ATTACK="--nodes 200 --only 'filter*'"
	@PYTHONPATH=. $(RUN)/python -m bench.attacks $(ATTACK)

openb: dev ## place Alibaba's openb lists by all policies, for docs/policies.md: TRACE=FOLDER (an hour; goes on where it stopped)
	@PYTHONPATH=tools $(RUN)/python tools/openb_table.py $(TRACE)

load: .venv/.load ## run locust scenarios, headless, with thresholds: LOAD="--nodes 5000 --seconds 60"
	@PYTHONPATH=. $(RUN)/python -m loadtest.run $(LOAD)

load-kwok: .venv/.load control-plane kwok ## as load, on a real control plane with kwok for kubelets: LOAD="--rate 20"
	@PYTHONPATH=.:tools:tests/e2e $(RUN)/python -m loadtest.kwok $(LOAD)
