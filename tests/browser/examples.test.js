// Every example runs, from the package as npm would install it.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test, { after, before } from 'node:test';
import webpack from 'webpack';
import { root } from '../node/fixtures.js';
import { serve } from '../../web/serve.js';
import { withPage } from './chromium.js';

const examples = path.join(root, 'web/examples');
const model = path.join(root, 'models/default.gguf');
/** A project that has installed the package. */
let project = '';

/** @param {string} command @param {string[]} args @param {string} cwd */
function sh(command, args, cwd) {
    const { status, stdout, stderr, error } = spawnSync(command, args, { cwd, encoding: 'utf8' });
    assert.equal(status, 0, `${command} ${args.join(' ')}: ${error ?? ''}${stderr}${stdout}`);
    return stdout;
}

before(() => {
    project = fs.mkdtempSync(path.join(os.tmpdir(), 'palimpsest-'));
    const [{ filename }] = JSON.parse(sh('npm', ['pack', '--json', '--silent', '--pack-destination', project], root));
    fs.mkdirSync(path.join(project, 'node_modules/palimpsest'), { recursive: true });
    sh('tar', ['xf', filename, '--strip-components', '1', '-C', 'node_modules/palimpsest'], project);
    fs.symlinkSync(path.join(root, 'node_modules/vite'), path.join(project, 'node_modules/vite'));
    fs.writeFileSync(path.join(project, 'package.json'), '{ "type": "module" }');
});
after(() => fs.rmSync(project, { recursive: true }));

test('Node', () => {
    fs.copyFileSync(path.join(examples, 'node.js'), path.join(project, 'node.js'));
    const text = sh(process.execPath, ['node.js', model, 'Tell me about the sea.'], project);
    assert.match(text, /sea/);
    assert.match(text, /remembered, in \d+ bytes/);
});

test('one HTML file, with the element from a CDN', async () => {
    const cdn = await serve(path.join(project, 'node_modules'), { headers: () => ({ 'Access-Control-Allow-Origin': '*' }) });
    const folder = path.join(project, 'cdn');
    fs.mkdirSync(folder);
    const html = fs.readFileSync(path.join(examples, 'cdn.html'), 'utf8');
    fs.writeFileSync(path.join(folder, 'index.html'), html.replace(/https:\/\/cdn\.\S+?\/npm\/palimpsest@[\d.]+/, `${cdn.origin}/palimpsest`));
    fs.copyFileSync(model, path.join(folder, 'model.gguf'));
    try {
        await withPage(
            async (page) => {
                const text = await page.evaluate(async () => {
                    const chat = document.querySelector('pal-chat');
                    await customElements.whenDefined('pal-chat');
                    await new Promise((resolve, reject) => {
                        if (chat.chat) resolve();
                        chat.addEventListener('pal-ready', resolve);
                        chat.addEventListener('pal-error', (e) => reject(new Error(e.detail.message)));
                    });
                    await chat.send('Tell me about the sea.');
                    return chat.chat.messages.at(-1).content;
                });
                assert.match(text, /sea/);
            },
            { folder, at: '/', headers: () => ({}) },
        );
    } finally {
        cdn.close();
    }
});

/** Asks in the app of the example. @param {import('playwright-core').Page} page */
async function ask(page) {
    await page.locator('button:enabled').click();
    await page.locator('#memory').filter({ hasText: 'remembered' }).waitFor();
    assert.match((await page.locator('#answer').textContent()) ?? '', /sea/);
}

test('Vite', async () => {
    const app = path.join(project, 'vite');
    fs.cpSync(path.join(examples, 'vite'), app, { recursive: true });
    fs.cpSync(path.join(project, 'node_modules'), path.join(app, 'node_modules'), { recursive: true }); // as npm does for an app of its own
    fs.mkdirSync(path.join(app, 'public'));
    fs.copyFileSync(model, path.join(app, 'public/model.gguf'));
    const { build, createServer } = await import('vite');
    await build({ root: app, logLevel: 'warn' });
    await withPage(ask, { folder: path.join(app, 'dist'), at: '/', headers: () => ({}) });
    const dev = await createServer({ root: app, logLevel: 'warn', server: { port: 0, host: '127.0.0.1' } });
    try {
        await dev.listen();
        const { port } = /** @type {import('node:net').AddressInfo} */ (dev.httpServer.address());
        await withPage(
            async (page) => {
                await page.goto(`http://127.0.0.1:${port}/`);
                await ask(page);
            },
            { headers: () => ({}) },
        );
    } finally {
        await dev.close();
    }
});

test('webpack', async () => {
    const app = path.join(project, 'webpack');
    fs.cpSync(path.join(examples, 'vite'), app, { recursive: true });
    const stats = await new Promise((resolve, reject) => {
        webpack({ mode: 'production', context: app, entry: './main.js', output: { path: path.join(app, 'dist'), publicPath: 'auto' }, performance: { hints: false } }, (e, s) => (e ? reject(e) : resolve(s)));
    });
    assert.ok(!stats.hasErrors() && !stats.hasWarnings(), stats.toString());
    fs.copyFileSync(model, path.join(app, 'dist/model.gguf'));
    fs.writeFileSync(path.join(app, 'dist/index.html'), fs.readFileSync(path.join(app, 'index.html'), 'utf8').replace('/main.js', 'main.js'));
    await withPage(ask, { folder: path.join(app, 'dist'), at: '/', headers: () => ({}) });
});
