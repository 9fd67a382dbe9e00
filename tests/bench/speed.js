// node tests/bench/speed.js [MODEL.gguf ...] [--write]
// Single-thread speed through the CLI's bench, in each variant, beside what this machine can read: of the models named,
// else of the embedded one and of random weights in the shape of SmolLM2-135M. --write adds rows to RESULTS.md.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { benchModel } from './make_model.js';
import { optionsOf } from './options.js';
import { record } from './results.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
process.chdir(root);
const { values, positionals } = optionsOf(import.meta.url, { allowPositionals: true, options: { write: { type: 'boolean' } } });

/** GB/s of plain reads of 256 MB in wasm, best of five. */
async function readSpeed() {
    const bytes = 256 << 20;
    const memory = new WebAssembly.Memory({ initial: bytes / 65536 + 16, maximum: 65536 });
    const { instance } = await WebAssembly.instantiate(fs.readFileSync('build/wasm/read.wasm'), { env: { memory } });
    new Uint8Array(memory.buffer).fill(1);
    let best = Infinity;
    for (let i = 0; i < 5; i++) {
        const started = performance.now();
        /** @type {any} */ (instance.exports).read(65536, bytes);
        best = Math.min(best, performance.now() - started);
    }
    return bytes / best / 1e6;
}

const roof = await readSpeed();
console.log(`plain read: ${roof.toFixed(1)} GB/s; load ${os.loadavg()[0].toFixed(1)}`);
const models = positionals.length ? positionals : ['models/default.gguf', ...['Q4_0', 'Q8_0'].map((type) => benchModel('smollm2-135m', type))];
for (const file of models)
    for (const variant of ['simd', 'relaxed']) {
        const args = ['web/cli.js', 'bench', file, '--policy', 'tova', '--budget', '256', '--prompt', '128', '--tokens', '32', '--json', '--threads', '1', '--variant', variant];
        const r = JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' }));
        const share = (r.decode_gb_per_second / roof) * 100;
        const row = [new Date().toISOString().slice(0, 10), path.basename(file), variant, (r.weights_bytes / 1e6).toFixed(1), r.prompt_tokens_per_second.toFixed(1),
            r.decode_tokens_per_second.toFixed(1), r.decode_gb_per_second.toFixed(2), roof.toFixed(1), `${share.toFixed(0)} %`, os.loadavg()[0].toFixed(1), r.hash];
        console.log(row.join('  '));
        if (values.write)
            record('speed, one thread, Node', ['date', 'model', 'variant', 'MB of weights', 'prompt tok/s', 'decode tok/s', 'GB/s', 'plain read GB/s', 'of it', 'load', 'state hash'], row);
    }
