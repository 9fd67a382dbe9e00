/** What a terminal gets to see: progress bars, sizes, tables. Everything but results goes to stderr. */

/** @param {number} n */
export function bytes(n) {
  if (n < 1000) return `${n} B`;
  const i = Math.min(3, Math.floor(Math.log10(n) / 3));
  return `${(n / 1000 ** i).toFixed(n / 1000 ** i < 10 ? 2 : 1)} ${['B', 'KB', 'MB', 'GB'][i]}`;
}

/** @param {number} n */
export const thousands = (n) => String(n).replace(/\B(?=(\d{3})+$)/g, ',');

/** @param {string} text */
export const note = (text) => void process.stderr.write(`${text}\n`);

const WAIT_MS = 1000;
const STEP_MS = 100;

/**
 * A bar on stderr for what takes longer than a second; nothing when stderr is no terminal.
 * @param {string} what
 * @param {(n: number) => string} [show]
 */
export function progress(what, show = thousands) {
  const started = performance.now();
  let drawn = 0;
  const width = 24;
  const draw = (/** @type {number} */ done, /** @type {number} */ total) => {
    const now = performance.now();
    if (!process.stderr.isTTY || now - started < WAIT_MS || (now - drawn < STEP_MS && done < total)) return;
    drawn = now;
    const full = Math.round((width * done) / Math.max(1, total));
    const left = done > 0 ? ((now - started) / 1000) * (total / done - 1) : 0;
    process.stderr.write(`\r\x1b[K${what} [${'#'.repeat(full)}${'.'.repeat(width - full)}] ${show(done)} / ${show(total)}${left > 1 ? `  ${Math.ceil(left)} s left` : ''}`);
  };
  const end = () => {
    if (drawn) process.stderr.write('\r\x1b[K');
  };
  return { draw, end };
}

/**
 * Columns, numbers to the right.
 * @param {readonly (readonly (string | number)[])[]} rows the first one is the heading
 */
export function table(rows) {
  const widths = rows[0].map((_, c) => Math.max(...rows.map((r) => String(r[c]).length)));
  const right = rows[0].map((_, c) => rows.slice(1).every((r) => /^[-\d.,]+( [KMG]?B)?$/.test(String(r[c]))));
  return rows.map((r) => r.map((cell, c) => (right[c] ? String(cell).padStart(widths[c]) : String(cell).padEnd(widths[c]))).join('  ').trimEnd()).join('\n');
}
