// A vocabulary of invented words for models of random weights: byte-level BPE as GPT-2 has it, of any size. Every word of
// two syllables is one token, with or without a space in front, so a text of n of them is n tokens for any engine.
const CONSONANTS = 'bdfghjklmnprstvwz';
const VOWELS = 'aeiou';
const BYTES = 256;
export const NORMAL = 1, CONTROL = 3, UNUSED = 5;

const SYLLABLES = [...CONSONANTS].flatMap((c) => [...VOWELS].map((v) => c + v));
const WORDS = SYLLABLES.flatMap((a) => SYLLABLES.map((b) => a + b));

/**
 * Special tokens by the name of the splitter; `first` or at the end; which one begins and which one ends a text.
 * @type {Record<string, { first: boolean, begin: string, end: string, names: string[], unused?: number }>}
 */
const SPECIAL = {
    smollm: {
        first: true, begin: '<|im_start|>', end: '<|im_end|>',
        names: ['<|endoftext|>', '<|im_start|>', '<|im_end|>', '<repo_name>', '<reponame>', '<file_sep>', '<filename>', '<gh_stars>', '<issue_start>', '<issue_comment>',
            '<issue_closed>', '<jupyter_start>', '<jupyter_text>', '<jupyter_code>', '<jupyter_output>', '<jupyter_script>', '<empty_output>'],
    },
    qwen2: {
        first: false, begin: '<|endoftext|>', end: '<|im_end|>',
        names: ['<|endoftext|>', '<|im_start|>', '<|im_end|>', ...Array.from({ length: 23 }, (_, i) => `<|special_${i}|>`)], unused: 267,
    },
    'llama-bpe': {
        first: false, begin: '<|begin_of_text|>', end: '<|eot_id|>',
        names: ['<|begin_of_text|>', '<|end_of_text|>', '<|reserved_0|>', '<|reserved_1|>', '<|reserved_2|>', '<|reserved_3|>', '<|start_header_id|>', '<|end_header_id|>', '<|eom_id|>', '<|eot_id|>',
            ...Array.from({ length: 246 }, (_, i) => `<|reserved_${i + 4}|>`)],
    },
};

/** How GPT-2 writes the 256 bytes: those that show stand for themselves, the others for letters from U+0100 on. */
function bytes() {
    const shown = (/** @type {number} */ b) => (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
    let next = 256;
    return Array.from({ length: BYTES }, (_, b) => String.fromCharCode(shown(b) ? b : next++));
}

/**
 * @param {string} words name of the splitter
 * @param {number} size
 * @returns {{ tokens: string[], types: number[], merges: string[], begin: number, end: number, silent: (id: number) => boolean }}
 *   silent: bytes and special tokens, which these models never say
 */
export function vocabulary(words, size) {
    const special = SPECIAL[words];
    const unused = Array.from({ length: special.unused ?? 0 }, (_, i) => `[PAD${i}]`);
    const room = size - special.names.length - unused.length;
    const byte = bytes();
    const SPACE = byte[32];
    const tokens = [...byte];
    const merges = /** @type {string[]} */ ([]);
    const merge = (/** @type {string} */ a, /** @type {string} */ b) => {
        if (tokens.length >= room) return;
        tokens.push(a + b);
        merges.push(`${a} ${b}`);
    };
    for (const [c, v] of SYLLABLES) merge(c, v);
    for (const w of WORDS) merge(w.slice(0, 2), w.slice(2));
    for (const w of WORDS) merge(SPACE, w);
    for (const w of WORDS) for (const s of SYLLABLES) merge(w, s);
    const others = [...special.names, ...unused];
    const types = others.map((_, i) => (i < special.names.length ? CONTROL : UNUSED));
    const all = special.first ? [...others, ...tokens] : [...tokens, ...others];
    const at = special.first ? others.length : 0;
    const normal = tokens.map(() => NORMAL);
    return {
        tokens: all, merges, types: special.first ? [...types, ...normal] : [...normal, ...types],
        begin: all.indexOf(special.begin), end: all.indexOf(special.end),
        silent: (id) => id < at + BYTES || id >= at + tokens.length,
    };
}

/** A text of n tokens, another for each number. @param {number} n @param {number} number */
export const text = (n, number) => Array.from({ length: n }, (_, i) => WORDS[(i * 7919 + number * 104729 + i * i * 31) % WORDS.length]).join(' ');
