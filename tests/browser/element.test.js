// <pal-chat> in headless Chromium, with the default model and under a strict Content-Security-Policy: talking with it.
import assert from 'node:assert/strict';
import test from 'node:test';
import { model, withElement } from './element-kit.js';

const story = 'Tell me a story.'; // some 230 tokens
const settings = { src: model, autoload: '', seed: '1', temperature: '0' };

/** The element, and the first chat is ready. */
async function ready(page, attributes = {}) {
    await page.evaluate(async (given) => {
        globalThis.chat = globalThis.make(given);
        await globalThis.next('ready');
    }, { ...settings, ...attributes });
}
const answers = (page) => page.locator('pal-chat .assistant .text').allInnerTexts();

test('keyboard alone: load, write, stop, new lines, the buttons of an answer', async () => {
    await withElement(async (page, { errors }) => {
        await page.evaluate((given) => void (globalThis.chat = globalThis.make(given)), { src: model, seed: '1', temperature: '0' });
        await page.getByText('3.4 MB to download once').waitFor();
        assert.equal(await page.evaluate(() => globalThis.chat.model), null, 'nothing is loaded before it is asked for');
        const focused = () => page.evaluate(() => globalThis.chat.shadowRoot.activeElement?.getAttribute('part') ?? '');
        const tabTo = async (part) => {
            for (let i = 0; (await focused()) !== part; i++) {
                assert.ok(i < 12, `cannot be reached: ${part}`);
                await page.keyboard.press('Tab');
            }
        };
        await tabTo('load');
        await page.keyboard.press('Enter');
        await page.waitForFunction(() => globalThis.chat.chat);
        assert.equal(await focused(), 'input', 'the focus goes on to the message');
        await page.keyboard.type('Who are');
        await page.keyboard.press('Shift+Enter');
        await page.keyboard.type('you?');
        await page.evaluate(() => globalThis.chat.shadowRoot.querySelector('textarea').dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', isComposing: true, cancelable: true })));
        assert.deepEqual(await answers(page), [], 'Enter that ends a composition sends nothing');
        await page.keyboard.press('Enter');
        await page.waitForFunction(() => globalThis.said.some((s) => s.type === 'turn'));
        assert.deepEqual(await page.evaluate(() => globalThis.chat.chat.messages.map((m) => m.role)), ['user', 'assistant']);
        assert.equal(await page.evaluate(() => globalThis.chat.chat.messages[0].content), 'Who are\nyou?');
        assert.equal(await focused(), 'input');

        await page.evaluate(() => {
            const { postMessage } = Worker.prototype;
            globalThis.swift = () => (Worker.prototype.postMessage = postMessage);
            Worker.prototype.postMessage = function (message, ...rest) { // nothing asks for more than the worker sends unasked:
                if (!('more' in message)) postMessage.call(this, message, ...rest); // the key comes in the middle of the answer
            };
        });
        const half = page.evaluate(() => globalThis.next('piece'));
        await page.keyboard.type(story);
        await page.keyboard.press('Enter');
        await half;
        await page.keyboard.press('Escape');
        await page.waitForFunction(() => globalThis.said.filter((s) => s.type === 'turn').length === 2);
        assert.equal(await page.evaluate(() => globalThis.said.at(-1).type === 'turn' && globalThis.chat.chat.unfinished), true, 'Escape stops');

        await page.evaluate(() => void globalThis.swift());
        for (let i = 0; (await focused()) !== 'continue'; i++) {
            assert.ok(i < 12);
            await page.keyboard.press('Shift+Tab');
        }
        await page.keyboard.press('Enter');
        await page.waitForFunction(() => globalThis.said.filter((s) => s.type === 'turn').length === 3);
        assert.equal(await page.evaluate(() => globalThis.chat.chat.unfinished), false);
        assert.equal((await answers(page)).length, 2, 'it went on with the same answer');
        assert.deepEqual(errors, []);
    });
});

test('stopped and continued, an answer is the one that was not stopped; regenerate gives another', async () => {
    await withElement(async (page) => {
        await ready(page);
        const whole = await page.evaluate((q) => globalThis.chat.send(q), story);
        await page.evaluate(() => globalThis.chat.newChat());
        assert.deepEqual(await answers(page), []);
        const cut = await page.evaluate((q) => {
            globalThis.chat.addEventListener('pal-piece', () => globalThis.chat.stop(), { once: true });
            return globalThis.chat.send(q);
        }, story);
        assert.ok(cut.length > 0 && cut.length < whole.length && whole.startsWith(cut), `${cut} | ${whole}`);
        assert.equal(await page.evaluate(() => globalThis.said.at(-1).detail.unfinished), true);
        await page.getByRole('button', { name: 'Continue' }).click();
        await page.waitForFunction(() => globalThis.said.filter((s) => s.type === 'turn').length === 3);
        assert.equal(await page.evaluate(() => globalThis.chat.chat.messages.at(-1).content), whole);
        assert.equal((await answers(page)).length, 1);
        assert.equal(await page.locator('pal-chat .assistant .text').innerHTML(), await page.evaluate(async (text) => {
            const { Answer } = await import('/web/element/message.js');
            const fresh = new Answer();
            fresh.write(text);
            fresh.end();
            return fresh.body.innerHTML;
        }, whole), 'a sentence cut in two is one paragraph again');

        await page.evaluate(() => (globalThis.chat.temperature = 2));
        await page.getByRole('button', { name: 'Regenerate' }).click();
        await page.waitForFunction(() => globalThis.said.filter((s) => s.type === 'turn').length === 4);
        const other = await page.evaluate(() => globalThis.chat.chat.messages.map((m) => m.content));
        assert.equal(other.length, 2);
        assert.notEqual(other[1], whole);
        const shown = await answers(page);
        assert.equal(shown.length, 1);
        assert.equal(shown[0].replace(/\s+/g, ''), other[1].replace(/\s+/g, ''));
    });
});

test('copies an answer and a code block; a screen reader hears an answer once', async () => {
    await withElement(async (page) => {
        await ready(page);
        const text = await page.evaluate(async () => {
            const log = globalThis.chat.shadowRoot.querySelector('[role=log]');
            const status = globalThis.chat.shadowRoot.querySelector('[role=status]');
            globalThis.spoken = [];
            new MutationObserver(() => globalThis.spoken.push(status.textContent)).observe(status, { childList: true, characterData: true, subtree: true });
            globalThis.busy = [];
            globalThis.chat.addEventListener('pal-piece', () => globalThis.busy.push(log.getAttribute('aria-busy') + log.getAttribute('aria-live')), { once: true });
            return globalThis.chat.send('Who are you?');
        });
        await page.getByRole('button', { name: 'Copy answer' }).click();
        assert.equal(await page.evaluate(() => navigator.clipboard.readText()), text);
        await page.getByText('Copied').waitFor();
        assert.deepEqual(await page.evaluate(() => globalThis.busy), ['trueoff']);
        assert.deepEqual(await page.evaluate(() => globalThis.spoken.filter(Boolean)), [text]);
        assert.equal(await page.locator('pal-chat [role=log]').getAttribute('aria-busy'), 'false');

        // the toy writes no code: a transcript does
        await page.evaluate(async () => {
            const { model } = globalThis.chat;
            globalThis.chat.remove();
            globalThis.kept = model;
        });
        await page.evaluate(async () => {
            const { Answer } = await import('/web/element/message.js');
            const answer = new Answer();
            answer.write('```js\nlet a = "<b>";\n```\n');
            answer.end();
            document.body.append(answer.element);
        });
        await page.getByRole('button', { name: 'Copy code' }).click();
        assert.equal(await page.evaluate(() => navigator.clipboard.readText()), 'let a = "<b>";');
    });
});

test('a long chat: bounded memory line, bounded log, scrolling follows only at the end', async () => {
    await withElement(async (page) => {
        await ready(page, { memory: '96', 'max-tokens': '24' });
        const bytes = await page.evaluate(() => globalThis.chat.chat.memory.bytes);
        await page.evaluate(async (q) => {
            for (let i = 0; i < 6; i++) await globalThis.chat.send(q);
        }, story);
        const line = await page.locator('pal-chat [part=memory]').innerText();
        assert.match(line.replace(/\s+/g, ' '), /^96 of 96 tokens [\d.]+ (KB|MB), flat \d+ let go \d+(\.\d)? tok\/s$/);
        assert.equal(await page.evaluate(() => globalThis.chat.chat.memory.bytes), bytes);
        const place = () => page.evaluate(() => {
            const log = globalThis.chat.shadowRoot.querySelector('[role=log]');
            return { top: log.scrollTop, left: log.scrollHeight - log.clientHeight - log.scrollTop };
        });
        assert.ok((await place()).left < 3, 'at the end');
        await page.locator('pal-chat [role=log]').hover();
        await page.mouse.wheel(0, -300);
        await page.waitForFunction(() => !globalThis.chat.shadowRoot.querySelector('[part=down]').hidden);
        const { top } = await place();
        await page.evaluate((q) => {
            const { shadowRoot } = globalThis.chat;
            const log = shadowRoot.querySelector('[role=log]');
            globalThis.moved = 0;
            log.addEventListener('scroll', () => globalThis.moved++);
            return globalThis.chat.chat.ask(q, { maxTokens: 5 });
        }, story);
        await page.evaluate(async () => {
            const { Answer } = await import('/web/element/message.js');
            const items = globalThis.chat.shadowRoot.querySelector('.items');
            const answer = new Answer();
            items.append(answer.element);
            for (let i = 0; i < 30; i++) {
                answer.write('more text\n\n');
                await new Promise((r) => requestAnimationFrame(r));
            }
        });
        assert.equal((await place()).top, top, 'a reader further up is left alone');
        await page.getByRole('button', { name: 'Newest message' }).click();
        assert.ok((await place()).left < 3);

        const { count, note } = await page.evaluate(async () => {
            const { Log } = await import('/web/element/log.js');
            const log = new Log(document.createElement('p'), document.createElement('p'));
            log.fill(Array.from({ length: 300 }, (_, i) => ({ role: i % 2 ? 'assistant' : 'user', content: String(i) })), 0);
            log.user('the last');
            return { count: log.items.children.length, note: !log.left.hidden && log.left.textContent };
        });
        assert.deepEqual([count, note], [200, 'Older messages have left this view.']);
    });
});

test('what the model writes is shown as Markdown and does nothing', async () => {
    await withElement(async (page, { errors }) => {
        await ready(page);
        await page.evaluate(() => {
            // the toy does not write this: the chat says it instead
            globalThis.chat.chat.send = async function* () {
                this.messages.push({ role: 'user', content: 'x' }, { role: 'assistant', content: '' });
                for (const piece of ['**bo', 'ld** <img src=/spy.png oner', 'ror="globalThis.hit = 1"> [x](java', 'script:globalThis.hit=1) ![i](/spy.png)\n\n', '<script>globalThis.hit=1</script>']) yield piece;
            };
            return globalThis.chat.send('x');
        });
        const html = await page.locator('pal-chat .assistant .text').innerHTML();
        assert.match(html, /<strong>bold<\/strong> &lt;img src=\/spy.png onerror=/);
        assert.doesNotMatch(html, /<(img|script|a)\b/);
        assert.equal(await page.evaluate(() => globalThis.hit), undefined);
        assert.deepEqual(await page.evaluate(() => globalThis.violations), [], 'not even stopped by the policy: it never was');
        assert.deepEqual(errors, []);
    });
});

test('send() before anything is loaded loads; wrong uses are errors', async () => {
    await withElement(async (page) => {
        const out = await page.evaluate(async (given) => {
            const element = globalThis.make({ src: given, 'max-tokens': '8' });
            globalThis.chat = element;
            const name = (/** @type {Promise<unknown>} */ p) => p.then(() => 'fine', (e) => `${e.name}: ${e.message}`);
            const first = element.send('Hello');
            const second = await name(element.send('Hello again'));
            const empty = await name(element.send('  '));
            return { second, empty, first: await first, early: await name(Promise.resolve().then(() => document.createElement('pal-chat').regenerate())), events: globalThis.said.map((s) => s.type) };
        }, model);
        assert.match(out.second, /PalError: this chat is still answering/);
        assert.match(out.empty, /TypeError: send: the message/);
        assert.match(out.early, /PalError: there is no chat yet/);
        assert.ok(out.first.length > 0);
        for (const type of ['progress', 'ready', 'piece', 'turn', 'memory']) assert.ok(out.events.includes(type), type);
        assert.ok(out.events.indexOf('ready') < out.events.indexOf('piece') && out.events.indexOf('piece') < out.events.indexOf('turn'));
    });
});
