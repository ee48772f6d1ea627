#!/bin/sh
# collect-service.sh <service> <folder>: what one service needs to run, for the Dockerfile. Run after
# `npm ci --omit=dev --workspace=@apispool/<service>`, which leaves a link for every package of ours that is needed.
set -eu
service=$1
out=$2

mkdir -p "$out"
for link in node_modules/@apispool/*; do
  folder=$(realpath --relative-to=. "$link")
  if [ ! -f "$folder/package.json" ] || [ ! -d "$folder/dist" ]; then
    echo "$folder was not built" >&2
    exit 1
  fi
  cp -R --parents "$folder/package.json" "$folder/dist" "$out"
done
cp -R package.json node_modules "$out"
cp --parents tools/healthcheck.mjs tools/run-service.sh "$out"
# Its main file must be there: a service without sources builds into nothing, and nobody says so.
test -f "node_modules/@apispool/$service/dist/main.js"
ln -s "node_modules/@apispool/$service" "$out/service"

# Without tests and what only the compiler reads.
find "$out" -path "$out/node_modules" -prune -o -type d -name testing -prune -exec rm -r {} +
find "$out" -path "$out/node_modules" -prune -o -type f \
  \( -name '*.test.*' -o -name '*.d.ts' -o -name '*.d.ts.map' -o -name .tsbuildinfo \) -exec rm {} +
