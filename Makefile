# Every command a person types. `make` alone lists them.

PYTHON ?= python3
VENV   ?= .venv
BIN     = $(VENV)/bin
PORT   ?= 8000
MODEL  ?= models/asr.onnx
CONFIG ?= training/configs/base.yaml
IMAGE  ?= hark
# The stack that is meant; by default the one that was answered to `make deploy`.
STACK  ?=
SAM    ?= sam
# In an environment of its own, since it pins other versions of what everything else here uses.
CHECKOV = checkov==3.3.30
# What AWS runs on templates such as ours, before CloudFormation gets them; PyYAML is what it reads them with.
TRANSLATOR = aws-sam-translator==1.115.0 PyYAML==6.0.3
# Likewise: what it brings along is nothing that the rest should depend on.
PIP_AUDIT = pip-audit==2.10.1
# What is slow in NumPy, in C. Where both find the same to the last bit, it is because nothing is contracted.
LIBRARY = hark/native/libhark.so
CFLAGS  = -std=c11 -O3 -ffp-contract=off -Wall -Wextra
OF      = $(if $(STACK),--stack "$(STACK)")
LOCAL   = $(VENV)/local.done $(LIBRARY)
DEV     = $(VENV)/dev.done $(LIBRARY)
PIP     = $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
# As a path: what setuptools does by itself is hidden by any folder named hark, such as the clone seen from where it lies.
EDITABLE = --config-settings editable_mode=compat --editable

# An environment that an older Python made is made anew; one that is too old would fail in words that nobody understands.
NEW_ENOUGH = -c 'import sys; sys.exit(sys.version_info < (3, 11))'
NEW_VENV = $(BIN)/python $(NEW_ENOUGH) 2> /dev/null || { \
    $(PYTHON) $(NEW_ENOUGH) || { \
        echo "error: Hark needs Python 3.11 or newer, and $(PYTHON) is `$(PYTHON) --version 2>&1 | head -1`; name another: make ... PYTHON=python3.12"; \
        exit 2; }; \
    $(PYTHON) -m venv --clear $(VENV); }

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help run serve setup test test-clients test-browser test-wheel test-container fuzz fuzz-structure sanitize check lint-regions \
        audit format contract lock clean train evaluate export image deploy smoke key keys logs redrive destroy bench \
        bench-check bench-peers bench-sizes load cost named-manifest named-checkpoint

help:  ## list the commands
	@awk 'BEGIN { FS = ":.*## " } \
	    /^##@ / { printf "\n%s\n", substr($$0, 5) } \
	    /^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

##@ Run

# "make run meeting.m4a" would transcribe the sample.
FILES = $(foreach goal,$(filter-out run,$(MAKECMDGOALS)),$(if $(findstring .,$(goal)),$(goal)))
ifneq ($(and $(filter run,$(MAKECMDGOALS)),$(strip $(FILES))),)
$(error a recording is named with AUDIO=: make run AUDIO=$(firstword $(FILES)))
endif

run: $(LOCAL)  ## transcribe a recording here: make run [AUDIO=file] [ARGS="--hotwords Ahab"]
	@$(BIN)/python -m local.run $(if $(AUDIO),"$(AUDIO)") $(ARGS)

serve: $(LOCAL)  ## the HTTP endpoint on this machine: make serve [PORT=8000]
	@$(BIN)/python -m local.serve --port $(PORT) $(ARGS)

##@ Develop

setup: $(DEV)  ## install everything for development and training into .venv: some minutes, and 2.5 GB with PyTorch for CPUs

test: $(DEV)  ## set up everything and pass all tests (no Docker, no GPU, no AWS)
	$(BIN)/python -m pytest -n 2 --dist loadgroup $(ARGS)

test-clients: $(DEV)  ## OpenAI's client for Node.js against the endpoint (needs Node.js)
	@command -v npm > /dev/null || { echo "error: install Node.js, which has npm, 20 or newer"; exit 2; }
	npm ci --prefix tests/clients --no-audit --no-fund
	$(BIN)/python -m pytest tests/clients $(ARGS)

