#!/usr/bin/env bash
# Debian's Prometheus, unpacked at .build/prometheus and not installed: installed it would run as a service.
. "$(dirname "$0")/common.sh"

get_prometheus() {
  command -v apt-get >/dev/null || fail "this needs Debian's package prometheus and there is no apt-get here"
  say "fetching Prometheus"
  rm -rf "$build/prometheus"
  mkdir -p "$build/prometheus"
  cd "$build/prometheus"
  # A list of packages that is there is good enough; without one there is nothing to download.
  apt-cache show prometheus >/dev/null 2>&1 || quietly apt-update apt-get update
  quietly prometheus apt-get download prometheus
  dpkg-deb -x prometheus_*.deb .
  rm prometheus_*.deb
  ln -s usr/bin/prometheus prometheus
}
once prometheus debian get_prometheus
