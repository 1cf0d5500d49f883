# Every task a person runs. Each target sets up what it needs, once; `make` alone lists them.
.DEFAULT_GOAL := help
.NOTPARALLEL:
SHELL := bash

scripts := scripts
python := PYTHONPATH=tests PYTHONDONTWRITEBYTECODE=1 .build/venv/bin/python
bench := PYTHONPATH=tests:. PYTHONDONTWRITEBYTECODE=1 .build/venv/bin/python -m benches
envoy := 1.40.0
envoys := 1.36.4 $(envoy)

# In the order in which one comes to them; a target of a new kind is among the last.
.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' ' \
	  function kind(name) { \
	    if (name ~ /^(demo|smoke|token)/) return 1; \
	    if (name ~ /^(check|test)/) return 2; \
	    if (name ~ /^(setup|wasm|cli|image|modules|sbom)/) return 3; \
	    if (name ~ /^(bench|soak|fuzz|mutants)/) return 4; \
	    return 5; \
	  } \
	  /^[a-z-]+:.*## / { lines[kind($$1)] = lines[kind($$1)] sprintf("  make %-17s %s\n", $$1, $$2) } \
	  END { \
	    split("Try it|Test it|Build it|Measure it, and wear it out|Look after it", titles, "|"); \
	    for (number = 1; number <= 5; number++) if (lines[number]) printf "%s\n%s\n", titles[number], lines[number]; \
	  }' Makefile

.PHONY: setup
setup: wasm cli python node envoys browser ## set everything up, so that the rest works offline
	@$(scripts)/wasm-bindgen.sh
	@$(scripts)/load.sh
	@$(scripts)/deny.sh fetch
	@$(scripts)/supply.sh

.PHONY: wasm
wasm: ## build the module, .build/airgate.wasm
	@$(scripts)/wasm.sh

.PHONY: modules
modules: ## build the modules that do one thing, .build/airgate-*.wasm: filters/README.md
	@$(scripts)/wasm.sh affinity routing tokens

.PHONY: cli
cli: ## build the command, .build/airgate; `cargo install --path .` installs it
	@$(scripts)/cli.sh

.PHONY: sbom
sbom: wasm ## write down what is linked into the module: .build/airgate.cdx.json
	@$(scripts)/sbom.sh

.PHONY: image
image: sbom ## the module as OCI images, in one layout: .build/image (docs/release.md)
	@$(scripts)/image.sh

.PHONY: demo
demo: parts ## run the demo here until Ctrl-C, and say where to click and what to curl
	@$(python) -m lab.demo run

.PHONY: demo-up
demo-up: parts ## run the demo in the background; writes .demo/env
	@$(python) -m lab.demo up

.PHONY: demo-down
demo-down: python ## stop it
	@$(python) -m lab.demo down

.PHONY: smoke
smoke: parts ## a handful of real requests through the demo
	@$(python) -m lab.demo smoke

FOR ?= alice
.PHONY: token
token: python ## print an access token: make -s token FOR=alice|bob|carol|ci-bot|agent
	@$(python) -m lab.demo token $(FOR)

.PHONY: test
test: test-unit test-cli test-node test-host test-envoy test-modules test-manifests test-providers test-ways test-wasm ## all tests

.PHONY: bench
bench: bench-parts ## what a request costs, beside Envoy's own filters, HAProxy and the floor: about 20 minutes
	@$(bench) whole $(ARGS)

.PHONY: bench-quick
bench-quick: bench-parts ## a few of those, in about 2 minutes
	@$(bench) quick $(ARGS)

.PHONY: bench-write
bench-write: python ## write the last results into benches/, its README.md too
	@$(bench) write

.PHONY: test-unit
test-unit: ## the core's tests, native
	@$(scripts)/unit-test.sh $(ARGS)

.PHONY: upgrade-fixtures
upgrade-fixtures: ## keep what this version writes (cookies, shared data) for later versions to read: once, at a release
	@$(scripts)/unit-test.sh --test upgrades -- --ignored

.PHONY: test-upgrade
test-upgrade: parts ## gateways of two versions side by side: make test-upgrade PREVIOUS=/path/to/the/old/airgate.wasm
	@AIRGATE_PREVIOUS="$(abspath $(PREVIOUS))" $(python) -m pytest tests/envoy/scale/test_two_versions.py $(ARGS)

.PHONY: test-cli
test-cli: cli python ## the command, and what the documents say of it
	@$(python) -m pytest tests/cli $(ARGS)

.PHONY: test-wasm
test-wasm: ## the core's tests as wasm, in Node
	@$(scripts)/wasm-test.sh $(ARGS)

