/** A chat in a page: a handle to the one in the model's worker. It can be used at once; `ready` tells when it is open. */
import { PalError, checkNames } from '../errors.js';
import { Events } from '../events.js';
import { Transcript } from '../transcript.js';

/**
 * @typedef {import('./model.js').Model} Model
 * @typedef {import('../template.js').Message} Message
 * @typedef {import('../session.js').Reason} Reason
 * @typedef {import('../chat.js').SendOptions} SendOptions
 * @typedef {import('../watch.js').Snapshot} Snapshot
 * @typedef {import('../worker/protocol.js').Opened} Opened
 *
 * @typedef {import('../chat.js').ChatOptions & { name?: string }} ChatOptions
 *   name: saved under this name, at each turn's end and every few seconds while it answers
 * @typedef {Pick<import('../chat.js').ChatOptions, 'template' | 'variables' | 'undo'>} RestoreOptions
 * @typedef {'evict' | 'memory' | 'saved' | 'error'} ChatEvent
 */

const EVENTS = ['evict', 'memory', 'saved', 'error'];

export class Chat {
  /**
   * @param {Model} model
   * @param {number} number
   */
  constructor(model, number) {
    this.model = model;
    this.number = number;
    this.events = new Events(EVENTS);
    /** The options, for another life after revive(). @type {ChatOptions} */
    this.options = {};
    /** @type {string | undefined} */
    this.name = undefined;
    this.transcript = new Transcript([]);
    /** The system message: none or one. @type {Message[]} */
    this.system = [];
    this.memory = { held: 0, capacity: 0, seen: 0, evicted: 0, bytes: 0 };
    /** @type {import('../limits.js').Limits | undefined} */
    this.limits = undefined;
    /** @type {import('../chat.js').Chat['stats'] | undefined} */
    this.stats = undefined;
    this.savedBytes = 0;
    /** An answer was cut off: continue() goes on with it. */
    this.unfinished = false;
    /** There is an answer that regenerate() can replace. */
    this.canRegenerate = false;
    this.busy = false;
    /** @type {Map<number, { listener: (s: Snapshot) => void, options: object }>} */
    this.watches = new Map();
    this.watchNumbers = 0;
    this.closing = new AbortController();
    /** @type {Promise<Chat>} */
    this.ready = Promise.resolve(this);
  }

  /** @param {string} op @param {object} args */
  opens(op, args) {
    this.ready = this.model.link.call(`chat.${op}`, { chat: this.number, ...args }).then((/** @type {Opened | undefined} */ opened) => {
      if (!opened) throw new PalError('absent', `there is no saved chat '${this.name}'`);
      this.limits = opened.limits;
      this.savedBytes = opened.savedBytes;
      this.system = opened.system;
      this.take(opened.messages, opened.status);
      return this;
    });
    this.ready.catch(() => {}); // told by whatever needs the chat
  }

  /** @param {ChatOptions} options */
  open(options) {
    const { name, ...rest } = options;
    if (name !== undefined && (typeof name !== 'string' || name === '')) throw new TypeError('chat: name must be a string that is not empty');
    this.options = options;
    this.name = name;
    this.opens('open', { name, options: rest });
  }

  /** @param {Uint8Array} blob @param {RestoreOptions} options */
  restore(blob, options) {
    this.options = options;
    this.opens('restore', { blob, options });
  }

  /** @param {string} name @param {RestoreOptions} options */
  load(name, options) {
    this.options = options;
    this.name = name;
    this.opens('load', { name, options });
  }

  /** After the worker was lost. */
  async again() {
    const { template, variables, undo } = this.options;
    if (this.name !== undefined) {
      this.load(this.name, { template, variables, undo });
      if (await this.ready.then(() => true, () => false)) return this.rewatch();
    }
    const { system, name, messages, ...rest } = this.options;
    const whole = this.messages.at(-1)?.role === 'assistant' && this.messages.at(-1)?.content === '' ? this.messages.slice(0, -2) : this.messages;
    this.opens('open', { name, options: { ...rest, ...(system === undefined ? {} : { system }), messages: whole } });
    await this.ready;
    return this.rewatch();
  }

  rewatch() {
    for (const [watch, { options }] of this.watches) this.model.link.call('chat.watch', { chat: this.number, watch, options }).catch(() => {});
  }

  /** Everything said, without the system message; the oldest leave when they are more than 64 KiB. */
  get messages() {
    return this.transcript.list;
  }

  /** Messages that are no longer in `messages`. */
  get forgotten() {
    return this.transcript.forgotten;
  }

  /** @param {Message[]} messages @param {import('../worker/protocol.js').Status} status */
  take(messages, status) {
    this.transcript = new Transcript(messages);
    this.transcript.forgotten = status.forgotten;
    this.show(status);
  }

  /** @param {import('../worker/protocol.js').Status} status */
  show(status) {
    this.memory = status.memory;
    this.stats = status.stats;
    this.unfinished = status.unfinished;
    this.canRegenerate = status.canRegenerate;
    this.model.wasm = status.stats.bytes.wasm;
  }

