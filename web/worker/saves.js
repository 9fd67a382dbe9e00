/** Saved chats in OPFS: two files of constant size a name, written in turn, so that a tab that dies while it writes leaves
 *  the one before whole. A file is a number that counts up (8 bytes) and the block of saved.js. */
import { PalError } from '../errors.js';

const FOLDER = 'palimpsest-chats';
export const HEAD = 8;

/** @param {string} name @param {number} slot */
export const fileName = (name, slot) => `${encodeURIComponent(name)}.${slot}`;

/** Where they lie. @param {{ create?: boolean }} [options] @returns {Promise<FileSystemDirectoryHandle>} */
export async function folder(options) {
  if (!navigator.storage?.getDirectory) throw new PalError('unsupported', 'chats cannot be saved here: this browser gives pages no files (OPFS needs https or localhost, and no private window)');
  return (await navigator.storage.getDirectory()).getDirectoryHandle(FOLDER, options);
}

/**
 * Runs `work` alone: no other tab writes this chat meanwhile.
 * @template T
 * @param {string} name
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
const alone = async (name, work) => (navigator.locks ? navigator.locks.request(`palimpsest chat ${name}`, work) : work());

/** The two files of a name: their counts, 0 for none. @param {FileSystemDirectoryHandle} at @param {string} name */
async function slots(at, name) {
  const list = [];
  for (const slot of [0, 1]) {
    const handle = await at.getFileHandle(fileName(name, slot)).catch(() => undefined);
    const file = await handle?.getFile();
    const head = file && file.size > HEAD ? new DataView(await file.slice(0, HEAD).arrayBuffer()) : undefined;
    list.push({ slot, file, count: head ? Number(head.getBigUint64(0, true)) : 0 });
  }
  return list;
}

/**
 * Saves over the older of the two files.
 * @param {string} name
 * @param {() => Uint8Array[]} pieces the block, in pieces (views of wasm memory: taken just before they are written)
 * @returns {Promise<number>} bytes that both files take
 */
export async function writeSave(name, pieces) {
  return alone(name, async () => {
    const at = await folder({ create: true });
    const [a, b] = await slots(at, name);
    const [older, newer] = a.count <= b.count ? [a, b] : [b, a];
    const handle = await at.getFileHandle(fileName(name, older.slot), { create: true });
    const access = await /** @type {any} */ (handle).createSyncAccessHandle();
    try {
      const zero = new Uint8Array(HEAD);
      access.write(zero, { at: 0 }); // worth nothing until it is whole
      let end = HEAD;
      for (const bytes of pieces()) {
        const written = access.write(bytes, { at: end });
        if (written < bytes.length) throw new DOMException('', 'QuotaExceededError');
        end += written;
      }
      access.truncate(end);
      access.flush();
      new DataView(zero.buffer).setBigUint64(0, BigInt(newer.count + 1), true);
      access.write(zero, { at: 0 });
      access.flush();
      return 2 * end;
    } catch (e) {
      if (e instanceof DOMException && e.name === 'QuotaExceededError') throw new PalError('quota', `the chat '${name}' could not be saved: the browser has no room for it; delete models or chats`);
      throw e;
    } finally {
      access.close();
    }
  });
}

/** The blocks saved under a name, newest first. @param {string} name @returns {Promise<Uint8Array[]>} */
export async function readSaves(name) {
  return alone(name, async () => {
    const blocks = [];
    const list = (await slots(await folder({ create: true }), name)).filter((s) => s.count > 0);
    for (const { file } of list.sort((x, y) => y.count - x.count)) {
      blocks.push(new Uint8Array(await /** @type {File} */ (file).slice(HEAD).arrayBuffer()));
    }
    return blocks;
  });
}
