// node tests/bench/family.js --books FOLDER [--tokens 12288] [--keep FILE.jsonl] [--write] [MODEL.gguf ...]
// Perplexity of held-out books for every member of models/family, and for the transformer by policy, budget and positions;
// the loss where a memory of so many tokens has forgotten, and of a passage that comes again. In Node, one thread, one
// process; the whole of it with nine books:
//   nice node tests/bench/family.js --books ../shared/text/pg19_test --keep /tmp/family.jsonl --write
// With --tokens 6144 it took 26 minutes of one core. --keep: each measurement is a line there as soon as it is done; those
// found there are not repeated, so that a run that was cut off goes on, and a whole one draws again in seconds. --write: the
// part of FAMILY.md below its mark, family.svg and family-members.svg.
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { encodeWhole } from '../../web/cli/common.js';
import { Model } from '../../web/node.js';
import { figure, round } from './plot.js';

const beside = (/** @type {string} */ name) => fileURLToPath(new URL(name, import.meta.url));
const BUDGETS = [64, 128, 256, 512, 1024];
const TRAINED = 2048; // tokens of a row in training
const EDGES = [1, 128, 512, 2048, 4096, 8192, 16384, 32768]; // of the table by position
const DISTANCES = [100, 300, 600, 1200]; // from the beginning of a passage to its second beginning
const PASSAGE = 64; // tokens, a chunk
const PICTURES = '\n![Perplexity by tokens kept](family.svg)\n![Loss by position, and passages that come again](family-members.svg)\n';
const MARK = '<!-- Below is what family.js --write wrote. -->';
// Student's t: 95 % of it lies within ±, for 1, 2, 3, ... degrees of freedom.
const T95 = [12.71, 4.3, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23, 2.2, 2.18, 2.16, 2.14, 2.13, 2.12];

/** @typedef {import('../../web/limits.js').MemoryOptions} Memory */
/** @typedef {{ name: string, ids: number[], passages: number[], back: number[], characters: number }} Book */
/**
 * What one model with one memory did on one book: mean losses in nats, null where there is no such token.
 * @typedef {object} Result
 * @property {number} all
 * @property {number} first the first 2,048
 * @property {number | null} unseen tokens that had not occurred
 * @property {Record<number, number | null>} far tokens whose last occurrence lies further back than so many
 * @property {(number | null)[]} places by position
 * @property {number[]} recall nats per token that an earlier reading saves, by distance
 * @property {number} bits per character
 * @property {number} bytes of state
 * @property {number} seconds
 */
/** @typedef {{ name: string, policy?: string, budget: number, positions?: string, books: Result[] }} Row one a setting, its books in their order */

// ---- the texts ----

/** The recipe leaves out paragraphs with these words; it has the list. */
function unkind() {
    const source = fs.readFileSync(beside('../../models/train/sources.py'), 'utf8');
    const [, lines] = /^UNKIND = re\.compile\(((?:\s*r".*")+)\)$/m.exec(source) ?? [];
    if (!lines) throw new Error('models/train/sources.py: no UNKIND');
    return new RegExp([...lines.matchAll(/r"(.*)"/g)].map((m) => m[1]).join('').replace('(?i)', ''), 'i');
}

const PLAIN = /** @type {Record<string, string>} */ ({ '\u2019': "'", '\u2018': "'", '\u201c': '"', '\u201d': '"', '\u2014': '--' });

/** A book as the family reads it: a paragraph a line, plain quotes; what models/train/unwrap.py prints. @param {string} book */
export function unwrap(book, leave = unkind()) {
    const paragraphs = book.split(/\n\s*\n/).map((raw) => raw.replaceAll('_', '').replaceAll(/[‘’“”—]/g, (c) => PLAIN[c]).replaceAll(/\s+/g, ' ').trim());
    return `${paragraphs.filter((text) => text && !leave.test(text)).join('\n\n')}\n`;
}

/** How many tokens ago each token occurred last; Infinity: never. The first one is no text. @param {readonly number[]} ids */
export function lookBack(ids) {
    const last = new Map();
    return ids.map((id, i) => {
        const back = last.has(id) ? i - last.get(id) : Infinity;
        if (i) last.set(id, i);
        return back;
    });
}

