/** Choosing a model: what is here, the catalogue, any address, a file; and what this browser keeps. */
import { cache } from '../browser.js';
import { button, byId, make, messageOf } from './dom.js';
import { modelOf } from './files.js';
import { bytes, parameters } from './format.js';

/**
 * @typedef {{ name: string, repo: string, file: string, url: string, architecture: string, parameters: number,
 *   downloadBytes: number, memoryBytes: number, licence: string, note: string }} Entry
 * @typedef {(source: string | File | File[], label: string) => void} Choose
 */

export const DEFAULT_MODEL = { url: new URL('../../models/default.gguf', import.meta.url).href, name: 'Tiny model' };

/** @returns {Promise<Entry[]>} */
async function catalogue() {
  const response = await fetch(new URL('../../models/catalogue.json', import.meta.url));
  if (!response.ok) throw new Error(`the catalogue is not here (HTTP ${response.status})`);
  return (await response.json()).models;
}

/** How many bytes an address says it has; undefined when it does not tell. @param {string} url */
async function sizeAt(url) {
  try {
    const response = await fetch(url, { method: 'HEAD', signal: AbortSignal.timeout(8000) });
    return response.ok ? Number(response.headers.get('content-length')) || undefined : undefined;
  } catch {
    return undefined;
  }
}

export class ModelsDialog {
  /** @param {Choose} choose */
  constructor(choose) {
    this.dialog = byId('models', HTMLDialogElement);
    this.choose = (/** @type {Parameters<Choose>} */ ...chosen) => {
      this.dialog.close();
      choose(...chosen);
    };
    /** @type {Entry[]} */
    this.entries = [];
    const file = byId('file', HTMLInputElement);
    byId('pick-file', HTMLButtonElement).onclick = () => file.click();
    file.onchange = () => {
      this.files([...(file.files ?? [])]);
      file.value = '';
    };
    byId('by-url', HTMLFormElement).onsubmit = (e) => {
      e.preventDefault();
      this.look(byId('url', HTMLInputElement).value.trim());
    };
    byId('persist', HTMLButtonElement).onclick = async () => {
      const kept = await cache.persist();
      this.room(kept ? 'The browser keeps what is stored here.' : 'The browser did not agree: it may delete it when it needs room.');
    };
  }

  async open() {
    byId('found', HTMLElement).hidden = true;
    this.dialog.showModal();
    if (!this.entries.length) this.entries = await catalogue().catch((e) => (this.found(messageOf(e)), []));
    await this.stored();
  }

  /** @param {File[]} files */
  files(files) {
    if (!files.length) return;
    try {
      const { source, label } = modelOf(files);
      this.choose(source, label);
    } catch (e) {
      if (!this.dialog.open) this.open();
      this.found(messageOf(e));
    }
  }

  /** @param {...(Node | string)} content */
  found(...content) {
    const found = byId('found', HTMLElement);
    found.replaceChildren(...content);
    found.hidden = false;
  }

  /** Tells the size before anything is downloaded. @param {string} url */
  async look(url) {
    this.found('Looking…');
    const size = await sizeAt(url);
    const label = decodeURIComponent(new URL(url).pathname.split('/').at(-1) ?? url).replace(/\.gguf$/i, '');
    const says = size ? `${bytes(size)} to download; it needs a little more than that in memory.` : 'The server does not tell how large it is.';
    this.found(make('span', {}, `${label}: ${says} `), button(size ? `Download ${bytes(size)}` : 'Download', () => this.choose(url, label), { className: 'primary' }));
  }

  /** @param {Entry} entry @param {boolean} here */
  card({ name, url, parameters: count, downloadBytes, memoryBytes, licence, note, architecture }, here) {
    const says = here ? 'Open' : `Download ${bytes(downloadBytes)}`;
    const action = button(says, () => this.choose(url, name), { className: here ? 'primary' : '', 'aria-label': `${says}: ${name}` });
    const facts = `${parameters(count)} parameters · about ${bytes(memoryBytes)} of memory at 1,024 tokens · ${architecture} · ${licence}`;
    return make('li', {}, make('div', {}, make('b', {}, name), make('p', {}, note), make('p', { className: 'says' }, facts)), action);
  }

  /** @param {string} says */
  room(says) {
    byId('room', HTMLElement).textContent = says;
  }

  async stored() {
    const list = await cache.list().catch(() => []);
    const names = new Map(this.entries.map((e) => [e.url, e.name]));
    const here = new Set(list.filter((m) => m.complete).map((m) => m.url));
    const tiny = make('li', {}, make('div', {}, make('b', {}, DEFAULT_MODEL.name), make('p', {}, 'Comes with this page. A toy of three million parameters, to try it at once.')), button('Open', () => this.choose(DEFAULT_MODEL.url, DEFAULT_MODEL.name), { 'aria-label': `Open: ${DEFAULT_MODEL.name}`, className: 'primary' }));
    byId('catalogue', HTMLElement).replaceChildren(tiny, ...this.entries.map((e) => this.card(e, here.has(e.url))));
    byId('stored', HTMLElement).replaceChildren(...list.map((m) => {
      const name = m.url === DEFAULT_MODEL.url ? DEFAULT_MODEL.name : names.get(m.url) ?? decodeURIComponent(m.url.split('/').at(-1) ?? m.url);
      const part = m.complete ? bytes(m.size) : `${bytes(m.have)} of ${bytes(m.size)}, not complete`;
      const remove = button('Delete', async () => {
        await cache.delete(m.url);
        await this.stored();
      }, { 'aria-label': `Delete: ${name}` });
      const open = button(m.complete ? 'Open' : 'Go on', () => this.choose(m.url, name), { 'aria-label': `${m.complete ? 'Open' : 'Go on'}: ${name}` });
      return make('li', {}, make('div', {}, make('b', {}, name), make('p', { className: 'says' }, part)), open, remove);
    }));
    const { usage = 0, quota = 0 } = await navigator.storage?.estimate?.() ?? {};
    this.room(list.length ? `${bytes(usage)} of the ${bytes(quota)} that this site may use.` : 'Nothing is stored yet.');
  }
}
