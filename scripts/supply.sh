#!/usr/bin/env bash
# What tests/supply looks through: the schemas of CycloneDX, which a Python package carries, and a reader of images.
. "$(dirname "$0")/common.sh"

"$root/scripts/python.sh"
install() {
  say "fetching the schemas of CycloneDX"
  rm -rf "$build/cyclonedx"
  quietly cyclonedx "$venv/bin/python" -m pip install --disable-pip-version-check --no-deps --only-binary :all: \
    --require-hashes --target "$build/cyclonedx" -r scripts/cyclonedx.txt
}
once cyclonedx "$(digest scripts/cyclonedx.txt)" install
command -v skopeo >/dev/null || need_packages skopeo
