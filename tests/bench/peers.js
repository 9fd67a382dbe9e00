// node tests/bench/peers.js [--shape NAME,...] [--type NAME,...] [--threads 1,2] [--runs 5] [--tokens 64] [--deep] [--quick]
//   [--only palimpsest|wllama] [--policy tova] [--cache f16] [--variant auto] [--llama-bench PATH] [--write]
// Palimpsest beside wllama in one headless Chromium, each in a page and process of its own, on the same file with the same
// prompt, threads and number of tokens, in turns; the median of the runs, and the least and the most. With --llama-bench
// native llama.cpp takes its turns too. Everything takes hours (wllama reads 4 to 60 tokens a second); --quick is one
// small model, two runs.
//
// Decode at depth n: after a prompt of n tokens (0: of 8), greedy. wllama holds n tokens and those that it writes;
// palimpsest has a memory of max(n, 512) tokens, and at n >= 512 evicts one for each that it writes. GB/s are the bytes of
// all weights times tokens per second; beside them what plain reads of wasm memory reach in the same browser.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { median, processOf, readSpeed, root, withBrowser, within } from './chromium.js';
import { engines, modules, sum } from './fetched.js';
import { benchModel } from './make_model.js';
import { nativeAnswer } from './native.js';
import { optionsOf } from './options.js';
import { record } from './results.js';
import { SHAPES, weightBytes } from './shapes.js';
import { text } from './vocabulary.js';

const PROMPT = 512;
const SHORT = 8;
const LIMIT_S = 1800; // for one step: wllama reads 512 tokens of the largest model in five minutes
/** Pages of different hosts are different processes. */
const HOSTS = { palimpsest: '127.0.0.1', wllama: 'localhost' };

const option = (/** @type {string} */ value) => ({ type: /** @type {const} */ ('string'), default: value });
const flag = { type: /** @type {const} */ ('boolean') };
const { values: o } = optionsOf(import.meta.url, {
    options: {
        shape: option(''), type: option(''), threads: option('1,2'), runs: option(''), tokens: option(''), only: option(''), policy: option('tova'), cache: option('f16'), variant: option('auto'),
        'llama-bench': { type: 'string' }, deep: flag, quick: flag, write: flag,
    },
});
const list = (/** @type {string} */ s, /** @type {string} */ otherwise) => (s || otherwise).split(',');
const shapes = list(o.shape, o.quick ? 'smollm2-135m' : Object.keys(SHAPES).join());
const types = list(o.type, o.quick ? 'Q4_0' : 'Q4_0,Q8_0,Q4_K_M,Q6_K');
const runs = Number(o.runs || (o.quick ? 2 : 5));
const tokens = Number(o.tokens || (o.quick ? 32 : 64));
const depths = o.deep ? [0, PROMPT, 2048] : [0, PROMPT];
const context = Math.ceil((Math.max(...depths) + tokens + SHORT) / 512) * 512;
const budgetAt = (/** @type {number} */ depth) => Math.max(PROMPT, depth);
const names = /** @type {(keyof typeof HOSTS)[]} */ (o.only ? list(o.only, '') : Object.keys(HOSTS));

/** @typedef {Record<string, number[]>} Figures by name: one of each run @typedef {{ figures: Figures, about: string, error?: string }} Result error: what failed; 'absent: ...' is what an engine cannot do */

let texts = 0;
/** A prompt that was never read before. @param {number} depth */
const fresh = (depth) => text(depth || SHORT, ++texts);

/** @param {Figures} figures @param {string} name @param {number} value */
const note = (figures, name, value) => void (figures[name] ??= []).push(value);

/** @param {(host?: string) => Promise<import('playwright-core').Page>} open @param {keyof typeof HOSTS} name */
async function pageOf(open, name) {
    const page = await open(HOSTS[name]);
    const process = await processOf(page);
    await page.addScriptTag({ url: '/tests/bench/peer-engines.js', type: 'module' });
    const call = (/** @type {string} */ f, /** @type {any[]} */ ...args) =>
        within(page.evaluate(([f, args]) => /** @type {any} */ (window).peer[f](...args), /** @type {const} */ ([f, args])), LIMIT_S, `${name}: ${f}`);
    return { page, process, call };
}

/** One answer into the figures. @param {Awaited<ReturnType<typeof pageOf>>} peer @param {Figures} figures @param {number} depth */
async function answer({ call }, figures, depth) {
    const { promptTokens, promptMs, steps, stepMs, state } = await call('answer', fresh(depth), tokens, budgetAt(depth));
    if (promptTokens !== (depth || SHORT)) throw new Error(`the prompt was ${promptTokens} tokens, not ${depth || SHORT}`);
    if (depth === PROMPT) note(figures, 'prompt', (1000 * promptTokens) / promptMs);
    note(figures, `decode ${depth}`, (1000 * steps) / stepMs);
    if (state && depth === PROMPT) figures.state = [state / 1e6];
}

