// node tests/bench/profile.js [--shape smollm2-135m] [--type Q4_0] [--variant relaxed] [--budget 512] [--policy tova] [--cache f16] [--tokens 64]
// Where the time of a token goes, in headless Chromium on one thread: of a token written at a full memory, and of a token
// of a prompt read into it. V8 samples the module that ships, bit by bit the same, linked once more with the linker's map,
// which names the functions by where they lie in the file. What the compiler has inlined counts for the function it is in.
// A sample belongs to the kind of layer in whose forward() it was taken; the last column divides by the layers of a kind.
import fs from 'node:fs';
import { root, withBrowser } from './chromium.js';
import { benchModel } from './make_model.js';
import { optionsOf } from './options.js';
import { SHAPES } from './shapes.js';

const FOLDER = 'build/wasm/profile';
const SAMPLE_US = 100;
const LEAST = 0.5; // percent: what takes less is summed up

/** @typedef {{ from: number, to: number, name: string, file: string }} Function_ */

/** The functions of a module from wasm-ld's map, in the order of their bytes. @param {string} file @returns {Function_[]} */
export function functionsOf(file) {
    const code = fs.readFileSync(file, 'utf8').split('\n');
    const list = [];
    for (const line of code) {
        const [, from, size, object, name] = line.match(/^\s+- +([0-9a-f]+) +([0-9a-f]+) {9}(\S+):\((\S+)\)$/) ?? [];
        if (name) list.push({ from: parseInt(from, 16), to: parseInt(from, 16) + parseInt(size, 16), name, file: object.replace(/^.*\/(src_)?|\.o$/g, '').replaceAll('_', '/') });
    }
    return list;
}

/**
 * Microseconds of each function by the part of the model it worked for.
 * @param {any} profile of V8
 * @param {Function_[]} functions
 * @returns {{ part: string, name: string, us: number }[]} the longest first
 */
export function selfTimes(profile, functions) {
    const named = (/** @type {any} */ frame) => functions.find((f) => frame.url.endsWith('.wasm') && frame.columnNumber >= f.from && frame.columnNumber < f.to);
    const times = new Map();
    profile.samples.forEach((/** @type {number} */ id, /** @type {number} */ i) => times.set(id, (times.get(id) ?? 0) + profile.timeDeltas[i]));
    const nodes = new Map(profile.nodes.map((/** @type {any} */ n) => [n.id, n]));
    const rows = new Map();
    const visit = (/** @type {any} */ node, /** @type {string} */ part) => {
        const f = named(node.callFrame);
        if (f?.name === 'forward' && f.file.startsWith('layer/')) part = f.file.slice('layer/'.length);
        else if (f?.name === 'pal_head') part = 'head';
        const us = times.get(node.id) ?? 0;
        const name = f ? `${f.name}  ${f.file}` : node.callFrame.url.endsWith('.wasm') ? 'into and out of wasm' : 'JavaScript';
        if (us && !/^\((idle|root)\)$/.test(node.callFrame.functionName)) {
            const key = `${part} ${name}`;
            rows.set(key, { part, name, us: (rows.get(key)?.us ?? 0) + us });
        }
        for (const child of node.children ?? []) visit(nodes.get(child), part);
    };
    visit(profile.nodes[0], 'other');
    return [...rows.values()].sort((a, b) => b.us - a.us);
}

/** @param {string} title @param {ReturnType<typeof selfTimes>} rows @param {number} tokens @param {number} layers of a kind */
function table(title, rows, tokens, layers) {
    const total = rows.reduce((sum, r) => sum + r.us, 0);
    const us = (/** @type {number} */ t, /** @type {number} */ width) => (t / tokens).toFixed(1).padStart(width);
    const per = (/** @type {string} */ part, /** @type {number} */ t) => (['attention', 'mlp'].includes(part) ? us(t / layers, 12) : '');
    const line = (/** @type {string} */ part, /** @type {string} */ name, /** @type {number} */ t) =>
        console.log(`${part.padEnd(11)}${name.padEnd(48)}${((100 * t) / total).toFixed(1).padStart(6)} ${us(t, 11)}${per(part, t)}`.trimEnd());
    console.log(`\n${title}: ${(total / tokens / 1000).toFixed(3)} ms a token\n${''.padEnd(59)}     %    us/token   a layer`);
    for (const part of new Set(rows.map((r) => r.part))) line(part, 'all', rows.reduce((sum, r) => sum + (r.part === part ? r.us : 0), 0));
    console.log();
    const small = rows.filter((r) => (100 * r.us) / total < LEAST);
    for (const r of rows) if (!small.includes(r)) line(r.part, r.name, r.us);
    line('', `${small.length} others`, small.reduce((sum, r) => sum + r.us, 0));
}

if (process.argv[1].endsWith('profile.js')) {
    const option = (/** @type {string} */ value) => ({ type: /** @type {const} */ ('string'), default: value });
    const { values: o } = optionsOf(import.meta.url, {
        options: { shape: option('smollm2-135m'), type: option('Q4_0'), variant: option('relaxed'), budget: option('512'), policy: option('tova'), cache: option('f16'), tokens: option('64') },
    });
    process.chdir(root);
    const map = `${FOLDER}/engine-${o.variant}.map`;
    if (!fs.existsSync(map)) throw new Error(`${map} is missing; run this by ./build.sh profile`);
    const [budget, tokens] = [Number(o.budget), Number(o.tokens)];
    const url = `/${benchModel(o.shape, o.type)}`.replace(`/${root}`, '/');
    await withBrowser(async (open) => {
        const page = await open();
        const cdp = await page.context().newCDPSession(page);
        await cdp.send('Profiler.enable');
        await cdp.send('Profiler.setSamplingInterval', { interval: SAMPLE_US });
        const run = (/** @type {string} */ f) => page.evaluate((f) => /** @type {any} */ (window)[f](), f);
        const profiled = async (/** @type {string} */ f) => {
            await cdp.send('Profiler.start');
            await run(f);
            const { profile } = await cdp.send('Profiler.stop');
            return selfTimes(profile, functionsOf(map));
        };
        await page.evaluate(
            async ([url, variant, folder, budget, policy, tokens, cache]) => {
                const { openModel, someIds } = await import(/** @type {string} */ ('/tests/bench/session-page.js'));
                const model = await openModel(url, { variant, folder });
                const session = model.session({ memory: { tokens: budget, policy, cache }, seed: 0 });
                const ids = someIds(budget, model.vocabularySize);
                const w = /** @type {any} */ (window);
                w.prompt = () => {
                    for (let i = 0; i < ids.length; i += session.limits.chunk) session.feedChunk(ids.slice(i, i + session.limits.chunk));
                };
                w.decode = () => {
                    for (let i = 0; i < tokens; i++) session.feedChunk([session.sample({ temperature: 0 })]);
                };
                w.fresh = () => session.reset();
            },
            /** @type {const} */ ([url, o.variant, `/${FOLDER}`, budget, o.policy, tokens, o.cache]),
        );
        for (const f of ['prompt', 'decode', 'fresh']) await run(f); // compiled by now
        const { layers } = SHAPES[o.shape];
        const prompt = await profiled('prompt');
        const decode = await profiled('decode');
        console.log(`${o.shape} ${o.type}, ${o.variant}, ${o.policy} ${budget}, cache ${o.cache}, one thread, ${layers} blocks`);
        table(`written at a full memory (${tokens} tokens)`, decode, tokens, layers);
        table(`prompt of ${budget}`, prompt, budget, layers);
    });
}
