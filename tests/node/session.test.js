// The library as its users see it: options act or throw, memory does not grow, states are copies.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { Engine } from '../../web/engine.js';
import { partNames } from '../../web/split.js';
import { Model, openEngine } from '../../web/node.js';
import { authors, exact, fixtures, greedy, load, root } from './kit.js';

const file = path.join(fixtures, 'arch/llama_plain/model.gguf');
const model = await load(file);
const ids = Array.from({ length: 100 }, (_, i) => (i * 37) % 256);
const small = { memory: { tokens: 16, policy: 'tova' }, seed: 5 };

test('engine: regions are aligned, reused and joined; pointers beyond 2 GiB stay positive', async () => {
  const engine = await openEngine('simd');
  const before = engine.top;
  const [a, b, c] = [engine.take(100), engine.take(1), engine.take(1000)];
  assert.deepEqual([a.at % 64, b.at - a.at, c.at - b.at], [0, 128, 64]);
  engine.release(b);
  assert.equal(engine.take(60).at, b.at);
  engine.release(a);
  engine.release({ at: b.at, bytes: b.bytes });
  engine.release(c);
  assert.deepEqual([engine.free, engine.top], [[], before]);
  const big = engine.take(2 ** 31 + 4096, 'a large region');
  const behind = engine.take(64);
  assert.ok(behind.at >= 2 ** 31);
  engine.u8.set([1, 2, 3], behind.at);
  engine.c.hash(behind.at, 3, engine.out);
  const high = engine.hex64();
  const low = engine.take(64);
  engine.u8.set([1, 2, 3], low.at);
  assert.equal(engine.hash(low.at, 3), high);
  assert.throws(() => engine.take(2 ** 31, 'a second one'), (e) => e.code === 'memory' && /a second one needs 2147\.5 MB/.test(e.message));
  engine.release(big);
});

test('a model behind 2 GiB: names, logits, states and errors as anywhere else', async () => {
  const engine = await openEngine('simd');
  engine.take(2 ** 31, 'what lies below');
  const { Model: Core } = await import('../../web/index.js');
  const { nodeParts } = await import('../../web/source-node.js');
  const high = await Core.open(engine, await nodeParts(file), async () => {});
  assert.ok(high.at >= 2 ** 31);
  assert.deepEqual([high.architecture, high.name, high.gguf.tensors()], [model.architecture, model.name, model.gguf.tensors()]);
  const [a, b] = [high, model].map((m) => m.session(small));
  for (const s of [a, b]) await s.feed(ids);
  assert.deepEqual([a.hash(), a.logits(), next(a)], [b.hash(), b.logits(), next(b)]);
  assert.deepEqual(a.retained(0), b.retained(0));
  a.restore(b.save());
  assert.throws(() => a.feedChunk([256]), /vocabulary/);
  b.close();
});

test('variants: the probe tells a wrong build, and auto says why it fell back', async () => {
  const { openEngine: choose, relaxedVariant } = await import('../../web/variants.js');
  const { wasmBytes } = await import('../../web/wasm-node.js');
  const simd = await WebAssembly.compile(await wasmBytes('simd'));
  const e = await choose(async (name) => {
    if (name.startsWith('relaxed')) throw new Error('no such instruction');
    return simd;
  });
  assert.deepEqual([e.variant, e.bits], ['simd', 'strict']);
  assert.match(e.note, relaxedVariant() ? /relaxed SIMD was not taken: no such instruction/ : /relaxed SIMD was not taken: .* has none/);
  await assert.rejects(choose(async () => { throw new Error('broken'); }, 'relaxed'), /broken/);
  await assert.rejects(choose(async () => simd, 'fast'), /unknown variant 'fast'/);
  assert.equal(new Engine(simd, 'simd').probe(), true);
});

