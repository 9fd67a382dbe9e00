// <pal-chat> in headless Chromium: errors and their remedies, saved chats, what it holds and gives back.
import assert from 'node:assert/strict';
import test from 'node:test';
import { model, withElement } from './element-kit.js';

const story = 'Tell me a story.';
const settings = { src: model, autoload: '', seed: '1', temperature: '0' };
const make = (page, attributes) => page.evaluate((given) => void (globalThis.chat = globalThis.make(given)), { ...settings, ...attributes });
const ready = async (page, attributes = {}) => {
    await make(page, attributes);
    await page.waitForFunction(() => globalThis.chat.chat);
};
const fine = async (page, errors) => {
    assert.deepEqual(errors, []);
    assert.deepEqual(await page.evaluate(() => globalThis.violations), []);
};

test('a model that is not there: told, and tried again', async () => {
    await withElement(async (page, { missing }) => {
        missing.add('/models/default.gguf');
        await make(page, {});
        const alert = page.getByRole('alert');
        await alert.getByText('The model could not be downloaded').waitFor();
        assert.match(await alert.innerText(), /404/);
        assert.equal(await page.evaluate(() => globalThis.said.find((s) => s.type === 'error').detail.includes('404')), true);
        assert.match(await page.evaluate(() => globalThis.chat.load().then(() => 'loaded', (e) => e.name)), /PalError/);
        await alert.waitFor();
        missing.clear();
        await page.getByRole('button', { name: 'Try again' }).click();
        await page.waitForFunction(() => globalThis.chat.chat);
        assert.equal(await alert.count(), 0);
        assert.ok(await page.evaluate(() => globalThis.chat.send('Hello')));
    });
});

test('attributes that make no sense are told, never ignored; mended, the chat goes on', async () => {
    await withElement(async (page) => {
        for (const [name, value, text] of [
            ['memory', 'lots', /memory="lots": give tokens.*or bytes/],
            ['memory', '-5', /memory="-5"/],
            ['max-tokens', '1.5', /max-tokens="1.5": give a whole number/],
            ['temperature', 'warm', /temperature="warm": give a number/],
            ['top-k', '', /top-k="": give a whole number/],
            ['pin', 'all', /pin="all": give "system", "none" or/],
            ['cache', 'maybe', /cache="maybe"/],
            ['sha256', 'abc', /sha256="abc": give 64/],
            ['name', '', /name=""/],
            ['seed', '-1', /seed="-1"/],
            ['src', 'https://[x', /src="https:\/\/\[x": give the URL/],
            ['polcy', 'tova', /unknown attribute polcy; did you mean policy\?/],
            ['policy', 'toba', /policy 'toba'; did you mean 'tova'/],
            ['positions', 'none', /positions 'none'/],
            ['variant', 'fast', /fast/],
        ]) {
            await make(page, { [name]: value });
            const alert = page.getByRole('alert');
            await alert.waitFor();
            assert.match(await alert.innerText(), text);
            await page.evaluate(() => globalThis.chat.remove());
        }
        await make(page, { memory: 'lots' });
        await page.getByRole('alert').waitFor();
        await page.evaluate(() => (globalThis.chat.memory = 64));
        await page.waitForFunction(() => globalThis.chat.chat?.memory.capacity === 64);
        await page.evaluate(() => (globalThis.chat.policy = 'toba'));
        await page.getByRole('alert').getByText("unknown policy 'toba'").waitFor();
        await page.evaluate(() => (globalThis.chat.policy = 'window'));
        await page.waitForFunction(() => globalThis.chat.chat?.limits.policy === 'window');
        await page.evaluate(() => globalThis.chat.send('Hello'));
        await page.evaluate(() => (globalThis.chat.policy = 'toba'));
        await page.getByRole('alert').getByText("unknown policy 'toba'").waitFor();
        await page.evaluate(() => (globalThis.chat.policy = 'tova'));
        await page.waitForFunction(() => globalThis.chat.chat?.limits.policy === 'tova');
        assert.equal(await page.evaluate(() => globalThis.chat.chat.messages.length), 2, 'the conversation outlives a wrong setting');
        assert.equal(await page.getByRole('alert').count(), 0);
        await page.evaluate(() => (globalThis.chat.temperature = -3));
        assert.match(await page.evaluate(() => globalThis.chat.send('Hello').then(() => 'fine', (e) => e.message)), /temperature/);
        assert.match(await page.getByRole('alert').innerText(), /temperature/);
        await page.evaluate(() => (globalThis.chat.temperature = 0));
        assert.ok(await page.evaluate(() => globalThis.chat.send('Hello')));
        await page.evaluate(() => globalThis.chat.removeAttribute('memory'));
        await page.evaluate(() => (globalThis.chat.memory = '1MB'));
        await page.waitForFunction(() => globalThis.chat.chat?.memory.capacity > 64);
        assert.ok(await page.evaluate(() => globalThis.chat.chat.memory.bytes < 2e6 + 1));
    });
});

