/** What a token is, told on hover, tap and by arrow keys. */
import { percent, whole } from './format.js';

/** @typedef {import('./memory-view.js').Token} Token */

const ROLES = /** @type {Record<string, string>} */ ({ user: 'from you', assistant: 'from the model', system: 'system message', template: 'of the chat template' });

export class Tip {
  /**
   * @param {import('./memory-view.js').MemoryView} view
   * @param {HTMLElement} tip
   * @param {() => number} places (layer, set) pairs in which a token can be held
   */
  constructor(view, tip, places) {
    this.view = view;
    this.tip = tip;
    this.places = places;
    const { scroller } = view;
    scroller.addEventListener('pointermove', (e) => e.pointerType === 'mouse' && this.point(e));
    scroller.addEventListener('click', (e) => this.point(e));
    scroller.addEventListener('pointerleave', () => this.pick(undefined));
    scroller.addEventListener('scroll', () => this.place(), { passive: true });
    scroller.addEventListener('blur', () => this.pick(undefined));
    scroller.addEventListener('keydown', (e) => this.key(e));
  }

  /** @param {MouseEvent} e */
  point(e) {
    const box = this.view.scroller.getBoundingClientRect();
    this.pick(this.view.tokenAt(e.clientX - box.left, e.clientY - box.top));
  }

  /** @param {KeyboardEvent} e */
  key(e) {
    const { tokens, picked } = this.view;
    if (e.key === 'Escape') return this.pick(undefined);
    const step = { ArrowLeft: -1, ArrowRight: 1 }[e.key];
    if (!step || !tokens.length) return;
    e.preventDefault();
    const here = tokens.findIndex((t) => t.position === picked);
    const next = tokens[here < 0 ? tokens.length - 1 : Math.min(tokens.length - 1, Math.max(0, here + step))];
    this.view.show(next.position);
    this.pick(next);
  }

  /** @param {Token | undefined} token */
  pick(token) {
    if ((token?.position ?? -1) === this.view.picked) return;
    this.token = token;
    this.view.picked = token?.position ?? -1;
    this.view.wake();
    this.refresh();
  }

  /** Again with the newest numbers. */
  refresh() {
    const { tip, token, view } = this;
    tip.hidden = !token;
    if (!token) return;
    const layers = this.places();
    const held = Math.round(token.share.to * layers);
    const where = view.snapshot?.layer === 'mean' ? `held in ${held} of ${layers} layers` : 'held in this layer';
    tip.textContent = '';
    const quoted = document.createElement('b');
    quoted.textContent = `“${token.text.replaceAll('\n', '↵')}”`;
    const facts = [`token ${whole(token.position)}, ${ROLES[token.role] ?? token.role}`,
      view.snapshot?.state ? `changed the state by ${percent(token.attention)}` : token.share.to > 0 ? `attention ${percent(token.attention)}, ${where}` : 'forgotten',
      ...(token.pinned ? ['pinned: never leaves'] : [])];
    tip.append(quoted, ...facts.map((text) => Object.assign(document.createElement('span'), { textContent: text })));
    this.place();
  }

  place() {
    const { tip, token, view } = this;
    if (!token || tip.hidden) return;
    const { x, y, width, height } = view.placeOf(token);
    const { clientWidth, clientHeight } = view.scroller;
    const left = Math.max(4, Math.min(x + width / 2 - tip.offsetWidth / 2, clientWidth - tip.offsetWidth - 4));
    const above = y - tip.offsetHeight - 6;
    tip.style.transform = `translate(${left}px, ${above > 0 ? above : Math.min(y + height + 4, clientHeight)}px)`;
  }
}
