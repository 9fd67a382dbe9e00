import { ENGINE_OPTIONS, INPUT_OPTIONS, JSON_OPTION, MEMORY_OPTIONS, exactSession, inputIds, onlyModel, openModel } from './common.js';
import { progress } from './terminal.js';

/**
 * What each layer holds; per head where the policy decides per head.
 * @param {import('../session.js').Session} session
 * @returns {(number[] | number[][])[]}
 */
export function retainedNow(session) {
  return session.cacheLayers().map(({ layer, sets }) => {
    const lists = Array.from({ length: sets }, (_, set) => session.retained(layer, set));
    return sets === 1 ? lists[0] : lists;
  });
}

/**
 * @param {any} before
 * @param {any} after
 * @param {number} token
 * @returns {any} positions of `before` and the new token that `after` lacks, in the same shape
 */
export function evicted(before, after, token) {
  if (Array.isArray(after[0])) return after.map((/** @type {number[]} */ a, /** @type {number} */ i) => evicted(before?.[i] ?? [], a, token));
  const kept = new Set(after);
  return [...(before ?? []), token].filter((p) => !kept.has(p));
}

/** @param {import('./options.js').Args} args */
async function run({ words, options: o }) {
  const model = await openModel(onlyModel(words), o);
  const ids = await inputIds(o, model);
  const session = model.session(exactSession(o, ids.length));
  const bar = progress('reading tokens');
  /** @type {any[]} */
  let before = [];
  for (const [token, id] of ids.entries()) {
    await session.feed([id], { pinned: token < (o.pin ?? 0) });
    const retained = retainedNow(session);
    const gone = retained.map((r, i) => evicted(before[i], r, token));
    before = retained;
    const line = o.json ? JSON.stringify({ token, retained, evicted: gone }) : `${token}: gone ${JSON.stringify(gone)}, left ${JSON.stringify(retained.map((r) => r.flat().length))}`;
    if (!process.stdout.write(`${line}\n`)) await new Promise((resolve) => process.stdout.once('drain', () => resolve(undefined)));
    if (!process.stdout.isTTY) bar.draw(token + 1, ids.length);
  }
  bar.end();
}

/** @type {import('./options.js').Verb} */
export const verb = {
  name: 'trace',
  usage: 'MODEL.gguf (--ids 1,2,3 | --ids-file F.json | --text T | --text-file F) [--json]',
  summary: 'What is remembered after every token.',
  details: 'One line per token: {"token":t,"retained":[[positions of layer 0],...],"evicted":[[those of layer 0 that left now],...]}; per head where the policy decides per head. Tokens are read one by one, because a line is wanted after each; what is retained is the same for any --chunk, which only sizes the scratch here. Defaults as of logits: policy full, positions original, cache f32.',
  options: [...INPUT_OPTIONS, ...MEMORY_OPTIONS, ...ENGINE_OPTIONS, JSON_OPTION],
  examples: [['trace model.gguf --text-file book.txt --policy tova --budget 64 --json', 'who leaves, token by token']],
  run,
};
