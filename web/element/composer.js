/** Where the user writes, and the line that tells what is remembered. */
import { h, icon } from './dom.js';
import { countText, sizeText } from './words.js';

const ROWS = 8;

export class Composer {
  /** @param {{ send: (text: string) => void, stop: () => void }} on */
  constructor(on) {
    this.on = on;
    this.input = h('textarea', { part: 'input', rows: '1', 'aria-label': 'Message', enterkeyhint: 'send', autocomplete: 'off', dir: 'auto', input: () => this.changed(), keydown: (e) => this.key(e) });
    this.button = h('button', { type: 'submit', class: 'send', part: 'send', 'aria-label': 'Send' }, icon('send'));
    const form = h('form', { class: 'field', part: 'field', submit: (e) => (e.preventDefault(), this.press()) }, this.input, this.button);
    this.gauge = h('progress', { class: 'gauge', part: 'gauge', max: '1', value: '0', 'aria-hidden': 'true' });
    this.line = h('p', { class: 'memory', part: 'memory' });
    this.element = h('div', { class: 'composer', part: 'composer' }, form, h('div', { class: 'below', hidden: true }, this.gauge, this.line));
    this.busy = false;
    this.disabled = false;
    this.changed();
  }

  get text() {
    return this.input.value;
  }

  set text(text) {
    this.input.value = text;
    this.changed();
  }

  /** The button is one: it keeps the focus when Send becomes Stop. @param {{ busy: boolean, disabled: boolean }} state */
  set({ busy, disabled }) {
    if (busy !== this.busy) {
      this.button.replaceChildren(icon(busy ? 'stop' : 'send'));
      this.button.setAttribute('aria-label', busy ? 'Stop' : 'Send');
    }
    this.busy = busy;
    this.disabled = disabled;
    this.input.disabled = disabled;
    this.changed();
  }

  changed() {
    const idle = !this.busy && (this.disabled || this.text.trim() === '');
    this.button.setAttribute('aria-disabled', String(idle)); // not `disabled`: that would lose the focus
    if (CSS.supports('field-sizing', 'content')) return;
    this.input.rows = 1;
    const line = parseFloat(getComputedStyle(this.input).lineHeight) || 24;
    this.input.rows = Math.max(1, Math.min(ROWS, Math.round(this.input.scrollHeight / line)));
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing || event.keyCode === 229) return; // 229: composing, in Safari
    event.preventDefault();
    if (!this.busy) this.press();
  }

  press() {
    if (this.busy) this.on.stop();
    else if (!this.disabled && this.text.trim() !== '') this.on.send(this.text);
  }

  /**
   * @param {{ held: number, capacity: number, evicted: number, bytes: number } | undefined} memory
   * @param {number} [rate] tokens per second
   */
  memory(memory, rate) {
    const below = /** @type {HTMLElement} */ (this.line.parentElement);
    below.hidden = !memory;
    if (!memory) return;
    this.gauge.hidden = !memory.capacity; // a state is neither empty nor full
    this.gauge.max = memory.capacity || 1;
    this.gauge.value = memory.held;
    const words = [`${sizeText(memory.bytes)}, flat`];
    if (memory.capacity) words.unshift(`${memory.held.toLocaleString()} of ${countText(memory.capacity, 'token')}`);
    if (memory.evicted > 0) words.push(`${memory.evicted.toLocaleString()} let go`);
    if (rate) words.push(`${rate.toFixed(rate < 10 ? 1 : 0)} tok/s`);
    this.line.replaceChildren(...words.map((word) => h('span', {}, word)));
  }
}
