// The converter against hostile and odd input. What it writes is compared with the authors in policies.test.js.
import assert from 'node:assert/strict';
import fs, { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { llama3Factors } from '../../models/convert/families/llama.js';
import { convert } from '../../models/convert/index.js';
import { interleave } from '../../models/convert/pack.js';
import { preName } from '../../models/convert/pre.js';
import { half } from '../../models/convert/safetensors.js';
import { exact, fixtures, floats, json, llamacpp, load, testWith } from './kit.js';

const scratch = mkdtempSync(path.join(tmpdir(), 'palimpsest-'));
const source = path.join(fixtures, 'policies');
const good = fs.readFileSync(path.join(source, 'model.safetensors'));
const config = json(path.join(source, 'config.json'));
const headerOf = (bytes) => JSON.parse(bytes.subarray(8, 8 + Number(bytes.readBigUInt64LE())));
const dataOf = (bytes) => bytes.subarray(8 + Number(bytes.readBigUInt64LE()));

function bytesOf(header, data) {
  const text = Buffer.from(JSON.stringify(header));
  const n = Buffer.alloc(8);
  n.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([n, text, data]);
}

let folders = 0;
/** A folder with these files; null leaves one out. */
function folder(files) {
  const dir = path.join(scratch, String(folders++));
  fs.mkdirSync(dir);
  for (const [name, content] of Object.entries({ 'config.json': JSON.stringify(config), 'model.safetensors': good, ...files })) {
    if (content !== null) fs.writeFileSync(path.join(dir, name), content);
  }
  return dir;
}
const run = (files, options) => convert(folder(files), path.join(scratch, 'out.gguf'), options);
const refused = async (files, pattern, options) => {
  await assert.rejects(run(files, options), (e) => e.name === 'PalError' && pattern.test(e.message), String(pattern));
  assert.ok(!fs.existsSync(path.join(scratch, 'out.gguf.part')), 'a part file is left');
};

const NAME = 'model.layers.1.mlp.up_proj.weight';
/** The good header with one tensor's entry changed. */
const with1 = (change) => {
  const header = headerOf(good);
  header[NAME] = change({ ...header[NAME] });
  return { 'model.safetensors': bytesOf(header, dataOf(good)) };
};

test('hostile safetensors: every error names the tensor or the file', async () => {
  const named = new RegExp(NAME.replaceAll('.', '\\.'));
  const entry = headerOf(good)[NAME];
  const [begin, end] = entry.data_offsets;
  await refused({ 'model.safetensors': good.subarray(0, 5) }, /model\.safetensors: is shorter/);
  await refused({ 'model.safetensors': Buffer.concat([Buffer.from([255, 255, 255, 255, 255, 255, 255, 127]), good.subarray(8)]) }, /claims a header of/);
  await refused({ 'model.safetensors': Buffer.concat([Buffer.from([4, 0, 0, 0, 0, 0, 0, 0]), Buffer.from('{"a}')]) }, /its header is no JSON/);
  await refused({ 'model.safetensors': bytesOf([1, 2], dataOf(good)) }, /no JSON object/);
  await refused({ 'model.safetensors': good.subarray(0, good.length - 4) }, /tensor '.*': ends at byte .* cut off/);
  await refused(with1(() => 7), named);
  await refused(with1((t) => ({ ...t, dtype: 'I64' })), /has dtype "I64"/);
  await refused(with1((t) => ({ ...t, dtype: 'toString' })), /has dtype/);
  await refused(with1((t) => ({ ...t, dtype: 'F16' })), /as F16 takes .* bytes/);
  await refused(with1((t) => ({ ...t, shape: [-1, 2] })), named);
  await refused(with1((t) => ({ ...t, shape: [t.shape[1], t.shape[0]] })), /has shape \[48,128\], config\.json asks for \[128,48\]/);
  await refused(with1((t) => ({ ...t, data_offsets: [end, begin] })), /data_offsets are not/);
  await refused(with1((t) => ({ ...t, data_offsets: [begin + 4, end + 4] })), /overlaps tensor|ends at byte/);
  await refused(with1((t) => ({ ...t, data_offsets: [begin, 1e15] })), named);
  const missing = headerOf(good);
  delete missing[NAME];
  await refused({ 'model.safetensors': bytesOf(missing, dataOf(good)) }, new RegExp(`tensor '${NAME}': is missing`));
});

test('odd folders: each has its own message', async () => {
  await refused({ 'config.json': null }, /has no config\.json/);
  await refused({ 'config.json': '{"a":' }, /config\.json: is no JSON/);
  await refused({ 'model.safetensors': null }, /has no \*\.safetensors/);
  await refused({ 'config.json': JSON.stringify({ ...config, architectures: ['OPTForCausalLM'] }) }, /OPTForCausalLM.*possible: Llama/);
  await refused({ 'config.json': JSON.stringify({ ...config, hidden_size: 'x' }) }, /hidden_size is "x"/);
  await refused({ 'config.json': JSON.stringify({ ...config, rope_scaling: { rope_type: 'dynamic', factor: 2 } }) }, /dynamic.*linear, yarn and llama3/);
  await refused({ 'config.json': JSON.stringify({ ...config, hidden_act: 'gelu' }) }, /hidden_act is gelu/);
  await refused({ 'x.safetensors.index.json': JSON.stringify({ weight_map: { a: '../../etc/passwd' } }) }, /no file of this folder/);
  await refused({ 'x.safetensors.index.json': JSON.stringify({ weight_map: { a: 'b.safetensors' } }) }, /names b\.safetensors, which is missing/);
  await refused({ 'tokenizer.json': JSON.stringify({ model: { type: 'WordPiece' } }) }, /WordPiece/);
  await refused({ 'tokenizer.json': JSON.stringify({ model: { type: 'BPE', vocab: { a: 9999 }, merges: [] }, pre_tokenizer: { type: 'ByteLevel' } }) }, /has id 9999/);
  await refused({ 'tokenizer.json': JSON.stringify({ model: { type: 'BPE', vocab: {}, merges: [] }, pre_tokenizer: { type: 'Whitespace' } }) }, /--pre/);
  await refused({}, /unknown type 'Q9_0'; did you mean/, { type: 'Q9_0' });
});

for (const kind of fs.readdirSync(path.join(fixtures, 'kinds'))) {
  test(`${kind}: a missing, a misshapen and a cut tensor are named, whichever it is; odd settings are refused`, async () => {
    const dir = path.join(fixtures, 'kinds', kind);
    const weights = fs.readFileSync(path.join(dir, 'model.safetensors'));
    const settings = json(path.join(dir, 'config.json'));
    const files = (header, data = dataOf(weights)) => ({ 'config.json': JSON.stringify(settings), 'model.safetensors': bytesOf(header, data) });
    const names = Object.keys(headerOf(weights)).filter((n) => n !== '__metadata__' && !/lm_head|output_projection|retnet_rel_pos|\.(?:k_proj|g_proj|conv_[qk])|_proj\.bias|o_proj\.bias|linear_.*bias|\.bias$/.test(n));
    assert.ok(names.length > 10);
    for (const name of names) {
      const named = new RegExp(`tensor '${name.replaceAll('.', '\\.')}'`);
      const header = headerOf(weights);
      const { [name]: t, ...without } = header;
      await refused(files(without), named);
      await refused(files({ ...header, [name]: { ...t, shape: [1, ...t.shape] } }), named);
    }
    await refused({ ...files(headerOf(weights), dataOf(weights).subarray(0, -8)) }, /tensor '.*cut off/);
    const refusing = (change, pattern) => refused({ 'config.json': JSON.stringify({ ...settings, ...change }), 'model.safetensors': weights }, pattern);
    const odd = {
      'ttt-linear-t': [[{ ttt_layer_type: 'tree' }, /ttt_layer_type is "tree"/], [{ num_attention_heads: 5 }, /num_attention_heads 5/], [{ mini_batch_size: 0 }, /mini_batch_size is 0/], [{ use_gate: 'yes' }, /use_gate is "yes"/]],
      'ttt-mlp-m': [[{ hidden_act: 'gelu' }, /hidden_act is "gelu"/]],
      retnet: [[{ moe_freq: 2 }, /moe_freq is 2/], [{ activation_fn: 'tanh' }, /activation_fn is "tanh"/], [{ deepnorm: true }, /deepnorm is true/]],
      recurrentgemma: [[{ block_types: ['mamba'] }, /block_types is/], [{ lru_width: 57 }, /lru_width 57/], [{ hidden_activation: 'silu' }, /hidden_activation is "silu"/]],
      s4d: [[{ discretization: 'euler' }, /discretization is "euler"/], [{ d_state: 'x' }, /d_state is "x"/]],
    };
    for (const [change, pattern] of odd[kind]) await refusing(change, pattern);
  });
}

test('recurrence parameters stay F32 in a quantised file, matrices do not', async () => {
  const out = path.join(scratch, 'mlp.gguf');
  await convert(path.join(fixtures, 'kinds/ttt-mlp-m'), out, { type: 'Q8_0' });
  const types = new Map((await load(out)).gguf.tensors().map((t) => [t.name, t.typeName ?? t.type]));
  for (const name of ['ttt_w1', 'ttt_b2', 'ttt_lr.weight', 'ttt_norm.weight', 'ttt_conv_q.weight', 'ttt_pre_conv.weight']) assert.equal(types.get(`blk.0.${name}`), types.get('blk.0.attn_norm.weight'), name);
  assert.notEqual(types.get('blk.0.ttt_q.weight'), types.get('blk.0.attn_norm.weight'));
});

test('sharded weights and BF16, F16 values read the same as one F32 file', async () => {
  const header = headerOf(good);
  const data = dataOf(good);
  const names = Object.keys(header).filter((n) => n !== '__metadata__');
  const shards = [{}, {}].map(() => ({ header: {}, data: [], n: 0 }));
  for (const [i, name] of names.entries()) {
    const [b, e] = header[name].data_offsets;
    const values = new Float32Array(Uint8Array.from(data.subarray(b, e)).buffer);
    const bits = Uint16Array.from(new Uint32Array(values.buffer), (u) => u >>> 16); // truncated to BF16
    const shard = shards[i % 2];
    const bytes = Buffer.from(bits.buffer);
    shard.header[name] = { ...header[name], dtype: 'BF16', data_offsets: [shard.n, shard.n + bytes.length] };
    shard.data.push(bytes);
    shard.n += bytes.length;
  }
  const map = Object.fromEntries(names.map((n, i) => [n, `part${i % 2}.safetensors`]));
  const dir = folder({
    'model.safetensors': null, 'model.safetensors.index.json': JSON.stringify({ weight_map: map }),
    'part0.safetensors': bytesOf(shards[0].header, Buffer.concat(shards[0].data)), 'part1.safetensors': bytesOf(shards[1].header, Buffer.concat(shards[1].data)),
  });
  const out = path.join(scratch, 'sharded.gguf');
  await convert(dir, out, { type: 'BF16' });
  const a = await load(out);
  const whole = path.join(scratch, 'whole.gguf');
  const notes = [];
  await convert(folder({}), whole, { type: 'Q4_0', onnote: (n) => notes.push(n) });
  assert.ok(notes.some((n) => /rows of 48 values, no multiple of 32; it becomes F16/.test(n)));
  const b = await load(whole);
  const logits = async (m) => {
    const s = m.session(exact(4));
    await s.feed([1, 2, 3]);
    return s.logits();
  };
  const [la, lb] = [await logits(a), await logits(b)];
  assert.ok(la.every(Number.isFinite) && lb.every(Number.isFinite));
  const far = Math.max(...la.map((x, i) => Math.abs(x - lb[i])));
  assert.ok(far < 3 && far > 0, `${far}`);
  assert.deepEqual([0x3c00, 0xc000, 1, 0x7bff, 0xfc00, 0x8000].map(half), [1, -2, 2 ** -24, 65504, -Infinity, -0]);
});

test('rows of a head from halves to pairs', () => {
  const rows = Float32Array.from([0, 0, 1, 1, 2, 2, 3, 3, 10, 10, 11, 11, 12, 12, 13, 13]);
  assert.deepEqual([...interleave(rows, 2, 4)], [0, 0, 2, 2, 1, 1, 3, 3, 10, 10, 12, 12, 11, 11, 13, 13]);
});

testWith(path.join(llamacpp, 'arch/llama_rope3'), 'llama3 rope factors as the reference file has them', async () => {
  const model = await load(path.join(llamacpp, 'arch/llama_rope3/model.gguf'));
  const t = model.gguf.tensors().find((x) => x.name === 'rope_freqs.weight');
  assert.ok(t);
  const file = fs.readFileSync(path.join(llamacpp, 'arch/llama_rope3/model.gguf'));
  const stored = floats(file.subarray(t.offset, t.offset + t.bytes).toString('base64'));
  assert.ok(stored.length > 0);
  const f = llama3Factors(128, 500000, 32, 1, 4, 8192); // Llama 3.2
  assert.deepEqual([f[0], f[28], f[63]], [1, 1, 32]);
  assert.ok(f.every((x, i) => x >= 1 && x <= 32 && (i === 0 || x >= f[i - 1])));
});

test('pre-tokenizers are recognised by their patterns', () => {
  const bytes = { type: 'ByteLevel', add_prefix_space: false, use_regex: false };
  const split = (Regex) => ({ type: 'Sequence', pretokenizers: [{ type: 'Split', pattern: { Regex }, behavior: 'Isolated', invert: false }, bytes] });
  const llama3 = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
  assert.equal(preName(split(llama3)), 'llama-bpe');
  assert.equal(preName(split(llama3.replace('{1,3}', ''))), 'qwen2');
  assert.equal(preName({ ...bytes, use_regex: true }), 'gpt-2');
  assert.equal(preName({ type: 'Sequence', pretokenizers: [{ type: 'Digits', individual_digits: true }, { ...bytes, use_regex: true }] }), 'smollm');
  assert.equal(preName({ type: 'Whitespace' }), undefined);
});
