// The command line: a table per verb gives parsing, checks and --help.
import assert from 'node:assert/strict';
import test from 'node:test';
import { UsageError, help, parse, parseSize } from '../../web/cli/options.js';
import { modelAndText } from '../../web/cli/common.js';
import { positionsOf } from '../../web/cli/logits.js';
import { evicted } from '../../web/cli/trace.js';
import { bytes, table, thousands } from '../../web/cli/terminal.js';

const VERBS = ['chat', 'complete', 'tokenize', 'info', 'ppl', 'bench', 'logits', 'trace', 'convert'];
const verb = async (name) => (await import(`../../web/cli/${name}.js`)).verb;

test('every verb explains itself: usage, each option, an example that parses', async () => {
  for (const name of VERBS) {
    const v = await verb(name);
    const text = help(v);
    assert.ok(text.startsWith(`palimpsest ${name} `));
    for (const o of v.options) assert.match(text, new RegExp(`--${o.name}\\b`));
    assert.ok(v.examples.length);
    for (const [line] of v.examples) {
      const words = [...line.matchAll(/"([^"]*)"|(\S+)/g)].map((m) => m[1] ?? m[2]);
      assert.equal(words[0], name);
      parse(v, words.slice(1));
    }
    assert.equal(new Set(v.options.map((o) => o.name)).size, v.options.length, `${name}: an option is listed twice`);
    for (const line of text.split('\n')) assert.ok(line.length <= 110, line);
  }
});

test('values are read by kind, and refused with their name', async () => {
  const v = await verb('logits');
  assert.deepEqual(parse(v, ['m.gguf', '--ids', '1,2,3', '--at=0,last', '--budget', '64', '--json']), {
    words: ['m.gguf'], options: { ids: [1, 2, 3], at: ['0', 'last'], budget: 64, json: true },
  });
  const bad = (argv, pattern) => assert.throws(() => parse(v, argv), (e) => e instanceof UsageError && pattern.test(e.message), String(argv));
  bad(['--budgte', '3'], /unknown option 'budgte'; did you mean 'budget'/);
  bad(['--budget', 'many'], /--budget: 'many' is not a whole number/);
  bad(['--budget', '0'], /less than 1/);
  bad(['--budget'], /needs a whole number/);
  bad(['--policy', 'tovaa'], /did you mean 'tova'/);
  bad(['--json=1'], /takes no value/);
  bad(['--budget', '1', '--budget', '2'], /given twice/);
  assert.deepEqual(parse(await verb('chat'), ['--stop', 'a', '--stop', 'b', '--', '--x']), { words: ['--x'], options: { stop: ['a', 'b'] } });
});

test('sizes', () => {
  assert.deepEqual(['1000', '64KB', '64MB', '1.5GB', '64MiB', '1k'].map(parseSize), [1000, 64e3, 64e6, 1.5e9, 64 * 1024 ** 2, 1000]);
  for (const s of ['', 'MB', '64X', '-1', '1iB']) assert.ok(Number.isNaN(parseSize(s)), s);
});

test('the first word that ends in .gguf is the model', () => {
  assert.deepEqual(modelAndText(['a.gguf', 'hello', 'you']), { file: 'a.gguf', text: 'hello you' });
  assert.deepEqual(modelAndText(['a.gguf']), { file: 'a.gguf', text: undefined });
});

test('positions, evictions and tables', () => {
  assert.deepEqual(positionsOf(['0', '7', 'last'], 20), [0, 7, 19]);
  for (const p of ['20', '-1', 'x', '1.5', '']) assert.throws(() => positionsOf([p], 20), UsageError, p);
  assert.deepEqual(evicted([0, 1, 2], [0, 2, 3], 3), [1]);
  assert.deepEqual(evicted([0, 1, 2], [0, 1, 2], 3), [3]);
  assert.deepEqual(evicted([[0, 1], [0, 1]], [[0, 2], [1, 2]], 2), [[1], [0]]);
  assert.equal(table([['name', 'n'], ['a', 1], ['bb', 22]]), 'name   n\na      1\nbb    22');
  assert.equal(bytes(3_445_728), '3.45 MB');
  assert.equal(thousands(1234567), '1,234,567');
});
