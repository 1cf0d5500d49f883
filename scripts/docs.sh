#!/usr/bin/env bash
# What the examples of the pages call, and Debian may not have: the tests of the documents run them.
. "$(dirname "$0")/common.sh"
for command in jq openssl curl; do
  command -v "$command" >/dev/null || need_packages "$command"
done
[[ -d tests/manifests/shapes/node_modules ]] || "$root/scripts/node.sh"
