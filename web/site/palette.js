/** The colours of attention. Two ramps through OKLCH, where equal steps look equal: embers on parchment, and embers that
 *  glow in the dark. Index 0 is no attention, STEPS the most. */

export const STEPS = 64;

/** @typedef {[at: number, lightness: number, chroma: number, hue: number, alpha: number]} Stop */

/** @type {Record<'light' | 'dark', Stop[]>} */
const RAMPS = {
  light: [
    [0, 0.9, 0.035, 92, 0.55],
    [0.3, 0.9, 0.085, 88, 0.95],
    [0.55, 0.83, 0.15, 74, 1],
    [0.75, 0.71, 0.185, 50, 1],
    [0.9, 0.57, 0.2, 32, 1],
    [1, 0.44, 0.17, 22, 1],
  ],
  dark: [
    [0, 0.25, 0.02, 50, 0.8],
    [0.3, 0.35, 0.085, 38, 1],
    [0.55, 0.52, 0.16, 40, 1],
    [0.75, 0.69, 0.19, 52, 1],
    [0.9, 0.83, 0.165, 78, 1],
    [1, 0.95, 0.11, 98, 1],
  ],
};

/** Lightness above which dark ink reads better on a colour than light ink. */
const TURN = 0.62;

/** @param {Stop[]} stops @param {number} at */
function between(stops, at) {
  const i = Math.max(1, stops.findIndex((s) => s[0] >= at));
  const [a, b] = [stops[i - 1], stops[i]];
  const f = (at - a[0]) / (b[0] - a[0]);
  return a.map((v, k) => v + f * (b[k] - v));
}

/**
 * fill: colours of chips; bright: those that need dark ink.
 * @param {'light' | 'dark'} theme
 */
export function ramp(theme) {
  const fill = [];
  const bright = [];
  for (let i = 0; i <= STEPS; i++) {
    const [, l, c, h, a] = between(RAMPS[theme], i / STEPS);
    fill.push(`oklch(${l.toFixed(4)} ${c.toFixed(4)} ${h.toFixed(2)} / ${a.toFixed(3)})`);
    bright.push(l > TURN);
  }
  return { fill, bright };
}

/**
 * Where an attention lies on the ramp, 0..1: its ratio to even attention, in octaves from 1/8 to 32 times.
 * @param {number} attention of one of `held` tokens; they sum up to about 1
 * @param {number} held
 */
export function heat(attention, held) {
  if (!(attention > 0)) return 0;
  return Math.min(1, Math.max(0, (Math.log2(attention * Math.max(held, 1)) + 3) / 8));
}
