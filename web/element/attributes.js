/** The attributes of <pal-chat>, as properties and as options. A value that makes no sense is an error, never ignored. */
import { near } from '../errors.js';

/** What changes when an attribute does: the model, the chat, the next answer, or only the view.
 *  @type {Record<string, 'model' | 'chat' | 'send' | 'view'>} */
export const ATTRIBUTES = {
  'src': 'model', 'cache': 'model', 'sha256': 'model', 'variant': 'model', 'autoload': 'view',
  'memory': 'chat', 'policy': 'chat', 'positions': 'chat', 'memory-cache': 'chat', 'pin': 'chat', 'system': 'chat', 'seed': 'chat', 'name': 'chat',
  'max-tokens': 'send', 'temperature': 'send', 'top-k': 'send', 'top-p': 'send', 'min-p': 'send', 'repeat-penalty': 'send',
  'placeholder': 'view', 'disabled': 'view',
};
const MAX_TOKENS = 2048; // then there is a button that goes on
const UNITS = { KB: 1e3, MB: 1e6, GB: 1e9, KIB: 2 ** 10, MIB: 2 ** 20, GIB: 2 ** 30 };

/** @param {string} name @param {string} value @param {string} remedy @returns {never} */
function wrong(name, value, remedy) {
  throw new TypeError(`${name}="${value}": ${remedy}`);
}

/** @param {string} value @returns {{ tokens?: number, bytes?: number }} */
function memoryOf(value) {
  const [, number, unit] = /^([\d.]+)\s*([kmg]i?b)?$/i.exec(value.trim()) ?? [];
  const n = Number(number);
  if (unit && n > 0) return { bytes: Math.floor(n * UNITS[/** @type {keyof typeof UNITS} */ (unit.toUpperCase())]) };
  if (!unit && Number.isInteger(n) && n > 0) return { tokens: n };
  return wrong('memory', value, 'give tokens, as in "1024", or bytes, as in "64MB"');
}

/** @param {string} value @returns {'system' | 'none' | number} */
const pinOf = (value) => (value === 'system' || value === 'none' ? value : whole('pin', value, 0, '"system", "none" or a number of tokens'));

/** @param {string} name @param {string} value @param {number} least @param {string} [what] */
function whole(name, value, least, what = `a whole number of at least ${least}`) {
  const n = Number(value);
  return /^\d+$/.test(value.trim()) && n >= least && n <= 0xffffffff ? n : wrong(name, value, `give ${what}`);
}

/** @param {string} name @param {string} value */
function real(name, value) {
  const n = Number(value);
  return value.trim() !== '' && Number.isFinite(n) ? n : wrong(name, value, 'give a number');
}

/** @param {string} value */
function seedOf(value) {
  if (!/^\d{1,20}$/.test(value.trim())) return wrong('seed', value, 'give a whole number');
  return Number.isSafeInteger(Number(value)) ? Number(value) : BigInt(value);
}

/** @param {string} value @returns {boolean | 'refresh' | 'only'} */
function cacheOf(value) {
  if (value === '' || value === 'true') return true;
  if (value === 'false') return false;
  return value === 'refresh' || value === 'only' ? value : wrong('cache', value, 'give "true", "refresh", "only" or "false"');
}

/** @param {string} value */
function hashesOf(value) {
  const list = value.trim().toLowerCase().split(/[\s,]+/);
  if (list.some((hash) => !/^[0-9a-f]{64}$/.test(hash))) wrong('sha256', value, 'give 64 hexadecimal digits, for each part of a split model');
  return list.length === 1 ? list[0] : list;
}

/** @param {string} value */
function urlsOf(value) {
  const urls = value.trim().split(/\s+/).filter(Boolean);
  return urls.every((url) => URL.canParse(url, document.baseURI)) ? urls : wrong('src', value, 'give the URL of a .gguf file');
}

/** Names that look like ours but are not. @param {Element} element */
function misspelt(element) {
  const names = Object.keys(ATTRIBUTES);
  for (const name of element.getAttributeNames()) {
    if (names.includes(name) || name in HTMLElement.prototype || name.length < 3) continue;
    const [meant] = near(name, names);
    if (meant) throw new TypeError(`unknown attribute ${name}; did you mean ${meant}?`);
  }
}

/** What all attributes say. @param {Element} element */
export function optionsOf(element) {
  misspelt(element);
  /** @template T @param {string} name @param {(value: string) => T} parse @returns {T | undefined} */
  const read = (name, parse) => {
    const value = element.getAttribute(name);
    return value === null ? undefined : parse(value);
  };
  const text = (/** @type {string} */ value) => value;
  const number = (/** @type {string} */ name) => read(name, (v) => real(name, v));
  return {
    source: read('src', urlsOf) ?? [],
    load: defined({ cache: read('cache', cacheOf), sha256: read('sha256', hashesOf), variant: read('variant', text) }),
    name: read('name', (v) => (v === '' ? wrong('name', v, 'give a name that is not empty') : v)),
    chat: defined({ system: read('system', text), seed: read('seed', seedOf) }),
    memory: defined({ tokens: undefined, bytes: undefined, ...read('memory', memoryOf), policy: read('policy', text), positions: read('positions', text), cache: read('memory-cache', text), pin: read('pin', pinOf) }),
    send: defined({
      maxTokens: read('max-tokens', (v) => whole('max-tokens', v, 1)) ?? MAX_TOKENS,
      temperature: number('temperature'),
      topK: read('top-k', (v) => whole('top-k', v, 0)),
      topP: number('top-p'),
      minP: number('min-p'),
      repeatPenalty: number('repeat-penalty'),
    }),
  };
}

