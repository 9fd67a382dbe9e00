// A page in headless Chromium, served with a strict Content-Security-Policy, and without cross-origin isolation.
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { chromium } from 'playwright-core';
import { root } from '../node/fixtures.js';

const types = { html: 'text/html', js: 'text/javascript', wasm: 'application/wasm' };
export const policy = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'";
export const model = '/models/default.gguf';

/**
 * Serves the repository.
 * @param {Set<string>} missing names of files that are not there
 * @param {Set<string>} stuck names of files that never end
 */
async function serve(missing, stuck) {
    const server = http.createServer((request, response) => {
        const name = decodeURIComponent(new URL(request.url ?? '/', 'http://x').pathname);
        const file = path.join(root, name);
        response.setHeader('Content-Security-Policy', policy);
        if (name === '/favicon.ico') return response.writeHead(204).end();
        if (missing.has(name) || !file.startsWith(root) || !fs.existsSync(file)) return response.writeHead(404).end();
        response.setHeader('Content-Type', types[path.extname(file).slice(1)] ?? 'application/octet-stream');
        response.setHeader('Content-Length', fs.statSync(file).size);
        if (request.method === 'HEAD') return response.end();
        if (stuck.has(name)) return response.write(fs.readFileSync(file).subarray(0, 1 << 20));
        return fs.createReadStream(file).pipe(response);
    });
    await new Promise((done) => server.listen(0, '127.0.0.1', () => done(undefined)));
    return server;
}

/**
 * @param {(page: import('playwright-core').Page, kit: { missing: Set<string>, stuck: Set<string>, open: () => Promise<unknown>, errors: string[] }) => Promise<unknown>} use
 * @param {import('playwright-core').BrowserContextOptions} [options]
 */
export async function withElement(use, options = {}) {
    const missing = new Set();
    const stuck = new Set();
    const server = await serve(missing, stuck);
    const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
    const browser = await chromium.launch({
        executablePath: process.env.PALIMPSEST_CHROMIUM ?? '/usr/bin/chromium',
        args: ['--headless', '--no-sandbox', '--disable-quic', '--no-first-run', '--disable-background-networking',
            '--disable-component-update', '--disable-sync'],
    });
    try {
        const context = await browser.newContext({ viewport: { width: 900, height: 700 }, permissions: ['clipboard-read', 'clipboard-write'], ...options });
        const page = await context.newPage();
        page.setDefaultTimeout(30_000);
        /** @type {string[]} */
        const errors = [];
        page.on('pageerror', (error) => errors.push(String(error)));
        page.on('console', (message) => message.type() === 'error' && errors.push(message.text()));
        const open = async () => {
            await page.goto(`http://127.0.0.1:${port}/tests/browser/element-page.html`);
            await page.waitForFunction(() => globalThis.loaded);
        };
        await open();
        await use(page, { missing, stuck, open, errors });
    } finally {
        await browser.close();
        server.closeAllConnections();
        server.close();
    }
}
