/** Which of llama.cpp's pre-tokenizers a tokenizer.json uses, told from its patterns. */

const CONTRACTION = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
const SPACES = '\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+';
const UPPER = '[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]';
const LOWER = '[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]';
/** @param {string} suffix @param {string} digits */
const cased = (suffix, digits) => `[^\\r\\n\\p{L}\\p{N}]?${UPPER}*${LOWER}+${suffix}|[^\\r\\n\\p{L}\\p{N}]?${UPPER}+${LOWER}*${suffix}|${digits}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|${SPACES}`;
/** @param {string} digits */
const english = (digits) => `${CONTRACTION}|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|${digits}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|${SPACES}`;

/** Steps of a pre-tokenizer, joined by spaces -> tokenizer.ggml.pre. "gpt2" is the pattern built into ByteLevel. */
const KNOWN = /** @type {Record<string, string>} */ ({
  gpt2: 'gpt-2',
  'digits gpt2': 'smollm',
  [`split:${english('\\p{N}{1,3}')}`]: 'llama-bpe',
  [`split:${english('\\p{N}')}`]: 'qwen2',
  [`split:${CONTRACTION}|[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+|\\p{N}| ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*|${SPACES}`]: 'qwen35',
  [`split:${cased('', '\\p{N}')}`]: 'tekken',
  [`split:${cased(`${CONTRACTION}?`, '\\p{N}{1,3}')}`]: 'gpt-4o',
});

/** @param {any} step @returns {string[]} */
function steps(step) {
  switch (step?.type) {
    case 'Sequence': return step.pretokenizers.flatMap(steps);
    case 'Split': return [`split:${step.pattern?.Regex ?? JSON.stringify(step.pattern)}`];
    case 'Digits': return [step.individual_digits ? 'digits' : 'digits:runs'];
    case 'ByteLevel': return step.add_prefix_space ? ['bytes+prefix'] : step.use_regex === false ? [] : ['gpt2'];
    default: return [String(step?.type)];
  }
}

/**
 * @param {any} preTokenizer pre_tokenizer of tokenizer.json
 * @returns {string | undefined} undefined: not one of those known here
 */
export const preName = (preTokenizer) => KNOWN[steps(preTokenizer).join(' ')];
