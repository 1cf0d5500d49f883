#!/usr/bin/env bash
# What `make bench` runs besides our own: the load generator, and the other proxy that is measured.
. "$(dirname "$0")/common.sh"
PATH=$PATH:/usr/sbin # where Debian keeps haproxy
command -v wrk >/dev/null && command -v haproxy >/dev/null || need_packages wrk haproxy
