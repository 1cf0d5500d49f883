#!/usr/bin/env bash
# The other proxy that airgate is compared with, and the load generator of `make bench`.
. "$(dirname "$0")/common.sh"
PATH=$PATH:/usr/sbin # where Debian keeps haproxy
command -v wrk >/dev/null && command -v haproxy >/dev/null || need_packages wrk haproxy
