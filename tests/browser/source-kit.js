// What the tests of the source share: a page with the worker, random files, and checks of what arrived.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { serve } from '../../web/serve.js';
import { root } from '../node/fixtures.js';
import { isolated, launchProfile } from './chromium.js';
import { FaultServer } from './faults.js';

export const MB = 1 << 20;
export const sha = (/** @type {Buffer} */ bytes) => createHash('sha256').update(bytes).digest('hex');
/** Random bytes that do not happen to begin like a web page. @param {number} bytes */
export const random = (bytes) => Buffer.concat([Buffer.from('GGUF'), randomBytes(bytes - 4)]);

/**
 * @typedef {object} Bench
 * @property {import('playwright-core').Page} page
 * @property {string} origin of the page
 * @property {FaultServer} server of another origin
 * @property {(call: any) => Promise<any>} load
 * @property {() => Promise<void>} ready loads the page again
 * @property {() => Promise<import('playwright-core').Page>} open another tab
 */

/**
 * @param {(bench: Bench) => Promise<void>} use
 * @param {{ same?: boolean }} [options] same: the page is of the server's origin
 */
export async function withSource(use, { same = false } = {}) {
  const profile = fs.mkdtempSync(path.join(os.tmpdir(), 'palimpsest-'));
  const server = await new FaultServer().listen();
  const pages = await serve(root, { headers: isolated });
  const context = await launchProfile(profile);
  const origin = same ? String(server.origin) : pages.origin;
  server.pages = true;
  await context.exposeFunction('told', (/** @type {number} */ bytes) => void (server.told = bytes));
  const open = async (/** @type {import('playwright-core').Page} */ page) => {
    await page.goto(`${origin}/tests/browser/blank.html`);
    await page.evaluate(async () => void Object.assign(window, await import('/tests/browser/source-page.js')));
    return page;
  };
  try {
    /** @type {Bench} */
    const bench = {
      server,
      origin,
      page: await open(context.pages()[0]),
      open: async () => open(await context.newPage()),
      load: (call) => {
        server.told = 0;
        return bench.page.evaluate((c) => /** @type {any} */ (window).load(c), call);
      },
      ready: async () => void (await open(bench.page)),
    };
    await use(bench);
  } finally {
    await context.close();
    pages.close();
    await server.close();
    fs.rmSync(profile, { recursive: true, force: true });
  }
}

/** @param {any} result @param {...Buffer} files */
export function exact(result, ...files) {
  assert.equal(result.error, undefined, result.error?.stack);
  assert.deepEqual(result.digests, files.map(sha));
}

/** @param {any} result @param {string} code @param {RegExp} text */
export function refused(result, code, text) {
  assert.ok(result.error, `it must fail with ${text}`);
  assert.match(`${result.error.message}`, text);
  assert.equal(result.error.code, code, result.error.message);
}

/**
 * Damages a kept copy, as a bad disk or a crash does.
 * @param {import('playwright-core').Page} page
 * @param {string} url
 * @param {number} at a bit of this byte flips
 * @param {{ cutData?: boolean, cutJournal?: number }} [how] or the data end there; or the journal loses so many bytes
 */
export async function damage(page, url, at, how = {}) {
  await page.evaluate(async ([u, place, { cutData, cutJournal }]) => {
    const { FOLDER, keyOf } = await import('/web/source/journal.js');
    const models = await (await navigator.storage.getDirectory()).getDirectoryHandle(FOLDER);
    const model = await models.getDirectoryHandle(await keyOf(u));
    const handle = await model.getFileHandle(cutJournal === undefined ? 'data' : 'journal');
    const file = await handle.getFile();
    const writable = await handle.createWritable({ keepExistingData: true });
    if (cutJournal !== undefined) await writable.truncate(Math.max(0, file.size - (cutJournal ?? file.size)));
    else if (cutData) await writable.truncate(place);
    else {
      const byte = new Uint8Array(await file.slice(place, place + 1).arrayBuffer());
      await writable.write({ type: 'write', position: place, data: Uint8Array.of(byte[0] ^ 1) });
    }
    await writable.close();
  }, /** @type {[string, number, any]} */ ([url, at, how]));
}
