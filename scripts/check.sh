#!/usr/bin/env bash
# Everything that can be said about the code without running it.
. "$(dirname "$0")/common.sh"
. "$root/scripts/toolchain.sh"

# Of each module, in KiB. The small ones have about a twentieth to grow: a room that slips in is more.
declare -A budgets=([gateway]=1178 [tokens]=530 [affinity]=340 [routing]=280)

say "format"
(
  use_native fmt
  "${cargo[@]}" fmt --all --check
  for workspace in benches/floor fuzz; do "${cargo[@]}" fmt --manifest-path "$workspace/Cargo.toml" --check; done
)

say "clippy"
(
  use_native clippy
  "${cargo[@]}" clippy ${CI:+--locked} --quiet --workspace --all-targets -- -D warnings
)

say "clippy for wasm"
(
  use_wasm wasm32-wasip1
  [[ $toolchain == debian ]] && need_packages rust-web-clippy
  "${cargo[@]}" clippy ${CI:+--locked} --quiet --target wasm32-wasip1 --workspace --exclude airgate -- -D warnings
)

say "documentation"
(
  use_native
  RUSTDOCFLAGS="-D warnings" "${cargo[@]}" doc ${CI:+--locked} --quiet --workspace --no-deps
)

say "dependencies: licences, registries, versions"
"$root/scripts/deny.sh"

say "syntax of shell, Python and JavaScript"
for script in scripts/*.sh .ci/run; do bash -n "$script"; done
find scripts tests benches -name '*.py' -not -path '*/node_modules/*' -print0 |
  xargs -0 "$venv/bin/python" -c 'import ast, sys; [ast.parse(open(path).read(), path) for path in sys.argv[1:]]'
find tests -name '*.mjs' -not -path '*/node_modules/*' -print0 | xargs -0 -r -n1 node --check

for filter in gateway tokens affinity routing; do
  module=$(module_name "$filter") budget=$((budgets[$filter] * 1024))
  size=$(stat -c %s "$build/$module")
  say "$module is $size bytes of $budget"
  ((size <= budget)) || fail "$module is over its budget of ${budgets[$filter]} KiB"
done
