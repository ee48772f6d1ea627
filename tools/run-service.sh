#!/bin/sh
# run-service.sh <main file>: what a container runs: the service named by SERVICE, with V8's limits that suit it. The launcher has the same
# (apps/launcher/src/node-flags.ts, where it says why); a test holds both together.
set -eu
case "$SERVICE" in
  ingestor) flags="--max-semi-space-size=8 --initial-old-space-size=64 --heap-growing-percent=60" ;;
  store)
    flags="--max-semi-space-size=2 --initial-old-space-size=24 --heap-growing-percent=40"
    export MALLOC_ARENA_MAX=2
    ;;
  gateway) flags="--max-semi-space-size=4 --initial-old-space-size=64" ;;
  *) flags="--max-semi-space-size=8 --initial-old-space-size=64" ;;
esac
# shellcheck disable=SC2086 # one word for each flag
exec "${NODE:-node}" $flags --enable-source-maps --disable-warning=TimeoutNegativeWarning "$1"
