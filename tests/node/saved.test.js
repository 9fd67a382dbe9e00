// Saved chats: one size from the first save to the last, a transcript of bounded size, and no damaged byte is believed.
import assert from 'node:assert/strict';
import path from 'node:path';
import test from 'node:test';
import { HEAD_BYTES, headerBytes, packHead, peek, readHead } from '../../web/saved.js';
import { TRANSCRIPT_BYTES, Transcript } from '../../web/transcript.js';
import { load, root } from './kit.js';

const m = await load(path.join(root, 'models/default.gguf'));
const memory = { tokens: 64 };
const quick = { maxTokens: 3, temperature: 0 };
const foreign = (e) => e.code === 'foreign';
const jsonOf = (list) => new TextEncoder().encode(JSON.stringify(list)).length;

test('a save has the size that is known when the chat opens: before the first word, in mid-answer, after long texts', async () => {
  for (const system of [undefined, 'Sei höflich. "Immer!"\n'.repeat(4)]) {
    const chat = m.chat({ system, memory: { tokens: 128 }, seed: 1, undo: true });
    const size = chat.savedBytes;
    const sizes = [chat.save().length];
    await chat.ask('Hello!', quick);
    sizes.push(chat.save().length);
    const pieces = chat.send('x\u0001"\\'.repeat(300), { ...quick, maxTokens: 9 });
    for (let i = 0; i < 2; i++) await pieces.next();
    sizes.push(chat.save().length);
    await pieces.return();
    for (let i = 0; i < 4; i++) chat.transcript.say({ role: 'assistant', content: '\u0001'.repeat(5000) });
    assert.ok(chat.forgotten > 0);
    sizes.push(chat.save().length, m.restore(chat.save()).savedBytes);
    assert.deepEqual(sizes, sizes.map(() => size));
    chat.close();
  }
});

test('transcript: the oldest leave, question and answer stay, and never more than 64 KiB', () => {
  const t = new Transcript();
  const words = ['plain words ', 'Ünïcödé ', '😀', '"quoted"\n', '\u0001'];
  for (let i = 0; i < 400; i++) {
    t.say({ role: 'user', content: `${i}: ${words[i % 5].repeat((i * 37) % 300)}` });
    t.say({ role: 'assistant', content: '' });
    for (let k = 0; k < 20; k++) t.append(words[(i + k) % 5]);
    assert.ok(jsonOf(t.list) <= TRANSCRIPT_BYTES + 1, `${i}`);
    assert.equal(t.list.length + t.forgotten, 2 * (i + 1));
  }
  assert.ok(t.forgotten > 100 && jsonOf(t.list) > 0.9 * TRANSCRIPT_BYTES);
  assert.equal(t.bytes, jsonOf(t.list) - 1);
  t.restart();
  assert.equal(t.list.at(-1).content, '');
  assert.equal(t.bytes, jsonOf(t.list) - 1);
});

test('transcript: one enormous message loses its beginning, marked; a growing answer too', () => {
  for (const unit of ['a', 'é', '😀', '\n', 'x😀', 'xy😀', 'xyz😀']) {
    const text = unit.repeat(200_000);
    const t = new Transcript([{ role: 'user', content: text }]);
    const { content } = t.list[0];
    assert.ok(content.startsWith('…') && text.endsWith(content.slice(1)) && Buffer.from(content).toString() === content);
    assert.ok(jsonOf(content) > TRANSCRIPT_BYTES / 2.5 && jsonOf(content) < TRANSCRIPT_BYTES / 2, String(jsonOf(content)));
    t.say({ role: 'assistant', content: '' });
    for (let i = 0; i < 20_000; i++) t.append(`${i} `);
    assert.deepEqual([t.list.length, t.forgotten], [2, 0]);
    assert.match(t.list[1].content, /^….*19998 19999 $/);
    assert.ok(jsonOf(t.list) <= TRANSCRIPT_BYTES);
  }
});

test('chat.messages is bounded by the same rule; what it forgot is not needed to go on', async () => {
  const chat = m.chat({ memory, seed: 2, chunk: 512 });
  const long = '\u0001'.repeat(1000); // six bytes each in JSON
  for (let i = 0; i < 13; i++) await chat.ask(`${i}: ${long}`, { ...quick, maxTokens: 1 });
  assert.ok(chat.forgotten > 0 && jsonOf(chat.messages) <= TRANSCRIPT_BYTES);
  assert.equal(chat.forgotten + chat.messages.length, 26);
  const again = m.restore(chat.save());
  assert.deepEqual([again.messages, again.forgotten], [chat.messages, chat.forgotten]);
  assert.equal(await again.ask('Hello', quick), await chat.ask('Hello', quick));
});

test('messages to begin with: all of them are read, however long; until then a save that would lose them is refused', async () => {
  const messages = [{ role: 'user', content: 'A' }, { role: 'assistant', content: 'B '.repeat(40_000) }];
  const chat = m.chat({ messages, memory, chunk: 512 });
  assert.ok(m.decode(chat.turn({ role: 'user', content: 'C' }).ids).includes(messages[1].content.trim()));
  assert.throws(() => chat.save(), (e) => e.code === 'argument' && /not read yet/.test(e.message));
  const short = m.chat({ messages: [{ role: 'user', content: 'A' }, { role: 'assistant', content: 'B' }], memory: { ...memory, pin: 2 }, seed: 1 });
  const again = m.restore(short.save());
  assert.deepEqual(again.turn({ role: 'user', content: 'C' }), short.turn({ role: 'user', content: 'C' }));
  await again.ask('C', quick);
  assert.equal(again.turn({ role: 'user', content: 'D' }).pinned, 0);
  assert.notDeepEqual(m.restore(again.save()).turn({ role: 'user', content: 'D' }).ids, short.turn({ role: 'user', content: 'D' }).ids);
});

