/** One instance of the wasm module and its memory. Only numbers cross; records and text lie in regions of the memory
 *  that are reserved here, behind the module's own data. Memory grows in `take` and nowhere else. */
import { PalError, engineError } from './errors.js';
import { Pace } from './pace.js';
import { Team } from './team/team.js';

const PAGE = 65536;
const MAX_PAGES = 65536; // 4 GiB: the most a 32-bit module can address
const INITIAL_PAGES = 32;
const ALIGN = 64;

/** @typedef {{ at: number, bytes: number }} Region */
/** @typedef {Record<string, (...args: number[]) => number>} Exports */

const up = (/** @type {number} */ n) => Math.ceil(n / ALIGN) * ALIGN;
const mb = (/** @type {number} */ n) => `${(n / 1e6).toFixed(1)} MB`;

/** A shared memory reserves its maximum at once: where that is too much, less must do. */
function sharedMemory() {
  for (let maximum = MAX_PAGES; ; maximum >>= 1) {
    try {
      return new WebAssembly.Memory({ initial: INITIAL_PAGES, maximum, shared: true });
    } catch (e) {
      if (maximum <= MAX_PAGES >> 3) throw e;
    }
  }
}

export class Engine {
  /**
   * @param {WebAssembly.Module} module
   * @param {string} variant 'simd', 'relaxed', 'relaxed16'
   * @param {boolean} [shared] a build for threads, which wants a shared memory
   */
  constructor(module, variant, shared = false) {
    this.variant = variant;
    /** Why another variant or fewer threads were taken, or ''. */
    this.note = '';
    this.memory = shared ? sharedMemory() : new WebAssembly.Memory({ initial: INITIAL_PAGES, maximum: MAX_PAGES });
    const instance = new WebAssembly.Instance(module, { env: { memory: this.memory } });
    /** @type {Exports} */
    this.c = /** @type {any} */ (instance.exports);
    this.base = up(/** @type {any} */ (instance.exports).__heap_base.value >>> 0);
    this.top = this.base;
    /** @type {Region[]} free regions below `top`, by address */
    this.free = [];
    this.views = { u8: new Uint8Array(this.memory.buffer), u32: new Uint32Array(this.memory.buffer), f32: new Float32Array(this.memory.buffer) };
    this.out = this.take(64).at; // for records of up to 16 words
    /** The threads, in a build for them. @type {import('./team/team.js').Team | undefined} */
    this.team = shared ? new Team(this, module) : undefined;
    this.pace = new Pace(this.c);
  }

  /** How many threads work. */
  get threads() {
    return this.team?.threads ?? 1;
  }

  /** Ends the helper threads. */
  close() {
    this.team?.close();
  }

  /** Does this machine compute what the variant promises? */
  probe() {
    return this.c.pal_probe(3, 2 ** -12) === 1;
  }

  /** 'strict' or 'fused': equal class, equal bits (design I4). */
  get bits() {
    return this.c.pal_class() === 1 ? 'fused' : 'strict';
  }

  get u8() {
    return this.fresh().u8;
  }
  get u32() {
    return this.fresh().u32;
  }
  get f32() {
    return this.fresh().f32;
  }

  fresh() {
    const { buffer } = this.memory;
    if (this.views.u8.buffer !== buffer) {
      this.views = { u8: new Uint8Array(buffer), u32: new Uint32Array(buffer), f32: new Float32Array(buffer) };
    }
    return this.views;
  }

  /** Bytes of wasm memory now. */
  get bytes() {
    return this.memory.buffer.byteLength;
  }

  /**
   * Reserves a region, 64-byte aligned, of undefined content. The only place where memory grows.
   * @param {number} bytes
   * @param {string} [what] named when there is no room
   * @returns {Region}
   */
  take(bytes, what = 'a region') {
    const size = Math.max(ALIGN, up(bytes));
    const i = this.free.findIndex((r) => r.bytes >= size);
    if (i >= 0) {
      const r = this.free[i];
      if (r.bytes === size) this.free.splice(i, 1);
      else this.free[i] = { at: r.at + size, bytes: r.bytes - size };
      return { at: r.at, bytes: size };
    }
    const need = this.top + size;
    if (need > this.bytes) this.grow(need, bytes, what);
    const at = this.top;
    this.top = need;
    return { at, bytes: size };
  }

