import path from 'node:path';
import { makeKind } from '../bench/kinds-models.js';
import { load, root } from '../node/kit.js';

/**
 * A random model of this kind (tests/bench/kinds-models.js) that speaks the embedded model's vocabulary.
 * @param {string} kind @param {string} folder @returns {Promise<string>} its file
 */
export async function randomModel(kind, folder) {
    const { gguf, vocabularySize } = await load(path.join(root, 'models/default.gguf'));
    const type = (v) => ({ string: 'string', boolean: 'bool', number: 'u32' })[typeof v];
    const words = [...gguf.keys.keys()].filter((key) => key.startsWith('tokenizer.')).map((key) => {
        const list = gguf.array(key);
        if (!list) return [key, type(gguf.value(key)), gguf.value(key)];
        return [key, typeof list[0] === 'string' ? 'string[]' : /scores/.test(key) ? 'f32[]' : 'i32[]', list];
    });
    const file = path.join(folder, `${kind.replaceAll(/\W+/g, '-')}.gguf`);
    makeKind(kind, file, vocabularySize, words);
    return file;
}
