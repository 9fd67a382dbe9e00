/** A chat: messages in, pieces of text out, in memory that never grows. Only what is new is read; history is never read
 *  again, it is what the session remembers. An answer that was cut off can go on: all that it needs is in `pending`. */
import { PalError, checkNames } from './errors.js';
import { Events } from './events.js';
import { MEMORY_NAMES, count } from './limits.js';
import { begin, mannerOf, merged, restOf } from './pending.js';
import { samplingOf } from './sampling.js';
import { chatOf, piecesOf } from './keep.js';
import { HEAD_BYTES, jsonRoom } from './saved.js';
import { Session } from './session.js';
import { Shown } from './stops.js';
import { templateFor } from './template.js';
import { TokenLog, logCapacity } from './tokenlog.js';
import { Transcript } from './transcript.js';
import { Turns } from './turns.js';
import { Watchers } from './watch.js';

/**
 * @typedef {import('./model.js').Model} Model
 * @typedef {import('./template.js').Message} Message
 * @typedef {import('./pending.js').SendOptions} SendOptions
 * @typedef {import('./pending.js').Pending} Pending
 * @typedef {import('./session.js').Reason} Reason
 * @typedef {import('./turns.js').Turn} Turn
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
 * @property {boolean} [undo] reserves a second block of the state's size, for regenerate()
 *
 * @typedef {{ held: number, capacity: number, seen: number, evicted: number, bytes: number }} Memory
 * @typedef {{ evicted: number, seen: number, held: number }} Evicted evicted: in all
 * @typedef {{ session: Session, transcript: Transcript, given?: readonly Message[], log?: TokenLog }} Parts of another chat
 */

const CHAT_NAMES = ['system', 'messages', 'memory', 'chunk', 'seed', 'template', 'variables', 'undo'];
const RESTORE_NAMES = ['template', 'variables', 'undo'];

export class Chat {
  /**
   * @param {Model} model
   * @param {ChatOptions} [options]
   * @param {Parts} [parts] to continue, instead of new ones
   */
  constructor(model, options = {}, parts) {
    checkNames(options, CHAT_NAMES, 'chat');
    const { pin = 'system', ...memory } = options.memory ?? {};
    checkNames(options.memory, [...MEMORY_NAMES, 'pin'], 'memory');
    if (pin !== 'system' && pin !== 'none') count("memory.pin ('system', 'none' or a number of tokens)", pin, 0);
    this.model = model;
    this.kept = { template: options.template, variables: options.variables, undo: options.undo };
    this.pin = pin;
    this.template = templateFor({ tokenizer: model.words, source: options.template ?? model.chatTemplate, variables: options.variables });
    const given = [...(options.messages ?? [])];
    /** @type {Message[]} none or one */
    this.system = given[0]?.role === 'system' ? given.splice(0, 1) : [];
    if (options.system !== undefined) {
      if (this.system.length) throw new TypeError('chat: give the system message in `system` or in `messages`, not in both');
      this.system = [{ role: 'system', content: options.system }];
    }
    this.turns = new Turns(model.words, this.template, this.system, pin);
    this.transcript = parts?.transcript ?? new Transcript(given);
    /** Messages that the first turn begins with; undefined once it has been read. @type {readonly Message[] | undefined} */
    this.given = parts ? parts.given : given;
    /** The turn that is not finished. @type {Pending | undefined} */
    this.pending = undefined;
    /** How the last answer was drawn. @type {import('./pending.js').Manner} */
    this.manner = {};
    this.busy = false;
    this.evicted = 0;
    if (!parts && !model.complete) throw new PalError('argument', 'this model was opened without its weights');
    this.session = parts?.session ?? new Session(model, { memory, chunk: options.chunk, seed: options.seed, undo: options.undo });
    this.log = this.newLog(parts?.log);
    this.watchers = new Watchers(this.session, this.log);
    /** @type {Events<{ evict: Evicted, memory: Memory }>} */
    this.events = new Events(['evict', 'memory']);
    this.room = jsonRoom(model.name, this.system);
  }

  /** @param {TokenLog} [log] to copy */
  newLog(log) {
    const { session } = this;
    const held = () => session.cacheLayers().reduce((sum, c) => sum + c.sets, 0) * session.limits.budget;
    const copy = new TokenLog(log?.capacity ?? logCapacity(held()), () => session.attention('mean').positions, this.model.spareLog);
    this.model.spareLog = undefined;
    if (log) copy.load(log.bytes, Infinity, Infinity);
    return copy;
  }

  /** What was said, without the system message: the newest 64 KiB of it. */
  get messages() {
    return this.transcript.list;
  }

  /** Messages that have left `messages`. */
  get forgotten() {
    return this.transcript.forgotten;
  }

