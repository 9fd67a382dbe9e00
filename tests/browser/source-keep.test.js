// Copies in the private file system (OPFS): kept, checked, repaired, gone on with; in Chromium.
import assert from 'node:assert/strict';
import test from 'node:test';
import { faults } from './faults.js';
import { MB, damage, exact, random, refused, sha, withSource } from './source-kit.js';

const file = random(5 * MB + 12345);
const starts = (/** @type {{ from: number }[]} */ asked) => asked.map(({ from }) => from);
const slow = faults.changed({ slow: 8 });

/** Until so many bytes are kept. @param {import('./source-kit.js').Bench} bench @param {string} url @param {number} bytes */
const keptUpTo = ({ page }, url, bytes) => page.evaluate(async ([u, n]) => {
  const { cache } = await import('/web/source/cache.js');
  while (!(await cache.list()).some(({ url, have }) => url === u && have >= n)) await new Promise((done) => setTimeout(done, 10));
}, /** @type {[string, number]} */ ([url, bytes]));

/** Bytes that are kept. @param {import('./source-kit.js').Bench} bench @param {string} url */
const keptOf = ({ page }, url) => page.evaluate(async (u) => {
  const { cache } = await import('/web/source/cache.js');
  return (await cache.list()).find(({ url }) => url === u)?.have;
}, url);

/** One request that goes on behind whole kept pieces: at 2 MB, or later where the page was slow to end the download. */
function goesOn(requests) {
  const [{ from }, ...more] = requests;
  assert.ok(from >= 2 * MB && from % MB === 0 && from < file.length, `goes on at ${from}`);
  assert.deepEqual(more, [], 'one request');
  return from;
}

/** Loads 2.5 MB or a little more, of which whole pieces are kept. */
async function partly(server, load, url) {
  const path = new URL(url).pathname;
  server.fault(path, slow);
  assert.equal((await load({ source: url, stopAt: 2 * MB + MB / 2 })).error.name, 'AbortError');
  server.fault(path);
  server.forget();
}

test('a download goes on after a reload, after a crash and after an abort', async (t) => {
  await withSource(async (bench) => {
    const { server, load, ready } = bench;
    const breaks = {
      reload: ready,
      'a crash': async () => {
        await bench.page.goto('chrome://crash').catch(() => {});
        bench.page = await bench.open();
      },
      'the end of the worker': () => bench.page.evaluate(() => (/** @type {any} */ (window).end(), /** @type {any} */ (window).start())),
    };
    for (const [name, interrupt] of Object.entries(breaks)) {
      await t.test(name, async () => {
        const path = `/${name.replaceAll(' ', '-')}.bin`;
        const url = server.serve(path, file);
        server.fault(path, slow);
        load({ source: url }).catch(() => {});
        await keptUpTo(bench, url, 2 * MB);
        await interrupt();
        server.fault(path);
        server.forget();
        const result = await load({ source: url });
        exact(result, file);
        const from = goesOn(server.of(path));
        assert.equal(result.progress.cache, from);
        assert.equal(result.progress.network, file.length - from);
      });
    }
    await t.test('abort', async () => {
      const url = server.serve('/abort.bin', file);
      server.fault('/abort.bin', slow);
      const { error } = await load({ source: url, stopAt: 2 * MB + MB / 2 });
      assert.deepEqual([error.name, error.message], ['AbortError', 'stopped']);
      const [{ sent }] = server.of('/abort.bin');
      server.fault('/abort.bin');
      server.forget();
      const kept = await keptOf(bench, url);
      exact(await load({ source: url }), file);
      assert.equal(goesOn(server.of('/abort.bin')), kept);
      assert.ok(sent < file.length, 'the first request ended early');
    });
  });
});

test('the file changed while the page was closed', async (t) => {
  await withSource(async (bench) => {
    const { server, load } = bench;
    const interrupted = async (/** @type {string} */ path, more = {}) => {
      const url = server.serve(path, file, more);
      await partly(server, load, url);
      return url;
    };
    for (const [name, other] of Object.entries({ 'same-size': random(file.length), other: random(MB) })) {
      await t.test(name, async () => {
        const url = await interrupted(`/${name}.bin`);
        server.serve(`/${name}.bin`, other);
        const result = await load({ source: url });
        exact(result, other);
        assert.equal(result.restarts, 0);
        assert.equal(result.progress.cache, 0);
      });
    }
    await t.test('no validators, no checksum: starts anew', async () => {
      const url = await interrupted('/nameless.bin', { etag: null, modified: null });
      exact(await load({ source: url }), file);
      assert.deepEqual(server.of('/nameless.bin').map(({ range }) => range), ['bytes=0-']);
    });
    await t.test('no validators, but a checksum: goes on', async () => {
      const url = await interrupted('/proven.bin', { etag: null, modified: null });
      const kept = await keptOf(bench, url);
      exact(await load({ source: url, options: { sha256: sha(file) } }), file);
      assert.equal(goesOn(server.of('/proven.bin')), kept);
    });
  });
});

