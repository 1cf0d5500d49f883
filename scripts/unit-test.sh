#!/usr/bin/env bash
# Runs the Rust tests natively.
. "$(dirname "$0")/common.sh"
. "$root/scripts/toolchain.sh"

use_native
say "testing the core"
exec "${cargo[@]}" test ${CI:+--locked} --workspace "$@"
