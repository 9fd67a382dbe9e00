/** One conversation's memory: a state of known size, fed in chunks. All its memory is reserved when it opens. */
import { PalError, checkNames } from './errors.js';
import { costOf, count, describeLimits, resolveLimits } from './limits.js';
import { SAMPLING_NAMES, samplingOf } from './sampling.js';
import { Stops } from './stops.js';

/**
 * @typedef {import('./model.js').Model} Model
 * @typedef {import('./limits.js').MemoryOptions} MemoryOptions
 * @typedef {import('./sampling.js').SamplingOptions} SamplingOptions
 *
 * @typedef {object} SessionOptions
 * @property {MemoryOptions} [memory]
 * @property {number} [chunk] tokens per matrix product, at most 512 [64]; changes speed and scratch, never a result
 * @property {number | bigint} [seed] of the random state [a random one; see `session.seed`]
 *
 * @typedef {object} FeedOptions
 * @property {boolean} [pinned] these tokens never leave
 * @property {AbortSignal} [signal] looked at between chunks
 * @property {(progress: { read: number, total: number }) => void} [onprogress]
 *
 * @typedef {object} StreamOptions
 * @property {number} [maxTokens] [no limit: until the model ends]
 * @property {readonly string[]} [stop] strings that end the answer; they are not shown
 * @property {number | bigint} [seed] of the random state from here on [it goes on as it is]
 * @property {boolean} [ignoreEnd] go on when the model says it has finished
 * @property {AbortSignal} [signal]
 *
 * @typedef {SamplingOptions & StreamOptions} GenerateOptions
 * @typedef {{ id: number, text: string }} Piece text: whole characters that are certain now, may be empty
 * @typedef {'end' | 'length' | 'stop'} Reason
 */