// ---- figures ----

const sum = (/** @type {readonly number[]} */ list) => list.reduce((a, b) => a + b, 0);
const mean = (/** @type {readonly number[]} */ list) => (list.length ? sum(list) / list.length : null);

/**
 * Losses of a book's tokens -> means over the sets of tokens that the tables speak of.
 * @param {readonly number[]} nll of token i; that of the first one does not count
 * @param {readonly number[]} back see lookBack
 */
export function figures(nll, back, budgets = BUDGETS, edges = EDGES) {
    const of = (/** @type {(i: number) => boolean} */ want) => mean(nll.filter((_, i) => i > 0 && want(i)));
    return {
        all: of(() => true),
        first: of((i) => i < TRAINED),
        unseen: of((i) => back[i] === Infinity),
        // A memory of the last n tokens, that before token i among them, begins at token i - n.
        far: Object.fromEntries(budgets.map((n) => [n, of((i) => back[i] > n && back[i] < Infinity)])),
        places: edges.slice(1).map((end, k) => of((i) => i >= edges[k] && i < end)),
    };
}

/** Mean over books, and its standard error; undefined when a book has no such number. @param {readonly (number | null | undefined)[]} list */
export function spread(list) {
    const known = list.filter((v) => typeof v === 'number');
    if (!list.length || known.length < list.length) return undefined;
    const middle = sum(known) / known.length;
    const error = Math.sqrt(sum(known.map((v) => (v - middle) ** 2)) / (known.length - 1) / known.length);
    return { mean: middle, error, reach: error * (T95[known.length - 2] ?? 2.1) };
}

/** Book by book, one less the other. @param {Row} row @param {Row | undefined} base @param {(r: Result) => number | null} of */
export function against(row, base, of) {
    return base && spread(row.books.map((r, i) => (of(r) === null ? null : /** @type {number} */ (of(r)) - /** @type {number} */ (of(base.books[i])))));
}

/** 95 % of such intervals hold the truth: -1 better (less loss), 1 worse, 0 not told apart. @param {ReturnType<typeof spread>} difference */
export const verdict = (difference) => (difference && Math.abs(difference.mean) > difference.reach ? Math.sign(difference.mean) : 0);

// ---- measuring ----

/** @param {Model} model @param {string} file @param {number} tokens @returns {Promise<Book>} */
async function open(model, file, tokens) {
    const all = encodeWhole(model, unwrap(fs.readFileSync(file, 'utf8')));
    const need = tokens + 2 * PASSAGE + DISTANCES[DISTANCES.length - 1];
    if (all.length < need) throw new Error(`${file}: ${all.length} tokens, fewer than ${need}`);
    const ids = all.slice(0, tokens);
    return { name: path.basename(file), ids, passages: all.slice(tokens, need), back: lookBack(ids), characters: [...model.decode(ids)].length };
}

/** The loss of every token, read as one stream; chunks change no bit. @param {Model} model @param {readonly number[]} ids @param {Memory} memory */
export async function losses(model, ids, memory) {
    const session = model.session({ memory, chunk: 64, seed: 0 });
    const nll = [0];
    for (let i = 0; i + 1 < ids.length; i += 64) {
        const end = Math.min(ids.length - 1, i + 64);
        await session.feed(ids.slice(i, end));
        nll.push(...session.nll(ids.slice(i + 1, end + 1)));
    }
    const { state } = session.cost;
    session.close();
    return { nll, state };
}

/** The loss of a passage, so many tokens after the text began. @param {Model} model @param {readonly number[]} text @param {readonly number[]} passage @param {Memory} memory */
async function after(model, text, passage, memory) {
    const session = model.session({ memory, chunk: PASSAGE, seed: 0, undo: true });
    const out = [];
    for (const distance of DISTANCES) {
        await session.feed(text.slice(session.seen, distance)); // text[0] is the begin token
        session.mark();
        session.feedChunk([text[distance], ...passage.slice(0, -1)]);
        out.push(sum([...session.nll(passage)]) / passage.length);
        session.rewind();
    }
    session.close();
    return out;
}

