// Threads in Node: the same bits with any number of them, growth while they work, and what happens when one dies.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { Worker } from 'node:worker_threads';
import { Model as Core } from '../../web/model.js';
import { Model, openEngine } from '../../web/node.js';
import { nodeParts } from '../../web/source-node.js';
import { nodeHost } from '../../web/team/node.js';
import { best } from '../../web/team/team.js';
import { openEngine as choose } from '../../web/variants.js';
import { breathe, wasmBytes } from '../../web/wasm-node.js';
import { engines, modulePath, relaxedFlags, root } from './fixtures.js';
import { fixtures } from './kit.js';

const small = path.join(fixtures, 'arch/llama_plain/model.gguf');
const embedded = path.join(root, 'models/default.gguf');
const limits = [
    { policy: 'tova', tokens: 48, positions: 'cache', cache: 'f16' },
    { policy: 'tova-head', tokens: 32, positions: 'original', cache: 'q8' },
    { policy: 'full', tokens: 400, positions: 'original', cache: 'f32' },
];
const compile = async (name) => WebAssembly.compile(await wasmBytes(name));

/** Hashes of state and logits along a prompt in chunks of 7 and along the tokens after it. @param {Model} model */
async function trail(model) {
    const lines = [];
    for (const memory of limits) {
        const session = model.session({ memory, chunk: 7, seed: 3 });
        const ids = Array.from({ length: 60 }, (_, i) => (i * 37) % Math.min(256, model.vocabularySize));
        await session.feed(ids, { pinned: false });
        for (let i = 0; i < 40; i++) session.feedChunk([session.sample({ temperature: 1 })]);
        const floats = session.logits();
        lines.push(`${session.hash()} ${Buffer.from(floats.buffer).toString('base64').slice(0, 400)}`);
        session.close();
    }
    return lines;
}

test('the same bits of state and logits with 1, 2, 3 and 4 threads', async () => {
    for (const file of [small, embedded]) {
        const alone = await Model.load(file, { variant: 'simd', threads: 1 });
        assert.equal(alone.engine.threads, 1);
        const wanted = await trail(alone);
        for (const threads of [2, 3, 4]) {
            const model = await Model.load(file, { variant: 'simd', threads });
            assert.equal(model.engine.threads, threads);
            assert.deepEqual(await trail(model), wanted, `${threads} threads`);
            model.engine.team.use(2); // and when the number changes on the way
            assert.deepEqual(await trail(model), wanted);
            model.engine.close();
            assert.equal(model.engine.threads, 1);
            assert.deepEqual(await trail(model), wanted, 'goes on with one thread');
        }
    }
});

test('every build for threads: the hashes of its class', () => {
    const ids = Array.from({ length: 80 }, (_, i) => (i * 37) % 256);
    const settings = [
        { name: 'full', policy: 'full', budget: 100, chunk: 80, pin: 0 },
        { name: 'tova f16', policy: 'tova', budget: 24, cache: 1, positions: 1, chunk: 9, pin: 4 },
        { name: 'h2o q8', policy: 'h2o', budget: 24, cache: 2, chunk: 1, pin: 0 },
    ];
    const jobs = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'threads-')), 'jobs.json');
    fs.writeFileSync(jobs, JSON.stringify([{ name: 'embedded', model: embedded, ids, settings }]));
    for (const engine of engines.map((name) => `${name}-mt`)) {
        const lines = [engine.replace('-mt', ''), engine].map((name, i) => {
            const flags = engine.includes('relaxed') ? relaxedFlags : [];
            const run = spawnSync(process.execPath, [...flags, 'tests/node/hash-run.js', modulePath(name, 'engine'), jobs, String(i ? 3 : 1)], { cwd: root, encoding: 'utf8' });
            assert.equal(run.status, 0, run.stderr);
            return run.stdout;
        });
        assert.match(lines[0], /logits \w{16} state \w{16}/);
        assert.equal(lines[1], lines[0], engine);
    }
});

test('memory grows while helpers exist, and they work in what is new', async () => {
    const engine = await openEngine('simd', 3);
    const desk = engine.c.team_desk();
    for (let i = 0; i < 40; i++) {
        const before = engine.bytes;
        const region = engine.take(3 << 20);
        assert.ok(engine.bytes > before);
        assert.equal(engine.u8.buffer, engine.memory.buffer);
        engine.u8.fill(255, region.at + region.bytes - desk, region.at + region.bytes);
        engine.c.team_steps(region.at + region.bytes - desk, 20); // at the very end of the memory
        assert.equal(engine.u8[region.at + region.bytes - desk], 0);
    }
    const big = engine.take(2 ** 31, 'what lies below 2 GiB');
    const high = engine.take(desk);
    assert.ok(high.at >= 2 ** 31);
    engine.c.team_steps(high.at, 20);
    engine.release(big);
    engine.close();
});

