#!/usr/bin/env bash
# Builds, tests and runs Palimpsest. `./build.sh help` lists the verbs; each prints the commands it runs.
# shellcheck disable=SC2317 # verbs are called by name
set -euo pipefail
from=$PWD
cd "$(dirname "${BASH_SOURCE[0]}")"
root=$PWD
mkdir -p build

exec 8>&2 # commands are shown here, also where the output of one goes to a file
run() {
    printf '+ %s\n' "$*" >&8
    "$@"
}
die() {
    printf 'build.sh: %s\n' "$*" >&2
    exit 1
}

for tools in "$root"/build/node/node_modules/node-linux-*/bin; do [ ! -d "$tools" ] || PATH=$tools:$PATH; done

# ---- what a verb needs: `command:package`, installed by apt when the command (or file) is missing ----
rt=/usr/lib/llvm-19/lib/clang/19/lib/linux/libclang_rt
need_engine=(clang-19:clang-19 wasm-ld-19:lld-19)
need_node=(node:nodejs npm:npm)
need_emcc=(emcc:emscripten /usr/lib/llvm-19/bin/llvm-ar:llvm-19)
need_native=(gcc:gcc /usr/include/stdio.h:libc6-dev clang-19:clang-19 "$rt.asan-$(uname -m).a:libclang-rt-19-dev" ld:binutils)
need_test=(llvm-nm-19:llvm-19 chromium:chromium)
debian=/usr/lib/python3/dist-packages
need_train=(/usr/bin/python3:python3 "$debian/torch:python3-torch" "$debian/regex:python3-regex" "/usr/lib/$(uname -m)-linux-gnu/openblas-pthread:libopenblas0-pthread")

need() {
    local pair missing=() sudo=()
    for pair; do
        command -v "${pair%%:*}" >/dev/null || [ -e "${pair%%:*}" ] || missing+=("${pair#*:}")
    done
    [ ${#missing[@]} = 0 ] && return
    command -v apt-get >/dev/null || die "please install ${missing[*]} (no apt-get here to do it)"
    [ "$(id -u)" = 0 ] || sudo=(sudo)
    [ -n "${updated:-}" ] || run "${sudo[@]}" apt-get update -qq >&2
    updated=yes
    run "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" \
        >build/apt.log 2>&1 || die "apt-get failed: $(tail -5 build/apt.log)"
}
need_npm() {
    need "${need_node[@]}"
    if [ "$(node -p 'parseInt(process.versions.node)')" -lt 20 ]; then # Debian 12 has 18
        local arch
        arch=$(node -p process.arch)
        run npm install --no-audit --no-fund --prefix build/node "node-linux-$arch@22" >&2
        PATH=$root/build/node/node_modules/node-linux-$arch/bin:$PATH
    fi
    [ node_modules/.package-lock.json -nt package-lock.json ] || run npm ci --no-audit --no-fund >&2
}

# ---- compiling: only what is older than its source, a header or its flags; on all cores ----
stale() {
    local target=$1 source
    shift
    [ -e "$target" ] || return 0
    for source; do [ "$source" -nt "$target" ] && return 0; done
    return 1
}
queued=()
queue() { queued+=("$(printf '%q ' "$@")"); }
flush() {
    [ ${#queued[@]} = 0 ] && return
    # shellcheck disable=SC2016 # $0 is the queued command
    printf '%s\0' "${queued[@]}" | xargs -0 -n1 -P"$(nproc)" bash -c 'echo "+ $0" >&2; eval "$0"'
    queued=()
}
shopt -s nullglob
headers=(src/*.h src/*/*.h src/*.inc tests/c/*.h)
engine=(src/*.c src/*/*.c)
ctests=()
for source in tests/c/*.c; do [[ $source == */native.c || $source == */wasm.c ]] || ctests+=("$source"); done
# compile GROUP COMPILER FLAG... -- SOURCE...: queues the stale ones and leaves all objects in `objects`.
compile() {
    local group=$1 flags_of=build/obj/$1/flags source object level command=()
    shift
    while [ "$1" != -- ]; do command+=("$1") && shift; done
    shift
    objects=()
    mkdir -p "build/obj/$group"
    [ "${command[*]} $cold" = "$(cat "$flags_of" 2>/dev/null)" ] || echo "${command[*]} $cold" >"$flags_of"
    for source; do
        object=build/obj/$group/${source//\//_}
        object=${object%.c}.o
        objects+=("$object")
        stale "$object" "$source" "$flags_of" "${headers[@]}" || continue
        case $source in # what the time goes into is compiled for speed
        src/matmul*.c | src/layer/policy.c) level=-O3 ;;
        src/layer/cache*.c | src/ops.c | src/math.c | src/quant_act.c | src/quant_weave.c | src/layer/ssm.c | src/layer/rwkv7.c) level=-Os ;;
        *) level=$cold ;;
        esac
        queue "${command[@]}" "$level" -c "$source" -o "$object"
    done
}
# (The functions that build hold build/lock, so that two runs of this file do not meet.)
# link OUTPUT COMMAND...: when an object is newer.
link() {
    local output=$1 o inputs=()
    shift
    for o; do [[ $o != *.o ]] || inputs+=("$o"); done
    mkdir -p "$(dirname "$output")"
    if stale "$output" "${inputs[@]}"; then run "$@" -o "$output"; fi
}