test('a saved chat: after a reload the cut answer goes on as if nothing had happened', async () => {
    await withElement(async (page, { open, errors }) => {
        await ready(page, { 'max-tokens': '60' });
        const whole = await page.evaluate((q) => globalThis.chat.send(q), story);
        await page.evaluate(() => globalThis.chat.remove());
        await ready(page, { 'name': 'my chat', 'max-tokens': '20' });
        const cut = await page.evaluate((q) => globalThis.chat.send(q), story);
        assert.ok(whole.startsWith(cut) && whole.length > cut.length);
        await page.waitForFunction(() => globalThis.chat.chat.unfinished && !globalThis.chat.chat.busy);
        await open();
        await page.evaluate((given) => void (globalThis.chat = globalThis.make(given)), { 'src': model, 'name': 'my chat', 'max-tokens': '40', 'temperature': '0', 'memory': '100' });
        await page.getByText('On this device already, 3.4 MB. A chat of 2 messages waits here.').waitFor();
        await page.getByRole('button', { name: 'Load model' }).click();
        await page.getByText('Your saved chat goes on here. It keeps its memory of 1,024 tokens (tova)').waitFor();
        assert.equal(await page.locator('pal-chat .assistant .text').innerText(), cut.trim());
        assert.equal(await page.getByRole('button', { name: 'Regenerate' }).count(), 0, 'what is before it was not kept');
        await page.getByRole('button', { name: 'Continue' }).click();
        await page.waitForFunction(() => globalThis.said.some((s) => s.type === 'turn'));
        assert.equal(await page.evaluate(() => globalThis.chat.chat.messages.at(-1).content), whole);
        await page.getByRole('button', { name: 'New chat' }).click();
        await page.getByText('Ask away.').waitFor();
        assert.deepEqual(await page.evaluate(async () => (await (await import('/web/browser.js')).chats.list()).length), 0);
        await page.waitForFunction(() => globalThis.chat.chat?.memory.capacity === 100);
        await fine(page, errors);
    });
});

test('settings changed while it loads, and while it talks: the last ones count, the conversation stays', async () => {
    await withElement(async (page, { stuck, errors }) => {
        await page.evaluate(async (given) => {
            const element = globalThis.make({ src: '/models/none.gguf', autoload: '' });
            globalThis.chat = element;
            await Promise.resolve();
            element.memory = 50;
            element.src = given;
            await new Promise((r) => setTimeout(r, 1));
            element.memory = '70';
            element.system = 'Be brief.';
            element.placeholder = 'Say it';
            await globalThis.next('ready');
        }, model);
        assert.deepEqual(await page.evaluate(() => [globalThis.chat.chat.memory.capacity, globalThis.chat.chat.options.system, globalThis.chat.model.chats.size]), [70, 'Be brief.', 1]);
        assert.equal(await page.locator('pal-chat textarea').getAttribute('placeholder'), 'Say it');
        assert.equal(await page.getByRole('alert').count(), 0);
        await page.evaluate(() => globalThis.chat.send('Hello'));
        const before = await page.evaluate(() => globalThis.chat.chat.messages);
        await page.evaluate(async () => {
            const next = globalThis.next('ready');
            globalThis.chat.memory = 200;
            globalThis.chat.policy = 'window';
            await next;
        });
        assert.deepEqual(await page.evaluate(() => [globalThis.chat.chat.limits.budget, globalThis.chat.chat.limits.policy, globalThis.chat.model.chats.size]), [200, 'window', 1]);
        assert.deepEqual(await page.evaluate(() => globalThis.chat.chat.messages), before);
        await page.evaluate(async () => {
            for (const tokens of [80, 90, 110]) {
                globalThis.chat.memory = tokens;
                await new Promise((r) => setTimeout(r, 0));
            }
        });
        await page.waitForFunction(() => globalThis.chat.chat?.limits.budget === 110 && globalThis.chat.model.chats.size === 1);
        assert.deepEqual(await page.evaluate(() => globalThis.chat.chat.messages), before);
        await page.evaluate(() => globalThis.chat.send('Who are you?'));
        assert.equal(await page.locator('pal-chat .message').count(), 4);
        await page.evaluate(() => (globalThis.chat.disabled = true));
        await page.waitForFunction(() => globalThis.chat.shadowRoot.querySelector('textarea').disabled);
        const buttons = await page.evaluate(() => [...globalThis.chat.shadowRoot.querySelectorAll('.message:last-child button')].map((b) => `${b.getAttribute('part')} ${b.disabled}`));
        assert.deepEqual(buttons, ['copy false', 'regenerate true']);
        // loading given up
        stuck.add(model);
        await page.evaluate((given) => {
            globalThis.chat.remove();
            globalThis.chat = globalThis.make({ src: given, cache: 'false' });
            globalThis.given = globalThis.chat.load().then(() => 'loaded', (e) => e.name);
        }, model);
        await page.getByText(/^[\d.]+ [KM]B of 3\.4 MB · \d+ %$/).waitFor();
        await page.getByRole('button', { name: 'Cancel' }).click();
        assert.equal(await page.evaluate(() => globalThis.given), 'AbortError');
        await page.getByRole('button', { name: 'Load model' }).waitFor();
        assert.deepEqual(errors.filter((e) => !e.includes('404')), []);
    });
});

