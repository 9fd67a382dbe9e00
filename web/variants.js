/** Which build of the module runs here: `relaxed` (fused multiply-add, fast int8 dot) where this machine computes it
 *  as promised, else `simd`. Nothing is silent: `engine.note` says why the faster one was not taken. */
import { Engine } from './engine.js';
import { PalError, unknown } from './errors.js';

export const VARIANTS = ['auto', 'simd', 'relaxed'];

/**
 * @param {(name: string) => Promise<WebAssembly.Module>} compile gives the module of a variant, or throws
 * @param {string} [variant]
 * @returns {Promise<Engine>}
 */
export async function openEngine(compile, variant = 'auto') {
  if (!VARIANTS.includes(variant)) throw new TypeError(unknown('variant', variant, VARIANTS));
  if (variant === 'simd') return proven(await compile('simd'), 'simd');
  try {
    return proven(await compile('relaxed'), 'relaxed');
  } catch (e) {
    const why = `relaxed SIMD was not taken: ${e instanceof Error ? e.message : e}`;
    if (variant === 'relaxed') throw new PalError('engine', why);
    const engine = proven(await compile('simd'), 'simd');
    engine.note = why;
    return engine;
  }
}

/**
 * @param {WebAssembly.Module} module
 * @param {string} variant
 */
function proven(module, variant) {
  const engine = new Engine(module, variant);
  if (!engine.probe()) throw new PalError('engine', `this machine or its wasm compiler computes the '${variant}' build wrongly (self-test)`);
  return engine;
}
