// node tests/bench/depth.js [--shape smollm2-135m] [--type Q4_0] [--budget 2048] [--far 100000] [--tokens 24] [--rounds 15]
//   [--threads N] [--variant auto] [--cache f16] [--node] [--write]
// Does a token cost the same at any depth? In headless Chromium (or in Node), with TOVA at a budget of 2,048: at depth 0,
// 512, 2,048 and at token 100,000, and with `window` at the same places. In turns in one process, medians; the ratios are
// medians of the ratios of each round, so that a busy machine disturbs less. Reading 100,000 tokens takes minutes.
import os from 'node:os';
import path from 'node:path';
import { median, root, withBrowser } from './chromium.js';
import { measureDepths } from './depth-run.js';
import { benchModel } from './make_model.js';
import { optionsOf } from './options.js';
import { record } from './results.js';

const GROWTH = 1.5; // a token at a full memory against one at depth 0
const EQUAL = 0.03;

const option = (/** @type {string} */ value) => ({ type: /** @type {const} */ ('string'), default: value });
const flag = { type: /** @type {const} */ ('boolean') };
const { values: o } = optionsOf(import.meta.url, {
    options: {
        shape: option('smollm2-135m'), type: option('Q4_0'), budget: option('2048'), far: option('100000'), tokens: option('24'), rounds: option('15'),
        threads: option('1'), variant: option('auto'), cache: option('f16'), node: flag, write: flag,
    },
});
process.chdir(root);
const file = benchModel(o.shape, o.type);
const [budget, far] = [Number(o.budget), Number(o.far)];
const options = { budget, far, tokens: Number(o.tokens), rounds: Number(o.rounds), cache: o.cache };
const engine = { variant: o.variant, ...(o.node && o.threads === '1' ? {} : { threads: Number(o.threads) }) };
const tell = (/** @type {string} */ line) => console.error(line);

async function inNode() {
    const { Model } = await import('../../web/node.js');
    const model = await Model.load(file, engine);
    return { stands: await measureDepths(model, options, tell), variant: model.engine.variant };
}

const inChromium = () =>
    withBrowser(async (open) => {
        const page = await open();
        await page.exposeFunction('tell', tell);
        return page.evaluate(
            (data) => new Promise((resolve, reject) => {
                const worker = new Worker('/tests/bench/depth-worker.js', { type: 'module' });
                worker.onerror = (e) => reject(new Error(e.message));
                worker.onmessage = ({ data: m }) => (m.line ? /** @type {any} */ (window).tell(m.line) : m.error ? reject(new Error(m.error)) : resolve(m));
                worker.postMessage(data);
            }),
            { url: `/build/bench/${path.basename(file)}`, engine, options },
        );
    });

const { stands, variant } = /** @type {{ stands: { name: string, ms: number[] }[], variant: string }} */ (await (o.node ? inNode() : inChromium()));
const of = (/** @type {string} */ name) => stands.find((s) => s.name === name)?.ms ?? [];
const ratio = (/** @type {string} */ a, /** @type {string} */ b) => median(of(a).map((ms, i) => ms / of(b)[i]));
const where = `${o.node ? 'Node' : 'Chromium'}, ${variant}, ${o.threads} thread(s), cache ${o.cache}`;
console.log(`${o.shape} ${o.type}, ${where}, budget ${budget}, ${o.rounds} rounds of ${o.tokens} tokens; machine load ${os.loadavg()[0].toFixed(1)}`);
for (const { name, ms } of stands) console.log(`${name.padEnd(16)} ${median(ms).toFixed(3)} ms/token (${Math.min(...ms).toFixed(3)}..${Math.max(...ms).toFixed(3)})  ${ratio(name, 'tova 0').toFixed(3)} of depth 0`);

const near = `tova ${budget}`, last = `tova ${far}`;
const growth = Math.max(ratio(near, 'tova 0'), ratio(last, 'tova 0'));
const drift = ratio(last, near) - 1;
const cost = ratio(last, `window ${far}`) - 1;
const percent = (/** @type {number} */ x) => `${(100 * x).toFixed(1)} %`;
const checks = /** @type {[boolean, string][]} */ ([
    [growth <= GROWTH, `a full memory costs ${growth.toFixed(2)} of an empty one (at most ${GROWTH})`],
    [Math.abs(drift) <= EQUAL, `token ${far} costs ${percent(drift)} more than token ${budget} (at most ${percent(EQUAL)} either way)`],
    [cost <= EQUAL, `TOVA costs ${percent(cost)} more than a window (at most ${percent(EQUAL)})`],
]);
for (const [good, what] of checks) console.log(`${good ? 'ok    ' : 'FAILED'} ${what}`);
process.exitCode = checks.every(([good]) => good) ? 0 : 1;
if (o.write)
    record('flat at any depth', ['date', 'model', 'where', 'budget', ...stands.map(({ name }) => `${name}, ms/token`), 'full / empty', 'drift', 'TOVA over window', 'load'], [
        new Date().toISOString().slice(0, 10), `${o.shape} ${o.type}`, where, budget, ...stands.map(({ ms }) => median(ms).toFixed(3)),
        growth.toFixed(2), percent(drift), percent(cost), os.loadavg()[0].toFixed(1),
    ]);
