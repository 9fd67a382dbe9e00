/** <pal-chat src="model.gguf"></pal-chat>: a chat with a model that runs in the page.
 *
 *  Attributes, each also a property (max-tokens: maxTokens):
 *    src            URL of a .gguf file; of a split one the first part, or all with spaces between
 *    autoload       load at once; without it there is a button that tells the size
 *    memory         what the chat may remember: tokens ("1024") or bytes ("64MB"); policy, positions, pin as in model.chat(),
 *                   memory-cache its number format: f32, f16, q8
 *    system, seed   of the chat
 *    name           saved in the browser under this name, and opened again
 *    max-tokens temperature top-k top-p min-p repeat-penalty    of the answers
 *    cache, sha256, variant    as in Model.load()
 *    placeholder, disabled
 *  When src changes, another model is loaded; when the memory changes, the conversation goes on in the new memory.
 *  Properties: model (give it a loaded one, perhaps another element's), chat (read only).
 *  Methods: load(source?), send(text), stop(), regenerate(), continue(), newChat() or clear(), focus().
 *  Events (they bubble, out of shadow trees too): pal-ready { model, chat }, pal-progress { loaded, total, from },
 *    pal-piece { text }, pal-turn { content, unfinished }, pal-memory chat.memory, pal-error { error }.
 *  Slot: welcome, shown before anything is said.
 *  Parts and CSS variables: see style.js. It is 36rem high unless the page says otherwise; color-scheme makes it light or dark.
 */
import { PalError } from '../browser.js';
import { offer } from './about.js';
import { ATTRIBUTES, Attributes, optionsOf, upgrade } from './attributes.js';
import { Holder } from './holder.js';
import { Talk } from './talk.js';
import { View } from './view.js';

/** @typedef {import('../browser.js').Model} Model */
/** @typedef {import('./holder.js').Source} Source */
/** @typedef {{ loaded: number, total: number, from: 'network' | 'cache' | 'file' }} Progress */

const ignore = () => {}; // what went wrong is on the screen

export class PalChat extends Attributes {
  #view;
  #holder = new Holder(({ message }) => this.#fail(new PalError('lost', message)));
  /** A model that the page gave. @type {Model | undefined} */
  #given;
  /** @type {Talk | undefined} */
  #talk;
  #loading = /** @type {Promise<void> | undefined} */ (undefined);
  #opening = /** @type {Promise<void> | undefined} */ (undefined);
  #sending = false;
  #wrong = false;
  #lost = false;

