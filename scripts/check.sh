#!/usr/bin/env bash
# npm run check, which is what CI runs: tests, lint, format, types, build, and checks of the package.
# The last line is "N passed, N failed", the tests counted one by one; the exit code is 0 only if none failed.
set -uo pipefail
cd "$(dirname "$0")/.."

passed=0
failed=0
check() {
  local name=$1 started=$SECONDS
  shift
  if "$@"; then
    passed=$((passed + 1))
    echo "== $name: passed ($((SECONDS - started)) s)"
  else
    failed=$((failed + 1))
    echo "== $name: FAILED ($((SECONDS - started)) s)"
  fi
}

results=$(mktemp)
check tests npm test -- --reporter=default --reporter=json --outputFile.json="$results"
check lint npm run --silent lint
check format npm run --silent format:check
check types npm run --silent types
check build npm run --silent build
check package npm run --silent publint
check unused npm run --silent knip

# A test run that ended before it could count its tests has failed.
read -r tests_passed tests_failed < <(node -e '
  const { numPassedTests, numFailedTests, numFailedTestSuites } = JSON.parse(require("node:fs").readFileSync(process.argv[1]))
  console.log(numPassedTests, numFailedTests || (numFailedTestSuites > 0 ? 1 : 0))' "$results" 2>/dev/null || echo "0 1")
rm -f "$results"
echo "$((passed + tests_passed)) passed, $((failed + tests_failed)) failed"
[ $((failed + tests_failed)) -eq 0 ] && [ "$tests_passed" -gt 0 ]
