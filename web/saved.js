/** A saved chat: "PALCHAT1", u32 length of the JSON, u32 checksum of the JSON, the JSON (UTF-8, see Header), zeros up to
 *  a multiple of 16, and the state block of the session as the engine sealed it. Little endian. */
import { PalError } from './errors.js';

const MAGIC = 'PALCHAT1';
const VERSION = 1;

/**
 * @typedef {object} Header
 * @property {number[]} words resolved limits
 * @property {import('./template.js').Message[]} system
 * @property {import('./template.js').Message[]} messages
 * @property {number} read messages that the session has read
 * @property {string} seed
 */

const HEAD = 16;
const startOf = (/** @type {number} */ n) => Math.ceil((HEAD + n) / 16) * 16;

/** FNV-1a. @param {Uint8Array} bytes */
function checksum(bytes) {
  let h = 0x811c9dc5;
  for (const b of bytes) h = Math.imul(h ^ b, 0x01000193);
  return h >>> 0;
}

/**
 * @param {Header} header
 * @param {Uint8Array} state
 */
export function pack(header, state) {
  const json = new TextEncoder().encode(JSON.stringify({ version: VERSION, ...header }));
  const start = startOf(json.length);
  const blob = new Uint8Array(start + state.length);
  blob.set(new TextEncoder().encode(MAGIC));
  const view = new DataView(blob.buffer);
  view.setUint32(8, json.length, true);
  view.setUint32(12, checksum(json), true);
  blob.set(json, HEAD);
  blob.set(state, start);
  return blob;
}

/**
 * @param {Uint8Array} blob
 * @returns {{ header: Header, state: Uint8Array }}
 */
export function unpack(blob) {
  const damaged = (/** @type {string} */ why) => new PalError('foreign', `this is no saved chat: ${why}`);
  if (blob.length < HEAD || new TextDecoder().decode(blob.subarray(0, 8)) !== MAGIC) throw damaged('it does not begin with PALCHAT1');
  const view = new DataView(blob.buffer, blob.byteOffset);
  const n = view.getUint32(8, true);
  const start = startOf(n);
  if (start > blob.length) throw damaged('it is cut off');
  const json = blob.subarray(HEAD, HEAD + n);
  if (checksum(json) !== view.getUint32(12, true)) throw damaged('its header does not match its checksum');
  /** @type {any} */
  let header;
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(json));
  } catch {
    throw damaged('its header is damaged');
  }
  if (header?.version !== VERSION) throw damaged(`it has version ${header?.version}, this program reads ${VERSION}`);
  const isMessage = (/** @type {any} */ m) => typeof m?.role === 'string' && typeof m?.content === 'string';
  const whole = [header.system, header.messages].every((list) => Array.isArray(list) && list.every(isMessage)) &&
    Array.isArray(header.words) && header.words.length === 7 && header.words.every(Number.isInteger) &&
    Number.isInteger(header.read) && /^\d{1,20}$/.test(header.seed);
  if (!whole) throw damaged('its header lacks a field');
  return { header, state: blob.subarray(start) };
}
