/** Palimpsest, without an environment: give it an engine and the parts of a model. Node: node.js. */
export { Engine } from './engine.js';
export { openEngine, VARIANTS } from './variants.js';
export { Model } from './model.js';
export { Session } from './session.js';
export { Chat } from './chat.js';
export { Tokenizer } from './tokenizer.js';
export { Gguf } from './gguf.js';
export { GgufFile } from './file.js';
export { ChatTemplate } from './template.js';
export { PalError } from './errors.js';