/** What it helps to have read the passage before: another one stood there, the same text between. @param {Model} model @param {Book} book @param {Memory} memory */
async function recall(model, { ids, passages }, memory) {
    const [passage, other, between] = [passages.slice(0, PASSAGE), passages.slice(PASSAGE, 2 * PASSAGE), passages.slice(2 * PASSAGE)];
    const without = await after(model, [ids[0], ...other, ...between], passage, memory);
    const having = await after(model, [ids[0], ...passage, ...between], passage, memory);
    return without.map((loss, i) => loss - having[i]);
}

/** @param {Model} model @param {Book} book @param {Memory} memory @returns {Promise<Result>} */
async function measure(model, book, memory) {
    const started = process.cpuUsage();
    const { nll, state } = await losses(model, book.ids, memory);
    const again = await recall(model, book, memory);
    const edges = [...EDGES.filter((n) => n < book.ids.length), book.ids.length];
    const means = /** @type {any} */ (figures(nll, book.back, BUDGETS, edges));
    return { ...means, recall: again, bits: sum(nll) / Math.LN2 / book.characters, bytes: state, seconds: process.cpuUsage(started).user / 1e6 };
}

/** Which memories a model is read with. @param {Model} model @param {string} member @param {number} tokens @returns {{ name: string, policy?: string, memory: Memory }[]} */
function settings(model, member, tokens) {
    const memory = (/** @type {string} */ policy, /** @type {number} */ budget, /** @type {string} */ positions) => /** @type {Memory} */ ({ policy, tokens: budget, positions, cache: 'f32' });
    const bytes = (/** @type {number} */ n) => model.cost(memory('window', n, 'original')).state;
    if (bytes(4096) === bytes(8192)) return [{ name: member, memory: memory('full', tokens, 'original') }]; // bounded by nature
    const policies = model.engine.policies().filter((p) => p !== 'full');
    return [
        { name: `${member}, all kept`, memory: memory('full', tokens, 'original') },
        { name: `${member}, window of ${TRAINED.toLocaleString('en')}`, memory: memory('window', TRAINED, 'cache') },
        ...['cache', 'original'].flatMap((positions) => policies.flatMap((policy) => BUDGETS.map((n) =>
            ({ name: policy, policy, memory: memory(policy, n, positions) })))),
    ];
}

/** @param {string[]} models @param {string[]} files books @param {number} tokens @param {string} [keep] */
async function run(models, files, tokens, keep) {
    const known = new Map(keep && fs.existsSync(keep) ? fs.readFileSync(keep, 'utf8').trim().split('\n').map((line) => JSON.parse(line)).map(({ key, ...r }) => [key, r]) : []);
    const rows = /** @type {Row[]} */ ([]);
    let books = /** @type {Book[]} */ ([]);
    for (const file of models) {
        const member = path.basename(file, '.gguf');
        const model = await Model.load(file, { variant: 'simd', threads: 1 });
        const own = await Promise.all(files.map((book) => open(model, book, tokens)));
        if (books.length && own.some((b, i) => b.ids.join() !== books[i].ids.join())) throw new Error(`${file} has another vocabulary`);
        books = own;
        const all = settings(model, member, tokens);
        const hash = createHash('sha256').update(fs.readFileSync(file)).digest('hex').slice(0, 16);
        for (const { name, policy, memory } of all) {
            const row = { name, policy, budget: /** @type {number} */ (memory.tokens), positions: memory.positions, books: /** @type {Result[]} */ ([]) };
            for (const book of books) {
                const key = [hash, JSON.stringify(memory), book.name, createHash('sha256').update([...book.ids, ...book.passages].join()).digest('hex').slice(0, 16)].join(' ');
                const result = known.get(key) ?? (await measure(model, book, memory));
                if (keep && !known.has(key)) fs.appendFileSync(keep, `${JSON.stringify({ key, ...result })}\n`);
                row.books.push(result);
            }
            rows.push(row);
            console.error(`${name.padEnd(36)} ${String(row.budget).padStart(6)} ${(row.positions ?? '').padEnd(9)} perplexity ${perplexity(row)}, ${sum(row.books.map((r) => r.seconds)).toFixed(0)} s`);
        }
    }
    return { rows, books };
}

// ---- tables ----

