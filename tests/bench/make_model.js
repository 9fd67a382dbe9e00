// node tests/bench/make_model.js OUT.gguf [--type Q4_0|Q8_0|F16] [--dim 576 --layers 30 --heads 9 --kv 3 --ffn 1536 --vocab 49152]
// A GGUF of random weights in the shape of SmolLM2-135M (the default): valid blocks of random bits with sane scales.
// It has no vocabulary; feed it ids. What it says means nothing, what it costs is real.
import fs from 'node:fs';
import { parseArgs } from 'node:util';

const TYPES = {
    F32: { id: 0, block: 1, bytes: 4 },
    F16: { id: 1, block: 1, bytes: 2 },
    Q4_0: { id: 2, block: 32, bytes: 18 },
    Q8_0: { id: 8, block: 32, bytes: 34 },
};
const option = (/** @type {string} */ value) => ({ type: /** @type {const} */ ('string'), default: value });
const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { type: option('Q4_0'), dim: option('576'), layers: option('30'), heads: option('9'), kv: option('3'), ffn: option('1536'), vocab: option('49152') },
});
const [dim, layers, heads, kv, ffn, vocab] = [values.dim, values.layers, values.heads, values.kv, values.ffn, values.vocab].map(Number);
const type = TYPES[/** @type {keyof TYPES} */ (values.type)];
if (!type || positionals.length !== 1) throw new Error('usage: make_model.js OUT.gguf [--type F16|Q4_0|Q8_0] [--dim N ...]');

let state = 1;
/** xorshift32 */
const random = () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
};

const u32 = (/** @type {number} */ x) => Buffer.from(Uint32Array.of(x).buffer);
const u64 = (/** @type {number} */ x) => Buffer.from(BigUint64Array.of(BigInt(x)).buffer);
const f32 = (/** @type {number} */ x) => Buffer.from(Float32Array.of(x).buffer);
const text = (/** @type {string} */ s) => Buffer.concat([u64(Buffer.byteLength(s)), Buffer.from(s)]);
const key = (/** @type {string} */ name, /** @type {number} */ kind, /** @type {Buffer} */ value) => Buffer.concat([text(name), u32(kind), value]);
const headDim = dim / heads;
const keys = [
    key('general.architecture', 8, text('llama')),
    key('general.name', 8, text(`random ${values.type}, ${dim} wide, ${layers} deep`)),
    key('llama.context_length', 4, u32(8192)),
    key('llama.embedding_length', 4, u32(dim)),
    key('llama.block_count', 4, u32(layers)),
    key('llama.feed_forward_length', 4, u32(ffn)),
    key('llama.attention.head_count', 4, u32(heads)),
    key('llama.attention.head_count_kv', 4, u32(kv)),
    key('llama.rope.dimension_count', 4, u32(headDim)),
    key('llama.rope.freq_base', 6, f32(100000)),
    key('llama.attention.layer_norm_rms_epsilon', 6, f32(1e-5)),
    key('llama.vocab_size', 4, u32(vocab)),
];
const matrix = (/** @type {string} */ name, /** @type {number} */ cols, /** @type {number} */ rows) => ({ name, shape: [cols, rows], type });
const ones = (/** @type {string} */ name) => ({ name, shape: [dim], type: TYPES.F32 });
const tensors = [matrix('token_embd.weight', dim, vocab), ones('output_norm.weight')];
for (let i = 0; i < layers; i++) {
    const b = `blk.${i}.`;
    tensors.push(ones(b + 'attn_norm.weight'), matrix(b + 'attn_q.weight', dim, dim), matrix(b + 'attn_k.weight', dim, kv * headDim),
        matrix(b + 'attn_v.weight', dim, kv * headDim), matrix(b + 'attn_output.weight', dim, dim), ones(b + 'ffn_norm.weight'),
        matrix(b + 'ffn_gate.weight', dim, ffn), matrix(b + 'ffn_up.weight', dim, ffn), matrix(b + 'ffn_down.weight', ffn, dim));
}
const sizeOf = (/** @type {typeof tensors[0]} */ t) => (t.shape.reduce((a, b) => a * b) / t.type.block) * t.type.bytes;
const up = (/** @type {number} */ n) => Math.ceil(n / 32) * 32;

/** A row of blocks: random bits, and a scale (in half precision 0x2000 + noise, about 0.008) where the format has one. */
function row(/** @type {typeof tensors[0]} */ t) {
    const bytes = Buffer.alloc((t.shape[0] / t.type.block) * t.type.bytes);
    if (t.type === TYPES.F32) for (let i = 0; i < t.shape[0]; i++) bytes.writeFloatLE(1, 4 * i);
    else if (t.type === TYPES.F16) for (let i = 0; i < t.shape[0]; i++) bytes.writeUInt16LE((random() & 0x83ff) | 0x2800, 2 * i);
    else {
        for (let i = 0; i + 4 <= bytes.length; i += 4) bytes.writeUInt32LE(random(), i);
        const scale = t.type === TYPES.Q4_0 ? 0x2000 : 0x1000; // Q8_0's numbers are 16 times larger
        for (let i = 0; i < bytes.length; i += t.type.bytes) bytes.writeUInt16LE(scale + (random() & 0xff), i);
    }
    return bytes;
}

const out = fs.openSync(positionals[0], 'w');
let offset = 0;
const directory = tensors.map((t) => {
    const entry = Buffer.concat([text(t.name), u32(t.shape.length), ...t.shape.map(u64), u32(t.type.id), u64(offset)]);
    offset = up(offset + sizeOf(t));
    return entry;
});
const header = Buffer.concat([Buffer.from('GGUF'), u32(3), u64(tensors.length), u64(keys.length), ...keys, ...directory]);
fs.writeSync(out, header);
fs.writeSync(out, Buffer.alloc(up(header.length) - header.length));
for (const t of tensors) {
    let n = 0;
    for (let r = 0; r < (t.shape[1] ?? 1); r++) n += fs.writeSync(out, row(t));
    fs.writeSync(out, Buffer.alloc(up(n) - n));
}
fs.closeSync(out);
