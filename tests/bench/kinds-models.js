// Random models of one size, one for each kind of layer, as GGUF: what tests/bench/kinds.js measures.
import fs from 'node:fs';
import { headerBytes } from '../../models/convert/writer.js';

const [D, BLOCKS, HEADS, FFN] = [256, 4, 4, 704];
const d = D / HEADS;

/** @typedef {(name: string, ...shape: number[]) => void} Add slowest dimension first @typedef {[string, string, any]} Key */

let random = 1;
/** About -0.5 .. 0.5. */
const uniform = () => ((random = (Math.imul(random, 1103515245) + 12345) >>> 0) >>> 8) / 2 ** 24 - 0.5;

const mlp = (/** @type {Add} */ add) => (add('ffn_norm.weight', D), add('ffn_gate.weight', FFN, D), add('ffn_up.weight', FFN, D), add('ffn_down.weight', D, FFN));
const attention = (/** @type {Add} */ add, /** @type {number} */ kv) =>
    (add('attn_q.weight', D, D), add('attn_k.weight', kv * d, D), add('attn_v.weight', kv * d, D), add('attn_output.weight', D, D));
/** @param {boolean} deep */
const ttt = (deep) => (/** @type {Add} */ add) => {
    const h = deep ? 4 * d : d;
    for (const name of ['ttt_q', 'ttt_v', 'ttt_out', 'ttt_gate']) add(`${name}.weight`, D, D);
    for (const name of ['ttt_conv_q', 'ttt_conv_k', 'ttt_pre_conv']) add(`${name}.weight`, D, 4), add(`${name}.bias`, D);
    for (const name of ['ttt_pre_norm.weight', 'ttt_post_norm.weight', 'ttt_post_norm.bias']) add(name, D);
    add('ttt_lr.weight', HEADS, D), add('ttt_lr.bias', HEADS), add('ttt_token_idx', 16);
    add('ttt_norm.weight', HEADS, d), add('ttt_norm.bias', HEADS, d);
    add('ttt_w1', HEADS, d, h), add('ttt_b1', HEADS, h);
    if (deep) add('ttt_w2', HEADS, h, d), add('ttt_b2', HEADS, d);
    mlp(add);
};
const tttKeys = /** @type {Key[]} */ ([['mini_batch_size', 'u32', 16], ['conv_kernel', 'u32', 4]]);
const E = 2 * D;
const ssm = (/** @type {number} */ state, /** @type {number} */ rank) =>
    /** @type {Key[]} */ ([['ssm.inner_size', 'u32', E], ['ssm.state_size', 'u32', state], ['ssm.conv_kernel', 'u32', 4], ['ssm.time_step_rank', 'u32', rank], ['ssm.group_count', 'u32', 1]]);

/** @type {Record<string, { arch: string, keys?: Key[], block: (add: Add, n: number) => void, norm?: string, last?: false }>} */
const KINDS = {
    attention: { arch: 'llama', block: (add) => (attention(add, 2), mlp(add)), keys: [['attention.head_count_kv', 'u32', 2]] },
    'ttt-linear': { arch: 'ttt', keys: tttKeys, block: ttt(false) },
    'ttt-mlp': { arch: 'ttt', keys: [...tttKeys, ['base_lr', 'f32', 0.1]], block: ttt(true) },
    mamba: {
        arch: 'mamba', keys: ssm(16, 16),
        block(add) {
            add('ssm_in.weight', 2 * E, D), add('ssm_conv1d.weight', E, 4), add('ssm_conv1d.bias', E), add('ssm_x.weight', 16 + 32, E);
            add('ssm_dt.weight', E, 16), add('ssm_dt.bias', E), add('ssm_a', E, 16), add('ssm_d', E), add('ssm_out.weight', D, E);
        },
    },
    mamba2: {
        arch: 'mamba2', keys: ssm(64, E / 64),
        block(add) {
            const [wide, heads] = [E + 128, E / 64];
            add('ssm_in.weight', E + wide + heads, D), add('ssm_conv1d.weight', wide, 4), add('ssm_conv1d.bias', wide), add('ssm_dt.bias', heads);
            add('ssm_a', heads, 1), add('ssm_d', heads, 1), add('ssm_norm.weight', 1, E), add('ssm_out.weight', D, E);
        },
    },
    s4d: {
        arch: 's4d', last: false, keys: [['ssm.state_size', 'u32', 64]],
        block(add) {
            for (const name of ['s4d_a', 's4d_b', 's4d_c']) add(name, 2 * D, 32);
            add('s4d_d', D), add('s4d_out.weight', 2 * D, D), add('s4d_out.bias', 2 * D), add('attn_norm.bias', D);
        },
    },
    retention: {
        arch: 'retnet',
        block(add) {
            attention(add, HEADS), add('attn_gate.weight', D, D), mlp(add);
        },
    },
    griffin: {
        arch: 'recurrentgemma',
        keys: [['attention.head_count_kv', 'u32[]', [0, 0, 1, 0]], ['attention.sliding_window', 'u32', 257], ['lru_width', 'u32', D], ['conv_kernel', 'u32', 4], ['rope.dimension_count', 'u32', d / 2]],
        block(add, n) {
            if (n === 2) attention(add, 1);
            else {
                for (const name of ['rglru_x', 'rglru_y', 'rglru_out']) add(`${name}.weight`, D, D);
                add('rglru_conv1d.weight', D, 4), add('rglru_conv1d.bias', D), add('rglru_a', D);
                for (const name of ['rglru_recurrent_gate', 'rglru_input_gate']) add(`${name}.weight`, HEADS, d, d), add(`${name}.bias`, HEADS, d);
            }
            mlp(add);
        },
    },
    'delta + attention': {
        arch: 'qwen35',
        keys: [...ssm(64, HEADS).filter(([k]) => !/inner|group/.test(k)), ['ssm.inner_size', 'u32', D], ['ssm.group_count', 'u32', HEADS], ['attention.head_count_kv', 'u32', 2], ['full_attention_interval', 'u32', 4]],
        block(add, n) {
            if (n === 3) {
                add('attn_q.weight', 2 * D, D), add('attn_k.weight', 2 * d, D), add('attn_v.weight', 2 * d, D), add('attn_output.weight', D, D);
                add('attn_q_norm.weight', d), add('attn_k_norm.weight', d);
            } else {
                add('attn_qkv.weight', 3 * D, D), add('attn_gate.weight', D, D), add('ssm_conv1d.weight', 3 * D, 4), add('ssm_dt.bias', HEADS), add('ssm_a', HEADS);
                add('ssm_beta.weight', HEADS, D), add('ssm_alpha.weight', HEADS, D), add('ssm_norm.weight', d), add('ssm_out.weight', D, D);
            }
            add('post_attention_norm.weight', D), add('ffn_gate.weight', FFN, D), add('ffn_up.weight', FFN, D), add('ffn_down.weight', D, FFN);
        },
    },
    rwkv7: {
        arch: 'rwkv7',
        keys: [['wkv.head_size', 'u32', d], ...['decay', 'iclr', 'value_residual_mix', 'gate'].map((k) => /** @type {Key} */ ([`attention.${k}_lora_rank`, 'u32', 32]))],
        block(add) {
            for (const name of ['attn_norm', 'attn_norm_2', 'time_mix_ln']) add(`${name}.bias`, D);
            add('attn_norm_2.weight', D), add('time_mix_ln.weight', D);
            for (const name of ['w', 'a', 'v']) add(`time_mix_${name}0.weight`, D), add(`time_mix_${name}1.weight`, 32, D), add(`time_mix_${name}2.weight`, D, 32);
            add('time_mix_g1.weight', 32, D), add('time_mix_g2.weight', D, 32), add('time_mix_lerp_fused.weight', 6, D);
            for (const name of ['k_k', 'k_a', 'r_k']) add(`time_mix_${name}.weight`, D);
            for (const name of ['key', 'value', 'receptance', 'output']) add(`time_mix_${name}.weight`, D, D);
            add('channel_mix_lerp_k.weight', D), add('channel_mix_key.weight', FFN, D), add('channel_mix_value.weight', D, FFN);
        },
    },
};

