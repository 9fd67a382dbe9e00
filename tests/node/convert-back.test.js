// Files of llama.cpp taken back to Hugging Face's names and order, then converted again: same logits, same token ids.
import assert from 'node:assert/strict';
import fs, { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { convert } from '../../models/convert/index.js';
import { vocabularyKeys } from '../../models/convert/vocabulary.js';
import { headerBytes } from '../../models/convert/writer.js';
import { Tokenizer } from '../../web/node.js';
import { distance, exact, fixtures, floats, greedy, json, llamacpp, load, logitsAt, testWith } from './kit.js';

const scratch = mkdtempSync(path.join(tmpdir(), 'palimpsest-'));

const NAMES = {
  'token_embd': 'model.embed_tokens', output_norm: 'model.norm', output: 'lm_head', attn_norm: 'input_layernorm', ffn_norm: 'post_attention_layernorm',
  attn_q: 'self_attn.q_proj', attn_k: 'self_attn.k_proj', attn_v: 'self_attn.v_proj', attn_output: 'self_attn.o_proj',
  attn_q_norm: 'self_attn.q_norm', attn_k_norm: 'self_attn.k_norm', ffn_gate: 'mlp.gate_proj', ffn_up: 'mlp.up_proj', ffn_down: 'mlp.down_proj',
};

/** Rows of a head from pairs side by side to halves. */
function halves(values, cols, d) {
  const out = new Float32Array(values.length);
  for (let head = 0; head < values.length; head += d * cols) {
    for (let i = 0; i < d; i++) {
      const to = head + ((i >> 1) + (i % 2 ? d / 2 : 0)) * cols;
      out.set(values.subarray(head + i * cols, head + (i + 1) * cols), to);
    }
  }
  return out;
}

/** A Hugging Face folder with what a F32 GGUF holds. */
async function backwards(file, architecture, dir) {
  const { gguf } = await load(file);
  const arch = gguf.text('general.architecture');
  const n = (key) => gguf.number(`${arch}.${key}`);
  const heads = n('attention.head_count');
  const head = n('attention.key_length') ?? n('embedding_length') / heads;
  const bytes = fs.readFileSync(file);
  const header = {};
  const data = [];
  let at = 0;
  for (const t of gguf.tensors()) {
    const m = /^(?:blk\.(\d+)\.)?(.*)\.(weight|bias)$/.exec(t.name);
    if (!NAMES[m[2]]) continue;
    const shape = [...t.shape].reverse();
    let values = floats(bytes.subarray(t.offset, t.offset + t.bytes).toString('base64'));
    if (arch === 'llama' && /^attn_[qk]$/.test(m[2])) values = halves(values, shape[1] ?? 1, head);
    header[`${m[1] === undefined ? '' : `model.layers.${m[1]}.`}${NAMES[m[2]]}.${m[3]}`] = { dtype: 'F32', shape, data_offsets: [at, at + t.bytes] };
    data.push(Buffer.from(values.buffer));
    at += t.bytes;
  }
  const text = Buffer.from(JSON.stringify(header));
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(text.length));
  const rope = gguf.text(`${arch}.rope.scaling.type`);
  fs.mkdirSync(dir);
  fs.writeFileSync(path.join(dir, 'model.safetensors'), Buffer.concat([size, text, ...data]));
  fs.writeFileSync(path.join(dir, 'config.json'), JSON.stringify({
    architectures: [architecture], vocab_size: n('vocab_size'), hidden_size: n('embedding_length'), intermediate_size: n('feed_forward_length'),
    num_hidden_layers: n('block_count'), num_attention_heads: heads, num_key_value_heads: n('attention.head_count_kv'), head_dim: head,
    max_position_embeddings: n('context_length'), rms_norm_eps: n('attention.layer_norm_rms_epsilon'), rope_theta: n('rope.freq_base'),
    rope_scaling: rope ? { rope_type: rope, factor: n('rope.scaling.factor'), original_max_position_embeddings: n('rope.scaling.original_context_length') } : null,
  }));
}

