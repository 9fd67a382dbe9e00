// Files of tests/fixtures that the C tests read.
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../..', import.meta.url));

/** @returns {string[]} paths below tests/fixtures */
export function fixtureNames() {
    const top = path.join(root, 'tests/fixtures');
    return fs
        .readdirSync(top, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => path.relative(top, path.join(entry.path, entry.name)))
        .sort();
}

export const engines = ['clang', 'emcc'].flatMap((name) => ['simd', 'relaxed', 'relaxed16'].map((variant) => `${name}-${variant}`));
/** @param {string} engine @param {string} what `engine` or `tests` */
export const modulePath = (engine, what) => `build/wasm/${engine.split('-')[0]}/${what}-${engine.slice(engine.indexOf('-') + 1)}.wasm`;

/** Node 20 computes relaxed dot products wrongly in its first compiler tier and hides relaxed SIMD behind a flag. */
export const relaxedFlags =
    Number(process.versions.node.split('.')[0]) < 22 ? ['--experimental-wasm-relaxed-simd', '--no-liftoff'] : [];
