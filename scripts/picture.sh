#!/bin/sh
# npm run picture: docs/boot.svg, the README's picture of a boot, from a recording of the demo.
set -eu

project=$(CDPATH='' cd "$(dirname "$0")/.." && pwd)
recording=$project/demo/boot.cast
mkdir -p "$project/demo"
METAL_RECORD=$recording sh "$project/scripts/demo.sh" >/dev/null </dev/null
node "$project/scripts/picture.mjs" "$recording" >"$project/docs/boot.svg"
echo "docs/boot.svg is made of $recording" >&2