/** Without what was not given. @template {object} T @param {T} options @returns {{ [K in keyof T]?: Exclude<T[K], undefined> }} */
function defined(options) {
  return /** @type {any} */ (Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)));
}

/** @param {Element} e @param {string} name @param {unknown} value */
function put(e, name, value) {
  if (value === null || value === undefined || value === false) e.removeAttribute(name);
  else e.setAttribute(name, value === true ? '' : String(value));
}

/** Takes over properties that were set before the class was known. @param {HTMLElement} element @param {...string} more */
export function upgrade(element, ...more) {
  const object = /** @type {Record<string, unknown>} */ (/** @type {unknown} */ (element));
  for (const name of [...Object.keys(ATTRIBUTES).map((a) => a.replace(/-(.)/g, (_, c) => c.toUpperCase())), ...more]) {
    if (!Object.hasOwn(element, name)) continue;
    const value = object[name];
    delete object[name];
    object[name] = value;
  }
}

/** @typedef {string | number | null | undefined} Value properties read as written; null and undefined take the attribute away */

const Base = /** @type {typeof HTMLElement} */ (globalThis.HTMLElement ?? class {}); // none where pages are made on a server

export class Attributes extends Base {
  static observedAttributes = Object.keys(ATTRIBUTES);
  /** @type {Set<string>} */
  #changes = new Set();

  /** @param {string} name @param {string | null} before @param {string | null} now */
  attributeChangedCallback(name, before, now) {
    if (before === now || !this.isConnected) return;
    if (this.#changes.size === 0) queueMicrotask(() => {
      const names = this.#changes;
      this.#changes = new Set();
      if (this.isConnected) this.attributesChanged(names);
    });
    this.#changes.add(name);
  }

  /** Several at once, when the page is done with them. @param {Set<string>} _names */
  attributesChanged(_names) {}

  get src() { return this.getAttribute('src'); }
  set src(/** @type {Value} */ v) { put(this, 'src', v); }
  get cache() { return this.getAttribute('cache'); }
  set cache(/** @type {Value | boolean} */ v) { put(this, 'cache', typeof v === 'boolean' ? String(v) : v); }
  get sha256() { return this.getAttribute('sha256'); }
  set sha256(/** @type {Value} */ v) { put(this, 'sha256', v); }
  get variant() { return this.getAttribute('variant'); }
  set variant(/** @type {Value} */ v) { put(this, 'variant', v); }
  get autoload() { return this.hasAttribute('autoload'); }
  set autoload(/** @type {boolean} */ v) { put(this, 'autoload', v); }
  get memory() { return this.getAttribute('memory'); }
  set memory(/** @type {Value} */ v) { put(this, 'memory', v); }
  get policy() { return this.getAttribute('policy'); }
  set policy(/** @type {Value} */ v) { put(this, 'policy', v); }
  get positions() { return this.getAttribute('positions'); }
  set positions(/** @type {Value} */ v) { put(this, 'positions', v); }
  get memoryCache() { return this.getAttribute('memory-cache'); }
  set memoryCache(/** @type {Value} */ v) { put(this, 'memory-cache', v); }
  get pin() { return this.getAttribute('pin'); }
  set pin(/** @type {Value} */ v) { put(this, 'pin', v); }
  get system() { return this.getAttribute('system'); }
  set system(/** @type {Value} */ v) { put(this, 'system', v); }
  get seed() { return this.getAttribute('seed'); }
  set seed(/** @type {Value | bigint} */ v) { put(this, 'seed', v); }
  get name() { return this.getAttribute('name'); }
  set name(/** @type {Value} */ v) { put(this, 'name', v); }
  get maxTokens() { return this.getAttribute('max-tokens'); }
  set maxTokens(/** @type {Value} */ v) { put(this, 'max-tokens', v); }
  get temperature() { return this.getAttribute('temperature'); }
  set temperature(/** @type {Value} */ v) { put(this, 'temperature', v); }
  get topK() { return this.getAttribute('top-k'); }
  set topK(/** @type {Value} */ v) { put(this, 'top-k', v); }
  get topP() { return this.getAttribute('top-p'); }
  set topP(/** @type {Value} */ v) { put(this, 'top-p', v); }
  get minP() { return this.getAttribute('min-p'); }
  set minP(/** @type {Value} */ v) { put(this, 'min-p', v); }
  get repeatPenalty() { return this.getAttribute('repeat-penalty'); }
  set repeatPenalty(/** @type {Value} */ v) { put(this, 'repeat-penalty', v); }
  get placeholder() { return this.getAttribute('placeholder'); }
  set placeholder(/** @type {Value} */ v) { put(this, 'placeholder', v); }
  get disabled() { return this.hasAttribute('disabled'); }
  set disabled(/** @type {boolean} */ v) { put(this, 'disabled', v); }
}
