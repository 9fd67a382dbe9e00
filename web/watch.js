/** Pictures of what a chat remembers, given to those who watch: often enough to see it live, seldom enough to cost little. */
import { ChangeReader } from './changes.js';
import { PalError, checkNames } from './errors.js';
import { guarded } from './events.js';

/**
 * @typedef {{ layer?: number | 'mean', everyMs?: number }} WatchOptions layer: of one layer, or of all ['mean']; everyMs: at most
 *   one snapshot in so many milliseconds while it reads or answers [80]
 * @typedef {{ position: number, id: number, text: string, role: string }} Text role: system, user, assistant, or template
 * @typedef {import('./attention.js').Attention & { seen: number, texts: Text[], state?: import('./changes.js').State }} Snapshot
 *   texts: tokens that were read since the last snapshot, in the first one all that are known. After regenerate() `seen` is
 *   less than before, and the positions from there on come again. Of a layer without a cache `state` tells how much each token
 *   changed it, and attention is the share of all changes.
 * @typedef {{ fn: (snapshot: Snapshot) => void, layer: number | 'mean', everyMs: number, at: number, next: number, changes?: ChangeReader }} Watcher
 *   next: first position whose text was not told; changes: of what has no cache
 */

export class Watchers {
  /**
   * @param {import('./session.js').Session} session
   * @param {import('./tokenlog.js').TokenLog} log
   */
  constructor(session, log) {
    this.session = session;
    this.log = log;
    /** @type {Set<Watcher>} */
    this.list = new Set();
  }

  /**
   * @param {(snapshot: Snapshot) => void} fn
   * @param {WatchOptions} [options]
   * @returns {() => void}
   */
  add(fn, options = {}) {
    checkNames(options, ['layer', 'everyMs'], 'watch');
    const { layer = 'mean', everyMs = 80 } = options;
    if (typeof fn !== 'function') throw new TypeError(`watch: a function is needed, not ${fn}`);
    if (layer !== 'mean' && typeof layer !== 'number') throw new TypeError(`watch: layer must be 'mean' or a number, not ${layer}`);
    if (!(everyMs >= 0)) throw new TypeError(`watch: everyMs must be a number of at least 0, not ${everyMs}`);
    /** @type {Watcher} */
    const watcher = { fn, layer, everyMs, at: -Infinity, next: 0, changes: this.changesOf(layer) };
    this.list.add(watcher);
    if (!this.idle && this.session.seen > 0) this.show(watcher);
    return () => void this.list.delete(watcher);
  }

  /** Of layers without a cache; of all when no layer has one. @param {number | 'mean'} layer */
  changesOf(layer) {
    const { session } = this;
    const caches = session.model.layers(session.words).flatMap(({ kind }, i) => (kind === 'attention' ? [i] : []));
    if (layer === 'mean' ? caches.length : caches.includes(layer)) return undefined;
    const layers = session.stateLayers().filter((l) => layer === 'mean' || l.layer === layer);
    if (!layers.length) throw new PalError('argument', `layer ${layer} has no state`);
    return new ChangeReader(session, layers);
  }

  get idle() {
    return this.session.closed || this.session.parked !== undefined;
  }

  /** After each chunk and token; `all`: whatever was not shown yet, now. @param {boolean} [all] */
  look(all = false) {
    if (!this.list.size || this.idle) return;
    const now = performance.now();
    const { seen } = this.session;
    for (const watcher of this.list) {
      watcher.changes?.step();
      if (all ? watcher.next !== seen : now - watcher.at >= watcher.everyMs) this.show(watcher);
    }
  }

  /** @param {Watcher} watcher */
  show(watcher) {
    const { session, log } = this;
    const { tokenizer } = session.model;
    const { seen } = session;
    const texts = log.since(Math.min(watcher.next, seen)).map((t) => ({ ...t, text: tokenizer?.spelling(t.id) ?? '' }));
    watcher.next = seen;
    watcher.at = performance.now();
    const snapshot = { seen, ...(watcher.changes?.read(watcher.layer) ?? session.attention(watcher.layer)), texts };
    guarded(() => watcher.fn(snapshot));
  }

  /** The session went back: what it reads from here on is new. */
  rewind() {
    const { seen } = this.session;
    this.log.rewind(seen);
    for (const watcher of this.list) this.show(watcher);
  }
}
