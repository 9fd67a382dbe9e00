// The page of the family on the built site: all members write, Stop stops, a missing file is told on its card.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { root } from '../node/fixtures.js';
import { launch } from './chromium.js';
import { randomModel } from './random-model.js';
import { serve } from '../../web/serve.js';

const POLICY = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'";
const NAMES = ['Transformer', 'TTT-Linear', 'TTT-MLP', 'Mamba-2', 'RetNet', 'Griffin'];
const axe = fs.readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'family-'));
execFileSync(process.execPath, [path.join(root, 'web/bundle.js'), 'site', folder]);
fs.mkdirSync(path.join(folder, 'models'));
fs.cpSync(path.join(root, 'models/family'), path.join(folder, 'models/family'), { recursive: true });
const KINDS = { transformer: 'attention', 'ttt-linear': 'ttt-linear', 'ttt-mlp': 'ttt-mlp', mamba: 'mamba2', retnet: 'retention', griffin: 'griffin' };
for (const [name, kind] of Object.entries(KINDS)) fs.renameSync(await randomModel(kind, folder), path.join(folder, 'models/family', `${name}.gguf`)); // as quick as trained ones
const server = await serve(folder, { headers: () => ({ 'Content-Security-Policy': POLICY }) });
const browser = await launch();
test.after(async () => {
    await browser.close();
    server.close();
    fs.rmSync(folder, { recursive: true });
});

/**
 * @param {(page: import('playwright-core').Page, errors: string[]) => Promise<unknown>} use
 * @param {import('playwright-core').BrowserContextOptions & { missing?: string }} [options] missing: a file that the server has not
 */
async function withFamily(use, { missing, ...options } = {}) {
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
    if (missing) await context.route(`**/${missing}`, (route) => route.fulfill({ status: 404 }));
    const page = await context.newPage();
    page.setDefaultTimeout(20_000);
    const errors = /** @type {string[]} */ ([]);
    page.on('pageerror', (error) => errors.push(String(error.stack)));
    page.on('console', (message) => message.type() === 'error' && errors.push(message.text()));
    await page.goto(`${server.origin}/web/site/family.html`);
    await use(page, errors);
    await context.close();
}

/** Presses Run and waits for the end. @param {import('playwright-core').Page} page */
async function run(page, length = '50') {
    await page.getByLabel('Length').selectOption(length);
    await page.getByRole('button', { name: 'Run' }).click();
    await page.getByRole('button', { name: 'Stop' }).waitFor();
    await page.getByRole('button', { name: 'Run' }).waitFor();
}

/** What the cards say. @param {import('playwright-core').Page} page */
const cards = (page) => page.evaluate(() => [...document.querySelectorAll('article')].map((card) => {
    const text = (selector) => card.querySelector(selector)?.textContent ?? '';
    const [ms, state, seen] = [...card.querySelectorAll('dd b')].map((b) => b.textContent?.replace('\u00a0', ' '));
    return { title: text('h2'), says: text('.at'), text: text('.text span:nth-child(2)'), why: text('.why'), remembers: text('.remembers'), growth: text('.growth'), ms, state, seen, top: card.offsetTop };
}));

/** Serious findings, and what is wider than the screen. @param {import('playwright-core').Page} page */
const faults = (page) =>
    page.evaluate(async () => {
        const { violations } = await window.axe.run(document, { resultTypes: ['violations'] });
        const serious = violations.filter((v) => ['serious', 'critical'].includes(v.impact));
        const wide = [...document.querySelectorAll('body *')].filter((e) => e.checkVisibility() && e.getBoundingClientRect().right > document.documentElement.clientWidth + 0.5);
        return [...serious.map((v) => `${v.id}: ${v.nodes.map((n) => n.target)}`), ...wide.map((e) => `too wide: ${e.tagName}.${e.className}`)];
    });

