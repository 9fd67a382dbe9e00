/** An open model: its file in wasm memory, its directory, vocabulary and list of layers. */
import { PalError, checkNames } from './errors.js';
import { GgufFile } from './file.js';
import { Tokenizer } from './tokenizer.js';
import { Session } from './session.js';
import { Chat } from './chat.js';
import { costOf, describeLimits, resolveLimits } from './limits.js';

/**
 * @typedef {import('./engine.js').Engine} Engine
 * @typedef {import('./gguf.js').Gguf} Gguf
 * @typedef {import('./file.js').Part} Part
 * @typedef {import('./session.js').SessionOptions} SessionOptions
 *
 * @typedef {object} OpenOptions
 * @property {AbortSignal} [signal]
 * @property {(progress: { loaded: number, total: number }) => void} [onprogress]
 * @property {boolean} [weights] false: only look at the header; sessions are refused [true]
 *
 * @typedef {() => Promise<void>} Breathe lets the event loop run
 */

export const OPEN_NAMES = ['signal', 'onprogress', 'weights'];

export class Model {
  /**
   * @param {Engine} engine
   * @param {Gguf} gguf
   * @param {number} at
   * @param {Breathe} breathe
   */
  constructor(engine, gguf, at, breathe) {
    this.engine = engine;
    this.gguf = gguf;
    this.at = at;
    this.breathe = breathe;
    engine.c.model_describe(at, engine.out);
    const w = Array.from({ length: 9 }, (_, i) => engine.word(i));
    this.architecture = engine.string(w[0], w[1]);
    this.vocabularySize = w[2];
    this.width = w[3];
    this.blockCount = w[4];
    this.layerCount = w[5];
    this.contextTrained = w[6];
    this.weightBytes = w[7];
    /** false: positions are learned; only `positions: 'original'` is possible. */
    this.cachePositions = w[8] !== 0;
    this.complete = false;
    /** The token log of a closed chat, for the next one: chats that come and go leave nothing to collect. @type {Uint32Array | undefined} */
    this.spareLog = undefined;
    /** null: the file has no vocabulary; feed ids. @type {Tokenizer | null} */
    this.tokenizer = Tokenizer.present(gguf) ? new Tokenizer(engine, gguf) : null;
  }

  /**
   * Opens the files of one model in this engine. Everything that can be wrong with the header is said before the
   * weights are read.
   * @param {Engine} engine
   * @param {Part[]} parts
   * @param {Breathe} breathe
   * @param {OpenOptions} [options]
   */
  static async open(engine, parts, breathe, options = {}) {
    checkNames(options, OPEN_NAMES, 'Model');
    const file = new GgufFile(engine, parts);
    const gguf = await file.openHeader(options);
    const bytes = engine.check(engine.c.model_bytes(gguf.at));
    const region = engine.take(bytes, 'the list of layers');
    engine.check(engine.c.model_open(region.at, bytes, gguf.at));
    const model = new Model(engine, gguf, region.at, breathe);
    if (options.weights !== false) {
      const weave = (/** @type {number} */ i, /** @type {number} */ have) => engine.check(engine.c.model_weave(region.at, i, have));
      file.have.forEach((have, i) => weave(i, have));
      file.onpiece = weave; // as they arrive, the matrices take the order that the products want
      await file.readRest(options);
      model.complete = true;
    }
    return model;
  }

  get name() {
    return this.gguf.text('general.name') ?? this.architecture;
  }

  /** The Jinja template of the file, or undefined. */
  get chatTemplate() {
    return this.gguf.text('tokenizer.chat_template');
  }

  /** The tokenizer, or the reason why there is none. */
  get words() {
    if (!this.tokenizer) throw new PalError('unsupported', 'this file has no vocabulary (tokenizer.ggml.model is "none" or absent); work with token ids');
    return this.tokenizer;
  }

  /** @param {string} text @param {import('./tokenizer.js').EncodeOptions} [options] */
  encode(text, options) {
    return this.words.encode(text, options);
  }

  /** @param {readonly number[]} ids @param {{ special?: boolean }} [options] */
  decode(ids, options) {
    return this.words.decode(ids, options);
  }

  /** @param {string} text @param {import('./tokenizer.js').EncodeOptions} [options] */
  count(text, options) {
    return this.words.count(text, options);
  }

  /** @param {SessionOptions} [options] */
  session(options) {
    if (!this.complete) throw new PalError('argument', 'this model was opened without its weights');
    return new Session(this, options);
  }

  /** @param {import('./chat.js').ChatOptions} [options] */
  chat(options) {
    return new Chat(this, options);
  }

  /**
   * A chat or session saved by `save()`; a session's block needs the options it was opened with.
   * @param {Uint8Array} blob
   * @param {Omit<import('./chat.js').ChatOptions, 'system' | 'messages'>} [options]
   */
  restore(blob, options) {
    return Chat.restore(this, blob, options);
  }

  /**
   * What a session would cost, in bytes.
   * @param {import('./limits.js').MemoryOptions} [memory]
   * @param {number} [chunk]
   */
  cost(memory, chunk) {
    const words = resolveLimits(this, memory, chunk);
    return { ...costOf(this, words), limits: describeLimits(this.engine, words), words };
  }

  /**
   * Layers in order: kind, block number, and bytes of state under these limits.
   * @param {readonly number[]} words resolved limits
   */
  layers(words) {
    const { engine } = this;
    const limitsAt = engine.out + 16; // the answer is written before it
    const list = [];
    for (let i = 0; i < this.layerCount; i++) {
      engine.putWords(limitsAt, words);
      const bytes = engine.c.layer_describe(this.at, i, limitsAt, engine.out);
      list.push({ kind: engine.cString(engine.word(0)), block: engine.word(1), bytes });
    }
    return list;
  }
}
