/** The page of the family: one opening, continued by every member in turn. */
import { Model } from '../browser.js';
import { byId, isAbort, messageOf } from './dom.js';
import { bytes, percent, whole } from './format.js';
import { MemberCard, milliseconds } from './member-card.js';

/** @typedef {{ opening: string, length: number, temperature: number, tokens: number, seed: number }} Wish */

const FOLDER = new URL('../../models/family/', import.meta.url);
const AS_IT_IS = '{{ messages[0].content }}'; // these models never saw a chat: they go on with a text
const WARM_TOKENS = 64;

const run = byId('run', HTMLButtonElement);
const status = byId('status', HTMLElement);
const budget = byId('budget', HTMLSelectElement);
const temperature = byId('temperature', HTMLInputElement);
const opening = byId('opening', HTMLTextAreaElement);

/** @type {MemberCard[]} */
let cards = [];
/** @type {AbortController | undefined} */
let running;

/** @returns {Promise<import('./member-card.js').Member[]>} */
async function family() {
  const response = await fetch(new URL('family.json', FOLDER));
  if (!response.ok) throw new Error(`the list of the models is not here (HTTP ${response.status})`);
  return (await response.json()).members;
}

/** @returns {Wish} what the form says */
const wish = () => ({
  opening: opening.value,
  length: Number(byId('length', HTMLSelectElement).value),
  temperature: Number(temperature.value),
  tokens: Number(budget.value),
  seed: crypto.getRandomValues(new Uint32Array(1))[0], // the same for all members
});

/**
 * The first tokens of a model run code that the browser has not yet compiled for speed, the first model's most of all.
 * @param {Model} model @param {import('../page/chat.js').ChatOptions} options @param {Wish} wish @param {AbortSignal} signal
 */
async function warm(model, options, { opening, temperature }, signal) {
  const chat = model.chat(options);
  for await (const _ of chat.send(opening.slice(0, 200), { maxTokens: WARM_TOKENS, temperature, ignoreEnd: true, signal }));
  await chat.close();
}

/** Lets a member write; its model is in memory only meanwhile. @param {MemberCard} card @param {Wish} wish @param {AbortSignal} signal */
async function write(card, wish, signal) {
  const { opening, length: maxTokens, temperature, tokens, seed } = wish;
  card.begin(opening);
  card.tell('busy', 'loading…');
  const onprogress = (/** @type {{ loaded: number, total: number }} */ { loaded, total }) => card.tell('busy', `loading, ${percent(loaded / total)}`);
  const model = await Model.load(new URL(card.member.file, FOLDER), { cache: 'refresh', signal, onprogress });
  try {
    const options = { template: AS_IT_IS, memory: { tokens }, seed };
    card.tell('busy', 'warming up…');
    await warm(model, options, wish, signal);
    const { perToken } = await model.cost(options.memory);
    const chat = model.chat(options);
    const read = ({ read = 0, total = 0 }) => card.tell('busy', read < total ? `reading, ${whole(read)} of ${whole(total)}` : 'writing…');
    try {
      for await (const piece of chat.send(opening, { temperature, maxTokens, ignoreEnd: true, signal, onprogress: read })) card.add(piece, chat.memory.seen);
    } finally {
      card.account(chat, perToken);
    }
    byId('engine', HTMLElement).textContent = `Engine: ${model.variant} (${model.bits} bits), ${model.threads === 1 ? 'one thread' : `${model.threads} threads`}.`;
    card.tell('done', 'done');
  } finally {
    model.close();
  }
}

/** The bars of all cards, after one has written. */
function compare() {
  const most = (/** @type {'ms' | 'state'} */ what) => Math.max(0, ...cards.map(({ cost }) => cost?.[what] ?? 0));
  for (const card of cards) card.compare(most('ms'), most('state'));
}

/** How it ended, and between which bounds the costs lie. */
function summary() {
  const failed = cards.filter(({ element }) => element.dataset.state === 'failed').map(({ member }) => member.title);
  if (failed.length) return `Could not run: ${failed.join(', ')}; the card tells why.`;
  const costs = cards.flatMap(({ cost }) => cost ?? []);
  const range = (/** @type {number[]} */ list, /** @type {(n: number) => string} */ words) => `${words(Math.min(...list))} to ${words(Math.max(...list))}`;
  return `All ${cards.length} have written: ${range(costs.map((c) => c.ms), milliseconds)} per token, ${range(costs.map((c) => c.state), bytes)} of state.`;
}

async function runAll() {
  const { signal } = (running = new AbortController());
  const wanted = wish();
  run.textContent = 'Stop';
  status.textContent = 'They write one after the other…';
  for (const card of cards) card.clear();
  promise(wanted.tokens);
  for (const card of cards) {
    if (signal.aborted) break;
    try {
      await write(card, wanted, signal);
    } catch (e) {
      if (isAbort(e)) card.tell('stopped', 'stopped');
      else card.fail(messageOf(e));
    }
    compare();
  }
  running = undefined;
  run.textContent = 'Run';
  status.textContent = signal.aborted ? 'Stopped.' : summary();
}

/** @param {number} tokens */
const promise = (tokens) => cards.forEach((card) => card.promise(tokens));
budget.onchange = () => cards.every((card) => card.element.dataset.state === 'idle') && promise(Number(budget.value)); // else they tell of the run that is shown
temperature.oninput = () => (byId('temperature-says', HTMLOutputElement).textContent = Number(temperature.value).toFixed(1));
byId('theme', HTMLButtonElement).onclick = () => document.dispatchEvent(new Event('theme-toggle'));
run.onclick = (e) => {
  if (!running) return; // the form sees to it
  e.preventDefault();
  running.abort();
};
byId('wish', HTMLFormElement).onsubmit = (e) => {
  e.preventDefault();
  runAll();
};
opening.onkeydown = (e) => {
  if (e.key === 'Enter' && (e.ctrlKey || e.metaKey) && !running) byId('wish', HTMLFormElement).requestSubmit();
};

try {
  cards = (await family()).map((member) => new MemberCard(member));
  promise(Number(budget.value));
  byId('members', HTMLElement).replaceChildren(...cards.map((card) => card.element));
  run.disabled = false;
} catch (e) {
  status.textContent = `Nothing can run: ${messageOf(e)}.`;
}
