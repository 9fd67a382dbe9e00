/** What a visitor may choose, what each choice means, and where it is kept. */

/** @typedef {{ value: string, label: string, says: string }} Choice */

/** @type {Choice[]} */
export const POLICIES = [
  { value: 'tova', label: 'TOVA', says: 'The token that the newest one attends to least leaves.' },
  { value: 'tova-head', label: 'TOVA per head', says: 'TOVA, but each head chooses for itself.' },
  { value: 'h2o', label: 'H2O', says: 'The token with the least attention summed over time leaves; the newest half is safe.' },
  { value: 'sinks', label: 'Sinks', says: 'The first four tokens and the newest stay, as in StreamingLLM.' },
  { value: 'window', label: 'Window', says: 'Only the newest tokens stay.' },
  { value: 'full', label: 'Full', says: 'Nothing leaves: when the memory is full, the chat ends and says so.' },
];

/** Budgets of the slider, in tokens. */
export const BUDGETS = [16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048, 3072, 4096, 6144, 8192];

/**
 * Fields of the dialog. memory: a change needs a new start.
 * @type {{ name: keyof Settings, label: string, says: string, memory?: true, choices?: [string, string][], number?: { min: number, max: number, step: number }, lines?: true, hint?: string }[]}
 */
export const FIELDS = [
  { name: 'system', label: 'System message', says: 'Told to the model before everything else.', memory: true, lines: true },
  { name: 'pin', label: 'Pin', says: 'What never leaves the memory.', memory: true, choices: [['system', 'the system message'], ['none', 'nothing']] },
  {
    name: 'positions', label: 'Positions', says: 'Distances counted in the memory never exceed what the model was trained on; true ones do.', memory: true,
    choices: [['', 'automatic'], ['cache', 'in the memory'], ['original', 'in the text']],
  },
  {
    name: 'cache', label: 'Number format of the memory', says: 'Fewer bits: more tokens in the same bytes, a little less exact.', memory: true,
    choices: [['f32', '32 bits'], ['f16', '16 bits'], ['q8', '8 bits']],
  },
  { name: 'temperature', label: 'Temperature', says: '0 always takes the likeliest token; more is more varied.', number: { min: 0, max: 2, step: 0.05 } },
  { name: 'topP', label: 'Top-p', says: 'Draws from the fewest tokens of this joint probability.', number: { min: 0.05, max: 1, step: 0.05 } },
  { name: 'topK', label: 'Top-k', says: 'Draws from the k likeliest tokens; 0: from all.', number: { min: 0, max: 200, step: 1 } },
  { name: 'minP', label: 'Min-p', says: 'Leaves out tokens below this fraction of the likeliest.', number: { min: 0, max: 0.5, step: 0.01 } },
  { name: 'maxTokens', label: 'Longest answer', says: 'In tokens; a cut answer can be continued.', number: { min: 1, max: 4096, step: 1 } },
  { name: 'seed', label: 'Seed', says: 'The same seed and the same words give the same answers; empty: others each time.', memory: true, hint: 'random' },
];

/** tokens: 0: as fits the model */
export const DEFAULTS = {
  policy: 'tova', tokens: 0, positions: '', cache: 'f16', pin: 'system', system: '',
  temperature: 0.7, topP: 0.95, topK: 40, minP: 0.05, maxTokens: 400, seed: '',
};
/** @typedef {typeof DEFAULTS} Settings */

const KEY = 'palimpsest.settings';

/** @returns {Settings} */
export function loadSettings() {
  const settings = { ...DEFAULTS };
  try {
    const kept = JSON.parse(localStorage.getItem(KEY) ?? '{}');
    for (const name of /** @type {(keyof Settings)[]} */ (Object.keys(DEFAULTS))) {
      if (typeof kept[name] === typeof DEFAULTS[name]) /** @type {any} */ (settings)[name] = kept[name];
    }
  } catch {
    // unreadable or forbidden: the defaults
  }
  return settings;
}

/** @param {Settings} settings */
export function keepSettings(settings) {
  try {
    localStorage.setItem(KEY, JSON.stringify(settings));
  } catch {
    // forbidden here: they last as long as the page
  }
}

/** Tokens of memory when nobody chose: few for the small model, so that one sees it forget. @param {{ contextTrained: number, weightBytes: number }} model */
export const usualTokens = ({ contextTrained, weightBytes }) => (weightBytes < 20e6 ? 128 : Math.min(1024, contextTrained || 1024));

/**
 * @param {Settings} settings
 * @param {{ contextTrained: number, weightBytes: number }} model
 * @returns {import('../limits.js').MemoryOptions}
 */
export function memoryOf({ policy, tokens, positions, cache }, model) {
  return { policy, tokens: tokens || usualTokens(model), cache, ...(positions ? { positions } : {}) };
}

/**
 * As attributes of <pal-chat>; '': none.
 * @param {Settings} settings
 * @param {{ contextTrained: number, weightBytes: number }} model
 * @returns {Record<string, string>}
 */
export function attributesOf(settings, model) {
  const { policy, tokens, cache, positions = '' } = memoryOf(settings, model);
  const { pin, system, seed, temperature, topP, topK, minP, maxTokens } = settings;
  const answers = { 'temperature': temperature, 'top-p': topP, 'top-k': topK, 'min-p': minP, 'max-tokens': maxTokens };
  const chat = { 'memory': tokens, policy, positions, 'memory-cache': cache, pin, 'system': system.trim(), seed };
  return Object.fromEntries(Object.entries({ ...chat, ...answers }).map(([name, value]) => [name, String(value)]));
}
