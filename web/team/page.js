/** Threads in a page: workers of the model's worker, where the page is cross-origin isolated. */

/** A worker; from another origin (a CDN) it is started by a script of ours that imports it. */
function startWorker() {
  if (new URL(import.meta.url).origin === location.origin || !/^https?:/.test(import.meta.url)) {
    return new Worker(new URL('../team/helper.js', import.meta.url), { type: 'module' });
  }
  const here = import.meta.url; // bundlers look for the literal form alone
  const script = URL.createObjectURL(new Blob([`import ${JSON.stringify(new URL('../team/helper.js', here).href)};`], { type: 'text/javascript' }));
  const worker = new Worker(script, { type: 'module' });
  worker.addEventListener('message', () => URL.revokeObjectURL(script), { once: true });
  return worker;
}

/** @type {import('./team.js').Host} */
export const pageHost = {
  missing: globalThis.crossOriginIsolated
    ? ''
    : 'this page is not cross-origin isolated; its server must send the headers Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp',
  cores: navigator.hardwareConcurrency || 1,
  start(call, hear) {
    const worker = startWorker();
    worker.onmessage = ({ data }) => hear(data);
    worker.onerror = (e) => hear({ failed: e.message || 'its script could not be loaded' });
    worker.postMessage(call);
    return () => {
      worker.onmessage = worker.onerror = null;
      worker.terminate();
    };
  },
};
