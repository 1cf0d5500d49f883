#!/usr/bin/env bash
# Builds the module and puts it at .build/airgate.wasm, whichever toolchain made it.
. "$(dirname "$0")/common.sh"
. "$root/scripts/toolchain.sh"

"$root/scripts/binaryen.sh"
target=wasm32-wasip1
use_wasm $target
say "building airgate.wasm with $toolchain's Rust"

# A panic's message names its source file. Without this machine's folders in them the module is the same everywhere.
quietly fetch "${cargo[@]}" fetch ${CI:+--locked} --target $target
for folder in "$root" "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*; do rustflags+=("--remap-path-prefix=$folder="); done
use_rustflags
quietly wasm "${cargo[@]}" build ${CI:+--locked} --release --target $target -p airgate-gateway

# Callbacks that do nothing, names of functions and notes on who made it are dropped; what the compiler noted of the
# features it used tells wasm-opt which it may use.
shrink() {
  quietly idle node scripts/idle.mjs "$made" "$build/airgate.wasm.new"
  quietly wasm-opt node "$build/binaryen/wasm-opt" -Oz --reorder-functions \
    --strip-debug --strip-producers --strip-target-features "$build/airgate.wasm.new" -o "$build/airgate.wasm.new"
  # By rename: a running Envoy or test never sees half a file.
  mv "$build/airgate.wasm.new" "$build/airgate.wasm"
}
made=$CARGO_TARGET_DIR/$target/release/airgate_gateway.wasm
[[ -e $build/airgate.wasm ]] || rm -f "$build/stamp/shrink"
once shrink "$(digest "$made" "$0" scripts/idle.mjs scripts/binaryen/package-lock.json)" shrink
