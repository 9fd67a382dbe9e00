/** A file behind a URL as a part of a model: pieces that are kept here are read and checked, the others come from the
 *  network straight into wasm memory and are kept from there. */
import { PalError } from '../errors.js';
import { STEP } from '../file.js';
import { Restart, Untrusted } from './line.js';
import { looksForeign, webPage } from './answer.js';
import { pieceCount } from './journal.js';

/**
 * @typedef {import('../engine.js').Engine} Engine
 * @typedef {import('../file.js').ReadOptions} ReadOptions
 * @typedef {import('./http.js').Remote} Remote
 * @typedef {import('./store.js').Store} Store
 * @typedef {import('./digest.js').Digest} Digest
 */

export class RemotePart {
  /**
   * @param {Engine} engine
   * @param {Remote} remote
   * @param {number} size
   * @param {object} with_
   * @param {Store} [with_.store]
   * @param {Digest} [with_.digest]
   * @param {boolean} with_.network may the network be used?
   * @param {boolean} with_.alone the only part: one connection may stay open
   * @param {import('../model.js').Breathe} with_.breathe
   */
  constructor(engine, remote, size, { store, digest, network, alone, breathe }) {
    this.engine = engine;
    this.remote = remote;
    this.name = remote.url;
    this.size = size;
    this.store = store;
    this.digest = digest;
    this.network = network;
    this.alone = alone;
    this.breathe = breathe;
  }

  /**
   * @param {number} offset
   * @param {Uint8Array} target of wasm memory
   * @param {ReadOptions} options
   */
  async read(offset, target, options) {
    for (let at = 0; at < target.length; at += STEP) {
      const piece = target.subarray(at, at + STEP);
      const i = (offset + at) / STEP;
      const state = this.readKept(i, piece);
      if (state === 'good') options.onbytes?.(piece.length, 'cache');
      else await this.fetchPiece(i, piece, options, state === 'bad');
      this.digest?.add(piece);
    }
    await this.breathe(); // reading files blocks: let messages in
  }

  /** @param {Uint8Array} bytes */
  hash(bytes) {
    return this.engine.hashWide(bytes.byteOffset, bytes.length);
  }

  /**
   * @param {number} i
   * @param {Uint8Array} piece
   * @returns {'good' | 'bad' | 'absent'}
   */
  readKept(i, piece) {
    const wanted = this.store?.journal.pieces[i];
    if (!this.store || !wanted) return 'absent';
    return this.store.read(i, piece) && this.hash(piece) === wanted ? 'good' : 'bad';
  }

  /** First byte behind piece i that is not to be fetched with it. @param {number} i */
  endOfGap(i) {
    if (i === 0 && !this.alone) return Math.min(STEP, this.size); // headers of all parts first, without holding connections
    let end = i + 1;
    while (end < pieceCount(this.size) && !this.store?.journal.pieces[end]) end++;
    return Math.min(end * STEP, this.size);
  }

  /**
   * @param {number} i
   * @param {Uint8Array} piece
   * @param {ReadOptions} options
   * @param {boolean} damaged the kept piece is not what was kept
   */
  async fetchPiece(i, piece, options, damaged) {
    const { remote, store } = this;
    const wanted = damaged ? store?.journal.pieces[i] : undefined;
    if (!this.network) throw this.beyondRepair(i, 'cache: \'only\' forbids to fetch it again');
    const { etag, modified } = remote.version ?? {};
    const unnamed = damaged && !etag && !modified && !remote.proven;
    if (unnamed) remote.proven = true; // by the hash of the piece
    try {
      await remote.read(i * STEP, this.endOfGap(i), piece, options.signal, (n) => options.onbytes?.(n, 'network'));
    } catch (e) {
      if (e instanceof Restart) store?.begin(0, store.journal.version);
      throw damaged && e instanceof PalError && e.code === 'offline' ? this.beyondRepair(i, e.message) : e;
    } finally {
      if (unnamed) remote.proven = false;
    }
    if (i === 0 && looksForeign(piece)) throw new Untrusted('download', webPage(this.name).message);
    const hash = this.hash(piece);
    if (unnamed && hash !== wanted) {
      store?.begin(0, store.journal.version);
      throw remote.restart('the kept copy is damaged and the file changed on the server');
    }
    store?.write(i, piece, hash);
  }

  /** @param {number} i @param {string} why */
  beyondRepair(i, why) {
    return new PalError('integrity', `${this.name}: the kept copy is damaged (bytes ${i * STEP} to ${Math.min((i + 1) * STEP, this.size) - 1}) and cannot be repaired: ${why}; load it again with a network`);
  }
}
