# make demo | test | lint | bench | default-models | hostile | audit | sbom: each does all its own set-up in .venv.
VENV ?= .venv
# The CPU build is enough for the demo and the tests; set TORCH for another build.
TORCH ?= torch==2.13.0
BIN := $(VENV)/bin
DEMO ?= demo-run
# What looks at the environment from outside stays outside of it.
TOOLS ?= .venv-tools

.PHONY: demo test pytest lint bench default-models hostile audit sbom env clean
.DEFAULT_GOAL := help

help:  ## list the commands
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

$(VENV)/.installed: pyproject.toml
	@for python in "$(PYTHON)" python3 python3.12 python3.11; do \
	  [ -n "$$python" ] && "$$python" -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' 2>/dev/null \
	    && "$$python" -m venv $(VENV) && break; \
	done; test -x $(BIN)/pip || { echo "CoReEcho needs Python 3.11 or 3.12 with venv (on Debian: apt-get install python3-venv), or say PYTHON=/path/to/python3.11" >&2; exit 1; }
	$(BIN)/pip install --quiet --disable-pip-version-check "$(TORCH)"
	$(BIN)/pip install --quiet --disable-pip-version-check --editable ".[dev,dicom,map,parquet,tensorboard]"
	@touch $@

env: $(VENV)/.installed  ## make the environment in .venv

demo: env  ## learn the EF of simulated hearts, evaluate, predict a real clip (about ten minutes on two cores)
	$(BIN)/coreecho demo --out $(DEMO)

test: env  ## run every test, and lint beside them
	@# mypy works on one core; the tests fill the other.
	@$(MAKE) --no-print-directory --jobs=2 lint pytest

pytest: env
	# Three processes on two cores, since some tests wait; the libraries' own threads would only slow them down. What is
	# compiled is kept, also where a machine is told not to: tests begin hundreds of processes.
	PYTHONDONTWRITEBYTECODE= OMP_NUM_THREADS=1 $(BIN)/pytest -n 3 --dist worksteal

lint: env  ## ruff, mypy --strict, import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Programs that need data of their own are run by hand.
NEED_DATA := $(addprefix benchmarks/,generated_clips.py small_data.py what_carries.py outline_or_regression.py \
	how_many_hearts.py infarction_features.py)
# What several of them share.
SHARED := $(addprefix benchmarks/,mjpeg.py over_seeds.py)

bench: env  ## measure every claim of speed as a ratio
	@for program in $(filter-out $(NEED_DATA) $(SHARED),$(wildcard benchmarks/*.py)); do echo "== $$program"; $(BIN)/python $$program || exit 1; done

default-models: env  ## train the models that ship again, from nothing (a night on two cores; goes on where it stopped)
	$(BIN)/coreecho default-models --commit "$$(git rev-parse --short=12 HEAD)" --into src/coreecho/shipped --page docs/default-models.md

hostile: env  ## damaged files against every reader; commands stopped at random moments, and on full disks (two hours)
	$(BIN)/python -m tests.hostile.campaign --cases $(or $(CASES),10000) --seconds $(or $(SECONDS),300)
	$(BIN)/python -m tests.hostile.guided --seconds $(or $(SECONDS),300)
	$(BIN)/python -m tests.hostile.kills --times $(or $(TIMES),20)
	$(BIN)/python -m tests.hostile.full_disk --times $(or $(TIMES),20)

$(TOOLS)/.installed: $(VENV)/.installed
	$(BIN)/python -m venv $(TOOLS)
	$(TOOLS)/bin/pip install --quiet --disable-pip-version-check "cyclonedx-bom>=7,<8" "pip-audit>=2.9,<3"
	@touch $@

# torch==2.13.0+cpu is torch 2.13.0 to the advisories; what cannot be looked up fails, and is not taken for clean.
audit: $(TOOLS)/.installed  ## look up known faults of everything that is installed (needs the network)
	$(BIN)/pip list --format=freeze --exclude-editable | sed 's/+[^+]*$$//' > $(TOOLS)/installed.txt
	@$(TOOLS)/bin/pip-audit --strict --no-deps --disable-pip --progress-spinner off -r $(TOOLS)/installed.txt || { \
	  echo "Not clean: pip-audit (above) found a known fault, or could not look all packages up. It asks https://pypi.org; where that is out of reach, run it where it is not." >&2; \
	  exit 1; }

sbom: $(TOOLS)/.installed  ## list everything that is installed, as CycloneDX, in sbom.json
	$(TOOLS)/bin/cyclonedx-py environment --output-reproducible --pyproject pyproject.toml -o sbom.json $(BIN)/python

clean:
	rm -rf $(TOOLS) sbom.json $(VENV) $(DEMO) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