  constructor() {
    super();
    this.#view = new View(this.attachShadow({ mode: 'open' }), {
      send: (text) => void this.send(text).catch(ignore),
      stop: () => this.stop(),
      fresh: () => void this.newChat().catch(ignore),
    });
  }

  /** The model in use; one that is given stays the page's own. @returns {Model | null} */
  get model() {
    return this.#holder.model ?? null;
  }

  set model(/** @type {Model | null | undefined} */ model) {
    this.#given = model ?? undefined;
    if (this.isConnected) this.#begin();
  }

  get chat() {
    return this.#talk?.chat ?? null;
  }

  connectedCallback() {
    upgrade(this, 'model');
    if (!this.model && !this.#loading) this.#begin();
  }

  disconnectedCallback() {
    queueMicrotask(() => this.isConnected || this.#end()); // moved within the page it goes on
  }

  /** @param {Set<string>} names */
  attributesChanged(names) {
    const kinds = new Set([...names].map((name) => ATTRIBUTES[name]));
    const wanted = this.autoload || this.model !== null || this.#loading !== undefined;
    this.#refresh();
    if (kinds.has('model')) {
      if (names.has('src')) this.#given = undefined;
      this.#begin(wanted);
    } else if (!this.model) {
      if (!this.#loading && (this.#wrong || kinds.has('chat') || names.has('autoload'))) this.#begin(wanted);
    } else if (kinds.has('chat')) this.#open(names.has('name') ? undefined : this.#talk?.conversation).catch(ignore);
    else if (this.#checked() && this.#wrong) this.#ready();
  }

  /** What the attributes say, or undefined after showing what is wrong with them. */
  #checked() {
    try {
      return optionsOf(this);
    } catch (e) {
      this.#wrong = true;
      this.#fail(e);
      return undefined;
    }
  }

  /** From the start: with the given model, by loading, or with a button. */
  #begin(load = this.autoload) {
    this.#end();
    const options = this.#checked();
    if (!options) return;
    if (this.#given) {
      this.#holder.take(this.#given);
      this.#open().catch(ignore);
    } else if (load && options.source.length) this.load().catch(ignore);
    else offer(this.#view.card, options, this.#holder.signal, () => void this.load().catch(ignore));
  }

  /** Lets go of the model and the chat. */
  #end() {
    this.#holder.letGo();
    this.#loading = undefined;
    this.#closeTalk();
    this.#view.log.clear();
    this.#view.title('', '');
    this.#refresh();
  }

  /**
   * Loads the model of `src`, or this one.
   * @param {Source} [source]
   * @returns {Promise<void>}
   */
  load(source) {
    if (source === undefined && this.#loading) return this.#loading;
    this.#given = undefined;
    this.#end();
    const loading = this.#load(source).finally(() => {
      if (this.#loading === loading) this.#loading = undefined;
    });
    this.#loading = loading;
    return loading;
  }

  /** @param {Source} [source] */
  async #load(source) {
    const { signal } = this.#holder;
    try {
      const options = optionsOf(this);
      await this.#holder.load(source ?? options.source, { ...options.load, onprogress: this.#progress() });
    } catch (e) {
      if (!signal.aborted) this.#fail(e, { label: 'Try again', run: () => void this.load(source).catch(ignore) });
      throw e;
    }
    await this.#open();
  }

  /** Shows how far it is, and lets the user give up. */
  #progress() {
    const { signal } = this.#holder;
    const { card } = this.#view;
    card.progress('Loading the model', () => {
      this.#begin(false);
      this.#view.write();
    });
    return (/** @type {Progress} */ progress) => {
      if (signal.aborted) return;
      card.advance(progress);
      this.#emit('pal-progress', progress);
    };
  }

  /** @param {readonly import('../template.js').Message[]} [messages] a conversation to go on with */
  #open(messages) {
    const opening = this.#openTalk(messages).finally(() => {
      if (this.#opening === opening) this.#opening = undefined;
    });
    this.#opening = opening;
    return opening;
  }

  /** @param {readonly import('../template.js').Message[]} [messages] */
  async #openTalk(messages) {
    this.#closeTalk();
    const [view, options] = [this.#view, () => optionsOf(this)];
    const talk = new Talk({ view, options, emit: this.#emit.bind(this), fail: this.#fail.bind(this), refresh: this.#refresh.bind(this) });
    this.#talk = talk;
    this.#refresh();
    try {
      if (!this.model) throw new PalError('argument', 'there is no model; load one first');
      this.#view.title(this.model.name, this.model.note);
      await talk.open(this.model, messages);
    } catch (e) {
      const fresh = { label: 'New chat', run: () => void this.newChat().catch(ignore) };
      if (this.#talk === talk) this.#fail(e, e instanceof TypeError ? undefined : fresh);
      throw e;
    }
    if (this.#talk !== talk) throw new DOMException('the chat was replaced', 'AbortError');
    this.#ready();
    this.#emit('pal-ready', { model: this.model, chat: talk.chat });
  }

  #closeTalk() {
    this.#talk?.close();
    this.#talk = undefined;
    this.#view.composer.memory(undefined);
  }

  #ready() {
    this.#wrong = false;
    this.#lost = false;
    this.#view.ready();
    this.#refresh();
  }

  /**
   * Says something; loads the model first if need be.
   * @param {string} text
   * @returns {Promise<string>} the answer; stop() cuts it off
   */
  async send(text) {
    if (typeof text !== 'string' || text.trim() === '') throw new TypeError('send: the message must be a string that is not empty');
    if (this.#sending || this.#talk?.busy) throw new PalError('argument', 'this chat is still answering; wait or stop() first');
    this.#sending = true;
    try {
      if (!this.#talk?.ready) await (this.model ? (this.#opening ?? this.#open(this.#talk?.conversation)) : this.load());
    } finally {
      this.#sending = false;
    }
    if (this.#view.composer.text === text) this.#view.composer.text = '';
    return this.#working().answer('send', text);
  }

  /** Ends the answer; what was written stays. */
  stop() {
    this.#talk?.stop();
  }

  /** Another answer to the last message. */
  regenerate() {
    return this.#working().answer('regenerate');
  }

  /** Goes on with an answer that was cut off. */
  continue() {
    return this.#working().answer('continue');
  }

  #working() {
    if (!this.#talk?.ready) throw new PalError('argument', 'there is no chat yet; load a model first');
    return this.#talk;
  }

  /** Forgets the conversation, its saved copy too. */
  async newChat() {
    await this.#talk?.forget();
    await this.#open([]);
    this.#view.write();
  }

  clear() {
    return this.newChat();
  }

  /** @param {FocusOptions} [options] */
  focus(options) {
    this.#view.composer.input.focus(options);
  }

  #refresh() {
    const { composer, fresh } = this.#view;
    this.#view.state(this.#talk?.busy ?? false, this.disabled);
    composer.input.placeholder = this.getAttribute('placeholder') ?? 'Message';
    fresh.hidden = !this.#talk?.ready;
  }

  /** After the worker was lost. */
  async #revive() {
    const { signal } = this.#holder;
    try {
      await this.model?.revive({ signal, onprogress: this.#progress() });
      this.#talk?.show();
      this.#ready();
    } catch (e) {
      if (!signal.aborted) this.#fail(e, { label: 'Load again', run: () => void this.#revive() });
    }
  }

  /** @param {unknown} error @param {{ label: string, run: () => void }} [action] */
  #fail(error, action) {
    const lost = error instanceof PalError && error.code === 'lost';
    this.#view.card.fail(error, lost ? { label: 'Load again', run: () => void this.#revive() } : action);
    if (!lost || !this.#lost) this.#emit('pal-error', { error }); // told by the model, and by the answer it cut off
    this.#lost = lost;
  }

  /** @param {string} type @param {unknown} detail */
  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail, bubbles: true, composed: true }));
  }
}

if (globalThis.customElements && !customElements.get('pal-chat')) customElements.define('pal-chat', PalChat);
