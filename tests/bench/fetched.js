// What a page fetches: the modules that a module loads, and sizes as a static host sends them (brotli 11, each file by itself).
import fs from 'node:fs';
import path from 'node:path';
import zlib from 'node:zlib';

const { BROTLI_PARAM_QUALITY, BROTLI_PARAM_SIZE_HINT } = zlib.constants;
const brotli = (/** @type {Buffer} */ b) => zlib.brotliCompressSync(b, { params: { [BROTLI_PARAM_QUALITY]: 11, [BROTLI_PARAM_SIZE_HINT]: b.length } }).length;

/** Every module that this one loads, itself too; workers as well. @param {string} file @param {Set<string>} [seen] */
export function modules(file, seen = new Set()) {
    if (seen.has(file)) return seen;
    seen.add(file);
    const source = fs.readFileSync(file, 'utf8').replace(/\/\*[^]*?\*\//g, '');
    for (const [, name] of source.matchAll(/(?:^|[\n;])\s*(?:import|export)[^;'"`()]*['"`](\.[^'"`]+\.js)['"`]/g)) modules(path.join(path.dirname(file), name), seen);
    for (const [, name] of source.matchAll(/new URL\(['`](\.[^'`]+\.js)['`], ?import\.meta\.url\)/g)) modules(path.join(path.dirname(file), name), seen);
    return seen;
}

/** The builds of the engine; a page fetches one of them. */
export const engines = () => fs.readdirSync('dist/lib').filter((name) => /^engine-.*\.wasm$/.test(name)).map((name) => `dist/lib/${name}`);

/** @param {Iterable<string>} files */
export function sum(files) {
    const total = { files: 0, raw: 0, brotli: 0 };
    for (const file of files) {
        const bytes = fs.readFileSync(file);
        total.files++;
        total.raw += bytes.length;
        total.brotli += brotli(bytes);
    }
    return total;
}
