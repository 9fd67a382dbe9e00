/** Names of the parts of a split GGUF: NAME-00001-of-00003.gguf. */
import { PalError } from './errors.js';

/**
 * All parts, given the first (or the only file).
 * @param {string} name
 * @returns {string[]}
 */
export function partNames(name) {
  const m = /^(.*)-(\d{5})-of-(\d{5})(\.gguf)$/i.exec(name);
  if (!m) return [name];
  const [, stem, index, count, end] = m;
  const n = Number(count);
  if (n < 1 || n > 64) throw new PalError('file', `${name}: claims ${n} parts; at most 64 are read`);
  if (Number(index) !== 1) throw new PalError('file', `${name}: is part ${Number(index)} of ${n}; give the first one, ${stem}-00001-of-${count}${end}`);
  return Array.from({ length: n }, (_, i) => `${stem}-${String(i + 1).padStart(5, '0')}-of-${count}${end}`);
}
