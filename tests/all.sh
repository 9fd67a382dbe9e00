#!/usr/bin/env bash
# Everything that `./build.sh test` has built for, one step after another; the last line counts.
# shellcheck disable=SC2317,SC2034,SC2329 # counters are called by name; their p, f and s belong to step
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit
log=build/test.log
passed=0 failed=0 skipped=0

count() { grep -cE "$1" "$log"; }
number() { sed -n "s/^# $1 \([0-9]*\)$/\1/p" "$log" | tail -1; }

# step NAME COUNTER COMMAND...: COUNTER reads passed, failed, skipped from the log into p, f, s
step() {
    local name=$1 counter=$2 p=0 f=0 s=0 status=0 began=$SECONDS
    shift 2
    printf '\n==== %s\n+ %s\n' "$name" "$*"
    timeout --kill-after=10 "${limit:-900}" "$@" 2>&1 | tee "$log" | show "$counter"
    status=${PIPESTATUS[0]}
    "$counter"
    [ "$status" = 0 ] || [ "$f" -gt 0 ] || { echo "FAILED $name: exit status $status" && f=1; }
    [ $((p + f)) -gt 0 ] || { echo "FAILED $name: it tested nothing" && f=1; }
    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
    echo "---- $name: $p passed, $f failed, $s skipped, $((SECONDS - began)) s"
}
# node's own format is long: show what failed with its reason, and a line per test
show() {
    case $1 in
    tap) grep -vE '^ *(# Subtest|---|\.\.\.$|duration_ms|type:|TAP version|[0-9]+\.\.[0-9]+)' || true ;;
    *) grep -vE '^[0-9]+ passed' || true ;; # one line alone counts: the last
    esac
}
lines() { p=$(count '^ok ') f=$(count '^FAILED [^:]*(, |: )') s=$(count '^skipped '); }
ctests() { p=$(count '^ok ') f=$(count '^FAILED [a-z_]*, '); }
tap() {
    p=$(number pass) f=$(($(number fail) + $(number cancelled))) s=$(number skipped)
    p=${p:-0} s=${s:-0}
}
table() {
    p=$(sed -n 's/^hash table: \([0-9]*\) passed, .*/\1/p' "$log") f=$(sed -n 's/^hash table: .* \([0-9]*\) failed/\1/p' "$log")
    p=${p:-0} f=${f:-0}
}

quiet() { [ "$status" != 0 ] || p=1; }

{ # read whole before it runs: this file may be edited meanwhile
step 'rooms' lines tests/rooms.sh
for name in gcc-strict gcc-fused clang-strict clang-fused san-strict san-fused; do
    step "C tests, native $name" ctests "build/native/$name/tests"
done
step 'types of the JavaScript' quiet npm run --silent types
step 'Node' tap node --test --test-reporter=tap tests/node/*.test.js
limit=1500 step 'Chromium' tap node --test --test-reporter=tap --test-concurrency=2 tests/browser/*.test.js
step 'hashes: the same bits everywhere' table node tests/node/hashes.js
step 'fuzz, a short round' lines tests/fuzz/run.sh 60

echo
[ "$skipped" = 0 ] || [ -z "${CI:-}" ] || { echo "a skip is a failure in CI" && failed=$((failed + skipped)) skipped=0; }
if [ "$skipped" = 0 ]; then echo "$passed passed, $failed failed"; else echo "$passed passed, $failed failed, $skipped skipped"; fi
[ "$failed" = 0 ]
exit
}
