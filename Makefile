# Everything a newcomer needs is `make report` and `make test`. Nothing else must be installed than Python 3.11, make and a C compiler.

PYTHON  ?= python3
VENV    := .venv
PY      := $(VENV)/bin/python
# Arguments first, then the environment, then the sample market; a market of one's own gets a lake of its own.
MARKET  ?= $(or $(ZHOUBAO_MARKET),market)
PROFILE ?= $(or $(ZHOUBAO_SETTINGS),$(if $(filter market,$(MARKET)),sample,production))
LAKE    ?= $(or $(ZHOUBAO_LAKE),$(if $(filter market-sample,$(MARKET)-$(PROFILE)),lake,lakes/$(notdir $(MARKET))-$(basename $(notdir $(PROFILE)))))
WEEK    ?=
JOBS    ?= 2

export DAGSTER_HOME     := $(CURDIR)/.dagster
export ZHOUBAO_MARKET   := $(MARKET)
export ZHOUBAO_LAKE     := $(LAKE)
export ZHOUBAO_SETTINGS := $(PROFILE)
export PYTHONUNBUFFERED := 1
# Tests and Dagster start many processes, each of which would compile every module of the project again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help install home market report test test-all lint audit bench prove dev clean
.DEFAULT_GOAL := help

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 20

install: $(VENV)/installed ## the virtual environment with the pinned dependencies

$(VENV)/installed: pyproject.toml constraints.txt
	@began=$$(date +%s); \
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; name one with PYTHON=")' && \
	$(PYTHON) -m venv $(VENV) && \
	$(PY) -m pip install --quiet --constraint constraints.txt torch && \
	$(PY) -c 'import tomllib; p = tomllib.load(open("pyproject.toml", "rb"))["project"]; print("\n".join(p["dependencies"] + p["optional-dependencies"]["dev"]))' > $(VENV)/wanted.txt && \
	$(PY) -m pip install --quiet --constraint constraints.txt --requirement $(VENV)/wanted.txt && \
	touch $@ && echo "installed in $$(( $$(date +%s) - began )) s"

$(VENV)/peers: $(VENV)/installed
	@$(PY) -c 'import tomllib; print("\n".join(tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["bench"]))' > $(VENV)/peers.txt && \
	$(PY) -m pip install --quiet --constraint constraints.txt --requirement $(VENV)/peers.txt && touch $@

# qlib brings a hundred packages (mlflow, jupyter, gym …): an environment of its own keeps them out of the project's. Only torch
# is held to our pins there: with our pandas pip falls back to an mlflow that does not start.
$(VENV)/qlib/installed: $(VENV)/installed
	@$(PYTHON) -m venv $(VENV)/qlib && \
	$(VENV)/qlib/bin/python -m pip install --quiet --constraint constraints.txt torch && \
	$(PY) -c 'import tomllib; print("\n".join(tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["qlib"]))' > $(VENV)/qlib/wanted.txt && \
	$(VENV)/qlib/bin/python -m pip install --quiet --requirement $(VENV)/qlib/wanted.txt && touch $@

home:
	@mkdir -p -m 750 $(DAGSTER_HOME) && ln -sf $(CURDIR)/dagster.yaml $(DAGSTER_HOME)/dagster.yaml

market: install ## the sample market, in ./market
	@$(PY) -m sample_market --profile sample --out market

report: install home $(if $(filter market,$(MARKET)),market) ## the weekly report; PROFILE=, MARKET= and WEEK= (a Monday) choose another one
	@began=$$(date +%s); $(PY) -m orchestration.run $(if $(WEEK),--week $(WEEK)) && echo "chain in $$(( $$(date +%s) - began )) s"

# Each worker runs its part of the tests in order and takes over from the other when it is done. Markets and lakes that several files
# share are made once in a session (tests/once.py).
PYTEST := $(PY) -m pytest --numprocesses $(JOBS) --dist worksteal --durations 20 --durations-min 5

test: install ## the tests, on two cores, but for those that take minutes each
	@$(PYTEST) -m "not slow"

test-all: test ## every test: `make test`, then the slow ones
	@$(PYTEST) -m slow

lint: install home ## ruff, the type checker, that the packages fit together, and that Dagster can load the definitions
	@$(VENV)/bin/ruff check . && $(VENV)/bin/ruff format --check . && $(VENV)/bin/mypy && $(PY) -m pip check && \
	$(VENV)/bin/dagster definitions validate

# Not a part of `lint`, which needs no network: no package index and no release of pip has the known vulnerabilities, only the advisory
# service that pip-audit asks. --strict fails where the service does not know a package, instead of passing without an answer.
audit: $(VENV)/audit/installed ## known vulnerabilities of the pinned dependencies; asks an advisory service on the network
	@$(VENV)/audit/bin/pip-audit --strict --no-deps --disable-pip --requirement constraints.txt

$(VENV)/audit/installed: $(VENV)/installed
	@$(PYTHON) -m venv $(VENV)/audit && \
	$(PY) -c 'import tomllib; print("\n".join(tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["audit"]))' > $(VENV)/audit/wanted.txt && \
	$(VENV)/audit/bin/python -m pip install --quiet --requirement $(VENV)/audit/wanted.txt && touch $@

bench: install $(VENV)/peers $(VENV)/qlib/installed ## the benchmark table, written to benchmarks/results.json; installs the peers it measures against
	@$(PY) -m benchmarks

prove: report ## the point-in-time proofs: distributions and portfolios over every week of the report's lake, the whole chain on the market (long)
	@$(PY) -m orchestration.prove --group portfolios && $(PY) -m orchestration.prove --group distributions && $(PY) -m orchestration.prove

dev: install home $(if $(filter market,$(MARKET)),market) ## the Dagster UI on loopback, over the sample market
	@$(PY) -m orchestration.ui dev -h 127.0.0.1

clean: ## remove what was made: lake, sample market, Dagster's home; the environment stays
	rm -rf lake lakes market .dagster
