/** Node: where the wasm builds lie and how they are compiled. */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import path from 'node:path';
import v8 from 'node:v8';
import { PalError } from './errors.js';
import { nodeHost } from './team/node.js';
import { openEngine } from './variants.js';

/** Where builds lie: PALIMPSEST_WASM (a folder, or one file), or beside this file. */
const folder = process.env.PALIMPSEST_WASM ?? fileURLToPath(new URL('lib/', import.meta.url));

/** @param {string} variant */
export async function wasmBytes(variant) {
  const file = folder.endsWith('.wasm') ? folder : path.join(folder, `engine-${variant}.wasm`);
  try {
    return await readFile(file);
  } catch {
    throw new PalError('file', `no ${variant} build of the engine (looked for ${file}); run ./build.sh wasm`);
  }
}

const RELAXED_SINCE = 22;
const major = Number(process.versions.node.split('.')[0]);

/** Node 20 has relaxed SIMD behind a flag, and its first compiler tier (Liftoff) computes the relaxed dot wrongly. */
function allowRelaxed() {
  if (major >= RELAXED_SINCE) return;
  v8.setFlagsFromString('--experimental-wasm-relaxed-simd');
  v8.setFlagsFromString('--no-liftoff');
}

/** @param {string} variant */
async function compile(variant) {
  const bytes = await wasmBytes(variant);
  if (variant.startsWith('relaxed')) allowRelaxed();
  return WebAssembly.compile(/** @type {BufferSource} */ (bytes));
}

/** PALIMPSEST_THREADS, or auto. */
export const defaultThreads = /^\d+$/.test(process.env.PALIMPSEST_THREADS ?? '') ? Number(process.env.PALIMPSEST_THREADS) : 'auto';

/** @type {import('./team/team.js').Host} */
const host = folder.endsWith('.wasm') ? { ...nodeHost, missing: 'PALIMPSEST_WASM names one build; threads need a folder with all' } : nodeHost;

/**
 * Before Node 22 auto is simd: relaxed SIMD needs flags there and is slower (measured, tests/bench/RESULTS.md).
 * @param {string} [variant] one of VARIANTS
 * @param {'auto' | number} [threads]
 */
export function openNodeEngine(variant = process.env.PALIMPSEST_VARIANT ?? 'auto', threads = 1) {
  return openEngine(compile, variant === 'auto' && major < RELAXED_SINCE ? 'simd' : variant, { threads, host });
}

/** Lets timers, signals and input run between two chunks of work. @returns {Promise<void>} */
export const breathe = () => new Promise((resolve) => setImmediate(resolve));
