/** Sampling options: their names, their "off" values, and how they reach the engine. The engine checks the ranges. */
import { checkNames } from './errors.js';
import { count } from './limits.js';

/**
 * @typedef {object} SamplingOptions
 * @property {number} [temperature] 0: always the most probable token [0.8]
 * @property {number} [topK] only the k most probable; 0: off [40]
 * @property {number} [topP] the fewest tokens of this joint probability; 1: off [0.95]
 * @property {number} [minP] only tokens of at least this fraction of the best one's probability; 0: off [0.05]
 * @property {number} [typicalP] locally typical sampling; 1: off [1]
 * @property {number} [repeatPenalty] 1: off [1]
 * @property {number} [presencePenalty] 0: off [0]
 * @property {number} [frequencyPenalty] 0: off [0]
 * @property {number} [repeatLastN] how many of the last tokens the penalties look at, at most 256 [64]
 * @property {Record<number, number> | Map<number, number>} [logitBias] token id -> number added to its logit; -Infinity forbids
 */

/** @type {Required<Omit<SamplingOptions, 'logitBias'>>} */
export const SAMPLING_DEFAULTS = {
  temperature: 0.8, topK: 40, topP: 0.95, minP: 0.05, typicalP: 1,
  repeatPenalty: 1, presencePenalty: 0, frequencyPenalty: 0, repeatLastN: 64,
};
export const SAMPLING_NAMES = [...Object.keys(SAMPLING_DEFAULTS), 'logitBias'];

/**
 * @param {SamplingOptions} [options]
 * @returns {{ numbers: number[], ids: number[], bias: number[] }} numbers in the order of the engine's `sample`
 */
export function samplingOf(options = {}) {
  checkNames(options, SAMPLING_NAMES, 'sampling');
  const o = { ...SAMPLING_DEFAULTS };
  for (const name of /** @type {(keyof typeof o)[]} */ (Object.keys(o))) {
    const value = options[name];
    if (value === undefined) continue;
    if (typeof value !== 'number' || Number.isNaN(value)) throw new TypeError(`sampling: ${name} must be a number, not ${value}`);
    o[name] = value;
  }
  count('topK', o.topK, 0);
  count('repeatLastN', o.repeatLastN, 0);
  const entries = options.logitBias instanceof Map ? [...options.logitBias] : Object.entries(options.logitBias ?? {});
  const ids = entries.map(([id]) => count('logitBias: a token id', Number(id), 0));
  const bias = entries.map(([id, value]) => {
    if (typeof value !== 'number' || Number.isNaN(value)) throw new TypeError(`logitBias of ${id} must be a number, not ${value}`);
    return value;
  });
  const numbers = [o.temperature, o.topK, o.topP, o.minP, o.typicalP, o.repeatPenalty, o.presencePenalty, o.frequencyPenalty, o.repeatLastN];
  return { numbers, ids, bias };
}
