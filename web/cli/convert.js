import { convert } from '../../models/convert/index.js';
import { UsageError } from './options.js';
import { bytes, note, progress } from './terminal.js';

/** @param {import('./options.js').Args} args */
async function run({ words, options: o }) {
  if (words.length !== 2) throw new UsageError('give a folder and a file to write: palimpsest convert DIR OUT.gguf');
  const [from, to] = words;
  const bar = progress('converting', bytes);
  const result = await convert(from, to, { type: o.type, name: o.name, pre: o.pre, onnote: note, onprogress: (p) => bar.draw(p.done, p.total) });
  bar.end();
  note(`${to}: ${result.tensors} tensors, ${bytes(result.bytes)}`);
}

/** @type {import('./options.js').Verb} */
export const verb = {
  name: 'convert',
  usage: 'DIR OUT.gguf [--type F16]',
  summary: 'From a folder of Hugging Face files (config.json, *.safetensors, tokenizer.json) to one GGUF.',
  details: 'Llama, Mistral, Qwen2 and Qwen3. Tensor by tensor: memory does not depend on the size of the model. Matrices get --type, vectors stay F32; a matrix whose rows do not fit the blocks of the type becomes F16, and a note says so.',
  options: [
    { name: 'type', kind: 'text', value: 'F32|F16|BF16|Q8_0|Q4_0|...', help: 'number format of the matrices [F16]' },
    { name: 'name', kind: 'text', help: 'general.name in the file [name of the folder]' },
    { name: 'pre', kind: 'text', value: 'NAME', help: 'tokenizer.ggml.pre, when it cannot be told from tokenizer.json (llama-bpe, qwen2, gpt-2, ...)' },
  ],
  examples: [['convert SmolLM2-135M-Instruct smollm2.gguf --type Q8_0', 'a file for chat'], ['convert export models/default.gguf --type Q8_0', 'the built-in model']],
  run,
};
