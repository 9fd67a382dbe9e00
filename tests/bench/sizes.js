// node tests/bench/sizes.js [--write]: what a page fetches for a chat, as a static host sends it (brotli 11, each file by
// itself), and for the element. Files are found by following the imports.
import path from 'node:path';
import { engines, modules, sum } from './fetched.js';
import { record } from './results.js';

const LIMIT = 120e3;
const chat = modules('dist/page/palimpsest.js');
const element = new Set([...modules('dist/element/pal-chat.js')].filter((f) => !chat.has(f)));
const sources = modules('web/browser.js');
const wasm = engines().map((file) => /** @type {[string, ReturnType<typeof sum>]} */ ([path.basename(file), sum([file])]));
const engine = wasm.map(([, size]) => size).sort((a, b) => b.brotli - a.brotli)[0];
const shim = sum(chat);
const total = { files: shim.files + 1, raw: shim.raw + engine.raw, brotli: shim.brotli + engine.brotli };
const rows = [
    ['the shim: API, worker, streaming, cache, chats, chat templates', shim],
    ...wasm,
    ['needed for a chat: the shim and the largest engine', total],
    ['<pal-chat>, with its Markdown (optional)', sum(element)],
    ['the shim as it is written (web/, for bundlers and readers)', sum(sources)],
];
for (const [what, t] of /** @type {[string, typeof total][]} */ (rows)) {
    console.log(`${what.padEnd(64)} ${String(t.files).padStart(3)} files ${String(t.raw).padStart(8)} bytes ${String(t.brotli).padStart(7)} brotli`);
    if (process.argv.includes('--write')) record('sizes', ['date', 'what', 'files', 'bytes', 'brotli'], [new Date().toISOString().slice(0, 10), what, t.files, t.raw, t.brotli]);
}
console.log(total.brotli <= LIMIT ? `ok     ${total.brotli} bytes of at most ${LIMIT}` : `FAILED sizes: ${total.brotli} bytes exceed ${LIMIT}`);
process.exitCode = total.brotli <= LIMIT ? 0 : 1;
