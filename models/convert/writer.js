/** GGUF v3, written front to back: header, keys and tensor list first (all sizes are known), then tensor by tensor. */
import { open } from 'node:fs/promises';

/**
 * @typedef {[key: string, type: string, value: any]} Key type: u32, i32, f32, bool, string, or the same with [] behind
 * @typedef {{ name: string, type: number, shape: number[], bytes: number }} Entry shape: fastest first
 */

const TYPES = /** @type {Record<string, number>} */ ({ u32: 4, i32: 5, f32: 6, bool: 7, string: 8 });
const ARRAY = 9;
const ALIGN = 32;
const encoder = new TextEncoder();

class Bytes {
  constructor() {
    this.view = new DataView(new ArrayBuffer(1 << 16));
    this.n = 0;
  }

  /** @param {number} more */
  room(more) {
    if (this.n + more > this.view.byteLength) {
      const bigger = new Uint8Array(Math.max(2 * this.view.byteLength, this.n + more));
      bigger.set(new Uint8Array(this.view.buffer, 0, this.n));
      this.view = new DataView(bigger.buffer);
    }
    const at = this.n;
    this.n += more;
    return at;
  }

  /** @param {number} v */
  u32(v) {
    const at = this.room(4); // before `view` is looked at: room may replace it
    this.view.setUint32(at, v, true);
  }
  /** @param {number} v */
  u64(v) {
    const at = this.room(8);
    this.view.setBigUint64(at, BigInt(v), true);
  }
  /** @param {string} s */
  string(s) {
    const bytes = encoder.encode(s);
    this.u64(bytes.length);
    const at = this.room(bytes.length);
    new Uint8Array(this.view.buffer).set(bytes, at);
  }

  /** @param {string} type @param {any} v */
  value(type, v) {
    if (type === 'string') return this.string(v);
    const at = this.room(type === 'bool' ? 1 : 4);
    if (type === 'bool') this.view.setUint8(at, v ? 1 : 0);
    else if (type === 'f32') this.view.setFloat32(at, v, true);
    else if (type === 'i32') this.view.setInt32(at, v, true);
    else this.view.setUint32(at, v, true);
    return undefined;
  }

  /** @param {Key} key */
  key([key, type, value]) {
    this.string(key);
    if (!type.endsWith('[]')) {
      this.u32(TYPES[type]);
      return this.value(type, value);
    }
    const item = type.slice(0, -2);
    this.u32(ARRAY);
    this.u32(TYPES[item]);
    this.u64(value.length);
    for (const v of value) this.value(item, v);
    return undefined;
  }

  pad() {
    this.room((ALIGN - (this.n % ALIGN)) % ALIGN);
  }
}

/** @param {Key[]} keys @param {Entry[]} entries */
export function headerBytes(keys, entries) {
  const b = new Bytes();
  b.u32(0x46554747);
  b.u32(3);
  b.u64(entries.length);
  b.u64(keys.length);
  for (const k of keys) b.key(k);
  let offset = 0;
  for (const e of entries) {
    b.string(e.name);
    b.u32(e.shape.length);
    for (const n of e.shape) b.u64(n);
    b.u32(e.type);
    b.u64(offset);
    offset += Math.ceil(e.bytes / ALIGN) * ALIGN;
  }
  b.pad();
  return new Uint8Array(b.view.buffer, 0, b.n);
}

export class Writer {
  /** @param {import('node:fs/promises').FileHandle} handle */
  constructor(handle) {
    this.handle = handle;
    this.bytes = 0;
  }

  /** @param {string} file @param {Key[]} keys @param {Entry[]} entries */
  static async create(file, keys, entries) {
    const header = headerBytes(keys, entries);
    const w = new Writer(await open(file, 'w'));
    await w.write(header);
    return w;
  }

  /** @param {Uint8Array} bytes */
  async write(bytes) {
    let done = 0;
    while (done < bytes.length) done += (await this.handle.write(bytes, done, bytes.length - done)).bytesWritten;
    this.bytes += bytes.length;
  }

  async pad() {
    await this.write(new Uint8Array((ALIGN - (this.bytes % ALIGN)) % ALIGN));
  }
}
