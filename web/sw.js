// Offline: keeps what the page is made of. The network comes first, so that a new version arrives with the next visit; what
// it gives is kept, and answers when there is none. Models are not kept here (the runtime has its own store).
//
// Registered as sw.js?threads it also adds the two headers that make a page cross-origin isolated, for hosts that cannot
// send them: only then a page may use more than one thread.
//
// It lies here, above the page and the engine's worker, because a service worker answers only for pages and workers below
// its own folder.
const CACHE = 'palimpsest-1';
const START = ['site/', 'site/site.js', 'worker/worker.js', 'lib/engine-simd.wasm', 'lib/engine-relaxed.wasm', 'lib/engine-relaxed16.wasm', '../models/catalogue.json'];
const LINKS = [
  /\b(?:from|import)\s*['"](\.{1,2}\/[^'"]+)['"]/g, // modules, also when they were minified
  /new URL\(\s*['"](?!\w+:)([^'"]+)['"],\s*import\.meta\.url/g,
  /<(?:link|script|img)\b[^>]*?(?:href|src)="([^"#:]+)"/g, // the page
];

const ISOLATE = new URL(location.href).searchParams.has('threads');

/** @param {Response} response */
function isolated(response) {
  if (!ISOLATE || response.type === 'opaque' || response.type === 'opaqueredirect') return response;
  const { body, status, statusText } = response;
  const headers = new Headers(response.headers);
  headers.set('Cross-Origin-Opener-Policy', 'same-origin');
  headers.set('Cross-Origin-Embedder-Policy', 'require-corp');
  return new Response(body, { status, statusText, headers });
}

/** @param {Response} response @returns {Promise<string[]>} URLs that a module or a page leads to */
async function linksOf(response) {
  if (!/javascript|html/.test(response.headers.get('content-type') ?? '')) return [];
  const text = await response.text();
  return LINKS.flatMap((pattern) => [...text.matchAll(pattern)].map((match) => new URL(match[1], response.url).href));
}

/** Fetches everything that the page leads to. */
async function keepAll() {
  const cache = await caches.open(CACHE);
  const seen = new Set(START.map((path) => new URL(path, location.href).href));
  for (const url of seen) {
    if (url.endsWith('.gguf') || url.endsWith('/sw.js')) continue;
    const response = await fetch(url);
    if (!response.ok) continue;
    await cache.put(url, response.clone());
    for (const link of await linksOf(response)) seen.add(link);
  }
}

/** @param {Request} request */
async function networkFirst(request) {
  const cache = await caches.open(CACHE);
  try {
    const response = await fetch(request);
    if (response.status === 200) await cache.put(request, response.clone());
    return response;
  } catch (e) {
    const kept = await cache.match(request, { ignoreSearch: request.mode === 'navigate' });
    if (kept) return kept;
    throw e;
  }
}

const self_ = /** @type {any} */ (self);
self_.addEventListener('install', (/** @type {any} */ event) => event.waitUntil(keepAll().then(() => self_.skipWaiting())));
self_.addEventListener('activate', (/** @type {any} */ event) =>
  event.waitUntil(
    (async () => {
      for (const name of await caches.keys()) if (name.startsWith('palimpsest-') && name !== CACHE) await caches.delete(name);
      await self_.clients.claim();
    })(),
  ),
);
self_.addEventListener('fetch', (/** @type {any} */ event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  const ours = origin === location.origin && request.method === 'GET' && !pathname.endsWith('.gguf');
  if (ours && !request.headers.has('range')) event.respondWith(networkFirst(request).then(isolated));
});
