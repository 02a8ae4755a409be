# State Hub. `make` alone lists the targets; each sets up its needs once, in .venv.
# Works with GNU make 3.81 and newer. All paths are relative: the project's own path may contain blanks.

PYTHON ?= python3
REPO ?=
REPO_PATH ?=
ALL ?=
TASK ?=
STATUS ?=
API_BASE ?= http://127.0.0.1:8000
ADDRESS ?= 127.0.0.1:8000
SECONDS ?= 60
OPERATIONS ?= 2000
STEPS ?= 2000
SEED ?=
COVERAGE ?=
ARGS ?=

# A value from the command line or the environment is taken literally: without `value`, make would expand a `$` in it.
# Recipes then use "$$REPO_PATH", never $(REPO_PATH), so that no shell splits it. Only ARGS consists of shell words.
override PYTHON := $(value PYTHON)
override REPO := $(value REPO)
override REPO_PATH := $(value REPO_PATH)
override ALL := $(value ALL)
override TASK := $(value TASK)
override STATUS := $(value STATUS)
override API_BASE := $(value API_BASE)
override ADDRESS := $(value ADDRESS)
override SECONDS := $(value SECONDS)
override OPERATIONS := $(value OPERATIONS)
override STEPS := $(value STEPS)
override SEED := $(value SEED)
override COVERAGE := $(value COVERAGE)
override ARGS := $(value ARGS)
export PYTHON REPO REPO_PATH ALL TASK STATUS API_BASE ADDRESS SECONDS OPERATIONS STEPS SEED ARGS

export PIP_DISABLE_PIP_VERSION_CHECK := 1
SHELL := /bin/sh
PY := .venv/bin/python
MANAGE := $(PY) manage.py

.DEFAULT_GOAL := help
.PHONY: help check-consistency fix-consistency fix-consistency-remote demo demo-fleet demo-data serve report-status migrate
.PHONY: test test-production proofs test-browser lint format bench bench-scale bench-admin bench-api bench-fleet fuzz false-alarms concurrency simulate mutate requirements audit crash try-hook
.PHONY: rehearse-deployment
.PHONY: clean chosen runtime dev tools database

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-24s%s\n", $$1, $$2}' Makefile
	@echo
	@echo '  REPO=slug or REPO_PATH=path picks one checkout, ALL=1 every one registered for this machine;'
	@echo "  ARGS passes options: make check-consistency REPO=net-kingdom ARGS='--format json --no-fetch'"

# ---- The tool --------------------------------------------------------------------------------------------------------

# A mistyped or missing variable must never fix everything: exactly one of the three is given, or nothing runs.
chosen:
	@case "$${REPO:+r}$${REPO_PATH:+p}$${ALL:+a}" in \
	'') echo 'ERROR: REPO is required: REPO=slug, REPO_PATH=path, or ALL=1 for every checkout of this machine' >&2; exit 2;; \
	r|p|a) ;; \
	*) echo 'ERROR: give only one of REPO, REPO_PATH and ALL' >&2; exit 2;; \
	esac; \
	case "$$ALL" in ''|1) ;; *) echo 'ERROR: ALL=1 is every checkout of this machine; ALL takes no other value' >&2; exit 2;; esac

