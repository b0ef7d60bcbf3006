# SPDX-License-Identifier: MIT OR Apache-2.0
# The face for people: `make demo` and `make test` need nothing but Debian 12 or 13 (scripts/test-bare).
BUILD ?= build/release
JOBS ?= $(shell nproc)
export TORCH_DIR

# `make build` and `make demo` install and build no test; the others switch them on in the same tree.
TESTS = OFF
PARTS =
test test-game test-full bench bench-pixels bench-train: TESTS = ON
test test-full: PARTS = test faces training check lint
test-game bench: PARTS = test
bench-pixels: PARTS = test peers
bench-train: PARTS = test training
test-full: PARTS += peers fuzz

.PHONY: help setup build demo test test-game test-full test-bare bench bench-pixels bench-train check format clean
help:
	@echo "make demo          install what is missing, build, paint"
	@echo "make test          install what is missing, build, run the tests of every language"
	@echo "make test-game     prompt to screenshot: paints into a running Bevy game (a long build)"
	@echo "make test-full     every claim at its full count; appends to docs/evidence.md"
	@echo "make setup         only install (Debian packages, .venv)"
	@echo "make build         only build, into $(BUILD)"
	@echo "make bench         the engine's speed beside diffusers'"
	@echo "make bench-pixels  what the command fix makes beside its peers, by kind of picture"
	@echo "make bench-train   a LoRA step of SDXL: time, memory, forecast (full size on a GPU)"
	@echo "make check         style, lint, types and spelling of every language, in seconds"
	@echo "make format        clang-format over the C and C++ sources"
	@echo "make test-bare     both commands in a bare Debian root (scripts/test-bare --help)"
	@echo "settings: TORCH_DIR=FOLDER (use this torch 2.11), BUILD=FOLDER, JOBS=N, STAGES='c python' (of test);"
	@echo "          REQUIRE_ALL=1 (a missing Rust, Node, browser or shared data fails instead of being skipped)"

setup:
	@scripts/setup build torch test faces training

build:
	@scripts/setup build torch $(PARTS)
	@mkdir -p $(BUILD)
	@cmake -S . -B $(BUILD) -G Ninja -DDGXP_TESTS=$(TESTS) $(CMAKE_FLAGS) >$(BUILD)/configure.log 2>&1 || { cat $(BUILD)/configure.log; exit 1; }
	@ninja -C $(BUILD) -j $(JOBS)

demo: build
	@scripts/demo $(BUILD)

test: build
	@scripts/test --build $(BUILD) $(if $(STAGES),--only $(STAGES))

test-game: build
	@scripts/test --build $(BUILD) --only game

test-full: build
	@scripts/test --full --build $(BUILD)

test-bare:
	@scripts/test-bare

bench: build
	@.venv/bin/python tests/bench_engine.py --build $(BUILD)
	@.venv/bin/python tests/bench_lora.py --build $(BUILD)
	@.venv/bin/python tests/bench_starter.py --build $(BUILD)
	@.venv/bin/python tests/bench_server.py --build $(BUILD)

bench-pixels: build
	@.venv/bin/python tests/pixels/bench_command.py --build $(BUILD) --peers .venv-peers/bin/python

bench-train: build
	@.venv/bin/python tests/bench_train.py --build $(BUILD)

check:
	@scripts/setup check
	@scripts/check

format:
	@scripts/setup check
	@git ls-files '*.c' '*.h' '*.cpp' '*.hpp' | xargs .venv/bin/clang-format -i

clean:
	@rm -rf build
