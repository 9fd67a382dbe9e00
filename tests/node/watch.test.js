// Events and pictures of the memory: at the right moments, bounded, and true.
import assert from 'node:assert/strict';
import path from 'node:path';
import test from 'node:test';
import { Events } from '../../web/events.js';
import { TokenLog, logCapacity } from '../../web/tokenlog.js';
import { Watchers } from '../../web/watch.js';
import { load, root } from './kit.js';

const m = await load(path.join(root, 'models/default.gguf'));
const memory = { tokens: 32 };
const quick = { maxTokens: 8, temperature: 0, ignoreEnd: true };

test('events: on, off, unknown names; a listener that fails does not break the others', async () => {
  const events = new Events(['evict', 'memory']);
  const seen = [];
  const fn = (x) => seen.push(x);
  const [end] = [events.on('evict', fn), events.on('evict', fn)];
  events.emit('evict', 1);
  end();
  end();
  events.emit('evict', 2);
  assert.deepEqual([seen, events.has('evict'), events.has('memory')], [[1, 1, 2], true, false]);
  assert.throws(() => events.on('evcit', fn), /unknown event 'evcit'; did you mean 'evict'/);
  assert.throws(() => events.on('evict'), /function/);
  const listeners = process.rawListeners('uncaughtException');
  process.removeAllListeners('uncaughtException');
  const caught = new Promise((resolve) => process.once('uncaughtException', resolve));
  events.on('memory', () => { throw new Error('mine'); });
  events.on('memory', fn);
  events.emit('memory', 3);
  assert.equal((await caught).message, 'mine');
  assert.equal(seen.at(-1), 3);
  for (const l of listeners) process.on('uncaughtException', l);
});

test("evict: only when something left, once per chunk or token, with the chat's own numbers", async () => {
  const chat = m.chat({ memory, seed: 1, chunk: 8 });
  const evicts = [];
  const memories = [];
  const end = chat.on('evict', (e) => evicts.push(e));
  chat.on('memory', (x) => memories.push(x));
  await chat.ask('Hi', quick);
  assert.deepEqual([evicts, chat.memory.evicted], [[], 0]);
  await chat.ask('Tell me about the sea and the boat. '.repeat(6), quick);
  assert.deepEqual(evicts.at(-1), { evicted: chat.memory.evicted, seen: chat.memory.seen, held: 32 });
  const draws = [1000, m.words.ids.eos];
  const { draw } = chat.session;
  chat.session.draw = () => draws.shift();
  await chat.ask('Hi', { maxTokens: 9 }); // ends with a token that is not read
  chat.session.draw = draw;
  evicts.forEach((e, i) => assert.ok(e.evicted > (evicts[i - 1]?.evicted ?? 0) && e.evicted === e.seen - e.held));
  assert.deepEqual(memories.at(-1), chat.memory);
  const { length } = evicts;
  end();
  await chat.ask('Hi', quick);
  assert.equal(evicts.length, length);
  assert.throws(() => chat.on('evicted', () => {}), /did you mean 'evict'/);
});

/** Texts of several snapshots, by position: a later one counts. */
const told = (shots) => [...new Map(shots.flatMap((s) => s.texts.map((t) => [t.position, t]))).values()].sort((a, b) => a.position - b.position);

