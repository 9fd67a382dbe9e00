import { ENGINE_OPTIONS, INPUT_OPTIONS, JSON_OPTION, MEMORY_OPTIONS, exactSession, inputIds, onlyModel, openModel } from './common.js';
import { UsageError } from './options.js';
import { progress } from './terminal.js';

/**
 * "0,7,last" -> positions, in the order asked for.
 * @param {readonly string[]} words
 * @param {number} n tokens
 */
export function positionsOf(words, n) {
  return words.map((w) => {
    const p = w === 'last' ? n - 1 : Number(w);
    if (!/^(\d+|last)$/.test(w) || p >= n) throw new UsageError(`--at: '${w}' is no position of ${n} tokens (0 ... ${n - 1}, or last)`);
    return p;
  });
}

/** Reads ids in chunks that end where someone wants to look. @param {import('../session.js').Session} session @param {readonly number[]} ids @param {readonly number[]} ends @param {number} pin @param {(at: number) => void} look */
export async function feedTo(session, ids, ends, pin, look) {
  const bar = progress('reading tokens');
  const stops = [...new Set([...ends, pin - 1, ids.length - 1])].filter((p) => p >= 0 && p < ids.length).sort((a, b) => a - b);
  let from = 0;
  for (const stop of stops) {
    await session.feed(ids.slice(from, stop + 1), { pinned: from < pin, onprogress: (p) => bar.draw(from + p.read, ids.length) });
    from = stop + 1;
    if (ends.includes(stop)) look(stop);
  }
  bar.end();
}

/** @param {import('./options.js').Args} args */
async function run({ words, options: o }) {
  if (o.json && o.top !== undefined) throw new UsageError('--top acts only without --json, which prints all');
  const model = await openModel(onlyModel(words), o);
  const ids = await inputIds(o, model);
  if (!ids.length) throw new UsageError('there is no token to read');
  const at = positionsOf(o.at ?? ['last'], ids.length);
  const session = model.session(exactSession(o, ids.length));
  /** @type {Map<number, number[]>} */
  const rows = new Map();
  const last = Math.max(...at);
  const pin = Math.min(o.pin ?? 0, last + 1);
  await feedTo(session, ids.slice(0, last + 1), at, pin, (p) => rows.set(p, Array.from(session.logits())));
  const logits = at.map((p) => rows.get(p) ?? []);
  if (o.json) return void process.stdout.write(`${JSON.stringify({ positions: at, logits })}\n`);
  for (const [i, row] of logits.entries()) {
    const best = row.map((value, id) => ({ id, value })).sort((a, b) => b.value - a.value).slice(0, o.top ?? 10);
    process.stdout.write(`position ${at[i]}\n${best.map((b) => `  ${b.value.toFixed(4).padStart(10)}  ${String(b.id).padStart(6)}  ${model.tokenizer ? JSON.stringify(model.tokenizer.spelling(b.id)) : ''}`).join('\n')}\n`);
  }
}

/** @type {import('./options.js').Verb} */
export const verb = {
  name: 'logits',
  usage: 'MODEL.gguf (--ids 1,2,3 | --ids-file F.json | --text T | --text-file F) [--at 0,7,last]',
  summary: 'What the model predicts after given tokens: the raw logits, exactly.',
  details: 'Defaults are made for exactness: policy full, budget = number of tokens, positions original, cache f32. With --json every number is printed so that it reads back as the same f32: {"positions":[...],"logits":[[...],...]}.',
  options: [
    ...INPUT_OPTIONS,
    { name: 'at', kind: 'list', value: '0,7,last', help: 'positions to show, counted from 0 [last]' },
    { name: 'top', kind: 'int', least: 1, help: 'without --json: how many tokens to list [10]' },
    ...MEMORY_OPTIONS, ...ENGINE_OPTIONS, JSON_OPTION,
  ],
  examples: [
    ['logits model.gguf --text "The sea"', 'the ten most probable next tokens'],
    ['logits model.gguf --ids 1,15043,3186 --at 0,last --json', 'all logits after the first and the last token'],
    ['logits model.gguf --ids-file prompt.json --policy tova --budget 64 --json', 'the same with a memory of 64 tokens'],
  ],
  run,
};
