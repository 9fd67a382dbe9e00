// The site's dialogs, files, phones, themes, and everyone who uses it otherwise than with a mouse.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import test from 'node:test';
import { answered, budget, ready, withSite } from './site-kit.js';

const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };
const axe = fs.readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** Serious findings. @param {import('playwright-core').Page} page */
async function findings(page) {
    await page.addScriptTag({ content: axe });
    const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
    return violations
        .filter((v) => ['serious', 'critical'].includes(v.impact))
        .map((v) => `${v.id}: ${v.nodes.map((n) => `${n.target} ${n.failureSummary}`).join('; ')}`);
}

/** What is wider than the screen. @param {import('playwright-core').Page} page */
const tooWide = (page) =>
    page.evaluate(() => {
        const wide = [...document.querySelectorAll('body *')].filter((e) => e.checkVisibility() && e.getBoundingClientRect().right > innerWidth + 0.5);
        return [document.documentElement.scrollWidth - innerWidth, ...wide.map((e) => `${e.tagName}#${e.id}.${e.className}`)];
    });

const DIALOGS = [['open-models', 'Models'], ['open-chats', 'Saved chats'], ['open-settings', 'Settings'], ['open-about', 'What is this?']];

for (const colorScheme of /** @type {const} */ (['light', 'dark'])) {
    test(`axe finds nothing serious, ${colorScheme}`, async () => {
        await withSite(async ({ page, say }) => {
            await budget(page, 48);
            await say('Tell me about the sea.');
            await say('Tell me about the moon.');
            await page.locator('#policy').selectOption('sinks'); // the notice of new settings, too
            assert.deepEqual(await findings(page), []);
            await page.getByRole('button', { name: 'Table' }).click();
            assert.deepEqual(await findings(page), []);
            for (const [id, title] of DIALOGS) {
                await page.locator(`#${id}`).click();
                await page.getByRole('dialog', { name: title }).waitFor();
                if (id === 'open-models') await page.locator('#catalogue').getByText('SmolLM3 3B').waitFor();
                assert.deepEqual(await findings(page), [], title);
                await page.keyboard.press('Escape');
            }
        }, { colorScheme, bypassCSP: true, reducedMotion: 'reduce' });
    });
}

test('from the chat to the family: its models are there, and write', async () => {
    await withSite(async ({ page, errors }) => {
        await page.locator('#open-about').click();
        await page.getByRole('link', { name: 'six small models' }).click();
        await page.getByLabel('Length').selectOption('50');
        await page.getByRole('button', { name: 'Run' }).click();
        await page.getByText(/^All 6 have written/).waitFor();
        const written = await page.locator('article .text span:nth-child(2)').allInnerTexts();
        assert.equal(new Set(written).size, 6, written.join('\n')); // six models, six texts
        await page.getByRole('link', { name: 'Palimpsest, the chat' }).click();
        await ready(page);
        assert.deepEqual(errors, []);
    });
});

test('a phone: chat and memory together, or one of them; nothing is wider than 360 pixels', async () => {
    await withSite(async ({ page, say }) => {
        await page.getByRole('button', { name: 'Memory', exact: true }).tap();
        await budget(page, 48);
        await page.getByRole('button', { name: 'Both', exact: true }).tap();
        await say('Tell me about the sea.');
        for (const view of ['Chat', 'Both', 'Memory']) {
            await page.getByRole('button', { name: view, exact: true }).tap();
            assert.equal(await page.locator('#picture').isVisible(), view !== 'Chat');
            assert.equal(await page.locator('pal-chat').isVisible(), view !== 'Memory');
            assert.deepEqual(await tooWide(page), [0], view);
        }
        assert.ok(await page.locator('#policy').isVisible());
        for (const [id, title] of DIALOGS) {
            await page.locator(`#${id}`).tap();
            await page.getByRole('dialog', { name: title }).waitFor();
            if (id === 'open-models') await page.locator('#catalogue').getByText('SmolLM3 3B').waitFor();
            assert.deepEqual(await tooWide(page), [0], title);
            await page.getByRole('dialog').getByRole('button', { name: 'Close' }).tap();
        }
    }, { ...PHONE, viewport: { width: 360, height: 740 } });
});

test('a phone: a tap tells about a token', async () => {
    await withSite(async ({ page, say, text }) => {
        await say('Tell me about the sea.');
        const box = await page.locator('#picture').boundingBox();
        assert.ok(box);
        for (let y = 12; y < 100 && (await page.locator('#tip').isHidden()); y += 12) await page.touchscreen.tap(box.x + 40, box.y + y);
        assert.match(await text('tip'), /token \d+, .*attention/s);
    }, PHONE);
});

