/** The inside of <pal-chat>: header, log, card, composer. Knows no model. */
import { Card } from './card.js';
import { Composer } from './composer.js';
import { h, icon } from './dom.js';
import { Log } from './log.js';
import { styleSheet } from './style.js';

const SPOKEN = 4000; // characters of an answer that are announced
const WELCOME = 'Nothing you write leaves this device.';

export class View {
  /**
   * @param {ShadowRoot} root
   * @param {{ send: (text: string) => void, stop: () => void, fresh: () => void }} on
   */
  constructor(root, on) {
    root.adoptedStyleSheets = [styleSheet()];
    this.card = new Card();
    const welcome = h('slot', { name: 'welcome' }, h('p', { class: 'welcome' }, 'Ask away.'), h('p', { class: 'detail' }, WELCOME));
    this.log = new Log(welcome, this.card.element);
    this.composer = new Composer(on);
    this.name = h('span', { class: 'name', part: 'name', dir: 'auto' });
    this.fresh = h('button', { type: 'button', class: 'quiet', part: 'new', click: on.fresh, hidden: true }, icon('new'), 'New chat');
    this.status = h('div', { class: 'unseen', role: 'status', 'aria-live': 'polite' });
    root.append(h('div', { class: 'header', part: 'header' }, this.name, this.fresh), this.log.element, this.composer.element, this.status);
    root.addEventListener('keydown', (event) => {
      const { key, isComposing } = /** @type {KeyboardEvent} */ (event);
      if (key === 'Escape' && !isComposing && this.composer.busy) on.stop();
    });
  }

  /** @param {string} name of the model @param {string} note what may be known of it */
  title(name, note) {
    this.name.textContent = name;
    this.name.title = note;
  }

  /** For screen readers. @param {string} text */
  say(text) {
    this.status.textContent = text.slice(0, SPOKEN);
  }

  /** @param {boolean} busy an answer is being written @param {boolean} disabled */
  state(busy, disabled) {
    this.composer.set({ busy, disabled });
    this.log.scroller.setAttribute('aria-busy', String(busy));
    this.fresh.disabled = disabled;
    this.log.last?.lock(disabled);
  }

  /** The card goes; who was in it writes next. */
  ready() {
    if (this.card.hide()) this.write();
  }

  /** Not where that would open a keyboard on the screen. */
  write() {
    if (!matchMedia('(pointer: coarse)').matches) this.composer.input.focus();
  }
}