test-browser: $(VENV)/browser.done  ## the web page in a real Chromium (root on Debian gets it installed)
	$(BIN)/python -m pytest tests/browser $(ARGS)

test-wheel: $(DEV)  ## build the wheel, install it alone and transcribe with it (asks the package index)
	$(BIN)/python -m pytest tests/wheel $(ARGS)

test-container: $(DEV)  ## the image under sam and the real runtime emulator (needs root or Docker)
	$(BIN)/python -m pytest tests/container $(ARGS)

fuzz: $(DEV)  ## 10,000 mutated recordings and requests through the handler
	HARK_FUZZ_INPUTS=10000 $(BIN)/python -m pytest tests/handler/test_fuzz.py $(ARGS)

fuzz-structure: $(DEV)  ## recordings whose structure is changed: make fuzz-structure [MINUTES=60] [SEED=1]
	$(BIN)/python -m tests.handler.fuzz_structure --minutes $(or $(MINUTES),60) $(if $(SEED),--seed $(SEED)) $(ARGS)

sanitize: $(VENV)/dev.done  ## what is in C under AddressSanitizer and UBSan (needs gcc)
	$(MAKE) --always-make $(LIBRARY) CC=gcc CFLAGS="$(CFLAGS) -O1 -g -fsanitize=address,undefined -fno-sanitize-recover"
	ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1 \
	    LD_PRELOAD="$$(gcc -print-file-name=libasan.so) $$(gcc -print-file-name=libubsan.so)" \
	    $(BIN)/python -m pytest -p no:cacheprovider tests/hark/test_filterbank.py tests/hark/test_compiled.py \
	        tests/hark/test_beam.py tests/hark/test_ctc.py tests/hark/test_other_languages.py -k "not pytorch"; \
	    found=$$?; rm -f $(LIBRARY); exit $$found

check: $(VENV)/dev.done $(VENV)/checkov.done  ## ruff, mypy; cfn-lint and checkov for template.yaml; the image's packages
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/cfn-lint template.yaml operate/deployer.yaml
	$(VENV)/checkov/bin/checkov --file template.yaml --framework cloudformation --skip-download --quiet --compact
	$(BIN)/python .ci/check_image.py
	$(BIN)/python -m pip check --disable-pip-version-check

lint-regions: $(VENV)/dev.done $(VENV)/translator.done  ## what AWS makes of template.yaml, linted for each of its regions
	@mkdir -p build
	AWS_DEFAULT_REGION=us-east-1 $(VENV)/translator/bin/python .ci/transform.py template.yaml > build/transformed.json
	@# W2001: parameters that the transform itself takes
	$(BIN)/cfn-lint build/transformed.json --ignore-checks W2001 --regions ALL_REGIONS

audit: $(VENV)/audit.done  ## known weaknesses of what the image is built of (asks PyPI itself: needs the internet)
	$(VENV)/audit/bin/pip-audit --strict --disable-pip --require-hashes --requirement requirements-image.txt \
	    --requirement requirements-build.txt $(ARGS)

format: $(VENV)/dev.done  ## let ruff mend what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

contract: $(VENV)/dev.done  ## write openapi.yaml to handler/openapi.json, from where it is served
	$(BIN)/python -c 'import json, yaml; print(json.dumps(yaml.safe_load(open("openapi.yaml")), indent=1, ensure_ascii=False))' \
	    > handler/openapi.json

lock: $(VENV)/browser.done  ## pin what the dependencies pull in, as installed now, and the image's files by their hashes
	$(BIN)/python -m pip freeze --exclude-editable --disable-pip-version-check | sed -E 's/\+cpu$$//' \
	    | grep -vE '^(nvidia-|triton|cuda-|pip|setuptools|hark)' > constraints.txt
	$(BIN)/python .ci/pin_image.py library serve lambda > requirements-image.txt
	$(BIN)/python .ci/pin_image.py build > requirements-build.txt

clean:  ## remove what the commands above made, but for trained models and .cache
	rm -rf $(VENV) $(LIBRARY) build *.egg-info .pytest_cache .ruff_cache .mypy_cache .aws-sam

##@ Train