const number = (/** @type {number} */ n) => n.toLocaleString('en');
const perplexity = (/** @type {Row} */ row, of = (/** @type {Result} */ r) => /** @type {number | null} */ (r.all)) => {
    const s = spread(row.books.map(of));
    return s ? Math.exp(s.mean).toFixed(2) : '';
};
/** A mean over books. @param {ReturnType<typeof spread>} s */
const plain = (s, digits = 3) => (s ? s.mean.toFixed(digits) : '');
/** The same with its standard error; bold where the interval of 95 % leaves 0 out. @param {ReturnType<typeof spread>} s */
export const signed = (s) => {
    if (!s) return '';
    const figure = s.mean.toFixed(4).replace(/^-(0\.0*)$/, '$1');
    const all = `${Number(figure) > 0 ? '+' : ''}${figure}${Number.isNaN(s.error) ? '' : ` ± ${s.error.toFixed(4)}`}`;
    return verdict(s) ? `**${all}**` : all;
};
const loss = (/** @type {Row} */ row, /** @type {(r: Result) => number | null} */ of) => spread(row.books.map(of));
const cells = (/** @type {(string | number)[]} */ list) => `| ${list.join(' | ')} |`;
/** @param {string[]} head @param {(string | number)[][]} lines */
export const table = (head, lines) => [cells(head), cells(head.map(() => '---')), ...lines.map(cells)].join('\n');
const kilobytes = (/** @type {Row} */ row) => number(Math.round(row.books[0].bytes / 1000));
const recalls = (/** @type {Row} */ row) => DISTANCES.map((_, i) => signed(loss(row, (r) => r.recall[i])));

const reference = (/** @type {Row[]} */ rows) => rows.find((r) => !r.policy && r.name.endsWith(`window of ${number(TRAINED)}`));
const windowOf = (/** @type {Row[]} */ rows, /** @type {Row} */ row) => rows.find((r) => r.policy === 'window' && r.budget === row.budget && r.positions === row.positions);

/** The members, and what their tokens lost. @param {Row[]} rows @param {number} tokens */
function membersText(rows, tokens) {
    const members = rows.filter((r) => !r.policy);
    const base = reference(rows);
    const edges = [...EDGES.filter((n) => n < tokens), tokens];
    return `## Members

${table(['member', 'state, KB', 'perplexity', 'bits a character', `against the window of ${number(TRAINED)}, nats`, `first ${number(TRAINED)}: perplexity`, 'loss: never seen', ...BUDGETS.map((n) => `last seen > ${number(n)} ago`)],
        members.map((r) => [r.name, kilobytes(r), perplexity(r), plain(loss(r, (b) => b.bits)), r === base ? '' : signed(against(r, base, (b) => b.all)), perplexity(r, (b) => b.first), plain(loss(r, (b) => b.unseen)), ...BUDGETS.map((n) => plain(loss(r, (b) => b.far[n])))]))}

Loss by position:

${table(['member', ...edges.slice(1).map((end, i) => `${number(edges[i])}–${number(end - 1)}`)], members.map((r) => [r.name, ...edges.slice(1).map((_, i) => plain(loss(r, (b) => b.places[i])))]))}

A passage comes again: nats a token that the first reading saves, by the tokens from its beginning to its second one:

${table(['member', ...DISTANCES.map(number)], members.map((r) => [r.name, ...recalls(r)]))}
`;
}

/** Where a policy is better and worse than the window, in words. @param {Row[]} rows @param {string} positions @param {'all' | 'far'} what */
export function verdicts(rows, positions, what) {
    const of = (/** @type {Row} */ row) => (/** @type {Result} */ r) => (what === 'all' ? r.all : r.far[row.budget]);
    const bounded = rows.filter((r) => r.policy && r.policy !== 'window' && r.positions === positions);
    return [...new Set(bounded.map((r) => r.name))].map((name) => {
        const at = (/** @type {number} */ sign) => bounded.filter((r) => r.name === name && verdict(against(r, windowOf(rows, r), of(r))) === sign).map((r) => r.budget).join(', ');
        const parts = [['better than window at', at(-1)], ['worse at', at(1)], ['not told apart at', at(0)]].filter(([, list]) => list);
        return `- ${name}: ${parts.map(([say, list]) => `${say} ${list}`).join('; ')}`;
    }).join('\n');
}

