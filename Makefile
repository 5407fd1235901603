# Every command a person types. `make` alone lists them.

PYTHON ?= python3
VENV   ?= .venv
BIN     = $(VENV)/bin
PORT   ?= 8000
MODEL  ?= models/asr.onnx
CONFIG ?= training/configs/small.yaml
IMAGE  ?= hark
PIP     = $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.DEFAULT_GOAL := help
.PHONY: help run serve test fuzz test-clients check format train evaluate export contract image test-browser test-container \
        lock clean

help:  ## list the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 24

run: $(VENV)/local.done  ## transcribe a recording here: make run [AUDIO=file]
	@$(BIN)/python -m local.run $(if $(AUDIO),"$(AUDIO)")

serve: $(VENV)/local.done  ## the HTTP endpoint on this machine: make serve [PORT=8000]
	@$(BIN)/python -m local.serve --port $(PORT) $(ARGS)

test: $(VENV)/dev.done  ## set up everything and pass all tests (no Docker, no GPU, no AWS)
	$(BIN)/python -m pytest -n 2 --dist loadgroup $(ARGS)

fuzz: $(VENV)/dev.done  ## 10,000 mutated recordings and requests through the handler
	HARK_FUZZ_INPUTS=10000 $(BIN)/python -m pytest tests/handler/test_fuzz.py $(ARGS)

test-clients: $(VENV)/dev.done  ## OpenAI's client for Node.js against the endpoint (needs Node.js)
	@command -v npm > /dev/null || { echo "error: install Node.js, which has npm, 20 or newer"; exit 2; }
	npm ci --prefix tests/clients --no-audit --no-fund
	$(BIN)/python -m pytest tests/clients $(ARGS)

check: $(VENV)/dev.done  ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/dev.done  ## let ruff mend what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

train: $(VENV)/dev.done  ## train a model: make train [CONFIG=training/configs/small.yaml] [ARGS="field=value ..."]
	$(BIN)/python -m training.fit $(CONFIG) $(ARGS)

evaluate: $(VENV)/dev.done  ## WER and CER on a manifest: make evaluate MANIFEST=file [MODEL=models/asr.onnx]
	@test -n "$(MANIFEST)" || { echo "error: say which manifest: make evaluate MANIFEST=data/dev.jsonl"; exit 2; }
	@$(BIN)/python -m training.evaluate "$(MANIFEST)" --model "$(MODEL)" $(ARGS)

export: $(VENV)/dev.done  ## checkpoint to proven ONNX: make export CHECKPOINT=file [MANIFEST=data/dev.jsonl] [MODEL=models/asr.onnx]
	@test -n "$(CHECKPOINT)" || { echo "error: say which checkpoint: make export CHECKPOINT=runs/hark-small/best.ckpt"; exit 2; }
	@$(BIN)/python -m export "$(CHECKPOINT)" --output "$(MODEL)" $(if $(MANIFEST),--dev "$(MANIFEST)") $(ARGS)

contract: $(VENV)/dev.done  ## write openapi.yaml to handler/openapi.json, from where it is served
	$(BIN)/python -c 'import json, yaml; print(json.dumps(yaml.safe_load(open("openapi.yaml")), indent=1, ensure_ascii=False))' \
	    > handler/openapi.json

image:  ## build the Lambda container image: make image [IMAGE=hark] [BASE_IMAGE=...]
	docker build --tag $(IMAGE) $(if $(BASE_IMAGE),--build-arg BASE_IMAGE=$(BASE_IMAGE)) .

test-browser: $(VENV)/browser.done  ## the web page in a real Chromium (root on Debian gets it installed)
	$(BIN)/python -m pytest tests/browser $(ARGS)

test-container: $(VENV)/dev.done  ## the image under sam and the real runtime emulator (needs root or Docker)
	$(BIN)/python -m pytest tests/container $(ARGS)

lock: $(VENV)/browser.done  ## pin what the dependencies pull in, as installed now, in constraints.txt
	$(BIN)/python -m pip freeze --exclude-editable --disable-pip-version-check | sed -E 's/\+cpu$$//' \
	    | grep -vE '^(nvidia-|triton|cuda-|pip|setuptools|hark)' > constraints.txt

clean:  ## remove what the commands above made, but for trained models and .cache
	rm -rf $(VENV) build *.egg-info .pytest_cache .ruff_cache .mypy_cache .aws-sam

$(VENV)/local.done: pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "setting up $(VENV) with the serving packages ..."
	@$(PIP) --editable '.[local]'
	@touch $@

$(VENV)/dev.done: pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "setting up $(VENV) with everything, torch included: this takes some minutes ..."
	@$(PIP) --editable '.[dev]'
	@touch $@ $(VENV)/local.done

$(VENV)/browser.done: $(VENV)/dev.done
	@$(PIP) --editable '.[browser]'
	@touch $@
