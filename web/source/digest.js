/** SHA-256 over bytes where they lie in wasm memory. */

/** @typedef {import('../engine.js').Engine} Engine */

const STATE = 128; // wasm/entry.c

export class Digest {
  /** @param {Engine} engine */
  constructor(engine) {
    this.engine = engine;
    this.state = engine.take(STATE, 'a checksum');
    engine.c.sha256_begin(this.state.at);
  }

  /** @param {Uint8Array} bytes of wasm memory */
  add(bytes) {
    this.engine.c.sha256_add(this.state.at, bytes.byteOffset, bytes.length);
  }

  /** The digest in hexadecimal; gives the state back. */
  end() {
    const { engine } = this;
    engine.c.sha256_end(this.state.at, engine.out);
    const hex = Array.from(engine.u8.subarray(engine.out, engine.out + 32), (b) => b.toString(16).padStart(2, '0')).join('');
    engine.release(this.state);
    return hex;
  }
}
