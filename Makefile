# The one list of commands. `make help` prints it.

SHELL := /bin/bash
CARGO ?= cargo
DATA ?=
OUT ?=
MODEL ?= models/invdet-s

.PHONY: help demo test check lint doc rigs rig-peers rig-reference rig-aarch64 rig-cuda bench train accuracy clips clean

help: ## This list
	@awk -F':.*## ' '/^[a-z][a-z0-9-]*:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: ## The main job: synthetic scene -> detections -> tracks -> MAVLink -> table and overlay (DATA=folder adds real frames)
	@tests/rigs/need.sh cc:gcc ffmpeg
	$(CARGO) build --release -p invdet-runtime
	rm -rf demo-out
	target/release/invdet demo --model $(MODEL) --out demo-out $(if $(DATA),--data "$(DATA)")

test: ## All quick tests
	@tests/rigs/need.sh cc:gcc c++:g++ ffmpeg
	$(CARGO) test --workspace

check: lint test doc ## Format, lints with warnings denied, tests, documentation

lint:
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings

doc:
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps

rigs: rig-peers rig-reference rig-aarch64 rig-cuda ## All slow checks against real peers and foreign machines

rig-peers: ## pymavlink receives a replay over UDP and over a pty pair, TensorBoard reads a run; all values equal
	tests/rigs/peers.sh

rig-reference: ## PyTorch and the metrics' references agree with what is committed
	tests/rigs/reference.sh

rig-aarch64: ## Cross-build for aarch64, unit tests and NEON parity under qemu
	tests/rigs/aarch64.sh

rig-cuda: ## CUDA kernels: register budget by nvcc, NVRTC, plain code on the CPU, and the device where there is one
	tests/rigs/cuda.sh

bench: ## The figures of the README (a quiet machine, please)
	tests/rigs/bench.sh

train: ## Train a model: make train DATA="dir dir" OUT=runs/name
	$(CARGO) run --release -p invdet-train -- train $(foreach d,$(DATA),--data $(d)) --out "$(or $(OUT),$(error name the folder of the run: OUT=runs/name))"

accuracy: ## Metric tables on the official test splits: make accuracy DATA=folder MODEL=models/name
	MODEL=$(MODEL) tests/rigs/accuracy.sh "$(DATA)"

clips: ## Detection and tracking on labelled clips: make clips DATA=folder with videos/ and labels/
	MODEL=$(MODEL) tests/rigs/clips.sh "$(DATA)"

clean: ## Remove what builds and rigs left behind
	$(CARGO) clean
	rm -rf .cache demo-out
