// The streaming source without a browser: what answers and names mean, checksums in wasm memory, parts side by side.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import test from 'node:test';
import { GgufFile, openEngine } from '../../web/node.js';
import { GgufFile as File } from '../../web/file.js';
import { looksForeign, problemOf, rangeOf, sizeOf, versionOf, waitOf, webPage } from '../../web/source/answer.js';
import { Digest } from '../../web/source/digest.js';
import { bytesOf, digestLine, firstLine, isComplete, parseJournal, pieceLine, sizeLine } from '../../web/source/journal.js';
import { digestsOf, placesOf } from '../../web/source/places.js';
import { Reader } from '../../web/source/reader.js';

const MB = 1 << 20;
const answer = (headers, status = 200) => ({ status, headers: new Headers(headers) });

test('Content-Range is taken by the letter', () => {
  const range = (text, more = {}) => rangeOf(answer({ 'Content-Range': text, ...more }, 206));
  assert.deepEqual(range('bytes 5-9/10'), { start: 5, end: 10, size: 10 });
  assert.deepEqual(range('bytes 5-9/10', { 'Content-Length': '5' }), { start: 5, end: 10, size: 10 });
  for (const bad of ['', 'bytes', 'bytes 5-9/*', 'bytes */10', 'bytes 9-5/10', 'bytes 5-10/10', 'bytes 5-9', 'octets 5-9/10', 'bytes 5-9/10, 11-12/20', 'bytes -5-9/10', 'bytes 0x5-9/10', `bytes 5-9/${'9'.repeat(16)}`]) {
    assert.equal(range(bad), undefined, bad);
  }
  assert.equal(range('bytes 5-9/10', { 'Content-Length': '4' }), undefined);
  assert.equal(range('bytes 5-9/10', { 'Content-Length': 'five' }), undefined);
  assert.equal(range('bytes 5-9/10', { 'Content-Type': 'multipart/byteranges; boundary=a' }), undefined);
});

test('sizes, versions, waits', () => {
  assert.equal(sizeOf(answer({ 'Content-Length': '12' })), 12);
  assert.equal(sizeOf(answer({ 'Content-Length': '12', 'Content-Encoding': 'gzip' })), undefined);
  assert.equal(sizeOf(answer({})), undefined);
  assert.deepEqual(versionOf(answer({ ETag: '"a"', 'Last-Modified': 'x' })), { etag: '"a"', modified: 'x' });
  assert.deepEqual(versionOf(answer({ ETag: 'W/"a"' })), { etag: null, modified: null }, 'a weak ETag does not vouch for bytes');
  assert.equal(waitOf(answer({ 'Retry-After': '3' })), 3000);
  assert.equal(waitOf(answer({ 'Retry-After': 'soon' })), undefined);
  assert.equal(waitOf(answer({ 'Retry-After': 'Thu, 01 Jan 1970 00:00:00 GMT' })), 0);
  const later = waitOf(answer({ 'Retry-After': new Date(Date.now() + 100_000).toUTCString() }));
  assert.ok(later > 90_000 && later <= 100_000);
});

test('web pages: the remedy for Hugging Face is named', () => {
  const text = (url) => problemOf(url, answer({ 'Content-Type': 'text/html' })).message;
  assert.match(text('https://huggingface.co/a/b/blob/main/c.gguf'), /is a web page .*; use the file itself: https:\/\/huggingface\.co\/a\/b\/resolve\/main\/c\.gguf$/);
  assert.match(webPage('https://huggingface.co/a/b/raw/main/c.gguf').message, /use the file itself: https:\/\/huggingface\.co\/a\/b\/resolve\/main\/c\.gguf$/);
  assert.match(text('https://example.org/blob/c.gguf'), /give the URL of the \.gguf file itself/);
  assert.match(text('https://nothuggingface.co/a/b/blob/main/c.gguf'), /give the URL of the \.gguf file itself/);
  assert.ok(looksForeign(Buffer.from(' \n<!DOCTYPE html>')));
  assert.ok(looksForeign(Buffer.from('version https://git-lfs.github.com/spec/v1')));
  assert.ok(!looksForeign(Buffer.from('GGUF<html>')));
});

test('places: URLs, parts, what cannot be a model', () => {
  assert.deepEqual(placesOf('https://a.org/x.gguf?k=1#part'), ['https://a.org/x.gguf?k=1']);
  const split = [1, 2, 3].map((i) => `https://a.org/d/m-0000${i}-of-00003.gguf?k=1`);
  assert.deepEqual(placesOf(new URL(split[0])), split);
  assert.deepEqual(placesOf([split[2], split[0], split[1]]), split);
  assert.deepEqual(placesOf([split[0]]), split);
  const blob = new Blob(['GGUF']);
  assert.deepEqual(placesOf(blob), [blob]);
  assert.throws(() => placesOf(split[1]), { code: 'file', message: /is part 2 of 3/ });
  assert.throws(() => placesOf(split.slice(1)), { code: 'file', message: /part 1 is missing/ });
  assert.throws(() => placesOf([split[0], split[0]]), { code: 'argument', message: /given twice/ });
  assert.throws(() => placesOf(['https://a.org/x.gguf', 'https://a.org/y.gguf']), { code: 'file', message: /2 files are given/ });
  for (const bad of [[], 3, null, undefined, [{}], 'no url']) assert.throws(() => placesOf(/** @type {any} */ (bad)), TypeError);
  assert.deepEqual(digestsOf(undefined, 2), ['', '']);
  assert.deepEqual(digestsOf('A'.repeat(64), 1), ['a'.repeat(64)]);
  for (const bad of ['a', 'g'.repeat(64), ['a'.repeat(64), 'a'.repeat(64)], 5]) assert.throws(() => digestsOf(/** @type {any} */ (bad), 1), TypeError);
});

