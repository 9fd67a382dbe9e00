// Stop strings over any cut of the text, and near names.
import assert from 'node:assert/strict';
import test from 'node:test';
import { Stops } from '../../web/stops.js';
import { checkNames, near, unknown } from '../../web/errors.js';

/** All texts given out, for a list of pieces. */
function run(stops, pieces) {
  const s = new Stops(stops);
  const out = pieces.map((p) => s.push(p));
  return { shown: out.join('') + (s.found === undefined ? s.end() : ''), found: s.found, out };
}

test('a stop string is found across every cut, and nothing of it is shown', () => {
  const text = 'abcENDdef';
  for (let i = 0; i <= text.length; i++) {
    for (let j = i; j <= text.length; j++) {
      const { shown, found } = run(['END'], [text.slice(0, i), text.slice(i, j), text.slice(j)]);
      assert.deepEqual([shown, found], ['abc', 'END'], `${i} ${j}`);
    }
  }
});

test('what might become a stop string is held back, and let go when it does not', () => {
  assert.deepEqual(run(['END'], ['xE', 'N', 'd']).out, ['x', '', 'ENd']);
  assert.equal(run(['END'], ['xEN']).shown, 'xEN');
  assert.deepEqual(run(['aab'], ['aa', 'ab']).out, ['', 'a']); // overlaps itself
  assert.deepEqual(run(['\nUser:', '\n\n'], ['hi\n', '\nUser:']), { shown: 'hi', found: '\n\n', out: ['hi', ''] });
});

test('the earliest stop string counts; without any, all is shown at once', () => {
  assert.deepEqual(run(['c', 'b'], ['abc']).shown, 'a');
  assert.deepEqual(run([], ['ab', 'c']).out, ['ab', 'c']);
  assert.throws(() => new Stops(['']), /not empty/);
});

test('did you mean', () => {
  assert.deepEqual(near('polcy', ['policy', 'positions']), ['policy']);
  assert.deepEqual(near('tempreature', ['temperature', 'topK']), ['temperature']);
  assert.deepEqual(near('temp', ['temperature', 'topK']), ['temperature']);
  assert.match(unknown('option', 'budgte', ['budget', 'chunk']), /did you mean 'budget'\?/);
  assert.match(unknown('option', 'zzz', ['budget', 'chunk']), /known: budget, chunk/);
  assert.throws(() => checkNames({ temprature: 1 }, ['temperature'], 'send'), /send: unknown option 'temprature'; did you mean 'temperature'/);
});
