/** What several verbs share: finding and opening the model, the options of a bounded memory, reading ids. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { CACHES, POSITIONS } from '../limits.js';
import { Model } from '../node.js';
import { MAX_THREADS } from '../team/team.js';
import { VARIANTS } from '../variants.js';
import { UsageError } from './options.js';
import { bytes, note, progress } from './terminal.js';

/** @typedef {import('./options.js').Option} Option */
/** @typedef {import('../node.js').Model} NodeModel */

export const POLICIES = ['full', 'window', 'sinks', 'h2o', 'tova', 'tova-head'];
const root = path.join(path.dirname(fileURLToPath(import.meta.url)), '../..');
export const defaultModel = path.join(root, 'models/default.gguf');

/** @type {Option} */
export const JSON_OPTION = { name: 'json', kind: 'flag', help: 'print JSON for programs' };

/** @type {Option[]} how the engine runs */
export const ENGINE_OPTIONS = [
  { name: 'variant', kind: 'text', choices: VARIANTS, help: 'build of the engine: simd runs everywhere, relaxed fuses multiply and add and rounds differently, relaxed16 does the same on processors that sum products of bytes by twos [auto: the relaxed one that suits this machine, where it computes rightly; before Node 22 simd, which is faster there]' },
  { name: 'threads', kind: 'text', value: 'N|auto', help: 'how many work; changes speed, never a result [auto: as many as a short measurement finds fastest]' },
];

/** @type {Option[]} what bounds the memory */
export const MEMORY_OPTIONS = [
  { name: 'policy', kind: 'text', choices: POLICIES, help: 'who leaves the memory when it is full' },
  { name: 'budget', kind: 'int', least: 1, help: 'tokens that each layer keeps' },
  { name: 'positions', kind: 'text', choices: POSITIONS, help: 'original: tokens keep their true position; cache: their rank among those that are left, so that distances never exceed the budget' },
  { name: 'pin', kind: 'int', least: 0, help: 'the first N tokens never leave [0]' },
  { name: 'chunk', kind: 'int', least: 1, help: 'tokens read at once, at most 512; changes speed, never a result [64]' },
  { name: 'cache', kind: 'text', choices: CACHES, help: 'number format of the memory' },
  { name: 'sinks', kind: 'int', least: 1, help: 'policy sinks: first tokens that never leave [4]' },
  { name: 'recent', kind: 'int', least: 1, help: 'policy h2o: newest tokens that never leave [half the budget]' },
];

/** What --threads says. @param {Record<string, any>} o @returns {'auto' | number | undefined} */
export function threadsOf({ threads }) {
  if (threads === undefined || threads === 'auto') return threads;
  const n = /^\d+$/.test(threads) ? Number(threads) : 0;
  if (n < 1 || n > MAX_THREADS) throw new UsageError(`--threads: '${threads}' is not 'auto' or a whole number from 1 to ${MAX_THREADS}`);
  return n;
}

/**
 * Splits [MODEL.gguf] [TEXT]: a first word that ends in .gguf is the model.
 * @param {readonly string[]} words
 */
export function modelAndText(words) {
  const rest = [...words];
  const file = rest[0]?.toLowerCase().endsWith('.gguf') ? /** @type {string} */ (rest.shift()) : defaultModel;
  if (file === defaultModel && !existsSync(file)) throw new UsageError('no model given, and models/default.gguf is not there; give a .gguf file first');
  return { file, text: rest.length ? rest.join(' ') : undefined };
}

/** The one word that is the model. @param {readonly string[]} words */
export function onlyModel(words) {
  if (words.length > 1) throw new UsageError(`one MODEL.gguf is expected, not '${words.join(' ')}'; put a text with spaces in quotes`);
  if (words.length === 0 && !existsSync(defaultModel)) throw new UsageError('give a MODEL.gguf');
  return words[0] ?? defaultModel;
}

/**
 * @param {string} file
 * @param {Record<string, any>} o
 * @param {boolean} [weights]
 */
export async function openModel(file, o, weights = true) {
  const threads = threadsOf(o);
  const bar = progress(`reading ${path.basename(file)}`, bytes);
  const model = await Model.load(file, { variant: o.variant, threads: weights ? threads : 1, weights, onprogress: (p) => bar.draw(p.loaded, p.total) });
  bar.end();
  if (model.engine.note && process.stderr.isTTY) note(`note: ${model.engine.note}`);
  return model;
}

/** "1,2,3" or a JSON file with a list (or {"ids": [...]}) or a text. @param {Record<string, any>} o @param {NodeModel} model */
export async function inputIds(o, model) {
  const given = ['ids', 'ids-file', 'text', 'text-file'].filter((n) => o[n] !== undefined);
  if (given.length !== 1) throw new UsageError(`give one of --ids 1,2,3, --ids-file F.json, --text T or --text-file F${given.length ? `, not ${given.map((n) => `--${n}`).join(' and ')}` : ''}`);
  if (o.ids) return /** @type {number[]} */ (o.ids);
  if (o['ids-file']) return readIds(o['ids-file']);
  const text = o.text ?? (await readText(o['text-file']));
  return encodeWhole(model, text);
}

/** Ids of a text of any length; to be called before a session opens: it may reserve. @param {NodeModel} model @param {string} text @param {boolean} [special] */
export function encodeWhole(model, text, special) {
  model.words.reserve(Buffer.byteLength(text));
  return model.encode(text, { bos: true, special });
}

/** @param {string} file */
export async function readText(file) {
  return readFile(file, 'utf8').catch((e) => {
    throw new UsageError(`${file}: ${e.code === 'ENOENT' ? 'no such file' : e.message}`);
  });
}

/** @param {string} file @returns {Promise<number[]>} */
async function readIds(file) {
  /** @type {any} */
  let value;
  try {
    value = JSON.parse(await readText(file));
  } catch (e) {
    if (e instanceof UsageError) throw e;
    throw new UsageError(`${file}: is no JSON (${e instanceof Error ? e.message : e})`);
  }
  const ids = Array.isArray(value) ? value : value?.ids;
  if (!Array.isArray(ids) || !ids.every((i) => Number.isInteger(i) && i >= 0)) throw new UsageError(`${file}: must hold a list of token ids, or {"ids": [...]}`);
  return ids;
}

/** @type {Option[]} */
export const INPUT_OPTIONS = [
  { name: 'ids', kind: 'ints', help: 'token ids' },
  { name: 'ids-file', kind: 'text', value: 'F.json', help: 'a JSON list of token ids, or {"ids": [...]}' },
  { name: 'text', kind: 'text', help: 'a text (begin token added where the model wants one)' },
  { name: 'text-file', kind: 'text', value: 'F.txt', help: 'the same from a file' },
];

/**
 * Session options of the exact verbs (logits, trace, ppl): everything kept, as it was, in f32, unless told otherwise.
 * @param {Record<string, any>} o
 * @param {number} tokens length of the input
 */
export function exactSession(o, tokens) {
  return {
    memory: { policy: o.policy ?? 'full', tokens: o.budget ?? Math.max(1, tokens), positions: o.positions ?? 'original', cache: o.cache ?? 'f32', sinks: o.sinks, recent: o.recent },
    chunk: o.chunk ?? 64,
    seed: 0,
  };
}
