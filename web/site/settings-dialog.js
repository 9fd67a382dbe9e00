/** The form of the settings. */
import { byId, make } from './dom.js';
import { DEFAULTS, FIELDS, keepSettings } from './settings.js';

/** @typedef {import('./settings.js').Settings} Settings */

export class SettingsDialog {
  /**
   * @param {Settings} settings
   * @param {() => void} onchange
   */
  constructor(settings, onchange) {
    this.settings = settings;
    this.onchange = onchange;
    this.dialog = byId('settings', HTMLDialogElement);
    byId('defaults', HTMLButtonElement).onclick = () => {
      Object.assign(settings, DEFAULTS);
      this.fill();
      this.changed();
    };
  }

  open() {
    this.fill();
    this.dialog.showModal();
  }

  changed() {
    keepSettings(this.settings);
    this.onchange();
  }

  fill() {
    for (const [id, memory] of /** @type {const} */ ([['memory-fields', true], ['answer-fields', undefined]])) {
      byId(id, HTMLElement).replaceChildren(...FIELDS.filter((f) => f.memory === memory).map((f) => this.field(f)));
    }
  }

  /** @param {(typeof FIELDS)[number]} field */
  field({ name, label, says, choices, number, lines, hint = '' }) {
    const id = `field-${name}`;
    const { settings } = this;
    const value = settings[name];
    /** @param {string | number} v */
    const set = (v) => {
      /** @type {any} */ (settings)[name] = v;
      this.changed();
    };
    const common = { id, 'aria-describedby': `${id}-says` };
    let input;
    if (choices) {
      input = make('select', common, ...choices.map(([v, text]) => make('option', { value: v, selected: v === value }, text)));
      input.onchange = (e) => set(/** @type {HTMLSelectElement} */ (e.target).value);
    } else if (lines) {
      input = make('textarea', { ...common, rows: 3, value });
      input.onchange = (e) => set(/** @type {HTMLTextAreaElement} */ (e.target).value);
    } else {
      const limits = number ?? { min: 0, max: Number.MAX_SAFE_INTEGER, step: 1 };
      input = make('input', { ...common, type: 'number', ...limits, value, placeholder: hint, required: number !== undefined });
      input.onchange = (e) => {
        const { value: typed, validity } = /** @type {HTMLInputElement} */ (e.target);
        if (validity.valid) set(number ? Number(typed) : typed);
      };
    }
    return make('div', { className: lines ? 'field wide' : 'field' }, make('label', { for: id }, label), input, make('p', { id: `${id}-says`, className: 'says' }, says));
  }
}
