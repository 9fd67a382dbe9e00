// An answer that was cut off goes on as if it had not been: after an abort, at a limit, out of a save; and an answer
// gives way to another one.
import assert from 'node:assert/strict';
import path from 'node:path';
import test from 'node:test';
import { load, root } from './kit.js';

const m = await load(path.join(root, 'models/default.gguf'));
const memory = { tokens: 64 };
const sea = 'Tell me about the sea.';
const warm = { temperature: 2, topK: 0, topP: 1, minP: 0, maxTokens: 24, ignoreEnd: true };

/** All pieces of a generator, and its reason. */
async function whole(pieces) {
  let text = '';
  for (;;) {
    const { value, done } = await pieces.next();
    if (done) return { text, reason: value };
    text += value;
  }
}

/** The first n pieces; then the loop is left. */
async function part(pieces, n) {
  let text = '';
  for await (const piece of pieces) {
    text += piece;
    if (--n === 0) break;
  }
  return text;
}

/** A chat whose next draws are these ids, then the end. */
function scripted(chat, ids) {
  let i = 0;
  chat.session.draw = () => ids[i++] ?? m.words.ids.eos;
  return chat;
}

test('continue: left or aborted after any piece, the same text and state', async () => {
  const one = m.chat({ memory, seed: 4 });
  const want = await whole(one.send(sea, warm));
  const hash = one.session.hash();
  assert.equal(want.reason, 'length');
  assert.equal(one.unfinished, true);
  for (const n of [1, 2, 7]) {
    const chat = m.chat({ memory, seed: 4 });
    let text = await part(chat.send(sea, warm), n);
    assert.equal(chat.unfinished, true);
    const abort = new AbortController();
    await assert.rejects(async () => {
      for await (const piece of chat.continue({ signal: abort.signal })) {
        text += piece;
        abort.abort();
      }
    }, { name: 'AbortError' });
    const rest = await whole(chat.continue());
    assert.deepEqual([text + rest.text, rest.reason], [want.text, 'length']);
    assert.equal(chat.messages.at(-1).content, want.text);
    assert.equal(chat.session.hash(), hash);
    chat.close();
  }
  one.close();
});

test('continue: at maxTokens it goes on with as many again, or with as many as are asked for', async () => {
  const long = await m.chat({ memory, seed: 4 }).ask(sea, { ...warm, maxTokens: 30 });
  const chat = m.chat({ memory, seed: 4 });
  let text = await chat.ask(sea, { ...warm, maxTokens: 10 });
  text += (await whole(chat.continue())).text;
  text += (await whole(chat.continue({ maxTokens: 10 }))).text;
  assert.equal(text, long);
  assert.equal(chat.session.stats.decodeTokens, 30);
});

test('continue: half characters and what may become a stop string are neither lost nor doubled, wherever it was cut', async () => {
  const say = 'Ä 😀é… EN and 日本 E😀 ENDE more';
  const ids = m.encode(say);
  const shownText = 'Ä 😀é… EN and 日本 E😀 ';
  assert.ok(ids.length > shownText.length, 'characters of several tokens');
  for (const stop of [['END'], ['END', '😀x']]) {
    for (let cut = 0; cut <= ids.length; cut++) {
      for (const saved of [false, true]) {
        let chat = scripted(m.chat({ memory, seed: 1 }), ids);
        let { text, reason } = await whole(chat.send('Hi', { maxTokens: cut, stop }));
        if (saved && chat.unfinished) {
          const again = m.restore(chat.save());
          chat.close();
          chat = scripted(again, ids.slice(cut));
        }
        if (chat.unfinished) {
          assert.equal(reason, 'length');
          const rest = await whole(chat.continue({ maxTokens: 100 }));
          text += rest.text;
          reason = rest.reason;
        }
        assert.deepEqual([text, reason, chat.unfinished], [shownText, 'stop', false], `cut at ${cut}`);
        assert.equal(chat.messages.at(-1).content, shownText);
        chat.close();
      }
    }
  }
  const open = scripted(m.chat({ memory }), m.encode('x EN'));
  assert.deepEqual(await whole(open.send('Hi', { stop: ['END'] })), { text: 'x EN', reason: 'end' });
  assert.equal(open.unfinished, false);
  await assert.rejects(whole(open.continue()), /no unfinished answer/);
});

