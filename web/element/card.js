/** Below the messages: what the element waits for, or what went wrong. */
import { h } from './dom.js';
import { sizeText, textOf, titleOf } from './words.js';

export class Card {
  constructor() {
    this.element = h('div', { class: 'card', part: 'card', hidden: true });
    /** @type {HTMLProgressElement | undefined} */
    this.bar = undefined;
    this.amount = h('p', { class: 'amount' });
  }

  /** Who was in the card stays in it. @param {'' | 'error'} kind @param {...Node} children */
  show(kind, ...children) {
    this.element.className = `card ${kind}`;
    if (kind === 'error') this.element.setAttribute('role', 'alert');
    else this.element.removeAttribute('role');
    const inside = this.element.matches(':focus-within');
    this.element.replaceChildren(...children);
    this.element.hidden = children.length === 0;
    this.bar = undefined;
    if (inside) this.element.querySelector('button')?.focus();
    return inside;
  }

  /** @returns {boolean} whether the focus was in it */
  hide() {
    return this.show('');
  }

  /** @param {string} title @param {string} text @param {{ label: string, run: () => void } | undefined} [action] @param {string} [part] @param {'' | 'error'} [kind] */
  tell(title, text, action, part, kind = '') {
    this.show(
      kind,
      h('p', { class: 'title' }, title),
      h('p', { class: 'detail' }, text),
      ...(action ? [h('button', { type: 'button', class: 'main', part, click: action.run }, action.label)] : []),
    );
  }

  /** @param {unknown} error @param {{ label: string, run: () => void } | undefined} action */
  fail(error, action) {
    this.tell(titleOf(error), textOf(error), action, 'retry', 'error');
  }

  /** @param {string} title @param {() => void} cancel */
  progress(title, cancel) {
    const bar = h('progress', { part: 'progress', 'aria-label': title });
    this.amount.textContent = '';
    this.show('', h('p', { class: 'title' }, title), bar, this.amount, h('button', { type: 'button', class: 'quiet', part: 'cancel', click: cancel }, 'Cancel'));
    this.bar = bar;
  }

  /** @param {{ loaded: number, total: number, from: string }} progress */
  advance({ loaded, total, from }) {
    if (!this.bar) return;
    if (total > 0) {
      this.bar.max = total;
      this.bar.value = loaded;
    }
    const part = total > 0 ? `${sizeText(loaded)} of ${sizeText(total)} · ${Math.floor((100 * loaded) / total)} %` : sizeText(loaded);
    this.amount.textContent = from === 'network' ? part : `${part} · from this device`;
  }
}
