#!/bin/sh
# Starts the gateway: ./run.sh [more flags of Envoy, for example --concurrency 2]
#   ENVOY                  the envoy to run (default: the one on the PATH)
#   AIRGATE_AFFINITY_KEY   32 random bytes in base64url, the same for every replica of the gateway
#   AIRGATE_SESSION_KEY    another 32, the same for every replica too
#   AIRGATE_CLIENT_SECRET  of the gateway's client at the identity provider
set -eu

key='32 random bytes in base64url, for example from "openssl rand 32 | basenc --base64url | tr -d ="'
: "${AIRGATE_AFFINITY_KEY:?is not set: $key}"
: "${AIRGATE_SESSION_KEY:?is not set: $key}"
: "${AIRGATE_CLIENT_SECRET:?is not set: the secret of the gateway's client at the identity provider}"

# Drain time: what is drained (an old listener after a reload, the old process in a hot restart) still has calls of up
# to 30 minutes; whatever runs when this time is over is cut. The old process must outlive it.
# Strategy: every connection is told at once, instead of bit by bit over those 31 minutes.
exec "${ENVOY:-envoy}" \
  --config-path "$(dirname "$0")/envoy.yaml" \
  --drain-time-s 1860 \
  --drain-strategy immediate \
  --parent-shutdown-time-s 1920 \
  "$@"