  /** What is remembered; `bytes` and `capacity` are promises. @returns {Memory} */
  get memory() {
    const { seen, held, capacity, evicted, bytes } = this.session.stats;
    return { held, capacity, seen, evicted, bytes: bytes.state + bytes.undo };
  }

  get limits() {
    return this.session.limits;
  }

  get stats() {
    return this.session.stats;
  }

  /** The last answer was cut off; continue() goes on with it. */
  get unfinished() {
    return !this.busy && this.pending !== undefined;
  }

  /** Is there an answer that regenerate() can replace? */
  get canRegenerate() {
    return !this.busy && this.session.marked;
  }

  get parked() {
    return this.session.parked !== undefined;
  }

  /** Copies the state out and gives the wasm memory to the model's other chats; what it says and remembers can still be read and saved. */
  park() {
    this.idle('park');
    this.session.park();
  }

  unpark() {
    this.session.unpark();
    this.watchers.look();
  }

  /** @param {string} what */
  idle(what) {
    if (this.busy) throw new PalError('argument', `${what}: this chat is still answering; wait or abort first`);
  }

  /**
   * The ids of what is new.
   * @param {Message} message
   */
  turn(message) {
    return this.given ? this.turns.first([...this.given, message]) : this.turns.next(message);
  }

  /**
   * Says something and streams the answer. Aborting (or leaving the loop) keeps what was read and said so far; what was
   * aborted before anything of it was read was never said.
   * @param {string} content
   * @param {SendOptions} [options]
   * @returns {AsyncGenerator<string, Reason>}
   */
  async *send(content, options = {}) {
    const manner = mannerOf(options, 'send');
    if (typeof content !== 'string') throw new TypeError('send: the message must be a string');
    this.idle('send');
    options.signal?.throwIfAborted();
    const message = { role: 'user', content };
    const pending = begin(this.afterUnread(this.turn(message)), manner);
    this.readSome(pending);
    this.given = undefined;
    this.session.marked = false;
    this.transcript.say(message);
    this.transcript.say({ role: 'assistant', content: '' });
    return yield* this.answer(pending, options);
  }

  /**
   * Goes on with an answer that was cut off, as if it had not been. Options that are not given are those it had;
   * maxTokens: what was left of them, or all of them again.
   * @param {SendOptions} [options]
   * @returns {AsyncGenerator<string, Reason>}
   */
  async *continue(options = {}) {
    const manner = mannerOf(options, 'continue');
    this.idle('continue');
    if (!this.pending) throw new PalError('argument', 'there is no unfinished answer to continue');
    return yield* this.answer(merged(this.pending, manner), options);
  }

  /**
   * Another answer to the last message. Without a seed it is drawn with one that follows from the answer before.
   * @param {SendOptions} [options]
   * @returns {AsyncGenerator<string, Reason>}
   */
  async *regenerate(options = {}) {
    const manner = { ...this.manner, ...mannerOf(options, 'regenerate') };
    this.idle('regenerate');
    const { session } = this;
    if (!session.undo) throw new PalError('argument', 'regenerate needs a second block of memory; open the chat with undo: true');
    if (!session.marked) throw new PalError('argument', 'there is no answer to replace: send a message first, and let it be read');
    const seed = options.seed ?? BigInt(`0x${session.hash()}`);
    session.rewind();
    this.evicted = this.memory.evicted;
    this.transcript.restart();
    this.watchers.rewind();
    return yield* this.answer(begin({ ids: [], pinned: 0, runs: [] }, manner), { ...options, seed });
  }

  /** The pinned rest of a message that was not read to its end goes before what is said next. @param {Turn} turn @returns {Turn} */
  afterUnread(turn) {
    const unread = this.pending && restOf(this.pending);
    if (!unread?.pinned) return turn;
    const { pinned } = unread;
    const before = unread.runs.map((r) => ({ ...r, end: Math.min(r.end, pinned) }));
    return { ids: [...unread.ids.slice(0, pinned), ...turn.ids], pinned, runs: [...before, ...turn.runs.map((r) => ({ ...r, end: r.end + pinned }))] };
  }

  /** Reads a chunk of the message. @param {Pending} pending */
  readSome(pending) {
    const { ids, at, pinned, runs } = pending;
    const end = Math.min(at + this.limits.chunk, at < pinned ? pinned : ids.length);
    const { seen } = this.session;
    this.session.read(ids.slice(at, end), at < pinned);
    for (let i = at, r = 0; i < end; i++) {
      while (runs[r]?.end <= i) r++;
      this.log.add(seen + i - at, ids[i], runs[r]?.role ?? 'template');
    }
    pending.at = end;
  }

