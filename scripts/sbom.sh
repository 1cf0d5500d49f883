#!/usr/bin/env bash
# Writes down what is linked into the module, at .build/airgate.cdx.json.
# Not by cargo-cyclonedx (0.5.9), which knows the features of the whole workspace only, names macros that are not in the
# module, puts this machine's folders into its identifiers, and takes 178 crates and some minutes to install.
. "$(dirname "$0")/common.sh"
. "$root/scripts/toolchain.sh"

use_wasm wasm32-wasip1
# What no lock file names: the standard library, and the C library under it.
release=$("${RUSTC:-rustc}" -vV | sed -n 's/^release: //p')
if [[ $toolchain == debian ]]; then
  version() { dpkg-query -W -f '${Version}' "$1"; }
  purl() { printf 'pkg:deb/debian/%s@%s' "$1" "$(version "$1" | sed 's/+/%2B/g; s/:/%3A/g')"; }
  beside=(
    --beside rust-std "$release" "$(purl rust-web-src)" "MIT OR Apache-2.0"
    --beside wasi-libc "$(version wasi-libc)" "$(purl wasi-libc)" "MIT, CC0-1.0, BSD-2-Clause"
  )
else
  beside=(--beside rust-std "$release" "pkg:generic/rust-std@$release" "MIT OR Apache-2.0")
fi
sbom=$build/airgate.cdx.json
CARGO=${cargo[0]} "${PYTHON:-python3}" scripts/sbom.py "$build/airgate.wasm" "${beside[@]}" >"$sbom.new"
mv "$sbom.new" "$sbom"
say "what is in the module: .build/airgate.cdx.json"
