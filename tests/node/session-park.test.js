// Sessions take turns in the same wasm memory; a marked state comes back; attention as the caches keep it.
import assert from 'node:assert/strict';
import path from 'node:path';
import test from 'node:test';
import { exact, fixtures, load } from './kit.js';

const model = await load(path.join(fixtures, 'arch/llama_plain/model.gguf'));
const ids = Array.from({ length: 100 }, (_, i) => (i * 37) % 256);
const small = { memory: { tokens: 16, policy: 'tova' }, seed: 5 };
const draw = (session, n = 6) => Array.from({ length: n }, () => session.step({ numbers: [1, 0, 1, 0, 1, 1, 0, 0, 64], ids: [], bias: [] }, true));

test('park: 30 sessions on one model, interleaved, in the memory of one; each goes on as it would alone', async () => {
  const options = (i) => ({ memory: { tokens: 8 + i, policy: i % 2 ? 'tova' : 'h2o' }, seed: i, undo: i % 3 === 0 });
  const alone = [];
  for (let i = 0; i < 30; i++) {
    const session = model.session(options(i));
    await session.feed(ids.slice(i));
    alone.push([draw(session), draw(session), draw(session), session.hash()]);
    session.close();
  }
  const { bytes, top } = model.engine;
  const sessions = [];
  for (let i = 0; i < 30; i++) {
    const session = model.session(options(i));
    await session.feed(ids.slice(i));
    session.park();
    sessions.push({ session, got: [] });
    assert.equal(model.engine.top, top);
  }
  for (let round = 0; round < 3; round++) {
    for (const { session, got } of sessions) {
      session.unpark();
      got.push(draw(session));
      if (round === 2) got.push(session.hash());
      session.park();
      assert.deepEqual([model.engine.top, model.engine.bytes, model.engine.free], [top, bytes, []]);
    }
  }
  assert.deepEqual(sessions.map((s) => s.got), alone);
});

test('park: elsewhere in memory, the same bits, the marked state too', async () => {
  const session = model.session({ ...small, undo: true });
  await session.feed(ids.slice(0, 50));
  session.mark();
  const want = draw(session);
  const [hash, logits] = [session.hash(), session.logits()];
  const { state } = session;
  session.park();
  const between = model.engine.take(1000);
  session.unpark();
  assert.notEqual(session.state, state);
  assert.deepEqual([session.hash(), session.logits()], [hash, logits]);
  session.rewind();
  assert.equal(session.seen, 50);
  assert.deepEqual(draw(session), want);
  assert.equal(session.hash(), hash);
  model.engine.release(between);
  session.close();
});

test('park: what a parked session still tells, and what it refuses', async () => {
  const { top } = model.engine;
  const session = model.session({ ...small, undo: true });
  await session.feed(ids);
  session.mark();
  const [block, stats, hash] = [session.save(), session.stats, session.hash()];
  session.park();
  session.park();
  assert.equal(model.engine.top, top);
  model.engine.u8.fill(0xaa, top, top + 4096);
  assert.deepEqual([session.save(), session.stats, session.seen, session.held], [block, stats, 100, 16]);
  const calls = {
    feedChunk: [[1]], sample: [], logits: [], nll: [[1]], hash: [], retained: [0], attention: ['mean'], cacheLayers: [],
    reset: [], reseed: [1], restore: [block], mark: [], rewind: [],
  };
  for (const [name, args] of Object.entries(calls)) {
    assert.throws(() => session[name](...args), (e) => e.code === 'argument' && /parked; call unpark\(\) first/.test(e.message), name);
  }
  assert.equal(model.engine.top, top);
  const fork = session.fork();
  assert.equal(model.engine.top, top);
  session.close();
  assert.throws(() => session.fork(), /closed/);
  session.park();
  assert.equal(session.parked, undefined);
  fork.unpark();
  assert.deepEqual([fork.hash(), fork.marked], [hash, true]);
  fork.rewind();
  fork.close();
  fork.close();
  assert.equal(model.engine.top, top);
});

