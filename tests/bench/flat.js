// node --single-threaded-gc tests/bench/flat.js [MODEL.gguf] [--tokens 200000] [--budget 256] [--policy tova] [--write]
// The promise of the project: after 200,000 tokens the wasm memory is the same object, the process has not grown, and
// a token costs what it cost at the start. --write adds a row to RESULTS.md. One thread collects garbage: the pages that
// V8 gives each of its helpers come and go in steps of half a megabyte, which hides what is measured.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Model } from '../../web/node.js';
import { optionsOf } from './options.js';
import { record } from './results.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const { values, positionals } = optionsOf(import.meta.url, {
    allowPositionals: true,
    options: { tokens: { type: 'string', default: '200000' }, budget: { type: 'string', default: '256' }, policy: { type: 'string', default: 'tova' }, write: { type: 'boolean' } },
});
const file = positionals[0] ?? path.join(root, 'models/default.gguf');
const [total, budget] = [Number(values.tokens), Number(values.budget)];
const BLOCK = 1000;
const PART = 50; // ms are processor time, and of a block the median of its parts, so that a busy machine disturbs less

const median = (/** @type {number[]} */ list) => [...list].sort((a, b) => a - b)[list.length >> 1];
/** Least squares. */
function slope(/** @type {number[]} */ y) {
    const mean = y.reduce((a, b) => a + b, 0) / y.length, middle = (y.length - 1) / 2;
    return y.reduce((s, v, i) => s + (i - middle) * (v - mean), 0) / y.reduce((s, _, i) => s + (i - middle) ** 2, 0);
}

const model = await Model.load(file);
const session = model.session({ memory: { policy: values.policy, tokens: budget }, chunk: 1, seed: 0 });
const text = fs.readFileSync(path.join(root, 'tests/fixtures/text.txt'), 'utf8');
const ids = model.tokenizer ? model.encode(text) : Array.from({ length: 997 }, (_, i) => (i * 7919 + 1) % model.vocabularySize);
const buffer = model.engine.memory.buffer;
/** Milliseconds of processor time per token of the next PART tokens. */
function part(/** @type {typeof session} */ s, /** @type {number} */ at) {
    const started = process.cpuUsage();
    for (let i = 0; i < PART; i++) s.feedChunk([ids[(at + i) % ids.length]]);
    return process.cpuUsage(started).user / 1000 / PART;
}
const blocks = /** @type {{ ms: number, rss: number }[]} */ ([]);

for (let at = 0; at < total; at += BLOCK) {
    const parts = [];
    for (let p = 0; p < BLOCK; p += PART) parts.push(part(session, at + p));
    blocks.push({ ms: median(parts), rss: process.memoryUsage.rss() });
    await model.breathe();
    if (blocks.length % 20 === 0) console.error(`${at + BLOCK} tokens, ${blocks.at(-1)?.ms.toFixed(4)} ms/token, RSS ${Math.round((blocks.at(-1)?.rss ?? 0) / 1024)} KB`);
}

const settled = blocks.slice(blocks.length >> 2); // the first quarter warms up
const growth = slope(settled.map((b) => b.rss)) / 1024; // KB per 1,000 tokens
const third = Math.floor(blocks.length / 3);
const thirds = [0, 1, 2].map((t) => median(blocks.slice(Math.max(1, t * third), (t + 1) * third).map((b) => b.ms)));
const same = model.engine.memory.buffer === buffer;
// The last tokens against tokens 1,000 to 2,000 of a fresh session, part by part in turn: the machine drifts for both.
const fresh = model.session({ memory: { policy: values.policy, tokens: budget }, chunk: 1, seed: 0 });
for (let at = 0; at < BLOCK; at += PART) part(fresh, at);
const turns = Array.from({ length: BLOCK / PART }, (_, p) => [part(fresh, BLOCK + p * PART), part(session, total + p * PART)]);
const [early, late] = [median(turns.map((t) => t[0])), median(turns.map((t) => t[1]))];
const drift = (late / early - 1) * 100;
const result = {
    model: path.basename(file), variant: model.engine.variant, policy: values.policy, budget, tokens: total,
    same_buffer: same, wasm_bytes: buffer.byteLength, weights_bytes: model.weightBytes, state_bytes: session.cost.state, scratch_bytes: session.cost.scratch,
    rss_kb_per_1000_tokens: growth, ms_per_token_1000_2000: early, ms_per_token_last_1000: late, drift_percent: drift,
    ms_per_token_by_thirds: thirds, state_hash: session.hash(), load_average: os.loadavg()[0],
};
console.log(JSON.stringify(result, null, 1));
if (values.write)
    record('flat memory', ['date', 'model', 'policy', 'tokens', 'same buffer', 'KB RSS / 1,000 tokens', 'ms/token 1,000–2,000', 'last 1,000', 'drift', 'by thirds', 'load', 'command'], [
        new Date().toISOString().slice(0, 10), `${result.model}, ${result.variant}`, `${values.policy} ${budget}`, total, same ? 'yes' : 'NO', growth.toFixed(3),
        early.toFixed(4), late.toFixed(4), `${drift.toFixed(1)} %`, thirds.map((t) => t.toFixed(4)).join(' '), result.load_average.toFixed(1), '`node --single-threaded-gc tests/bench/flat.js --write`',
    ]);
const failures = [];
if (!same) failures.push('memory.buffer is another object');
if (growth >= 1) failures.push(`the process grows by ${growth.toFixed(2)} KB per 1,000 tokens`);
if (Math.abs(drift) > 3) failures.push(`a token costs ${drift.toFixed(1)} % against the start (limit 3 %; is the machine idle?)`);
for (const failure of failures) console.error(`FAILED ${failure}`);
process.exitCode = failures.length ? 1 : 0;