/** The same by native llama.cpp. @param {string} file @param {number} threads @param {Figures} figures @param {number} depth */
function nativeInto(file, threads, figures, depth) {
    const { prompt, decode } = nativeAnswer(o['llama-bench'] ?? '', file, { threads, prompt: PROMPT, tokens, depth });
    if (prompt) note(figures, 'prompt', prompt);
    note(figures, `decode ${depth}`, decode);
}

/** Loads in fresh pages: nothing kept; keeping; from what was kept. Memory is that of the first page. */
async function loads(/** @type {any} */ open, /** @type {keyof typeof HOSTS} */ name, /** @type {string} */ url, /** @type {any} */ options, /** @type {Result} */ result, /** @type {number} */ run) {
    const { figures } = result;
    for (const [figure, keep] of /** @type {[string, boolean][]} */ ([['load', false], ...(run ? [] : [['load and keep', true]]), ['reload', true]])) {
        const peer = await pageOf(open, name);
        try {
            const { ms, about } = await peer.call('load', name, url, { ...options, keep }, fresh(0));
            note(figures, figure, ms);
            result.about = about;
            if (run || keep) continue;
            await answer(peer, {}, PROMPT);
            note(figures, 'peak', peer.process.peak() / 1e6);
            note(figures, 'page', peer.process.empty / 1e6);
        } finally {
            await peer.page.close();
        }
    }
}

/** All engines, in turns. @returns {Promise<{ results: Record<string, Result>, roof: number }>} */
async function measure(/** @type {any} */ open, /** @type {string} */ file, /** @type {number} */ threads) {
    const url = `/build/bench/${path.basename(file)}`;
    const options = { threads, context, policy: o.policy, memory: o.cache, variant: o.variant };
    const results = /** @type {Record<string, Result>} */ ({});
    const native = o['llama-bench'] ? ['native'] : [];
    for (const name of [...names, ...native]) results[name] = { figures: {}, about: '' };
    const attempt = async (/** @type {string} */ name, /** @type {() => Promise<void>} */ work) => {
        if (results[name].error) return;
        await work().catch((e) => void (results[name].error = e.message.split('\n')[0]));
    };
    for (let run = 0; run < runs; run++) for (const name of names) await attempt(name, () => loads(open, name, url, options, results[name], run));
    const blank = await open();
    let roof = await readSpeed(blank, threads);
    const peers = /** @type {Record<string, Awaited<ReturnType<typeof pageOf>>>} */ ({});
    for (const name of names) {
        await attempt(name, async () => {
            peers[name] = await pageOf(open, name);
            await peers[name].call('load', name, url, { ...options, keep: true }, fresh(0)); // reads and writes: it is warm
        });
    }
    for (let run = 0; run < runs; run++)
        for (const depth of depths) {
            for (const name of names) await attempt(name, () => answer(peers[name], results[name].figures, depth));
            for (const name of native) await attempt(name, async () => nativeInto(file, threads, results[name].figures, depth));
        }
    for (const { page } of Object.values(peers)) await page.close();
    roof = Math.max(roof, await readSpeed(blank, threads));
    await blank.close();
    return { results, roof };
}

/** Figures as rows of a table: title, name, digits, whether it is GB/s or a share made of a speed. */
const LINES = /** @type {[title: string, figure: string, digits: number][]} */ ([
    [`prompt ${PROMPT}, tok/s`, 'prompt', 1],
    ...depths.map((d) => [`decode at ${d}, tok/s`, `decode ${d}`, 1]),
    ...depths.map((d) => [`weights at ${d}, GB/s`, `GB/s ${d}`, 2]),
    ...depths.map((d) => [`of a plain read at ${d}, %`, `share ${d}`, 0]),
    ['load to first token, ms', 'load', 0], ['load and keep, ms', 'load and keep', 0], ['reload from OPFS, ms', 'reload', 0],
    ['peak of the renderer, MB', 'peak', 0], ['beyond page and weights, MB', 'beyond', 0],
    ['of it state and scratch, MB', 'state', 0],
]);

/** Adds what follows from the speeds. @param {Result} result @param {number} weights bytes @param {number} roof GB/s */
function derive({ figures }, weights, roof) {
    for (const d of depths) {
        const speeds = figures[`decode ${d}`];
        if (!speeds) continue;
        figures[`GB/s ${d}`] = speeds.map((s) => (s * weights) / 1e9);
        figures[`share ${d}`] = speeds.map((s) => ((s * weights) / 1e9 / roof) * 100);
    }
    if (figures.peak) figures.beyond = [figures.peak[0] - figures.page[0] - weights / 1e6];
}