.PHONY: test-node
test-node: node ## the tests of the provider and the stand-in
	@node --test $(wildcard tests/provider/*.test.mjs tests/standin/*.test.mjs)

.PHONY: test-host
test-host: wasm ## the module in a host where everything goes wrong
	@$(scripts)/node.sh check
	@node --test $(wildcard tests/host/*.test.mjs)

.PHONY: test-envoy
test-envoy: wasm cli python node envoys browser ## real Envoy, provider, browser and SDK; ARGS="-k cookie" for some
	@$(python) -m pytest tests/envoy tests/soak --numprocesses 3 --dist loadfile $(ARGS)

.PHONY: test-modules
test-modules: modules parts ## the modules that do one thing, as their READMEs show them, in a real Envoy
	@$(python) -m pytest tests/modules $(ARGS)
	@node --test $(wildcard tests/modules/*.test.mjs)

MINUTES ?= 60
.PHONY: soak
soak: parts ## an hour of mixed traffic while everything changes: make soak MINUTES=10
	@MINUTES=$(MINUTES) $(python) -m pytest tests/soak -s $(ARGS)

.PHONY: soak-memory
soak-memory: wasm ## a million requests of strangers: the curve of the module's memory
	@$(scripts)/node.sh check
	@AIRGATE_REQUESTS=1000000 node --test tests/host/memory.test.mjs

.PHONY: test-manifests
test-manifests: parts cli ## what stands in envoy-example/ for Kubernetes, Istio and Envoy Gateway: shapes, and driven
	@$(python) -m pytest tests/manifests $(ARGS)

.PHONY: test-saml
test-saml: parts ## sign in with SAML, through a broker: docs/saml.md; not part of `make test`
	@$(scripts)/saml.sh
	@$(python) -m pytest tests/saml $(ARGS)

.PHONY: test-docs
test: test-docs
test-docs: parts cli envoys ## every block of code, link and name in all pages; the README, run against the demo
	@$(scripts)/docs.sh
	@$(python) -m pytest tests/docs $(ARGS)

.PHONY: test-providers
test-providers: parts cli ## the settings and the sample tokens of docs/providers
	@$(python) -m pytest tests/providers $(ARGS)

.PHONY: test-ways
test-ways: wasm cli python node envoys ## the ways over: HAProxy, Envoy's own filters and airgate, asked the same
	@$(scripts)/load.sh
	@$(python) -m pytest tests/ways $(ARGS)

.PHONY: test-supply
test: test-supply
test-supply: image python ## lock files, SBOM and images, read back
	@$(scripts)/supply.sh
	@$(python) -m pytest tests/supply $(ARGS)

.PHONY: test-reproducible
test: test-reproducible
test-reproducible: ## build the module once more, in another folder: the same, byte for byte
	@$(scripts)/reproducible.sh

SECONDS_EACH ?= 20
.PHONY: fuzz-smoke
fuzz-smoke: ## fuzz each target for a moment; ARGS="token jwks" for some, SECONDS_EACH=60 for longer
	@$(scripts)/fuzz.sh $(SECONDS_EACH) $(ARGS)

.PHONY: fuzz
fuzz: ## fuzz each target for ten minutes
	@$(scripts)/fuzz.sh 600 $(ARGS)

.PHONY: mutants
mutants: ## change the core in one place at a time, and see which tests notice: hours; docs/mutants.md has shorter ways
	@$(scripts)/mutants.sh $(ARGS)

.PHONY: check
check: wasm modules python ## format, clippy, docs, dependencies, syntax, sizes of the modules
	@$(scripts)/check.sh

.PHONY: requirements
requirements: ## pin the Python packages of the tests anew, with hashes
	@$(scripts)/requirements.sh

.PHONY: screenshots
screenshots: parts browser ## make the pictures of docs/images anew, about 4 minutes: the pages, and the dashboard's panels
	@$(scripts)/prometheus.sh
	@$(python) -m lab.screenshots

.PHONY: clean
clean: ## remove everything that make built
	@[ ! -e .demo ] || $(MAKE) -s demo-down
	rm -rf .build .demo target tests/provider/node_modules tests/manifests/shapes/node_modules

# What the targets above stand on; each is quick when there is nothing to do.
.PHONY: parts bench-parts python node envoys browser
parts: wasm python node
	@$(scripts)/envoy.sh $(envoy)
bench-parts: parts
	@$(scripts)/floor.sh
	@$(scripts)/load.sh
python:
	@$(scripts)/python.sh
node:
	@$(scripts)/node.sh
envoys:
	@$(scripts)/envoy.sh $(envoys)
browser:
	@$(scripts)/browser.sh
