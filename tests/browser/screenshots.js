// node tests/browser/screenshots.js: the pictures of the README, made from the page as it is: at a desktop and a phone, in light
// and dark, while tokens are evicted.
import { fileURLToPath } from 'node:url';
import { root } from '../node/fixtures.js';
import { launch } from './chromium.js';
import { serve } from '../../web/serve.js';

const to = fileURLToPath(new URL('../../web/site/screenshots/', import.meta.url));
const sizes = { desktop: { viewport: { width: 1280, height: 800 } }, phone: { viewport: { width: 390, height: 844 }, deviceScaleFactor: 1.5, isMobile: true, hasTouch: true } };
const talk = ['Hello! Who are you?', 'Tell me about the sea.', 'Tell me a story about a cat.', 'What do birds eat?', 'Tell me a story about the moon.'];
/** Of each size and scheme one picture: in the middle of an answer, or after it. */
const evicting = ['desktop-light', 'phone-dark'];
/** Slower than it is, so that a picture falls into the middle of an answer. */
const flags = ['--js-flags=--liftoff --no-wasm-tier-up'];

const server = await serve(root);
const browser = await launch(flags);
for (const [size, options] of Object.entries(sizes)) {
    for (const scheme of /** @type {const} */ (['light', 'dark'])) {
        const name = `${size}-${scheme}`;
        const page = await (await browser.newContext({ ...options, colorScheme: scheme })).newPage();
        await page.goto(`${server.origin}/web/site/`);
        const box = page.getByRole('textbox', { name: 'Message' });
        await box.waitFor();
        for (const [turn, text] of talk.entries()) {
            await box.fill(text);
            await box.press('Enter');
            if (turn === talk.length - 1 && evicting.includes(name)) {
                const before = await page.evaluate(() => document.querySelector('pal-chat').chat.memory.evicted);
                await page.waitForFunction((n) => {
                    const { memory, busy } = document.querySelector('pal-chat').chat;
                    return memory.evicted > n + 20 || (memory.evicted > n && !busy); // an answer may be short
                }, before);
                await page.screenshot({ path: `${to}${name}-evicting.png` });
            }
            await page.getByRole('button', { name: 'Send' }).waitFor();
        }
        if (!evicting.includes(name)) await page.screenshot({ path: `${to}${name}.png` });
        console.log(name);
    }
}
await browser.close();
server.close();
