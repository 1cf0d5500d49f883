#!/usr/bin/env bash
# node.sh check: is Node new enough? Without `check` it also installs the packages of the tests.
. "$(dirname "$0")/common.sh"

command -v node >/dev/null && command -v npm >/dev/null || fail "this needs Node 20 or newer, with npm"
(($(node -p 'parseInt(process.versions.node)') >= 20)) || fail "this needs Node 20 or newer, here is $(node --version)"
[[ ${1:-} == check ]] && exit

# install NAME FOLDER: what its package-lock.json says.
install() {
  say "installing the Node packages of $2"
  (cd "$2" && quietly "npm-$1" npm ci --ignore-scripts --no-audit --no-fund)
}
for folder in tests/provider tests/manifests/shapes; do
  name=node-${folder##*/}
  once "$name" "$(node --version) $(digest "$folder/package-lock.json")" install "$name" "$folder"
done
