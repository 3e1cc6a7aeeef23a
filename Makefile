# `make` lists what there is.
PYTHON ?= python3.11
VENV := .venv
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
export DVC_NO_ANALYTICS := 1

# Named scales: plain lists of overrides that `make run SCALE=...` passes to `dvc exp run`.
SCALES := gpu-128
SCALE_gpu-128 := \
	-S ct.size=128 \
	-S 'model.channels=[512,512,256,128,64,32]' \
	-S 'model.discriminator_channels=[512,512,256,128,64,32]' \
	-S 'train.stages=[{side: 32, images: 40000, batch: 8, fade_images: 0, adversarial: false}, {side: 32, images: 60000, batch: 8, fade_images: 0, adversarial: true}, {side: 64, images: 100000, batch: 8, fade_images: 10000, adversarial: true}, {side: 128, images: 200000, batch: 8, fade_images: 20000, adversarial: true}]' \
	-S train.generator_lr=0.002 \
	-S train.path_weight=2 -S train.ema_half_life=10000 \
	-S train.augment.images=500000 -S train.patience_images=40000 \
	-S train.checkpoint_images=20000 -S train.log_images=2000 -S train.pictures=20

.DEFAULT_GOAL := help
.PHONY: card-pdf help setup run register test test-exhaustive test-gpu test-all check check-git check-data verify release ci hooks report format \
	expectations bench ui

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 16

setup: $(VENV)/.installed  ## make the virtual environment and install the locked dependencies

$(VENV)/.installed: requirements.lock pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "needs Python 3.11: make PYTHON=/path/to/python3.11"; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check -r requirements.lock
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@

run: setup  ## rebuild everything: data, model, synthetic volumes, metrics, card (SCALE=gpu-128 for the checklist's size)
ifndef SCALE
	dvc repro
else ifeq ($(filter $(SCALE),$(SCALES)),)
	@echo "SCALE=$(SCALE) is not one of: $(SCALES)"; exit 2
else
	dvc exp run $(SCALE_$(SCALE))
endif
	@echo
	@echo "card      model_card/model_card.md        (model_card.html: the same with the pictures, one file)"
	@echo "metrics   reports/metrics.json            (dvc metrics show)"
	@echo "pictures  reports/evaluation/             (synthetic.png, real_beside_synthetic.png, ...)"
	@echo "gallery   reports/gallery.html            (opens from disk; shows real voxels)"
	@echo "volumes   data/synthetic/                 (NIfTI; at 1.5 mm: physical/ NIfTI, dicom/ series)"
	@echo "release   data/release/                   (ONNX, MONAI bundle, card: docs/use-the-model.md)"
	@echo "runs      make ui                         (MLflow)"

# A file's tests share what it made, so a file stays in one process; the slow ones come first.
# Each of them computes on one thread: more of them would wait for one another.
PYTEST := OMP_NUM_THREADS=1 pytest --numprocesses auto --maxprocesses 8 --dist loadfile --no-loadscope-reorder

test: setup  ## run the tests, one small pipeline from end to end included
	$(PYTEST) -m "not exhaustive"

test-exhaustive: setup  ## run the others: most kills, full disks, planted faults, a person searched for up to the card, two versions, two clones
	$(PYTEST) -m exhaustive

test-gpu: setup  ## run the tests that need a GPU; all others compute on the CPU
	OMP_NUM_THREADS=1 pytest -m gpu

test-all: setup  ## run every test but those that need a GPU
	$(PYTEST)

check: setup  ## lint, format and type checks
	ruff check .
	ruff format --check .
	mypy

check-git: setup  ## refuse DICOM, NIfTI, records, weights and large files in git, by name and content
	python .ci/refuse_data.py

check-data: setup  ## rebuild the data half from nothing in a scratch copy; the bytes must be the committed ones
	.ci/data

verify: setup  ## hold dvc.lock, manifests, reports and card against the committed files; retrains nothing
	@status=0; \
	syda card verify || status=$$?; \
	syda verify --allow-missing || status=$$?; exit $$status

card-pdf: setup  ## print card and evidence to model_card/*.pdf (tagged), by headless Chromium
	@command -v chromium >/dev/null || { echo "needs chromium (Debian: apt-get install chromium)"; exit 2; }
	for page in model_card evidence data_version; do \
	  chromium --headless --no-sandbox --disable-gpu --no-pdf-header-footer \
	    --print-to-pdf=model_card/$$page.pdf model_card/$$page.html 2>/dev/null || exit 1; done

register: setup  ## register data/release in MLflow, as the stage export does: models:/syda/<n>
	syda register

release: setup  ## release the card: one file in model_card/releases; prints the git and gto commands
	syda card release
	dvc repro --quiet --single-item card

ci:  ## everything that CI runs, within 40 minutes
	.ci/run

bench: setup  ## measure preprocessing, the number of series, the networks, the release, what the training is worth, and the evaluation (reports/benchmarks; installs the peers; minutes)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check -r requirements-bench.lock
	PYTHONPATH=src:tests python -m bench.preprocess
	PYTHONPATH=src:tests python -m bench.scale
	PYTHONPATH=src:tests python -m bench.model
	PYTHONPATH=src:tests python -m bench.release
	PYTHONPATH=src:tests python -m bench.evaluate
	PYTHONPATH=src:tests python -m bench.learning

hooks: setup  ## check each commit before it is made (pre-commit)
	pre-commit install

BASE ?= origin/main
report: setup  ## metrics and card status against another revision, in Markdown (BASE=origin/main)
	@python .ci/report.py $(BASE)

format: setup  ## format the code
	ruff format .
	ruff check --fix .

expectations: setup  ## run the Great Expectations suites on what is in data/
	@status=0; \
	for set in resampled records synthetic; do \
		if [ -d data/$$set ]; then syda validate $$set || status=$$?; \
		else echo "validate $$set: data/$$set is not here: not checked"; fi; \
	done; exit $$status

ui: setup  ## open the MLflow runs in a browser
	mlflow ui --backend-store-uri sqlite:///$(CURDIR)/.mlflow/mlflow.db
