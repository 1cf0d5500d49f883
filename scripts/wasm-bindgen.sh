#!/usr/bin/env bash
# Builds the runner of the wasm tests, in exactly the lock file's version: it speaks no other.
. "$(dirname "$0")/common.sh"
. "$root/scripts/toolchain.sh"

version=$(sed -n '/^name = "wasm-bindgen"$/{n;s/^version = "\(.*\)"$/\1/p}' Cargo.lock)

install_runner() {
  say "building wasm-bindgen-cli $version (once, about three minutes)"
  use_native
  export CARGO_TARGET_DIR=$build/wasm-bindgen/target
  local install=("${cargo[@]}" install --force --root "$build/wasm-bindgen" --version "$version" wasm-bindgen-cli)
  # A registry mirror may lack a crate that this tool's own lock file names; then its neighbours have to do.
  "${install[@]}" --locked >"$build/log/wasm-bindgen.log" 2>&1 || quietly wasm-bindgen "${install[@]}"
  rm -rf "$CARGO_TARGET_DIR"
}
once wasm-bindgen "$version" install_runner
