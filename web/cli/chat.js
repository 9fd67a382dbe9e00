import { createInterface } from 'node:readline';
import { readFile, writeFile } from 'node:fs/promises';
import { defaultModel, modelAndText, openModel } from './common.js';
import { UsageError } from './options.js';
import { TALK_OPTIONS, generationOf, memoryLine, memoryOf } from './sampling-options.js';
import { note, progress } from './terminal.js';

/** @typedef {import('../chat.js').Chat} Chat @typedef {import('../chat.js').SendOptions} SendOptions */

/**
 * One answer, streamed to stdout. Ctrl-C ends the answer, not the program.
 * @param {(options: SendOptions) => AsyncIterable<string>} answer
 * @param {SendOptions} options
 */
async function stream(answer, options) {
  const abort = new AbortController();
  const stop = () => abort.abort();
  process.on('SIGINT', stop);
  const bar = progress('reading the message');
  try {
    for await (const piece of answer({ ...options, signal: abort.signal, onprogress: (p) => bar.draw(p.read, p.total) })) {
      bar.end();
      process.stdout.write(piece);
    }
  } catch (e) {
    if (!abort.signal.aborted) throw e;
    note(' [stopped]');
  } finally {
    bar.end();
    process.off('SIGINT', stop);
    process.stdout.write('\n');
  }
}

/** @param {Chat} chat @param {SendOptions} options */
async function talk(chat, options) {
  const lines = createInterface({ input: process.stdin, output: process.stdin.isTTY ? process.stderr : undefined, prompt: '> ' });
  if (process.stdin.isTTY) note('Type a message; Ctrl-C stops an answer, /continue goes on with it, /again gives another one, /memory shows what is remembered, /quit or Ctrl-D ends.');
  if (chat.unfinished) note('The last answer is not finished: /continue goes on with it.');
  lines.on('SIGINT', () => (chat.busy ? process.emit('SIGINT') : lines.close()));
  lines.prompt();
  for await (const line of lines) {
    const text = line.trim();
    if (text === '/quit') break;
    if (text === '/memory') memoryLine(chat.session);
    else if (text === '/continue' && !chat.unfinished) note('There is no unfinished answer.');
    else if (text === '/continue') await stream((o) => chat.continue(o), options);
    else if (text === '/again' && !chat.canRegenerate) note('There is no answer to replace yet.');
    else if (text === '/again') await stream((o) => chat.regenerate(o), options);
    else if (text) await stream((o) => chat.send(text, o), options);
    if (text && chat.unfinished) note('[not finished: /continue goes on]');
    lines.prompt();
  }
  lines.close();
}

/** @param {import('./options.js').Args} args */
async function run({ words, options: o }) {
  const { file, text } = modelAndText(words);
  const fixed = ['system', 'pin', 'budget', 'memory', 'policy', 'positions', 'cache', 'sinks', 'recent', 'chunk', 'seed'].find((name) => o.load && o[name] !== undefined);
  if (fixed) throw new UsageError(`--${fixed} acts only in a new chat; with --load it comes from the saved chat`);
  const model = await openModel(file, o);
  const template = o['template-file'] && (await readFile(o['template-file'], 'utf8'));
  const pin = o.pin === undefined || o.pin === 'system' || o.pin === 'none' ? o.pin : Number(o.pin);
  if (typeof pin === 'number' && !Number.isInteger(pin)) throw new UsageError(`--pin: '${o.pin}' is not system, none or a number of tokens`);
  const undo = text === undefined; // for /again
  const chat = o.load
    ? model.restore(new Uint8Array(await readFile(o.load)), { template, undo })
    : model.chat({ system: o.system, memory: { ...memoryOf(o), ...(pin === undefined ? {} : { pin }) }, chunk: o.chunk, seed: o.seed, template, undo });
  const options = generationOf(o);
  if (text !== undefined) await stream((more) => chat.send(text, more), options);
  else await talk(chat, options);
  if (o.save) await writeFile(o.save, chat.save());
  memoryLine(chat.session);
}

/** @type {import('./options.js').Verb} */
export const verb = {
  name: 'chat',
  usage: '[MODEL.gguf] ["TEXT"]',
  summary: 'Talk with a model, in memory that never grows. With TEXT: one answer. Without: a conversation.',
  details: `Without MODEL the built-in one answers (${defaultModel.split('/').slice(-2).join('/')}). When the memory is full, --policy decides which token leaves; the begin token and the system message stay. In a conversation, Ctrl-C stops an answer, /continue goes on with it, and /again gives another one (that takes a second block of memory).`,
  options: [
    { name: 'system', kind: 'text', help: 'system message: never leaves the memory' },
    { name: 'pin', kind: 'text', value: 'system|none|N', help: 'what never leaves: begin token and system message, nothing, or the first N tokens [system]' },
    { name: 'template-file', kind: 'text', value: 'F.jinja', help: "a chat template instead of the model's own" },
    { name: 'save', kind: 'text', value: 'FILE', help: 'write the chat (memory and transcript) at the end' },
    { name: 'load', kind: 'text', value: 'FILE', help: 'continue a saved chat; its memory options come from the file' },
    ...TALK_OPTIONS,
  ],
  examples: [
    ['chat "Tell me about the sea."', 'one answer from the built-in model'],
    ['chat model.gguf --system "Be brief." --budget 512', 'a conversation that remembers 512 tokens'],
    ['chat model.gguf --memory 16MB --policy sinks', 'the same, bounded in bytes, with the StreamingLLM policy'],
    ['chat model.gguf "Hi" --save a.chat', 'then: palimpsest chat model.gguf "Go on" --load a.chat'],
  ],
  run,
};
