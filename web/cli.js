#!/usr/bin/env node
/** palimpsest VERB ...: one file per verb in cli/. */
import { PalError, unknown } from './errors.js';
import { UsageError, help, parse } from './cli/options.js';

const VERBS = ['chat', 'complete', 'tokenize', 'info', 'ppl', 'bench', 'logits', 'trace', 'convert'];

/** @param {string} name @returns {Promise<import('./cli/options.js').Verb>} */
const load = async (name) => (await import(`./cli/${name}.js`)).verb;

async function overview() {
  const verbs = await Promise.all(VERBS.map(load));
  const lines = verbs.map((v) => `  ${v.name.padEnd(10)}${v.summary.split('. ')[0].replace(/\.$/, '')}`);
  return `palimpsest: language models whose memory never grows\n\n${lines.join('\n')}\n\npalimpsest VERB --help tells more. First try: palimpsest chat "Tell me about the sea."\n`;
}

/** @param {string[]} argv */
async function main([name, ...rest]) {
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') return void process.stdout.write(await overview());
  if (!VERBS.includes(name)) throw new UsageError(unknown('verb', name, VERBS));
  const verb = await load(name);
  const args = parse(verb, rest);
  if (args.options.help) return void process.stdout.write(help(verb));
  await verb.run(args);
}

process.stdout.on('error', (e) => process.exit(/** @type {NodeJS.ErrnoException} */ (e).code === 'EPIPE' ? 0 : 1));
main(process.argv.slice(2)).catch((e) => {
  const known = e instanceof UsageError || e instanceof PalError || e instanceof TypeError || e?.name === 'AbortError';
  process.stderr.write(`palimpsest: ${known && !process.env.PALIMPSEST_DEBUG ? e.message : e?.stack ?? e}\n`);
  process.exitCode = e instanceof UsageError ? 2 : 1;
});
