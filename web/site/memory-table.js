/** The same memory as a table, and in a sentence. */
import { make } from './dom.js';
import { percent, whole } from './format.js';

/** @typedef {import('./memory-view.js').Token} Token */

const ROWS = 200;

/**
 * The newest tokens and how they stand.
 * @param {readonly Token[]} tokens
 * @param {number} places
 * @param {boolean} changes a layer without a cache is shown
 */
export function tableOf(tokens, places, changes) {
  const shown = tokens.slice(-ROWS).reverse();
  const head = ['Token', 'Text', 'From', ...(changes ? ['Change of the state'] : ['Attention', 'Held in'])].map((text) => make('th', { scope: 'col' }, text));
  const rows = shown.map((t) => {
    const held = t.share.to === 0 ? 'forgotten' : `${Math.round(t.share.to * places)} of ${places}`;
    const cells = [whole(t.position), t.text.replaceAll('\n', '↵'), t.role, t.share.to ? percent(t.attention) : '–', ...(changes ? [] : [held])];
    return make('tr', t.share.to ? {} : { className: 'forgotten' }, ...cells.map((text) => make('td', {}, text)));
  });
  const caption = make('caption', {}, `The newest ${whole(shown.length)} of ${whole(tokens.length)} tokens, the newest first`);
  return make('table', {}, caption, make('thead', {}, make('tr', {}, ...head)), make('tbody', {}, ...rows));
}

/**
 * @param {import('../watch.js').Snapshot} snapshot
 * @param {readonly Token[]} tokens
 */
export function sentenceOf({ seen, positions, layer, state }, tokens) {
  const strongest = [...tokens].filter((t) => !t.small).sort((a, b) => b.attention - a.attention).slice(0, 3);
  const quoted = strongest.map((t) => `“${t.text.trim()}”`).join(', ');
  const read = `${whole(seen)} token${seen === 1 ? '' : 's'}`;
  if (state) return `${read} in a state of norm ${state.norm.toPrecision(4)}.${quoted ? ` Most changed by: ${quoted}.` : ''}`;
  const where = layer === 'mean' ? 'in some layer' : 'in this layer';
  return `${whole(positions.length)} of ${read} remembered ${where}.${quoted ? ` Most attended: ${quoted}.` : ''}`;
}
