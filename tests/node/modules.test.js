// What every shipped engine is: small, without libc, importing memory alone, with the same exports from both toolchains.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { engines, modulePath, relaxedFlags, root } from './fixtures.js';

const limit = 200_000;
const inspect = `const m = new WebAssembly.Module(fs.readFileSync(process.argv[1]));
    console.log(JSON.stringify({ imports: WebAssembly.Module.imports(m), exports: WebAssembly.Module.exports(m) }))`;

/** @param {string} engine */
function describe(engine) {
    const file = path.join(root, modulePath(engine, 'engine'));
    const described = execFileSync(process.execPath, [...relaxedFlags, '-e', inspect, file], { encoding: 'utf8' });
    return { file, bytes: fs.statSync(file).size, ...JSON.parse(described) };
}
/**
 * Names that a file of wasm/ declares.
 * @param {string} name
 */
function declared(name) {
    const source = fs.readFileSync(path.join(root, `wasm/${name}.c`), 'utf8');
    return [...source.matchAll(/^EXPORT\((\w+)\)/gm)].map((match) => match[1]);
}

for (const engine of engines.flatMap((name) => [name, `${name}-mt`])) {
    const threads = engine.endsWith('-mt');
    const globals = ['__heap_base', ...(threads ? ['__stack_pointer'] : [])];
    test(`engine ${engine}: size, imports, exports`, () => {
        const { bytes, imports, exports } = describe(engine);
        assert.ok(bytes < limit, `${bytes} bytes, limit ${limit}`);
        assert.deepEqual(imports, [{ module: 'env', name: 'memory', kind: 'memory' }]);
        assert.deepEqual(exports.map((e) => e.name).sort(), [...declared('entry'), ...(threads ? declared('team') : []), ...globals].sort());
        for (const e of exports) assert.equal(e.kind, globals.includes(e.name) ? 'global' : 'function');
    });
}
