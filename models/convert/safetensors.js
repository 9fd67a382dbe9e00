/** safetensors: u64 length, a JSON header {name: {dtype, shape, data_offsets}}, then the data. The bytes are hostile:
 *  every number is checked once, here. Source: the format's README (huggingface/safetensors). */
import { open, readFile, readdir } from 'node:fs/promises';
import path from 'node:path';
import { PalError } from '../../web/errors.js';

/**
 * @typedef {import('node:fs/promises').FileHandle} FileHandle
 * @typedef {object} Source one tensor where it lies
 * @property {string} name
 * @property {'F32' | 'F16' | 'BF16'} dtype
 * @property {number[]} shape slowest first, as PyTorch says it
 * @property {number} at byte in the file
 * @property {number} bytes
 * @property {FileHandle} handle
 */

const SIZES = /** @type {Record<string, number>} */ ({ F32: 4, F16: 2, BF16: 2 });
const MAX_HEADER = 100 << 20;

/** @param {string} where @param {string} why @returns {never} */
function bad(where, why) {
  throw new PalError('format', `${where}: ${why}`);
}

/**
 * @param {string} name
 * @param {any} info
 * @param {number} dataBytes
 * @param {string} file
 */
function checkTensor(name, info, dataBytes, file) {
  const where = `${file}: tensor '${name}'`;
  if (typeof info !== 'object' || info === null) bad(where, 'its entry is no object');
  const { dtype, shape, data_offsets: offsets } = info;
  if (!Object.hasOwn(SIZES, dtype)) bad(where, `has dtype ${JSON.stringify(dtype)}; F32, F16 and BF16 can be read`);
  if (!Array.isArray(shape) || shape.length > 8 || !shape.every((n) => Number.isSafeInteger(n) && n >= 0)) bad(where, 'its shape is no list of whole numbers');
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every((n) => Number.isSafeInteger(n) && n >= 0) || offsets[0] > offsets[1]) bad(where, 'its data_offsets are not [begin, end]');
  if (offsets[1] > dataBytes) bad(where, `ends at byte ${offsets[1]} of ${dataBytes}; the file is cut off, download it again`);
  const bytes = shape.reduce((/** @type {number} */ a, /** @type {number} */ b) => a * b, 1) * SIZES[dtype];
  if (bytes !== offsets[1] - offsets[0]) bad(where, `shape [${shape}] as ${dtype} takes ${bytes} bytes, its data_offsets span ${offsets[1] - offsets[0]}`);
}

/**
 * @param {string} file
 * @param {FileHandle} handle
 * @returns {Promise<Source[]>}
 */
async function readHeader(file, handle) {
  const short = path.basename(file);
  const { size } = await handle.stat();
  const head = Buffer.alloc(8);
  if (size < 8) bad(short, 'is shorter than a safetensors header');
  await handle.read(head, 0, 8, 0);
  const n = head.readBigUInt64LE();
  if (n > BigInt(Math.min(size - 8, MAX_HEADER))) bad(short, `claims a header of ${n} bytes in a file of ${size}; it is no safetensors file, or it is cut off`);
  const text = Buffer.alloc(Number(n));
  await handle.read(text, 0, text.length, 8);
  /** @type {any} */
  let json;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(text));
  } catch (e) {
    bad(short, `its header is no JSON (${e instanceof Error ? e.message : e})`);
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json)) bad(short, 'its header is no JSON object');
  const start = 8 + text.length;
  /** @type {Source[]} */
  const list = [];
  for (const [name, info] of Object.entries(json)) {
    if (name === '__metadata__') continue;
    checkTensor(name, info, size - start, short);
    list.push({ name, dtype: info.dtype, shape: info.shape, at: start + info.data_offsets[0], bytes: info.data_offsets[1] - info.data_offsets[0], handle });
  }
  list.sort((a, b) => a.at - b.at || a.bytes - b.bytes);
  for (let i = 1; i < list.length; i++) {
    if (list[i - 1].at + list[i - 1].bytes > list[i].at) bad(`${short}: tensor '${list[i].name}'`, `overlaps tensor '${list[i - 1].name}'`);
  }
  return list;
}

