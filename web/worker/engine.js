/** The builds of the engine, as a worker of a page compiles them. */
import { PalError } from '../errors.js';
import { pageHost as host } from '../team/page.js';
import { openEngine } from '../variants.js';

/** All in the form that bundlers understand. */
const builds = {
  simd: () => new URL('../lib/engine-simd.wasm', import.meta.url),
  relaxed: () => new URL('../lib/engine-relaxed.wasm', import.meta.url),
  relaxed16: () => new URL('../lib/engine-relaxed16.wasm', import.meta.url),
  'simd-mt': () => new URL('../lib/engine-simd-mt.wasm', import.meta.url),
  'relaxed-mt': () => new URL('../lib/engine-relaxed-mt.wasm', import.meta.url),
  'relaxed16-mt': () => new URL('../lib/engine-relaxed16-mt.wasm', import.meta.url),
};

/** @param {string} variant */
async function compile(variant) {
  const url = builds[/** @type {keyof typeof builds} */ (variant)]();
  const response = await fetch(url).catch((e) => {
    throw new PalError('engine', `the engine could not be fetched from ${url} (${e.message})`);
  });
  if (!response.ok) throw new PalError('engine', `the engine is not at ${url} (HTTP ${response.status})`);
  return WebAssembly.compile(await response.arrayBuffer()); // not compileStreaming: plain servers send other content types
}

/** @param {string} [variant] one of VARIANTS @param {'auto' | number} [threads] */
export const openPageEngine = (variant, threads = 'auto') => openEngine(compile, variant, { threads, host });

const channel = new MessageChannel();
/** @type {(() => void)[]} */
const waiting = [];
channel.port1.onmessage = () => waiting.shift()?.();

/** Lets messages be heard between two chunks of work. @returns {Promise<void>} */
export const breathe = () =>
  new Promise((resolve) => {
    waiting.push(resolve);
    channel.port2.postMessage(0);
  });
