#!/usr/bin/env bash
# Builds the module once more, from a copy in another folder and with another Cargo home, and compares every byte.
. "$(dirname "$0")/common.sh"

"$root/scripts/wasm.sh"
# Longer than this checkout's path, whatever that is: a folder that found its way into the module changes its size.
copy=$(mktemp -d)/elsewhere/${root//\//-}
trap 'rm -rf "${copy%/elsewhere/*}"' EXIT
mkdir -p "$copy/.build/stamp"
git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents -t "$copy"
# wasm-opt is pinned and only runs; it need not be fetched twice.
cp -r .build/binaryen "$copy/.build"
cp .build/stamp/binaryen "$copy/.build/stamp"

# The packages that are here already, to be unpacked anew.
cargo_home=${CARGO_HOME:-$HOME/.cargo}
mkdir -p "$copy/cargo/registry"
for part in config config.toml registry/index registry/cache; do
  [[ ! -e $cargo_home/$part ]] || ln -s "$cargo_home/$part" "$copy/cargo/$part"
done

say "building once more, elsewhere"
(cd "$copy" && CARGO_HOME=$copy/cargo RUSTUP_HOME=${RUSTUP_HOME:-$HOME/.rustup} scripts/wasm.sh)
if ! cmp "$build/airgate.wasm" "$copy/.build/airgate.wasm"; then
  cp "$copy/.build/airgate.wasm" "$build/airgate-elsewhere.wasm"
  fail "the two builds differ: .build/airgate.wasm, .build/airgate-elsewhere.wasm"
fi
say "the same module from both, sha256 $(sha256sum <"$build/airgate.wasm" | cut -d' ' -f1)"
