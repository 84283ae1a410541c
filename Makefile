# `make` shows the targets; their `##` comments are the help.
SHELL := bash
.DEFAULT_GOAL := help
.PHONY: help env data run test test-slow test-integration flink test-flink lint format lock bench \
	bench-layer bench-reading bench-nodes bench-batch bench-elmo bench-quality \
	bench-calibration clean distclean

PYTHON := .venv/bin/python
OUTPUT ?= out
# More arguments: `make run ARGS='--set train.epochs=2'`, `make test ARGS='-k tokens'`.
ARGS ?=

help: ## Show this help
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | \
	  sed -E 's/:.*## /\t/' | while IFS=$$'\t' read -r target text; do \
	    printf '  make %-17s %s\n' "$$target" "$$text"; done

env: ## Create .venv with everything needed (ELMO_TFX_PYTHON names a Python to use)
	@tools/make_env.sh

data: env ## Fetch the sample data into data/sample
	@$(PYTHON) -m tools.sample_data --output data/sample

run: env data ## Train on the sample data, to a pushed model in OUTPUT (out)
	.venv/bin/elmo-tfx run --data 'data/sample/*.csv' --text-column text \
	  --label-column label --output $(OUTPUT) $(ARGS)

# In two processes, each of whole files; ARGS=-n8 takes more, ARGS='-n0 --pdb' none.
test: env ## Run the tests that need nothing but Python (ten minutes)
	$(PYTHON) -m pytest -n 2 --dist loadfile --no-loadscope-reorder --durations 20 -m "not integration and not slow" $(ARGS)

test-slow: env ## Run those that need no more, but take four seconds and longer
	$(PYTHON) -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m "slow" $(ARGS)

test-integration: env ## Run those that need servers, Java or root, install or measure
	$(PYTHON) -m pytest -m "integration and not long" -rs $(ARGS)

flink: env ## Start a Flink cluster with Beam's job server, and print how to use it
	@$(PYTHON) -m tools.runners start flink

test-flink: env ## Run the tests that need Flink (Java 17, Maven)
	$(PYTHON) -m pytest -m integration -k flink -rs $(ARGS)

lint: env ## Check style (ruff), types (mypy) and the Dockerfile (hadolint)
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/hadolint kubeflow/Dockerfile

format: env ## Rewrite the sources in the common style
	.venv/bin/ruff format .
	.venv/bin/ruff check --fix .

lock: ## Renew requirements/*.txt from *.in (ARGS=--upgrade takes the newest)
	tools/lock.sh $(ARGS)

# ARGS='--write docs/benchmark.md' puts the table there; ARGS=--curve adds what comes of
# fewer texts. What was measured before with the same versions, texts and processor is
# not measured again: ARGS='--again all'.
bench: env data ## Measure this pipeline beside MiniLM, TF-IDF and fastText (15 minutes)
	$(PYTHON) -m benchmarks classifiers $(ARGS)

bench-layer: env data ## Measure the tokens per second of the layer (a minute)
	$(PYTHON) -m benchmarks layer $(ARGS)

bench-reading: env data ## Measure the rows per second of each format (a minute)
	$(PYTHON) -m benchmarks reading $(ARGS)

bench-nodes: env data ## Measure each node of a whole run (two minutes)
	$(PYTHON) -m benchmarks nodes $(ARGS)

bench-batch: env data ## Measure batch jobs (about an hour, after `make run`)
	$(PYTHON) -m benchmarks batch $(ARGS)

bench-elmo: env data ## Measure the layer beside simple_elmo and allennlp (about an hour)
	$(PYTHON) -m benchmarks elmo $(ARGS)

bench-quality: env data ## Measure accuracy with the embedded ELMo (an hour)
	$(PYTHON) -m benchmarks quality $(ARGS)

bench-calibration: env data ## Measure what the probabilities are worth (an hour)
	$(PYTHON) -m benchmarks calibration $(ARGS)

clean: ## Remove what runs and tests left: outputs, builds, caches
	rm -rf out build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache \
	  .hypothesis
	find . -name __pycache__ -type d -not -path './.venv*' -prune -exec rm -rf {} +

distclean: clean ## Remove the environments and the sample data as well
	rm -rf .venv .bench .runners data
