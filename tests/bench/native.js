// Native llama.cpp on the same file, by its own bench.
import { execFileSync } from 'node:child_process';

/**
 * Once: tokens per second of a prompt, and of tokens written at each depth.
 * @param {string} program llama-bench
 * @param {string} file
 * @param {{ threads: number, prompt: number, tokens: number, depths: number[] }} options
 * @returns {Record<string, number>}
 */
export function nativeSpeed(program, file, { threads, prompt, tokens, depths }) {
    const bench = (/** @type {string[]} */ args) => {
        const all = ['-m', file, '-t', String(threads), '-ngl', '0', '-r', '1', '-o', 'json', ...args];
        return JSON.parse(execFileSync(program, all, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], maxBuffer: 1 << 24 }));
    };
    const result = /** @type {Record<string, number>} */ ({});
    for (const depth of depths) {
        const rows = bench(['-p', String(depth === 0 ? prompt : 0), '-n', String(tokens), '-d', String(depth)]);
        for (const row of rows) result[row.n_gen === 0 ? 'prompt' : `decode ${depth}`] = row.avg_ts;
    }
    return result;
}
