/** node web/bundle.js: web/ as a page's few files, in dist/: the API, the worker and the element, each in one small module, and
 *  the two builds of the engine. The same sources, without comments: a phone fetches three files instead of fifty. Folders
 *  are one deep as in web/, so that the URLs of the worker and of the wasm files are right. */
import fs from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const here = fileURLToPath(new URL('.', import.meta.url));
const out = fileURLToPath(new URL('../dist/', import.meta.url));

/** @param {Record<string, string>} input */
async function bundle(input) {
  const build = await rolldown({ input, platform: 'browser', cwd: here });
  await build.write({ dir: out, format: 'es', minify: true, comments: { legal: true }, entryFileNames: '[name].js', chunkFileNames: 'page/[name].js' });
  await build.close();
}

await fs.rm(out, { recursive: true, force: true });
await bundle({ 'page/palimpsest': './browser.js', 'element/pal-chat': './element/pal-chat.js' });
await bundle({ 'worker/worker': './worker/worker.js' });
await fs.mkdir(`${out}lib`);
for (const name of ['engine-simd.wasm', 'engine-relaxed.wasm', 'LICENSES.txt']) await fs.copyFile(`${here}lib/${name}`, `${out}lib/${name}`);
