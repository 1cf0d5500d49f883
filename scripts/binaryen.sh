#!/usr/bin/env bash
# Puts wasm-opt at .build/binaryen/wasm-opt, out of the npm package that scripts/binaryen pins.
. "$(dirname "$0")/common.sh"

"$root/scripts/node.sh" check

install() {
  local folder=$build/binaryen
  say "installing wasm-opt"
  rm -rf "$folder"
  mkdir -p "$folder"
  cp scripts/binaryen/package.json scripts/binaryen/package-lock.json "$folder"
  (cd "$folder" && quietly binaryen npm ci --ignore-scripts --no-audit --no-fund)
  # One file of a hundred megabytes of tools.
  mv "$folder/node_modules/binaryen/bin/wasm-opt" "$folder"
  rm -rf "$folder/node_modules" "$folder"/package*.json
}
once binaryen "$(digest scripts/binaryen/package-lock.json)" install
