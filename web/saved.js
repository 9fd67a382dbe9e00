/** A saved chat, of a size that is known when the chat opens. Little endian:
 *
 *    0  "PALCHAT2"
 *    8  u32 checksum of everything from here on up to the state
 *   12  u32 where the state begins, 16-byte aligned
 *   16  u32 bytes of the state
 *   20  u32 bytes of the JSON
 *   24  u32 room for tokens
 *   28  u32 bytes of tokens
 *   32  JSON (UTF-8, see Header), zeros | tokens (tokenlog.js), zeros | the state block, as the engine sealed it */
import { PalError } from './errors.js';
import { TRANSCRIPT_BYTES } from './transcript.js';

const MAGIC = 'PALCHAT2';
/** Bytes that tell the length of the header. */
export const HEAD_BYTES = 32;
/** Room for everything in the JSON but messages, system message and name; most of it is for the unread rest of a message. */
const MOMENT_BYTES = 32 << 10;

/**
 * @typedef {import('./template.js').Message} Message
 *
 * @typedef {object} Header
 * @property {string} model its name
 * @property {number[]} words resolved limits
 * @property {Message[]} system
 * @property {'system' | 'none' | number} pin
 * @property {Message[]} messages
 * @property {number} forgotten messages before them
 * @property {boolean} started has the session read anything of them?
 * @property {string} seed
 * @property {any} [pending] an answer that is not finished; see pending.js
 */

const encoder = new TextEncoder();
const up = (/** @type {number} */ n) => Math.ceil(n / 16) * 16;

/** Bytes for the JSON of a chat. @param {string} model @param {readonly Message[]} system */
export const jsonRoom = (model, system) => up(encoder.encode(JSON.stringify({ model, system })).length + TRANSCRIPT_BYTES + MOMENT_BYTES);

/** FNV-1a. @param {Uint8Array} bytes */
function checksum(bytes) {
  let h = 0x811c9dc5;
  for (let i = 0; i < bytes.length; i++) h = Math.imul(h ^ bytes[i], 0x01000193);
  return h >>> 0;
}

/**
 * Everything before the state.
 * @param {Header} header
 * @param {number} room of the JSON
 * @param {Uint8Array} tokens
 * @param {number} tokenRoom
 * @param {number} stateBytes
 */
export function packHead(header, room, tokens, tokenRoom, stateBytes) {
  const json = encoder.encode(JSON.stringify(header));
  if (json.length > room) throw new PalError('argument', `what this chat has not read yet needs ${json.length - room} bytes more than a save has room for; let it read on, then save`);
  const start = HEAD_BYTES + room + tokenRoom;
  const head = new Uint8Array(start);
  const view = new DataView(head.buffer);
  head.set(encoder.encode(MAGIC));
  [start, stateBytes, json.length, tokenRoom, tokens.length].forEach((n, i) => view.setUint32(12 + 4 * i, n, true));
  head.set(json, HEAD_BYTES);
  head.set(tokens, HEAD_BYTES + room);
  view.setUint32(8, checksum(head.subarray(12)), true);
  return head;
}

/** @param {string} why */
const damaged = (why) => new PalError('foreign', `this is no saved chat: ${why}`);

/** How many bytes peek() needs. @param {Uint8Array} bytes at least the first HEAD_BYTES */
export function headerBytes(bytes) {
  if (bytes.length < HEAD_BYTES || new TextDecoder().decode(bytes.subarray(0, 8)) !== MAGIC) throw damaged(`it does not begin with ${MAGIC}`);
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(12, true);
}

/**
 * The header alone.
 * @param {Uint8Array} bytes at least headerBytes()
 * @returns {{ header: Header, tokens: Uint8Array, start: number, stateBytes: number }}
 */
export function readHead(bytes) {
  const start = headerBytes(bytes);
  if (start > bytes.length) throw damaged('it is cut off');
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  if (start < HEAD_BYTES || checksum(bytes.subarray(12, start)) !== view.getUint32(8, true)) throw damaged('its header does not match its checksum');
  const [stateBytes, jsonBytes, tokenRoom, tokenBytes] = [16, 20, 24, 28].map((at) => view.getUint32(at, true));
  const tokensAt = start - tokenRoom;
  if (HEAD_BYTES + jsonBytes > tokensAt || tokenBytes > tokenRoom) throw damaged('its lengths contradict each other');
  /** @type {any} */
  let header;
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(HEAD_BYTES, HEAD_BYTES + jsonBytes)));
  } catch {
    throw damaged('its header cannot be read');
  }
  if (!isHeader(header)) throw damaged('its header lacks a field');
  return { header, tokens: bytes.subarray(tokensAt, tokensAt + tokenBytes), start, stateBytes };
}

/** @param {any} h @returns {h is Header} */
function isHeader(h) {
  const isMessage = (/** @type {any} */ m) => typeof m?.role === 'string' && typeof m?.content === 'string';
  const isCount = (/** @type {unknown} */ n) => Number.isSafeInteger(n) && Number(n) >= 0;
  return typeof h?.model === 'string' && [h.system, h.messages].every((list) => Array.isArray(list) && list.every(isMessage)) &&
    h.system.length <= 1 && Array.isArray(h.words) && h.words.length === 7 && h.words.every(isCount) && isCount(h.forgotten) &&
    typeof h.started === 'boolean' && /^\d{1,20}$/.test(h.seed) && (h.pin === 'system' || h.pin === 'none' || isCount(h.pin)) &&
    (h.pending === undefined || (typeof h.pending === 'object' && h.pending !== null && h.messages.at(-1)?.role === 'assistant'));
}

/**
 * Header and state; the engine looks whether the state is whole.
 * @param {Uint8Array} blob
 */
export function unpack(blob) {
  const { header, tokens, start } = readHead(blob);
  return { header, tokens, state: blob.subarray(start) };
}

/**
 * What a list of saved chats shows.
 * @param {Uint8Array} bytes at least headerBytes()
 */
export function peek(bytes) {
  const { header, start, stateBytes } = readHead(bytes);
  const { model, messages, forgotten, pending, words } = header;
  return { model, messages: messages.length + forgotten, forgotten, unfinished: pending !== undefined, bytes: start + stateBytes, words };
}
