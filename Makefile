# The whole interface for a newcomer: `make help`. docs/building.md has the details.
#
# One configuration: release, with -enable-testing in every command, so that the tests and the program share one build.

SWIFT ?= swift
PREFIX ?= /usr/local
SCRATCH ?= .build
# Of make fuzz.
T ?= 60
TARGETS ?=
# A part of the tests: make test FILTER=GeometryTests
FILTER ?=
# As the program does for itself (Sources/pupil/Pupil.swift): threads that wait do not hold up a busy machine.
export GOMP_SPINCOUNT ?= 10000
FLAGS = -c release -Xswiftc -enable-testing --scratch-path $(SCRATCH)
DRY = PUPIL_DRY=1 $(SWIFT)
DRY_FLAGS = -c release -Xswiftc -enable-testing --scratch-path $(SCRATCH)/dry
FILTERED = $(if $(FILTER),--filter $(FILTER))

.DEFAULT_GOAL := help
.PHONY: help deps build demo demo-long test test-all test-dry test-data fuzz lint format bench install clean

help: ## say what can be made
	@sed -n -E 's/^([a-z-]+):.*## (.*)/  make \1|\2/p' Makefile | while IFS='|' read -r name text; do \
	    printf '%-18s %s\n' "$$name" "$$text"; done

deps: ## install what is missing: system libraries by apt, libtorch into .deps (CUDA=1, FROM_PYTHON=, LIBTORCH=)
	@Scripts/deps.sh

build: deps ## build .build/release/pupil
	$(SWIFT) build $(FLAGS) --product pupil

demo: build ## draw pictures, train teacher, control and student, print the table (6 minutes)
	@Scripts/demo.sh

demo-long: build ## at the length where supervised training stops, five seeds side by side (an hour or more; resumes)
	@Scripts/demo-long.sh

test: deps ## build and run the tests (FILTER=Name for some of them)
	$(SWIFT) build $(FLAGS) --build-tests
	$(SWIFT) test $(FLAGS) --skip-build --no-parallel $(FILTERED)

test-all: export PUPIL_TEST_ALL = 1
test-all: test ## the tests with the slow ones (a hundred kill-and-resume trials), peers, a page in headless Chromium
	@Scripts/check-peers.sh
	@Scripts/check-page.sh

test-data: export PUPIL_TEST_DATA = $(abspath $(DATA))
test-data: ## the tests with the checks on external pictures: make test-data DATA=folder
	@test -n "$(DATA)" || { echo "make test-data needs DATA=folder" >&2; exit 2; }
	@test -d "$(DATA)" || { echo "make test-data: there is no folder $(DATA)" >&2; exit 2; }
	@$(MAKE) --no-print-directory test

test-dry: ## build and test the part that needs no libtorch
	$(DRY) build $(DRY_FLAGS) --build-tests
	$(DRY) test $(DRY_FLAGS) --skip-build --no-parallel $(FILTERED)

fuzz: ## feed broken bytes to every parser, T seconds each (T=60, TARGETS="jpeg json")
	@SWIFT="$(SWIFT)" SCRATCH="$(SCRATCH)" T="$(T)" TARGETS="$(TARGETS)" Scripts/fuzz.sh

lint: ## check format, imports and texts
	@python3 Scripts/check-imports.py
	@python3 Scripts/check-text.py
	@$(SWIFT) format lint --strict --parallel --recursive Sources Tests Fuzz Package.swift
	@echo "lint: nothing to complain about"

format: ## format the sources in place
	$(SWIFT) format --in-place --parallel --recursive Sources Tests Fuzz Package.swift

bench: build ## compare with Python peers, side by side (installs them into .deps/peers)
	@Scripts/bench.sh

install: deps ## lay out bin, lib and share under PREFIX (/usr/local)
	@Scripts/install.sh "$(PREFIX)"

clean: ## remove what was built; .deps, runs and demo stay
	rm -rf $(SCRATCH)