test('without a network', async (t) => {
  await withSource(async ({ server, load, page }) => {
    const url = server.serve('/away.bin', file);
    const half = server.serve('/half.bin', file);
    const other = server.serve('/other.bin', file);
    exact(await load({ source: url }), file);
    await partly(server, load, half);
    await server.close();
    await t.test('a complete copy is enough', async () => exact(await load({ source: url }), file));
    await t.test("cache: 'only'", async () => {
      exact(await load({ source: url, options: { cache: 'only' } }), file);
      refused(await load({ source: other, options: { cache: 'only' } }), 'offline', /other\.bin: is not kept here; load it once with cache: true/);
      refused(await load({ source: half, options: { cache: 'only' } }), 'offline', /half\.bin: is not kept here in full \(\d+ of 5255225 bytes\)/);
    });
    await t.test("cache: 'refresh' uses the copy and says so", async () => {
      const result = await load({ source: url, options: { cache: 'refresh' } });
      exact(result, file);
      assert.match(result.note, /cannot be reached: the kept copy is used/);
    });
    await t.test('half a copy is not', async () => refused(await load({ source: half }), 'offline', /half\.bin: .* cannot be reached/));
    await t.test('a damaged copy is told from a good one', async () => {
      await damage(page, url, 3 * MB + 7);
      refused(await load({ source: url }), 'integrity', /away\.bin: the kept copy is damaged \(bytes 3145728 to 4194303\) and cannot be repaired: .* cannot be reached/);
      refused(await load({ source: url, options: { cache: 'only' } }), 'integrity', /cannot be repaired: cache: 'only' forbids/);
    });
    await server.listen(server.port);
  });
});

test('damaged copies are repaired: only the damaged piece is fetched', async (t) => {
  await withSource(async ({ server, load, page }) => {
    for (const [name, more] of Object.entries({ etag: {}, 'last-modified': { etag: null }, nameless: { etag: null, modified: null } })) {
      await t.test(name, async () => {
        const path = `/${name}.bin`;
        const url = server.serve(path, file, more);
        exact(await load({ source: url }), file);
        await damage(page, url, 2 * MB + 99);
        server.forget();
        exact(await load({ source: url }), file);
        assert.deepEqual(server.of(path).map(({ range }) => range), [`bytes=${2 * MB}-${3 * MB - 1}`]);
        server.forget();
        exact(await load({ source: url }), file);
        assert.equal(server.of(path).length, 0, 'the repair is kept');
      });
    }
    await t.test('bytes that never reached the disk', async () => {
      const url = server.serve('/torn.bin', file);
      exact(await load({ source: url }), file);
      await damage(page, url, 4 * MB + 5, { cutData: true });
      server.forget();
      exact(await load({ source: url }), file);
      assert.deepEqual(server.of('/torn.bin').map(({ range }) => range), [`bytes=${4 * MB}-${5 * MB - 1}`, `bytes=${5 * MB}-`]);
    });
    await t.test('a torn journal', async () => {
      const url = server.serve('/journal.bin', file);
      exact(await load({ source: url }), file);
      await damage(page, url, 0, { cutJournal: 30 }); // the last line, and some of the one before
      server.forget();
      exact(await load({ source: url }), file);
      assert.deepEqual(starts(server.of('/journal.bin')), [4 * MB]);
    });
    await t.test('no journal at all', async () => {
      const url = server.serve('/lost.bin', file);
      exact(await load({ source: url }), file);
      await damage(page, url, 0, { cutJournal: Infinity });
      server.forget();
      exact(await load({ source: url }), file);
      assert.deepEqual(starts(server.of('/lost.bin')), [0]);
    });
    await t.test('damaged, and another file on the server', async () => {
      const other = random(file.length);
      const url = server.serve('/both.bin', file);
      exact(await load({ source: url }), file);
      await damage(page, url, MB);
      server.serve('/both.bin', other);
      const result = await load({ source: url });
      exact(result, other);
      assert.equal(result.restarts, 1);
    });
  });
});

