#!/usr/bin/env bash
# The browser that the tests of signing in drive.
. "$(dirname "$0")/common.sh"
command -v chromium >/dev/null && command -v chromedriver >/dev/null || need_packages chromium chromium-driver
