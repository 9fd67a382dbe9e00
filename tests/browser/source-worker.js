// Runs in a module worker of a page: loads sources into wasm memory and tells what arrived.
import { GgufFile } from '/web/file.js';
import { openEngine } from '/web/variants.js';
import { openParts } from '/web/source/open.js';
import { loadModel } from '/web/source/load.js';
import { Restart } from '/web/source/line.js';

const module = fetch('/build/wasm/clang/engine-simd.wasm').then((answer) => answer.arrayBuffer()).then((bytes) => WebAssembly.compile(bytes));
const compile = () => module;
const breathe = () => new Promise((resolve) => setTimeout(resolve));
const plainError = (e) => ({ name: e.name, code: e.code, message: e.message, stack: e.stack });

const hex = (bytes) => Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join('');

/** Any bytes, GGUF or not: the parts as they lie in memory, by SHA-256. Begins again as loadModel does. */
async function bytesOf(source, options, env) {
  const failed = new Set();
  for (let restarts = 0; ; restarts++) {
    const engine = await openEngine(compile, 'simd');
    try {
      const files = await openParts(source, options, { ...env, engine, failed, breathe });
      try {
        const file = new GgufFile(engine, files.parts);
        await file.readRest(options);
        await files.finish();
        const digests = [];
        if (env.unchecked) return { digests, note: files.note, restarts };
        for (const [i, { at }] of file.regions.entries()) digests.push(hex(new Uint8Array(await crypto.subtle.digest('SHA-256', engine.u8.slice(at, at + files.parts[i].size)))));
        return { digests, note: files.note, restarts };
      } catch (e) {
        await files.discard();
        throw e;
      }
    } catch (e) {
      if (!(e instanceof Restart) || restarts === 3) throw e;
    }
  }
}

/** A whole model. */
async function modelOf(source, options, env) {
  const { model, note } = await loadModel(source, options, { ...env, openEngine: () => openEngine(compile, 'simd'), breathe });
  return { name: model.name, ids: model.encode('Once upon a time'), weights: model.engine.hash(model.gguf.at, 64) && model.weightBytes, note };
}

const openHandle = FileSystemFileHandle.prototype.createSyncAccessHandle;
const aborts = new Map();
onmessage = async ({ data: { id, abort, kind, source, options = {}, env = {} } }) => {
  if (abort) return aborts.get(abort)?.abort(new DOMException('stopped', 'AbortError'));
  const controller = new AbortController();
  aborts.set(id, controller);
  const progress = { events: 0, network: 0, cache: 0, file: 0, loaded: 0, total: 0, backwards: 0 };
  const onprogress = ({ loaded, total, from }) => {
    if (loaded < progress.loaded) progress.backwards++;
    else progress[from] += loaded - progress.loaded;
    Object.assign(progress, { loaded, total });
    progress.events++;
    postMessage({ id, progress: { loaded } });
  };
  const waits = [];
  const { noStorage, noHandles, ...rest } = env;
  FileSystemFileHandle.prototype.createSyncAccessHandle = noHandles ? () => Promise.reject(new DOMException('not today', 'UnknownError')) : openHandle;
  if (noStorage) navigator.storage.getDirectory = () => Promise.reject(new DOMException('not here', 'SecurityError'));
  else delete navigator.storage.getDirectory;
  try {
    const run = kind === 'model' ? modelOf : bytesOf;
    const value = await run(source, { ...options, signal: controller.signal, onprogress }, { backoffMs: 5, onwait: (url) => waits.push(url), ...rest });
    postMessage({ id, value: { ...value, progress, waits } });
  } catch (e) {
    postMessage({ id, error: plainError(e) });
  }
};
