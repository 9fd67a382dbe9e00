import { Tokenizer } from '../node.js';
import { JSON_OPTION, onlyModel, readText } from './common.js';
import { UsageError } from './options.js';
import { table } from './terminal.js';

/** @param {import('./options.js').Args} args */
async function run({ words, options: o }) {
  if ((o.text === undefined) === (o['text-file'] === undefined)) throw new UsageError('give --text T or --text-file F');
  const tokenizer = await Tokenizer.load(onlyModel(words));
  const text = o.text ?? (await readText(o['text-file']));
  tokenizer.reserve(Buffer.byteLength(text));
  const ids = tokenizer.encode(text, { special: o.special, bos: o.bos });
  if (o.json) return void process.stdout.write(`${JSON.stringify({ ids })}\n`);
  const rows = ids.map((id) => [id, tokenizer.type(id), JSON.stringify(tokenizer.spelling(id))]);
  process.stdout.write(`${table([['id', 'type', 'text'], ...rows])}\n${ids.length} tokens\n`);
}

/** @type {import('./options.js').Verb} */
export const verb = {
  name: 'tokenize',
  usage: 'MODEL.gguf (--text T | --text-file F) [--special] [--bos] [--json]',
  summary: 'The tokens of a text. Reads only the header of the file.',
  options: [
    { name: 'text', kind: 'text', help: 'the text' },
    { name: 'text-file', kind: 'text', value: 'F.txt', help: 'a file with the text' },
    { name: 'special', kind: 'flag', help: 'text that spells a control token (<|im_end|>) becomes that token' },
    { name: 'bos', kind: 'flag', help: 'add begin and end tokens as the model asks for' },
    JSON_OPTION,
  ],
  examples: [
    ['tokenize model.gguf --text "Hello world"', 'a table of tokens'],
    ['tokenize model.gguf --text-file book.txt --json', '{"ids":[...]}'],
  ],
  run,
};
