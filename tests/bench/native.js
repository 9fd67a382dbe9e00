// Native llama.cpp on the same file, by its own bench.
import { execFileSync } from 'node:child_process';

/**
 * One answer: tokens per second of the prompt and of the tokens written after it. At depth 0 nothing is read before.
 * @param {string} program llama-bench
 * @param {string} file
 * @param {{ threads: number, prompt: number, tokens: number, depth: number }} options prompt: tokens of one read at depth 0
 * @returns {{ prompt?: number, decode: number }}
 */
export function nativeAnswer(program, file, { threads, prompt, tokens, depth }) {
    const args = ['-m', file, '-t', String(threads), '-ngl', '0', '-r', '1', '-o', 'json', '-p', String(depth === 0 ? prompt : 0), '-n', String(tokens), '-d', String(depth)];
    const rows = JSON.parse(execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], maxBuffer: 1 << 24 }));
    const speed = (/** @type {boolean} */ writes) => rows.find((/** @type {any} */ r) => r.n_gen > 0 === writes)?.avg_ts;
    return { prompt: speed(false), decode: speed(true) };
}
