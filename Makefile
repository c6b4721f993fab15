# make demo and make test need Python 3.11 and nothing else; everything goes into .venv.
# make test-devices needs QEMU, debootstrap, a C compiler, adb and ssh besides, make test-android
# these and a JDK, Maven and Android's packaging tools, make test-ios needs Swift 6 or debootstrap, and
# npm; they install them where they are run by root.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
EXTRAS := train,export,report,peers,dev

.PHONY: help setup demo test test-devices test-android test-ios lint schema peers clean

help:
	@echo "make demo          export the shipped model, classify a photo with every format, time them"
	@echo "make test          lint, types, tests"
	@echo "make test-devices  the client on fresh installs without torch and on an emulated arm64;"
	@echo "                   benchmarks over adb and ssh, and everything that can fail on the way"
	@echo "make test-android  android_demo without Gradle: lint, tests on the JVM and on Robolectric,"
	@echo "                   the packages and what is in them"
	@echo "make test-ios      ios_demo without Xcode: lint, the package built and tested on Linux; what"
	@echo "                   needs Core ML and SwiftUI type-checked; the project and Apple's names"
	@echo "make schema        the JSON Schemas of manifest, plan, record and result, from the code"
	@echo "make peers         ours against timm through the default exporters, timed: half an hour"
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
DEVICE_TOOLS := /usr/bin/qemu-aarch64 /usr/sbin/debootstrap /usr/bin/cc /usr/bin/adb /usr/bin/ssh \
	/usr/sbin/ip
DEVICE_PACKAGES := qemu-user debootstrap debian-archive-keyring gcc libc6-dev adb openssh-client \
	iproute2

test-devices: setup $(DEVICE_TOOLS) $(DEVICE_BUNDLE)/manifest.json
	$(BIN)/pytest -m devices tests/devices --bundle $(DEVICE_BUNDLE)

$(DEVICE_BUNDLE)/manifest.json: $(VENV)/.ready $(shell find mobilevit export -name '*.py')
	$(BIN)/mobilevit export mobilevit_xxs.imagenette --format onnx,tflite --precision fp32,fp16 \
		--no-time --overwrite --out $(DEVICE_BUNDLE)

# $(call install,packages)
install = @test "$$(id -u)" = 0 || { echo "$@ is missing; as root: apt-get install $(1)" >&2; exit 2; }; \
	echo "installing $(1)"; apt-get update --quiet --quiet && \
	DEBIAN_FRONTEND=noninteractive apt-get install --no-install-recommends --quiet --quiet --yes $(1)

$(DEVICE_TOOLS):
	$(call install,$(DEVICE_PACKAGES))

# the demo as CI builds it; Maven's cache keeps what it is made of
ANDROID_TOOLS := /usr/bin/javac /usr/bin/mvn /usr/bin/aapt2 /usr/bin/zipalign /usr/bin/apksigner \
	/usr/bin/dexdump /usr/bin/unzip /usr/share/android-framework-res/framework-res.apk
ANDROID_PACKAGES := openjdk-17-jdk-headless maven aapt zipalign apksigner dexdump unzip \
	android-framework-res
ANDROID_MAKE := -C android_demo/ci BUNDLE=$(abspath $(DEVICE_BUNDLE)) PYTHON=$(abspath $(BIN))/python

test-android: setup $(ANDROID_TOOLS) $(DEVICE_TOOLS) $(DEVICE_BUNDLE)/manifest.json
	$(MAKE) $(ANDROID_MAKE) lint
	$(MAKE) $(ANDROID_MAKE) -j2 --output-sync=target test apk api runner
	$(BIN)/pytest tests/android tests/clients -k android
	$(BIN)/pytest -m devices tests/devices/test_android_app.py --bundle $(DEVICE_BUNDLE)

$(ANDROID_TOOLS):
	$(call install,$(ANDROID_PACKAGES))

# what an app for iOS would be given; ONNX is what runs on Linux
IOS_BUNDLE := build/ios/bundle
IOS_MAKE := -C ios_demo/ci BUNDLE=$(abspath $(IOS_BUNDLE)) PYTHON=$(abspath $(BIN))/python
NPM := $(or $(shell command -v npm),/usr/bin/npm)
# makes a Debian with Swift where there is none
IOS_TOOLS := $(NPM) $(if $(shell command -v swift),,/usr/sbin/debootstrap)

test-ios: setup $(IOS_TOOLS) $(IOS_BUNDLE)/manifest.json
	$(MAKE) $(IOS_MAKE) lint
	$(MAKE) $(IOS_MAKE) typecheck
	$(MAKE) $(IOS_MAKE) test
	$(MAKE) $(IOS_MAKE) listing
	$(BIN)/pytest tests/ios tests/clients -k ios
	$(BIN)/pytest -m devices tests/devices/test_ios_app.py --bundle $(IOS_BUNDLE)

$(IOS_BUNDLE)/manifest.json: $(VENV)/.ready $(shell find mobilevit export -name '*.py')
	$(BIN)/mobilevit export mobilevit_xxs.imagenette --format onnx,coreml --precision fp32,fp16 \
		--no-time --overwrite --out $(IOS_BUNDLE)

$(NPM):
	$(call install,npm)

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy android_demo/ci ios_demo/ci tests/clients

schema: setup
	$(BIN)/python docs/schemas.py

peers: setup
	$(BIN)/python -m mobilevit_benchmarks.peers build/peers
	$(BIN)/python benchmarks/peers_figure.py build/peers/peers.json build/peers/peers.png

clean:
	rm -rf build android_demo/build ios_demo/build
