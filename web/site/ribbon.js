/** The whole conversation in one strip: a column for each stretch of positions, coloured by the strongest attention in it,
 *  blank where nothing is remembered. */
import { STEPS, heat, ramp } from './palette.js';

export class Ribbon {
  /** @param {HTMLCanvasElement} canvas @param {(position: number) => void} ongo */
  constructor(canvas, ongo) {
    this.canvas = canvas;
    this.pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'));
    /** @type {import('../watch.js').Snapshot | undefined} */
    this.snapshot = undefined;
    canvas.addEventListener('click', (e) => ongo(Math.floor((e.offsetX / canvas.clientWidth) * (this.snapshot?.seen ?? 0))));
    new ResizeObserver(() => this.draw()).observe(canvas);
    document.addEventListener('theme', () => this.draw());
  }

  /** @param {import('../watch.js').Snapshot | undefined} snapshot */
  update(snapshot) {
    this.snapshot = snapshot;
    this.draw();
  }

  draw() {
    const { canvas, pen, snapshot } = this;
    const scale = window.devicePixelRatio || 1;
    const width = Math.round(canvas.clientWidth * scale);
    const height = Math.round(canvas.clientHeight * scale);
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    pen.clearRect(0, 0, width, height);
    if (!snapshot?.seen) return;
    const { fill } = ramp(document.documentElement.dataset.theme === 'dark' ? 'dark' : 'light');
    const { positions, attention, share, seen, held } = snapshot;
    const columns = Math.min(width, seen);
    const heats = new Float32Array(columns);
    const shares = new Float32Array(columns);
    positions.forEach((position, i) => {
      const c = Math.floor((position / seen) * columns);
      heats[c] = Math.max(heats[c], heat(attention[i], held));
      shares[c] = Math.max(shares[c], share[i]);
    });
    const gap = width / columns > 5 * scale ? scale : 0;
    for (let c = 0; c < columns; c++) {
      if (!shares[c]) continue;
      const x = Math.round((c * width) / columns);
      const high = Math.round(height * (0.35 + 0.65 * heats[c]));
      pen.globalAlpha = 0.25 + 0.75 * shares[c];
      pen.fillStyle = fill[Math.round(heats[c] * STEPS)];
      pen.fillRect(x, height - high, Math.max(1, Math.round(((c + 1) * width) / columns) - x - gap), high);
    }
  }
}
