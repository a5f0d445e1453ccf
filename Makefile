# `make` lists the targets; each sets everything up in .venv. DVC is the build tool: it knows the stages.

PYTHON ?= python3
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
export DVC_NO_ANALYTICS := 1

.DEFAULT_GOAL := help
.PHONY: help setup repro study test check ui sync

help:
	@echo "make repro   run the experiment: data, baselines, restoration (reports/index.html)"
	@echo "make study   ask the nine questions: why convolution fits pictures (reports/study.html)"
	@echo "make test    run the tests"
	@echo "make check   format, lint and types"
	@echo "make ui      MLflow on 127.0.0.1:5000 (choose 'Model training' once): curves, results, pictures"
	@echo "make sync    replay to MLflow the runs that it has not got"

setup: .venv/installed

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.11")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --disable-pip-version-check --quiet -c constraints.txt -e '.[dev]'
	touch $@

repro: setup
	dvc repro

study: setup
	dvc repro study/dvc.yaml

test: setup
	pytest -q -n 2 --dist loadfile --no-loadscope-reorder

check: setup
	ruff format --check .
	ruff check .
	mypy

ui: setup
	mlflow ui --host 127.0.0.1 --port 5000 --backend-store-uri "$${MLFLOW_TRACKING_URI:-sqlite:///mlflow.db}"

sync: setup
	python -m convprior.stages.sync
