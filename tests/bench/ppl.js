// node tests/bench/ppl.js BOOK.txt [MODEL.gguf] [--budget 64,128,256,512,1024,2048] [--policy window,sinks,h2o,tova,tova-head] [--limit N] [--write]
// Perplexity of a whole book read through a bounded memory, by every policy and budget, with `palimpsest ppl`.
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { optionsOf } from './options.js';
import { record } from './results.js';

const { values, positionals } = optionsOf(import.meta.url, {
    allowPositionals: true,
    options: {
        budget: { type: 'string', default: '64,128,256,512,1024,2048' }, policy: { type: 'string', default: 'window,sinks,h2o,tova,tova-head' },
        positions: { type: 'string', default: 'cache' }, limit: { type: 'string' }, write: { type: 'boolean' },
    },
});
const cli = fileURLToPath(new URL('../../web/cli.js', import.meta.url));
const args = [...positionals.toReversed(), '--policy', values.policy, '--budget', values.budget, '--positions', values.positions, ...(values.limit ? ['--limit', values.limit] : [])];
console.log(`+ node web/cli.js ppl ${args.join(' ')}`);
const run = spawnSync(process.execPath, [cli, 'ppl', ...args, '--json'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'], maxBuffer: 1 << 26 });
if (run.status) process.exit(run.status);
const { tokens, results } = JSON.parse(run.stdout);
const budgets = [...new Set(results.map((/** @type {any} */ r) => r.budget))];
const head = ['date', 'book', 'model', 'tokens', 'positions', 'policy', ...budgets.map(String)];
for (const policy of new Set(results.map((/** @type {any} */ r) => r.policy))) {
    const of = (/** @type {number} */ b) => results.find((/** @type {any} */ r) => r.policy === policy && r.budget === b);
    const row = [new Date().toISOString().slice(0, 10), path.basename(positionals[0]), path.basename(positionals[1] ?? 'default.gguf'), tokens, values.positions, policy, ...budgets.map((b) => of(b)?.ppl.toFixed(2) ?? '')];
    console.log(row.join('  '));
    if (values.write) record('perplexity of a book by budget', head, row);
}