test('files: what is absent, a folder, empty, cut off or no GGUF is said in words', async () => {
  const refused = (f, code, pattern) => assert.rejects(load(f), (e) => e.code === code && pattern.test(e.message), String(pattern));
  await refused('/nowhere/x.gguf', 'file', /no such file/);
  await refused(fixtures, 'file', /is a folder/);
  await refused(path.join(root, 'package.json'), 'format', /\w/);
  await refused(path.join(root, 'x-00002-of-00003.gguf'), 'file', /give the first one, x-00001-of-00003\.gguf/);
  assert.deepEqual(partNames('m-00001-of-00002.gguf'), ['m-00001-of-00002.gguf', 'm-00002-of-00002.gguf']);
  await assert.rejects(Model.load(file, { progress: 1 }), /unknown option 'progress'; did you mean 'onprogress'/);
});

test('load: progress ends at the size of the file, abort stops', async () => {
  const seen = [];
  await load(file, { onprogress: (p) => seen.push(p) });
  assert.equal(seen.at(-1).loaded, seen.at(-1).total);
  await assert.rejects(load(file, { signal: AbortSignal.abort() }), { name: 'AbortError' });
});

test('options: what cannot act throws, with the name that was meant', () => {
  const bad = (options, pattern) => assert.throws(() => model.session(options), pattern);
  bad({ memroy: {} }, /session: unknown option 'memroy'; did you mean 'memory'/);
  bad({ memory: { token: 5 } }, /memory: unknown option 'token'; did you mean 'tokens'/);
  bad({ memory: { policy: 'tovo' } }, /unknown policy 'tovo'; did you mean 'tova'/);
  bad({ memory: { sinks: 4 } }, /sinks acts only with policy 'sinks'/);
  bad({ memory: { tokens: 5, bytes: 5 } }, /not both/);
  bad({ memory: { tokens: 1.5 } }, /whole number/);
  bad({ memory: { tokens: 0 } }, /at least 1/);
  bad({ memory: { bytes: 100 } }, /a single token needs/);
  bad({ chunk: 100000 }, /chunk/);
  const session = model.session(small);
  session.feedChunk([1]);
  assert.throws(() => session.sample({ temprature: 1 }), /did you mean 'temperature'/);
  assert.throws(() => session.sample({ temperature: 'hot' }), /must be a number/);
  assert.throws(() => session.sample({ temperature: -1 }), (e) => e.code === 'argument');
  assert.throws(() => session.sample({ topP: 0 }), (e) => e.code === 'argument');
  assert.throws(() => session.feedChunk([256]), (e) => e.code === 'argument' && /vocabulary/.test(e.message));
  assert.throws(() => session.feedChunk([-1]), /token id/);
  session.close();
  assert.throws(() => session.sample(), /closed/);
});

test('bytes: the memory is as large as fits, and the number is kept', () => {
  const session = model.session({ memory: { bytes: 60_000 } });
  assert.ok(session.cost.state <= 60_000 && session.limits.budget > 16);
  assert.ok(model.cost({ tokens: session.limits.budget + 1 }).state > 60_000);
  assert.equal(session.save().length, session.cost.state);
  session.close();
});

test('memory does not grow: 5,000 tokens through 16, same buffer, same bytes', async () => {
  const session = model.session(small);
  const { buffer } = model.engine.memory;
  for (let i = 0; i < 50; i++) {
    await session.feed(ids);
    greedy(session, 2);
    session.retained(session.cacheLayers()[0].layer);
  }
  assert.equal(model.engine.memory.buffer, buffer);
  const { seen, held, capacity, evicted } = session.stats;
  assert.deepEqual({ seen, held, capacity, evicted }, { seen: 5100, held: 16, capacity: 16, evicted: 5084 });
  session.close();
});

test('policy full: says when it is full', async () => {
  const session = model.session({ memory: { tokens: 10, policy: 'full' } });
  await session.feed(ids.slice(0, 10));
  await assert.rejects(session.feed([1]), (e) => e.code === 'full' && /tova/.test(e.message));
  session.close();
});

const next = (session) => Array.from({ length: 12 }, () => {
  const id = session.sample({ temperature: 1 });
  session.feedChunk([id]);
  return id;
});