test("cache: 'refresh' asks for one byte", async () => {
  await withSource(async ({ server, load }) => {
    const url = server.serve('/fresh.bin', file);
    exact(await load({ source: url }), file);
    server.forget();
    exact(await load({ source: url, options: { cache: 'refresh' } }), file);
    assert.deepEqual(server.of('/fresh.bin').map(({ range }) => range), [`bytes=${file.length - 1}-`]);
    const other = random(2 * MB);
    server.serve('/fresh.bin', other);
    exact(await load({ source: url }), file); // not asked: the copy
    exact(await load({ source: url, options: { cache: 'refresh' } }), other);
  });
});

test('two tabs and one file: it is fetched once; waiting can be aborted', async () => {
  await withSource(async (bench) => {
    const { server, load, open } = bench;
    const url = server.serve('/shared.bin', file);
    server.fault('/shared.bin', slow);
    server.fault('/shared-2.bin', faults.changed({ slow: 25 }));
    const second = await open();
    const third = await open();
    const first = load({ source: url });
    await keptUpTo(bench, url, 1);
    const stopped = await Promise.all([0, 1].map((i) => (i ? third : second).evaluate(([source, stopMs]) => /** @type {any} */ (window).load({ source, stopMs }), [url, 50])));
    assert.ok(stopped.every(({ error }) => error.name === 'AbortError'));
    exact(await first, file);
    const other = server.serve('/shared-2.bin', file);
    const holder = load({ source: other });
    await keptUpTo(bench, other, 1);
    const waiter = second.evaluate((source) => /** @type {any} */ (window).load({ source }), other);
    const pending = await third.evaluate(async () => {
      for (let i = 0; i < 100; i++) {
        const names = ((await navigator.locks.query()).pending ?? []).map(({ name }) => name);
        if (names.length) return names;
        await new Promise((done) => setTimeout(done, 10));
      }
      return [];
    });
    assert.equal(pending.length, 1, 'it waits for the lock');
    const results = await Promise.all([holder, waiter]);
    for (const result of results) exact(result, file);
    assert.equal(server.of('/shared.bin').length, 1);
    assert.equal(server.of('/shared-2.bin').length, 1);
    assert.deepEqual(results.map(({ waits }) => waits.length).sort(), [0, 1]);
    await second.close();
  });
});

test('checksums', async (t) => {
  await withSource(async ({ server, load, page }) => {
    const sha256 = sha(file);
    await t.test('a bit that flipped on the way: fetched anew', async () => {
      const url = server.serve('/bit.bin', file);
      server.fault('/bit.bin', faults.corrupt(MB + 3, 1));
      const result = await load({ source: url, options: { sha256: sha256.toUpperCase() } });
      exact(result, file);
      assert.equal(result.restarts, 1);
    });
    for (const cache of [true, false]) {
      await t.test(`the wrong file: refused, both digests named; cache: ${cache}`, async () => {
        const url = server.serve('/wrong.bin', file);
        const wanted = sha(random(10));
        server.forget();
        const result = await load({ source: url, options: { sha256: wanted, cache } });
        refused(result, 'integrity', new RegExp(`wrong\\.bin: its SHA-256 is ${sha256}, and ${wanted} is expected; nothing of it is used or kept`));
        assert.deepEqual(starts(server.of('/wrong.bin')), [0, 0], 'fetched twice');
        const kept = await page.evaluate(async () => (await (await import('/web/source/cache.js')).cache.list()).map(({ url }) => url));
        assert.ok(!kept.includes(url), 'and not kept');
      });
    }
    await t.test('a copy that was kept without a checksum is checked', async () => {
      const bad = Buffer.from(file);
      bad[77] ^= 4;
      const url = server.serve('/late.bin', bad);
      exact(await load({ source: url }), bad);
      server.serve('/late.bin', file);
      exact(await load({ source: url, options: { sha256 } }), file);
    });
    await t.test('a proven copy is not fetched for the same checksum, and replaced for another', async () => {
      const url = server.serve('/proven.bin', file);
      exact(await load({ source: url, options: { sha256 } }), file);
      server.forget();
      exact(await load({ source: url, options: { sha256 } }), file);
      assert.equal(server.of('/proven.bin').length, 0);
      const other = random(MB + 1);
      server.serve('/proven.bin', other);
      const result = await load({ source: url, options: { sha256: sha(other) } });
      exact(result, other);
      assert.equal(result.restarts, 0);
    });
    await t.test('options that cannot act are refused', async () => {
      const url = server.serve('/options.bin', file);
      for (const [options, text] of /** @type {[any, RegExp][]} */ ([
        [{ sha256: 'abc' }, /'abc' is not 64 hexadecimal digits/],
        [{ sha256: [sha256, sha256] }, /2 given, and the model has 1 file/],
        [{ cache: 'maybe' }, /cache: true, 'refresh', 'only' or false/],
        [{ cashe: true }, /unknown option 'cashe'; did you mean 'cache'/],
      ])) assert.match((await load({ source: url, options })).error.message, text);
    });
  });
});

