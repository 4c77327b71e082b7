# Every target sets up what it needs; `make help` lists them.
SHELL := /bin/bash
PYTHON ?= python3.11
BIN := .venv/bin
# Annoy compiles on installation, by default for the very CPU it finds; this is the baseline that its index files need.
export ANNOY_COMPILER_ARGS ?= -O3,-ffast-math,-fno-associative-math,-fpermissive,-DANNOYLIB_MULTITHREADED_BUILD,-std=c++14,-mavx2
# Great Expectations and the CLI stay silent on the network.
export GX_ANALYTICS_ENABLED := false

.PHONY: help setup demo demo-up docs test check format bench bench-peers lock clean up down test-docker audit

help: ## List the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: .venv/ready ## Build .venv from the locked requirements

.venv/ready: requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --upgrade pip setuptools wheel
	$(BIN)/pip install --quiet torch==2.13.0
	$(BIN)/pip install --quiet --no-deps --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --no-deps --no-build-isolation -e .
	touch $@

demo: setup ## Run a year of real shop data through Airflow, to recommendations
	$(BIN)/python -m pinsage_airflow.demo

demo-up: setup ## Keep Airflow of the demo running until Ctrl-C
	$(BIN)/python -m pinsage_airflow.demo --up

docs: setup ## Build the documentation into build/site
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet
	@echo "build/site/index.html; with search: $(BIN)/python -m http.server --directory build/site --bind 127.0.0.1"

test: setup ## Run the tests
	$(BIN)/pytest --numprocesses 2 --dist loadfile
	$(BIN)/pytest --numprocesses 2 --dist loadfile -m slow

check: setup ## Format, lint, types and import rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: setup ## Rewrite Python files to the project's format
	$(BIN)/ruff check --fix --quiet .
	$(BIN)/ruff format .

bench: setup ## Print one JSON line per benchmark, at the sizes that the docs state
	$(BIN)/python -m benchmarks.walks --items 1000000 --boards 200000 --saves 20000000 --walks 100 --top-t 50 --json
	$(BIN)/python -m benchmarks.walks --items 1000000 --boards 200000 --saves 20000000 --walks 10 --top-t 10 --json
	$(BIN)/python -m benchmarks.embed --items 1000000 --json
	$(BIN)/python -m benchmarks.index --items 200000 --json
	$(BIN)/python -m benchmarks.train --steps 20 --json

bench-peers: .bench-peers/ready ## Build .bench-peers: the peers that the benchmarks are compared with

.bench-peers/ready: Makefile
	$(PYTHON) -m venv .bench-peers
	.bench-peers/bin/pip install --quiet torch==2.13.0 numpy scipy pandas networkx requests tqdm psutil packaging pyyaml pydantic
	.bench-peers/bin/pip install --quiet --no-deps dgl==2.1.0
	.bench-peers/bin/pip install --quiet hnswlib==0.8.0 faiss-cpu==1.15.1 voyager==2.2.3 usearch==2.26.6
	touch $@

COMPILE = $(BIN)/uv pip compile --python-version 3.11 --generate-hashes --no-header --no-annotate --quiet

lock: ## Write requirements.lock and the locks of the two images anew from pyproject.toml
	mkdir -p build/lock && grep -v '"torch==' pyproject.toml > build/lock/pyproject.toml
	$(COMPILE) build/lock/pyproject.toml --all-extras --output-file requirements.lock
	$(COMPILE) build/lock/pyproject.toml --extra pipeline --extra airflow --extra cluster --extra serve \
		--group build/lock/pyproject.toml:torch -c requirements.lock --output-file docker/worker.lock
	$(COMPILE) --group build/lock/pyproject.toml:control -c requirements.lock --output-file docker/control.lock

COMPOSE ?= docker compose

up: docker/.env ## Build the images and bring Airflow on Celery, PostgreSQL, Dask and a trial store up in containers
	$(COMPOSE) --file docker/compose.yaml up --detach --build --wait
	@echo "Airflow: http://localhost:8080, user admin, password AIRFLOW_ADMIN_PASSWORD in docker/.env"

docker/.env:
	umask 077 && docker/new_env.sh > $@

down: docker/.env ## Stop the containers; volumes and with them all data stay
	$(COMPOSE) --file docker/compose.yaml down

test-docker: setup ## Build and run the containers for real: a day on Celery, PostgreSQL, Dask and S3
	$(BIN)/pytest -m docker tests/docker

audit: setup ## Known vulnerabilities of the locked packages; an unreachable advisory service is an error
	@curl -fsS -o /dev/null https://pypi.org/pypi/pip/25.0/json || \
		{ echo "PyPI's advisory service does not answer here: nothing was audited" >&2; exit 2; }
	mkdir -p build && grep -o 'torch==[0-9.]*' pyproject.toml > build/torch.txt
	$(BIN)/pip-audit --strict --disable-pip --no-deps -r build/torch.txt
	$(BIN)/pip-audit --strict --disable-pip --require-hashes -r requirements.lock

clean: ## Remove the environment, caches and the demo
	rm -rf .venv .bench-peers .demo .pytest_cache .mypy_cache .ruff_cache
