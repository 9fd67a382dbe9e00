/** A file whose size the server does not say (chunked, compressed): wasm memory must be reserved before it is read, so
 *  it is kept first and read from there. */
import { PalError } from '../errors.js';
import { STEP } from '../file.js';
import { looksForeign, webPage } from './answer.js';
import { Untrusted } from './line.js';

/**
 * @param {import('./http.js').Remote} remote whose first bytes are on their way
 * @param {import('./store.js').Store | undefined} store
 * @param {import('../engine.js').Engine} engine
 * @param {AbortSignal | undefined} signal
 * @param {import('../file.js').LoadOptions['onprogress']} onprogress
 * @returns {Promise<number>} size
 */
export async function spool(remote, store, engine, signal, onprogress) {
  const { url } = remote;
  if (!store) throw new PalError('download', `${url}: the server does not say how large the file is (no Content-Length, or compressed); load it with cache: true in a page that can keep files, or from a server that says it`);
  const region = engine.take(STEP, 'a piece of the file');
  const piece = engine.u8.subarray(region.at, region.at + STEP);
  const keep = (/** @type {number} */ i, /** @type {number} */ bytes) => {
    const part = piece.subarray(0, bytes);
    if (i === 0 && looksForeign(part)) throw new Untrusted('download', webPage(url).message);
    store.write(i, part, engine.hashWide(part.byteOffset, bytes));
  };
  try {
    const size = await remote.readAll((at, chunk) => {
      if (at === 0) store.begin(0, remote.version ?? { etag: null, modified: null });
      piece.set(chunk, at % STEP);
      const end = at + chunk.length;
      if (end % STEP === 0) keep(end / STEP - 1, STEP);
      onprogress?.({ loaded: end, total: 0, from: 'network' });
    }, signal);
    if (!size) throw new PalError('download', `${url}: is empty on the server`);
    if (size % STEP) keep(Math.floor(size / STEP), size % STEP);
    store.setSize(size);
    return size;
  } finally {
    remote.hangUp();
    engine.release(region);
  }
}
