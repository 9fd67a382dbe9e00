// A server that does everything wrong: each fault ends in the exact file or in a clear message.
import assert from 'node:assert/strict';
import test from 'node:test';
import { faults, plain } from './faults.js';
import { MB, exact, random, refused, withSource } from './source-kit.js';

const file = random(3 * MB + 12345);
const starts = (/** @type {{ from: number }[]} */ asked) => asked.map(({ from }) => from);

/** What each row does to a download of `file`, and the ends it may have. */
const repaired = {
  'cut after 1 MB, again and again': { fault: faults.cut(MB + 100), requests: 4 },
  'cut before any byte, twice': { fault: faults.cut(0, 2), requests: 3 },
  'no answer, twice': { fault: faults.silent(2), requests: 3 },
  'stalls after 1 MB': { fault: faults.stall(MB + 100, 1), requests: 2 },
  'stalls before any byte': { fault: faults.stall(0, 1), requests: 2 },
  'ignores Range': { fault: faults.changed({ ignoreRange: true }), requests: 1 },
  '503 with Retry-After': { fault: faults.status(503, { 'Retry-After': '0' }, 3), requests: 4 },
  '429, then cut': { fault: faults.status(429, {}, 1), requests: 2 },
  '206 from another byte': { fault: faults.changed({ headers: { 'Content-Range': `bytes 1-${file.length}/${file.length + 1}` } }), requests: 2 },
  '206 without Content-Range': { fault: faults.changed({ headers: { 'Content-Range': '' } }), requests: 2 },
  '206 with an ill-formed Content-Range': { fault: faults.changed({ headers: { 'Content-Range': `bytes 0-${file.length - 1}` } }), requests: 2 },
  '206 with an unknown total': { fault: faults.changed({ headers: { 'Content-Range': `bytes 0-${file.length - 1}/*` } }), requests: 2 },
  '206 of several parts': { fault: faults.changed({ headers: { 'Content-Type': 'multipart/byteranges; boundary=x' } }), requests: 2 },
  '206 whose length is not that of its range': { fault: faults.changed({ headers: { 'Content-Range': `bytes 0-${file.length - 2}/${file.length}` } }), requests: 2 },
  '206 of a part of what was asked for': { fault: shorter, requests: 4 },
};

/** Answers with at most 1 MB of the range, which a server may do. */
async function shorter({ request, response, file, asked }) {
  const from = Number(/\d+/.exec(request.headers.range ?? '')?.[0]);
  request.headers.range = `bytes=${from}-${Math.min(from + MB, file.bytes.length) - 1}`;
  await plain(request, response, file, asked);
  return true;
}

test('faults that are repaired', async (t) => {
  await withSource(async ({ server, load }) => {
    for (const [name, { fault, requests }] of Object.entries(repaired)) {
      await t.test(name, async () => {
        const path = `/${encodeURIComponent(name)}.bin`;
        const url = server.serve(decodeURIComponent(path), file);
        server.fault(decodeURIComponent(path), fault);
        const result = await load({ source: url.replace(decodeURIComponent(path), path), options: { cache: false }, env: { stallMs: 300 } });
        exact(result, file);
        assert.equal(server.of(decodeURIComponent(path)).length, requests);
        assert.equal(result.restarts, 0);
        assert.equal(result.progress.network, file.length, 'no byte counts twice');
      });
    }
  });
});

test('what was received is not asked for again', async () => {
  await withSource(async ({ server, load }) => {
    const url = server.serve('/cut.bin', file);
    server.fault('/cut.bin', faults.cut(MB + 100));
    exact(await load({ source: url }), file);
    assert.deepEqual(starts(server.of('/cut.bin')), [0, MB + 100, 2 * (MB + 100), 3 * (MB + 100)]);
    assert.equal(server.of('/cut.bin').reduce((sum, { sent }) => sum + sent, 0), file.length);
  });
});

test('Range is ignored and the connection cut: what is here is passed over', async () => {
  await withSource(async ({ server, load }) => {
    const url = server.serve('/static.bin', file);
    server.fault('/static.bin', async ({ request, response, file, asked, n }) => {
      await plain(request, response, file, asked, { ignoreRange: true, stop: n * MB, then: 'cut' });
      return true;
    });
    const result = await load({ source: url });
    exact(result, file);
    assert.equal(result.restarts, 0);
    assert.deepEqual(starts(server.of('/static.bin')), [0, 0, 0, 0]);
  });
});