# One class of bits everywhere: no contraction, no fast-math, no libm.
base=(-std=c11 -Wall -Wextra -Werror -ffp-contract=off -fno-math-errno)

# ---- native: NAME = compiler-class; for tests, fuzzing and comparison, asserts on ----
natives=(gcc-strict gcc-fused clang-strict clang-fused san-strict san-fused)
native_flags() { # -> flags, cold (the level for what takes no time); strict gcc has SSE2 alone and strict clang SSE4.1: the bits must not depend on it
    flags=("${base[@]}" -D_POSIX_C_SOURCE=200809L)
    cold=-O2
    case $1 in
    gcc-*) flags=(gcc "${flags[@]}") ;;
    clang-*) flags=(clang-19 "${flags[@]}") ;;
    san-*) flags=(clang-19 "${flags[@]}" -g "-fsanitize=address,undefined,fuzzer-no-link" -fno-sanitize-recover=all) && cold=-O1 ;;
    esac
    case $1-$(uname -m) in
    gcc-fused-x86_64) flags+=(-DPAL_FUSED -mfma -DPAL_NARROW) ;;
    *-fused-x86_64) flags+=(-DPAL_FUSED -mfma) ;;
    *-fused-*) flags+=(-DPAL_FUSED) ;;
    clang-strict-x86_64) flags+=(-msse4.1) ;;
    esac
}
build_native() {
    local name names=("$@")
    flock 9
    need "${need_native[@]}"
    for name in "${names[@]}"; do
        native_flags "$name"
        compile "$name" "${flags[@]}" -- "${engine[@]}" "${ctests[@]}" tests/c/native.c tests/native/main.c
    done
    flush
    for name in "${names[@]}"; do
        native_flags "$name"
        compile "$name" "${flags[@]}" -- "${engine[@]}"
        local o=("${objects[@]}")
        compile "$name" "${flags[@]}" -- "${ctests[@]}" tests/c/native.c
        link "build/native/$name/tests" "${flags[@]}" "${o[@]}" "${objects[@]}"
        compile "$name" "${flags[@]}" -- tests/native/main.c
        link "build/native/$name/palimpsest" "${flags[@]}" "${o[@]}" "${objects[@]}"
    done
} 9>build/lock

