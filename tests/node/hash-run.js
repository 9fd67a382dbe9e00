// node [flags] tests/node/hash-run.js MODULE.wasm JOBS.json: hashes of all jobs, as JSON. Started by hashes.js.
import fs from 'node:fs';
import { hashes } from '../hash.js';

const [module, jobs] = process.argv.slice(2);
const result = {};
for (const { name, model, ids, settings } of JSON.parse(fs.readFileSync(jobs, 'utf8')))
    result[name] = await hashes(fs.readFileSync(module), fs.readFileSync(model), ids, settings);
console.log(JSON.stringify(result));
