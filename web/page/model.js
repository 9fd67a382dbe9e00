/** A model in a page: a handle to the one in its worker. */
import { PalError, checkNames } from '../errors.js';
import { Chat } from './chat.js';
import { Events } from '../events.js';
import { Link } from './link.js';

/**
 * @typedef {string | URL | Blob} Place a URL, or a file that the user gave
 *
 * @typedef {object} LoadOptions
 * @property {AbortSignal} [signal]
 * @property {(progress: { loaded: number, total: number, from: 'network' | 'cache' | 'file' }) => void} [onprogress] in bytes
 * @property {string | readonly string[]} [sha256] hexadecimal; of a split model one for each part
 * @property {boolean | 'refresh' | 'only'} [cache] true: a complete copy in the browser is used without asking the network,
 *   else it is downloaded and kept; 'refresh': the server is asked whether it changed; 'only': never the network; false: nothing is kept [true]
 * @property {string} [variant] 'auto', 'simd', 'relaxed', 'relaxed16' ['auto']
 * @property {'auto' | number} [threads] more than one needs a cross-origin isolated page; changes speed, never a result ['auto': as many as are fastest]
 *
 * @typedef {{ layer: number, block: number, kind: string }} StateLayer a layer that remembers (attention: keys and values), and its number N in blk.N
 * @typedef {'lost'} ModelEvent
 */

const LOAD_NAMES = ['signal', 'onprogress', 'sha256', 'cache', 'variant', 'threads'];
const EVENTS = ['lost'];

/** URLs as the page sees them: the worker has another base. @param {Place} place */
const absolute = (place) => (place instanceof Blob ? place : new URL(place, document.baseURI).href);

export class Model {
  /**
   * @param {Place | readonly Place[]} source the URL of a .gguf file, a file, or all parts of a split model (of a URL that
   *   ends in -00001-of-0000N.gguf the other parts are found by name)
   * @param {LoadOptions} [options]
   */
  static async load(source, options = {}) {
    checkNames(options, LOAD_NAMES, 'Model.load');
    const { signal, onprogress, ...rest } = options;
    const list = (Array.isArray(source) ? source : [source]).map(absolute);
    const model = new Model(list, rest);
    await model.start({ signal, onprogress });
    return model;
  }

  /**
   * @param {(string | Blob)[]} source
   * @param {Omit<LoadOptions, 'signal' | 'onprogress'>} options
   */
  constructor(source, options) {
    this.source = source;
    this.options = options;
    this.events = new Events(EVENTS);
    /** @type {Map<number, Chat>} */
    this.chats = new Map();
    this.numbers = 0;
    /** @type {Link} */
    this.link = this.connect();
    this.wasm = 0;
    this.name = '';
    this.architecture = '';
    this.vocabularySize = 0;
    this.contextTrained = 0;
    this.blockCount = 0;
    this.layerCount = 0;
    this.weightBytes = 0;
    this.variant = '';
    this.threads = 1;
    this.bits = '';
    /** What the user should know: why a faster build was not taken, why nothing could be kept, or ''. */
    this.note = '';
    /** @type {string | undefined} */
    this.chatTemplate = undefined;
    /** @type {StateLayer[]} */
    this.stateLayers = [];
  }

  connect() {
    return new Link(
      (event) => this.chats.get(event.chat)?.hear(event),
      (error) => this.events.emit('lost', { message: error.message }),
    );
  }

  /** @param {Pick<LoadOptions, 'signal' | 'onprogress'>} options */
  async start({ signal, onprogress }) {
    try {
      const about = await this.link.call('load', { source: this.source, ...this.options }, { signal, onevent: (event) => onprogress?.(event) });
      Object.assign(this, about);
    } catch (e) {
      this.link.close();
      throw e;
    }
  }

  /** Bytes of the weights and of the whole wasm memory. */
  get memory() {
    return { weights: this.weightBytes, wasm: this.wasm };
  }

  /**
   * 'lost': the worker is gone; revive() loads the model again.
   * @param {ModelEvent} type
   * @param {(event: any) => void} listener
   */
  on(type, listener) {
    return this.events.on(type, listener);
  }

  /** @param {string} text @param {import('../tokenizer.js').EncodeOptions} [options] @returns {Promise<number[]>} */
  encode(text, options) {
    return this.link.call('encode', { text, options });
  }

  /** @param {readonly number[]} ids @param {{ special?: boolean }} [options] @returns {Promise<string>} */
  decode(ids, options) {
    return this.link.call('decode', { ids, options });
  }

  /** @param {string} text @param {import('../tokenizer.js').EncodeOptions} [options] @returns {Promise<number>} */
  count(text, options) {
    return this.link.call('count', { text, options });
  }

  /**
   * What a chat with this memory would cost, in bytes; perToken: what each further token costs a cache without bound.
   * @param {import('../limits.js').MemoryOptions} [memory]
   * @param {number} [chunk]
   * @returns {Promise<{ state: number, scratch: number, perToken: number, limits: import('../limits.js').Limits }>}
   */
  cost(memory, chunk) {
    return this.link.call('cost', { memory, chunk });
  }

  /** @param {import('./chat.js').ChatOptions} [options] */
  chat(options = {}) {
    return this.add((chat) => chat.open(options));
  }

  /**
   * A chat from a block that `save()` gave.
   * @param {Uint8Array} blob
   * @param {import('./chat.js').RestoreOptions} [options]
   * @returns {Promise<Chat>}
   */
  async restore(blob, options = {}) {
    return this.add((chat) => chat.restore(blob, options)).ready;
  }

  /**
   * The chat that was saved under this name; undefined when there is none.
   * @param {string} name
   * @param {import('./chat.js').RestoreOptions} [options]
   * @returns {Promise<Chat | undefined>}
   */
  async open(name, options = {}) {
    const chat = this.add((c) => c.load(name, options));
    try {
      return await chat.ready;
    } catch (e) {
      this.chats.delete(chat.number);
      if (e instanceof PalError && e.code === 'absent') return undefined;
      throw e;
    }
  }

  /** @param {(chat: Chat) => void} begin */
  add(begin) {
    const chat = new Chat(this, ++this.numbers);
    this.chats.set(chat.number, chat);
    begin(chat);
    return chat;
  }

  /**
   * After the worker was lost: loads the model again (from the browser's copy) and opens its chats again: those with a name
   * where they were saved, the others by reading their messages.
   * @param {Pick<LoadOptions, 'signal' | 'onprogress'>} [options]
   */
  async revive(options = {}) {
    checkNames(options, ['signal', 'onprogress'], 'revive');
    this.link.close();
    this.link = this.connect();
    await this.start(options);
    await Promise.all([...this.chats.values()].map((chat) => chat.again()));
  }

  /** Ends the worker and frees everything. */
  close() {
    this.link.close();
    this.chats.clear();
  }
}