export const kinds = Object.keys(KINDS);

/** Values that a trained model might have there: norms near 1, decays below 0, matrices that keep the size of what they take. */
function valuesOf(/** @type {string} */ name, /** @type {number[]} */ shape) {
    const values = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, uniform);
    if (/norm.*weight|_ln\.weight/.test(name)) return values.map((x) => 1 + 0.1 * x);
    if (/ssm_a$|rglru_a/.test(name)) return values.map((x) => -1.5 - x);
    if (/s4d_a/.test(name)) return values.map((x) => 0.55 + 0.2 * x); // real and imaginary parts: within the unit circle
    return shape.length > 1 ? values.map((x) => (2 * x) / Math.sqrt(shape[shape.length - 1])) : values;
}

const NO_WORDS = /** @type {Key[]} */ ([['tokenizer.ggml.model', 'string', 'none']]);

/** Writes the model of a kind. @param {string} kind @param {string} file @param {number} [vocabulary] @param {Key[]} [words] its keys */
export function makeKind(kind, file, vocabulary = 2048, words = NO_WORDS) {
    const { arch, keys = [], block, last } = KINDS[kind];
    const list = /** @type {{ name: string, shape: number[] }[]} */ ([]);
    const at = (/** @type {string} */ prefix) => /** @type {Add} */ ((name, ...shape) => void list.push({ name: prefix + name, shape }));
    at('')('token_embd.weight', vocabulary, D);
    if (arch === 'rwkv7') for (const name of ['token_embd_norm', 'output_norm']) at('')(`${name}.bias`, D);
    if (arch === 'rwkv7') at('')('token_embd_norm.weight', D);
    if (last !== false) at('')('output_norm.weight', D);
    for (let n = 0; n < BLOCKS; n++) {
        at(`blk.${n}.`)('attn_norm.weight', D);
        block(at(`blk.${n}.`), n);
    }
    const entries = list.map(({ name, shape }) => ({ name, type: 0, shape: [...shape].reverse(), bytes: 4 * shape.reduce((a, b) => a * b, 1) }));
    const has = new Set(keys.map(([k]) => k));
    const all = /** @type {Key[]} */ ([
        ['general.architecture', 'string', arch], ...words,
        ...[['block_count', 'u32', BLOCKS], ['context_length', 'u32', 1 << 18], ['embedding_length', 'u32', D], ['feed_forward_length', 'u32', FFN], ['attention.head_count', 'u32', HEADS], ['vocab_size', 'u32', vocabulary]]
            .filter(([k]) => !has.has(/** @type {string} */ (k))).map(([k, t, v]) => [`${arch}.${k}`, t, v]),
        ...keys.map(([k, t, v]) => [`${arch}.${k}`, t, v]),
    ]);
    random = 7;
    const pieces = [headerBytes(all, entries)];
    for (const { name, shape } of list) {
        const bytes = new Uint8Array(valuesOf(name, shape).buffer);
        pieces.push(bytes, new Uint8Array((32 - (bytes.length % 32)) % 32));
    }
    fs.writeFileSync(file, Buffer.concat(pieces));
}
