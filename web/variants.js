/** Which build of the module runs here: `relaxed` (fused multiply-add, sums of four products of bytes) or, where the
 *  processor sums only two at a time, `relaxed16` (the same bits) when this machine computes it as promised, else `simd`;
 *  each also for threads (`-mt`). Nothing is silent: `engine.note` says why the faster one was not taken. */
import { Engine } from './engine.js';
import { PalError, unknown } from './errors.js';
import { checkThreads } from './team/team.js';

/** @typedef {(name: string) => Promise<WebAssembly.Module>} Compile gives the module of a build, or throws */

export const VARIANTS = ['auto', 'simd', 'relaxed', 'relaxed16'];

/* (module (func (export "f") (param i32 i32) (result i32)
 *   (i32x4.extract_lane 0 (i32x4.relaxed_dot_i8x16_i7x16_add_s
 *     (i8x16.splat (local.get 0)) (i8x16.splat (local.get 1)) (i32x4.splat (i32.const 0)))))) */
const DOT = Uint8Array.of(
  0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 7, 1, 0x60, 2, 0x7f, 0x7f, 1, 0x7f, 3, 2, 1, 0, 7, 5, 1, 1, 0x66, 0, 0, 10, 22, 1, 20, 0,
  0x20, 0, 0xfd, 15, 0x20, 1, 0xfd, 15, 0x41, 0, 0xfd, 17, 0xfd, 0x93, 2, 0xfd, 27, 0, 11,
);

/**
 * The relaxed build that suits this machine; undefined without relaxed SIMD. What 127 * 255 four times gives is left to the machine, and
 * tells what it does: x86 without AVX-VNNI saturates sums of two at 32767.
 */
export function relaxedVariant() {
  if (!WebAssembly.validate(DOT)) return undefined;
  const { f } = /** @type {{ f: (a: number, b: number) => number }} */ (/** @type {unknown} */ (new WebAssembly.Instance(new WebAssembly.Module(DOT)).exports));
  return f(127, 255) === 2 * 32767 ? 'relaxed16' : 'relaxed';
}

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
    const suited = variant === 'auto' ? relaxedVariant() : variant;
    if (!suited) throw new PalError('engine', 'this machine or its wasm compiler has none');
    return await proven(compile, suited, shared);
  } catch (e) {
    const why = `relaxed SIMD was not taken: ${reason(e)}`;
    if (variant !== 'auto') throw new PalError('engine', why);
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
