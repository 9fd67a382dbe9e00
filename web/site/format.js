/** Numbers as people read them. */

const UNITS = ['B', 'kB', 'MB', 'GB'];

/** 1094312 -> '1.09 MB' (decimal units, as files are sold). @param {number} n */
export function bytes(n) {
  let unit = 0;
  let value = n;
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit++;
  }
  const digits = unit === 0 ? 0 : value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
  return `${value.toFixed(digits)}\u00a0${UNITS[unit]}`;
}

/** 12345 -> '12,345'. @param {number} n */
export const whole = (n) => Math.round(n).toLocaleString('en');

/** 0.0312 -> '3.1 %'. @param {number} n */
export const percent = (n) => `${(100 * n).toFixed(n < 0.0995 ? 1 : 0)}\u00a0%`;

/** 9.53 -> '9.5', 132.4 -> '132'. @param {number} n */
export const rate = (n) => (n < 9.95 ? n.toFixed(1) : whole(n));

/** 135e6 -> '135 M'. @param {number} n */
export const parameters = (n) => (n < 1e9 ? `${Math.round(n / 1e6)}\u00a0M` : `${(n / 1e9).toFixed(1)}\u00a0B`);

/** @param {Date} date */
export const when = (date) => date.toLocaleString('en', { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit', hour12: false });