test('the file changes between two ranges: it is loaded anew', async (t) => {
  for (const same of [false, true]) {
    await withSource(async ({ server, load }) => {
      for (const [name, other] of Object.entries({ 'of the same size': random(file.length), larger: random(4 * MB), smaller: random(MB / 2) })) {
        await t.test(`${name}, ${same ? 'own' : 'other'} origin`, async () => {
          const path = `/${name.replaceAll(' ', '-')}.bin`;
          const url = server.serve(path, file);
          server.fault(path, async ({ request, response, file: now, asked }) => {
            if (now.bytes !== file) return false;
            await plain(request, response, now, asked, { stop: 2 * MB, then: 'cut' });
            server.serve(path, other);
            return true;
          });
          const result = await load({ source: url });
          exact(result, other);
          assert.equal(result.restarts, 1);
          assert.equal(server.of(path).some(({ headers }) => headers['if-range']), same, 'If-Range is sent to the own origin alone');
          server.forget();
          exact(await load({ source: url }), other); // and kept
          assert.equal(server.of(path).length, 0);
        });
      }
    }, { same });
  }
});

test('another length under the same ETag is another file', async () => {
  await withSource(async ({ server, load }) => {
    const other = random(4 * MB);
    const url = server.serve('/lying.bin', file, { etag: '"same"', modified: null });
    server.fault('/lying.bin', async ({ request, response, file: now, asked, n }) => {
      if (n > 1) return false;
      await plain(request, response, now, asked, { stop: 2 * MB, then: 'cut' });
      server.serve('/lying.bin', other, { etag: '"same"', modified: null });
      return true;
    });
    const result = await load({ source: url });
    exact(result, other);
    assert.equal(result.restarts, 1);
  });
});

test('the file changes all the time', async () => {
  await withSource(async ({ server, load }) => {
    const url = server.serve('/restless.gguf', file);
    server.fault('/restless.gguf', async ({ request, response, file, asked }) => {
      const mine = Buffer.concat([Buffer.from('GGUF'), file.bytes]);
      await plain(request, response, file, asked, { bytes: mine, stop: MB / 2, then: 'cut' });
      server.serve('/restless.gguf', random(file.bytes.length));
      return true;
    });
    refused(await load({ kind: 'model', source: url }), 'download', /restless\.gguf: the file changed on the server.*began again 3 times/);
  });
});

test('no ETag, no Last-Modified: an interrupted download is not put together', async () => {
  await withSource(async ({ server, load }) => {
    const url = server.serve('/nameless.bin', file, { etag: null, modified: null });
    server.fault('/nameless.bin', faults.cut(2 * MB, 1));
    const result = await load({ source: url });
    exact(result, file);
    assert.equal(result.restarts, 1);
    assert.deepEqual(server.of('/nameless.bin').map(({ range }) => range), ['bytes=0-', `bytes=${2 * MB}-`, 'bytes=0-']);
  });
});

