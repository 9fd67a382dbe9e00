// Whole models through the streaming source, in Chromium: from URLs, split URLs and files.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { root } from '../node/fixtures.js';
import { faults, plain } from './faults.js';
import { MB, exact, random, refused, withSource } from './source-kit.js';

const gguf = fs.readFileSync(path.join(root, 'models/default.gguf'));
const file = random(3 * MB + 12345);

/** The files chosen in the page, as `source` of a load. @param {import('playwright-core').Page} page @param {string[]} names @param {any} [call] */
async function choose(page, names, call = {}) {
  await page.evaluate(() => document.body.replaceChildren(Object.assign(document.createElement('input'), { type: 'file', multiple: true })));
  await page.setInputFiles('input', names);
  return page.evaluate((c) => {
    const { files } = /** @type {HTMLInputElement} */ (document.querySelector('input'));
    return /** @type {any} */ (window).load({ ...c, source: files?.length === 1 ? files[0] : [...(files ?? [])] });
  }, call);
}

test('a download without a cache: one request, progress all along', async () => {
  await withSource(async ({ server, load }) => {
    const url = server.serve('/plain.bin', file);
    const { progress, ...result } = await load({ source: url, options: { cache: false } });
    exact(result, file);
    assert.equal(server.of('/plain.bin').length, 1);
    assert.deepEqual([progress.network, progress.loaded, progress.total, progress.backwards], [file.length, file.length, file.length, 0]);
    assert.ok(progress.events > 12, `${progress.events} events`);
    assert.equal(result.note, '');
  });
});

test('a model by URL, from its copy, from a file: the same model', async () => {
  await withSource(async ({ server, load, page }) => {
    const url = server.serve('/default.gguf', gguf);
    const first = await load({ kind: 'model', source: url });
    assert.ok(first.ids?.length > 2, JSON.stringify(first));
    const kept = await load({ kind: 'model', source: url });
    assert.equal(server.of('/default.gguf').length, 1);
    const dropped = await choose(page, [path.join(root, 'models/default.gguf')], { kind: 'model' });
    for (const { name, ids, weights } of [kept, dropped]) assert.deepEqual({ name, ids, weights }, { name: first.name, ids: first.ids, weights: first.weights });
    assert.deepEqual([first.progress.network, kept.progress.cache, dropped.progress.file], [gguf.length, gguf.length, gguf.length]);
  });
});

test('what is no model is not kept', async (t) => {
  await withSource(async ({ server, load, page }) => {
    const kept = () => page.evaluate(async () => (await (await import('/web/source/cache.js')).cache.list()).length);
    const broken = {
      'a header with a wrong magic': [Buffer.concat([Buffer.from('GGML'), gguf.subarray(4)]), /broken\.gguf: .*the copy that was kept of it is deleted/],
      'a truncated file with the right length': [gguf.subarray(0, gguf.length - 100), /the copy that was kept of it is deleted/],
    };
    for (const [name, [bytes, text]] of Object.entries(broken)) {
      await t.test(name, async () => {
        const url = server.serve('/broken.gguf', bytes);
        refused(await load({ kind: 'model', source: url }), 'format', /** @type {RegExp} */ (text));
        assert.equal(await kept(), 0);
        server.serve('/broken.gguf', gguf);
        assert.equal((await load({ kind: 'model', source: url })).error, undefined);
        await page.evaluate(async () => (await import('/web/source/cache.js')).cache.clear());
      });
    }
    await t.test('a web page', async () => {
      const url = server.serve('/page.gguf', Buffer.from('<!doctype html>'.padEnd(5000)));
      refused(await load({ kind: 'model', source: url }), 'download', /is a web page/);
      assert.equal(await kept(), 0);
    });
    await t.test('the file changes while its header is read already', async () => {
      const url = server.serve('/new.gguf', Buffer.concat([gguf.subarray(0, 2 * MB), random(gguf.length - 2 * MB)]));
      server.fault('/new.gguf', async ({ request, response, file, asked, n }) => {
        if (n > 1) return false;
        await plain(request, response, file, asked, { stop: 2 * MB, then: 'cut' });
        server.serve('/new.gguf', gguf);
        return true;
      });
      const model = await load({ kind: 'model', source: url });
      assert.ok(model.ids?.length > 2, JSON.stringify(model));
    });
  });
});

