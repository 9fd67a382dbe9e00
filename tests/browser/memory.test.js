// What a chat costs the renderer process, as the system counts it (RSS), in headless Chromium.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { root } from '../node/fixtures.js';
import { withPage } from './chromium.js';

const MB = 1e6;
const MODEL = '/models/default.gguf';
const PARTS = 4; // of the 200 chats

/** Bytes of a line of /proc/PID/status: VmRSS now, VmHWM the most so far. @param {number} pid @param {string} line */
const bytes = (pid, line) => 1024 * Number(fs.readFileSync(`/proc/${pid}/status`, 'utf8').match(new RegExp(`${line}:\\s*(\\d+) kB`))[1]);

/** The process of the page (and of its workers): the one that grows when the page does. @param {import('playwright-core').Page} page @param {import('playwright-core').Browser} browser */
async function renderer(page, browser) {
    const session = await browser.newBrowserCDPSession();
    const { processInfo } = await session.send('SystemInfo.getProcessInfo');
    const pids = processInfo.filter((p) => p.type === 'renderer').map((p) => p.id);
    const before = pids.map((pid) => bytes(pid, 'VmRSS'));
    await page.evaluate(() => void (window.mark = new Uint8Array(64e6).fill(1)));
    const grown = pids.map((pid, i) => bytes(pid, 'VmRSS') - before[i]);
    await page.reload();
    return pids[grown.indexOf(Math.max(...grown))];
}

test('200 chats of 1,500 tokens, one after another, add less than 5 MB', async () => {
    await withPage(
        async (page, _, browser) => {
            const pid = await renderer(page, browser);
            await page.evaluate(async (url) => {
                const { Model } = await import('/dist/page/palimpsest.js');
                window.model = await Model.load(url, { variant: 'simd' });
                const words = 'sea bird sun cat tree house river wind cloud stone'.split(' ');
                window.talk = async (n) => {
                    const chat = window.model.chat({ memory: { tokens: 256 } });
                    const text = Array.from({ length: 1480 }, (_, i) => words[(i * (n + 7) + (i >> 3) * n) % words.length]).join(' ');
                    await chat.ask(text, { maxTokens: 64, ignoreEnd: true, seed: n });
                    const { seen } = chat.memory;
                    await chat.close();
                    return seen;
                };
            }, MODEL);
            /** Garbage comes and goes in teeth of some 15 MB: what counts is what stays when it has been collected, which takes seconds. */
            const settled = async () => {
                let least = Infinity; // a browser that does something of its own at the last moment does not count
                for (let i = 0; i < 7; i++) {
                    for (const heap of [page, ...page.workers()]) await heap.evaluate(() => gc());
                    await new Promise((r) => setTimeout(r, 2000)); // pages go back to the system a little later
                    least = Math.min(least, bytes(pid, 'VmRSS'));
                }
                return least;
            };
            /** @param {number} from @param {number} to */
            const chats = async (from, to) => {
                let most = 0;
                for (let n = from; n < to; n++) {
                    const seen = await page.evaluate((n) => window.talk(n), n);
                    assert.ok(seen >= 1500, `${seen} tokens`);
                    most = Math.max(most, bytes(pid, 'VmRSS'));
                }
                return most;
            };
            // What a chat leaves behind, every chat leaves behind. What the browser does once (a heap that it lays out anew, code that it
            // compiles again) is in one part alone, and not in the middle growth of the four; what it has not yet given back is in
            // one moment, and not in the middle slope between any two of the five. What grows with the chats is in both.
            await chats(0, 10);
            const before = await settled();
            const stays = [before];
            let most = 0;
            for (let part = 0; part < PARTS; part++) {
                most = Math.max(most, await chats(10 + (part * 200) / PARTS, 10 + ((part + 1) * 200) / PARTS));
                stays.push(await settled());
            }
            const middle = (/** @type {number[]} */ list) => (list.sort((a, b) => a - b), (list[list.length / 2 - 1] + list[list.length / 2]) / 2);
            const parts = middle(stays.slice(1).map((now, i) => now - stays[i]));
            const slopes = middle(stays.flatMap((late, j) => stays.slice(0, j).map((early, i) => (late - early) / (j - i))));
            const added = PARTS * Math.min(parts, slopes);
            console.log(`# RSS ${stays.map((b) => (b / MB).toFixed(1)).join(', ')} MB after 10, 60, 110, 160, 210 chats, in between at most ${(most / MB).toFixed(1)} MB`);
            assert.ok(added < 5 * MB, `${added} bytes`);
            assert.ok(most - before < 40 * MB, `${most - before} bytes of garbage at once`);
        },
        { headers: () => ({}), flags: ['--js-flags=--expose-gc'] },
    );
});

test('loading 100 MB takes the file and at most 40 MB more at its peak', async () => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'palimpsest-'));
    try {
        const file = path.join(folder, 'model.gguf');
        const made = spawnSync(process.execPath, [path.join(root, 'tests/bench/make_model.js'), file, '--type', 'Q8_0', '--layers', '19'], { encoding: 'utf8' });
        assert.equal(made.status, 0, made.stderr);
        fs.symlinkSync(path.join(root, 'dist'), path.join(folder, 'dist'));
        fs.writeFileSync(path.join(folder, 'index.html'), '<!doctype html><link rel="icon" href="data:,">');
        const { size } = fs.statSync(file);
        assert.ok(size > 80 * MB, `${size} bytes`);
        await withPage(
            async (page, _, browser) => {
                const pid = await renderer(page, browser);
                for (const cache of [true, 'only', false]) {
                    const peaks = [];
                    for (let run = 0; run < 3; run++) {
                        await page.reload();
                        await page.evaluate(async (cache) => {
                            window.pal = await import('/dist/page/palimpsest.js');
                            if (cache === true) await window.pal.cache.clear();
                        }, cache);
                        await new Promise((r) => setTimeout(r, 1000));
                        const empty = bytes(pid, 'VmRSS');
                        fs.writeFileSync(`/proc/${pid}/clear_refs`, '5'); // the peak begins anew
                        await page.evaluate(async (cache) => void (window.model = await window.pal.Model.load('model.gguf', { cache })), cache);
                        peaks.push((bytes(pid, 'VmHWM') - empty - size) / MB);
                    }
                    const [, median] = peaks.toSorted((a, b) => a - b);
                    console.log(`# cache ${cache}: file ${(size / MB).toFixed(1)} MB, peak ${peaks.map((p) => p.toFixed(1)).join(', ')} MB over file and empty page`);
                    assert.ok(median < 40, `${median} MB`);
                }
            },
            { folder, at: '/', headers: () => ({}) },
        );
    } finally {
        fs.rmSync(folder, { recursive: true });
    }
});
