/** A number on its way to another. */

/** @typedef {{ from: number, to: number, since: number }} Moving */

/** @param {number} n @returns {Moving} */
export const still = (n) => ({ from: n, to: n, since: -Infinity });

/** Where it is now: fast at first, then slower. @param {Moving} m @param {number} now @param {number} ms for the whole way */
export function at({ from, to, since }, now, ms) {
  const f = Math.min(1, (now - since) / ms);
  return from + (to - from) * (1 - (1 - f) ** 3);
}

/** @param {Moving} m @param {number} to @param {number} now @param {number} ms */
export function aim(m, to, now, ms) {
  if (m.to === to) return;
  m.from = at(m, now, ms);
  m.to = to;
  m.since = now;
}
