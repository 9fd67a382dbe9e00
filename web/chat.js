/** A chat: messages in, pieces of text out, in memory that never grows. Only what is new is read; history is never read
 *  again, it is what the session remembers. */
import { PalError, checkNames } from './errors.js';
import { GENERATE_NAMES, Session } from './session.js';
import { MEMORY_NAMES, count } from './limits.js';
import { pinnedCount, turnIds } from './turns.js';
import { templateFor } from './template.js';
import { pack, unpack } from './saved.js';

/**
 * @typedef {import('./model.js').Model} Model
 * @typedef {import('./template.js').Message} Message
 *
 * @typedef {object} ChatOptions
 * @property {string} [system] system message; where a template has none it goes in front of the first message
 * @property {readonly Message[]} [messages] a conversation to continue; a system message may be the first
 * @property {import('./limits.js').MemoryOptions & { pin?: 'system' | 'none' | number }} [memory]
 *   pin: what never leaves: begin token and system message, nothing, or the first n tokens ['system']
 * @property {number} [chunk]
 * @property {number | bigint} [seed]
 * @property {string} [template] Jinja, instead of the file's own
 * @property {Record<string, unknown>} [variables] for the template, e.g. { enable_thinking: false }
 *
 * @typedef {import('./session.js').GenerateOptions & { onprogress?: (p: { read: number, total: number }) => void }} SendOptions
 */

const CHAT_NAMES = ['system', 'messages', 'memory', 'chunk', 'seed', 'template', 'variables'];
const SEND_NAMES = [...GENERATE_NAMES, 'onprogress'];

export class Chat {
  /**
   * @param {Model} model
   * @param {ChatOptions} [options]
   * @param {Session} [session] to continue, instead of a new one
   */
  constructor(model, options = {}, session) {
    checkNames(options, CHAT_NAMES, 'chat');
    const { pin = 'system', ...memory } = options.memory ?? {};
    checkNames(options.memory, [...MEMORY_NAMES, 'pin'], 'memory');
    if (pin !== 'system' && pin !== 'none') count("memory.pin ('system', 'none' or a number of tokens)", pin, 0);
    this.model = model;
    this.options = options;
    this.pin = pin;
    this.template = templateFor({ tokenizer: model.words, source: options.template ?? model.chatTemplate, variables: options.variables });
    const given = [...(options.messages ?? [])];
    /** @type {Message[]} none or one */
    this.system = given[0]?.role === 'system' ? given.splice(0, 1) : [];
    if (options.system !== undefined) {
      if (this.system.length) throw new TypeError('chat: give the system message in `system` or in `messages`, not in both');
      this.system = [{ role: 'system', content: options.system }];
    }
    /** Everything said, without the system message. */
    this.messages = given;
    /** Messages that the session has read. */
    this.read = 0;
    this.busy = false;
    if (session) this.session = session;
    else {
      if (!model.complete) throw new PalError('argument', 'this model was opened without its weights');
      this.session = new Session(model, { memory, chunk: options.chunk, seed: options.seed });
    }
  }

  /** What is remembered; `bytes` and `capacity` are promises. */
  get memory() {
    const { seen, held, capacity, evicted, bytes } = this.session.stats;
    return { held, capacity, seen, evicted, bytes: bytes.state };
  }

  /**
   * Ids of what is new, and how many of them are pinned.
   * @param {Message} message
   */
  turn(message) {
    const { tokenizer } = this;
    if (this.read > 0) return { ids: turnIds(tokenizer, this.template.next(this.templateSystem(), message), false), pinned: 0 };
    const messages = [...this.templateSystem(), ...this.folded([...this.messages, message])];
    const ids = turnIds(tokenizer, this.template.first(messages), true);
    if (this.pin === 'none') return { ids, pinned: 0 };
    if (this.pin !== 'system') return { ids, pinned: Math.min(this.pin, ids.length) };
    return { ids, pinned: pinnedCount(tokenizer, ids, this.preamble()) };
  }

  get tokenizer() {
    return this.model.words;
  }

  /** The system message where the template takes one. */
  templateSystem() {
    return this.system.length && this.template.takesSystem ? this.system : [];
  }

  /** Messages with the system message in front of the first one, where the template takes none. @param {Message[]} messages */
  folded(messages) {
    if (!this.system.length || this.template.takesSystem) return messages;
    const [first, ...rest] = messages;
    return [{ ...first, content: `${this.system[0].content}\n\n${first.content}` }, ...rest];
  }

  preamble() {
    const taken = this.templateSystem();
    if (taken.length === this.system.length) return this.template.preamble(taken);
    const [start] = this.template.render([{ role: 'user', content: '\uE0F0' }], true).split('\uE0F0');
    return start + this.system[0].content;
  }

  /**
   * Says something and streams the answer. Aborting (or leaving the loop) keeps what was read and said so far.
   * @param {string} content
   * @param {SendOptions} [options]
   * @returns {AsyncGenerator<string, import('./session.js').Reason>}
   */
  async *send(content, options = {}) {
    checkNames(options, SEND_NAMES, 'send');
    if (typeof content !== 'string') throw new TypeError('send: the message must be a string');
    if (this.busy) throw new PalError('argument', 'this chat is still answering; wait or abort first');
    const { onprogress, stop = [], ...rest } = options;
    const message = { role: 'user', content };
    const { ids, pinned } = this.turn(message);
    const answer = { role: 'assistant', content: '' };
    this.busy = true;
    this.messages.push(message, answer);
    this.read = this.messages.length;
    try {
      const { signal } = options;
      await this.session.feed(ids.slice(0, pinned), { pinned: true, signal });
      await this.session.feed(ids.slice(pinned), { signal, onprogress });
      const pieces = this.session.generate({ ...rest, stop: [...stop, ...this.template.stops] });
      for (;;) {
        const { value, done } = await pieces.next();
        if (done) return value;
        answer.content += value.text;
        if (value.text !== '') yield value.text;
      }
    } finally {
      this.busy = false;
    }
  }

  /**
   * The whole answer at once.
   * @param {string} content
   * @param {SendOptions} [options]
   */
  async ask(content, options) {
    let text = '';
    for await (const piece of this.send(content, options)) text += piece;
    return text;
  }

  /** State and transcript as one block; see saved.js. */
  save() {
    if (this.busy) throw new PalError('argument', 'this chat is still answering; save it afterwards');
    const { words, seed } = this.session;
    return pack({ words: [...words], system: this.system, messages: this.messages, read: this.read, seed: String(seed) }, this.session.save());
  }

  /**
   * @param {Model} model
   * @param {Uint8Array} blob
   * @param {Omit<ChatOptions, 'system' | 'messages'>} [options] template and variables as before; memory comes from the block
   */
  static restore(model, blob, options = {}) {
    checkNames(options, ['template', 'variables'], 'restore');
    const { header, state } = unpack(blob);
    const session = new Session(model, { seed: BigInt(header.seed) }, header.words);
    try {
      session.restore(state);
    } catch (e) {
      session.close();
      throw e;
    }
    const chat = new Chat(model, { ...options, messages: [...header.system, ...header.messages] }, session);
    chat.read = header.read;
    return chat;
  }

  /** A second chat that continues from here on its own. */
  fork() {
    if (this.busy) throw new PalError('argument', 'this chat is still answering; fork it afterwards');
    const { system, seed, ...options } = this.options;
    const messages = [...this.system, ...this.messages].map((m) => ({ ...m }));
    const chat = new Chat(this.model, { ...options, messages }, this.session.fork());
    chat.read = this.read;
    return chat;
  }

  /** Gives the memory back. */
  close() {
    this.session.close();
  }
}