test('light or dark: as the system says, or as chosen, also after a reload', async () => {
    await withSite(async ({ page, say }) => {
        await say('Hello!');
        const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
        const brightest = () => page.evaluate(() => {
            const canvas = document.querySelector('#picture canvas');
            const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
            let sum = 0;
            for (let i = 0; i < data.length; i += 4) sum += data[i] * (data[i + 3] / 255);
            return sum;
        });
        assert.equal(await ground(), 'rgb(22, 17, 13)');
        await page.waitForTimeout(900); // nothing fades any more
        const dark = await brightest();
        await page.locator('#theme').click();
        assert.equal(await ground(), 'rgb(244, 236, 220)');
        await page.waitForTimeout(300);
        assert.ok((await brightest()) > 1.2 * dark); // the picture is drawn anew, in the other colours
        await page.reload();
        assert.equal(await ground(), 'rgb(244, 236, 220)');
    }, { colorScheme: 'dark' });
});

/** Drops files on the page as a hand would. @param {import('playwright-core').Page} page @param {[string, string][]} files name, URL */
const drop = (page, files) =>
    page.evaluate(async (list) => {
        const transfer = new DataTransfer();
        for (const [name, url] of list) transfer.items.add(new File([await (await fetch(url)).arrayBuffer()], name));
        const send = (type) => document.body.dispatchEvent(new DragEvent(type, { bubbles: true, cancelable: true, dataTransfer: transfer }));
        send('dragenter');
        const veiled = !document.querySelector('#drop').hidden;
        send('dragover');
        send('drop');
        return veiled;
    }, files);

test('a file is dropped: it is loaded and answers; other files are refused with a reason', async () => {
    await withSite(async ({ page, say, text }) => {
        assert.equal(await drop(page, [['My own-model.gguf', '../../models/default.gguf']]), true);
        await page.waitForFunction(() => document.querySelector('#model-name').textContent === 'My own-model');
        await ready(page);
        assert.equal(await page.locator('#drop').isHidden(), true);
        await say('Tell me about the sea.');
        assert.match(await page.locator('pal-chat').getByRole('log').innerText(), /sea/);
        await drop(page, [['notes.txt', 'icon.svg']]);
        assert.match(await text('found'), /ends in \.gguf/);
        await drop(page, [['big-00001-of-00003.gguf', 'icon.svg']]);
        assert.match(await text('found'), /3 parts; give all of them/);
        await page.keyboard.press('Escape');
        await drop(page, [['broken.gguf', 'icon.svg']]);
        await page.locator('#notice').waitFor();
        assert.match(await text('notice'), /^broken: /);
        await say('Hello!'); // the model before goes on
    });
});

test('a model by address: its size first, then the download; stored, listed, deleted', async () => {
    await withSite(async ({ page, url, text, say }) => {
        await page.locator('#open-models').click();
        await page.locator('#url').fill(new URL('../../models/default.gguf?another', url).href);
        await page.getByRole('button', { name: 'Check' }).click();
        await page.waitForFunction(() => /default: 3\.45.MB to download/.test(document.querySelector('#found').textContent));
        await page.locator('#found').getByRole('button', { name: /^Download/ }).click();
        await page.waitForFunction(() => document.querySelector('#model-name').textContent === 'default');
        await ready(page);
        await page.locator('#open-models').click();
        const row = page.locator('#stored li').filter({ hasText: 'default.gguf?another' });
        await row.waitFor();
        await row.getByRole('button', { name: /^Delete/ }).click();
        await row.waitFor({ state: 'detached' });
        await page.getByRole('button', { name: 'Open: Tiny model' }).first().click();
        await page.waitForFunction(() => document.querySelector('#model-name').textContent === 'Tiny model');
        await ready(page);
        await say('Hello!');
        assert.match(await text('gauge-held'), /of 128/);
    });
});

test('a download is cancelled: the model before goes on', async () => {
    await withSite(async ({ page, url, say, text }) => {
        let asked = false;
        await page.context().route('**/slow.gguf', (route) => {
            if (route.request().method() === 'HEAD') return route.fulfill({ headers: { 'Content-Length': '145000000' } });
            asked = true; // and no answer comes
            return undefined;
        });
        await page.locator('#open-models').click();
        await page.locator('#url').fill(new URL('slow.gguf', url).href);
        await page.getByRole('button', { name: 'Check' }).click();
        await page.getByRole('button', { name: 'Download 145 MB', exact: true }).click();
        assert.match(await text('progress-text'), /slow/);
        while (!asked) await page.waitForTimeout(20);
        await page.locator('#cancel').click();
        await page.locator('#progress').waitFor({ state: 'hidden' });
        assert.equal(await page.locator('#notice').isHidden(), true);
        assert.equal(await text('model-name'), 'Tiny model');
        await say('Hello!');
    });
});