# $(call consistency,COMMAND AND OPTIONS): runs it on the chosen checkouts. A `~` left by the shell is the home.
define consistency
@case "$$REPO_PATH" in '~') REPO_PATH=$$HOME;; '~/'*) REPO_PATH=$$HOME/$${REPO_PATH#??};; esac; \
if [ -n "$$REPO_PATH" ]; then $(MANAGE) $(1) --path="$$REPO_PATH" $(ARGS); \
elif [ -n "$$REPO" ]; then $(MANAGE) $(1) $(ARGS) -- "$$REPO"; \
else $(MANAGE) $(1) --all $(ARGS); fi
endef

check-consistency: chosen database ## Compare workplans and hub, report every drift, change nothing
	$(call consistency,check_consistency)

fix-consistency: chosen database ## Compare, then fix what can be fixed, in the hub and in the files
	$(call consistency,fix_consistency)

fix-consistency-remote: chosen database ## The same, after a pull (a failed pull is only a warning)
	$(call consistency,fix_consistency --pull)

demo: runtime ## Demonstrate a stale clone, on repositories in a temporary folder
	@$(PY) -m demo $(ARGS)

demo-fleet: dev ## Demonstrate a forge, a hub and two workers, with webhooks, a report and a proposal, in a temporary folder
	@$(PY) -m demo.fleet $(ARGS)

demo-data: database ## Fill an empty hub with a quarter of example work, on repositories in var/demo-data
	@$(PY) -m demo.data $(ARGS)

serve: database ## Serve the admin and the API on ADDRESS=127.0.0.1:8000
	@$(MANAGE) welcome
	@exec $(MANAGE) runserver $(ARGS) -- "$$ADDRESS"

report-status: ## Report a status to the hub at API_BASE: TASK=id STATUS=done, the token in STATEHUB_TOKEN
	@sh scripts/report-status "$$TASK" "$$STATUS"

migrate: runtime ## Migrate the database, whatever the stamp says
	@rm -f .venv/.database
	@$(MANAGE) migrate $(ARGS)

# ---- Tests and checks ------------------------------------------------------------------------------------------------

# Twice: all on SQLite, then the tests with a database on PostgreSQL. ARGS selects tests: a run without any of them
# (pytest's status 5) is then fine. $(call pytest,DATABASE,MARKS,OPTIONS)
pytest = $(PY) -m pytest -n auto --dist worksteal -rs --db=$(1) -m $(2) $(3) $(ARGS) \
    || { code=$$?; [ $$code = 5 ] && [ -n "$$ARGS" ]; } || exit $$code

test: dev ## Run the tests on SQLite and on PostgreSQL (ARGS: pytest's, for instance ARGS='-k pull'; COVERAGE=1 measures on SQLite, and requires 95 %)
	@$(call pytest,sqlite,'not proof',$(if $(COVERAGE),--cov --cov-report=))
	@$(if $(COVERAGE),$(PY) -m coverage report --fail-under=95)
	@$(call pytest,postgresql,'database and not proof')

test-production: dev ## Run the tests of the web pages with the settings of production, on SQLite (ARGS: pytest's)
	@$(PY) -m pytest -n auto --dist worksteal -rs --db=sqlite --settings=production -m web $(ARGS)

proofs: dev ## Run the long tests on both databases: every order, crashes, the simulation, set-up (ARGS: pytest's)
	@$(call pytest,sqlite,proof)
	@$(call pytest,postgresql,'database and proof')

test-browser: dev ## Run the tests in a real browser, the system's Chromium (ARGS: pytest's)
	@$(PY) -m pytest tests/browser -n 0 $(ARGS)

# Django's own checks run as in production. The key is only for these checks.
production = env STATEHUB_ENV_FILE=/dev/null DEBUG=false SECRET_KEY=3vJmY7nLq0sXw9TzKdR5bHc2GfPu8AeNoi4MtV6yQkZr1CxWaBj8D3eF ALLOWED_HOSTS=hub.example.org DATABASE_URL=sqlite://:memory:

lint: dev ## Run every static check: style, types, import directions, dead code, migrations, deployment
	@.venv/bin/ruff check
	@.venv/bin/ruff format --check
	@$(production) $(PY) -m mypy
	@$(PY) .venv/bin/lint-imports --no-logo
	@$(PY) -m vulture
	@$(production) $(MANAGE) makemigrations --check --dry-run
	@$(production) $(MANAGE) check --deploy --fail-level WARNING

format: dev ## Format the code with ruff, and apply its safe fixes
	@.venv/bin/ruff check --fix-only --quiet
	@.venv/bin/ruff format

bench: dev ## Measure speed and size on generated repositories, beside a plain script and git fetch (ARGS: see ARGS=--help)
	@$(PY) -m bench $(ARGS)

bench-scale: dev ## Measure sweeps, pruning, pages, tools and the API on a hub of a million tasks, on PostgreSQL (ARGS: see ARGS=--help)
	@$(PY) -m bench.scale $(ARGS)

bench-admin: dev ## Measure the admin's pages on a fifth of that hub (ARGS: see ARGS=--help)
	@$(PY) -m bench.scale --parts pages --tasks 200000 --findings 100000 --changes 200000 --runs 100000 $(ARGS)

bench-api: dev ## Measure the API on gunicorn and PostgreSQL: requests a second, latency, no update lost (ARGS: see ARGS=--help)
	@$(PY) -m bench.api $(ARGS)

bench-fleet: dev ## Measure workers on PostgreSQL with 1, 100 and 1,000 repos: from a push to its status, and the cost of an idle fleet (ARGS: see ARGS=--help)
	@$(PY) -m bench.fleet $(ARGS)

fuzz: dev ## Fuzz the parser and the editor for SECONDS=60 (ARGS: see ARGS=--help)
	@$(PY) -m tests.fuzz --seconds="$$SECONDS" $(ARGS)

false-alarms: dev ## Check Markdown from other projects and count the false alarms (ARGS: folders; see ARGS=--help)
	@$(PY) -m bench.false_alarms $(ARGS)

concurrency: dev ## Load the hub with 50 reporters, 8 fixers and 2 people for OPERATIONS=2000 calls: nothing is lost (ARGS: see ARGS=--help)
	@$(PY) -m tests.concurrency --operations="$$OPERATIONS" $(ARGS)

simulate: dev ## Simulate machines, people and a hub at random for STEPS=2000, repeatable with SEED (ARGS: see ARGS=--help)
	@$(PY) -m tests.simulation --steps="$$STEPS" $${SEED:+--seed="$$SEED"} $(ARGS)

# mutmut runs with the tests' own packages, which come first.
packages_of_tests = import sysconfig; print(sysconfig.get_path("purelib"))
mutate: dev tools ## Change the core in small ways, one at a time, and count the changes that no test detects (ARGS: names, as in 'consistency.core.comparison.gates*')
	@PYTHONPATH="$$($(PY) -c '$(packages_of_tests)')" .venv/tools/bin/python -m tests.mutation $(ARGS)

# The extras stay in the lists, so that an installation with resolution finds `coverage[toml]` with version and hashes.
requirements: tools ## Pin all packages again, with hashes, from requirements*.in (ARGS: uv's, for instance ARGS=--upgrade)
	@for name in requirements requirements-dev requirements-tools; do \
	    .venv/tools/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-strip-extras \
	        --custom-compile-command 'make requirements' $$name.in --output-file $$name.txt $(ARGS) 2>.venv/tools/said \
	        && code=0 || code=$$?; cat .venv/tools/said >&2; \
	    if grep -q 'Failed to fetch' .venv/tools/said; then \
	        echo 'make: out of reach: nothing was pinned, the package index does not answer (see above)' >&2; exit 2; fi; \
	    [ $$code = 0 ] || exit 2; \
	done

audit: tools ## Check the pinned packages for known vulnerabilities, by a service on the network (ARGS: pip-audit's)
	@.venv/tools/bin/python -m pip_audit --requirement requirements-dev.txt --strict --require-hashes --disable-pip --progress-spinner off $(ARGS) \
	    2>.venv/tools/said && code=0 || code=$$?; cat .venv/tools/said >&2; \
	if grep -q ERROR .venv/tools/said; then \
	    echo 'make: out of reach: nothing was audited, the advisory service does not answer or does not know a package (see above)' >&2; exit 2; fi; \
	[ $$code != 1 ] || { echo 'make: known weaknesses of pinned packages (see above)' >&2; exit 1; }; \
	exit $$code

try-hook: tools ## Try the pre-commit hook statehub-lint with pre-commit itself, in a temporary repository
	@TOOLS_PYTHON="$$PWD/.venv/tools/bin/python" sh scripts/try-hook

crash: dev ## Kill or fail a fix at each of its effects, and compare the results of reruns (ARGS: see ARGS=--help)
	@$(PY) -m tests.crash $(ARGS)

rehearse-deployment: dev ## Set up a team's hub by the commands of docs/deployment.md, in a temporary folder (ARGS: see ARGS=--help)
	@$(PY) -m rehearsal $(ARGS)

clean: ## Remove set-up and caches; var/, with the database, stays
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage .coverage.* htmlcov mutants
	@find . -path ./var -prune -o -type d -name __pycache__ -prune -exec rm -rf {} +

# ---- Set-up ----------------------------------------------------------------------------------------------------------
# Each step leaves a stamp in .venv with the digest of all its inputs, and does nothing while that is unchanged.
# Digests rather than file times: those break if a checkout, a copy or a restored cache gives files odd times.
# Set-up writes to stderr only, so that stdout has only the command's own output.

define new_venv
    if ! command -v "$$PYTHON" >/dev/null; then \
        echo "make: no '$$PYTHON' here: install Python 3.11 or newer, or name it: make PYTHON=/path/to/python3" >&2; exit 2; fi; \
    if ! "$$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then \
        echo "make: '$$PYTHON' is $$("$$PYTHON" -V 2>&1), State Hub needs 3.11 or newer; name one: make PYTHON=python3.12" >&2; exit 2; fi; \
    if ! "$$PYTHON" -c 'import ensurepip, venv' 2>/dev/null; then \
        echo "make: '$$PYTHON' cannot make virtual environments: install them (Debian, Ubuntu: apt install python3-venv)" >&2; exit 2; fi; \
    echo "Setting up .venv with $$("$$PYTHON" -V), once ..." >&2; \
    "$$PYTHON" -m venv --clear .venv >&2 || exit 2
endef

# $(call packages,STAMP,REQUIREMENTS FILES): installs the packages in the first file, and none without its hash in it.
# The list is complete, so pip resolves nothing (--no-deps) and no newer release changes the installation; then pip
# checks it. The stamp's digest takes in Python's version: after a system's upgrade .venv points at another Python, or
# at none, and has no pip for it; then, as after an interrupted set-up, it is made again. The same if the check fails: a
# package of an older list may still be there.
define packages
@digest() { { $(PY) -V; cat $(2); } 2>&1 | cksum; }; \
if [ "$$(digest)" != "$$(cat $(1) 2>/dev/null)" ]; then \
    install() { \
        echo 'Installing $(firstword $(2)) ...' >&2; \
        $(PY) -m pip install -qq --no-input --no-deps --require-hashes -r $(firstword $(2)) >&2 || exit 2; \
    }; \
    fresh=; \
    if ! $(PY) -c 'import pip' 2>/dev/null; then $(new_venv); fresh=1; fi; \
    want=$$(digest); \
    install; \
    if ! $(PY) -m pip check >/dev/null 2>&1; then \
        if [ -z "$$fresh" ]; then $(new_venv); install; fi; \
        $(PY) -m pip check >&2 || { echo 'make: $(firstword $(2)) is not complete (see above): make requirements' >&2; exit 2; }; \
    fi; \
    echo "$$want" >$(1); \
fi
endef

runtime:
	$(call packages,.venv/.runtime,requirements.txt)

dev: runtime
	$(call packages,.venv/.dev,requirements-dev.txt requirements.txt)

tools: runtime
	@digest() { { $(PY) -V; cat requirements-tools.txt; } | cksum; }; \
	if [ "$$(digest)" != "$$(cat .venv/tools/.stamp 2>/dev/null)" ]; then \
	    echo 'Installing requirements-tools.txt ...' >&2; \
	    $(PY) -m venv --clear .venv/tools >&2 || exit 2; \
	    .venv/tools/bin/python -m pip install -qq --no-input --no-deps --require-hashes -r requirements-tools.txt >&2 || { \
	        echo 'make: out of reach: requirements-tools.txt cannot be installed (see above)' >&2; exit 2; }; \
	    digest >.venv/tools/.stamp; \
	fi

# If the database is a SQLite file, the stamp's second line names it: a missing file is made again.
database_file = from django.conf import settings; db = settings.DATABASES["default"]; print(db["NAME"] if "sqlite" in db["ENGINE"] else "")

database: runtime
	@want=$$({ printf '%s\n' "$$DATABASE_URL" "$$STATEHUB_VAR"; cat .venv/.runtime; cksum "$${STATEHUB_ENV_FILE:-.env}" */migrations/*.py 2>/dev/null; } | cksum); \
	file=$$(sed -n 2p .venv/.database 2>/dev/null); \
	if [ "$$want" != "$$(sed -n 1p .venv/.database 2>/dev/null)" ] || { [ -n "$$file" ] && [ ! -s "$$file" ]; }; then \
	    echo 'Bringing the database up to date ...' >&2; \
	    $(MANAGE) migrate -v 0 >&2 || exit 2; \
	    file=$$(DJANGO_SETTINGS_MODULE=statehub.settings_base $(PY) -c '$(database_file)') || exit 2; \
	    printf '%s\n' "$$want" "$$file" >.venv/.database; \
	fi
