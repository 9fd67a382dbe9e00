/** The page: a model, a chat, and its memory in sight. */
import { ChatsDialog } from './chats-dialog.js';
import { Desk } from './desk.js';
import { button, byId } from './dom.js';
import { watchDrops } from './files.js';
import { bytes } from './format.js';
import { MemoryPane } from './memory-pane.js';
import { DEFAULT_MODEL, ModelsDialog } from './models-dialog.js';
import { SettingsDialog } from './settings-dialog.js';
import { loadSettings } from './settings.js';

const settings = loadSettings();
const desk = new Desk(settings, byId('chat-pane', HTMLElement));
const pane = new MemoryPane(settings, changed);
const models = new ModelsDialog(choose);
const chats = new ChatsDialog(desk, reopen);
const dialog = new SettingsDialog(settings, () => (pane.showCost(), changed()));

/** A setting changed: answers take it at once, the memory when the chat begins again. */
function changed() {
  desk.sample();
  if (desk.waits && !desk.chat?.messages.length) desk.configure();
  byId('pending', HTMLElement).hidden = !desk.waits;
}

/** @param {string | File | File[]} source @param {string} label */
async function choose(source, label) {
  if (await desk.load(source, label)) desk.open();
}

/** @param {string} name @param {import('./desk.js').Remembered} [about] */
async function reopen(name, about) {
  if (about?.source && about.source !== desk.source && !(await desk.load(about.source, about.label))) return;
  desk.open(name);
}

desk.addEventListener('model', () => {
  const { model, label } = desk;
  if (!model) return;
  byId('model-name', HTMLElement).textContent = label;
  byId('open-models', HTMLButtonElement).title = `${model.name || label}: ${model.architecture}, ${bytes(model.weightBytes)}`;
  byId('version', HTMLElement).textContent = [`Engine: ${model.variant} (${model.bits} bits), ${model.threads === 1 ? 'one thread' : `${model.threads} threads`}.`, model.note].filter(Boolean).join(' ');
  pane.setModel(model);
});

desk.addEventListener('chat', () => {
  byId('pending', HTMLElement).hidden = !desk.waits;
  if (desk.chat) pane.setChat(desk.chat);
});

desk.addEventListener('progress', (e) => {
  const progress = /** @type {CustomEvent<import('./desk.js').Progress | undefined>} */ (e).detail;
  byId('progress', HTMLElement).hidden = !progress;
  if (!progress) return;
  const { label, loaded, total, from } = progress;
  const bar = byId('progress-bar', HTMLProgressElement);
  if (total) Object.assign(bar, { max: total, value: loaded });
  else bar.removeAttribute('value');
  const verb = from === 'network' ? 'Downloading' : 'Loading';
  byId('progress-text', HTMLElement).textContent = `${verb} ${label}${total ? `: ${bytes(loaded)} of ${bytes(total)}` : '…'}`;
});
byId('cancel', HTMLButtonElement).onclick = () => desk.loading?.abort();

desk.addEventListener('notice', (e) => {
  const box = byId('notice', HTMLElement);
  box.replaceChildren(/** @type {CustomEvent<string>} */ (e).detail, button('×', () => (box.hidden = true), { className: 'icon', 'aria-label': 'Close this notice' }));
  box.hidden = false;
});

byId('apply', HTMLButtonElement).onclick = () => desk.configure();
byId('new-chat', HTMLButtonElement).onclick = () => desk.open();
byId('open-models', HTMLButtonElement).onclick = () => models.open();
byId('open-chats', HTMLButtonElement).onclick = () => chats.open();
byId('open-settings', HTMLButtonElement).onclick = () => dialog.open();
byId('open-about', HTMLButtonElement).onclick = () => byId('about', HTMLDialogElement).showModal();
byId('theme', HTMLButtonElement).onclick = () => document.dispatchEvent(new Event('theme-toggle'));
for (const one of document.querySelectorAll('dialog')) one.addEventListener('click', (e) => e.target === one && one.close()); // beside it

for (const segment of /** @type {NodeListOf<HTMLButtonElement>} */ (document.querySelectorAll('.segments button'))) {
  segment.onclick = () => {
    document.body.dataset.view = segment.dataset.view;
    for (const other of document.querySelectorAll('.segments button')) other.setAttribute('aria-pressed', String(other === segment));
  };
}

watchDrops(byId('drop', HTMLElement), (files) => models.files(files));

// The worker of the engine lies beside this folder: only a service worker above both answers for it. Opened with ?threads
// on a host that does not send the headers of isolation, the page gets them from there, and comes once more.
const threads = new URLSearchParams(location.search).has('threads');
const registered = navigator.serviceWorker?.register(new URL(threads ? '../sw.js?threads' : '../sw.js', import.meta.url)).catch(() => undefined); // offline is a bonus
if (threads && !crossOriginIsolated && !sessionStorage.getItem('isolating')) {
  const registration = await registered;
  const worker = registration?.installing ?? registration?.waiting ?? registration?.active;
  sessionStorage.setItem('isolating', 'once');
  if (worker && (await settled(worker)) === 'activated') {
    location.reload();
    await new Promise(() => {});
  }
}

/** @param {ServiceWorker} worker @returns {Promise<string>} 'activated' or 'redundant' */
function settled(worker) {
  return new Promise((resolve) => {
    const look = () => /activated|redundant/.test(worker.state) && resolve(worker.state);
    worker.addEventListener('statechange', look);
    look();
  });
}

if (await desk.load(DEFAULT_MODEL.url, DEFAULT_MODEL.name)) desk.open(desk.last);
