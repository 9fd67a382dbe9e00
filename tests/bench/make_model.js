// node tests/bench/make_model.js OUT.gguf [--shape smollm2-135m|qwen3-0.6b|llama-3.2-1b] [--type F16|Q4_0|Q8_0|Q4_K_M|Q6_K]
//   [--dim N --layers N --heads N --kv N --ffn N --vocab N]
// A GGUF of random weights in the shape of a real model, its matrices in the formats that llama.cpp's quantizer gives them,
// with a vocabulary of invented words. What it says means nothing, what it costs is real. The same file each time.
// Without --shape: that of SmolLM2-135M, and no vocabulary; feed it ids.
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { randomRow, seed } from './blocks.js';
import { FORMATS, SHAPES, TYPES, bytesOf, tensorsOf } from './shapes.js';
import { vocabulary } from './vocabulary.js';

const ALIGN = 32;
const BUFFER = 4 << 20;
const up = (/** @type {number} */ n) => Math.ceil(n / ALIGN) * ALIGN;

// GGUF's encoding
const u32 = (/** @type {number} */ x) => Buffer.from(Uint32Array.of(x).buffer);
const u64 = (/** @type {number} */ x) => Buffer.from(BigUint64Array.of(BigInt(x)).buffer);
const f32 = (/** @type {number} */ x) => Buffer.from(Float32Array.of(x).buffer);
const text = (/** @type {string} */ s) => Buffer.concat([u64(Buffer.byteLength(s)), Buffer.from(s)]);
const key = (/** @type {string} */ name, /** @type {number} */ kind, /** @type {Buffer} */ value) => Buffer.concat([text(name), u32(kind), value]);
const number = (/** @type {string} */ name, /** @type {number} */ x) => key(name, 4, u32(x));
const real = (/** @type {string} */ name, /** @type {number} */ x) => key(name, 6, f32(x));
const string = (/** @type {string} */ name, /** @type {string} */ x) => key(name, 8, text(x));
const flag = (/** @type {string} */ name, /** @type {boolean} */ x) => key(name, 7, Buffer.of(x ? 1 : 0));
const array = (/** @type {string} */ name, /** @type {number} */ kind, /** @type {Buffer[]} */ items) => key(name, 9, Buffer.concat([u32(kind), u64(items.length), ...items]));

/** @param {import('./shapes.js').Shape} s @param {string} type @param {string} name @param {ReturnType<typeof vocabulary> | undefined} words */
function keysOf(s, type, name, words) {
    const a = s.arch;
    return [
        string('general.architecture', a), string('general.name', name), number('general.file_type', TYPES[type][0]),
        number(`${a}.context_length`, s.context), number(`${a}.embedding_length`, s.dim), number(`${a}.block_count`, s.layers), number(`${a}.feed_forward_length`, s.ffn),
        number(`${a}.attention.head_count`, s.heads), number(`${a}.attention.head_count_kv`, s.kv), number(`${a}.attention.key_length`, s.head), number(`${a}.attention.value_length`, s.head),
        real(`${a}.attention.layer_norm_rms_epsilon`, s.eps), number(`${a}.rope.dimension_count`, s.head), real(`${a}.rope.freq_base`, s.rope), number(`${a}.vocab_size`, s.vocab), ...(words ? wordKeys(s, words) : []),
    ];
}

/** @param {import('./shapes.js').Shape} s @param {ReturnType<typeof vocabulary>} words */
function wordKeys(s, words) {
    return [
        string('tokenizer.ggml.model', 'gpt2'), string('tokenizer.ggml.pre', s.words),
        array('tokenizer.ggml.tokens', 8, words.tokens.map(text)), array('tokenizer.ggml.token_type', 5, words.types.map(u32)), array('tokenizer.ggml.merges', 8, words.merges.map(text)),
        number('tokenizer.ggml.bos_token_id', words.begin), number('tokenizer.ggml.eos_token_id', words.end),
        flag('tokenizer.ggml.add_bos_token', false), // a text of n words is n tokens
    ];
}