test('continue: a message whose reading was aborted is read to its end, and then answered', async () => {
  const text = 'The sea is wide and the boat is small. '.repeat(20);
  const one = m.chat({ memory, chunk: 16, seed: 4, system: 'Be kind.' });
  const { ids } = one.turn({ role: 'user', content: text });
  const want = await whole(one.send(text, warm));
  assert.equal(one.session.seen, ids.length + warm.maxTokens);
  for (const saved of [false, true]) {
    let chat = m.chat({ memory, chunk: 16, seed: 4, system: 'Be kind.' });
    const abort = new AbortController();
    await assert.rejects(chat.ask(text, { ...warm, signal: abort.signal, onprogress: ({ read }) => read > 60 && abort.abort() }), { name: 'AbortError' });
    assert.ok(chat.unfinished && chat.session.seen < 90);
    assert.deepEqual(chat.messages, [{ role: 'user', content: text }, { role: 'assistant', content: '' }]);
    if (saved) chat = m.restore(chat.save());
    const seen = [];
    const got = await whole(chat.continue({ onprogress: (p) => seen.push(p) }));
    assert.deepEqual(got, want);
    assert.deepEqual([chat.session.hash(), chat.session.seen], [one.session.hash(), one.session.seen]);
    assert.ok(seen.length > 3 && seen.at(-1).read === seen.at(-1).total);
  }
});

test('a message that nothing was read of was never said; the unread rest of the system message is read before the next one', async () => {
  const chat = m.chat({ memory, seed: 1, chunk: 4, system: 'You like birds and the sea.' });
  const fresh = chat.session.hash();
  await assert.rejects(chat.ask('Hi', { signal: AbortSignal.abort() }), { name: 'AbortError' });
  assert.deepEqual([chat.messages, chat.unfinished, chat.session.hash()], [[], false, fresh]);
  const { pinned } = chat.turn({ role: 'user', content: 'x' });
  const abort = new AbortController();
  await assert.rejects(chat.ask('Hi', { signal: abort.signal, onprogress: () => abort.abort() }), { name: 'AbortError' });
  assert.equal(chat.session.seen, 4);
  await chat.ask('Hello', { maxTokens: 4 });
  const { layer } = chat.session.cacheLayers()[0];
  await chat.ask('word '.repeat(100), { maxTokens: 1 });
  assert.deepEqual(chat.session.retained(layer).slice(0, pinned), Array.from({ length: pinned }, (_, i) => i));
  assert.equal(chat.messages.length, 6);
  const pin = (c) => new DataView(c.save().buffer.slice(c.savedBytes - c.session.cost.state)).getBigUint64(48, true);
  assert.equal(pin(chat), BigInt(pinned));
  await assert.rejects(m.chat({ memory: { tokens: 8 }, system: 'long '.repeat(50) }).ask('Hi'), (e) => e.code === 'pinned');
});

