// The page API over its worker, as it ships (dist/), with the embedded model, in headless Chromium.
import assert from 'node:assert/strict';
import test from 'node:test';
import { Model } from '../../web/node.js';
import { root } from '../node/fixtures.js';
import { withPage } from './chromium.js';

const MODEL = '/models/default.gguf';
const QUESTIONS = ['Tell me about the sea.', 'What is a bird?', 'Tell me about the sun.', 'What do cats eat?'];

/** @param {import('playwright-core').Page} page what every test below finds as `model` */
async function load(page) {
    await page.evaluate(async (url) => {
        const pal = await import('/dist/page/palimpsest.js');
        const progress = [];
        const model = await pal.Model.load(url, { onprogress: (p) => progress.push(p), variant: 'simd' });
        Object.assign(window, { pal, model, progress });
    }, MODEL);
}

test('first load: progress in bytes, then an answer', async () => {
    await withPage(async (page) => {
        await load(page);
        const { text, last, name, memory } = await page.evaluate(async () => {
            const chat = window.model.chat();
            const text = await chat.ask('Tell me about the sea.', { maxTokens: 40, temperature: 0 });
            return { text, last: window.progress.at(-1), name: window.model.name, memory: chat.memory };
        });
        assert.match(text, /sea/);
        assert.equal(last.loaded, last.total);
        assert.equal(last.from, 'network');
        assert.ok(name);
        assert.equal(memory.held, memory.seen);
    });
});

test('the same prompt, seed and file give the same text and state in Node and in a page', async () => {
    const options = { system: 'You are brief.', memory: { tokens: 48, policy: 'tova' }, seed: 7 };
    const sampling = { maxTokens: 60, temperature: 0.9, topK: 40, ignoreEnd: true };
    const model = await Model.load(`${root}${MODEL}`, { variant: 'simd' });
    const chat = model.chat(options);
    const here = [];
    for (const q of QUESTIONS) here.push(await model.encode(await chat.ask(q, sampling)));
    const saved = chat.save();
    await withPage(async (page) => {
        await load(page);
        const there = await page.evaluate(
            async ([options, sampling, questions]) => {
                const chat = window.model.chat(options);
                const ids = [];
                for (const q of questions) ids.push(await window.model.encode(await chat.ask(q, sampling)));
                return { ids, saved: [...(await chat.save())] };
            },
            /** @type {[any, any, string[]]} */ ([options, sampling, QUESTIONS]),
        );
        assert.deepEqual(there.ids, here);
        assert.deepEqual(Buffer.from(there.saved), Buffer.from(saved)); // every bit of the state, too
    });
});

test('an answer comes in fewer messages than pieces, the first at once, and nothing is lost', async () => {
    await withPage(async (page) => {
        await page.evaluate(() => {
            const sizes = /** @type {number[]} */ ([]);
            class Heard extends Worker {
                constructor(/** @type {any} */ ...args) {
                    super(.../** @type {[any]} */ (args));
                    this.addEventListener('message', ({ data }) => data.events?.[0].text !== undefined && sizes.push(data.events.length));
                }
            }
            Object.assign(window, { sizes, Worker: Heard });
        });
        await load(page);
        const { pieces, text, sizes } = await page.evaluate(async () => {
            const chat = window.model.chat();
            const pieces = [];
            for await (const piece of chat.send('Tell me about the sea.', { maxTokens: 200, temperature: 0, ignoreEnd: true })) pieces.push(piece);
            return { pieces, text: chat.messages.at(-1).content, sizes: window.sizes };
        });
        assert.equal(pieces.join(''), text);
        assert.ok(pieces.length > 100, `${pieces.length} pieces`);
        assert.equal(sizes[0], 1);
        assert.ok(sizes.length < pieces.length, `${sizes.length} messages, ${pieces.length} pieces`);
    });
});

