// The site with models that keep a state instead of tokens, or both: what the memory shows, and that a chat is the same chat.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { randomModel } from './random-model.js';
import { ready, withSite } from './site-kit.js';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'state-'));
test.after(() => fs.rmSync(folder, { recursive: true }));

/** Opens it in the site as a visitor would, and says something. */
async function open({ page, say }, kind) {
    await page.setInputFiles('#file', await randomModel(kind, folder));
    await page.waitForFunction((name) => document.querySelector('pal-chat').chat?.model.architecture === name, { mamba: 'mamba', griffin: 'recurrentgemma' }[kind]);
    await ready(page);
    const box = page.getByRole('textbox', { name: 'Message' });
    await box.fill('Tell me about the sea.');
    await box.press('Enter');
    await page.waitForFunction(() => document.querySelector('pal-chat').chat.memory.seen > 15); // a random model may end its answer at any token
    await page.evaluate(() => document.querySelector('pal-chat').stop());
}

test('a model of states: what each token changed, and no talk of eviction', async () => {
    await withSite(async (site) => {
        const { page, text, errors } = site;
        await open(site, 'mamba');
        await page.waitForFunction(() => /Most changed/.test(document.querySelector('#summary').textContent)); // the view is a frame behind, and of <s> alone it names none
        assert.match(await text('summary'), /^[\d,]+ tokens in a state of norm [\d.e+]+\. Most changed by: “.+”\.$/);
        assert.equal(await text('gauge-held'), 'a state');
        assert.equal(await text('gauge-evicted'), '–');
        assert.equal(await text('policy-says'), 'Nothing leaves: this model keeps a state of fixed size.');
        assert.ok(await page.locator('#policy').isDisabled() && (await page.locator('#budget').isDisabled()));
        assert.equal(await text('legend-ramp'), 'how much it changed the state');
        assert.equal(await page.locator('#legend-forgotten').isVisible(), false);
        assert.equal(await page.locator('#layer').getAttribute('max'), '4');
        await page.locator('#as-table').click();
        const heads = await page.locator('#table th[scope=col]').allInnerTexts();
        assert.deepEqual(heads, ['Token', 'Text', 'From', 'Change of the state']);
        assert.match(await page.locator('#table tbody tr').first().innerText(), /%/);
        if (process.env.SHOTS) await page.locator('#as-table').click(), await page.screenshot({ path: path.join(process.env.SHOTS, 'state.png') });
        assert.deepEqual(errors, []);
    });
});

test('a hybrid: the attention layers together, each layer alone as what it is', async () => {
    await withSite(async (site) => {
        const { page, errors } = site;
        await open(site, 'griffin');
        const shows = (id, pattern) => page.waitForFunction(([id, source]) => new RegExp(source).test(document.getElementById(id).textContent), [id, pattern.source]);
        await shows('layer-says', /^all attention, averaged$/);
        await shows('legend-ramp', /^attention$/);
        await page.locator('#layer').focus();
        for (const says of ['1 of 4, rglru', '2 of 4, rglru', '3 of 4, attention', '4 of 4, rglru']) {
            await page.keyboard.press('ArrowRight');
            await shows('layer-says', new RegExp(`^${says}$`));
            await shows('legend-ramp', says.endsWith('attention') ? /^attention$/ : /^how much it changed the state$/);
        }
        await shows('gauge-held', /^[\d,]+ of [\d,]+$/);
        assert.deepEqual(errors, []);
    });
});
