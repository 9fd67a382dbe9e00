/** One conversation's memory: a state of known size, fed in chunks. All its memory is reserved when it opens. Parked, it
 *  lies outside the wasm memory, and another session of the model can have the room. */
import { AttentionReader } from './attention.js';
import { PalError, checkNames } from './errors.js';
import { generate } from './generate.js';
import { costOf, count, describeLimits, resolveLimits } from './limits.js';
import { samplingOf } from './sampling.js';

/**
 * @typedef {import('./model.js').Model} Model
 * @typedef {import('./limits.js').MemoryOptions} MemoryOptions
 * @typedef {import('./sampling.js').SamplingOptions} SamplingOptions
 *
 * @typedef {object} SessionOptions
 * @property {MemoryOptions} [memory]
 * @property {number} [chunk] tokens per matrix product, at most 512 [64]; changes speed and scratch, never a result
 * @property {number | bigint} [seed] of the random state [a random one; see `session.seed`]
 * @property {boolean} [undo] reserves a second block of the state's size, for mark() and rewind()
 *
 * @typedef {object} FeedOptions
 * @property {boolean} [pinned] these tokens never leave
 * @property {AbortSignal} [signal] looked at between chunks
 * @property {(progress: { read: number, total: number }) => void} [onprogress]
 *
 * @typedef {import('./generate.js').GenerateOptions} GenerateOptions
 * @typedef {import('./generate.js').Piece} Piece
 * @typedef {import('./generate.js').Reason} Reason
 * @typedef {{ state: Uint8Array, marked?: Uint8Array, seen: number, held: number }} Parked
 */

export const SESSION_NAMES = ['memory', 'chunk', 'seed', 'undo'];
const MAX_BIAS = 4096;
const PAUSE_MS = 40; // the event loop runs at least this often while text is read or made

/** @returns {bigint} */
function randomSeed() {
  return crypto.getRandomValues(new BigUint64Array(1))[0];
}

/** @param {bigint} seed @returns {[number, number]} low and high 32 bits */
const halves = (seed) => [Number(seed & 0xffffffffn), Number(seed >> 32n)];

export class Session {
  /**
   * @param {Model} model
   * @param {SessionOptions} [options]
   * @param {readonly number[]} [words] resolved limits, instead of options.memory and options.chunk
   * @param {Parked} [parked] of another session: this one begins parked
   */
  constructor(model, options = {}, words, parked) {
    checkNames(options, SESSION_NAMES, 'session');
    const { engine } = model;
    this.closed = false;
    this.model = model;
    this.engine = engine;
    this.undo = options.undo ?? false;
    this.words = words ?? resolveLimits(model, options.memory, options.chunk);
    this.limits = describeLimits(engine, this.words);
    const cost = costOf(model, this.words);
    this.cost = { ...cost, undo: this.undo ? cost.state : 0 };
    this.seed = BigInt.asUintN(64, BigInt(options.seed ?? randomSeed()));
    this.times = { promptTokens: 0, promptMs: 0, decodeTokens: 0, decodeMs: 0 };
    this.paused = performance.now();
    /** @type {import('./engine.js').Region[]} */
    this.regions = [];
    this.state = 0;
    this.undoAt = 0;
    this.at = 0;
    this.ids = 0;
    /** @type {{ layer: number, sets: number }[]} */
    this.caches = [];
    /** mark() was called: rewind() goes back there. */
    this.marked = false;
    /** Some layer has a cache. */
    this.attends = model.layers(this.words).some(({ kind }) => kind === 'attention');
    this.attentionReader = new AttentionReader(this);
    /** What park() copied out. @type {Parked | undefined} */
    this.parked = parked;
    /** @type {[state: Uint8Array, undo: Uint8Array] | undefined} */
    this.lot = undefined;
    if (parked) this.marked = parked.marked !== undefined;
    else this.open();
  }

