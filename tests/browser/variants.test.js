// Which relaxed build a page takes, in headless Chromium: what the processor can, and what V8 makes of it when told not to use that.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import test from 'node:test';
import { withPage } from './chromium.js';

const sumsFour = process.arch !== 'x64' || / avx_vnni/.test(fs.readFileSync('/proc/cpuinfo', 'utf8'));

for (const [title, flags, variant] of /** @type {[string, string[], string][]} */ ([
    ['as the processor is', [], sumsFour ? 'relaxed' : 'relaxed16'],
    ['where x86 sums products of bytes by twos', ['--js-flags=--no-enable-avx-vnni --no-enable-avx-vnni-int8'], process.arch === 'x64' ? 'relaxed16' : 'relaxed'],
])) {
    test(`auto is the relaxed build that suits: ${title}; the other one works, too, with the same bits`, async () => {
        await withPage(async (page) => {
            const all = await page.evaluate(async () => {
                const { Model } = await import('/dist/page/palimpsest.js');
                const found = [];
                for (const variant of ['auto', 'relaxed', 'relaxed16']) {
                    const model = await Model.load('/models/default.gguf', { variant });
                    const chat = model.chat({ memory: { tokens: 48 }, seed: 3 });
                    const answer = await chat.ask('Tell me about the sea.', { maxTokens: 40, ignoreEnd: true });
                    found.push({ variant: model.variant, note: model.note, answer, state: [...(await chat.save())].join() });
                    model.close();
                }
                return found;
            });
            assert.deepEqual(all.map((m) => m.variant), [variant, 'relaxed', 'relaxed16']);
            assert.deepEqual(all.map((m) => m.note), ['', '', '']);
            for (const m of all) assert.deepEqual([m.answer, m.state], [all[0].answer, all[0].state], m.variant);
        }, { flags });
    });
}
