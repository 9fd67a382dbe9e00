/** What the element says. */

/** @param {number} bytes as in 3.4 MB */
export function sizeText(bytes) {
  const units = ['bytes', 'KB', 'MB', 'GB'];
  let i = 0;
  for (; bytes >= 999.5 && i < 3; i++) bytes /= 1000;
  return `${bytes.toLocaleString(undefined, { maximumFractionDigits: i === 0 || bytes >= 100 ? 0 : 1 })} ${units[i]}`;
}

/** @param {number} n @param {string} one @param {string} [many] */
export const countText = (n, one, many = `${one}s`) => `${n.toLocaleString()} ${n === 1 ? one : many}`;

/** @type {Record<string, string>} by code of a PalError */
const TITLES = {
  download: 'The model could not be downloaded',
  cors: 'The model’s site does not allow this page to read it',
  offline: 'There is no connection',
  integrity: 'The file is not the right one',
  quota: 'There is not enough space on this device',
  memory: 'There is not enough memory',
  pinned: 'The system message does not fit in the memory',
  format: 'This file cannot be read as a model',
  file: 'This file cannot be read as a model',
  unsupported: 'This model is not supported',
  lost: 'The engine has stopped',
  foreign: 'This saved chat belongs to another model',
};

/** @param {unknown} error */
export function titleOf(error) {
  if (error instanceof TypeError) return 'A setting of this chat is wrong';
  const code = /** @type {{ code?: unknown } | null} */ (error)?.code;
  return (typeof code === 'string' && TITLES[code]) || 'Something went wrong';
}

/** @param {unknown} error */
export const textOf = (error) => (error instanceof Error ? error.message : String(error));
