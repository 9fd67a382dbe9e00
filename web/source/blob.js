/** A File or Blob as a part of a model. */
import { PalError } from '../errors.js';
import { Reader } from './reader.js';
import { nameOf } from './places.js';

/**
 * @typedef {import('../file.js').ReadOptions} ReadOptions
 * @typedef {import('./digest.js').Digest} Digest
 */

export class BlobPart {
  /**
   * @param {Blob} blob
   * @param {Digest} [digest]
   */
  constructor(blob, digest) {
    this.blob = blob;
    this.digest = digest;
    this.name = nameOf(blob);
    this.size = blob.size;
    if (!this.size) throw new PalError('file', `${this.name}: is empty`);
  }

  /**
   * @param {number} offset
   * @param {Uint8Array} target of wasm memory
   * @param {ReadOptions} options
   */
  async read(offset, target, { signal, onbytes }) {
    const reader = new Reader(this.blob.slice(offset, offset + target.length).stream());
    for (let done = 0; done < target.length; ) {
      signal?.throwIfAborted();
      const chunk = await reader.next(target.length - done).catch((/** @type {Error} */ e) => {
        throw new PalError('file', `${this.name}: could not be read (${e.message}); it was moved or changed: choose it again`);
      });
      if (!chunk) throw new PalError('file', `${this.name}: ends at byte ${offset + done}; it became shorter: choose it again`);
      target.set(chunk, done);
      done += chunk.length;
      onbytes?.(chunk.length, 'file');
    }
    this.digest?.add(target);
  }
}
