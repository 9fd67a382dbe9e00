/** The options of a verb as a table: parsing, checking and --help come from it. */
import { unknown } from '../errors.js';

/**
 * @typedef {'flag' | 'text' | 'int' | 'number' | 'size' | 'list' | 'ints'} Kind
 *   size: bytes, "64MB"; list: comma-separated words; ints: comma-separated whole numbers
 * @typedef {object} Option
 * @property {string} name without dashes
 * @property {Kind} kind
 * @property {string} help
 * @property {string} [value] placeholder in --help
 * @property {readonly string[]} [choices]
 * @property {number} [least]
 * @property {boolean} [many] may be given several times
 *
 * @typedef {object} Verb
 * @property {string} name
 * @property {string} usage after "palimpsest NAME "
 * @property {string} summary one line
 * @property {string} [details] what one should know
 * @property {Option[]} options
 * @property {[string, string][]} examples command line, what it does
 * @property {(args: Args) => Promise<void>} run
 *
 * @typedef {{ words: string[], options: Record<string, any> }} Args
 */

export class UsageError extends Error {}

/** @type {Option} */
const HELP = { name: 'help', kind: 'flag', help: 'this text' };

/**
 * Bytes: 1000, 64KB, 64MB, 1.5GB (powers of ten), 64KiB, 64MiB, 1GiB (powers of two).
 * @param {string} text
 */
export function parseSize(text) {
  const m = /^(\d+(?:\.\d+)?)\s*([kmg]?)(i?)b?$/i.exec(text.trim());
  if (!m || (m[3] && !m[2])) return NaN;
  const power = ['', 'k', 'm', 'g'].indexOf(m[2].toLowerCase());
  return Math.floor(Number(m[1]) * (m[3] ? 1024 : 1000) ** power);
}

/** @type {Record<Exclude<Kind, 'flag'>, (text: string) => any>} undefined: not of this kind */
const KINDS = {
  text: (t) => t,
  int: (t) => (/^-?\d+$/.test(t) ? Number(t) : undefined),
  number: (t) => (t.trim() !== '' && !Number.isNaN(Number(t)) ? Number(t) : undefined),
  size: (t) => (Number.isFinite(parseSize(t)) ? parseSize(t) : undefined),
  list: (t) => t.split(',').map((s) => s.trim()).filter(Boolean),
  ints: (t) => (/^\s*\d+(\s*,\s*\d+)*\s*$/.test(t) ? t.split(',').map(Number) : undefined),
};

const WANTS = { text: 'a text', int: 'a whole number', number: 'a number', size: 'a size like 64MB', list: 'words with commas between', ints: 'whole numbers with commas between' };

/**
 * @param {Option} o
 * @param {string} text
 */
function valueOf(o, text) {
  if (o.kind === 'flag') throw new UsageError(`--${o.name} takes no value`);
  const value = KINDS[o.kind](text);
  if (value === undefined) throw new UsageError(`--${o.name}: '${text}' is not ${WANTS[o.kind]}`);
  for (const v of Array.isArray(value) ? value : [value]) {
    if (o.choices && !o.choices.includes(v)) throw new UsageError(`--${o.name}: ${unknown('value', String(v), o.choices)}`);
    if (o.least !== undefined && v < o.least) throw new UsageError(`--${o.name}: ${v} is less than ${o.least}`);
  }
  return value;
}

/**
 * @param {Verb} verb
 * @param {readonly string[]} argv
 * @returns {Args}
 */
export function parse(verb, argv) {
  const table = [...verb.options, HELP];
  const names = table.map((o) => o.name);
  /** @type {string[]} */
  const words = [];
  /** @type {Record<string, any>} */
  const options = {};
  for (let i = 0; i < argv.length; i++) {
    const arg = argv[i];
    if (arg === '--') {
      words.push(...argv.slice(i + 1));
      break;
    }
    if (arg === '-h') options.help = true;
    else if (!arg.startsWith('--')) words.push(arg);
    else {
      const [, name, inline] = /** @type {string[]} */ (/^--([^=]*)(?:=([\s\S]*))?$/.exec(arg));
      const o = table.find((x) => x.name === name);
      if (!o) throw new UsageError(`${unknown('option', name, names)} (palimpsest ${verb.name} --help lists them)`);
      if (options[name] !== undefined && !o.many) throw new UsageError(`--${name} is given twice`);
      if (o.kind === 'flag' && inline === undefined) {
        options[name] = true;
        continue;
      }
      const text = inline ?? argv[++i];
      if (text === undefined) throw new UsageError(`--${name} needs ${WANTS[/** @type {'text'} */ (o.kind)]}`);
      options[name] = o.many ? [...(options[name] ?? []), valueOf(o, text)] : valueOf(o, text);
    }
  }
  return { words, options };
}

/**
 * Breaks a text into lines of at most `width`, indented by `indent`.
 * @param {string} text
 * @param {number} indent
 * @param {number} [width]
 */
export function wrap(text, indent, width = 100) {
  const pad = ' '.repeat(indent);
  return text.split('\n').map((line) => {
    const lines = [''];
    for (const word of line.split(' ')) {
      const last = lines[lines.length - 1];
      if (last && last.length + 1 + word.length + indent > width) lines.push(word);
      else lines[lines.length - 1] = last ? `${last} ${word}` : word;
    }
    return lines.map((l) => (l ? pad + l : '')).join('\n');
  }).join('\n');
}

/** @param {Verb} verb */
export function help(verb) {
  const options = [...verb.options, HELP].map((o) => {
    const what = o.value ?? (o.choices ? o.choices.join('|') : { flag: '', text: 'TEXT', int: 'N', number: 'X', size: 'BYTES', list: 'A,B', ints: 'N,N' }[o.kind]);
    const left = `  --${o.name}${what ? ` ${what}` : ''}`;
    return left.length > 26 ? `${left}\n${wrap(o.help, 28)}` : left.padEnd(28) + wrap(o.help, 28).trimStart();
  });
  const examples = verb.examples.map(([line, what]) => `  palimpsest ${line}\n      ${what}`);
  return [
    `palimpsest ${verb.name} ${verb.usage}`, '', wrap(verb.summary, 0), ...(verb.details ? ['', wrap(verb.details, 0)] : []),
    '', 'Options', ...options, '', 'Examples', ...examples, '',
  ].join('\n');
}
