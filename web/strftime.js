/** The date as chat templates ask for it (`strftime_now`), in English and in local time, the same in every locale. */

const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
const MONTHS = ['January', 'February', 'March', 'April', 'May', 'June', 'July', 'August', 'September', 'October', 'November', 'December'];

/**
 * @param {string} format as of C's strftime; an unknown letter stays as it is
 * @param {Date} d
 */
export function strftime(format, d) {
  const two = (/** @type {number} */ n) => String(n).padStart(2, '0');
  /** @type {Record<string, () => string>} */
  const letters = {
    Y: () => String(d.getFullYear()),
    y: () => two(d.getFullYear() % 100),
    m: () => two(d.getMonth() + 1),
    d: () => two(d.getDate()),
    B: () => MONTHS[d.getMonth()],
    b: () => MONTHS[d.getMonth()].slice(0, 3),
    A: () => DAYS[d.getDay()],
    a: () => DAYS[d.getDay()].slice(0, 3),
    H: () => two(d.getHours()),
    I: () => two(d.getHours() % 12 || 12),
    M: () => two(d.getMinutes()),
    S: () => two(d.getSeconds()),
    p: () => (d.getHours() < 12 ? 'AM' : 'PM'),
    '%': () => '%',
  };
  return format.replace(/%(.)/g, (all, letter) => letters[letter]?.() ?? all);
}
