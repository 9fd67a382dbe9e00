/** The worker of a page: owns the engine, one model and its chats. It answers calls (protocol.js); computing lets messages
 *  in between two chunks, so that any call can be aborted. */
import { PalError } from '../errors.js';
import { loadModel } from '../source/load.js';
import { Chats } from './chats.js';
import { breathe, openPageEngine } from './engine.js';
import { AHEAD, toPlain } from './protocol.js';

/**
 * @typedef {object} Call what a handler knows of its call
 * @property {AbortSignal} signal
 * @property {(event: any) => void} tell
 * @property {(event: any) => Promise<void>} emit the same for a stream: resolves when the page is ready for more
 */

const lock = `palimpsest worker ${crypto.randomUUID()}`;
/** @type {Map<number, { abort: AbortController, room: number, wake: () => void }>} */
const calls = new Map();
/** @type {import('../model.js').Model | undefined} */
let model;
/** @type {Chats | undefined} */
let chats;

const opened = () => {
  if (!model || !chats) throw new PalError('argument', 'no model is loaded');
  return { model, chats };
};

const PROGRESS_MS = 50;
const FRAME_MS = 16; // pieces that come sooner go together: each message wakes the page's thread, which takes a core from the engine

/** Passes on the progress of a download now and then, and its end. @param {(progress: any) => void} tell */
function sometimes(tell) {
  let last = -Infinity;
  return (/** @type {{ loaded: number, total: number }} */ progress) => {
    const now = performance.now();
    if (now - last < PROGRESS_MS && progress.loaded !== progress.total) return;
    last = now;
    tell(progress);
  };
}

/** What a page knows of a model. @param {import('../model.js').Model} model @param {string} note */
function about(model, note) {
  const { name, architecture, vocabularySize, contextTrained, blockCount, layerCount, weightBytes, chatTemplate, engine } = model;
  const numbers = { vocabularySize, contextTrained, blockCount, layerCount, weightBytes, wasm: engine.bytes };
  const notes = [note, engine.note].filter((n) => n !== '').join(' ');
  const layers = model.layers(model.cost().words).map((l, layer) => ({ ...l, layer }));
  const stateLayers = layers.filter(({ bytes }) => bytes > 0).map(({ layer, block, kind }) => ({ layer, block, kind }));
  return { name, architecture, ...numbers, chatTemplate, variant: engine.variant, threads: engine.threads, bits: engine.bits, note: notes, stateLayers };
}

/** @type {Record<string, (args: any, call: Call) => any>} */
const handlers = {
  async load({ source, variant, threads, ...options }, { signal, tell }) {
    const env = { openEngine: () => openPageEngine(variant, threads), breathe };
    const loaded = await loadModel(source, { ...options, signal, onprogress: sometimes(tell) }, env);
    model = loaded.model;
    chats = new Chats(model, (message, transfer = []) => postMessage(message, { transfer }));
    return about(model, loaded.note);
  },
  encode: ({ text, options }) => opened().model.encode(text, options),
  decode: ({ ids, options }) => opened().model.decode(ids, options),
  count: ({ text, options }) => opened().model.count(text, options),
  cost({ memory, chunk }) {
    const { model } = opened();
    const { state, scratch, limits } = model.cost(memory, chunk);
    const { positions, cache } = limits;
    const unbounded = (/** @type {number} */ tokens) => model.cost({ policy: 'full', positions, cache, tokens }, chunk).state;
    return { state, scratch, limits, perToken: (unbounded(512) - unbounded(256)) / 256 };
  },
};
for (const name of /** @type {const} */ (['open', 'restore', 'load', 'fork', 'answer', 'save', 'watch', 'unwatch', 'close'])) {
  handlers[`chat.${name}`] = (args, call) => opened().chats[name](args, call);
}

/** @param {{ id: number, op: string, args: any }} request */
async function answer({ id, op, args }) {
  const state = { abort: new AbortController(), room: AHEAD, wake: () => {} };
  calls.set(id, state);
  /** @type {any[]} */
  let held = [];
  let told = -Infinity;
  const flush = () => {
    if (held.length) postMessage({ id, events: held });
    held = [];
  };
  const tell = (/** @type {any} */ event) => {
    held.push(event);
    flush();
  };
  const emit = async (/** @type {any} */ event) => {
    const now = performance.now();
    held.push(event);
    if (now - told >= FRAME_MS) {
      told = now;
      flush();
    }
    state.room--;
    while (state.room <= 0 && !state.abort.signal.aborted) {
      flush();
      await new Promise((resolve) => (state.wake = () => resolve(undefined)));
    }
  };
  try {
    const value = await handlers[op](args, { signal: state.abort.signal, tell, emit });
    flush();
    postMessage({ id, value });
  } catch (e) {
    flush();
    postMessage({ id, error: toPlain(e) });
    if (e instanceof WebAssembly.RuntimeError) {
      postMessage({ lost: `the engine stopped: ${e.message}` }); // its memory cannot be trusted any more
      close();
    }
  } finally {
    calls.delete(id);
  }
}

onmessage = ({ data }) => {
  const call = calls.get(data.id);
  if (data.abort) {
    call?.abort.abort();
    call?.wake();
  } else if (data.more) {
    if (!call) return;
    call.room += data.more;
    call.wake();
  } else answer(data);
};

/** Held as long as this worker lives, so that the page knows when it does not. */
navigator.locks?.request(lock, () => {
  postMessage({ hello: lock });
  return new Promise(() => {});
});
