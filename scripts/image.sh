#!/usr/bin/env bash
# The module as an OCI image, at .build/image: docs/release.md says what is in it.
. "$(dirname "$0")/common.sh"

# A revision is named only when the sources are what it says.
revision=${REVISION-$(git rev-parse HEAD 2>/dev/null || true)}
if [[ -z ${REVISION+set} && -n $(git status --porcelain 2>/dev/null) ]]; then
  say "there are changes that are not committed, so the image names no revision"
  revision=
fi
mkdir -p "$build/image"
"${PYTHON:-python3}" scripts/image.py "$build/airgate.wasm" "$build/airgate.cdx.json" "$build/image/airgate" \
  --revision "$revision"
