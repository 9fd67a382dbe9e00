/** What is kept of a file, as text: a first line that names the file, then a line per piece that is there. Lines are only
 *  ever added, so that a torn end loses nothing but itself. */
import { STEP } from '../file.js';

/**
 * @typedef {object} Journal
 * @property {string} url
 * @property {number} size 0: not known yet
 * @property {import('./answer.js').Version} version
 * @property {string[]} pieces hash of each piece of STEP bytes that is there; holes where it is not
 * @property {string} sha256 of the whole file, once it was proven; else ''
 */

export const FOLDER = 'palimpsest-models';
export const DATA = 'data';
export const JOURNAL = 'journal';
const VERSION = 2; // of the hashes; a copy with others is fetched again

/** Name of a file's folder and lock. @param {string} url */
export async function keyOf(url) {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(url));
  return Array.from(new Uint8Array(digest, 0, 16), (b) => b.toString(16).padStart(2, '0')).join('');
}

/** @param {string} key */
export const lockName = (key) => `${FOLDER}/${key}`;

/** @param {Journal} journal */
export const firstLine = ({ url, size, version }) => `${JSON.stringify({ palimpsest: VERSION, step: STEP, url, size, ...version })}\n`;
/** @param {number} i @param {string} hash */
export const pieceLine = (i, hash) => `${i} ${hash}\n`;
/** @param {number} size */
export const sizeLine = (size) => `size ${size}\n`;
/** @param {string} hex */
export const digestLine = (hex) => `sha256 ${hex}\n`;

/** @param {string} line @returns {Journal | undefined} */
function readFirst(line) {
  try {
    const { palimpsest, step, url, size, etag, modified } = JSON.parse(line);
    if (palimpsest !== VERSION || step !== STEP || typeof url !== 'string' || !Number.isSafeInteger(size) || size < 0) return undefined;
    return { url, size, version: { etag, modified }, pieces: [], sha256: '' };
  } catch {
    return undefined;
  }
}

/**
 * The journal and the length of its good part; undefined when it is not one.
 * @param {string} text
 * @returns {{ journal: Journal, length: number } | undefined}
 */
export function parseJournal(text) {
  const lines = text.split('\n');
  const journal = readFirst(lines[0]);
  if (!journal || lines.length < 2) return undefined;
  let length = lines[0].length + 1;
  for (const line of lines.slice(1, -1)) {
    const piece = /^(\d{1,6}) ([0-9a-f]{16})$/.exec(line);
    const size = /^size (\d{1,15})$/.exec(line);
    const digest = /^sha256 ([0-9a-f]{64})$/.exec(line);
    if (piece) journal.pieces[Number(piece[1])] = piece[2];
    else if (size) journal.size = Number(size[1]);
    else if (digest) journal.sha256 = digest[1];
    else break;
    length += line.length + 1;
  }
  return { journal, length };
}

/** @param {number} size */
export const pieceCount = (size) => Math.ceil(size / STEP);

/** Bytes that are there. @param {Journal} journal */
export function bytesOf({ pieces, size }) {
  let sum = 0;
  pieces.forEach((_, i) => (sum += size ? Math.max(0, Math.min(STEP, size - i * STEP)) : STEP));
  return sum;
}

/** @param {Journal} journal */
export const isComplete = (journal) => journal.size > 0 && bytesOf(journal) === journal.size;
