import { Gguf } from '../gguf.js';
import { JSON_OPTION, MEMORY_OPTIONS, onlyModel, openModel } from './common.js';
import { bytes, table, thousands } from './terminal.js';

/** @typedef {import('../node.js').Model} NodeModel */

const BUDGETS = [128, 256, 512, 1024, 2048, 4096];

/** Tensors, weights and bytes per number format. @param {NodeModel} model */
function histogram(model) {
  const names = new Map(model.engine.formats().map((f) => [f.type, f.name]));
  /** @type {Map<string, { tensors: number, weights: number, bytes: number }>} */
  const rows = new Map();
  for (const t of model.gguf.tensors()) {
    const name = names.get(t.type) ?? `type ${t.type}`;
    const row = rows.get(name) ?? { tensors: 0, weights: 0, bytes: 0 };
    rows.set(name, { tensors: row.tensors + 1, weights: row.weights + t.shape.reduce((a, b) => a * b, 1), bytes: row.bytes + t.bytes });
  }
  return [...rows].map(([format, row]) => ({ format, ...row })).sort((a, b) => b.bytes - a.bytes);
}

/** @param {NodeModel} model @param {Record<string, any>} o */
function describe(model, o) {
  const memory = { policy: o.policy, tokens: o.budget, positions: o.positions, cache: o.cache, sinks: o.sinks, recent: o.recent };
  const { words, limits, state, scratch } = model.cost(memory, o.chunk);
  const budgets = [...new Set([...BUDGETS, limits.budget])].sort((a, b) => a - b).map((tokens) => {
    const { state: s, scratch: c } = model.cost({ ...memory, recent: undefined, tokens }, o.chunk);
    return { tokens, state: s, scratch: c, total: model.weightBytes + s + c };
  });
  return {
    name: model.name, architecture: model.architecture, version: model.gguf.version, files: model.gguf.files,
    vocabulary: model.vocabularySize, tokenizer: model.tokenizer?.kind ?? null, width: model.width, blocks: model.blockCount,
    context: model.contextTrained, weights: model.weightBytes, chatTemplate: model.chatTemplate !== undefined,
    cachePositions: model.cachePositions, formats: histogram(model), limits, state, scratch, layers: model.layers(words), budgets,
  };
}

/** @param {NodeModel} model */
function keyLines(model) {
  const rows = [...model.gguf.keys.values()].map((e) => {
    const value = model.gguf.value(e.key) ?? `[${(model.gguf.array(e.key, 4) ?? []).map((v) => JSON.stringify(v)).join(', ')}${e.items > 4 ? ', ...' : ''}]`;
    const text = String(value).replaceAll('\n', '\\n');
    return [e.key, Gguf.typeName(e), text.length > 70 ? `${text.slice(0, 67)}...` : text];
  });
  return table([['key', 'type', 'value'], ...rows]);
}

/** 0-2, 4-6 @param {number[]} blocks ascending */
function ranges(blocks) {
  /** @type {[number, number][]} */
  const runs = [];
  for (const b of blocks) {
    const last = runs[runs.length - 1];
    if (last && b <= last[1] + 1) last[1] = b;
    else runs.push([b, b]);
  }
  return runs.map(([from, to]) => (from === to ? from : `${from}-${to}`)).join(', ');
}

/** Which blocks have layers of a kind and cost, in the order in which they come. @param {{ kind: string, block: number, bytes: number }[]} layers */
function layerRows(layers) {
  /** @type {Map<string, { kind: string, bytes: number, blocks: number[] }>} */
  const groups = new Map();
  for (const l of layers) {
    const key = `${l.kind} ${l.bytes}`;
    const group = groups.get(key) ?? { kind: l.kind, bytes: l.bytes, blocks: [] };
    group.blocks.push(l.block);
    groups.set(key, group);
  }
  return [...groups.values()].map((g) => [g.kind, ranges(g.blocks), g.blocks.length, bytes(g.bytes), bytes(g.bytes * g.blocks.length)]);
}

/** @param {import('./options.js').Args} args */
async function run({ words, options: o }) {
  const model = await openModel(onlyModel(words), o, false);
  const d = describe(model, o);
  if (o.json) return void process.stdout.write(`${JSON.stringify(d)}\n`);
  const { limits } = d;
  process.stdout.write([
    `${d.name}: ${d.architecture}, ${thousands(d.vocabulary)} tokens (${d.tokenizer ?? 'no vocabulary'}), width ${d.width}, ${d.blocks} blocks, trained context ${d.context}, chat template: ${d.chatTemplate ? 'yes' : 'no'}`,
    `GGUF v${d.version}, ${d.files} file(s), weights ${bytes(d.weights)}`, '',
    table([['format', 'tensors', 'weights', 'bytes'], ...d.formats.map((f) => [f.format, f.tensors, thousands(f.weights), bytes(f.bytes)])]), '',
    `Layers at ${limits.budget} tokens (${limits.policy}, positions ${limits.positions}, cache ${limits.cache}, chunk ${limits.chunk})`,
    table([['kind', 'blocks', 'layers', 'state each', 'state'], ...layerRows(d.layers)]), '',
    'What a memory costs',
    table([['tokens', 'state', 'scratch', 'with weights'], ...d.budgets.map((b) => [b.tokens, bytes(b.state), bytes(b.scratch), bytes(b.total)])]),
    ...(o.keys ? ['', keyLines(model)] : []), '',
  ].join('\n'));
}

/** @type {import('./options.js').Verb} */
export const verb = {
  name: 'info',
  usage: 'MODEL.gguf',
  summary: 'What is in a file, and what it will cost in bytes. Reads only the header.',
  options: [
    { name: 'keys', kind: 'flag', help: 'list all keys of the file' },
    ...MEMORY_OPTIONS.filter((x) => x.name !== 'pin'),
    JSON_OPTION,
  ],
  examples: [
    ['info model.gguf', 'formats, layers, bytes for memories of 128 to 4096 tokens'],
    ['info model.gguf --budget 512 --cache q8 --json', 'the same as JSON for these limits'],
  ],
  run,
};
