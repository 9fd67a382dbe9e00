/** Lengths of text in bytes, counted without making the bytes. */

/** Bytes of a text in UTF-8; half a character counts as the U+FFFD that it becomes. @param {string} text */
export function utf8Bytes(text) {
  let n = 0;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    const pair = isHead(unit) && isTail(text.charCodeAt(i + 1));
    n += unit < 0x80 ? 1 : unit < 0x800 ? 2 : pair ? 4 : 3;
    if (pair) i++;
  }
  return n;
}

/** Bytes of a text inside JSON as JSON.stringify writes it. @param {string} text */
export function jsonBytes(text) {
  let n = utf8Bytes(text);
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x20) n += '\b\t\n\f\r'.includes(text[i]) ? 1 : 5; // \n, \u0001
    else if (unit === 0x22 || unit === 0x5c) n += 1;
    else if (isHead(unit) && isTail(text.charCodeAt(i + 1))) i++;
    else if (isHead(unit) || isTail(unit)) n += 3; // \ud800
  }
  return n;
}

/** @param {number} unit */
const isHead = (unit) => unit >= 0xd800 && unit < 0xdc00;
/** @param {number} unit */
const isTail = (unit) => unit >= 0xdc00 && unit < 0xe000;
