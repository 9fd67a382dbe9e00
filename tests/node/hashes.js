// node tests/node/hashes.js [MODEL.gguf] [--freeze]
// One table: a real model in every number format, and a model of every kind of layer in chunks of several sizes, one hash
// of logits per class of bits, in every build (design I4).
// --freeze writes tests/hashes.json; without it the hashes of the embedded model must be the frozen ones.
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { convert } from '../../models/convert/index.js';
import { withPage } from '../browser/chromium.js';
import { engines, modulePath, relaxedFlags, root } from './fixtures.js';

const TOKENS = 300;
const embedded = 'models/default.gguf';
const text = 'tests/fixtures/text.txt';
const fixtures = 'tests/fixtures';
const ARCHS = ['mamba', 'mamba2_g2', 'lfm2', 'granitehybrid', 'qwen35', 'rwkv7'];
const frozenPath = path.join(root, 'tests/hashes.json');
const folder = 'build/hashes';
const native = 'build/native/clang-strict/palimpsest';
const run = promisify(execFile);

const usual = [
    { name: 'full', policy: 'full', budget: 512, chunk: 1, pin: 0 },
    { name: 'tova 128', policy: 'tova', budget: 128, chunk: 1, pin: 4 },
];
/** Every policy, cache format and position mode, in chunks; on one number format. */
const more = [
    { name: 'window 64 f16', policy: 'window', budget: 64, cache: 1, chunk: 64, pin: 4 },
    { name: 'sinks 64 q8 cache', policy: 'sinks', budget: 64, cache: 2, positions: 1, chunk: 64, pin: 0 },
    { name: 'h2o 64 cache', policy: 'h2o', budget: 64, positions: 1, chunk: 7, pin: 0 },
    { name: 'tova-head 64 f16', policy: 'tova-head', budget: 64, cache: 1, chunk: 64, pin: 0 },
];

/** Recurrent layers beside attention that evicts; the state must be the same after chunks of any size. */
const chunks = [1, 7, 64, 512].map((chunk) => ({ name: `chunk ${chunk}`, policy: 'tova', budget: 48, cache: 1, chunk, pin: 0 }));

/** @typedef {{ name: string, model: string, ids: number[], settings: import('../hash.js').Setting[], oneState?: boolean }} Job */

/** At most as many at once as there are processors. @template T @param {(() => Promise<T>)[]} tasks */
async function pool(tasks) {
    const results = /** @type {T[]} */ ([]);
    let next = 0;
    const worker = async () => {
        for (let i = next++; i < tasks.length; i = next++) results[i] = await tasks[i]();
    };
    await Promise.all(os.cpus().map(worker));
    return results;
}

/** @param {string} model @returns {Promise<Job[]>} a job per number format */
async function prepare(model) {
    fs.mkdirSync(folder, { recursive: true });
    const encoded = await run(native, ['encode', model, text], { env: quiet });
    const ids = encoded.stdout.trim().split('\n').map(Number).slice(0, TOKENS);
    if (ids.length !== TOKENS) throw new Error(`${text} gives ${ids.length} tokens, not ${TOKENS}`);
    const formats = (await run(native, ['formats'])).stdout.trim().split('\n');
    await pool(formats.map((name) => () => run(native, ['requantize', model, name, `${folder}/${name}.gguf`], { env: quiet })));
    const inFormats = formats.map((name) => ({
        name,
        model: `${folder}/${name}.gguf`,
        ids,
        settings: name === 'Q8_0' ? [...usual, ...more] : usual,
    }));
    const converted = fs.readdirSync(`${fixtures}/kinds`);
    for (const name of converted) await convert(`${fixtures}/kinds/${name}`, `${folder}/${name}.gguf`, { type: 'F32' });
    const ofKind = (/** @type {string} */ dir, /** @type {string} */ name, /** @type {string} */ model) => {
        const { prompt, continuation = [] } = JSON.parse(fs.readFileSync(`${fixtures}/${dir}/${name}/expected.json`, 'utf8'));
        return { name, model, ids: [...prompt, ...continuation], settings: chunks, oneState: true };
    };
    const all = [
        ...inFormats, ...ARCHS.map((name) => ofKind('arch', name, `${fixtures}/arch/${name}/model.gguf`)),
        ...converted.map((name) => ofKind('kinds', name, `${folder}/${name}.gguf`)),
    ];
    for (const job of all) fs.writeFileSync(`${folder}/${job.name}.txt`, job.ids.join('\n'));
    return all;
}

const quiet = { ...process.env, ASAN_OPTIONS: 'detect_leaks=0' };

/** @param {string} build @param {Job[]} jobs */
async function inNative(build, jobs) {
    const result = {};
    for (const job of jobs) {
        result[job.name] = [];
        for (const s of job.settings) {
            const flags = ['--policy', s.policy, '--budget', s.budget, '--chunk', s.chunk, '--pin', s.pin];
            flags.push('--positions', ['original', 'cache'][s.positions ?? 0], '--cache', ['f32', 'f16', 'q8'][s.cache ?? 0]);
            const args = ['hash', job.model, '--ids-file', `${folder}/${job.name}.txt`, ...flags.map(String)];
            result[job.name].push((await run(`build/native/${build}/palimpsest`, args, { env: quiet })).stdout.trim());
        }
    }
    return result;
}

/** @param {string} engine @param {string} jobsFile @param {number} [threads] */
async function inNode(engine, jobsFile, threads = 1) {
    const flags = engine.includes('relaxed') ? relaxedFlags : [];
    const args = [...flags, 'tests/node/hash-run.js', modulePath(engine, 'engine'), jobsFile, String(threads)];
    return JSON.parse((await run(process.execPath, args, { maxBuffer: 1 << 24 })).stdout);
}

