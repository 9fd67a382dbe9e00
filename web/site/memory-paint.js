/** How a row of tokens looks: chips on the ramp of attention, traces of what was evicted, who speaks in the margin. */
import { ROW } from './memory-layout.js';
import { at } from './moving.js';
import { STEPS, ramp } from './palette.js';

/** @typedef {import('./memory-view.js').Token} Token */

export const FADE_MS = 600;
export const EASE_MS = 160;
const TRACE = 0.24; // ink of what is forgotten
const CHIP = ROW - 6;
const HOT = STEPS / 2; // from here on it glows in the dark
const NAMES = /** @type {Record<string, string>} */ ({ user: 'you', assistant: 'model', system: 'system' });

/** Colours and fonts from the CSS variables of an element. @param {HTMLElement} host */
function looksOf(host) {
  const style = getComputedStyle(host);
  const value = (/** @type {string} */ name) => style.getPropertyValue(name).trim();
  const dark = document.documentElement.dataset.theme === 'dark';
  const ink = value('--ink');
  return {
    ...ramp(dark ? 'dark' : 'light'),
    ink,
    onBright: dark ? '#1d120a' : ink,
    onDeep: dark ? ink : '#fff6e6',
    glows: dark,
    flash: value('--flash'),
    accent: value('--accent'),
    pin: value('--pin'),
    roles: /** @type {Record<string, string>} */ ({ user: value('--role-user'), assistant: value('--role-assistant'), system: value('--role-system'), template: value('--faint') }),
    fonts: { body: `15px ${value('--serif')}`, small: `11px ${value('--mono')}`, label: `600 10.5px ${value('--sans')}` },
  };
}

export class Painter {
  /** @param {CanvasRenderingContext2D} pen @param {HTMLElement} host whose CSS variables are the colours */
  constructor(pen, host) {
    this.pen = pen;
    this.host = host;
    this.looks = looksOf(host);
    /** @type {Map<string, number>} */
    this.widths = new Map();
    this.fade = matchMedia('(prefers-reduced-motion: reduce)').matches ? 1 : FADE_MS;
  }

  /** After the theme changed. */
  restyle() {
    this.looks = looksOf(this.host);
    this.widths.clear();
  }

  /** @param {string} body @param {boolean} small */
  measure(body, small) {
    const key = small ? `\u0000${body}` : body;
    let width = this.widths.get(key);
    if (width === undefined) {
      if (this.widths.size > 20000) this.widths.clear();
      this.pen.font = small ? this.looks.fonts.small : this.looks.fonts.body;
      width = this.pen.measureText(body).width;
      this.widths.set(key, width);
    }
    return width;
  }

  /** Who speaks. @param {import('./memory-layout.js').Row} row @param {number} left where the text begins */
  margin(row, left) {
    const { pen } = this;
    const wide = left > 20;
    pen.globalAlpha = 0.85;
    pen.fillStyle = this.looks.roles[row.role] ?? this.looks.roles.template;
    pen.fillRect(wide ? left - 10 : 4, row.y + 1, 2.5, ROW);
    if (!wide || !row.first || !NAMES[row.role]) return;
    pen.font = this.looks.fonts.label;
    pen.textAlign = 'right';
    pen.fillText(NAMES[row.role], left - 16, row.y + ROW / 2 + 1);
    pen.textAlign = 'left';
  }

  /** @param {Token} t @param {number} y @param {number} now @param {boolean} marked */
  token(t, y, now, marked) {
    const { pen } = this;
    const share = at(t.share, now, this.fade);
    const step = Math.round(at(t.heat, now, EASE_MS) * STEPS);
    const middle = y + ROW / 2;
    if (this.looks.glows && step > HOT) this.fill(t, middle, CHIP + 7, this.looks.fill[step], (0.3 * share * (step - HOT)) / (STEPS - HOT), 4);
    if (share > 0.01) this.fill(t, middle, CHIP * (0.55 + 0.45 * share), this.looks.fill[step], share ** 0.8); // scraped off, it gets thinner
    const burn = 1 - (now - t.lost) / this.fade;
    if (burn > 0) this.fill(t, middle, CHIP * (0.5 + 0.5 * burn), this.looks.flash, t.loss * burn ** 1.5);
    pen.font = t.small ? this.looks.fonts.small : this.looks.fonts.body;
    pen.globalAlpha = TRACE + (1 - TRACE) * share * (t.small ? 0.75 : 1);
    pen.fillStyle = share < 0.5 ? this.looks.ink : this.looks.bright[step] ? this.looks.onBright : this.looks.onDeep;
    pen.fillText(t.body, t.x + 3, middle + 1);
    pen.globalAlpha = 1;
    if (t.pinned) {
      pen.fillStyle = this.looks.pin;
      pen.fillRect(t.x + 3, middle + CHIP / 2 - 1, t.width - 6, 2);
    }
    if (!marked) return;
    pen.strokeStyle = this.looks.accent;
    pen.lineWidth = 1.75;
    this.outline(t, middle, CHIP + 1);
    pen.stroke();
  }

  /** @param {Token} t @param {number} middle @param {number} high @param {string} colour @param {number} alpha @param {number} [wider] */
  fill(t, middle, high, colour, alpha, wider) {
    this.pen.globalAlpha = alpha;
    this.pen.fillStyle = colour;
    this.outline(t, middle, high, wider);
    this.pen.fill();
  }

  /** @param {Token} t @param {number} middle @param {number} high @param {number} [wider] */
  outline(t, middle, high, wider = 0) {
    this.pen.beginPath();
    this.pen.roundRect(t.x - wider, middle - high / 2, t.width + 2 * wider, high, 5 + wider);
  }
}
