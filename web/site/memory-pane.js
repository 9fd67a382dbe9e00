/** The memory side of the page: policy and budget, the picture of the chat's memory, and what it costs. */
import { Chart } from './chart.js';
import { byId, make } from './dom.js';
import { bytes, rate, whole } from './format.js';
import { sentenceOf, tableOf } from './memory-table.js';
import { Tip } from './memory-tip.js';
import { MemoryView } from './memory-view.js';
import { Ribbon } from './ribbon.js';
import { BUDGETS, POLICIES, keepSettings, memoryOf, usualTokens } from './settings.js';

/** @typedef {import('../page/chat.js').Chat} Chat */

/** @param {{ kind: string }} layer */
const isCache = ({ kind }) => kind === 'attention';

const SAY_MS = 400; // between two sentences
const PACE_MS = 500;

export class MemoryPane {
  /**
   * @param {import('./settings.js').Settings} settings
   * @param {() => void} onchange policy or budget changed
   */
  constructor(settings, onchange) {
    this.settings = settings;
    this.onchange = onchange;
    this.view = new MemoryView(byId('picture', HTMLElement));
    this.ribbon = new Ribbon(byId('ribbon', HTMLCanvasElement), (position) => this.view.show(position));
    this.chart = new Chart(byId('chart', HTMLCanvasElement));
    this.tip = new Tip(this.view, byId('tip', HTMLElement), () => this.places());
    this.policy = byId('policy', HTMLSelectElement);
    this.budget = byId('budget', HTMLInputElement);
    this.layer = byId('layer', HTMLInputElement);
    this.table = byId('table', HTMLElement);
    /** @type {Chat | undefined} */
    this.chat = undefined;
    /** @type {import('../page/model.js').Model | undefined} */
    this.model = undefined;
    this.stop = () => {};
    this.perToken = 0;
    this.said = 0;
    this.pace = { seen: 0, at: 0, shown: '–' };
    this.view.onchange = () => this.seen();
    document.addEventListener('pal-turn', () => this.gauges()); // an answer has ended
    this.build();
  }

  build() {
    const { policy, budget, layer } = this;
    policy.replaceChildren(...POLICIES.map(({ value, label }) => make('option', { value }, label)));
    policy.onchange = () => this.choose({ policy: policy.value });
    budget.max = String(BUDGETS.length - 1);
    budget.oninput = () => this.showCost(BUDGETS[Number(budget.value)]);
    budget.onchange = () => this.choose({ tokens: BUDGETS[Number(budget.value)] });
    layer.oninput = () => this.watch();
    byId('newest', HTMLButtonElement).onclick = () => this.view.newest();
    this.view.scroller.addEventListener('scroll', () => this.showNewest(), { passive: true });
    const asTable = byId('as-table', HTMLButtonElement);
    asTable.onclick = () => {
      this.table.hidden = !this.table.hidden;
      asTable.setAttribute('aria-pressed', String(!this.table.hidden));
      this.view.scroller.hidden = !this.table.hidden;
      this.showTable();
      this.showNewest();
    };
  }

  /** @param {Partial<import('./settings.js').Settings>} changes */
  choose(changes) {
    Object.assign(this.settings, changes);
    keepSettings(this.settings);
    this.showCost();
    this.onchange();
  }

  /** Layers and sets in which a token can be held. */
  places() {
    const caches = this.model?.stateLayers.filter(isCache) ?? [];
    return this.layer.value === '0' ? Math.max(1, caches.length) : 1;
  }

  /** @param {import('../page/model.js').Model} model */
  setModel(model) {
    this.model = model;
    this.layer.max = String(model.stateLayers.length);
    this.layer.value = '0';
    this.policy.disabled = this.budget.disabled = !model.stateLayers.some(isCache); // nothing could leave
    this.showCost();
  }

  /** What the settings would cost. @param {number} [tokens] while the slider moves */
  async showCost(tokens = this.settings.tokens || (this.model ? usualTokens(this.model) : 0)) {
    const { model, settings, budget, policy } = this;
    policy.value = settings.policy;
    const nearest = BUDGETS.reduce((best, b, i) => (Math.abs(b - tokens) < Math.abs(BUDGETS[best] - tokens) ? i : best), 0);
    if (document.activeElement !== budget) budget.value = String(nearest);
    byId('policy-says', HTMLElement).textContent = policy.disabled ? 'Nothing leaves: this model keeps a state of fixed size.' : POLICIES.find((p) => p.value === settings.policy)?.says ?? '';
    if (!model) return;
    const cost = await model.cost(memoryOf({ ...settings, tokens }, model)).catch(() => undefined);
    const says = policy.disabled ? bytes(cost?.state ?? 0) : cost ? `${whole(tokens)} tokens · ${bytes(cost.state)}` : `${whole(tokens)} tokens`;
    byId('budget-says', HTMLElement).textContent = says;
    budget.setAttribute('aria-valuetext', says);
  }

