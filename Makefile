# Every target does its own set-up. `make help` lists them.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/rocksteady
PYTHON := .venv/bin/python
TIERS ?= unit golden emulated apiserver cluster
ARGS ?=

.PHONY: help
help: ## Show this list.
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

.PHONY: setup
setup: ## Install the Python environment of the project into .venv.
	@hack/setup.sh

.PHONY: demo
demo: operator-up ## Start a local cluster, serve a real model, roll out a good change and a bad one.
	@hack/demo.sh

.PHONY: test
test: setup ## Run all test tiers on a local cluster; TIERS="unit golden" runs some of them.
	@hack/test.sh $(TIERS) -- $(ARGS)

.PHONY: test-extended
test-extended: setup ## Other Kubernetes versions, Envoy Gateway, evaluation harnesses, repair of a broken cluster: slow; leaves an empty one.
	@hack/test-extended.sh

.PHONY: coverage
coverage: setup ## Measure what the quick tiers cover; below 90 % is a failure.
	@.venv/bin/coverage erase
	@.venv/bin/coverage run -m pytest -q -m "unit or golden or emulated"
	@.venv/bin/coverage combine --quiet
	@.venv/bin/coverage report --fail-under=90

.PHONY: bench-decisions
bench-decisions: operator-up ## Measure how fast harmful canaries are rolled back, 10 runs each: two hours and a half.
	@$(PYTHON) -m hack.local_cluster build vegeta >/dev/null
	@$(PYTHON) -m bench.decisions $(ARGS)

.PHONY: check
check: setup ## Check format, lint, types, layers and generated files.
	@hack/check.sh

.PHONY: cluster-up
cluster-up: setup ## Start (or repair) the local cluster: Kubernetes, gateway, Prometheus.
	@$(PYTHON) -m hack.local_cluster up

.PHONY: cluster-down
cluster-down: setup ## Stop the local cluster and leave nothing behind.
	@$(PYTHON) -m hack.local_cluster down

.PHONY: operator-up
operator-up: cluster-up ## Build the operator's image and install its chart on the local cluster.
	@hack/operator-up.sh

.PHONY: generate
generate: setup ## Write crds/, the chart's copy and docs/reference anew from the code.
	@$(PYTHON) -m hack.gen_crds
	@$(PYTHON) -m hack.gen_api_reference

.PHONY: lock
lock: setup ## Write requirements*.lock anew from pyproject.toml.
	@hack/lock.sh
