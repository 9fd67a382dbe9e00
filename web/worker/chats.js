/** The chats of one model in its worker, by number. One sits in wasm memory at a time (seat.js). */
import { PalError } from '../errors.js';
import { Chat } from '../chat.js';
import { Seat } from './seat.js';
import { readSaves, writeSave } from './saves.js';

const SAVE_MS = 5000; // while a chat answers

/**
 * @typedef {import('./worker.js').Call} Call
 * @typedef {(message: any, transfer?: Transferable[]) => void} Post
 * @typedef {{ number: number, chat: Chat, name: string | undefined, savedAt: number, watches: Map<number, () => void> }} Entry
 */

export class Chats {
  /**
   * @param {import('../model.js').Model} model
   * @param {Post} post
   */
  constructor(model, post) {
    this.model = model;
    this.post = post;
    this.seat = new Seat();
    /** @type {Map<number, Promise<Entry>>} */
    this.entries = new Map();
  }

  /**
   * Makes a chat and gives it its number; calls that name it wait for it.
   * @param {number} number
   * @param {string | undefined} name
   * @param {AbortSignal} signal
   * @param {() => Chat | Promise<Chat>} make
   */
  async add(number, name, signal, make) {
    const entry = this.seat.turn(signal, async () => {
      this.seat.sit(undefined);
      const chat = await make();
      this.seat.sit(chat);
      return { number, chat, name, savedAt: performance.now(), watches: new Map() };
    });
    this.entries.set(number, entry);
    entry.catch(() => this.entries.delete(number));
    return this.describe(await entry);
  }

  /** @param {Entry} entry @returns {import('./protocol.js').Opened} */
  describe({ chat }) {
    return { limits: chat.limits, system: chat.system, savedBytes: chat.savedBytes, messages: chat.messages, status: this.status(chat) };
  }

  /** @param {Chat} chat @returns {import('./protocol.js').Status} */
  status(chat) {
    return { memory: chat.memory, stats: chat.stats, unfinished: chat.unfinished, forgotten: chat.forgotten, canRegenerate: chat.canRegenerate };
  }

  /** @param {number} number */
  entry(number) {
    const entry = this.entries.get(number);
    if (!entry) throw new PalError('argument', 'this chat is closed');
    return entry;
  }

  /**
   * Runs `work` on a chat, in its turn, with its state in wasm memory.
   * @template T
   * @param {number} number
   * @param {AbortSignal} signal
   * @param {(entry: Entry) => T | Promise<T>} work
   */
  async with(number, signal, work) {
    const entry = await this.entry(number);
    return this.seat.turn(signal, async () => {
      this.seat.sit(entry.chat);
      return work(entry);
    });
  }

  /** @param {{ chat: number, options: any, name?: string }} args @param {Call} call */
  open({ chat, options, name }, { signal }) {
    return this.add(chat, name, signal, () => new Chat(this.model, options));
  }

  /** @param {{ chat: number, blob: Uint8Array, options: any }} args @param {Call} call */
  restore({ chat, blob, options }, { signal }) {
    return this.add(chat, undefined, signal, () => Chat.restore(this.model, blob, options));
  }

  /** The newest save of a name that this model can take; undefined: none. @param {{ chat: number, name: string, options: any }} args @param {Call} call */
  async load({ chat, name, options }, { signal }) {
    const blocks = await readSaves(name);
    if (!blocks.length) return undefined;
    return this.add(chat, name, signal, () => this.newest(blocks, options));
  }

  /** @param {Uint8Array[]} blocks @param {any} options */
  newest(blocks, options) {
    let first;
    for (const block of blocks) {
      try {
        return Chat.restore(this.model, block, options);
      } catch (e) {
        first ??= e;
      }
    }
    throw first;
  }

  /** @param {{ chat: number, from: number }} args @param {Call} call */
  async fork({ chat, from }, { signal }) {
    const original = await this.entry(from);
    const copy = await this.seat.turn(signal, async () => {
      this.seat.sit(undefined); // a copy of a parked chat takes no wasm memory
      return original.chat.fork();
    });
    return this.add(chat, undefined, signal, () => copy);
  }

  /**
   * Streams an answer: what: 'send' | 'continue' | 'regenerate'. Events: pieces with the memory after them.
   * @param {{ chat: number, what: 'send' | 'continue' | 'regenerate', content?: string, options: any }} args
   * @param {Call} call
   */
  answer({ chat: number, what, content, options }, { signal, tell, emit }) {
    return this.with(number, signal, async (entry) => {
      const { chat } = entry;
      const all = { ...options, signal, onprogress: (/** @type {any} */ progress) => tell({ progress, memory: chat.memory }) };
      const pieces = what === 'send' ? chat.send(/** @type {string} */ (content), all) : chat[what](all);
      try {
        for (;;) {
          const { value, done } = await pieces.next();
          if (done) return { reason: value, messages: chat.messages, status: this.status(chat) };
          await emit({ text: value, memory: chat.memory });
          if (performance.now() - entry.savedAt > SAVE_MS) await this.keep(entry);
        }
      } finally {
        await pieces.return?.(/** @type {any} */ (undefined));
        await this.keep(entry);
        this.post({ chat: number, type: 'status', event: undefined, status: this.status(chat) });
      }
    });
  }

  /** Saves a chat that has a name. A failure does not end the answer: it is told as an event. @param {Entry} entry */
  async keep(entry) {
    const { number, chat, name } = entry;
    if (name === undefined) return;
    entry.savedAt = performance.now();
    try {
      const bytes = await writeSave(name, () => chat.pieces());
      this.post({ chat: number, type: 'saved', event: { name, bytes } });
    } catch (e) {
      this.post({ chat: number, type: 'error', event: { message: e instanceof Error ? e.message : String(e), code: e instanceof PalError ? e.code : 'quota' } });
    }
  }

  /** At any time, in the middle of an answer too. @param {{ chat: number }} args */
  async save({ chat }) {
    return (await this.entry(chat)).chat.save();
  }

  /** @param {{ chat: number, watch: number, options: any }} args */
  async watch({ chat: number, watch, options }) {
    const entry = await this.entry(number);
    const stop = entry.chat.watch((snapshot) => {
      const { positions, attention, share, state } = snapshot;
      this.post({ chat: number, type: 'view', event: { watch, snapshot } }, [positions.buffer, attention.buffer, share.buffer, ...(state ? [state.change.buffer] : [])]);
    }, options);
    entry.watches.set(watch, stop);
  }

  /** @param {{ chat: number, watch: number }} args */
  async unwatch({ chat, watch }) {
    const entry = await this.entries.get(chat);
    entry?.watches.get(watch)?.();
    entry?.watches.delete(watch);
  }

  /** @param {{ chat: number }} args @param {Call} call */
  async close({ chat: number }, { signal }) {
    if (!this.entries.has(number)) return;
    const entry = await this.entries.get(number);
    await this.seat.turn(signal, async () => {
      for (const stop of entry?.watches.values() ?? []) stop();
      if (this.seat.sitting === entry?.chat) this.seat.sitting = undefined;
      entry?.chat.close();
    });
    this.entries.delete(number);
  }
}
