# Everything is installed into .venv; a fresh machine needs Python 3.11 or newer and nothing else.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: demo test lint types docs bench mutants einspace fuzz ecosystem mcmc nasbench faults ray rewrites training full clean install

install: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt torch
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[all]' \
	  onnxscript pyright pytest pytest-xdist ruff
	touch $(STAMP)

demo: $(STAMP)
	$(BIN)/python examples/demo.py

test: $(STAMP)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 -m 'not slow'

full: $(STAMP)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)
	$(BIN)/pyright --pythonpath $(BIN)/python

docs: $(STAMP)
	$(BIN)/python docs/build.py

# 10,000 sampled networks run in torch, 1,000 of them in onnxruntime; the result is committed.
einspace: $(STAMP)
	$(BIN)/python tests/spaces/full_run.py

# Rewritten and unrewritten graphs of 200 networks of every space, 2,000 of einspace, in 64 bits with their gradients; the
# result is committed.
rewrites: $(STAMP)
	OMP_NUM_THREADS=1 $(BIN)/python tests/rewrite/agreement_run.py

# Networks of every shipped space and of every operation in torch, onnxruntime and the ONNX reference evaluator; the
# result is committed.
fuzz: $(STAMP)
	OMP_NUM_THREADS=1 $(BIN)/python tests/fuzz/long_run.py

# Generated networks in the tools around: onnxruntime's levels, torch.compile, and what takes and gives ONNX; ten
# minutes each, the result is committed.
ecosystem: $(STAMP)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt onnxslim onnxsim
	OMP_NUM_THREADS=1 $(BIN)/python tests/fuzz/ecosystem.py

# Two million states of Markov chains on NAS-Bench-201 against the enumerated distribution; the result is committed.
mcmc: $(STAMP)
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.nasbench201_mcmc

# Searches whose process is killed thirty times and more, whose disk is full, and whose workers crash, hang, leak and are
# killed: nothing that was finished is lost, and what comes out is what comes out undisturbed. `make test` has a share.
faults: $(STAMP)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests/search_runs/test_killed.py tests/search_runs/test_runs.py

# Evaluations on a local Ray cluster whose workers are killed; Ray is an extra, which is installed for this.
ray: $(STAMP)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[all,ray]'
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests/search_runs/test_cluster.py

# A thousand searches of each strategy on NAS-Bench-201 against minimal ones; the result is committed.
nasbench: $(STAMP)
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.nasbench201_search

# Searches that train einspace on digits, five seeds, against random search and networks by hand; the result is committed.
training: $(STAMP)
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.training

bench: $(STAMP)
	$(BIN)/python -m benchmarks
	$(BIN)/python -m benchmarks.structure
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.against_torch

# Bugs planted one after the other in a copy; what the strategies find is committed. Takes half an hour.
mutants: $(STAMP)
	$(BIN)/python tests/mutants/run.py

clean:
	rm -rf $(VENV) build dist .pytest_cache .ruff_cache .hypothesis
