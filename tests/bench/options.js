// The options of a benchmark, by --help the comment that its file begins with.
import fs from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

/** @template {import('node:util').ParseArgsConfig} T @param {string} url of the benchmark's file @param {T} config @returns {ReturnType<typeof parseArgs<T>>} */
export function optionsOf(url, config) {
    if (process.argv.includes('--help')) {
        const lines = fs.readFileSync(fileURLToPath(url), 'utf8').split('\n');
        const code = lines.findIndex((line) => !line.startsWith('//'));
        console.log(lines.slice(0, code).map((line) => line.replace(/^\/\/ ?/, '')).join('\n'));
        process.exit(0);
    }
    try {
        return parseArgs(config);
    } catch (error) {
        console.error(`${/** @type {Error} */ (error).message}; --help lists the options`);
        process.exit(1);
    }
}