  /** Takes the regions, with a fresh state. */
  open() {
    const { engine, cost, limits, model } = this;
    const take = (/** @type {number} */ bytes, /** @type {string} */ what) => {
      const region = engine.take(bytes, what);
      this.regions.push(region);
      return region.at;
    };
    try {
      this.state = take(cost.state, `the memory of ${limits.budget} tokens`);
      if (this.undo) this.undoAt = take(cost.undo, `the undo block of ${limits.budget} tokens`);
      const scratch = take(cost.scratch, 'the scratch of a session');
      this.at = take(engine.c.session_bytes(), 'a session');
      this.ids = take(8 * Math.max(limits.chunk, MAX_BIAS, limits.budget + 1), 'the desk of a session');
      engine.putWords(engine.out, this.words);
      engine.check(engine.c.session_open(this.at, model.at, engine.out, this.state, scratch));
    } catch (e) {
      this.release();
      throw e;
    }
    engine.c.session_reset(this.at, ...halves(this.seed));
    this.caches = [];
    for (let layer = 0; layer < model.layerCount; layer++) {
      if (engine.c.held(this.at, layer, engine.out) >= 0) this.caches.push({ layer, sets: engine.word(0) });
    }
  }

  release() {
    for (const r of this.regions.splice(0).reverse()) this.engine.release(r);
  }

  /** Copies the state out and gives the wasm memory back: nothing can be read or said until unpark(). */
  park() {
    if (this.parked || this.closed) return;
    const { seen, held } = this;
    const [state, marked] = this.outside;
    state.set(this.block());
    if (this.marked) marked.set(this.engine.u8.subarray(this.undoAt, this.undoAt + marked.length));
    this.parked = { state, marked: this.marked ? marked : undefined, seen, held };
    this.release();
  }

  /** Where the state and the undo block lie while this is parked: one place, however often. */
  get outside() {
    this.lot ??= [new Uint8Array(this.cost.state), new Uint8Array(this.cost.undo)];
    return this.lot;
  }

  /** Takes wasm memory again and goes on as if nothing had been. When there is none, the session stays parked. */
  unpark() {
    if (!this.parked) return;
    const { state, marked } = this.parked;
    this.open();
    this.engine.u8.set(state, this.state);
    if (marked) this.engine.u8.set(marked, this.undoAt);
    this.parked = undefined;
  }

  /** Remembers the state as it is now, for rewind(). */
  mark() {
    this.copy(this.state, this.undoAt);
    this.marked = true;
  }

  /** Goes back to where mark() was called; that can be done again. */
  rewind() {
    if (!this.marked) throw new PalError('argument', 'there is nothing to go back to: call mark() first');
    this.copy(this.undoAt, this.state);
  }

  /** @param {number} from @param {number} to */
  copy(from, to) {
    this.live();
    if (!this.undo) throw new PalError('argument', 'this session has no undo block; open it with undo: true');
    this.engine.u8.copyWithin(to, from, from + this.cost.state);
  }

  /** Sets the random state alone: the same seed draws the same tokens from here. @param {number | bigint} seed */
  reseed(seed) {
    this.engine.c.session_seed(this.live(), ...halves(BigInt.asUintN(64, BigInt(seed))));
  }

  /** Forgets everything but the limits. @param {number | bigint} [seed] */
  reset(seed = this.seed) {
    this.seed = BigInt.asUintN(64, BigInt(seed));
    this.engine.c.session_reset(this.live(), ...halves(this.seed));
    this.marked = false;
  }

  /** The session's address; throws when it is closed or parked. */
  live() {
    if (this.closed) throw new PalError('argument', 'this session is closed');
    if (this.parked) throw new PalError('argument', 'this session is parked; call unpark() first');
    return this.at;
  }

  /** Gives the memory back to the model's other sessions. */
  close() {
    if (this.closed) return;
    this.closed = true;
    this.parked = undefined;
    this.release();
  }

  /** Lets the event loop run when it has waited long enough. */
  async pause() {
    if (performance.now() - this.paused < PAUSE_MS) return;
    await this.model.breathe();
    this.paused = performance.now();
  }