test('restored in mid-answer: the same next tokens, drawn as before; options can be given anew', async () => {
  const options = { ...warm, maxTokens: 40, temperature: 1.5, topK: 50, repeatPenalty: 1.1, stop: ['zzz'], logitBias: new Map([[500, -Infinity], [501, 2.5]]), seed: 77 };
  const one = m.chat({ memory, seed: 4 });
  const pieces = one.send(sea, options);
  let text = '';
  for (let i = 0; i < 10; i++) text += (await pieces.next()).value;
  assert.equal(one.busy, true);
  const blob = one.save();
  const fork = one.fork();
  const rest = await whole(pieces);
  const again = m.restore(blob);
  assert.deepEqual([again.unfinished, again.busy], [true, false]);
  assert.equal(again.messages.at(-1).content, text);
  assert.deepEqual(await whole(again.continue()), rest);
  assert.deepEqual([again.session.hash(), again.messages], [one.session.hash(), one.messages]);
  assert.deepEqual(await whole(fork.continue()), rest);
  assert.notDeepEqual(await whole(m.restore(blob).continue({ seed: 5 })), rest);
  assert.equal((await whole(m.restore(blob).continue({ maxTokens: 0 }))).text, '');
  assert.deepEqual(new Map(again.pending.manner.logitBias), options.logitBias);
  await assert.rejects(whole(again.continue({ maxToken: 1 })), /continue: unknown option 'maxToken'/);
  await assert.rejects(whole(again.continue({ temperature: 'hot' })), /must be a number/);
  assert.equal(again.unfinished, true);
});

test('regenerate: another answer to the same message, repeatable; after an abort and twice; the chat goes on', async () => {
  const run = async () => {
    const chat = m.chat({ memory, seed: 4, undo: true });
    const texts = [await chat.ask(sea, warm)];
    const said = chat.session.seen;
    for (let i = 0; i < 2; i++) texts.push((await whole(chat.regenerate())).text);
    assert.equal(chat.session.seen, said);
    assert.deepEqual(chat.messages, [{ role: 'user', content: sea }, { role: 'assistant', content: texts.at(-1) }]);
    await part(chat.regenerate(), 3);
    texts.push((await whole(chat.regenerate({ maxTokens: 5 }))).text, (await whole(chat.continue())).text);
    texts.push(await chat.ask('And the boat?', warm), (await whole(chat.regenerate({ seed: 3 }))).text, (await whole(chat.regenerate({ seed: 3 }))).text);
    return texts;
  };
  const texts = await run();
  assert.equal(new Set(texts.slice(0, 3)).size, 3);
  assert.equal(texts.at(-1), texts.at(-2));
  assert.deepEqual(await run(), texts);
});

test('regenerate: from the state right behind the message: greedy gives the same answer and state', async () => {
  const chat = m.chat({ memory, seed: 4, undo: true });
  const greedy = { ...warm, temperature: 0, seed: 1 };
  const text = await chat.ask(sea, greedy);
  const hash = chat.session.hash();
  assert.equal((await whole(chat.regenerate())).text, text);
  assert.equal((await whole(chat.regenerate({ seed: 1 }))).text, text);
  assert.equal(chat.session.hash(), hash);
  const fork = chat.fork();
  assert.equal((await whole(fork.regenerate({ seed: 1 }))).text, text);
  assert.equal(fork.session.hash(), hash);
});

test('regenerate: says why it cannot', async () => {
  const refused = (chat, pattern) => assert.rejects(whole(chat.regenerate()), (e) => e.code === 'argument' && pattern.test(e.message));
  await refused(m.chat({ memory }), /undo: true/);
  const chat = m.chat({ memory, undo: true, chunk: 16 });
  await refused(chat, /send a message first/);
  assert.equal(chat.canRegenerate, false);
  await chat.ask(sea, warm);
  assert.equal(chat.canRegenerate, true);
  await refused(m.restore(chat.save(), { undo: true }), /send a message first/);
  const abort = new AbortController();
  await assert.rejects(chat.ask('word '.repeat(200), { signal: abort.signal, onprogress: () => abort.abort() }), { name: 'AbortError' });
  await refused(chat, /let it be read/);
  await part(chat.continue(warm), 1);
  assert.ok((await whole(chat.regenerate())).text);
  const { state } = chat.session.cost;
  assert.deepEqual([chat.session.cost.undo, chat.memory.bytes, chat.stats.bytes.undo], [state, 2 * state, state]);
  const pieces = chat.regenerate();
  await pieces.next();
  await refused(chat, /still answering/);
});