/** Writes pieces to a file through one buffer. @param {string} file */
function writer(file) {
    const out = fs.openSync(file, 'w');
    const buffer = Buffer.alloc(BUFFER);
    let n = 0;
    const flush = () => {
        fs.writeSync(out, buffer, 0, n);
        n = 0;
    };
    return {
        add(/** @type {Uint8Array} */ piece) {
            if (n + piece.length > BUFFER) flush();
            if (piece.length > BUFFER) return void fs.writeSync(out, piece);
            buffer.set(piece, n);
            n += piece.length;
        },
        close() {
            flush();
            fs.closeSync(out);
        },
    };
}

/**
 * @param {string} file
 * @param {{ shape?: string, type?: string, sizes?: Partial<import('./shapes.js').Shape>, words?: boolean }} [options] sizes: instead of those of the shape; words: false: no vocabulary
 */
export function makeModel(file, { shape = 'smollm2-135m', type = 'Q4_0', sizes = {}, words: has = true } = {}) {
    if (!(shape in SHAPES)) throw new Error(`there is no shape '${shape}'; take one of ${Object.keys(SHAPES).join(', ')}`);
    if (!(type in TYPES)) throw new Error(`there is no type '${type}'; take one of ${Object.keys(TYPES).join(', ')}`);
    const s = { ...SHAPES[shape], ...sizes };
    if ('dim' in sizes || 'heads' in sizes) s.head = s.dim / s.heads;
    const words = has ? vocabulary(s.words, s.vocab) : undefined;
    const tensors = tensorsOf(s, type);
    let offset = 0;
    const directory = tensors.map((t) => {
        const entry = Buffer.concat([text(t.name), u32(t.shape.length), ...t.shape.map(u64), u32(FORMATS[t.format].id), u64(offset)]);
        offset = up(offset + bytesOf(t));
        return entry;
    });
    const keys = keysOf(s, type, `random ${shape} ${type}`, words);
    const header = Buffer.concat([Buffer.from('GGUF'), u32(3), u64(tensors.length), u64(keys.length), ...keys, ...directory]);
    const out = writer(file);
    out.add(header);
    out.add(Buffer.alloc(up(header.length) - header.length));
    seed(1);
    for (const t of tensors) {
        if (t.values) out.add(new Uint8Array(Float32Array.from(t.values).buffer));
        else
            for (let r = 0; r < t.shape[1]; r++) {
                const row = randomRow(t.format, t.shape[0]);
                // Logits of 0 are never the highest: no byte (which may be half a letter) and no special token is ever drawn.
                out.add(t.name === 'token_embd.weight' && words?.silent(r) ? row.fill(0) : row);
            }
        out.add(Buffer.alloc(up(bytesOf(t)) - bytesOf(t)));
    }
    out.close();
}

/** The model in build/bench, made when it is not there. @param {string} shape @param {string} type @returns {string} its file */
export function benchModel(shape, type) {
    const folder = fileURLToPath(new URL('../../build/bench/', import.meta.url));
    const file = path.join(folder, `${shape}-${type}.gguf`);
    if (fs.existsSync(file)) return file;
    fs.mkdirSync(folder, { recursive: true });
    makeModel(`${file}.part`, { shape, type });
    fs.renameSync(`${file}.part`, file);
    return file;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
    const SIZES = /** @type {const} */ (['dim', 'layers', 'heads', 'kv', 'ffn', 'vocab']);
    const option = { type: /** @type {const} */ ('string') };
    const { values, positionals } = parseArgs({ allowPositionals: true, options: { shape: option, type: option, ...Object.fromEntries(SIZES.map((n) => [n, option])) } });
    if (positionals.length !== 1) throw new Error('usage: make_model.js OUT.gguf [--shape NAME] [--type NAME] [--dim N ...]');
    const sizes = Object.fromEntries(SIZES.filter((n) => n in values).map((n) => [n, Number(/** @type {any} */ (values)[n])]));
    makeModel(positionals[0], { shape: values.shape, type: values.type, sizes, words: values.shape !== undefined });
}
