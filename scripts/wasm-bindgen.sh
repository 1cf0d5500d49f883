#!/usr/bin/env bash
# Builds the runner of the wasm tests, in exactly the lock file's version: it speaks no other.
. "$(dirname "$0")/common.sh"
. "$root/scripts/toolchain.sh"

version=$(sed -n '/^name = "wasm-bindgen"$/{n;s/^version = "\(.*\)"$/\1/p}' Cargo.lock)

install() {
  say "building wasm-bindgen-cli $version (once, about three minutes)"
  use_native
  quietly wasm-bindgen env CARGO_TARGET_DIR="$build/wasm-bindgen/target" \
    "${cargo[@]}" install --locked --force --root "$build/wasm-bindgen" --version "$version" wasm-bindgen-cli
  rm -rf "$build/wasm-bindgen/target"
}
once wasm-bindgen "$version" install
