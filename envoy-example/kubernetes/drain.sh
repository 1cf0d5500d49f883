#!/bin/bash
# The preStop hook: Kubernetes sends SIGTERM when this ends, and SIGTERM ends Envoy at once. Nothing but bash: Envoy's image
# has no curl. ../stop.sh calls it too.
#   ADMIN_PORT  Envoy's admin port on loopback (default 9901)
#   SETTLE      seconds until nobody sends new requests here any more: endpoints have to reach every node and load
#               balancer (default 15)
#   DEADLINE    seconds to wait for calls that run (default 1860: the longest route and a minute)
set -u
port=${ADMIN_PORT:-9901} settle=${SETTLE:-15} deadline=${DEADLINE:-1860}

# ask METHOD PATH: the answer, headers included, is in $answer.
ask() {
  exec 3<>"/dev/tcp/127.0.0.1/$port" || exit 1
  printf '%s %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nConnection: close\r\n\r\n' "$1" "$2" >&3
  IFS= read -r -d '' answer <&3
  exec 3>&-
}

idle() {
  ask GET '/stats?filter=^http.https.downstream_rq_active$'
  [[ $answer == *'downstream_rq_active: 0'* ]]
}

# The readiness probe fails, and every answer from now on closes its connection (GOAWAY in HTTP/2).
ask POST /healthcheck/fail

for ((second = 0; second < deadline; second++)); do
  ((second >= settle)) && idle && break
  sleep 1
done
