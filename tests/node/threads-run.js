// node [flags] tests/node/threads-run.js ENGINE.wasm THREADS MODEL.gguf: hashes of a few settings (tests/hash.js).
import fs from 'node:fs';
import { hashes } from '../hash.js';
import { Engine } from '../../web/engine.js';
import { nodeHost } from '../../web/team/node.js';

const [module, threads, model] = process.argv.slice(2);
const ids = Array.from({ length: 80 }, (_, i) => (i * 37) % 256);
const settings = [
    { name: 'full', policy: 'full', budget: 100, chunk: 80, pin: 0 },
    { name: 'tova f16', policy: 'tova', budget: 24, cache: 1, positions: 1, chunk: 9, pin: 4 },
    { name: 'h2o q8', policy: 'h2o', budget: 24, cache: 2, chunk: 1, pin: 0 },
];
/** @param {WebAssembly.Module} compiled */
const open = async (compiled) => {
    const engine = new Engine(compiled, '', Number(threads) > 1);
    await engine.team?.start(nodeHost, Number(threads));
    return engine;
};
for (const line of await hashes(fs.readFileSync(module), fs.readFileSync(model), ids, settings, open)) console.log(line);
