#!/bin/bash
# Stops the gateway without cutting a call: SIGTERM alone ends Envoy at once. Use it as ExecStop, with a grace period above
# DEADLINE. kubernetes/drain.sh, which does the waiting, says what ADMIN_PORT, SETTLE and DEADLINE are.
set -eu
bash "$(dirname "$0")/kubernetes/drain.sh"
exec 3<>"/dev/tcp/127.0.0.1/${ADMIN_PORT:-9901}"
printf 'POST /quitquitquit HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nConnection: close\r\n\r\n' >&3
# The answer: to hang up before it comes would leave the word unsaid.
cat <&3 >/dev/null
