#!/usr/bin/env bash
# Builds modules and puts them at .build/airgate.wasm and .build/airgate-NAME.wasm, whichever toolchain made them.
# wasm.sh [NAME...]: the folders of filters/ that they are made from, the gateway if nothing is said.
. "$(dirname "$0")/common.sh"
. "$root/scripts/toolchain.sh"

"$root/scripts/binaryen.sh"
target=wasm32-wasip1
use_wasm $target
filters=("${@:-gateway}")
say "building ${filters[*]} for proxies with $toolchain's Rust"

# A panic's message names its source file. Without this machine's folders in them the module is the same everywhere.
quietly fetch "${cargo[@]}" fetch ${CI:+--locked} --target $target
for folder in "$root" "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*; do rustflags+=("--remap-path-prefix=$folder="); done
use_rustflags
quietly wasm "${cargo[@]}" build ${CI:+--locked} --release --target $target "${filters[@]/#/--package=airgate-}"

# Callbacks that do nothing, names of functions and notes on who made it are dropped; what the compiler noted of the
# features it used tells wasm-opt which it may use.
shrink() {
  quietly idle node scripts/idle.mjs "$made" "$module.new"
  quietly wasm-opt node "$build/binaryen/wasm-opt" -Oz --reorder-functions \
    --strip-debug --strip-producers --strip-target-features "$module.new" -o "$module.new"
  # By rename: a running Envoy or test never sees half a file.
  mv "$module.new" "$module"
}
for filter in "${filters[@]}"; do
  made=$CARGO_TARGET_DIR/$target/release/airgate_$filter.wasm
  module=$build/$(module_name "$filter")
  [[ -e $module ]] || rm -f "$build/stamp/shrink-$filter"
  once "shrink-$filter" "$(digest "$made" "$0" scripts/idle.mjs scripts/binaryen/package-lock.json)" shrink
done
