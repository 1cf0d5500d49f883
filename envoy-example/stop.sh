#!/bin/sh
# Stops the gateway without cutting a call: SIGTERM alone ends Envoy at once. Use it as the preStop hook or ExecStop,
# with a grace period above DEADLINE, after the load balancer has stopped sending new connections.
#   ADMIN     Envoy's admin address (default 127.0.0.1:9901)
#   DEADLINE  seconds to wait for calls that run (default 1860: the longest route and a minute)
set -eu
admin=http://${ADMIN:-127.0.0.1:9901}
left=${DEADLINE:-1860}

active() {
  curl -fsS "$admin/stats?filter=^http.https.downstream_rq_active$" | sed 's/.*: //'
}

# Every answer from now on closes its connection (GOAWAY in HTTP/2).
curl -fsS -X POST "$admin/healthcheck/fail" >/dev/null

while [ "$left" -gt 0 ] && [ "$(active)" -gt 0 ]; do
  left=$((left - 1))
  sleep 1
done
curl -fsS -X POST "$admin/quitquitquit" >/dev/null