/** In tables. @param {string} name */
const titled = (name) => (name === 'palimpsest' && o.cache !== 'f16' ? `${name}, cache ${o.cache}` : name);
const failure = (/** @type {string} */ error) => error.match(/absent: (.*)/)?.[1] ?? `FAILED ${error}`;
const shown = (/** @type {number[] | undefined} */ v, /** @type {number} */ digits) => {
    if (!v?.length) return '';
    const f = (/** @type {number} */ x) => x.toFixed(digits);
    return v.length === 1 ? f(v[0]) : `${f(median(v))} (${f(Math.min(...v))}..${f(Math.max(...v))})`;
};
const ratio = (/** @type {number[] | undefined} */ a, /** @type {number[] | undefined} */ b) => (a?.length && b?.length ? `${(median(a) / median(b)).toFixed(2)}×` : '');

/** @param {string} model @param {number} weights bytes @param {number} threads @param {Record<string, Result>} all @param {number} roof */
function tell(model, weights, threads, all, roof) {
    const others = Object.keys(all).filter((name) => name !== 'palimpsest');
    const ours = all.palimpsest?.figures ?? {};
    for (const r of Object.values(all)) derive(r, weights, roof);
    const load = os.loadavg()[0].toFixed(1);
    console.log(`\n${model}, ${(weights / 1e6).toFixed(1)} MB of weights, ${threads} thread(s), ${runs} runs of ${tokens} tokens; plain read ${roof.toFixed(1)} GB/s; machine load ${load}`);
    for (const [name, { about, error }] of Object.entries(all)) if (about || error) console.log(`  ${name}: ${error ? failure(error) : about}`);
    const head = ['', titled('palimpsest'), ...others.flatMap((name) => [name, 'ratio'])];
    const lines = LINES.map(([title, figure, digits]) => [title, shown(ours[figure], digits), ...others.flatMap((name) => [shown(all[name].figures[figure], digits), ratio(ours[figure], all[name].figures[figure])])]);
    for (const row of [head, ...lines]) console.log(row.map((cell, i) => (i ? cell.padStart(24) : cell.padEnd(30))).join('').trimEnd());
    if (!o.write) return;
    const columns = ['date', 'model', 'threads', 'engine', ...LINES.map(([title]) => title), 'plain read GB/s', 'load'];
    const row = (/** @type {string} */ engine, /** @type {(figure: string, digits: number) => string} */ cell) =>
        record('beside the peers', columns, [new Date().toISOString().slice(0, 10), model, threads, engine, ...LINES.map(([, figure, digits]) => cell(figure, digits)), roof.toFixed(1), load]);
    for (const [name, { figures, error }] of Object.entries(all)) row(error ? `${titled(name)}: ${failure(error)}` : titled(name), (figure, digits) => shown(figures[figure], digits));
    for (const name of others) row(`${titled('palimpsest')} / ${name}`, (figure) => ratio(ours[figure], all[name].figures[figure]));
}

/** What a page fetches to chat, in brotli, with the largest of our builds. */
function sizes() {
    const engine = engines().map((file) => sum([file])).sort((a, b) => b.brotli - a.brotli)[0];
    const shim = sum(modules('dist/page/palimpsest.js'));
    const a = { raw: shim.raw + engine.raw, brotli: shim.brotli + engine.brotli };
    const b = sum(['index.min.js', 'wasm/wllama.wasm'].map((f) => `node_modules/@wllama/wllama/esm/${f}`));
    console.log(`\nfetched, brotli: palimpsest ${a.brotli} bytes (raw ${a.raw}), wllama ${b.brotli} (raw ${b.raw}): ${(a.brotli / b.brotli).toFixed(3)}×`);
    if (o.write) record('sizes of the peers', ['date', 'palimpsest, brotli', 'wllama, brotli', 'ratio'], [new Date().toISOString().slice(0, 10), a.brotli, b.brotli, `${(a.brotli / b.brotli).toFixed(3)}×`]);
}

process.chdir(root);
for (const file of ['dist/page/palimpsest.js', 'build/wasm/read.wasm', 'node_modules/@wllama/wllama/esm/wasm/wllama.wasm'])
    if (!fs.existsSync(file)) throw new Error(`${file} is missing; run this by ./build.sh peers`);
let failed = 0;
const raw = [];
for (const shape of shapes)
    for (const type of types) {
        const file = benchModel(shape, type);
        for (const threads of list(o.threads, '').map(Number)) {
            const { results, roof } = await withBrowser((open) => measure(open, file, threads)).catch((e) => ({
                results: /** @type {Record<string, Result>} */ ({ browser: { figures: {}, about: '', error: e.message.split('\n')[0] } }), roof: NaN,
            }));
            tell(`${shape} ${type}`, weightBytes(shape, type), threads, results, roof);
            failed += Object.values(results).filter((r) => r.error && failure(r.error).startsWith('FAILED')).length;
            raw.push({ shape, type, threads, runs, tokens, roof, results });
            fs.writeFileSync('build/bench/peers.json', JSON.stringify(raw, null, 1));
        }
    }
if (!o.quick && !o.only) sizes();
if (failed) console.error(`FAILED ${failed} of the measurements`);
process.exitCode = failed ? 1 : 0;
