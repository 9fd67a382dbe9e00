#!/usr/bin/env bash
# tests/fuzz/run.sh SECONDS: shares the time among the fuzzers that `./build.sh fuzz` built. Each starts from the
# fixtures it understands; findings are left in build/fuzz/<name>.crash-*.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit
shopt -s nullglob
programs=()
for source in tests/fuzz/fuzz_*.c; do programs+=("$(basename "$source" .c)"); done
seconds=$((${1:-60} / ${#programs[@]}))
failed=0

fuzz() {
    local name=$1 corpus=build/fuzz/$1.corpus seeds=()
    mkdir -p "$corpus"
    case $name in
    fuzz_gguf) seeds=(tests/fixtures/arch tests/fixtures/formats) ;;
    esac
    [ ! -d "tests/fuzz/${name#fuzz_}" ] || seeds+=("tests/fuzz/${name#fuzz_}")
    build/fuzz/"$name" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -malloc_limit_mb=1024 -print_final_stats=1 \
        -artifact_prefix="build/fuzz/$name." -verbosity=1 "$corpus" "${seeds[@]}" >"build/fuzz/$name.log" 2>&1
}
for name in "${programs[@]}"; do
    if fuzz "$name"; then
        echo "ok     $name: $(sed -n 's/^stat::number_of_executed_units: *//p' "build/fuzz/$name.log") inputs in $seconds s, nothing found"
    else
        echo "FAILED $name: see build/fuzz/$name.log"
        tail -30 "build/fuzz/$name.log"
        failed=1
    fi
done
exit $failed
