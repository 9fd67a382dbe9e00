// The shapes of real models and, of each type of file, the format of each matrix, as llama.cpp's quantizer chooses it.

/**
 * @typedef {object} Shape
 * @property {string} arch
 * @property {number} dim
 * @property {number} layers
 * @property {number} heads
 * @property {number} kv heads of keys and values
 * @property {number} head width of one
 * @property {number} ffn
 * @property {number} vocab
 * @property {number} context
 * @property {number} rope base
 * @property {number} eps
 * @property {string} words name of the splitter
 */

/** @type {Record<string, Shape>} */
export const SHAPES = {
    'smollm2-135m': { arch: 'llama', dim: 576, layers: 30, heads: 9, kv: 3, head: 64, ffn: 1536, vocab: 49152, context: 8192, rope: 1e5, eps: 1e-5, words: 'smollm' },
    'qwen3-0.6b': { arch: 'qwen3', dim: 1024, layers: 28, heads: 16, kv: 8, head: 128, ffn: 3072, vocab: 151936, context: 40960, rope: 1e6, eps: 1e-6, words: 'qwen2' },
    'llama-3.2-1b': { arch: 'llama', dim: 2048, layers: 16, heads: 32, kv: 8, head: 64, ffn: 8192, vocab: 128256, context: 131072, rope: 5e5, eps: 1e-5, words: 'llama-bpe' },
};

/** Formats of matrices: number in GGUF, weights and bytes of a block. @type {Record<string, { id: number, block: number, bytes: number }>} */
export const FORMATS = {
    F32: { id: 0, block: 1, bytes: 4 },
    F16: { id: 1, block: 1, bytes: 2 },
    Q4_0: { id: 2, block: 32, bytes: 18 },
    Q5_0: { id: 6, block: 32, bytes: 22 },
    Q8_0: { id: 8, block: 32, bytes: 34 },
    Q4_K: { id: 12, block: 256, bytes: 144 },
    Q6_K: { id: 14, block: 256, bytes: 210 },
};

/** Types of files: their number, and the format of most matrices. @type {Record<string, [number, string]>} */
export const TYPES = { F16: [1, 'F16'], Q4_0: [2, 'Q4_0'], Q8_0: [7, 'Q8_0'], Q4_K_M: [15, 'Q4_K'], Q6_K: [18, 'Q6_K'] };

/** Of Q4_K_M, the first and the last eighth of the blocks and every third between get more bits in two matrices. */
const moreBits = (/** @type {number} */ i, /** @type {number} */ n) => i < n / 8 >> 0 || i >= (7 * n) / 8 >> 0 || (i - (n / 8 >> 0)) % 3 === 2;

/** Where rows are no multiple of 256, a K format gives way to a simple one. @type {Record<string, string>} */
const instead = { Q4_K: 'Q5_0', Q6_K: 'Q8_0' };

/** @param {string} type @param {string} name of a tensor @param {number} columns @param {number} block @param {number} blocks */
export function formatOf(type, name, columns, block, blocks) {
    let format = TYPES[type][1];
    if (name === 'token_embd.weight' && type !== 'F16' && type !== 'Q8_0') format = 'Q6_K'; // it is the output matrix, too
    if (type === 'Q4_K_M' && /attn_v|ffn_down/.test(name) && moreBits(block, blocks)) format = 'Q6_K';
    return columns % 256 ? (instead[format] ?? format) : format;
}

/** @typedef {{ name: string, shape: number[], format: string, values?: number[] }} Tensor */

/** Scaling of rotations as Llama 3.2 has it (factor 32, 1 to 4 turns in 8192 positions). @param {Shape} s */
function factors(s) {
    return Array.from({ length: s.head / 2 }, (_, i) => {
        const turns = 8192 / (2 * Math.PI * s.rope ** ((2 * i) / s.head));
        if (turns > 4) return 1;
        if (turns < 1) return 32;
        const smooth = (turns - 1) / 3;
        return 1 / ((1 - smooth) / 32 + smooth);
    });
}

/** All tensors in the order of the file. @param {Shape} s @param {string} type @returns {Tensor[]} */
export function tensorsOf(s, type) {
    const list = /** @type {Tensor[]} */ ([]);
    const vector = (/** @type {string} */ name, /** @type {number} */ n) => list.push({ name, shape: [n], format: 'F32', values: Array(n).fill(1) });
    const matrix = (/** @type {string} */ name, /** @type {number} */ columns, /** @type {number} */ rows, block = 0) =>
        list.push({ name, shape: [columns, rows], format: formatOf(type, name, columns, block, s.layers) });
    matrix('token_embd.weight', s.dim, s.vocab);
    vector('output_norm.weight', s.dim);
    if (s.words === 'llama-bpe') list.push({ name: 'rope_freqs.weight', shape: [s.head / 2], format: 'F32', values: factors(s) });
    for (let i = 0; i < s.layers; i++) {
        const b = `blk.${i}.`;
        vector(`${b}attn_norm.weight`, s.dim);
        matrix(`${b}attn_q.weight`, s.dim, s.heads * s.head, i);
        matrix(`${b}attn_k.weight`, s.dim, s.kv * s.head, i);
        matrix(`${b}attn_v.weight`, s.dim, s.kv * s.head, i);
        matrix(`${b}attn_output.weight`, s.heads * s.head, s.dim, i);
        if (s.arch === 'qwen3') for (const x of 'qk') vector(`${b}attn_${x}_norm.weight`, s.head);
        vector(`${b}ffn_norm.weight`, s.dim);
        matrix(`${b}ffn_gate.weight`, s.dim, s.ffn, i);
        matrix(`${b}ffn_up.weight`, s.dim, s.ffn, i);
        matrix(`${b}ffn_down.weight`, s.ffn, s.dim, i);
    }
    return list;
}

/** @param {Tensor} t */
export const bytesOf = (t) => (t.shape.reduce((a, b) => a * b) / FORMATS[t.format].block) * FORMATS[t.format].bytes;

/** What a token reads: all of it, for the matrix of the embeddings is that of the output. @param {string} shape @param {string} type */
export const weightBytes = (shape, type) => tensorsOf(SHAPES[shape], type).reduce((sum, t) => sum + bytesOf(t), 0);
