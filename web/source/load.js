/** Loads a model from a page's sources, and begins again where that is the remedy. */
import { PalError } from '../errors.js';
import { Model } from '../model.js';
import { Restart, Untrusted } from './line.js';
import { openParts } from './open.js';

/**
 * @typedef {import('./open.js').SourceOptions} SourceOptions
 * @typedef {Omit<import('./open.js').SourceEnv, 'engine' | 'failed'> & { openEngine: () => Promise<import('../engine.js').Engine> }} LoadEnv
 */

const RESTARTS = 3;

/**
 * @param {import('./places.js').Source} source
 * @param {SourceOptions} options
 * @param {LoadEnv} env
 */
export async function loadModel(source, options, env) {
  const failed = new Set();
  for (let restarts = 0; ; restarts++) {
    try {
      return await loadOnce(source, options, env, failed);
    } catch (e) {
      if (!(e instanceof Restart)) throw e;
      if (restarts === RESTARTS) throw new PalError('download', `${e.message}; began again ${RESTARTS} times. Try again later`);
    }
  }
}

/**
 * In a fresh engine: what an attempt that failed had read is not there any more.
 * @param {import('./places.js').Source} source
 * @param {SourceOptions} options
 * @param {LoadEnv} env
 * @param {Set<string>} failed
 */
async function loadOnce(source, options, { openEngine, ...env }, failed) {
  const engine = await openEngine();
  const files = await openParts(source, options, { ...env, engine, failed });
  try {
    const { signal, onprogress } = /** @type {any} */ (options);
    const model = await Model.open(engine, files.parts, env.breathe, { signal, onprogress });
    await files.finish();
    return { model, engine, note: files.note };
  } catch (e) {
    const malformed = e instanceof PalError && ['format', 'unsupported'].includes(e.code);
    const drop = malformed || e instanceof Untrusted;
    const kept = drop && files.stores.size > 0;
    await files.discard({ drop });
    if (!malformed) throw e;
    const { name } = files.parts[0];
    throw new PalError(e.code, `${e.message.includes(name) ? '' : `${name}: `}${e.message}${kept ? ' (the copy that was kept of it is deleted)' : ''}`);
  }
}
