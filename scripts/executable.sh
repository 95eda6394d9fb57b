#!/bin/sh
# npm run executable: builds out/metalkit, one file that runs without an installed Node. It is a copy of the Node that runs
# this script, with metalkit in it (https://nodejs.org/api/single-executable-applications.html). Needs network access, for postject.
set -eu
cd "$(dirname "$0")/.."

parts=out/executable
rolldown -c --dir "$parts" --no-codeSplitting --log-level silent >/dev/null
cat >"$parts/sea.json" <<END
{
  "main": "$parts/metalkit.cjs",
  "output": "$parts/metalkit.blob",
  "disableExperimentalSEAWarning": true,
  "useCodeCache": true,
  "assets": {
    "index.html": "$parts/page/index.html",
    "app.css": "$parts/page/app.css",
    "app.js": "$parts/page/app.js"
  }
}
END
# Both tools print long output that only matters if they fail.
quietly() {
  "$@" >"$parts/log" 2>&1 || { cat "$parts/log" >&2; exit 1; }
}
quietly node --experimental-sea-config "$parts/sea.json"
# Written beside it, then renamed: a running program cannot be overwritten. macOS requires a new signature for a changed program.
cp "$(node -p process.execPath)" "$parts/metalkit"
chmod u+w,+x "$parts/metalkit"
segment=
if [ "$(uname)" = Darwin ]; then
  segment='--macho-segment-name NODE_SEA'
  codesign --remove-signature "$parts/metalkit"
fi
# shellcheck disable=SC2086 -- two words or none
quietly npx --yes postject@1.0.0-alpha.6 "$parts/metalkit" NODE_SEA_BLOB "$parts/metalkit.blob" \
  --sentinel-fuse NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2 $segment
[ -z "$segment" ] || codesign --sign - "$parts/metalkit"
mv "$parts/metalkit" out/metalkit
echo "out/metalkit: $(out/metalkit --version), $(du -m out/metalkit | cut -f1) MB, Node $(node --version)"
