/** tokenizer.json (+ tokenizer_config.json) -> the tokenizer.ggml.* keys. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { PalError } from '../../web/errors.js';
import { preName } from './pre.js';

/** @typedef {import('./writer.js').Key} Key */

const [NORMAL, UNKNOWN, CONTROL, USER, UNUSED, BYTE] = [1, 2, 3, 4, 5, 6];

/** @param {string} why @returns {never} */
function bad(why) {
  throw new PalError('unsupported', why);
}

/**
 * JSON of a file; undefined when it is absent.
 * @param {string} dir
 * @param {string} name
 * @returns {Promise<any>}
 */
export async function readJson(dir, name) {
  const text = await readFile(path.join(dir, name), 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text.replaceAll(/(?<=[:[,]\s*)-?Infinity(?=\s*[,\]}])/g, '1e999')); // Python writes Infinity
  } catch (e) {
    throw new PalError('format', `${name}: is no JSON (${e instanceof Error ? e.message : e})`);
  }
}

/**
 * Tokens and types in the order of their ids, padded to the model's vocabulary.
 * @param {any} tokenizer tokenizer.json
 * @param {number} size
 */
function tokensOf(tokenizer, size) {
  /** @type {(string | undefined)[]} */
  const tokens = new Array(size).fill(undefined);
  const types = new Array(size).fill(NORMAL);
  const put = (/** @type {string} */ token, /** @type {any} */ id) => {
    if (!Number.isInteger(id) || id < 0 || id >= size) bad(`tokenizer.json: token ${JSON.stringify(token)} has id ${id}, config.json says vocab_size ${size}`);
    tokens[id] = token;
  };
  for (const [token, id] of Object.entries(tokenizer.model.vocab)) put(token, id);
  for (const t of tokenizer.added_tokens ?? []) {
    put(t.content, t.id);
    types[t.id] = t.special ? CONTROL : USER;
  }
  return { tokens: tokens.map((t, id) => t ?? ((types[id] = UNUSED), `[PAD${id}]`)), types };
}

/** @param {any} tokenizer @returns {string[]} "a b" */
const mergesOf = (tokenizer) => (tokenizer.model.merges ?? []).map((/** @type {any} */ m) => (Array.isArray(m) ? m.join(' ') : m));

/**
 * Byte-level BPE.
 * @param {any} tokenizer
 * @param {number} size
 * @param {string | undefined} pre
 * @returns {Key[]}
 */
function bpe(tokenizer, size, pre) {
  const name = pre ?? preName(tokenizer.pre_tokenizer) ?? bad(`tokenizer.json: its pre-tokenizer is not one that is recognised; name it with --pre (llama-bpe, qwen2, gpt-2, ...): ${JSON.stringify(tokenizer.pre_tokenizer)}`);
  if (tokenizer.normalizer && tokenizer.normalizer.type !== 'NFC') bad(`tokenizer.json: normalizer ${tokenizer.normalizer.type} cannot be carried over`);
  const { tokens, types } = tokensOf(tokenizer, size);
  return [
    ['tokenizer.ggml.model', 'string', 'gpt2'], ['tokenizer.ggml.pre', 'string', name], ['tokenizer.ggml.tokens', 'string[]', tokens],
    ['tokenizer.ggml.token_type', 'i32[]', types], ['tokenizer.ggml.merges', 'string[]', mergesOf(tokenizer)],
  ];
}

/**
 * SentencePiece's BPE as tokenizer.json has it (Llama 2): the rank of the merge that makes a token is its score.
 * @param {any} tokenizer
 * @param {number} size
 * @returns {Key[]}
 */
function spm(tokenizer, size) {
  const { tokens, types } = tokensOf(tokenizer, size);
  const scores = new Array(size).fill(-1e6);
  const ids = new Map(tokens.map((t, id) => [t, id]));
  for (const [rank, merge] of mergesOf(tokenizer).entries()) {
    const id = ids.get(merge.replace(' ', ''));
    if (id !== undefined && scores[id] === -1e6) scores[id] = -rank;
  }
  for (const [id, token] of tokens.entries()) {
    if (/^<0x[0-9A-F]{2}>$/.test(token)) types[id] = BYTE;
    if (token === tokenizer.model.unk_token) types[id] = UNKNOWN;
  }
  const prefix = JSON.stringify([tokenizer.normalizer, tokenizer.pre_tokenizer]);
  const adds = /"type":"Prepend"/.test(prefix) || /"prepend_scheme":"(first|always)"/.test(prefix) || /"add_prefix_space":true/.test(prefix);
  return [
    ['tokenizer.ggml.model', 'string', 'llama'], ['tokenizer.ggml.pre', 'string', 'default'], ['tokenizer.ggml.tokens', 'string[]', tokens],
    ['tokenizer.ggml.scores', 'f32[]', scores], ['tokenizer.ggml.token_type', 'i32[]', types],
    ['tokenizer.ggml.add_space_prefix', 'bool', adds],
  ];
}

