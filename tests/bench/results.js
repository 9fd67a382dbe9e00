// Adds a row to a table of tests/bench/RESULTS.md, which it makes when it is not there.
import fs from 'node:fs';
import { fileURLToPath } from 'node:url';

const file = fileURLToPath(new URL('RESULTS.md', import.meta.url));

/** @param {string} title @param {string[]} head @param {(string | number)[]} row */
export function record(title, head, row) {
    const text = fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : '# Measured\n\nEach row was written by its command. A loaded machine shows in `load` (1-minute average).\n';
    const line = (/** @type {(string | number)[]} */ cells) => `| ${cells.join(' | ')} |`;
    const heading = `\n## ${title}\n\n`;
    const table = `${line(head)}\n${line(head.map(() => '---'))}\n`;
    const start = text.indexOf(heading);
    if (start < 0) return fs.writeFileSync(file, `${text}${heading}${table}${line(row)}\n`);
    const next = text.indexOf('\n## ', start + 1);
    const end = next < 0 ? text.length : next;
    fs.writeFileSync(file, `${text.slice(0, end)}${line(row)}\n${text.slice(end)}`);
}
