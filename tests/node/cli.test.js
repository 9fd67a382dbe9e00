// The command line as outside checks call it.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import fs, { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { promisify } from 'node:util';
import { exact, fixtures, json, load, llamacpp, logitsAt, root, testWith } from './kit.js';

const scratch = mkdtempSync(path.join(tmpdir(), 'palimpsest-'));
const plain = path.join(fixtures, 'arch/llama_plain/model.gguf');
const prompt = json(path.join(fixtures, 'arch/llama_plain/expected.json')).prompt.slice(0, 40);

async function run(...args) {
  try {
    return { code: 0, ...(await promisify(execFile)(process.execPath, [path.join(root, 'web/cli.js'), ...args], { maxBuffer: 1 << 28 })) };
  } catch (e) {
    return { code: e.code, stdout: e.stdout, stderr: e.stderr };
  }
}
const simd = ['--variant', 'simd'];

test('logits --json: positions as asked, numbers that read back as the same f32, from ids and from a file', async () => {
  const model = await load(plain);
  const rows = await logitsAt(model.session(exact(40)), prompt, [0, 7, 39]);
  const file = path.join(scratch, 'ids.json');
  fs.writeFileSync(file, JSON.stringify({ ids: prompt }));
  for (const input of [['--ids', prompt.join(',')], ['--ids-file', file, '--chunk', '7'], ['--ids-file', file, '--threads', '1', '--chunk', '1', '--policy', 'tova', '--budget', '40', '--cache', 'f32', '--positions', 'original', '--pin', '3']]) {
    const { code, stdout, stderr } = await run('logits', plain, ...input, '--at', '7,0,last', '--json', ...simd);
    assert.equal(code, 0, stderr);
    const out = JSON.parse(stdout);
    assert.deepEqual(out.positions, [7, 0, 39]);
    for (const [i, p] of out.positions.entries()) assert.deepEqual(Float32Array.from(out.logits[i]), rows.get(p));
  }
});

test('trace --json: a line per token; per head where the policy decides per head', async () => {
  for (const [policy, heads] of [['tova', false], ['tova-head', true], ['full', false]]) {
    const budget = policy === 'full' ? [] : ['--budget', '8'];
    const { code, stdout, stderr } = await run('trace', plain, '--ids', prompt.join(','), '--policy', policy, ...budget, '--json', ...simd);
    assert.equal(code, 0, stderr);
    const lines = stdout.trim().split('\n').map((l) => JSON.parse(l));
    assert.deepEqual(lines.map((l) => l.token), prompt.map((_, i) => i));
    const last = lines.at(-1);
    assert.equal(last.retained.length, 2);
    assert.equal(Array.isArray(last.retained[0][0]), heads);
    assert.equal((heads ? last.retained[0][0] : last.retained[0]).length, policy === 'full' ? 40 : 8);
    assert.equal((heads ? last.evicted[0][0] : last.evicted[0]).length, policy === 'full' ? 0 : 1);
  }
});

testWith(path.join(llamacpp, 'real/stories260K'), 'tokenize, ppl, complete, info and bench on a trained model', async () => {
  const model = path.join(llamacpp, 'real/stories260K/stories260K-Q8_0.gguf');
  const text = path.join(llamacpp, 'real/stories260K/text.txt');
  const [p] = json(path.join(llamacpp, 'real/stories260K/expected.json')).F32.prompts;
  assert.deepEqual(JSON.parse((await run('tokenize', model, '--text', p.text, '--bos', '--json')).stdout), { ids: p.ids });
  assert.equal(JSON.parse((await run('tokenize', model, '--text-file', text, '--json')).stdout).ids.length, 10555);
  const ppl = JSON.parse((await run('ppl', model, text, '--policy', 'full,window,tova', '--budget', '64', '--limit', '400', '--json', ...simd)).stdout);
  assert.deepEqual(ppl.results.map((r) => [r.policy, r.budget]), [['full', 400], ['window', 64], ['tova', 64]]);
  const [full, window, tova] = ppl.results.map((r) => r.ppl);
  for (const x of [full, window, tova]) assert.ok(x > 3.5 && x < 4.5, String(x));
  assert.ok(full !== window && window !== tova);
  assert.match((await run('ppl', model, text, '--limit', '50', ...simd)).stdout, /policy +budget +positions +ppl/);
  const complete = await run('complete', model, 'Once upon a time', '--temperature', '0', '--max-tokens', '20', ...simd);
  assert.match(complete.stdout, /there was a little girl named Lily/);
  assert.match(complete.stderr, /memory: weights 364\.\d KB, state .* held \d+ of 1,024, seen \d+, evicted 0/);
  const info = JSON.parse((await run('info', model, '--budget', '128', '--json')).stdout);
  assert.deepEqual([info.architecture, info.limits.budget, info.layers.length, info.formats[0].format], ['llama', 128, 10, 'Q8_0']);
  assert.match((await run('info', model, '--keys')).stdout, /Q8_0[\s\S]*attention[\s\S]*tokenizer\.ggml\.tokens/);
  const bench = JSON.parse((await run('bench', model, '--prompt', '16', '--tokens', '8', '--repeat', '1', '--json', ...simd)).stdout);
  assert.ok(bench.decode_tokens_per_second > 0 && /^[0-9a-f]{16}$/.test(bench.hash));
});

