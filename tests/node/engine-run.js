// node [flags] tests/node/engine-run.js build/wasm/clang/tests-simd.wasm [name of one test]
import fs from 'node:fs';
import path from 'node:path';
import { runEngineTests } from '../engine-tests.js';
import { fixtureNames, root } from './fixtures.js';

const [file, only] = process.argv.slice(2);
const fixtures = fixtureNames().map((name) => ({ name, bytes: fs.readFileSync(path.join(root, 'tests/fixtures', name)) }));
const { failures, text } = await runEngineTests(fs.readFileSync(file), fixtures, only);
process.stdout.write(text);
process.exitCode = failures ? 1 : 0;