test('storage', async (t) => {
  await withSource(async ({ server, load, page, origin }) => {
    const quota = async (/** @type {number | undefined} */ quotaSize) => {
      const session = await page.context().newCDPSession(page);
      await session.send('Storage.overrideQuotaForOrigin', { origin, quotaSize });
    };
    await t.test('what will not fit is refused before the download', async () => {
      const url = server.serve('/large.bin', file);
      server.fault('/large.bin', slow);
      await quota(3 * MB);
      refused(await load({ source: url }), 'quota', /large\.bin: keeping it needs 5\.3 MB, and the browser's storage has no room for it .*; delete models .* or load with cache: false/);
      assert.ok(server.of('/large.bin')[0].sent < file.length);
      exact(await load({ source: url, options: { cache: false } }), file);
      await quota(undefined);
    });
    await t.test('storage that fills up on the way', async () => { // without a length no room can be reserved
      await quota(3 * MB);
      const url = server.serve('/filling.bin', file);
      server.fault('/filling.bin', faults.chunked());
      refused(await load({ source: url }), 'quota', /filling\.bin: keeping it needs \d\.\d MB, and the browser's storage has no room for it .*; delete models/);
      assert.deepEqual(await page.evaluate(async () => (await import('/web/source/cache.js')).cache.size()), 0, 'what is of no use is deleted');
      await quota(undefined);
      exact(await load({ source: url }), file);
    });
    await t.test('no private file system: loaded, not kept, and said', async () => {
      const url = server.serve('/private.bin', file);
      const result = await load({ source: url, env: { noStorage: true } });
      exact(result, file);
      assert.match(result.note, /no private file system \(a private window\?\): the model was loaded but not kept/);
      refused(await load({ source: url, options: { cache: 'only' }, env: { noStorage: true } }), 'offline', /no private file system .* so nothing is kept/);
      const failing = await load({ source: url, env: { noHandles: true } });
      exact(failing, file);
      assert.match(failing.note, /private\.bin was loaded but not kept: the browser's storage failed \(not today\)/);
      server.forget();
      exact(await load({ source: url }), file);
      assert.equal(server.of('/private.bin').length, 1);
    });
  });
});

test('the cache manager', async () => {
  await withSource(async (bench) => {
    const { server, load, page } = bench;
    const manage = (/** @type {string} */ what, /** @type {any[]} */ ...args) => page.evaluate(async ([name, list]) => {
      const { cache } = await import('/web/source/cache.js');
      return cache[name](...list).catch((e) => ({ error: { code: e.code, message: e.message } }));
    }, /** @type {[string, any[]]} */ ([what, args]));
    assert.deepEqual(await manage('list'), []);
    assert.equal(await manage('size'), 0);
    const a = server.serve('/a.bin', file);
    const b = server.serve('/b.bin', file);
    await load({ source: a });
    await partly(server, load, b);
    const list = await manage('list');
    assert.deepEqual(list.map(({ url, size, complete }) => [url, size, complete]), [[b, file.length, false], [a, file.length, true]]);
    assert.equal(list[1].have, file.length);
    assert.ok(list[0].have >= 2 * MB && list[0].have < file.length);
    assert.ok(list.every(({ usedAt }) => Math.abs(Date.now() - usedAt) < 60_000));
    const size = await manage('size');
    assert.ok(size >= 2 * file.length && size < 2 * file.length + 4096, `${size}: room is reserved`);
    await load({ source: a });
    assert.deepEqual((await manage('list')).map(({ url }) => url), [a, b], 'the one used last comes first');
    await manage('delete', b);
    await manage('delete', `${b}-never-loaded`);
    assert.deepEqual((await manage('list')).map(({ url }) => url), [a]);
    const { usage, quota } = await manage('estimate');
    assert.ok(usage >= file.length && quota > usage);
    assert.equal(typeof (await manage('persist')), 'boolean');
    server.fault('/b.bin', slow);
    const loading = load({ source: b });
    await keptUpTo(bench, b, MB);
    assert.equal((await manage('delete', b)).error.code, 'busy');
    assert.match((await manage('clear')).error.message, /a model is being loaded by a tab/);
    exact(await loading, file);
    await manage('clear');
    assert.deepEqual(await manage('list'), []);
    assert.equal(await manage('size'), 0);
  });
});
