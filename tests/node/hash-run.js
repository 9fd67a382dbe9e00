// node [flags] tests/node/hash-run.js MODULE.wasm JOBS.json [THREADS]: hashes of all jobs, as JSON. Started by hashes.js;
// more than one thread want a build -mt.
import fs from 'node:fs';
import { Engine } from '../../web/engine.js';
import { nodeHost } from '../../web/team/node.js';
import { hashes } from '../hash.js';

const [module, jobs, threads = '1'] = process.argv.slice(2);
let engine = /** @type {Engine | undefined} */ (undefined);
/** @param {WebAssembly.Module} compiled */
async function open(compiled) {
    engine?.close();
    engine = new Engine(compiled, '', Number(threads) > 1);
    await engine.team?.start(nodeHost, Number(threads));
    return engine;
}
const result = {};
for (const { name, model, ids, settings } of JSON.parse(fs.readFileSync(jobs, 'utf8')))
    result[name] = await hashes(fs.readFileSync(module), fs.readFileSync(model), ids, settings, open);
engine?.close();
console.log(JSON.stringify(result));
