# make demo and make test need Python 3.11 and nothing else; everything goes into .venv.
# make test-devices needs QEMU, debootstrap, a C compiler, adb and ssh besides, and installs them
# where it is run by root.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
EXTRAS := train,export,report,peers,dev

.PHONY: help setup demo test test-devices lint schema latency clean

help:
	@echo "make demo          export the shipped model, classify a photo with every format, time them"
	@echo "make test          lint, types, tests"
	@echo "make test-devices  the client on fresh installs without torch and on an emulated arm64;"
	@echo "                   benchmarks over adb and ssh, and everything that can fail on the way"
	@echo "make schema        the JSON Schemas of manifest, plan, record and result, from the code"
	@echo "make latency       the latency table of XXS and S"
	@echo "make clean         remove what the others built; the environment stays"

setup: $(VENV)/.ready

$(VENV)/.ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt \
		--editable '.[$(EXTRAS)]'
	touch $@

demo: setup
	$(BIN)/python examples/demo.py

test: lint
	$(BIN)/pytest

# what a phone or a small board would be given
DEVICE_BUNDLE := build/devices/bundle
DEVICE_TOOLS := /usr/bin/qemu-aarch64 /usr/sbin/debootstrap /usr/bin/cc /usr/bin/adb /usr/bin/ssh
APT_INSTALL := apt-get install --no-install-recommends qemu-user debootstrap gcc libc6-dev adb \
	openssh-client

test-devices: setup $(DEVICE_TOOLS) $(DEVICE_BUNDLE)/manifest.json
	$(BIN)/pytest -m devices tests/devices --bundle $(DEVICE_BUNDLE)

$(DEVICE_BUNDLE)/manifest.json: $(VENV)/.ready $(shell find mobilevit export -name '*.py')
	$(BIN)/mobilevit export mobilevit_xxs.imagenette --format onnx,tflite --precision fp32,fp16 \
		--overwrite --out $(DEVICE_BUNDLE)

$(DEVICE_TOOLS):
	@test "$$(id -u)" = 0 || { echo "$@ is missing; as root: $(APT_INSTALL)" >&2; exit 2; }
	@echo "installing what emulates devices and reaches them: $(APT_INSTALL)"
	apt-get update --quiet --quiet
	DEBIAN_FRONTEND=noninteractive $(APT_INSTALL) --quiet --quiet --yes

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

schema: setup
	$(BIN)/python docs/schemas.py

latency: setup
	$(BIN)/python benchmarks/v1_latency.py

clean:
	rm -rf build
