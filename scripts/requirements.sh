#!/usr/bin/env bash
# Pins what each requirements.in of the tests names, with all it stands on, by version and hash.
. "$(dirname "$0")/common.sh"

tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
quietly pip-tools "${PYTHON:-python3}" -m venv "$tools"
quietly pip-tools "$tools/bin/python" -m pip install --disable-pip-version-check pip-tools
# No registry's address in the file: each machine has its own way to one.
for folder in tests tests/saml; do
  say "resolving $folder/requirements.in"
  (
    cd "$folder"
    quietly pip-compile "$tools/bin/pip-compile" --upgrade --generate-hashes --strip-extras --allow-unsafe --no-header \
      --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --output-file requirements.txt requirements.in
  )
done
