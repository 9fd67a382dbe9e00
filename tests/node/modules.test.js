// What every shipped engine is: small, without libc, importing memory alone, with the same exports from both toolchains.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { engines, modulePath, relaxedFlags, root } from './fixtures.js';

const limit = { simd: 150 * 1024, relaxed: 170 * 1024 };
const inspect = `const m = new WebAssembly.Module(fs.readFileSync(process.argv[1]));
    console.log(JSON.stringify({ imports: WebAssembly.Module.imports(m), exports: WebAssembly.Module.exports(m) }))`;

/** @param {string} engine */
function describe(engine) {
    const file = path.join(root, modulePath(engine, 'engine'));
    const described = execFileSync(process.execPath, [...relaxedFlags, '-e', inspect, file], { encoding: 'utf8' });
    return { file, bytes: fs.statSync(file).size, ...JSON.parse(described) };
}
/** Names that wasm/entry.c declares. */
function declared() {
    const source = fs.readFileSync(path.join(root, 'wasm/entry.c'), 'utf8');
    return [...source.matchAll(/^EXPORT\((\w+)\)/gm)].map((match) => match[1]);
}

for (const engine of engines) {
    test(`engine ${engine}: size, imports, exports`, () => {
        const { bytes, imports, exports } = describe(engine);
        const variant = /** @type {'simd' | 'relaxed'} */ (engine.split('-')[1]);
        assert.ok(bytes <= limit[variant], `${bytes} bytes, limit ${limit[variant]}`);
        assert.deepEqual(imports, [{ module: 'env', name: 'memory', kind: 'memory' }]);
        assert.deepEqual(exports.map((e) => e.name).sort(), [...declared(), '__heap_base'].sort());
        for (const e of exports) assert.equal(e.kind, e.name === '__heap_base' ? 'global' : 'function');
    });
}
