// <pal-chat> in headless Chromium: accessibility in light and dark, and the screen of a phone.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { root } from '../node/fixtures.js';
import { model, withElement } from './element-kit.js';

for (const colorScheme of /** @type {const} */ (['light', 'dark'])) {
    test(`axe finds nothing serious, ${colorScheme}`, async () => {
        await withElement(async (page, { missing, errors }) => {
            await page.evaluate(fs.readFileSync(path.join(root, 'node_modules/axe-core/axe.min.js'), 'utf8'));
            const look = async (state) => {
                await page.evaluate(() => Promise.all(globalThis.chat.shadowRoot.getAnimations?.().map((a) => a.finished) ?? []));
                const found = await page.evaluate(async () => {
                    const { violations } = await globalThis.axe.run(document);
                    return violations.filter((v) => v.impact === 'serious' || v.impact === 'critical').map((v) => `${v.id}: ${v.nodes.map((n) => `${n.target} ${n.failureSummary}`).join('; ')}`);
                });
                assert.deepEqual(found, [], state);
            };
            await page.evaluate((given) => void (globalThis.chat = globalThis.make(given)), { src: model, seed: '1' });
            await page.getByText('3.4 MB').waitFor();
            await look('before loading');
            await page.evaluate(() => globalThis.chat.load());
            await look('empty');
            await page.evaluate(() => {
                globalThis.chat.chat.send = async function* () {
                    this.messages.push({ role: 'user', content: 'x' }, { role: 'assistant', content: '' });
                    yield '# Title\n\nText with `code`, a [link](https://a.example/) and **weight**.\n\n> quote\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n- [x] one\n- two\n\n```js\n';
                    yield `let a = 1; // ${'long '.repeat(60)}\n\`\`\`\n`;
                };
                return globalThis.chat.send('Show me everything');
            });
            await look('answered');
            assert.deepEqual(errors, []);
            missing.add('/models/other.gguf');
            await page.evaluate(() => (globalThis.chat.src = '/models/other.gguf'));
            await page.getByRole('alert').waitFor();
            await look('failed');
        }, { colorScheme });
    });
}

test('a phone: nothing wider than the screen, no zoom into the field, the colours of the night', async () => {
    await withElement(async (page, { errors }) => {
        const narrow = () => page.evaluate(() => {
            const wide = [...globalThis.chat.shadowRoot.querySelectorAll('*')].filter((n) => n.closest('pre, .table, .unseen') === null && n.getBoundingClientRect().right > innerWidth + 0.5);
            return { page: document.documentElement.scrollWidth <= innerWidth, wide: wide.map((n) => n.className || n.tagName), log: globalThis.chat.shadowRoot.querySelector('.log').scrollWidth <= innerWidth };
        });
        await page.evaluate(async (src) => {
            globalThis.chat = globalThis.make({ src, autoload: '', seed: '1', memory: '96', name: 'a-very-long-name-for-a-chat'.repeat(4) });
            await globalThis.next('ready');
        }, model);
        await page.evaluate((q) => globalThis.chat.send(`${q} ${'Wordwithoutend'.repeat(30)}`), 'Tell me a story.');
        await page.evaluate(async () => {
            const { Answer } = await import('/web/element/message.js');
            const answer = new Answer();
            answer.write(`\`\`\`\n${'long '.repeat(40)}\n\`\`\`\n\n|${'a wide head|'.repeat(12)}\n|${'-|'.repeat(12)}\n|${'1|'.repeat(12)}\n`);
            answer.end();
            globalThis.chat.shadowRoot.querySelector('.items').append(answer.element);
        });
        assert.deepEqual(await narrow(), { page: true, wide: [], log: true });
        const look = await page.evaluate(() => {
            const part = (/** @type {string} */ name) => globalThis.chat.shadowRoot.querySelector(`[part~=${name}]`);
            const { bottom } = part('composer').getBoundingClientRect();
            return { size: parseFloat(getComputedStyle(part('input')).fontSize), target: part('send').getBoundingClientRect().height, bottom, ground: getComputedStyle(globalThis.chat).backgroundColor };
        });
        assert.ok(look.size >= 16 && look.target >= 40 && look.bottom <= 844, JSON.stringify(look));
        assert.equal(look.ground, 'rgb(22, 21, 18)');
        const height = () => page.evaluate(() => globalThis.chat.shadowRoot.querySelector('textarea').getBoundingClientRect().height);
        const one = await height();
        await page.locator('pal-chat textarea').fill('a\n'.repeat(4));
        assert.ok((await height()) > 2 * one, 'the field grows');
        await page.locator('pal-chat textarea').fill('a\n'.repeat(100));
        assert.ok((await height()) < 320, 'but not without end');
        assert.deepEqual(errors, []);
        assert.deepEqual(await page.evaluate(() => globalThis.violations), []);
    }, { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true, deviceScaleFactor: 2, colorScheme: 'dark', reducedMotion: 'reduce' });
});