/** Files of a folder: those of the index, or all there are. @param {string} dir */
async function filesOf(dir) {
  const names = await readdir(dir).catch(() => bad(dir, 'is no folder that can be read'));
  const index = names.find((n) => n.endsWith('.safetensors.index.json'));
  if (!index) {
    const files = names.filter((n) => n.endsWith('.safetensors')).sort();
    if (!files.length) bad(dir, 'has no *.safetensors file');
    return files;
  }
  /** @type {any} */
  let map;
  try {
    map = JSON.parse(await readFile(path.join(dir, index), 'utf8')).weight_map;
  } catch (e) {
    bad(index, `is no JSON (${e instanceof Error ? e.message : e})`);
  }
  if (typeof map !== 'object' || map === null) bad(index, 'has no weight_map');
  const files = [...new Set(Object.values(map))];
  for (const f of files) {
    if (typeof f !== 'string' || f !== path.basename(f)) bad(index, `names ${JSON.stringify(f)}, which is no file of this folder`);
    if (!names.includes(f)) bad(index, `names ${f}, which is missing; download it too`);
  }
  return /** @type {string[]} */ (files);
}

export class Weights {
  /** @param {Map<string, Source>} tensors @param {FileHandle[]} handles */
  constructor(tensors, handles) {
    this.tensors = tensors;
    this.handles = handles;
    /** Names that were asked for. @type {Set<string>} */
    this.used = new Set();
  }

  /** @param {string} dir */
  static async open(dir) {
    /** @type {Map<string, Source>} */
    const tensors = new Map();
    const weights = new Weights(tensors, []);
    try {
      for (const name of await filesOf(dir)) {
        const handle = await open(path.join(dir, name), 'r');
        weights.handles.push(handle);
        for (const t of await readHeader(path.join(dir, name), handle)) {
          if (tensors.has(t.name)) bad(name, `tensor '${t.name}' is in another file too`);
          tensors.set(t.name, t);
        }
      }
    } catch (e) {
      await weights.close();
      throw e;
    }
    return weights;
  }

  /** @param {string} name */
  has(name) {
    return this.tensors.has(name);
  }

  /**
   * A tensor of this shape; throws when it is missing or has another.
   * @param {string} name
   * @param {number[]} shape
   */
  take(name, shape) {
    const t = this.tensors.get(name) ?? bad(`tensor '${name}'`, 'is missing; is this a model of the architecture that config.json names?');
    if (String(t.shape) !== String(shape)) bad(`tensor '${name}'`, `has shape [${t.shape}], config.json asks for [${shape}]`);
    this.used.add(name);
    return t;
  }

  async close() {
    for (const h of this.handles) await h.close();
  }
}

/**
 * Values [from, from + n) of a tensor as f32.
 * @param {Source} t
 * @param {number} from
 * @param {Float32Array} out
 */
export async function readValues(t, from, out) {
  const size = SIZES[t.dtype];
  const bytes = new Uint8Array(out.length * size);
  let done = 0;
  while (done < bytes.length) {
    const { bytesRead } = await t.handle.read(bytes, done, bytes.length - done, t.at + from * size + done);
    if (!bytesRead) bad(`tensor '${t.name}'`, 'the file became shorter while it was read');
    done += bytesRead;
  }
  if (t.dtype === 'F32') return out.set(new Float32Array(bytes.buffer));
  const halves = new Uint16Array(bytes.buffer);
  if (t.dtype === 'BF16') {
    const bits = new Uint32Array(out.buffer, out.byteOffset, out.length);
    for (let i = 0; i < halves.length; i++) bits[i] = halves[i] << 16;
    return undefined;
  }
  for (let i = 0; i < halves.length; i++) out[i] = half(halves[i]);
  return undefined;
}

/** IEEE half -> number. @param {number} h */
export function half(h) {
  const sign = h & 0x8000 ? -1 : 1;
  const e = (h >> 10) & 31;
  const m = h & 1023;
  if (e === 31) return m ? NaN : sign * Infinity;
  return sign * (e ? (1 + m / 1024) * 2 ** (e - 15) : (m / 1024) * 2 ** -14);
}
