#!/usr/bin/env bash
# Listens at the doors (shared design, "Rooms"): includes point downwards only, sizes stay evident, intrinsics live in
# simd.h and simd_int.h, nothing in src is global or asks for a libc. Needs the objects of `./build.sh native wasm`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
shopt -s nullglob
sources=(src/*.[ch] src/*/*.[ch])
failed=0

# report NAME LINES: ok when there are none.
report() {
    if [ -z "$2" ]; then
        echo "ok     rooms: $1"
    else
        echo "FAILED rooms: $1"
        printf '       %s\n' "${2//$'\n'/$'\n       '}"
        failed=1
    fi
}

# room FILE -> its room; the first pattern that fits
room() {
    case ${1#src/} in
    base.* | simd*.h | half.h | math.* | sha256.* | team.*) echo ground ;;
    quant*.* | matmul*.* | ops.*) echo numbers ;;
    gguf*.*) echo file ;;
    tokenizer*.* | unicode*.* | bpe*.* | spm*.*) echo text ;;
    sampler.*) echo sampler ;;
    layer/policy.*) echo policy ;;
    layer/layer.* | layer/kinds.* | layer/cache*.*) echo layer ;;
    layer/*) echo kind ;;
    model*.* | arch/*) echo model ;;
    pal.h) echo public ;;
    state.* | forward.* | rope.*) echo main ;;
    session.*) echo session ;;
    esac
}
# Which rooms a room may look into (besides itself).
declare -A below=(
    [ground]=''
    [numbers]='ground'
    [file]='ground numbers'
    [text]='ground file'
    [sampler]='ground numbers'
    [policy]='ground'
    [layer]='ground numbers policy'
    [kind]='ground numbers policy layer'
    [public]='ground file sampler'
    [model]='ground numbers file policy layer public'
    [main]='ground numbers file policy layer model public'
    [session]='ground numbers file text sampler policy layer model public main'
)

includes() {
    local file line here there target
    for file in "${sources[@]}"; do
        here=$(room "$file")
        [ -n "$here" ] || { echo "$file has no room; give it one in tests/rooms.sh" && continue; }
        while read -r line; do
            target=$(realpath -m --relative-to=. "$(dirname "$file")/$line")
            there=$(room "$target")
            if [ ! -e "$target" ] || [ -z "$there" ]; then echo "$file includes $line, which lies outside src" && continue; fi
            # a kind of layer must not see another kind
            [ "$there" = "$here" ] && { [ "$here" != kind ] || [ "${target%.*}" = "${file%.*}" ]; } && continue
            [[ " ${below[$here]} " == *" $there "* ]] || echo "$file ($here) includes $target ($there)"
        done < <(sed -n 's/^#include "\(.*\)"/\1/p' "$file")
    done
}
report 'includes point downwards only' "$(includes)"
report 'system headers: stdbool, stddef, stdint' \
    "$(grep -n '^#include <' "${sources[@]}" | grep -v '<std\(bool\|def\|int\)\.h>' | grep -v '^src/simd.*\.h' || true)"
report 'intrinsics in simd.h and simd_int.h only' \
    "$(grep -nE '\b(_mm[0-9]*_|__m128|v128_t|wasm_[a-z]+[0-9]+x[0-9]+_|__builtin_(ia32|wasm)_)' "${sources[@]}" | grep -v '^src/simd.*\.h' || true)"
report 'no #if but include guards, in simd*.h and for assertions' \
    "$(grep -nE '^ *# *(if|elif)' "${sources[@]}" | grep -vE '^src/simd.*\.h|^src/base\.h:[0-9]+:#ifdef NDEBUG|\.h:[0-9]+:#ifndef PAL_[A-Z0-9_]*H$' || true)"
report 'a file has at most 500 lines, a header 150' "$(wc -l "${sources[@]}" wasm/*.c |
    awk '$2 != "total" && ($1 > 500 || ($1 > 150 && $2 ~ /\.h$/ && $2 !~ /_table\.h$/)) { print $2 ": " $1 " lines" }')"
report 'a function has at most 120 lines' "$(awk '
    FNR == 1 { start = 0 }
    /^[A-Za-z].*\) \{$/ { start = FNR; name = $0 }
    /^}/ { if (start && FNR - start > 120) print FILENAME ": " FNR - start " lines: " name; start = 0 }' "${sources[@]}" wasm/*.c)"

# ---- what the compilers made of it ----
elf=(build/obj/clang-strict/src_*.o)
wasm=(build/obj/wasm-clang-simd/src_*.o)
if [ ${#elf[@]} = 0 ] || [ ${#wasm[@]} = 0 ]; then report 'objects are there' 'run ./build.sh native and ./build.sh wasm first'; fi
report 'no writable global outside wasm/entry.c' "$(for object in "${elf[@]}"; do
    llvm-size-19 -A "$object" | awk -v o="$object" \
        '$1 ~ /^\.(data|bss|tdata|tbss|init_array)/ && $1 !~ /^\.data\.rel\.ro/ && $2 > 0 { print o ": " $2 " bytes in " $1 }'
done)"
report 'public names begin with pal_ or f4_, or are declared in a header named internal' \
    "$(llvm-nm-19 --defined-only -g "${elf[@]}" | awk 'NF == 3 && $3 !~ /^(pal|f4)_/ { print $3 }' | while read -r name; do
        grep -qw "$name" src/*_internal.h || echo "$name"
    done)"
report 'no libc, libm or malloc' "$(comm -23 \
    <(llvm-nm-19 -u "${wasm[@]}" | awk '$1 == "U" { print $2 }' | sort -u) \
    <({ llvm-nm-19 --defined-only -g "${wasm[@]}" | awk 'NF == 3 { print $3 }' && printf '%s\n' __stack_pointer __linear_memory __indirect_function_table; } | sort -u))"
exit $failed
