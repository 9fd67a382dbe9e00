// Lengths that are counted are those of the bytes that would be made.
import assert from 'node:assert/strict';
import test from 'node:test';
import { jsonBytes, utf8Bytes } from '../../web/bytes.js';

const units = ['a', '\n', '\b', '\u0001', '\u001f', '"', '\\', '\u007f', 'é', '\u07ff', '\u0800', '€', '\u2028', '😀', '\ud800', '\udfff'];

test('bytes of text, plain and in JSON: every pair and triple of kinds of characters', () => {
    const encoder = new TextEncoder();
    const texts = units.flatMap((a) => [a, ...units.flatMap((b) => [a + b, ...units.map((c) => a + b + c)])]);
    for (const text of ['', ...texts]) {
        assert.equal(utf8Bytes(text), encoder.encode(text).length, JSON.stringify(text));
        assert.equal(jsonBytes(text), encoder.encode(JSON.stringify(text)).length - 2, JSON.stringify(text));
    }
});
