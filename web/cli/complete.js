import { encodeWhole, modelAndText, openModel, readText } from './common.js';
import { UsageError } from './options.js';
import { TALK_OPTIONS, generationOf, memoryLine, memoryOf } from './sampling-options.js';
import { note, progress } from './terminal.js';

/** @param {import('./options.js').Args} args */
async function run({ words, options: o }) {
  const { file, text } = modelAndText(words);
  if (text !== undefined && o['text-file']) throw new UsageError('give the text or --text-file, not both');
  const model = await openModel(file, o);
  const prompt = o['text-file'] ? await readText(o['text-file']) : (text ?? '');
  const { bos } = model.words.ids;
  const given = encodeWhole(model, prompt, o.special);
  const ids = given.length || bos < 0 ? given : [bos];
  if (!ids.length) throw new UsageError('give a text to continue: this model has no begin token to start from');
  const session = model.session({ memory: memoryOf(o), chunk: o.chunk, seed: o.seed });
  const pin = o.pin ?? (ids[0] === bos ? 1 : 0);
  const bar = progress('reading the text');
  await session.feed(ids.slice(0, pin), { pinned: true });
  await session.feed(ids.slice(pin), { onprogress: (p) => bar.draw(p.read, p.total) });
  bar.end();
  if (o.echo) process.stdout.write(prompt);
  const abort = new AbortController();
  process.once('SIGINT', () => abort.abort());
  try {
    for await (const piece of session.generate({ ...generationOf(o), maxTokens: o['max-tokens'] ?? 128, ignoreEnd: o['ignore-end'], signal: abort.signal })) {
      process.stdout.write(piece.text);
    }
  } catch (e) {
    if (!abort.signal.aborted) throw e;
    note(' [stopped]');
  }
  process.stdout.write('\n');
  memoryLine(session);
}

/** @type {import('./options.js').Verb} */
export const verb = {
  name: 'complete',
  usage: '[MODEL.gguf] ["TEXT"]',
  summary: 'Continue a text, as it stands: no chat template. Without TEXT the model begins from nothing.',
  options: [
    { name: 'text-file', kind: 'text', value: 'F.txt', help: 'the text from a file, of any length' },
    { name: 'special', kind: 'flag', help: 'control tokens that the text spells become tokens' },
    { name: 'echo', kind: 'flag', help: 'print the text first' },
    { name: 'ignore-end', kind: 'flag', help: 'go on when the model says it has finished' },
    { name: 'pin', kind: 'int', least: 0, help: 'the first N tokens never leave [the begin token]' },
    ...TALK_OPTIONS,
  ],
  examples: [
    ['complete model.gguf "Once upon a time" --temperature 0', 'the most probable continuation'],
    ['complete model.gguf --text-file book.txt --budget 256 --max-tokens 500', 'reads a whole book in a memory of 256 tokens, then writes on'],
  ],
  run,
};
