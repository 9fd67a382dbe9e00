/** The model in use and the chat on it. Each chat has an element of its own, which opens it, saves it and answers.
 *  Events: 'model', 'chat', 'progress' and 'notice'; the page shows them. */
import { Model } from '../browser.js';
import { PalChat } from '../element/pal-chat.js';
import { isAbort, messageOf } from './dom.js';
import { attributesOf, memoryOf } from './settings.js';

/**
 * @typedef {import('../page/chat.js').Chat} Chat
 * @typedef {string | Blob | Blob[]} Source
 * @typedef {{ label: string, loaded: number, total: number, from: string }} Progress
 * @typedef {{ title: string, source?: string, label: string }} Remembered of a saved chat
 */

const CHATS = 'palimpsest.chats';
const LAST = 'palimpsest.last';

/** @template T @param {string} key @param {T} otherwise @returns {T} */
function kept(key, otherwise) {
  try {
    return JSON.parse(localStorage.getItem(key) ?? 'null') ?? otherwise;
  } catch {
    return otherwise;
  }
}

/** @param {string} key @param {unknown} value */
function keep(key, value) {
  try {
    localStorage.setItem(key, JSON.stringify(value));
  } catch {
    // forbidden here: nothing is kept
  }
}

const newName = () => `${new Date().toISOString()} ${crypto.randomUUID().slice(0, 4)}`;

export class Desk extends EventTarget {
  /** @param {import('./settings.js').Settings} settings @param {HTMLElement} host of the element */
  constructor(settings, host) {
    super();
    this.settings = settings;
    this.host = host;
    /** @type {Model | undefined} */
    this.model = undefined;
    /** @type {PalChat | undefined} */
    this.element = undefined;
    /** @type {Chat | undefined} */
    this.chat = undefined;
    /** Where the model came from, if from a URL. @type {string | undefined} */
    this.source = undefined;
    this.label = '';
    /** @type {AbortController | undefined} */
    this.loading = undefined;
    this.begun = '';
  }

  /** @param {string} type @param {any} [detail] */
  tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  /**
   * Loads a model; the one before answers until then.
   * @param {Source} source
   * @param {string} label
   * @returns {Promise<boolean>}
   */
  async load(source, label) {
    this.loading?.abort();
    const loading = (this.loading = new AbortController());
    try {
      this.tell('progress', { label, loaded: 0, total: 0, from: '' });
      const model = await Model.load(source, { signal: loading.signal, onprogress: (p) => this.tell('progress', { label, ...p }) });
      this.element?.remove();
      this.chat = undefined;
      this.model?.close();
      this.model = model;
      this.label = label;
      this.source = typeof source === 'string' ? source : undefined;
      this.tell('model');
      return true;
    } catch (e) {
      if (!isAbort(e)) this.tell('notice', `${label}: ${messageOf(e)}`);
      return false;
    } finally {
      if (this.loading === loading) {
        this.loading = undefined;
        this.tell('progress', undefined);
      }
    }
  }

  /** The chat of this name, saved or new, in an element of its own. @param {string} [name] */
  open(name = newName()) {
    if (!this.model) return;
    const element = new PalChat();
    this.element = element;
    this.chat = undefined;
    this.configure();
    element.name = name;
    element.model = this.model;
    element.addEventListener('pal-ready', (e) => this.take(/** @type {CustomEvent<{ chat: Chat }>} */ (e).detail.chat));
    this.host.replaceChildren(element);
  }

  /** What takes effect when a chat begins, beside its limits. */
  get words() {
    const { system, pin, seed } = this.settings;
    return JSON.stringify([system.trim(), pin, seed]);
  }

  /** The settings as attributes: the element begins again if those of the chat change. */
  configure() {
    const { element, model, settings } = this;
    if (!element || !model) return;
    this.begun = this.words;
    for (const [name, value] of Object.entries(attributesOf(settings, model))) {
      if (value === '') element.removeAttribute(name);
      else element.setAttribute(name, value);
    }
  }

  /** Settings of the answers act at once. */
  sample() {
    const { temperature, topP, topK, minP, maxTokens } = this.settings;
    if (this.element) Object.assign(this.element, { temperature, topP, topK, minP, maxTokens });
  }

  /** Would the chat begin differently now? */
  get waits() {
    const limits = this.chat?.limits;
    if (!limits || !this.model) return false;
    const { policy, tokens, cache, positions } = memoryOf(this.settings, this.model);
    return limits.policy !== policy || limits.budget !== tokens || limits.cache !== cache || (positions ?? limits.positions) !== limits.positions || this.begun !== this.words;
  }

  /** @param {Chat} chat */
  take(chat) {
    this.chat = chat;
    chat.on('saved', () => this.remember(chat));
    this.tell('chat');
  }

  /** @param {Chat} chat */
  remember(chat) {
    const said = chat.messages.find((m) => m.role === 'user')?.content ?? '';
    const name = chat.name ?? '';
    const all = this.remembered();
    all[name] ??= { title: said.slice(0, 60), source: this.source, label: this.label };
    keep(CHATS, all);
    keep(LAST, name);
  }

  /** What is known of saved chats, by name. @returns {Record<string, Remembered>} */
  remembered() {
    return kept(CHATS, {});
  }

  /** @param {string} name */
  forget(name) {
    const all = this.remembered();
    delete all[name];
    keep(CHATS, all);
  }

  /** The chat that was open last, if it is one of this model. */
  get last() {
    const name = kept(LAST, '');
    return name && this.remembered()[name]?.source === this.source ? name : undefined;
  }
}
