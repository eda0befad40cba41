# The ways into this project. Every target can be run on a fresh Debian machine: what is missing is installed first,
# except the Swift toolchain, which scripts/check-swift asks for.

SERVER ?= nginx
# Further arguments of scripts/run, such as RUN="--for 30".
RUN ?=
# Seconds of `make fuzz` and `make soak`.
FUZZ ?= 60
SOAK ?= 300

help: ## say what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

build: ## build .build/release/image-proxy
	@scripts/install-dependencies build
	@scripts/check-swift
	swift build -c release --product image-proxy

run: ## show proxied images in a browser (SERVER=nginx or SERVER=lighttpd); Ctrl-C stops it
	@scripts/install-dependencies build run
	@scripts/check-swift
	swift build -c release --product image-proxy
	@scripts/run --server $(SERVER) $(RUN)

test: ## build and run every test, unit and end to end
	@scripts/test

test-asan: ## run the unit tests, and the end-to-end tests behind nginx, under AddressSanitizer
	@scripts/test-sanitized address

test-tsan: ## run the same under ThreadSanitizer
	@scripts/test-sanitized thread

fuzz: ## feed the parsers that strangers reach with libFuzzer's inputs, for FUZZ=60 seconds in all
	@scripts/install-dependencies build
	@scripts/fuzz $(FUZZ)

soak: ## put a mixed, hostile load on the handler for SOAK=300 seconds, a third of that over the embedded store: nothing may be left
	@scripts/install-dependencies build test
	@scripts/check-swift
	swift build -c release --product image-proxy
	@SOAK=$(SOAK) PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 -m pytest -q -s -p no:cacheprovider Tests/EndToEnd/test_soak.py \
		Tests/EndToEnd/test_life.py::test_a_worker_that_is_stuck_is_noticed

bench: ## measure everything beside nginx and a Node server, in a quarter of an hour: Benchmarks/results/latest.md
	@scripts/install-dependencies build bench
	@scripts/check-swift
	swift build -c release --product image-proxy
	@Benchmarks/run.py

bench-quick: ## the same in two minutes, with fewer sizes and rounds: Benchmarks/results/quick.md
	@scripts/install-dependencies build bench
	@scripts/check-swift
	swift build -c release --product image-proxy
	@Benchmarks/run.py --quick

bench-eviction: ## simulate what the cache in memory answers, by the rule that says what leaves it: Benchmarks/results/eviction.md
	@Benchmarks/eviction.py

dist: ## make a tarball for shared hosting, with an executable that needs little: .build/packages
	@scripts/install-dependencies build package
	@scripts/check-swift
	@scripts/make-dist

deb: ## make a Debian package: .build/packages
	@scripts/install-dependencies build package
	@scripts/check-swift
	swift build -c release --product image-proxy
	@scripts/make-deb

lint: ## check the form of the Swift sources
	@scripts/check-swift
	swift format lint --strict --recursive Package.swift Sources Tests

clean: ## remove what was built
	rm -rf .build
	find Tests scripts Benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

.DEFAULT_GOAL := help
.PHONY: help build run test test-asan test-tsan fuzz soak bench bench-quick bench-eviction dist deb lint clean
