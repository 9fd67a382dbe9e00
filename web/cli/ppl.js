import { CACHES, POSITIONS } from '../limits.js';
import { ENGINE_OPTIONS, JSON_OPTION, POLICIES, encodeWhole, modelAndText, openModel, readText } from './common.js';
import { UsageError } from './options.js';
import { progress, table } from './terminal.js';

/** @typedef {import('../node.js').Model} NodeModel */
/** @typedef {{ policy: string, budget: number, positions: string }} Setting */

/**
 * Negative log likelihood of all tokens but the first, read as one stream through a bounded memory.
 * @param {NodeModel} model
 * @param {readonly number[]} ids
 * @param {Setting & Record<string, any>} s
 */
export async function measure(model, ids, s) {
  const session = model.session({ memory: { policy: s.policy, tokens: s.budget, positions: s.positions, cache: s.cache, sinks: s.policy === 'sinks' ? s.sinks : undefined }, chunk: s.chunk, seed: 0 });
  const bar = progress(`${s.policy} ${s.budget}`);
  const started = performance.now();
  let sum = 0;
  try {
    const last = ids.length - 1;
    for (let i = 0; i < last; ) {
      const end = Math.min(last, i + s.chunk, i < s.pin ? s.pin : Infinity);
      await session.feed(ids.slice(i, end), { pinned: i < s.pin });
      for (const nll of session.nll(ids.slice(i + 1, end + 1))) sum += nll;
      i = end;
      bar.draw(i, last);
    }
    return { sum, seconds: (performance.now() - started) / 1000, stateBytes: session.cost.state, held: session.held };
  } finally {
    bar.end();
    session.close();
  }
}

/** Every combination asked for. @param {Record<string, any>} o @param {number} tokens @returns {Setting[]} */
function settings(o, tokens) {
  const policies = o.policy ?? ['full'];
  const positions = o.positions ?? ['original'];
  return policies.flatMap((/** @type {string} */ policy) => positions.flatMap((/** @type {string} */ position) => {
    const budgets = policy === 'full' ? [tokens] : o.budget;
    if (!budgets) throw new UsageError(`--policy ${policy} needs --budget N (or N,N,...)`);
    return budgets.map((/** @type {number} */ budget) => ({ policy, budget, positions: position }));
  }));
}

/** @param {import('./options.js').Args} args */
async function run({ words, options: o }) {
  const { file, rest } = split(words);
  const policies = o.policy ?? ['full'];
  if (o.sinks !== undefined && !policies.includes('sinks')) throw new UsageError('--sinks acts only with --policy sinks');
  if (o.budget !== undefined && policies.every((/** @type {string} */ p) => p === 'full')) throw new UsageError('--budget acts only with a bounded --policy (window, sinks, h2o, tova, tova-head)');
  const model = await openModel(file, o);
  const text = await readText(rest);
  const all = encodeWhole(model, text);
  const ids = o.limit ? all.slice(0, o.limit) : all;
  if (ids.length < 2) throw new UsageError(`${rest}: at least two tokens are needed`);
  const characters = ids.length === all.length ? [...text].length : [...model.decode(ids)].length;
  const results = [];
  for (const s of settings(o, ids.length)) {
    const { sum, seconds, stateBytes } = await measure(model, ids, { ...s, cache: o.cache ?? 'f32', chunk: Math.min(o.chunk ?? 64, 512), pin: o.pin ?? 0, sinks: o.sinks });
    const tokens = ids.length - 1;
    results.push({ ...s, tokens, nll: sum / tokens, ppl: Math.exp(sum / tokens), bits_per_character: sum / Math.LN2 / characters, state_bytes: stateBytes, seconds, tokens_per_second: tokens / seconds });
  }
  if (o.json) return void process.stdout.write(`${JSON.stringify({ model: file, file: rest, tokens: ids.length, characters, results })}\n`);
  const rows = results.map((r) => [r.policy, r.budget, r.positions, r.ppl.toFixed(4), r.nll.toFixed(5), r.bits_per_character.toFixed(4), r.state_bytes, r.tokens_per_second.toFixed(0)]);
  process.stdout.write(`${rest}: ${ids.length} tokens, ${characters} characters\n${table([['policy', 'budget', 'positions', 'ppl', 'nll', 'bits/char', 'state bytes', 'tok/s'], ...rows])}\n`);
}

/** [MODEL.gguf] FILE in either order. @param {readonly string[]} words */
function split(words) {
  const model = words.filter((w) => w.toLowerCase().endsWith('.gguf'));
  const rest = words.filter((w) => !w.toLowerCase().endsWith('.gguf'));
  if (rest.length !== 1 || model.length > 1) throw new UsageError('give a text file, and a MODEL.gguf unless the built-in one is meant');
  return { file: modelAndText(model).file, rest: rest[0] };
}

/** @type {import('./options.js').Verb} */
export const verb = {
  name: 'ppl',
  usage: '[MODEL.gguf] FILE [--policy P,P] [--budget N,N] [--positions M]',
  summary: 'Perplexity over a long text that is read through a bounded memory.',
  details: 'The text is one stream: every token is predicted from what the memory holds then, so no window is cut and nothing is read twice. (The TOVA paper cuts its "baseline" rows into strided windows because an unbounded cache cannot hold a book; a bounded one needs no stride. Its other rows are what is measured here.) Several policies, budgets and positions give a table.',
  options: [
    { name: 'policy', kind: 'list', choices: POLICIES, help: 'one or more of them [full]' },
    { name: 'budget', kind: 'ints', least: 1, help: 'one or more; policy full takes as many as there are tokens' },
    { name: 'positions', kind: 'list', choices: POSITIONS, help: 'original, cache or both [original]' },
    { name: 'pin', kind: 'int', least: 0, help: 'the first N tokens never leave [0]' },
    { name: 'cache', kind: 'text', choices: CACHES, help: 'number format of the memory [f32]' },
    { name: 'sinks', kind: 'int', least: 1, help: 'policy sinks: first tokens that never leave [4]' },
    { name: 'chunk', kind: 'int', least: 1, help: 'tokens read at once, at most 512; changes speed, never a result [64]' },
    { name: 'limit', kind: 'int', least: 2, help: 'read only the first N tokens' },
    ...ENGINE_OPTIONS, JSON_OPTION,
  ],
  examples: [
    ['ppl model.gguf book.txt --policy full --limit 1024', 'everything kept'],
    ['ppl model.gguf book.txt --policy window,sinks,h2o,tova --budget 64,128,256,512 --positions cache', 'a table of policies and budgets'],
  ],
  run,
};
