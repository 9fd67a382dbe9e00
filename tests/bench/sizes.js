// node tests/bench/sizes.js [--write]: what a page fetches for a chat, as a static host sends it (brotli 11, each file by
// itself), and for the element. Files are found by following the imports.
import fs from 'node:fs';
import path from 'node:path';
import zlib from 'node:zlib';
import { record } from './results.js';

const LIMIT = 120e3;
const brotli = (/** @type {Buffer} */ b) => zlib.brotliCompressSync(b, { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 11, [zlib.constants.BROTLI_PARAM_SIZE_HINT]: b.length } }).length;
const size = (/** @type {string} */ file) => {
    const bytes = fs.readFileSync(file);
    return { raw: bytes.length, brotli: brotli(bytes) };
};

/** Every module that this one loads, itself too; workers as well. @param {string} file @param {Set<string>} [seen] */
function modules(file, seen = new Set()) {
    if (seen.has(file)) return seen;
    seen.add(file);
    const source = fs.readFileSync(file, 'utf8').replace(/\/\*[^]*?\*\//g, '');
    for (const [, name] of source.matchAll(/(?:^|[\n;])\s*(?:import|export)[^;'"`()]*['"`](\.[^'"`]+\.js)['"`]/g)) modules(path.join(path.dirname(file), name), seen);
    for (const [, name] of source.matchAll(/new URL\(['`](\.[^'`]+\.js)['`], ?import\.meta\.url\)/g)) modules(path.join(path.dirname(file), name), seen);
    return seen;
}

/** @param {Iterable<string>} files */
function sum(files) {
    const total = { files: 0, raw: 0, brotli: 0 };
    for (const file of files) {
        const { raw, brotli } = size(file);
        total.files++;
        total.raw += raw;
        total.brotli += brotli;
    }
    return total;
}

const chat = modules('dist/page/palimpsest.js');
const element = new Set([...modules('dist/element/pal-chat.js')].filter((f) => !chat.has(f)));
const sources = modules('web/browser.js');
const wasm = ['simd', 'relaxed'].map((name) => /** @type {[string, ReturnType<typeof sum>]} */ ([`engine-${name}.wasm`, sum([`dist/lib/engine-${name}.wasm`])]));
const engine = wasm[0][1].brotli > wasm[1][1].brotli ? wasm[0][1] : wasm[1][1];
const shim = sum(chat);
const total = { files: shim.files + 1, raw: shim.raw + engine.raw, brotli: shim.brotli + engine.brotli };
const rows = [
    ['the shim: API, worker, streaming, cache, chats, chat templates', shim],
    ...wasm,
    ['needed for a chat: the shim and the larger engine', total],
    ['<pal-chat>, with its Markdown (optional)', sum(element)],
    ['the shim as it is written (web/, for bundlers and readers)', sum(sources)],
];
for (const [what, t] of /** @type {[string, typeof total][]} */ (rows)) {
    console.log(`${what.padEnd(64)} ${String(t.files).padStart(3)} files ${String(t.raw).padStart(8)} bytes ${String(t.brotli).padStart(7)} brotli`);
    if (process.argv.includes('--write')) record('sizes', ['date', 'what', 'files', 'bytes', 'brotli'], [new Date().toISOString().slice(0, 10), what, t.files, t.raw, t.brotli]);
}
console.log(total.brotli <= LIMIT ? `ok     ${total.brotli} bytes of at most ${LIMIT}` : `FAILED sizes: ${total.brotli} bytes exceed ${LIMIT}`);
process.exitCode = total.brotli <= LIMIT ? 0 : 1;
