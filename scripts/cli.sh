#!/usr/bin/env bash
# Builds the command `airgate` and puts it at .build/airgate.
. "$(dirname "$0")/common.sh"
. "$root/scripts/toolchain.sh"

use_native
say "building the command airgate"
quietly cli "${cargo[@]}" build ${CI:+--locked} --bin airgate

# By rename, and only when it changed: a test that runs never sees half a file.
made=$CARGO_TARGET_DIR/debug/airgate
if ! cmp -s "$made" "$build/airgate"; then
  cp "$made" "$build/airgate.new"
  mv "$build/airgate.new" "$build/airgate"
fi
