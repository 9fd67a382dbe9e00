// What tests/bench/family.js computes from losses, and the panels of plot.js.
import assert from 'node:assert/strict';
import path from 'node:path';
import test from 'node:test';
import { against, figures, lookBack, losses, signed, spread, table, unwrap, verdict, verdicts } from '../bench/family.js';
import { figure, plot, round } from '../bench/plot.js';
import { exact, load, root } from './kit.js';

const near = (got, want, what) => assert.ok(Math.abs(got - want) < 1e-12, `${what}: ${got}, not ${want}`);

test('a book is unwrapped as models/train/unwrap.py does it', () => {
  const book = '  CHAPTER  I.\n\n_It_ was “late,” and\nthe sea’s ‘voice’—low\n\tnow—was heard.\n \nThe heathen came.\n\nSavages are left\nin their paragraph? No.\n\nThe raccoon is _one_ word.\n\u00a0x\u00a0\r\n\r\n\r\nlast one';
  assert.equal(unwrap(book), 'CHAPTER I.\n\nIt was "late," and the sea\'s \'voice\'--low now--was heard.\n\nThe raccoon is one word. x\n\nlast one\n');
});

test('how far back a token occurred last; the begin token is none of the text', () => {
  assert.deepEqual(lookBack([9, 5, 6, 5, 5, 6, 9]), [Infinity, Infinity, Infinity, 2, 1, 3, Infinity]);
});

test('means over all tokens, unseen ones, those out of reach, and stretches', () => {
  const back = lookBack([0, 5, 6, 5, 5, 6, 7]); // -, never, never, 2, 1, 3, never
  const f = figures([100, 1, 2, 4, 8, 16, 32], back, [1, 2, 3], [1, 3, 7, 9]);
  near(f.all, 63 / 6, 'all');
  near(f.first, 63 / 6, 'first');
  near(f.unseen, 35 / 3, 'unseen');
  assert.deepEqual(f.far, { 1: 10, 2: 16, 3: null }); // exactly as far back as the budget is still held
  assert.deepEqual(f.places, [1.5, 15, null]);
});

test('the first 2,048 tokens are told from the rest', () => {
  const nll = Array.from({ length: 3000 }, (_, i) => (i < 2048 ? 1 : 3));
  const f = figures(nll, nll.map(() => Infinity));
  assert.equal(f.first, 1);
  near(f.all, (2047 + 3 * 952) / 2999, 'all');
});

const row = (policy, budget, losses, far = losses, positions = 'cache') => ({ name: policy, policy, budget, positions, books: losses.map((all, i) => ({ all, far: { [budget]: far[i] } })) });

test('mean, standard error and 95 % of books; a difference is one of pairs', () => {
  const s = spread([1, 2, 3, 4]);
  near(s.mean, 2.5, 'mean');
  near(s.error, Math.sqrt(5 / 3 / 4), 'standard error');
  near(s.reach, 3.18 * s.error, 'Student, 3 degrees of freedom');
  assert.equal(spread([1, null]), undefined);
  assert.equal(spread([]), undefined);
  // The books differ by far more than the policies do.
  const difference = against(row('tova', 64, [3.9, 4.88, 5.91]), row('window', 64, [4, 5, 6]), (r) => r.all);
  near(difference.mean, -0.31 / 3, 'mean');
  assert.equal(verdict(difference), -1);
  assert.equal(signed(difference), '**-0.1033 ± 0.0088**');
  assert.equal(verdict(spread([-0.3, -0.1, -0.05, 0.02])), 0, 'more than a standard error, less than 95 %');
  assert.equal(signed(spread([0.01, -0.0101])), '0.0000 ± 0.0100');
  assert.equal(verdict(spread([0.5])), 0, 'one book proves nothing');
});

test('words: where a policy is better, worse, or neither, each budget beside its own window', () => {
  const rows = [
    row('window', 64, [4, 5, 6], [6, 7, 8]), row('window', 128, [3, 4, 5]), row('window', 256, [2, 3, 4]),
    row('tova', 64, [3.9, 4.88, 5.91], [6.1, 7.12, 8.11]), row('tova', 128, [3.1, 4.11, 5.12]), row('tova', 256, [2.1, 2.9, 4.01]),
    row('window', 64, [1, 1, 1], [1, 1, 1], 'original'), row('tova', 64, [2, 2, 2.01], [1, 1, 1], 'original'),
  ];
  assert.equal(verdicts(rows, 'cache', 'all'), '- tova: better than window at 64; worse at 128; not told apart at 256');
  assert.equal(verdicts(rows, 'cache', 'far'), '- tova: worse at 64, 128; not told apart at 256');
  assert.equal(verdicts(rows, 'original', 'all'), '- tova: worse at 64');
  assert.equal(table(['a', 'b'], [[1, 'x'], [2, '']]), '| a | b |\n| --- | --- |\n| 1 | x |\n| 2 |  |');
});

test('losses of a stream are those of one token after the other', async () => {
  const model = await load(path.join(root, 'models/default.gguf'));
  const ids = model.encode('The sea was calm, and the boat lay still. '.repeat(9), { bos: true }).slice(0, 90); // two chunks
  const { memory } = exact(16, { policy: 'tova', positions: 'cache' });
  const { nll } = await losses(model, ids, memory);
  const session = model.session({ memory, seed: 0 });
  assert.deepEqual(nll, [0, ...ids.slice(1).map((id, i) => (session.feedChunk([ids[i]]), session.nll([id])[0]))]);
  session.close();
});

test('panels: round ticks around the numbers, bars, and a line that ends early', () => {
  for (const [low, high] of [[120.3, 131.9], [-0.02, 0.031], [5, 5], [0, 0], [0.1, 0.1004]]) {
    const ticks = round([high, low]);
    assert.ok(ticks[0] <= low && ticks[ticks.length - 1] >= high && ticks.length > 1 && ticks.length <= 12, `${ticks} around ${low}..${high}`);
  }
  const panel = { title: 'a < b', x: { ticks: [1, 10, 100], name: String, log: true, title: 'n' }, y: { ticks: [0, 1, 2], name: String }, lines: [{ points: [[1, 0], [10, 1, 0.5]], end: 'full' }, { points: [] }] };
  const svg = figure([panel], ['one', 'two'], 'what');
  assert.ok(svg.includes('<path d="M56.0 260.0L240.0 147.0" '), 'from the lower left corner to the middle');
  assert.ok(svg.includes('<path d="M239.0 203.5V90.5" '), 'a bar of half a unit up and down');
  assert.ok(svg.includes('a &lt; b') && svg.includes('>full</text>') && !/NaN|undefined/.test(svg));
  const kinds = plot([{ name: 'k', points: [{ depth: 100, ms: 0.5, bytes: 2e6 }, { depth: 1000, ms: 2, bytes: 2e6 }] }]);
  assert.ok(kinds.includes('milliseconds a token') && kinds.includes('10 MB') && !/NaN|undefined/.test(kinds));
});
