// What the benches do with a browser: pages whose files lie on a disk, the memory of their processes, a plain read of memory.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { serve } from '../../web/serve.js';
import { isolated, launchProfile } from '../browser/chromium.js';

export const root = fileURLToPath(new URL('../..', import.meta.url));
const READ_RUNS = 3;

/** @param {number[]} list */
export const median = (list) => {
    const sorted = list.toSorted((a, b) => a - b), half = sorted.length >> 1;
    return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
};

/** @param {Promise<any>} promise @param {number} seconds @param {string} what */
export async function within(promise, seconds, what) {
    let timer = /** @type {any} */ (undefined);
    const late = new Promise((_, reject) => (timer = setTimeout(() => reject(new Error(`${what} took more than ${seconds} s`)), 1000 * seconds)));
    return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

const SIGNALS = /** @type {const} */ (['SIGINT', 'SIGTERM']);
/** Playwright ends the browser at a signal, and lets the process go on without. @param {string} _ @param {number} number */
const leave = (_, number) => process.exit(128 + number);

/**
 * A browser with a fresh profile and a server of this repository, cross-origin isolated.
 * @template T
 * @param {(open: (host?: string) => Promise<import('playwright-core').Page>) => Promise<T>} use
 *   open: a page; of another host it is another process
 * @param {string[]} [flags]
 */
export async function withBrowser(use, flags) {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'palimpsest-bench-'));
    const server = await serve(root, { headers: isolated });
    const browser = await launchProfile(folder, flags);
    for (const signal of SIGNALS) process.on(signal, leave);
    const { port } = new URL(server.origin);
    try {
        return await use(async (host = '127.0.0.1') => {
            const page = await browser.newPage();
            await page.goto(`http://${host}:${port}/tests/bench/bench.html`);
            return page;
        });
    } finally {
        for (const signal of SIGNALS) process.off(signal, leave);
        await browser.close().catch(() => {}); // it may have ended itself
        server.close();
        fs.rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
    }
}

/** A file of /proc; '' when the process is gone. @param {number} pid @param {string} name */
function proc(pid, name) {
    try {
        return fs.readFileSync(`/proc/${pid}/${name}`, 'utf8');
    } catch {
        return '';
    }
}

/** Bytes of a line of /proc/PID/status: VmRSS now, VmHWM the most so far. @param {number} pid @param {string} line */
const bytes = (pid, line) => 1024 * Number(proc(pid, 'status').match(new RegExp(`${line}:\\s*(\\d+) kB`))?.[1] ?? 0);

/** Renderers below this process. */
function renderers() {
    const pids = fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map(Number);
    const parents = new Map(pids.map((pid) => [pid, Number(proc(pid, 'stat').match(/\) \S (\d+)/)?.[1])]));
    const ours = (/** @type {number} */ pid) => {
        for (let p = pid; p > 1; p = parents.get(p) ?? 0) if (p === process.pid) return true;
        return false;
    };
    return pids.filter((pid) => ours(pid) && proc(pid, 'cmdline').includes('--type=renderer'));
}

/** The process of a page and of its workers: the one that grows when the page does. Its peak begins anew. @param {import('playwright-core').Page} page */
export async function processOf(page) {
    const pids = renderers();
    const before = pids.map((pid) => bytes(pid, 'VmRSS'));
    await page.evaluate(() => void (/** @type {any} */ (window).mark = new Uint8Array(64e6).fill(1)));
    const grown = pids.map((pid, i) => bytes(pid, 'VmRSS') - before[i]);
    await page.reload();
    await page.requestGC();
    await new Promise((resolve) => setTimeout(resolve, 500));
    const pid = pids[grown.indexOf(Math.max(...grown))];
    fs.writeFileSync(`/proc/${pid}/clear_refs`, '5');
    const empty = bytes(pid, 'VmRSS');
    return { empty, peak: () => bytes(pid, 'VmHWM') };
}

/** GB/s of plain reads of wasm memory by so many workers at once; the best of three. @param {import('playwright-core').Page} page @param {number} threads */
export function readSpeed(page, threads) {
    return page.evaluate(
        async ({ threads, runs }) => {
            const module = await WebAssembly.compileStreaming(fetch('/build/wasm/read.wasm'));
            const workers = Array.from({ length: threads }, () => new Worker('/tests/bench/read-worker.js'));
            const all = (/** @type {any} */ message) =>
                Promise.all(workers.map((w) => new Promise((resolve, reject) => {
                    w.onmessage = ({ data }) => resolve(data);
                    w.onerror = (e) => reject(new Error(e.message));
                    w.postMessage(message);
                })));
            await all({ module });
            let best = 0;
            for (let i = 0; i < runs; i++) best = Math.max(best, (await all({})).reduce((a, b) => a + b, 0));
            for (const w of workers) w.terminate();
            return best;
        },
        { threads, runs: READ_RUNS },
    );
}
