import { ENGINE_OPTIONS, JSON_OPTION, MEMORY_OPTIONS, onlyModel, openModel } from './common.js';
import { progress, table } from './terminal.js';

/** @param {number[]} list */
const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];

/** Token ids that depend on nothing. @param {number} n @param {number} vocabulary */
const someIds = (n, vocabulary) => Array.from({ length: n }, (_, i) => (i * 7919 + 1) % vocabulary);

/** @param {import('./options.js').Args} args */
async function run({ words, options: o }) {
  const model = await openModel(onlyModel(words), o);
  const [prompt, decode, repeat] = [o.prompt ?? 256, o.tokens ?? 64, o.repeat ?? 3];
  const memory = { policy: o.policy, tokens: o.budget, positions: o.positions, cache: o.cache, sinks: o.sinks, recent: o.recent };
  const session = model.session({ memory, chunk: o.chunk, seed: 0 });
  const ids = someIds(prompt, model.vocabularySize);
  const bar = progress('measuring');
  const promptMs = [];
  const decodeMs = [];
  for (let r = 0; r <= repeat; r++) { // the first round warms up
    session.reset();
    let started = performance.now();
    await session.feed(ids);
    if (r) promptMs.push((performance.now() - started) / prompt);
    started = performance.now();
    for (let i = 0; i < decode; i++) session.feedChunk([session.sample({ temperature: 0, topK: 0, topP: 1, minP: 0 })]);
    if (r) decodeMs.push((performance.now() - started) / decode);
    bar.draw(r + 1, repeat + 1);
  }
  bar.end();
  const perPrompt = median(promptMs);
  const perToken = median(decodeMs);
  const result = {
    model: model.name, variant: model.engine.variant, bits: model.engine.bits, threads: model.engine.threads, weights_bytes: model.weightBytes,
    state_bytes: session.cost.state, scratch_bytes: session.cost.scratch, limits: session.limits, prompt_tokens: prompt, decode_tokens: decode,
    prompt_tokens_per_second: 1000 / perPrompt, decode_tokens_per_second: 1000 / perToken,
    decode_gb_per_second: model.weightBytes / perToken / 1e6, hash: session.hash(),
  };
  if (o.json) return void process.stdout.write(`${JSON.stringify(result)}\n`);
  const { limits } = result;
  process.stdout.write(`${result.model}, ${result.variant} (${result.bits}), 1 thread, ${limits.policy} ${limits.budget}, state hash ${result.hash}\n${table([
    ['', 'tok/s', 'ms/token', 'GB/s of weights'],
    [`prompt ${prompt}`, result.prompt_tokens_per_second.toFixed(1), perPrompt.toFixed(3), ''],
    [`decode ${decode}`, result.decode_tokens_per_second.toFixed(1), perToken.toFixed(3), result.decode_gb_per_second.toFixed(2)],
  ])}\n`);
}

/** @type {import('./options.js').Verb} */
export const verb = {
  name: 'bench',
  usage: 'MODEL.gguf',
  summary: 'Speed of reading and of writing, median of several rounds; with the hash of the state.',
  options: [
    { name: 'prompt', kind: 'int', least: 1, help: 'tokens to read [256]' },
    { name: 'tokens', kind: 'int', least: 1, help: 'tokens to write [64]' },
    { name: 'repeat', kind: 'int', least: 1, help: 'rounds [3]' },
    ...MEMORY_OPTIONS.filter((x) => x.name !== 'pin'), ...ENGINE_OPTIONS, JSON_OPTION,
  ],
  examples: [['bench model.gguf --budget 256 --json', 'tok/s and GB/s at a memory of 256 tokens']],
  run,
};