train: $(VENV)/dev.done  ## train a model: make train [CONFIG=training/configs/base.yaml] [ARGS="field=value ..."]
	$(BIN)/python -m training.fit $(CONFIG) $(ARGS)

evaluate: named-manifest $(DEV)  ## WER and CER (keywords: accuracy): make evaluate MANIFEST=file [MODEL=models/asr.onnx] [DECODER=joint]
	@$(BIN)/python -m training.evaluate "$(MANIFEST)" --model "$(MODEL)" $(if $(DECODER),--decoder "$(DECODER)") $(ARGS)

export: named-checkpoint $(DEV)  ## checkpoint to proven ONNX: make export CHECKPOINT=file [MANIFEST=data/dev.jsonl] [MODEL=models/asr.onnx]
	@$(BIN)/python -m export "$(CHECKPOINT)" --output "$(MODEL)" $(if $(MANIFEST),--dev "$(MANIFEST)") $(ARGS)

# Asked before everything is installed, which takes minutes.
named-manifest:
	@test -n "$(MANIFEST)" || { echo "error: say which manifest: make evaluate MANIFEST=data/dev.jsonl"; exit 2; }

named-checkpoint:
	@test -n "$(CHECKPOINT)" || { echo "error: say which checkpoint: make export CHECKPOINT=runs/hark-fine-tune/average.ckpt"; exit 2; }

##@ Deploy

# Lambda takes no image with attestations, which buildx adds by itself; the older builder knows neither them nor the option.
PROVENANCE = $(if $(shell docker build --help 2> /dev/null | grep -e --provenance),--provenance=false)
# What template.yaml deploys by default, whatever machine builds it; arm64 is what Architecture=arm64 deploys.
PLATFORM ?= amd64

image:  ## build the Lambda container image: make image [IMAGE=hark] [PLATFORM=amd64] [BASE_IMAGE=...]
	docker build --platform linux/$(PLATFORM) $(PROVENANCE) --tag $(IMAGE) $(if $(BASE_IMAGE),--build-arg BASE_IMAGE=$(BASE_IMAGE)) .

deploy: $(VENV)/local.done  ## build and deploy to AWS; the first time it asks, and makes a key: make deploy [STACK=hark]
	@$(BIN)/python -m operate.deploy $(OF) --sam "$(SAM)" $(ARGS)

smoke: $(VENV)/local.done  ## try a deployed endpoint: make smoke URL=https://... KEY=hark_...
	@test -n "$(URL)" || { echo "error: say where it answers: make smoke URL=https://... KEY=hark_..."; exit 2; }
	@$(if $(KEY),HARK_KEY="$(KEY)") $(BIN)/python -m operate.smoke "$(URL)" $(ARGS)

key: $(VENV)/local.done  ## make an API key and print it, this once: make key NAME=alice [ARGS="--expires 2027-01-31"]
	@test -n "$(NAME)" || { echo "error: say whose key it is: make key NAME=alice"; exit 2; }
	@$(BIN)/python -m operate.keys $(OF) add "$(NAME)" $(ARGS)

keys: $(VENV)/local.done  ## show the keys' names, limits and last use; the command has more: make keys ARGS="remove alice --now"
	@$(BIN)/python -m operate.keys $(OF) $(or $(ARGS),list)

logs: $(VENV)/local.done  ## the stack's logs: make logs [ARGS="--since 1h --of worker --follow"]
	@$(BIN)/python -m operate.logs $(OF) $(ARGS)

redrive: $(VENV)/local.done  ## try jobs again that were laid aside: make redrive [ARGS="--list"] [ARGS="--most 1"]
	@$(BIN)/python -m operate.redrive $(OF) $(ARGS)

destroy: $(VENV)/local.done  ## delete the stack, with all recordings and transcripts; asks first
	@$(BIN)/python -m operate.destroy $(OF) $(ARGS)

##@ Measure

bench: $(DEV)  ## measure serving: cold start, warm, long, memory; into docs/benchmarks.md (2 minutes, nothing else running)
	@$(BIN)/python -m benchmarks.serving --output docs/benchmarks.md --save benchmarks/serving.json $(ARGS)