test('30 turns far past the budget: no end, no growth', async () => {
    await withPage(async (page) => {
        await load(page);
        const seen = await page.evaluate(async (questions) => {
            const chat = window.model.chat({ memory: { tokens: 64 } });
            const rows = [];
            let evictions = 0;
            chat.on('evict', () => evictions++);
            for (let turn = 0; turn < 30; turn++) {
                await chat.ask(questions[turn % questions.length], { maxTokens: 40, temperature: 0.7, seed: turn, ignoreEnd: true });
                rows.push({ ...chat.memory, wasm: window.model.memory.wasm, saved: (await chat.save()).length });
            }
            return { rows, evictions };
        }, QUESTIONS);
        const { rows, evictions } = seen;
        const [first, last] = [rows[0], rows[29]];
        assert.ok(last.seen > 20 * 64, `${last.seen} tokens seen`);
        assert.ok(evictions > 0);
        for (const row of rows) {
            assert.ok(row.held <= 64);
            assert.deepEqual([row.bytes, row.capacity, row.wasm, row.saved], [first.bytes, 64, first.wasm, first.saved]);
        }
        assert.equal(last.evicted, last.seen - last.held);
    });
});

test('abort while reading a long prompt and while answering; the chat goes on', async () => {
    await withPage(async (page) => {
        await load(page);
        const result = await page.evaluate(async () => {
            const chat = window.model.chat({ memory: { tokens: 64 } });
            const reading = new AbortController();
            const long = 'The sea is wide and deep. '.repeat(20000);
            let read;
            let total;
            const first = await chat.ask(long, { signal: reading.signal, onprogress: (p) => { ({ read, total } = p); if (p.read > 500) reading.abort(); } }).catch((e) => e.name);
            const answering = new AbortController();
            let pieces = 0;
            let second;
            const other = window.model.chat({ memory: { tokens: 64 } });
            try {
                for await (const piece of other.send('Tell me about the sea.', { ignoreEnd: true, signal: answering.signal })) if (piece && ++pieces === 5) answering.abort();
            } catch (e) {
                second = e.name;
            }
            const unfinished = other.unfinished;
            let more = 0;
            for await (const piece of other.continue({ maxTokens: 10 })) more += piece.length;
            for await (const piece of other.send('What is a bird?', { ignoreEnd: true })) if (piece) break; // leaving the loop is an abort
            const after = await other.ask('Tell me about the sea.', { maxTokens: 20 });
            return { first, read, total, second, pieces, unfinished, more, after, busy: other.busy };
        });
        assert.equal(result.first, 'AbortError');
        assert.ok(result.read < result.total / 10, `${result.read} of ${result.total} tokens read`);
        assert.equal(result.second, 'AbortError');
        assert.ok(result.unfinished);
        assert.ok(result.more > 0);
        assert.ok(result.after.length > 0);
        assert.equal(result.busy, false);
    });
});

test('several chats on one model: interleaved as alone, wasm memory does not grow with their number', async () => {
    await withPage(async (page) => {
        await load(page);
        const result = await page.evaluate(async (questions) => {
            const options = { memory: { tokens: 48 }, seed: 3 };
            const sampling = { maxTokens: 24, temperature: 0.8, ignoreEnd: true };
            const alone = [];
            for (const q of questions) {
                const chat = window.model.chat(options);
                alone.push([await chat.ask(q, sampling), await chat.ask('And more?', sampling)]);
                await chat.close();
            }
            const chats = questions.map(() => window.model.chat(options));
            const wasm = [];
            const both = await Promise.all(chats.map((c, i) => c.ask(questions[i], sampling)));
            wasm.push(window.model.memory.wasm);
            const second = await Promise.all(chats.map((c) => c.ask('And more?', sampling)));
            for (let i = 0; i < 12; i++) await window.model.chat(options).ask('Hello', { maxTokens: 2 });
            wasm.push(window.model.memory.wasm);
            const fork = chats[0].fork();
            const [a, b] = [await fork.ask('Why?', sampling), await chats[0].ask('Why?', sampling)];
            return { alone, together: both.map((t, i) => [t, second[i]]), wasm, a, b };
        }, QUESTIONS);
        assert.deepEqual(result.together, result.alone);
        assert.equal(result.wasm[1], result.wasm[0]);
        assert.equal(result.a, result.b);
    });
});