test('save, restore and fork: the same next tokens; a foreign or damaged block is refused and changes nothing', async () => {
  const a = model.session(small);
  await a.feed(ids);
  next(a);
  const block = a.save();
  const forked = a.fork();
  const want = next(a);
  assert.deepEqual(next(forked), want);
  const b = model.session({ ...small, seed: 99 });
  b.restore(block);
  assert.deepEqual(next(b), want);
  a.restore(block); // rewind
  const hash = a.hash();
  const refused = (bytes) => assert.throws(() => a.restore(bytes), (e) => e.code === 'foreign');
  for (const i of [0, 9, 60, 500, block.length - 1]) refused(block.map((x, k) => (k === i ? x ^ 1 : x)));
  refused(block.subarray(0, block.length - 1));
  refused(new Uint8Array(0));
  const other = model.session({ ...small, memory: { tokens: 17, policy: 'tova' } });
  refused(other.save());
  assert.equal(a.hash(), hash);
  assert.deepEqual(next(a), want);
  for (const s of [a, b, forked, other]) s.close();
});

test('a matrix whose scales are those of no model is refused by its name, when its bytes arrive', async (t) => {
  const whole = path.join(fixtures, 'formats/Q4_0.gguf');
  const { gguf } = await load(whole);
  const tensor = gguf.tensors().find((x) => x.name === 'blk.1.ffn_up.weight');
  const bytes = fs.readFileSync(whole);
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'palimpsest-'));
  t.after(() => fs.rmSync(folder, { recursive: true }));
  for (const [half, fine] of [[0x53ff, true], [0x5400, false], [0xfe00, false]]) { // just below 64; 64; not a number
    bytes.writeUInt16LE(half, tensor.offset + 18 * 5);
    const damaged = path.join(folder, `${half}.gguf`);
    fs.writeFileSync(damaged, bytes);
    if (fine) (await load(damaged)).session(small).close();
    else await assert.rejects(load(damaged), (e) => e.code === 'format' && /blk\.1\.ffn_up\.weight: .*scale of 64 or more.*damaged/.test(e.message));
  }
});

test('closed sessions give their memory to the next ones', async () => {
  const first = model.session(small);
  const { bytes } = model.engine;
  first.close();
  for (let i = 0; i < 20; i++) model.session(small).close();
  assert.equal(model.engine.bytes, bytes);
});

test('abort: between chunks, and what was read stays read', async () => {
  const session = model.session({ ...small, chunk: 8 });
  const abort = new AbortController();
  const reading = session.feed(ids, { signal: abort.signal, onprogress: ({ read }) => read >= 40 && abort.abort() });
  await assert.rejects(reading, { name: 'AbortError' });
  assert.equal(session.seen, 40);
  session.close();
});

test('generate: maxTokens, seeds, bias, and the reason of the end', async () => {
  const run = async (options, seed = 7) => {
    const session = model.session({ ...exact(100), seed });
    await session.feed([1, 2, 3]);
    const out = [];
    const pieces = session.generate(options);
    for (;;) {
      const { value, done } = await pieces.next();
      if (done) {
        session.close();
        return { ids: out.filter((id) => id >= 0), reason: value };
      }
      out.push(value.id);
    }
  };
  const a = await run({ maxTokens: 20, temperature: 1 });
  assert.deepEqual([a.ids.length, a.reason], [20, 'length']);
  assert.deepEqual(await run({ maxTokens: 20, temperature: 1 }), a);
  assert.notDeepEqual(await run({ maxTokens: 20, temperature: 1 }, 8), a);
  assert.deepEqual((await run({ maxTokens: 5, logitBias: { 42: 1000 } })).ids, [42, 42, 42, 42, 42]);
  const [best] = (await run({ maxTokens: 1, temperature: 0 })).ids;
  assert.notEqual((await run({ maxTokens: 1, temperature: 0, logitBias: new Map([[best, -Infinity]]) })).ids[0], best);
  await assert.rejects(run({ maxToken: 1 }), /did you mean 'maxTokens'/);
  assert.ok(authors);
});