test('all six write: text, time per token, bytes of state; nothing jumps, and the budget is that of the caches', async () => {
    await withFamily(async (page, errors) => {
        await page.locator('article').first().waitFor();
        const before = await cards(page);
        assert.deepEqual(before.map((c) => c.title), NAMES);
        await run(page);
        const after = await cards(page);
        for (const { title, says, text, ms, state, growth } of after) {
            assert.equal(says, 'done', title);
            assert.ok(text.length > 20, `${title}: ${text}`);
            assert.match(ms ?? '', /^(?!0\.00)[\d.]+ ms$/, title);
            assert.match(state ?? '', /^[\d.]+ [kM]B$/, title);
            assert.match(growth, /^Constant/, title);
        }
        assert.equal(new Set(after.map((c) => c.seen)).size, 1); // one vocabulary, one length
        assert.ok(Number(after[0].seen) > 70);
        assert.deepEqual(after.map((c) => c.top), before.map((c) => c.top));
        assert.match(await page.locator('#status').innerText(), /^All 6 have written: .* per token, .* of state\.$/);

        await page.getByLabel('it keeps').selectOption('64');
        assert.match((await cards(page))[0].remembers, /of 256 tokens/); // what is shown was written with them
        await page.getByLabel('Opening').press('Control+Enter');
        await page.getByRole('button', { name: 'Stop' }).waitFor();
        await page.getByRole('button', { name: 'Run' }).waitFor();
        const less = await cards(page);
        assert.match(less[0].remembers, /of 64 tokens/);
        assert.deepEqual(less.filter((c, i) => c.state !== after[i].state).map((c) => c.title), ['Transformer', 'Griffin']);
        assert.deepEqual(errors, []);
    });
});

test('Stop stops: what was written stays, who has not begun does not begin; then it runs again', async () => {
    await withFamily(async (page, errors) => {
        await page.getByLabel('Length').selectOption('4000');
        await page.getByRole('button', { name: 'Run' }).click();
        await page.locator('article').first().getByText('writing…').waitFor();
        await page.waitForFunction(() => (document.querySelector('.text span:nth-child(2)')?.textContent?.length ?? 0) > 20);
        await page.getByRole('button', { name: 'Stop' }).click();
        await page.getByRole('button', { name: 'Run' }).waitFor();
        const [first, ...others] = await cards(page);
        assert.equal(first.says, 'stopped');
        assert.ok(Number(first.seen?.replace(',', '')) < 4000, first.seen);
        assert.match(first.ms ?? '', /ms$/);
        assert.deepEqual(others.map((c) => c.says + c.text + c.ms), others.map(() => '–'));
        assert.equal(await page.locator('#status').innerText(), 'Stopped.');
        await page.getByLabel('Length').selectOption('50');
        await page.getByRole('button', { name: 'Run' }).click();
        await page.locator('article').first().getByText('done').waitFor();
        assert.deepEqual(errors, []);
    });
});

test('Stop while a model loads', async () => {
    await withFamily(async (page, errors) => {
        let asked = false;
        await page.context().route('**/transformer.gguf', () => (asked = true)); // and no answer comes
        await page.getByRole('button', { name: 'Run' }).click();
        while (!asked) await page.waitForTimeout(20);
        await page.getByLabel('Opening').fill(''); // without one nothing runs, but everything stops
        await page.getByRole('button', { name: 'Stop' }).click();
        await page.getByRole('button', { name: 'Run' }).waitFor();
        assert.equal((await cards(page))[0].says, 'stopped');
        await page.getByRole('button', { name: 'Run' }).click();
        assert.equal(await page.getByLabel('Opening').evaluate((e) => e.matches(':invalid:focus')), true);
        assert.equal((await cards(page))[0].says, 'stopped');
        assert.deepEqual(errors, []);
    });
});

test('a missing file is told on its card, the others go on; on a phone, light and dark, axe finds nothing serious', async () => {
    await withFamily(async (page, errors) => {
        await run(page);
        for (const { title, says, why } of await cards(page)) {
            assert.equal(says, title === 'Mamba-2' ? 'could not run' : 'done', title);
            assert.match(why, title === 'Mamba-2' ? /mamba\.gguf.*404/ : /^$/);
        }
        assert.match(await page.locator('#status').innerText(), /^Could not run: Mamba-2;/);
        assert.deepEqual(errors.filter((e) => !/status of 404/.test(e)), []);
        assert.equal(await page.locator('.bar i').first().evaluate((e) => getComputedStyle(e).transitionDuration), '0s');
        await page.addScriptTag({ content: axe });
        for (const colorScheme of /** @type {const} */ (['light', 'dark'])) {
            await page.emulateMedia({ colorScheme });
            await page.waitForFunction((scheme) => document.documentElement.dataset.theme === scheme, colorScheme);
            assert.deepEqual(await faults(page), [], colorScheme);
        }
    }, { missing: 'mamba.gguf', bypassCSP: true, reducedMotion: 'reduce', viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true });
});

test('a missing list is told', async () => {
    await withFamily(async (page) => {
        await page.getByText('Nothing can run: the list of the models is not here (HTTP 404).').waitFor();
        assert.equal(await page.getByRole('button', { name: 'Run' }).isDisabled(), true);
    }, { missing: 'family.json' });
});
