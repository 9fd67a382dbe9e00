/** What a caller may name as the source of a model, as a list of places in the order of their parts. */
import { PalError } from '../errors.js';
import { partNames } from '../split.js';

/**
 * @typedef {string | URL | Blob} Place File is a Blob
 * @typedef {Place | Place[]} Source
 */

const NUMBERED = /^(.*)-(\d{5})-of-(\d{5})(\.gguf)$/i;

/** @param {unknown} x @returns {x is Blob} */
export const isBlob = (x) => typeof Blob !== 'undefined' && x instanceof Blob;

/** @param {string | Blob} place */
export const nameOf = (place) => (isBlob(place) ? /** @type {File} */ (place).name ?? 'the file' : place);

/** Last part of the path. @param {string | Blob} place */
function baseName(place) {
  if (isBlob(place)) return nameOf(place);
  const { pathname } = new URL(place);
  return pathname.slice(pathname.lastIndexOf('/') + 1);
}

/** @param {unknown} place */
function placeOf(place) {
  if (isBlob(place)) return place;
  if (typeof place !== 'string' && !(place instanceof URL)) throw new TypeError('a model is loaded from a URL, a File or Blob, or an array of these');
  try {
    const url = new URL(place, /** @type {any} */ (globalThis).location?.href);
    url.hash = '';
    return url.href;
  } catch {
    throw new TypeError(`'${place}' is not a URL`);
  }
}

/**
 * All parts of the split model whose first URL this is.
 * @param {string} url
 */
function derived(url) {
  const u = new URL(url);
  const folder = u.pathname.slice(0, u.pathname.lastIndexOf('/') + 1);
  return partNames(baseName(url)).map((name) => {
    u.pathname = folder + name;
    return u.href;
  });
}

/**
 * @param {Source} source
 * @returns {(string | Blob)[]}
 */
export function placesOf(source) {
  const given = Array.isArray(source) ? source.map(placeOf) : [placeOf(source)];
  if (!given.length) throw new TypeError('no file given');
  if (given.length === 1 && !isBlob(given[0])) return derived(given[0]);
  if (new Set(given).size < given.length) throw new PalError('argument', 'the same file is given twice');
  return ordered(given);
}

/**
 * Parts in the order of the numbers in their names. All must be there.
 * @param {(string | Blob)[]} places
 */
function ordered(places) {
  const found = places.map((place) => ({ place, m: NUMBERED.exec(baseName(place)) }));
  const first = found.find(({ m }) => m)?.m;
  if (!first) {
    if (places.length === 1) return places;
    throw new PalError('file', `${places.length} files are given, and '${baseName(places[0])}' is not part of a split model (NAME-00001-of-0000N.gguf); give one model at a time`);
  }
  const count = Number(first[3]);
  const parts = found.map(({ place, m }) => {
    if (!m || m[1] !== first[1] || m[3] !== first[3]) throw new PalError('file', `'${baseName(place)}' and '${first[0]}' are not parts of the same split model`);
    return { place, number: Number(m[2]) };
  });
  const missing = Array.from({ length: count }, (_, i) => i + 1).filter((n) => !parts.some(({ number }) => number === n));
  if (missing.length || parts.length !== count) throw new PalError('file', `${first[1]}: has ${count} parts; ${missing.length ? `part ${missing.join(', ')} is missing` : `${parts.length} files are given`}; give all of them together`);
  return parts.sort((a, b) => a.number - b.number).map(({ place }) => place);
}

/**
 * One digest per part, lower case; '' where none is asked for.
 * @param {string | string[] | undefined} sha256
 * @param {number} count
 */
export function digestsOf(sha256, count) {
  if (sha256 === undefined) return Array(count).fill('');
  const list = Array.isArray(sha256) ? sha256 : [sha256];
  if (list.length !== count) throw new TypeError(`sha256: ${list.length} given, and the model has ${count} file${count > 1 ? 's: give an array' : ''}`);
  for (const hex of list) if (!/^[0-9a-f]{64}$/i.test(hex)) throw new TypeError(`sha256: '${hex}' is not 64 hexadecimal digits`);
  return list.map((hex) => hex.toLowerCase());
}
