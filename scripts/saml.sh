#!/usr/bin/env bash
# The broker of docs/saml.md, SATOSA, in a Python of its own: .build/saml.
. "$(dirname "$0")/common.sh"

"$root/scripts/python.sh"
# xmlsec1 checks and makes the signatures in XML.
command -v xmlsec1 >/dev/null && command -v openssl >/dev/null || need_packages xmlsec1 openssl

install() {
  say "installing SATOSA"
  quietly saml "$venv/bin/python" -m venv --clear "$build/saml"
  quietly saml "$build/saml/bin/python" -m pip install --disable-pip-version-check --require-hashes \
    -r tests/saml/requirements.txt
}
once saml "$("$venv/bin/python" -V) $(digest tests/saml/requirements.txt) $root" install