test('split files', async (t) => {
  await withSource(async ({ server, load, page }) => {
    const parts = Array.from({ length: 5 }, (_, i) => random(2 * MB + 1000 * i));
    const names = parts.map((_, i) => `/big-0000${i + 1}-of-00005.gguf`);
    let now = 0;
    let most = 0;
    const count = faults.changed({ slow: 4 });
    for (const [i, name] of names.entries()) {
      server.serve(name, parts[i]);
      server.fault(name, async (context) => {
        most = Math.max(most, ++now);
        context.response.on('close', () => now--);
        return count(context);
      });
    }
    const url = `${server.origin}${names[0]}?token=1`;
    await t.test('the names follow from the first; parts are read side by side; nothing twice', async () => {
      const result = await load({ source: url, options: { cache: false } });
      exact(result, ...parts);
      assert.ok(most >= 2 && most <= 4, `${most} at once`); // three, and one that is just ending
      for (const [i, name] of names.entries()) {
        assert.deepEqual(server.of(name).map(({ range }) => range), ['bytes=0-0', `bytes=0-${MB - 1}`, `bytes=${MB}-`], name);
        assert.equal(server.of(name).slice(1).reduce((sum, { sent }) => sum + sent, 0), parts[i].length);
      }
      assert.equal(result.progress.loaded, result.progress.total);
    });
    await t.test('kept, and gone on with', async () => {
      await load({ source: url, stopAt: 6 * MB });
      const result = await load({ source: url });
      exact(result, ...parts);
      assert.ok(result.progress.cache > 2 * MB, `${result.progress.cache} from the copy`);
      server.forget();
      exact(await load({ source: url }), ...parts);
      assert.deepEqual(server.asked, []);
    });
    await t.test('a server that ignores Range', async () => {
      for (const name of names) server.fault(name, faults.changed({ ignoreRange: true }));
      exact(await load({ source: url, options: { cache: false } }), ...parts);
    });
    await t.test('a part that is missing', async () => {
      server.files.delete(names[3]);
      refused(await load({ source: url, options: { cache: false } }), 'download', /big-00004-of-00005\.gguf\?token=1: the server has no such file/);
      refused(await load({ source: `${server.origin}${names[1]}` }), 'file', /is part 2 of 5; give the first one, big-00001-of-00005\.gguf/);
    });
    await t.test('dropped files, in any order', async () => {
      const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'palimpsest-'));
      const files = names.map((name, i) => {
        fs.writeFileSync(path.join(folder, name), parts[i]);
        return path.join(folder, name);
      });
      const order = [3, 0, 4, 1, 2].map((i) => files[i]);
      exact(await choose(page, order), ...parts);
      refused(await choose(page, order.slice(1)), 'file', /big: has 5 parts; part 4 is missing; give all of them together/);
      refused(await choose(page, [files[2]]), 'file', /big: has 5 parts; part 1, 2, 4, 5 is missing/);
      fs.writeFileSync(path.join(folder, 'other.bin'), 'x');
      refused(await choose(page, [path.join(folder, 'other.bin'), files[0]]), 'file', /'other\.bin' and 'big-00001-of-00005\.gguf' are not parts of the same split model/);
      fs.rmSync(folder, { recursive: true });
    });
  });
});

test('dropped files that cannot be used', async () => {
  await withSource(async ({ page }) => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'palimpsest-'));
    const name = path.join(folder, 'dropped.gguf');
    fs.writeFileSync(name, '');
    refused(await choose(page, [name]), 'file', /dropped\.gguf: is empty/);
    fs.writeFileSync(name, file);
    exact(await choose(page, [name]), file);
    refused(await choose(page, [name], { options: { sha256: '0'.repeat(64) } }), 'integrity', /dropped\.gguf: its SHA-256 is [0-9a-f]{64}, and 0{64} is expected/);
    await page.setInputFiles('input', [name]);
    fs.writeFileSync(name, random(MB));
    fs.utimesSync(name, 1, 1);
    const stale = await page.evaluate(() => /** @type {any} */ (window).load({ source: /** @type {any} */ (document.querySelector('input')).files[0] }));
    refused(stale, 'file', /dropped\.gguf: could not be read .*; it was moved or changed: choose it again/);
    fs.rmSync(folder, { recursive: true });
  });
});
