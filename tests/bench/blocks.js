// Random weights in each format: valid blocks whose values have a standard deviation near 0.036, whatever the format.
import { FORMATS } from './shapes.js';

let state = 1;
/** @param {number} seed not 0 */
export const seed = (seed) => void (state = seed);

/** xorshift32 over all of it. @param {Uint32Array} words */
function fill(words) {
    let s = state;
    for (let i = 0; i < words.length; i++) {
        s ^= s << 13;
        s ^= s >>> 17;
        s ^= s << 5;
        words[i] = s;
    }
    state = s;
}

/** Q4_K: eight scales of 32 to 63 and the same numbers as minima, in GGUF's packing of 6 bits. @param {Uint8Array} b @param {number} at */
function scalesK(b, at) {
    for (let j = 0; j < 4; j++) {
        const low = 32 | (b[at + j] & 31), high = 32 | (b[at + 4 + j] & 31); // of runs j and j + 4
        b[at + j] = b[at + 4 + j] = low | ((high >> 4) << 6);
        b[at + 8 + j] = (high & 15) * 17;
    }
}

/** What makes random bits a sane block: scales (halves). @type {Record<string, (b: Uint8Array, v: DataView, at: number) => void>} */
const tame = {
    Q4_0: (b, v, at) => v.setUint16(at, 0x2000 | b[at], true), // 2^-7 and a little more
    Q5_0: (b, v, at) => v.setUint16(at, 0x1c00 | b[at], true),
    Q8_0: (b, v, at) => v.setUint16(at, 0x1000 | b[at], true),
    Q4_K(b, v, at) {
        v.setUint16(at, 0x0800, true); // 2^-13
        v.setUint16(at + 2, 0x1380, true); // 7.5 times that: codes of 0 to 15 have a mean of 0
        scalesK(b, at + 4);
    },
    Q6_K(b, v, at) {
        for (let i = 192; i < 208; i++) b[at + i] = (b[at + i] & 31) - 16;
        v.setUint16(at + 208, 0x0a80 | (b[at] & 0x7f), true);
    },
};

/**
 * A row of blocks.
 * @param {string} format
 * @param {number} columns
 * @returns {Uint8Array} good until the next call
 */
export function randomRow(format, columns) {
    const { block, bytes } = FORMATS[format];
    const size = (columns / block) * bytes;
    const words = new Uint32Array(Math.ceil(size / 4));
    const row = new Uint8Array(words.buffer, 0, size), view = new DataView(words.buffer);
    fill(words);
    if (format === 'F16') for (let i = 0; i < size; i += 2) view.setUint16(i, (view.getUint16(i, true) & 0x83ff) | 0x2800, true);
    else for (let at = 0; at < size; at += bytes) tame[format](row, view, at);
    return row;
}
