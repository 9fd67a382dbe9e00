// Parts of the site that need no browser: the catalogue, the flow of tokens, colours, files.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import test from 'node:test';
import { root } from '../node/fixtures.js';
import { modelOf } from '../../web/site/files.js';
import { bytes } from '../../web/site/format.js';
import { Layout } from '../../web/site/memory-layout.js';
import { sentenceOf } from '../../web/site/memory-table.js';
import { STEPS, heat, ramp } from '../../web/site/palette.js';

/** Architectures that the engine knows, from its sources. */
const architectures = fs
    .readdirSync(`${root}/src/arch`)
    .flatMap((file) => [...fs.readFileSync(`${root}/src/arch/${file}`, 'utf8').matchAll(/pal_arch pal_arch_\w+ = \{"(\w+)"/g)])
    .map((match) => match[1]);

test('the catalogue: every entry is whole, runs here, and comes from Hugging Face', () => {
    const { models } = JSON.parse(fs.readFileSync(`${root}/models/catalogue.json`, 'utf8'));
    assert.ok(models.length >= 8);
    assert.ok(architectures.includes('smollm3'));
    assert.equal(new Set(models.map((m) => m.url)).size, models.length);
    for (const m of models) {
        assert.deepEqual(Object.keys(m), ['name', 'repo', 'file', 'url', 'architecture', 'parameters', 'downloadBytes', 'memoryBytes', 'licence', 'note']);
        assert.ok(architectures.includes(m.architecture), m.architecture);
        assert.equal(m.url, `https://huggingface.co/${m.repo}/resolve/main/${m.file}`);
        assert.match(m.file, /(Q8_0|Q[2-6]_K(_[SML])?|Q[45]_[01]|-q4)\.gguf$/i);
        assert.ok(m.memoryBytes > m.downloadBytes && m.memoryBytes < 4e9, m.name); // wasm ends at 4 GiB
        const bits = (8 * m.downloadBytes) / m.parameters;
        assert.ok(bits > 4 && bits < 10, `${m.name}: ${bits} bits a parameter`);
    }
});

/** @param {string} text @param {number} position @param {string} role */
const token = (text, position, role) => ({ text, position, role });

test('tokens flow as text does: words stay whole, lines end, turns begin paragraphs', () => {
    const layout = new Layout((body) => 10 * body.length);
    layout.width = 130;
    const turns = [['<s>', 'template'], ['<user>', 'template'], ['Hi', 'user'], [' there', 'user'], ['<end>', 'template'], ['<model>', 'template'],
        ['One', 'assistant'], [' Sh', 'assistant'], ['ips', 'assistant'], ['\n', 'assistant'], ['\n', 'assistant'], ['A', 'assistant']];
    turns.forEach(([text, role], i) => layout.append(token(text, i, role)));
    const rows = layout.rows.map((row) => row.tokens.map((t) => t.body).join(' '));
    assert.deepEqual(rows, ['<s> <user>', 'Hi there', '<end>', '<model> One', 'Sh ips ↵ ↵', 'A']);
    assert.deepEqual(layout.rows.map((row) => row.first), [true, false, false, true, false, false]);
    assert.deepEqual(layout.rows.map((row) => row.role), ['user', 'user', 'user', 'assistant', 'assistant', 'assistant']);
    for (const row of layout.rows) {
        for (const t of row.tokens) assert.ok(t.x + t.width <= 130 && layout.rows[t.row] === row);
    }
    assert.equal(layout.rows[layout.rowAt(layout.rows[4].y + 1)], layout.rows[4]);
});

test('colours: attention in octaves, each theme from one end to the other', () => {
    assert.equal(heat(0, 100), 0);
    assert.equal(heat(1 / 800, 100), 0);
    assert.equal(heat(0.5, 64), 1);
    assert.ok(heat(2 / 100, 100) > heat(1 / 100, 100));
    for (const theme of /** @type {const} */ (['light', 'dark'])) {
        const { fill, bright } = ramp(theme);
        assert.equal(fill.length, STEPS + 1);
        assert.ok(fill.every((c) => /^oklch\([\d.]+ [\d.]+ [\d.]+ \/ [\d.]+\)$/.test(c)), fill.join());
        assert.notEqual(bright[0], bright[STEPS]);
    }
});

test('files: one model, or all parts of one in order', () => {
    const files = (/** @type {string[]} */ ...names) => names.map((name) => /** @type {File} */ (/** @type {unknown} */ ({ name })));
    assert.equal(modelOf(files('readme.md', 'a.gguf')).label, 'a');
    const { source, label } = modelOf(files('m-00002-of-00002.gguf', 'm-00001-of-00002.gguf'));
    assert.equal(label, 'm');
    assert.deepEqual(/** @type {File[]} */ (source).map((f) => f.name), ['m-00001-of-00002.gguf', 'm-00002-of-00002.gguf']);
    assert.throws(() => modelOf(files('m-00001-of-00003.gguf')), /3 parts/);
    assert.throws(() => modelOf(files('a.gguf', 'b.gguf')), /one model at a time/);
    assert.throws(() => modelOf(files('a.bin')), /ends in \.gguf/);
});

test('bytes as people read them', () => {
    assert.deepEqual([0, 999, 1000, 1_094_312, 999_600, 2_393_000_000].map(bytes), ['0 B', '999 B', '1.00 kB', '1.09 MB', '1.00 MB', '2.39 GB'].map((s) => s.replace(' ', '\u00a0')));
});

test('the memory in a sentence: one token and many, with and without a text of their own', () => {
    const tokens = [{ text: '<s>', small: true, attention: 9 }, { text: ' sea', small: false, attention: 1 }, { text: ' the', small: false, attention: 2 }];
    const state = { norm: 26.05 };
    const says = (/** @type {object} */ snapshot, /** @type {number} */ seen) => sentenceOf(/** @type {any} */ ({ seen, positions: [0], layer: 'mean', ...snapshot }), /** @type {any} */ (tokens.slice(0, seen)));
    assert.equal(says({ state }, 1), '1 token in a state of norm 26.05.');
    assert.equal(says({ state }, 3), '3 tokens in a state of norm 26.05. Most changed by: “the”, “sea”.');
    assert.equal(says({}, 1), '1 of 1 token remembered in some layer.');
    assert.equal(says({ layer: 0 }, 3), '1 of 3 tokens remembered in this layer. Most attended: “the”, “sea”.');
});