test('a journal is read up to where it is torn, wherever that is', () => {
  const start = { url: 'https://a.org/x', size: 0, version: { etag: '"1"', modified: null }, pieces: [], sha256: '' };
  const hash = '0123456789abcdef';
  const lines = [firstLine(start), pieceLine(0, hash), pieceLine(1, hash), sizeLine(MB + 5), pieceLine(1, 'f'.repeat(16)), digestLine('e'.repeat(64))];
  const text = lines.join('');
  for (let n = 0; n <= text.length; n++) {
    const found = parseJournal(text.slice(0, n));
    let whole = 0;
    for (let at = 0; whole < lines.length && at + lines[whole].length <= n; whole++) at += lines[whole].length;
    if (!whole) assert.equal(found, undefined);
    else assert.equal(found?.length, lines.slice(0, whole).join('').length);
  }
  const { journal } = parseJournal(text);
  assert.deepEqual(journal, { ...start, size: MB + 5, pieces: [hash, 'f'.repeat(16)], sha256: 'e'.repeat(64) });
  assert.equal(bytesOf(journal), MB + 5);
  assert.ok(isComplete(journal) && !isComplete({ ...journal, pieces: [hash] }));
  const junk = parseJournal([lines[0], lines[1], '1 junk\n', lines[2]].join(''));
  assert.deepEqual([junk.journal.pieces, junk.length], [[hash], lines[0].length + lines[1].length], 'behind a bad line nothing counts');
  assert.equal(parseJournal('{"palimpsest":2}\n'), undefined);
  assert.equal(parseJournal('null\n'), undefined);
});

test('SHA-256 over wasm memory is that of Node', async () => {
  const engine = await openEngine('simd');
  const bytes = randomBytes(3 * MB + 77);
  const region = engine.take(bytes.length);
  engine.u8.set(bytes, region.at);
  const digest = new Digest(engine);
  for (let at = 0; at < bytes.length; at += 99_991) digest.add(engine.u8.subarray(region.at + at, region.at + Math.min(bytes.length, at + 99_991)));
  assert.equal(digest.end(), createHash('sha256').update(bytes).digest('hex'));
});

test('a stream is read in pieces of the size asked for, with and without BYOB', async () => {
  const bytes = randomBytes(700_001);
  for (const type of /** @type {any[]} */ (['bytes', undefined])) {
    let at = 0;
    const stream = new ReadableStream({ type, pull(controller) {
      if (at < bytes.length) return controller.enqueue(new Uint8Array(bytes.subarray(at, (at += 90_000))));
      controller.close();
      controller.byobRequest?.respond(0);
    } });
    const reader = new Reader(stream);
    const got = [];
    for (let chunk; (chunk = await reader.next(33_333)); ) {
      assert.ok(chunk.length > 0 && chunk.length <= 33_333);
      got.push(Buffer.from(chunk));
    }
    assert.deepEqual(Buffer.concat(got), bytes);
  }
});

test('parts are read three at a time; when one fails the others have stopped', async () => {
  assert.equal(GgufFile, File);
  const engine = await openEngine('simd');
  let now = 0;
  let most = 0;
  const seen = [];
  const part = (name, fails) => ({
    name, size: 20 * MB,
    async read(offset, target, { signal }) {
      seen.push([offset % MB, offset + target.length]);
      most = Math.max(most, ++now);
      await new Promise((done) => setTimeout(done, fails ? 3 : 5));
      now--;
      if (fails && offset > 0) throw new Error('broken');
      signal?.throwIfAborted();
      target.fill(name.charCodeAt(0));
    },
  });
  const whole = new GgufFile(engine, ['a', 'b', 'c', 'd', 'e'].map((name) => part(name, false)));
  const progress = [];
  await whole.readRest({ onprogress: ({ loaded, total }) => progress.push([loaded, total]) });
  assert.equal(most, 3);
  assert.deepEqual(progress.at(-1), [100 * MB, 100 * MB]);
  assert.ok(seen.every(([rest, end]) => rest === 0 && end % MB === 0));
  for (const [i, { at }] of whole.regions.entries()) assert.ok(engine.u8.subarray(at, at + 20 * MB).every((b) => b === 97 + i));
  const broken = new GgufFile(engine, [part('a', false), part('b', true), part('c', false), part('d', false)]);
  await assert.rejects(broken.readRest({}), { message: 'broken' });
  assert.equal(now, 0, 'nothing is being read any more');
  assert.equal(broken.have[3], 0);
  const header = new GgufFile(engine, [part('a', false)]);
  await header.readTo(0, MB + 1, {});
  assert.equal(header.have[0], 2 * MB, 'whole steps, so that sources can check them');
  const controller = new AbortController();
  const aborted = new GgufFile(engine, [part('a', false), part('b', false)]).readRest({ signal: controller.signal });
  controller.abort(new Error('enough'));
  await assert.rejects(aborted, { message: 'enough' });
});
