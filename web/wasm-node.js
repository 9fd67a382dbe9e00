/** Node: where the wasm builds lie and how they are compiled. */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import path from 'node:path';
import v8 from 'node:v8';
import { PalError } from './errors.js';
import { openEngine } from './variants.js';

const root = path.join(path.dirname(fileURLToPath(import.meta.url)), '..');
/** Where builds are looked for: PALIMPSEST_WASM (a folder, or one file) first. */
const folders = [process.env.PALIMPSEST_WASM, path.join(root, 'build/wasm/clang'), path.join(root, 'build/wasm/emcc')];

/** @param {string} variant */
export async function wasmBytes(variant) {
  const tried = [];
  for (const folder of folders) {
    if (!folder) continue;
    const file = folder.endsWith('.wasm') ? folder : path.join(folder, `engine-${variant}.wasm`);
    try {
      return await readFile(file);
    } catch {
      tried.push(file);
    }
    if (folder === process.env.PALIMPSEST_WASM) break; // asked for explicitly: take no other
  }
  throw new PalError('file', `no ${variant} build of the engine (looked for ${tried.join(', ')}); run ./build.sh wasm`);
}

/** Node 20 has relaxed SIMD behind a flag, and its first compiler tier (Liftoff) computes the relaxed dot wrongly. */
function allowRelaxed() {
  if (Number(process.versions.node.split('.')[0]) >= 22) return;
  v8.setFlagsFromString('--experimental-wasm-relaxed-simd');
  v8.setFlagsFromString('--no-liftoff');
}

/** @param {string} variant */
async function compile(variant) {
  const bytes = await wasmBytes(variant);
  if (variant === 'relaxed') allowRelaxed();
  return WebAssembly.compile(/** @type {BufferSource} */ (bytes));
}

/** @param {string} [variant] 'auto' | 'simd' | 'relaxed' */
export const openNodeEngine = (variant) => openEngine(compile, variant ?? process.env.PALIMPSEST_VARIANT ?? 'auto');

/** Lets timers, signals and input run between two chunks of work. @returns {Promise<void>} */
export const breathe = () => new Promise((resolve) => setImmediate(resolve));