/** @param {Row[]} rows @param {string} positions */
function policiesText(rows, positions) {
    const bounded = rows.filter((r) => r.policy && r.positions === positions).sort((a, b) => a.budget - b.budget);
    const far = (/** @type {Row} */ row) => (/** @type {Result} */ r) => r.far[row.budget];
    const difference = (/** @type {Row} */ row, /** @type {(r: Result) => number | null} */ of) => (row.policy === 'window' ? '' : signed(against(row, windowOf(rows, row), of)));
    return `## Policies, positions: ${positions}

${table(['tokens', 'policy', 'state, KB', 'perplexity', 'bits a character', 'against window, nats', `first ${number(TRAINED)}: perplexity`, 'loss: never seen', 'last seen longer ago than the budget', 'against window, nats'],
        bounded.map((r) => [r.budget, r.name, kilobytes(r), perplexity(r), plain(loss(r, (b) => b.bits)), difference(r, (b) => b.all), perplexity(r, (b) => b.first), plain(loss(r, (b) => b.unseen)), plain(loss(r, far(r))), difference(r, far(r))]))}

Loss on all tokens, against the window of the same budget:

${verdicts(rows, positions, 'all')}

On tokens last seen longer ago than the budget:

${verdicts(rows, positions, 'far')}

A passage comes again: nats a token that the first reading saves:

${table(['tokens', 'policy', ...DISTANCES.map((n) => `after ${number(n)}`)], bounded.map((r) => [r.budget, r.name, ...recalls(r)]))}
`;
}

/** How many tokens the means are of. @param {Book[]} books */
function countsText(books) {
    const share = (/** @type {(back: number) => boolean} */ want) => sum(books.map((b) => b.back.slice(1).filter(want).length));
    return `Of ${number(sum(books.map((b) => b.ids.length - 1)))} tokens, ${number(share((n) => n === Infinity))} had not occurred in their book; ${BUDGETS.map((n) => `${number(share((b) => b > n && b < Infinity))} had last occurred more than ${number(n)}`).join(', ')} tokens before.`;
}

/** What more memory is worth to the window. @param {Row[]} rows */
function worthText(rows) {
    const [base, small] = [reference(rows), rows.find((r) => r.policy === 'window' && r.positions === 'cache')];
    return base && small ? `A window of ${number(TRAINED)} tokens instead of ${small.budget} changes the transformer's loss by ${signed(against(base, small, (r) => r.all))} nats a token: so much is more memory worth here.` : '';
}

/** @param {Row[]} rows @param {Book[]} books @param {string} command */
export function text(rows, books, command) {
    const seconds = sum(rows.flatMap((r) => r.books.map((b) => b.seconds)));
    const tokens = books[0].ids.length;
    return `\n${new Date().toISOString().slice(0, 10)}, \`${command}\`: the first ${number(tokens)} tokens of ${books.length} books (${books.map((b) => path.basename(b.name, '.txt')).join(', ')}), ${(seconds / 60).toFixed(0)} minutes of one core.

${countsText(books)} ${worthText(rows)}

${membersText(rows, tokens)}
${['cache', 'original'].filter((p) => rows.some((r) => r.policy && r.positions === p)).map((p) => policiesText(rows, p)).join('\n')}`;
}

// ---- plots ----

/** @param {Row[]} rows @returns {string} SVG */
function policiesPlot(rows) {
    const base = reference(rows);
    const names = [...new Set(rows.filter((r) => r.policy).map((r) => r.name))].sort((a, b) => Number(b === 'tova') - Number(a === 'tova')); // the first is thick
    const x = { ticks: BUDGETS, name: String, log: true, title: 'tokens kept' };
    const mid = (/** @type {Row} */ r) => Math.exp(/** @type {any} */ (loss(r, (b) => b.all)).mean);
    const own = (/** @type {string} */ name, /** @type {string} */ positions) => rows.filter((r) => r.name === name && r.positions === positions && r.policy);
    /** @param {string} title @param {import('./plot.js').Points[]} lines */
    const panel = (title, lines) => ({ title, x, y: { ticks: round(lines.flat().flatMap(([, v, e = 0]) => [v - e, v + e])), name: String }, lines: lines.map((points) => ({ points })) });
    const level = /** @type {import('./plot.js').Points} */ (base ? BUDGETS.map((n) => [n, mid(base)]) : []);
    const perplexities = (/** @type {string} */ positions) => panel(`perplexity, positions: ${positions}`, [...names.map((name) => own(name, positions).map((r) => /** @type {[number, number]} */ ([r.budget, mid(r)]))), level]);
    const far = names.map((name) => own(name, 'cache').flatMap((r) => {
        const s = against(r, windowOf(rows, r), (b) => b.far[r.budget]);
        return s ? [/** @type {[number, number, number]} */ ([r.budget, s.mean, s.reach || 0])] : [];
    }));
    return figure([perplexities('cache'), perplexities('original'), panel('last seen > budget ago: nats against window', far)], [...names, `window of ${number(TRAINED)}`],
        'Perplexity by tokens kept, for each policy and both kinds of positions, and the loss on tokens last seen longer ago than the budget, less that of the window');
}

