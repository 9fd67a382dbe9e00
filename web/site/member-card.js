/** A card of the family's page: a member, what it writes, and what that costs. */
import { make } from './dom.js';
import { bytes, whole } from './format.js';

/**
 * @typedef {{ name: string, title: string, file: string, remembers: string, paper: string, window?: number }} Member
 * @typedef {'idle' | 'busy' | 'done' | 'stopped' | 'failed'} State
 */

const OPENING_SHOWN = 70; // characters of it before what was written

/** 0.394 -> '0.39 ms'. @param {number} n */
export const milliseconds = (n) => `${n.toFixed(n < 9.995 ? 2 : 1)}\u00a0ms`;

/** The last words of a text. @param {string} text */
function lastWords(text) {
  if (text.length <= OPENING_SHOWN) return text;
  const end = text.slice(-OPENING_SHOWN);
  return `…${end.slice(Math.max(0, end.search(/\s/)))}`;
}

export class MemberCard {
  /** @param {Member} member */
  constructor(member) {
    this.member = member;
    /** What the bars compare: undefined until it has written. @type {{ ms: number, state: number } | undefined} */
    this.cost = undefined;
    this.seen = 0;
    this.unshown = '';
    this.frame = 0;
    const { name, title, paper } = member;
    this.at = make('span', { className: 'at' });
    this.remembers = make('span');
    this.opening = make('span', { className: 'before' });
    this.more = make('span');
    this.text = make('div', { className: 'text', tabIndex: 0, role: 'group', 'aria-label': `What ${title} writes` }, this.opening, this.more);
    this.bars = { ms: make('i'), state: make('i') };
    this.figures = { ms: make('b'), state: make('b'), seen: make('b') };
    this.growth = make('p', { className: 'says growth' });
    this.element = make('article', { 'aria-labelledby': `${name}-title`, 'data-state': 'idle' },
      make('div', { className: 'line' }, make('h2', { id: `${name}-title` }, title), this.at),
      make('p', { className: 'says remembers' }, this.remembers, ' ', make('a', { href: paper, rel: 'noreferrer', 'aria-label': `Paper: ${title}` }, 'Paper')),
      this.text,
      make('dl', {},
        make('div', {}, make('dt', {}, 'Time per token'), make('dd', {}, this.figures.ms, make('span', { className: 'bar', 'aria-hidden': true }, this.bars.ms))),
        make('div', { className: 'flat' }, make('dt', {}, 'State'), make('dd', {}, this.figures.state, make('span', { className: 'bar', 'aria-hidden': true }, this.bars.state))),
        make('div', {}, make('dt', {}, 'Tokens seen'), make('dd', {}, this.figures.seen))),
      this.growth);
    this.clear();
  }

  /** What it remembers with, under this budget. @param {number} tokens */
  promise(tokens) {
    const { remembers, window = Infinity } = this.member;
    this.remembers.textContent = remembers.replace('{tokens}', whole(Math.min(tokens, window)));
  }

  /** As before the first run. */
  clear() {
    cancelAnimationFrame(this.frame);
    Object.assign(this, { cost: undefined, seen: 0, unshown: '', frame: 0 });
    this.opening.textContent = this.more.textContent = this.growth.textContent = '';
    for (const figure of Object.values(this.figures)) figure.textContent = '–';
    this.compare(0, 0);
    this.tell('idle', '');
  }

  /** @param {State} state @param {string} says */
  tell(state, says) {
    this.element.dataset.state = state;
    this.at.textContent = says;
  }

  /** @param {string} opening */
  begin(opening) {
    this.opening.textContent = lastWords(opening);
  }

  /** @param {string} piece @param {number} seen tokens so far */
  add(piece, seen) {
    this.unshown += piece;
    this.seen = seen;
    this.frame ||= requestAnimationFrame(() => this.show());
  }

  /** Shows what came since the last frame; the end stays in sight unless somebody scrolled away from it. */
  show() {
    cancelAnimationFrame(this.frame);
    this.frame = 0;
    const { text } = this;
    const follow = text.scrollHeight - text.scrollTop - text.clientHeight < 4;
    this.more.append(this.unshown);
    this.unshown = '';
    if (this.seen) this.figures.seen.textContent = whole(this.seen);
    if (follow) text.scrollTop = text.scrollHeight;
  }

  /**
   * @param {import('../page/chat.js').Chat} chat that wrote
   * @param {number} perToken bytes that a cache without bound would take for each token; 0: there is none
   */
  account({ stats }, perToken) {
    if (!stats) return; // stopped before it was open
    const { seen, bytes: { state }, decodeTokens, decodeMsPerToken: ms } = stats;
    this.seen = seen;
    this.show();
    this.figures.state.textContent = bytes(state);
    if (decodeTokens) {
      this.figures.ms.textContent = milliseconds(ms);
      this.cost = { ms, state };
    }
    const unbound = `Without bound: ${bytes(perToken * seen)}, and ${bytes(perToken)} more with each token.`;
    this.growth.textContent = perToken ? `Constant. ${unbound}` : 'Constant, after one token as after a million.';
  }

  /** The bars: this member beside the costliest. @param {number} mostMs @param {number} mostState */
  compare(mostMs, mostState) {
    const { ms, state } = this.cost ?? { ms: 0, state: 0 };
    this.bars.ms.style.width = `${(100 * ms) / (mostMs || 1)}%`;
    this.bars.state.style.width = `${(100 * state) / (mostState || 1)}%`;
  }

  /** @param {string} why */
  fail(why) {
    this.show();
    this.more.append(make('span', { className: 'why' }, why));
    this.tell('failed', 'could not run');
  }
}