  /** @param {Chat['memory']} memory after something was read */
  remembers(memory) {
    const left = memory.evicted > this.memory.evicted;
    this.memory = memory;
    this.events.emit('memory', memory);
    if (left) this.events.emit('evict', { evicted: memory.evicted, seen: memory.seen, held: memory.held });
  }

  /** What the worker tells. @param {import('../worker/protocol.js').ChatEvent} message */
  hear({ type, event, status }) {
    if (status) this.show(status);
    if (type === 'view') return this.watches.get(event.watch)?.listener(event.snapshot);
    if (type !== 'status') this.events.emit(type, event);
    return undefined;
  }

  /**
   * evict: { evicted, seen, held }; memory: chat.memory; saved: { name, bytes }; error: { code, message } of a save.
   * @param {ChatEvent} type
   * @param {(event: any) => void} listener
   * @returns {() => void} ends it
   */
  on(type, listener) {
    return this.events.on(type, listener);
  }

  /**
   * Says something and streams the answer. Aborting (or leaving the loop) keeps what was read and said so far.
   * @param {string} content
   * @param {SendOptions} [options]
   * @returns {AsyncGenerator<string, Reason>}
   */
  send(content, options) {
    if (typeof content !== 'string') throw new TypeError('send: the message must be a string');
    return this.answer('send', options, content);
  }

  /** Goes on with an answer that was cut off. @param {SendOptions} [options] */
  continue(options) {
    return this.answer('continue', options);
  }

  /** Another answer to the last message; needs the option `undo`. @param {SendOptions} [options] */
  regenerate(options) {
    return this.answer('regenerate', options);
  }

  /**
   * @param {'send' | 'continue' | 'regenerate'} what
   * @param {SendOptions} [options]
   * @param {string} [content]
   * @returns {AsyncGenerator<string, Reason>}
   */
  async *answer(what, options = {}, content) {
    const { signal, onprogress, ...rest } = options;
    if (this.busy) throw new PalError('argument', 'this chat is still answering; wait or abort first');
    this.busy = true;
    const closing = new AbortController();
    const stop = (/** @type {AbortSignal} */ s) => () => closing.abort(s.reason);
    const stops = [this.closing.signal, ...(signal ? [signal] : [])].map((s) => /** @type {const} */ ([s, stop(s)]));
    for (const [s, f] of stops) s.aborted ? f() : s.addEventListener('abort', f, { once: true });
    const pieces = this.model.link.stream('chat.answer', { chat: this.number, what, content, options: rest }, closing.signal);
    try {
      await this.ready;
      closing.signal.throwIfAborted();
      this.begin(what, content);
      for (;;) {
        const { value, done } = await pieces.next();
        if (done) {
          this.take(value.messages, value.status);
          return value.reason;
        }
        this.remembers(value.memory);
        if (value.progress) onprogress?.(value.progress);
        else {
          this.transcript.append(value.text);
          yield value.text;
        }
      }
    } finally {
      await pieces.return(undefined); // where the loop was left: the worker stops
      this.busy = false;
      for (const [s, f] of stops) s.removeEventListener('abort', f);
    }
  }

  /** The transcript while the answer streams; at its end the worker's own takes its place. @param {string} what @param {string} [content] */
  begin(what, content) {
    if (what === 'regenerate' && this.canRegenerate) this.transcript.restart();
    if (what !== 'send') return;
    this.transcript.say({ role: 'user', content: content ?? '' });
    this.transcript.say({ role: 'assistant', content: '' });
  }

  /** The whole answer at once. @param {string} content @param {SendOptions} [options] */
  async ask(content, options) {
    let text = '';
    for await (const piece of this.send(content, options)) text += piece;
    return text;
  }

  /** State and transcript as one block of constant size. @returns {Promise<Uint8Array>} */
  save() {
    return this.model.link.call('chat.save', { chat: this.number });
  }

  /** A second chat that continues from here on its own. */
  fork() {
    const { template, variables, undo } = this.options;
    return this.model.add((copy) => {
      copy.options = { template, variables, undo };
      copy.opens('fork', { from: this.number });
    });
  }

  /**
   * Shows what is remembered, while it changes.
   * @param {(snapshot: Snapshot) => void} listener
   * @param {{ layer?: 'mean' | number, everyMs?: number }} [options]
   * @returns {() => void} ends it
   */
  watch(listener, options = {}) {
    checkNames(options, ['layer', 'everyMs'], 'watch');
    const watch = ++this.watchNumbers;
    this.watches.set(watch, { listener, options });
    const { number, model } = this;
    model.link.call('chat.watch', { chat: number, watch, options }).catch((e) => this.events.emit('error', { code: e.code, message: e.message }));
    return () => {
      this.watches.delete(watch);
      model.link.call('chat.unwatch', { chat: number, watch }).catch(() => {});
    };
  }

  /** Ends the answer, if there is one, and gives the memory back. */
  async close() {
    this.closing.abort(new PalError('argument', 'this chat is closed'));
    this.model.chats.delete(this.number);
    await this.model.link.call('chat.close', { chat: this.number }).catch(() => {});
  }
}