/** @param {Row[]} rows @param {number} tokens @returns {string} SVG */
function membersPlot(rows, tokens) {
    const lines = rows.filter((r) => !r.policy || (r.policy === 'tova' && r.budget === 512 && r.positions === 'cache'));
    const ends = [...EDGES.filter((n) => n > 1 && n < tokens), tokens];
    const points = (/** @type {number[]} */ at, /** @type {(r: Result, i: number) => number | null} */ of, bars = false) => lines.map((row) => at.flatMap((n, i) => {
        const s = loss(row, (r) => of(r, i));
        return s ? [/** @type {[number, number, number]} */ ([n, s.mean, bars ? s.reach || 0 : 0])] : [];
    }));
    /** @param {string} title @param {string} across @param {number[]} ticks @param {import('./plot.js').Points[]} list */
    const panel = (title, across, ticks, list) => ({ title, x: { ticks, name: number, log: true, title: across }, y: { ticks: round(list.flat().flatMap(([, v, e = 0]) => [v - e, v + e])), name: String }, lines: list.map((p) => ({ points: p })) });
    return figure([panel('loss up to a position, nats', 'end of the stretch', ends, points(ends, (r, i) => r.places[i])), panel('a passage again: nats saved', 'tokens since it began', DISTANCES, points(DISTANCES, (r, i) => r.recall[i], true))],
        lines.map((r) => (r.policy ? `transformer, ${r.policy} ${r.budget}` : r.name)), 'Loss by position in the book, and what an earlier reading of a passage saves, by member');
}

/** @param {string[]} args */
async function main(args) {
    const { values: o, positionals } = parseArgs({ args, allowPositionals: true, options: { books: { type: 'string' }, tokens: { type: 'string', default: '12288' }, keep: { type: 'string' }, write: { type: 'boolean' } } });
    if (!o.books) throw new Error('--books FOLDER: where the held-out books lie');
    const list = (/** @type {string} */ folder, /** @type {string} */ end) => fs.readdirSync(folder).filter((f) => f.endsWith(end)).sort().map((f) => path.join(folder, f));
    const first = (/** @type {string} */ f) => (f.endsWith('transformer.gguf') ? 0 : 1);
    const models = positionals.length ? positionals : list(beside('../../models/family'), '.gguf').sort((a, b) => first(a) - first(b));
    const files = list(o.books, '.txt');
    if (!models.length || !files.length) throw new Error(`${models.length} models and ${files.length} books: nothing to measure`);
    const { rows, books } = await run(models, files, Number(o.tokens), o.keep);
    const own = text(rows, books, `node tests/bench/family.js --tokens ${o.tokens}${positionals.map((p) => ` ${path.basename(p)}`).join('')}`);
    console.log(own);
    if (!o.write) return;
    const file = beside('FAMILY.md');
    const [head, mark] = fs.readFileSync(file, 'utf8').split(MARK);
    if (mark === undefined) throw new Error(`${file} has no line ${MARK}`);
    fs.writeFileSync(file, `${head}${MARK}\n${PICTURES}${own}`);
    fs.writeFileSync(beside('family.svg'), policiesPlot(rows));
    fs.writeFileSync(beside('family-members.svg'), membersPlot(rows, Number(o.tokens)));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main(process.argv.slice(2));
