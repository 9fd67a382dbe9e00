/** What is known of a model before it is loaded: its name, its size, and whether it lies in the browser already. */
import { cache, chats } from '../browser.js';
import { partNames } from '../split.js';
import { countText, sizeText, textOf } from './words.js';

/** @param {string} url */
function nameOf(url) {
  const file = new URL(url, document.baseURI).pathname.split('/').pop() ?? '';
  return file.replace(/(-\d{5}-of-\d{5})?\.gguf$/i, '').replaceAll('%20', ' ') || url;
}

/** @param {readonly string[]} source @returns {string[]} */
function partsOf(source) {
  const urls = source.map((url) => new URL(url, document.baseURI));
  if (urls.length > 1) return urls.map(String);
  return partNames(urls[0].pathname).map((path) => new URL(path + urls[0].search, urls[0]).href);
}

/** @param {string} url @param {AbortSignal} signal @returns {Promise<number>} NaN: unknown */
async function sizeOf(url, signal) {
  try {
    const answer = await fetch(url, { method: 'HEAD', signal });
    return answer.ok ? Number(answer.headers.get('Content-Length') ?? NaN) : NaN;
  } catch {
    return NaN; // loading will tell why
  }
}

/**
 * One sentence or two.
 * @param {readonly string[]} source
 * @param {AbortSignal} signal
 */
async function aboutModel(source, signal) {
  const parts = partsOf(source);
  const known = new Map((await cache.list().catch(() => [])).map((entry) => [entry.url, entry]));
  const entries = parts.map((url) => known.get(url));
  if (entries.every((entry) => entry?.complete)) return `On this device already, ${sizeText(entries.reduce((sum, e) => sum + (e?.size ?? 0), 0))}.`;
  const sizes = await Promise.all(parts.map((url) => sizeOf(url, signal)));
  const total = sizes.reduce((a, b) => a + b, 0);
  const have = entries.reduce((sum, entry) => sum + (entry?.have ?? 0), 0);
  if (!(total > 0)) return 'Downloaded once, then kept on this device.';
  return `${sizeText(total)} to download once${have > 0 ? `, ${sizeText(have)} of it is here already` : ''}; it stays on this device.`;
}

/** @param {string | undefined} name of a saved chat */
async function aboutChat(name) {
  if (name === undefined) return '';
  const saved = (await chats.list().catch(() => [])).find((chat) => chat.name === name);
  return saved ? ` A chat of ${countText(saved.messages, 'message')} waits here.` : '';
}

/**
 * A button that loads, beside what it will cost.
 * @param {import('./card.js').Card} card
 * @param {{ source: string[], name?: string }} options
 * @param {AbortSignal} signal something else is shown now
 * @param {() => void} run
 */
export async function offer(card, { source, name }, signal, run) {
  if (source.length === 0) return card.tell('No model yet', 'Give the attribute src the URL of a .gguf file, or the property model a loaded model.');
  const tell = (/** @type {string} */ text) => card.tell(nameOf(source[0]), text, { label: 'Load model', run }, 'load');
  tell('Runs on this device.');
  const text = await Promise.all([aboutModel(source, signal), aboutChat(name)]).catch((e) => [textOf(e)]);
  if (!signal.aborted) tell(text.join(''));
}
