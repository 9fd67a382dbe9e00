/** Node: a GGUF file, or all parts of a split one, as parts to read. */
import { open, stat } from 'node:fs/promises';
import path from 'node:path';
import { PalError } from './errors.js';
import { partNames } from './split.js';

/** @typedef {import('./file.js').Part} Part */

const LIMIT = 2 ** 32 - 2 ** 20;

/**
 * @param {string} file a .gguf file; of a split model the first part (-00001-of-0000N)
 * @returns {Promise<Part[]>}
 */
export async function nodeParts(file) {
  const names = partNames(path.basename(file)).map((name) => path.join(path.dirname(file), name));
  const parts = [];
  for (const name of names) parts.push(await nodePart(name, names.length));
  return parts;
}

/**
 * @param {string} file
 * @param {number} count
 * @returns {Promise<Part>}
 */
async function nodePart(file, count) {
  const info = await stat(file).catch((/** @type {NodeJS.ErrnoException} */ e) => {
    const why = e.code === 'ENOENT' ? 'no such file' : e.message;
    throw new PalError('file', `${file}: ${why}${count > 1 ? ` (a split model needs all its ${count} parts in one folder)` : ''}`);
  });
  if (info.isDirectory()) throw new PalError('file', `${file}: is a folder; give the .gguf file in it (for a folder of safetensors: palimpsest convert)`);
  if (info.size === 0) throw new PalError('file', `${file}: is empty; download it again`);
  if (info.size > LIMIT) throw new PalError('memory', `${file}: has ${info.size} bytes, 32-bit wasm ends at 4 GiB; take a smaller quantisation`);
  return { name: file, size: info.size, read: (offset, target) => readInto(file, offset, target) };
}

/**
 * @param {string} file
 * @param {number} offset
 * @param {Uint8Array} target filled whole
 */
async function readInto(file, offset, target) {
  const handle = await open(file, 'r');
  try {
    let done = 0;
    while (done < target.length) {
      const { bytesRead } = await handle.read(target, done, target.length - done, offset + done);
      if (bytesRead === 0) throw new PalError('file', `${file}: ends at byte ${offset + done}; it became shorter while it was read`);
      done += bytesRead;
    }
  } finally {
    await handle.close();
  }
}