const CASES = [
  ['llama_plain', 'LlamaForCausalLM'], ['llama_bias', 'MistralForCausalLM'], ['llama_keylen', 'LlamaForCausalLM'], ['llama_linear', 'LlamaForCausalLM'],
  ['llama_yarn', 'LlamaForCausalLM'], ['qwen2', 'Qwen2ForCausalLM'], ['qwen3', 'Qwen3ForCausalLM'],
];
for (const [name, architecture] of CASES) {
  const own = path.join(fixtures, 'arch', name);
  const dir = fs.existsSync(own) ? own : path.join(llamacpp, 'arch', name);
  testWith(dir, `convert ${name} (${architecture}): there and back, logits of llama.cpp`, async () => {
    const hf = path.join(scratch, name);
    await backwards(path.join(dir, 'model.gguf'), architecture, hf);
    await convert(hf, `${hf}.gguf`, { type: 'F32' });
    const { prompt, positions, logits_f32le_b64: want, greedy: g } = json(path.join(dir, 'expected.json'));
    const session = (await load(`${hf}.gguf`)).session(exact(prompt.length + 40));
    const rows = await logitsAt(session, prompt, positions);
    for (const [i, p] of positions.entries()) assert.ok(distance(rows.get(p), floats(want[i])) <= 5e-4, `position ${p}`);
    assert.deepEqual(greedy(session, g.ids.length), g.ids);
  });
}

// ---- vocabularies ----

/** tokenizer.json as Hugging Face has it, from the keys of a GGUF. */
function tokenizerJson(gguf) {
  const tokens = gguf.array('tokenizer.ggml.tokens');
  const types = gguf.array('tokenizer.ggml.token_type');
  const vocab = Object.fromEntries(tokens.map((t, id) => [t, id]));
  const added = tokens.map((content, id) => ({ id, content, special: types[id] === 3 })).filter(({ id }) => types[id] === 3 || types[id] === 4);
  if (gguf.text('tokenizer.ggml.model') === 'gpt2') return { added_tokens: added, pre_tokenizer: null, model: { type: 'BPE', vocab, merges: gguf.array('tokenizer.ggml.merges') } };
  const scores = gguf.array('tokenizer.ggml.scores');
  const merges = []; // every way to put a piece together, best pieces first, as Hugging Face's converter does
  for (const [id, t] of tokens.entries()) {
    if (types[id] !== 1) continue;
    const chars = [...t];
    for (let i = 1; i < chars.length; i++) {
      const [a, b] = [chars.slice(0, i).join(''), chars.slice(i).join('')];
      if (a in vocab && b in vocab) merges.push({ a, b, score: scores[id] });
    }
  }
  merges.sort((x, y) => y.score - x.score);
  return {
    added_tokens: added, normalizer: { type: 'Sequence', normalizers: [{ type: 'Prepend', prepend: '▁' }] },
    model: { type: 'BPE', byte_fallback: true, unk_token: '<unk>', vocab, merges: merges.map((m) => `${m.a} ${m.b}`) },
  };
}

const dir = path.join(llamacpp, 'tokenizers');
for (const name of ['llama-spm', 'phi-3', 'llama-bpe', 'qwen2', 'gpt-2']) {
  testWith(dir, `convert the vocabulary ${name}: from tokenizer.json, the ids of llama.cpp`, async () => {
    const file = path.join(scratch, `${name}-original.gguf`);
    fs.writeFileSync(file, gunzipSync(fs.readFileSync(path.join(dir, `ggml-vocab-${name}.gguf.gz`))));
    const original = await Tokenizer.load(file);
    const folder = path.join(scratch, `${name}-hf`);
    fs.mkdirSync(folder);
    fs.writeFileSync(path.join(folder, 'tokenizer.json'), JSON.stringify(tokenizerJson(original.gguf)));
    const spelling = (id) => (id < 0 ? undefined : original.gguf.array('tokenizer.ggml.tokens')[id]);
    fs.writeFileSync(path.join(folder, 'tokenizer_config.json'), JSON.stringify({ bos_token: { content: spelling(original.ids.bos) }, eos_token: spelling(original.ids.eos), add_bos_token: original.addsBos, chat_template: 'T' }));
    const keys = await vocabularyKeys(folder, {}, original.size, original.kind === 'gpt2' ? original.gguf.text('tokenizer.ggml.pre') : undefined, () => {});
    const converted = path.join(scratch, `${name}.gguf`);
    fs.writeFileSync(converted, headerBytes([['general.architecture', 'string', 'llama'], ...keys], []));
    const tokenizer = await Tokenizer.load(converted);
    assert.deepEqual([tokenizer.ids.bos, tokenizer.ids.eos, tokenizer.addsBos], [original.ids.bos, original.ids.eos, original.addsBos]);
    assert.equal(tokenizer.gguf.text('tokenizer.chat_template'), 'T');
    const text = fs.readFileSync(path.join(dir, `ggml-vocab-${name}.gguf.inp`), 'utf8');
    for (const t of text.split('\n__ggml_vocab_test__\n')) assert.deepEqual(tokenizer.encode(t), original.encode(t), JSON.stringify(t));
    assert.deepEqual(tokenizer.encode(text.repeat(4), { special: true, bos: true }), original.encode(text.repeat(4), { special: true, bos: true }));
  });
}
