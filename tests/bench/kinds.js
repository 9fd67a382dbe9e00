// node tests/bench/kinds.js [--far 100000] [--tokens 64] [--rounds 5] [--full 16384] [--only NAME,...] [--write]
// What a token costs after 100, 1,000, 10,000 and 100,000 of them, and what is kept: each kind of layer in a random model of
// one size (tests/bench/kinds-models.js), attention with TOVA at 512 tokens, and attention that keeps everything until its
// memory ends. In Node, one thread. --write adds rows to RESULTS.md and draws tests/bench/kinds.svg.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Model } from '../../web/node.js';
import { median } from './chromium.js';
import { kinds, makeKind } from './kinds-models.js';
import { optionsOf } from './options.js';
import { plot } from './plot.js';
import { record } from './results.js';

const option = (/** @type {string} */ value) => ({ type: /** @type {const} */ ('string'), default: value });
const { values: o } = optionsOf(import.meta.url, { options: { far: option('100000'), tokens: option('64'), rounds: option('5'), full: option('16384'), only: option(''), write: { type: 'boolean' } } });
const [far, tokens, rounds, budget] = [o.far, o.tokens, o.rounds, o.full].map(Number);
const DEPTHS = [100, 1000, 10000, 100000].filter((n) => n <= far);
const FLAT = 1.1; // a token at the last depth against one at the first where nothing is full yet

/** @typedef {{ depth: number, ms: number, bytes: number }} Point */

/** @param {string} kind @param {import('../../web/limits.js').MemoryOptions} memory @returns {Promise<{ points: Point[], same: boolean }>} */
async function measure(kind, memory) {
    const file = path.join(os.tmpdir(), `palimpsest-${kind.replaceAll(/\W+/g, '-')}.gguf`);
    makeKind(kind, file);
    const model = await Model.load(file, { threads: 1 });
    fs.rmSync(file);
    const session = model.session({ memory, seed: 0, undo: true });
    const state = session.stats.bytes.state;
    const ids = (/** @type {number} */ from, /** @type {number} */ n) => Array.from({ length: n }, (_, i) => ((from + i) * 7919 + 1) % model.vocabularySize);
    let same = true; // the memory, while tokens are read
    const stands = /** @type {{ depth: number, session: typeof session, ms: number[] }[]} */ ([]);
    for (const depth of DEPTHS) {
        if (memory.policy === 'full' && depth + tokens > budget) break;
        const { buffer } = model.engine.memory;
        for (let read = session.seen; read < depth; read = session.seen) await session.feed(ids(read, Math.min(5000, depth - read)));
        same &&= model.engine.memory.buffer === buffer;
        if (!session.logits().every(Number.isFinite)) throw new Error(`${kind}: logits after ${depth} tokens are not finite`);
        const copy = session.fork();
        copy.mark();
        stands.push({ depth, session: copy, ms: [] });
    }
    const { buffer } = model.engine.memory;
    for (let round = 0; round <= rounds; round++) {
        for (const { depth, session: s, ms } of stands) {
            s.rewind();
            const started = process.cpuUsage(); // what others do on this machine does not count
            for (const id of ids(depth, tokens)) s.feedChunk([id]), s.logits();
            if (round) ms.push(process.cpuUsage(started).user / 1000 / tokens); // the first warms up
        }
    }
    // What `full` holds so far; what is bounded takes all of its place at once.
    const points = stands.map(({ depth, ms }) => ({ depth, ms: median(ms), bytes: memory.policy === 'full' ? (state / budget) * depth : state }));
    same &&= model.engine.memory.buffer === buffer && stands.every((s) => s.session.stats.bytes.state === state && s.session.save().length === state);
    return { points, same };
}

const lines = /** @type {{ name: string, points: Point[] }[]} */ ([]);
let failed = 0;
for (const [name, kind, memory] of /** @type {[string, string, import('../../web/limits.js').MemoryOptions][]} */ ([
    ['attention, full', 'attention', { policy: 'full', tokens: budget, positions: 'original' }],
    ['attention, tova 512', 'attention', { policy: 'tova', tokens: 512 }],
    ...kinds.filter((k) => k !== 'attention').map((k) => [k, k, { policy: 'tova', tokens: 512 }]),
])) {
    if (o.only && !o.only.split(',').includes(kind)) continue;
    const { points, same } = await measure(kind, memory);
    lines.push({ name, points });
    const cells = DEPTHS.map((depth) => points.find((p) => p.depth === depth)?.ms.toFixed(3) ?? 'memory full');
    // A cache of 512 is not full after 100 tokens: what holds one is compared from there on.
    const settled = points.filter((p) => p.depth >= 1000).map((p) => p.ms);
    const growth = Math.max(...settled) / Math.min(...settled);
    const good = same && (memory.policy === 'full' || growth <= FLAT);
    failed += good ? 0 : 1;
    const kept = `${(points[points.length - 1].bytes / 1e6).toFixed(2)} MB`;
    console.log(`${good ? 'ok    ' : 'FAILED'} ${name.padEnd(20)} ${cells.map((c) => c.padStart(12)).join('')} ms/token   state ${kept}${same ? '' : ', THE MEMORY GREW'}${memory.policy === 'full' ? '' : `, ${growth.toFixed(2)}× from 1,000 on`}`);
    if (o.write) record('each kind of layer, ms/token at depth', ['date', 'kind', ...DEPTHS.map((n) => n.toLocaleString('en')), 'state', 'load'], [new Date().toISOString().slice(0, 10), name, ...cells, kept, os.loadavg()[0].toFixed(1)]);
}
if (o.write) fs.writeFileSync(fileURLToPath(new URL('kinds.svg', import.meta.url)), plot(lines));
process.exitCode = failed ? 1 : 0;