bench-check: $(DEV)  ## measure again and fail where a ratio is worse by more than 15 % than the one kept
	@$(BIN)/python -m benchmarks.serving --check benchmarks/serving.json $(ARGS)

bench-peers: $(DEV) $(VENV)/peers.done  ## Whisper, Moonshine, PocketSphinx, Hama and Hark on the same clips: make bench-peers MANIFEST=file
	@test -n "$(MANIFEST)" || { echo "error: say which clips: make bench-peers MANIFEST=data/dev.jsonl"; exit 2; }
	@$(BIN)/python -m benchmarks.peers --manifest "$(MANIFEST)" --python $(VENV)/peers/bin/python \
	    --output README.md --plot docs/peers.png $(ARGS)

bench-sizes: $(DEV)  ## the image on 1/4 to 2 vCPUs, and the memory size to choose; into docs/operations.md (needs root or Docker)
	@$(BIN)/python -m benchmarks.memory_sizes --output docs/operations.md $(ARGS)

load: $(DEV)  ## 20 requests a second to eight instances of the image, of which half die again and again: make load [MINUTES=10]
	@$(BIN)/python -m benchmarks.load --output docs/benchmarks.md --minutes $(or $(MINUTES),10) $(ARGS)

cost: $(VENV)/local.done  ## what an hour of audio costs, into docs/operations.md, from the measured speed and template.yaml
	@$(BIN)/python -m benchmarks.cost --write

$(VENV)/local.done: pyproject.toml constraints.txt
	@$(NEW_VENV)
	@echo "setting up $(VENV) with the serving packages ..."
	@$(PIP) $(EDITABLE) '.[local]'
	@touch $@

$(VENV)/dev.done: pyproject.toml constraints.txt
	@$(NEW_VENV)
	@echo "setting up $(VENV) with everything, torch included: this takes some minutes ..."
	@$(PIP) $(EDITABLE) '.[dev]'
	@touch $@ $(VENV)/local.done

# A system without a compiler may have one in $(VENV), with the packages for development; or does without.
$(LIBRARY): hark/native/filterbank.c hark/native/beam.c hark/native/align.c
	@if command -v $(CC) > /dev/null; then compiler="$(CC)"; \
	    elif $(BIN)/python -c 'import ziglang' 2> /dev/null; then compiler="$(BIN)/python -m ziglang cc"; \
	    else echo "note: no C compiler is here, so a second of audio takes 2 ms more" >&2; exit 0; fi; \
	    rm -f $@; set -x; $$compiler $(CFLAGS) -shared -fPIC -o $@ $^ -lm

$(VENV)/checkov.done: Makefile
	@test -x $(VENV)/checkov/bin/python || $(PYTHON) -m venv $(VENV)/checkov
	@echo "setting up $(VENV)/checkov with $(CHECKOV) ..."
	@$(VENV)/checkov/bin/python -m pip install --quiet --disable-pip-version-check $(CHECKOV)
	@touch $@

$(VENV)/translator.done: Makefile
	@test -x $(VENV)/translator/bin/python || $(PYTHON) -m venv $(VENV)/translator
	@echo "setting up $(VENV)/translator with $(TRANSLATOR) ..."
	@$(VENV)/translator/bin/python -m pip install --quiet --disable-pip-version-check $(TRANSLATOR)
	@touch $@

$(VENV)/audit.done: Makefile
	@test -x $(VENV)/audit/bin/python || $(PYTHON) -m venv $(VENV)/audit
	@echo "setting up $(VENV)/audit with $(PIP_AUDIT) ..."
	@$(VENV)/audit/bin/python -m pip install --quiet --disable-pip-version-check $(PIP_AUDIT)
	@touch $@

$(VENV)/peers.done: benchmarks/peers/requirements.txt
	@test -x $(VENV)/peers/bin/python || $(PYTHON) -m venv $(VENV)/peers
	@echo "setting up $(VENV)/peers with benchmarks/peers/requirements.txt ..."
	@$(VENV)/peers/bin/python -m pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@

$(VENV)/browser.done: $(VENV)/dev.done
	@$(PIP) --editable '.[browser]'
	@touch $@
