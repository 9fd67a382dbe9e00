// The shipped wasm against the outputs of llama.cpp: architectures, number formats, a trained model.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { openEngine } from '../../web/node.js';
import { distance, exact, fixtures, floats, greedy, json, llamacpp, load, logitsAt, testWith } from './kit.js';

const LIMIT = 5e-4;

/** Logits at the stored positions, and the greedy continuation. */
async function checkArchitecture(dir) {
  const expected = json(path.join(dir, 'expected.json'));
  const judge = expected.exact_gelu ?? expected;
  const { prompt, positions } = expected;
  const model = await load(path.join(dir, 'model.gguf'));
  const session = model.session(exact(prompt.length + judge.greedy.ids.length, { tokens: expected.n_ctx }));
  const rows = await logitsAt(session, prompt, positions);
  let worst = 0;
  for (const [i, p] of positions.entries()) worst = Math.max(worst, distance(rows.get(p), floats(judge.logits_f32le_b64[i])));
  assert.ok(worst <= LIMIT, `${dir}: logits differ by ${worst}`);
  assert.deepEqual(greedy(session, judge.greedy.ids.length), judge.greedy.ids);
  const final = distance(session.logits(), floats(judge.greedy.final_logits_f32le_b64));
  assert.ok(final <= LIMIT, `${dir}: final logits differ by ${final}`);
  return Math.max(worst, final);
}

const own = fs.readdirSync(path.join(fixtures, 'arch'));
for (const name of own) {
  test(`architecture ${name}: logits within ${LIMIT}, greedy ids equal`, async (t) => {
    t.diagnostic(`largest distance ${(await checkArchitecture(path.join(fixtures, 'arch', name))).toExponential(1)}`);
  });
}

const more = ['mamba2_g1', 'llama_rope3', 'llama_yarn', 'llama_linear', 'llama_bias', 'llama_keylen', 'gemma3_linear'];
for (const name of more) {
  testWith(path.join(llamacpp, 'arch', name), `architecture ${name}: logits within ${LIMIT}, greedy ids equal`, async (t) => {
    t.diagnostic(`largest distance ${(await checkArchitecture(path.join(llamacpp, 'arch', name))).toExponential(1)}`);
  });
}
// Beyond what this engine lists: right or refused.
for (const name of ['llama_moe', 'phi3_longrope', 'phi3_longrope_short', 'falcon_h1']) {
  testWith(path.join(llamacpp, 'arch', name), `architecture ${name}: right or refused by name`, async (t) => {
    try {
      t.diagnostic(`right, largest distance ${(await checkArchitecture(path.join(llamacpp, 'arch', name))).toExponential(1)}`);
    } catch (e) {
      if (e.code === 'ERR_ASSERTION') throw e;
      t.diagnostic(`refused: ${e.message}`);
      assert.equal(e.code, 'unsupported', e.message);
    }
  });
}

// ---- number formats ----

const rms = (rows, other) => {
  let sum = 0;
  let n = 0;
  for (const [i, row] of rows.entries()) {
    for (let k = 0; k < row.length; k++) sum += (row[k] - other[i][k]) ** 2;
    n += row.length;
  }
  return Math.sqrt(sum / n);
};

const formats = path.join(llamacpp, 'formats');
const FORMATS = ['F16', 'BF16', 'Q8_0', 'Q4_0', 'Q4_1', 'Q5_0', 'Q5_1', 'Q2_K', 'Q3_K_M', 'Q4_K_M', 'Q5_K_M', 'Q6_K'];
for (const name of FORMATS) {
  testWith(formats, `format ${name}: as near to the exact logits as llama.cpp, times 1.25`, async (t) => {
    const { prompt, positions, formats: all } = json(path.join(formats, 'expected.json'));
    const { file, llama_cpp: theirs, exact_f32_activations: truth } = all[name];
    const model = await load(path.join(formats, file));
    const session = model.session(exact(prompt.length + 24));
    const rows = await logitsAt(session, prompt, positions);
    const list = positions.map((p) => rows.get(p));
    const want = truth.logits_f32le_b64.map(floats);
    const [ours, limit] = [rms(list, want), 1.25 * rms(theirs.logits_f32le_b64.map(floats), want)];
    t.diagnostic(`rms ${ours.toExponential(2)}, llama.cpp's ${(limit / 1.25).toExponential(2)}`);
    assert.ok(ours <= limit, `${name}: rms ${ours} exceeds ${limit}`);
    const sure = truth.greedy.margin.findIndex((m) => m < 10 * limit);
    const n = sure < 0 ? truth.greedy.ids.length : sure;
    assert.deepEqual(greedy(session, n), truth.greedy.ids.slice(0, n), `${name}: greedy ids up to step ${n}`);
  });
}

