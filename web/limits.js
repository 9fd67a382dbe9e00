/** What bounds a session, as options and as the seven words of the engine. */
import { PalError, checkNames, unknown } from './errors.js';

/**
 * @typedef {object} MemoryOptions
 * @property {number} [tokens] states that each layer keeps [1024, or the trained context if that is shorter]
 * @property {number} [bytes] instead of tokens: the whole state of the session fits in so many bytes
 * @property {string} [policy] who leaves: full, window, sinks, h2o, tova, tova-head [tova]
 * @property {string} [positions] original, cache [cache where the model can, else original]
 * @property {string} [cache] number format of keys and values: f32, f16, q8 [f16]
 * @property {number} [sinks] policy sinks: first tokens that never leave [4]
 * @property {number} [recent] policy h2o: newest tokens that never leave [half the budget]
 *
 * @typedef {{ policy: string, budget: number, positions: string, cache: string, sinks: number, recent: number, chunk: number }} Limits
 * @typedef {import('./engine.js').Engine} Engine
 */

export const MEMORY_NAMES = ['tokens', 'bytes', 'policy', 'positions', 'cache', 'sinks', 'recent'];
export const POSITIONS = ['original', 'cache'];
export const CACHES = ['f32', 'f16', 'q8'];
const DEFAULT_TOKENS = 1024;
const DEFAULT_CHUNK = 64;

/**
 * @param {string} what
 * @param {string} name
 * @param {readonly string[]} names
 */
function index(what, name, names) {
  const i = names.indexOf(name);
  if (i < 0) throw new TypeError(unknown(what, name, names));
  return i;
}

/**
 * @param {string} what
 * @param {unknown} value
 * @param {number} least
 */
export function count(what, value, least) {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < least || value > 0xffffffff) {
    throw new TypeError(`${what} must be a whole number of at least ${least}, not ${value}`);
  }
  return value;
}

/** The model as far as limits need it. @typedef {{ engine: Engine, at: number, contextTrained: number, cachePositions: boolean }} Bounded */

/**
 * Options -> resolved words {policy, budget, positions, cache, sinks, recent, chunk}.
 * @param {Bounded} model
 * @param {MemoryOptions} [memory]
 * @param {number} [chunk]
 * @returns {number[]}
 */
export function resolveLimits(model, memory = {}, chunk = DEFAULT_CHUNK) {
  checkNames(memory, MEMORY_NAMES, 'memory');
  const { engine } = model;
  const policy = memory.policy ?? 'tova';
  if (memory.sinks !== undefined && policy !== 'sinks') throw new TypeError(`memory.sinks acts only with policy 'sinks', not '${policy}'`);
  if (memory.recent !== undefined && policy !== 'h2o') throw new TypeError(`memory.recent acts only with policy 'h2o', not '${policy}'`);
  if (memory.tokens !== undefined && memory.bytes !== undefined) throw new TypeError('give memory.tokens or memory.bytes, not both');
  const words = [
    index('policy', policy, engine.policies()),
    memory.tokens === undefined ? defaultTokens(model) : count('memory.tokens', memory.tokens, 1),
    index('positions', memory.positions ?? (model.cachePositions ? 'cache' : 'original'), POSITIONS),
    index('cache', memory.cache ?? 'f16', CACHES),
    memory.sinks === undefined ? 0 : count('memory.sinks', memory.sinks, 1),
    memory.recent === undefined ? 0 : count('memory.recent', memory.recent, 1),
    count('chunk', chunk, 1),
  ];
  const resolved = resolveWords(model, words);
  if (memory.bytes === undefined) return resolved;
  const budget = budgetFor(model, resolved, memory.bytes);
  return resolveWords(model, [...words.slice(0, 1), budget, ...words.slice(2)]);
}

/** @param {Bounded} model */
const defaultTokens = (model) => (model.contextTrained ? Math.min(DEFAULT_TOKENS, model.contextTrained) : DEFAULT_TOKENS);

/**
 * @param {Bounded} model
 * @param {readonly number[]} words
 */
function resolveWords({ engine, at }, words) {
  engine.putWords(engine.out, words);
  engine.check(engine.c.limits_resolve(at, engine.out));
  return words.map((_, i) => engine.word(i));
}

/**
 * @param {Bounded} model
 * @param {readonly number[]} words resolved
 * @param {number} bytes
 */
function budgetFor({ engine, at }, words, bytes) {
  if (typeof bytes !== 'number' || !(bytes > 0)) throw new TypeError(`memory.bytes must be a positive number, not ${bytes}`);
  engine.putWords(engine.out, words);
  const budget = engine.c.budget_for(at, engine.out, bytes) >>> 0;
  if (budget > 0) return budget;
  engine.putWords(engine.out, [words[0], 1, ...words.slice(2)]);
  const least = engine.c.state_bytes(at, engine.out);
  throw new PalError('memory', `no memory fits in ${bytes} bytes; a single token needs ${least}`);
}

/**
 * @param {Engine} engine
 * @param {readonly number[]} words
 * @returns {Limits}
 */
export function describeLimits(engine, [policy, budget, positions, cache, sinks, recent, chunk]) {
  return { policy: engine.policies()[policy], budget, positions: POSITIONS[positions], cache: CACHES[cache], sinks, recent, chunk };
}

/**
 * What a session under these limits costs.
 * @param {Bounded} model
 * @param {readonly number[]} words resolved
 */
export function costOf({ engine, at }, words) {
  engine.putWords(engine.out, words);
  return { state: engine.c.state_bytes(at, engine.out), scratch: engine.c.scratch_bytes(at, engine.out) };
}
