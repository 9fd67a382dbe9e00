// Headless Chromium, and pages of this repository over a server on 127.0.0.1.
import { chromium } from 'playwright-core';
import { root } from '../node/fixtures.js';
import { serve } from '../../web/serve.js';

const FLAGS = ['--headless', '--no-sandbox', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];
const BLANK = '/tests/browser/blank.html';

/** Cross-origin isolated, as threads will need it; everything works without. */
export const isolated = () => ({ 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' });

/** @param {string[]} [flags] */
export const launch = (flags = []) =>
    chromium.launch({ executablePath: process.env.PALIMPSEST_CHROMIUM ?? '/usr/bin/chromium', args: [...FLAGS, ...flags] });

/** A browser whose profile lies in a folder: files are on a disk, as at a user's. @param {string} folder @param {string[]} [flags] */
export const launchProfile = (folder, flags = []) =>
    chromium.launchPersistentContext(folder, { executablePath: process.env.PALIMPSEST_CHROMIUM ?? '/usr/bin/chromium', args: [...FLAGS, ...flags] });

/**
 * A fresh browser with one empty page of a server that serves this repository.
 * @template T
 * @param {(page: import('playwright-core').Page, origin: string, browser: import('playwright-core').Browser) => Promise<T>} use
 * @param {{ headers?: (path: string) => Record<string, string>, flags?: string[], folder?: string, at?: string, context?: import('playwright-core').BrowserContextOptions }} [options]
 *   folder: what is served; at: the page that is opened
 * @returns {Promise<T>}
 */
export async function withPage(use, { headers = isolated, flags, folder = root, at = BLANK, context } = {}) {
    const server = await serve(folder, { headers });
    const browser = await launch(flags);
    try {
        const page = await (await browser.newContext(context)).newPage();
        await page.goto(server.origin + at);
        return await use(page, server.origin, browser);
    } finally {
        await browser.close();
        server.close();
    }
}