  /**
   * Reads tokens, in chunks; any number of them, in the same memory. When aborted, the chunks read so far stay read.
   * @param {readonly number[]} ids
   * @param {FeedOptions} [options]
   */
  async feed(ids, options = {}) {
    checkNames(options, ['pinned', 'signal', 'onprogress'], 'feed');
    const { signal, onprogress, pinned = false } = options;
    for (let i = 0; i < ids.length; i += this.limits.chunk) {
      signal?.throwIfAborted();
      this.read(ids.slice(i, i + this.limits.chunk), pinned);
      onprogress?.({ read: Math.min(ids.length, i + this.limits.chunk), total: ids.length });
      await this.pause();
    }
  }

  /** A chunk of a prompt, timed. @param {readonly number[]} ids @param {boolean} pinned */
  read(ids, pinned) {
    const started = performance.now();
    this.feedChunk(ids, pinned);
    this.times.promptTokens += ids.length;
    this.times.promptMs += performance.now() - started;
  }

  /**
   * Reads at most limits.chunk tokens at once.
   * @param {readonly number[]} ids
   * @param {boolean} [pinned]
   */
  feedChunk(ids, pinned = false) {
    const { engine } = this;
    const at = this.live();
    if (ids.length > this.limits.chunk) throw new PalError('argument', `a chunk of ${ids.length} tokens exceeds ${this.limits.chunk}`);
    for (const id of ids) count('a token id', id, 0);
    engine.putWords(this.ids, ids);
    const started = performance.now();
    engine.check(engine.c.feed(at, this.ids, ids.length, pinned ? 1 : 0));
    if (ids.length === 1) engine.pace.note(performance.now() - started);
  }

  /** Logits after the last token read, a copy. */
  logits() {
    const at = this.engine.c.logits(this.live()) >>> 0;
    if (!at) throw new PalError('argument', 'there are no logits before the first token is read');
    return this.engine.f32.slice(at >>> 2, (at >>> 2) + this.model.vocabularySize);
  }

  /**
   * -ln p(next[i]) after token i of the chunk that was fed last.
   * @param {readonly number[]} next
   */
  nll(next) {
    const { engine, limits } = this;
    const at = this.live();
    if (next.length > limits.chunk) throw new PalError('argument', `${next.length} tokens exceed the chunk of ${limits.chunk}`);
    engine.putWords(this.ids, next);
    const out = this.ids + 4 * limits.chunk;
    engine.check(engine.c.nll(at, this.ids, next.length, out));
    return engine.f32.slice(out >>> 2, (out >>> 2) + next.length);
  }

  /**
   * Draws the next token; it is not read yet.
   * @param {SamplingOptions} [options]
   */
  sample(options) {
    return this.draw(samplingOf(options));
  }

  /** @param {ReturnType<typeof samplingOf>} sampling */
  draw({ numbers, ids, bias }) {
    const { engine } = this;
    if (ids.length > MAX_BIAS) throw new PalError('argument', `logitBias names ${ids.length} tokens; at most ${MAX_BIAS}`);
    engine.putWords(this.ids, ids);
    engine.f32.set(bias, (this.ids >>> 2) + ids.length);
    return engine.check(engine.c.sample(this.live(), ...numbers, this.ids, ids.length));
  }

  /**
   * Draws and reads tokens; see generate.js.
   * @param {GenerateOptions} [options]
   */
  generate(options) {
    return generate(this, options);
  }

  /**
   * Draws a token and reads it; undefined when it ends the text: that one is not read.
   * @param {ReturnType<typeof samplingOf>} sampling
   * @param {boolean} [ignoreEnd]
   */
  step(sampling, ignoreEnd) {
    const started = performance.now();
    const id = this.draw(sampling);
    if (!ignoreEnd && this.model.tokenizer?.isEnd(id)) return undefined;
    this.feedChunk([id]);
    this.times.decodeTokens++;
    this.times.decodeMs += performance.now() - started;
    return id;
  }

  /** Tokens read. */
  get seen() {
    return this.parked?.seen ?? this.engine.c.seen(this.live());
  }

