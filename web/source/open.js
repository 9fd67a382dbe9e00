/** From what a caller names (URL, File, all parts of a split model) to parts that can be read. */
import { PalError, checkNames } from '../errors.js';
import { BlobPart } from './blob.js';
import { Digest } from './digest.js';
import { Remote } from './http.js';
import { Restart, Untrusted } from './line.js';
import { RemotePart } from './part.js';
import { digestsOf, isBlob, placesOf } from './places.js';
import { spool } from './spool.js';
import { STEP } from '../file.js';
import { Store } from './store.js';

/**
 * @typedef {import('../engine.js').Engine} Engine
 * @typedef {import('../file.js').From} From
 * @typedef {true | 'refresh' | 'only' | false} Cache
 *
 * @typedef {object} SourceOptions
 * @property {AbortSignal} [signal]
 * @property {(progress: { loaded: number, total: number, from: From }) => void} [onprogress]
 * @property {string | string[]} [sha256] of the file, or of each part
 * @property {Cache} [cache] [true]
 *
 * @typedef {object} SourceEnv
 * @property {Engine} engine
 * @property {import('../model.js').Breathe} breathe
 * @property {number} [stallMs] no byte for so long: ask again [30000]
 * @property {number} [backoffMs] wait before the second try; doubles [500]
 * @property {(url: string) => void} [onwait] another tab is using the kept copy: its end is awaited
 * @property {Set<string>} [failed] names of files whose checksum was wrong before
 *
 * @typedef {object} Opened one part and what belongs to it
 * @property {RemotePart | BlobPart} part
 * @property {string} expected digest, or ''
 * @property {Store} [store]
 * @property {Remote} [remote]
 */

export const SOURCE_NAMES = ['signal', 'onprogress', 'sha256', 'cache'];
const CACHES = [true, false, 'refresh', 'only'];
const PARALLEL = 3;

/** A model's files, opened: `parts` to read, then `finish()` or `discard()`. */
export class Files {
  /**
   * @param {SourceOptions} options
   * @param {SourceEnv} env
   */
  constructor(options, env) {
    this.options = options;
    this.env = env;
    this.cache = options.cache ?? true;
    /** What a user should know though it worked. */
    this.note = '';
    /** @type {Map<string, Store>} */
    this.stores = new Map();
    /** @type {Opened[]} */
    this.opened = [];
  }

  get parts() {
    return this.opened.map(({ part }) => part);
  }

  /** @param {(string | Blob)[]} places @param {string[]} digests */
  async open(places, digests) {
    await this.openStores(places.filter((place) => !isBlob(place) && /^https?:/.test(place)));
    const todo = places.entries();
    const worker = async () => {
      for (const [i, place] of todo) {
        this.opened[i] = isBlob(place) ? this.openBlob(place, digests[i]) : await this.openUrl(place, digests[i], places.length === 1);
      }
    };
    const ends = await Promise.allSettled(Array.from({ length: PARALLEL }, worker));
    for (const end of ends) if (end.status === 'rejected') throw end.reason;
  }

  /** Kept copies are locked in the order of their names, so that two tabs cannot wait for each other. @param {any[]} urls */
  async openStores(urls) {
    if (!this.cache || !urls.length) return;
    const why = await Store.missing();
    if (why && this.cache === 'only') throw new PalError('offline', `${urls[0]}: ${why}, so nothing is kept; load it with cache: true`);
    if (why) this.note = `${why}: the model was loaded but not kept`;
    else for (const url of [...urls].sort()) await this.openStore(url);
  }

  /** @param {string} url */
  async openStore(url) {
    const { signal } = this.options;
    try {
      this.stores.set(url, await Store.open(url, signal, () => this.env.onwait?.(url)));
    } catch (e) {
      signal?.throwIfAborted();
      if (e instanceof PalError || this.cache === 'only') throw e;
      this.note = `${url} was loaded but not kept: the browser's storage failed (${/** @type {Error} */ (e).message})`;
    }
  }

  /** @param {Blob} blob @param {string} expected @returns {Opened} */
  openBlob(blob, expected) {
    return { part: new BlobPart(blob, expected ? new Digest(this.env.engine) : undefined), expected };
  }

  /**
   * @param {string} url
   * @param {string} expected
   * @param {boolean} alone
   * @returns {Promise<Opened>}
   */
  async openUrl(url, expected, alone) {
    const { engine, breathe } = this.env;
    const store = this.stores.get(url);
    const remote = new Remote(url, this.env);
    remote.proven = expected !== '';
    if (store) this.doubt(store, expected);
    const size = await this.ask(remote, store, alone);
    const digest = expected && store?.journal.sha256 !== expected ? new Digest(engine) : undefined;
    const part = new RemotePart(engine, remote, size, { store, digest, network: this.cache !== 'only', alone, breathe });
    return { part, expected, store, remote };
  }