  /** Reads what is unread of the message. @param {Pending} pending @param {SendOptions} options */
  async readRest(pending, { signal, onprogress }) {
    for (;;) {
      onprogress?.({ read: pending.at, total: pending.ids.length });
      this.tell();
      if (pending.at === pending.ids.length) break;
      await this.session.pause();
      signal?.throwIfAborted();
      this.readSome(pending);
    }
    if (this.session.undo) this.session.mark();
    Object.assign(pending, { ids: [], at: 0, pinned: 0, runs: [] });
    this.watchers.look(true);
  }

  /**
   * Reads what is unread, then draws the answer. At each `yield` and `await` everything that a save needs is in place.
   * @param {Pending} pending
   * @param {SendOptions} options
   * @returns {AsyncGenerator<string, Reason>}
   */
  async *answer(pending, options) {
    const { session, transcript } = this;
    const { maxTokens: _, stop = [], ignoreEnd, ...rest } = pending.manner;
    this.pending = pending;
    this.manner = pending.manner;
    this.busy = true;
    try {
      if (options.seed !== undefined) session.reseed(options.seed);
      if (pending.ids.length) await this.readRest(pending, options);
      const sampling = samplingOf(rest);
      const shown = new Shown(this.model.words, [...stop, ...this.template.stops], pending.tail);
      while (pending.left > 0) {
        options.signal?.throwIfAborted();
        const { seen } = session;
        const id = session.step(sampling, ignoreEnd);
        const text = id === undefined ? shown.end() : shown.push(id);
        transcript.append(text);
        pending.left--;
        pending.tail = shown.tail;
        if (id === undefined || shown.stopped) this.pending = undefined;
        if (id !== undefined) this.log.add(seen, id, 'assistant');
        this.tell();
        if (text !== '') yield text;
        if (id === undefined) return 'end';
        if (shown.stopped) return 'stop';
        await session.pause();
      }
      return 'length';
    } finally {
      this.busy = false;
      this.watchers.look(true);
    }
  }

  /** After each chunk and token: tells those who listen. */
  tell() {
    const { events } = this;
    if (events.has('evict') || events.has('memory')) {
      const { memory } = this;
      const { evicted, seen, held } = memory;
      if (evicted > this.evicted) events.emit('evict', { evicted, seen, held });
      this.evicted = evicted;
      events.emit('memory', memory);
    }
    this.watchers.look();
  }

  /**
   * 'evict': tokens left the memory. 'memory': a chunk or token was read.
   * @template {'evict' | 'memory'} N
   * @param {N} name
   * @param {(value: { evict: Evicted, memory: Memory }[N]) => void} fn
   * @returns {() => void} ends it
   */
  on(name, fn) {
    const end = this.events.on(name, fn);
    this.evicted = this.memory.evicted;
    return end;
  }

  /**
   * Pictures of what is remembered, now and while it changes.
   * @param {(snapshot: import('./watch.js').Snapshot) => void} fn
   * @param {import('./watch.js').WatchOptions} [options]
   * @returns {() => void} ends it
   */
  watch(fn, options) {
    return this.watchers.add(fn, options);
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

  /** Size of a save, from the first to the last. */
  get savedBytes() {
    return HEAD_BYTES + this.room + 8 * this.log.capacity + this.session.cost.state;
  }

  /**
   * A save in two pieces; see saved.js. The second one is the state where it lies in wasm memory: write it before the
   * next call. While it answers, too: what is restored then is unfinished.
   * @returns {[head: Uint8Array, state: Uint8Array]}
   */
  pieces() {
    return piecesOf(this);
  }

  /** State and transcript as one block of `savedBytes`. */
  save() {
    const [head, state] = this.pieces();
    const blob = new Uint8Array(head.length + state.length);
    blob.set(head);
    blob.set(state, head.length);
    return blob;
  }

  /**
   * @param {Model} model
   * @param {Uint8Array} blob
   * @param {Pick<ChatOptions, 'template' | 'variables' | 'undo'>} [options] template and variables as before; the rest comes from the block
   */
  static restore(model, blob, options = {}) {
    checkNames(options, RESTORE_NAMES, 'restore');
    return chatOf(model, blob, options);
  }

  /** A second chat that continues from here on its own; of a parked one it is parked too. */
  fork() {
    const parts = { session: this.session.fork(), transcript: new Transcript(this.messages, this.forgotten), given: this.given, log: this.log };
    const chat = new Chat(this.model, { ...this.kept, messages: [...this.system], memory: { pin: this.pin } }, parts);
    chat.pending = structuredClone(this.pending);
    chat.manner = this.manner;
    return chat;
  }

  /** Gives the memory back. */
  close() {
    if (this.session.closed) return;
    this.session.close();
    this.model.spareLog = this.log.words;
  }
}
