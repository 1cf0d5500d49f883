#!/usr/bin/env bash
# The load generator of `make measure`.
. "$(dirname "$0")/common.sh"
command -v wrk >/dev/null || need_packages wrk