  /**
   * Forgets a kept copy that cannot be gone on with.
   * @param {Store} store
   * @param {string} expected
   */
  doubt(store, expected) {
    const { size, version, sha256 } = store.journal;
    const other = expected !== '' && sha256 !== '' && sha256 !== expected;
    // Nothing would tell whether the server still has the same file: its second half may be of another one.
    const unnamed = !store.complete && !expected && !version.etag && !version.modified;
    if (other || unnamed || !size) store.begin(0, version);
  }

  /**
   * Asks the server as far as the mode of the cache wants it; the size.
   * @param {Remote} remote
   * @param {Store | undefined} store
   * @param {boolean} alone
   * @returns {Promise<number>}
   */
  async ask(remote, store, alone) {
    const { url } = remote;
    const { signal, onprogress } = this.options;
    const kept = store?.journal.size ?? 0;
    if (this.cache === 'only' && !store?.complete) throw new PalError('offline', `${url}: is not kept here${store?.have ? ` in full (${store.have} of ${kept} bytes)` : ''}; load it once with cache: true`);
    if (store && kept) {
      remote.size = kept;
      remote.version = store.journal.version;
      if (store.complete && this.cache !== 'refresh') return kept;
    }
    const from = store ? firstMissing(store) : 0;
    try {
      await remote.start(from, alone ? Infinity : from + 1, signal);
    } catch (e) {
      if (e instanceof PalError && e.code === 'offline' && store?.complete) {
        this.note = `${url} cannot be reached: the kept copy is used, without asking whether there is a newer one`;
        return kept;
      }
      if (!(e instanceof Restart) || !store) throw e;
      store.begin(0, store.journal.version);
      remote.forget();
      await remote.start(0, alone ? Infinity : 1, signal);
    }
    if (!alone || store?.complete) remote.hangUp();
    if (remote.size === 0) throw new PalError('download', `${url}: is empty on the server`);
    if (remote.size === undefined) return spool(remote, store, this.env.engine, signal, onprogress);
    if (store && !store.have) store.begin(remote.size, remote.version ?? { etag: null, modified: null });
    return remote.size;
  }

  /** All bytes are in memory: compares the checksums and lets go of everything. */
  async finish() {
    for (const { part, expected, store, remote } of this.opened) {
      if (!expected || !part.digest) continue;
      const found = part.digest.end();
      if (found === expected) store?.setDigest(found);
      else await this.refuse(part.name, expected, found, store, remote !== undefined);
    }
    await this.discard();
  }

  /**
   * A wrong checksum: the copy goes; once the file is fetched anew.
   * @param {string} name
   * @param {string} expected
   * @param {string} found
   * @param {Store | undefined} store
   * @param {boolean} again can it be fetched again?
   */
  async refuse(name, expected, found, store, again) {
    const { failed } = this.env;
    await store?.drop();
    if (again && failed && !failed.has(name)) {
      failed.add(name);
      throw new Restart(`${name}: its checksum is wrong`);
    }
    throw new PalError('integrity', `${name}: its SHA-256 is ${found}, and ${expected} is expected; nothing of it is used or kept. Get the file anew from its author, or correct the sha256 option`);
  }

  /** Lets go of everything. @param {{ drop?: boolean }} [options] drop: and deletes the kept copies */
  async discard({ drop = false } = {}) {
    for (const { remote } of this.opened.filter(Boolean)) remote?.hangUp();
    for (const store of this.stores.values()) await (drop ? store.drop() : store.close());
  }
}

/** First byte that is not kept; of a complete copy the last one. @param {Store} store */
function firstMissing({ complete, journal: { pieces, size } }) {
  if (complete) return size - 1;
  let i = 0;
  while (pieces[i]) i++;
  return i * STEP;
}

/**
 * Opens the files of one model. The caller reads `parts`, then calls `finish()`; or `discard()` when it fails.
 * @param {import('./places.js').Source} source
 * @param {SourceOptions} options
 * @param {SourceEnv} env
 */
export async function openParts(source, options, env) {
  checkNames(options, SOURCE_NAMES, 'Model.load');
  if (options.cache !== undefined && !CACHES.includes(options.cache)) throw new TypeError('cache: true, \'refresh\', \'only\' or false');
  const places = placesOf(source);
  const files = new Files(options, env);
  try {
    await files.open(places, digestsOf(options.sha256, places.length));
    return files;
  } catch (e) {
    await files.discard({ drop: e instanceof Untrusted || (e instanceof PalError && e.code === 'quota') });
    throw e;
  }
}