/** @param {import('playwright-core').Page} page @param {string} engine @param {string} jobsFile */
const inChromium = (page, engine, jobsFile) =>
    page.evaluate(
        async ([module, list]) => {
            const { hashes } = await import('/tests/hash.js');
            const get = async (/** @type {string} */ url) => new Uint8Array(await (await fetch('/' + url)).arrayBuffer());
            const result = {};
            for (const { name, model, ids, settings } of await (await fetch('/' + list)).json())
                result[name] = await hashes(await get(module), await get(model), ids, settings);
            return result;
        },
        [modulePath(engine, 'engine'), jobsFile],
    );

/** All builds of both classes: {'strict gcc': {Q4_0: [line, …]}, …}. @param {Job[]} jobs */
async function collect(jobs) {
    const jobsFile = `${folder}/jobs.json`;
    fs.writeFileSync(jobsFile, JSON.stringify(jobs));
    const named = engines.map((engine) => {
        const [toolchain, variant] = engine.split('-');
        return { engine, name: variant === 'simd' ? `strict ${toolchain}.wasm` : `fused ${toolchain}.${variant}.wasm` };
    });
    const natives = ['gcc', 'clang', 'san'].flatMap((c) => ['strict', 'fused'].map((k) => ({ name: `${k} ${c}`, build: `${c}-${k}` })));
    const found = {};
    const tasks = natives.map(({ name, build }) => async () => (found[name] = await inNative(build, jobs)));
    for (const { engine, name } of named) {
        const threads = engine.startsWith('clang') ? 2 : 3;
        tasks.push(async () => (found[`${name} Node`] = await inNode(engine, jobsFile)));
        tasks.push(async () => (found[`${name} Node, ${threads} threads`] = await inNode(`${engine}-mt`, jobsFile, threads)));
    }
    tasks.push(() =>
        withPage(async (page) => {
            for (const { engine, name } of named) found[`${name} Chromium`] = await inChromium(page, engine, jobsFile);
        }),
    );
    await pool(tasks);
    return found;
}

/** Prints the table; returns [passed, failed, {class: {row: line}}]. @param {Job[]} jobs @param {any} found */
function table(jobs, found) {
    let passed = 0;
    let failed = 0;
    const agreed = {};
    for (const kind of ['strict', 'fused']) {
        const builds = Object.keys(found).filter((name) => name.startsWith(kind)).sort();
        agreed[kind] = {};
        console.log(`\n${kind}: ${builds.length} builds: ${builds.map((b) => b.slice(kind.length + 1)).join(', ')}`);
        for (const job of jobs) {
            const states = new Set(job.settings.map((_, i) => found[builds[0]][job.name][i].split('state ')[1]));
            if (job.oneState && states.size > 1) console.log(`  ${job.name}: THE SIZE OF A CHUNK CHANGES THE STATE`), failed++;
            job.settings.forEach((setting, i) => {
                const row = `${job.name} ${setting.name}`;
                const lines = builds.map((b) => found[b][job.name][i]);
                const same = lines.every((line) => line === lines[0]);
                const verdict = same ? `equal in all ${lines.length}` : 'DIFFERENT';
                console.log(`  ${job.name.padEnd(14)} ${setting.name.padEnd(18)} ${lines[0]}  ${verdict}`);
                if (!same) builds.forEach((b, k) => console.log(`        ${b.padEnd(34)} ${lines[k]}`));
                if (same) passed++, (agreed[kind][row] = lines[0]);
                else failed++;
            });
        }
    }
    return { passed, failed, agreed };
}

const { values, positionals } = parseArgs({ allowPositionals: true, options: { freeze: { type: 'boolean' } } });
const model = path.relative(root, path.resolve(positionals[0] ?? path.join(root, embedded)));
process.chdir(root);
const jobs = await prepare(model);
console.log(`${model}: ${TOKENS} tokens of ${text}, hash of the logits after every chunk`);
let { passed, failed, agreed } = table(jobs, await collect(jobs));
const differ = Object.keys(agreed.strict).filter((row) => agreed.strict[row] === agreed.fused[row]);
if (differ.length) console.log(`\nstrict and fused agree, which they should not: ${differ.join(', ')}`), failed++;
const now = { model: createHash('sha256').update(fs.readFileSync(model)).digest('hex'), ...agreed };
if (values.freeze) {
    fs.writeFileSync(frozenPath, JSON.stringify(now, null, 1) + '\n');
    console.log(`\nfrozen in ${path.relative(root, frozenPath)}`);
} else if (model === embedded && fs.existsSync(frozenPath)) {
    const frozen = JSON.parse(fs.readFileSync(frozenPath, 'utf8'));
    const other = ['strict', 'fused'].flatMap((kind) => Object.keys(frozen[kind]).filter((row) => frozen[kind][row] !== agreed[kind][row]).map((row) => `${kind} ${row}`));
    if (frozen.model !== now.model) console.log(`\n${embedded} is not the file of tests/hashes.json; if that is meant: ./build.sh hashes --freeze`), failed++;
    else if (other.length) console.log(`\nDIFFERENT FROM tests/hashes.json: ${other.join(', ')}; if that is meant: ./build.sh hashes --freeze`), (failed += other.length);
    else console.log('\nequal to the frozen hashes of tests/hashes.json'), passed++;
}
console.log(`\nhash table: ${passed} passed, ${failed} failed`);
process.exitCode = failed ? 1 : 0;
