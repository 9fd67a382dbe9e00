/** Palimpsest in Node.
 *
 *    import { Model } from 'palimpsest';
 *    const model = await Model.load('model.gguf');
 *    const chat = model.chat({ system: 'Be brief.', memory: { tokens: 1024, policy: 'tova' } });
 *    for await (const piece of chat.send('Hello')) process.stdout.write(piece);
 */
import { checkNames } from './errors.js';
import { GgufFile } from './file.js';
import { Model as Core, OPEN_NAMES } from './model.js';
import { nodeParts } from './source-node.js';
import { Tokenizer as Words } from './tokenizer.js';
import { breathe, defaultThreads, openNodeEngine } from './wasm-node.js';

export * from './index.js';
export { openNodeEngine as openEngine } from './wasm-node.js';

/**
 * @typedef {import('./model.js').OpenOptions & { variant?: string, threads?: 'auto' | number }} LoadOptions
 *   variant: auto, simd, relaxed, relaxed16; threads: a number, or auto: as many as are fastest in a short measurement; changes
 *   speed, never a result [auto]
 */

export class Model extends Core {
  /**
   * @param {string} file a .gguf file, or the first part of a split one
   * @param {LoadOptions} [options]
   */
  static async load(file, options = {}) {
    checkNames(options, [...OPEN_NAMES, 'variant', 'threads'], 'Model.load');
    const { variant, threads = defaultThreads, ...rest } = options;
    const parts = await nodeParts(file);
    return Core.open(await openNodeEngine(variant, threads), parts, breathe, rest);
  }
}

export class Tokenizer extends Words {
  /**
   * Only the vocabulary of a file: reads its header and no weights.
   * @param {string} file
   */
  static async load(file) {
    const parts = await nodeParts(file);
    const engine = await openNodeEngine('simd');
    return new Words(engine, await new GgufFile(engine, parts).openHeader({}));
  }
}
