# make sweep: the default sweep · make test: all tests · make lint
# make soak: kills, full disks, object stores, in an hour or two
# make landscapes: the landscapes of results/landscape, in an hour or two, resumes
# make trainings: the trainings of results/training and the report on them, in two hours, resumes
# make report: the claims, in three hours, resumes · make report QUICK=--quick
# make boxes: the page results/boxes, in six minutes, resumes
# make proofs: the page results/proofs, in half an hour, resumes
# make figures: results/ anew, but for the report · make benchmark
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: sweep test soak lint report landscapes trainings boxes proofs figures benchmark

sweep: $(VENV)/ready
	$(BIN)/python scripts/sweep.py --scales 0.1,1,10

test: $(VENV)/ready-dev
	$(BIN)/python -m pytest -n 2

soak: $(VENV)/ready-dev
	$(BIN)/python -m pytest -m slow tests/soak tests/grid -s

lint: $(VENV)/ready-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/pylint jaxadv scripts

report: $(VENV)/ready
	$(BIN)/python scripts/report.py results/claims --run scripts/configs $(QUICK)

landscapes: $(VENV)/ready-dev
	$(BIN)/python scripts/landscape.py --config scripts/landscapes/random.toml --critical 100 --ascents 100000 --store results/landscape/random
	$(BIN)/python scripts/landscape.py --config scripts/landscapes/digits.toml --store results/landscape/digits

trainings: $(VENV)/ready-dev
	for name in teacher digits teacher-control digits-control teacher-law; do \
		$(BIN)/python scripts/train.py --config scripts/trainings/$$name.toml --store results/training/$$name || exit; \
	done
	$(BIN)/python scripts/report.py results/training

boxes: $(VENV)/ready
	$(BIN)/python scripts/boxes.py results/boxes

proofs: $(VENV)/ready
	$(BIN)/python scripts/proofs.py results/proofs

figures: $(VENV)/ready-dev
	$(BIN)/python scripts/sweep.py --scales 0.1,1,10 --store results/default
	$(BIN)/python scripts/sweep.py --scales 0.1,1,10 --data digits --store results/digits

benchmark: $(VENV)/ready-dev
	$(BIN)/python scripts/benchmark.py

$(VENV)/ready: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

$(VENV)/ready-dev: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $(VENV)/ready $@
