// The C tests inside every shipped engine (the same objects), in Node.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import test from 'node:test';
import { engines, modulePath, relaxedFlags, root } from './fixtures.js';

for (const engine of engines) {
    test(`C tests inside wasm ${engine}, in Node`, () => {
        const flags = engine.includes('relaxed') ? relaxedFlags : [];
        const run = spawnSync(process.execPath, [...flags, 'tests/node/engine-run.js', modulePath(engine, 'tests')], {
            cwd: root,
            encoding: 'utf8',
        });
        assert.equal(run.status, 0, run.stdout + run.stderr);
        assert.match(run.stdout, /^ok /m);
    });
}