const refusals = {
  '404': { fault: faults.status(404), code: 'download', text: /has no such file \(404\)/, requests: 1 },
  '401': { fault: faults.status(401), code: 'download', text: /asks for a login \(401\)/, requests: 1 },
  '403': { fault: faults.status(403), code: 'download', text: /forbids it \(403\)/, requests: 1 },
  '410': { fault: faults.status(410), code: 'download', text: /has it no longer \(410\)/, requests: 1 },
  '400': { fault: faults.status(400), code: 'download', text: /answers 400/, requests: 1 },
  '503 for ever': { fault: faults.status(503), code: 'download', text: /the server answers 503; tried 6 times\. Try again later/, requests: 6 },
  '503, back in an hour': { fault: faults.status(503, { 'Retry-After': '3600' }), code: 'download', text: /answers 503 and asks to come back in 3600 s/, requests: 1 },
  'HTML': { fault: faults.changed({ headers: { 'Content-Type': 'text/html; charset=utf-8' } }), code: 'download', text: /is a web page or a pointer to a file, not a model; give the URL of the \.gguf file itself/, requests: 1 },
  'HTML that says it is not': { fault: faults.changed({ bytes: Buffer.from('\n<!doctype html><title>Sign in</title>') }), code: 'download', text: /is a web page/, requests: 1 },
  'a Git LFS pointer': { fault: faults.changed({ bytes: Buffer.from('version https://git-lfs.github.com/spec/v1\noid sha256:00\n') }), code: 'download', text: /a pointer to a file/, requests: 1 },
  'cut at the same byte for ever': { fault: async ({ request, response, file, asked }) => {
    await plain(request, response, file, asked, { stop: Math.max(0, MB - Number(/\d+/.exec(request.headers.range ?? '')?.[0])), then: 'cut' });
    return true;
  }, code: 'download', text: /the connection was cut at byte 1048576; tried 6 times/, requests: 6 },
  'no length': { fault: faults.chunked(), code: 'download', text: /does not say how large the file is .*; load it with cache: true/, requests: 1 },
  'more bytes than announced': { fault: ({ response, file, asked }) => {
    asked.status = 206;
    response.writeHead(206, { 'Content-Range': `bytes 0-${MB - 1}/${MB}`, 'Content-Type': 'application/octet-stream', ETag: '"x"' }).end(file.bytes);
    return true;
  }, code: 'download', text: /sent more bytes than it announced/, requests: 1 },
  '206 that is wrong even without Range': { fault: ({ response, file, asked }) => {
    asked.status = 206;
    response.writeHead(206, { 'Content-Range': `bytes 5-${file.bytes.length + 4}/${file.bytes.length + 5}`, 'Content-Length': file.bytes.length }).end(file.bytes);
    return true;
  }, code: 'download', text: /answers with another byte range than asked for; load it from another server/, requests: 2 },
  'empty': { fault: ({ response, asked }) => {
    asked.status = 200;
    response.writeHead(200, { 'Content-Length': 0 }).end();
    return true;
  }, code: 'download', text: /is empty on the server/, requests: 1 },
};

test('faults that are refused', async (t) => {
  await withSource(async ({ server, load }) => {
    for (const [name, { fault, code, text, requests }] of Object.entries(refusals)) {
      await t.test(name, async () => {
        const url = server.serve('/refused.gguf', file);
        server.fault('/refused.gguf', fault);
        server.forget();
        const result = await load({ source: url, options: { cache: false } });
        refused(result, code, text);
        assert.ok(result.error.message.startsWith(url), 'the URL is named');
        assert.equal(server.of('/refused.gguf').length, requests);
      });
    }
  });
});

test('compressed or chunked answers without a length', async (t) => {
  for (const same of [true, false]) {
    await withSource(async ({ server, load }) => {
      await t.test(`chunked, cut once, ${same ? 'own' : 'other'} origin`, async () => {
        const url = server.serve('/chunked.bin', file);
        server.fault('/chunked.bin', faults.chunked(MB + 5, 1));
        const result = await load({ source: url });
        exact(result, file);
        assert.equal(result.restarts, 0);
        server.forget();
        exact(await load({ source: url }), file);
        assert.equal(server.of('/chunked.bin').length, 0);
      });
      await t.test(`gzip, ${same ? 'own' : 'other'} origin`, async () => {
        const zeros = Buffer.alloc(2 * MB + 7);
        const url = server.serve('/gzip.bin', zeros);
        server.fault('/gzip.bin', faults.gzip());
        const result = await load({ source: url });
        if (same) return exact(result, zeros);
        // Content-Encoding cannot be seen from another origin: the announced length is that of the compressed bytes.
        return refused(result, 'download', /gzip\.bin: the server sent more bytes than it announced/);
      });
    }, { same });
  }
});

test('no permission (CORS) and no server are told apart', async () => {
  await withSource(async ({ server, page, load, ready }) => {
    const other = await new (/** @type {any} */ (server.constructor))().listen();
    other.cors = false;
    const url = other.serve('/private.gguf', file);
    refused(await load({ source: url }), 'cors', /private\.gguf: http:\/\/127\.0\.0\.1:\d+ answers, but does not let pages of http:\/\/127\.0\.0\.1:\d+ read the file \(CORS\); .* drop it here/);
    await other.close();
    refused(await load({ source: url }), 'offline', /private\.gguf: .* cannot be reached; look at the network/);
    await page.context().setOffline(true);
    refused(await load({ source: url }), 'offline', /there is no network; connect, or load a model that is kept here/);
    await page.context().setOffline(false);
    await ready();
  }, { same: true });
});
