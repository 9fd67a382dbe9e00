// The site: first visit, what is shown of the memory, settings, reload, offline.
import assert from 'node:assert/strict';
import test from 'node:test';
import { answered, budget, ready, withSite } from './site-kit.js';

const limits = (/** @type {any} */ page) => page.evaluate(() => document.querySelector('pal-chat').chat.limits);

test('the first visit answers with the model that is there at once; nothing else is fetched, the strict policy holds', async () => {
    await withSite(async ({ page, url, errors, origins, say, text }) => {
        await say('Tell me about the sea.');
        assert.match(await page.locator('pal-chat').getByRole('log').innerText(), /sea/);
        assert.equal(await text('model-name'), 'Tiny model');
        assert.match(await text('gauge-held'), /^\d+ of 128$/);
        assert.match(await text('gauge-rate'), /^[\d,.]+$/);
        assert.deepEqual([...origins], [new URL(url).origin]);
        assert.deepEqual(errors, []);
    });
});

test('beyond the budget tokens leave: the gauges, the chart, the picture and the table tell it', async () => {
    await withSite(async ({ page, say, talk, text }) => {
        await budget(page, 48);
        await talk(150);
        assert.equal(await text('gauge-held'), '48 of 48');
        assert.ok(Number(await text('gauge-evicted')) > 20);
        const flat = await text('gauge-flat');
        assert.match(await page.locator('#chart').getAttribute('aria-label') ?? '', /this memory \d+\skB, a cache without bound \d+\skB/);
        await page.waitForFunction(() => /^\d+ of \d+ tokens remembered/.test(document.querySelector('#summary').textContent));

        await page.locator('#picture').focus();
        await page.keyboard.press('ArrowLeft');
        assert.match(await text('tip'), /attention .* held in \d of 4 layers/);
        for (let i = 0; i < 400 && !/forgotten/.test(await text('tip')); i++) await page.keyboard.press('ArrowLeft');
        assert.match(await text('tip'), /forgotten/);

        await page.getByRole('button', { name: 'Table' }).click();
        const rows = await page.locator('#table tbody tr').count();
        const gone = await page.locator('#table tr.forgotten').count();
        assert.ok(gone > 10 && gone < rows, `${gone} of ${rows}`);
        await say('Hello!');
        assert.equal(await text('gauge-flat'), flat);
    });
});

test('a policy is switched: what was said is read again, and a window holds the newest', async () => {
    await withSite(async ({ page, say, talk, text }) => {
        await budget(page, 48);
        await say('Tell me about the sea.');
        await page.locator('#policy').selectOption('window');
        assert.match(await text('policy-says'), /newest/);
        assert.equal((await limits(page)).policy, 'tova'); // not yet
        await page.locator('#apply').click();
        await page.waitForFunction(() => document.querySelector('pal-chat').chat?.limits?.policy === 'window');
        assert.equal(await page.locator('#pending').isHidden(), true);
        assert.equal(await page.evaluate(() => document.querySelector('pal-chat').chat.messages.length), 2);
        await talk(70);
        await page.getByRole('button', { name: 'Table' }).click();
        const held = await page.locator('#table tbody tr:not(.forgotten) td:first-child').allInnerTexts();
        const [pinned, ...newest] = held.map(Number).reverse();
        assert.equal(pinned, 0);
        assert.ok(newest.length >= 46 && newest.every((n, i) => n === newest[0] + i), held.join());
        for (const policy of ['h2o', 'sinks', 'tova-head', 'full']) {
            await page.locator('#policy').selectOption(policy);
            await page.locator('#apply').click();
            await page.waitForFunction((p) => document.querySelector('pal-chat').chat?.limits?.policy === p, policy);
        }
    });
});

