/** A turn that is not finished: what has still to be read, how the answer is drawn, and the text that was held back.
 *  Plain data, so that an answer that was cut off can be saved and continued. */
import { PalError, checkNames } from './errors.js';
import { GENERATE_NAMES } from './generate.js';
import { samplingOf } from './sampling.js';
import { Stops } from './stops.js';

/**
 * @typedef {import('./generate.js').GenerateOptions} GenerateOptions
 * @typedef {GenerateOptions & { onprogress?: (progress: { read: number, total: number }) => void }} SendOptions
 *   onprogress: tokens of the message that are read
 * @typedef {Omit<GenerateOptions, 'signal' | 'seed'>} Manner how an answer is drawn
 *
 * @typedef {object} Pending
 * @property {number[]} ids of the message
 * @property {number} at how many of them are read
 * @property {number} pinned how many of the first never leave
 * @property {import('./turns.js').Run[]} runs who said them
 * @property {Manner} manner
 * @property {number} left tokens that the answer may still have
 * @property {import('./stops.js').Tail} tail
 */

const ONCE_NAMES = ['signal', 'seed', 'onprogress'];

/**
 * The part of the options that a later continue() takes over. Throws for what cannot act.
 * @param {SendOptions} options
 * @param {string} where
 * @returns {Manner}
 */
export function mannerOf(options, where) {
  checkNames(options, [...GENERATE_NAMES, 'onprogress'], where);
  const manner = Object.fromEntries(Object.entries(options).filter(([name, value]) => value !== undefined && !ONCE_NAMES.includes(name)));
  const { maxTokens = Infinity, stop = [], ignoreEnd: _, ...sampling } = /** @type {Manner} */ (manner);
  if (!(maxTokens >= 0)) throw new TypeError(`maxTokens must be a number of at least 0, not ${maxTokens}`);
  if (options.seed !== undefined) BigInt(options.seed);
  samplingOf(sampling);
  new Stops(stop);
  return manner;
}

/**
 * @param {import('./turns.js').Turn} turn
 * @param {Manner} manner
 * @returns {Pending}
 */
export const begin = ({ ids, pinned, runs }, manner) => ({ ids, at: 0, pinned, runs, manner, left: manner.maxTokens ?? Infinity, tail: { text: '', bytes: [] } });

/**
 * The same turn with other options, as far as they are given.
 * @param {Pending} pending
 * @param {Manner} given
 * @returns {Pending}
 */
export function merged(pending, given) {
  const manner = { ...pending.manner, ...given };
  const whole = manner.maxTokens ?? Infinity;
  return { ...pending, manner, left: given.maxTokens ?? (pending.left || whole) };
}

/** Numbers that JSON does not know. */
const toText = (/** @type {unknown} */ n) => (typeof n === 'number' && !Number.isFinite(n) ? String(n) : n);

/** What is not read yet. @param {Pending} pending @returns {import('./turns.js').Turn} */
export const restOf = ({ ids, at, pinned, runs }) => ({
  ids: ids.slice(at),
  pinned: Math.max(0, pinned - at),
  runs: runs.filter((r) => r.end > at).map((r) => ({ ...r, end: r.end - at })),
});

/** As JSON keeps it. @param {Pending} pending */
export function frozen(pending) {
  const { manner, left, tail } = pending;
  const { logitBias, maxTokens, ...rest } = manner;
  const bias = logitBias instanceof Map ? [...logitBias] : Object.entries(logitBias ?? {});
  return {
    ...restOf(pending),
    manner: rest,
    bias: bias.map(([id, value]) => [Number(id), toText(value)]),
    maxTokens: toText(maxTokens),
    left: toText(left),
    tail,
  };
}

/** @param {any} json */
function isFrozen({ ids, pinned, runs, bias, left, tail }) {
  const isCount = (/** @type {unknown} */ n) => Number.isSafeInteger(n) && Number(n) >= 0;
  const isRun = (/** @type {any} */ r) => isCount(r.end) && typeof r.role === 'string';
  const isByte = (/** @type {unknown} */ n) => isCount(n) && Number(n) < 256;
  return ids.every(isCount) && isCount(pinned) && pinned <= ids.length && runs.every(isRun) && Array.isArray(bias) &&
    Number(left) >= 0 && typeof tail.text === 'string' && tail.bytes.length < 4 && tail.bytes.every(isByte);
}

/**
 * The way back.
 * @param {any} json
 * @returns {Pending}
 */
export function thawed(json) {
  try {
    if (!isFrozen(json)) throw new TypeError('a field is wrong');
    const { ids, pinned, runs, manner, bias, maxTokens, left, tail } = json;
    const all = { ...manner };
    if (maxTokens !== undefined) all.maxTokens = Number(maxTokens);
    if (bias.length) all.logitBias = new Map(bias.map((/** @type {[number, unknown]} */ [id, value]) => [id, Number(value)]));
    return { ids, at: 0, pinned, runs, manner: mannerOf(all, 'restore'), left: Number(left), tail };
  } catch (e) {
    throw new PalError('foreign', `this is no saved chat: its unfinished answer is damaged (${e instanceof Error ? e.message : e})`);
  }
}
