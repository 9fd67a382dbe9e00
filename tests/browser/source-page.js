// The page's side of source-worker.js: put on `window`, driven by the tests.
let worker;
let calls = 0;
const pending = new Map();

export function start() {
  worker = new Worker('/tests/browser/source-worker.js', { type: 'module' });
  worker.onmessage = ({ data }) => {
    const call = pending.get(data.id);
    if (data.progress) return call.onprogress?.(data.progress);
    pending.delete(data.id);
    return call.resolve(data.error ? { error: data.error } : data.value);
  };
  worker.onerror = (e) => pending.forEach(({ resolve }) => resolve({ error: { name: 'worker', message: e.message } }));
}

/** @returns {Promise<any>} what arrived, or { error } */
export function load({ kind = 'bytes', source, options, env, stopAt = Infinity, stopMs = 0 }) {
  const id = ++calls;
  return new Promise((resolve) => {
    const onprogress = ({ loaded }) => {
      window.told(loaded);
      if (loaded >= stopAt) worker.postMessage({ abort: id });
    };
    pending.set(id, { resolve, onprogress });
    if (stopMs) setTimeout(() => worker.postMessage({ abort: id }), stopMs);
    worker.postMessage({ id, kind, source, options, env });
  });
}

export const end = () => worker.terminate();
start();
