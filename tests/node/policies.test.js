// Bounded memories against the authors' own code (TOVA, H2O, StreamingLLM), and the invariants of the state.
import assert from 'node:assert/strict';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { convert } from '../../models/convert/index.js';
import { retainedNow } from '../../web/cli/trace.js';
import { authors, distance, exact, fixtures, greedy, json, load, testWith } from './kit.js';

const scratch = mkdtempSync(path.join(tmpdir(), 'palimpsest-'));
const open = async (dir) => {
  const file = path.join(scratch, `${path.basename(dir)}.gguf`);
  await convert(dir, file, { type: 'F32' });
  return load(file);
};

const policies = path.join(fixtures, 'policies');
const expected = json(path.join(policies, 'expected.json'));
const ids = [...expected.prompt, ...expected.continuation];
const STD = 1.6;

/** How a run of the authors' code is named here. */
function settings(run) {
  const [policy, mode = 'original'] = run.policy.split('/');
  if (policy === 'window+4') return { policy: 'sinks', sinks: 4, positions: mode };
  return { policy, positions: mode, ...(policy === 'h2o' ? { recent: run.k / 2 } : {}) };
}

const model = await open(policies);

for (const run of expected.runs.filter((r) => r.prefill === 'exact')) {
  test(`${run.policy}, ${run.k} tokens: what is retained at every step, logits, greedy ids`, async () => {
    const session = model.session({ memory: { ...settings(run), tokens: run.k, cache: 'f32' }, seed: 0 });
    let sum = 0;
    for (const [t, id] of ids.entries()) {
      session.feedChunk([id]);
      if (t >= run.retained_first_token) assert.deepEqual(retainedNow(session), run.retained[t - run.retained_first_token], `after token ${t}`);
      if (run.logits[t]) {
        const d = distance(session.logits(), run.logits[t]);
        assert.ok(d <= 2e-4 * STD, `logits after token ${t} differ by ${d}`);
      }
      if (t + 1 < ids.length) sum += session.nll([ids[t + 1]])[0];
    }
    assert.ok(Math.abs(sum / (ids.length - 1) - run.mean_nll) < 1e-4, `mean nll ${sum / (ids.length - 1)}, not ${run.mean_nll}`);
    session.reset();
    await session.feed(expected.prompt);
    assert.deepEqual(greedy(session, run.greedy.length), run.greedy);
    session.close();
  });
}

for (const cache of ['f32', 'f16', 'q8']) {
  test(`any chunks give the same state and logits (cache ${cache}), every policy`, async () => {
    for (const [policy, positions] of ['full', 'window', 'sinks', 'h2o', 'tova', 'tova-head'].flatMap((p) => [[p, 'original'], [p, 'cache']])) {
      const hashes = new Set();
      for (const size of [1, 7, 64, ids.length]) {
        const session = model.session({ memory: { policy, positions, cache, tokens: policy === 'full' ? ids.length : 16 }, chunk: Math.min(size, 512), seed: 3 });
        for (let i = 0; i < ids.length; i += size) session.feedChunk(ids.slice(i, i + size));
        const logits = session.logits();
        hashes.add(`${session.hash()} ${Buffer.from(logits.buffer).toString('base64')}`);
        session.close();
      }
      assert.equal(hashes.size, 1, `${policy}, positions ${positions}`);
    }
  });
}

test('a budget that is never reached is bit-equal to no policy, for every policy', () => {
  const run = (policy) => {
    const session = model.session({ memory: { policy, positions: 'original', cache: 'f32', tokens: 200 }, seed: 0 });
    for (const id of ids) session.feedChunk([id]);
    const logits = Buffer.from(session.logits().buffer).toString('base64');
    session.close();
    return logits;
  };
  const full = run('full');
  for (const policy of ['window', 'sinks', 'h2o', 'tova', 'tova-head']) assert.equal(run(policy), full, policy);
});

test('pinned tokens never leave, and are refused only when they alone exceed the budget', async () => {
  for (const policy of ['window', 'sinks', 'h2o', 'tova', 'tova-head']) {
    const session = model.session({ memory: { policy, tokens: 12, ...(policy === 'sinks' ? { sinks: 2 } : {}) } });
    await session.feed(ids.slice(0, 6), { pinned: true });
    await session.feed(ids.slice(6));
    for (const { layer, sets } of session.cacheLayers()) {
      for (let set = 0; set < sets; set++) assert.deepEqual(session.retained(layer, set).slice(0, 6), [0, 1, 2, 3, 4, 5], policy);
    }
    await assert.rejects(session.feed(ids.slice(0, 7), { pinned: true }), (e) => e.code === 'pinned');
    session.close();
  }
});

for (const name of ['llama-tied', 'llama-untied']) {
  testWith(path.join(authors, name), `${name}: logits, nll and greedy ids of llama2.c, converted from safetensors`, async () => {
    const e = json(path.join(authors, name, 'expected.json'));
    const own = await open(path.join(authors, name));
    const all = [...e.prompt, ...e.continuation];
    const session = own.session(exact(all.length + 40));
    let worst = 0;
    let sum = 0;
    for (const [t, id] of all.entries()) {
      session.feedChunk([id]);
      if (e.logits[t]) worst = Math.max(worst, distance(session.logits(), e.logits[t]));
      if (t + 1 < all.length) sum += session.nll([all[t + 1]])[0];
    }
    assert.ok(worst <= 2e-4 * Math.max(1, e.logit_std), `logits differ by ${worst}`);
    assert.ok(Math.abs(sum / (all.length - 1) - e.mean_nll) < 1e-4);
    session.reset();
    await session.feed(e.prompt);
    assert.deepEqual(greedy(session, e.greedy.length), e.greedy);
  });
}