testWith(formats, 'formats: IQ4_NL is refused by name', async () => {
  await assert.rejects(load(path.join(formats, 'IQ4_NL.gguf')), (e) => e.code === 'unsupported' && /token_embd|IQ4_NL|type/.test(e.message));
});

testWith(formats, 'number formats: every block of the reference unpacks to the same bits', async () => {
  const engine = await openEngine('simd');
  const blocks = json(path.join(formats, 'blocks.json'));
  const isNaN32 = (u) => (u & 0x7fffffff) > 0x7f800000;
  let tested = 0;
  for (const f of engine.formats()) {
    const b = blocks[f.name];
    if (!b) continue;
    const raw = Buffer.from(b.raw_b64, 'base64');
    const want = new Uint32Array(floats(b.f32le_b64).buffer);
    const [from, to] = [engine.take(raw.length), engine.take(4 * want.length)];
    engine.u8.set(raw, from.at);
    engine.check(engine.c.pal_unpack(f.type, from.at, to.at, want.length));
    const got = engine.u32.slice(to.at >>> 2, (to.at >>> 2) + want.length);
    const wrong = want.findIndex((w, i) => got[i] !== w && !(isNaN32(got[i]) && isNaN32(w)));
    assert.equal(wrong, -1, `${f.name}: value ${wrong} differs`);
    tested++;
  }
  assert.ok(tested >= 12, `only ${tested} formats were tested`);
});

// ---- the trained model ----

const stories = path.join(llamacpp, 'real/stories260K');
const open = async (name) => ({ model: await load(path.join(stories, `stories260K-${name}.gguf`)), expected: json(path.join(stories, 'expected.json'))[name] });

testWith(stories, 'stories260K F32: token ids, logits and greedy text of llama.cpp', async () => {
  const { model, expected } = await open('F32');
  for (const p of expected.prompts) {
    assert.deepEqual(model.encode(p.text, { bos: true }), p.ids);
    const session = model.session(exact(p.ids.length + 40));
    const rows = await logitsAt(session, p.ids, p.positions);
    for (const [i, at] of p.positions.entries()) assert.ok(distance(rows.get(at), floats(p.logits_f32le_b64[i])) <= LIMIT);
    const ids = greedy(session, 40);
    assert.deepEqual(ids, p.greedy.ids);
    session.close();
  }
  const { ids, text } = expected.greedy_from_bos;
  const session = model.session(exact(300));
  await session.feed([1]);
  assert.deepEqual(greedy(session, 200), ids);
  assert.equal(model.decode(ids), text.trimStart());
});

testWith(stories, 'stories260K: perplexity as llama.cpp, per token', async (t) => {
  const text = fs.readFileSync(path.join(stories, 'text.txt'), 'utf8');
  for (const [name, limit] of [['F32', 1e-4], ['Q8_0', 3e-3], ['Q4_0', 3e-3]]) {
    const { model, expected } = await open(name);
    const { perplexity } = expected.exact_f32_activations ?? expected;
    const ids = model.encode(text, { bos: true });
    assert.equal(ids.length, perplexity.n_tokens);
    const session = model.session(exact(512));
    let sum = 0;
    for (let c = 0; c < perplexity.n_chunks; c++) {
      const chunk = [1, ...ids.slice(512 * c + 1, 512 * (c + 1))];
      session.reset();
      for (let i = 0; i < 511; i += 64) {
        const end = Math.min(511, i + 64);
        session.feedChunk(chunk.slice(i, end));
        for (const x of session.nll(chunk.slice(i + 1, end + 1))) sum += x;
      }
    }
    const ppl = Math.exp(sum / perplexity.count_all);
    t.diagnostic(`${name}: ${ppl.toFixed(5)}, llama.cpp ${perplexity.ppl_all.toFixed(5)}`);
    assert.ok(Math.abs(ppl / perplexity.ppl_all - 1) <= limit, `${name}: ${ppl} instead of ${perplexity.ppl_all}`);
  }
});
