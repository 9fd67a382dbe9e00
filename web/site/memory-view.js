/** The picture of a chat's memory: every token in reading order, shaded by the attention that it gets; what is evicted fades
 *  to a trace, as on a palimpsest. Only what is in sight is drawn, and only while something moves. */
import { Layout, ROW } from './memory-layout.js';
import { EASE_MS, Painter } from './memory-paint.js';
import { aim, still } from './moving.js';
import { heat } from './palette.js';

/**
 * @typedef {import('../watch.js').Snapshot} Snapshot
 * @typedef {import('./moving.js').Moving} Moving
 * @typedef {import('./memory-layout.js').Text} Text
 * @typedef {{ heat: Moving, share: Moving, attention: number, lost: number, loss: number, pinned: boolean }} Held
 *   share: of the layers that hold it; lost, loss: when it last lost some, and how much
 * @typedef {import('./memory-layout.js').Placed & Held} Token
 */

const MOST = 6000; // tokens drawn; beyond, the oldest traces go first
const FRAME_MS = 30;

export class MemoryView {
  /** @param {HTMLElement} scroller gets a canvas as large as what is in sight, and a spacer as high as the text */
  constructor(scroller) {
    this.scroller = scroller;
    this.canvas = document.createElement('canvas');
    this.spacer = document.createElement('div');
    scroller.replaceChildren(this.canvas, this.spacer);
    this.pen = /** @type {CanvasRenderingContext2D} */ (this.canvas.getContext('2d'));
    this.painter = new Painter(this.pen, scroller);
    this.layout = new Layout((body, small) => this.painter.measure(body, small));
    /** Who never leaves. @type {(text: Text) => boolean} */
    this.pinned = () => false;
    /** Told after each snapshot. */
    this.onchange = () => {};
    this.capacity = Infinity; // of the memory, in tokens
    this.picked = -1; // the position that is being asked about
    /** @type {Token[]} in order of their positions */
    this.tokens = [];
    /** @type {Map<number, Token>} */
    this.byPosition = new Map();
    /** @type {Snapshot | undefined} */
    this.snapshot = undefined;
    this.follow = true;
    this.until = 0; // something moves until then
    this.drawn = 0;
    this.waiting = false;
    new ResizeObserver(() => this.resize()).observe(scroller);
    scroller.addEventListener('scroll', () => this.scrolled(), { passive: true });
    document.addEventListener('theme', () => this.restyle());
  }

  clear() {
    this.tokens = [];
    this.byPosition.clear();
    this.snapshot = undefined;
    this.follow = true;
    this.relay();
  }

  restyle() {
    this.painter.restyle();
    this.relay();
  }

  resize() {
    const { clientWidth: w, clientHeight: h } = this.scroller;
    this.scale = window.devicePixelRatio || 1;
    this.canvas.width = Math.round(w * this.scale);
    this.canvas.height = Math.round(h * this.scale);
    this.canvas.style.width = `${w}px`;
    this.canvas.style.height = `${h}px`;
    const left = w > 520 ? 68 : 14;
    if (w - 10 !== this.layout.width || left !== this.layout.left) {
      Object.assign(this.layout, { width: w - 10, left });
      this.relay();
    } else this.fit();
    this.draw(performance.now()); // resizing has emptied the canvas
  }

  relay() {
    this.layout.clear();
    for (const t of this.tokens) this.layout.append(t);
    this.fit();
    this.wake();
  }

  fit() {
    const space = Math.max(0, this.layout.height - this.scroller.clientHeight);
    this.spacer.style.height = `${space}px`;
    if (this.follow) this.scroller.scrollTop = space;
  }

  scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.scroller;
    this.follow = scrollTop + clientHeight > scrollHeight - 2 * ROW;
    this.wake();
  }

  newest() {
    this.follow = true;
    this.fit();
  }

  /** @param {Snapshot} snapshot */
  update(snapshot) {
    const now = performance.now();
    const { positions, attention, share, held, state } = snapshot;
    this.snapshot = snapshot;
    this.rewind(snapshot);
    this.add(snapshot);
    let k = 0;
    for (const t of this.tokens) {
      while (k < positions.length && positions[k] < t.position) k++;
      const here = positions[k] === t.position;
      const part = here ? share[k] : 0;
      t.attention = here ? (state?.change ?? attention)[k] : 0;
      if (part < t.share.to) Object.assign(t, { lost: now, loss: part === 0 ? 1 : t.share.to - part });
      aim(t.share, part, now, this.painter.fade);
      if (here) aim(t.heat, heat(attention[k], Math.min(held, this.capacity)), now, EASE_MS);
    }
    this.until = now + this.painter.fade;
    this.fit();
    this.wake();
    this.onchange();
  }

  /** Another answer takes the place of one: what it said was never said. @param {Snapshot} snapshot */
  rewind({ seen, texts }) {
    const other = texts.find((t) => (this.byPosition.get(t.position)?.text ?? t.text) !== t.text);
    const end = Math.min(seen, other?.position ?? seen);
    if ((this.tokens.at(-1)?.position ?? -1) < end) return;
    this.tokens = this.tokens.filter((t) => t.position < end);
    this.byPosition = new Map(this.tokens.map((t) => [t.position, t]));
    this.relay();
  }

  /** The tokens that are new, and those held whose text nobody told. @param {Snapshot} snapshot */
  add({ texts, positions }) {
    /** @type {Text[]} */
    const fresh = texts.filter((t) => !this.byPosition.has(t.position));
    const told = new Set(fresh.map((t) => t.position));
    for (const position of positions) {
      if (!this.byPosition.has(position) && !told.has(position)) fresh.push({ position, text: '…', role: 'template' });
    }
    fresh.sort((a, b) => a.position - b.position);
    const inOrder = fresh.length === 0 || fresh[0].position > (this.tokens.at(-1)?.position ?? -1);
    for (const text of fresh) {
      const held = { heat: still(0), share: still(1), attention: 0, lost: -Infinity, loss: 0, pinned: this.pinned(text) };
      const token = this.layout.append(Object.assign(text, held));
      this.tokens.push(token);
      this.byPosition.set(token.position, token);
    }
    if (!inOrder) this.tokens.sort((a, b) => a.position - b.position);
    if (this.tokens.length > MOST) this.thin();
    else if (!inOrder) this.relay();
  }

  /** Lets the oldest traces go. */
  thin() {
    let extra = this.tokens.length - MOST * 0.9;
    this.tokens = this.tokens.filter((t) => extra <= 0 || t.share.to > 0 || extra-- <= 0);
    this.byPosition = new Map(this.tokens.map((t) => [t.position, t]));
    this.relay();
  }

  wake() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame((now) => this.frame(now));
  }

  /** @param {number} now */
  frame(now) {
    this.waiting = false;
    if (now - this.drawn >= FRAME_MS || now > this.until) {
      this.drawn = now;
      this.draw(performance.now());
    }
    if (performance.now() < this.until + FRAME_MS) this.wake();
  }

  /** @param {number} now */
  draw(now) {
    const { pen, painter, layout, scale = 1 } = this;
    const { scrollTop, clientWidth, clientHeight } = this.scroller;
    const last = this.tokens.at(-1)?.position;
    pen.setTransform(scale, 0, 0, scale, 0, 0);
    pen.clearRect(0, 0, clientWidth, clientHeight);
    pen.translate(0, -scrollTop);
    pen.textBaseline = 'middle';
    for (let i = layout.rowAt(scrollTop); i < layout.rows.length; i++) {
      const row = layout.rows[i];
      if (row.y > scrollTop + clientHeight) break;
      painter.margin(row, layout.left);
      for (const t of row.tokens) {
        painter.token(/** @type {Token} */ (t), row.y, now, t.position === this.picked || t.position === last);
      }
    }
  }

  /** The token at a point of the canvas. @param {number} x @param {number} y @returns {Token | undefined} */
  tokenAt(x, y) {
    const below = y + this.scroller.scrollTop;
    const row = this.layout.rows[this.layout.rowAt(below)];
    if (!row || below < row.y) return undefined;
    return /** @type {Token | undefined} */ (row.tokens.find((t) => x >= t.x - 1 && x <= t.x + t.width + 1));
  }

  /** Where a token is in the canvas. @param {Token} t */
  placeOf(t) {
    const y = (this.layout.rows[t.row]?.y ?? 0) - this.scroller.scrollTop;
    return { x: t.x, y, width: t.width, height: ROW };
  }

  /** Scrolls the token at a position, or the next one, into sight. @param {number} position */
  show(position) {
    const t = this.tokens.find((u) => u.position >= position);
    if (!t) return;
    const { y } = this.placeOf(t);
    if (y < 0 || y + ROW > this.scroller.clientHeight) this.scroller.scrollTop += y - this.scroller.clientHeight / 2;
  }
}