test('unpark without room: the error says so, nothing leaks, and it works later', async () => {
  const session = model.session(small);
  await session.feed(ids);
  const hash = session.hash();
  session.park();
  const { engine } = model;
  const { top } = engine;
  const { take } = engine;
  let calls = 0;
  engine.take = (...args) => {
    if (++calls === 3) throw new Error('no room');
    return take.apply(engine, args);
  };
  assert.throws(() => session.unpark(), /no room/);
  engine.take = take;
  assert.equal(engine.top, top);
  assert.ok(session.parked);
  session.unpark();
  assert.equal(session.hash(), hash);
  session.close();
});

test('mark and rewind: as often as one likes; not without the block, and not beyond a reset or restore', async () => {
  const session = model.session({ ...small, undo: true });
  assert.throws(() => session.rewind(), /call mark/);
  await session.feed(ids.slice(0, 40));
  session.mark();
  const want = draw(session);
  for (let i = 0; i < 2; i++) {
    session.rewind();
    assert.deepEqual(draw(session), want);
  }
  const fork = session.fork();
  fork.rewind();
  assert.deepEqual(draw(fork), want);
  const block = session.save();
  session.restore(block);
  assert.throws(() => session.rewind(), /call mark/);
  session.mark();
  session.reset();
  assert.throws(() => session.rewind(), /call mark/);
  const plain = model.session(small);
  assert.throws(() => plain.mark(), /undo: true/);
  assert.deepEqual([session.cost.undo, plain.cost.undo, session.stats.bytes.undo], [session.cost.state, 0, session.cost.state]);
  for (const s of [session, fork, plain]) s.close();
});

/** Attention as the definition says it, with lists and maps. */
function expected(session, layers) {
  const { engine } = model;
  const sums = new Map();
  let pairs = 0;
  for (const { layer, sets } of layers) {
    for (let set = 0; set < sets; set++, pairs++) {
      const at = session.ids;
      const n = engine.c.retained(session.at, layer, set, at, at + 4 * 64);
      const positions = [...engine.u32.subarray(at / 4, at / 4 + n)];
      const scores = [...engine.f32.subarray(at / 4 + 64, at / 4 + 64 + n)];
      const total = scores.reduce((a, b) => a + b, 0);
      positions.forEach((p, i) => sums.set(p, [...(sums.get(p) ?? []), scores[i] / total]));
    }
  }
  return [...sums].sort(([a], [b]) => a - b).map(([position, list]) => ({ position, attention: list.reduce((a, b) => a + b) / list.length, share: list.length / pairs }));
}

test('attention: shares of each cache, averaged over those that hold the position', async () => {
  for (const policy of ['tova', 'tova-head', 'h2o', 'window', 'sinks']) {
    const session = model.session({ memory: { tokens: 16, policy }, seed: 1 });
    assert.deepEqual(session.attention('mean').positions, new Uint32Array(0));
    await session.feed(ids);
    const layers = session.cacheLayers();
    for (const layer of ['mean', layers[1].layer]) {
      const { held, positions, attention, share, ...rest } = session.attention(layer);
      assert.deepEqual(rest, { layer });
      const want = expected(session, layers.filter((l) => layer === 'mean' || l.layer === layer));
      assert.equal(held, want.length);
      assert.deepEqual([...positions], want.map((w) => w.position), policy);
      want.forEach((w, i) => assert.ok(Math.abs(w.attention - attention[i]) < 1e-6 && Math.abs(w.share - share[i]) < 1e-6, `${policy} ${layer} ${i}`));
      if (layers[0].sets === 1 && layer !== 'mean') assert.deepEqual([held, share.every((x) => x === 1)], [16, true]);
      assert.notEqual(positions.buffer, session.attention(layer).positions.buffer);
    }
    assert.throws(() => session.attention(99), /layer 99 has no cache/);
    session.close();
  }
  const full = model.session(exact(100));
  await full.feed(ids);
  const { positions, attention } = full.attention(full.cacheLayers()[0].layer);
  assert.deepEqual([...positions], ids.map((_, i) => i));
  assert.ok(Math.abs(attention.reduce((a, b) => a + b) - 1) < 1e-5);
  full.close();
});