# ---- wasm: TOOLCHAIN-VARIANT; compile and link are two commands, for a clang driver that links runs the wasm-opt
#      on PATH, and Debian's (108) mangles relaxed SIMD. Both toolchains link with their own wasm-ld and no libc.
#      -disable-lsr, which emcc always has: LLVM's loop strength reduction gives each stream of a loop a pointer, where
#      WebAssembly has offsets; V8 then keeps pointers on the stack, and Q6_K takes twice the time.
#      -finline-functions, which clang always has: emcc leaves inlining to its wasm-opt; modules are 4 KB smaller. ----
wasms=({clang,emcc}-{simd,relaxed,relaxed16}{,-mt}) # -mt: for threads, over shared memory
shipped=(clang-{simd,relaxed,relaxed16}{,-mt})
linking=(--no-entry --import-memory --stack-first -z stack-size=131072 --export=__heap_base --strip-all)
wasm_flags() { # -> flags, cold, ld, boundary (sources), linking_of
    local suffix
    cold=-Oz
    boundary=(wasm/entry.c)
    linking_of=("${linking[@]}")
    flags=("${base[@]}" -DNDEBUG -ffreestanding -mbulk-memory -msimd128)
    case $1 in *-relaxed*) flags+=(-mrelaxed-simd -DPAL_FUSED) ;; esac
    case $1 in *-relaxed16*) flags+=(-DPAL_NARROW) ;; esac
    case $1 in *-mt)
        flags+=(-matomics -mmutable-globals)
        boundary+=(wasm/team.c)
        linking_of+=(--shared-memory --max-memory=4294967296 --export=__stack_pointer) ;;
    esac
    case $1 in
    clang-*)
        flags=(clang-19 --target=wasm32 -mllvm -disable-lsr "${flags[@]}")
        ld=wasm-ld-19
        ;;
    emcc-simd*)
        flags=(emcc "${flags[@]}" -finline-functions)
        suffix=$(em-config LLVM_ADD_VERSION 2>/dev/null) || suffix=
        ld=$(em-config LLVM_ROOT)/wasm-ld${suffix:+-$suffix}
        ;;
    emcc-relaxed*) # Debian's emcc comes with LLVM 14, whose relaxed SIMD is a draft: lend it LLVM 19
        flags=(emcc "${flags[@]}" -finline-functions)
        ld=$(em-config LLVM_ROOT)/wasm-ld
        if [[ $(emcc --version) == *' 3.1.6 '* ]]; then
            sed "s#LLVM_ROOT = .*#LLVM_ROOT = '/usr/lib/llvm-19/bin'#; s/^\(LLVM\|CLANG\)_ADD_VERSION.*/\1_ADD_VERSION = ''/" \
                /usr/share/emscripten/.emscripten >build/emcc-19.cfg
            flags=(env "EM_CONFIG=$root/build/emcc-19.cfg" NODE_PATH=/usr/share/nodejs "${flags[@]}" -Wno-version-check)
            ld=/usr/lib/llvm-19/bin/wasm-ld
        fi
        ;;
    esac
}
build_wasm() { # [tests] NAME...
    local name tests=() only=()
    flock 9
    [ "$1" = tests ] && tests=("${ctests[@]}" tests/c/wasm.c) && shift
    need "${need_engine[@]}"
    case $* in *emcc*) need "${need_node[@]}" "${need_emcc[@]}" ;; esac
    for name; do
        wasm_flags "$name"
        compile "wasm-$name" "${flags[@]}" -- "${engine[@]}" "${boundary[@]}" "${tests[@]}"
    done
    flush
    for name; do
        wasm_flags "$name"
        compile "wasm-$name" "${flags[@]}" -- "${engine[@]}" "${boundary[@]}"
        link "build/wasm/${name%%-*}/engine-${name#*-}.wasm" "$ld" "${linking_of[@]}" "${objects[@]}"
        [ ${#tests[@]} = 0 ] || [[ $name == *-mt ]] && continue # threads have tests of their own
        compile "wasm-$name" "${flags[@]}" -- "${tests[@]}"
        only=("${objects[@]}")
        compile "wasm-$name" "${flags[@]}" -- "${engine[@]}"
        link "build/wasm/${name%%-*}/tests-${name#*-}.wasm" "$ld" "${linking_of[@]}" "${objects[@]}" "${only[@]}"
    done
} 9>build/lock

# ---- web/lib: what the pages and Node load beside the sources: the engine and two libraries, each one file ----
build_lib() { # the engine first (build_wasm), then the libraries (need_npm)
    local lib=web/lib name from code
    mkdir -p $lib
    for name in jinja:@huggingface/jinja:dist/index.js markdown:streaming-markdown:smd.min.js; do
        IFS=: read -r name from code <<<"$name"
        if stale "$lib/$name.js" "node_modules/$from/$code" build.sh; then
            {
                node -p "const p = require('./node_modules/$from/package.json'); '/*! ' + p.name + ' ' + p.version + ', licence ' + p.license + ' */'"
                cat "node_modules/$from/$code"
            } >"$lib/$name.js"
            echo "export * from '$from';" >"$lib/$name.d.ts"
        fi
    done
    cat node_modules/@huggingface/jinja/LICENSE node_modules/streaming-markdown/license >$lib/LICENSES.txt
    for name in {simd,relaxed,relaxed16}{,-mt}; do
        stale "$lib/engine-$name.wasm" "build/wasm/clang/engine-$name.wasm" || continue
        run cp "build/wasm/clang/engine-$name.wasm" "$lib/"
    done
}

build_dist() { # dist/: the same for pages that use no bundler, in few files
    build_lib
    local sources
    mapfile -t sources < <(find web -name '*.js' -o -name '*.wasm')
    if stale dist/lib/engine-simd.wasm "${sources[@]}"; then run node web/bundle.js; fi
}

# ---- verbs ----
verb_setup() { # install everything that any verb needs
    need "${need_engine[@]}" "${need_node[@]}" "${need_emcc[@]}" "${need_native[@]}" "${need_test[@]}" clang-format:clang-format
    need_npm
}
verb_native() { # [NAME...] native test and comparison programs, into build/native
    [ $# -gt 0 ] || set -- "${natives[@]}"
    build_native "$@"
}
verb_wasm() { # the engine by both toolchains, into build/wasm/{clang,emcc}/engine-{simd,relaxed,relaxed16}{,-mt}.wasm
    build_wasm "${wasms[@]}"
    need_npm
    build_dist
}
verb_test() { # everything; ends in `N passed, M failed`
    need "${need_engine[@]}" "${need_node[@]}" "${need_emcc[@]}" "${need_native[@]}" "${need_test[@]}"
    need_npm
    build_wasm tests "${wasms[@]}"
    build_dist
    build_native "${natives[@]}"
    build_fuzz
    run tests/all.sh
}
verb_chat() { # [MODEL.gguf] [flags] ["text"] chat with a model; `./build.sh chat --help` tells the flags
    need_npm
    build_wasm "${shipped[@]}"
    build_lib
    cd "$from"
    run exec node "$root/web/cli.js" chat "$@"
}
verb_site() { # the static site, into build/site: copy that to any static host
    need_npm
    build_wasm "${shipped[@]}"
    build_lib
    rm -rf build/site
    mkdir -p build/site/models
    run node web/bundle.js site build/site
    run cp -r models/default.gguf models/catalogue.json models/family LICENSE build/site/models/
    echo '<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="0; url=web/site/"><link rel="icon" href="web/site/icon.svg"><title>Palimpsest</title><a href="web/site/">Palimpsest</a>' >build/site/index.html
}
verb_demo() { # [PORT] the static site on 127.0.0.1; prints the URL
    verb_site
    run exec node web/serve.js build/site "${1:-8000}"
}
verb_screenshots() { # the pictures of the README, into web/site/screenshots
    need chromium:chromium
    need_npm
    build_wasm "${shipped[@]}"
    build_lib
    run node tests/browser/screenshots.js
}
verb_sizes() { # what a page fetches, in brotli; rows for tests/bench/RESULTS.md with --write
    need_npm
    build_wasm "${shipped[@]}"
    build_dist
    run node tests/bench/sizes.js "$@"
}
build_read() { # the yardstick of the benches: plain reads of wasm memory
    wasm_flags clang-simd
    run "${flags[@]}" -O3 -c tests/bench/read.c -o build/obj/read.o
    run "$ld" "${linking[@]}" build/obj/read.o -o build/wasm/read.wasm
}
verb_peers() { # [flags] speed, memory and size beside wllama, in headless Chromium; --quick takes minutes, all of it hours
    need "${need_test[@]}"
    need_npm
    build_wasm "${shipped[@]}"
    build_dist
    build_read
    run node tests/bench/peers.js "$@"
}
verb_profile() { # [flags] where the time of a token goes, function by function, in headless Chromium
    local name
    need "${need_test[@]}"
    need_npm
    build_wasm "${shipped[@]}"
    build_dist
    for name in simd relaxed relaxed16; do # the same module once more, with a map of it
        wasm_flags "clang-$name"
        compile "wasm-clang-$name" "${flags[@]}" -- "${engine[@]}" wasm/entry.c
        link "build/wasm/profile/engine-$name.wasm" "$ld" "${linking[@]}" "--Map=build/wasm/profile/engine-$name.map" "${objects[@]}"
    done
    run node tests/bench/profile.js "$@"
}
verb_bench() { # [MODEL.gguf] speed and flat memory; rows for tests/bench/RESULTS.md
    need_npm
    build_wasm "${shipped[@]}"
    build_lib
    build_read
    run node tests/bench/speed.js "$@"
    run node --single-threaded-gc tests/bench/flat.js "$@"
}
verb_hashes() { # [MODEL.gguf] [--freeze] one table: the same bits in every build (design I4)
    need "${need_test[@]}"
    need_npm
    build_wasm "${wasms[@]}"
    build_lib
    build_native "${natives[@]}"
    run node tests/node/hashes.js "$@"
}
build_fuzz() { # with the objects of san-strict
    local program engine_objects
    flock 9
    need "${need_native[@]}"
    native_flags san-strict
    compile san-strict "${flags[@]}" -- "${engine[@]}" tests/fuzz/fuzz_*.c
    flush
    compile san-strict "${flags[@]}" -- "${engine[@]}"
    engine_objects=("${objects[@]}")
    for program in tests/fuzz/fuzz_*.c; do
        compile san-strict "${flags[@]}" -- "$program"
        link "build/fuzz/$(basename "$program" .c)" "${flags[@]}" -fsanitize=fuzzer "${engine_objects[@]}" "${objects[@]}"
    done
} 9>build/lock
verb_fuzz() { # [MINUTES] libFuzzer under ASan and UBSan on every hostile input, 10 minutes in all by default
    build_fuzz
    run tests/fuzz/run.sh "$((${1:-10} * 60))"
}
verb_recipe() { # FOLDER [flags] models/train in minutes: tiny models, from the texts in FOLDER to equal perplexity in PyTorch and here
    local texts
    texts=$(cd "$from" && [ -d "${1:-}" ] && realpath "$1") || die "recipe wants the folder of the source texts (models/README.md lists them)"
    need "${need_train[@]}"
    need_npm
    build_wasm "${shipped[@]}"
    build_lib
    run env OPENBLAS_NUM_THREADS=1 /usr/bin/python3 models/train/check.py --text "$texts" "${@:2}"
}
verb_fmt() { # clang-format over the C sources
    need clang-format:clang-format
    local files
    mapfile -t files < <(git ls-files '*.[ch]' | grep -vE '_table\.h|_splits\.h|vectors\.h') # not the generated ones
    run clang-format -i "${files[@]}"
}
verb_clean() { # remove what was built
    run rm -rf build dist web/lib
}
verb_help() { # this text
    cat <<'HELP'
Palimpsest: a language model in a web page whose memory never grows.

    ./build.sh chat "Tell me about the sea."     set up, build, and talk to the embedded model
    ./build.sh chat model.gguf                   an interactive chat with a model of yours
    ./build.sh demo                              the page, on 127.0.0.1
    ./build.sh test                              build everything, test everything

HELP
    sed -n 's/^verb_\([a-z]*\)() { # \(.*\)/    \1\t\2/p' "$root/build.sh" | expand -t 14
    echo
    echo 'A verb installs what it needs itself (Debian packages through apt-get, npm packages) and rebuilds only what changed.'
}

verb=${1:-help}
[ $# = 0 ] || shift
declare -F "verb_$verb" >/dev/null || { verb_help >&2 && die "there is no verb '$verb'"; }
"verb_$verb" "$@"; exit # in one line: this file may be edited while it runs