test('saved, the tab killed in the middle of a sentence, opened again: identical next tokens', async () => {
    await withPage(async (page, origin) => {
        const options = { memory: { tokens: 48 }, seed: 11, name: 'kitchen' };
        const sampling = { maxTokens: 400, temperature: 0.9, ignoreEnd: true };
        await load(page);
        const whole = await page.evaluate(
            async ([options, sampling]) => {
                const { name, ...same } = options;
                return window.model.chat(same).ask('Tell me about the sea.', sampling);
            },
            /** @type {[any, any]} */ ([options, sampling]),
        );
        await page.evaluate(
            async ([options, sampling]) => {
                const chat = window.model.chat(options);
                const answer = chat.send('Tell me about the sea.', sampling);
                await new Promise((resolve) => {
                    chat.on('saved', resolve); // in the middle, for the answer is not taken to its end
                    (async () => {
                        for (;;) {
                            const { done } = await answer.next();
                            if (done) throw new Error('the answer ended before it was saved');
                            await new Promise((r) => setTimeout(r, 100));
                        }
                    })();
                });
            },
            /** @type {[any, any]} */ ([options, sampling]),
        );
        const context = page.context();
        const crashed = page.waitForEvent('crash');
        (await context.newCDPSession(page)).send('Page.crash').catch(() => {}); // it does not answer any more
        await crashed;
        const again = await context.newPage();
        await again.goto(`${origin}/tests/browser/blank.html`);
        await load(again);
        const restored = await again.evaluate(async (sampling) => {
            const list = await window.pal.chats.list();
            const chat = await window.model.open('kitchen');
            const before = chat.messages.at(-1).content;
            const unfinished = chat.unfinished;
            let more = '';
            for await (const piece of chat.continue()) more += piece;
            return { before, more, unfinished, list, savedBytes: chat.savedBytes, after: (await chat.save()).length, messages: chat.messages };
        }, sampling);
        assert.ok(restored.unfinished);
        assert.ok(restored.before.length > 0 && restored.before.length < whole.length);
        assert.equal(restored.before + restored.more, whole);
        assert.equal(restored.savedBytes, restored.after);
        assert.equal(restored.list.length, 1);
        assert.equal(restored.list[0].name, 'kitchen');
        assert.equal(restored.messages.length, 2);
    });
});

test('a worker that dies is told, and revive() brings the model and its chats back', async () => {
    await withPage(async (page) => {
        await load(page);
        const result = await page.evaluate(async () => {
            const chat = window.model.chat({ memory: { tokens: 64 } });
            await chat.ask('Tell me about the sea.', { maxTokens: 10 });
            const lost = new Promise((resolve) => window.model.on('lost', resolve));
            const answer = chat.ask('And the sun?', { ignoreEnd: true }).catch((e) => ({ code: e.code, message: e.message }));
            await new Promise((r) => setTimeout(r, 200));
            window.model.link.worker.terminate();
            const { message } = await lost;
            const failed = await answer;
            await window.model.revive();
            const text = await chat.ask('What is a bird?', { maxTokens: 20 });
            return { message, failed, text, messages: chat.messages.length };
        });
        assert.match(result.message, /revive/);
        assert.equal(result.failed.code, 'lost');
        assert.ok(result.text.length > 0);
        assert.ok(result.messages >= 4);
    });
});

test('options act or throw', async () => {
    await withPage(async (page) => {
        await load(page);
        const errors = await page.evaluate(async () => {
            const { model, pal } = window;
            const message = async (work) => {
                try {
                    await work();
                    return 'nothing was thrown';
                } catch (e) {
                    return `${e.name}: ${e.message}`;
                }
            };
            return {
                load: await message(() => pal.Model.load('x.gguf', { sha265: '' })),
                policy: await message(() => model.chat({ memory: { policy: 'tovva' } }).ready),
                chat: await message(() => model.chat({ sytem: '' }).ready),
                send: await message(() => model.chat().ask('Hi', { topp: 1 })),
                event: await message(() => model.chat().on('evicted', () => {})),
                regenerate: await message(async () => { const c = model.chat(); await c.ask('Hi', { maxTokens: 2 }); for await (const _ of c.regenerate()); }),
            };
        });
        assert.match(errors.load, /TypeError.*sha256/);
        assert.match(errors.policy, /TypeError.*tova/);
        assert.match(errors.chat, /TypeError.*system/);
        assert.match(errors.send, /TypeError.*topP/);
        assert.match(errors.event, /evict/);
        assert.match(errors.regenerate, /undo/);
    });
});
