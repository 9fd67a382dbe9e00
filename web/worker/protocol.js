/** What passes between a page and its worker. Every call has a number; its answers carry the same one.
 *
 *    page -> worker   Request: a call; Abort: of a call; More: room for so many further events of a call
 *    worker -> page   Value or Failure: the end of a call; CallEvents: before it; ChatEvent: of a chat, at any time; Lost */
import { PalError } from '../errors.js';

/**
 * @typedef {{ id: number, op: string, args: any }} Request
 * @typedef {{ id: number, abort: true }} Abort
 * @typedef {{ id: number, more: number }} More
 *
 * @typedef {{ name: string, code?: string, message: string }} PlainError
 * @typedef {{ id: number, value: any }} Value
 * @typedef {{ id: number, error: PlainError }} Failure
 * @typedef {{ id: number, events: any[] }} CallEvents
 * @typedef {{ chat: number, type: string, event: any, status?: Status }} ChatEvent
 * @typedef {{ lost: string }} Lost
 *
 * @typedef {object} Status of a chat: what its getters show
 * @property {import('../chat.js').Chat['memory']} memory
 * @property {import('../chat.js').Chat['stats']} stats
 * @property {boolean} unfinished
 * @property {number} forgotten
 * @property {boolean} canRegenerate
 *
 * @typedef {object} Opened a chat: what does not change, its status and its transcript
 * @property {import('../limits.js').Limits} limits
 * @property {number} savedBytes
 * @property {import('../template.js').Message[]} messages
 * @property {import('../template.js').Message[]} system none or one
 * @property {Status} status
 */

/** Events that a worker sends ahead of a page that has not asked for more. */
export const AHEAD = 64;

/** @param {unknown} e @returns {PlainError} */
export function toPlain(e) {
  if (e instanceof PalError) return { name: 'PalError', code: e.code, message: e.message };
  if (e instanceof Error || e instanceof DOMException) return { name: e.name, message: e.message };
  return { name: 'Error', message: String(e) };
}

/** @param {PlainError} e */
export function fromPlain({ name, code, message }) {
  if (name === 'PalError') return new PalError(code ?? 'engine', message);
  if (name === 'TypeError') return new TypeError(message);
  if (name === 'AbortError') return new DOMException(message, name);
  return Object.assign(new Error(message), { name });
}
