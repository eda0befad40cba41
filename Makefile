# The ways into this project. Every target can be run on a fresh Debian machine: what is missing is installed first,
# except the Swift toolchain, which scripts/check-swift asks for.

SERVER ?= nginx
# Further arguments of scripts/run, such as RUN="--for 30".
RUN ?=

help: ## say what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

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

bench: ## measure everything beside nginx and a Node server, in about ten minutes: Benchmarks/results/latest.md
	@scripts/install-dependencies build bench
	@scripts/check-swift
	swift build -c release --product image-proxy
	@Benchmarks/run.py

bench-quick: ## the same in two minutes, with fewer sizes and rounds: Benchmarks/results/quick.md
	@scripts/install-dependencies build bench
	@scripts/check-swift
	swift build -c release --product image-proxy
	@Benchmarks/run.py --quick

lint: ## check the form of the Swift sources
	@scripts/check-swift
	swift format lint --strict --recursive Package.swift Sources Tests

clean: ## remove what was built
	rm -rf .build
	find Tests scripts Benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

.DEFAULT_GOAL := help
.PHONY: help build run test bench bench-quick lint clean
