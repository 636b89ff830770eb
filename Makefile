# make quickstart: install, train the main recipe at micro scale, print the accuracy after each stage
# make test:       install what the tests need and run them all
# make coverage:   the same with line and branch coverage, which takes nearly twice as long
# make check:      format, lint and types
# make bench:      our steps against TRL's, in an environment of its own; a quarter of an hour of an idle machine
# make peers:      the tests of agreement with TRL and verl, in an environment of its own
# make mutations:  flip a sign, an epsilon, a bias, a denominator in every formula; tests must notice
# make golden:     the curves of thirty steps of each recipe anew, after a change that is meant
# make fuzz:       a million inputs to every parser and grader; for a nightly job

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
# The plain name would bring gigabytes of CUDA libraries to a machine without a GPU.
TORCH  ?= torch==2.13.0
PEER   ?= .venv-trl
TRL    ?= trl==1.16.0
VERL   ?= .venv-verl

.PHONY: quickstart install test coverage check format docs bench peers mutations golden fuzz clean

quickstart: install
	$(BIN)/gnomon train revisual-r1 --scale micro

install: $(BIN)/.installed

test: $(BIN)/.installed-test
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist worksteal

coverage: $(BIN)/.installed-test
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist worksteal --cov --cov-report=term:skip-covered --cov-fail-under=90

check: $(BIN)/.installed-test
	$(BIN)/ruff format --check src tests
	$(BIN)/ruff check src tests
	$(BIN)/mypy

format: $(BIN)/.installed-test
	$(BIN)/ruff format src tests
	$(BIN)/ruff check --fix src tests

docs: $(BIN)/.installed-test
	$(BIN)/python docs/generate.py

bench: $(BIN)/.installed-test $(PEER)/.installed
	$(BIN)/python benchmarks/step.py --peer $(PEER)/bin/python
	$(BIN)/python benchmarks/performance_table.py

# verl pins an older transformers than ours: its core algorithms need none of what differs.
peers: $(VERL)/.installed
	OMP_NUM_THREADS=1 PYTHONPATH=src:tests $(VERL)/bin/python -m pytest tests/rl/test_verl_agreement.py tests/rl/test_trl_agreement.py

mutations: $(BIN)/.installed-test
	OMP_NUM_THREADS=1 $(BIN)/python tests/mutations.py --jobs 2 --write

golden: $(BIN)/.installed-test
	OMP_NUM_THREADS=1 $(BIN)/python tests/golden_runs.py

fuzz: $(BIN)/.installed-test
	$(BIN)/pip install -q -e ".[test,fuzz]"
	$(BIN)/python tests/fuzz.py -runs=1000000 -timeout=20 -max_len=4096

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .fuzz build

$(PEER)/.installed:
	$(PYTHON) -m venv $(PEER)
	$(PEER)/bin/pip install -q $(TORCH) $(TRL) "transformers>=5.18,<5.24" "pillow>=11,<14" "jinja2>=3.1,<4"
	touch $@

$(VERL)/.installed: pyproject.toml
	$(PYTHON) -m venv $(VERL)
	$(VERL)/bin/pip install -q $(TORCH)
	$(VERL)/bin/pip install -q -e ".[test]"
	$(VERL)/bin/pip install -q --no-deps verl==0.9.1
	$(VERL)/bin/pip install -q "ray>=2.41" "tensordict>=0.8,<=0.10" codetiming dill hydra-core pandas pybind11 pylatexenc torchdata
	touch $@

$(BIN)/.installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -c "import torch" 2>/dev/null || $(BIN)/pip install -q $(TORCH)
	$(BIN)/pip install -q -e .
	touch $@

$(BIN)/.installed-test: $(BIN)/.installed
	$(BIN)/pip install -q -e ".[test]"
	touch $@
