/** What an HTTP answer says of the file. Headers that a server of another origin does not expose read as absent. */
import { PalError } from '../errors.js';

/** @typedef {{ etag: string | null, modified: string | null }} Version the strong ETag; Last-Modified */

/** @param {Response} response @returns {Version} */
export function versionOf({ headers }) {
  const etag = headers.get('ETag');
  return { etag: etag?.startsWith('"') ? etag : null, modified: headers.get('Last-Modified') };
}

/** @param {string | null} text */
const count = (text) => (text !== null && /^\d{1,15}$/.test(text) ? Number(text) : undefined);

/**
 * Size by Content-Length; undefined when it is not there, or counts compressed bytes.
 * @param {Response} response
 */
export function sizeOf({ headers }) {
  const encoding = headers.get('Content-Encoding') ?? 'identity';
  return encoding === 'identity' ? count(headers.get('Content-Length')) : undefined;
}

/**
 * The bytes that a 206 claims to hold; undefined unless every word of it fits.
 * @param {Response} response
 */
export function rangeOf(response) {
  const m = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15})$/.exec(response.headers.get('Content-Range') ?? '');
  if (!m || /^multipart\//i.test(response.headers.get('Content-Type') ?? '')) return undefined;
  const [start, last, size] = m.slice(1).map(Number);
  const end = last + 1;
  const length = response.headers.has('Content-Length') ? sizeOf(response) : end - start;
  if (start >= end || end > size || length !== end - start) return undefined;
  return { start, end, size };
}

/**
 * Milliseconds of Retry-After.
 * @param {Response} response
 */
export function waitOf({ headers }) {
  const text = headers.get('Retry-After');
  if (text === null) return undefined;
  const ms = /^\d+$/.test(text) ? 1000 * Number(text) : Date.parse(text) - Date.now();
  return Number.isNaN(ms) ? undefined : Math.max(0, ms);
}

const REASONS = /** @type {Record<number, string>} */ ({
  401: 'asks for a login (401); models behind a login cannot be loaded by URL: download the file and drop it here',
  403: 'forbids it (403); a model that needs an accepted licence must be downloaded by hand and dropped here',
  404: 'has no such file (404); look for a typing error in the URL',
  410: 'has it no longer (410); look for a new URL',
});

/**
 * Why this answer is no file, if it is none.
 * @param {string} url
 * @param {Response} response
 */
export function problemOf(url, response) {
  const { status } = response;
  if (status !== 200 && status !== 206) {
    const reason = REASONS[status] ?? `answers ${status}; the file cannot be had from this URL`;
    return new PalError('download', `${url}: the server ${reason}`);
  }
  if (/^text\/html/i.test(response.headers.get('Content-Type') ?? '')) return webPage(url);
  return undefined;
}

/** @param {string} url */
export function webPage(url) {
  const { hostname, pathname } = new URL(url);
  const page = /\/(blob|raw)\//;
  const remedy = /(^|\.)(huggingface\.co|hf\.co)$/.test(hostname) && page.test(pathname)
    ? `use the file itself: ${url.replace(page, '/resolve/')}`
    : 'give the URL of the .gguf file itself';
  return new PalError('download', `${url}: is a web page or a pointer to a file, not a model; ${remedy}`);
}

/**
 * Do the first bytes show that this is no model at all?
 * @param {Uint8Array} bytes
 */
export function looksForeign(bytes) {
  const text = String.fromCharCode(...bytes.subarray(0, 64)).trimStart();
  return text.startsWith('<') || text.startsWith('version https://git-lfs');
}