test('a message of which too much is unread cannot be saved, and says so; a little later it can', async () => {
  const chat = m.chat({ memory, chunk: 512, seed: 1 });
  const abort = new AbortController();
  await assert.rejects(chat.ask('word '.repeat(22_000), { ...quick, signal: abort.signal, onprogress: () => abort.abort() }), { name: 'AbortError' });
  assert.throws(() => chat.save(), (e) => e.code === 'argument' && /let it read on/.test(e.message));
  const later = new AbortController();
  const reading = chat.continue({ signal: later.signal, onprogress: ({ read }) => read > 12_000 && later.abort() });
  await assert.rejects(reading.next(), { name: 'AbortError' });
  assert.equal(chat.save().length, chat.savedBytes);
});

test('pieces: header and a view of the state, without a copy of it; parked too', async () => {
  const chat = m.chat({ system: 'Be kind.', memory, seed: 1 });
  await chat.ask('Hello!', quick);
  const blob = chat.save();
  const join = ([head, state]) => Uint8Array.from([...head, ...state]);
  assert.equal(chat.pieces()[1].buffer, m.engine.memory.buffer);
  assert.deepEqual(join(chat.pieces()), blob);
  const { top } = m.engine;
  const { memory: remembered, stats } = chat;
  chat.park();
  assert.ok(m.engine.top < top && chat.parked);
  assert.deepEqual([chat.save(), chat.memory, chat.stats.seen], [blob, remembered, stats.seen]);
  const fork = chat.fork();
  assert.ok(fork.parked);
  await assert.rejects(chat.ask('x', quick), /parked/);
  chat.unpark();
  fork.unpark();
  assert.equal(await fork.ask('Who are you?', quick), await chat.ask('Who are you?', quick));
  assert.deepEqual(fork.messages, chat.messages);
});

test('peek: the header alone tells what a list shows', async () => {
  const chat = m.chat({ system: 'Be kind.', memory, seed: 1 });
  await chat.ask('Hello!', quick);
  const blob = chat.save();
  const n = headerBytes(blob.subarray(0, HEAD_BYTES));
  assert.equal(n, blob.length - chat.session.cost.state);
  assert.deepEqual(peek(blob.subarray(0, n)), { model: m.name, messages: 2, forgotten: 0, unfinished: true, bytes: blob.length, words: [...chat.session.words] });
  assert.throws(() => peek(blob.subarray(0, n - 1)), foreign);
  assert.throws(() => headerBytes(blob.subarray(0, HEAD_BYTES - 1)), foreign);
});

test('damage: every byte of the header counts, and every length; the state has its own checksum', async () => {
  const chat = m.chat({ system: 'Be kind.', memory, seed: 1 });
  await chat.ask('Hello!', quick);
  const blob = chat.save();
  const start = headerBytes(blob);
  const flips = [...Array(64).keys(), 200, 5000, 70_000, start - 1, start, start + 9, start + 60, start + 4000, blob.length - 1];
  for (const i of flips) {
    const bad = blob.slice();
    bad[i] ^= 1;
    assert.throws(() => m.restore(bad), foreign, `byte ${i}`);
  }
  for (const n of [0, 7, 8, HEAD_BYTES, 100, start - 1, start, blob.length - 1]) assert.throws(() => m.restore(blob.subarray(0, n)), foreign, `${n} bytes`);
  assert.throws(() => m.restore(new Uint8Array([...blob, 0])), foreign);
  const moved = new Uint8Array(blob.length + 3);
  moved.set(blob, 3);
  assert.deepEqual(m.restore(moved.subarray(3)).messages, chat.messages);
});

test('a header with a right checksum and wrong fields is refused, not believed', async () => {
  const chat = m.chat({ memory, seed: 1 });
  await chat.ask('Hello!', quick);
  const [head, state] = chat.pieces();
  const { header, tokens } = readHead(head);
  const block = state.slice();
  const build = (change, words = tokens) => {
    const json = structuredClone(header);
    change(json);
    return Uint8Array.from([...packHead(json, chat.room, words, 8 * chat.log.capacity, block.length), ...block]);
  };
  assert.deepEqual(m.restore(build(() => {})).messages, chat.messages);
  const { top } = m.engine;
  const changes = [
    (h) => delete h.model, (h) => (h.system = [{}]), (h) => (h.system = [...h.messages]), (h) => h.messages.push(1), (h) => h.words.pop(),
    (h) => (h.words[1] = -1), (h) => (h.forgotten = 0.5), (h) => (h.started = 1), (h) => (h.seed = '-1'), (h) => (h.pin = 'x'),
    (h) => (h.pending = null), (h) => (h.messages = []), (h) => (h.pending = {}), (h) => (h.pending.ids = [-1]), (h) => (h.pending.pinned = 1),
    (h) => (h.pending.left = 'many'), (h) => (h.pending.tail.bytes = [256]), (h) => (h.pending.tail.bytes = [1, 2, 3, 4]),
    (h) => (h.pending.manner.temperature = 'hot'), (h) => (h.pending.manner.evil = 1), (h) => (h.pending.bias = [[1, 'x']]), (h) => (h.words[1] = 65),
  ];
  for (const change of changes) assert.throws(() => m.restore(build(change)), foreign, String(change));
  const wrong = [[5, 1, 5, 1], [1, 1, 0, 1], [1e6, 1], [0, m.vocabularySize]];
  for (const words of wrong) assert.throws(() => m.restore(build(() => {}, new Uint8Array(Uint32Array.from(words).buffer))), foreign, String(words));
  assert.equal(m.engine.top, top);
});