test('watch: every token is told once, with who said it; a late watcher sees the whole past', async () => {
  const chat = m.chat({ memory, system: 'Be kind.', seed: 1, chunk: 8 });
  const fed = [];
  const feed = chat.session.feedChunk.bind(chat.session);
  chat.session.feedChunk = (ids, pinned) => {
    fed.push(...ids);
    feed(ids, pinned);
  };
  const early = [];
  chat.watch((s) => early.push(s), { everyMs: 0 });
  assert.equal(early.length, 0);
  const question = 'Tell me about the sea, the boat and a Bär.';
  await chat.ask(question, quick);
  await chat.ask('Why?', quick);
  const texts = told(early);
  assert.equal(early.flatMap((s) => s.texts).length, texts.length);
  assert.deepEqual(texts.map((t) => t.id), fed);
  assert.deepEqual(texts.map((t) => t.position), fed.map((_, i) => i));
  assert.equal(texts.map((t) => t.text).join('').replaceAll('\ufffd', ''), m.decode(fed, { special: true }).replace('ä', ''));
  const said = (role) => m.decode(texts.filter((t) => t.role === role).map((t) => t.id), { special: true });
  assert.equal(said('system'), 'Be kind.');
  assert.equal(said('user'), `${question}Why?`);
  assert.equal(said('assistant'), chat.messages[1].content + chat.messages[3].content);
  assert.ok(texts.filter((t) => t.role === 'template').length >= 8);
  const late = [];
  const end = chat.watch((s) => late.push(s));
  assert.equal(late.length, 1);
  assert.deepEqual(late[0].texts, texts);
  assert.deepEqual({ ...late[0], texts: [] }, { ...early.at(-1), texts: [] });
  const { seen, layer, held, positions, attention, share } = late[0];
  assert.deepEqual([seen, layer, held, attention.length, share.length], [chat.memory.seen, 'mean', positions.length, held, held]);
  assert.deepEqual({ layer, held, positions, attention, share }, chat.session.attention('mean'));
  end();
  await chat.ask('Hm', quick);
  assert.equal(late.length, 1);
});

test('watch: at most one in everyMs, one when a message is read, one at the end of a turn, also of one that was left', async () => {
  const chat = m.chat({ memory, seed: 1, chunk: 8 });
  const { layer } = chat.session.cacheLayers()[2];
  const [all, few] = [[], []];
  chat.watch((s) => all.push(s.seen), { everyMs: 0 });
  chat.watch((s) => few.push(s), { everyMs: 1e9, layer });
  let read = 0;
  const { pinned } = chat.turn({ role: 'user', content: 'x' });
  await chat.ask('Tell me about the sea and the boat.', { ...quick, onprogress: (p) => (read = p.total) });
  assert.equal(all.length, Math.ceil(pinned / 8) + Math.ceil((read - pinned) / 8) + quick.maxTokens);
  assert.deepEqual(few.map((s) => s.seen), [few[0].seen, read, read + quick.maxTokens]);
  for await (const _ of chat.send('Why is that so, and what comes next?', quick)) break;
  assert.equal(few.at(-1).seen, chat.memory.seen);
  assert.deepEqual([few.at(-1).layer, few.at(-1).held, few.at(-1).share.every((x) => x === 1)], [layer, 32, true]);
  const bad = (options, pattern) => assert.throws(() => chat.watch(() => {}, options), pattern);
  bad({ layer: 999 }, /layer 999 has no state/);
  bad({ layer: 'all' }, /'mean' or a number/);
  bad({ everyMs: -1 }, /everyMs/);
  bad({ every: 1 }, /did you mean 'everyMs'/);
  assert.throws(() => chat.watch(), /function/);
});

test('watch: after regenerate the positions come again; parked and restored chats', async () => {
  const chat = m.chat({ memory, seed: 1, undo: true });
  await chat.ask('Tell me about the sea.', quick);
  const shots = [];
  chat.watch((s) => shots.push(s), { everyMs: 1e9 });
  const { seen } = chat.memory;
  for await (const _ of chat.regenerate({ temperature: 2, topK: 0, topP: 1, minP: 0, seed: 3, maxTokens: 5 }));
  assert.deepEqual(shots.map((s) => s.seen), [seen, seen - 8, seen - 3]);
  assert.deepEqual(shots[2].texts.map((t) => t.position), [8, 7, 6, 5, 4].map((n) => seen - n));
  assert.equal(shots[2].texts.map((t) => t.text).join(''), chat.messages[1].content);
  const again = m.restore(chat.save());
  const parked = [];
  again.park();
  again.watch((s) => parked.push(s));
  assert.equal(parked.length, 0);
  again.unpark();
  assert.equal(parked.length, 1);
  const fresh = [];
  chat.watch((s) => fresh.push(s));
  assert.deepEqual(parked[0], fresh[0]);
  assert.equal(parked[0].texts.length, again.memory.seen);
  const copy = [];
  again.fork().watch((s) => copy.push(s));
  assert.deepEqual(copy, parked);
});

