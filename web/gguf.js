/** The directory of an open GGUF: keys and tensors, decoded when asked for. */
import { PalError } from './errors.js';

/** GGUF's value types by number. */
const TYPES = ['u8', 'i8', 'u16', 'i16', 'u32', 'i32', 'f32', 'bool', 'string', 'array', 'u64', 'i64', 'f64'];
const SIZES = [1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8];
const STRING = 8;
const ARRAY = 9;

/**
 * @typedef {string | number | boolean} Scalar integers beyond 2^53 lose their last bits
 * @typedef {{ key: string, type: number, itemType: number, items: number, at: number, bytes: number }} Entry
 * @typedef {{ name: string, type: number, shape: number[], bytes: number, file: number, offset: number }} Tensor shape: fastest first
 * @typedef {import('./engine.js').Engine} Engine
 */

/**
 * One number or bool in GGUF's encoding.
 * @param {DataView} v
 * @param {number} type
 * @param {number} at
 * @returns {number | boolean}
 */
function number(v, type, at) {
  switch (TYPES[type]) {
    case 'u8': return v.getUint8(at);
    case 'i8': return v.getInt8(at);
    case 'u16': return v.getUint16(at, true);
    case 'i16': return v.getInt16(at, true);
    case 'u32': return v.getUint32(at, true);
    case 'i32': return v.getInt32(at, true);
    case 'f32': return v.getFloat32(at, true);
    case 'bool': return v.getUint8(at) !== 0;
    case 'u64': return Number(v.getBigUint64(at, true));
    case 'i64': return Number(v.getBigInt64(at, true));
    case 'f64': return v.getFloat64(at, true);
    default: throw new PalError('format', `value type ${type} is no number`);
  }
}

export class Gguf {
  /**
   * @param {Engine} engine
   * @param {number} at address of the directory
   */
  constructor(engine, at) {
    this.engine = engine;
    this.at = at;
    engine.c.gguf_counts(at, engine.out);
    this.version = engine.word(0);
    this.files = engine.word(1);
    this.keyCount = engine.word(2);
    this.tensorCount = engine.word(3);
    /** @type {Map<string, Entry> | undefined} */
    this.entries = undefined;
  }

  /** Entries by key, in the file's order. */
  get keys() {
    if (this.entries) return this.entries;
    const { engine } = this;
    this.entries = new Map();
    for (let i = 0; i < this.keyCount; i++) {
      engine.c.gguf_kv(this.at, i, engine.out);
      const [keyAt, keyBytes, type, itemType, items, at, bytes] = [0, 1, 2, 3, 4, 5, 6].map((w) => engine.word(w));
      const key = engine.string(keyAt, keyBytes);
      this.entries.set(key, { key, type, itemType, items, at, bytes });
    }
    return this.entries;
  }

  /** "u32", "string", "array of f32 (10)" ... @param {Entry} e */
  static typeName(e) {
    return e.type === ARRAY ? `array of ${TYPES[e.itemType]} (${e.items})` : TYPES[e.type];
  }

  /**
   * A scalar by key; undefined when absent.
   * @param {string} key
   * @returns {Scalar | undefined}
   */
  value(key) {
    const e = this.keys.get(key);
    if (!e || e.type === ARRAY) return undefined;
    if (e.type === STRING) return this.engine.string(e.at + 8, e.bytes - 8);
    return number(new DataView(this.engine.memory.buffer), e.type, e.at);
  }

  /** @param {string} key */
  text(key) {
    const v = this.value(key);
    return typeof v === 'string' ? v : undefined;
  }

  /** @param {string} key */
  number(key) {
    const v = this.value(key);
    return typeof v === 'number' ? v : undefined;
  }

  /**
   * The first `max` items of an array; undefined when absent.
   * @param {string} key
   * @param {number} [max]
   * @returns {Scalar[] | undefined}
   */
  array(key, max = Infinity) {
    const e = this.keys.get(key);
    if (!e || e.type !== ARRAY) return undefined;
    const v = new DataView(this.engine.memory.buffer);
    /** @type {Scalar[]} */
    const items = [];
    const n = Math.min(e.items, max);
    let at = e.at;
    for (let i = 0; i < n; i++) {
      if (e.itemType === STRING) {
        const bytes = Number(v.getBigUint64(at, true));
        items.push(this.engine.string(at + 8, bytes));
        at += 8 + bytes;
      } else {
        items.push(number(v, e.itemType, at));
        at += SIZES[e.itemType];
      }
    }
    return items;
  }

  /** @returns {Tensor[]} */
  tensors() {
    const { engine } = this;
    const list = [];
    for (let i = 0; i < this.tensorCount; i++) {
      engine.c.gguf_tensor(this.at, i, engine.out);
      const w = Array.from({ length: 11 }, (_, k) => engine.word(k));
      list.push({ name: engine.string(w[0], w[1]), type: w[2], shape: w.slice(4, 4 + w[3]), bytes: w[8], file: w[9], offset: w[10] });
    }
    return list;
  }
}