test('threads: auto measures, a number is kept, anything else is refused', async () => {
    const auto = await openEngine('simd', 'auto');
    assert.ok(auto.threads >= 1 && auto.threads <= nodeHost.cores, `${auto.threads}`);
    assert.equal(auto.note, '');
    auto.close();
    assert.deepEqual([best([1, 2, 3, 4], [8, 4.5, 4.4, 3]), best([1, 2], [1, 0.99]), best([1], [1])], [4, 1, 1]);
    for (const threads of [0, -1, 1.5, 33, '2', 'many', null]) {
        await assert.rejects(openEngine('simd', threads), /threads must be 'auto' or a whole number from 1 to 32/, String(threads));
    }
    const one = await openEngine('simd', 1);
    assert.equal(one.memory.buffer instanceof ArrayBuffer, true); // not shared: it can be sent
});

test('where threads are not possible: auto takes one and says why, a number throws', async () => {
    const host = { ...nodeHost, cores: 4, missing: 'no headers' };
    const engine = await choose(compile, 'simd', { threads: 'auto', host });
    assert.deepEqual([engine.threads, engine.note], [1, 'one thread: threads are not possible here: no headers']);
    await assert.rejects(choose(compile, 'simd', { threads: 2, host }), (e) => e.code === 'engine' && /no headers/.test(e.message));
    assert.equal((await choose(compile, 'simd', { threads: 1, host })).note, '');
    const broken = { ...nodeHost, cores: 4, start: (_, hear) => (setTimeout(() => hear({ failed: 'no script' })), () => {}) };
    assert.match((await choose(compile, 'simd', { threads: 'auto', host: broken })).note, /thread 2 could not be started: no script/);
    await assert.rejects(choose(compile, 'simd', { threads: 2, host: broken }), /no script/);
});

test('a helper that fails is told, not waited for', async () => {
    const bad = { ...nodeHost, start: (call, hear) => nodeHost.start({ ...call, stack: 64 }, hear) }; // no room for the tiles of a chunk
    const engine = await choose(compile, 'simd', { threads: 2, host: bad });
    const model = await Core.open(engine, await nodeParts(embedded), breathe);
    const session = model.session({ memory: { policy: 'tova', tokens: 48 }, chunk: 40, seed: 3 });
    const ids = Array.from({ length: 40 }, (_, i) => i + 300);
    const told = (e) => e instanceof WebAssembly.RuntimeError && /a thread stopped|thread 2 stopped/.test(e.message) && /load the model again/.test(e.message);
    assert.throws(() => { for (let i = 0; i < 1000; i++) session.feedChunk(ids); }, told);
    assert.throws(() => session.feedChunk(ids), /load the model again/); // and it stays so
    engine.close();
});

test('a helper that is killed: between steps the others do its work, within one the caller gives up', async () => {
    const engine = await openEngine('simd', 3);
    const desk = engine.take(engine.c.team_desk());
    engine.c.team_steps(desk.at, 10);
    engine.team.ends[0]();
    await new Promise((resolve) => setTimeout(resolve, 100));
    engine.c.team_steps(desk.at, 200);
    engine.close();

    // a helper that takes a part and never comes back
    const thief = { ...nodeHost, start(call, hear) {
        const worker = new Worker(`const { workerData: { memory, index }, parentPort } = require('node:worker_threads');
            const words = new BigInt64Array(memory.buffer); parentPort.on('message', (at) => {
                for (parentPort.postMessage('now');;) { const t = Atomics.load(words, at / 8); const parts = Number(t >> 16n & 0xffffn);
                    if (Number(t & 0xffffn) < parts && Atomics.compareExchange(words, at / 8, t, t + 1n) === t) process.exit(); } });
            parentPort.postMessage({ ready: index })`, { eval: true, workerData: call });
        worker.once('message', hear);
        thieves.push(worker);
        return () => worker.terminate();
    } };
    const thieves = /** @type {Worker[]} */ ([]);
    const robbed = await choose(compile, 'simd', { threads: 2, host: thief });
    robbed.c.team_patience(300);
    const table = robbed.take(robbed.c.team_desk());
    thieves[0].postMessage(robbed.c.team_ticket());
    await new Promise((resolve) => thieves[0].once('message', resolve));
    assert.throws(() => { for (;;) robbed.c.team_steps(table.at, 10); }, /a thread stopped; load the model again/);
    robbed.close();
});

test('a process ends while helpers wait, and models that nobody has leave no threads behind', () => {
    const script = `import { Model } from './web/node.js';
        for (let i = 0; i < 12; i++) { const m = await Model.load(process.argv[1], { variant: 'simd', threads: 3 }); m.session({ memory: { tokens: 16 } }).feedChunk([1, 2]); }
        const threads = async () => (await import('node:fs')).readdirSync('/proc/self/task').length;
        const before = await threads();
        for (let i = 0; i < 50 && (await threads()) > before - 20; i++) { global.gc(); await new Promise((r) => setTimeout(r, 20)); }
        console.log(before - (await threads()) >= 20 ? 'freed' : 'kept');`;
    const run = spawnSync(process.execPath, ['--expose-gc', '--input-type=module', '-e', script, small], { cwd: root, encoding: 'utf8', timeout: 60_000 });
    assert.equal(run.stderr, '');
    assert.deepEqual([run.status, run.stdout.trim()], [0, 'freed']);
});
