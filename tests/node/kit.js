// What the tests share: where data lies, how absent data is treated, and numbers from the reference files.
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { Model } from '../../web/node.js';
import { root } from './fixtures.js';

export { root };
export const fixtures = path.join(root, 'tests/fixtures');
export const shared = path.join(root, '../shared');
export const llamacpp = path.join(shared, 'reference/llamacpp');
export const authors = path.join(shared, 'reference/authors');

export const json = (file) => JSON.parse(fs.readFileSync(file, 'utf8'));

/** A test that needs files outside the repository: skipped loudly without them, failed in CI. */
export function testWith(file, name, body) {
  if (fs.existsSync(file)) return test(name, body);
  if (process.env.CI === 'true') return test(name, () => { throw new Error(`${file} is missing, and CI=true forbids a skip`); });
  console.log(`SKIPPED ${name}: ${file} is missing`);
  return test(name, { skip: `${file} is missing` }, () => {});
}

/** base64 of little-endian f32 -> Float32Array */
export function floats(base64) {
  const bytes = new Uint8Array(Buffer.from(base64, 'base64')); // a copy: aligned
  return new Float32Array(bytes.buffer);
}

/** The build that the tests run: strict bits, as PALIMPSEST_WASM says or build/wasm. */
export const load = (file, options = {}) => Model.load(file, { variant: process.env.PALIMPSEST_VARIANT ?? 'simd', ...options });

/** Everything kept, nothing rounded. */
export const exact = (n, more = {}) => ({ memory: { policy: 'full', positions: 'original', cache: 'f32', tokens: n, ...more }, seed: 0 });

/** Logits after the positions asked for, reading in chunks that end there. */
export async function logitsAt(session, ids, positions) {
  const rows = new Map();
  let from = 0;
  for (const p of [...positions].sort((a, b) => a - b)) {
    await session.feed(ids.slice(from, p + 1));
    from = p + 1;
    rows.set(p, session.logits());
  }
  await session.feed(ids.slice(from));
  return rows;
}

const GREEDY = { temperature: 0, topK: 0, topP: 1, minP: 0 };

/** n greedy ids, each one read. */
export function greedy(session, n) {
  return Array.from({ length: n }, () => {
    const id = session.sample(GREEDY);
    session.feedChunk([id]);
    return id;
  });
}

/** Largest distance of two lists of numbers; NaN counts as infinite. */
export function distance(a, b) {
  let most = 0;
  if (a.length !== b.length) return Infinity;
  for (let i = 0; i < a.length; i++) {
    const d = Math.abs(a[i] - b[i]);
    if (!(d <= most)) most = Number.isNaN(d) ? Infinity : d;
  }
  return most;
}
