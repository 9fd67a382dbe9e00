// The shipped wasm against llama.cpp's own tokenizer vectors, both directions, and texts cut in pieces.
import assert from 'node:assert/strict';
import fs, { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { gunzipSync } from 'node:zlib';
import { Tokenizer } from '../../web/node.js';
import { fixtures, json, llamacpp, testWith } from './kit.js';

const dir = path.join(llamacpp, 'tokenizers');
const scratch = mkdtempSync(path.join(tmpdir(), 'palimpsest-'));

/** @type {Map<string, Promise<Tokenizer>>} */
const opened = new Map();
function open(name) {
  if (!opened.has(name)) opened.set(name, openFile(name));
  return opened.get(name);
}
async function openFile(name) {
  if (name === 'stories260K') return Tokenizer.load(path.join(llamacpp, 'real/stories260K/stories260K-F32.gguf'));
  const file = path.join(scratch, `${name}.gguf`);
  fs.writeFileSync(file, gunzipSync(fs.readFileSync(path.join(dir, `ggml-vocab-${name}.gguf.gz`))));
  return Tokenizer.load(file);
}

const NAMES = ['baichuan', 'deepseek-llm', 'falcon', 'gpt-2', 'gpt-neox', 'llama-bpe', 'llama-spm', 'phi-3', 'qwen2', 'refact'];

for (const name of NAMES) {
  testWith(dir, `tokenizer ${name}: every line of the .inp/.out pair`, async () => {
    const tokenizer = await open(name);
    const inputs = fs.readFileSync(path.join(dir, `ggml-vocab-${name}.gguf.inp`), 'utf8').split('\n__ggml_vocab_test__\n');
    const outputs = fs.readFileSync(path.join(dir, `ggml-vocab-${name}.gguf.out`), 'utf8').split('\n').slice(0, inputs.length);
    assert.ok(inputs.length > 40);
    for (const [i, text] of inputs.entries()) {
      const want = outputs[i].trim() === '' ? [] : outputs[i].trim().split(/\s+/).map(Number);
      assert.deepEqual(tokenizer.encode(text), want, JSON.stringify(text));
    }
  });
}

for (const name of [...NAMES, 'stories260K']) {
  testWith(path.join(dir, 'extra.json'), `tokenizer ${name}: extra strings, special tokens, text from ids, special ids`, async () => {
    const { strings, vocabs, expected } = json(path.join(dir, 'extra.json'));
    const tokenizer = await open(name);
    const v = vocabs[name];
    assert.equal(tokenizer.size, v.n_vocab);
    assert.deepEqual([tokenizer.ids.bos, tokenizer.ids.eos, tokenizer.addsBos], [v.bos, v.eos, v.add_bos]);
    assert.deepEqual(v.eog.filter((id) => !tokenizer.isEnd(id)), []);
    assert.deepEqual(tokenizer.encode('Hello world', { bos: true }), v.hello_world_add_special);
    assert.deepEqual(tokenizer.encode('Hello world'), v.hello_world_plain);
    for (const [i, s] of strings.entries()) {
      const e = expected[name][i];
      const bytes = new Uint8Array(Buffer.from(s.utf8_b64, 'base64'));
      const show = JSON.stringify(s.text ?? s.utf8_b64);
      assert.deepEqual(tokenizer.encodeBytes(bytes), e.ids, show);
      if (s.text !== null) assert.deepEqual(tokenizer.encode(s.text), e.ids, show);
      assert.deepEqual(tokenizer.encodeBytes(bytes, { special: true }), e.ids_parse_special ?? e.ids, show);
      const back = (ids) => Buffer.from(tokenizer.decodeBytes(ids, { special: true })).toString('base64');
      assert.equal(back(e.ids), e.detok_utf8_b64, show);
      if (e.ids_parse_special) assert.equal(back(e.ids_parse_special), e.detok_parse_special_utf8_b64, show);
    }
  });
}

testWith(dir, 'tokenizer bert-bge: WPM is refused by name', async () => {
  await assert.rejects(open('bert-bge'), (e) => e.code === 'unsupported' && /bert|WPM|wordpiece/i.test(e.message) && !/undefined/.test(e.message));
});

/** A long text with everything in it: letters, digits, signs, many scripts, runs of spaces and breaks. */
function longText() {
  const lines = fs.readFileSync(path.join(fixtures, 'text.txt'), 'utf8').split('\n');
  let text = '';
  for (let i = 0; text.length < 150_000; i++) text += `${lines[i % lines.length]}${['\n', ' \n', '\n\n', '  ', '\t\n', ' '][i % 6]}${i * 7919}${i % 5 ? '' : '!\n'}`;
  return text;
}

for (const name of ['llama-bpe', 'gpt-2', 'qwen2', 'falcon', 'deepseek-llm', 'llama-spm', 'phi-3']) {
  testWith(dir, `tokenizer ${name}: a long text in pieces gives the ids of the whole`, async () => {
    const text = longText();
    const pieces = await openFile(name);
    const whole = await openFile(name);
    whole.reserve(3 * text.length);
    const before = pieces.engine.bytes;
    const ids = pieces.encode(text, { bos: true });
    assert.equal(pieces.engine.bytes, before, 'memory grew');
    assert.ok(ids.length > 20_000);
    assert.deepEqual(ids, whole.encode(text, { bos: true }));
    assert.ok(text.length > pieces.deskText, 'the text fitted the desk');
    assert.equal(whole.decode(ids).trim(), pieces.decode(ids).trim());
  });
}

testWith(dir, 'tokenizer: a long text without a safe cut is refused with the remedy', async () => {
  const tokenizer = await open('gpt-2');
  assert.throws(() => tokenizer.encode('x'.repeat(200_000)), /reserve\(/);
});

testWith(dir, 'tokenizer: the stream holds back unfinished characters and never throws', async () => {
  const tokenizer = await open('gpt-2');
  const text = 'Grüße 🦙 안녕 \u{1F468}\u200D\u{1F469}\u200D\u{1F467}!';
  const stream = tokenizer.stream();
  const pieces = tokenizer.encode(text).map((id) => stream.push(id));
  assert.equal(pieces.join('') + stream.end(), text);
  for (const p of pieces) assert.ok(!p.includes('\uFFFD'), p);
  const marked = '\uFEFFa'; // a byte order mark is text here
  assert.equal(tokenizer.decode(tokenizer.encode(marked)), marked);
  const second = tokenizer.stream();
  assert.equal(tokenizer.encode(marked).map((id) => second.push(id)).join(''), marked);
  const broken = tokenizer.stream();
  const ids = tokenizer.encode('🦙').slice(0, 1);
  assert.equal(broken.push(ids[0]) + broken.end(), '\uFFFD');
  assert.equal(tokenizer.stream().push(99_999_999), '');
});

test('tokenizer: a model without vocabulary says so', async () => {
  const { load } = await import('./kit.js');
  const model = await load(path.join(fixtures, 'arch/llama_plain/model.gguf'));
  assert.equal(model.tokenizer, null);
  assert.throws(() => model.encode('x'), /no vocabulary/);
});