test('one layer at a time, or all averaged', async () => {
    await withSite(async ({ page, talk, text }) => {
        await budget(page, 48);
        await talk(100);
        const held = async () => Number((await text('summary')).match(/^(\d+) of/)?.[1]);
        await page.waitForTimeout(600);
        const all = await held();
        assert.ok(all > 48);
        await page.locator('#layer').focus();
        await page.keyboard.press('ArrowRight');
        assert.equal(await text('layer-says'), '1 of 4');
        await page.waitForFunction(() => /^48 of .* in this layer/.test(document.querySelector('#summary').textContent));
        await page.locator('#picture').focus();
        await page.keyboard.press('ArrowLeft');
        assert.match(await text('tip'), /forgotten|held in this layer/);
        await page.locator('#layer').focus();
        await page.keyboard.press('Home');
        await page.waitForFunction((n) => document.querySelector('#summary').textContent.startsWith(`${n} of`), all);
    });
});

test('after a reload the same chat goes on', async () => {
    await withSite(async ({ page, say }) => {
        await say('Tell me about the sea.');
        await page.reload();
        await ready(page);
        const messages = await page.evaluate(() => document.querySelector('pal-chat').chat.messages);
        assert.equal(messages[0].content, 'Tell me about the sea.');
        await page.waitForFunction(() => /tokens remembered/.test(document.querySelector('#summary').textContent)); // drawn from the save
        await say('Hello!');
        assert.equal(await page.evaluate(() => document.querySelector('pal-chat').chat.messages.length), 4);
    });
});

test('another answer takes the place of one, in the picture too', async () => {
    await withSite(async ({ page, say }) => {
        await say('Tell me a story about a cat.');
        const seen = () => page.evaluate(() => document.querySelector('pal-chat').chat.memory.seen);
        await page.locator('pal-chat').getByRole('button', { name: 'Regenerate' }).click();
        await page.waitForTimeout(100);
        await answered(page);
        const now = await seen();
        await page.waitForFunction((n) => new RegExp(`of ${n} tokens`).test(document.querySelector('#summary').textContent), now);
        await page.getByRole('button', { name: 'Table' }).click();
        const rows = page.locator('#table tbody tr').filter({ has: page.locator('td:nth-child(3)', { hasText: 'assistant' }) });
        const drawn = (await rows.locator('td:nth-child(2)').allTextContents()).reverse().join('').replace(/[\s↵]+/g, '');
        const said = await page.evaluate(() => document.querySelector('pal-chat').chat.messages[1].content.replace(/\s+/g, ''));
        assert.ok(said.endsWith(drawn.slice(-100)) && drawn.length > 20, `${drawn}\n${said}`);
    });
});

test('offline, with the server gone: a reload works and the model answers', async () => {
    await withSite(async ({ page, say, unplug, errors }) => {
        await say('Hello!');
        await page.evaluate(() => navigator.serviceWorker.ready);
        unplug();
        await page.context().setOffline(true);
        await page.reload();
        await ready(page);
        await say('Tell me about the sea.');
        assert.match(await page.locator('pal-chat').getByRole('log').innerText(), /sea/);
        await page.locator('#open-models').click();
        await page.locator('#catalogue').getByText('SmolLM3 3B').waitFor();
        assert.deepEqual(errors.filter((e) => !/ERR_INTERNET_DISCONNECTED|ERR_FAILED|ERR_CONNECTION_REFUSED/.test(e)), []);
    });
});

test('?threads: the service worker makes the page isolated where the host does not, and more than one thread can work', async () => {
    await withSite(async ({ page, url, say, unplug, errors }) => {
        assert.equal(await page.evaluate(() => crossOriginIsolated), false);
        const wanted = /** @type {string[]} */ ([]);
        page.context().on('request', (request) => wanted.push(request.url()));
        await page.goto(`${url}?threads`);
        await page.waitForFunction(() => crossOriginIsolated);
        await ready(page);
        await say('Hello!');
        assert.ok(wanted.some((u) => /engine-\w+-mt\.wasm$/.test(u)), 'the build for threads');
        unplug();
        await page.reload();
        await ready(page);
        assert.equal(await page.evaluate(() => crossOriginIsolated), true);
        assert.deepEqual(errors.filter((e) => !/ERR_FAILED|ERR_CONNECTION_REFUSED/.test(e)), []);
    });
});
