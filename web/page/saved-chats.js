/** The chats that this site has saved in the browser (OPFS). To open one: model.open(name). */
import { HEAD_BYTES, headerBytes, peek } from '../saved.js';
import { HEAD, fileName, folder } from '../worker/saves.js';

/** undefined: nothing was saved yet, or nothing can be. */
const existing = () => folder().catch(() => undefined);

/** @param {Blob} save @returns {Promise<{ model: string, messages: number } | undefined>} undefined: cut off while it was written */
async function headerOf(save) {
  const bytes = async (/** @type {number} */ n) => new Uint8Array(await save.slice(0, n).arrayBuffer());
  try {
    return peek(await bytes(headerBytes(await bytes(HEAD_BYTES))));
  } catch {
    return undefined;
  }
}

/** @typedef {{ name: string, bytes: number, savedAt: Date, model: string, messages: number }} SavedChat */

export const chats = {
  /** Newest first; bytes: what both copies of a chat take. @returns {Promise<SavedChat[]>} */
  async list() {
    /** @type {Map<string, SavedChat>} */
    const found = new Map();
    for await (const [entry, handle] of (await existing())?.entries() ?? []) {
      const name = decodeURIComponent(entry.replace(/\.[01]$/, ''));
      const file = await /** @type {FileSystemFileHandle} */ (handle).getFile();
      const bytes = (found.get(name)?.bytes ?? 0) + file.size;
      const savedAt = new Date(file.lastModified);
      const header = await headerOf(file.slice(HEAD));
      const known = found.get(name);
      if (known) known.bytes = bytes;
      if (header && (!known || known.savedAt < savedAt)) found.set(name, { name, bytes, savedAt, model: header.model, messages: header.messages });
    }
    return [...found.values()].sort((a, b) => b.savedAt.getTime() - a.savedAt.getTime());
  },

  /** @param {string} name */
  async delete(name) {
    const at = await existing();
    for (const slot of [0, 1]) await at?.removeEntry(fileName(name, slot)).catch(() => {});
  },

  async clear() {
    for (const { name } of await this.list()) await this.delete(name);
  },
};