  /**
   * @param {number} need
   * @param {number} bytes
   * @param {string} what
   */
  grow(need, bytes, what) {
    const limit = MAX_PAGES * PAGE - PAGE; // the last page stays out: an end address must fit 32 bits
    const refuse = (/** @type {string} */ why) =>
      new PalError('memory', `${what} needs ${mb(bytes)}; ${mb(this.top)} are in use; ${why}`);
    if (need > limit) throw refuse('wasm ends at 4 GiB: take a smaller model or a smaller memory');
    try {
      this.memory.grow(Math.ceil((need - this.bytes) / PAGE));
    } catch {
      throw refuse('the system gave no more: take a smaller model or a smaller memory');
    }
  }

  /**
   * Gives a region back; it is used again by later ones.
   * @param {Region} region
   */
  release(region) {
    const at = this.free.findIndex((r) => r.at > region.at);
    this.free.splice(at < 0 ? this.free.length : at, 0, { ...region });
    for (let i = this.free.length - 2; i >= 0; i--) {
      const a = this.free[i];
      const b = this.free[i + 1];
      if (a.at + a.bytes === b.at) this.free.splice(i, 2, { at: a.at, bytes: a.bytes + b.bytes });
    }
    const last = this.free.at(-1);
    if (last && last.at + last.bytes === this.top) {
      this.top = last.at;
      this.free.pop();
    }
  }

  /**
   * The value of a call, or the engine's error thrown.
   * @param {number} value
   */
  check(value) {
    if (value >= 0) return value;
    throw engineError(value, this.lastText());
  }

  /** The mailbox: text of the last failure. */
  lastText() {
    return this.cString(this.c.pal_text());
  }

  /**
   * @param {number} at
   */
  cString(at) {
    const { u8 } = this;
    const from = at >>> 0;
    let to = from;
    while (u8[to]) to++;
    return this.string(from, to - from);
  }

  /**
   * @param {number} at
   * @param {number} bytes
   */
  string(at, bytes) {
    const from = at >>> 0;
    return new TextDecoder().decode(this.u8.slice(from, from + bytes)); // a copy: browsers decode no shared memory
  }

  /**
   * Word i of the record written by the last call with `engine.out`.
   * @param {number} i
   */
  word(i) {
    return this.u32[(this.out >>> 2) + i];
  }

  /**
   * @param {number} at
   * @param {ArrayLike<number>} words
   */
  putWords(at, words) {
    this.u32.set(words, at >>> 2);
  }

  /** Rows of the table of number formats. @returns {{ name: string, type: number, block: number, bytes: number }[]} */
  formats() {
    const rows = [];
    for (let i = 0; this.c.pal_format_at(i, this.out) === 0; i++) {
      rows.push({ name: this.cString(this.word(0)), type: this.word(1), block: this.word(2), bytes: this.word(3) });
    }
    return rows;
  }

  /** Names of the policies, in the order of their numbers. */
  policies() {
    const names = [];
    for (let i = 0; this.c.policy_name(i); i++) names.push(this.cString(this.c.policy_name(i)));
    return names;
  }

  /**
   * 64-bit hash of bytes in memory, as hexadecimal text.
   * @param {number} at
   * @param {number} bytes
   */
  hash(at, bytes) {
    this.c.hash(at, bytes, this.out);
    return this.hex64();
  }

  /** The same for many bytes: another hash, faster. @param {number} at @param {number} bytes */
  hashWide(at, bytes) {
    this.c.hash_wide(at, bytes, this.out);
    return this.hex64();
  }

  /** The two words in `out` as one number in hexadecimal. */
  hex64() {
    const hex = (/** @type {number} */ n) => n.toString(16).padStart(8, '0');
    return hex(this.word(1)) + hex(this.word(0));
  }
}
