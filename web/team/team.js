/** The threads of one engine (wasm/team.c): started and ended here, and counted by a measurement. */
import { PalError } from '../errors.js';

/**
 * @typedef {import('../engine.js').Engine} Engine
 * @typedef {import('./serve.js').Call} Call
 * @typedef {import('./serve.js').Answer} Answer
 *
 * @typedef {object} Host how a place starts threads
 * @property {string} missing why it cannot, or ''
 * @property {number} cores
 * @property {(call: Call, hear: (answer: Answer) => void) => () => void} start gives what ends the thread
 */

export const MAX_THREADS = 32;
const STACK_BYTES = 128 << 10;
const START_MS = 20_000;

/** What `auto` measures: how many threads are tried, how often, and what one more must save to be worth it. */
const TRIED = [1, 2, 3, 4, 6, 8, 12, 16];
const SAMPLES = 9;
const STEPS = 6;
const WORTH = 0.93;

/** Calls of the engine in which threads work. */
const WORKING = /** @type {const} */ (['feed', 'logits', 'nll', 'sample', 'team_steps']);

/** @param {unknown} threads */
export function checkThreads(threads) {
  if (threads === 'auto' || (Number.isInteger(threads) && Number(threads) >= 1 && Number(threads) <= MAX_THREADS)) return;
  throw new TypeError(`threads must be 'auto' or a whole number from 1 to ${MAX_THREADS}, not ${typeof threads === 'string' ? `'${threads}'` : threads}`);
}

/** Threads are ended with the engine that nobody has any more. @type {FinalizationRegistry<(() => void)[]>} */
const abandoned = new FinalizationRegistry((ends) => ends.splice(0).forEach((end) => end()));

export class Team {
  /**
   * @param {Engine} engine over shared memory
   * @param {WebAssembly.Module} module
   */
  constructor(engine, module) {
    this.module = module;
    this.memory = engine.memory;
    /** How many work: the engine's caller and its helpers. */
    this.threads = 1;
    /** @type {(() => void)[]} by helper */
    this.ends = [];
    this.trouble = { why: '' };
    const { c } = engine;
    engine.c = { ...c };
    for (const name of WORKING) engine.c[name] = guarded(c, name, this.trouble);
    this.engine = new WeakRef(engine);
    abandoned.register(engine, this.ends, this);
  }

  /**
   * Starts helpers until there are n threads.
   * @param {Host} host
   * @param {number} n
   */
  async start(host, n) {
    const engine = /** @type {Engine} */ (this.engine.deref());
    const begun = [];
    for (let index = this.ends.length + 1; index < n; index++) {
      const { at, bytes } = engine.take(STACK_BYTES, 'the stack of a thread');
      begun.push(this.startOne(host, index, at + bytes));
    }
    try {
      await Promise.all(begun);
    } catch (e) {
      this.close();
      throw e;
    }
    this.use(n);
  }

  /**
   * @param {Host} host
   * @param {number} index
   * @param {number} stack
   */
  startOne(host, index, stack) {
    const { trouble, module, memory } = this;
    return new Promise((resolve, reject) => {
      const fail = (/** @type {string} */ why) => {
        trouble.why ||= `thread ${index + 1} stopped: ${why}`;
        reject(new PalError('engine', `thread ${index + 1} could not be started: ${why}`));
      };
      const late = setTimeout(() => fail(`no sign of life for ${START_MS / 1000} s`), START_MS);
      this.ends[index - 1] = host.start({ module, memory, index, stack }, (answer) => {
        clearTimeout(late);
        if ('failed' in answer) fail(answer.failed);
        else resolve(undefined);
      });
    });
  }

  /** How many threads take part from now on; results are the same with any number. @param {number} n */
  use(n) {
    this.engine.deref()?.c.team_use(n);
    this.threads = n;
  }

  /**
   * Takes the number of threads that is fastest in a short measurement, and ends the others.
   * @param {Host} host
   */
  async choose(host) {
    const most = Math.min(host.cores, TRIED[TRIED.length - 1]);
    const tried = TRIED.filter((n) => n <= most);
    if (tried.length > 1) await this.start(host, tried[tried.length - 1]);
    this.keep(best(tried, this.measure(tried)));
  }

  /** Milliseconds of a step with each number of threads: medians of samples in turn. @param {readonly number[]} counts */
  measure(counts) {
    const engine = /** @type {Engine} */ (this.engine.deref());
    const desk = engine.take(engine.c.team_desk(), 'the desk of a measurement');
    const times = counts.map(() => /** @type {number[]} */ ([]));
    for (let sample = 0; sample < SAMPLES; sample++) {
      counts.forEach((n, i) => {
        this.use(n);
        engine.c.team_steps(desk.at, 2); // who slept is awake
        const started = performance.now();
        engine.c.team_steps(desk.at, STEPS);
        times[i].push((performance.now() - started) / STEPS);
      });
    }
    engine.release(desk);
    return times.map((list) => list.sort((a, b) => a - b)[SAMPLES >> 1]);
  }

  /** Ends the helpers that are too many. @param {number} n */
  keep(n) {
    this.use(n);
    for (const end of this.ends.splice(n - 1)) end();
  }

  /** Ends all helpers: the engine goes on with one thread. */
  close() {
    this.keep(1);
    abandoned.unregister(this);
  }
}

/** @param {readonly number[]} counts ascending @param {readonly number[]} times */
export function best(counts, times) {
  let chosen = 0;
  times.forEach((ms, i) => {
    if (ms < times[chosen] * WORTH) chosen = i;
  });
  return counts[chosen];
}

/**
 * A call that says which thread failed, when one did: the memory cannot be trusted any more.
 * @param {import('../engine.js').Exports} c
 * @param {string} name
 * @param {{ why: string }} trouble
 */
function guarded(c, name, trouble) {
  return (/** @type {number[]} */ ...args) => {
    try {
      return c[name](...args);
    } catch (e) {
      if (!c.team_failed()) throw e;
      throw new WebAssembly.RuntimeError(`${trouble.why || 'a thread stopped'}; load the model again`);
    }
  };
}
