/** What is kept of models in this origin's private file system, for pages: list, measure, delete. */
import { PalError } from '../errors.js';
import { DATA, FOLDER, JOURNAL, bytesOf, isComplete, keyOf, lockName, parseJournal } from './journal.js';

/**
 * @typedef {object} Kept
 * @property {string} url
 * @property {number} size bytes of the file; 0 while the server has not said it
 * @property {number} have bytes that are here
 * @property {boolean} complete
 * @property {Date} usedAt
 */

/** The folder of models, undefined while there is none. @returns {Promise<FileSystemDirectoryHandle | undefined>} */
async function folder() {
  try {
    return await (await navigator.storage.getDirectory()).getDirectoryHandle(FOLDER);
  } catch {
    return undefined; // nothing was kept yet, or this browser keeps nothing
  }
}

/** @returns {AsyncGenerator<[string, FileSystemDirectoryHandle]>} */
async function* entries() {
  const models = await folder();
  if (!models) return;
  for await (const [key, handle] of /** @type {any} */ (models).entries()) yield [key, handle];
}

/**
 * A file that a worker may be writing: a snapshot, which is void as soon as more is written.
 * @template T
 * @param {FileSystemDirectoryHandle} model
 * @param {string} name
 * @param {(file: File) => T | Promise<T>} use
 * @returns {Promise<T | undefined>}
 */
async function look(model, name, use) {
  for (let tries = 0; ; tries++) {
    try {
      return await use(await (await model.getFileHandle(name)).getFile());
    } catch (e) {
      if (/** @type {any} */ (e).name === 'NotFoundError') return undefined;
      if (tries === 9) throw e;
    }
  }
}

/**
 * Deletes one copy, unless a tab is loading it.
 * @param {FileSystemDirectoryHandle} models
 * @param {string} key
 * @returns {Promise<boolean>}
 */
async function remove(models, key) {
  const removed = await navigator.locks.request(lockName(key), { ifAvailable: true }, async (lock) => {
    if (!lock) return false;
    await models.removeEntry(key, { recursive: true }).catch((e) => {
      if (e.name !== 'NotFoundError') throw e;
    });
    return true;
  });
  return removed;
}

const busy = (/** @type {string} */ what) => new PalError('busy', `${what} is being loaded by a tab; delete it when that has ended`);

export const cache = {
  /** @returns {Promise<Kept[]>} the one used last first */
  async list() {
    /** @type {Kept[]} */
    const list = [];
    for await (const [, model] of entries()) {
      const kept = await look(model, JOURNAL, async (file) => {
        const found = parseJournal(await file.text());
        if (!found) return undefined;
        const { journal } = found;
        return { url: journal.url, size: journal.size, have: bytesOf(journal), complete: isComplete(journal), usedAt: new Date(file.lastModified) };
      });
      if (kept) list.push(kept);
    }
    return list.sort((a, b) => b.usedAt.getTime() - a.usedAt.getTime());
  },

  /** Bytes that all copies take. */
  async size() {
    let sum = 0;
    for await (const [, model] of entries()) {
      for (const name of [DATA, JOURNAL]) sum += (await look(model, name, (file) => file.size)) ?? 0;
    }
    return sum;
  },

  /**
   * Deletes the copy of one URL (of a split model: of each part). Nothing happens when there is none.
   * @param {string | URL} url
   */
  async delete(url) {
    const models = await folder();
    const place = new URL(url, location.href);
    place.hash = '';
    if (models && !(await remove(models, await keyOf(place.href)))) throw busy(place.href);
  },

  /** Deletes all copies. */
  async clear() {
    const models = await folder();
    let left = 0;
    const keys = [];
    for await (const [key] of entries()) keys.push(key);
    for (const key of keys) if (models && !(await remove(models, key))) left++;
    if (left) throw busy(left === 1 ? 'a model' : `${left} files`);
  },

  /** Asks the browser to keep everything until the user deletes it. */
  persist: () => navigator.storage.persist(),

  /** Bytes used and granted, of this origin as a whole. */
  async estimate() {
    const { usage = 0, quota = 0 } = await navigator.storage.estimate();
    return { usage, quota };
  },
};
