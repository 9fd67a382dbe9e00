/** Which build of the module runs here: `relaxed` (fused multiply-add, fast int8 dot) where this machine computes it
 *  as promised, else `simd`; each also for threads (`-mt`). Nothing is silent: `engine.note` says why the faster one was not taken. */
import { Engine } from './engine.js';
import { PalError, unknown } from './errors.js';
import { checkThreads } from './team/team.js';

/** @typedef {(name: string) => Promise<WebAssembly.Module>} Compile gives the module of a build, or throws */

export const VARIANTS = ['auto', 'simd', 'relaxed'];

const reason = (/** @type {unknown} */ e) => (e instanceof Error ? e.message : String(e));

/**
 * @param {Compile} compile
 * @param {string} [variant]
 * @param {{ threads?: 'auto' | number, host?: import('./team/team.js').Host }} [options] threads [1]; host: how they are started
 * @returns {Promise<Engine>}
 */
export async function openEngine(compile, variant = 'auto', { threads = 1, host } = {}) {
  if (!VARIANTS.includes(variant)) throw new TypeError(unknown('variant', variant, VARIANTS));
  checkThreads(threads);
  if (threads === 1 || (threads === 'auto' && host?.cores === 1)) return openOne(compile, variant, false);
  if (threads !== 'auto') return openTeam(compile, variant, threads, host);
  try {
    return await openTeam(compile, variant, threads, host);
  } catch (e) {
    const engine = await openOne(compile, variant, false);
    engine.note = [engine.note, `one thread: ${reason(e)}`].filter(Boolean).join('. ');
    return engine;
  }
}

/**
 * @param {Compile} compile
 * @param {string} variant
 * @param {'auto' | number} threads
 * @param {import('./team/team.js').Host} [host]
 */
async function openTeam(compile, variant, threads, host) {
  const missing = host ? host.missing : 'no way to start one was given';
  if (!host || missing) throw new PalError('engine', `threads are not possible here: ${missing}`);
  const engine = await openOne(compile, variant, true);
  const team = /** @type {import('./team/team.js').Team} */ (engine.team);
  if (threads === 'auto') await team.choose(host);
  else await team.start(host, threads);
  return engine;
}

/**
 * @param {Compile} compile
 * @param {string} variant
 * @param {boolean} shared
 */
async function openOne(compile, variant, shared) {
  if (variant === 'simd') return proven(compile, 'simd', shared);
  try {
    return await proven(compile, 'relaxed', shared);
  } catch (e) {
    const why = `relaxed SIMD was not taken: ${reason(e)}`;
    if (variant === 'relaxed') throw new PalError('engine', why);
    const engine = await proven(compile, 'simd', shared);
    engine.note = why;
    return engine;
  }
}

/**
 * @param {Compile} compile
 * @param {string} variant
 * @param {boolean} shared
 */
async function proven(compile, variant, shared) {
  const engine = new Engine(await compile(shared ? `${variant}-mt` : variant), variant, shared);
  if (!engine.probe()) throw new PalError('engine', `this machine or its wasm compiler computes the '${variant}' build wrongly (self-test)`);
  return engine;
}