test('mistakes: one line that says what was meant, exit code 2; failures 1', async () => {
  const check = async (args, code, pattern) => {
    const r = await run(...args);
    assert.equal(r.code, code, r.stderr);
    assert.match(r.stderr, pattern);
    assert.equal(r.stdout, '');
    assert.equal(r.stderr.trim().split('\n').length, 1, r.stderr);
  };
  await check(['chta'], 2, /unknown verb 'chta'; did you mean 'chat'/);
  await check(['logits', plain, '--ids', '1', '--bugdet', '3'], 2, /did you mean 'budget'/);
  await check(['logits', plain], 2, /give one of --ids/);
  await check(['logits', plain, '--ids', '1,2', '--at', '5'], 2, /'5' is no position of 2 tokens/);
  await check(['logits', plain, '--ids', '1,2', '--threads', '99'], 2, /--threads: '99' is not 'auto' or a whole number from 1 to 32/);
  await check(['logits', plain, '--ids', '1,999', ...simd], 1, /vocabulary/);
  await check(['logits', '/nowhere.gguf', '--ids', '1'], 1, /no such file/);
  await check(['logits', plain, '--text', 'x', ...simd], 1, /no vocabulary/);
  await check(['ppl', plain, 'package.json', '--budget', '4'], 2, /--budget acts only with/);
  await check(['ppl', plain, 'package.json', '--sinks', '4', '--policy', 'tova', '--budget', '8'], 2, /--sinks acts only with/);
  await check(['chat', plain, 'hi', '--load', 'x', '--budget', '4'], 2, /--budget .* comes from the saved chat/);
  await check(['logits', plain, '--ids', '1', '--json', '--top', '3'], 2, /--top/);
  await check(['ppl', plain, 'x.txt', '--policy', 'tova'], 2, /no such file/);
  await check(['chat', plain, 'hi', '--budget', '4', '--memory', '1MB', ...simd], 1, /no vocabulary|not both/).catch(() => check(['chat', plain, 'hi', '--budget', '4', '--memory', '1MB', ...simd], 2, /not both/));
});

test('help: an overview, and one per verb', async () => {
  const { code, stdout } = await run('--help');
  assert.equal(code, 0);
  for (const verb of ['chat', 'ppl', 'trace', 'convert']) assert.match(stdout, new RegExp(`^  ${verb} `, 'm'));
  assert.match((await run('chat', '--help')).stdout, /Examples/);
});

testWith(path.join(root, 'models/default.gguf'), 'chat: one answer from the built-in model, saved and continued', async () => {
  const file = path.join(scratch, 'a.chat');
  const one = await run('chat', 'Hello!', '--temperature', '0', '--max-tokens', '8', '--save', file, '--seed', '1', ...simd);
  assert.equal(one.code, 0, one.stderr);
  assert.ok(one.stdout.trim().length > 0);
  assert.match(one.stderr, /memory: weights .*tova\/cache: held \d+ of 1,024/);
  const two = await run('chat', 'Who are you?', '--load', file, '--temperature', '0', '--max-tokens', '8', ...simd);
  assert.equal(two.code, 0, two.stderr);
  assert.match((await run('chat', 'x', '--load', plain, ...simd)).stderr, /no saved chat/);
});
