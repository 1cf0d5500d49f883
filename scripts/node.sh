#!/usr/bin/env bash
# node.sh check: is Node new enough? Without `check` it also installs the provider's packages.
. "$(dirname "$0")/common.sh"

command -v node >/dev/null && command -v npm >/dev/null || fail "this needs Node 20 or newer, with npm"
(($(node -p 'parseInt(process.versions.node)') >= 20)) || fail "this needs Node 20 or newer, here is $(node --version)"
[[ ${1:-} == check ]] && exit

install() {
  say "installing the provider's Node packages"
  (cd tests/provider && quietly npm npm ci --ignore-scripts --no-audit --no-fund)
}
once node "$(node --version) $(digest tests/provider/package-lock.json)" install
