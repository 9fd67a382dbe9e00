// Threads in a page, as it ships (dist/), in headless Chromium: with isolation the same bits in any number, without it one thread.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import test from 'node:test';
import { Model } from '../../web/node.js';
import { root } from '../node/fixtures.js';
import { withPage } from './chromium.js';

const MODEL = '/models/default.gguf';
const options = { system: 'You are brief.', memory: { tokens: 48, policy: 'tova' }, seed: 7 };
const sampling = { maxTokens: 12, temperature: 0.9, topK: 40, ignoreEnd: true };
const QUESTIONS = ['Tell me about the sea.', 'What is a bird?'];

/** Worker threads of all browsers on this machine that descend from this process. */
function workerThreads() {
    let count = 0;
    for (const pid of fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
        try {
            if (!mine(pid)) continue;
            for (const task of fs.readdirSync(`/proc/${pid}/task`)) if (fs.readFileSync(`/proc/${pid}/task/${task}/comm`, 'utf8').startsWith('DedicatedWorker')) count++;
        } catch {
            // it ended meanwhile
        }
    }
    return count;
}
function mine(/** @type {string} */ pid) {
    for (let at = pid; at !== '0'; at = /PPid:\s*(\d+)/.exec(fs.readFileSync(`/proc/${at}/status`, 'utf8'))?.[1] ?? '0') if (Number(at) === process.pid) return true;
    return false;
}

test('isolated: the same text and state with 1, 2, 3 and 4 threads as in Node, through the network, the cache and a saved chat', async () => {
    const model = await Model.load(`${root}${MODEL}`, { variant: 'simd', threads: 1 });
    const chat = model.chat(options);
    const here = [];
    for (const q of QUESTIONS) here.push(await model.encode(await chat.ask(q, sampling)));
    const saved = chat.save();
    await withPage(async (page) => {
        for (const [threads, cache] of [[2, true], [1, true], [2, 'only'], [3, false], [4, true]]) {
            const there = await page.evaluate(
                async ([url, options, sampling, questions, load]) => {
                    const { Model } = await import('/dist/page/palimpsest.js');
                    const model = await Model.load(url, load);
                    const chat = model.chat({ ...options, name: `with ${load.threads}` });
                    const ids = [];
                    for (const q of questions) ids.push(await model.encode(await chat.ask(q, sampling)));
                    const block = await chat.save();
                    await chat.close();
                    const again = await model.open(`with ${load.threads}`);
                    const more = await again.ask('And then?', sampling);
                    const wasm = model.memory.wasm;
                    model.close();
                    return { ids, saved: [...block], threads: model.threads, note: model.note, more, wasm };
                },
                /** @type {[string, any, any, string[], any]} */ ([MODEL, options, sampling, QUESTIONS, { variant: 'simd', threads, cache }]),
            );
            assert.equal(there.threads, threads);
            assert.equal(there.note, '');
            assert.deepEqual(there.ids, here, `${threads} threads`);
            assert.deepEqual(Buffer.from(there.saved), Buffer.from(saved));
            assert.ok(there.more.length > 0);
        }
    });
});

test('isolated: auto measures; close() ends the helpers; a worker that is ended takes them along', { skip: process.platform !== 'linux' && 'counts threads in /proc' }, async () => {
    await withPage(async (page) => {
        const threads = await page.evaluate(async (url) => {
            const { Model } = await import('/dist/page/palimpsest.js');
            const model = await Model.load(url);
            const { threads, note } = model;
            model.close();
            return [threads, navigator.hardwareConcurrency, note];
        }, MODEL);
        assert.ok(threads[0] >= 1 && threads[0] <= threads[1], String(threads));
        assert.equal(threads[2], '');
        for (let i = 0; i < 6; i++) {
            await page.evaluate(async (url) => {
                const { Model } = await import('/dist/page/palimpsest.js');
                const model = await Model.load(url, { threads: 4 });
                await model.chat({ memory: { tokens: 32 } }).ask('Hello', { maxTokens: 4 });
                model.close();
            }, MODEL);
        }
        let left = workerThreads();
        for (let i = 0; i < 50 && left > 2; i++) {
            await new Promise((resolve) => setTimeout(resolve, 100));
            left = workerThreads();
        }
        assert.ok(left <= 2, `${left} worker threads are left`);
    });
});

test('without isolation: auto is one thread with a note, more are refused with the headers they need', async () => {
    await withPage(
        async (page) => {
            const found = await page.evaluate(async (url) => {
                const { Model } = await import('/dist/page/palimpsest.js');
                const model = await Model.load(url);
                const text = await model.chat().ask('Tell me about the sea.', { maxTokens: 20, temperature: 0 });
                const refused = await Model.load(url, { threads: 2 }).catch((e) => `${e.code}: ${e.message}`);
                const wrong = await Model.load(url, { threads: 0 }).catch((e) => `${e.name}: ${e.message}`);
                const one = await Model.load(url, { threads: 1 });
                return { isolated: crossOriginIsolated, threads: model.threads, note: model.note, text, refused, wrong, one: [one.threads, one.note] };
            }, MODEL);
            assert.equal(found.isolated, false);
            assert.equal(found.threads, 1);
            assert.match(found.note, /one thread: .*not cross-origin isolated.*Cross-Origin-Opener-Policy/);
            assert.match(found.text, /sea/);
            assert.match(String(found.refused), /^engine: .*Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp/);
            assert.match(String(found.wrong), /^TypeError: threads must be/);
            assert.deepEqual(found.one, [1, '']);
        },
        { headers: () => ({}) },
    );
});
