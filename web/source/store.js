/** A file kept in the origin's private file system (OPFS): its bytes, and a journal with a hash of each piece. The pieces
 *  are not flushed one by one: after a crash the hash tells which of them arrived. Worker only. */
import { PalError } from '../errors.js';
import { STEP } from '../file.js';
import { DATA, FOLDER, JOURNAL, bytesOf, digestLine, firstLine, isComplete, keyOf, lockName, parseJournal, pieceLine, sizeLine } from './journal.js';

/**
 * @typedef {object} Handle a FileSystemSyncAccessHandle
 * @property {(bytes: Uint8Array, options: { at: number }) => number} read
 * @property {(bytes: Uint8Array, options: { at: number }) => number} write
 * @property {(bytes: number) => void} truncate
 * @property {() => number} getSize
 * @property {() => void} flush
 * @property {() => void} close
 *
 * @typedef {import('./journal.js').Journal} Journal
 */

const mb = (/** @type {number} */ n) => `${(n / 1e6).toFixed(1)} MB`;

/** @param {FileSystemDirectoryHandle} folder @param {string} name @returns {Promise<Handle>} */
async function openHandle(folder, name) {
  const file = /** @type {any} */ (await folder.getFileHandle(name, { create: true }));
  for (let tries = 0; ; tries++) {
    try {
      return await file.createSyncAccessHandle();
    } catch (e) {
      if (/** @type {any} */ (e).name !== 'NoModificationAllowedError' || tries === 20) throw e;
      await new Promise((resolve) => setTimeout(resolve, 100)); // a worker that has just ended still holds it for a moment
    }
  }
}

/**
 * Waits until no other tab or worker uses the file.
 * @param {string} name
 * @param {AbortSignal | undefined} signal
 * @param {() => void} onwait
 * @returns {Promise<() => void>} gives the lock back
 */
async function lock(name, signal, onwait) {
  const hold = (/** @type {LockOptions} */ options) => new Promise((resolve, reject) => {
    navigator.locks.request(name, options, (got) => (got ? new Promise((release) => resolve(release)) : resolve(undefined))).catch(reject);
  });
  const at_once = await hold({ ifAvailable: true });
  if (at_once) return at_once;
  onwait();
  return hold({ signal });
}

export class Store {
  /**
   * @param {string} url
   * @param {FileSystemDirectoryHandle} models
   * @param {string} key
   * @param {() => void} unlock
   */
  constructor(url, models, key, unlock) {
    this.url = url;
    this.models = models;
    this.key = key;
    this.unlock = unlock;
    /** @type {Handle} */
    this.data = /** @type {any} */ (undefined);
    /** @type {Handle} */
    this.log = /** @type {any} */ (undefined);
    this.closed = false;
    /** Where the next line of the journal goes. */
    this.end = 0;
    /** @type {Journal} */
    this.journal = { url, size: 0, version: { etag: null, modified: null }, pieces: [], sha256: '' };
  }

  /**
   * Can this browser keep files at all? The reason if not.
   * @returns {Promise<string>}
   */
  static async missing() {
    if (!navigator.storage?.getDirectory || !navigator.locks) return 'this page has no private file system (it needs https)';
    try {
      await navigator.storage.getDirectory();
    } catch {
      return 'this browser gives no private file system (a private window?)';
    }
    return '';
  }

  /**
   * @param {string} url
   * @param {AbortSignal} [signal]
   * @param {() => void} [onwait] called when another tab uses the file
   */
  static async open(url, signal, onwait = () => {}) {
    const key = await keyOf(url);
    const unlock = await lock(lockName(key), signal, onwait);
    /** @type {Store | undefined} */
    let store;
    try {
      const models = await (await navigator.storage.getDirectory()).getDirectoryHandle(FOLDER, { create: true });
      store = new Store(url, models, key, unlock);
      await store.openFiles();
      return store;
    } catch (e) {
      store?.data?.close();
      store?.log?.close();
      unlock();
      throw e;
    }
  }

  async openFiles() {
    const folder = await this.models.getDirectoryHandle(this.key, { create: true });
    this.data = await openHandle(folder, DATA);
    this.log = await openHandle(folder, JOURNAL);
    const bytes = new Uint8Array(this.log.getSize());
    this.log.read(bytes, { at: 0 });
    const found = parseJournal(new TextDecoder().decode(bytes));
    if (!found || found.journal.url !== this.url) return this.begin(0, { etag: null, modified: null });
    this.journal = found.journal;
    this.end = new TextEncoder().encode(new TextDecoder().decode(bytes).slice(0, found.length)).length;
    this.log.truncate(this.end);
    if (this.end) this.log.write(bytes.subarray(0, 1), { at: 0 }); // its date is the day of the last use
  }

  get complete() {
    return isComplete(this.journal);
  }

  /** Bytes that are there. */
  get have() {
    return bytesOf(this.journal);
  }

  /**
   * Forgets what is there, and reserves the room for `size` bytes: what will not fit is refused before the download.
   * @param {number} size
   * @param {import('./answer.js').Version} version
   */
  begin(size, version) {
    this.journal = { url: this.url, size, version, pieces: [], sha256: '' };
    this.end = 0;
    this.log.truncate(0);
    this.data.truncate(0);
    this.guard(() => this.data.truncate(size), size);
    this.note(firstLine(this.journal));
  }

  /** @param {string} line */
  note(line) {
    const bytes = new TextEncoder().encode(line);
    this.put(this.log, bytes, this.end);
    this.end += bytes.length;
  }

  /**
   * @param {Handle} handle
   * @param {Uint8Array} bytes
   * @param {number} at
   */
  put(handle, bytes, at) {
    this.guard(() => {
      if (handle.write(bytes, { at }) !== bytes.length) throw new DOMException('it wrote less than it was given', 'QuotaExceededError');
    }, at + bytes.length);
  }

  /**
   * @param {() => void} change
   * @param {number} bytes needed for it
   */
  guard(change, bytes) {
    try {
      change();
    } catch (e) {
      const { name, message } = /** @type {Error} */ (e);
      const [code, what] = name === 'QuotaExceededError' ? ['quota', 'has no room for it'] : ['file', 'failed'];
      throw new PalError(code, `${this.url}: keeping it needs ${mb(Math.max(bytes, this.journal.size))}, and the browser's storage ${what} (${message}); delete models that are kept here (cache.list(), cache.delete(url)), or load with cache: false`);
    }
  }

  /** @param {number} i piece @param {Uint8Array} bytes @param {string} hash */
  write(i, bytes, hash) {
    this.put(this.data, bytes, i * STEP);
    this.note(pieceLine(i, hash));
    this.journal.pieces[i] = hash;
  }

  /** @param {number} i piece @param {Uint8Array} target @returns {boolean} false: it is not there in full */
  read(i, target) {
    return this.data.read(target, { at: i * STEP }) === target.length;
  }

  /** @param {number} size now known */
  setSize(size) {
    this.note(sizeLine(size));
    this.journal.size = size;
  }

  /** @param {string} hex digest that was found over all bytes */
  setDigest(hex) {
    this.note(digestLine(hex));
    this.journal.sha256 = hex;
  }

  close() {
    if (this.closed) return;
    this.closed = true;
    this.data.flush();
    this.data.close();
    this.log.flush();
    this.log.close();
    this.unlock();
  }

  /** Deletes the copy. */
  async drop() {
    if (this.closed) return;
    this.closed = true;
    this.data.close();
    this.log.close();
    await this.models.removeEntry(this.key, { recursive: true });
    this.unlock();
  }
}