test('taken out of the page it gives everything back; two elements share a model', async () => {
    await withElement(async (page, { errors }) => {
        await ready(page, { id: 'a' });
        const out = await page.evaluate(async (q) => {
            const first = globalThis.chat;
            const { model: shared } = first;
            const second = globalThis.make({ id: 'b', seed: '1', temperature: '0' });
            second.model = shared;
            await globalThis.next('ready', second);
            const both = shared.chats.size;
            const answers = await Promise.all([first.send(q), second.send(q)]);
            document.body.append(first); // moved, not removed
            await new Promise((r) => setTimeout(r, 20));
            const moved = { kept: first.chat !== null, messages: first.chat.messages.length };
            first.addEventListener('pal-piece', () => first.remove(), { once: true });
            await first.send(q);
            await new Promise((r) => setTimeout(r, 20));
            const left = { chats: shared.chats.size, chat: first.chat, alive: !shared.link.dead };
            const after = await second.send('Hello');
            second.remove();
            await new Promise((r) => setTimeout(r, 20));
            document.body.append(first);
            await globalThis.next('ready', first);
            return { both, answers, moved, left, after, closed: Boolean(shared.link.dead), again: first.chat.messages.length, fresh: first.model !== shared };
        }, story);
        assert.equal(out.both, 2);
        assert.equal(out.answers[0], out.answers[1]);
        assert.deepEqual(out.moved, { kept: true, messages: 2 });
        assert.deepEqual(out.left, { chats: 1, chat: null, alive: true });
        assert.ok(out.after.length > 0);
        assert.deepEqual([out.closed, out.again, out.fresh], [true, 0, true]);
        // a model of the page's own is not closed
        const own = await page.evaluate(async (given) => {
            const { Model } = await import('/web/browser.js');
            const loaded = await Model.load(given);
            const element = globalThis.make({});
            element.model = loaded;
            await globalThis.next('ready', element);
            element.remove();
            await new Promise((r) => setTimeout(r, 20));
            const { length } = await loaded.encode('alive');
            loaded.close();
            return length;
        }, model);
        assert.ok(own > 0);
        await fine(page, errors);
    });
});

test('the worker is lost in the middle of an answer: told, and loaded again', async () => {
    await withElement(async (page) => {
        await ready(page, {});
        await page.evaluate(() => globalThis.chat.send('Who are you?'));
        const before = await page.evaluate(() => globalThis.chat.chat.messages.length);
        await page.evaluate((q) => {
            globalThis.chat.addEventListener('pal-piece', () => globalThis.chat.model.link.worker.terminate(), { once: true });
            globalThis.end = globalThis.chat.send(q).then(() => 'fine', (e) => e.code);
        }, story);
        assert.equal(await page.evaluate(() => globalThis.end), 'lost');
        await page.getByRole('alert').getByText('The engine has stopped').waitFor();
        await page.getByRole('button', { name: 'Load again' }).click();
        await page.waitForFunction(() => globalThis.chat.shadowRoot.querySelector('.card').hidden);
        assert.ok((await page.evaluate(() => globalThis.chat.chat.messages.length)) >= before);
        assert.ok(await page.evaluate(() => globalThis.chat.send('Hello')));
    });
});

test('imported where there is no page, and twice', async () => {
    const { PalChat } = await import('../../web/element/pal-chat.js');
    assert.equal(typeof PalChat, 'function');
    await withElement(async (page) => {
        assert.equal(await page.evaluate(async () => {
            const again = await import('/web/element/pal-chat.js?again');
            return customElements.get('pal-chat') !== again.PalChat;
        }), true);
        // set before the class is known
        assert.equal(await page.evaluate(async () => {
            const template = document.createElement('template');
            template.innerHTML = '<pal-chat></pal-chat>';
            const element = /** @type {any} */ (template.content.firstElementChild);
            element.maxTokens = 7;
            element.src = '/models/default.gguf';
            document.body.append(element);
            return `${element.getAttribute('max-tokens')} ${element.getAttribute('src')} ${element.maxTokens}`;
        }), '7 /models/default.gguf 7');
    });
});