test('the log of tokens: bounded; what is held stays, then the newest; rewound and refused', () => {
  assert.deepEqual([logCapacity(100), logCapacity(1e9)], [8292, 65536]);
  let held = Uint32Array.from([0, 1, 2, 5000, 9000]);
  const log = new TokenLog(logCapacity(100), () => held);
  const { words } = log;
  for (let i = 0; i < 100_000; i++) log.add(i, i % 3000, i % 2 ? 'user' : 'assistant');
  assert.equal(log.words, words);
  const positions = log.since(0).map((t) => t.position);
  assert.deepEqual(positions.slice(0, 5), [...held]);
  for (let i = 1; i <= 4096; i++) assert.equal(positions.at(-i), 100_000 - i);
  assert.deepEqual(log.since(99_999), [{ position: 99_999, id: 999, role: 'user' }]);
  log.rewind(99_990);
  assert.equal(log.since(0).at(-1).position, 99_989);
  log.rewind(3);
  assert.deepEqual(log.since(0).map((t) => t.position), [0, 1, 2]);
  held = Uint32Array.from({ length: 20_000 }, (_, i) => i);
  for (let i = 3; i < 20_000; i++) log.add(i, 1, 'system');
  assert.equal(log.since(0).at(-1).position, 19_999);
  assert.ok(log.n <= log.capacity);
});

test('a chat beyond the capacity of its log: every held position has its text', async () => {
  const chat = m.chat({ memory: { tokens: 32, policy: 'h2o' }, chunk: 512, seed: 1 });
  await chat.ask('The sea is wide and the boat is small. '.repeat(1200), quick);
  assert.ok(chat.memory.seen > chat.log.capacity);
  let shot;
  chat.watch((s) => (shot = s));
  const known = new Set(shot.texts.map((t) => t.position));
  for (const p of shot.positions) assert.ok(known.has(p), `position ${p}`);
  assert.ok(known.size <= chat.log.capacity);
});

test('layers without a cache: the norm of the state and how much each token changed it, true to the state', async () => {
  const mixed = await load(path.join(root, 'tests/fixtures/arch/qwen35/model.gguf'));
  const chain = await load(path.join(root, 'tests/fixtures/arch/mamba/model.gguf'));
  for (const [model, layer] of [[chain, 'mean'], [chain, 0], [mixed, 0]]) {
    const session = model.session({ memory: { tokens: 16 }, seed: 0 });
    const watchers = new Watchers(session, new TokenLog(100, () => new Uint32Array(0)));
    const shots = [];
    watchers.add((s) => shots.push(s), { layer, everyMs: 0 });
    const places = session.stateLayers().filter((l) => layer === 'mean' || l.layer === layer);
    const states = () => places.map(({ at, bytes }) => new Float32Array(session.save().buffer, at, bytes / 4));
    const length = (x) => Math.hypot(...x);
    session.feedChunk([1, 2, 3]);
    watchers.look();
    for (const id of [4, 5, 6]) {
      const before = states();
      session.feedChunk([id]);
      watchers.look();
      const after = states();
      const { state, attention, positions, held, seen } = shots.at(-1);
      const want = after.reduce((sum, now, i) => sum + length(now.map((v, k) => v - before[i][k])) / length(before[i]), 0) / after.length;
      assert.ok(Math.abs(state.norm - length(after.flatMap((s) => [...s]))) < 1e-3 * state.norm);
      assert.ok(Math.abs(state.change.at(-1) - want) < 1e-4 * want, `${state.change.at(-1)}, not ${want}`);
      assert.deepEqual([positions.at(-1), held, attention.length], [seen - 1, seen - 3, seen - 3]); // from the first look on
      assert.ok(Math.abs(attention.reduce((a, b) => a + b) - 1) < 1e-5);
    }
    assert.deepEqual([session.stats.capacity, session.stats.evicted], model === chain ? [0, 0] : [16, 0]);
    session.close();
  }
  const cached = mixed.session({ memory: { tokens: 16 }, seed: 0 });
  const watchers = new Watchers(cached, new TokenLog(100, () => new Uint32Array(0)));
  const kinds = mixed.layers(cached.words).map(({ kind }) => kind);
  let shot;
  watchers.add((s) => (shot = s), { layer: kinds.indexOf('attention') });
  cached.feedChunk([1, 2]);
  watchers.look(true);
  assert.deepEqual([shot.state, [...shot.positions]], [undefined, [0, 1]]);
  assert.throws(() => watchers.add(() => {}, { layer: kinds.indexOf('mlp') }), /layer 1 has no state/);
});
