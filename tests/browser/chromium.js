// A page in headless Chromium over a server on 127.0.0.1 that serves this repository, cross-origin isolated.
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { chromium } from 'playwright-core';
import { root } from '../node/fixtures.js';

const types = { html: 'text/html', js: 'text/javascript', wasm: 'application/wasm', json: 'application/json' };
const blank = '<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><title>test</title>';

/** Serves files of the repository; / is an empty page. */
async function serve() {
    const server = http.createServer((request, response) => {
        const name = decodeURIComponent(new URL(request.url ?? '/', 'http://x').pathname);
        const file = path.join(root, name);
        response.setHeader('Cross-Origin-Opener-Policy', 'same-origin');
        response.setHeader('Cross-Origin-Embedder-Policy', 'require-corp');
        response.setHeader('Content-Type', types[path.extname(file).slice(1)] ?? 'application/octet-stream');
        if (name === '/') return response.setHeader('Content-Type', 'text/html').end(blank);
        if (!file.startsWith(root) || !fs.existsSync(file) || fs.statSync(file).isDirectory())
            return response.writeHead(404).end();
        response.setHeader('Content-Length', fs.statSync(file).size);
        fs.createReadStream(file).pipe(response);
    });
    await new Promise((done) => server.listen(0, '127.0.0.1', () => done(undefined)));
    return server;
}

/**
 * @template T
 * @param {(page: import('playwright-core').Page, origin: string) => Promise<T>} use
 * @returns {Promise<T>}
 */
export async function withPage(use) {
    const server = await serve();
    const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
    const origin = `http://127.0.0.1:${port}`;
    const browser = await chromium.launch({
        executablePath: process.env.PALIMPSEST_CHROMIUM ?? '/usr/bin/chromium',
        args: ['--headless', '--no-sandbox', '--disable-quic', '--no-first-run', '--disable-background-networking',
            '--disable-component-update', '--disable-sync'],
    });
    try {
        const page = await browser.newPage();
        await page.goto(origin + '/');
        return await use(page, origin);
    } finally {
        await browser.close();
        server.closeAllConnections();
        server.close();
    }
}
