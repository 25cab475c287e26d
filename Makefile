# Everything a developer runs. `make demo` and `make test` need Python 3.11 to 3.13 and make, nothing else.

AIRFLOW ?= apache-airflow==3.3.2
AIRFLOW_2 ?= apache-airflow==2.11.2

# The first that runs and is of a supported version: a name on PATH may be a shim that only prints an error.
CANDIDATES := python3.12 python3.11 python3
SUPPORTED := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))
ifndef PYTHON
PYTHON := $(shell for python in $(CANDIDATES); do \
	"$$python" -c '$(SUPPORTED)' >/dev/null 2>&1 && { echo "$$python"; break; }; done)
endif

# Which versions of ruff, mypy, pytest and the like: they change on purpose, not overnight.
LOCK := .ci/constraints/tools.txt

VENV := .venv
VENV_2 := .venv-2.11
VENV_BENCH := .venv-bench
VENV_DIST := .venv-dist
VENV_FAB := .venv-fab

# What the benchmarks compare with; fixed, so that a figure can be measured again.
PEERS := apache-airflow-providers-http==6.3.0 apache-airflow-providers-dbt-cloud==4.11.1 \
	apache-airflow-providers-databricks==7.23.0 apache-airflow-providers-amazon==9.39.0 \
	apache-airflow-providers-huawei==1.7.0

# The auth manager that the pages are tested with, beside Airflow's own.
FAB := apache-airflow-providers-fab==3.10.2

# Images may set it. Then each process compiles this package and its tests anew.
export PYTHONDONTWRITEBYTECODE :=

# Most tests wait for sockets: four processes keep two cores busy.
AT_ONCE := -n 4 --dist loadfile
# Most tests in a real Airflow share one, so they run in one process; those that need their own run in the other.
TWO_AT_ONCE := -n 2 --dist loadgroup

# Keeps the output of two targets that run at the same time apart, where make can do that.
SYNC_OUTPUT := $(if $(filter output-sync,$(.FEATURES)),--output-sync=target)

# How long `make soak` goes on: plans of faults for each way to wait, waits one after the other; and its seed.
SEED ?= 1
EXAMPLES ?= 300
WAITS ?= 20000

# What `make test-ha` needs besides, and how many waits it has in flight.
# Celery 5.7 has moved what this provider of Airflow imports.
HA_PACKAGES := 'apache-airflow-providers-celery>=3.26,<3.27' 'celery[redis]>=5.5,<5.7' \
	'psycopg2-binary>=2.9.9,<3' 'asyncpg>=0.30,<1'
HA_WAITS ?= 300

.PHONY: help venv demo demo-ui test test-live test-rest test-upgrade test-2.11 test-matrix test-ha test-clients test-fab soak bench bench-check check-dist docs screenshots lint types clean

help: ## show this list
	@grep -E '^[a-z0-9.-]+:.*## ' Makefile | sed -E 's/:.*## /\t/' | expand -t 12

venv: $(VENV)/.installed ## make .venv: this package, its tools and Airflow 3

demo: $(VENV)/.installed ## run the example DAGs in a real Airflow 3 against the ECS emulator (2 minutes)
	@$(VENV)/bin/python -m tests.live.demo

demo-ui: $(VENV)/.installed ## the same, and leave Airflow running to look at in a browser
	@$(VENV)/bin/python -m tests.live.demo --keep-running --home .demo/ui

test: $(VENV)/.installed ## run all tests, also those in a real Airflow 3
	@echo "Running the tests in a real Airflow and all others at the same time. The results come at the end."
	@$(MAKE) --no-print-directory -j2 $(SYNC_OUTPUT) test-live test-rest

test-live: $(VENV)/.installed ## run the tests in a real Airflow 3
	$(VENV)/bin/python -m pytest $(TWO_AT_ONCE) tests/live

test-rest: $(VENV)/.installed ## run all tests but those in a real Airflow
	ECSJOBS_EXPECTED_AIRFLOW=3.3 $(VENV)/bin/python -m pytest $(AT_ONCE) --ignore tests/live

test-upgrade: $(VENV)/.installed ## upgrade a real Airflow 3 with waits in flight from an earlier version (1 minute)
	ECSJOBS_UPGRADE=1 $(VENV)/bin/python -m pytest tests/live/test_live_upgrade.py

test-2.11: $(VENV_2)/.installed ## run the tests on Airflow 2.11, also those in a real Airflow 2.11 (WITHOUT= names folders to leave out)
	$(VENV_2)/bin/python -m pytest tests/live_2_11
	ECSJOBS_EXPECTED_AIRFLOW=2.11 $(VENV_2)/bin/python -m pytest $(AT_ONCE) --ignore tests/live --ignore tests/live_2_11 $(WITHOUT:%=--ignore tests/%)

test-ha: $(VENV)/.ha-installed ## kill parts of a real Airflow 3 on PostgreSQL, Redis and Celery while tasks wait (HA_WAITS= at once)
	ECSJOBS_HA_WAITS=$(HA_WAITS) $(VENV)/bin/python -m pytest -s tests/ha

test-clients: $(VENV)/.clients-installed ## test the emulator with keystoneauth, openstacksdk, otcextensions and the Node SDK
	$(VENV)/bin/python -m pytest tests/emulator/test_openstack_clients.py tests/emulator/test_node_sdk.py

