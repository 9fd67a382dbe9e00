/** A stream of drawn tokens. */
import { checkNames } from './errors.js';
import { SAMPLING_NAMES, samplingOf } from './sampling.js';
import { Shown } from './stops.js';

/**
 * @typedef {object} StreamOptions
 * @property {number} [maxTokens] [no limit: until the model ends]
 * @property {readonly string[]} [stop] strings that end the answer; they are not shown
 * @property {number | bigint} [seed] of the random state from here on [it goes on as it is]
 * @property {boolean} [ignoreEnd] go on when the model says it has finished
 * @property {AbortSignal} [signal]
 *
 * @typedef {import('./sampling.js').SamplingOptions & StreamOptions} GenerateOptions
 * @typedef {{ id: number, text: string }} Piece text: whole characters that are certain now, may be empty
 * @typedef {'end' | 'length' | 'stop'} Reason
 */

export const GENERATE_NAMES = [...SAMPLING_NAMES, 'maxTokens', 'stop', 'ignoreEnd', 'seed', 'signal'];

/**
 * Draws and reads tokens. Each one is read before it is given out, so whatever was seen is remembered; the token that
 * ends the text is not read.
 * @param {import('./session.js').Session} session
 * @param {GenerateOptions} [options]
 * @returns {AsyncGenerator<Piece, Reason>}
 */
export async function* generate(session, options = {}) {
  checkNames(options, GENERATE_NAMES, 'generate');
  const { maxTokens = Infinity, stop = [], ignoreEnd = false, seed, signal, ...rest } = options;
  if (!(maxTokens >= 0)) throw new TypeError(`maxTokens must be a number of at least 0, not ${maxTokens}`);
  const sampling = samplingOf(rest);
  if (seed !== undefined) session.reseed(seed);
  const shown = new Shown(session.model.tokenizer, stop);
  for (let n = 0; ; n++) {
    const over = n >= maxTokens;
    if (!over) signal?.throwIfAborted();
    const id = over ? undefined : session.step(sampling, ignoreEnd);
    if (id === undefined) {
      yield { id: -1, text: shown.end() };
      return over ? 'length' : 'end';
    }
    yield { id, text: shown.push(id) };
    if (shown.stopped) return 'stop';
    await session.pause();
  }
}
