#!/usr/bin/env bash
# Builds the module and puts it at .build/airgate.wasm, whichever toolchain made it.
. "$(dirname "$0")/common.sh"
. "$root/scripts/toolchain.sh"

target=wasm32-wasip1
use_wasm $target
say "building airgate.wasm with $toolchain's Rust"
quietly wasm "${cargo[@]}" build ${CI:+--locked} --release --target $target -p airgate-gateway

# By rename, and only when it changed: a running Envoy or test never sees half a file.
made=$CARGO_TARGET_DIR/$target/release/airgate_gateway.wasm
if ! cmp -s "$made" "$build/airgate.wasm"; then
  cp "$made" "$build/airgate.wasm.new"
  mv "$build/airgate.wasm.new" "$build/airgate.wasm"
fi
