/** Named events: on(name, fn) gives the function that ends it. */
import { unknown } from './errors.js';

/** @template {Record<string, any>} T names and what comes with each */
export class Events {
  /** @param {readonly (keyof T & string)[]} names */
  constructor(names) {
    this.names = names;
    /** @type {Map<string, Set<(value: any) => void>>} */
    this.listeners = new Map(names.map((name) => [name, new Set()]));
  }

  /** @param {string} name */
  of(name) {
    const found = this.listeners.get(name);
    if (!found) throw new TypeError(unknown('event', name, this.names));
    return found;
  }

  /**
   * @template {keyof T & string} N
   * @param {N} name
   * @param {(value: T[N]) => void} fn
   * @returns {() => void}
   */
  on(name, fn) {
    if (typeof fn !== 'function') throw new TypeError(`on '${name}': a function is needed, not ${fn}`);
    const listener = (/** @type {T[N]} */ value) => fn(value); // the same function may listen twice
    const listeners = this.of(name);
    listeners.add(listener);
    return () => void listeners.delete(listener);
  }

  /** Does anyone listen? @param {keyof T & string} name */
  has(name) {
    return this.of(name).size > 0;
  }

  /**
   * @template {keyof T & string} N
   * @param {N} name
   * @param {T[N]} value
   */
  emit(name, value) {
    for (const listener of [...this.of(name)]) guarded(() => listener(value));
  }
}

/** A listener's mistake is reported as its own; it does not break the answer. @param {() => void} fn */
export function guarded(fn) {
  try {
    fn();
  } catch (e) {
    queueMicrotask(() => {
      throw e;
    });
  }
}
