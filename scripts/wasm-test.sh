#!/usr/bin/env bash
# Runs the core's unit tests as wasm, in Node.
. "$(dirname "$0")/common.sh"
. "$root/scripts/toolchain.sh"

"$root/scripts/node.sh" check
"$root/scripts/wasm-bindgen.sh"
use_wasm wasm32-unknown-unknown
export CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER=$build/wasm-bindgen/bin/wasm-bindgen-test-runner
say "testing the core as wasm with $toolchain's Rust"
exec "${cargo[@]}" test ${CI:+--locked} --target wasm32-unknown-unknown -p airgate --lib "$@"