  /** Layers that have a cache, by number. */
  cacheLayers() {
    this.live();
    return this.caches;
  }

  /** Layers that keep a state of another kind, by number: where it lies in the block. */
  stateLayers() {
    const layers = this.model.layers(this.words).map((l, layer) => ({ ...l, layer, size: Math.ceil(l.bytes / 16) * 16 }));
    let at = this.cost.state - layers.reduce((sum, l) => sum + l.size, 0);
    return layers.flatMap(({ layer, kind, bytes, size }) => ((at += size), kind === 'attention' || !bytes ? [] : [{ layer, kind, bytes, at: at - size }]));
  }

  /** States held by the fullest layer. */
  get held() {
    if (this.parked) return this.parked.held;
    let most = 0;
    for (const { layer } of this.cacheLayers()) most = Math.max(most, this.engine.c.held(this.at, layer, this.engine.out));
    return most;
  }

  /**
   * Positions that a layer still holds, ascending.
   * @param {number} layer
   * @param {number} [set] of policies that decide per head
   * @returns {number[]}
   */
  retained(layer, set = 0) {
    const { engine } = this;
    const held = engine.c.held(this.live(), layer, engine.out);
    if (held < 0) throw new PalError('argument', `layer ${layer} has no cache`);
    if (held === 0) return [];
    const n = engine.c.retained(this.at, layer, set, this.ids, 0) >>> 0;
    return Array.from(engine.u32.subarray(this.ids >>> 2, (this.ids >>> 2) + n));
  }

  /**
   * Attention to what a layer holds, or to what any holds.
   * @param {number | 'mean'} layer
   * @returns {import('./attention.js').Attention} fresh arrays
   */
  attention(layer) {
    this.live();
    return this.attentionReader.read(layer);
  }

  /** Numbers about this session; bytes are promises: they do not change while it lives. */
  get stats() {
    const { times, seen, held } = this;
    return {
      bytes: { weights: this.model.weightBytes, ...this.cost, wasm: this.engine.bytes },
      seen, held, capacity: this.attends ? this.limits.budget : 0, evicted: this.attends ? Math.max(0, seen - held) : 0,
      ...times,
      promptMsPerToken: times.promptTokens ? times.promptMs / times.promptTokens : 0,
      decodeMsPerToken: times.decodeTokens ? times.decodeMs / times.decodeTokens : 0,
    };
  }

  /** Hash of the state: equal for equal conversations, whatever the chunks. */
  hash() {
    this.engine.c.state_hash(this.live(), this.engine.out);
    return this.engine.hex64();
  }

  /** The whole memory as one block of constant size: where it lies, to be copied before the next call. */
  block() {
    if (this.parked) return this.parked.state;
    this.engine.c.state_seal(this.live());
    return this.engine.u8.subarray(this.state, this.state + this.cost.state);
  }

  /** A copy of block(). */
  save() {
    return this.block().slice();
  }

  /**
   * Takes a saved block; refuses that of another model, of other limits, or a damaged one, and then keeps what it had.
   * Needs room for a second block while it checks (opening a session does the same).
   * @param {Uint8Array} block
   */
  restore(block) {
    const { engine } = this;
    const region = engine.take(block.length, 'a saved state');
    try {
      engine.u8.set(block, region.at);
      engine.check(engine.c.state_restore(this.live(), region.at, block.length));
      this.marked = false;
    } finally {
      engine.release(region);
    }
  }

  /** A second session that continues from here on its own; of a parked one it is parked too. */
  fork() {
    const { engine, parked, seed, undo } = this;
    if (parked) return new Session(this.model, { seed, undo }, this.words, { ...parked, state: parked.state.slice(), marked: parked.marked?.slice() });
    this.live();
    const copy = new Session(this.model, { seed, undo }, this.words);
    engine.u8.copyWithin(copy.state, this.state, this.state + this.cost.state);
    engine.u8.copyWithin(copy.undoAt, this.undoAt, this.undoAt + this.cost.undo);
    copy.marked = this.marked;
    return copy;
  }
}
