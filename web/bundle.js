/** node web/bundle.js [site FOLDER]: web/ as few small files: the same sources without comments, so that a phone fetches four
 *  files instead of fifty. Into dist/ the API, the worker, its helper threads, the element and the builds of the engine; or into
 *  FOLDER/web the site. Folders are one deep as in web/, so that the URLs of the worker and of the wasm files are right. */
import fs from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';
import { VARIANTS } from './variants.js';

const here = fileURLToPath(new URL('.', import.meta.url));
const dist = fileURLToPath(new URL('../dist/', import.meta.url));

/** @param {string} out @param {Record<string, string>} input */
async function bundle(out, input) {
  const build = await rolldown({ input, platform: 'browser', cwd: here });
  await build.write({ dir: out, format: 'es', minify: true, comments: { legal: true }, entryFileNames: '[name].js', chunkFileNames: 'page/[name].js' });
  await build.close();
}

const [what, folder] = process.argv.slice(2);
const out = what === 'site' ? `${path.resolve(folder)}/web/` : dist;
await fs.rm(out, { recursive: true, force: true });
await bundle(out, { 'worker/worker': './worker/worker.js' });
await bundle(out, { 'team/helper': './team/helper.js' });
if (what === 'site') {
  await bundle(out, { 'site/site': './site/site.js' });
  await bundle(out, { 'site/family': './site/family.js' });
  const keep = (/** @type {string} */ name) => /theme\.js$/.test(name) || !/\.js$|screenshots/.test(name); // theme.js runs by itself, before the page is drawn
  await fs.cp(`${here}site`, `${out}site`, { recursive: true, filter: (name) => keep(name.slice(here.length)) });
  await fs.copyFile(`${here}sw.js`, `${out}sw.js`);
} else await bundle(out, { 'page/palimpsest': './browser.js', 'element/pal-chat': './element/pal-chat.js' });
await fs.mkdir(`${out}lib`);
const builds = VARIANTS.filter((name) => name !== 'auto').flatMap((name) => [`engine-${name}.wasm`, `engine-${name}-mt.wasm`]);
for (const name of [...builds, 'LICENSES.txt']) await fs.copyFile(`${here}lib/${name}`, `${out}lib/${name}`);
