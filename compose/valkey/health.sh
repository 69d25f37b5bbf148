#!/bin/sh
# Healthy: PONG over TCP. While the append-only file is being read the answer is LOADING, which is not healthy.
set -eu
REDISCLI_AUTH=$(cat "/run/secrets/$MOSAIC_VALKEY_SECRET")
export REDISCLI_AUTH
[ "$(valkey-cli -h 127.0.0.1 -t 3 ping 2>/dev/null)" = PONG ]