test('a saved chat of another model brings its model', async () => {
    await withSite(async ({ page, url, say }) => {
        await say('Tell me about the sea.');
        await page.locator('#open-models').click();
        await page.locator('#url').fill(new URL('../../models/default.gguf?another', url).href);
        await page.getByRole('button', { name: 'Check' }).click();
        await page.locator('#found').getByRole('button', { name: /^Download/ }).click();
        await page.waitForFunction(() => document.querySelector('#model-name').textContent === 'default');
        await ready(page);
        await say('Hello!');
        await page.locator('#open-chats').click();
        await page.getByRole('button', { name: 'Open: Tell me about the sea.' }).click();
        await page.waitForFunction(() => document.querySelector('#model-name').textContent === 'Tiny model');
        await page.waitForFunction(() => document.querySelector('pal-chat').chat?.messages[0]?.content === 'Tell me about the sea.');
    });
});

test('saved chats: a new one, the old one again, deleted', async () => {
    await withSite(async ({ page, say }) => {
        await say('Tell me about the sea.');
        await page.locator('#new-chat').click();
        await ready(page);
        await say('Hello!');
        await page.locator('#open-chats').click();
        const old = page.locator('#saved li').filter({ hasText: 'Tell me about the sea.' });
        assert.match(await old.innerText(), /\d+\skB/);
        await old.getByRole('button', { name: /^Open/ }).click();
        await page.waitForFunction(() => document.querySelector('pal-chat').chat?.messages[0]?.content === 'Tell me about the sea.');
        await page.locator('#open-chats').click();
        const other = page.locator('#saved li').filter({ hasText: 'Hello!' });
        await other.getByRole('button', { name: /^Delete/ }).click();
        await other.waitFor({ state: 'detached' });
        assert.equal(await page.locator('#saved li').count(), 1);
    });
});

test('settings: answers take theirs at once, the memory its own in a new start', async () => {
    await withSite(async ({ page, say }) => {
        await say('Hello!');
        await page.locator('#open-settings').click();
        await page.getByLabel('Longest answer').fill('5');
        await page.getByLabel('System message').fill('You are brief.');
        await page.getByLabel('Number format of the memory').selectOption('q8');
        await page.keyboard.press('Escape');
        const before = await page.evaluate(() => document.querySelector('pal-chat').chat.memory.seen);
        await say('Tell me a story about a cat.');
        assert.equal(await page.evaluate(() => document.querySelector('pal-chat').chat.unfinished), true);
        assert.ok((await page.evaluate(() => document.querySelector('pal-chat').chat.memory.seen)) > before);
        await page.locator('#apply').click();
        await page.waitForFunction(() => document.querySelector('pal-chat').chat?.limits?.cache === 'q8');
        await say('Hello!');
        await page.getByRole('button', { name: 'Table' }).click();
        assert.ok((await page.locator('#table').innerText()).includes('system'));
        await page.reload();
        await ready(page);
        await page.locator('#open-settings').click();
        assert.equal(await page.getByLabel('System message').inputValue(), 'You are brief.');
        await page.getByRole('button', { name: 'Back to the defaults' }).click();
        assert.equal(await page.getByLabel('System message').inputValue(), '');
    });
});

test('by keyboard alone: ask, change the policy, begin again, read about tokens', async () => {
    await withSite(async ({ page, text }) => {
        const to = async (/** @type {string} */ selector) => {
            for (let i = 0; i < 60; i++) {
                if (await page.evaluate((s) => (document.activeElement?.shadowRoot?.activeElement ?? document.activeElement)?.matches(s), selector)) return;
                await page.keyboard.press('Tab');
            }
            assert.fail(`${selector} cannot be reached`);
        };
        await to('textarea');
        await page.keyboard.type('Tell me about the sea.');
        await page.keyboard.press('Enter');
        await answered(page);
        await to('#policy');
        await page.keyboard.press('ArrowDown');
        await to('#apply');
        await page.keyboard.press('Enter');
        await page.waitForFunction(() => document.querySelector('pal-chat').chat?.limits?.policy === 'tova-head');
        await to('textarea');
        await page.keyboard.type('Hello!');
        await page.keyboard.press('Enter');
        await page.waitForFunction(() => document.querySelector('pal-chat').chat.messages.length === 4);
        await answered(page);
        await to('#picture');
        await page.keyboard.press('ArrowLeft');
        assert.match(await text('tip'), /token \d+/);
        await to('#open-about');
        await page.keyboard.press('Enter');
        await page.getByRole('dialog', { name: 'What is this?' }).waitFor();
        await page.keyboard.press('Escape');
        await page.waitForFunction(() => document.activeElement?.id === 'open-about');
    });
});
