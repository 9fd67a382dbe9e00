/** Two lines over the tokens of a chat: what its memory costs (flat) and what a cache without bound would. */
import { bytes, whole } from './format.js';

export class Chart {
  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.canvas = canvas;
    this.pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'));
    this.values = { seen: 0, flat: 0, perToken: 0, capacity: 0 };
    new ResizeObserver(() => this.draw()).observe(canvas);
    document.addEventListener('theme', () => this.draw());
  }

  /** @param {{ seen: number, flat: number, perToken: number, capacity: number }} values */
  update(values) {
    this.values = values;
    this.draw();
  }

  draw() {
    const { canvas, pen } = this;
    const { seen, flat, perToken, capacity } = this.values;
    const scale = window.devicePixelRatio || 1;
    const w = canvas.clientWidth;
    const h = canvas.clientHeight;
    canvas.width = Math.round(w * scale);
    canvas.height = Math.round(h * scale);
    pen.setTransform(scale, 0, 0, scale, 0, 0);
    if (!flat || !w) return;
    const style = getComputedStyle(canvas);
    const colour = (/** @type {string} */ name) => style.getPropertyValue(name).trim();
    const most = Math.max(seen * 1.15, capacity * 1.6, 64);
    const high = Math.max(flat, most * perToken) * 1.08;
    const x = (/** @type {number} */ tokens) => 1 + (tokens / most) * (w - 8);
    const y = (/** @type {number} */ b) => h - 14 - (b / high) * (h - 20);
    pen.font = `10px ${colour('--sans')}`;
    pen.strokeStyle = colour('--line');
    pen.lineWidth = 1;
    pen.beginPath();
    pen.moveTo(0, h - 13.5);
    pen.lineTo(w, h - 13.5);
    pen.stroke();
    if (capacity) {
      pen.fillStyle = colour('--faint');
      const budget = `budget ${whole(capacity)}`;
      pen.fillText(budget, Math.min(x(capacity) + 3, w - pen.measureText(budget).width), h - 3);
      pen.setLineDash([2, 3]);
      pen.beginPath();
      pen.moveTo(x(capacity), h - 14);
      pen.lineTo(x(capacity), 4);
      pen.stroke();
    }
    if (perToken) {
      // without bound: dashed ahead, solid behind
      pen.strokeStyle = colour('--rise');
      pen.beginPath();
      pen.moveTo(x(seen), y(seen * perToken));
      pen.lineTo(x(most), y(most * perToken));
      pen.stroke();
      pen.setLineDash([]);
      pen.lineWidth = 2;
      pen.beginPath();
      pen.moveTo(x(0), y(0));
      pen.lineTo(x(seen), y(seen * perToken));
      pen.stroke();
    }
    if (seen * perToken > flat) {
      pen.globalAlpha = 0.13;
      pen.fillStyle = colour('--rise');
      pen.beginPath();
      pen.moveTo(x(flat / perToken), y(flat));
      pen.lineTo(x(seen), y(seen * perToken));
      pen.lineTo(x(seen), y(flat));
      pen.fill();
      pen.globalAlpha = 1;
    }
    pen.strokeStyle = colour('--flat');
    pen.lineWidth = 2.5;
    pen.beginPath();
    pen.moveTo(x(0), y(flat));
    pen.lineTo(x(most), y(flat));
    pen.stroke();
    for (const [b, name] of /** @type {const} */ ([[flat, '--flat'], ...(perToken ? [/** @type {const} */ ([seen * perToken, '--rise'])] : [])])) {
      pen.fillStyle = colour(name);
      pen.beginPath();
      pen.arc(x(seen), y(b), 3.5, 0, 7);
      pen.fill();
    }
    canvas.setAttribute('aria-label', `After ${whole(seen)} tokens: this memory ${bytes(flat)}${perToken ? `, a cache without bound ${bytes(seen * perToken)}` : ''}`);
  }
}
