#!/usr/bin/env bash
# Builds what the module is measured against, as the module is built, and puts it at .build/floor.wasm.
. "$(dirname "$0")/common.sh"
. "$root/scripts/toolchain.sh"

target=wasm32-wasip1
use_wasm $target
export CARGO_TARGET_DIR=$CARGO_TARGET_DIR/floor
build_floor() {
  say "building floor.wasm with $toolchain's Rust"
  cd benches/floor
  quietly floor "${cargo[@]}" build ${CI:+--locked} --release --target $target
  cp "$CARGO_TARGET_DIR/$target/release/floor.wasm" "$build/floor.wasm"
}
once floor "$toolchain $(digest benches/floor/Cargo.toml benches/floor/src/*)" build_floor
