#!/usr/bin/env bash
# Makes .build/venv from tests/requirements.txt, every package pinned by its hash.
. "$(dirname "$0")/common.sh"

python=${PYTHON:-python3}
command -v "$python" >/dev/null || fail "this needs Python 3.11 or newer (Debian: apt-get install python3 python3-venv)"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || fail "this needs Python 3.11 or newer, $python is $("$python" -V)"

make_venv() {
  say "installing the Python packages of the tests"
  # Debian splits ensurepip off into a package of its own.
  "$python" -c 'import ensurepip' 2>/dev/null || need_packages python3-venv
  quietly venv "$python" -m venv --clear "$venv"
  quietly pip "$venv/bin/python" -m pip install --disable-pip-version-check --require-hashes -r tests/requirements.txt
}
once venv "$("$python" -V) $(digest tests/requirements.txt) $root" make_venv
