// The C tests inside every shipped engine (the same objects), in headless Chromium.
import assert from 'node:assert/strict';
import test from 'node:test';
import { engines, fixtureNames, modulePath } from '../node/fixtures.js';
import { withPage } from './chromium.js';

test('C tests inside wasm, in Chromium', async (t) => {
    await withPage(async (page) => {
        for (const engine of engines) {
            await t.test(engine, async () => {
                const { failures, text } = await page.evaluate(
                    async ([module, names]) => {
                        const { runEngineTests } = await import('/tests/engine-tests.js');
                        const get = async (/** @type {string} */ url) => new Uint8Array(await (await fetch(url)).arrayBuffer());
                        const fixtures = [];
                        for (const name of names) fixtures.push({ name, bytes: await get(`/tests/fixtures/${name}`) });
                        return runEngineTests(await get(`/${module}`), fixtures);
                    },
                    /** @type {[string, string[]]} */ ([modulePath(engine, 'tests'), fixtureNames()]),
                );
                assert.equal(failures, 0, text);
                assert.match(text, /^ok /m);
            });
        }
    });
});
