// A model at the level of sessions, on the thread of whoever imports this: a page or a worker of the benches.
import { loadModel } from '../../web/source/load.js';
import { openEngine } from '../../web/variants.js';
import { breathe, openPageEngine } from '../../web/worker/engine.js';

/**
 * @param {string} url
 * @param {{ variant?: string, threads?: any, folder?: string }} [options] folder: where other builds of the engine lie
 */
export async function openModel(url, { variant, threads, folder } = {}) {
    const compile = (/** @type {string} */ name) => WebAssembly.compileStreaming(fetch(`${folder}/engine-${name}.wasm`));
    const env = { openEngine: () => (folder ? openEngine(compile, variant) : /** @type {any} */ (openPageEngine)(variant, threads)), breathe };
    const { model } = await loadModel([new URL(url, location.href).href], { cache: false }, env);
    return model;
}

/** Token ids that depend on nothing. @param {number} n @param {number} vocabulary @param {number} [from] */
export const someIds = (n, vocabulary, from = 0) => Array.from({ length: n }, (_, i) => ((i + from) * 7919 + 1) % vocabulary);