  /** @param {Chat} chat */
  async setChat(chat) {
    this.stop();
    this.chat = chat;
    this.pace = { seen: 0, at: 0, shown: '–' };
    this.view.clear();
    this.view.pinned = () => false;
    this.ribbon.update(undefined);
    byId('empty', HTMLElement).hidden = false;
    byId('summary', HTMLElement).textContent = '';
    if (!chat.limits || !this.model) return;
    this.view.capacity = chat.limits.budget;
    const { perToken } = await this.model.cost({ tokens: chat.limits.budget, cache: chat.limits.cache }).catch(() => ({ perToken: 0 }));
    if (this.chat !== chat) return;
    this.perToken = perToken;
    chat.on('memory', () => this.gauges());
    this.view.pinned = this.pins();
    this.watch();
    this.gauges();
  }

  /** Begin token and system message, as the chat pins them. */
  pins() {
    let ended = this.settings.pin === 'none';
    return (/** @type {{ position: number, role: string }} */ { position, role }) => {
      if (role === 'user' || role === 'assistant') ended = true;
      return !ended && (role === 'system' || position === 0);
    };
  }

  watch() {
    const { chat, model, layer } = this;
    this.stop();
    if (!chat || !model) return;
    const layers = model.stateLayers;
    const chosen = layers[Number(layer.value) - 1];
    const mixed = layers.some(({ kind }) => kind !== layers[0].kind);
    const says = chosen ? `${layer.value} of ${layers.length}${mixed ? `, ${chosen.kind}` : ''}` : `all${mixed && layers.some(isCache) ? ' attention' : ''}, averaged`;
    byId('layer-says', HTMLElement).textContent = says;
    layer.setAttribute('aria-valuetext', chosen ? `layer ${says}` : says);
    const cached = chosen ? isCache(chosen) : layers.some(isCache);
    byId('legend-ramp', HTMLElement).textContent = cached ? 'attention' : 'how much it changed the state';
    for (const key of ['legend-forgotten', 'legend-pinned']) byId(key, HTMLElement).hidden = !cached;
    this.stop = chat.watch((snapshot) => this.chat === chat && this.view.update(snapshot), { layer: chosen ? chosen.layer : 'mean' });
  }

  /** After a snapshot. */
  seen() {
    const { snapshot, tokens } = this.view;
    if (!snapshot) return;
    byId('empty', HTMLElement).hidden = tokens.length > 0;
    this.ribbon.update(snapshot);
    this.tip.refresh();
    this.showNewest();
    this.gauges();
    clearTimeout(this.saying);
    const say = () => {
      this.said = performance.now();
      byId('summary', HTMLElement).textContent = tokens.length ? sentenceOf(snapshot, tokens) : '';
      this.showTable();
    };
    if (performance.now() - this.said > SAY_MS) say();
    else this.saying = setTimeout(say, SAY_MS);
  }

  showNewest() {
    byId('newest', HTMLElement).hidden = this.view.follow || this.view.scroller.hidden;
  }

  showTable() {
    if (!this.table.hidden) this.table.replaceChildren(tableOf(this.view.tokens, this.places(), this.view.snapshot?.state !== undefined));
  }

  /** Tokens per second: of the answer that is being written, else of all so far. @param {Chat} chat */
  rate(chat) {
    const now = performance.now();
    const { seen } = chat.memory;
    const { seen: before, at, shown } = this.pace;
    const { decodeTokens = 0, decodeMs = 0 } = chat.stats ?? {};
    if (!chat.busy) this.pace = { seen, at: now, shown: decodeTokens ? rate((1000 * decodeTokens) / decodeMs) : '–' };
    else if (now - at > PACE_MS) this.pace = { seen, at: now, shown: seen > before ? rate((1000 * (seen - before)) / (now - at)) : shown };
    return this.pace.shown;
  }

  gauges() {
    const { chat, model, perToken } = this;
    if (!chat?.limits || !model) return;
    const { held, capacity, seen, evicted } = chat.memory;
    const flat = chat.stats?.bytes.state ?? 0; // without the second block that regenerate() needs
    const set = (/** @type {string} */ id, /** @type {string} */ text) => void (byId(`gauge-${id}`, HTMLElement).textContent = text);
    set('flat', bytes(flat));
    set('rise', perToken ? bytes(seen * perToken) : '–');
    set('held', capacity ? `${whole(held)} of ${whole(capacity)}` : 'a state');
    set('evicted', capacity ? whole(evicted) : '–');
    set('rate', this.rate(chat));
    set('wasm', bytes(model.memory.wasm));
    this.chart.update({ seen, flat, perToken, capacity });
  }
}
