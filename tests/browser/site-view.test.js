// The picture of the memory alone, fed by hand: what is on the canvas before, while and after a token is forgotten.
import assert from 'node:assert/strict';
import test from 'node:test';
import { withPage } from './chromium.js';

/** @param {import('playwright-core').Page} page what every test below finds as `view`, `snapshot(positions, texts)` and `ink(position)` */
async function picture(page) {
    await page.evaluate(async () => {
        const { MemoryView } = await import('/web/site/memory-view.js');
        for (const href of ['style.css', 'memory.css']) {
            const link = Object.assign(document.createElement('link'), { rel: 'stylesheet', href: `/web/site/${href}` });
            await new Promise((done) => ((link.onload = done), document.head.append(link)));
        }
        const host = Object.assign(document.createElement('div'), { id: 'picture' });
        host.style.cssText = 'width: 400px; height: 300px; position: relative; flex: none';
        document.body.replaceChildren(host);
        const view = new MemoryView(host);
        await new Promise((done) => setTimeout(done, 50)); // its size is observed
        const snapshot = (positions, texts = [], share = 1) => ({
            seen: 1 + Math.max(-1, ...positions, ...texts.map((t) => t.position)), layer: 'mean', held: positions.length, texts,
            positions: Uint32Array.from(positions), attention: Float32Array.from(positions, () => 1 / positions.length), share: Float32Array.from(positions, () => share),
        });
        /** The strongest ink in a token's box, 0..255, at a time. */
        const ink = (position, now) => {
            view.draw(now);
            const { x, y, width, height } = view.placeOf(view.byPosition.get(position));
            const { data } = view.pen.getImageData(x + 3, y + 4, width - 6, height - 8);
            return data.filter((_, i) => i % 4 === 3).reduce((a, b) => Math.max(a, b), 0);
        };
        Object.assign(window, { view, snapshot, ink });
    });
}

const words = (/** @type {number} */ n) => Array.from({ length: n }, (_, i) => ({ position: i, id: i, text: ` word${i}`, role: 'assistant' }));

test('a token that is forgotten fades to a trace, one that some layers hold to something between', async () => {
    await withPage(async (page) => {
        await picture(page);
        const { held, during, trace, partly, kept } = await page.evaluate((texts) => {
            const { view, snapshot, ink } = window;
            view.update(snapshot([0, 1, 2, 3], texts));
            const held = ink(1, performance.now() + 1000);
            view.update(snapshot([0, 2, 3]));
            const now = performance.now();
            const during = [50, 200, 350].map((ms) => ink(1, now + ms));
            const trace = ink(1, now + 1000);
            view.update(snapshot([0, 2, 3], [], 0.5));
            return { held, during, trace, partly: ink(2, now + 3000), kept: view.byPosition.get(1).share.to };
        }, words(4));
        assert.ok(held > 240, `held ${held}`);
        assert.ok(during[0] > during[1] && during[1] > during[2] && during[2] > trace, `${during} to ${trace}`);
        assert.ok(trace > 25 && trace < 90, `trace ${trace}`); // still to be read, but only just
        assert.ok(partly > trace && partly < held, `partly ${partly}`);
        assert.equal(kept, 0);
    });
});

test('more attention is a stronger colour', async () => {
    await withPage(async (page) => {
        await picture(page);
        const [weak, strong] = await page.evaluate((texts) => {
            const { view, snapshot } = window;
            const picture = snapshot([0, 1, 2, 3], texts);
            picture.attention.set([0.02, 0.9, 0.04, 0.04]);
            view.update(picture);
            view.draw(performance.now() + 1000);
            const corner = (position) => {
                const { x, y, width } = view.placeOf(view.byPosition.get(position));
                return [...view.pen.getImageData(x + width / 2, y + 5, 1, 1).data]; // above the letters
            };
            return [corner(0), corner(1)];
        }, words(4));
        assert.ok(strong[2] < 0.7 * weak[2], `${weak} ${strong}`); // less blue: from parchment to ember
    });
});

test('thousands of tokens: the oldest traces leave, what is held stays, and the end is in sight', async () => {
    await withPage(async (page) => {
        await picture(page);
        const { count, first, last, follows, drawn } = await page.evaluate((texts) => {
            const { view, snapshot } = window;
            const newest = Array.from({ length: 100 }, (_, i) => 7900 + i);
            for (let n = 1000; n <= 8000; n += 1000) view.update(snapshot([0, 5, ...newest.filter((p) => p < n)], texts.slice(n - 1000, n)));
            return { count: view.tokens.length, first: view.tokens.slice(0, 2).map((t) => t.position), last: view.tokens.at(-1).position,
                follows: view.scroller.scrollTop + view.scroller.clientHeight >= view.scroller.scrollHeight - 1,
                drawn: view.placeOf(view.tokens.at(-1)).y < 300 };
        }, words(8000));
        assert.ok(count <= 6000 && count > 5000, `${count}`);
        assert.deepEqual(first, [0, 5]);
        assert.equal(last, 7999);
        assert.ok(follows && drawn);
    });
});

test('another answer takes the place of the one before; a picture told again changes nothing', async () => {
    await withPage(async (page) => {
        await picture(page);
        const [again, other] = await page.evaluate((texts) => {
            const { view, snapshot } = window;
            const list = () => view.tokens.map((t) => t.text.trim());
            view.update(snapshot([0, 1, 2, 3], structuredClone(texts)));
            view.update(snapshot([0, 1, 2, 3], structuredClone(texts)));
            const again = list();
            view.update(snapshot([0, 1, 2], [{ position: 2, id: 9, text: ' other', role: 'assistant' }]));
            return [again, list()];
        }, words(4));
        assert.deepEqual(again, ['word0', 'word1', 'word2', 'word3']);
        assert.deepEqual(other, ['word0', 'word1', 'other']);
    });
});