export const SESSION_NAMES = ['memory', 'chunk', 'seed'];
export const GENERATE_NAMES = [...SAMPLING_NAMES, 'maxTokens', 'stop', 'ignoreEnd', 'seed', 'signal'];
const MAX_BIAS = 4096;
const PAUSE_MS = 12; // the event loop runs at least this often while text is made

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
   */
  constructor(model, options = {}, words) {
    checkNames(options, SESSION_NAMES, 'session');
    const { engine } = model;
    this.closed = false;
    this.model = model;
    this.engine = engine;
    this.words = words ?? resolveLimits(model, options.memory, options.chunk);
    this.limits = describeLimits(engine, this.words);
    this.cost = costOf(model, this.words);
    this.seed = BigInt.asUintN(64, BigInt(options.seed ?? randomSeed()));
    this.regions = [
      engine.take(this.cost.state, `the memory of ${this.limits.budget} tokens`),
      engine.take(this.cost.scratch, 'the scratch of a session'),
      engine.take(engine.c.session_bytes(), 'a session'),
      engine.take(8 * Math.max(this.limits.chunk, MAX_BIAS, this.limits.budget + 1), 'the desk of a session'),
    ];
    const [state, scratch, self, ids] = this.regions.map((r) => r.at);
    this.state = state;
    this.at = self;
    this.ids = ids;
    engine.putWords(engine.out, this.words);
    try {
      engine.check(engine.c.session_open(self, model.at, engine.out, state, scratch));
    } catch (e) {
      this.close();
      throw e;
    }
    this.times = { promptTokens: 0, promptMs: 0, decodeTokens: 0, decodeMs: 0 };
    this.paused = performance.now();
    this.reset();
  }

  /** Sets the random state alone: the same seed draws the same tokens from here. @param {number | bigint} seed */
  reseed(seed) {
    this.engine.c.session_seed(this.live(), ...halves(BigInt.asUintN(64, BigInt(seed))));
  }

  /** Forgets everything but the limits. @param {number | bigint} [seed] */
  reset(seed = this.seed) {
    this.seed = BigInt.asUintN(64, BigInt(seed));
    this.engine.c.session_reset(this.live(), ...halves(this.seed));
  }

  /** The session's address; throws after close(). */
  live() {
    if (this.closed) throw new PalError('argument', 'this session is closed');
    return this.at;
  }

  /** Gives the memory back to the model's other sessions. */
  close() {
    if (this.closed) return;
    this.closed = true;
    for (const r of this.regions) this.engine.release(r);
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
    const started = performance.now();
    for (let i = 0; i < ids.length; i += this.limits.chunk) {
      signal?.throwIfAborted();
      this.feedChunk(ids.slice(i, i + this.limits.chunk), pinned);
      onprogress?.({ read: Math.min(ids.length, i + this.limits.chunk), total: ids.length });
      await this.pause();
    }
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
    engine.check(engine.c.feed(at, this.ids, ids.length, pinned ? 1 : 0));
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
   * Draws and reads tokens. Each one is read before it is given out, so whatever was seen is remembered; the token that
   * ends the text is not read.
   * @param {GenerateOptions} [options]
   * @returns {AsyncGenerator<Piece, Reason>}
   */
  async *generate(options = {}) {
    checkNames(options, GENERATE_NAMES, 'generate');
    const { maxTokens = Infinity, stop = [], ignoreEnd = false, seed, signal, ...rest } = options;
    if (!(maxTokens >= 0)) throw new TypeError(`maxTokens must be a number of at least 0, not ${maxTokens}`);
    const sampling = samplingOf(rest);
    if (seed !== undefined) this.reseed(seed);
    const stops = new Stops(stop);
    const text = this.model.tokenizer?.stream();
    for (let n = 0; ; n++) {
      if (n >= maxTokens) {
        yield { id: -1, text: stops.push(text?.end() ?? '') + stops.end() };
        return 'length';
      }
      signal?.throwIfAborted();
      const started = performance.now();
      const id = this.draw(sampling);
      if (!ignoreEnd && this.model.tokenizer?.isEnd(id)) {
        yield { id: -1, text: stops.push(text?.end() ?? '') + stops.end() };
        return 'end';
      }
      this.feedChunk([id]);
      this.times.decodeTokens++;
      this.times.decodeMs += performance.now() - started;
      yield { id, text: stops.push(text?.push(id) ?? '') };
      if (stops.found !== undefined) return 'stop';
      await this.pause();
    }
  }

  /** Tokens read. */
  get seen() {
    return this.engine.c.seen(this.live());
  }

  /** Layers that have a cache, by number. */
  cacheLayers() {
    const { engine, model } = this;
    const list = [];
    for (let i = 0; i < model.layerCount; i++) {
      if (engine.c.held(this.live(), i, engine.out) >= 0) list.push({ layer: i, sets: engine.word(0) });
    }
    return list;
  }

  /** States held by the fullest layer. */
  get held() {
    const held = this.cacheLayers().map(({ layer }) => this.engine.c.held(this.at, layer, this.engine.out));
    return Math.max(0, ...held);
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

  /** Numbers about this session; bytes are promises: they do not change while it lives. */
  get stats() {
    const { times, seen, held } = this;
    return {
      bytes: { weights: this.model.weightBytes, state: this.cost.state, scratch: this.cost.scratch, wasm: this.engine.bytes },
      seen, held, capacity: this.limits.budget, evicted: Math.max(0, seen - held),
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

  /** The whole memory as one block of constant size. */
  save() {
    this.engine.c.state_seal(this.live());
    return this.engine.u8.slice(this.state, this.state + this.cost.state);
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
    } finally {
      engine.release(region);
    }
  }

  /** A second session that continues from here on its own. */
  fork() {
    const { engine } = this;
    engine.c.state_seal(this.live());
    const copy = new Session(this.model, { seed: this.seed }, this.words);
    engine.check(engine.c.state_restore(copy.at, this.state, this.cost.state));
    return copy;
  }
}
