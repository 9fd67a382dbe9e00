// A conversation on the command line: stopping, going on, another answer, and all of it out of a file.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { root } from './kit.js';

/** @param {string} input @param {string[]} args */
function talk(input, ...args) {
  const program = spawn(process.execPath, [path.join(root, 'web/cli.js'), 'chat', '--variant', 'simd', ...args]);
  const out = { stdout: '', stderr: '' };
  program.stdout.on('data', (x) => (out.stdout += x));
  program.stderr.on('data', (x) => (out.stderr += x));
  program.stdin.end(input);
  return new Promise((resolve) => program.on('close', (code) => resolve({ code, ...out })));
}
const greedy = ['--temperature', '0', '--max-tokens', '4'];

test('chat: /continue goes on, /again answers anew, and a saved chat goes on where it stopped', async () => {
  const file = path.join(mkdtempSync(path.join(tmpdir(), 'palimpsest-')), 'a.chat');
  const long = (await talk('Tell me about the sea.\n', '--temperature', '0', '--max-tokens', '12')).stdout.trim();
  const first = await talk('/continue\n/again\nTell me about the sea.\n/again\n/continue\n', ...greedy, '--save', file);
  assert.equal(first.code, 0, first.stderr);
  const [one, again, more] = first.stdout.split('\n');
  assert.equal(one, again);
  assert.ok(more && long.startsWith(one + more), `${long} | ${one} | ${more}`);
  assert.match(first.stderr, /There is no unfinished answer[\s\S]*There is no answer to replace yet[\s\S]*not finished: \/continue/);
  assert.match(first.stderr, /state \S+ \w+ and undo \S+ \w+,/);
  const second = await talk('/continue\nBye\n/again\n', ...greedy, '--load', file);
  assert.match(second.stderr, /The last answer is not finished/);
  const [rest, bye, anew] = second.stdout.split('\n');
  assert.deepEqual([one + more + rest, anew], [long, bye]);
  assert.ok(bye);
});
