// A model in several files: the same model, in Node and in a page.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { Model } from '../../web/node.js';
import { root } from '../node/fixtures.js';
import { split } from '../node/split.js';
import { withPage } from './chromium.js';

const whole = path.join(root, 'models/default.gguf');

test('a split model is the same model, read by name, by URL and from files', async () => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'palimpsest-'));
    try {
        const parts = await split(whole, folder, 4);
        const [a, b] = [await Model.load(whole, { variant: 'simd' }), await Model.load(path.join(folder, parts[0]), { variant: 'simd' })];
        const options = { memory: { tokens: 64 }, seed: 5 };
        const sampling = { maxTokens: 40, temperature: 0.8 };
        const question = 'Tell me about the sea.';
        const text = await a.chat(options).ask(question, sampling);
        assert.equal(await b.chat(options).ask(question, sampling), text);
        fs.symlinkSync(path.join(root, 'dist'), path.join(folder, 'dist'));
        fs.writeFileSync(path.join(folder, 'index.html'), '<!doctype html><link rel="icon" href="data:,"><input type="file" multiple>');
        await withPage(
            async (page) => {
                /** @type {string[]} */
                const asked = [];
                page.context().on('request', (r) => asked.push(path.basename(new URL(r.url()).pathname)));
                await page.locator('input').setInputFiles(parts.toReversed().map((p) => path.join(folder, p)));
                const texts = await page.evaluate(
                    async ([first, options, sampling, question]) => {
                        const { Model } = await import('/dist/page/palimpsest.js');
                        const files = [...document.querySelector('input').files];
                        const texts = [];
                        for (const source of [first, files]) {
                            const model = await Model.load(source, { variant: 'simd' });
                            texts.push(await model.chat(options).ask(question, sampling));
                            await model.close();
                        }
                        return texts;
                    },
                    /** @type {[string, any, any, string]} */ ([parts[0], options, sampling, question]),
                );
                assert.deepEqual(texts, [text, text]);
                for (const part of parts) assert.ok(asked.includes(part), `${part} was fetched`);
            },
            { folder, at: '/' },
        );
    } finally {
        fs.rmSync(folder, { recursive: true });
    }
});