test-fab: $(VENV_FAB)/.installed ## test who may see the pages where FAB is the auth manager
	$(VENV_FAB)/bin/python -m pytest tests/plugin/test_web_fab.py

soak: $(VENV)/.installed ## try many more faults, and 20,000 waits in one process (SEED=, EXAMPLES=, WAITS= change that)
	ECSJOBS_SOAK_EXAMPLES=$(EXAMPLES) ECSJOBS_SOAK_WAITS=$(WAITS) $(VENV)/bin/python -m pytest tests/faults \
		--hypothesis-seed=$(SEED) --timeout=7200 --durations=20

bench: $(VENV_BENCH)/.installed ## measure all that benchmarks/README.md shows, beside other providers, and write it (on an idle machine)
	@$(VENV_BENCH)/bin/python -m benchmarks --write

bench-check: $(VENV)/.installed ## run each benchmark once at a small size, to see that it works
	@$(VENV)/bin/python -m benchmarks --size small

test-matrix: $(VENV)/.installed ## install the wheel beside what users have, and run the demo there (LEGS= names some; about 12 minutes)
	@$(VENV)/bin/python .ci/matrix.py $(if $(WHEEL),--wheel $(WHEEL)) $(LEGS)

check-dist: $(VENV_DIST)/.installed ## build what is to be uploaded, and check it as PyPI does (DIST= names a folder to leave it in)
	@$(VENV_DIST)/bin/python .ci/check_dist.py $(DIST)

docs: $(VENV)/.docs-installed ## make the site of the documentation, and check its links and names
	$(VENV)/bin/python -m sphinx -b html -n -W --keep-going -q docs build/docs
	@echo "Open build/docs/index.html"

screenshots: $(VENV)/.installed ## take all pictures in docs/images anew, in a real Airflow 3 and Chromium
	ECSJOBS_SCREENSHOTS=docs/images $(VENV)/bin/python -m pytest tests/live/test_live_pictures.py tests/live/test_live_pages.py

lint: $(VENV)/.installed ## check style, format and spelling
	$(VENV)/bin/python -m ruff check
	$(VENV)/bin/python -m ruff format --check
	$(VENV)/bin/python -m codespell_lib

types: $(VENV)/.installed ## check the types
	$(VENV)/bin/python -m mypy
	$(VENV)/bin/python -m mypy tests/package/typed_dag.py

clean: ## remove all that make made
	rm -rf $(VENV) $(VENV_2) $(VENV_BENCH) $(VENV_DIST) $(VENV_FAB) .demo build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis

$(VENV)/.installed: AIRFLOW_HERE = $(AIRFLOW)
$(VENV_2)/.installed: AIRFLOW_HERE = $(AIRFLOW_2)
$(VENV_BENCH)/.installed: AIRFLOW_HERE = $(AIRFLOW)
$(VENV_BENCH)/.installed: PEERS_HERE = $(PEERS)
$(VENV_FAB)/.installed: AIRFLOW_HERE = $(AIRFLOW)
$(VENV_FAB)/.installed: PEERS_HERE = '$(FAB)'
$(VENV)/.clients-installed: FURTHER = -e '.[clients]'
$(VENV)/.docs-installed: FURTHER = -e '.[docs]'
$(VENV)/.ha-installed: FURTHER = $(HA_PACKAGES)

# Both know what a requirement is; uv is faster.
define install # VENV, REQUIREMENTS
if uv --version >/dev/null 2>&1; then \
	uv pip install --quiet --compile-bytecode --python "$(1)/bin/python" $(2); \
else \
	"$(1)/bin/python" -m pip install -q --disable-pip-version-check $(2); \
fi
endef

define make_venv # VENV
if uv --version >/dev/null 2>&1; then uv venv --quiet --python "$(PYTHON)" "$(1)"; else "$(PYTHON)" -m venv "$(1)"; fi
endef

# What few targets need is added to .venv when one of them is made: a further environment takes up to two minutes.
$(VENV)/.%-installed: $(VENV)/.installed
	@echo "Installing what is needed for $* into $(VENV) ..."
	@$(call install,$(VENV),-c $(LOCK) $(FURTHER))
	@touch "$@"

# An environment without Airflow: twine asks for packages that Airflow 2.11 can't have beside it.
$(VENV_DIST)/.installed: Makefile $(LOCK)
	@rm -rf $(VENV_DIST)
	@$(call make_venv,$(VENV_DIST))
	@$(call install,$(VENV_DIST),-c $(LOCK) build check-wheel-contents hatchling twine)
	@touch "$@"

# The stamp is written last: an interrupted installation does not count, and starts afresh.
%/.installed: pyproject.toml Makefile $(LOCK)
	@test -n "$(PYTHON)" && "$(PYTHON)" -c '$(SUPPORTED)' || { \
		echo "No Python 3.11, 3.12 or 3.13 found ($(CANDIDATES)). Name one: make $(MAKECMDGOALS) PYTHON=/path/to/python"; \
		exit 1; }
	@rm -rf "$*"
	@echo "Installing $(AIRFLOW_HERE) and the tools into $*: takes 1 to 2 minutes ..."
	@$(call make_venv,$*)
	@$(call install,$*,-c $(LOCK) -e '.[dev]' '$(AIRFLOW_HERE)' $(PEERS_HERE))
	@touch "$@"