/** First id that a post-processor puts in front, if it is a fixed token. @param {any} post @returns {string | undefined} */
function templateBegin(post) {
  if (post?.type === 'Sequence') return post.processors.map(templateBegin).find(Boolean);
  return post?.type === 'TemplateProcessing' ? post.single?.[0]?.SpecialToken?.id : undefined;
}

/**
 * @param {any} tokenizer
 * @param {any} settings tokenizer_config.json
 * @param {any} config config.json
 * @param {any} generation generation_config.json
 * @param {string[]} tokens
 * @returns {Key[]}
 */
function specials(tokenizer, settings, config, generation, tokens) {
  /** @type {Key[]} */
  const keys = [];
  const idOf = (/** @type {string} */ which) => {
    const named = settings?.[`${which}_token`]?.content ?? settings?.[`${which}_token`];
    if (typeof named === 'string' && tokens.includes(named)) return tokens.indexOf(named);
    const id = [config[`${which}_token_id`], generation?.[`${which}_token_id`]].flat().find(Number.isInteger);
    return id !== undefined && id < tokens.length ? id : undefined;
  };
  for (const [which, key] of [['bos', 'bos_token_id'], ['eos', 'eos_token_id'], ['unk', 'unknown_token_id'], ['pad', 'padding_token_id']]) {
    const id = idOf(which);
    if (id !== undefined) keys.push([`tokenizer.ggml.${key}`, 'u32', id]);
  }
  const begin = templateBegin(tokenizer.post_processor);
  const addsBos = settings?.add_bos_token ?? (begin !== undefined && tokens.indexOf(begin) === idOf('bos'));
  keys.push(['tokenizer.ggml.add_bos_token', 'bool', Boolean(addsBos)]);
  if (settings?.add_eos_token) keys.push(['tokenizer.ggml.add_eos_token', 'bool', true]);
  return keys;
}

/**
 * @param {string} dir
 * @param {any} config
 * @param {number} size
 * @param {string | undefined} pre
 * @param {(text: string) => void} note
 * @returns {Promise<Key[]>}
 */
export async function vocabularyKeys(dir, config, size, pre, note) {
  const tokenizer = await readJson(dir, 'tokenizer.json');
  const bytes = tokenizer && !tokenizer.model?.byte_fallback;
  if (pre !== undefined && !bytes) bad(`--pre ${pre} acts only on byte-level BPE; ${tokenizer ? 'this tokenizer.json is SentencePiece' : 'there is no tokenizer.json'}`);
  if (!tokenizer) {
    note('note: there is no tokenizer.json; the file gets no vocabulary and works with token ids only');
    return [['tokenizer.ggml.model', 'string', 'none']];
  }
  const { model } = tokenizer;
  if (model?.type !== 'BPE' || typeof model.vocab !== 'object' || model.vocab === null) bad(`tokenizer.json: model type ${JSON.stringify(model?.type)} cannot be converted; BPE can`);
  const keys = model.byte_fallback ? spm(tokenizer, size) : bpe(tokenizer, size, pre);
  const settings = await readJson(dir, 'tokenizer_config.json');
  const generation = await readJson(dir, 'generation_config.json');
  const tokens = /** @type {string[]} */ (/** @type {Key} */ (keys.find(([k]) => k === 'tokenizer.ggml.tokens'))[2]);
  keys.push(...specials(tokenizer, settings, config, generation, tokens));
  const template = await chatTemplate(dir, settings);
  if (template) keys.push(['tokenizer.chat_template', 'string', template]);
  return keys;
}

/** @param {string} dir @param {any} settings @returns {Promise<string | undefined>} */
async function chatTemplate(dir, settings) {
  const file = await readFile(path.join(dir, 'chat_template.jinja'), 'utf8').catch(() => undefined);
  if (file !== undefined) return file;
  const t = settings?.chat_template;
  return Array.isArray(t) ? t.find((x) => x.name === 'default')?.template : t;
}
