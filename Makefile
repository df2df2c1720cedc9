# Two commands do everything on a fresh Debian 12 machine, set-up included: `make demo`, `make test`.
# What a target needs beyond the compiler is installed when it is first asked for (tools/setup).

JOBS ?= $(shell nproc)
# `make fuzz SECONDS=60` gives each fuzz target a minute; `make fuzz RUNS=1000000` a number of runs.
SECONDS ?= 20
RUNS ?=
MINUTES ?= 10
KILLS ?=
SEED ?= 1
DEVIATIONS ?= 5
NODES ?= 7

# tsan cannot place its shadow memory under the widest address randomisation; where the personality
# may be changed, its programs run without.
NO_ASLR := $(shell setarch $$(uname -m) -R true 2>/dev/null && echo setarch $$(uname -m) -R)

.DEFAULT_GOAL := help
.PHONY: help setup build demo test test-real test-aarch64 model asan tsan fuzz lint format bench bench-serve soak-sidecar sim small-world crash-points mutation-board soak clean
.NOTPARALLEL:

help: ## This list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## Install the Debian packages that the build needs (only what is missing)
	@tools/setup build

build: setup ## Build the programs into build/bin
	@cmake --preset release --log-level=WARNING >/dev/null
	@cmake --build --preset programs -j $(JOBS)

demo: build ## Compare small language models that ship here: verdicts, a picture, a certificate
	@tools/demo

test: setup ## Build and run every test
	@tools/setup peers
	@tools/setup-npm
	@cmake --preset release --log-level=WARNING >/dev/null
	@cmake --build --preset release -j $(JOBS)
	@ctest --preset release -j $(JOBS)

test-real: setup ## Fetch models that people use (tools/fetch-models) and test with them
	@tools/setup real
	@tools/fetch-models
	@cmake --preset release --log-level=WARNING >/dev/null
	@cmake --build --preset release -j $(JOBS) --target assay_app_test
	@ASSAY_REAL_MODELS=required ctest --preset release -L real-models

test-aarch64: build ## The program on an emulated 64-bit Arm: the same bits as here
	@tools/setup aarch64
	@tools/test-aarch64

model: ## Explore every state of the model of the view change (docs/model)
	@tools/setup model
	@tools/check-model

asan: setup ## The tests under the address and undefined-behaviour sanitizers
	@cmake --preset asan --log-level=WARNING >/dev/null
	@cmake --build --preset asan -j $(JOBS)
	@ctest --preset asan -j $(JOBS)

tsan: setup ## The tests that start threads, under the thread sanitizer
	@cmake --preset tsan --log-level=WARNING >/dev/null
	@$(NO_ASLR) cmake --build --preset tsan -j $(JOBS)
	@$(NO_ASLR) ctest --preset tsan -j $(JOBS)

fuzz: setup ## Fuzz every parser: SECONDS=20 each, or RUNS=1000000 each
	@tools/setup fuzz
	@cmake --preset fuzz --log-level=WARNING >/dev/null
	@cmake --build --preset fuzz -j $(JOBS)
	@tools/fuzz --jobs $(JOBS) $(if $(RUNS),--runs $(RUNS),--seconds $(SECONDS))

lint: setup ## clang-tidy on what changed since main; ALL=1 for every file
	@tools/setup lint
	@cmake --preset clang --log-level=WARNING >/dev/null
	@tools/lint --jobs $(JOBS) $(if $(ALL),--all)

format: ## clang-format on every source
	@tools/setup format
	@find src -name '*.h' -o -name '*.cc' | xargs -r clang-format-19 -i

bench-serve: build ## The inference sidecar under load: MODEL=file.gguf; PEER=1 beside llama.cpp's server
	@cmake --build --preset release -j $(JOBS) --target http-load
	@tools/bench-serve $(MODEL) $(if $(PEER),--llama-server "$$(tools/build-llama-cpp server)")

soak-sidecar: build ## The inference sidecar under abuse: 100,000 requests, 100,000 cut streams
	@tools/soak-sidecar

bench: setup ## Benchmarks; PEER=1 also builds llama.cpp outside and runs it beside (slow)
	@tools/setup bench
	@cmake --preset bench --log-level=WARNING >/dev/null
	@cmake --build --preset bench -j $(JOBS)
	@tools/bench
ifneq ($(PEER),)
	@$(MAKE) --no-print-directory build
	@tools/bench-llama-cpp
endif

sim: setup ## Simulate consensus under faults and adversaries: SEED=1 and on, for SECONDS=60
	@cmake --preset release --log-level=WARNING >/dev/null
	@cmake --build --preset release -j $(JOBS) --target probft-sim
	@build/bin/probft-sim --seed $(SEED) --jobs $(JOBS) \
	  --seconds $(if $(filter file,$(origin SECONDS)),60,$(SECONDS))

small-world: setup ## Explore every pattern of a small consensus with up to DEVIATIONS=5 deviations
	@cmake --preset release --log-level=WARNING >/dev/null
	@cmake --build --preset release -j $(JOBS) --target probft-sim
	@build/bin/probft-sim --small-world $(DEVIATIONS)

crash-points: setup ## Stop each of NODES=7 validators at each of its writes, in every way
	@cmake --preset release --log-level=WARNING >/dev/null
	@cmake --build --preset release -j $(JOBS) --target probft-sim
	@build/bin/probft-sim --crash-points $(NODES)

mutation-board: setup ## Build mistakes into consensus, one at a time: the simulator finds each
	@cmake --preset release --log-level=WARNING >/dev/null
	@cmake --build --preset release -j $(JOBS) --target mutation-board
	@tools/mutation-board --seed $(SEED)

soak: build ## Kill and resume verifications for MINUTES=10 or KILLS=100; vary threads and memory
	@tools/soak $(if $(KILLS),--kills $(KILLS),--minutes $(MINUTES))

clean: ## Remove everything that was built
	rm -rf build
