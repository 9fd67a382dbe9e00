/** Options of the verbs that generate text, and how they reach the library. */
import { CACHES, POSITIONS } from '../limits.js';
import { ENGINE_OPTIONS, POLICIES } from './common.js';
import { UsageError } from './options.js';
import { bytes, note, thousands } from './terminal.js';

/** @typedef {import('./options.js').Option} Option */

/** @type {Option[]} */
export const TALK_OPTIONS = [
  { name: 'budget', kind: 'int', least: 1, help: 'tokens that each layer remembers [1024, or the trained context if that is shorter]' },
  { name: 'memory', kind: 'size', value: '64MB', help: 'instead of --budget: bytes for the whole memory' },
  { name: 'policy', kind: 'text', choices: POLICIES, help: 'who leaves when the memory is full [tova]' },
  { name: 'positions', kind: 'text', choices: POSITIONS, help: 'cache: distances never exceed the budget, for endless chats; original: true positions [cache where the model can]' },
  { name: 'cache', kind: 'text', choices: CACHES, help: 'number format of the memory [f16]' },
  { name: 'sinks', kind: 'int', least: 1, help: 'policy sinks: first tokens that never leave [4]' },
  { name: 'recent', kind: 'int', least: 1, help: 'policy h2o: newest tokens that never leave [half the budget]' },
  { name: 'chunk', kind: 'int', least: 1, help: 'tokens read at once, at most 512 [64]' },
  { name: 'max-tokens', kind: 'int', least: 0, help: 'longest answer [chat: until the model ends; complete: 128]' },
  { name: 'temperature', kind: 'number', least: 0, help: '0: always the most probable token [0.8]' },
  { name: 'top-k', kind: 'int', least: 0, help: '0: off [40]' },
  { name: 'top-p', kind: 'number', least: 0, help: '1: off [0.95]' },
  { name: 'min-p', kind: 'number', least: 0, help: '0: off [0.05]' },
  { name: 'typical-p', kind: 'number', least: 0, help: '1: off [1]' },
  { name: 'repeat-penalty', kind: 'number', help: '1: off [1]' },
  { name: 'presence-penalty', kind: 'number', help: '0: off [0]' },
  { name: 'frequency-penalty', kind: 'number', help: '0: off [0]' },
  { name: 'repeat-last-n', kind: 'int', least: 0, help: 'tokens the penalties look at, at most 256 [64]' },
  { name: 'logit-bias', kind: 'list', value: 'ID:X,ID:X', help: 'add X to the logit of token ID; -inf forbids it' },
  { name: 'stop', kind: 'text', many: true, help: 'a text that ends the answer; may be given several times' },
  { name: 'seed', kind: 'int', least: 0, help: 'same seed, same text [a random one]' },
  ...ENGINE_OPTIONS,
];

/** @param {Record<string, any>} o @returns {import('../limits.js').MemoryOptions} */
export function memoryOf(o) {
  if (o.budget !== undefined && o.memory !== undefined) throw new UsageError('give --budget (tokens) or --memory (bytes), not both');
  return { tokens: o.budget, bytes: o.memory, policy: o.policy, positions: o.positions, cache: o.cache, sinks: o.sinks, recent: o.recent };
}

/** @param {readonly string[]} list */
function biasOf(list) {
  return new Map(list.map((item) => {
    const m = /^(\d+):(.+)$/.exec(item);
    const value = m && (m[2] === '-inf' ? -Infinity : Number(m[2]));
    if (!m || value === null || Number.isNaN(value)) throw new UsageError(`--logit-bias: '${item}' is not ID:NUMBER`);
    return /** @type {[number, number]} */ ([Number(m[1]), value]);
  }));
}

/** @param {Record<string, any>} o @returns {import('../session.js').GenerateOptions} */
export function generationOf(o) {
  return {
    temperature: o.temperature, topK: o['top-k'], topP: o['top-p'], minP: o['min-p'], typicalP: o['typical-p'],
    repeatPenalty: o['repeat-penalty'], presencePenalty: o['presence-penalty'], frequencyPenalty: o['frequency-penalty'],
    repeatLastN: o['repeat-last-n'], logitBias: o['logit-bias'] && biasOf(o['logit-bias']), maxTokens: o['max-tokens'], stop: o.stop,
  };
}

/** The line at the end: what it cost. @param {import('../session.js').Session} session */
export function memoryLine(session) {
  const s = session.stats;
  const speed = s.decodeTokens ? `; ${(1000 / s.decodeMsPerToken).toFixed(1)} tok/s` : '';
  const { policy, positions } = session.limits;
  const undo = s.bytes.undo ? ` and undo ${bytes(s.bytes.undo)}` : '';
  note(`[memory: weights ${bytes(s.bytes.weights)}, state ${bytes(s.bytes.state)}${undo}, scratch ${bytes(s.bytes.scratch)}; ` +
    `${s.capacity ? `${policy}/${positions}: held ${thousands(s.held)} of ${thousands(s.capacity)}` : 'a state of fixed size'}, seen ${thousands(s.seen)}${s.capacity ? `, evicted ${thousands(s.evicted)}` : ''}${speed}]`);
}
