// Chat templates: byte-equal with llama.cpp and Jinja2, and turns that feed only what is new.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { CHATML, ChatTemplate, PLAIN } from '../../web/template.js';
import { strftime } from '../../web/strftime.js';
import { json, llamacpp, testWith } from './kit.js';

process.env.TZ = 'UTC';
const dir = path.join(llamacpp, 'chat');
const data = fs.existsSync(dir) ? json(path.join(dir, 'expected.json')) : { templates: {} };
const open = (t) => new ChatTemplate({ source: fs.readFileSync(path.join(dir, t.file), 'utf8'), bos: t.bos_token, eos: t.eos_token, now: () => new Date(data.now_unix * 1000) });

testWith(dir, 'templates: the reference has renders', () => assert.equal(Object.keys(data.templates).length, 13));

for (const [name, t] of Object.entries(data.templates)) {
  test(`template ${name}: all renders identical`, () => {
    const template = open(t);
    for (const c of t.cases) {
      const render = () => template.render(c.messages, c.add_generation_prompt);
      if (c.error) assert.throws(render);
      else assert.equal(render(), c.expected, `${c.name}, system ${c.system}`);
    }
  });

  test(`template ${name}: parts put together are the render`, () => {
    const template = open(t);
    for (const c of t.cases.filter((x) => !x.error && x.add_generation_prompt)) {
      const { whole, parts } = template.first(c.messages);
      assert.equal(whole, c.expected);
      assert.equal(parts.map((p) => p.text).join(''), c.expected);
      assert.equal(parts.filter((p) => p.content).length, c.messages.length);
    }
  });

  test(`template ${name}: turns one after the other say what one render of all says`, () => {
    const template = open(t);
    const system = template.takesSystem ? [{ role: 'system', content: 'Be brief.' }] : [];
    const said = [['Hi', 'Hello!'], ['How are you?', 'Fine.'], ['Good', 'Yes.']];
    const messages = [...system];
    let fed = '';
    for (const [i, [user, assistant]] of said.entries()) {
      const message = { role: 'user', content: user };
      fed += (i === 0 ? template.first([...messages, message]) : template.next(system, message)).whole + assistant;
      messages.push(message, { role: 'assistant', content: assistant });
    }
    const all = template.first([...messages, { role: 'user', content: 'Bye' }]).whole;
    fed += template.next(system, { role: 'user', content: 'Bye' }).whole;
    // What the template writes into each opened answer (an empty thought) is not in its render of old answers; and
    // Mistral's puts the system message into the last user message only: told in every turn, when turns come one by one.
    // RWKV's leaves the space behind "Assistant:" to the model.
    const bare = (text) => text.replaceAll(/<think>\s*(<\/think>\s*)?/g, '').replaceAll('Be brief.\n\n', '').replaceAll('Assistant: ', 'Assistant:');
    assert.equal(bare(fed), bare(all));
  });
}

testWith(dir, 'templates: the preamble is the begin token and the system message, not the user\'s header', () => {
  const preamble = (name, system) => open(data.templates[name]).preamble(system ? [{ role: 'system', content: 'SYS' }] : []);
  assert.equal(preamble('Qwen-Qwen3-0.6B', true), '<|im_start|>system\nSYS<|im_end|>\n');
  assert.equal(preamble('Qwen-Qwen3-0.6B', false), '');
  assert.match(preamble('Qwen-Qwen2.5-7B-Instruct', false), /You are Qwen.*<\|im_end\|>\n$/s);
  assert.match(preamble('meta-llama-Llama-3.1-8B-Instruct', true), /^<\|begin_of_text\|>.*SYS<\|eot_id\|>$/s);
  assert.equal(preamble('google-gemma-2-2b-it', false), '<bos>');
  assert.equal(preamble('mistralai-Mistral-Nemo-Instruct-2407', false), '<s>');
});

test('templates: defaults render and close their turns', () => {
  for (const source of [CHATML, PLAIN]) {
    const template = new ChatTemplate({ source, bos: '<s>', eos: '</s>' });
    assert.ok(template.takesSystem);
    const first = template.first([{ role: 'system', content: 'S' }, { role: 'user', content: 'U' }]);
    assert.match(first.whole, /S[\s\S]*U[\s\S]*[Aa]ssistant/);
    assert.match(template.next([], { role: 'user', content: 'V' }).whole, /^(<\|im_end\|>)?\n[\s\S]*V/);
  }
  assert.throws(() => new ChatTemplate({ source: '{% for %}', bos: '', eos: '' }), (e) => e.code === 'unsupported');
});

test('strftime: in English, whatever the locale', () => {
  const d = new Date(2026, 7, 1, 15, 4, 5);
  assert.equal(strftime('%d %b %Y|%B|%A %a|%H:%M:%S|%I %p|%y-%m|%%|%Q', d), '01 Aug 2026|August|Saturday Sat|15:04:05|03 PM|26-08|%|%Q');
});
