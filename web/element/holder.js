/** The model of one element. Elements may share one: the last that lets go closes it, if an element loaded it. */
import { Model } from '../browser.js';

/** @typedef {string | URL | Blob | readonly (string | URL | Blob)[]} Source */

/** @type {WeakMap<Model, number>} models that elements loaded: how many hold them */
const holders = new WeakMap();

export class Holder {
  /** @param {(event: { message: string }) => void} onlost the worker died */
  constructor(onlost) {
    this.onlost = onlost;
    /** @type {Model | undefined} */
    this.model = undefined;
    /** Ends when the model is let go, or its loading is given up. */
    this.life = new AbortController();
    this.unlisten = () => {};
  }

  get signal() {
    return this.life.signal;
  }

  /**
   * @param {Source} source
   * @param {import('../page/model.js').LoadOptions} options
   */
  async load(source, options) {
    const { signal } = this;
    if (Array.isArray(source) && source.length === 0) throw new TypeError('src is missing: give the URL of a .gguf file');
    const model = await Model.load(source, { ...options, signal });
    if (signal.aborted) model.close();
    signal.throwIfAborted();
    holders.set(model, 0);
    this.take(model);
  }

  /** @param {Model} model */
  take(model) {
    const n = holders.get(model);
    if (n !== undefined) holders.set(model, n + 1);
    this.model = model;
    this.unlisten = model.on('lost', this.onlost);
  }

  letGo() {
    this.life.abort();
    this.life = new AbortController();
    const { model } = this;
    if (!model) return;
    this.unlisten();
    this.model = undefined;
    const n = holders.get(model);
    if (n === undefined) return;
    holders.set(model, n - 1);
    if (n === 1) model.close();
  }
}
