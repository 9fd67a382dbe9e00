// The site in headless Chromium: below a folder of any depth, with a strict Content-Security-Policy, without isolation.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { root } from '../node/fixtures.js';
import { launch } from './chromium.js';
import { serve } from '../../web/serve.js';

const POLICY = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'";
const WHERE = 'some/where/else';
const TALK = ['Tell me about the sea.', 'Tell me about the moon.', 'How can I sleep better?'];

/** A folder with the site deep in it. */
function layOut() {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'site-'));
    fs.mkdirSync(path.join(folder, WHERE), { recursive: true });
    for (const name of ['web', 'models', 'tests']) fs.symlinkSync(path.join(root, name), path.join(folder, WHERE, name));
    return folder;
}

/**
 * @typedef {object} Site
 * @property {import('playwright-core').Page} page
 * @property {string} url of the page
 * @property {string[]} errors what the console and the page complained of
 * @property {Set<string>} origins that were asked for anything
 * @property {() => void} unplug ends the server
 * @property {(text: string) => Promise<void>} say and wait for the whole answer
 * @property {(tokens: number) => Promise<void>} talk until the memory has seen so many tokens: nobody knows how long an answer gets
 * @property {(id: string) => Promise<string>} text of an element
 */

/**
 * @param {(site: Site) => Promise<unknown>} use
 * @param {import('playwright-core').BrowserContextOptions} [options]
 */
export async function withSite(use, options = {}) {
    const folder = layOut();
    const server = await serve(folder, { headers: () => ({ 'Content-Security-Policy': POLICY }) });
    const browser = await launch();
    try {
        const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
        const page = await context.newPage();
        page.setDefaultTimeout(30_000);
        /** @type {string[]} */
        const errors = [];
        const origins = new Set();
        page.on('pageerror', (error) => errors.push(String(error.stack)));
        page.on('console', (message) => message.type() === 'error' && errors.push(message.text()));
        context.on('request', (request) => origins.add(new URL(request.url()).origin));
        const url = `${server.origin}/${WHERE}/web/site/`;
        await page.goto(url);
        await ready(page);
        const say = async (/** @type {string} */ text) => {
            const box = page.getByRole('textbox', { name: 'Message' });
            await box.fill(text);
            await box.press('Enter');
            await answered(page);
        };
        const seen = () => page.evaluate(() => document.querySelector('pal-chat').chat.memory.seen);
        const talk = async (/** @type {number} */ tokens) => {
            for (let i = 0; (await seen()) < tokens; i++) await say(TALK[i % TALK.length]);
        };
        await use({ page, url, errors, origins, unplug: server.close, say, talk, text: (id) => page.locator(`#${id}`).innerText() });
    } finally {
        await browser.close();
        server.close();
        fs.rmSync(folder, { recursive: true });
    }
}

/** A chat is open. @param {import('playwright-core').Page} page */
export const ready = (page) => page.waitForFunction(() => document.querySelector('pal-chat')?.chat?.limits !== undefined);

/** @param {import('playwright-core').Page} page */
export const answered = (page) =>
    page.waitForFunction(() => {
        const { chat } = document.querySelector('pal-chat') ?? {};
        return chat && !chat.busy && chat.messages.at(-1)?.role === 'assistant' && chat.messages.at(-1).content !== '';
    });

/** Sets the budget by the slider, as a hand would. @param {import('playwright-core').Page} page @param {number} tokens */
export async function budget(page, tokens) {
    await page.locator('#budget').focus();
    await page.keyboard.press('Home');
    for (let i = 0; i < 20; i++) {
        await page.waitForTimeout(50);
        if ((await page.locator('#budget').getAttribute('aria-valuetext'))?.startsWith(`${tokens} tokens`)) break;
        await page.keyboard.press('ArrowRight');
    }
    await page.waitForFunction((n) => document.querySelector('pal-chat').chat?.limits?.budget === n || !document.querySelector('#pending').hidden, tokens);
}
