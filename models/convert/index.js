/** A folder of Hugging Face files -> one GGUF, tensor by tensor. */
import path from 'node:path';
import { rename, rm } from 'node:fs/promises';
import { PalError, unknown } from '../../web/errors.js';
import { openNodeEngine } from '../../web/wasm-node.js';
import { familyOf } from './families/index.js';
import { Packer } from './pack.js';
import { Weights } from './safetensors.js';
import { Plan } from './tensors.js';
import { readJson, vocabularyKeys } from './vocabulary.js';
import { Writer } from './writer.js';

/**
 * @typedef {object} ConvertOptions
 * @property {string} [type] number format of the matrices [F16]
 * @property {string} [name]
 * @property {string} [pre] tokenizer.ggml.pre
 * @property {(text: string) => void} [onnote]
 * @property {(progress: { done: number, total: number }) => void} [onprogress] bytes written
 */

/** llama.cpp's number for "mostly this format" (general.file_type). */
const FILE_TYPES = /** @type {Record<string, number>} */ ({ F32: 0, F16: 1, Q4_0: 2, Q4_1: 3, Q8_0: 7, Q5_0: 8, Q5_1: 9, Q2_K: 10, Q3_K: 12, Q4_K: 15, Q5_K: 17, Q6_K: 18, BF16: 32 });

/**
 * @param {string} dir
 * @param {string} out
 * @param {ConvertOptions} [options]
 */
export async function convert(dir, out, options = {}) {
  const note = options.onnote ?? (() => {});
  const engine = await openNodeEngine('simd');
  const formats = engine.formats();
  const wanted = formats.find((f) => f.name === (options.type ?? 'F16').toUpperCase());
  if (!wanted) throw new PalError('argument', unknown('type', String(options.type), formats.map((f) => f.name)));
  const config = await readJson(dir, 'config.json');
  if (!config) throw new PalError('file', `${dir}: has no config.json; give the folder that the model was downloaded to`);
  const family = familyOf(config, note);
  const vocabulary = await vocabularyKeys(dir, config, family.vocabulary, options.pre, note);
  const weights = await Weights.open(dir);
  const part = `${out}.part`;
  try {
    const packer = new Packer(engine, wanted, note);
    const planned = new Plan(weights, note);
    await family.tensors(planned);
    planned.leftOut(/rotary_emb\.inv_freq$|\.masked_bias$|\.attn\.bias$|^retnet_rel_pos\./);
    const plan = planned.list.map((t) => ({ ...t, format: packer.formatFor(t) }));
    const entries = plan.map((t) => ({ name: t.name, type: t.format.type, shape: [...t.shape].reverse(), bytes: packer.bytesOf(t) }));
    const writer = await Writer.create(part, [...modelKeys(family, options.name ?? path.basename(path.resolve(dir)), wanted.name), ...vocabulary], entries);
    const total = entries.reduce((n, e) => n + e.bytes, 0);
    try {
      for (const t of plan) {
        for await (const bytes of packer.pieces(t)) {
          await writer.write(bytes);
          options.onprogress?.({ done: Math.min(total, writer.bytes), total });
        }
        await writer.pad();
      }
    } finally {
      await writer.handle.close();
    }
    await rename(part, out); // a file of this name is always whole
    return { tensors: entries.length, bytes: writer.bytes };
  } catch (e) {
    await rm(part, { force: true });
    throw e;
  } finally {
    await weights.close();
  }
}

/**
 * @param {import('./config.js').Family} family
 * @param {string} name
 * @param {string} type
 * @returns {import('./writer.js').Key[]}
 */
function modelKeys({ arch, vocabulary, keys }, name, type) {
  return [
    ['general.architecture', 'string', arch], ['general.name', 'string', name], ['general.file_type', 'u32', FILE_TYPES[type] ?? 0],
    ['general.quantization_version', 'u32', 2], [`${arch}.vocab_size`, 'u32', vocabulary],
    ...keys.map(([key, of, value]) => /** @type {import('./writer.js').Key} */ ([`${arch}.${key}`, of, value])),
  ];
}
