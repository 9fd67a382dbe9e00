/** A stream of bytes, read without garbage: one small buffer goes back and forth where the browser can (BYOB). */

const STAGE = 256 << 10;

export class Reader {
  /** @param {ReadableStream<Uint8Array>} stream */
  constructor(stream) {
    /** @type {ReadableStreamBYOBReader | undefined} */
    this.byob = undefined;
    /** @type {ReadableStreamDefaultReader<Uint8Array> | undefined} */
    this.plain = undefined;
    this.buffer = new ArrayBuffer(STAGE);
    /** What a plain chunk had more than was asked for. @type {Uint8Array} */
    this.rest = new Uint8Array(0);
    try {
      this.byob = stream.getReader({ mode: 'byob' });
    } catch {
      this.plain = stream.getReader();
    }
  }

  /**
   * Between 1 and `most` bytes, valid until the next call; undefined at the end.
   * @param {number} most
   * @returns {Promise<Uint8Array | undefined>}
   */
  async next(most) {
    if (this.byob) {
      const { value, done } = await this.byob.read(new Uint8Array(this.buffer, 0, Math.min(most, STAGE)));
      if (value) this.buffer = /** @type {ArrayBuffer} */ (value.buffer);
      return done ? undefined : value;
    }
    while (this.plain && !this.rest.length) {
      const { value, done } = await this.plain.read();
      if (done) return undefined;
      this.rest = value;
    }
    const chunk = this.rest.subarray(0, most);
    this.rest = this.rest.subarray(chunk.length);
    return chunk;
  }
}
