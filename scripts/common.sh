# Sourced by every script here: where things are, how they speak, how they remember.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=$root/.build
venv=$build/venv
mkdir -p "$build/log" "$build/stamp"
cd "$root"

# To stderr: what a target prints on stdout (a token) may be captured.
say() { printf 'airgate: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

# quietly NAME COMMAND...: the noise goes to a log, and its end is shown when COMMAND fails.
quietly() {
  local log=$build/log/$1.log
  shift
  "$@" >"$log" 2>&1 && return
  tail -n 60 "$log" >&2
  fail "failed: $* (all of it in ${log#"$root"/})"
}

# What a folder of filters/ is built into.
module_name() { if [[ $1 == gateway ]]; then echo airgate.wasm; else echo "airgate-$1.wasm"; fi; }

# One hash over the files, names included.
digest() { sha256sum -- "$@" | sha256sum | cut -d' ' -f1; }

# once NAME KEY COMMAND...: run COMMAND unless it already succeeded for this KEY.
# The lock lets two terminals (or two make processes) ask at the same time.
once() {
  local name=$1 key=$2 stamp=$build/stamp/$1
  shift 2
  made() { [[ -f $stamp && $(<"$stamp") == "$key" ]]; }
  made && return
  exec 9>"$stamp.lock"
  flock 9
  if ! made; then
    "$@" 9>&-
    printf '%s\n' "$key" >"$stamp"
  fi
  exec 9>&-
}

# need_packages PACKAGE...: Debian packages, asked of the network only when one is missing.
need_packages() {
  local missing=() package as_root=()
  for package in "$@"; do
    [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || missing+=("$package")
  done
  ((${#missing[@]})) || return 0
  command -v apt-get >/dev/null || fail "this needs ${missing[*]} (names of Debian 12's packages) and there is no apt-get here"
  if ((EUID)); then
    command -v sudo >/dev/null || fail "as root, run: apt-get install --no-install-recommends ${missing[*]}"
    as_root=(sudo)
  fi
  say "installing ${missing[*]}"
  quietly apt-update "${as_root[@]}" apt-get update
  quietly apt-install "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y --no-install-recommends "${missing[@]}"
}
